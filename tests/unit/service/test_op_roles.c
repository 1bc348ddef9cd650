/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <stdio.h>
#include <string.h>

/* Who may do what, over the whole table: so that a row added later is looked at as well. */

/* "PUT /users/limits/x" of a row; a {…} becomes what. */
static void request_of(const struct op_def *def, const char *what, char *text, size_t size)
{
    const char *open = strchr(def->pattern, '{'), *close = open ? strchr(open, '}') : NULL;

    if (close)
        snprintf(text, size, "%s %.*s%s%s", op_method_name(def->method), (int)(open - def->pattern),
                 def->pattern, what, close + 1);
    else
        snprintf(text, size, "%s %s", op_method_name(def->method), def->pattern);
}

static bool is_forbidden(struct bed *bed)
{
    return bed->status == 403 && strcmp(bed_text(bed, "code"), "forbidden") == 0;
}

static void every_row_asks_for_its_role(void **state)
{
    struct bed *bed = *state;
    const struct op_def *def;
    char text[200];
    size_t i;
    int role, refused = 0;

    for (i = 0; (def = op_def_at(i)); i++) {
        enum op_role needed = op_role_needed(def);

        /* Nothing but reading is a viewer's, besides his own language. */
        assert_true(def->method == OP_GET || needed > OP_ROLE_VIEWER ||
                    strcmp(def->pattern, "/admins/{id}/language") == 0);
        for (role = OP_ROLE_VIEWER; role < (int)needed; role++) {
            request_of(def, "1", text, sizeof(text));
            bed->role = (enum op_role)role;
            bed_ask(bed, text, "{}");
            if (!is_forbidden(bed))
                fail_msg("%s as %s: %d", text, op_role_word(bed->role), bed->status);
            assert_non_null(strstr(bed_text(bed, "detail"), op_role_word(needed)));
            refused++;
        }
    }
    assert_true(refused > 30);
    assert_int_equal(bed->changed, 0);
}

static void the_roles_of_a_few_rows(void **state)
{
    static const struct {
        enum op_method method;
        const char *path;
        enum op_role role;
    } rows[] = {
        {OP_GET, "/users/limits", OP_ROLE_VIEWER},
        {OP_GET, "/users/alice", OP_ROLE_VIEWER},
        {OP_POST, "/users/limits", OP_ROLE_OPERATOR},
        {OP_POST, "/users/alice/disable", OP_ROLE_OPERATOR},
        {OP_POST, "/users/disabled/enable-all", OP_ROLE_OPERATOR},
        {OP_PATCH, "/config", OP_ROLE_OWNER},
        {OP_PUT, "/steps", OP_ROLE_OWNER},
        {OP_GET, "/backup", OP_ROLE_OWNER},
        {OP_POST, "/restore", OP_ROLE_OWNER},
        {OP_POST, "/import", OP_ROLE_OWNER},
        {OP_POST, "/cleanup", OP_ROLE_OWNER},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++)
        assert_int_equal(op_role_needed(op_def_find(rows[i].method, slice_of(rows[i].path))),
                         rows[i].role);
}

static void enough_is_enough(void **state)
{
    struct bed *bed = *state;

    bed->role = OP_ROLE_VIEWER;
    assert_int_equal(bed_ask(bed, "GET /users/limits", NULL), 200);
    bed->role = OP_ROLE_OPERATOR;
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":3}"), 403);
    bed->role = OP_ROLE_OWNER;
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":3}"), 200);
    /* A path that is not there stays one, whoever asks. */
    bed->role = OP_ROLE_VIEWER;
    assert_int_equal(bed_ask(bed, "GET /nothing", NULL), 404);
    assert_int_equal(bed_ask(bed, "POST /users/disabled", NULL), 405);
}

static void words_are_read_back(void **state)
{
    enum op_role role;
    int i;

    (void)state;
    for (i = OP_ROLE_VIEWER; i <= OP_ROLE_OWNER; i++) {
        assert_int_equal(op_role_parse(slice_of(op_role_word((enum op_role)i)), &role), ERR_OK);
        assert_int_equal(role, i);
    }
    assert_int_equal(op_role_parse(SLICE("Owner"), &role), ERR_INVALID);
    assert_int_equal(op_role_parse(SLICE(""), &role), ERR_INVALID);
}

/* Users 12 alice is his, 13 12345 is somebody else's. */
static void another_admins_user_is_not_there(void **state)
{
    struct bed *bed = *state;
    const struct op_def *def;
    char text[200];
    size_t i;

    bed->panel_admin_id = 3;
    bed->his = 12;
    for (i = 0; (def = op_def_at(i)); i++) {
        request_of(def, "12345", text, sizeof(text));
        bed_ask(bed, text, "{\"username\":\"12345\",\"limit\":4,\"reason\":\"\",\"enable\":true}");
        if (strstr(def->pattern, "{user}") && bed->status != 404 && bed->status != 422 &&
            bed->status != 503)
            fail_msg("%s of another's user: %d", text, bed->status);
    }
    assert_int_equal(bed->changed, 0);
    assert_int_equal(bed_ask(bed, "GET /users/12345", NULL), 404);
    assert_non_null(strstr(bed_text(bed, "detail"), "no user 12345 is known"));
    assert_int_equal(bed_ask(bed, "GET /users/nobody", NULL), 404);
    assert_non_null(strstr(bed_text(bed, "detail"), "no user nobody is known"));
    assert_int_equal(bed_ask(bed, "GET /users/alice", NULL), 200);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"id:13\",\"limit\":4}"),
                     404);
    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    assert_int_equal(bed_ask(bed, "PATCH /config", "{\"general_limit\":3}"), 403);
    assert_int_equal(bed_ask(bed, "POST /cleanup", NULL), 403);
    assert_int_equal(bed_ask(bed, "GET /healthz", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_row_asks_for_its_role, bed_setup, bed_teardown),
        cmocka_unit_test(the_roles_of_a_few_rows),
        cmocka_unit_test_setup_teardown(enough_is_enough, bed_setup, bed_teardown),
        cmocka_unit_test(words_are_read_back),
        cmocka_unit_test_setup_teardown(another_admins_user_is_not_there, bed_setup, bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
