/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * The labelled traces of kinds.c, run as log lines through the engine, or through the older rule. Prints
 * for each kind the share convicted and the median second of the verdict.
 *
 *   study [--seeds N] [--from SEED] [--part I/N] [--only TEXT] [--old] [--carried] [--no-geo] [--json]
 *         [--online] [--listed] [--thinned] [--length SECONDS] [KEY=VALUE …]
 *
 * --part runs the kinds I, I+N, I+2N … only; --only those whose name holds TEXT; --carried reads "a gap
 * of so many seconds on average" the other way (trace.h). --online gives the engine readings of the online
 * list, too: every 5 s of who is watched, as engine_read_every() says, and of everyone once a minute; and
 * runs the kinds of whom only that list tells; --listed runs these alone, with or without readings.
 * --thinned takes every second line away, as another reader.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/stamp.h"
#include "core/engine.h"
#include "kinds.h"
#include "lists.h"
#include "oldrule.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

struct options {
    uint64_t seeds, from, part, parts, length_s;
    const char *only;
    bool old, carried, no_geo, json, online, listed, thinned;
    struct settings settings;
};

/* What became of one trace. */
struct outcome {
    double at_s; /* the verdict on the person, -1 = none */
    bool warned;
    bool others; /* somebody else was convicted */
};

static void set(struct settings *s, const char *text)
{
    struct slice rest = slice_of(text), key = slice_cut(&rest, '=');
    struct err err = {0};
    enum setting id;

    if (!rest.p || setting_find(key, &id, &err) || settings_set(s, id, ORIGIN_DB, rest, &err)) {
        fprintf(stderr, "study: %s: %s\n", text, err.text[0] ? err.text : "unknown argument");
        exit(2);
    }
}

static void add_line(struct buf *to, const struct line *l, int64_t at_us)
{
    char when[STAMP_TEXT], *p;

    stamp_iso_plain(at_us, when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    buf_addf(to, "%s from ", when);
    trace_add_addr(to, l);
    buf_addf(to, " accepted tcp:example.com:443 [%s -> OUT] email: %d", l->cdn ? "CDN" : "IN",
             (int)l->user);
}

static void take(struct engine *e, int64_t start_us, struct outcome *o)
{
    struct decision d;

    while (engine_take(e, &d)) {
        if (d.id == TRACE_USER) {
            o->warned |= d.kind == DECISION_WARN;
            if (d.kind == DECISION_PUNISH && o->at_s < 0)
                o->at_s = (double)(d.at_us - start_us) / STAMP_SECOND;
        } else if (d.kind == DECISION_PUNISH) {
            o->others = true;
        }
        decision_release(&d);
    }
}

/* The networks of the trace, as a database would tell them. */
static void know(void *arg, struct addr addr, struct geo *ret)
{
    (void)arg;
    *ret = (struct geo){.asn = trace_asn(&addr)};
}

static struct addr address_of(const struct line *line)
{
    struct addr a;
    struct slice text, host;
    struct buf b;

    buf_init(&b, 128);
    trace_add_addr(&b, line);
    text = buf_slice(&b);
    if (text.n && text.p[0] == '[') {
        text = slice_skip(text, 1);
        host = slice_cut(&text, ']');
    } else {
        host = slice_cut(&text, ':');
    }
    if (addr_parse(host, &a))
        exit(1);
    buf_release(&b);
    return a;
}

static void read_list(struct engine *e, struct lists *lists, const uint16_t *node, double at_s,
                      int64_t start_us)
{
    static struct list_entry entries[512];
    static struct online_seen seen[512];
    struct online_reading r = {.seen = seen, .nodes = node, .n_nodes = TRACE_NODES};
    int n = lists_read(lists, at_s, entries, ARRAY_LEN(entries)), i;

    for (i = 0; i < n; i++)
        seen[i] = (struct online_seen){node[entries[i].line.node], address_of(&entries[i].line),
                                       start_us + entries[i].value_s * STAMP_SECOND};
    r.n = (size_t)n;
    engine_online(e, TRACE_USER, &r, start_us + (int64_t)(at_s * STAMP_SECOND));
}

/* When the person is to be read next. */
static double next_reading(struct engine *e, double now_s, int64_t start_us)
{
    int64_t last_us, every_us;

    every_us =
        engine_read_every(e, TRACE_USER, start_us + (int64_t)(now_s * STAMP_SECOND), &last_us);
    return now_s + (every_us ? (double)every_us / STAMP_SECOND : 60);
}

static void run(const struct trace *t, const struct settings *settings, const struct policy *policy,
                const struct kind *k, const struct options *opts, uint64_t seed, struct outcome *o)
{
    static const struct hash_key key = {1, 2};
    static struct lists lists;
    double read_s = opts->online ? 30 : 1e9, due_s;
    bool geo = !opts->no_geo;
    int64_t start_us = stamp_civil(2026, 11, 2, 10, 0, 0, 0);
    struct engine *e = engine_new(policy, key);
    uint16_t node[TRACE_NODES];
    struct sources sources;
    struct err err = {0};
    struct buf line;
    int i;

    buf_init(&line, 512);
    for (i = 0; i < TRACE_NODES; i++)
        if (!e || engine_node(e, i + 1, 0, &node[i]))
            exit(1);
    if (settings_sources(settings, &sources, &err))
        exit(1);
    engine_set_sources(e, &sources, start_us);
    if (geo)
        engine_set_geo(e, know, NULL, start_us);
    lists.lingers = k->lingers;
    lists.last_one = k->wireguard;
    lists_start(&lists, t, seed);
    for (i = 0; i < t->n && o->at_s < 0; i++) {
        int64_t at_us = start_us + (int64_t)(t->lines[i].at_s * STAMP_SECOND);

        /* A line may bring the next reading nearer: he is watched now. */
        while (opts->online && o->at_s < 0) {
            due_s = next_reading(e, read_s, start_us);
            if (due_s >= t->lines[i].at_s)
                break;
            read_s = due_s;
            engine_advance(e, start_us + (int64_t)(read_s * STAMP_SECOND));
            read_list(e, &lists, node, read_s, start_us);
            take(e, start_us, o);
        }
        if (k->wireguard || (opts->thinned && i % 2) || o->at_s >= 0)
            continue;
        buf_clear(&line);
        add_line(&line, &t->lines[i], at_us);
        engine_advance(e, at_us);
        engine_line(e, node[t->lines[i].node], at_us, buf_slice(&line), NULL);
        take(e, start_us, o);
    }
    buf_release(&line);
    engine_free(e);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return x < y ? -1 : x > y;
}

static void report(const struct kind *k, const struct options *o, const struct settings *settings,
                   const struct policy *policy)
{
    static const char *const truths[] = {"honest", "like shared", "shared", "like honest"};
    static struct trace t;
    double *at = calloc(o->seeds, sizeof(*at)), median;
    uint64_t n = 0, warned = 0, others = 0, seed;

    if (!at)
        exit(1);
    for (seed = o->from; seed < o->from + o->seeds; seed++) {
        struct outcome one = {.at_s = -1};

        trace_start(&t, seed, o->carried, (double)o->length_s);
        k->make(&t, k);
        trace_sort(&t);
        if (o->old)
            one.at_s = oldrule_run(&t, k->limit, &one.warned);
        else
            run(&t, settings, policy, k, o, seed, &one);
        warned += one.warned;
        others += one.others;
        if (one.at_s >= 0)
            at[n++] = one.at_s;
    }
    qsort(at, n, sizeof(*at), by_value);
    median = n ? at[n / 2] : -1;
    if (o->json)
        printf("{\"kind\":\"%s\",\"limit\":%d,\"truth\":\"%s\",\"seeds\":%d,\"convicted\":%d,"
               "\"warned\":%d,\"others\":%d,\"median_s\":%.0f}\n",
               k->name, k->limit, truths[k->truth], (int)o->seeds, (int)n, (int)warned, (int)others,
               median);
    else
        printf("%-48s %5d  %-11s %5.1f %% %6.1f %% %6.0f s%s\n", k->name, k->limit,
               truths[k->truth], 100.0 * (double)n / (double)o->seeds,
               100.0 * (double)warned / (double)o->seeds, median, others ? "  others too" : "");
    free(at);
}

static void run_kind(const struct kind *k, struct options *o)
{
    struct settings settings;
    struct policy policy;

    if (settings_copy(&settings, &o->settings))
        exit(1);
    if (k->set)
        set(&settings, k->set);
    settings_policy(&settings, &policy);
    policy.general_limit = k->limit;
    report(k, o, &settings, &policy);
    settings_release(&settings);
}

static bool take_option(struct options *o, char **argv, int argc, int *i)
{
    const char *next = *i + 1 < argc ? argv[*i + 1] : "";
    struct slice name = slice_of(argv[*i]), of = slice_of(next), which;

    bool *const flags[] = {&o->json,   &o->old,    &o->carried, &o->no_geo,
                           &o->online, &o->listed, &o->thinned};
    static const char *const names[] = {"--json",   "--old",    "--carried", "--no-geo",
                                        "--online", "--listed", "--thinned"};
    size_t k;

    for (k = 0; k < ARRAY_LEN(flags); k++) {
        if (slice_eq(name, slice_of(names[k]))) {
            *flags[k] = true;
            return true;
        }
    }
    ++*i;
    if (slice_eq(name, SLICE("--only"))) {
        o->only = next;
        return true;
    }
    if (slice_eq(name, SLICE("--seeds")))
        return !num_uint(of, 100000, &o->seeds) && o->seeds > 0;
    if (slice_eq(name, SLICE("--length")))
        return !num_uint(of, 86400, &o->length_s) && o->length_s >= 60;
    if (slice_eq(name, SLICE("--from")))
        return !num_uint(of, UINT32_MAX, &o->from);
    if (slice_eq(name, SLICE("--part"))) {
        which = slice_cut(&of, '/');
        return !num_uint(which, 1000, &o->part) && of.p && !num_uint(of, 1000, &o->parts) &&
               o->part < o->parts;
    }
    --*i;
    return false;
}

int main(int argc, char **argv)
{
    struct options o = {.seeds = 100, .from = 1, .parts = 1, .only = "", .length_s = TRACE_S};
    int i;

    if (settings_init(&o.settings))
        return 1;
    for (i = 1; i < argc; i++)
        if (!take_option(&o, argv, argc, &i))
            set(&o.settings, argv[i]);
    for (i = (int)o.part; !o.listed && i < n_kinds; i += (int)o.parts)
        if (strstr(kinds[i].name, o.only))
            run_kind(&kinds[i], &o);
    for (i = (int)o.part; (o.online || o.listed) && !o.old && i < n_listed_kinds; i += (int)o.parts)
        if (strstr(listed_kinds[i].name, o.only))
            run_kind(&listed_kinds[i], &o);
    settings_release(&o.settings);
    return 0;
}
