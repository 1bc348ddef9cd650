/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_MACHINE_MANAGE_H
#define CLI_MACHINE_MANAGE_H

#include "cli/frame/cli_int.h"
#include "cli/machine/service.h"

/* What start, stop, update, config and uninstall share. */

/* Finds the service; prints the error and returns an exit code when not even that is possible. */
int manage_find(struct cli *cli, struct service *s);
/*
 * Whether this user may do what: systemd's units need root. Otherwise says how, and returns false.
 * `what` is the command's name.
 */
bool manage_may(const struct service *s, const char *what);
/* Whether there is a service to be managed; says what to do when not. */
bool manage_has(const struct service *s, const char *what);
/*
 * Before the daemon goes: says how many users stay disabled and offers (on a terminal, or --enable-
 * all) to enable them first. CLI_OK: go on.
 */
int manage_offer_enabling(struct cli *cli, const struct service *s);
/* Restarts a daemon that runs; says so. An exit code. */
int manage_restart(const struct service *s);

#endif
