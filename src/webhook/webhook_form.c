/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webhook/webhook_form.h"

#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/hex.h"
#include "base/stamp.h"
#include "core/address/addr.h"
#include "service/jout.h"
#include "service/ops/op_event.h"
#include "base/banned.h"

void webhook_form_body(struct buf *b, const struct db_event *row)
{
    buf_add_char(b, '{');
    jout_key(b, "id");
    buf_addf(b, "\"%lld-%lld\"", (long long)row->id, (long long)(row->at_us / 1000));
    jout_str(b, "type", row->kind);
    jout_time(b, "time", row->at_us);
    jout_key(b, "data");
    op_event_json(b, row);
    buf_add_char(b, '}');
}

int webhook_form_sign(const char *key, int64_t timestamp_s, struct slice body,
                      char out[WEBHOOK_SIGNATURE])
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    struct buf text;
    unsigned n = 0;
    bool ok;

    buf_init(&text, body.n + 32);
    buf_addf(&text, "%lld.", (long long)timestamp_s);
    buf_add_slice(&text, body);
    ok =
        !text.failed &&
        HMAC(EVP_sha256(), key, (int)strlen(key), (const unsigned char *)text.p, text.n, mac, &n) &&
        n == 32;
    buf_release(&text);
    if (!ok)
        return ERR_NOMEM;
    memcpy(out, "v1=", 4);
    hex_write(mac, n, out + 3);
    return ERR_OK;
}

/* host[:port] of a URL that the settings have accepted. */
static struct slice authority(const char *url, struct slice *ret_scheme)
{
    struct slice rest = slice_of(url);
    const char *at = strstr(url, "://");
    size_t i;

    *ret_scheme = (struct slice){url, at ? (size_t)(at - url) : 0};
    if (at)
        rest = slice_skip(rest, ret_scheme->n + 3);
    for (i = 0; i < rest.n && !strchr("/?#", rest.p[i]); i++)
        ;
    rest.n = i;
    at = memrchr(rest.p, '@', rest.n);
    return at ? slice_skip(rest, (size_t)(at - rest.p) + 1) : rest;
}

void webhook_form_origin(const char *url, char out[WEBHOOK_ORIGIN])
{
    struct slice scheme, host = authority(url, &scheme);

    snprintf(out, WEBHOOK_ORIGIN, "%.*s://%.*s", (int)(scheme.n < 8 ? scheme.n : 8), scheme.p,
             (int)(host.n < 270 ? host.n : 270), host.p);
}

bool webhook_form_is_open(const char *url)
{
    struct slice scheme, host = authority(url, &scheme), inner;
    struct addr a;

    if (!slice_eq(scheme, SLICE("http")))
        return false;
    if (host.n && host.p[0] == '[') {
        inner = slice_skip(host, 1);
        inner = slice_cut(&inner, ']');
        return addr_parse(inner, &a) || addr_classify(a) == ADDR_PUBLIC;
    }
    host = slice_cut(&host, ':');
    if (!addr_parse(host, &a))
        return addr_classify(a) == ADDR_PUBLIC;
    /* A name without a dot is a container's, or stands in hosts. */
    return host.n && memchr(host.p, '.', host.n);
}
