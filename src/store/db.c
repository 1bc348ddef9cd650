/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/stamp.h"
#include "store/migrate.h"
#include "store/sql.h"
#include "base/banned.h"

enum { PATH_LONGEST = 4096 };

static int file_error(const char *path, const char *doing, struct err *err)
{
    int no = errno;
    int rc = no == ENOSPC || no == EDQUOT                 ? ERR_FULL
             : no == EACCES || no == EPERM || no == EROFS ? ERR_READONLY
                                                          : ERR_IO;

    return err_set(err, rc, "cannot %s %s: %s", doing, path, strerror(no));
}

/* Makes every missing directory of path with mode 0700. */
static int make_directories(const char *path, struct err *err)
{
    char part[PATH_LONGEST];
    size_t n = strlen(path), i;
    struct stat st;

    if (n == 0 || n >= sizeof(part))
        return err_set(err, ERR_INVALID, "the path of the data directory is empty or too long");
    memcpy(part, path, n + 1);
    for (i = 1; i <= n; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return file_error(part, "make the directory", err);
        part[i] = path[i];
    }
    if (stat(path, &st) || !S_ISDIR(st.st_mode))
        return err_set(err, ERR_INVALID, "%s is not a directory", path);
    return ERR_OK;
}

/*
 * An existing file is only looked at: closing a descriptor of it would drop the locks that another
 * connection of this process holds (POSIX).
 */
static int make_file(const char *path, struct err *err)
{
    struct stat st;
    int fd;

    if (stat(path, &st) == 0) {
        if (!S_ISREG(st.st_mode))
            return err_set(err, ERR_INVALID, "%s is not a file", path);
        if ((st.st_mode & 077) && st.st_uid == geteuid() && chmod(path, 0600))
            return file_error(path, "make private", err);
        return ERR_OK;
    }
    fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0 && errno != EEXIST)
        return file_error(path, "create", err);
    if (fd >= 0)
        close(fd);
    return ERR_OK;
}

static int64_t mono_us(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * STAMP_SECOND + ts.tv_nsec / 1000;
}

/* SQLite's own waiting cannot be cut short. */
static int on_busy(void *arg, int tries)
{
    struct db *db = arg;
    int64_t now = mono_us(), hurry = atomic_load(&db->hurry_us), until;
    struct timespec rest = {0, (tries < 5 ? 2 : 25) * 1000000};

    if (tries == 0)
        db->busy_since_us = now;
    until = db->busy_since_us + (int64_t)db->busy_ms * 1000;
    if (now >= until || (hurry && now >= hurry))
        return 0;
    nanosleep(&rest, NULL);
    return 1;
}

static int connect_to(struct db *db, struct err *err)
{
    int rc = sqlite3_open_v2(db->path, &db->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (!db->h)
        return err_set(err, ERR_NOMEM, "out of memory opening %s", db->path);
    if (rc)
        return sql_error(db, rc, err);
    sqlite3_extended_result_codes(db->h, 1);
    sqlite3_busy_handler(db->h, on_busy, db);
    /* A file that turns out not to be ours must not be changed even by closing it. */
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return sql_functions(db, err);
}

static int set_up(struct db *db, struct err *err)
{
    struct sql q;
    bool wal;
    int rc;

    if (sqlite3_db_readonly(db->h, "main") == 1)
        return sql_error(db, SQLITE_READONLY, err);
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    rc = sql_open(&q, db, err, "PRAGMA journal_mode=WAL", "");
    if (rc)
        return rc;
    rc = sql_step(&q, err);
    wal = rc == 1 && slice_eq(sql_text(&q, 0), SLICE("wal"));
    sql_close(&q);
    if (rc < 0)
        return rc;
    if (!wal)
        return err_set(err, ERR_IO,
                       "%s: write-ahead logging does not work there (a network file system?): "
                       "set data_dir to a local disk",
                       db->path);
    return sql_exec(db,
                    "PRAGMA foreign_keys=ON; PRAGMA synchronous=NORMAL; PRAGMA trusted_schema=OFF;"
                    "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY;"
                    "PRAGMA journal_size_limit=16777216",
                    err);
}

int db_open_file(const char *path, struct db **ret_db, struct err *err)
{
    struct db *db = calloc(1, sizeof(*db));
    int rc;

    if (!db)
        return err_set(err, ERR_NOMEM, "out of memory");
    db->busy_ms = DB_BUSY_MS;
    db->path = strdup(path);
    rc = db->path ? make_file(path, err) : err_set(err, ERR_NOMEM, "out of memory");
    if (!rc)
        rc = connect_to(db, err);
    if (!rc)
        rc = migrate_inspect(db, err);
    if (!rc)
        rc = set_up(db, err);
    if (!rc)
        rc = migrate_run(db, err);
    if (rc) {
        db_close(db);
        return rc;
    }
    *ret_db = db;
    return ERR_OK;
}

int db_open(const char *data_dir, struct db **ret_db, struct err *err)
{
    struct buf path;
    int rc;

    buf_init(&path, PATH_LONGEST - 1);
    rc = buf_addf(&path, "%s/data", data_dir);
    if (rc)
        rc = err_set(err, ERR_INVALID, "the path of the data directory is too long");
    if (!rc)
        rc = make_directories(path.p, err);
    if (!rc && buf_add_str(&path, "/pg-limiter.db"))
        rc = err_set(err, ERR_INVALID, "the path of the data directory is too long");
    if (!rc)
        rc = db_open_file(path.p, ret_db, err);
    buf_release(&path);
    return rc;
}

void db_close(struct db *db)
{
    int i;

    if (!db)
        return;
    for (i = 0; i < db->n_cache; i++)
        sqlite3_finalize(db->cache[i].st);
    sqlite3_close_v2(db->h);
    free(db->path);
    free(db);
}

const char *db_path(const struct db *db)
{
    return db->path;
}

void db_set_busy_ms(struct db *db, int ms)
{
    db->busy_ms = ms;
}

void db_hurry(struct db *db, int ms)
{
    atomic_store(&db->hurry_us, mono_us() + (int64_t)ms * 1000);
}

int db_set_max_pages(struct db *db, int64_t pages, struct err *err)
{
    char text[64];

    sqlite3_snprintf(sizeof(text), text, "PRAGMA max_page_count=%lld", (long long)pages);
    return sql_exec(db, text, err);
}

int db_begin(struct db *db, enum db_sync sync, struct err *err)
{
    char text[32];
    int rc;

    if (db->depth > 0) {
        sqlite3_snprintf(sizeof(text), text, "SAVEPOINT s%d", db->depth);
        rc = sql_exec(db, text, err);
    } else {
        db->full = sync == DB_SYNC_FULL;
        rc = db->full ? sql_exec(db, "PRAGMA synchronous=FULL", err) : ERR_OK;
        if (!rc)
            rc = sql_exec(db, "BEGIN IMMEDIATE", err);
    }
    if (!rc)
        db->depth++;
    return rc;
}

/* SQLite has rolled everything back by itself, e.g. on a full disk: nothing is left to end. */
static int end_of_nothing(struct db *db, int rc, struct err *err)
{
    if (rc)
        return rc;
    return err_set(err, ERR_IO, "%s: the transaction was undone by an earlier error", db->path);
}

static int end_part(struct db *db, int rc, struct err *err)
{
    char text[64];

    sqlite3_snprintf(sizeof(text), text, rc ? "ROLLBACK TO s%d; RELEASE s%d" : "RELEASE s%d",
                     db->depth, db->depth);
    if (rc) {
        /* What failed first is what the caller is told. */
        if (sql_exec(db, text, NULL))
            sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
        return rc;
    }
    return sql_exec(db, text, err);
}

int db_end(struct db *db, int rc, struct err *err)
{
    db->depth--;
    if (sqlite3_get_autocommit(db->h)) {
        rc = end_of_nothing(db, rc, err);
    } else if (db->depth > 0) {
        return end_part(db, rc, err);
    } else {
        if (!rc) {
            FAULT_POINT("db.before_commit");
            rc = sql_exec(db, "COMMIT", err);
            FAULT_POINT("db.after_commit");
        }
        if (rc && !sqlite3_get_autocommit(db->h))
            sqlite3_exec(db->h, "ROLLBACK", NULL, NULL, NULL);
    }
    if (db->depth == 0 && db->full) {
        sqlite3_exec(db->h, "PRAGMA synchronous=NORMAL", NULL, NULL, NULL);
        db->full = false;
    }
    return rc;
}

bool db_in_transaction(const struct db *db)
{
    return !sqlite3_get_autocommit(db->h);
}

int db_data_version(struct db *db, int64_t *ret_version, struct err *err)
{
    return sql_number(db, ret_version, err, "PRAGMA data_version", "");
}

int db_check(struct db *db, struct err *err)
{
    struct sql q;
    struct slice text;
    int rc = sql_open(&q, db, err, "PRAGMA quick_check(1)", "");

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1) {
        text = sql_text(&q, 0);
        rc = slice_eq(text, SLICE("ok"))
                 ? ERR_OK
                 : err_set(err, ERR_CORRUPT, "%s is damaged: %.*s", db->path, (int)text.n, text.p);
    }
    sql_close(&q);
    return rc;
}
