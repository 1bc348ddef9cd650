/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_HERE_EVERYONE_HERE_H
#define CLI_HERE_EVERYONE_HERE_H

#include "service/ops/op.h"
#include "service/settings/settings.h"

/*
 * op_port.everyone without a daemon: logs in to the panel of the settings and lists all users. Blocks until
 * it is done, at most 15 s for the login. fn is called before it returns.
 */
void everyone_here(const struct settings *s,
                   void (*page)(void *arg, const struct panel_user *users, size_t n),
                   op_check_fn fn, void *arg);

#endif
