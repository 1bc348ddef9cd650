/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/* What becomes of everything that is dated when the wall clock is set to another time. */

static void cap(int64_t *at_us, int64_t most_us)
{
    if (*at_us > most_us)
        *at_us = most_us;
}

/* Nobody is convicted by times of two clocks, and none is pardoned for years. */
static void step_user(struct engine *e, struct user *u, int64_t now_us)
{
    int64_t pardon_us = u->state == USER_CLEAR ? u->until_us : 0;
    int i;

    user_release(u);
    u->hot = 0;
    u->sampled = false;
    u->line_s = u->read_s = 0;
    cap(&u->last_us, now_us);
    for (i = 0; u->past && i < u->past->n; i++)
        cap(&u->past->at_us[i], now_us);
    if (u->state == USER_PUNISHED && u->really) {
        /* The journal knows when he is due; here it is enough that he is not judged. */
        cap(&u->since_us, now_us);
        u->until_us = 0;
        return;
    }
    judge_clear(e, u);
    cap(&pardon_us, now_us + e->policy.pardon_us);
    u->until_us = pardon_us;
}

static void step_node(struct engine_node *n, int64_t step_us, int64_t now_us)
{
    int64_t offset_us = n->clock.offset_us;

    clock_init(&n->clock, offset_us == STAMP_NONE ? STAMP_NONE : offset_us + step_us);
    clock_opened(&n->clock, now_us);
    loss_release(&n->loss);
    cap(&n->cover.first_open_us, now_us);
    cap(&n->cover.last_open_us, now_us);
    cap(&n->cover.down_since_us, now_us);
    cap(&n->cover.quiet_since_us, now_us);
    cap(&n->cover.last_line_us, now_us);
    cap(&n->cover.rate_at_us, now_us);
    cap(&n->cover.faulty_since_us, now_us);
    cap(&n->cover.faulty_until_us, now_us + 3600 * STAMP_SECOND);
}

void engine_clock_stepped(struct engine *e, int64_t step_us, int64_t now_us)
{
    uint32_t i;

    e->now_us = now_us;
    e->next_check_us = 0;
    e->faulty_us = 0;
    timers_release(&e->due);
    e->pace.n = 0;
    e->breaker.n = 0;
    sampler_release(&e->sampler);
    cap(&e->breaker.raised_until_us, now_us + 86400 * STAMP_SECOND);
    for (i = 0; i < e->n_slots; i++)
        if (engine_slot(e, i)->id)
            step_user(e, engine_slot(e, i), now_us);
    for (i = 0; i < e->n_nodes; i++)
        step_node(&e->nodes[i], step_us, now_us);
    for (i = 0; i < e->marks.cap; i++)
        cap(&e->marks.slots[i].until_us, now_us + e->policy.shared_memory_us);
    engine_advance(e, now_us);
}
