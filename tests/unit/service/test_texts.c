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
#include <time.h>

#include "service/customer.h"
#include "service/texts.h"

/* How often a text holds this placeholder. */
static int holds(const char *text, const char *name, size_t n)
{
    int found = 0;

    for (; (text = strchr(text, '{')); text++)
        found += strncmp(text + 1, name, n) == 0 && text[1 + n] == '}';
    return found;
}

static void every_language_has_every_text(void **state)
{
    int id, lang;

    (void)state;
    for (id = 0; id < TEXT_COUNT; id++) {
        const char *english = text_raw(TEXT_EN, (enum text_id)id);

        assert_non_null(english);
        for (lang = 0; lang < TEXT_LANGS; lang++) {
            const char *text = text_raw((enum text_lang)lang, (enum text_id)id), *p;
            int here = 0, there = 0;

            if (!text || !text[0])
                fail_msg("text %d is missing in language %d", id, lang);
            if (lang && strcmp(text, english) == 0)
                fail_msg("text %d is English in language %d", id, lang);
            for (p = english; (p = strchr(p, '{')); p++) {
                size_t n = strcspn(p + 1, "}");

                there++;
                if (holds(text, p + 1, n) != holds(english, p + 1, n))
                    fail_msg("text %d in language %d: {%.*s}", id, lang, (int)n, p + 1);
            }
            for (p = text; (p = strchr(p, '{')); p++)
                here++;
            assert_int_equal(here, there);
        }
    }
    assert_int_equal(text_lang_of("ru"), TEXT_RU);
    assert_int_equal(text_lang_of("xx"), TEXT_EN);
}

static void values_are_filled_in(void **state)
{
    const struct text_arg args[] = {{"limit", "3"}, {NULL, NULL}};
    struct buf b;

    (void)state;
    buf_init(&b, 1024);
    text_add(&b, TEXT_EN, TEXT_CUSTOMER_LIMIT, args);
    assert_string_equal(buf_str(&b), "Devices allowed at the same time: 3");
    buf_clear(&b);
    text_add(&b, TEXT_EN, TEXT_CUSTOMER_WHEN, args);
    assert_string_equal(buf_str(&b), "When: {time}");
    buf_release(&b);
}

static void customer(const char *json, enum text_lang lang, const char *want)
{
    json_t *user = json_loads(json, 0, NULL);
    struct buf b;

    assert_non_null(user);
    buf_init(&b, 8192);
    customer_text(user, lang, &b);
    assert_string_equal(buf_str(&b), want);
    buf_release(&b);
    json_decref(user);
}

#define DEVICES \
    "\"devices\":[{\"address\":\"5.6.7.8\",\"role\":\"counted\",\"country\":\"IR\",\"isp\":\"MCI\"}," \
    "{\"address\":\"9.8.7.6\",\"role\":\"counted\"},{\"address\":\"1.2.3.4\",\"role\":\"idle\"}," \
    "{\"address\":\"2001:db8:7:8::\",\"role\":\"counted\"}]"

static void a_customer_is_told_no_address(void **state)
{
    (void)state;
    setenv("TZ", "Asia/Tehran", 1);
    tzset();
    customer(
        "{\"username\":\"ali\",\"disabled\":{\"due_at\":\"2026-11-25T20:15:00Z\"},"
        "\"violations\":[{\"at\":\"2026-11-25T20:02:00Z\",\"shadow\":true,\"limit\":9},"
        "{\"at\":\"2026-11-25T20:00:00Z\",\"shadow\":false,\"limit\":2,\"devices\":4,"
        "\"evidence\":{\"concurrent\":3," DEVICES "}}]}",
        TEXT_EN,
        "Account: ali\n"
        "This account was in use on more devices at the same time than it allows.\n"
        "When: 2026-11-25 23:30\n"
        "Devices allowed at the same time: 2\n"
        "Devices seen at the same time: 3\n"
        "Seen from: IR (MCI); 9.8.x.x; 2001:db8:…\n"
        "New connections are off until 2026-11-25 23:45.\n"
        "Please use it on at most 2 at a time, and give it to nobody else. If you did not share "
        "it, ask support for a new subscription link.\n");
    customer("{\"username\":\"bob\",\"disabled\":null,\"violations\":[],\"limit\":2,"
             "\"live\":{\"limit\":5}}",
             TEXT_RU,
             "Аккаунт: bob\nЗа этим аккаунтом нарушений не замечено.\n"
             "Разрешено устройств одновременно: 5\n");
    /* Somebody's order is no sharing, and what was before is not why. */
    customer(
        "{\"username\":\"kim\",\"limit\":2,\"disabled\":{\"due_at\":null,\"ordered_by\":\"cli\"},"
        "\"violations\":[{\"at\":\"2026-11-25T20:02:00Z\",\"shadow\":false,\"limit\":0,"
        "\"evidence\":{\"ordered_by\":\"cli\"}},{\"at\":\"2026-11-01T20:00:00Z\",\"limit\":2}]}",
        TEXT_EN, "Account: kim\nNew connections are off until support turns them on again.\n");
    customer("{\"username\":\"lee\",\"limit\":2,\"disabled\":null,\"violations\":[{\"limit\":0,"
             "\"evidence\":{\"ordered_by\":\"cli\"}}]}",
             TEXT_EN,
             "Account: lee\nNothing has been held against this account so far.\n"
             "Devices allowed at the same time: 2\n");
    customer("{\"username\":\"eve\",\"disabled\":{\"due_at\":null},\"violations\":[]}", TEXT_ZH,
             "账号：eve\n在客服重新启用之前无法建立新连接。\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_language_has_every_text),
        cmocka_unit_test(values_are_filled_in),
        cmocka_unit_test(a_customer_is_told_no_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
