/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/user/trust.h"

#include <math.h>

#include "base/attr.h"
#include "base/banned.h"

static const char *const names[TRUST_PARTS] = {
    [TRUST_EVIDENCE] = "evidence", [TRUST_EXCESS] = "excess", [TRUST_TIME] = "time",
    [TRUST_NETWORKS] = "networks", [TRUST_PAST] = "past",     [TRUST_LEAKED] = "leaked",
    [TRUST_EXCUSED] = "excused",   [TRUST_COMMON] = "common",
};

/* Most points each part takes off or gives back. */
enum {
    PROVEN = 40, /* evidence that has reached the threshold, */
    BEYOND = 20, /* and as much again beyond it */
    EXCESS = 20, /* twice the limit or more */
    TIME = 10,   /* two monitoring periods or more */
    NETWORK = 5, /* each network beyond the limit, */
    NETWORKS = 10,
    VIOLATION = 10, /* each earlier violation, */
    PAST = 30,
    LEAKED = 40,
    EXCUSED = 5, /* each excused pair, */
    MOST_EXCUSED = 10,
    COMMON = 5,
};

/* points · share, share cut to 0…1, rounded down. */
static int part_of(int points, double share)
{
    if (!(share > 0))
        return 0;
    return share >= 1 ? points : (int)floor(points * share);
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void trust_weigh(const struct trust_input *in, struct trust *ret)
{
    int beyond = in->concurrent - in->limit, wide = in->networks - in->limit;
    int16_t *p = ret->points;
    int score = 100, i;

    p[TRUST_EVIDENCE] = (int16_t) - (part_of(PROVEN, in->strength / in->threshold) +
                                     part_of(BEYOND, in->strength / in->threshold - 1));
    p[TRUST_EXCESS] = (int16_t)(beyond > 0 ? -part_of(EXCESS, (double)beyond / in->limit) : 0);
    p[TRUST_TIME] = (int16_t)-part_of(TIME, (double)in->watched_us / (double)in->period_us / 2);
    p[TRUST_NETWORKS] = (int16_t)(wide > 0 ? -least(NETWORKS, least(wide, NETWORKS) * NETWORK) : 0);
    p[TRUST_PAST] = (int16_t)-least(PAST, least(in->violations, PAST) * VIOLATION);
    p[TRUST_LEAKED] = (int16_t)(in->leaked ? -LEAKED : 0);
    p[TRUST_EXCUSED] = (int16_t)least(MOST_EXCUSED, least(in->excused, MOST_EXCUSED) * EXCUSED);
    p[TRUST_COMMON] = (int16_t)(in->common > 0 ? COMMON : 0);
    for (i = 0; i < TRUST_PARTS; i++)
        score += p[i];
    ret->score = score < 0 ? 0 : score > 100 ? 100 : score;
}

const char *trust_part_name(enum trust_part part)
{
    return (unsigned)part < ARRAY_LEN(names) ? names[part] : "unknown";
}
