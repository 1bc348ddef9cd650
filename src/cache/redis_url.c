/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/redis_url.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "base/num.h"
#include "base/banned.h"

enum { PORT = 6379, LAST_DB = 1023 };

/* Percent-decodes s; what finds no room, or a NUL, is refused. */
static bool decode(struct slice s, char *out, size_t max)
{
    size_t i, n = 0;

    for (i = 0; i < s.n; i++) {
        int c = (unsigned char)s.p[i];

        if (c == '%') {
            c = i + 2 < s.n ? hex_byte(s.p + i + 1) : -1;
            if (c < 0)
                return false;
            i += 2;
        }
        if (c == 0 || n + 1 >= max)
            return false;
        out[n++] = (char)c;
    }
    out[n] = '\0';
    return true;
}

static int take_login(struct slice login, struct redis_url *u, struct err *err)
{
    struct slice user = slice_cut(&login, ':');

    if (!decode(user, u->user, sizeof(u->user)) || !decode(login, u->password, sizeof(u->password)))
        return err_set(
            err, ERR_INVALID,
            "REDIS_URL: user or password is too long, or not percent-encoded as it must be");
    return ERR_OK;
}

static int take_db(struct slice text, struct redis_url *u, struct err *err)
{
    int64_t db = 0;

    if (text.n && num_int(text, 0, LAST_DB, &db))
        return err_set(err, ERR_INVALID, "REDIS_URL: the database is a number, as in /0");
    u->db = (int)db;
    return ERR_OK;
}

static int take_query(struct slice query, struct redis_url *u, struct err *err)
{
    int rc = ERR_OK;

    while (!rc && query.p && query.n) {
        struct slice value = slice_cut(&query, '&'), key = slice_cut(&value, '=');

        if (slice_eq(key, SLICE("db")))
            rc = take_db(value, u, err);
        else
            rc = err_set(err, ERR_INVALID,
                         "REDIS_URL: nothing but db= is known after the question mark");
    }
    return rc;
}

static bool plain(struct slice s)
{
    size_t i;

    for (i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 0x7f)
            return false;
    return s.n > 0;
}

static int take_place(struct slice place, struct redis_url *u, struct err *err)
{
    struct slice host = place;
    int64_t port = PORT;
    bool ok = true;

    if (slice_starts(place, SLICE("["))) {
        host = slice_skip(place, 1);
        place = host;
        host = slice_cut(&place, ']');
        ok = place.p && (place.n == 0 || place.p[0] == ':');
        place = slice_skip(place, 1);
    } else {
        host = slice_cut(&place, ':');
    }
    if (ok && place.p && place.n)
        ok = num_int(place, 1, 65535, &port) == ERR_OK;
    if (!ok || !plain(host) || host.n >= sizeof(u->host))
        return err_set(err, ERR_INVALID, "REDIS_URL: host[:port] is not of its form");
    memcpy(u->host, host.p, host.n);
    u->host[host.n] = '\0';
    u->port = (int)port;
    return ERR_OK;
}

int redis_url_parse(struct slice url, struct redis_url *ret_url, struct err *err)
{
    struct redis_url u = {.port = PORT};
    struct slice rest, query = url, login;
    bool unix_socket = slice_starts(url, SLICE("unix://"));
    const char *at;
    int rc = ERR_OK;

    u.tls = slice_starts(url, SLICE("rediss://"));
    if (!u.tls && !unix_socket && !slice_starts(url, SLICE("redis://")))
        return err_set(err, ERR_INVALID, "REDIS_URL begins with redis://, rediss:// or unix://");
    rest = slice_cut(&query, '?');
    rest = slice_skip(rest, u.tls ? 9 : unix_socket ? 7 : 8);
    at = rest.p && rest.n ? memrchr(rest.p, '@', rest.n) : NULL;
    if (at) {
        login = (struct slice){rest.p, (size_t)(at - rest.p)};
        rest = slice_skip(rest, login.n + 1);
        rc = take_login(login, &u, err);
    }
    if (!rc && unix_socket) {
        if (!rest.p || !plain(rest) || rest.p[0] != '/' || rest.n >= sizeof(u.path))
            return err_set(err, ERR_INVALID, "REDIS_URL: unix:// is followed by an absolute path");
        memcpy(u.path, rest.p, rest.n);
    } else if (!rc) {
        struct slice place = slice_cut(&rest, '/');

        rc = take_place(place, &u, err);
        if (!rc)
            rc = take_db(rest, &u, err);
    }
    if (!rc)
        rc = take_query(query, &u, err);
    if (!rc)
        *ret_url = u;
    explicit_bzero(u.password, sizeof(u.password));
    return rc;
}

void redis_url_show(const struct redis_url *u, char *text, size_t max)
{
    bool v6 = strchr(u->host, ':') != NULL;

    if (u->path[0])
        snprintf(text, max, "unix://%s?db=%d", u->path, u->db);
    else
        snprintf(text, max, "%s://%s%s%s:%d/%d", u->tls ? "rediss" : "redis", v6 ? "[" : "",
                 u->host, v6 ? "]" : "", u->port, u->db);
}
