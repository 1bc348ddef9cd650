/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "telegram/tganswer.h"

static int parse(const char *text, struct tganswer *a)
{
    struct err err = {0};

    return tganswer_parse(slice_of(text), a, &err);
}

static void answers_are_read(void **state)
{
    struct tganswer a;

    (void)state;
    assert_int_equal(parse("{\"ok\":true,\"result\":{\"id\":5}}", &a), ERR_OK);
    assert_true(a.a.ok);
    assert_int_equal(json_integer_value(json_object_get(a.a.result, "id")), 5);
    tganswer_release(&a);
    assert_int_equal(
        parse("{\"ok\":false,\"error_code\":429,\"description\":\"Too Many\\nRequests\","
              "\"parameters\":{\"retry_after\":35}}",
              &a),
        ERR_OK);
    assert_false(a.a.ok);
    assert_int_equal(a.a.error_code, 429);
    assert_int_equal(a.a.retry_after_s, 35);
    assert_string_equal(a.a.description, "Too Many Requests");
    assert_null(a.a.result);
    tganswer_release(&a);
    assert_int_equal(parse("{\"ok\":false,\"error_code\":400,\"description\":\"x\","
                           "\"parameters\":{\"migrate_to_chat_id\":-1001234567890123}}",
                           &a),
                     ERR_OK);
    assert_int_equal(a.a.migrate_to, INT64_C(-1001234567890123));
    tganswer_release(&a);
}

static void nonsense_is_refused_or_read_as_nothing(void **state)
{
    static const char *const bad[] = {"",
                                      "<html>",
                                      "[]",
                                      "{}",
                                      "{\"ok\":1,\"result\":{}}",
                                      "{\"ok\":true}",
                                      "{\"ok\":true,\"result\":1",
                                      "\xff"};
    struct tganswer a;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(parse(bad[i], &a), ERR_PROTOCOL);
    assert_int_equal(parse("{\"ok\":false,\"error_code\":\"x\",\"description\":7,"
                           "\"parameters\":[{\"retry_after\":1}]}",
                           &a),
                     ERR_OK);
    assert_int_equal(a.a.error_code, 0);
    assert_string_equal(a.a.description, "");
    assert_int_equal(a.a.retry_after_s, -1);
    assert_int_equal(tganswer_judge(&a.a, false), TGANSWER_RETRY);
    tganswer_release(&a);
    /* No wait is longer than a day, and a 429 never without one. */
    assert_int_equal(parse("{\"ok\":false,\"error_code\":429,\"parameters\":{\"retry_after\":"
                           "99999999999}}",
                           &a),
                     ERR_OK);
    assert_int_equal(a.a.retry_after_s, 86400);
    tganswer_release(&a);
    assert_int_equal(parse("{\"ok\":false,\"error_code\":429}", &a), ERR_OK);
    assert_int_equal(a.a.retry_after_s, 1);
    tganswer_release(&a);
}

static void long_words_are_cut_between_characters(void **state)
{
    struct tganswer a;
    char text[1200];
    int n = snprintf(text, sizeof(text), "{\"ok\":false,\"description\":\"a"), i;

    (void)state;
    for (i = 0; i < 300; i++)
        n += snprintf(text + n, sizeof(text) - (size_t)n, "\xd9\x85");
    snprintf(text + n, sizeof(text) - (size_t)n, "\"}");
    assert_int_equal(parse(text, &a), ERR_OK);
    assert_int_equal(strlen(a.a.description), 255);
    tganswer_release(&a);
}

static void what_became_of_a_message_is_judged(void **state)
{
    static const struct {
        int code;
        const char *words;
        bool edit;
        enum tganswer_kind kind;
    } rows[] = {
        {429, "Too Many Requests: retry after 5", false, TGANSWER_RETRY},
        {500, "Internal Server Error", true, TGANSWER_RETRY},
        {502, "Bad Gateway", false, TGANSWER_RETRY},
        {401, "Unauthorized", false, TGANSWER_NO_TOKEN},
        {404, "Not Found", false, TGANSWER_NO_TOKEN},
        {403, "Forbidden: bot was blocked by the user", false, TGANSWER_PERMANENT},
        {403, "Forbidden: bot was kicked from the supergroup chat", true, TGANSWER_PERMANENT},
        {400, "Bad Request: chat not found", false, TGANSWER_PERMANENT},
        {400, "Bad Request: message thread not found", false, TGANSWER_PERMANENT},
        {400, "Bad Request: TOPIC_CLOSED", false, TGANSWER_PERMANENT},
        {400, "Bad Request: message is too long", true, TGANSWER_PERMANENT},
        {400,
         "Bad Request: message is not modified: specified new message content and reply "
         "markup are exactly the same as a current content",
         true, TGANSWER_SAME},
        {400, "Bad Request: message to edit not found", true, TGANSWER_NO_EDIT},
        {400, "Bad Request: message can't be edited", true, TGANSWER_NO_EDIT},
        {400, "Bad Request: MESSAGE_ID_INVALID", true, TGANSWER_NO_EDIT},
        {400, "Bad Request: message to edit not found", false, TGANSWER_PERMANENT},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        struct telegram_answer a = {.error_code = rows[i].code, .description = rows[i].words};

        assert_int_equal(tganswer_judge(&a, rows[i].edit), rows[i].kind);
    }
}

static void an_update_is_found_in_a_spoilt_batch(void **state)
{
    int64_t id = -1;

    (void)state;
    assert_int_equal(tganswer_find_update(SLICE("{\"ok\":true,\"result\":[{\"update_id\":41},"
                                                "{\"update_id\": 42,\"x\":1e999"),
                                          &id),
                     ERR_OK);
    assert_int_equal(id, 42);
    assert_int_equal(tganswer_find_update(SLICE("\"update_id\":"), &id), ERR_NOT_FOUND);
    assert_int_equal(tganswer_find_update(SLICE("\"update_id\":99999999999999999999"), &id),
                     ERR_NOT_FOUND);
    assert_int_equal(tganswer_find_update(SLICE(""), &id), ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_read),
        cmocka_unit_test(nonsense_is_refused_or_read_as_nothing),
        cmocka_unit_test(long_words_are_cut_between_characters),
        cmocka_unit_test(what_became_of_a_message_is_judged),
        cmocka_unit_test(an_update_is_found_in_a_spoilt_batch),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
