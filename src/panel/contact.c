/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/contact.h"

#include "base/stamp.h"
#include "base/banned.h"

enum { LEFT_WAIT_US = 1000000 };

static void on_timer(void *arg)
{
    struct contact *c = arg;

    if (c->gate.shut)
        c->opts.on_probe(c->opts.arg);
}

int contact_init(struct contact *c, const struct contact_opts *opts)
{
    *c = (struct contact){.opts = *opts, .since_us = STAMP_NONE};
    gate_init(&c->gate);
    return loop_timer_new(opts->loop, on_timer, c, &c->timer);
}

void contact_release(struct contact *c)
{
    loop_timer_free(c->timer);
    c->timer = NULL;
}

bool contact_enter(struct contact *c, struct err *err)
{
    if (gate_enter(&c->gate, loop_mono_us(c->opts.loop)))
        return true;
    err_set(err, ERR_UNREACHABLE, "the panel does not answer (%.400s)", c->last.text);
    return false;
}

static void change(struct contact *c, bool up)
{
    c->ever = true;
    c->up = up;
    c->since_us = loop_wall_us(c->opts.loop);
}

void contact_answered(struct contact *c)
{
    gate_answered(&c->gate);
    loop_timer_stop(c->timer);
    c->last = (struct err){0};
    if (c->up)
        return;
    change(c, true);
    c->opts.on_up(c->opts.arg);
}

void contact_fault(struct contact *c, const struct err *err)
{
    int64_t now = loop_mono_us(c->opts.loop);
    bool shuts = gate_fault(&c->gate, now, loop_random(c->opts.loop));

    c->last = *err;
    if (c->gate.shut)
        loop_timer_set(c->timer, c->gate.next_probe_us - now);
    /* At the start the first failure is news; later a single one is not. */
    if ((c->up && shuts) || !c->ever) {
        change(c, false);
        c->opts.on_down(c->opts.arg, &c->last);
    }
}

void contact_leave(struct contact *c)
{
    gate_leave(&c->gate);
    /* Not at once: whatever stopped the probe may stop the next one too. */
    if (c->gate.shut && !loop_timer_armed(c->timer))
        loop_timer_set(c->timer, LEFT_WAIT_US);
}
