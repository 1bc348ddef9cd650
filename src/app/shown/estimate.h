/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_SHOWN_ESTIMATE_H
#define APP_SHOWN_ESTIMATE_H

/* How many users a change would put over their limit (engine.md 6), by what they used in the last day. */

#include "base/attr.h"
#include "base/err.h"
#include "core/limit/limit.h"
#include "service/ops/op.h"

struct daemon;

struct estimate {
    uint32_t seen; /* users active in the last day, as far as this process has seen */
    uint32_t
        over; /* of these, with more devices at once than they then might have, and not before */
};

/*
 * With other rules and another general limit; wide: with an active_window longer than now, when up to
 * as many devices count as were seen within its longest.
 */
void estimate_rules(struct daemon *d, const struct limits *next, int general, bool wide,
                    struct estimate *ret);
/*
 * Whether other settings are to be put in force: ERR_OK, ERR_NOMEM, or ERR_CONFIRM with the numbers in
 * err where many would be over their limit, or nobody can tell how many. Confirmed asks nothing.
 */
int estimate_settings(struct daemon *d, const struct settings *next, bool confirmed,
                      struct err *err) MUST_CHECK;
/* op_port.estimate; app is the struct daemon. */
int estimate_change(void *app, const struct op_rule_change *change, struct op_estimate *ret);
/* Makes a change of a rule in a copy of the limits. ERR_NOMEM, ERR_INVALID. */
int estimate_apply(struct limits *l, const struct op_rule_change *change) MUST_CHECK;
/* 0, or ERR_CONFIRM with the number in err when it is more than 5 % of those seen. */
int estimate_ask(const struct daemon *d, const struct estimate *est, bool confirmed,
                 struct err *err) MUST_CHECK;

#endif
