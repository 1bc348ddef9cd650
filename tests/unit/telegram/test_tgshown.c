/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "telegram/tgshown.h"

static uint64_t mark(const char *params)
{
    json_t *p = json_loads(params, 0, NULL);
    uint64_t h;

    assert_non_null(p);
    h = tgshown_mark(p);
    json_decref(p);
    assert_true(h != 0);
    return h;
}

static void a_mark_is_of_what_is_shown(void **state)
{
    static const char *const other[] = {
        "{\"text\":\"b\",\"parse_mode\":\"HTML\"}",
        "{\"text\":\"a\"}",
        "{\"text\":\"a\",\"parse_mode\":\"HTML\",\"reply_markup\":{\"inline_keyboard\":[]}}",
        "{\"text\":\"a\",\"parse_mode\":\"HTML\",\"link_preview_options\":{\"is_disabled\":true}}",
        "{\"text\":\"a\\\"HTML\"}",
    };
    uint64_t a = mark("{\"text\":\"a\",\"parse_mode\":\"HTML\"}");
    size_t i, k;

    (void)state;
    assert_true(a == mark("{\"chat_id\":1,\"message_id\":2,\"parse_mode\":\"HTML\",\"text\":\"a\","
                          "\"disable_notification\":true}"));
    for (i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
        assert_true(mark(other[i]) != a);
        for (k = 0; k < i; k++)
            assert_true(mark(other[i]) != mark(other[k]));
    }
}

static void what_a_message_shows_is_known_until_it_is_not(void **state)
{
    struct tgshown *t = calloc(1, sizeof(*t));

    (void)state;
    assert_non_null(t);
    assert_false(tgshown_is(t, 0, 0, 0));
    tgshown_note(t, -100, 7, 5);
    assert_true(tgshown_is(t, -100, 7, 5));
    assert_false(tgshown_is(t, -100, 7, 6) || tgshown_is(t, -100, 8, 5) ||
                 tgshown_is(t, 100, 7, 5));
    tgshown_note(t, -100, 7, 6);
    assert_true(tgshown_is(t, -100, 7, 6) && !tgshown_is(t, -100, 7, 5));
    tgshown_note(t, -100, 7, 0);
    assert_false(tgshown_is(t, -100, 7, 6) || tgshown_is(t, -100, 7, 0));
    tgshown_note(t, -100, 7, 6);
    tgshown_forget(t, -100, 8);
    assert_true(tgshown_is(t, -100, 7, 6));
    tgshown_forget(t, -100, 7);
    assert_false(tgshown_is(t, -100, 7, 6));
    free(t);
}

/* Of more messages than there are places the last is always known, and none is taken for another. */
static void many_messages(void **state)
{
    struct tgshown *t = calloc(1, sizeof(*t));
    int known = 0;
    int64_t id;

    (void)state;
    assert_non_null(t);
    for (id = 1; id <= 5000; id++) {
        tgshown_note(t, id % 7, id, (uint64_t)id);
        assert_true(tgshown_is(t, id % 7, id, (uint64_t)id));
    }
    for (id = 1; id <= 5000; id++) {
        known += tgshown_is(t, id % 7, id, (uint64_t)id);
        assert_false(tgshown_is(t, id % 7, id, (uint64_t)id + 1));
    }
    assert_in_range(known, LIMIT_TELEGRAM_SHOWN / 2, LIMIT_TELEGRAM_SHOWN);
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mark_is_of_what_is_shown),
        cmocka_unit_test(what_a_message_shows_is_known_until_it_is_not),
        cmocka_unit_test(many_messages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
