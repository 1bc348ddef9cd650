/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The engine's figures: lines scanned, lines scanned and counted, a check over 100,000 active users, and
 * the memory they take.
 *
 *   bench_core [REPETITIONS [memory|check|page|scan|count]]     default 7, all
 *
 * The lines are what nodes really write: of 10,000 users, most from one or two addresses, one in a
 * hundred shared; IPv4 and IPv6, `tcp:` or bare, stamps 100 us apart, rejected ones, the core's own talk.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/stamp.h"
#include "bench.h"
#include "core/user/brief.h"
#include "core/engine.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

enum { LINES = 1000000, USERS = 10000, MANY_USERS = 100000, STEP_US = 100 };

static const struct hash_key key = {0x0123456789abcdef, 0x0f1e2d3c4b5a6978};
static const int64_t start_us = INT64_C(1793613600) * STAMP_SECOND; /* 2026-11-02 10:00:00 */
static struct policy policy;
static struct settings settings;

static void die(const char *what)
{
    fprintf(stderr, "bench_core: %s\n", what);
    exit(1);
}

/* xorshift64*: the same lines on every machine. */
static uint32_t below(uint64_t *s, uint32_t n)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return (uint32_t)((*s * UINT64_C(2685821657736338717) >> 33) % n);
}

/* ---- a million lines ---- */

struct lines {
    struct buf text;
    uint32_t *end; /* of each line in text */
    uint32_t n;
};

/* Which of his addresses the user has now: mostly his first, a shared account one of five. */
static int pick_device(uint64_t *seed, uint32_t user)
{
    if (user % 100 == 0)
        return (int)below(seed, 5);
    return below(seed, 10) == 0;
}

static void add_source(struct buf *b, uint64_t *seed, uint32_t user, int device)
{
    if (below(seed, 2))
        buf_add_str(b, "tcp:");
    if (user % 5 == 4)
        buf_addf(b, "[2a01:%x:%x::%x]", 0x4f8 + device, user, below(seed, 65536));
    else
        buf_addf(b, "%d.%d.%d.%d", 5 + 3 * device, 120 + (int)(user >> 14), (int)(user >> 7 & 127),
                 (int)(user & 127) + 1);
    buf_addf(b, ":%u", 1024 + below(seed, 60000));
}

static void add_line(struct buf *b, uint64_t *seed, int64_t at_us)
{
    static const char *const inbounds[] = {"VLESS TCP REALITY", "VLESS WS", "Trojan TLS",
                                           "SHADOWSOCKS 1080"};
    uint32_t user = below(seed, USERS), kind = below(seed, 100);
    char when[STAMP_TEXT], *p;

    stamp_iso_plain(at_us, when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    buf_add_str(b, when);
    if (kind < 6) {
        buf_addf(b, " [Info] [%u] app/proxyman/inbound: connection ends > proxy/vless/inbound: EOF",
                 below(seed, 4000000000));
        return;
    }
    if (kind < 8) {
        buf_addf(b, " from DNS accepted udp:1.1.1.1:53 [dns-in >> DIRECT]");
        return;
    }
    buf_add_str(b, " from ");
    add_source(b, seed, user, pick_device(seed, user));
    if (kind < 11) {
        buf_add_str(b, " rejected  proxy/vless/encoding: invalid request user id");
        return;
    }
    buf_addf(b, " accepted %s:www%u.example%u.com:443 [%s %s %s] email: %u",
             below(seed, 4) ? "tcp" : "udp", below(seed, 1000), below(seed, 1000),
             inbounds[user % 4], user % 3 ? "->" : ">>", kind < 14 ? "BLOCK" : "DIRECT", user + 1);
}

static void make_lines(struct lines *l)
{
    uint64_t seed = 20261102;

    buf_init(&l->text, 512 << 20);
    l->end = malloc(LINES * sizeof(*l->end));
    if (!l->end)
        die("no memory");
    for (l->n = 0; l->n < LINES; l->n++) {
        add_line(&l->text, &seed, start_us + (int64_t)l->n * STEP_US);
        l->end[l->n] = (uint32_t)l->text.n;
    }
    if (l->text.failed)
        die("no memory");
}

static struct slice line_at(const struct lines *l, uint32_t i)
{
    uint32_t from = i ? l->end[i - 1] : 0;

    return (struct slice){l->text.p + from, l->end[i] - from};
}

static void bench_scan(const struct lines *l, int times)
{
    struct bench b = {.name = "scan", .unit = "lines/s", .goal = 5e6};
    struct scan_rules rules;
    uint64_t reasons[SCAN_REASONS] = {0};
    uint32_t i;
    int t;

    scan_rules_init(&rules);
    if (settings_scan_rules(&settings, SLICE(""), &rules, NULL))
        die("no rules");
    for (t = 0; t < times; t++) {
        int64_t begin = bench_ns();

        for (i = 0; i < l->n; i++) {
            struct record r;

            reasons[scan_line(&rules, line_at(l, i), &r)]++;
        }
        bench_add(&b, l->n * 1e9 / (double)(bench_ns() - begin));
    }
    bench_report(&b);
    for (i = 0; i < SCAN_REASONS; i++)
        if (reasons[i])
            fprintf(stderr, "  %-12s %5.1f %%\n", scan_reason_name((enum scan_reason)i),
                    100.0 * (double)reasons[i] / ((double)l->n * times));
    scan_rules_release(&rules);
}

/* ---- scan and count ---- */

static struct engine *new_engine(uint16_t *ret_node)
{
    struct engine *e = engine_new(&policy, key);
    struct scan_rules *rules;

    if (!e || engine_node(e, 1, 0, ret_node))
        die("no engine");
    rules = engine_scan_rules(e);
    if (settings_scan_rules(&settings, SLICE(""), rules, NULL))
        die("no rules");
    engine_stream_opened(e, *ret_node, start_us - 60 * STAMP_SECOND);
    return e;
}

static int drain(struct engine *e)
{
    struct decision d;
    int n = 0;

    while (engine_take(e, &d)) {
        decision_release(&d);
        n++;
    }
    return n;
}

static void bench_count(const struct lines *l, int times)
{
    struct bench b = {.name = "scan+count", .unit = "lines/s", .goal = 3e6};
    int decisions = 0, t;
    struct engine_stats stats = {0};

    for (t = 0; t < times; t++) {
        uint16_t node;
        struct engine *e = new_engine(&node);
        int64_t begin = bench_ns();
        uint32_t i;

        decisions = 0;
        for (i = 0; i < l->n; i++) {
            int64_t now_us = start_us + (int64_t)i * STEP_US + 20000;

            /* As the daemon reads: what came within 10 ms in one go. */
            if (i % 100 == 0) {
                engine_advance(e, now_us);
                decisions += drain(e);
            }
            engine_line(e, node, now_us, line_at(l, i), NULL);
        }
        bench_add(&b, l->n * 1e9 / (double)(bench_ns() - begin));
        engine_stats(e, &stats);
        engine_free(e);
    }
    bench_report(&b);
    fprintf(stderr, "  %u users, %llu lines counted, %d decisions\n", stats.users,
            (unsigned long long)stats.counted, decisions);
}

/* ---- many users ---- */

/* A line from every user's nth address. */
static void visit(struct engine *e, uint16_t node, int nth, int64_t now_us)
{
    char line[160], when[STAMP_TEXT], *p;
    uint32_t i;

    stamp_iso_plain(now_us, when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    for (i = 0; i < MANY_USERS; i++) {
        int n = snprintf(
            line, sizeof(line),
            "%s from %d.%u.%u.%u:4242 accepted tcp:a.example:443 [VLESS TCP -> DIRECT] email: %u",
            when, 60 + nth, i / 62500 + 1, i / 250 % 250, i % 250 + 1, i + 1);

        engine_line(e, node, now_us, (struct slice){line, (size_t)n}, NULL);
    }
}

static void name_users(struct engine *e)
{
    char name[32];
    int64_t i;

    for (i = 1; i <= MANY_USERS; i++) {
        int n = snprintf(name, sizeof(name), "customer_%lld", (long long)i);

        if (limits_learn(engine_limits(e), i, (struct slice){name, (size_t)n}) < 0)
            die("no memory");
    }
}

static void bench_check(int times)
{
    struct bench b = {.name = "check over 100,000 active users",
                      .unit = "ms",
                      .goal = 20,
                      .less = true};
    int64_t minute_us = policy.check_interval_us, now_us = start_us;
    struct engine_stats stats;
    uint16_t node;
    struct engine *e = new_engine(&node);
    int t;

    name_users(e);
    engine_advance(e, now_us);
    for (t = 0; t <= times; t++) {
        int64_t begin;

        visit(e, node, 0, now_us + minute_us / 2);
        visit(e, node, 1, now_us + minute_us / 2 + STAMP_SECOND);
        now_us += minute_us;
        begin = bench_ns();
        engine_advance(e, now_us);
        /* The first one allocates its scratch memory and is not counted. */
        if (t)
            bench_add(&b, (double)(bench_ns() - begin) / 1e6);
        engine_stats(e, &stats);
        if (stats.active != MANY_USERS || stats.last_check_us != now_us)
            die("the check did not see all users");
    }
    bench_report(&b);
    fprintf(stderr, "  %d decisions\n", drain(e));
    engine_free(e);
}

struct briefs {
    struct user_brief *users;
    size_t n;
};

static void take_brief(void *arg, const struct user_brief *b)
{
    struct briefs *all = arg;

    all->users[all->n++] = *b;
}

/* What GET /users/active does on the loop before it shows a page. */
static void bench_page(int times)
{
    struct bench b = {.name = "page of 100,000 active users",
                      .unit = "ms",
                      .goal = 10,
                      .less = true};
    struct briefs all = {.users = calloc(MANY_USERS, sizeof(*all.users))};
    uint16_t node;
    struct engine *e = new_engine(&node);
    int t;

    if (!all.users)
        die("no memory");
    name_users(e);
    engine_advance(e, start_us);
    visit(e, node, 0, start_us + STAMP_SECOND);
    visit(e, node, 1, start_us + 2 * STAMP_SECOND);
    for (t = 0; t < times; t++) {
        int64_t begin = bench_ns();

        all.n = 0;
        engine_each_brief(e, start_us + 3 * STAMP_SECOND, take_brief, &all);
        brief_page(all.users, all.n, 5000, 100);
        bench_add(&b, (double)(bench_ns() - begin) / 1e6);
        if (all.n != MANY_USERS || all.users[5000].id != 5001)
            die("the page is wrong");
    }
    bench_report(&b);
    engine_free(e);
    free(all.users);
}

/* In a process of its own, so that nothing freed before is counted or used again. */
static void measure_memory(int out)
{
    int64_t before = bench_memory("VmRSS:"), v[2];
    uint16_t node;
    struct engine *e = new_engine(&node);

    name_users(e);
    engine_advance(e, start_us);
    visit(e, node, 0, start_us + STAMP_SECOND);
    visit(e, node, 1, start_us + 2 * STAMP_SECOND);
    engine_advance(e, start_us + policy.check_interval_us);
    v[1] = bench_memory("VmRSS:");
    v[0] = v[1] - before;
    if (write(out, v, sizeof(v)) != (ssize_t)sizeof(v))
        _exit(1);
    _exit(0);
}

static void bench_users_memory(int times)
{
    struct bench grown = {.name = "memory of 100,000 users x 2 addresses",
                          .unit = "MB",
                          .goal = 25,
                          .less = true};
    struct bench total = {.name = "resident process with them",
                          .unit = "MB",
                          .goal = 25,
                          .less = true};
    int t;

    for (t = 0; t < times; t++) {
        int64_t v[2];
        int p[2], status;
        pid_t child;

        if (pipe(p))
            die("no pipe");
        child = fork();
        if (child < 0)
            die("no process");
        if (child == 0)
            measure_memory(p[1]);
        close(p[1]);
        if (read(p[0], v, sizeof(v)) != (ssize_t)sizeof(v))
            die("the child told nothing");
        close(p[0]);
        waitpid(child, &status, 0);
        bench_add(&grown, (double)v[0] / 1e6);
        bench_add(&total, (double)v[1] / 1e6);
    }
    bench_report(&grown);
    bench_report(&total);
}

static bool wanted(int argc, char **argv, const char *name)
{
    return argc < 3 || strcmp(argv[2], name) == 0;
}

int main(int argc, char **argv)
{
    struct lines lines = {0};
    uint64_t times = 7;

    if (argc > 3 ||
        (argc > 1 && (num_uint(slice_of(argv[1]), BENCH_SAMPLES, &times) || times == 0))) {
        fprintf(stderr, "usage: bench_core [REPETITIONS [memory|check|page|scan|count]]\n");
        return 2;
    }
    if (settings_init(&settings))
        die("no memory");
    settings_policy(&settings, &policy);
    /* First, while the process is small. */
    if (wanted(argc, argv, "memory"))
        bench_users_memory((int)times);
    if (wanted(argc, argv, "check"))
        bench_check((int)times);
    if (wanted(argc, argv, "page"))
        bench_page((int)times);
    make_lines(&lines);
    fprintf(stderr, "  %u lines, %.1f MB\n", lines.n, (double)lines.text.n / 1e6);
    if (wanted(argc, argv, "scan"))
        bench_scan(&lines, (int)times);
    if (wanted(argc, argv, "count"))
        bench_count(&lines, (int)times);
    buf_release(&lines.text);
    free(lines.end);
    settings_release(&settings);
    return 0;
}
