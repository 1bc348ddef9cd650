/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/*
 * Nodes that show nearly everyone over his limit: a fault of the node, not of its users (docs/decisions.md).
 * Verdicts that rest on such a node wait until it has been right again for long enough that nothing of it
 * is left in the evidence. When all nodes are alike, a setting is wrong, and that is the breaker's business.
 */

static const int64_t look_again_us = 5 * STAMP_SECOND;
static const double usual_weight = 1.0 / 30, usual_most = 0.1;
enum {
    LEAST_OVER = 5,        /* users over their limit by one node, and half of its users */
    LEAST_OTHERS = 10,     /* users on other nodes, so that these can be compared, */
    TIMES_OTHERS = 4,      /* of whom four times as small a part is over */
    LEAST_OVER_LATER = 10, /* for the comparison with the node's own past, */
    USUAL_CHECKS = 10,     /* which is known after so many checks */
};

/* Plain active devices of a user, and those of them on one node. */
static int on_node(const struct engine *e, const struct user *u, uint16_t node, int64_t now_us)
{
    int n = 0, i;

    for (i = 0; i < u->n; i++)
        n += u->devices[i].node == node && device_plain(&u->devices[i]) &&
             verdict_active(&u->devices[i], &e->policy, now_us);
    return n;
}

static void count_user(struct engine *e, struct user *u, int64_t now_us)
{
    struct tally t = {0};
    int limit = engine_limit_of(e, u), i, k;

    if (limit && u->n > limit)
        verdict_tally(u, &e->policy, now_us, &t);
    for (i = 0; i < u->n; i++) {
        uint16_t node = u->devices[i].node;

        if (node == NODE_NONE || !device_plain(&u->devices[i]) ||
            !verdict_active(&u->devices[i], &e->policy, now_us))
            continue;
        for (k = 0; k < i; k++)
            if (u->devices[k].node == node && device_plain(&u->devices[k]) &&
                verdict_active(&u->devices[k], &e->policy, now_us))
                break;
        if (k < i)
            continue;
        e->nodes[node].fault.active++;
        if (t.plain > limit && t.plain - on_node(e, u, node, now_us) <= limit)
            e->nodes[node].fault.over++;
    }
}

static bool stands_out(const struct node_fault *f, int64_t others, int64_t others_over)
{
    if (f->over < LEAST_OVER || 2 * f->over < f->active)
        return false;
    if (others >= LEAST_OTHERS &&
        others_over * TIMES_OTHERS * (int64_t)f->active <= (int64_t)f->over * others)
        return true;
    return f->over >= LEAST_OVER_LATER && f->usual_checks >= USUAL_CHECKS && f->usual <= usual_most;
}

static void tell(struct engine *e, struct engine_node *n, int64_t now_us)
{
    struct decision *d = engine_emit(e, DECISION_FAULTY, NULL, now_us);

    if (!d)
        return;
    d->node_id = n->cover.node_id;
    judge_explain(d,
                  "%u of %u users of node %lld look over their limit: a fault of the node? "
                  "Verdicts on it wait (`config set node_guard off` ends that)",
                  n->fault.over, n->fault.active, (long long)n->cover.node_id);
}

void faulty_look(struct engine *e, int64_t now_us, bool at_check)
{
    int64_t active = 0, over = 0;
    uint32_t i;

    e->faulty_us = now_us;
    if (!e->policy.node_guard)
        return;
    for (i = 0; i < e->n_nodes; i++)
        e->nodes[i].fault.active = e->nodes[i].fault.over = 0;
    for (i = 0; i < e->n_slots; i++) {
        struct user *u = engine_slot(e, i);

        if (u->id && u->n && u->state != USER_PUNISHED)
            count_user(e, u, now_us);
    }
    for (i = 0; i < e->n_nodes; i++) {
        active += e->nodes[i].fault.active;
        over += e->nodes[i].fault.over;
    }
    for (i = 0; i < e->n_nodes; i++) {
        struct engine_node *n = &e->nodes[i];
        struct node_fault *f = &n->fault;

        if (stands_out(f, active - f->active, over - f->over)) {
            if (n->cover.faulty_until_us <= now_us && engine_reserve(e, 1)) {
                n->cover.faulty_since_us = now_us;
                tell(e, n, now_us);
            }
            n->cover.faulty_until_us = now_us + e->policy.pair_idle_us + e->policy.active_window_us;
        } else if (at_check && f->active >= LEAST_OVER) {
            double share = (double)f->over / f->active;

            f->usual = f->usual_checks ? f->usual + (share - f->usual) * usual_weight : share;
            f->usual_checks = (uint16_t)(f->usual_checks + (f->usual_checks < UINT16_MAX));
        }
    }
}

void faulty_forget(struct engine *e)
{
    uint32_t i;

    for (i = 0; i < e->n_nodes; i++) {
        e->nodes[i].fault.usual_checks = 0;
        if (!e->policy.node_guard)
            e->nodes[i].cover.faulty_until_us = 0;
    }
}

bool faulty_holds(const struct engine *e, const struct user *u, int64_t now_us)
{
    struct tally t;
    int held = 0, i;

    verdict_tally(u, &e->policy, now_us, &t);
    for (i = 0; i < u->n; i++)
        held += u->devices[i].node != NODE_NONE && device_plain(&u->devices[i]) &&
                verdict_active(&u->devices[i], &e->policy, now_us) &&
                e->nodes[u->devices[i].node].cover.faulty_until_us > now_us;
    return held > 0 && t.plain - held <= u->limit;
}

bool faulty_rests_on(struct engine *e, const struct user *u, int64_t now_us)
{
    if (now_us - e->faulty_us >= look_again_us || now_us < e->faulty_us)
        faulty_look(e, now_us, false);
    return faulty_holds(e, u, now_us);
}
