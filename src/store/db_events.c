/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_events.h"

#include "base/limits.h"
#include "store/sql.h"
#include "base/banned.h"

int db_events_add(struct db *db, const struct db_event *r, int64_t *ret_id, struct err *err)
{
    struct slice what = r->what.p ? r->what : SLICE("");
    int64_t id = 0;
    int rc;

    if (what.n > LIMIT_EVENT_TEXT) {
        what.n = LIMIT_EVENT_TEXT;
        /* Not in the middle of a character. */
        while (what.n && ((unsigned char)what.p[what.n] & 0xc0) == 0x80)
            what.n--;
    }
    rc = sql_number(db, &id, err,
                    "INSERT INTO events(at, kind, user_id, name, who, what, data)"
                    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7) RETURNING id",
                    "tsnssss", r->at_us, r->kind, r->user_id, r->name, r->who, what, r->data);
    if (!rc && ret_id)
        *ret_id = id;
    return rc;
}

#define COLUMNS "SELECT id, at, kind, user_id, name, who, what, data FROM events"
#define ONLY " AND in_scope(user_id, ?5)"
#define OF_USER " WHERE user_id=?1 AND id<?2 AND id>?3 AND (?4 IS NULL OR kind=?4)" ONLY
#define OF_ALL " WHERE id<?2 AND id>?3 AND (?4 IS NULL OR kind=?4) AND ?1=0" ONLY
#define DOWN " ORDER BY id DESC LIMIT ?6 OFFSET ?7"
#define UP " ORDER BY id LIMIT ?6 OFFSET ?7"

int db_events_each(struct db *db, const struct db_event_filter *f, db_event_fn fn, void *arg,
                   struct err *err)
{
    static const char *const texts[2][2] = {{COLUMNS OF_ALL DOWN, COLUMNS OF_ALL UP},
                                            {COLUMNS OF_USER DOWN, COLUMNS OF_USER UP}};
    int64_t before = f->before_id ? f->before_id : INT64_MAX;
    int64_t limit = f->limit > 0 && f->limit < LIMIT_PAGE ? f->limit : LIMIT_PAGE;
    struct slice kind = f->kind.n ? f->kind : (struct slice){NULL, 0};
    struct db_event row;
    struct sql q;
    int rc = sql_open(&q, db, err, texts[f->user_id != 0][f->oldest_first], "iiispii", f->user_id,
                      before, f->after_id, kind, f->only, limit, f->offset);

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_event){sql_int(&q, 0),  sql_time(&q, 1), sql_text(&q, 2), sql_int(&q, 3),
                                sql_text(&q, 4), sql_text(&q, 5), sql_text(&q, 6), sql_text(&q, 7)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_events_total(struct db *db, const struct db_event_filter *f, int64_t *ret_n, struct err *err)
{
    int64_t before = f->before_id ? f->before_id : INT64_MAX;
    struct slice kind = f->kind.n ? f->kind : (struct slice){NULL, 0};

    return sql_number(db, ret_n, err,
                      f->user_id ? "SELECT count(*) FROM events" OF_USER
                                 : "SELECT count(*) FROM events" OF_ALL,
                      "iiisp", f->user_id, before, f->after_id, kind, f->only);
}
