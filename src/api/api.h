/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_API_H
#define API_API_H

#include "base/attr.h"
#include "base/err.h"
#include "net/loop.h"
#include "service/op.h"

/* What the daemon serves over HTTP: the control socket. */
struct api;

/*
 * Listens on DATA_DIR/run/control.sock. port must outlive it. ERR_EXISTS: another daemon runs on this
 * DATA_DIR; call it before anything of the database or the panel is touched. ERR_TOO_BIG, ERR_IO, ERR_NOMEM.
 */
int api_new(struct loop *loop, const char *data_dir, const struct op_port *port,
            struct api **ret_api, struct err *err) MUST_CHECK;
/* Stops serving (see server_free) and removes the socket. NULL is allowed. */
void api_free(struct api *api);

#endif
