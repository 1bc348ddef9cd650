/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Groups that the panel has deleted. Linked with --wrap=panel_get and --wrap=panel_state. */
#include "app_bed.h"

#include "base/stamp.h"

static struct fp *panel;
static int asked;
int __wrap_panel_get(struct panel *p, const char *path, const char *what, call_fn fn, void *arg);
struct panel_state __wrap_panel_state(const struct panel *p);

struct panel_state __wrap_panel_state(const struct panel *p)
{
    (void)p;
    return (struct panel_state){.up = true};
}

int __wrap_panel_get(struct panel *p, const char *path, const char *what, call_fn fn, void *arg)
{
    struct err err = {0};
    struct call_result result = {.err = &err};
    struct buf body;
    int i, n = 0;

    (void)p;
    (void)what;
    assert_string_equal(path, "/api/groups");
    asked++;
    buf_init(&body, 4096);
    buf_add_str(&body, "{\"groups\":[");
    for (i = 1; i <= FP_GROUPS; i++)
        if (!panel->group_gone[i])
            buf_addf(&body, "%s{\"id\":%d}", n++ ? "," : "", i);
    buf_add_str(&body, "]}");
    result.body = &body;
    fn(arg, &result);
    buf_release(&body);
    return ERR_BUSY; /* so that no answer is awaited: it was here */
}

static int setup(void **state)
{
    int rc = bed_setup(state);
    struct app_bed *b = *state;

    panel = &b->panel;
    asked = 0;
    bed_set(b, SET_DISABLED_GROUP_ID, "8");
    bed_set(b, SET_DISABLE_METHOD, "group");
    return rc;
}

static void wait_s(struct app_bed *b, int seconds)
{
    while (seconds-- > 0) {
        bed_wait(b, 1);
        gone_look(b->d.gone);
        bed_settle(b);
    }
}

static struct fp_user *disabled(struct app_bed *b, int id, const int64_t *groups, size_t n)
{
    struct fp_user *u = fp_find(&b->panel, id);

    fp_admin_groups(&b->panel, u, groups, n);
    bed_share(b, id, 1, 3, 195);
    assert_true(fp_is_moved(u));
    return u;
}

/* Without a fallback group user 1 waits for good, and is looked at seldom; user 2 is not kept by that. */
static void who_waits_for_good_keeps_nobody_else(void **state)
{
    struct app_bed *b = *state;
    struct fp_user *lost = disabled(b, 1, (int64_t[]){1}, 1), *u;
    int before;

    fp_delete_group(&b->panel, 1);
    wait_s(b, 890);
    assert_int_equal(asked, 0);
    wait_s(b, 2600);
    assert_true(fp_is_moved(lost));
    assert_in_range(asked, 8, 30); /* every 300 s in the end */
    u = disabled(b, 2, (int64_t[]){2, 3}, 2);
    fp_delete_group(&b->panel, 2);
    wait_s(b, 890);
    assert_true(fp_is_moved(u));
    before = asked;
    wait_s(b, 20);
    assert_int_equal(u->n_groups, 1);
    assert_int_equal(u->groups[0], 3);
    assert_in_range(asked - before, 0, 4); /* none where one was just asked for user 1 */
}

/* A question that was put off to a time that has moved away is asked at once. */
static void the_clock_is_set_back(void **state)
{
    struct app_bed *b = *state;
    struct fp_user *u = disabled(b, 1, (int64_t[]){1}, 1);

    fp_delete_group(&b->panel, 1);
    wait_s(b, 1500);
    assert_true(fp_is_moved(u));
    bed_clock_us -= 7200 * STAMP_SECOND;
    asked = 0;
    wait_s(b, 5);
    assert_in_range(asked, 1, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(who_waits_for_good_keeps_nobody_else, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(the_clock_is_set_back, setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
