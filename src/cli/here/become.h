/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_HERE_BECOME_H
#define CLI_HERE_BECOME_H

#include "base/attr.h"
#include "base/err.h"

/*
 * When this process is root and dir belongs to someone else, becomes that user for good, with his groups:
 * otherwise files made here (a database's journal, say) would be root's and the daemon could not write
 * them. Does nothing for other users, for a directory of root's, and for one that does not exist.
 * ERR_IO when the change is refused.
 */
int become_owner(const char *dir, struct err *err) MUST_CHECK;

#endif
