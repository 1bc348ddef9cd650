/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/panel_url.h"

#include <stdio.h>

#include "base/num.h"
#include "base/banned.h"

static bool host_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_';
}

static int check_port(struct slice port, struct err *err)
{
    int64_t n;

    if (num_int(port, 1, 65535, &n) != ERR_OK)
        return err_set(err, ERR_INVALID, "PANEL_DOMAIN: the port must be a number from 1 to 65535");
    return ERR_OK;
}

static int check_host(struct slice authority, struct err *err)
{
    struct slice rest = authority, host;
    size_t i;

    if (authority.n && authority.p[0] == '[') {
        const char *end = memchr(authority.p, ']', authority.n);

        if (!end)
            return err_set(err, ERR_INVALID, "PANEL_DOMAIN: an IPv6 address needs its closing ]");
        for (i = 1; authority.p + i < end; i++)
            if (!memchr("0123456789abcdefABCDEF:.", authority.p[i], 24))
                return err_set(err, ERR_INVALID,
                               "PANEL_DOMAIN: between [ and ] goes an IPv6 address");
        rest = slice_skip(authority, (size_t)(end + 1 - authority.p));
        if (rest.n == 0)
            return ERR_OK;
        if (rest.p[0] != ':')
            return err_set(err, ERR_INVALID, "PANEL_DOMAIN: after ] goes nothing but :port");
        return check_port(slice_skip(rest, 1), err);
    }
    host = slice_cut(&rest, ':');
    if (rest.p && memchr(rest.p, ':', rest.n))
        return err_set(err, ERR_INVALID, "PANEL_DOMAIN: write an IPv6 address in brackets: [%.*s]",
                       (int)(authority.n > 60 ? 60 : authority.n), authority.p);
    if (host.n == 0)
        return err_set(err, ERR_INVALID, "PANEL_DOMAIN holds no host name");
    for (i = 0; i < host.n; i++)
        if (!host_char(host.p[i]))
            return err_set(err, ERR_INVALID,
                           "PANEL_DOMAIN: a host name has letters, digits, '-', '.' "
                           "only, and no blanks");
    return rest.p ? check_port(rest, err) : ERR_OK;
}

static struct slice trim_slashes(struct slice path)
{
    while (path.n && path.p[path.n - 1] == '/')
        path.n--;
    return path;
}

/* What people paste is the address of the page they see. */
static struct slice cut_page(struct slice path)
{
    static const struct slice page = {"/dashboard", 10};
    size_t i;

    for (i = 0; i + page.n <= path.n; i++)
        if (memcmp(path.p + i, page.p, page.n) == 0 &&
            (i + page.n == path.n || path.p[i + page.n] == '/'))
            path.n = i;
    path = trim_slashes(path);
    while (slice_ends(path, SLICE("/api")))
        path = trim_slashes((struct slice){path.p, path.n - 4});
    return path;
}

int panel_url_parse(struct slice domain, struct panel_url *ret_url, struct err *err)
{
    struct panel_url url = {.https = true};
    struct slice s = slice_trim(domain), rest, authority;
    size_t i;
    int rc;

    if (slice_starts(s, SLICE("https://"))) {
        rest = slice_skip(s, 8);
    } else if (slice_starts(s, SLICE("http://"))) {
        rest = slice_skip(s, 7);
        url.https = false;
    } else if (s.p && s.n && memmem(s.p, s.n, "://", 3)) {
        return err_set(err, ERR_INVALID, "PANEL_DOMAIN: only https:// and http:// are spoken");
    } else {
        rest = s;
        url.assumed = true;
    }
    /* Also behind a slash or #, which a password may hold: the address is shown, and logged. */
    if (rest.n && memchr(rest.p, '@', rest.n))
        return err_set(err, ERR_INVALID,
                       "PANEL_DOMAIN holds no user or password: use PANEL_USERNAME "
                       "and PANEL_PASSWORD");
    for (i = 0; i < rest.n; i++)
        if (rest.p[i] == '#' || rest.p[i] == '?')
            rest.n = i;
    authority = rest;
    for (i = 0; i < rest.n; i++) {
        if (rest.p[i] == '/') {
            authority.n = i;
            break;
        }
    }
    rest = cut_page(slice_skip(rest, authority.n));
    rc = check_host(authority, err);
    if (rc)
        return rc;
    for (i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || rest.p[i] == 0x7f || rest.p[i] == '\\' || rest.p[i] == '"')
            return err_set(err, ERR_INVALID, "PANEL_DOMAIN: the path holds a forbidden character");
    if (authority.n >= sizeof(url.host) || authority.n + rest.n + 16 > sizeof(url.base))
        return err_set(err, ERR_INVALID, "PANEL_DOMAIN is too long");
    snprintf(url.host, sizeof(url.host), "%.*s", (int)authority.n, authority.p);
    snprintf(url.base, sizeof(url.base), "%s://%.*s%.*s", url.https ? "https" : "http",
             (int)authority.n, authority.p, (int)rest.n, rest.n ? rest.p : "");
    *ret_url = url;
    return ERR_OK;
}

void panel_url_advise(const struct panel_url *url, int code, struct err *err)
{
    size_t n = strlen(err->text);

    /* A refused certificate shows that https is spoken. */
    if (strstr(err->text, "certificate"))
        return;
    if (url->assumed &&
        (code == ERR_TLS || code == ERR_UNREACHABLE || code == ERR_TIMEOUT || code == ERR_PROTOCOL))
        snprintf(err->text + n, sizeof(err->text) - n,
                 ". If your panel speaks plain http, write PANEL_DOMAIN=http://%s%s", url->host,
                 strchr(url->base + 8, '/') ? strchr(url->base + 8, '/') : "");
    else if (!url->https && (code == ERR_PROTOCOL ||
                             (code == ERR_UNREACHABLE && strstr(err->text, "without an answer"))))
        snprintf(err->text + n, sizeof(err->text) - n,
                 ". If your panel speaks https, write PANEL_DOMAIN=https://%s", url->host);
}
