/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/terminal/term.h"
#include "cli/terminal/top_view.h"

static const char users_json[] =
    "{\"total\":4,\"data\":["
    "{\"id\":1,\"username\":\"ali\",\"state\":\"monitoring\",\"devices\":3,\"limit\":2,\"trust\":40,"
    "\"last_seen\":\"2026-11-25T10:00:05Z\",\"nodes\":[\"berlin\",\"paris\"]},"
    "{\"id\":2,\"username\":\"Bob\\u001b[31m\",\"state\":\"clear\",\"devices\":5,\"limit\":0,"
    "\"trust\":90,\"last_seen\":\"2026-11-25T10:00:09Z\",\"nodes\":[]},"
    "{\"id\":3,\"username\":null,\"state\":\"punished\",\"devices\":1,\"limit\":2,\"trust\":null,"
    "\"last_seen\":\"2026-11-25T10:00:01Z\",\"nodes\":[7]},"
    "{\"id\":4,\"username\":\"a-name-that-is-much-too-long-for-any-column-of-a-table-on-a-screen\","
    "\"state\":\"clear\",\"devices\":1,\"limit\":2,\"trust\":100,"
    "\"last_seen\":\"2026-11-25T10:00:02Z\",\"nodes\":[\"berlin\"]}]}";

static const char status_json[] =
    "{\"enforcement\":\"on\",\"paused\":true,\"panel\":{\"up\":false},"
    "\"nodes\":{\"total\":3,\"streams_open\":2},\"users\":{\"seen_last_hour\":9},"
    "\"lines\":{\"per_s\":1.5},\"problems\":[\"paris is quiet\",\"more\"]}";

static json_t *users, *status;
static struct buf out;

static int set_up(void **state)
{
    (void)state;
    users = json_loads(users_json, 0, NULL);
    status = json_loads(status_json, 0, NULL);
    assert_true(users && status);
    buf_init(&out, 1 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    json_decref(users);
    json_decref(status);
    buf_release(&out);
    return 0;
}

/* Lines of a screen, each no wider than it; the n-th is copied. */
static size_t lines_of(struct top_view *v, const char *message)
{
    size_t n = 1, i, from = 0;
    char line[1024];

    buf_clear(&out);
    top_draw(v, users, status, message, &out);
    for (i = 0; i <= out.n; i++) {
        if (i < out.n && out.p[i] != '\n')
            continue;
        snprintf(line, sizeof(line), "%.*s", (int)(i - from), out.p + from);
        if (!v->colour && term_width(line) > v->width)
            fail_msg("line %zu is %zu wide: %s", n, term_width(line), line);
        from = i + 1;
        n += i < out.n;
    }
    return n;
}

/* The order of the rows by what each begins with. */
static void order(struct top_view *v, const char *const *want, size_t n)
{
    const char *p;
    size_t i;

    lines_of(v, NULL);
    p = strstr(buf_str(&out), "NODES");
    for (i = 0; i < n; i++) {
        p = strchr(p, '\n') + 1;
        if (strncmp(p, want[i], strlen(want[i])) != 0)
            fail_msg("row %zu of %s: \"%.20s\", not %s", i, top_sort_name(v->sort), p, want[i]);
    }
}

static void each_order(void **state)
{
    static const char *const devices[] = {"ali", "Bob", "id:3", "a-name"};
    static const char *const names[] = {"id:3", "a-name", "ali", "Bob"};
    static const char *const states[] = {"id:3", "ali"};
    static const char *const trust[] = {"ali", "Bob", "a-name", "id:3"};
    static const char *const seen[] = {"Bob", "ali", "a-name", "id:3"};
    struct top_view v = {.width = 100, .height = 24};
    enum top_sort sort;

    (void)state;
    order(&v, devices, 4);
    v.sort = TOP_NAME;
    order(&v, names, 4);
    v.sort = TOP_STATE;
    order(&v, states, 2);
    v.sort = TOP_TRUST;
    order(&v, trust, 4);
    v.sort = TOP_SEEN;
    order(&v, seen, 4);
    v.reverse = true;
    order(&v, &seen[3], 1);
    assert_true(top_sort_find("trust", &sort) && sort == TOP_TRUST);
    assert_false(top_sort_find("size", &sort));
}

static void any_screen(void **state)
{
    static const size_t sizes[][2] = {{80, 24}, {40, 10}, {20, 3}, {200, 60}, {1, 1}};
    struct top_view v = {0};
    size_t i;

    (void)state;
    for (i = 2; i < 5; i++) { /* a tiny one is drawn somehow, and does no harm */
        v.width = sizes[i][0];
        v.height = sizes[i][1];
        buf_clear(&out);
        top_draw(&v, users, status, NULL, &out);
    }
    v = (struct top_view){.width = 80, .height = 24};
    assert_int_equal(lines_of(&v, NULL), 24);
    assert_int_equal(v.shown, 4);
    assert_null(strchr(buf_str(&out), '\033'));
    assert_non_null(strstr(buf_str(&out), "Bob\\x1b[31m"));
    assert_non_null(strstr(buf_str(&out), "(paused)"));
    assert_non_null(strstr(buf_str(&out), "panel DOWN"));
    assert_non_null(strstr(buf_str(&out), "! paris is quiet …"));
    assert_non_null(strstr(buf_str(&out), "berlin paris"));
    assert_non_null(strstr(buf_str(&out), "q quit"));
    assert_int_equal(lines_of(&v, "the daemon is gone"), 24);
    assert_non_null(strstr(buf_str(&out), "the daemon is gone"));
    /* A screen of three rows, scrolled past the end. */
    v = (struct top_view){.width = 60, .height = 8, .offset = 99};
    assert_int_equal(lines_of(&v, NULL), 8);
    assert_int_equal(v.offset, 1);
    assert_int_equal(v.shown, 3);
    v = (struct top_view){.width = 90, .height = 24, .filter = "AL"};
    lines_of(&v, NULL);
    assert_int_equal(v.fit, 1);
    /* Without height: all rows and no foot. */
    v = (struct top_view){.width = 90};
    assert_int_equal(lines_of(&v, NULL), 9);
    assert_null(strstr(buf_str(&out), "q quit"));
}

static void without_answers(void **state)
{
    struct top_view v = {.width = 80, .height = 24, .colour = true};

    (void)state;
    top_draw(&v, NULL, NULL, "no daemon", &out);
    assert_non_null(strstr(buf_str(&out), "no daemon"));
    assert_non_null(strstr(buf_str(&out), "0 users active"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(any_screen, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_answers, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
