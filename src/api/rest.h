/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_REST_H
#define API_REST_H

#include "base/attr.h"
#include "base/err.h"
#include "net/loop.h"
#include "service/ops/op.h"
#include "service/settings/settings.h"

/*
 * REST over TCP as the settings api_… want it: switched on or off, moved, its certificate or password
 * changed, while the daemon runs.
 */
struct rest;

/* Listens nowhere yet. port must outlive it. ERR_NOMEM through NULL. */
struct rest *rest_new(struct loop *loop, const struct op_port *port);
/* Stops serving. NULL is allowed. */
void rest_free(struct rest *r);
/*
 * Puts settings in force: at the start and at SIGHUP, when the files of the certificate are read again
 * too. What cannot be done is told (log, rest_problem) and leaves what served before serving; an address
 * that cannot be had is tried again every 10 s.
 */
void rest_apply(struct rest *r, const struct settings *s);
/* Why it does not serve although it should, or not as it should; NULL when all is well. r may be NULL. */
const char *rest_problem(const struct rest *r);
/* How long operations took since it listens there, NULL when it does not. r may be NULL. */
const struct hist *rest_took(const struct rest *r);
/* The URL served, "" when it is not. r may be NULL. */
const char *rest_url(const struct rest *r);

#endif
