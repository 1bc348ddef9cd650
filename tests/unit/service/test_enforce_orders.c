/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "enforce_test.h"
#include "service/enforce/enforce_note.h"

/* Revoking, orders of persons, adopting, and the mark in the panel's note. */

static int told_rc, told_n;
static char told_text[300];

static void told(void *arg, int rc, const char *text, const struct enforce_view *view)
{
    (void)arg;
    told_n++;
    told_rc = rc;
    snprintf(told_text, sizeof(told_text), "%s", text);
    assert_int_equal(rc == ERR_OK, view != NULL);
}

static int order(int64_t id, int64_t duration_us, bool revoke)
{
    struct enforce_case c = bed_case(b, id, duration_us);
    struct err err = {0};

    c.ordered_by = SLICE("cli");
    c.revoke = revoke;
    c.told = told;
    told_n = 0;
    told_rc = 99;
    told_text[0] = '\0';
    return enforce_punish(b->e, &c, &err);
}

static void use_note(bool by_group)
{
    struct enforce_policy p = {by_group, FP_DISABLED_GROUP, 1, true};

    enforce_set_policy(b->e, &p);
    b->opts.policy = p;
}

static enum fp_fate lost_after_fate(void *ctx, enum fp_kind kind, int64_t id)
{
    (void)id;
    return kind == (enum fp_kind)(*(int *)ctx & 0xff) ? (enum fp_fate)(*(int *)ctx >> 8) : FP_OK;
}

/* The next calls of that kind end so. */
static void let_fail(int *how, enum fp_kind kind, enum fp_fate fate)
{
    *how = (int)kind | (int)fate << 8;
    b->line.ctx = how;
    b->line.fate = lost_after_fate;
}

static void nobody(void *arg, const struct enforce_told *t)
{
    (void)arg;
    (void)t;
}

static void enable(int64_t id)
{
    struct enforce_release what = {.ids = &id, .n = 1, .who = SLICE("cli")};

    assert_int_equal(enforce_release(b->e, &what, nobody, NULL), ERR_OK);
    bed_settle(b);
}

static struct slice with(const char *note, const char *mark, struct buf *out, int *ret_rc)
{
    buf_clear(out);
    *ret_rc = note_with(slice_of(note), slice_of(mark), out);
    return buf_slice(out);
}

static void a_note_loses_nothing_but_the_mark(void **state)
{
    static const char mark[] = "[pg-limiter until 12:15]";
    static const struct {
        const char *note, *without;
    } cases[] = {
        {"[pg-limiter until 12:15]", ""},
        {"vip [pg-limiter until 12:15]", "vip"},
        {"vip [pg-limiter until 12:15] paid", "vip paid"},
        {"[pg-limiter until 12:15] paid", "paid"},
        {"vip\n[pg-limiter until 12:15]", "vip\n"},
        {"vip [pg-limiter until 12:16]", "vip [pg-limiter until 12:16]"},
        {"vip [pg-limiter until", "vip [pg-limiter until"},
    };
    char longest[600];
    struct buf out;
    size_t i;
    int rc;

    (void)state;
    buf_init(&out, 4096);
    for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        buf_clear(&out);
        note_without(slice_of(cases[i].note), slice_of(mark), &out);
        assert_string_equal(buf_str(&out), cases[i].without);
    }
    assert_true(slice_eq(with("vip", mark, &out, &rc), SLICE("vip [pg-limiter until 12:15]")));
    /* One that was left behind makes room for the new one. */
    assert_true(slice_eq(with("vip [pg-limiter until 09:00] paid", mark, &out, &rc),
                         SLICE("vip paid [pg-limiter until 12:15]")));
    memset(longest, 'x', sizeof(longest));
    longest[500 - strlen(mark) - 1] = '\0';
    with(longest, mark, &out, &rc);
    assert_int_equal(rc, ERR_OK);
    longest[500 - strlen(mark) - 1] = 'x';
    longest[500 - strlen(mark)] = '\0';
    with(longest, mark, &out, &rc);
    assert_int_equal(rc, ERR_TOO_BIG);
    /* Characters, not bytes. */
    for (i = 0; i < 238; i++)
        memcpy(longest + 2 * i, "\xc3\xa9", 2);
    longest[2 * i] = '\0';
    with(longest, mark, &out, &rc);
    assert_int_equal(rc, ERR_OK);
    buf_release(&out);
}

static void the_mark_comes_and_goes(void **state)
{
    int by_group, old;

    (void)state;
    for (by_group = 0; by_group < 2; by_group++) {
        for (old = 0; old < 2; old++) {
            long calls = b->panel.calls;

            b->panel.old = old;
            use_note(by_group);
            fp_admin_note(&b->panel, user(3), "vip");
            disable(3, 60 * SEC);
            assert_non_null(strstr(user(3)->note, "vip [pg-limiter until "));
            /* One call where the panel's has room for both. */
            assert_int_equal(b->panel.calls - calls, by_group || old ? 1 : 2);
            fp_admin_add_note(&b->panel, user(3), "paid");
            bed_wait(b, 62 * SEC);
            assert_string_equal(state_of(3), "restored");
            assert_string_equal(user(3)->note, "vip paid");
            assert_non_null(strstr(b->text, "note"));
            assert_false(fp_is_moved(user(3)));
        }
    }
    /* Restored without a word of others' edits when there were none. */
    disable(3, 60 * SEC);
    bed_wait(b, 62 * SEC);
    assert_null(strstr(b->text, "changed"));
    assert_string_equal(user(3)->note, "vip paid");
}

static void no_room_no_mark(void **state)
{
    char note[FP_NOTE];

    (void)state;
    use_note(true);
    memset(note, 'x', sizeof(note));
    note[sizeof(note) - 1] = '\0';
    fp_admin_note(&b->panel, user(3), note);
    disable(3, 60 * SEC);
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(3), "restored");
}

static void the_mark_goes_when_others_take_over(void **state)
{
    (void)state;
    use_note(false);
    disable(3, 600 * SEC);
    fp_admin_toggle(&b->panel, user(3), false);
    restart();
    bed_wait(b, 70 * SEC); /* as long as a lost call might still land */
    assert_string_equal(state_of(3), "superseded");
    assert_string_equal(user(3)->note, "");
    /* Disabled again by another one: stays so, without our name on it. */
    disable(4, 60 * SEC);
    b->panel.now_us += SEC;
    fp_admin_status(&b->panel, user(4), PANEL_STATUS_DISABLED);
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(4), "superseded");
    assert_int_equal(user(4)->status, PANEL_STATUS_DISABLED);
    assert_string_equal(user(4)->note, "");
}

static void our_own_mark_is_nobodys_edit(void **state)
{
    int how;

    (void)state;
    use_note(false);
    let_fail(&how, FP_SET_NOTE, FP_LOST_AFTER);
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_wait(b, 10 * SEC);
    b->line.fate = NULL;
    bed_wait(b, 60 * SEC);
    assert_string_equal(state_of(3), "restored");
    assert_string_equal(user(3)->note, "");
    assert_null(strstr(b->text, "changed"));
}

static void revoke_then_disable(void **state)
{
    (void)state;
    assert_int_equal(order(3, 0, true), ERR_OK);
    bed_settle(b);
    assert_int_equal(told_rc, ERR_OK);
    assert_int_equal(told_n, 1);
    assert_non_null(strstr(told_text, "was revoked"));
    assert_int_equal(user(3)->credentials, 1);
    assert_int_equal(user(3)->status, PANEL_STATUS_DISABLED);
    assert_true(b->last.ordered);
    bed_wait(b, 3600 * SEC);
    assert_string_equal(state_of(3), "applied"); /* until enabled by hand */
    enable(3);
    assert_string_equal(state_of(3), "restored");
    assert_int_equal(user(3)->credentials, 1);
}

static void a_refused_revoke_still_disables(void **state)
{
    int how;

    (void)state;
    let_fail(&how, FP_REVOKE, FP_NO);
    assert_int_equal(order(3, 0, true), ERR_OK);
    bed_settle(b);
    assert_int_equal(told_rc, ERR_OK);
    assert_non_null(strstr(told_text, "not revoked: Permission denied"));
    assert_int_equal(user(3)->status, PANEL_STATUS_DISABLED);
    b->line.fate = NULL;
}

static void a_lost_answer_is_told_and_not_repeated(void **state)
{
    int how;

    (void)state;
    /* Done, but nobody heard of it: the credentials tell. */
    let_fail(&how, FP_REVOKE, FP_LOST_AFTER);
    assert_int_equal(order(3, 0, true), ERR_OK);
    bed_settle(b);
    assert_non_null(strstr(told_text, "; the subscription was revoked"));
    assert_int_equal(user(3)->credentials, 1);
    /* Not done. */
    let_fail(&how, FP_REVOKE, FP_LOST_BEFORE);
    assert_int_equal(order(4, 0, true), ERR_OK);
    bed_wait(b, 200 * SEC);
    assert_int_equal(told_rc, ERR_OK);
    assert_non_null(strstr(told_text, "answer to revoking got lost"));
    assert_int_equal(user(4)->credentials, 0);
    assert_int_equal(user(4)->status, PANEL_STATUS_DISABLED);
    b->line.fate = NULL;
}

static void a_death_between_revoke_and_disable(void **state)
{
    (void)state;
    b->line.delay_us = SEC;
    b->line.eager = true;
    assert_int_equal(order(3, 0, true), ERR_OK);
    bed_settle(b);
    b->panel.now_us += 2 * SEC; /* the read is answered, and the revoke goes out */
    bed_settle(b);
    assert_int_equal(user(3)->credentials, 1);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    restart(); /* told ERR_CANCELLED */
    assert_int_equal(told_rc, ERR_CANCELLED);
    bed_wait(b, 10 * SEC);
    assert_int_equal(user(3)->credentials, 1);
    assert_int_equal(user(3)->status, PANEL_STATUS_DISABLED);
    assert_string_equal(state_of(3), "applied");
    assert_non_null(strstr(b->text, "was revoked"));
    /* Found much later: told, not carried out. */
    assert_int_equal(order(4, 0, true), ERR_OK);
    bed_settle(b);
    b->panel.now_us += 2 * SEC;
    bed_settle(b);
    bed_kill(b);
    b->panel.now_us += 3600 * SEC;
    assert_int_equal(bed_start(b), 0);
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(4), "cancelled");
    assert_int_equal(user(4)->status, PANEL_STATUS_ACTIVE);
    assert_non_null(strstr(b->text, "too old"));
    assert_non_null(strstr(b->text, "was revoked"));
}

static void orders_are_told_and_count_for_nothing(void **state)
{
    struct err err;
    int64_t n;

    (void)state;
    assert_int_equal(order(3, 60 * SEC, false), ERR_OK);
    bed_settle(b);
    assert_int_equal(told_rc, ERR_OK);
    assert_int_equal(db_violations_count(b->db, 3, 0, &n, &err), ERR_OK);
    assert_int_equal(n, 0);
    user(4)->status = PANEL_STATUS_EXPIRED;
    assert_int_equal(order(4, 60 * SEC, false), ERR_OK);
    bed_settle(b);
    assert_int_equal(told_rc, ERR_REFUSED);
    assert_non_null(strstr(told_text, "not active"));
    assert_int_equal(order(3, 60 * SEC, false), ERR_EXISTS);
    assert_int_equal(told_n, 0);
    b->panel.down = true;
    assert_int_equal(order(5, 60 * SEC, false), ERR_OK);
    bed_wait(b, 5 * SEC);
    assert_int_equal(told_rc, ERR_BUSY);
    b->panel.down = false;
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(5), "applied");
    assert_int_equal(told_n, 1);
}

static int adopt(int64_t id, int64_t duration_us, const int64_t *groups, size_t n)
{
    struct enforce_case c = bed_case(b, id, duration_us);
    struct err err = {0};
    int rc;

    c.ordered_by = SLICE("cli");
    c.told = told;
    told_n = 0;
    rc = enforce_adopt(b->e, &c, groups, n, &err);
    bed_settle(b);
    return rc;
}

static void adopted_users_come_back(void **state)
{
    struct enforce_policy p = {false, FP_DISABLED_GROUP, 0, false};
    int64_t calls = b->panel.calls, groups[] = {2, 5};

    (void)state;
    enforce_set_policy(b->e, &p);
    b->opts.policy = p;
    assert_int_equal(adopt(3, 60 * SEC, NULL, 0), ERR_OK);
    assert_int_equal(told_rc, ERR_REFUSED); /* he is active */
    fp_admin_status(&b->panel, user(3), PANEL_STATUS_DISABLED);
    user(3)->traced = false;
    assert_int_equal(adopt(3, 60 * SEC, NULL, 0), ERR_OK);
    assert_int_equal(told_rc, ERR_OK);
    assert_int_equal(b->panel.calls, calls); /* nothing was changed in the panel */
    restart();
    bed_wait(b, 62 * SEC);
    assert_string_equal(state_of(3), "restored");
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    /* In the group: what he had is not known, so it is named, or the fallback. */
    fp_admin_groups(&b->panel, user(4), (int64_t[]){FP_DISABLED_GROUP}, 1);
    assert_int_equal(adopt(4, 60 * SEC, NULL, 0), ERR_OK);
    assert_int_equal(told_rc, ERR_REFUSED);
    assert_non_null(strstr(told_text, "fallback_group_id"));
    assert_int_equal(adopt(4, 60 * SEC, groups, 2), ERR_OK);
    assert_int_equal(told_rc, ERR_OK);
    bed_wait(b, 62 * SEC);
    assert_int_equal(user(4)->n_groups, 2);
    assert_int_equal(user(4)->groups[1], 5);
}

static void no_groups_is_no_proof(void **state)
{
    (void)state;
    use_groups(1);
    disable(7, 60 * SEC);
    b->groups_unknown = true;
    fp_delete_group(&b->panel, FP_DISABLED_GROUP); /* he has none at all now */
    bed_wait(b, 100 * SEC);
    assert_string_equal(state_of(7), "restoring");
    assert_int_equal(b->superseded, 0);
    b->groups_unknown = false;
    bed_wait(b, 400 * SEC);
    assert_string_equal(state_of(7), "restored");
    assert_int_equal(user(7)->n_groups, 3);
}

/* A panel that keeps its groups to itself: an edit moves edit_at, the deletion of a group does not. */
static void groups_never_told_keep_nobody(void **state)
{
    (void)state;
    use_groups(1);
    disable(7, 60 * SEC);
    disable(3, 60 * SEC);
    b->groups_unknown = true;
    fp_delete_group(&b->panel, FP_DISABLED_GROUP);
    b->panel.now_us += SEC;
    fp_admin_groups(&b->panel, user(3), (int64_t[]){1}, 0); /* an admin wants him to have none */
    bed_wait(b, 100 * SEC);
    assert_string_equal(state_of(7), "restoring");
    assert_string_equal(state_of(3), "restoring");
    assert_true(b->failing > 0); /* and people hear of it */
    bed_wait(b, 900 * SEC);
    assert_string_equal(state_of(7), "restored");
    assert_int_equal(user(7)->n_groups, 3);
    assert_string_equal(state_of(3), "superseded");
    assert_int_equal(user(3)->n_groups, 0);
}

/* The same, where the answer to the moving call got lost. */
static void nor_does_a_lost_answer(void **state)
{
    int how;

    (void)state;
    use_groups(1);
    let_fail(&how, FP_SET_GROUPS, FP_LOST_AFTER);
    assert_int_equal(punish(7, 60 * SEC), ERR_OK);
    bed_settle(b);
    let_fail(&how, FP_SET_GROUPS, FP_LOST_BEFORE);
    assert_int_equal(punish(3, 60 * SEC), ERR_OK);
    bed_settle(b);
    b->groups_unknown = true;
    fp_delete_group(&b->panel, FP_DISABLED_GROUP);
    fp_delete_group(&b->panel, 7); /* both of 3's */
    fp_delete_group(&b->panel, 6);
    b->line.fate = NULL;
    bed_wait(b, 1500 * SEC);
    assert_string_equal(state_of(7), "restoring");
    assert_string_equal(state_of(3), "cancelled");
    b->groups_unknown = false; /* the panel refuses groups that are gone */
    enforce_retry_groups(b->e);
    bed_settle(b);
    assert_string_equal(state_of(7), "restored");
    assert_int_equal(user(7)->n_groups, 1);
}

/* A call of ours is sent once, so an edit after its answer is somebody else's: moved again, he stays so. */
static void whoever_moves_him_again_is_not_us(void **state)
{
    int64_t group = FP_DISABLED_GROUP;

    (void)state;
    use_groups(0);
    disable(3, 60 * SEC);
    fp_admin_groups(&b->panel, user(3), &group, 1);
    bed_wait(b, 70 * SEC);
    assert_int_equal(b->last.why, ENFORCE_WHY_DISABLED_AGAIN);
    assert_int_equal(user(3)->groups[0], group);
}

/*
 * With a full disk the row does not tell that we are enabling him: taking our mark out as well would look
 * like another's edit to a later life, which then revives whom somebody has disabled since.
 */
static void a_full_disk_leaves_the_mark_for_later(void **state)
{
    (void)state;
    b->panel.old = true;
    use_note(false);
    disable(3, 60 * SEC);
    b->store_rc = ERR_FULL;
    bed_wait(b, 70 * SEC);
    assert_int_equal(user(3)->status, PANEL_STATUS_ACTIVE);
    assert_non_null(strstr(user(3)->note, "[pg-limiter until"));
    b->panel.now_us += SEC;
    fp_admin_status(&b->panel, user(3), PANEL_STATUS_DISABLED);
    b->store_rc = 0;
    restart();
    bed_wait(b, 10 * SEC);
    assert_string_equal(state_of(3), "superseded");
    assert_int_equal(user(3)->status, PANEL_STATUS_DISABLED);
    assert_string_equal(user(3)->note, "");
}

static void deleted_groups_are_told(void **state)
{
    (void)state;
    use_groups(1);
    disable(7, 60 * SEC); /* of 7, 6 and 5 */
    fp_delete_group(&b->panel, 6);
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(7), "restored");
    assert_non_null(strstr(b->text, "without 6, gone from the panel"));
    disable(3, 60 * SEC); /* of 7 and, once, 6 */
    fp_delete_group(&b->panel, 7);
    bed_wait(b, 70 * SEC);
    assert_string_equal(state_of(3), "restored");
    assert_non_null(strstr(b->text, "fallback group 1"));
    assert_int_equal(user(3)->groups[0], 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_note_loses_nothing_but_the_mark),
        T(the_mark_comes_and_goes),
        T(no_room_no_mark),
        T(the_mark_goes_when_others_take_over),
        T(our_own_mark_is_nobodys_edit),
        T(revoke_then_disable),
        T(a_refused_revoke_still_disables),
        T(a_lost_answer_is_told_and_not_repeated),
        T(a_death_between_revoke_and_disable),
        T(orders_are_told_and_count_for_nothing),
        T(adopted_users_come_back),
        T(no_groups_is_no_proof),
        T(groups_never_told_keep_nobody),
        T(nor_does_a_lost_answer),
        T(a_full_disk_leaves_the_mark_for_later),
        T(deleted_groups_are_told),
        T(whoever_moves_him_again_is_not_us),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
