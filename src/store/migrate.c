/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/migrate.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "store/schema.h"
#include "store/sql.h"
#include "base/banned.h"

enum { COPY_PATH = 4200 };

int migrate_inspect(struct db *db, struct err *err)
{
    struct sql q;
    struct slice name;
    int64_t version = 0, app = 0;
    int rc = sql_number(db, &version, err, "PRAGMA user_version", "");

    if (!rc)
        rc = sql_number(db, &app, err, "PRAGMA application_id", "");
    if (rc)
        return rc;
    if (app == SCHEMA_APPLICATION_ID) {
        if (version <= schema_version())
            return ERR_OK;
        return err_set(
            err, ERR_INVALID,
            "%s was written by a newer pg-limiter (tables of version %lld, this one knows "
            "%d): install that version again, or put back the copy made before the update",
            db->path, (long long)version, schema_version());
    }
    rc = sql_open(&q, db, err, "SELECT name FROM sqlite_master WHERE type='table' LIMIT 1", "");
    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1) {
        name = sql_text(&q, 0);
        rc = err_set(err, ERR_CORRUPT,
                     "%s is another program's database (it has a table %.*s): move it away or set "
                     "another data_dir; `pg-limiter import` reads data of the Python PG-Limiter",
                     db->path, (int)(name.n > 64 ? 64 : name.n), name.p);
    } else if (rc == 0 && (version || app)) {
        rc = err_set(err, ERR_CORRUPT,
                     "%s is another program's database: move it away or set another data_dir",
                     db->path);
    }
    sql_close(&q);
    return rc;
}

static int copy_error(const char *path, struct err *err)
{
    int rc = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;

    return err_set(err, rc, "cannot write the copy %s: %s", path, strerror(errno));
}

/* Flushes what stands at path (a file or a directory) to the disk. */
static int sync_path(const char *path, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int rc = ERR_OK;

    if (fd < 0 || fsync(fd))
        rc = copy_error(path, err);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int copy_pages(sqlite3 *from, const char *path, struct err *err)
{
    struct db to = {.path = (char *)path, .busy_ms = DB_BUSY_MS};
    sqlite3_backup *backup;
    int rc = sqlite3_open_v2(path, &to.h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    if (!rc) {
        backup = sqlite3_backup_init(to.h, "main", from, "main");
        if (backup) {
            sqlite3_backup_step(backup, -1);
            rc = sqlite3_backup_finish(backup);
        } else {
            rc = sqlite3_errcode(to.h);
        }
    }
    /* Out of WAL mode, so that the copy is one file. */
    if (!rc)
        rc = sqlite3_exec(to.h, "PRAGMA journal_mode=DELETE", NULL, NULL, NULL);
    if (rc)
        rc = sql_error(&to, rc, err);
    sqlite3_close_v2(to.h);
    return rc;
}

/* With the log of changes that SQLite leaves when it cannot write the file, or when the process died. */
static void drop_part(const char *tmp)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    char path[COPY_PATH + 16];
    size_t i;

    for (i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(path, sizeof(path), "%s%s", tmp, tails[i]);
        unlink(path);
    }
}

int db_copy_to(struct db *db, const char *path, struct err *err)
{
    char tmp[COPY_PATH], dir[COPY_PATH];
    int fd, rc;

    if (snprintf(tmp, sizeof(tmp), "%s.part", path) >= (int)sizeof(tmp))
        return err_set(err, ERR_INVALID, "the path of the copy is too long");
    memcpy(dir, path, strlen(path) + 1);
    drop_part(tmp);
    fd = open(tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return copy_error(tmp, err);
    close(fd);
    rc = copy_pages(db->h, tmp, err);
    if (!rc)
        rc = sync_path(tmp, err);
    if (!rc && rename(tmp, path))
        rc = copy_error(path, err);
    if (rc) {
        drop_part(tmp);
        return rc;
    }
    return sync_path(dirname(dir), err);
}

/* A second connection reads: the one that holds the write lock may not be copied from. */
static int copy_before(struct db *db, int64_t version, struct err *err)
{
    struct db from = {.path = db->path, .busy_ms = db->busy_ms};
    char path[COPY_PATH];
    int rc = sqlite3_open_v2(db->path, &from.h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc)
        rc = sql_error(&from, rc, err);
    else if (snprintf(path, sizeof(path), "%s.v%lld", db->path, (long long)version) >=
             (int)sizeof(path))
        rc = err_set(err, ERR_INVALID, "the path of the database is too long");
    else
        rc = db_copy_to(&from, path, err);
    sqlite3_close_v2(from.h);
    if (rc)
        err_prefix(err, "no copy could be made before the update of the tables");
    return rc;
}

static int run_all(struct db *db, int64_t version, struct err *err)
{
    char text[96];
    int64_t v;
    int rc = ERR_OK;

    for (v = version; !rc && v < schema_version(); v++) {
        rc = sql_exec(db, schema_migration((int)v), err);
        FAULT_POINT("migrate.between");
    }
    sqlite3_snprintf(sizeof(text), text, "PRAGMA application_id=%d; PRAGMA user_version=%d",
                     SCHEMA_APPLICATION_ID, schema_version());
    if (!rc)
        rc = sql_exec(db, text, err);
    if (rc)
        err_prefix(err, "update of the tables from version %lld", (long long)version);
    return rc;
}

int migrate_memory(struct db *db, struct err *err)
{
    int64_t version = 0;
    int rc = sql_number(db, &version, err, "PRAGMA user_version", "");

    if (rc || version == schema_version())
        return rc;
    rc = db_begin(db, DB_SYNC_NORMAL, err);
    if (rc)
        return rc;
    return db_end(db, run_all(db, version, err), err);
}

int migrate_run(struct db *db, struct err *err)
{
    int64_t version = 0;
    int rc = sql_number(db, &version, err, "PRAGMA user_version", "");

    if (rc || version == schema_version())
        return rc;
    rc = db_begin(db, DB_SYNC_FULL, err);
    if (rc)
        return rc;
    /* Another process may have been faster, or newer. */
    rc = migrate_inspect(db, err);
    if (!rc)
        rc = sql_number(db, &version, err, "PRAGMA user_version", "");
    if (!rc && version > 0 && version < schema_version())
        rc = copy_before(db, version, err);
    if (!rc && version < schema_version())
        rc = run_all(db, version, err);
    return db_end(db, rc, err);
}
