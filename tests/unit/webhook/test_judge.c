/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/attr.h"
#include "webhook/webhook_judge.h"

static struct webhook_outcome judge(int status)
{
    struct http_answer answer = {.status = status, .retry_after_s = status == 503 ? 17 : -1};
    struct webhook_outcome o;

    webhook_judge(ERR_OK, NULL, &answer, &o);
    return o;
}

static void every_status_has_an_end(void **state)
{
    int status;

    (void)state;
    for (status = 200; status < 1000; status++) {
        bool refused = status == 400 || status == 413 || status == 415 || status == 422;
        struct webhook_outcome o = judge(status);

        assert_int_equal(o.end, status < 300 ? WEBHOOK_DELIVERED
                                : refused    ? WEBHOOK_REFUSED
                                             : WEBHOOK_FAILED);
        assert_int_equal(o.status, status);
        assert_int_equal(o.cure == NULL, status < 300);
    }
    assert_int_equal(judge(503).retry_after_s, 17);
    assert_int_equal(judge(500).retry_after_s, -1);
    assert_string_equal(judge(307).text, "it answers 307, a redirect, which is not followed");
    assert_non_null(strstr(judge(401).cure, "webhook_secret"));
    assert_string_equal(judge(401).cure, judge(403).cure);
}

static void no_answer_says_why(void **state)
{
    static const int codes[] = {ERR_TIMEOUT, ERR_TLS, ERR_UNREACHABLE, ERR_PROTOCOL, ERR_TOO_BIG};
    struct err err = {.text = "so it is"}, none = {0};
    struct webhook_outcome o;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(codes); i++) {
        webhook_judge(codes[i], &err, NULL, &o);
        assert_int_equal(o.end, WEBHOOK_FAILED);
        assert_int_equal(o.status, 0);
        assert_string_equal(o.text, "so it is");
        assert_non_null(o.cure);
        webhook_judge(codes[i], &none, NULL, &o);
        assert_string_equal(o.text, err_name(codes[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_an_end),
        cmocka_unit_test(no_answer_says_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
