/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PANEL_URL_H
#define PANEL_PANEL_URL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* Where the panel is, from PANEL_DOMAIN. */
struct panel_url {
    char base[512]; /* "https://host:port/prefix", without a slash at the end */
    char host[256]; /* host[:port] as written */
    bool https;
    bool assumed; /* no scheme was written, so https was taken */
};

/*
 * Parses PANEL_DOMAIN: host[:port], or an http or https URL with or without a path before /api.
 * Without scheme it is https and nothing else; plain http only by an explicit http://. A pasted
 * address of the web page (…/dashboard/#/…) is cut back. ERR_INVALID with the cure.
 */
int panel_url_parse(struct slice domain, struct panel_url *ret_url, struct err *err) MUST_CHECK;

/*
 * Adds to err, the failure of a connection, what may be wrong with the scheme: the http:// line to
 * paste when https was assumed, and https when plain http was asked for and not understood.
 */
void panel_url_advise(const struct panel_url *url, int code, struct err *err);

#endif
