/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/texts/explain_text.h"

#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "service/texts/words.h"
#include "base/banned.h"

enum { DEVICES = 12, PAIRS = 6 };

/* What is written, in which language, and texts that live as long. */
struct page {
    struct buf *out;
    enum text_lang lang;
    int64_t now_us;
    struct buf scratch[6];
    size_t used;
};

static const char *text_of(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static int64_t int_of(json_t *row, const char *key)
{
    return json_integer_value(json_object_get(row, key));
}

static struct buf *scratch(struct page *p)
{
    struct buf *b = &p->scratch[p->used++ % ARRAY_LEN(p->scratch)];

    buf_clear(b);
    return b;
}

static const char *number(struct page *p, int64_t n)
{
    struct buf *b = scratch(p);

    buf_addf(b, "%lld", (long long)n);
    return buf_str(b);
}

static const char *when(struct page *p, const char *iso)
{
    struct buf *b = scratch(p);
    int64_t us = STAMP_NONE;

    if (iso && stamp_parse_iso(slice_of(iso), &us))
        us = STAMP_NONE;
    text_add_time(b, us);
    return buf_str(b);
}

static const char *ago(struct page *p, const char *iso)
{
    struct buf *b = scratch(p);
    int64_t us;

    if (!iso || stamp_parse_iso(slice_of(iso), &us))
        us = p->now_us;
    text_add_span(b, p->lang, (p->now_us - us) / STAMP_SECOND);
    return buf_str(b);
}

static const char *word(struct page *p, enum word_kind kind, const char *w)
{
    struct buf *b = scratch(p);

    word_add(b, p->lang, kind, w);
    return buf_str(b);
}

static const char *action(struct page *p, const char *a, int64_t for_s)
{
    struct buf *b = scratch(p);

    word_add_action(b, p->lang, a, for_s);
    return buf_str(b);
}

static const char *person(struct page *p, const char *who)
{
    struct buf *b = scratch(p);

    word_add_who(b, p->lang, who);
    return buf_str(b);
}

static void say(struct page *p, enum text_id id, const struct text_arg *args)
{
    text_add(p->out, p->lang, id, args);
    buf_add_char(p->out, '\n');
}
#define SAY(p, id, ...) say(p, id, (const struct text_arg[]){__VA_ARGS__, {NULL, NULL, false}})

static void say_limit(struct page *p, json_t *user, json_t *live)
{
    json_t *row = json_is_object(live) ? live : user;
    int64_t n = int_of(row, "limit");
    const char *from = word(p, WORD_FROM, text_of(row, "limit_from"));

    if (n)
        SAY(p, TEXT_EXPLAIN_LIMIT, {"n", number(p, n), false}, {"from", from, false});
    else
        SAY(p, TEXT_EXPLAIN_NO_LIMIT, {"from", from, false});
    if (text_of(user, "reason"))
        SAY(p, TEXT_EXPLAIN_REASON, {"reason", text_of(user, "reason"), false});
}

/* Where, as the latest event of it tells. */
static void say_still_seen(struct page *p, json_t *events)
{
    json_t *row, *at;
    size_t i;

    json_array_foreach(events, i, row)
    {
        const char *kind = text_of(row, "kind");

        at = json_object_get(row, "data");
        if (!kind || strcmp(kind, "still_seen") != 0 || !json_is_object(at))
            continue;
        SAY(p, TEXT_EXPLAIN_STILL_SEEN, {"address", text_of(at, "address"), false},
            {"node", text_of(at, "name"), false}, {"ago", ago(p, text_of(row, "at")), false});
        return;
    }
}

static void say_state(struct page *p, json_t *live)
{
    const char *state = text_of(live, "state"), *n = number(p, int_of(live, "active_devices"));

    if (!state || strcmp(state, "not seen") == 0)
        say(p, TEXT_EXPLAIN_NOT_SEEN, NULL);
    else if (strcmp(state, "clear") == 0)
        SAY(p, TEXT_EXPLAIN_CLEAR, {"n", n, false});
    else if (strcmp(state, "monitoring") == 0)
        SAY(p, TEXT_EXPLAIN_MONITORED, {"n", n, false},
            {"time", when(p, text_of(live, "since")), false},
            {"ago", ago(p, text_of(live, "since")), false},
            {"once", number(p, int_of(live, "concurrent")), false});
    if (json_is_true(json_object_get(live, "warned")))
        say(p, TEXT_EXPLAIN_WARNED, NULL);
    if (json_is_true(json_object_get(live, "verdict_waits")))
        say(p, TEXT_EXPLAIN_WAITS, NULL);
    if (text_of(live, "pardoned_until"))
        SAY(p, TEXT_EXPLAIN_PARDONED, {"time", when(p, text_of(live, "pardoned_until")), false});
}

static void say_disabled(struct page *p, json_t *row)
{
    const char *since = when(p, text_of(row, "disabled_at"));

    if (!json_is_object(row))
        return;
    if (text_of(row, "due_at"))
        SAY(p, TEXT_EXPLAIN_DISABLED, {"since", since, false},
            {"until", when(p, text_of(row, "due_at")), false});
    else
        SAY(p, TEXT_EXPLAIN_DISABLED_HAND, {"since", since, false});
    if (text_of(row, "ordered_by"))
        SAY(p, TEXT_EXPLAIN_ORDERED, {"who", person(p, text_of(row, "ordered_by")), false});
    if (text_of(row, "last_error")) {
        SAY(p, TEXT_EXPLAIN_RETRY, {"n", number(p, int_of(row, "failed_attempts")), false});
        /* In English, whatever the language around it is. */
        buf_addf(p->out, "   \xe2\x81\xa8%s\xe2\x81\xa9\n", text_of(row, "last_error"));
    }
}

/* "A  60.1.0.2 · IR, MCI · de-1 · VLESS TCP: counts" */
static void say_device(struct page *p, json_t *row, size_t i)
{
    static const char *const keys[] = {"country", "isp", "node_name", "inbound"};
    const char *address = text_of(row, "address");
    size_t k;

    buf_addf(p->out, "%c  %s", (char)('A' + (int)(i % 26)), address ? address : "-");
    for (k = 0; k < ARRAY_LEN(keys); k++)
        if (text_of(row, keys[k]))
            buf_addf(p->out, " · %s", text_of(row, keys[k]));
    buf_add_str(p->out, ": ");
    word_add(p->out, p->lang, WORD_ROLE, text_of(row, "role"));
    if (json_is_true(json_object_get(row, "online_list")))
        buf_add_str(p->out, text_raw(p->lang, int_of(row, "lines") ? TEXT_BY_BOTH : TEXT_BY_LIST));
    if (json_is_true(json_object_get(row, "one_address_a_node")))
        buf_add_str(p->out, text_raw(p->lang, TEXT_BY_ONE_ADDRESS));
    buf_add_char(p->out, '\n');
}

static void say_pair(struct page *p, json_t *row, double threshold)
{
    double score = json_number_value(json_object_get(row, "score"));
    bool excused = json_is_true(json_object_get(row, "excused"));
    bool held = json_is_true(json_object_get(row, "held"));
    char a[2] = {(char)('A' + (int)(int_of(row, "a") % 26)), '\0'};
    char b[2] = {(char)('A' + (int)(int_of(row, "b") % 26)), '\0'};
    struct buf *is = scratch(p), *of = scratch(p);

    buf_addf(is, "%.1f", score);
    buf_addf(of, "%.1f", threshold);
    SAY(p,
        held                 ? TEXT_EXPLAIN_PAIR_HELD
        : excused            ? TEXT_EXPLAIN_PAIR_ONE
        : score >= threshold ? TEXT_EXPLAIN_PAIR
                             : TEXT_EXPLAIN_PAIR_SOME,
        {"a", a, false}, {"b", b, false}, {"score", buf_str(is), false},
        {"threshold", buf_str(of), false});
}

static void say_devices(struct page *p, json_t *live)
{
    json_t *devices = json_object_get(live, "devices"), *pairs = json_object_get(live, "pairs"),
           *row;
    double threshold = json_number_value(json_object_get(live, "evidence_threshold"));
    size_t n = json_array_size(devices), i;
    int64_t more = int_of(live, "addresses_left_out");

    if (!n)
        return;
    buf_add_char(p->out, '\n');
    say(p, TEXT_EXPLAIN_DEVICES, NULL);
    for (i = 0; i < n && i < DEVICES; i++)
        say_device(p, json_array_get(devices, i), i);
    more += (int64_t)(n - i);
    if (more)
        SAY(p, TEXT_EXPLAIN_MORE, {"n", number(p, more), false});
    n = 0;
    json_array_foreach(pairs, i, row)
    {
        /* What speaks against them being two is of no interest, and pairs of letters not shown neither. */
        bool says = json_number_value(json_object_get(row, "score")) > 0 ||
                    json_is_true(json_object_get(row, "held"));

        if (says && int_of(row, "a") < DEVICES && int_of(row, "b") < DEVICES && n++ < PAIRS)
            say_pair(p, row, threshold);
    }
}

static void say_trust(struct page *p, json_t *live)
{
    json_t *points;
    const char *part;

    if (!json_object_get(live, "trust"))
        return;
    buf_add_char(p->out, '\n');
    SAY(p, TEXT_EXPLAIN_TRUST, {"n", number(p, int_of(live, "trust")), false});
    json_object_foreach(json_object_get(live, "trust_parts"), part, points)
    {
        buf_addf(p->out, "%+lld  ", (long long)json_integer_value(points));
        word_add(p->out, p->lang, WORD_TRUST, part);
        buf_add_char(p->out, '\n');
    }
}

/* The latest verdict that is nobody's order. */
static json_t *last_verdict(json_t *user)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(user, "violations"), i, row)
    {
        if (!text_of(json_object_get(row, "evidence"), "ordered_by"))
            return row;
    }
    return NULL;
}

static void say_verdicts(struct page *p, json_t *user, json_t *live)
{
    json_t *row = last_verdict(user), *next = json_object_get(live, "next");
    const char *became = text_of(row, "forgiven_at") ? NULL : text_of(row, "outcome");

    if (row) {
        struct buf *b = scratch(p);

        if (became)
            word_add(b, p->lang, WORD_OUTCOME, became);
        else
            text_add(b, p->lang, TEXT_OUTCOME_FORGIVEN, NULL);
        SAY(p, TEXT_EXPLAIN_VERDICT, {"time", when(p, text_of(row, "at")), false},
            {"n", number(p, int_of(row, "devices")), false},
            {"limit", number(p, int_of(row, "limit")), false},
            {"action", action(p, text_of(row, "action"), 0), false},
            {"outcome", buf_str(b), false});
    }
    if (text_of(next, "action"))
        SAY(p, TEXT_EXPLAIN_COUNT, {"n", number(p, int_of(live, "violations")), false},
            {"action", action(p, text_of(next, "action"), int_of(next, "for_s")), false});
}

void explain_text(json_t *user, enum text_lang lang, int64_t now_us, struct buf *out)
{
    struct page p = {.out = out, .lang = lang, .now_us = now_us};
    json_t *live = json_object_get(user, "live");
    const char *name = text_of(user, "username");
    size_t i;

    for (i = 0; i < ARRAY_LEN(p.scratch); i++)
        buf_init(&p.scratch[i], 1024);
    SAY(&p, TEXT_EXPLAIN_USER, {"user", name ? name : "-", false},
        {"id", number(&p, int_of(user, "id")), false});
    if (!json_is_true(json_object_get(user, "known")))
        say(&p, TEXT_EXPLAIN_UNKNOWN, NULL);
    say_limit(&p, user, live);
    say_disabled(&p, json_object_get(user, "disabled"));
    if (json_is_object(live)) {
        say_state(&p, live);
        if (json_is_true(json_object_get(live, "still_seen")))
            say_still_seen(&p, json_object_get(user, "events"));
        say_devices(&p, live);
        say_trust(&p, live);
    } else {
        say(&p, TEXT_EXPLAIN_NO_DAEMON, NULL);
    }
    say_verdicts(&p, user, live);
    for (i = 0; i < ARRAY_LEN(p.scratch); i++) {
        out->failed = out->failed || p.scratch[i].failed;
        buf_release(&p.scratch[i]);
    }
}
