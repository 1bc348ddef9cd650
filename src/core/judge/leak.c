/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/stamp.h"
#include "core/engine_int.h"
#include "base/banned.h"

/*
 * Leaked accounts (engine.md 6): far more networks at every check of a whole monitoring_period than one
 * household has. By number alone: who sprays addresses gives no pair the time to be weighed.
 */

enum {
    FEWEST = 10,       /* no account is leaked at so many networks, */
    TIMES_LIMIT = 5,   /* or at so many times its limit */
    LEAST_CHECKS = 2,  /* one look is none */
    NEARLY_TENTHS = 9, /* of the room are networks of their own */
};

/*
 * Whether there are too many now. A user's devices have a bounded room, which is smaller than the bound
 * for limits from 13 on: then nearly all of the room, and the rest of them among the addresses that found
 * none since the last check.
 */
static bool too_many(const struct engine *e, const struct user *u, int64_t now_us,
                     int *ret_networks)
{
    int most = u->limit * TIMES_LIMIT > FEWEST ? u->limit * TIMES_LIMIT : FEWEST;
    int room = (int)user_room(u->limit), n = verdict_networks(u, &e->policy, now_us);

    *ret_networks = n;
    if (n > most)
        return true;
    return room <= most && n * 10 >= room * NEARLY_TENTHS &&
           (int64_t)(u->overflow - u->lanes->leak.overflow) > most - room;
}

void leak_begin(struct user *u)
{
    if (u->lanes)
        u->lanes->leak = (struct leak){.overflow = u->overflow};
}

void leak_check(struct engine *e, struct user *u, int64_t now_us)
{
    /* There are lanes as soon as devices outnumber the limit, or no memory for them. */
    struct leak *l = u->lanes ? &u->lanes->leak : NULL;
    int64_t since_us;
    int networks;

    if (!l)
        return;
    if (!too_many(e, u, now_us, &networks)) {
        leak_begin(u);
        return;
    }
    l->overflow = u->overflow;
    if (l->checks == 0)
        l->since_us = now_us;
    l->checks = (uint16_t)(l->checks + (l->checks < UINT16_MAX));
    l->networks = (uint16_t)networks;
    since_us = l->checks >= u->mon_checks && u->mon_checks < UINT8_MAX ? u->since_us : l->since_us;
    l->whole = l->checks >= LEAST_CHECKS && now_us - since_us >= e->policy.monitoring_period_us;
    l->half = now_us - since_us >= e->policy.monitoring_period_us / 2;
}
