/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_image.h"

#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fault.h"
#include "base/stamp.h"
#include "store/db_events.h"
#include "store/sql.h"
#include "base/banned.h"

/*
 * The swap is one transaction of SQLite: the write lock is taken first (a step of no pages), so that what is
 * carried over cannot change any more, then all pages are written and committed at once. Renaming a file
 * instead would leave every open connection on the old one.
 */

#define OPEN_STATES "('intended', 'applied', 'restoring')"

/* ---- what is carried over ---- */

/* The columns of a table but for its id and what is given anew, as a list. */
static int add_columns(struct db *db, const char *table, struct buf *ret, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err,
                      "SELECT group_concat(name, ', ') FROM pragma_table_info(?1)"
                      " WHERE name NOT IN ('id', 'verdict_id')",
                      "z", table);

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1)
        rc = buf_add_slice(ret, sql_text(&q, 0));
    sql_close(&q);
    return rc;
}

static int run(struct db *db, struct buf *text, struct err *err)
{
    return text->failed ? err_set(err, ERR_NOMEM, "out of memory")
                        : sql_exec(db, buf_str(text), err);
}

/*
 * Rows are the same when user and time of their verdicts are. A row that is open in the image may have
 * ended since, and the file in use knows how: left open it could enable somebody whom others have disabled.
 */
static int pick(struct db *image, struct err *err)
{
    return sql_exec(
        image,
        "CREATE TEMP TABLE taken AS SELECT le.id AS live_id, mv.id AS verdict_id"
        " FROM live.enforcements le JOIN live.violations lv ON lv.id = le.verdict_id"
        " JOIN main.violations mv ON mv.user_id = lv.user_id AND mv.at = lv.at"
        " WHERE le.state IN " OPEN_STATES " OR EXISTS (SELECT 1 FROM main.enforcements me"
        "  WHERE me.verdict_id = mv.id AND me.state IN " OPEN_STATES ");"
        "DELETE FROM main.enforcements WHERE verdict_id IN (SELECT verdict_id FROM taken);",
        err);
}

static int carry_violations(struct db *image, struct buf *columns, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, 1 << 16);
    buf_addf(&text,
             "INSERT INTO main.violations(%s) SELECT %s FROM live.violations v WHERE v.id IN"
             " (SELECT verdict_id FROM live.enforcements WHERE state IN " OPEN_STATES ")"
             " AND NOT EXISTS (SELECT 1 FROM main.violations m"
             "  WHERE m.user_id = v.user_id AND m.at = v.at)",
             buf_str(columns), buf_str(columns));
    rc = run(image, &text, err);
    buf_release(&text);
    return rc;
}

static int carry_rows(struct db *image, struct buf *columns, struct db_image_put *put,
                      struct err *err)
{
    struct buf text;
    int rc;

    rc = sql_run(image, err,
                 "UPDATE main.enforcements SET state = 'superseded', closed_at = ?1,"
                 " answer = NULL, closed_by = ?2, why = 'a backup was restored, and a later row of "
                 "this user is open' WHERE state IN " OPEN_STATES " AND user_id IN"
                 " (SELECT user_id FROM live.enforcements WHERE state IN " OPEN_STATES ")",
                 "ts", put->now_us, put->who);
    if (rc)
        return rc;
    put->superseded = sql_changes(image);
    buf_init(&text, 1 << 16);
    buf_addf(&text,
             "INSERT INTO main.enforcements(%s, verdict_id) SELECT %s, t.verdict_id"
             " FROM live.enforcements JOIN taken t ON t.live_id = id ORDER BY id",
             buf_str(columns), buf_str(columns));
    rc = run(image, &text, err);
    put->carried = rc ? 0 : sql_changes(image);
    buf_release(&text);
    return rc;
}

/*
 * What waits to be sent, which messages stand where, what was received and sent last: of this instance,
 * whatever the backup is of.
 */
static int carry_messages(struct db *image, struct err *err)
{
    return sql_exec(
        image,
        "DELETE FROM main.outbox; INSERT INTO main.outbox SELECT * FROM live.outbox;"
        "DELETE FROM main.messages;"
        "INSERT INTO main.messages SELECT * FROM live.messages;"
        "INSERT OR REPLACE INTO main.meta SELECT key, value FROM live.meta"
        " WHERE key LIKE 'telegram\\_%' ESCAPE '\\' OR key LIKE 'backup\\_%' ESCAPE '\\';",
        err);
}

/*
 * Events that the webhook has not been given yet stand behind those of the backup and are given from there
 * on. They keep their numbers, by which the receiver knows one that was on its way just now, unless the
 * backup has such numbers itself. No row in live.webhook: nobody waits for any.
 */
static int carry_events(struct db *image, struct err *err)
{
    return sql_exec(
        image,
        "DELETE FROM main.webhook; INSERT INTO main.webhook(one, done_id, delivered_at, lost)"
        " SELECT 1, max(done_id, coalesce((SELECT seq FROM main.sqlite_sequence"
        "  WHERE name='events'), 0)), delivered_at, lost FROM live.webhook;"
        "INSERT INTO main.events(id, at, kind, user_id, name, who, what, data)"
        " SELECT e.id + m.done_id - w.done_id, e.at, e.kind, e.user_id, e.name, e.who, e.what, e.data"
        " FROM live.webhook w JOIN main.webhook m JOIN live.events e ON e.id > w.done_id ORDER BY e.id;"
        /* What is written from now on has numbers behind those that were given. */
        "UPDATE main.sqlite_sequence SET seq=max(seq, (SELECT done_id FROM main.webhook))"
        " WHERE name='events' AND EXISTS(SELECT 1 FROM main.webhook);"
        "INSERT INTO main.sqlite_sequence(name, seq) SELECT 'events', done_id FROM main.webhook"
        " WHERE NOT EXISTS(SELECT 1 FROM main.sqlite_sequence WHERE name='events')",
        err);
}

static int carry(struct db *image, struct db_image_put *put, struct err *err)
{
    struct buf columns;
    int rc;

    buf_init(&columns, 1 << 14);
    rc = add_columns(image, "violations", &columns, err);
    if (!rc)
        rc = carry_violations(image, &columns, err);
    buf_clear(&columns);
    if (!rc)
        rc = pick(image, err);
    if (!rc)
        rc = add_columns(image, "enforcements", &columns, err);
    if (!rc)
        rc = carry_rows(image, &columns, put, err);
    if (!rc)
        rc = carry_messages(image, err);
    if (!rc)
        rc = carry_events(image, err);
    buf_release(&columns);
    return rc;
}

static int note(struct db *image, struct db_image_put *put, struct err *err)
{
    struct db_event ev = {.at_us = put->now_us, .kind = SLICE("restore"), .who = put->who};
    char text[160], stamp[32];
    size_t i;
    int rc = ERR_OK;

    for (i = 0; !rc && i < put->n_settings; i++)
        rc = db_settings_put(image, &put->settings[i], err);
    snprintf(stamp, sizeof(stamp), "%lld", (long long)put->now_us);
    if (!rc)
        rc = db_meta_put(image, "restored", slice_of(stamp), err);
    if (!rc)
        rc = db_meta_put(image, DB_META_UNSURE, slice_of(stamp), err);
    snprintf(text, sizeof(text),
             "a backup was restored; %lld rows of disabled users carried over from the database of "
             "before",
             (long long)put->carried);
    ev.what = slice_of(text);
    return rc ? rc : db_events_add(image, &ev, NULL, err);
}

static int stage(struct db *image, const char *path, struct db_image_put *put, struct err *err)
{
    int rc = sql_run(image, err, "ATTACH ?1 AS live", "z", path);

    if (rc)
        return rc;
    /* Not immediate: that would ask for the lock of `live`, which the swap holds. */
    rc = sql_exec(image, "BEGIN", err);
    if (!rc)
        rc = carry(image, put, err);
    if (!rc)
        rc = note(image, put, err);
    if (!rc)
        rc = sql_exec(image, "COMMIT; DROP TABLE temp.taken", err);
    if (rc) {
        sqlite3_exec(image->h, "ROLLBACK", NULL, NULL, NULL);
        sqlite3_exec(image->h, "DETACH live", NULL, NULL, NULL);
        return rc;
    }
    return sql_exec(image, "DETACH live", err);
}

/* ---- the swap ---- */

/* The database of before, beside it. */
static int keep(const char *path, struct db_image_put *put, struct err *err)
{
    struct db from = {.path = (char *)path, .busy_ms = DB_BUSY_MS};
    time_t t = (time_t)(put->now_us / STAMP_SECOND);
    char stamp[32];
    struct tm tm;
    int rc, i;

    gmtime_r(&t, &tm);
    strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%SZ", &tm);
    for (i = 0; i < 100; i++) {
        if (snprintf(put->kept, sizeof(put->kept), i ? "%s.before-%s-%d" : "%s.before-%s", path,
                     stamp, i) >= (int)sizeof(put->kept) - 8)
            return err_set(err, ERR_INVALID, "the path of the database is too long");
        if (access(put->kept, F_OK) != 0)
            break;
    }
    rc = sqlite3_open_v2(path, &from.h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);
    rc = rc ? sql_error(&from, rc, err) : db_copy_to(&from, put->kept, err);
    sqlite3_close_v2(from.h);
    return rc;
}

static int write_all(struct db *to, sqlite3_backup *backup, struct err *err)
{
    int rc;

    FAULT_POINT("restore.before_copy");
    rc = sqlite3_backup_step(backup, -1);
    FAULT_POINT("restore.copied");
    if (rc == SQLITE_DONE)
        return ERR_OK;
    return sql_error(to, rc ? rc : SQLITE_BUSY, err);
}

static int swap(struct db *to, struct db *image, const char *path, struct db_image_put *put,
                struct err *err)
{
    sqlite3_backup *backup = sqlite3_backup_init(to->h, "main", image->h, "main");
    int rc;

    if (!backup)
        return sql_error(to, sqlite3_errcode(to->h), err);
    rc = sqlite3_backup_step(backup, 0);
    if (rc)
        rc = sql_error(to, rc, err);
    FAULT_POINT("restore.locked");
    put->kept[0] = '\0';
    if (!rc)
        rc = keep(path, put, err);
    FAULT_POINT("restore.kept");
    if (!rc)
        rc = stage(image, path, put, err);
    FAULT_POINT("restore.staged");
    if (!rc)
        rc = write_all(to, backup, err);
    sqlite3_backup_finish(backup);
    FAULT_POINT("restore.finished");
    if (rc && put->kept[0])
        unlink(put->kept);
    return rc;
}

int db_image_put(struct db *image, const char *path, struct db_image_put *put, struct err *err)
{
    struct db to = {.path = (char *)path, .busy_ms = DB_BUSY_MS};
    int rc = sqlite3_open_v2(path, &to.h, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

    put->carried = put->superseded = 0;
    if (rc) {
        rc = sql_error(&to, rc, err);
    } else {
        sqlite3_extended_result_codes(to.h, 1);
        sqlite3_busy_timeout(to.h, DB_BUSY_MS);
        rc = sql_exec(&to, "PRAGMA synchronous=FULL", err);
        /* Reading once makes the connection know that the file is in WAL mode. */
        if (!rc)
            rc = sql_exec(&to, "PRAGMA user_version", err);
        if (!rc)
            rc = swap(&to, image, path, put, err);
    }
    sqlite3_close_v2(to.h);
    return rc;
}
