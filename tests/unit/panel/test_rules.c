/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "panel/gate.h"
#include "panel/jval.h"
#include "panel/pace.h"
#include "panel/panel_url.h"
#include "panel/probe.h"
#include "panel/reply.h"

static void urls(void **state)
{
    static const struct {
        const char *in, *base;
        bool assumed;
    } good[] = {
        {"panel.example.com", "https://panel.example.com", true},
        {" panel.example.com:8443 ", "https://panel.example.com:8443", true},
        {"192.0.2.1:8000", "https://192.0.2.1:8000", true},
        {"[2001:db8::1]:8000", "https://[2001:db8::1]:8000", true},
        {"[::1]", "https://[::1]", true},
        {"https://panel.example.com/", "https://panel.example.com", false},
        {"http://127.0.0.1:8000", "http://127.0.0.1:8000", false},
        {"https://example.com/secret/path/", "https://example.com/secret/path", false},
        {"https://example.com/dashboard/#/users?page=2", "https://example.com", false},
        {"https://example.com/pg/dashboard/login", "https://example.com/pg", false},
        {"https://example.com/api/", "https://example.com", false},
        {"example.com/sub", "https://example.com/sub", true},
        {"example.com/pg//api/", "https://example.com/pg", true},
    };
    static const char *const bad[] = {
        "",
        "  ",
        "ftp://example.com",
        "https://",
        "user:pw@example.com",
        "https://u:p@example.com/",
        "example.com:0",
        "example.com:65536",
        "example.com:http",
        "2001:db8::1",
        "[2001:db8::1",
        "[x]:1",
        "[::1]8000",
        "exa mple.com",
        "example.com/a b",
        "exam\"ple.com",
        "bücher.example",
        "https://ad/min:secret@panel.example",
        "https://admin:1#secret@panel.example",
    };
    struct panel_url url;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(panel_url_parse(slice_of(good[i].in), &url, &err), ERR_OK);
        assert_string_equal(url.base, good[i].base);
        assert_int_equal(url.assumed, good[i].assumed);
        assert_int_equal(url.https, strncmp(good[i].base, "https:", 6) == 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        err = (struct err){0};
        assert_int_equal(panel_url_parse(slice_of(bad[i]), &url, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "PANEL_DOMAIN"));
    }
}

static void the_cure_of_a_wrong_scheme(void **state)
{
    struct panel_url url;
    struct err err;

    (void)state;
    assert_int_equal(panel_url_parse(SLICE("192.0.2.1:8000/x"), &url, &err), ERR_OK);
    err_set(&err, ERR_TLS, "TLS: wrong version number");
    panel_url_advise(&url, err.code, &err);
    assert_string_equal(err.text,
                        "TLS: wrong version number. If your panel speaks plain http, write "
                        "PANEL_DOMAIN=http://192.0.2.1:8000/x");
    err_set(&err, ERR_TLS, "TLS: the certificate was refused");
    panel_url_advise(&url, err.code, &err);
    assert_null(strstr(err.text, "http://"));
    assert_int_equal(panel_url_parse(SLICE("https://192.0.2.1:8000"), &url, &err), ERR_OK);
    err_set(&err, ERR_UNREACHABLE, "refused");
    panel_url_advise(&url, err.code, &err);
    assert_string_equal(err.text, "refused");
    assert_int_equal(panel_url_parse(SLICE("http://192.0.2.1"), &url, &err), ERR_OK);
    err_set(&err, ERR_UNREACHABLE, "the connection was closed without an answer");
    panel_url_advise(&url, err.code, &err);
    assert_non_null(strstr(err.text, "PANEL_DOMAIN=https://192.0.2.1"));
}

static struct reply judge(int status, const char *body, int64_t retry_after, struct err *err)
{
    struct reply r;

    *err = (struct err){0};
    reply_judge(status, slice_of(body), "https://elsewhere.example/", retry_after, "x", &r, err);
    return r;
}

static void only_some_answers_are_repeated(void **state)
{
    struct reply r;
    struct err err;

    (void)state;
    for (int status = 100; status < 600; status++) {
        r = judge(status, "{}", -1, &err);
        if (status >= 200 && status < 300) {
            assert_int_equal(r.kind, REPLY_OK);
            continue;
        }
        assert_int_not_equal(r.code, ERR_OK);
        if (status == 401)
            assert_int_equal(r.kind, REPLY_LOGIN);
        else if (status == 408 || status == 429 || status >= 500)
            assert_int_equal(r.kind, REPLY_RETRY);
        else
            assert_int_equal(r.kind, REPLY_FAIL);
    }
    assert_int_equal(judge(429, "", 7, &err).wait_us, 7000000);
    assert_int_equal(judge(503, "", 99999, &err).wait_us, 300000000);
    assert_int_equal(judge(503, "", -1, &err).wait_us, 0);
    judge(302, "", -1, &err);
    assert_non_null(strstr(err.text, "https://elsewhere.example/"));
    assert_int_equal(judge(404, "{\"detail\":\"nothing here\"}", -1, &err).missing, MISSING_OTHER);
    assert_int_equal(judge(404, "<html>not found</html>", -1, &err).missing, MISSING_OTHER);
    assert_int_equal(judge(404, "{\"detail\":\"User or group not found\"}", -1, &err).missing,
                     MISSING_OTHER);
}

static void what_the_panel_says_is_made_readable(void **state)
{
    char big[4000];
    struct err err;

    (void)state;
    judge(422, "{\"detail\":{\"a\":\"one\",\"b\":\"two\",\"c\":5}}", -1, &err);
    assert_string_equal(err.text, "x: the panel answered 422: a: one; b: two; c: (no text)");
    judge(422, "{\"detail\":[{\"loc\":[\"body\"],\"msg\":\"bad\",\"type\":\"t\"}]}", -1, &err);
    assert_string_equal(err.text, "x: the panel answered 422: body: bad");
    judge(502, "<html><h1>Bad\r\nGateway\x1b[31m</h1>", -1, &err);
    assert_string_equal(err.text,
                        "x: the panel answered 502: <html><h1>Bad\\x0d\\x0aGateway\\x1b[31m</h1>");
    judge(500, "", -1, &err);
    assert_string_equal(err.text, "x: the panel answered 500");
    snprintf(big, sizeof(big), "{\"detail\":\"%0*d\"}", 3000, 7);
    judge(400, big, -1, &err);
    assert_true(strlen(err.text) < ERR_TEXT_MAX);
}

static void the_gate_shuts_and_probes(void **state)
{
    struct gate g;
    int64_t now = 1000000000, first;

    (void)state;
    gate_init(&g);
    assert_false(gate_fault(&g, now, 0));
    assert_false(gate_fault(&g, now, 0));
    assert_true(gate_enter(&g, now));
    assert_false(gate_answered(&g));
    for (int i = 0; i < GATE_FAULTS - 1; i++)
        assert_false(gate_fault(&g, now, 0));
    assert_true(gate_fault(&g, now, 0));
    assert_false(gate_enter(&g, now));
    first = g.next_probe_us;
    assert_true(first > now);
    /* Calls sent before it shut say nothing new. */
    assert_false(gate_fault(&g, now, 0));
    assert_int_equal(g.next_probe_us, first);
    assert_true(gate_enter(&g, first));
    assert_false(gate_enter(&g, first));
    assert_false(gate_fault(&g, first, 0));
    assert_true(g.next_probe_us > first);
    assert_false(gate_enter(&g, g.next_probe_us - 1));
    assert_true(gate_enter(&g, g.next_probe_us));
    gate_leave(&g);
    assert_true(gate_enter(&g, g.next_probe_us));
    assert_true(gate_answered(&g));
    assert_true(gate_enter(&g, now));
    assert_true(gate_enter(&g, now));
    for (int i = 0; i < 100; i++) {
        int64_t before = now;

        gate_fault(&g, now, UINT64_MAX);
        if (g.shut) {
            assert_true(g.next_probe_us - before <= 30000000);
            now = g.next_probe_us;
            assert_true(gate_enter(&g, now));
        }
    }
}

static unsigned run(struct pace *p, int64_t seconds, int64_t took_us)
{
    int64_t now = p->next_us, end = now + seconds * 1000000, wait;
    unsigned n = 0;

    while (now < end) {
        if (pace_start(p, now, &wait)) {
            n++;
            pace_end(p, took_us);
        } else {
            assert_true(wait > 0);
            now += wait;
        }
    }
    return n;
}

static void the_pace_follows_the_panel(void **state)
{
    struct pace p;
    int64_t wait;

    (void)state;
    pace_init(&p, 3);
    assert_in_range(run(&p, 60, 300000), 175, 185);
    assert_true(p.rate > 2.9 && p.rate < 3.1);
    /* Slow answers halve it, again and again, never to nothing. */
    run(&p, 20, 600000);
    assert_true(p.rate < 1.6);
    run(&p, 2000, 600000);
    assert_true(p.rate > 0.1 && p.rate < 0.3);
    /* Fast ones raise it to 10 a second, middling ones bring it back to its base. */
    run(&p, 2000, 20000);
    assert_true(p.rate > 9.99 && p.rate < 10.01);
    run(&p, 60, 300000);
    assert_true(p.rate > 2.99 && p.rate < 3.01);
    /* Two in flight at most. */
    assert_true(pace_start(&p, p.next_us, &wait));
    assert_true(pace_start(&p, p.next_us, &wait));
    assert_false(pace_start(&p, p.next_us + 1000000000, &wait));
    assert_int_equal(wait, -1);
    pace_end(&p, -1);
    assert_true(pace_start(&p, p.next_us, &wait));
    pace_init(&p, 0);
    assert_false(pace_start(&p, 1000, &wait));
    assert_int_equal(wait, -1);
    /* One outlier in twenty is no trend. */
    pace_init(&p, 3);
    for (int i = 0; i < 40; i++) {
        p.flying = 1;
        pace_end(&p, i % 20 == 7 ? 5000000 : 300000);
    }
    assert_true(p.rate > 2.99);
}

static void json_from_outside(void **state)
{
    static const char *const bad[] = {
        "",         "{",           "{\"a\":1,}", "[1 2]", "{\"a\":1,\"a\":2}", "\"\\u0000\"",
        "\"\xff\"", "{\"a\":1} x", "nul"};
    char deep[2 * LIMIT_JSON_DEPTH + 8];
    struct jval *doc;
    struct slice s;
    struct err err;
    int64_t i;
    int n;

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(bad); k++)
        assert_int_equal(jval_parse(slice_of(bad[k]), &doc, &err), ERR_PROTOCOL);
    for (n = 0; n < LIMIT_JSON_DEPTH; n++) {
        deep[n] = '[';
        deep[2 * LIMIT_JSON_DEPTH - 1 - n] = ']';
    }
    assert_int_equal(jval_parse((struct slice){deep, 2 * LIMIT_JSON_DEPTH}, &doc, &err), ERR_OK);
    jval_free(doc);
    memset(deep, '[', sizeof(deep));
    assert_int_equal(jval_parse((struct slice){deep, sizeof(deep)}, &doc, &err), ERR_TOO_BIG);
    /* Brackets inside texts do not count. */
    assert_int_equal(
        jval_parse(SLICE("{\"a\":\"\\\"[[[[\",\"n\":9007199254740993,\"z\":null,\"t\":true}"), &doc,
                   &err),
        ERR_OK);
    assert_int_equal(jval_need_text(doc, "a", &s, &err), ERR_OK);
    assert_true(slice_eq(s, SLICE("\"[[[[")));
    assert_int_equal(jval_need_int(doc, "n", &i, &err), ERR_OK);
    assert_true(i == INT64_C(9007199254740993));
    assert_int_equal(jval_need_int(doc, "a", &i, &err), ERR_PROTOCOL);
    assert_non_null(strstr(err.text, "\"a\""));
    assert_null(jval_get(doc, "z"));
    assert_true(jval_opt_bool(doc, "t", false));
    assert_int_equal(jval_opt_int(doc, "missing", 7), 7);
    jval_free(doc);
}

static void the_end_of_an_api_key(void **state)
{
    const char *body = "{\"api_keys\":[{\"api_key_trimmed\":\"pg_key_f20***a85\",\"expire_date\":"
                       "\"2026-12-01T00:00:00\"},{\"api_key_trimmed\":\"pg_key_111***222\","
                       "\"expire_date\":\"2026-11-25T00:00:00Z\"}]}";

    (void)state;
    assert_true(
        probe_find_key(slice_of(body), SLICE("pg_key_f20276f2-2aa0-41c4-a509-e705c0a0ca85")) ==
        stamp_civil(2026, 12, 1, 0, 0, 0, 0));
    assert_true(probe_find_key(slice_of(body),
                               SLICE("pg_key_f20276f2-2aa0-41c4-a509-e705c0a0ca86")) == STAMP_NONE);
    assert_true(probe_find_key(SLICE("nonsense"), SLICE("pg_key_f20")) == STAMP_NONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(urls),
        cmocka_unit_test(the_cure_of_a_wrong_scheme),
        cmocka_unit_test(only_some_answers_are_repeated),
        cmocka_unit_test(what_the_panel_says_is_made_readable),
        cmocka_unit_test(the_gate_shuts_and_probes),
        cmocka_unit_test(the_pace_follows_the_panel),
        cmocka_unit_test(json_from_outside),
        cmocka_unit_test(the_end_of_an_api_key),
    };

    return cmocka_run_group_tests_name("panel_rules", tests, NULL, NULL);
}
