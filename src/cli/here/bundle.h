/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_HERE_BUNDLE_H
#define CLI_HERE_BUNDLE_H

#include "cli/frame/cli_int.h"

/*
 * `doctor --bundle FILE`: findings, state, nodes and settings as JSON, fit to be sent to a stranger. Secrets
 * are left out; names of users, admins, nodes and hosts, and addresses are replaced, each always by the
 * same made-up one ("user-3", "address-7"), so that what belongs together can still be seen.
 */
/* Writes it (mode 0600, a file that exists is refused); prints the error and returns an exit code. */
int bundle_write(struct cli *cli, json_t *findings, const char *path);

#endif
