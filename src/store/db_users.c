/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_users.h"

#include "base/stamp.h"
#include "store/sql.h"
#include "base/banned.h"

static int put_all(struct db *db, const struct db_user *users, size_t n, int64_t seen_us,
                   struct err *err)
{
    size_t i;
    int rc;

    for (i = 0; i < n; i++) {
        if (users[i].name.n == 0 || users[i].name.n > LIMIT_USER_NAME)
            return err_set(err, ERR_INVALID, "user %lld has a name of %zu bytes",
                           (long long)users[i].id, users[i].name.n);
        rc = sql_run(db, err,
                     "INSERT INTO users(id, name, created_at, seen_at) VALUES(?1, ?2, ?3, ?4)"
                     " ON CONFLICT(id) DO UPDATE SET name=?2, created_at=coalesce(?3, created_at),"
                     " seen_at=max(seen_at, ?4), gone_at=NULL",
                     "istt", users[i].id, users[i].name, users[i].created_us, seen_us);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

int db_users_put(struct db *db, const struct db_user *users, size_t n, int64_t seen_us,
                 struct err *err)
{
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    return db_end(db, put_all(db, users, n, seen_us, err), err);
}

int db_users_strangers(struct db *db, const struct db_user *users, size_t n, size_t *ret_n,
                       struct err *err)
{
    size_t i, strangers = 0;
    int64_t created = 0;
    int rc;

    for (i = 0; i < n; i++) {
        if (users[i].created_us == STAMP_NONE)
            continue;
        rc = sql_number(db, &created, err,
                        "SELECT created_at FROM users WHERE id=?1 AND created_at IS NOT NULL", "i",
                        users[i].id);
        if (rc == ERR_NOT_FOUND)
            continue;
        if (rc)
            return rc;
        strangers += created != sql_ms(users[i].created_us);
    }
    *ret_n = strangers;
    return ERR_OK;
}

int db_users_confirm(struct db *db, struct err *err)
{
    return sql_run(db, err, "UPDATE users SET created_at=NULL WHERE created_at IS NOT NULL", "");
}

static int take_one(struct sql *q, struct db_user_found *ret_user, struct err *err)
{
    struct slice name;
    int rc = sql_step(q, err);

    if (rc < 0)
        return rc;
    if (rc == 0)
        return err_set(err, ERR_NOT_FOUND, "no such user is known");
    name = sql_text(q, 1);
    if (name.n > LIMIT_USER_NAME)
        return err_set(err, ERR_CORRUPT, "a user name in the database is too long");
    ret_user->id = sql_int(q, 0);
    memcpy(ret_user->name, name.p, name.n);
    ret_user->name[name.n] = '\0';
    ret_user->created_us = sql_time(q, 2);
    ret_user->seen_us = sql_time(q, 3);
    return ERR_OK;
}

int db_users_by_id(struct db *db, int64_t id, struct db_user_found *ret_user, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err, "SELECT id, name, created_at, seen_at FROM users WHERE id=?1",
                      "i", id);

    if (rc)
        return rc;
    rc = take_one(&q, ret_user, err);
    sql_close(&q);
    return rc;
}

int db_users_by_name(struct db *db, struct slice name, struct db_user_found *ret_user,
                     struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT id, name, created_at, seen_at FROM users WHERE name=?1"
                      " ORDER BY seen_at DESC, id DESC LIMIT 1",
                      "s", name);

    if (rc)
        return rc;
    rc = take_one(&q, ret_user, err);
    sql_close(&q);
    return rc;
}

int db_users_each(struct db *db, db_user_fn fn, void *arg, struct err *err)
{
    struct db_user row;
    struct sql q;
    int rc = sql_open(&q, db, err, "SELECT id, name, created_at FROM users ORDER BY id", "");

    if (rc)
        return rc;
    while ((rc = sql_step(&q, err)) == 1) {
        row = (struct db_user){sql_int(&q, 0), sql_text(&q, 1), sql_time(&q, 2)};
        rc = fn(arg, &row);
        if (rc)
            break;
    }
    sql_close(&q);
    return rc;
}

int db_users_delete(struct db *db, int64_t id, struct err *err)
{
    return sql_run(db, err, "DELETE FROM users WHERE id=?1", "i", id);
}
