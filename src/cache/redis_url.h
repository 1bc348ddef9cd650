/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_REDIS_URL_H
#define CACHE_REDIS_URL_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * REDIS_URL as redis-cli and the Python library write it: redis://[user[:password]@]host[:port][/db],
 * rediss:// the same over TLS, unix://[user[:password]@]/path[?db=n]. User and password are
 * percent-encoded; "redis://:password@host" has no user.
 */
struct redis_url {
    char host[256]; /* without brackets; empty with a path */
    int port;       /* 6379 when none is named */
    char path[108]; /* of a unix socket */
    bool tls;
    char user[128], password[512]; /* empty: none */
    int db;
};

/* Reads a URL. ERR_INVALID with a text that holds no password. */
int redis_url_parse(struct slice url, struct redis_url *ret_url, struct err *err) MUST_CHECK;
/* Writes it for people, without user and password, into text[max]: redis://host:6379/0. */
void redis_url_show(const struct redis_url *url, char *text, size_t max);

#endif
