/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/online/readplan.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "base/banned.h"

enum { CLOSE_MAX = 4096, ROUND_LOOK = 512, TURNS = 3 };
static const int64_t heard_us = 120 * STAMP_SECOND; /* lines tell of who had one within */
static const int64_t round_us = 30 * STAMP_SECOND;  /* nobody's turn comes sooner */

void readplan_init(struct readplan *p)
{
    *p = (struct readplan){.n_close = 0};
}

void readplan_release(struct readplan *p)
{
    free(p->close);
    free(p->round);
    readplan_init(p);
}

int readplan_watch(struct readplan *p, int64_t id)
{
    size_t i;

    for (i = 0; i < p->n_close; i++)
        if (p->close[i].id == id)
            return ERR_OK;
    if (p->n_close == CLOSE_MAX)
        return ERR_TOO_BIG;
    if (p->n_close == p->cap_close) {
        size_t cap = p->cap_close ? p->cap_close * 2 : 16;
        struct readplan_close *close = realloc(p->close, cap * sizeof(*close));

        if (!close)
            return ERR_NOMEM;
        p->close = close;
        p->cap_close = cap;
    }
    p->close[p->n_close++] = (struct readplan_close){.id = id};
    return ERR_OK;
}

int readplan_online(struct readplan *p, const int64_t *ids, size_t n)
{
    struct readplan_close *round = malloc((n + 1) * sizeof(*round));
    int64_t turn_id = p->n_round ? p->round[p->at_round % p->n_round].id : 0;
    size_t i, k = 0, at = 0;

    if (!round)
        return ERR_NOMEM;
    for (i = 0; i < n; i++) {
        round[i] = (struct readplan_close){.id = ids[i]};
        while (k < p->n_round && p->round[k].id < ids[i])
            k++;
        if (k < p->n_round && p->round[k].id == ids[i])
            round[i].asked_us = p->round[k].asked_us;
        at += ids[i] < turn_id;
    }
    free(p->round);
    p->round = round;
    p->n_round = n;
    p->at_round = at < n ? at : 0;
    return ERR_OK;
}

static int64_t next_close(struct readplan *p, const struct engine *e, int64_t now_us)
{
    int64_t best_us = INT64_MAX, best = 0;
    size_t i;

    for (i = p->n_close; i > 0; i--) {
        struct readplan_close *c = &p->close[i - 1];
        int64_t last_us, every_us = engine_read_every(e, c->id, now_us, &last_us), due_us;

        if (every_us == 0) {
            *c = p->close[--p->n_close];
            continue;
        }
        /* Asked, and perhaps not answered: a panel that fails is asked no more often. */
        due_us = (c->asked_us > last_us ? c->asked_us : last_us) + every_us;
        if (due_us <= now_us && due_us < best_us) {
            best = c->id;
            best_us = due_us;
        }
    }
    for (i = 0; best && i < p->n_close; i++)
        if (p->close[i].id == best)
            p->close[i].asked_us = now_us;
    return best;
}

static int64_t next_round(struct readplan *p, const struct engine *e, bool all, int64_t now_us)
{
    size_t looked;

    for (looked = 0; looked < p->n_round && looked < ROUND_LOOK; looked++) {
        struct readplan_close *c = &p->round[p->at_round];
        int64_t line_us, read_us;

        p->at_round = (p->at_round + 1) % p->n_round;
        engine_heard(e, c->id, &line_us, &read_us);
        if (read_us < c->asked_us)
            read_us = c->asked_us;
        if (now_us - read_us < round_us || (!all && now_us - line_us < heard_us))
            continue;
        c->asked_us = now_us;
        return c->id;
    }
    return 0;
}

int64_t readplan_next(struct readplan *p, const struct engine *e, bool all, int64_t now_us)
{
    bool round_first = ++p->turn % TURNS == 0;
    int64_t id = round_first ? next_round(p, e, all, now_us) : next_close(p, e, now_us);

    if (id)
        return id;
    return round_first ? next_close(p, e, now_us) : next_round(p, e, all, now_us);
}
