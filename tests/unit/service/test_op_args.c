/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include "base/limits.h"
#include "service/ops/op_int.h"

/* The table of operations, and what is refused by it before an operation begins. */

static void wrong_parameters_are_named_with_what_is_allowed(void **state)
{
    static const struct {
        const char *what, *body, *named, *allowed;
    } cases[] = {
        {"POST /users/limits", "{\"username\":\"alice\"}", "limit is missing", "0 to 10000"},
        {"POST /users/limits", "{\"username\":\"alice\",\"limit\":10001}", "limit is out of range",
         "0 to 10000"},
        {"POST /users/limits", "{\"username\":\"alice\",\"limit\":1.5}", "limit is no whole number",
         "0 to 10000"},
        {"POST /users/limits", "{\"username\":7,\"limit\":1}", "username is no text", "id:12"},
        {"POST /users/limits", "{\"username\":\" x\",\"limit\":1}", "username: ", "blanks"},
        {"POST /users/limits", "{\"username\":\"alice\",\"limt\":1}", "\"limt\" is not known",
         "did you mean limit?"},
        {"POST /users/limits?limit=3", "{\"username\":\"alice\",\"limit\":1}",
         "limit is given twice", ""},
        {"POST /users/limits?enable=perhaps", "{\"username\":\"alice\",\"limit\":1}",
         "enable is neither", "true or false"},
        {"POST /users/limits?enable=", "{\"username\":\"alice\",\"limit\":1}", "enable is neither",
         "true or false"},
        {"PATCH /config", "{\"punishment_enabled\":1.0000000000000002}", "punishment_enabled",
         "true"},
        {"PATCH /config", "{\"general_limit\":3.00000000001}", "general_limit", "whole"},
        {"PATCH /config", "{\"general_limit\":12345678901}", "general_limit", "out of range"},
        {"POST /users/limits?a=%zz", "{\"username\":\"alice\",\"limit\":1}", "the query", ""},
        {"POST /users/limits?enable=%ff", "{\"username\":\"alice\",\"limit\":1}", "UTF-8", ""},
        {"POST /users/disabled/enable-all", "{\"since\":\"soon\"}", "since is no length of time",
         "30m, 2h or 1d"},
        {"POST /users/disabled/enable-all", "{\"since\":\"500d\"}", "since is out of range", "30m"},
        {"POST /users/disabled/enable-all", "{\"since\":0}", "since is out of range", "30m"},
        {"POST /users/disabled/alice/enable", "{\"forgive\":1}", "forgive is neither", "true"},
        {"PUT /config/limit", "{\"limit\":[1]}", "limit is no single value", "0 to 10000"},
        {"PUT /config/limit", "{}", "limit is missing", "0 to 10000"},
        {"PATCH /config?sure=1", "{\"general_limit\":1}", "\"sure\" is not known", "confirm"},
        {"GET /users/limits?offset=1x", NULL, "\"offset\" is not known", "nothing"},
    };
    struct bed *bed = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(bed_ask(bed, cases[i].what, cases[i].body), 422);
        if (!strstr(bed_text(bed, "detail"), cases[i].named) ||
            !strstr(bed_text(bed, "detail"), cases[i].allowed))
            fail_msg("%s %s: %s", cases[i].what, cases[i].body, bed_text(bed, "detail"));
    }
    assert_int_equal(bed->changed, 0);
}

static void what_means_the_same_is_taken(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "POST /users/limits", "{\"username\":\"alice\",\"limit\":5.0}"),
                     200);
    assert_int_equal(bed_number(bed, "limit"), 5);
    assert_int_equal(bed_ask(bed, "PUT /users/limits/alice?limit=7&enable", NULL), 200);
    assert_int_equal(bed_number(bed, "limit"), 7);
    assert_int_equal(bed_ask(bed, "POST /users/except", "{\"username\":\"alice\",\"reason\":null}"),
                     200);
    assert_int_equal(bed_ask(bed, "PUT /config/limit?limit=3", NULL), 200);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 3);
}

static void paths_of_the_old_server_do_what_ours_do(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "PUT /config/limits/general?limit=4", NULL), 200);
    assert_int_equal(settings_int(&bed->settings, SET_GENERAL_LIMIT), 4);
    assert_int_equal(bed_ask(bed, "PUT /config/timing/check_interval?interval=90", NULL), 200);
    assert_int_equal(settings_int(&bed->settings, SET_CHECK_INTERVAL), 90);
    assert_int_equal(bed_ask(bed, "PUT /config/timing/reenable_time?seconds=600", NULL), 200);
    assert_int_equal(settings_int(&bed->settings, SET_TIME_TO_ACTIVE_USERS), 600);
    assert_int_equal(bed_ask(bed, "DELETE /users/disabled/alice", NULL), 200);
    assert_int_equal(bed->enabled_id, 12);
    assert_int_equal(bed_ask(bed, "DELETE /users/disabled", NULL), 200);
    assert_true(bed->enabled_all);
}

static void fixed_paths_win(void **state)
{
    (void)state;
    assert_string_equal(op_def_find(OP_GET, SLICE("/users/limits"))->pattern, "/users/limits");
    assert_string_equal(op_def_find(OP_GET, SLICE("/users/bob"))->pattern, "/users/{user}");
    assert_string_equal(op_def_find(OP_GET, SLICE("/users/limits/history"))->pattern,
                        "/users/limits/{user}");
    assert_null(op_def_find(OP_PUT, SLICE("/users/limits")));
    assert_int_equal(op_allowed(SLICE("/users/limits")), 1 << OP_GET | 1 << OP_POST);
    assert_int_equal(op_allowed(SLICE("/nothing/here/at/all")), 0);
    assert_int_equal(op_allowed(SLICE("")), 0);
}

/* ---- the table is whole ---- */

static void check_param(const struct op_def *d, const struct op_param *p)
{
    json_t *example = p->example ? json_loads(p->example, JSON_DECODE_ANY, NULL) : NULL;

    if (!p->help || !p->help[0] || !(p->in & (OP_IN_PATH | OP_IN_QUERY | OP_IN_BODY)) || !example)
        fail_msg("%s: %s wants a help, a place and an example that is JSON", d->pattern, p->name);
    if ((p->type == OP_INT || p->type == OP_SPAN || p->type == OP_INTS || p->type == OP_TEXTS) &&
        p->min >= p->max)
        fail_msg("%s: %s has no range", d->pattern, p->name);
    if ((p->in & OP_IN_BODY) && d->method == OP_GET)
        fail_msg("%s: %s stands in the body of a GET", d->pattern, p->name);
    json_decref(example);
}

/* A shape is read to its end: brackets are closed and references lead somewhere. */
static const char *read_shape(const char *s)
{
    char closing = *s == '{' ? '}' : ']';
    struct slice name;

    if (*s != '{' && *s != '[') {
        name = (struct slice){s, strspn(s, "#abcdefghijklmnopqrstuvwxyz_")};
        if (name.n == 0 || (name.p[0] == '#' && !op_shape_of(slice_skip(name, 1))))
            return NULL;
        s += name.n;
        return *s == '~' ? s + 1 : s;
    }
    do {
        s++;
        if (closing == '}') {
            s += strcspn(s, ":");
            s = *s ? s + 1 : s;
        }
        s = read_shape(s);
    } while (s && *s == ',' && closing == '}');
    return s && *s == closing ? s + 1 + (s[1] == '~') : NULL;
}

static void every_row_is_described(void **state)
{
    const struct op_def *d;
    const char *name, *shape, *end;
    size_t i, k;

    (void)state;
    for (i = 0; (d = op_def_at(i)); i++) {
        const struct op_param *p;

        if (!d->help || !d->help[0] || (!d->answer && !d->media))
            fail_msg("%s %s lacks a help or an answer", op_method_name(d->method), d->pattern);
        end = d->answer ? read_shape(d->answer) : "";
        if (!end || *end)
            fail_msg("%s %s: the answer is no shape: %s", op_method_name(d->method), d->pattern,
                     d->answer);
        for (p = d->params; p && p->name; p++)
            check_param(d, p);
        for (k = 0; k < i; k++)
            if (op_def_at(k)->method == d->method && strcmp(op_def_at(k)->pattern, d->pattern) == 0)
                fail_msg("%s %s stands twice", op_method_name(d->method), d->pattern);
        if (op_def_find(d->method, slice_of(d->pattern)) != d)
            fail_msg("%s %s is found by nobody", op_method_name(d->method), d->pattern);
    }
    assert_true(i > 15);
    for (i = 0; (shape = op_shape_at(i, &name)); i++) {
        end = read_shape(shape);
        if (!end || *end)
            fail_msg("#%s is no shape: %s", name, shape);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(wrong_parameters_are_named_with_what_is_allowed, bed_setup,
                                        bed_teardown),
        cmocka_unit_test_setup_teardown(what_means_the_same_is_taken, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(paths_of_the_old_server_do_what_ours_do, bed_setup,
                                        bed_teardown),
        cmocka_unit_test(fixed_paths_win),
        cmocka_unit_test(every_row_is_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
