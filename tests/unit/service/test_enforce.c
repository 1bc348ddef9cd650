/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "enforce_test.h"
#include "store/db_events.h"

static void disabled_and_enabled_at_its_time(void **state)
{
    struct enforce_view v;

    (void)state;
    assert_int_equal(b->recovered, 1);
    b->line.delay_us = 30000;
    assert_int_equal(punish(3, 900 * SEC), ERR_OK);
    assert_int_equal(punish(3, 900 * SEC), ERR_EXISTS);
    assert_int_equal(enforce_find(b->e, 3, &v), ERR_OK);
    assert_string_equal(v.state, "waiting");
    bed_wait(b, 2 * SEC);
    assert_int_equal(b->applied, 1);
    assert_int_equal(user(3)->status, PANEL_STATUS_DISABLED);
    assert_string_equal(state_of(3), "applied");
    assert_true(b->last.due_us - b->last.applied_us == 900 * SEC);
    assert_int_equal(enforce_find(b->e, 3, &v), ERR_OK);
    assert_string_equal(v.state, "disabled");
    assert_int_equal(enforce_count(b->e), 1);
    assert_true(enforce_next_due(b->e) == b->last.due_us);
    bed_wait(b, b->last.due_us - b->panel.now_us - SEC);
    assert_int_equal(b->restored, 0);
    bed_wait(b, 3 * SEC);
    assert_int_equal(b->restored, 1);
    assert_int_equal(b->last.why, ENFORCE_WHY_DUE);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(3), "restored");
    assert_int_equal(enforce_find(b->e, 3, &v), ERR_NOT_FOUND);
    assert_true(enforce_next_due(b->e) == INT64_MAX);
    assert_int_equal(user(3)->disables, 1);
    b->line.delay_us = 0;
    disable(3, 10 * SEC); /* and again for another verdict */
    bed_wait(b, 12 * SEC);
    assert_int_equal(b->restored, 2);
}

static void groups_come_back_exactly(void **state)
{
    int64_t before[FP_GROUPS];

    (void)state;
    use_groups(0);
    memcpy(before, user(7)->groups, sizeof(before));
    assert_int_equal(user(7)->n_groups, 3);
    disable(7, 60 * SEC);
    assert_true(b->last.by_group && fp_is_moved(user(7)));
    assert_int_equal(user(7)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->restored, 1);
    assert_int_equal(user(7)->n_groups, 3);
    assert_memory_equal(user(7)->groups, before, 3 * sizeof(before[0]));
    /* A user without groups gets the status method. */
    user(8)->n_groups = 0;
    disable(8, 60 * SEC);
    assert_false(b->last.by_group);
    assert_int_equal(user(8)->status, PANEL_STATUS_DISABLED);
    /* One who is in the group of disabled users already has nothing to give back. */
    user(9)->groups[0] = FP_DISABLED_GROUP;
    user(9)->n_groups = 1;
    assert_int_equal(punish(9, 60 * SEC), ERR_OK);
    bed_settle(b);
    assert_int_equal(b->last.why, ENFORCE_WHY_NOT_ACTIVE);
}

static void deleted_groups_are_left_out(void **state)
{
    (void)state;
    use_groups(2);
    user(7)->groups[0] = 5;
    user(7)->groups[1] = 3;
    user(7)->n_groups = 2;
    disable(7, 60 * SEC);
    fp_delete_group(&b->panel, 5);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.kind, ENFORCE_RESTORED);
    assert_int_equal(user(7)->n_groups, 1);
    assert_int_equal(user(7)->groups[0], 3);
    /* All gone: the fallback group. */
    disable(7, 60 * SEC);
    fp_delete_group(&b->panel, 3);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->restored, 2);
    assert_int_equal(user(7)->groups[0], 2);
    /* Our own group deleted meanwhile leaves him without any: he gets his own back. */
    disable(7, 60 * SEC);
    fp_delete_group(&b->panel, FP_DISABLED_GROUP);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->restored, 3);
    assert_int_equal(user(7)->groups[0], 2);
    /* Nothing left and no fallback: tried for ever, and told. */
    b->panel.group_gone[FP_DISABLED_GROUP] = false;
    use_groups(0);
    disable(7, 60 * SEC);
    fp_delete_group(&b->panel, 2);
    bed_wait(b, 75 * SEC);
    assert_int_equal(b->failing, 1);
    assert_non_null(strstr(b->text, "fallback_group_id"));
    use_groups(1);
    bed_wait(b, 400 * SEC);
    assert_int_equal(b->restored, 4);
    assert_int_equal(user(7)->groups[0], 1);
}

/* Deleted while he was in the group: others who wait for the panel's groups do not hurry him. */
static void who_is_gone_is_looked_for_seldom(void **state)
{
    long reads;
    int i;

    (void)state;
    use_groups(0);
    disable(6, 60 * SEC);
    user(6)->exists = false;
    reads = b->panel.reads;
    for (i = 0; i < 60; i++) {
        bed_wait(b, 20 * SEC);
        enforce_retry_groups(b->e);
    }
    assert_in_range(b->panel.reads - reads, 5, 20);
    assert_in_range(b->failing, 1, 2);
    bed_wait(b, 3900 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_GONE);
}

static void only_active_users_are_disabled(void **state)
{
    static const enum panel_status other[] = {PANEL_STATUS_DISABLED, PANEL_STATUS_LIMITED,
                                              PANEL_STATUS_EXPIRED, PANEL_STATUS_ON_HOLD,
                                              PANEL_STATUS_UNKNOWN};
    int i;

    (void)state;
    for (i = 0; i < 5; i++) {
        user(2)->status = other[i];
        assert_int_equal(punish(2, 60 * SEC), ERR_OK);
        bed_wait(b, SEC);
        assert_int_equal(b->refused, i + 1);
        assert_int_equal(b->last.why, ENFORCE_WHY_NOT_ACTIVE);
        assert_int_equal(b->last.row_id, 0);
    }
    user(2)->exists = false;
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    bed_settle(b);
    assert_int_equal(b->last.why, ENFORCE_WHY_GONE);
    b->refuse = ERR_REFUSED;
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_settle(b);
    assert_int_equal(b->last.why, ENFORCE_WHY_NOT_WANTED);
    assert_string_equal(b->text, "excepted");
    assert_int_equal(b->panel.calls, 0);
    assert_string_equal(state_of(2), "none");
}

static void a_verdict_is_carried_out_once(void **state)
{
    struct enforce_case c = bed_case(b, 4, 10 * SEC);
    struct err err;

    (void)state;
    assert_int_equal(enforce_punish(b->e, &c, &err), ERR_OK);
    bed_wait(b, 20 * SEC);
    assert_int_equal(b->restored, 1);
    assert_int_equal(enforce_punish(b->e, &c, &err), ERR_OK);
    bed_wait(b, 20 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_REPEATED);
    restart();
    assert_int_equal(enforce_punish(b->e, &c, &err), ERR_OK);
    bed_wait(b, 20 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_REPEATED);
    assert_int_equal(user(4)->disables, 1);
    c.duration_us = -1;
    assert_int_equal(enforce_punish(b->e, &c, &err), ERR_INVALID);
}

static void what_others_did_meanwhile_decides(void **state)
{
    (void)state;
    disable(1, 60 * SEC); /* enabled by an admin */
    fp_admin_toggle(&b->panel, user(1), false);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_ENABLED);
    assert_string_equal(state_of(1), "superseded");
    assert_int_equal(user(1)->enables, 0);
    disable(2, 60 * SEC); /* disabled again by an admin: stays disabled */
    bed_wait(b, SEC);
    fp_admin_status(&b->panel, user(2), PANEL_STATUS_DISABLED);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_DISABLED_AGAIN);
    assert_int_equal(user(2)->status, PANEL_STATUS_DISABLED);
    disable(3, 60 * SEC); /* edited: enabled, and told what */
    bed_wait(b, SEC);
    fp_admin_note(&b->panel, user(3), "paid \"late\"\nnow");
    user(3)->expire_us = BED_T0 + 86400 * SEC;
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.kind, ENFORCE_RESTORED);
    assert_non_null(strstr(b->text, "note, expire"));
    disable(4, 60 * SEC); /* expired: the panel says so */
    fp_admin_status(&b->panel, user(4), PANEL_STATUS_EXPIRED);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.kind, ENFORCE_SUPERSEDED);
    disable(5, 60 * SEC); /* the id belongs to someone else now */
    user(5)->created_us += SEC;
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_STRANGER);
    assert_int_equal(user(5)->status, PANEL_STATUS_DISABLED);
    disable(6, 60 * SEC); /* gone: believed after an hour */
    user(6)->exists = false;
    bed_wait(b, 600 * SEC);
    assert_int_equal(b->failing, 1);
    assert_int_equal(enforce_count(b->e), 1);
    bed_wait(b, 3900 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_GONE);
    assert_int_equal(b->failing, 1); /* not told again in that hour */
    use_groups(0);
    disable(7, 60 * SEC); /* groups changed by an admin */
    fp_admin_groups(&b->panel, user(7), (int64_t[]){1, FP_DISABLED_GROUP}, 2);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_GROUPS_CHANGED);
    assert_int_equal(user(7)->n_groups, 2);
    disable(9, 60 * SEC); /* disabled besides: his groups come back, he stays disabled */
    bed_wait(b, SEC);
    fp_admin_status(&b->panel, user(9), PANEL_STATUS_DISABLED);
    bed_wait(b, 62 * SEC);
    assert_int_equal(b->last.kind, ENFORCE_RESTORED);
    assert_non_null(strstr(b->text, "disabled the user besides"));
    assert_int_equal(user(9)->status, PANEL_STATUS_DISABLED);
    assert_false(fp_is_moved(user(9)));
    assert_string_equal(b->panel.offence, "");
}

static void seen_otherwise_supersedes_at_once(void **state)
{
    struct panel_user u;
    char raw[200];

    (void)state;
    disable(1, 600 * SEC);
    fp_show(user(1), &u, raw, sizeof(raw));
    u.status = PANEL_STATUS_ACTIVE; /* a page asked for before he was disabled */
    enforce_seen(b->e, &u, b->last.applied_us - 1);
    bed_settle(b);
    assert_int_equal(b->superseded, 0);
    enforce_seen(b->e, &u, b->panel.now_us + 1);
    bed_settle(b);
    assert_int_equal(b->superseded, 1);
    assert_int_equal(enforce_count(b->e), 0);
    /* Enabled and disabled again by toggles, which leave no trace: seen in between, he stays disabled. */
    bed_wait(b, 700 * SEC);
    assert_int_equal(user(1)->status, PANEL_STATUS_DISABLED);
}

static struct enforce_told told[64];
static int n_told, n_ends;

static void on_told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    if (t)
        told[n_told++] = *t;
    else
        n_ends++;
}

static void release(const struct enforce_release *what)
{
    n_told = n_ends = 0;
    assert_int_equal(enforce_release(b->e, what, on_told, NULL), ERR_OK);
}

static void enabled_by_hand(void **state)
{
    struct enforce_release what = {.ids = (int64_t[]){1, 99}, .n = 2, .who = SLICE("cli")};
    struct err err;
    int64_t n, early;

    (void)state;
    disable(1, 0); /* until enabled by hand */
    assert_true(b->last.due_us == STAMP_NONE);
    bed_wait(b, 3600 * SEC);
    assert_int_equal(enforce_count(b->e), 1);
    release(&what);
    assert_int_equal(n_told, 1);
    assert_int_equal(told[0].result, ENFORCE_NOT_DISABLED);
    assert_int_equal(n_ends, 0);
    bed_settle(b);
    assert_int_equal(n_told, 2);
    assert_int_equal(told[1].result, ENFORCE_ENABLED);
    assert_int_equal(n_ends, 1);
    assert_int_equal(b->last.why, ENFORCE_WHY_BY_HAND);
    assert_int_equal(db_violations_count(b->db, 1, 0, &n, &err), 0);
    assert_int_equal(n, 1);
    disable(2, 600 * SEC);
    bed_wait(b, 100 * SEC);
    early = b->panel.now_us;
    disable(3, 600 * SEC);
    disable(4, 600 * SEC);
    bed_wait(b, SEC);
    fp_admin_status(&b->panel, user(3), PANEL_STATUS_DISABLED); /* a person decides */
    fp_admin_toggle(&b->panel, user(4), false);
    what = (struct enforce_release){.all = true, .since_us = early, .forgive = true};
    release(&what);
    bed_settle(b);
    assert_int_equal(n_told, 2);
    assert_int_equal(told[0].result, ENFORCE_ENABLED);
    assert_int_equal(told[1].result, ENFORCE_LEFT);
    assert_int_equal(user(2)->status, PANEL_STATUS_DISABLED);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    assert_int_equal(db_violations_count(b->db, 3, 0, &n, &err), 0);
    assert_int_equal(n, 0);
    /* The panel is away: told so, and done later, even by the next process. */
    b->panel.down = true;
    what = (struct enforce_release){.all = true, .who = SLICE("cli")};
    release(&what);
    bed_wait(b, 5 * SEC);
    assert_int_equal(told[0].result, ENFORCE_FAILED);
    assert_int_equal(n_ends, 1);
    restart();
    assert_string_equal(state_of(2), "restoring");
    b->panel.down = false;
    bed_wait(b, 310 * SEC);
    assert_int_equal(user(2)->status, PANEL_STATUS_ACTIVE);
    assert_string_equal(state_of(2), "restored");
    b->panel.offence[0] = '\0'; /* that was user 3, on purpose */
}

static char state_when_told[64];

static void look_when_told(void *arg, const struct enforce_told *t)
{
    on_told(arg, t);
    if (t)
        snprintf(state_when_told, sizeof(state_when_told), "%s", state_of(t->user_id));
}

/* Who is told asks at once who is still disabled: not this one. A full disk holds back no answer. */
static void an_answer_comes_after_the_row_is_closed(void **state)
{
    struct enforce_release what = {.all = true, .who = SLICE("cli")};

    (void)state;
    disable(1, 900 * SEC);
    n_told = n_ends = 0;
    assert_int_equal(enforce_release(b->e, &what, look_when_told, NULL), ERR_OK);
    bed_settle(b);
    assert_int_equal(n_told, 1);
    assert_int_equal(told[0].result, ENFORCE_ENABLED);
    assert_string_equal(state_when_told, "restored");
    disable(2, 900 * SEC);
    b->store_rc = ERR_IO;
    assert_int_equal(enforce_release(b->e, &what, look_when_told, NULL), ERR_OK);
    bed_wait(b, 2 * SEC);
    assert_int_equal(n_told, 2);
    assert_int_equal(told[1].result, ENFORCE_ENABLED);
    assert_int_equal(user(2)->status, PANEL_STATUS_ACTIVE);
    assert_string_not_equal(state_when_told, "restored");
    b->store_rc = 0;
    bed_wait(b, 60 * SEC);
    assert_string_equal(state_of(2), "restored");
    assert_int_equal(n_told, 2);
    assert_int_equal(n_ends, 2);
}

static void a_case_not_carried_out_yet_is_dropped(void **state)
{
    struct enforce_release what = {.all = true};

    (void)state;
    b->store_slow = true;
    assert_int_equal(punish(1, 60 * SEC), ERR_OK); /* being read */
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    fp_pump(&b->line); /* both rows are being written */
    release(&what);
    assert_int_equal(n_told, 0);
    b->store_slow = false;
    bed_settle(b);
    assert_int_equal(n_told, 2);
    assert_int_equal(told[0].result, ENFORCE_NOT_DISABLED);
    assert_int_equal(n_ends, 1);
    assert_int_equal(b->refused, 2);
    assert_int_equal(b->panel.calls, 0);
    assert_string_equal(state_of(1), "cancelled");
    b->panel.down = true;
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_wait(b, 3 * SEC);
    enforce_drop_waiting(b->e);
    assert_int_equal(b->refused, 3);
    assert_int_equal(b->last.why, ENFORCE_WHY_RELEASED);
}

static void held_nothing_is_changed(void **state)
{
    (void)state;
    disable(1, 60 * SEC);
    enforce_hold(b->e, true);
    assert_int_equal(punish(2, 60 * SEC), ERR_OK);
    bed_wait(b, 300 * SEC);
    assert_int_equal(b->panel.calls, 1);
    enforce_hold(b->e, false);
    bed_wait(b, 5 * SEC);
    assert_int_equal(b->restored, 1);
    assert_int_equal(b->applied, 2);
}

static int list_kind(void *arg, const struct db_event *r)
{
    char *text = arg;
    size_t n = strlen(text);

    snprintf(text + n, 512 - n, "%.*s/%.*s: %.*s\n", (int)r->kind.n, r->kind.p, (int)r->who.n,
             r->who.p, (int)r->what.n, r->what.p);
    return 0;
}

static void the_timeline_tells_it(void **state)
{
    struct enforce_release what = {.ids = (int64_t[]){1},
                                   .n = 1,
                                   .forgive = true,
                                   .who = SLICE("cli")};
    struct db_event_filter f = {.user_id = 1};
    char text[512] = "";
    struct err err;

    (void)state;
    disable(1, 900 * SEC);
    release(&what);
    bed_settle(b);
    assert_int_equal(db_events_each(b->db, &f, list_kind, text, &err), 0);
    assert_string_equal(text, "enabled/cli: enabled by hand\n"
                              "forgiven/cli: violations forgiven since this verdict\n"
                              "disabled/pg-limiter: disabled for 15 min: 5 devices, limit 2\n");
}

/* The app calls from within events and answers. */
static void again(struct bed *bed, const struct enforce_event *ev)
{
    struct enforce_release what = {.all = true};
    struct enforce_case c = bed_case(bed, 1, 60 * SEC);
    struct err err;

    if (ev->kind == ENFORCE_APPLIED && ev->user_id == 1)
        assert_int_equal(enforce_release(bed->e, &what, on_told, NULL), ERR_OK);
    if (ev->kind == ENFORCE_RESTORED && bed->restored < 5) {
        bed->panel.now_us += 1000;
        c.verdict_us = bed->panel.now_us;
        assert_int_equal(enforce_punish(bed->e, &c, &err), ERR_OK);
    }
}

static void calls_from_within_events(void **state)
{
    (void)state;
    n_told = n_ends = 0;
    b->on_event = again;
    assert_int_equal(punish(1, 60 * SEC), ERR_OK);
    bed_wait(b, 10 * SEC);
    assert_int_equal(b->restored, 5);
    assert_int_equal(n_told, 5);
    assert_int_equal(n_ends, 5);
    assert_int_equal(enforce_count(b->e), 0);
}

/* Disabled while the clock was ten years ahead: enabled when it is set right, now or after a restart. */
static void a_clock_that_was_ahead(void **state)
{
    const int64_t ahead_us = INT64_C(10) * 365 * 86400 * SEC;

    (void)state;
    b->panel.now_us += ahead_us;
    disable(3, 900 * SEC);
    disable(4, 900 * SEC);
    assert_int_equal(b->applied, 2);
    b->panel.now_us -= ahead_us;
    bed_wait(b, 2 * SEC);
    assert_int_equal(b->restored, 2);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    b->panel.now_us += ahead_us;
    disable(5, 900 * SEC);
    bed_kill(b);
    b->panel.now_us -= ahead_us;
    assert_int_equal(bed_start(b), ERR_OK);
    bed_wait(b, 5 * SEC);
    assert_int_equal(user(5)->status, PANEL_STATUS_ACTIVE);
    bed_wait(b, 60 * SEC);
    assert_string_equal(state_of(5), "restored");
    /* A correction of some minutes changes nothing but the length. */
    disable(6, 900 * SEC);
    b->panel.now_us -= 300 * SEC;
    bed_wait(b, 60 * SEC);
    assert_int_equal(user(6)->status, PANEL_STATUS_DISABLED);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(disabled_and_enabled_at_its_time),
        T(groups_come_back_exactly),
        T(deleted_groups_are_left_out),
        T(who_is_gone_is_looked_for_seldom),
        T(only_active_users_are_disabled),
        T(a_verdict_is_carried_out_once),
        T(what_others_did_meanwhile_decides),
        T(seen_otherwise_supersedes_at_once),
        T(enabled_by_hand),
        T(an_answer_comes_after_the_row_is_closed),
        T(a_case_not_carried_out_yet_is_dropped),
        T(held_nothing_is_changed),
        T(the_timeline_tells_it),
        T(calls_from_within_events),
        T(a_clock_that_was_ahead),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
