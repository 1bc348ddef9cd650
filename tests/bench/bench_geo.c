/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Look-ups of countries and providers in the data of build/geo, and what they cost a line.
 *
 *   bench_geo COUNTRY.mmdb ASN.mmdb [REPETITIONS]
 *
 * Addresses are random over the public IPv4 and IPv6 unicast space, so each is a new walk through the tree.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/stamp.h"
#include "bench.h"
#include "core/engine.h"
#include "geo/geodb.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

enum { ADDRS = 1000000, LINES = 400000, USERS = 10000 };
static const int64_t start_us = INT64_C(1793613600) * STAMP_SECOND;

static void die(const char *what)
{
    fprintf(stderr, "bench_geo: %s\n", what);
    exit(1);
}

/*
 * Processor time: what a line costs, whatever else the machine does. That nothing waits is then shown by the
 * wall clock on an idle machine only; src/geo makes no system call in a look-up.
 */
static int64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* xorshift64*: the same addresses on every machine. */
static uint64_t next(uint64_t *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * UINT64_C(2685821657736338717);
}

static struct addr random_addr(uint64_t *s)
{
    struct addr a;

    do {
        uint64_t r = next(s);

        if (r & 3)
            a = (struct addr){0, UINT64_C(0xffff) << 32 | r >> 32};
        else
            a = (struct addr){UINT64_C(1) << 61 | (r >> 3 & ((UINT64_C(1) << 60) - 1)), next(s)};
    } while (addr_classify(a) != ADDR_PUBLIC);
    return a;
}

static void bench_lookups(struct geodb *db, struct bench *b)
{
    struct addr *addrs = malloc(ADDRS * sizeof(*addrs));
    uint64_t seed = 88172645463325252, known = 0;
    struct geo geo;
    int64_t begun;
    int i;

    if (!addrs)
        die("no memory");
    for (i = 0; i < ADDRS; i++)
        addrs[i] = random_addr(&seed);
    begun = cpu_ns();
    for (i = 0; i < ADDRS; i++) {
        geodb_geo(db, addrs[i], &geo);
        known += geo.asn != 0 || geo.country[0];
    }
    bench_add(b, ADDRS / ((double)(cpu_ns() - begun) / 1e9));
    if (known < ADDRS / 10)
        die("the databases know next to nothing");
    free(addrs);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Lines from ever new addresses, the dearest there are: each makes a device, which is looked up. */
static void bench_lines(struct geodb *db, struct bench *p9999, struct bench *longest)
{
    static const struct hash_key key = {0x0123456789abcdef, 0x0f1e2d3c4b5a6978};
    int64_t *took = malloc(LINES * sizeof(*took)), now = start_us, begun;
    uint64_t seed = 88172645463325252;
    char text[256], stamp[STAMP_TEXT], addr[ADDR_TEXT];
    struct settings s;
    struct policy policy;
    struct engine *e;
    struct decision d;
    uint16_t node;
    int i, n;

    if (!took || settings_init(&s))
        die("no memory");
    settings_policy(&s, &policy);
    e = engine_new(&policy, key);
    if (!e || engine_node(e, 1, 0, &node))
        die("no engine");
    if (db)
        engine_set_geo(e, geodb_geo, db, now);
    engine_stream_opened(e, node, now);
    for (i = 0; i < LINES; i++) {
        struct addr a = random_addr(&seed);

        now += 100;
        stamp_iso_plain(now, stamp);
        stamp[4] = stamp[7] = '/';
        stamp[10] = ' ';
        n = snprintf(text, sizeof(text),
                     addr_is4(a)
                         ? "%.26s from tcp:%s:5%d accepted tcp:a.b:443 [IN -> OUT] email: %d"
                         : "%.26s from tcp:[%s]:5%d accepted tcp:a.b:443 [IN -> OUT] email: %d",
                     stamp, addr_text(a, addr), i % 9, 1 + i % USERS);
        begun = cpu_ns();
        engine_line(e, node, now, (struct slice){text, (size_t)n}, NULL);
        took[i] = cpu_ns() - begun;
        while (engine_take(e, &d))
            decision_release(&d);
    }
    qsort(took, LINES, sizeof(*took), compare);
    bench_add(p9999, (double)took[LINES - LINES / 10000] / 1e3);
    bench_add(longest, (double)took[LINES - 1] / 1e3);
    engine_free(e);
    settings_release(&s);
    free(took);
}

static void open_both(struct geodb *db, char **paths)
{
    struct err err;
    int kind;

    for (kind = 0; kind < GEOFILE_KINDS; kind++)
        if (geofile_open(paths[kind], (enum geofile_kind)kind, &db->file[kind], &err))
            die(err.text);
}

int main(int argc, char **argv)
{
    struct bench lookups = {"geo look-ups, country and AS", "look-ups/s", 1e6, false, {0}, 0};
    struct bench opening = {"geo opening both databases", "ms", 500, true, {0}, 0};
    struct bench memory = {"geo memory of both databases", "MB", 40, true, {0}, 0};
    struct bench p_with = {
        "engine_line, new address, with geo data, 99.99 %", "us", 100, true, {0}, 0};
    struct bench p_without = {
        "engine_line, new address, without, 99.99 %", "us", 100, true, {0}, 0};
    struct bench max_with = {
        "engine_line, new address, with geo data, longest", "us", 10000, true, {0}, 0};
    struct bench max_without = {
        "engine_line, new address, without, longest", "us", 10000, true, {0}, 0};
    struct geodb db = {0};
    uint64_t times = 7, i;
    int64_t before, begun;

    if (argc < 3 || (argc > 3 && (num_uint(slice_of(argv[3]), BENCH_SAMPLES, &times) || !times))) {
        fprintf(stderr, "usage: bench_geo COUNTRY.mmdb ASN.mmdb [REPETITIONS]\n");
        return 2;
    }
    for (i = 0; i < times; i++) {
        geodb_close(&db);
        before = bench_memory("VmRSS:");
        begun = cpu_ns();
        open_both(&db, argv + 1);
        bench_add(&opening, (double)(cpu_ns() - begun) / 1e6);
        bench_add(&memory, (double)(bench_memory("VmRSS:") - before) / 1e6);
        bench_lookups(&db, &lookups);
        bench_lines(NULL, &p_without, &max_without);
        bench_lines(&db, &p_with, &max_with);
    }
    geodb_close(&db);
    bench_report(&lookups);
    bench_report(&opening);
    bench_report(&memory);
    bench_report(&p_without);
    bench_report(&p_with);
    bench_report(&max_without);
    bench_report(&max_with);
    return 0;
}
