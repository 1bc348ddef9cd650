/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/sql.h"

#include <errno.h>
#include <stdarg.h>

#include "base/stamp.h"
#include "store/db_scope.h"
#include "base/banned.h"

static int constraint_error(const struct db *db, struct err *err)
{
    int ext = sqlite3_extended_errcode(db->h);

    if (ext == SQLITE_CONSTRAINT_UNIQUE || ext == SQLITE_CONSTRAINT_PRIMARYKEY)
        return err_set(err, ERR_EXISTS, "there is such an entry already");
    return err_set(err, ERR_INVALID, "the database refuses the value: %s", sqlite3_errmsg(db->h));
}

static bool disk_is_full(const struct db *db)
{
    int no = sqlite3_system_errno(db->h);

    return no == ENOSPC || no == EDQUOT;
}

int sql_error(const struct db *db, int rc, struct err *err)
{
    const char *path = db->path;

    switch (rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return ERR_OK;
    case SQLITE_NOMEM:
        return err_set(err, ERR_NOMEM, "out of memory in the database %s", path);
    case SQLITE_FULL:
        return err_set(err, ERR_FULL, "no room to write %s: free some space on its disk", path);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(err, ERR_BUSY, "%s has been locked by another process for more than %d ms",
                       path, db->busy_ms);
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return err_set(
            err, ERR_READONLY,
            "%s cannot be written: check the owner and mode of the file and its directory", path);
    case SQLITE_CORRUPT:
        return err_set(err, ERR_CORRUPT,
                       "%s is damaged (%s): restore a backup, or move the file away to start anew",
                       path, sqlite3_errmsg(db->h));
    case SQLITE_NOTADB:
        return err_set(err, ERR_CORRUPT,
                       "%s is not a database: move it away or set another data_dir", path);
    case SQLITE_CONSTRAINT:
        return constraint_error(db, err);
    case SQLITE_TOOBIG:
        return err_set(err, ERR_TOO_BIG, "a value is too long for the database %s", path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        if (disk_is_full(db))
            return err_set(err, ERR_FULL, "no room to write %s: free some space on its disk", path);
        return err_set(err, ERR_IO, "%s: %s", path, sqlite3_errmsg(db->h));
    default:
        return err_set(err, ERR_IO, "%s: %s (SQLite %d)", path, sqlite3_errmsg(db->h), rc);
    }
}

int64_t sql_ms(int64_t us)
{
    int64_t ms = us / 1000;

    return us % 1000 < 0 ? ms - 1 : ms;
}

/* The name of the pointer in a statement: sqlite3_value_pointer gives it to nobody else. */
static const char scope_type[] = "db_scope";

static void in_scope(sqlite3_context *ctx, int n, sqlite3_value **values)
{
    const struct db_scope *scope = sqlite3_value_pointer(values[1], scope_type);

    (void)n;
    sqlite3_result_int(ctx, db_scope_has(scope, sqlite3_value_int64(values[0])));
}

int sql_functions(struct db *db, struct err *err)
{
    int rc = sqlite3_create_function_v2(db->h, "in_scope", 2,
                                        SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                        NULL, in_scope, NULL, NULL, NULL);

    return sql_error(db, rc, err);
}

static int prepare(struct sql *q, const char *text, struct err *err)
{
    struct db *db = q->db;
    struct sql_cached *c = NULL;
    int i, rc;

    for (i = 0; i < db->n_cache; i++) {
        if (db->cache[i].text == text) {
            c = &db->cache[i];
            break;
        }
    }
    if (c && !c->busy) {
        c->busy = true;
        q->cached = c;
        q->st = c->st;
        return ERR_OK;
    }
    rc = sqlite3_prepare_v3(db->h, text, -1, SQLITE_PREPARE_PERSISTENT, &q->st, NULL);
    if (rc)
        return sql_error(db, rc, err);
    if (!c && db->n_cache < SQL_CACHE) {
        c = &db->cache[db->n_cache++];
        *c = (struct sql_cached){text, q->st, true};
        q->cached = c;
    }
    return ERR_OK;
}

static int bind_slice(sqlite3_stmt *st, int at, struct slice s)
{
    if (!s.p)
        return sqlite3_bind_null(st, at);
    return sqlite3_bind_text64(st, at, s.p, s.n, SQLITE_STATIC, SQLITE_UTF8);
}

static int bind_blob(sqlite3_stmt *st, int at, struct slice s)
{
    if (!s.p)
        return sqlite3_bind_null(st, at);
    return sqlite3_bind_blob64(st, at, s.p, s.n, SQLITE_STATIC);
}

static int bind_one(sqlite3_stmt *st, int at, char kind, va_list *ap)
{
    int64_t v;

    switch (kind) {
    case 'i':
        return sqlite3_bind_int64(st, at, va_arg(*ap, int64_t));
    case 'n':
        v = va_arg(*ap, int64_t);
        return v ? sqlite3_bind_int64(st, at, v) : sqlite3_bind_null(st, at);
    case 't':
        v = va_arg(*ap, int64_t);
        return v != STAMP_NONE ? sqlite3_bind_int64(st, at, sql_ms(v)) : sqlite3_bind_null(st, at);
    case 'd':
        return sqlite3_bind_double(st, at, va_arg(*ap, double));
    case 's':
        return bind_slice(st, at, va_arg(*ap, struct slice));
    case 'b':
        return bind_blob(st, at, va_arg(*ap, struct slice));
    case 'p':
        return sqlite3_bind_pointer(st, at, (void *)(uintptr_t)va_arg(*ap, const struct db_scope *),
                                    scope_type, NULL);
    case 'z':
        return bind_slice(st, at, slice_of(va_arg(*ap, const char *)));
    default:
        return SQLITE_MISUSE;
    }
}

static int vopen(struct sql *q, struct db *db, struct err *err, const char *text, const char *args,
                 va_list *ap)
{
    int i, rc;

    *q = (struct sql){.db = db};
    rc = prepare(q, text, err);
    if (rc)
        return rc;
    for (i = 0; args[i]; i++) {
        rc = bind_one(q->st, i + 1, args[i], ap);
        if (rc) {
            rc = sql_error(db, rc, err);
            sql_close(q);
            return rc;
        }
    }
    return ERR_OK;
}

int sql_open(struct sql *q, struct db *db, struct err *err, const char *text, const char *args, ...)
{
    va_list ap;
    int rc;

    va_start(ap, args);
    rc = vopen(q, db, err, text, args, &ap);
    va_end(ap);
    return rc;
}

int sql_step(struct sql *q, struct err *err)
{
    int rc = sqlite3_step(q->st);

    if (rc == SQLITE_ROW)
        return 1;
    return rc == SQLITE_DONE ? 0 : sql_error(q->db, rc, err);
}

void sql_close(struct sql *q)
{
    if (!q->st)
        return;
    if (q->cached) {
        sqlite3_reset(q->st);
        sqlite3_clear_bindings(q->st);
        q->cached->busy = false;
    } else {
        sqlite3_finalize(q->st);
    }
    q->st = NULL;
}

int sql_run(struct db *db, struct err *err, const char *text, const char *args, ...)
{
    struct sql q;
    va_list ap;
    int rc;

    va_start(ap, args);
    rc = vopen(&q, db, err, text, args, &ap);
    va_end(ap);
    if (rc)
        return rc;
    rc = sql_step(&q, err);
    sql_close(&q);
    return rc < 0 ? rc : ERR_OK;
}

int sql_exec(struct db *db, const char *text, struct err *err)
{
    return sql_error(db, sqlite3_exec(db->h, text, NULL, NULL, NULL), err);
}

int sql_number(struct db *db, int64_t *ret_n, struct err *err, const char *text, const char *args,
               ...)
{
    struct sql q;
    va_list ap;
    int rc;

    va_start(ap, args);
    rc = vopen(&q, db, err, text, args, &ap);
    va_end(ap);
    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1)
        *ret_n = sql_int(&q, 0);
    sql_close(&q);
    if (rc < 0)
        return rc;
    return rc == 1 ? ERR_OK : err_set(err, ERR_NOT_FOUND, "no such row");
}

int64_t sql_int(const struct sql *q, int col)
{
    return sqlite3_column_int64(q->st, col);
}

struct slice sql_text(const struct sql *q, int col)
{
    const unsigned char *p = sqlite3_column_text(q->st, col);

    return (struct slice){(const char *)p, p ? (size_t)sqlite3_column_bytes(q->st, col) : 0};
}

struct slice sql_blob(const struct sql *q, int col)
{
    const void *p = sqlite3_column_blob(q->st, col);

    return (struct slice){p, p ? (size_t)sqlite3_column_bytes(q->st, col) : 0};
}

int64_t sql_time(const struct sql *q, int col)
{
    if (sqlite3_column_type(q->st, col) == SQLITE_NULL)
        return STAMP_NONE;
    return sqlite3_column_int64(q->st, col) * 1000;
}

int64_t sql_changes(const struct db *db)
{
    return sqlite3_changes64(db->h);
}
