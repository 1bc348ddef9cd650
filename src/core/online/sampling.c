/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* Whose lines are compared with the online list, so that a second reader of a node is noticed (loss.h). */

static const int64_t sampled_us = 60 * STAMP_SECOND; /* each, */
static const int64_t active_us = 20 * STAMP_SECOND;  /* of those who had a line within */
static const int64_t open_us = 10 * STAMP_SECOND; /* a stream just opened may have missed lines */
_Static_assert((int)SAMPLE_MOST == (int)SAMPLER_USERS, "as many as there is room for");
enum { LOOK_AT = 20000, ELSEWHERE = 4 };

void sampling_line(struct engine *e, uint16_t node, const struct record *rec, int64_t now_us)
{
    const struct user *u = engine_user(e, rec->id);

    if (u && u->sampled)
        sampler_line(&e->sampler, rec->id, node, rec->ip,
                     rec->stamp_us == STAMP_NONE ? now_us : rec->stamp_us, now_us);
}

void sampling_read(struct engine *e, const struct user *u, const struct online_seen *s,
                   int64_t at_us, int64_t now_us)
{
    const struct coverage *c = &e->nodes[s->node].cover;

    /* Where no stream is open, or nobody is ever logged, nothing is taken away. */
    if (c->open_streams == 0 || c->ignored[SCAN_COUNTED] == 0 || c->last_open_us > at_us - open_us)
        return;
    sampler_read(&e->sampler, u->id, s->node, s->addr, s->last_us / STAMP_SECOND, at_us, now_us);
}

struct looked {
    struct engine *e;
    int64_t now_us;
};

static void on_second(void *arg, uint16_t node, enum loss_kind kind, unsigned lines)
{
    struct looked *l = arg;

    loss_note(&l->e->nodes[node].loss, kind, lines, l->now_us);
}

/* True when some node is suspected. */
static bool update(struct engine *e, int64_t now_us)
{
    bool any = false;
    uint32_t i;

    for (i = 0; i < e->n_nodes; i++) {
        struct engine_node *n = &e->nodes[i];
        struct loss_look look = loss_look(&n->loss, now_us);

        n->cover.lost_known = look.known;
        n->cover.lost = look.part;
        n->cover.lost_error = look.error;
        n->cover.stolen = look.theft;
        any |= n->suspect = look.suspect;
    }
    return any;
}

static void let_go(struct engine *e, int64_t now_us)
{
    unsigned i;

    for (i = e->sampler.n; i > 0; i--) {
        int64_t id = e->sampler.users[i - 1]->id;
        struct user *u = engine_user(e, id);

        if (u && (now_us - e->sampler.users[i - 1]->since_us < sampled_us ||
                  sampler_waits(&e->sampler, id)))
            continue;
        if (u)
            u->sampled = false;
        sampler_drop(&e->sampler, id);
    }
}

/* Whether the address of his last line or reading is on a node that is suspected. */
static bool is_on_suspect(const struct engine *e, const struct user *u)
{
    int64_t last_us = INT64_MIN;
    bool on = false;
    int i;

    for (i = 0; i < u->n; i++) {
        if (u->devices[i].last_us <= last_us)
            continue;
        last_us = u->devices[i].last_us;
        on = e->nodes[u->devices[i].node].suspect;
    }
    return on;
}

size_t engine_sample_lines(struct engine *e, unsigned most, unsigned most_suspect, int64_t now_us,
                           int64_t *ret_ids)
{
    struct looked l = {e, now_us};
    bool suspect;
    size_t n = 0;
    uint32_t looked;

    sampler_look(&e->sampler, now_us, on_second, &l);
    suspect = update(e, now_us);
    let_go(e, now_us);
    if (suspect && most)
        most = most_suspect;
    for (looked = 0; looked < e->n_slots && looked < LOOK_AT && e->sampler.n < most; looked++) {
        struct user *u;

        e->sample_from = (e->sample_from + 1) % e->n_slots;
        u = engine_slot(e, e->sample_from);
        if (u->id == 0 || u->sampled || u->state == USER_PUNISHED ||
            now_us - u->line_s * STAMP_SECOND > active_us ||
            (suspect && n % ELSEWHERE != ELSEWHERE - 1 && !is_on_suspect(e, u)))
            continue;
        if (!sampler_add(&e->sampler, u->id, now_us))
            break;
        u->sampled = true;
        ret_ids[n++] = u->id;
    }
    return n;
}

unsigned engine_sampled(const struct engine *e)
{
    return e->sampler.n;
}
