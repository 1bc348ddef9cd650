/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_REPLAY_REPLAY_RULES_H
#define CLI_REPLAY_REPLAY_RULES_H

#include "base/attr.h"
#include "base/err.h"
#include "core/limit/limit.h"

/* What `replay` is told of users and patterns beside the log. Errors are ERR_INVALID with a sentence. */

/* `--pattern prefix:TEXT=N` or `suffix:TEXT=N`; with =admin:NAME instead of N the owner of such names. */
int replay_pattern(struct limits *l, const char *arg, struct err *err) MUST_CHECK;
/*
 * `--people FILE`: what the panel would say of its users, a JSON object a line,
 * {"id","name","groups":[…],"admin":{"id","username"},"hwid_limit"}. A member that is missing is not
 * known; admin null is nobody's, hwid_limit null is none.
 */
int replay_people(struct limits *l, const char *path, struct err *err) MUST_CHECK;

/* --except USER, or with special USER=N: a rule about a user, who is a name or id:12. ERR_INVALID. */
int replay_rule(struct limits *l, const char *arg, bool special, struct err *err) MUST_CHECK;

#endif
