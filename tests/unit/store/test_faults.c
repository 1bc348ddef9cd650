/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/stamp.h"
#include "faulty_disk.h"
#include "scratch.h"
#include "store/db.h"
#include "store/db_journal.h"
#include "store/db_settings.h"

/*
 * On a disk that fails, whatever was answered with success is there afterwards, and the file is whole.
 */

/* How far a life came: what was answered with success. */
struct life {
    bool opened, intended, applied, restoring, closed, kept;
    int failures;
};

static void note(struct life *l, bool *flag, int rc, const struct err *err)
{
    if (rc == ERR_OK) {
        *flag = true;
        return;
    }
    l->failures++;
    /* Every failure is told in one of the codes that a disk has. */
    if (rc != ERR_IO && rc != ERR_FULL && rc != ERR_CORRUPT && rc != ERR_READONLY &&
        rc != ERR_INVALID && rc != ERR_NOT_FOUND)
        fail_msg("code %d: %s", rc, err->text);
    assert_true(err->text[0] != '\0');
}

static void live(struct life *l, const char *path)
{
    struct db_row row = {.user_id = 1,
                         .name = SLICE("bob"),
                         .action = SLICE("disable"),
                         .status_before = SLICE("active"),
                         .edit_before_us = STAMP_NONE,
                         .user_created_us = STAMP_NONE,
                         .due_us = STAMP_NONE,
                         .answer_edit_us = STAMP_NONE,
                         .answer_fields = SLICE("x")};
    struct db_violation v = {.user_id = 1, .name = SLICE("bob"), .action = SLICE("disable")};
    struct db_setting s = {SLICE("key"), SLICE("value"), 0, SLICE("test")};
    int64_t verdict = 0;
    struct err err = {0};
    struct db *db = NULL;

    *l = (struct life){0};
    note(l, &l->opened, db_open_file(path, &db, &err), &err);
    if (!l->opened)
        return;
    note(l, &l->intended, db_journal_intend(db, &row, &v, &row.id, &verdict, &err), &err);
    note(l, &l->kept, db_settings_put(db, &s, &err), &err);
    if (l->intended && db_begin(db, DB_SYNC_FULL, &err) == ERR_OK)
        note(l, &l->applied, db_end(db, db_journal_applied(db, &row, &err), &err), &err);
    if (l->applied && db_begin(db, DB_SYNC_FULL, &err) == ERR_OK)
        note(l, &l->restoring, db_end(db, db_journal_restoring(db, row.id, &err), &err), &err);
    if (l->intended && db_begin(db, DB_SYNC_FULL, &err) == ERR_OK)
        note(l, &l->closed,
             db_end(db,
                    db_journal_close(db, row.id, DB_STATE_RESTORED, 0, SLICE("x"), SLICE("y"),
                                     &err),
                    &err),
             &err);
    db_close(db);
}

static int take_state(void *arg, const struct db_row *row)
{
    *(int *)arg = (int)row->state;
    return 0;
}

static int count_one(void *arg, const struct db_setting *row)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

/* On a good disk again: the file opens, is whole, and holds what was answered with success. */
static void check_after(const struct life *l, const char *path)
{
    struct db_row_filter f = {.user_id = 1};
    struct err err = {0};
    struct db *db = NULL;
    int state = -1, kept = 0;

    if (db_open_file(path, &db, &err))
        fail_msg("%s", err.text);
    if (db_check(db, &err))
        fail_msg("%s", err.text);
    assert_int_equal(db_journal_each(db, &f, take_state, &state, &err), ERR_OK);
    assert_int_equal(db_settings_each(db, count_one, &kept, &err), ERR_OK);
    assert_true(!l->kept || kept == 1);
    assert_true(!l->intended || state >= DB_STATE_INTENDED);
    assert_true(!l->applied || state >= DB_STATE_APPLIED);
    assert_true(!l->restoring || state >= DB_STATE_RESTORING);
    assert_true(!l->closed || state == DB_STATE_RESTORED);
    db_close(db);
}

static void fail_at_every_call(int code, bool for_good)
{
    struct life l;
    char *path;
    long n, failed = 0;

    for (n = 0; n < 10000; n++) {
        assert_int_equal(scratch_make(), 0);
        path = scratch_path("f.db");
        disk.code = code;
        disk.for_good = for_good;
        disk.countdown = n;
        live(&l, path);
        failed += l.failures > 0;
        if (disk.countdown > 0) { /* the whole life needs fewer calls */
            scratch_clear();
            break;
        }
        disk.countdown = -1;
        check_after(&l, path);
        scratch_clear();
    }
    disk.countdown = -1;
    fprintf(stderr, "%ld places to fail, %ld lives noticed\n", n, failed);
    assert_true(n > 20 && n < 10000 && failed > 10);
}

static void one_failing_write(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_IOERR, false);
}

static void a_disk_that_dies(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_IOERR, true);
}

static void one_full_moment(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_FULL, false);
}

static void a_disk_that_stays_full(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_FULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failing_write),
        cmocka_unit_test(a_disk_that_dies),
        cmocka_unit_test(one_full_moment),
        cmocka_unit_test(a_disk_that_stays_full),
    };
    return cmocka_run_group_tests(tests, set_up_disk, tear_down_disk);
}
