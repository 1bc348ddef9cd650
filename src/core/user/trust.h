/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_USER_TRUST_H
#define CORE_USER_TRUST_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The trust score: 100 for a user nothing speaks against, 0 for one whom everything does. It is made for
 * the reader of a verdict and convicts nobody; the formula stands in docs/trust.md. Pure arithmetic in
 * whole points: the same input gives the same score everywhere.
 */

enum trust_part {
    TRUST_EVIDENCE, /* how strong the evidence of devices in use at once is */
    TRUST_EXCESS,   /* how many devices beyond the limit */
    TRUST_TIME,     /* how long he has been watched */
    TRUST_NETWORKS, /* networks beyond the limit */
    TRUST_PAST,     /* violations inside the window */
    TRUST_LEAKED,   /* far too many networks at every check */
    TRUST_EXCUSED,  /* pairs that a dual-stack phone or a carrier explains */
    TRUST_COMMON,   /* shared sources, CDN and content networks among his addresses */
    TRUST_PARTS
};

/* What it is made of; everything not negative. */
struct trust_input {
    int limit;          /* over 0 */
    int concurrent;     /* devices proven in use at once */
    int networks;       /* active ones, merged (verdict_networks) */
    double strength;    /* nats: the most evidence that still proves more devices than the limit */
    double threshold;   /* nats, over 0 */
    int64_t watched_us; /* since monitoring began, 0 when it has not */
    int64_t period_us;  /* monitoring_period, over 0 */
    int violations;     /* earlier ones inside the window */
    bool leaked;
    int excused; /* pairs with evidence that are excused */
    int common;  /* active devices that add nothing */
};

struct trust {
    int score;                   /* 0-100 */
    int16_t points[TRUST_PARTS]; /* taken off (less than 0) or given back */
};

/* Weighs. O(1). */
void trust_weigh(const struct trust_input *in, struct trust *ret);
/* "evidence", "excess", "time", … */
const char *trust_part_name(enum trust_part part);

#endif
