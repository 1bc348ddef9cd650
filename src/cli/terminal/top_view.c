/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/terminal/top_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/attr.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

enum { HEAD_LINES = 4, FOOT_LINES = 1, CELL = 512 };

static const char *const sorts[TOP_SORTS] = {"devices", "name", "state", "trust", "seen"};

bool top_sort_find(const char *word, enum top_sort *ret_sort)
{
    int i;

    for (i = 0; i < TOP_SORTS; i++) {
        if (strcmp(sorts[i], word) == 0) {
            *ret_sort = (enum top_sort)i;
            return true;
        }
    }
    return false;
}

const char *top_sort_name(enum top_sort sort)
{
    return sorts[sort];
}

/* ---- order ---- */

struct row {
    json_t *json;
    const char *name;
    int64_t devices, limit, trust;
    int state; /* the more urgent the greater */
    const char *seen;
};

static int state_rank(const char *state)
{
    static const char *const ranks[] = {"clear", "monitoring", "warned", "waiting", "punished"};
    size_t i;

    for (i = 0; state && i < ARRAY_LEN(ranks); i++)
        if (strcmp(ranks[i], state) == 0)
            return (int)i;
    return 0;
}

static int by_number(int64_t a, int64_t b)
{
    return a < b ? 1 : a > b ? -1 : 0;
}

/* Who is over his limit by most, then who has most devices. */
static int by_devices(const struct row *x, const struct row *y)
{
    int64_t over_x = x->limit ? x->devices - x->limit : INT64_MIN;
    int64_t over_y = y->limit ? y->devices - y->limit : INT64_MIN;
    int c = by_number(over_x > 0 ? over_x : 0, over_y > 0 ? over_y : 0);

    return c ? c : by_number(x->devices, y->devices);
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct row *x = a, *y = b;
    const struct top_view *v = arg;
    int c = 0;

    if (v->sort == TOP_DEVICES)
        c = by_devices(x, y);
    else if (v->sort == TOP_STATE)
        c = by_number(x->state, y->state);
    else if (v->sort == TOP_TRUST)
        c = by_number(y->trust, x->trust);
    else if (v->sort == TOP_SEEN)
        c = strcmp(y->seen, x->seen);
    if (!c)
        c = strcasecmp(x->name, y->name);
    return v->reverse ? -c : c;
}

static int64_t trust_of(json_t *row)
{
    json_t *t = json_object_get(row, "trust");

    return json_is_integer(t) ? json_integer_value(t) : 101; /* not known: after all others */
}

static struct row *gather(struct top_view *v, json_t *users, size_t *ret_n)
{
    json_t *data = json_object_get(users, "data"), *json;
    struct row *rows = calloc(json_array_size(data) + 1, sizeof(*rows));
    size_t i, n = 0;

    json_array_foreach(data, i, json)
    {
        const char *name = in_text(json, "username"), *seen = in_text(json, "last_seen");

        if (!rows || (v->filter[0] && !(name && strcasestr(name, v->filter))))
            continue;
        rows[n++] = (struct row){.json = json,
                                 .name = name ? name : "",
                                 .devices = in_int(json, "devices"),
                                 .limit = in_int(json, "limit"),
                                 .trust = trust_of(json),
                                 .state = state_rank(in_text(json, "state")),
                                 .seen = seen ? seen : ""};
    }
    if (rows && n)
        qsort_r(rows, n, sizeof(*rows), compare, v);
    *ret_n = n;
    return rows;
}

/* ---- lines ---- */

/* A cell of so many columns, cut with an ellipsis; outside text cannot control the terminal. */
static void cell(struct buf *out, const char *text, size_t width, bool right)
{
    struct buf safe;
    size_t shown, i = 0, n = 0;

    buf_init(&safe, (size_t)CELL * 4);
    buf_add_escaped(&safe, slice_of(text));
    text = buf_str(&safe);
    shown = term_width(text);
    if (right && shown < width)
        buf_addf(out, "%*s", (int)(width - shown), "");
    if (shown <= width) {
        buf_add_str(out, text);
    } else {
        for (; text[i]; i++) {
            n += ((unsigned char)text[i] & 0xc0) != 0x80;
            if (n == width)
                break;
        }
        buf_add(out, text, i);
        buf_add_str(out, "\xe2\x80\xa6");
    }
    if (!right && shown < width)
        buf_addf(out, "%*s", (int)(width - shown), "");
    buf_release(&safe);
}

static void begin(struct buf *out, const struct top_view *v, const char *colour)
{
    if (v->colour)
        buf_add_str(out, colour);
}

static void end(struct buf *out, const struct top_view *v)
{
    if (v->colour)
        buf_add_str(out, "\033[0m");
    buf_add_char(out, '\n');
}

static void text_line(struct buf *out, const struct top_view *v, const char *colour,
                      const char *text)
{
    begin(out, v, colour);
    cell(out, text, v->width, false);
    end(out, v);
}

struct widths {
    size_t name, devices, state, trust, seen, nodes;
};

/* The name gets what the others leave, the nodes what the name leaves. */
static struct widths measure(const struct top_view *v)
{
    struct widths w = {.devices = 9, .state = 10, .trust = 5, .seen = 10};
    size_t fixed = w.devices + w.state + w.trust + w.seen + 5 * 2;
    size_t left = v->width > fixed + 16 ? v->width - fixed : 16;

    w.name = left * 3 / 5 > 32 ? 32 : left * 3 / 5;
    w.nodes = left - w.name;
    return w;
}

static void add_nodes(struct buf *b, json_t *row)
{
    json_t *nodes = json_object_get(row, "nodes"), *n;
    size_t i;

    json_array_foreach(nodes, i, n)
    {
        const char *name = json_is_object(n) ? in_text(n, "name") : json_string_value(n);

        if (b->n)
            buf_add_char(b, ' ');
        if (name)
            buf_add_str(b, name);
        else
            buf_addf(b, "%lld", (long long)json_integer_value(n));
    }
    if (json_is_string(nodes))
        buf_add_str(b, json_string_value(nodes));
}

static void add_row(struct buf *out, const struct top_view *v, const struct widths *w,
                    const struct row *r)
{
    const char *state = in_text(r->json, "state"), *colour = "";
    char name[64], devices[64], trust[32] = "", span[64];
    struct buf nodes;

    if (r->state >= 4)
        colour = "\033[31m";
    else if (r->limit && r->devices > r->limit)
        colour = "\033[33m";
    if (!r->name[0])
        snprintf(name, sizeof(name), "id:%lld", (long long)in_int(r->json, "id"));
    if (r->limit)
        snprintf(devices, sizeof(devices), "%lld/%lld", (long long)r->devices, (long long)r->limit);
    else
        snprintf(devices, sizeof(devices), "%lld/-", (long long)r->devices);
    if (r->trust <= 100)
        snprintf(trust, sizeof(trust), "%lld", (long long)r->trust);
    buf_init(&nodes, (size_t)CELL * 8);
    add_nodes(&nodes, r->json);
    begin(out, v, colour);
    cell(out, r->name[0] ? r->name : name, w->name, false);
    buf_add_str(out, "  ");
    cell(out, devices, w->devices, true);
    buf_add_str(out, "  ");
    cell(out, state ? state : "-", w->state, false);
    buf_add_str(out, "  ");
    cell(out, trust, w->trust, true);
    buf_add_str(out, "  ");
    cell(out, term_span(r->seen[0] ? r->seen : NULL, span, sizeof(span)), w->seen, false);
    buf_add_str(out, "  ");
    cell(out, buf_str(&nodes), w->nodes, false);
    end(out, v);
    buf_release(&nodes);
}

/* ---- the screen ---- */

static void add_summary(struct buf *out, const struct top_view *v, json_t *status, size_t all)
{
    json_t *users = json_object_get(status, "users"), *nodes = json_object_get(status, "nodes");
    json_t *problems = json_object_get(status, "problems");
    char text[CELL];

    snprintf(text, sizeof(text),
             "pg-limiter  enforcement %s%s  panel %s  nodes %lld/%lld  %.1f lines/s",
             in_text(status, "enforcement") ? in_text(status, "enforcement") : "?",
             in_bool(status, "paused") ? " (paused)" : "",
             in_bool(json_object_get(status, "panel"), "up") ? "up" : "DOWN",
             (long long)in_int(nodes, "streams_open"), (long long)in_int(nodes, "total"),
             in_real(json_object_get(status, "lines"), "per_s"));
    text_line(out, v, "\033[1m", text);
    snprintf(text, sizeof(text),
             "%zu users active, %lld in the last hour, %lld monitored, %lld disabled by us", all,
             (long long)in_int(users, "seen_last_hour"), (long long)in_int(users, "monitoring"),
             (long long)in_int(users, "disabled"));
    text_line(out, v, "", text);
    if (json_array_size(problems))
        snprintf(text, sizeof(text), "! %s%s", json_string_value(json_array_get(problems, 0)),
                 json_array_size(problems) > 1 ? " …" : "");
    else
        text[0] = '\0';
    text_line(out, v, "\033[31m", text);
}

static void add_heads(struct buf *out, const struct top_view *v, const struct widths *w)
{
    begin(out, v, "\033[7m");
    cell(out, "USER", w->name, false);
    buf_add_str(out, "  ");
    cell(out, "DEV/LIMIT", w->devices, true);
    buf_add_str(out, "  ");
    cell(out, "STATE", w->state, false);
    buf_add_str(out, "  ");
    cell(out, "TRUST", w->trust, true);
    buf_add_str(out, "  ");
    cell(out, "SEEN", w->seen, false);
    buf_add_str(out, "  ");
    cell(out, "NODES", w->nodes, false);
    end(out, v);
}

static void add_foot(struct buf *out, const struct top_view *v, const char *message, size_t n)
{
    char text[CELL];

    if (message)
        snprintf(text, sizeof(text), "%s", message);
    else if (v->typing)
        snprintf(text, sizeof(text), "filter: %s_   (Enter: done, Esc: none)", v->filter);
    else
        snprintf(text, sizeof(text),
                 "%zu-%zu of %zu  q quit  s sort: %s%s  r reverse  / filter%s%s",
                 n ? v->offset + 1 : 0, v->offset + v->shown, n, sorts[v->sort],
                 v->reverse ? " (reversed)" : "", v->filter[0] ? ": " : "", v->filter);
    begin(out, v, message ? "\033[31m" : "\033[2m");
    cell(out, text, v->width, false);
    if (v->colour)
        buf_add_str(out, "\033[0m");
}

void top_draw(struct top_view *v, json_t *users, json_t *status, const char *message,
              struct buf *out)
{
    struct widths w = measure(v);
    size_t n, i, room;
    struct row *rows = gather(v, users, &n);

    room = v->height == 0                        ? n
           : v->height > HEAD_LINES + FOOT_LINES ? v->height - HEAD_LINES - FOOT_LINES
                                                 : 1;
    if (v->offset + room > n)
        v->offset = n > room ? n - room : 0;
    v->fit = n;
    v->shown = n - v->offset < room ? n - v->offset : room;
    add_summary(out, v, status, json_array_size(json_object_get(users, "data")));
    add_heads(out, v, &w);
    for (i = 0; rows && i < v->shown; i++)
        add_row(out, v, &w, &rows[v->offset + i]);
    for (i = v->shown; v->height && i < room; i++)
        buf_add_char(out, '\n');
    if (v->height)
        add_foot(out, v, message, n);
    free(rows);
}
