/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef REPLAY_OLDRULE_H
#define REPLAY_OLDRULE_H

#include "trace.h"

/*
 * The rule of the Python PG-Limiter, version 0.9.8, for the comparison only: every minute it counts the
 * distinct addresses of that minute; over the limit a user is monitored for 180 s, and then convicted
 * when more addresses than the limit were seen in 2 checks (or over 120 s), the last within 120 s. Its
 * trust score, which can cut off without monitoring, is left out.
 */

/* The second at which the trace (in order of time) is convicted under limit; -1 = never. */
double oldrule_run(const struct trace *t, int limit, bool *ret_warned);

#endif
