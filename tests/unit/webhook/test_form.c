/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "webhook/webhook_form.h"

#define BODY "{\"id\":\"7-1764140000123\",\"type\":\"disabled\"}"

/* By Python's hmac and by `openssl dgst -sha256 -hmac`, which agree. */
static void the_signature_is_that_of_others(void **state)
{
    char out[WEBHOOK_SIGNATURE];

    (void)state;
    assert_int_equal(webhook_form_sign("a key", 1764140001, SLICE(BODY), out), 0);
    assert_string_equal(out, "v1=6871cb5d7442b4caf66a2c79f88201668e9783940f86cbc261a75e815c39eba8");
    assert_int_equal(webhook_form_sign("a key", 1764140002, SLICE(BODY), out), 0);
    assert_string_not_equal(out,
                            "v1=6871cb5d7442b4caf66a2c79f88201668e9783940f86cbc261a75e815c39eba8");
    assert_int_equal(webhook_form_sign("a kez", 1764140001, SLICE(BODY), out), 0);
    assert_string_not_equal(out,
                            "v1=6871cb5d7442b4caf66a2c79f88201668e9783940f86cbc261a75e815c39eba8");
    assert_int_equal(webhook_form_sign("a key", 1764140001, SLICE(BODY " "), out), 0);
    assert_string_not_equal(out,
                            "v1=6871cb5d7442b4caf66a2c79f88201668e9783940f86cbc261a75e815c39eba8");
    assert_int_equal(webhook_form_sign("", 0, (struct slice){"", 0}, out), 0);
    assert_int_equal(strlen(out), WEBHOOK_SIGNATURE - 1);
}

static void the_body_is_the_event_in_an_envelope(void **state)
{
    struct db_event row = {.id = 7,
                           .at_us = INT64_C(1764140000123000),
                           .kind = SLICE("disabled"),
                           .user_id = 12,
                           .name = SLICE("al\"ice\n"),
                           .who = SLICE("pg-limiter"),
                           .what = SLICE("disabled for 15 min"),
                           .data = SLICE("{\"n\":1}")};
    struct buf b;

    (void)state;
    buf_init(&b, 4096);
    webhook_form_body(&b, &row);
    assert_false(b.failed);
    assert_string_equal(
        buf_str(&b),
        "{\"id\":\"7-1764140000123\",\"type\":\"disabled\",\"time\":\"2025-11-26T06:53:20.123000Z\","
        "\"data\":{\"id\":7,\"at\":\"2025-11-26T06:53:20.123000Z\",\"kind\":\"disabled\",\"user_id\":12,"
        "\"username\":\"al\\\"ice\\u000a\",\"who\":\"pg-limiter\",\"what\":\"disabled for 15 min\","
        "\"data\":{\"n\":1}}}");
    buf_release(&b);
}

static void only_the_origin_is_shown(void **state)
{
    static const struct {
        const char *url, *shown;
        bool open;
    } rows[] = {
        {"https://shop.example.com/a/b?key=secret", "https://shop.example.com", false},
        {"https://ali:pass@word@shop.example.com:8443/x", "https://shop.example.com:8443", false},
        {"http://shop.example.com", "http://shop.example.com", true},
        {"http://shop.example.com?x=/@y", "http://shop.example.com", true},
        {"http://user:pw@[2a00:1450::5]:80/", "http://[2a00:1450::5]:80", true},
        {"http://[::1]:80/", "http://[::1]:80", false},
        {"http://127.0.0.1:9/hook", "http://127.0.0.1:9", false},
        {"http://10.1.2.3/", "http://10.1.2.3", false},
        {"http://8.8.8.8/", "http://8.8.8.8", true},
        {"http://receiver:8080/", "http://receiver:8080", false},
        {"http://localhost/#a@b", "http://localhost", false},
        {"http://[::ffff:8.8.8.8]/", "http://[::ffff:8.8.8.8]", true},
    };
    char out[WEBHOOK_ORIGIN];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        webhook_form_origin(rows[i].url, out);
        assert_string_equal(out, rows[i].shown);
        if (webhook_form_is_open(rows[i].url) != rows[i].open)
            fail_msg("%s", rows[i].url);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_signature_is_that_of_others),
        cmocka_unit_test(the_body_is_the_event_in_an_envelope),
        cmocka_unit_test(only_the_origin_is_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
