/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FRAME_LINK_H
#define CLI_FRAME_LINK_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "service/ops/op.h"

/*
 * How the CLI reaches the operations: the control socket of a running daemon (HTTP over a unix socket), or
 * the database itself when none runs. Either way it is the same request and the same answer.
 */
struct link;

/*
 * Reads the settings (env_path as --env, may be NULL), becomes the owner of DATA_DIR when root, sets TZ,
 * and looks for the daemon; without one opens the database. ERR_INVALID: .env is wrong; ERR_NOT_FOUND:
 * there is no DATA_DIR; ERR_IO and others of db_open. Warnings about .env go to standard error. sick: for the
 * doctor, who wants to know of a database that cannot be opened instead of failing by it.
 */
int link_open(const char *env_path, bool sick, struct link **ret_link, struct err *err) MUST_CHECK;
/* As link_call, with any bytes of that type for a body (n 0: none) and for an answer. */
int link_send(struct link *link, enum op_method method, const char *path, struct slice body,
              const char *type, int *ret_status, struct buf *ret_bytes, struct err *err) MUST_CHECK;
/*
 * Whether the loop of the daemon on DATA_DIR turns: one question that it answers at once, awaited for so many
 * seconds. Opens no database. What is wrong in .env beside DATA_DIR is no matter: the daemon goes on with
 * what it has. ERR_UNREACHABLE: none runs; ERR_TIMEOUT, ERR_PROTOCOL; ERR_IO: its socket is not ours.
 */
int link_alive(const char *env_path, int seconds, struct err *err) MUST_CHECK;
/* The .env that was read, "" for none. */
const char *link_env_file(const struct link *link);
/* The settings as read from outside, and without a daemon from the database. */
const struct settings *link_settings(const struct link *link);
/* Closes. NULL is allowed. */
void link_close(struct link *link);
/*
 * Without a daemon: keeps every daemon from starting, and other restores and imports from beginning, until
 * link_close; what as in dirlock_take. ERR_EXISTS, ERR_BUSY: one of them has begun meanwhile. With a daemon
 * nothing is done.
 */
int link_lock(struct link *link, const char *what, struct err *err) MUST_CHECK;
/* Whether a daemon answers. */
bool link_has_daemon(const struct link *link);
/*
 * Makes a request; body "" or JSON. ret_json receives the answer's JSON and *ret_status its status. On
 * failure of the transport ERR_UNREACHABLE (no daemon any more), ERR_TIMEOUT, ERR_PROTOCOL.
 */
int link_call(struct link *link, enum op_method method, const char *path, const char *body,
              int *ret_status, struct buf *ret_json, struct err *err) MUST_CHECK;

#endif
