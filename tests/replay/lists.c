/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "lists.h"

#include <math.h>

#include "base/banned.h"

static double uniform(struct lists *l)
{
    l->rng ^= l->rng >> 12;
    l->rng ^= l->rng << 25;
    l->rng ^= l->rng >> 27;
    return (double)(l->rng * UINT64_C(2685821657736338717) >> 11) / 9007199254740992.0;
}

void lists_start(struct lists *l, const struct trace *t, uint64_t seed)
{
    bool lingers = l->lingers, last_one = l->last_one;
    int i;

    l->t = t;
    l->n = l->next = l->n_values = 0;
    l->rng = seed * UINT64_C(0xD1342543DE82EF95) + 3;
    for (i = 0; i < TRACE_NODES; i++)
        l->known[i] = false;
    l->lingers = lingers;
    l->last_one = last_one;
}

static double used_for(struct lists *l, const struct line *line)
{
    double which = uniform(l), mean = which < 0.7 ? 8 : which < 0.95 ? 60 : 600;

    return line->lasts_s > 0 ? line->lasts_s : -mean * log(1 - uniform(l));
}

static double stays(struct lists *l)
{
    double how = uniform(l);

    if (l->lingers)
        return 300 + 624 * uniform(l);
    return how < 0.5 ? 0.2 : how < 0.95 ? 300 * uniform(l) : 924 * uniform(l);
}

static bool same(const struct line *a, uint32_t addr, uint16_t host, uint8_t node)
{
    return a->addr == addr && a->host == host && a->node == node;
}

static void note_value(struct lists *l, const struct line *line)
{
    int i;

    for (i = 0; i < l->n_values; i++)
        if (same(&l->values[i].line, line->addr, line->host, line->node))
            break;
    if (i == LISTS_MAX)
        return;
    l->n_values += i == l->n_values;
    l->values[i] = (struct list_entry){*line, (int64_t)line->at_s};
}

static void open_stream(struct lists *l, const struct line *line)
{
    double to_s = line->at_s + used_for(l, line);

    l->last[line->node] = (struct list_entry){*line, (int64_t)line->at_s};
    l->known[line->node] = true;
    if (line->until_s > 0 && to_s > line->until_s)
        to_s = line->until_s + stays(l);
    if (l->last_one || l->n == LISTS_MAX)
        return;
    note_value(l, line);
    l->open[l->n++] = (struct listed_stream){line->at_s, to_s, line->addr, line->host, line->node};
}

static int64_t value_of(const struct lists *l, const struct listed_stream *s)
{
    int i;

    for (i = 0; i < l->n_values; i++)
        if (same(&l->values[i].line, s->addr, s->host, s->node))
            return l->values[i].value_s;
    return (int64_t)s->from_s;
}

int lists_read(struct lists *l, double at_s, struct list_entry *ret, int max)
{
    int n = 0, i, k;

    for (; l->next < l->t->n && l->t->lines[l->next].at_s <= at_s; l->next++)
        if (l->t->lines[l->next].user == TRACE_USER)
            open_stream(l, &l->t->lines[l->next]);
    for (i = 0; l->last_one && i < TRACE_NODES; i++)
        if (l->known[i] && n < max)
            ret[n++] = l->last[i];
    for (i = l->n - 1; i >= 0; i--) {
        struct listed_stream *s = &l->open[i];

        if (s->to_s <= at_s) {
            *s = l->open[--l->n];
            continue;
        }
        for (k = 0; k < n && !same(&ret[k].line, s->addr, s->host, s->node); k++)
            ;
        if (k < n || n == max)
            continue;
        ret[n++] = (struct list_entry){
            {.addr = s->addr, .host = s->host, .node = s->node, .user = TRACE_USER},
            value_of(l, s)};
    }
    return n;
}
