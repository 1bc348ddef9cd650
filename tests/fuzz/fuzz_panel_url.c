/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* PANEL_DOMAIN: an accepted one gives an address that is accepted again and does not change. */
#include <stdint.h>
#include <stdlib.h>

#include "panel/panel_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct panel_url *u)
{
    static const int codes[] = {ERR_TLS, ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PROTOCOL, ERR_NOMEM};
    struct panel_url again;
    struct err err;
    const char *at;
    size_t n;

    if (!u->host[0] || !memchr(u->host, '\0', sizeof(u->host)) ||
        !memchr(u->base, '\0', sizeof(u->base)))
        abort();
    n = strlen(u->base);
    if (strncmp(u->base, u->https ? "https://" : "http://", u->https ? 8 : 7) != 0)
        abort();
    if (u->base[n - 1] == '/' || (u->assumed && !u->https))
        abort();
    for (at = u->base; *at; at++)
        if ((unsigned char)*at <= ' ' || *at == 0x7f || *at == '#' || *at == '?' || *at == '@')
            abort();
    if (panel_url_parse(slice_of(u->base), &again, NULL) || strcmp(again.base, u->base) != 0 ||
        strcmp(again.host, u->host) != 0 || again.https != u->https || again.assumed)
        abort();
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        (void)!err_set(&err, codes[i], "%0500d", 7);
        panel_url_advise(u, codes[i], &err);
        if (!memchr(err.text, '\0', sizeof(err.text)))
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct panel_url url;
    struct err err = {0};

    if (panel_url_parse((struct slice){(const char *)data, size}, &url, &err) == ERR_OK)
        check(&url);
    else if (!err.text[0])
        abort();
    return 0;
}
