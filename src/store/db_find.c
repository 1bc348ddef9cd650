/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_find.h"

#include "base/buf.h"
#include "base/limits.h"
#include "store/sql.h"
#include "base/banned.h"

static int64_t rows_of(int limit)
{
    return limit > 0 && limit < LIMIT_PAGE ? limit : LIMIT_PAGE;
}

/* The part as a pattern of LIKE, whose own signs are escaped. */
static void add_like(struct buf *b, struct slice part, bool anywhere)
{
    size_t i;

    if (anywhere)
        buf_add_char(b, '%');
    for (i = 0; i < part.n; i++) {
        if (part.p[i] == '%' || part.p[i] == '_' || part.p[i] == '\\')
            buf_add_char(b, '\\');
        buf_add_char(b, part.p[i]);
    }
    buf_add_char(b, '%');
}

/* The ids as JSON, which one parameter can hold; NULL for all. */
static struct slice add_ids(struct buf *b, const struct db_scope *only)
{
    size_t i;

    if (!only)
        return (struct slice){NULL, 0};
    for (i = 0; i < only->n; i++)
        buf_addf(b, "%c%lld", i ? ',' : '[', (long long)only->ids[i]);
    buf_add_str(b, only->n ? "]" : "[]");
    return buf_slice(b);
}

enum { IDS_MAX = 64 << 20 };

#define FITS \
    " FROM users WHERE (name LIKE ?1 ESCAPE '\\' OR CAST(id AS TEXT)=?2) AND ?4 IN (0, id)" \
    " AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))"

struct wanted {
    const struct db_find *what;
    struct slice part, anywhere, front, only;
};

static int each_found(struct db *db, const struct wanted *w, db_found_fn fn, void *arg,
                      struct err *err)
{
    struct db_found row;
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT id, name, gone_at" FITS
                      " ORDER BY CASE WHEN name=?2 THEN 0 WHEN lower(name)=lower(?2) THEN 1"
                      "  WHEN CAST(id AS TEXT)=?2 THEN 2 WHEN name LIKE ?5 ESCAPE '\\' THEN 3"
                      "  ELSE 4 END, gone_at IS NOT NULL, lower(name), id LIMIT ?6 OFFSET ?7",
                      "sssisii", w->anywhere, w->part, w->only, w->what->id, w->front,
                      rows_of(w->what->limit), w->what->offset);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_found){sql_int(&q, 0), sql_text(&q, 1), sql_time(&q, 2)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_find_users(struct db *db, const struct db_find *what, db_found_fn fn, void *arg,
                  int64_t *ret_total, struct err *err)
{
    struct wanted w = {.what = what, .part = what->part.p ? what->part : SLICE("")};
    struct buf anywhere, front, ids;
    int rc = ERR_OK;

    buf_init(&anywhere, 1024);
    buf_init(&front, 1024);
    buf_init(&ids, IDS_MAX);
    add_like(&anywhere, w.part, true);
    add_like(&front, w.part, false);
    w.only = add_ids(&ids, what->only);
    w.anywhere = buf_slice(&anywhere);
    w.front = buf_slice(&front);
    if (anywhere.failed || front.failed || ids.failed)
        rc = err_set(err, ERR_TOO_BIG, "the part of a name is too long");
    if (!rc)
        rc = sql_number(db, ret_total, err, "SELECT count(*)" FITS, "sssi", w.anywhere, w.part,
                        w.only, what->id);
    if (!rc)
        rc = each_found(db, &w, fn, arg, err);
    buf_release(&anywhere);
    buf_release(&front);
    buf_release(&ids);
    return rc;
}

/* ---- addresses ---- */

#define PER_USER \
    "WITH per AS (SELECT user_id, count(DISTINCT address) AS n, count(DISTINCT node_id) AS nodes," \
    "  count(DISTINCT inbound) AS inbounds, min(first_seen) AS first, max(last_seen) AS last" \
    "  FROM ip_history WHERE last_seen>=?1" \
    "  AND (?3 IS NULL OR user_id IN (SELECT value FROM json_each(?3)))" \
    "  GROUP BY user_id HAVING n>=?2) "

static int each_many(struct db *db, const struct db_many_filter *f, struct slice only,
                     db_many_fn fn, void *arg, struct err *err)
{
    struct db_many row;
    struct sql q;
    int rc =
        sql_open(&q, db, err,
                 PER_USER "SELECT per.user_id, users.name, n, nodes, inbounds, first, last,"
                          " exceptions.id IS NOT NULL, coalesce(special_limits.max_devices, -1)"
                          " FROM per LEFT JOIN users ON users.id=per.user_id"
                          " LEFT JOIN exceptions ON exceptions.user_id=per.user_id"
                          " LEFT JOIN special_limits ON special_limits.user_id=per.user_id"
                          " ORDER BY n DESC, per.user_id LIMIT ?4 OFFSET ?5",
                 "tisii", f->since_us, f->least, only, rows_of(f->limit), f->offset);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_many){.user_id = sql_int(&q, 0),
                               .name = sql_text(&q, 1),
                               .addresses = sql_int(&q, 2),
                               .nodes = sql_int(&q, 3),
                               .inbounds = sql_int(&q, 4),
                               .first_us = sql_time(&q, 5),
                               .last_us = sql_time(&q, 6),
                               .excepted = sql_int(&q, 7) != 0,
                               .max_devices = (int)sql_int(&q, 8)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_history_many(struct db *db, const struct db_many_filter *f, db_many_fn fn, void *arg,
                    int64_t *ret_total, struct err *err)
{
    struct slice only;
    struct buf ids;
    int rc;

    buf_init(&ids, IDS_MAX);
    only = add_ids(&ids, f->only);
    if (ids.failed)
        rc = err_set(err, ERR_TOO_BIG, "too many users");
    else
        rc = sql_number(db, ret_total, err, PER_USER "SELECT count(*) FROM per", "tis", f->since_us,
                        f->least, only);
    if (!rc)
        rc = each_many(db, f, only, fn, arg, err);
    buf_release(&ids);
    return rc;
}
