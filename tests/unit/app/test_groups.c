/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Settings that name groups and admins, against what the panel has. Linked with --wrap=panel_get. */
#include "app_bed.h"

#include <stdio.h>
#include <string.h>

/* What the panel answers; NULL: it is away. */
static const char *groups, *admins;
static int asked;
int __wrap_panel_get(struct panel *p, const char *path, const char *what, call_fn fn, void *arg);

int __wrap_panel_get(struct panel *p, const char *path, const char *what, call_fn fn, void *arg)
{
    const char *text = strcmp(path, "/api/groups") == 0 ? groups : admins;
    struct err err = {0};
    struct call_result result = {.err = &err};
    struct buf body;

    (void)p;
    (void)what;
    asked++;
    buf_init(&body, 4096);
    buf_add_str(&body, text ? text : "");
    result.body = &body;
    if (!text)
        result.rc = err_set(&err, ERR_UNREACHABLE, "no route to it");
    fn(arg, &result);
    buf_release(&body);
    return ERR_OK;
}

static int patch(struct app_bed *b, const char *query, const char *body)
{
    struct op_request req = {.method = OP_PATCH,
                             .path = SLICE("/config"),
                             .query = slice_of(query),
                             .body = slice_of(body),
                             .who = SLICE("test")};

    return bed_op(b, &req);
}

static int setup(void **state)
{
    groups = "{\"groups\":["
             "{\"id\":3,\"name\":\"vip\",\"inbound_tags\":[\"A\",\"B\"],\"total_users\":4},"
             "{\"id\":5,\"name\":\"cut\",\"inbound_tags\":[\"C\"],\"total_users\":0},"
             "{\"id\":6,\"name\":\"leaky\",\"inbound_tags\":[\"C\",\"B\"],\"total_users\":0}]}";
    admins = "[{\"id\":1,\"username\":\"ali\"}]";
    asked = 0;
    return bed_setup(state);
}

static void ids_that_the_panel_has_not(void **state)
{
    struct app_bed *b = *state;

    assert_int_equal(patch(b, "", "{\"group_limits\":\"3=2,9=4\"}"), 422);
    assert_non_null(
        strstr(bed_said, "the panel has no group 9; it has 3 (vip), 5 (cut), 6 (leaky)"));
    assert_int_equal(patch(b, "", "{\"group_modes\":\"9=off\"}"), 422);
    assert_int_equal(patch(b, "", "{\"group_filter\":\"9\"}"), 422);
    assert_int_equal(patch(b, "", "{\"disabled_group_id\":9}"), 422);
    assert_false(settings_has(&b->d.settings, SET_GROUP_LIMITS));
    assert_int_equal(patch(b, "", "{\"group_limits\":\"3=2\"}"), 200);
    assert_string_equal(settings_text(&b->d.settings, SET_GROUP_LIMITS), "3=2");
    /* Only what is new is asked about: a group deleted meanwhile must not bar other changes. */
    groups = "{\"groups\":[]}";
    asked = 0;
    assert_int_equal(patch(b, "", "{\"group_limits\":\"3=4\"}"), 200);
    assert_int_equal(asked, 0);
}

static void a_group_aside_that_lets_them_in(void **state)
{
    struct app_bed *b = *state;

    assert_int_equal(patch(b, "", "{\"disabled_group_id\":6}"), 200);
    assert_non_null(strstr(bed_said, "warning: group 6 shares the inbound B with vip"));
    /* C is shared with a group nobody is in. */
    assert_int_equal(patch(b, "", "{\"disabled_group_id\":5}"), 200);
    assert_null(strstr(bed_said, "warning"));
}

static void the_panel_is_away(void **state)
{
    struct app_bed *b = *state;

    groups = admins = NULL;
    assert_int_equal(patch(b, "", "{\"disabled_group_id\":5}"), 409);
    assert_non_null(strstr(bed_said, "group 5 cannot be checked now (no route to it)"));
    assert_int_equal(patch(b, "confirm=true", "{\"disabled_group_id\":5}"), 200);
    assert_int_equal(patch(b, "", "{\"group_limits\":\"9=2\"}"), 200);
    assert_non_null(strstr(bed_said, "could not be checked: no route to it"));
    assert_int_equal(patch(b, "", "{\"admin_filter\":\"reza\"}"), 200);
    assert_non_null(strstr(bed_said, "the admins could not be checked"));
}

static void admins_that_the_panel_has_not(void **state)
{
    struct app_bed *b = *state;

    assert_int_equal(patch(b, "", "{\"admin_filter\":\"reza\"}"), 422);
    assert_non_null(strstr(bed_said, "no admin reza; it has 1 (ali)"));
    assert_int_equal(patch(b, "", "{\"admin_filter\":\"id:2\"}"), 422);
    assert_int_equal(patch(b, "", "{\"admin_filter\":\"id:1\"}"), 200);
    assert_int_equal(patch(b, "", "{\"admin_filter\":\"ali\"}"), 200);
}

struct told {
    int times, rc;
    size_t n;
    char first[32];
};

static void on_names(void *arg, int rc, const struct err *err, const struct op_name *names,
                     size_t n)
{
    struct told *t = arg;

    (void)err;
    t->times++;
    t->rc = rc;
    t->n = n;
    snprintf(t->first, sizeof(t->first), "%.*s", n ? (int)names[0].name.n : 0,
             n ? names[0].name.p : "");
}

/* Lists to choose from: the panel's own, or while it is away those of the last five minutes. */
static void names_of_a_moment_ago_stand_in(void **state)
{
    struct app_bed *b = *state;
    struct told t = {0};
    struct err err = {0};

    assert_int_equal(caching_new(&b->d, &err), 0);
    groups_names(&b->d, false, on_names, &t);
    assert_true(t.times == 1 && t.rc == 0 && t.n == 3);
    groups = admins = NULL;
    bed_clock_us += 299 * INT64_C(1000000);
    groups_names(&b->d, false, on_names, &t);
    assert_int_equal(t.times, 1);
    while (t.times < 2)
        bed_settle(b);
    assert_true(t.rc == 0 && t.n == 3);
    assert_string_equal(t.first, "vip");
    groups_names(&b->d, true, on_names, &t); /* never told */
    while (t.times < 3)
        bed_settle(b);
    assert_int_equal(t.rc, ERR_UNREACHABLE);
    bed_clock_us += 2 * INT64_C(1000000);
    groups_names(&b->d, false, on_names, &t);
    while (t.times < 4)
        bed_settle(b);
    assert_int_equal(t.rc, ERR_UNREACHABLE);
    groups = "{\"groups\":[]}"; /* what the panel says now goes before */
    groups_names(&b->d, false, on_names, &t);
    assert_true(t.times == 5 && t.rc == 0 && t.n == 0);
    groups = NULL;
    groups_names(&b->d, false, on_names, &t);
    caching_stop(&b->d); /* the end of the daemon: whoever waits is told */
    assert_true(t.times == 6 && t.rc == ERR_UNREACHABLE);
    caching_free(&b->d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(ids_that_the_panel_has_not, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_group_aside_that_lets_them_in, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(the_panel_is_away, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(names_of_a_moment_ago_stand_in, setup, bed_teardown),
        cmocka_unit_test_setup_teardown(admins_that_the_panel_has_not, setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
