/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/old_db.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/banned.h"

enum { TRIES = 5, PAUSE_US = 200000, COLUMNS_MAX = 64, CELL_MAX = 8 << 20 };

/* Legacy tables first: what stands in users counts more. */
static const struct {
    const char *name,
        *column; /* a table of that name belongs to PG-Limiter when it has that column */
} tables[] = {
    {"config", "key"},
    {"user_limits", "username"},
    {"except_users", "username"},
    {"disabled_users", "username"},
    {"violation_history", "username"},
    {"limit_patterns", "ip_limit"},
    {"admin_patterns", "admin_username"},
    {"users", "username"},
};

/* ---- the copy ---- */

static int copy_bytes(int in, int out, const char *path, struct err *err)
{
    char block[65536];
    int64_t total = 0;
    ssize_t n, done, put;

    while ((n = read(in, block, sizeof(block))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        total += n;
        if (total > LIMIT_OLD_DB)
            return err_set(err, ERR_TOO_BIG, "%s is larger than %lld MiB", path,
                           (long long)LIMIT_OLD_DB >> 20);
        for (done = 0; done < n; done += put) {
            put = write(out, block + done, (size_t)(n - done));
            if (put < 0 && errno == EINTR)
                put = 0;
            else if (put <= 0)
                return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO,
                               "the copy of %s cannot be written: %s", path, strerror(errno));
        }
    }
    return ERR_OK;
}

/* may_miss: that there is none is fine. */
static int copy_file(const char *path, const char *to, bool may_miss, struct err *err)
{
    int in = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY), out, rc;

    if (in < 0 && errno == ENOENT && may_miss)
        return unlink(to) == 0 || errno == ENOENT
                   ? ERR_OK
                   : err_set(err, ERR_IO, "%s cannot be replaced", to);
    if (in < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (out < 0)
        rc = err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
    else
        rc = copy_bytes(in, out, path, err);
    close(in);
    if (out >= 0 && close(out) != 0 && !rc)
        rc = err_set(err, ERR_IO, "%s: %s", to, strerror(errno));
    return rc;
}

/* ---- reading it ---- */

struct reading {
    sqlite3 *h;
    const char *path; /* of the original, for errors */
    old_row_fn fn;
    void *arg;
    size_t rows, known;
};

static int failed(const struct reading *r, struct err *err)
{
    int code = sqlite3_errcode(r->h) & 0xff;

    return err_set(err, code == SQLITE_NOMEM ? ERR_NOMEM : ERR_CORRUPT,
                   "%s cannot be read as a database: %s", r->path, sqlite3_errmsg(r->h));
}

/* The first column of the first row of text with one parameter, as a number. */
static int number(const struct reading *r, const char *text, const char *a, const char *b,
                  int64_t *ret_n, struct err *err)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(r->h, text, -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_text(st, 1, a, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && b)
        rc = sqlite3_bind_text(st, 2, b, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    *ret_n = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    sqlite3_finalize(st);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : failed(r, err);
}

static struct old_cell cell_of(sqlite3_stmt *st, int i)
{
    struct old_cell c = {.column = sqlite3_column_name(st, i)};

    switch (sqlite3_column_type(st, i)) {
    case SQLITE_INTEGER:
        c.type = OLD_INT;
        c.i = sqlite3_column_int64(st, i);
        c.r = (double)c.i;
        break;
    case SQLITE_FLOAT:
        c.type = OLD_REAL;
        c.r = sqlite3_column_double(st, i);
        break;
    case SQLITE_NULL:
        break;
    default:
        c.type = OLD_TEXT;
        c.text.p = sqlite3_column_blob(st, i);
        c.text.n = c.text.p ? (size_t)sqlite3_column_bytes(st, i) : 0;
    }
    return c;
}

static int read_table(struct reading *r, const char *table, struct err *err)
{
    struct old_cell cells[COLUMNS_MAX];
    sqlite3_stmt *st = NULL;
    char text[128];
    int rc, i, n;

    snprintf(text, sizeof(text), "SELECT * FROM main.\"%s\"", table);
    rc = sqlite3_prepare_v2(r->h, text, -1, &st, NULL);
    if (rc != SQLITE_OK)
        return failed(r, err);
    n = sqlite3_column_count(st) < COLUMNS_MAX ? sqlite3_column_count(st) : COLUMNS_MAX;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (++r->rows > LIMIT_OLD_ROWS) {
            sqlite3_finalize(st);
            return err_set(err, ERR_TOO_BIG, "%s holds more than %d rows (table %s)", r->path,
                           (int)LIMIT_OLD_ROWS, table);
        }
        for (i = 0; i < n; i++)
            cells[i] = cell_of(st, i);
        rc = r->fn(r->arg, table, cells, (size_t)n);
        if (rc) {
            sqlite3_finalize(st);
            return err_set(err, rc, "%s, table %s: %s", r->path, table, err_name(rc));
        }
    }
    i = rc == SQLITE_DONE ? ERR_OK : failed(r, err);
    sqlite3_finalize(st);
    return i;
}

static int read_tables(struct reading *r, struct err *err)
{
    static const char has_text[] = "SELECT count(*) FROM sqlite_master, pragma_table_info(?1)"
                                   " WHERE sqlite_master.type='table' AND sqlite_master.name=?1"
                                   " AND sqlite_master.sql NOT LIKE 'CREATE VIRTUAL%'"
                                   " AND pragma_table_info.name=?2";
    size_t i;
    int64_t has = 0;
    int rc;

    for (i = 0; i < ARRAY_LEN(tables); i++) {
        rc = number(r, has_text, tables[i].name, tables[i].column, &has, err);
        if (!rc && has) {
            r->known++;
            rc = read_table(r, tables[i].name, err);
        }
        if (rc)
            return rc;
    }
    return ERR_OK;
}

static int check(const struct reading *r, struct err *err)
{
    sqlite3_stmt *st = NULL;
    const char *told;
    int rc = sqlite3_prepare_v2(r->h, "PRAGMA quick_check(1)", -1, &st, NULL);

    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc != SQLITE_ROW) {
        rc = failed(r, err);
    } else {
        told = (const char *)sqlite3_column_text(st, 0);
        rc = told && strcmp(told, "ok") == 0
                 ? ERR_OK
                 : err_set(err, ERR_CORRUPT, "%s is damaged: %.200s", r->path, told ? told : "");
    }
    sqlite3_finalize(st);
    return rc;
}

static int open_copy(struct reading *r, const char *copy, struct err *err)
{
    int rc = sqlite3_open_v2(copy, &r->h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOFOLLOW, NULL);

    if (rc != SQLITE_OK)
        return r->h ? failed(r, err) : err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    /* The file is a stranger's: no code of his, nothing without bound. */
    sqlite3_db_config(r->h, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
    sqlite3_db_config(r->h, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)NULL);
    sqlite3_db_config(r->h, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, (int *)NULL);
    sqlite3_db_config(r->h, SQLITE_DBCONFIG_ENABLE_VIEW, 0, (int *)NULL);
    sqlite3_limit(r->h, SQLITE_LIMIT_LENGTH, CELL_MAX);
    return ERR_OK;
}

/* What belongs to it: changes not in it yet, or, of a writer that died, what is to be undone in it. */
static const char *const parts[] = {"", "-wal", "-journal"};

struct traces {
    struct timespec at[ARRAY_LEN(parts)];
    off_t size[ARRAY_LEN(parts)]; /* below 0: not there */
};

static void look(const char *path, struct traces *ret)
{
    char full[PATH_MAX];
    struct stat st;
    size_t i;

    *ret = (struct traces){0};
    for (i = 0; i < ARRAY_LEN(parts); i++) {
        ret->size[i] = -1;
        if (snprintf(full, sizeof(full), "%s%s", path, parts[i]) >= (int)sizeof(full) ||
            stat(full, &st))
            continue;
        ret->size[i] = st.st_size;
        ret->at[i] = st.st_mtim;
    }
}

static bool same(const struct traces *a, const struct traces *b)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(parts); i++)
        if (a->size[i] != b->size[i] || a->at[i].tv_sec != b->at[i].tv_sec ||
            a->at[i].tv_nsec != b->at[i].tv_nsec)
            return false;
    return true;
}

/* ERR_CORRUPT: torn, since the program writes; the caller tries again. */
static int copy_whole(const char *path, const char *copy, struct reading *r, struct err *err)
{
    char from[PATH_MAX], to[PATH_MAX];
    struct traces before, after;
    int rc = ERR_OK;
    size_t i;

    look(path, &before);
    for (i = 0; i < ARRAY_LEN(parts) && !rc; i++) {
        if (snprintf(from, sizeof(from), "%s%s", path, parts[i]) >= (int)sizeof(from) ||
            snprintf(to, sizeof(to), "%s%s", copy, parts[i]) >= (int)sizeof(to))
            return err_set(err, ERR_INVALID, "%s: the path is too long", path);
        rc = copy_file(from, to, i > 0, err);
    }
    look(path, &after);
    if (!rc && !same(&before, &after))
        return err_set(err, ERR_CORRUPT,
                       "%s changes while it is copied: stop the program that writes it", path);
    if (!rc)
        rc = open_copy(r, copy, err);
    return rc ? rc : check(r, err);
}

static void drop_copy(const char *copy)
{
    static const char *const tails[] = {"", "-wal", "-shm", "-journal"};
    char path[PATH_MAX];
    size_t i;

    for (i = 0; i < ARRAY_LEN(tails); i++)
        if (snprintf(path, sizeof(path), "%s%s", copy, tails[i]) < (int)sizeof(path))
            unlink(path);
}

int old_db_read(const char *path, const char *folder, old_row_fn fn, void *arg, size_t *ret_rows,
                struct err *err)
{
    struct reading r = {.path = path, .fn = fn, .arg = arg};
    char copy[PATH_MAX];
    int rc = ERR_CORRUPT, i;

    if (snprintf(copy, sizeof(copy), "%s/old.db", folder) >= (int)sizeof(copy))
        return err_set(err, ERR_INVALID, "%s: the path is too long", folder);
    for (i = 0; i < TRIES && rc == ERR_CORRUPT; i++) {
        if (i)
            usleep(PAUSE_US);
        sqlite3_close(r.h);
        r.h = NULL;
        drop_copy(copy);
        rc = copy_whole(path, copy, &r, err);
    }
    if (!rc)
        rc = read_tables(&r, err);
    if (!rc && r.known == 0)
        rc = err_set(err, ERR_NOT_FOUND, "%s holds no table of PG-Limiter's", path);
    sqlite3_close(r.h);
    drop_copy(copy);
    if (!rc)
        *ret_rows = r.rows;
    return rc;
}
