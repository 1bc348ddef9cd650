/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "core/line/scan.h"
#include "service/settings/settings_policy.h"

enum { LINES_MAX = 256, TEXT_MAX = 4096 };

/* The labelled lines of tests/data/access-lines.jsonl. */
static struct labelled {
    char *p;
    size_t n;
    json_t *row, *expected;
} cases[LINES_MAX];
static int n_cases;
static struct scan_rules rules;

static int load(void **state)
{
    FILE *f = fopen("tests/data/access-lines.jsonl", "r");
    static char text[1 << 17]; /* the longest line is a URL of 60 kB */
    struct settings settings;

    (void)state;
    if (!f)
        return -1;
    while (n_cases < LINES_MAX && fgets(text, sizeof(text), f)) {
        struct labelled *c = &cases[n_cases++];
        json_t *line;

        c->row = json_loads(text, JSON_ALLOW_NUL, NULL);
        line = json_object_get(c->row, "line");
        c->expected = json_object_get(c->row, "expected");
        if (!json_is_string(line) || !c->expected)
            return -1;
        c->n = json_string_length(line);
        c->p = malloc(c->n + !c->n);
        if (!c->p)
            return -1;
        memcpy(c->p, json_string_value(line), c->n);
    }
    fclose(f);
    scan_rules_init(&rules);
    if (settings_init(&settings) || settings_scan_rules(&settings, SLICE(""), &rules, NULL))
        return -1;
    settings_release(&settings);
    return 0;
}

static int unload(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < n_cases; i++) {
        json_decref(cases[i].row);
        free(cases[i].p);
    }
    scan_rules_release(&rules);
    return 0;
}

/* Scans a copy in a block of its exact size: the sanitizer sees a byte read too far. */
static enum scan_reason scan_copy(const char *p, size_t n, struct record *ret, char **ret_copy)
{
    char *copy = malloc(n + !n);

    assert_non_null(copy);
    if (n)
        memcpy(copy, p, n);
    *ret_copy = copy;
    return scan_line(&rules, (struct slice){copy, n}, ret);
}

static void same_text(json_t *want, struct slice got, const char *what, const char *name)
{
    if (json_is_null(want) || !want
            ? got.n != 0
            : !slice_eq(got, (struct slice){json_string_value(want), json_string_length(want)}))
        fail_msg("%s: %s is \"%.*s\"", name, what, (int)got.n, got.n ? got.p : "");
}

static void labelled_lines(void **state)
{
    int i, counted = 0;

    (void)state;
    assert_true(n_cases >= 101);
    for (i = 0; i < n_cases; i++) {
        json_t *want = cases[i].expected;
        const char *name = json_string_value(json_object_get(cases[i].row, "case"));
        struct record r;
        char *copy, ip[ADDR_TEXT];
        enum scan_reason reason = scan_copy(cases[i].p, cases[i].n, &r, &copy);

        if (json_is_false(json_object_get(want, "counted"))) {
            const char *word = json_string_value(json_object_get(want, "reason"));

            if (strcmp(scan_reason_name(reason), word) != 0)
                fail_msg("%s: %s, not %s", name, scan_reason_name(reason), word);
            free(copy);
            continue;
        }
        if (reason != SCAN_COUNTED)
            fail_msg("%s: %s, not counted", name, scan_reason_name(reason));
        assert_int_equal(r.id, json_integer_value(json_object_get(want, "id")));
        same_text(json_object_get(want, "name"), r.name, "name", name);
        same_text(json_object_get(want, "inbound"), r.inbound, "inbound", name);
        assert_string_equal(addr_text(r.ip, ip), json_string_value(json_object_get(want, "ip")));
        counted++;
        free(copy);
    }
    assert_true(counted > 30 && counted < n_cases - 30);
}

/*
 * An obvious reading of who a counted line may belong to: the digits behind its last ` email: `, by
 * trying every place. 0: nobody by id.
 */
static int64_t obvious_id(const char *p, size_t n)
{
    size_t i, at = 0, end;
    int64_t id = 0;

    while (n && (p[n - 1] == '\n' || p[n - 1] == '\r'))
        n--;
    for (i = 0; i + 8 <= n; i++)
        if (memcmp(p + i, " email: ", 8) == 0)
            at = i + 8;
    if (at == 0)
        return 0;
    while (at < n && (p[at] == ' ' || p[at] == '\t' || p[at] == '\n' || p[at] == '\r'))
        at++;
    while (n > at && (p[n - 1] == ' ' || p[n - 1] == '\t' || p[n - 1] == '\n' || p[n - 1] == '\r'))
        n--;
    for (end = at; end < n && p[end] >= '0' && p[end] <= '9'; end++)
        ;
    if (end == at || end - at > 18 || p[at] == '0' || (end < n && p[end] != '.'))
        return 0;
    for (i = at; i < end; i++)
        id = id * 10 + (p[i] - '0');
    return id;
}

static bool inside(struct slice part, const char *p, size_t n)
{
    return part.n == 0 || (part.p >= p && part.p + part.n <= p + n);
}

/* Whatever a line is: nothing read outside it, and no one blamed but the user behind the last email. */
static enum scan_reason try_line(const char *p, size_t n)
{
    struct record r;
    char *copy;
    enum scan_reason reason = scan_copy(p, n, &r, &copy);

    if ((unsigned)reason >= SCAN_REASONS || reason != r.reason)
        fail_msg("reason %d", reason);
    if (reason == SCAN_COUNTED) {
        if (r.id != obvious_id(copy, n))
            fail_msg("id %lld from \"%.*s\"", (long long)r.id, (int)n, copy);
        assert_true(r.id > 0 || r.name.n > 0);
        assert_true(inside(r.name, copy, n) && inside(r.inbound, copy, n) &&
                    inside(r.outbound, copy, n));
        assert_int_equal(addr_classify(r.ip), ADDR_PUBLIC);
    }
    free(copy);
    return reason;
}

static void every_prefix(void **state)
{
    size_t n;
    int i;

    (void)state;
    for (i = 0; i < n_cases; i++)
        for (n = 0; n <= cases[i].n && n < 2000; n++)
            try_line(cases[i].p, n);
}

static const char *const words[] = {" email: ",
                                    " email: 7.bob",
                                    " email: 7",
                                    "email: 9.eve",
                                    " [",
                                    "]",
                                    "[IN -> OUT]",
                                    " >> ",
                                    " -> ",
                                    " ==> ",
                                    " accepted ",
                                    " rejected ",
                                    "from ",
                                    "tcp:",
                                    "udp:",
                                    "5.6.7.8:1",
                                    "[2a01:4f8::1]:9",
                                    "\n",
                                    "\r",
                                    "\t",
                                    "\x01",
                                    ".",
                                    ":",
                                    "0",
                                    "18446744073709551617",
                                    "2025/11/02 10:00:00 ",
                                    " ",
                                    "[IN",
                                    "//",
                                    "BLOCK"};

static size_t insert(char *p, size_t n, size_t at, const char *word)
{
    size_t len = strlen(word);

    if (n + len > TEXT_MAX)
        return n;
    memmove(p + at + len, p + at, n - at);
    memcpy(p + at, word, len);
    return n + len;
}

static size_t mutate(uint64_t *seed, char *p, size_t n)
{
    size_t at = rnd_below(seed, (uint32_t)n + 1), len;
    const struct labelled *other;

    switch (rnd_below(seed, 5)) {
    case 0:
        if (at < n)
            p[at] = (char)rnd(seed);
        return n;
    case 1:
        len = rnd_below(seed, 12);
        len = len > n - at ? n - at : len;
        memmove(p + at, p + at + len, n - at - len);
        return n - len;
    case 2:
        /* The head of this line and the tail of another one: readers that split a stream see that. */
        other = &cases[rnd_below(seed, (uint32_t)n_cases)];
        len = rnd_below(seed, (uint32_t)other->n + 1);
        if (at + len > TEXT_MAX)
            return n;
        memcpy(p + at, other->p + other->n - len, len);
        return at + len;
    default:
        return insert(p, n, at, words[rnd_below(seed, ARRAY_LEN(words))]);
    }
}

static void random_mutations(void **state)
{
    static char p[TEXT_MAX + 64];
    uint64_t seed = 41;
    int i, k, counted = 0;

    (void)state;
    for (i = 0; i < 200000; i++) {
        const struct labelled *c = &cases[rnd_below(&seed, (uint32_t)n_cases)];
        size_t n = c->n < TEXT_MAX ? c->n : TEXT_MAX;

        memcpy(p, c->p, n);
        for (k = (int)rnd_below(&seed, 6); k >= 0; k--)
            n = mutate(&seed, p, n);
        counted += try_line(p, n) == SCAN_COUNTED;
    }
    assert_true(counted > 10000);
}

/* The destination is the attacker's: with any words in it, user, address and tags stay the true ones. */
static void hostile_destinations(void **state)
{
    static const char head[] = "2025/11/02 10:00:00.123456 from 5.6.7.8:51234 accepted tcp:";
    static const char tail[] = " [IN -> OUT] email: 12.alice";
    static char p[TEXT_MAX];
    uint64_t seed = 42;
    char ip[ADDR_TEXT];
    int i, k;

    (void)state;
    for (i = 0; i < 100000; i++) {
        size_t n = sizeof(head) - 1, bare;
        struct record r;
        char *copy;

        memcpy(p, head, n);
        for (k = (int)rnd_below(&seed, 12); k >= 0; k--)
            n = insert(p, n, n, words[rnd_below(&seed, ARRAY_LEN(words))]);
        bare = insert(p, n, n, " [IN -> OUT]");
        /* Without an email behind the detour nobody is blamed, whatever the destination claims. */
        scan_copy(p, bare, &r, &copy);
        if (r.reason == SCAN_COUNTED)
            fail_msg("id %lld from \"%.*s\"", (long long)r.id, (int)bare, p);
        free(copy);
        n = insert(p, n, n, tail);
        if (scan_copy(p, n, &r, &copy) != SCAN_COUNTED)
            fail_msg("%s: \"%.*s\"", scan_reason_name(r.reason), (int)n, p);
        assert_int_equal(r.id, 12);
        assert_true(slice_eq(r.name, SLICE("alice")));
        assert_string_equal(addr_text(r.ip, ip), "5.6.7.8");
        assert_true(slice_eq(r.inbound, SLICE("IN")) && slice_eq(r.outbound, SLICE("OUT")));
        free(copy);
    }
}

static void one(const char *line, enum scan_reason want)
{
    struct record r;
    enum scan_reason got = scan_line(&rules, slice_of(line), &r);

    if (got != want)
        fail_msg("%s, not %s: %s", scan_reason_name(got), scan_reason_name(want), line);
}

/* Each reason by the line that stands for it, and the close neighbour that is counted. */
static void reasons(void **state)
{
    (void)state;
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_COUNTED);
    one("5.6.7.8:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_COUNTED);
    one("", SCAN_EMPTY);
    one(" \t ", SCAN_EMPTY);
    one("\r\n", SCAN_EMPTY);
    one("from 5.6.7.8:1 accepted ", SCAN_NOT_ACCESS);
    one("from 5.6.7.8:1 acceptedtcp:a:1 email: 1", SCAN_NOT_ACCESS);
    one("2025/11/02 10:00:00from 5.6.7.8:1 accepted tcp:a:1 email: 1", SCAN_NOT_ACCESS);
    one("2025/13/02 10:00:00 from 5.6.7.8:1 accepted tcp:a:1 email: 1", SCAN_NOT_ACCESS);
    one("from 5.6.7.8:1 rejected", SCAN_REJECTED);
    one("from 5.6.7.8:1 rejectedx", SCAN_NOT_ACCESS);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> O]", SCAN_NO_EMAIL);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> O] email:1", SCAN_NO_EMAIL);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> O] email: 1.", SCAN_BAD_EMAIL);
    one("from 5.6.*.*:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_MASKED);
    one("from [Masked IPv4]:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_MASKED);
    one("from 5.6.0.0/16:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_MASKED);
    one("from @ accepted tcp:a:1 [I -> O] email: 1", SCAN_UNIX);
    one("from /run/x.sock accepted tcp:a:1 [I -> O] email: 1", SCAN_UNIX);
    one("from host:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_DOMAIN);
    one("from 5.6.7.8:65536 accepted tcp:a:1 [I -> O] email: 1", SCAN_BAD_ADDRESS);
    one("from 5.6.7.8 accepted tcp:a:1 [I -> O] email: 1", SCAN_BAD_ADDRESS);
    one("from [2a01:4f8::1] accepted tcp:a:1 [I -> O] email: 1", SCAN_BAD_ADDRESS);
    one("from 8.8.8.8:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_IGNORED_IP);
    one("from 8.8.4.4:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_COUNTED);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> blackhole] email: 1", SCAN_BLOCKED);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I ==> block] email: 1", SCAN_BLOCKED);
    one("from 5.6.7.8:1 accepted tcp:a:1 [block] email: 1", SCAN_BLOCKED);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> block] some reason email: 1", SCAN_BLOCKED);
    one("from 5.6.7.8:1 accepted tcp:a:1 [I -> Block] email: 1", SCAN_COUNTED);
    one("from 5.6.7.8:1 accepted tcp:x [I -> block] [I -> O] email: 1", SCAN_COUNTED);
    one("from 10.0.0.1:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_NOT_PUBLIC);
    rules.count_private = true;
    one("from 10.0.0.1:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_COUNTED);
    one("from 224.0.0.1:1 accepted tcp:a:1 [I -> O] email: 1", SCAN_NOT_PUBLIC);
    rules.count_private = false;
}

static void lines_of_any_length(void **state)
{
    static const char head[] = "from 5.6.7.8:1 accepted tcp:", tail[] = " [I -> O] email: 1";
    size_t n = LIMIT_LINE + 2, i;
    struct record r;
    char *p = malloc(n);

    (void)state;
    assert_non_null(p);
    memset(p, ' ', n);
    assert_int_equal(scan_line(&rules, (struct slice){p, n}, &r), SCAN_EMPTY);
    memset(p, 'a', n);
    memcpy(p, head, sizeof(head) - 1);
    memcpy(p + LIMIT_LINE - sizeof(tail) + 1, tail, sizeof(tail) - 1);
    memcpy(p + LIMIT_LINE, "\r\n", 2);
    assert_int_equal(scan_line(&rules, (struct slice){p, LIMIT_LINE}, &r), SCAN_COUNTED);
    assert_int_equal(scan_line(&rules, (struct slice){p, n}, &r), SCAN_COUNTED);
    p[LIMIT_LINE] = 'x';
    assert_int_equal(scan_line(&rules, (struct slice){p, n}, &r), SCAN_TOO_LONG);
    /* The dearest lines for a scanner that looks back: all blanks, brackets, arrows. */
    for (i = sizeof(head) - 1; i < LIMIT_LINE - sizeof(tail) + 1; i++)
        p[i] = " [ -> email:"[i % 12];
    assert_int_equal(scan_line(&rules, (struct slice){p, LIMIT_LINE}, &r), SCAN_COUNTED);
    assert_int_equal(r.id, 1);
    free(p);
}

static void stamps(void **state)
{
    struct record r;

    (void)state;
    assert_int_equal(
        scan_line(&rules,
                  SLICE("2025/11/02 10:00:00.123456 from 5.6.7.8:1 accepted tcp:a:1 email: 1"), &r),
        SCAN_COUNTED);
    assert_true(r.stamp_us == stamp_civil(2025, 11, 2, 10, 0, 0, 123456));
    assert_null(r.inbound.p);
    assert_null(r.outbound.p);
    assert_int_equal(scan_line(&rules, SLICE("from 5.6.7.8:1 accepted tcp:a:1 [only] email: 1"),
                               &r),
                     SCAN_COUNTED);
    assert_true(r.stamp_us == STAMP_NONE);
    assert_null(r.inbound.p);
    assert_true(slice_eq(r.outbound, SLICE("only")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labelled_lines),   cmocka_unit_test(every_prefix),
        cmocka_unit_test(random_mutations), cmocka_unit_test(hostile_destinations),
        cmocka_unit_test(reasons),          cmocka_unit_test(lines_of_any_length),
        cmocka_unit_test(stamps),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
