/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_REPLAY_REPLAY_COMPARE_H
#define CLI_REPLAY_REPLAY_COMPARE_H

#include <stdbool.h>

/*
 * `pg-limiter replay --compare A B …`: the same recordings under two settings files (the form of .env), and
 * who would be judged differently. Everything else is as in replay; --set holds for both.
 */

/* Whether the arguments after "replay" ask for it. */
bool replay_compares(int argc, char **argv);
/* Does it. Returns the exit code. */
int replay_compare_main(int argc, char **argv);

#endif
