/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <stdio.h>
#include <string.h>

#include "service/roster.h"
#include "store/db_admins.h"
#include "store/db_events.h"

/* Who is served by the bot, and how that is changed. */

static void set(struct bed *bed, enum setting id, const char *value)
{
    struct err err;

    assert_int_equal(settings_set(&bed->settings, id, ORIGIN_FILE, slice_of(value), &err), ERR_OK);
}

static struct roster read_roster(struct bed *bed)
{
    struct roster r = {0};
    struct err err = {0};

    assert_int_equal(roster_load(bed->db, &r, &err), ERR_OK);
    return r;
}

static const char *inner(struct bed *bed, const char *key)
{
    return bed_member(json_object_get(bed->json, "admin"), key);
}

static int see_event(void *arg, const struct db_event *row)
{
    snprintf(arg, 256, "%.*s|%.*s", (int)row->kind.n, row->kind.p, (int)row->what.n, row->what.p);
    return ERR_OK;
}

static void they_come_and_go(void **state)
{
    struct bed *bed = *state;
    struct db_event_filter f = {.limit = 1};
    struct roster_admin a;
    struct roster r;
    char text[256] = "";
    struct err err;

    set(bed, SET_ADMIN_IDS, "11,12");
    assert_int_equal(bed_ask(bed, "GET /admins", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
    assert_true(json_is_true(json_object_get(bed_first(bed), "fixed")));
    assert_int_equal(
        bed_ask(bed, "POST /admins",
                "{\"id\":21,\"role\":\"operator\",\"name\":\"R <b>\",\"language\":\"fa\"}"),
        200);
    assert_int_equal(bed->changed, OP_CHANGED_ADMINS);
    assert_string_equal(inner(bed, "language"), "fa");
    assert_int_equal(db_events_each(bed->db, &f, see_event, text, &err), ERR_OK);
    assert_string_equal(text, "admin|admin 21 (R <b>) added as operator");
    assert_int_equal(bed_ask(bed, "POST /admins", "{\"id\":21,\"role\":\"viewer\"}"), 409);
    assert_int_equal(bed_ask(bed, "POST /admins", "{\"id\":11,\"role\":\"viewer\"}"), 409);
    assert_non_null(strstr(bed_text(bed, "detail"), "ADMIN_IDS"));
    r = read_roster(bed);
    assert_true(roster_find(&r, &bed->settings, 21, &a));
    assert_int_equal(a.role, OP_ROLE_OPERATOR);
    assert_int_equal(a.lang, TEXT_FA);
    assert_false(roster_find(&r, &bed->settings, 22, &a));
    assert_true(roster_find(&r, &bed->settings, 12, &a));
    assert_true(a.fixed && a.role == OP_ROLE_OWNER && a.lang == TEXT_EN);
    roster_release(&r);
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"role\":\"viewer\"}"), 200);
    assert_string_equal(inner(bed, "role"), "viewer");
    assert_string_equal(inner(bed, "name"), "R <b>");
    assert_int_equal(bed_ask(bed, "DELETE /admins/21", NULL), 200);
    assert_int_equal(bed_ask(bed, "DELETE /admins/21", NULL), 404);
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"role\":\"viewer\"}"), 404);
    assert_int_equal(bed_ask(bed, "GET /admins", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
}

static void owners_of_admin_ids_are_fixed(void **state)
{
    struct bed *bed = *state;
    struct roster_admin a;
    struct roster r;

    set(bed, SET_ADMIN_IDS, "11");
    assert_int_equal(bed_ask(bed, "DELETE /admins/11", NULL), 409);
    assert_non_null(strstr(bed_text(bed, "detail"), "ADMIN_IDS"));
    assert_int_equal(bed_ask(bed, "PATCH /admins/11", "{\"role\":\"viewer\"}"), 409);
    assert_int_equal(bed_ask(bed, "PATCH /admins/11", "{\"language\":\"ru\"}"), 200);
    set(bed, SET_BOT_LANGUAGE, "zh");
    r = read_roster(bed);
    assert_true(roster_find(&r, &bed->settings, 11, &a));
    assert_int_equal(a.lang, TEXT_RU);
    roster_release(&r);
    assert_int_equal(bed_ask(bed, "PUT /admins/11/language", "{\"language\":\"default\"}"), 200);
    r = read_roster(bed);
    assert_true(roster_find(&r, &bed->settings, 11, &a));
    assert_int_equal(a.lang, TEXT_ZH);
    assert_false(a.own_lang);
    /* Out of ADMIN_IDS, out of the bot: the language is no way in. */
    assert_int_equal(bed_ask(bed, "PUT /admins/11/language", "{\"language\":\"fa\"}"), 200);
    set(bed, SET_ADMIN_IDS, "");
    roster_release(&r);
    r = read_roster(bed);
    assert_false(roster_find(&r, &bed->settings, 11, &a));
    assert_false(roster_at(&r, &bed->settings, 0, &a));
    roster_release(&r);
}

static void the_last_owner_stays(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "POST /admins", "{\"id\":21,\"role\":\"owner\"}"), 200);
    assert_int_equal(bed_ask(bed, "POST /admins", "{\"id\":22,\"role\":\"operator\"}"), 200);
    assert_int_equal(bed_ask(bed, "DELETE /admins/21", NULL), 409);
    assert_non_null(strstr(bed_text(bed, "detail"), "last owner"));
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"role\":\"viewer\"}"), 409);
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"name\":\"me\"}"), 200);
    assert_int_equal(bed_ask(bed, "PATCH /admins/22", "{\"role\":\"owner\"}"), 200);
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"role\":\"viewer\"}"), 200);
    assert_int_equal(bed_ask(bed, "DELETE /admins/22", NULL), 409);
    set(bed, SET_ADMIN_IDS, "11");
    assert_int_equal(bed_ask(bed, "DELETE /admins/22", NULL), 200);
    assert_int_equal(bed_ask(bed, "DELETE /admins/21", NULL), 200);
}

static const struct op_name panel[] = {{3, SLICE("reza")}, {4, SLICE("sara")}};
static bool panel_silent;

static void names(void *app, bool admins, op_names_fn fn, void *arg)
{
    struct err err = {0};

    (void)app;
    assert_true(admins);
    if (panel_silent)
        fn(arg, err_set(&err, ERR_UNREACHABLE, "down"), &err, NULL, 0);
    else
        fn(arg, ERR_OK, NULL, panel, ARRAY_LEN(panel));
}

static void some_see_one_panel_admins_users(void **state)
{
    struct bed *bed = *state;

    bed->port.names = names;
    panel_silent = false;
    assert_int_equal(bed_ask(bed, "POST /admins",
                             "{\"id\":21,\"role\":\"operator\",\"panel_admin_id\":5}"),
                     422);
    assert_int_equal(bed_ask(bed, "POST /admins",
                             "{\"id\":21,\"role\":\"owner\",\"panel_admin_id\":3}"),
                     422);
    assert_int_equal(bed_ask(bed, "POST /admins",
                             "{\"id\":21,\"role\":\"operator\",\"panel_admin_id\":3}"),
                     200);
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"role\":\"viewer\"}"), 200);
    assert_int_equal(json_integer_value(
                         json_object_get(json_object_get(bed->json, "admin"), "panel_admin_id")),
                     3);
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"panel_admin_id\":9}"), 422);
    panel_silent = true;
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"panel_admin_id\":9}"), 200);
    /* Made an owner, he sees everyone. */
    assert_int_equal(bed_ask(bed, "PATCH /admins/21", "{\"role\":\"owner\"}"), 200);
    assert_true(
        json_is_null(json_object_get(json_object_get(bed->json, "admin"), "panel_admin_id")));
    assert_int_equal(bed_ask(bed, "GET /panel/admins", NULL), 503);
    panel_silent = false;
    assert_int_equal(bed_ask(bed, "GET /panel/admins", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 2);
    assert_string_equal(bed_member(bed_first(bed), "name"), "reza");
}

static void wrong_ones_are_refused(void **state)
{
    static const char *const bodies[] = {
        "{\"id\":0,\"role\":\"viewer\"}",
        "{\"id\":-5,\"role\":\"viewer\"}",
        "{\"id\":\"x\",\"role\":\"viewer\"}",
        "{\"role\":\"viewer\"}",
        "{\"id\":5}",
        "{\"id\":5,\"role\":\"boss\"}",
        "{\"id\":5,\"role\":\"viewer\",\"language\":\"de\"}",
        "{\"id\":5,\"role\":\"viewer\",\"panel_admin_id\":-1}",
        "{\"id\":99999999999999999,\"role\":\"viewer\"}",
    };
    struct bed *bed = *state;
    char body[64];
    size_t i;

    for (i = 0; i < ARRAY_LEN(bodies); i++)
        if (bed_ask(bed, "POST /admins", bodies[i]) != 422)
            fail_msg("%s: %d", bodies[i], bed->status);
    assert_int_equal(bed_ask(bed, "DELETE /admins/x", NULL), 422);
    for (i = 1; i <= LIMIT_BOT_ADMINS; i++) {
        snprintf(body, sizeof(body), "{\"id\":%zu,\"role\":\"viewer\"}", i);
        assert_int_equal(bed_ask(bed, "POST /admins", body), 200);
    }
    assert_int_equal(bed_ask(bed, "POST /admins", "{\"id\":5000,\"role\":\"viewer\"}"), 409);
}

static void a_language_is_ones_own(void **state)
{
    struct bed *bed = *state;

    set(bed, SET_ADMIN_IDS, "11");
    assert_int_equal(bed_ask(bed, "POST /admins", "{\"id\":21,\"role\":\"viewer\"}"), 200);
    bed->role = OP_ROLE_VIEWER;
    bed->panel_admin_id = 3;
    bed->who = "telegram:21";
    assert_int_equal(bed_ask(bed, "PUT /admins/21/language", "{\"language\":\"fa\"}"), 200);
    assert_int_equal(bed_ask(bed, "PUT /admins/11/language", "{\"language\":\"fa\"}"), 403);
    assert_int_equal(bed_ask(bed, "PUT /admins/2/language", "{\"language\":\"fa\"}"), 404);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_come_and_go, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(owners_of_admin_ids_are_fixed, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(the_last_owner_stays, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(some_see_one_panel_admins_users, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(wrong_ones_are_refused, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_language_is_ones_own, bed_setup, bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
