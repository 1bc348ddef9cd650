/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "net/notify.h"
#include "base/banned.h"

/*
 * The service manager's view of us. Its watchdog hears of us from a timer of the loop, so a loop
 * that hangs is silent; and only while every node's stream has a next thing to happen, so that a
 * daemon which lives but has forgotten a node is restarted, too. A panel that is away, or a node
 * that is silent, is no reason: no restart cures it.
 */

enum { PARTS = 3 };
static const int64_t status_us = 10 * STAMP_SECOND;

struct pulse {
    struct daemon *d;
    struct loop_timer *timer;
    int64_t watchdog_us, gap_us, told_us;
    bool forgotten;
};

static bool flows(struct pulse *p)
{
    unsigned n = panel_streams_forgotten(p->d->panel);

    if (n && !p->forgotten)
        log_error(
            "run",
            "the log streams of %u nodes are neither open nor tried any more: this is a fault of "
            "this program, which is to be restarted",
            n);
    p->forgotten = n > 0;
    return n == 0;
}

static void tell_status(struct daemon *d)
{
    struct panel_state st = panel_state(d->panel);
    struct engine_stats e;

    engine_stats(d->engine, &e);
    if (!st.up)
        notify_say("STATUS=The panel does not answer; %zu users are disabled until their time.",
                   enforce_count(d->enforce));
    else
        notify_say(
            "STATUS=Enforcement is %s. %u of %zu nodes are read, %u users are active, %zu disabled.",
            settings_text(&d->settings, SET_ENFORCEMENT), st.streams_open, st.n_nodes,
            (unsigned)e.active, enforce_count(d->enforce));
}

static void beat(void *arg)
{
    struct pulse *p = arg;
    int64_t now_us = loop_real_us(p->d->loop);

    if (p->told_us == 0)
        notify_say("READY=1\nMAINPID=%lld", (long long)getpid());
    if (p->told_us == 0 || now_us - p->told_us >= status_us) {
        p->told_us = now_us;
        tell_status(p->d);
    }
    if (p->watchdog_us && flows(p))
        notify_say("WATCHDOG=1");
    loop_timer_set_real(p->timer, p->gap_us);
}

struct pulse *pulse_new(struct daemon *d)
{
    struct pulse *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->d = d;
    p->watchdog_us = notify_watchdog_us();
    p->gap_us = status_us;
    if (p->watchdog_us && p->watchdog_us / PARTS < p->gap_us)
        p->gap_us = p->watchdog_us / PARTS;
    if (loop_timer_new(d->loop, beat, p, &p->timer)) {
        free(p);
        return NULL;
    }
    loop_timer_set_real(p->timer, 0);
    return p;
}

void pulse_free(struct pulse *p)
{
    if (!p)
        return;
    loop_timer_free(p->timer);
    free(p);
}

void pulse_reloading(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    notify_say("RELOADING=1\nMONOTONIC_USEC=%lld",
               (long long)ts.tv_sec * STAMP_SECOND + ts.tv_nsec / 1000);
}

void pulse_reloaded(void)
{
    notify_say("READY=1");
}

void pulse_stopping(void)
{
    notify_say("STOPPING=1\nSTATUS=Stopping.");
}
