/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A user explained in words, and the words of answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "service/texts/explain_text.h"
#include "service/texts/words.h"

#define NOW (INT64_C(1795448496) * STAMP_SECOND) /* 2026-11-23 15:41:36 */

static struct buf out;

static const char *explain(const char *json, enum text_lang lang)
{
    json_t *user = json_loads(json, 0, NULL);

    assert_non_null(user);
    buf_clear(&out);
    explain_text(user, lang, NOW, &out);
    json_decref(user);
    assert_false(out.failed);
    return buf_str(&out);
}

static const char *action(const char *text, int64_t for_s)
{
    buf_clear(&out);
    word_add_action(&out, TEXT_EN, text, for_s);
    return buf_str(&out);
}

static void actions_are_told(void **state)
{
    (void)state;
    assert_string_equal(action("disable 15m", 0), "disabled for 15 min");
    assert_string_equal(action("disable 24h", 0), "disabled for 1 d");
    assert_string_equal(action("disable 90s", 0), "disabled for 1 min 30 s");
    assert_string_equal(action("disable", 600), "disabled for 10 min");
    assert_string_equal(action("disable", 0), "disabled until enabled by hand");
    assert_string_equal(action("disable until enabled by hand", 0),
                        "disabled until enabled by hand");
    assert_string_equal(action("adopt 30m", 0), "taken over for 30 min");
    assert_string_equal(action("warn", 0), "warning");
    assert_string_equal(action("something new", 0), "something new");
    assert_string_equal(action(NULL, 0), "-");
    assert_int_equal(word_text(WORD_FROM, "special"), TEXT_FROM_SPECIAL);
    assert_int_equal(word_text(WORD_STATE, "special"), TEXT_NONE);
}

static void a_monitored_user(void **state)
{
    const char *text = explain(
        "{\"id\":12,\"username\":\"alice\",\"known\":true,\"limit\":2,\"limit_from\":\"general\","
        "\"disabled\":null,\"violations\":[{\"at\":\"2026-11-22T10:00:00Z\",\"devices\":4,"
        "\"limit\":2,\"action\":\"disable 15m\",\"outcome\":\"applied\",\"forgiven_at\":null,"
        "\"evidence\":{}}],\"live\":{\"limit\":2,\"limit_from\":\"special\",\"state\":\"monitoring\","
        "\"since\":\"2026-11-23T15:39:36Z\",\"warned\":true,\"active_devices\":3,\"concurrent\":3,"
        "\"violations\":1,\"next\":{\"step\":0,\"action\":\"disable\",\"for_s\":900},"
        "\"evidence_threshold\":7.0,\"trust\":40,\"trust_parts\":{\"evidence\":-60},\"devices\":["
        "{\"address\":\"60.1.0.2\",\"country\":\"IR\",\"isp\":\"MCI\",\"node_name\":\"de-1\","
        "\"inbound\":\"VLESS TCP\",\"role\":\"counted\"},{\"address\":\"60.1.0.3\","
        "\"role\":\"through a CDN\"}],\"pairs\":[{\"a\":0,\"b\":1,\"score\":7.5,\"excused\":false},"
        "{\"a\":0,\"b\":1,\"score\":-3.0,\"excused\":false}],\"addresses_left_out\":4}}",
        TEXT_EN);

    (void)state;
    assert_non_null(strstr(text, "alice (id 12)\nLimit: 2 devices at a time (special limit)\n"));
    assert_non_null(
        strstr(text, "Monitored since 2026-11-23 15:39 (2 min ago): 3 devices in use, 3"));
    assert_non_null(strstr(text, "A warning has gone out.\n"));
    assert_non_null(strstr(text, "\nA  60.1.0.2 · IR · MCI · de-1 · VLESS TCP: counts\n"));
    assert_non_null(strstr(text, "… and 4 more addresses\n"));
    assert_non_null(strstr(text, "A and B: used at the same time (7.5 of 7.0)\n"));
    assert_null(strstr(text, "-3.0"));
    assert_non_null(strstr(text, "Trust: 40 of 100\n-60  devices used at the same time\n"));
    assert_non_null(strstr(text, "Last verdict 2026-11-22 10:00: 4 devices at a limit of 2; "
                                 "disabled for 15 min; carried out.\n"));
    assert_non_null(strstr(text, "1 violation counts; the next one brings: disabled for 15 min."));
}

static void others(void **state)
{
    const char *text = explain("{\"id\":null,\"username\":\"<b>\",\"known\":false,\"limit\":0,"
                               "\"limit_from\":\"except\",\"reason\":\"owner\",\"live\":null}",
                               TEXT_RU);

    (void)state;
    assert_non_null(strstr(text, "Лимит: нет (исключение)\nПричина: owner\n"));
    assert_non_null(strstr(text, "<b>")); /* plain: who makes HTML of it escapes it */
    text = explain(
        "{\"id\":3,\"username\":\"x\",\"known\":true,\"limit\":1,\"limit_from\":\"general\","
        "\"disabled\":{\"disabled_at\":\"2026-11-23T15:00:00Z\",\"due_at\":null,"
        "\"ordered_by\":\"cli\",\"last_error\":\"HTTP 500\",\"failed_attempts\":3},"
        "\"live\":{\"limit\":1,\"limit_from\":\"general\",\"state\":\"punished\"}}",
        TEXT_EN);
    assert_non_null(strstr(text, "Disabled since 2026-11-23 15:00, until enabled by hand.\n"));
    assert_non_null(strstr(text, "Ordered by the command line.\n3 attempts to enable failed:\n"
                                 "   \u2068HTTP 500\u2069\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(actions_are_told),
                                       cmocka_unit_test(a_monitored_user),
                                       cmocka_unit_test(others)};
    int failed;

    setenv("TZ", "UTC", 1);
    buf_init(&out, 1 << 16);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    buf_release(&out);
    return failed;
}
