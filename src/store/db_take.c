/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_image.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/limits.h"
#include "store/sql.h"
#include "base/banned.h"

enum { PAGE = 4096, HEADER = 100, VERSION_WRITE = 18, NAME = 4200, STALE_S = 86400 };

/* ---- the copy ---- */

/* A connection that was opened here; its struct is no db_open's. */
static void end(struct db *db)
{
    int i;

    for (i = 0; i < db->n_cache; i++)
        sqlite3_finalize(db->cache[i].st);
    sqlite3_close_v2(db->h);
    *db = (struct db){0};
}

/* Begins the copy, and says how much there is: what stays of the bound is decided by it. */
static int begin(struct db *from, const char *path, int64_t *ret_pages, struct err *err)
{
    int64_t pages = 0;
    int rc = sqlite3_open_v2(path, &from->h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (rc)
        return sql_error(from, rc, err);
    sqlite3_busy_timeout(from->h, DB_BUSY_MS);
    rc = sql_number(from, &pages, err, "PRAGMA page_count", "");
    if (!rc && pages > LIMIT_IMAGE / PAGE)
        rc = err_set(err, ERR_TOO_BIG,
                     "%s has %lld MiB, a backup holds at most %d: shorten ip_history_hours or copy "
                     "the file with sqlite3's .backup",
                     path, (long long)(pages * PAGE >> 20), LIMIT_IMAGE >> 20);
    *ret_pages = pages;
    return rc;
}

static int copy_pages(struct db *to, struct db *from, struct err *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->h, "main", from->h, "main");
    int rc = backup ? sqlite3_backup_step(backup, -1) : sqlite3_errcode(to->h);
    struct db *at = rc == SQLITE_FULL || rc == SQLITE_IOERR ? to : from;

    if (rc == SQLITE_DONE)
        rc = SQLITE_OK;
    if (backup && sqlite3_backup_finish(backup) && !rc)
        rc = sqlite3_errcode(to->h);
    return sql_error(at, rc, err);
}

static int strip_rows(struct db *db, const char *const *strip, struct err *err)
{
    int rc = ERR_OK;
    size_t i;

    for (i = 0; !rc && strip[i]; i++)
        rc = sql_run(db, err, "DELETE FROM settings WHERE key=?1", "z", strip[i]);
    /* Messages and events that wait here are this instance's to send. */
    if (!rc)
        rc = sql_exec(db, "DELETE FROM outbox; DELETE FROM webhook", err);
    /* It opens what lies in Redis, the panel's token too; the next start makes another. */
    if (!rc)
        rc = sql_exec(db, "DELETE FROM meta WHERE key='cache_key'", err);
    return rc;
}

/* ---- in memory ---- */

static int take_in_memory(struct db *from, const char *const *strip, struct db_taken *ret,
                          struct err *err)
{
    struct db to = {.path = from->path};
    sqlite3_int64 n = 0;
    int rc =
        sqlite3_open_v2(":memory:", &to.h,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL);

    rc = rc ? sql_error(&to, rc, err) : copy_pages(&to, from, err);
    if (!rc)
        rc = strip_rows(&to, strip, err);
    if (!rc)
        rc = sql_exec(&to, "VACUUM", err);
    if (!rc) {
        ret->bytes = sqlite3_serialize(to.h, "main", &n, 0);
        ret->n = (size_t)n;
        if (!ret->bytes || n < HEADER)
            rc = err_set(err, ERR_NOMEM, "out of memory");
        else
            /* A file in memory has no write-ahead log, and one that says otherwise cannot be opened. */
            memset(ret->bytes + VERSION_WRITE, 1, 2);
    }
    end(&to);
    return rc;
}

/* ---- in files ---- */

/* Copies that a killed process has left. */
static void drop_stale(const char *path)
{
    char folder[NAME], name[NAME], full[2 * NAME];
    const char *base;
    struct dirent *e;
    struct stat st;
    DIR *dir;

    snprintf(folder, sizeof(folder), "%s", path);
    snprintf(name, sizeof(name), "%s", path);
    base = basename(name);
    dir = opendir(dirname(folder));
    while (dir && (e = readdir(dir))) {
        size_t n = strlen(base);

        if (strncmp(e->d_name, base, n) != 0 || strncmp(e->d_name + n, ".taking-", 8) != 0)
            continue;
        snprintf(full, sizeof(full), "%s/%s", folder, e->d_name);
        if (lstat(full, &st) == 0 && time(NULL) - st.st_mtime > STALE_S)
            unlink(full);
    }
    if (dir)
        closedir(dir);
}

static int make_file(const char *path, char name[NAME], struct err *err)
{
    int fd;

    if (snprintf(name, NAME, "%s.taking-XXXXXX", path) >= NAME)
        return err_set(err, ERR_INVALID, "the path of the database is too long");
    fd = mkostemp(name, O_CLOEXEC);
    if (fd < 0) {
        int rc = errno == ENOSPC ? ERR_FULL : ERR_IO;

        err_set(err, rc, "%s cannot be made: %s", name, strerror(errno));
        name[0] = '\0';
        return rc;
    }
    close(fd);
    return ERR_OK;
}

/* Both files, and a bit for others who write meanwhile. */
static int find_room(const char *path, int64_t pages, struct err *err)
{
    int64_t need = 2 * pages * PAGE + (8 << 20), have;
    struct statvfs v;

    if (statvfs(path, &v))
        return ERR_OK;
    have = (int64_t)v.f_bavail * (int64_t)v.f_frsize;
    if (have >= need)
        return ERR_OK;
    return err_set(
        err, ERR_FULL,
        "no room for a backup of %s: it needs %lld MiB on that disk for a while, and %lld "
        "are free",
        path, (long long)(need >> 20), (long long)(have >> 20));
}

static int open_file(const char *name, struct db *ret, struct err *err)
{
    int rc = sqlite3_open_v2(name, &ret->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    ret->path = (char *)name;
    if (rc)
        return sql_error(ret, rc, err);
    sqlite3_extended_result_codes(ret->h, 1);
    return sql_exec(ret, "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF", err);
}

/* SQLite must not have it open. Out of WAL mode, in which it would have files beside it. */
static int out_of_wal(const char *name, struct err *err)
{
    int fd = open(name, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), rc = ERR_OK;

    if (fd < 0 || pwrite(fd, "\1\1", 2, VERSION_WRITE) != 2)
        rc = err_set(err, ERR_IO, "%s: %s", name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* Everything, then without what is stripped, in order and without a trace of it. */
static int write_files(struct db *from, const char *const *strip, const char *all,
                       const char *clean, struct err *err)
{
    struct db to = {0};
    int rc = open_file(all, &to, err);

    if (!rc)
        rc = copy_pages(&to, from, err);
    end(&to);
    FAULT_POINT("take.copied");
    if (!rc)
        rc = out_of_wal(all, err);
    if (!rc)
        rc = open_file(all, &to, err);
    if (!rc)
        rc = strip_rows(&to, strip, err);
    if (!rc)
        rc = sql_run(&to, err, "VACUUM INTO ?1", "z", clean);
    end(&to);
    return rc ? rc : out_of_wal(clean, err);
}

static int take_in_files(struct db *from, const char *const *strip, struct db_taken *ret,
                         struct err *err)
{
    char all[NAME] = "", clean[NAME] = "";
    struct stat st;
    int rc;

    drop_stale(from->path);
    rc = make_file(from->path, all, err);
    if (!rc)
        rc = make_file(from->path, clean, err);
    if (!rc)
        rc = write_files(from, strip, all, clean, err);
    if (!rc) {
        ret->fd = open(clean, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (ret->fd < 0 || fstat(ret->fd, &st))
            rc = err_set(err, ERR_IO, "%s: %s", clean, strerror(errno));
        else
            ret->n = (size_t)st.st_size;
    }
    if (all[0])
        unlink(all);
    if (clean[0])
        unlink(clean);
    return rc;
}

int db_image_take(const char *path, const char *const *strip, size_t in_memory,
                  struct db_taken *ret, struct err *err)
{
    struct db from = {.path = (char *)path, .busy_ms = DB_BUSY_MS};
    struct db_taken taken = {.fd = -1};
    int64_t pages = 0;
    int rc = begin(&from, path, &pages, err);

    if (!rc && (size_t)pages * PAGE <= in_memory) {
        rc = take_in_memory(&from, strip, &taken, err);
    } else if (!rc) {
        rc = find_room(path, pages, err);
        if (!rc)
            rc = take_in_files(&from, strip, &taken, err);
    }
    end(&from);
    if (rc)
        db_taken_release(&taken);
    else
        *ret = taken;
    return rc;
}

void db_taken_release(struct db_taken *taken)
{
    sqlite3_free(taken->bytes);
    if (taken->fd >= 0)
        close(taken->fd);
    *taken = (struct db_taken){.fd = -1};
}
