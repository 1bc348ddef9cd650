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

#include "service/texts/customer.h"
#include "service/texts/said.h"
#include "service/texts/texts.h"

static const char *const names[TEXT_COUNT] = {
    [TEXT_NONE] = "NONE",
#define TEXT(id, en, fa, ru, zh) [TEXT_##id] = #id,
#include "service/texts/texts_all.def"
#undef TEXT
};

/* Texts that are the same in another language because there is nothing to translate. */
static bool may_be_english(const char *name)
{
    /* Both sides are other sentences. */
    static const char *const list[] = {"SAID_R_WITH_KEY", "SAID_R_TWO"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(list); i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

/* How often a text holds this placeholder, words in a form of it left out. */
static int holds(const char *text, const char *name, size_t n)
{
    int found = 0;

    for (; (text = strchr(text, '{')); text++)
        found += strncmp(text + 1, name, n) == 0 && text[1 + n] == '}';
    return found;
}

/* Every placeholder closes, and a word has as many forms as the language asks for. */
static void check_forms(int id, enum text_lang lang, const char *english)
{
    const char *p = text_raw(lang, (enum text_id)id);

    for (; (p = strchr(p, '{')); p++) {
        size_t n = strcspn(p, "}"), name = strcspn(p + 1, ":}"), i;
        int bars = 0;

        if (p[n] != '}')
            fail_msg("%s in %s: a placeholder does not end", names[id], text_lang_word(lang));
        for (i = 0; i < n; i++)
            bars += p[i] == '|';
        if (p[1 + name] == ':' && bars + 1 != text_forms(lang))
            fail_msg("%s in %s: %d forms of a word, not %d", names[id], text_lang_word(lang),
                     bars + 1, text_forms(lang));
        if (p[1 + name] == '}' && !holds(english, p + 1, name))
            fail_msg("%s in %s: {%.*s} is not in the English text", names[id], text_lang_word(lang),
                     (int)name, p + 1);
    }
}

/* Tags are those that Telegram knows, and close in the order in which they open. */
static void check_html(int id, enum text_lang lang)
{
    static const char *const known[] = {"b", "i", "u", "s", "code", "pre", "blockquote", "a"};
    const char *p = text_raw(lang, (enum text_id)id);
    const char *open[8];
    size_t depth = 0, len[8], n, i;

    for (; (p += strcspn(p, "<>&"))[0]; p++) {
        if (*p == '&' &&
            (!strncmp(p, "&amp;", 5) || !strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4)))
            continue;
        n = strspn(p + 1 + (p[1] == '/'), "abcdefghijklmnopqrstuvwxyz");
        for (i = 0; i < ARRAY_LEN(known); i++)
            if (n == strlen(known[i]) && !strncmp(p + 1 + (p[1] == '/'), known[i], n))
                break;
        if (*p != '<' || i == ARRAY_LEN(known))
            fail_msg("%s in %s: no HTML of Telegram: %s", names[id], text_lang_word(lang), p);
        if (p[1] != '/') {
            assert_true(depth < ARRAY_LEN(open));
            open[depth] = p + 1;
            len[depth++] = n;
        } else if (!depth || len[depth - 1] != n || strncmp(open[depth - 1], p + 2, n) != 0) {
            fail_msg("%s in %s: closes what is not open: %s", names[id], text_lang_word(lang), p);
        } else {
            depth--;
        }
        p += strcspn(p, ">");
        if (!*p)
            fail_msg("%s in %s: a tag does not end", names[id], text_lang_word(lang));
    }
    if (depth)
        fail_msg("%s in %s: <%.*s> stays open", names[id], text_lang_word(lang),
                 (int)len[depth - 1], open[depth - 1]);
}

/* A sentence that is looked for: what it names need not all be told again. */
static bool is_said(int id, const char *text, const char *english)
{
    const char *p;

    if (strncmp(names[id], "SAID_", 5) != 0)
        return false;
    for (p = text; (p = strchr(p, '{')); p++) {
        size_t n = strcspn(p + 1, ":}");

        if (!holds(english, p + 1, n))
            fail_msg("%s: {%.*s} is not said", names[id], (int)n, p + 1);
    }
    return true;
}

static void every_language_has_every_text(void **state)
{
    int id, lang;

    (void)state;
    for (id = TEXT_NONE + 1; id < TEXT_COUNT; id++) {
        const char *english = text_raw(TEXT_EN, (enum text_id)id);

        assert_non_null(english);
        for (lang = 0; lang < TEXT_LANGS; lang++) {
            const char *text = text_raw((enum text_lang)lang, (enum text_id)id), *p;

            if (!text || !text[0])
                fail_msg("%s is missing in %s", names[id], text_lang_word((enum text_lang)lang));
            if (lang && strcmp(text, english) == 0 && !may_be_english(names[id]))
                fail_msg("%s is English in %s", names[id], text_lang_word((enum text_lang)lang));
            for (p = is_said(id, text, english) ? NULL : english; p && (p = strchr(p, '{')); p++) {
                size_t n = strcspn(p + 1, ":}");

                if (p[1 + n] == '}' && holds(text, p + 1, n) != holds(english, p + 1, n))
                    fail_msg("%s in %s: {%.*s}", names[id], text_lang_word((enum text_lang)lang),
                             (int)n, p + 1);
            }
            check_forms(id, (enum text_lang)lang, english);
            check_html(id, (enum text_lang)lang);
        }
    }
    assert_int_equal(text_lang_of("ru"), TEXT_RU);
    assert_int_equal(text_lang_of("xx"), TEXT_EN);
}

static void words_go_with_numbers(void **state)
{
    static const struct {
        int64_t n;
        int en, ru;
    } cases[] = {{0, 1, 2},   {1, 0, 0},   {2, 1, 1},  {4, 1, 1},        {5, 1, 2},  {11, 1, 2},
                 {12, 1, 2},  {14, 1, 2},  {21, 1, 0}, {22, 1, 1},       {25, 1, 2}, {101, 1, 0},
                 {111, 1, 2}, {112, 1, 2}, {-1, 0, 0}, {INT64_MIN, 1, 2}};
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(text_form(TEXT_EN, cases[i].n), cases[i].en);
        assert_int_equal(text_form(TEXT_RU, cases[i].n), cases[i].ru);
        assert_int_equal(text_form(TEXT_FA, cases[i].n), 0);
    }
}

static void spans_are_short(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    text_add_span(&b, TEXT_EN, 45);
    buf_add_str(&b, "; ");
    text_add_span(&b, TEXT_EN, 180);
    buf_add_str(&b, "; ");
    text_add_span(&b, TEXT_RU, 7500);
    buf_add_str(&b, "; ");
    text_add_span(&b, TEXT_EN, 7 * 86400 + 59);
    buf_add_str(&b, "; ");
    text_add_span(&b, TEXT_EN, -3);
    assert_string_equal(buf_str(&b), "45 s; 3 min; 2 ч 5 мин; 7 d; 0 s");
    buf_release(&b);
}

static void html_of_values_is_escaped(void **state)
{
    const struct text_arg args[] = {{"user", "<b>\"&\x01\xff"}, {NULL}};
    const struct text_arg html[] = {{"user", "<b>x</b>", true}, {NULL}};
    struct buf b;

    (void)state;
    buf_init(&b, 256);
    text_add_html(&b, TEXT_EN, TEXT_CUSTOMER_ACCOUNT, args);
    assert_string_equal(buf_str(&b), "Account: &lt;b&gt;&quot;&amp; \xef\xbf\xbd");
    buf_clear(&b);
    text_add_html(&b, TEXT_EN, TEXT_CUSTOMER_ACCOUNT, html);
    assert_string_equal(buf_str(&b), "Account: <b>x</b>");
    buf_clear(&b);
    /* A Latin name among Persian words is isolated, digits are not. */
    text_add_html(&b, TEXT_FA, TEXT_CUSTOMER_ACCOUNT,
                  (const struct text_arg[]){{"user", "ali_3"}, {NULL}});
    assert_non_null(strstr(buf_str(&b), "\xe2\x81\xa8"
                                        "ali_3"
                                        "\xe2\x81\xa9"));
    buf_clear(&b);
    text_add_html(&b, TEXT_FA, TEXT_CUSTOMER_ACCOUNT,
                  (const struct text_arg[]){{"user", "42"}, {NULL}});
    assert_null(strstr(buf_str(&b), "\xe2\x81\xa8"));
    buf_release(&b);
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

static void lines_run_as_their_language_does(void **state)
{
    struct buf b;

    (void)state;
    buf_init(&b, 64);
    buf_add_str(&b, "5.6.7.8 \xc2\xb7 de\n\n<b>reza</b>\n");
    text_direct(&b, TEXT_RU);
    assert_string_equal(buf_str(&b), "5.6.7.8 \xc2\xb7 de\n\n<b>reza</b>\n");
    text_direct(&b, TEXT_FA);
    assert_string_equal(buf_str(&b), "\xe2\x80\x8f"
                                     "5.6.7.8 \xc2\xb7 de\n\n\xe2\x80\x8f<b>reza</b>\n");
    text_direct(&b, TEXT_FA); /* once is enough */
    assert_string_equal(buf_str(&b), "\xe2\x80\x8f"
                                     "5.6.7.8 \xc2\xb7 de\n\n\xe2\x80\x8f<b>reza</b>\n");
    buf_release(&b);

    buf_init(&b, 8); /* no room for a mark */
    buf_add_str(&b, "12345678");
    text_direct(&b, TEXT_FA);
    assert_string_equal(buf_str(&b), "12345678");
    buf_release(&b);
}

static void said(enum text_lang lang, const char *english, const char *want)
{
    struct buf b;

    buf_init(&b, 1024);
    assert_int_equal(said_add_html(&b, lang, slice_of(english)), want != NULL);
    assert_string_equal(buf_str(&b), want ? want : "");
    buf_release(&b);
}

static void english_sentences_are_said_in_other_languages(void **state)
{
    char long_text[4096];

    (void)state;
    said(TEXT_EN, "the time is over", NULL);
    said(TEXT_RU, "the time is over", "время вышло");
    said(TEXT_RU, "the time is overdue", NULL);
    said(TEXT_RU, "", NULL);
    said(TEXT_RU, "special limit of <b>: set set: 21 devices", "задан особый лимит: 21 устройство");
    said(TEXT_RU, "special limit of a updated: unlimited", "изменён особый лимит: без ограничений");
    said(TEXT_RU, "1 violation of x forgiven", "прощено нарушений: 1");
    said(TEXT_RU, "3 violations of 2 users forgiven", "прощено нарушений: 3, пользователей: 2");
    said(TEXT_RU, "disabled for 2 h 5 min: 3 devices, limit 1",
         "отключён на 2 ч 5 мин: устройств 3, лимит 1");
    said(TEXT_RU, "disabled for ever", NULL);
    said(TEXT_RU,
         "disabled until enabled by hand: 3 devices, limit 1; the subscription was revoked",
         "отключён, пока не включат вручную: устройств 3, лимит 1; подписка отозвана");
    said(TEXT_ZH, "Telegram says: <chat>", "Telegram 提示：&lt;chat&gt;");
    said(TEXT_RU, "a b is excepted from all limits: boss: say yes to go on",
         "a b исключён из всех лимитов (boss). Продолжить?");
    said(TEXT_RU, "tick: \"<b>\" is not a whole number; allowed: 1 to 30 s",
         "tick: «&lt;b&gt;» не целое число. Допустимо: от 1 до 30");
    said(TEXT_RU, "nodes: \"x\" is no id; allowed: ids separated by commas",
         "nodes: «x» не подходит. Допустимо: id через запятую");
    said(TEXT_RU, "geo_providers: \"x\" is none of the choices; allowed: <a> or b",
         "geo_providers: «x» — такого варианта нет. Допустимо: &lt;a&gt; or b");
    said(TEXT_RU, "from here to there s", NULL);
    said(TEXT_ZH, "nothing was changed: trying the access: the panel answered 401: <no>",
         "未作任何更改：面板返回 401：&lt;no&gt;");
    said(TEXT_RU, "country_code: without effect: there is no country data",
         "country_code: не действует: нет данных о странах");
    said(TEXT_RU, "country_code: whatever this is", NULL);
    said(TEXT_RU,
         "disabled until enabled by hand; someone has disabled the user besides; out of memory",
         "отключён, пока не включат вручную; его отключил и кто-то другой; не хватает памяти");
    said(TEXT_RU, "out of memory; whatever this is", NULL);
    said(TEXT_RU,
         "special limit of a set: unlimited; the panel does not answer, so it is kept and "
         "holds as soon as the panel shows this user",
         "задан особый лимит: без ограничений. Панель не отвечает, поэтому запись сохранена и "
         "подействует, как только панель покажет этого пользователя");
    said(TEXT_RU, "this needs the role owner; yours is viewer",
         "нужна роль «владелец», ваша — «наблюдатель»");
    said(TEXT_ZH, "Frankfurt <1> is error: no route", "Frankfurt &lt;1&gt;：错误（no route）");
    /* Never long at it, whatever it is. */
    memset(long_text, ' ', sizeof(long_text));
    memcpy(long_text, "special limit of ", 17);
    long_text[sizeof(long_text) - 1] = '\0';
    said(TEXT_FA, long_text, NULL);
    said(TEXT_FA, long_text + sizeof(long_text) - 1800, NULL);
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
        cmocka_unit_test(words_go_with_numbers),
        cmocka_unit_test(spans_are_short),
        cmocka_unit_test(html_of_values_is_escaped),
        cmocka_unit_test(lines_run_as_their_language_does),
        cmocka_unit_test(english_sentences_are_said_in_other_languages),
        cmocka_unit_test(a_customer_is_told_no_address),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
