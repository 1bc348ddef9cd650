/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "dump.h"
#include "scratch.h"
#include "store/db.h"
#include "store/db_events.h"
#include "store/db_image.h"
#include "store/db_journal.h"
#include "store/db_limits.h"
#include "store/db_settings.h"
#include "store/db_users.h"
#include "store/db_webhook.h"
#include "store/sql.h"
#include "take.h"

#define DAY (86400 * STAMP_SECOND)
#define T0 (20000 * DAY)

static struct err err;
static const char *const no_strip[] = {NULL};

static struct db *open_db(const char *name)
{
    struct db *db;

    assert_int_equal(db_open_file(scratch_path(name), &db, &err), 0);
    return db;
}

static void put_setting(struct db *db, const char *key, const char *value)
{
    struct db_setting s = {slice_of(key), slice_of(value), T0, SLICE("test")};

    assert_int_equal(db_settings_put(db, &s, &err), 0);
}

/* A verdict of the user at that second, disabled; ret the row. */
static int64_t disable(struct db *db, int64_t user, int64_t second)
{
    struct db_row row = {.user_id = user,
                         .name = SLICE("bob"),
                         .action = SLICE("disable 15m"),
                         .duration_us = 900 * STAMP_SECOND,
                         .status_before = SLICE("active"),
                         .groups_before = {3, 1},
                         .n_groups_before = 2,
                         .edit_before_us = STAMP_NONE,
                         .user_created_us = T0,
                         .intended_us = T0 + second * STAMP_SECOND,
                         .due_us = T0 + (900 + second) * STAMP_SECOND};
    struct db_violation verdict = {.user_id = user,
                                   .name = SLICE("bob"),
                                   .at_us = T0 + second * STAMP_SECOND,
                                   .action = SLICE("disable 15m"),
                                   .max_devices = 1,
                                   .devices = 2,
                                   .evidence = SLICE("{}")};
    int64_t id, vid;

    assert_int_equal(db_begin(db, DB_SYNC_FULL, &err), 0);
    assert_int_equal(db_end(db, db_journal_intend(db, &row, &verdict, &id, &vid, &err), &err), 0);
    return id;
}

static void close_row(struct db *db, int64_t id)
{
    assert_int_equal(db_journal_close(db, id, DB_STATE_RESTORED, T0 + DAY, SLICE("due"),
                                      SLICE("pg-limiter"), &err),
                     0);
}

static struct db *image_of(const char *name, const char *const *without)
{
    unsigned char *bytes;
    struct db *image;
    size_t n;

    assert_int_equal(take_bytes(scratch_path(name), without, SIZE_MAX, &bytes, &n, &err), 0);
    assert_int_equal(db_image_open((struct slice){(char *)bytes, n}, &image, &err), 0);
    free(bytes);
    return image;
}

static struct db_image_put put_of(void)
{
    return (struct db_image_put){.now_us = T0 + 2 * DAY, .who = SLICE("cli")};
}

static int set_up(void **state)
{
    (void)state;
    return scratch_make();
}

static int tear_down(void **state)
{
    (void)state;
    scratch_clear();
    return 0;
}

static int64_t number(const char *name, const char *text)
{
    sqlite3_stmt *st;
    sqlite3 *h;
    int64_t n;

    assert_int_equal(sqlite3_open(scratch_path(name), &h), 0);
    assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL), 0);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(h);
    return n;
}

static void the_key_of_the_cache_stays_here(void **state)
{
    struct db *db = open_db("a.db"), *image;
    char value[80];

    (void)state;
    assert_int_equal(db_meta_put(db, "cache_key", SLICE("00ff"), &err), 0);
    assert_int_equal(db_meta_put(db, "other", SLICE("x"), &err), 0);
    image = image_of("a.db", no_strip);
    assert_int_equal(db_meta_get(image, "cache_key", value, sizeof(value), &err), ERR_NOT_FOUND);
    assert_int_equal(db_meta_get(image, "other", value, sizeof(value), &err), 0);
    assert_int_equal(db_meta_get(db, "cache_key", value, sizeof(value), &err), 0);
    db_close(image);
    db_close(db);
}

/* Backup, wipe, restore: every row is there again, but for those that the restore itself adds. */
static void whole_again(void **state)
{
    struct db *db = open_db("a.db"), *image;
    struct db_user users[] = {{12, SLICE("alice"), T0}, {13, SLICE("bob"), T0}};
    struct db_image_put put = put_of();
    struct db_image_counts c;
    char *before, *after;

    (void)state;
    assert_int_equal(db_users_put(db, users, 2, T0, &err), 0);
    put_setting(db, "general_limit", "3");
    close_row(db, disable(db, 12, 1));
    disable(db, 13, 2);
    before = dump_file(scratch_path("a.db"));
    image = image_of("a.db", no_strip);
    assert_int_equal(db_image_count(image, &c, &err), 0);
    assert_true(c.users == 2 && c.settings == 1 && c.violations == 2 && c.open_rows == 1);
    db_close(db);
    db = open_db("b.db"); /* somebody else's folder */
    assert_int_equal(db_image_put(image, scratch_path("b.db"), &put, &err), 0);
    assert_true(put.carried == 0 && put.superseded == 0);
    db_close(image);
    assert_int_equal(number("b.db", "SELECT count(*) FROM events WHERE kind='restore'"), 1);
    assert_int_equal(sqlite3_open(scratch_path("b.db"), (sqlite3 **)&image), 0);
    assert_int_equal(sqlite3_exec((sqlite3 *)image,
                                  "DELETE FROM events WHERE kind='restore';"
                                  "DELETE FROM meta WHERE key LIKE 'restored%'",
                                  NULL, NULL, NULL),
                     0);
    sqlite3_close((sqlite3 *)image);
    after = dump_file(scratch_path("b.db"));
    assert_non_null(before);
    assert_string_equal(before, after);
    free(before);
    free(after);
    db_close(db);
}

/* What waits to be sent is this instance's, whatever the backup is of. */
static void messages_stay_with_the_instance(void **state)
{
    static const char outbox[] =
        "INSERT INTO outbox(created_at, chat_id, method, params, edit, state)"
        " VALUES(1, %d, 'sendMessage', '{}', 0, 'waiting');"
        "INSERT INTO messages VALUES(%d, 'case:1', 5, 1);"
        "INSERT INTO meta VALUES('telegram_update:9', '%d'), ('backup_slot', '%d');";
    struct db *db = open_db("a.db"), *image;
    struct db_image_put put = put_of();
    char text[512];

    (void)state;
    snprintf(text, sizeof(text), outbox, 1, 1, 1, 1);
    assert_int_equal(sql_exec(db, text, &err), 0);
    image = image_of("a.db", no_strip);
    db_close(db);
    db = open_db("b.db");
    snprintf(text, sizeof(text), outbox, 2, 2, 2, 2);
    assert_int_equal(sql_exec(db, text, &err), 0);
    assert_int_equal(db_image_put(image, scratch_path("b.db"), &put, &err), 0);
    db_close(image);
    db_close(db);
    assert_int_equal(number("b.db", "SELECT count(*) FROM outbox"), 1);
    assert_int_equal(number("b.db", "SELECT chat_id FROM outbox"), 2);
    assert_int_equal(number("b.db", "SELECT sum(chat_id) FROM messages"), 2);
    assert_int_equal(number("b.db", "SELECT sum(value) FROM meta WHERE key='telegram_update:9'"
                                    " OR key='backup_slot'"),
                     4);
}

static void add_events(struct db *db, const char *what, int n)
{
    struct db_event ev = {.at_us = T0,
                          .kind = SLICE("limit"),
                          .who = SLICE("cli"),
                          .what = slice_of(what)};

    while (n-- > 0)
        assert_int_equal(db_events_add(db, &ev, NULL, &err), 0);
}

/*
 * Events not given to the webhook: `more` of them in the file of now, after `given` ones, when a backup
 * with so many events is put in its place. The number of the first of them, and of the last event.
 */
static void restore_over(int backup, int given, int more, int64_t want_first, int64_t want_last)
{
    struct db *db = open_db("w.db"), *image;
    struct db_image_put put = put_of();
    struct db_webhook w;

    add_events(db, "of the backup", backup);
    assert_int_equal(db_webhook_begin(db, &w, &err), 0);
    image = image_of("w.db", no_strip);
    db_close(db);
    scratch_clear();
    assert_int_equal(scratch_make(), 0);
    db = open_db("v.db");
    add_events(db, "given", given);
    if (more >= 0)
        assert_int_equal(db_webhook_begin(db, &w, &err), 0);
    add_events(db, "waits", more);
    assert_int_equal(db_image_put(image, scratch_path("v.db"), &put, &err), 0);
    db_close(image);
    db_close(db);
    assert_int_equal(number("v.db", "SELECT count(*) FROM events WHERE what='waits'"),
                     more > 0 ? more : 0);
    assert_int_equal(number("v.db", "SELECT count(*) FROM webhook"), more >= 0);
    assert_int_equal(number("v.db", "SELECT max(id) FROM events"), want_last);
    if (more < 0)
        return;
    assert_int_equal(number("v.db", "SELECT done_id + 1 FROM webhook"), want_first);
    assert_int_equal(number("v.db",
                            "SELECT min(id) FROM events WHERE id>(SELECT done_id FROM webhook)"),
                     want_first);
    assert_int_equal(number("v.db", "SELECT count(*) FROM events WHERE what='of the backup'"),
                     backup);
}

static void what_waits_for_the_webhook_is_carried_over(void **state)
{
    (void)state;
    restore_over(3, 5, 2, 6, 8);   /* an older backup of the same: numbers stay */
    restore_over(9, 5, 2, 10, 12); /* of another: they come behind it */
    restore_over(3, 5, 0, 6, 6);   /* nothing waits: what was given is given no second time */
    restore_over(0, 5, 2, 6, 8);
    restore_over(3, 5, -1, 0, 4); /* no webhook here */
}

/* What the file of now knows of disabled users is newer than the backup. */
static void nobody_is_forgotten(void **state)
{
    struct db *db = open_db("a.db"), *image;
    struct db_image_put put = put_of();
    int64_t ended, both, again;

    (void)state;
    ended = disable(db, 12, 1);
    both = disable(db, 13, 2);
    again = disable(db, 14, 3);
    image = image_of("a.db", no_strip);
    close_row(db, ended); /* 12: enabled since */
    assert_int_equal(db_journal_failed(db, both, 7, SLICE("panel down"), &err), 0);
    close_row(db, again); /* 14: enabled, and disabled anew */
    disable(db, 14, 50);
    disable(db, 15, 60); /* 15: the backup does not know him */
    assert_int_equal(db_image_put(image, scratch_path("a.db"), &put, &err), 0);
    db_close(image);
    assert_int_equal(number("a.db", "SELECT count(*) FROM enforcements"), 5);
    assert_int_equal(number("a.db", "SELECT count(*) FROM enforcements WHERE user_id=12 AND "
                                    "state='restored' AND why='due'"),
                     1);
    assert_int_equal(number("a.db", "SELECT attempts FROM enforcements WHERE user_id=13 AND "
                                    "state='intended'"),
                     7);
    assert_int_equal(number("a.db", "SELECT count(*) FROM enforcements e JOIN violations v ON "
                                    "v.id=e.verdict_id AND v.user_id=e.user_id WHERE "
                                    "e.state='intended' AND e.user_id IN (13,14,15)"),
                     3);
    assert_int_equal(number("a.db", "SELECT count(*) FROM enforcements WHERE user_id=14 AND "
                                    "state='restored'"),
                     1);
    assert_int_equal(number("a.db", "SELECT count(*) FROM violations"), 5);
    /* 12 and 14's end, 13's own, and the two new ones. */
    assert_int_equal(put.carried, 5);
    db_close(db);
}

/* The backup's row of a user who is disabled by another one now, which the backup cannot know. */
static void a_later_row_wins(void **state)
{
    struct db *db = open_db("a.db"), *other = open_db("b.db"), *image;
    struct db_image_put put = put_of();

    (void)state;
    disable(other, 12, 1);
    image = image_of("b.db", no_strip);
    disable(db, 12, 9);
    assert_int_equal(db_image_put(image, scratch_path("a.db"), &put, &err), 0);
    assert_true(put.superseded == 1 && put.carried == 1);
    assert_int_equal(number("a.db",
                            "SELECT count(*) FROM enforcements WHERE state='superseded' AND "
                            "closed_at IS NOT NULL"),
                     1);
    assert_int_equal(number("a.db", "SELECT count(*) FROM enforcements WHERE state='intended'"), 1);
    db_close(image);
    db_close(db);
    db_close(other);
}

/* ---- what is refused ---- */

static void damage(const char *name, const char *text)
{
    sqlite3 *h;

    assert_int_equal(sqlite3_open(scratch_path(name), &h), 0);
    sqlite3_db_config(h, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    assert_int_equal(sqlite3_exec(h, text, NULL, NULL, NULL), 0);
    sqlite3_close(h);
}

static int refused(const char *name)
{
    unsigned char *bytes;
    struct db *image;
    size_t n;
    int rc;

    assert_int_equal(take_bytes(scratch_path(name), no_strip, SIZE_MAX, &bytes, &n, &err), 0);
    err.text[0] = '\0';
    rc = db_image_open((struct slice){(char *)bytes, n}, &image, &err);
    free(bytes);
    if (rc == 0)
        db_close(image);
    else
        assert_true(err.text[0] != '\0');
    return rc;
}

static void foreign_and_newer(void **state)
{
    static const struct {
        const char *name, *text;
        int rc;
    } cases[] = {
        {"trigger.db", "CREATE TRIGGER t AFTER INSERT ON users BEGIN DELETE FROM users; END",
         ERR_CORRUPT},
        {"view.db", "CREATE VIEW v AS SELECT * FROM users", ERR_CORRUPT},
        {"table.db", "CREATE TABLE more(a)", ERR_CORRUPT},
        {"less.db", "DROP TABLE ip_allowlist", ERR_CORRUPT},
        {"newer.db", "PRAGMA user_version=9999", ERR_INVALID},
        {"other.db", "PRAGMA application_id=77", ERR_CORRUPT},
        {"lost.db", "PRAGMA foreign_keys=OFF; INSERT INTO cleaned VALUES(99,1,'x',0,1,0,NULL,0)",
         ERR_CORRUPT},
        {"same.db", "INSERT INTO users(id,name,seen_at) VALUES(5,'x',0)", ERR_OK},
    };
    struct db *db;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        db = open_db(cases[i].name);
        db_close(db);
        damage(cases[i].name, cases[i].text);
        if (refused(cases[i].name) != cases[i].rc)
            fail_msg("%s: %s", cases[i].name, err.text);
    }
}

/* Any byte that is changed: refused, or a database that is whole. Never a crash. */
static void damaged_bytes(void **state)
{
    unsigned char *bytes;
    struct db *image, *db = open_db("a.db");
    size_t n, i, bad = 0;
    int rc;

    (void)state;
    disable(db, 12, 1);
    db_close(db);
    assert_int_equal(take_bytes(scratch_path("a.db"), no_strip, SIZE_MAX, &bytes, &n, &err), 0);
    for (i = 0; i < 300; i++) {
        size_t at = i < 100 ? i : i * 7919 % n;
        unsigned char was = bytes[at];

        bytes[at] ^= (unsigned char)(1 + i % 255);
        rc = db_image_open((struct slice){(char *)bytes, n}, &image, &err);
        bytes[at] = was;
        bad += rc != 0;
        if (!rc)
            db_close(image);
    }
    for (i = 0; i < n; i += n / 40)
        assert_int_not_equal(db_image_open((struct slice){(char *)bytes, i}, &image, &err), 0);
    assert_true(bad > 30);
    free(bytes);
}

/* ---- what fails on the way ---- */

static void locked(void **state)
{
    struct db *db = open_db("a.db"), *image;
    struct db_image_put put = put_of();
    char *before, *after;

    (void)state;
    put_setting(db, "general_limit", "3");
    image = image_of("a.db", no_strip);
    put_setting(db, "general_limit", "4");
    before = dump_file(scratch_path("a.db"));
    assert_int_equal(db_begin(db, DB_SYNC_NORMAL, &err), 0);
    assert_int_equal(db_image_put(image, scratch_path("a.db"), &put, &err), ERR_BUSY);
    assert_int_equal(db_end(db, 0, &err), 0);
    after = dump_file(scratch_path("a.db"));
    assert_string_equal(before, after);
    assert_true(access(put.kept, F_OK) != 0);
    free(before);
    free(after);
    assert_int_equal(db_image_put(image, scratch_path("a.db"), &put, &err), 0);
    assert_int_equal(access(put.kept, F_OK), 0);
    db_close(image);
    db_close(db);
}

/* No room for the copy, for the log, for the last page of it: the old state, and then it works. */
static void disk_full(void **state)
{
    struct db *db = open_db("a.db"), *image;
    struct rlimit old, low;
    char *before, *after, text[64];
    int i, failed = 0, rc = -1;
    struct db_image_put put;

    (void)state;
    for (i = 0; i < 300; i++) {
        snprintf(text, sizeof(text), "%0*d", 60, i);
        put_setting(db, text, text);
    }
    db_close(db);
    db = open_db("a.db");
    before = dump_file(scratch_path("a.db"));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    for (i = 0; rc && i < 200; i++) {
        image = image_of("a.db", no_strip);
        put = put_of();
        low = old;
        low.rlim_cur = (rlim_t)i * 4096;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
        rc = db_image_put(image, scratch_path("a.db"), &put, &err);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
        db_close(image);
        if (rc == 0)
            break;
        failed++;
        after = dump_file(scratch_path("a.db"));
        assert_string_equal(before, after);
        assert_true(access(put.kept, F_OK) != 0);
        free(after);
    }
    print_message("disk full at %d sizes, each left the old state\n", failed);
    assert_true(rc == 0 && failed > 10);
    free(before);
    db_close(db);
}

struct one {
    struct db *image;
    char path[512];
    int rc;
};

static void *restore_one(void *arg)
{
    struct db_image_put put = put_of();
    struct one *o = arg;
    struct err e;

    o->rc = db_image_put(o->image, o->path, &put, &e);
    return NULL;
}

static void two_at_once(void **state)
{
    struct db *db = open_db("a.db");
    struct one ones[2];
    pthread_t threads[2];
    int64_t limit;
    int i;

    (void)state;
    for (i = 0; i < 2; i++) {
        put_setting(db, "general_limit", i ? "22" : "11");
        put_setting(db, "check_interval", i ? "22" : "11");
        ones[i].image = image_of("a.db", no_strip);
        snprintf(ones[i].path, sizeof(ones[i].path), "%s", scratch_path("a.db"));
    }
    for (i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, restore_one, &ones[i]), 0);
    for (i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
        db_close(ones[i].image);
    }
    assert_true(ones[0].rc == 0 || ones[1].rc == 0);
    limit = number("a.db", "SELECT value FROM settings WHERE key='general_limit'");
    assert_true(limit == 11 || limit == 22);
    assert_int_equal(number("a.db", "SELECT value FROM settings WHERE key='check_interval'"),
                     limit);
    assert_int_equal(db_check(db, &err), 0);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_key_of_the_cache_stays_here, set_up, tear_down),
        cmocka_unit_test_setup_teardown(whole_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(messages_stay_with_the_instance, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_waits_for_the_webhook_is_carried_over, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(nobody_is_forgotten, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_later_row_wins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_and_newer, set_up, tear_down),
        cmocka_unit_test_setup_teardown(damaged_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(locked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(disk_full, set_up, tear_down),
        cmocka_unit_test_setup_teardown(two_at_once, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
