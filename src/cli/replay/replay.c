/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/replay/replay.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/stamp.h"
#include "cli/replay/linein.h"
#include "cli/replay/replay_evidence.h"
#include "cli/replay/replay_online.h"
#include "cli/replay/replay_rules.h"
#include "core/engine.h"
#include "geo/geodb.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

enum { FILES_MAX = 256, EXIT_FAILED = 1, EXIT_USAGE = 2 };
static const int64_t longest_tail_us =
    400 * 86400 * STAMP_SECOND; /* a term may last 7 days, and be queued */

/* One file, with its next line read ahead. */
struct source {
    const char *path;
    struct linein in;
    struct buf line; /* a copy: the reader's buffer moves */
    int64_t at_us;   /* when it is due */
    uint16_t node;
    bool recording; /* lines carry their arrival */
    bool readings;  /* begins with a reading: no node's log */
    bool ended;
};

struct tally_of {
    uint64_t kinds[DECISION_KINDS];
    int64_t watched, punished;
    int64_t first_us, last_us;
    int trips;
};

struct replay {
    struct engine *engine;
    struct settings settings;
    struct geodb geo;
    struct source sources[FILES_MAX];
    int n_sources;
    struct tally_of tally;
    int64_t now_us;
    bool json, evidence;
};

/* ---- reading ---- */

/* Reads `@<µs> ` off the front of a recorded line. */
static int recorded_time(struct slice *line, int64_t *ret_us)
{
    struct slice rest = *line, at;

    if (!slice_starts(rest, SLICE("@")))
        return ERR_INVALID;
    rest = slice_skip(rest, 1);
    at = slice_cut(&rest, ' ');
    if (num_int(at, 0, INT64_MAX / 4, ret_us))
        return ERR_INVALID;
    *line = rest.p ? rest : (struct slice){"", 0};
    return ERR_OK;
}

/* Reads the next line ahead; a line without a time of its own comes with the one before. */
static int read_ahead(struct source *s, struct err *err)
{
    struct slice line;
    int64_t at_us;
    size_t used;
    int rc = linein_next(&s->in, &line);

    if (rc < 0)
        return err_set(err, rc, "%s: cannot be read", s->path);
    if (rc == 0) {
        s->ended = true;
        return ERR_OK;
    }
    if (s->recording ? !recorded_time(&line, &at_us) : !stamp_parse_log(line, &at_us, &used))
        s->at_us = at_us;
    buf_clear(&s->line);
    return buf_add_slice(&s->line, line);
}

static int open_source(struct replay *r, const char *path, struct err *err)
{
    struct source *s = &r->sources[r->n_sources];
    int64_t at_us, node_id;
    struct slice line;
    int rc;

    *s = (struct source){.path = path};
    buf_init(&s->line, LIMIT_LINE + 64);
    rc = linein_open(&s->in, path, err);
    if (rc)
        return rc;
    r->n_sources++;
    rc = linein_next(&s->in, &line);
    if (rc < 0)
        return err_set(err, rc, "%s: cannot be read", path);
    s->ended = rc == 0;
    s->recording = !s->ended && !recorded_time(&line, &at_us);
    s->readings = s->recording && replay_online_is(line);
    node_id = replay_online_node(path);
    rc = s->readings
             ? ERR_OK
             : engine_node(r->engine, node_id ? node_id : r->n_sources, STAMP_NONE, &s->node);
    if (rc)
        return err_set(err, rc, "too many files");
    if (s->ended)
        return ERR_OK;
    if (s->recording)
        s->at_us = at_us;
    else
        engine_clock_trust(r->engine, s->node);
    if (!s->recording && stamp_parse_log(line, &s->at_us, &(size_t){0}))
        s->at_us = 0;
    return buf_add_slice(&s->line, line);
}

/* The file whose next line is due first; the first named wins a tie. */
static struct source *next_source(struct replay *r)
{
    struct source *first = NULL;
    int i;

    for (i = 0; i < r->n_sources; i++)
        if (!r->sources[i].ended && (!first || r->sources[i].at_us < first->at_us))
            first = &r->sources[i];
    return first;
}

/* ---- printing ---- */

static void add_trust(struct buf *b, const struct decision *d)
{
    const char *comma = "";
    int i;

    if (d->trust < 0)
        return;
    buf_addf(b, ",\"trust\":%d,\"trust_parts\":{", d->trust);
    for (i = 0; d->evidence && i < TRUST_PARTS; i++) {
        int points = d->evidence->trust.points[i];

        if (points)
            buf_addf(b, "%s\"%s\":%d", comma, trust_part_name((enum trust_part)i), points);
        comma = points ? "," : comma;
    }
    buf_add_char(b, '}');
}

static void print_json(const struct replay *r, const struct decision *d, struct slice name)
{
    bool punish = d->kind == DECISION_PUNISH, restore = d->kind == DECISION_RESTORE;
    bool shadow = engine_policy(r->engine)->mode != MODE_ON;
    char when[STAMP_TEXT];
    struct buf b;

    buf_init(&b, 1 << 16);
    buf_addf(&b, "{\"time\":\"%s\",\"id\":%lld,\"name\":", stamp_iso(d->at_us, when),
             (long long)d->id);
    if (name.n)
        buf_add_json(&b, name);
    else
        buf_add_str(&b, "null");
    buf_addf(
        &b, ",\"decision\":\"%s\",\"applied\":\"%s\",\"limit\":%d,\"devices\":%d,\"concurrent\":%d",
        decision_name(d->kind),
        punish || restore ? decision_applied_name(d->applied)
        : shadow          ? "shadow"
                          : "now",
        d->limit, d->devices, d->concurrent);
    if (punish && d->action == ACTION_DISABLE)
        buf_addf(&b, ",\"action\":\"disable\",\"for_s\":%lld",
                 (long long)(d->for_us / STAMP_SECOND));
    else if (punish)
        buf_addf(&b, ",\"action\":\"%s\",\"for_s\":%s", decision_action_name(d->action),
                 d->action == ACTION_WARN ? "0" : "null");
    else
        buf_addf(&b, ",\"action\":%s,\"for_s\":null", restore ? "\"enable\"" : "null");
    add_trust(&b, d);
    if (punish)
        buf_addf(&b, ",\"step\":%d,\"leaked\":%s", d->step, d->leaked ? "true" : "false");
    buf_add_str(&b, ",\"why\":");
    buf_add_json(&b, slice_of(d->why));
    if (r->evidence)
        replay_evidence_json(d, &b);
    buf_add_str(&b, "}\n");
    fputs(buf_str(&b), stdout);
    buf_release(&b);
}

static void print_text(const struct replay *r, const struct decision *d, struct slice name)
{
    char when[STAMP_TEXT];
    struct buf b;

    buf_init(&b, 8192);
    stamp_iso(d->at_us, when);
    buf_addf(&b, "%.10s %.8s  ", when, when + 11);
    if (d->id == 0)
        buf_addf(&b, "%-24s ", "-");
    else if (name.n)
        buf_addf(&b, "%-24.*s ", (int)name.n, name.p);
    else
        buf_addf(&b, "id:%-21lld ", (long long)d->id);
    buf_addf(&b, "%-10s %-7s %s\n", decision_name(d->kind),
             d->kind == DECISION_PUNISH ? decision_applied_name(d->applied) : "", d->why);
    if (r->evidence)
        replay_evidence_text(d, &b);
    fputs(buf_str(&b), stdout);
    buf_release(&b);
}

/* The kinds of replay's output; the others are for the daemon. */
static bool is_printed(enum decision_kind kind)
{
    return kind == DECISION_MONITOR || kind == DECISION_WARN || kind == DECISION_ACQUIT ||
           kind == DECISION_UNKNOWN || kind == DECISION_PUNISH || kind == DECISION_RESTORE;
}

/* Whether a verdict begins a time at whose end he is restored. */
static bool has_term(const struct decision *d)
{
    bool real = d->applied == APPLIED_NOW || d->applied == APPLIED_QUEUED;

    return d->kind == DECISION_PUNISH && d->action != ACTION_WARN &&
           (!real || d->action == ACTION_DISABLE);
}

/* What concerns no single user, and is no line of --json. */
static bool is_alarm(enum decision_kind kind)
{
    return kind == DECISION_BREAKER || kind == DECISION_FAULTY;
}

static void count(struct tally_of *t, const struct decision *d)
{
    t->kinds[d->kind]++;
    t->watched += d->kind == DECISION_MONITOR;
    t->watched -=
        d->kind == DECISION_ACQUIT || d->kind == DECISION_UNKNOWN || d->kind == DECISION_PUNISH;
    t->punished += has_term(d);
    t->punished -= d->kind == DECISION_RESTORE;
    if (d->kind == DECISION_BREAKER) {
        t->trips++;
        t->punished -= d->dropped;
    }
}

/* Takes the decisions and plays the panel's part: what is to be restored is restored at once. */
static void drain(struct replay *r)
{
    struct decision d;

    while (engine_take(r->engine, &d)) {
        struct slice name = limits_name(engine_limits(r->engine), d.id);

        count(&r->tally, &d);
        if (is_printed(d.kind) && r->json)
            print_json(r, &d, name);
        else if (!r->json && (is_printed(d.kind) || is_alarm(d.kind)))
            print_text(r, &d, name);
        if (d.kind == DECISION_RESTORE && d.applied == APPLIED_NOW)
            engine_clear_user(r->engine, d.id);
        if (d.kind == DECISION_VERIFY)
            engine_verified(r->engine, d.id, false, d.at_us);
        decision_release(&d);
    }
}

static void print_summary(const struct replay *r)
{
    const struct tally_of *t = &r->tally;
    uint64_t ignored[SCAN_REASONS] = {0}, counted = 0, lines = 0;
    struct engine_stats stats;
    char from[STAMP_TEXT], to[STAMP_TEXT];
    const char *comma = "";
    int i, k;

    engine_stats(r->engine, &stats);
    for (i = 0; i < r->n_sources; i++) {
        const struct coverage *c = engine_coverage(r->engine, r->sources[i].node);

        if (r->sources[i].readings)
            continue;
        lines += c->lines;
        for (k = 0; k < SCAN_REASONS; k++)
            ignored[k] += c->ignored[k];
    }
    counted = ignored[SCAN_COUNTED];
    stamp_iso(t->first_us, from);
    stamp_iso(t->last_us, to);
    if (!r->json) {
        printf("\n%llu lines, %llu counted, %s - %s\n", (unsigned long long)lines,
               (unsigned long long)counted, from, to);
        printf(
            "watched %llu, warned %llu, punished %llu, acquitted %llu, unknown %llu, restored %llu\n",
            (unsigned long long)t->kinds[DECISION_MONITOR],
            (unsigned long long)t->kinds[DECISION_WARN],
            (unsigned long long)t->kinds[DECISION_PUNISH],
            (unsigned long long)t->kinds[DECISION_ACQUIT],
            (unsigned long long)t->kinds[DECISION_UNKNOWN],
            (unsigned long long)t->kinds[DECISION_RESTORE]);
        for (k = 1; k < SCAN_REASONS; k++)
            if (ignored[k])
                printf("  not counted, %-12s %llu\n", scan_reason_name(k),
                       (unsigned long long)ignored[k]);
        return;
    }
    printf(
        "{\"summary\":{\"from\":\"%s\",\"to\":\"%s\",\"lines\":%llu,\"counted\":%llu,\"foreign\":%llu",
        from, to, (unsigned long long)lines, (unsigned long long)counted,
        (unsigned long long)stats.foreign);
    for (k = 0; k < DECISION_KINDS; k++)
        if (is_printed(k))
            printf(",\"%s\":%llu", decision_name(k), (unsigned long long)t->kinds[k]);
    printf(",\"faulty_nodes\":%llu", (unsigned long long)t->kinds[DECISION_FAULTY]);
    printf(",\"breaker\":%d,\"shared\":%llu,\"ignored\":{", t->trips,
           (unsigned long long)t->kinds[DECISION_SHARED]);
    for (k = 1; k < SCAN_REASONS; k++) {
        if (!ignored[k])
            continue;
        printf("%s\"%s\":%llu", comma, scan_reason_name(k), (unsigned long long)ignored[k]);
        comma = ",";
    }
    printf("}}}\n");
}

/* ---- running ---- */

/*
 * Lets time pass. While somebody is punished, step by step: he is restored when his term is over, not
 * when the next line of anybody comes.
 */
static void pass_time(struct replay *r)
{
    while (r->tally.punished > 0 && engine_next_us(r->engine) < r->now_us) {
        engine_advance(r->engine, engine_next_us(r->engine));
        drain(r);
    }
    engine_advance(r->engine, r->now_us);
    drain(r);
}

static int feed(struct replay *r, struct source *s, struct err *err)
{
    struct slice line = buf_slice(&s->line);
    int rc = ERR_OK;

    if (s->at_us > r->now_us)
        r->now_us = s->at_us;
    if (r->tally.first_us == 0)
        r->tally.first_us = r->now_us;
    pass_time(r);
    if (s->recording && slice_eq(line, SLICE("#open")))
        engine_stream_opened(r->engine, s->node, r->now_us);
    else if (s->recording && slice_eq(line, SLICE("#close")))
        engine_stream_closed(r->engine, s->node, r->now_us);
    else if (s->recording && replay_online_is(line))
        rc = replay_online_feed(r->engine, line, r->now_us);
    else if (!s->readings)
        engine_line(r->engine, s->node, r->now_us, line, NULL);
    drain(r);
    return rc ? err_set(err, rc == ERR_INVALID ? ERR_PROTOCOL : rc,
                        "%s: a reading of the online list is of no form known here: %.*s", s->path,
                        (int)(line.n < 80 ? line.n : 80), line.p)
              : ERR_OK;
}

static int run(struct replay *r, struct err *err)
{
    struct source *s;
    uint64_t n = 0;
    bool progress = isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
    int rc;

    while ((s = next_source(r))) {
        rc = feed(r, s, err);
        if (!rc)
            rc = read_ahead(s, err);
        if (rc)
            return rc;
        if (progress && ++n % 1000000 == 0)
            fprintf(stderr, "\r%llu million lines", (unsigned long long)(n / 1000000));
    }
    if (progress && n >= 1000000)
        fputc('\n', stderr);
    r->tally.last_us = r->now_us;
    /* The end of a recording is no outage: streams still open stay so. */
    while ((r->tally.watched > 0 || r->tally.punished > 0) &&
           r->now_us < r->tally.last_us + longest_tail_us) {
        r->now_us = engine_next_us(r->engine);
        engine_advance(r->engine, r->now_us);
        drain(r);
    }
    return ERR_OK;
}

/* ---- arguments ---- */

static int set_setting(struct replay *r, const char *arg, struct err *err)
{
    struct slice value = slice_of(arg), key = slice_cut(&value, '=');
    enum setting id;
    int rc;

    if (!value.p)
        return err_set(err, ERR_INVALID, "--set needs KEY=VALUE, not \"%s\"", arg);
    rc = setting_find(key, &id, err);
    if (rc)
        return rc;
    /* Which databases to use, and the like, is told by .env else. */
    return settings_set(&r->settings, id,
                        setting_def(id)->flags & SETTING_STATIC ? ORIGIN_FILE : ORIGIN_DB, value,
                        err);
}

static int usage(const char *problem)
{
    if (problem)
        fprintf(stderr, "pg-limiter replay: %s\n", problem);
    fprintf(
        problem ? stderr : stdout,
        "usage: pg-limiter replay [--json] [--evidence] [--set KEY=VALUE]... [--except USER]... "
        "[--special USER=N]...\n"
        "                         [--people FILE] [--pattern prefix|suffix:TEXT=N]... FILE...\n\n"
        "Runs recorded logs through the limiter with a virtual clock and prints every decision.\n"
        "One file is one node; \"-\" is standard input. A log's own time stamps are read as UTC;\n"
        "a recording made by `run --record` carries its own times. No .env is read: built-in\n"
        "defaults and --set hold. USER is a name, or id:12. --people tells what the panel would\n"
        "say of users, a JSON object a line: {\"id\":12,\"name\":\"ann\",\"groups\":[3],\n"
        "\"admin\":{\"id\":1,\"username\":\"root\"},\"hwid_limit\":2}; what is not told is not known.\n"
        "--evidence adds to each warning and verdict why every address counted or not.\n"
        "--pattern gives names with that beginning or end a limit, or with =admin:NAME an owner.\n");
    return problem ? EXIT_USAGE : 0;
}

/* What is said of users, each with a value. */
static bool takes_value(struct slice a)
{
    return slice_eq(a, SLICE("--except")) || slice_eq(a, SLICE("--special")) ||
           slice_eq(a, SLICE("--people")) || slice_eq(a, SLICE("--pattern"));
}

static int take_value(struct replay *r, struct slice option, const char *value, struct err *err)
{
    struct limits *l = engine_limits(r->engine);

    if (slice_eq(option, SLICE("--people")))
        return replay_people(l, value, err);
    if (slice_eq(option, SLICE("--pattern")))
        return replay_pattern(l, value, err);
    return replay_rule(l, value, slice_eq(option, SLICE("--special")), err);
}

/* Settings come first, whatever the order: the engine is made with them. */
static int parse_settings(struct replay *r, int argc, char **argv, struct err *err)
{
    int i, rc;

    for (i = 0; i < argc; i++) {
        struct slice a = slice_of(argv[i]);

        if (slice_eq(a, SLICE("--json")))
            r->json = true;
        if (slice_eq(a, SLICE("--evidence")))
            r->evidence = true;
        if (slice_eq(a, SLICE("--set"))) {
            if (++i == argc)
                return err_set(err, ERR_INVALID, "--set needs KEY=VALUE");
            rc = set_setting(r, argv[i], err);
            if (rc)
                return ERR_INVALID;
        } else if (takes_value(a)) {
            i++;
        }
    }
    return settings_cross_check(&r->settings, err) ? ERR_INVALID : ERR_OK;
}

static int parse_rest(struct replay *r, int argc, char **argv, struct err *err)
{
    bool only_files = false;
    int i, rc;

    for (i = 0; i < argc; i++) {
        struct slice a = slice_of(argv[i]);

        if (!only_files && takes_value(a)) {
            if (++i == argc)
                return err_set(err, ERR_INVALID, "%s needs a value", argv[i - 1]);
            rc = take_value(r, a, argv[i], err);
        } else if (!only_files && slice_eq(a, SLICE("--set"))) {
            i++;
            continue;
        } else if (!only_files &&
                   (slice_eq(a, SLICE("--json")) || slice_eq(a, SLICE("--evidence")))) {
            continue;
        } else if (!only_files && slice_eq(a, SLICE("--"))) {
            only_files = true;
            continue;
        } else if (!only_files && a.n > 1 && a.p[0] == '-') {
            return err_set(err, ERR_INVALID, "unknown option %s", argv[i]);
        } else if (r->n_sources == FILES_MAX) {
            return err_set(err, ERR_INVALID, "more than %d files", FILES_MAX);
        } else {
            rc = open_source(r, argv[i], err);
        }
        if (rc)
            return rc;
    }
    return r->n_sources ? ERR_OK : err_set(err, ERR_INVALID, "no file given");
}

static int make_engine(struct replay *r, struct err *err)
{
    static const struct hash_key key = {UINT64_C(0x7265706c61790001), 2};
    struct policy policy;
    struct sources sources;

    settings_policy(&r->settings, &policy);
    r->engine = engine_new(&policy, key);
    if (!r->engine)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (settings_sources(&r->settings, &sources, err)) {
        sources_release(&sources);
        return err->code;
    }
    engine_set_sources(r->engine, &sources, 0);
    if (settings_limits(&r->settings, engine_limits(r->engine)))
        return err_set(err, ERR_NOMEM, "out of memory");
    /* Not what came with the program: the same recording must give the same decisions everywhere. */
    if (geodb_open(&r->geo, &r->settings, true, err))
        return ERR_IO;
    engine_set_geo(r->engine, geodb_geo, &r->geo, 0);
    return settings_scan_rules(&r->settings, (struct slice){"", 0}, engine_scan_rules(r->engine),
                               err);
}

int replay_main(int argc, char **argv)
{
    struct replay *r = calloc(1, sizeof(*r));
    struct err err = {0};
    int i, rc;

    for (i = 0; i < argc; i++)
        if (slice_eq(slice_of(argv[i]), SLICE("--help")) ||
            slice_eq(slice_of(argv[i]), SLICE("-h"))) {
            free(r);
            return usage(NULL);
        }
    if (!r || settings_init(&r->settings)) {
        free(r);
        fprintf(stderr, "pg-limiter replay: out of memory\n");
        return EXIT_FAILED;
    }
    rc = parse_settings(r, argc, argv, &err);
    if (!rc)
        rc = make_engine(r, &err);
    if (!rc)
        rc = parse_rest(r, argc, argv, &err);
    if (!rc) {
        rc = run(r, &err);
        if (!rc)
            print_summary(r);
    }
    if (rc)
        rc = rc == ERR_INVALID ? usage(err.text) : EXIT_FAILED;
    if (rc == EXIT_FAILED)
        fprintf(stderr, "pg-limiter replay: %s\n", err.text[0] ? err.text : "failed");
    for (i = 0; i < r->n_sources; i++) {
        linein_close(&r->sources[i].in);
        buf_release(&r->sources[i].line);
    }
    engine_free(r->engine);
    geodb_close(&r->geo);
    settings_release(&r->settings);
    free(r);
    return fflush(stdout) == 0 ? rc : EXIT_FAILED;
}
