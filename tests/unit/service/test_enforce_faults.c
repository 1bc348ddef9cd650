/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "enforce_test.h"

static enum fp_fate fates[FP_REVOKE + 1]; /* by kind */

static enum fp_fate fate(void *ctx, enum fp_kind kind, int64_t id)
{
    (void)ctx;
    (void)id;
    return fates[kind];
}

static void a_lost_answer_is_found_out(void **state)
{
    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    fates[FP_DISABLE] = FP_LOST_AFTER; /* done: ours */
    assert_int_equal(punish(1, 60 * SEC), ERR_OK);
    bed_wait(b, 5 * SEC);
    assert_int_equal(b->applied, 1);
    fates[FP_DISABLE] = FP_LOST_BEFORE; /* not done: closed, and never tried again */
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    bed_wait(b, 55 * SEC);
    assert_int_equal(b->refused, 0);
    bed_wait(b, 20 * SEC);
    assert_int_equal(b->refused, 1);
    assert_int_equal(b->last.why, ENFORCE_WHY_NOT_DONE);
    assert_string_equal(state_of(2), "cancelled");
    fates[FP_DISABLE] = FP_LATE_DONE; /* done long after: found out, and undone in time */
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_wait(b, 10 * SEC);
    assert_int_equal(user(3)->disables, 0);
    bed_wait(b, 30 * SEC);
    assert_int_equal(user(3)->disables, 1);
    assert_string_equal(state_of(3), "applied");
    fates[FP_DISABLE] = FP_NO; /* a clear no */
    assert_int_equal(punish(4, 60 * SEC), ERR_OK);
    bed_wait(b, SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_PANEL_REFUSED);
    assert_non_null(strstr(b->text, "users.update"));
    fates[FP_DISABLE] = FP_ERROR; /* done, answered with rubbish */
    assert_int_equal(punish(5, 60 * SEC), ERR_OK);
    bed_wait(b, 5 * SEC);
    assert_string_equal(state_of(5), "applied");
    bed_wait(b, 200 * SEC);
    assert_int_equal(b->restored, 3);
    fates[FP_DISABLE] = FP_OK;
    fates[FP_ENABLE] = FP_LOST_AFTER; /* enabled, unheard: restored, not superseded */
    disable(6, 10 * SEC);
    bed_wait(b, 15 * SEC);
    assert_int_equal(b->restored, 4);
    assert_int_equal(user(6)->enables, 1);
}

/*
 * Disabled by another hand while our call was on its way: taken for ours, so given back when due; the
 * call that lands after that finds the row still open.
 */
static void a_call_landing_after_the_restore_is_undone(void **state)
{
    int old;

    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    for (old = 0; old < 2; old++) {
        b->panel.old = old;
        fates[FP_DISABLE] = FP_LATE_DONE; /* 20 s later */
        assert_int_equal(punish(1, 5 * SEC), ERR_OK);
        bed_settle(b);
        fp_admin_toggle(&b->panel, user(1), true);
        user(1)->traced = false;
        bed_wait(b, 10 * SEC);
        assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
        bed_wait(b, 12 * SEC);
        assert_int_equal(user(1)->status, PANEL_STATUS_DISABLED);
        bed_wait(b, 60 * SEC);
        assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
        assert_string_equal(state_of(1), "restored");
    }
}

static int n_told, n_ends;
static enum enforce_result told_last;

static void on_told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    n_ends += t == NULL;
    n_told += t != NULL;
    if (t)
        told_last = t->result;
}

/* Who asks for a user in doubt is told at once that he is active; a call that lands late is undone. */
static void nobody_waits_for_a_lost_call(void **state)
{
    struct enforce_release what = {.all = true, .who = SLICE("cli")};

    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    fates[FP_DISABLE] = FP_LATE_DONE; /* 20 s later */
    assert_int_equal(punish(1, 600 * SEC), ERR_OK);
    bed_wait(b, 3 * SEC);
    n_told = n_ends = 0;
    assert_int_equal(enforce_release(b->e, &what, on_told, NULL), ERR_OK);
    bed_wait(b, SEC);
    assert_int_equal(n_ends, 1);
    assert_int_equal(told_last, ENFORCE_NOT_DISABLED);
    assert_string_equal(state_of(1), "intended");
    bed_wait(b, 30 * SEC);
    assert_int_equal(user(1)->disables, 1);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 60 * SEC);
    assert_string_equal(state_of(1), "restored");
    /* With the panel away since, there is an answer as well, and within the bound. */
    fates[FP_DISABLE] = FP_LOST_AFTER;
    for (int64_t id = 2; id <= 9; id++)
        assert_int_equal(punish(id, 600 * SEC), ERR_OK);
    bed_settle(b);
    b->panel.down = true;
    n_told = n_ends = 0;
    assert_int_equal(enforce_release(b->e, &what, on_told, NULL), ERR_OK);
    bed_wait(b, 31 * SEC);
    assert_int_equal(n_ends, 1);
    assert_int_equal(n_told, 8);
    assert_int_equal(told_last, ENFORCE_FAILED);
    b->panel.down = false;
    bed_wait(b, 310 * SEC);
    for (int64_t id = 2; id <= 9; id++)
        assert_int_equal(user(id)->status, PANEL_STATUS_ACTIVE);
}

/* A panel that hangs for longer than a call is waited for, and does what waited in it when it is back. */
static void a_call_that_waited_in_a_hanging_panel(void **state)
{
    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    fates[FP_DISABLE] = FP_LATE_DONE;
    assert_int_equal(punish(1, 600 * SEC), ERR_OK);
    bed_wait(b, SEC);
    b->panel.down = true;
    fp_put_off(&b->panel, 600 * SEC + 10 * SEC);
    bed_wait(b, 600 * SEC);
    b->panel.down = false;
    bed_wait(b, 5 * SEC);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 400 * SEC);
    assert_int_equal(user(1)->disables, 1);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(1), "restored");
}

/* Groups changed while the call was lost are the ones he gets back when it lands after all. */
static void what_was_before_a_late_call_is_learnt(void **state)
{
    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    fates[FP_SET_GROUPS] = FP_LATE_DONE;
    use_groups(0);
    assert_int_equal(punish(7, 60 * SEC), ERR_OK);
    bed_wait(b, 3 * SEC);
    fp_admin_groups(&b->panel, user(7), (int64_t[]){6}, 1);
    bed_wait(b, 30 * SEC);
    assert_string_equal(state_of(7), "applied");
    fates[FP_SET_GROUPS] = FP_OK;
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(7), "restored");
    assert_int_equal(user(7)->n_groups, 1);
    assert_int_equal(user(7)->groups[0], 6);
}

/*
 * Our call got through, but the panel hung and the answer was lost; somebody gives the groups back before
 * we look. His word counts: nothing is sent again, and the row ends as his doing.
 */
static void what_was_undone_behind_a_lost_call_stays_undone(void **state)
{
    int64_t had;

    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    use_groups(0);
    fates[FP_SET_GROUPS] = FP_LOST_AFTER;
    had = user(2)->groups[0];
    assert_int_equal(punish(2, 600 * SEC), ERR_OK);
    bed_settle(b);
    assert_int_equal(user(2)->groups[0], FP_DISABLED_GROUP);
    fp_admin_groups(&b->panel, user(2), &had, 1);
    fates[FP_SET_GROUPS] = FP_OK;
    bed_wait(b, 55 * SEC);
    assert_string_equal(state_of(2),
                        "intended"); /* the call might have got lost instead, and land */
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(2), "superseded");
    assert_int_equal(b->superseded, 1);
    assert_int_equal(b->refused, 0);
    assert_int_equal(b->last.why, ENFORCE_WHY_GROUPS_CHANGED);
    assert_non_null(strstr(b->text, "did not answer our call"));
    assert_int_equal(user(2)->disables, 1);
    assert_int_equal(user(2)->groups[0], had);
    /* The same by status, where the panel moves edit_at for it; and found by the next life. */
    b->panel.old = true;
    enforce_set_policy(b->e, &(struct enforce_policy){0});
    fates[FP_DISABLE] = FP_LOST_AFTER;
    assert_int_equal(punish(5, 600 * SEC), ERR_OK);
    bed_settle(b);
    fp_admin_status(&b->panel, user(5), PANEL_STATUS_ACTIVE);
    restart();
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(5), "superseded");
    assert_int_equal(b->last.why, ENFORCE_WHY_ENABLED);
    assert_int_equal(user(5)->disables, 1);
    assert_int_equal(user(5)->status, PANEL_STATUS_ACTIVE);
    /* Seen as disabled before somebody undoes it: no later landing is waited for. */
    b->panel.old = false;
    fates[FP_DISABLE] = FP_LATE_DONE;
    assert_int_equal(punish(6, 600 * SEC), ERR_OK);
    bed_wait(b, 30 * SEC);
    assert_string_equal(state_of(6), "applied");
    fp_admin_toggle(&b->panel, user(6), false);
    restart();
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(6), "superseded");
    assert_int_equal(user(6)->disables, 1);
}

/* A call that was certainly not made is made again, unless somebody has touched the user meanwhile. */
static void a_call_is_made_again_to_who_is_as_before(void **state)
{
    int64_t other = 5;

    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    fates[FP_DISABLE] = fates[FP_SET_GROUPS] = FP_UNREACHABLE;
    assert_int_equal(punish(1, 60 * SEC), ERR_OK);
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(1), "intended");
    fates[FP_DISABLE] = FP_OK;
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(1), "applied");
    assert_int_equal(user(1)->disables, 1);
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(1), "restored");
    /* Somebody gives him other groups before the call could be made. */
    use_groups(0);
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_settle(b);
    fp_admin_groups(&b->panel, user(3), &other, 1);
    fates[FP_SET_GROUPS] = FP_OK;
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(3), "superseded");
    assert_int_equal(user(3)->groups[0], other);
    assert_int_equal(user(3)->disables, 0);
    /* Excepted meanwhile, or nobody to be reached for a minute. */
    fates[FP_SET_GROUPS] = FP_UNREACHABLE;
    assert_int_equal(punish(4, 60 * SEC), ERR_OK);
    assert_int_equal(punish(5, 60 * SEC), ERR_OK);
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(4), "cancelled");
    assert_int_equal(b->last.why, ENFORCE_WHY_NOT_DONE);
    assert_int_equal(punish(6, 60 * SEC), ERR_OK);
    bed_settle(b);
    b->refuse = ERR_REFUSED;
    fates[FP_SET_GROUPS] = FP_OK;
    bed_wait(b, 10 * SEC);
    b->refuse = 0;
    assert_string_equal(state_of(6), "cancelled");
    assert_int_equal(b->last.why, ENFORCE_WHY_NOT_WANTED);
    assert_int_equal(user(6)->disables, 0);
}

/* Given back by a call nobody heard of, and deleted since, every one: the fallback group is for that. */
static void groups_deleted_behind_a_lost_call(void **state)
{
    (void)state;
    memset(fates, 0, sizeof(fates));
    b->line.fate = fate;
    use_groups(1);
    disable(2, 5 * SEC); /* of one group */
    assert_int_equal(user(2)->n_saved, 1);
    fates[FP_SET_GROUPS] = FP_LOST_AFTER;
    bed_wait(b, 6 * SEC);
    assert_int_equal(user(2)->n_groups, 1);
    assert_int_not_equal(user(2)->groups[0], FP_DISABLED_GROUP);
    fp_delete_group(&b->panel, user(2)->groups[0]);
    assert_int_equal(user(2)->n_groups, 0);
    fates[FP_SET_GROUPS] = FP_OK;
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(2), "restored");
    assert_int_equal(user(2)->n_groups, 1);
    assert_int_equal(user(2)->groups[0], 1);
    assert_non_null(strstr(b->text, "fallback group 1"));
}

static void the_panel_away(void **state)
{
    (void)state;
    disable(1, 60 * SEC);
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    b->panel.down = true;
    bed_wait(b, 600 * SEC);
    assert_int_equal(b->applied, 1);
    assert_int_equal(user(1)->status, PANEL_STATUS_DISABLED);
    assert_int_equal(b->failing > 0, 1);
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_wait(b, 400 * SEC);
    assert_int_equal(b->last.kind, ENFORCE_REFUSED); /* the older verdict is stale by now */
    assert_int_equal(b->last.user_id, 2);
    assert_int_equal(b->last.why, ENFORCE_WHY_STALE);
    b->panel.down = false;
    bed_wait(b, 3 * SEC);
    assert_int_equal(user(1)->status, PANEL_STATUS_ACTIVE); /* no pause is sat out */
    bed_wait(b, 70 * SEC);
    assert_int_equal(b->restored, 2);
    assert_int_equal(user(3)->disables, 1);
    assert_int_equal(user(2)->disables, 0);
}

/* With many users due, a panel that is away is asked now and then, not once a user. */
static void an_away_panel_is_not_stormed(void **state)
{
    int64_t id;
    long before;

    (void)state;
    for (id = 1; id <= 20; id++)
        disable(id, 60 * SEC);
    b->panel.down = true;
    before = (long)b->panel.calls + b->panel.reads;
    bed_wait(b, 120 * SEC);
    assert_int_equal(b->panel.calls + b->panel.reads, before);
    assert_true(enforce_next_due(b->e) > b->panel.now_us);
    b->panel.down = false;
    bed_wait(b, 300 * SEC);
    assert_int_equal(b->restored, 20);
}

static int most;

static void count_calls(void *ctx, enum fp_kind kind, const struct fp_user *u)
{
    struct bed *bed = ctx;

    (void)kind;
    (void)u;
    if (fp_under_way(&bed->line) + 1 > most)
        most = fp_under_way(&bed->line) + 1;
}

static void calls_at_once_are_bounded(void **state)
{
    int64_t id;

    (void)state;
    most = 0;
    b->line.ctx = b;
    b->line.sending = count_calls;
    b->line.delay_us = 100000;
    for (id = 1; id <= 20; id++)
        assert_int_equal(punish(id, 60 * SEC), ERR_OK);
    bed_wait(b, 30 * SEC);
    assert_int_equal(b->applied, 20);
    assert_true(most >= 2 && most <= LIMIT_PANEL_CALLS);
    bed_wait(b, 90 * SEC);
    assert_int_equal(b->restored, 20);
}

static void nobody_is_touched_without_a_row(void **state)
{
    (void)state;
    b->store_rc = ERR_FULL;
    assert_int_equal(punish(1, 60 * SEC), ERR_OK);
    bed_wait(b, 100 * SEC);
    assert_int_equal(b->panel.calls, 0);
    assert_int_equal(b->store_failing, 1);
    assert_non_null(strstr(b->text, "no room"));
    b->store_rc = 0;
    bed_wait(b, 200 * SEC);
    assert_int_equal(b->store_back, 1);
    assert_int_equal(b->applied, 1);
    /* The disk fills up between row and answer, and stays full: enabled in time all the same. */
    b->store_slow = true;
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    fp_pump(&b->line);
    assert_true(bed_store_one(b));
    assert_string_equal(state_of(2), "intended");
    b->store_slow = false;
    b->store_rc = ERR_FULL;
    bed_wait(b, 5 * SEC);
    assert_int_equal(user(2)->status, PANEL_STATUS_DISABLED);
    assert_string_equal(state_of(2), "intended");
    bed_wait(b, 300 * SEC);
    assert_int_equal(user(2)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(2), "intended");
    b->store_rc = 0;
    bed_wait(b, 310 * SEC);
    assert_string_equal(state_of(2), "restored");
    /* And full when he is due. */
    disable(3, 60 * SEC);
    b->store_rc = ERR_FULL;
    bed_wait(b, 70 * SEC);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(3), "applied");
    restart(); /* which, too, does no harm */
    b->store_rc = 0;
    bed_wait(b, 310 * SEC);
    assert_string_equal(state_of(3), "superseded");
    assert_int_equal(enforce_count(b->e), 0);
}

/* Every way a process may die between two steps, and what the next one makes of it. */
static void the_next_process_finds_out(void **state)
{
    (void)state;
    b->store_slow = true;
    assert_int_equal(punish(1, 60 * SEC), ERR_OK);
    fp_pump(&b->line);
    bed_store_one(b); /* intended; the call is not sent yet */
    b->store_slow = false;
    restart();
    assert_string_equal(state_of(1), "intended");
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(1), "cancelled");
    assert_int_equal(user(1)->disables, 0);
    assert_int_equal(b->last.why, ENFORCE_WHY_NOT_DONE);
    b->store_slow = true;
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    fp_pump(&b->line);
    bed_store_one(b);
    fp_pump(&b->line); /* disabled, `applied` never written */
    b->store_slow = false;
    restart();
    assert_string_equal(state_of(2), "applied");
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(2), "restored");
    disable(3, 600 * SEC); /* applied: unchanged, or changed meanwhile */
    disable(4, 600 * SEC);
    restart();
    assert_int_equal(enforce_count(b->e), 2);
    bed_kill(b);
    fp_admin_toggle(&b->panel, user(4), false);
    assert_int_equal(bed_start(b), 0);
    bed_wait(b, 62 * SEC); /* a call that got lost might still land */
    assert_string_equal(state_of(3), "applied");
    assert_string_equal(state_of(4), "superseded");
    bed_kill(b);
    b->panel.now_us += 3600 * SEC; /* due while nobody was there */
    assert_int_equal(bed_start(b), 0);
    bed_wait(b, 2 * SEC);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(3), "restored");
    disable(5, 10 * SEC);
    b->store_slow = true;
    b->panel.now_us += 11 * SEC;
    enforce_run(b->e);
    bed_store_one(b);  /* restoring */
    fp_pump(&b->line); /* read */
    fp_pump(&b->line); /* enabled; the end is never written */
    assert_int_equal(user(5)->status, PANEL_STATUS_ACTIVE);
    b->store_slow = false;
    restart();
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(5), "restored");
    assert_int_equal(user(5)->enables, 1);
}

static void nobody_is_disabled_before_the_rows_are_compared(void **state)
{
    (void)state;
    disable(1, 600 * SEC);
    bed_kill(b);
    b->panel.down = true;
    b->recovered = 0;
    assert_int_equal(bed_start(b), 0);
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    bed_wait(b, 100 * SEC);
    assert_int_equal(b->recovered, 0);
    b->panel.down = false;
    bed_wait(b, 200 * SEC);
    assert_int_equal(b->recovered, 1);
    assert_int_equal(user(2)->disables, 1);
    assert_int_equal(user(1)->disables, 1);
    /* A case for a user whose row has not been read yet gives way to the row. */
    bed_kill(b);
    assert_int_equal(bed_start(b), 0);
    b->refused = 0;
    assert_int_equal(punish(1, 60 * SEC), ERR_OK);
    bed_wait(b, SEC);
    assert_int_equal(b->refused, 1);
    assert_string_equal(state_of(1), "applied");
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_lost_answer_is_found_out),
        T(a_call_landing_after_the_restore_is_undone),
        T(nobody_waits_for_a_lost_call),
        T(a_call_that_waited_in_a_hanging_panel),
        T(what_was_before_a_late_call_is_learnt),
        T(what_was_undone_behind_a_lost_call_stays_undone),
        T(a_call_is_made_again_to_who_is_as_before),
        T(groups_deleted_behind_a_lost_call),
        T(the_panel_away),
        T(an_away_panel_is_not_stormed),
        T(calls_at_once_are_bounded),
        T(nobody_is_touched_without_a_row),
        T(the_next_process_finds_out),
        T(nobody_is_disabled_before_the_rows_are_compared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
