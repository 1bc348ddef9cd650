/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server_int.h"

#include <strings.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

/* What is looked at before a request is believed: its head alone. */

struct headers {
    const char *seen[128];
    unsigned n;
    bool twice, blank, too_many;
};

static enum MHD_Result see_header(void *arg, enum MHD_ValueKind kind, const char *key,
                                  const char *value)
{
    struct headers *h = arg;
    unsigned i;

    (void)kind;
    (void)value;
    for (i = 0; key[i]; i++)
        if ((unsigned char)key[i] <= ' ' || (unsigned char)key[i] >= 0x7f)
            h->blank = true;
    if (i == 0)
        h->blank = true;
    for (i = 0; i < h->n; i++)
        if (strcasecmp(h->seen[i], key) == 0)
            h->twice = true;
    if (h->n == ARRAY_LEN(h->seen)) {
        h->too_many = true;
        return MHD_NO;
    }
    h->seen[h->n++] = key;
    return MHD_YES;
}

const char *head_value(const struct request *r, const char *name)
{
    return MHD_lookup_connection_value(r->mhd, MHD_HEADER_KIND, name);
}

bool head_wrong_type(const struct request *r, const char *want)
{
    const char *length = head_value(r, "Content-Length"), *type = head_value(r, "Content-Type");
    size_t n = strlen(want);

    if (!head_value(r, "Transfer-Encoding") && (!length || strcmp(length, "0") == 0))
        return false;
    return !type || strncasecmp(type, want, n) != 0 ||
           (type[n] != '\0' && type[n] != ';' && type[n] != ' ');
}

bool head_body_to_drop(const struct request *r)
{
    const char *length = head_value(r, "Content-Length");
    uint64_t n;

    return length && !head_value(r, "Expect") && !num_uint(slice_of(length), LIMIT_API_DROP, &n) &&
           n > 0;
}

/* Whether list, separated by commas, holds word. */
static bool holds(const char *list, struct slice word)
{
    struct slice rest = slice_of(list);

    while (rest.p && rest.n)
        if (slice_eq(slice_trim(slice_cut(&rest, ',')), word))
            return true;
    return false;
}

const char *head_allowed_origin(const struct request *r)
{
    const char *origin = head_value(r, "Origin");

    return origin && holds(r->server->origins, slice_of(origin)) ? origin : NULL;
}

bool head_foreign_origin(const struct request *r)
{
    const char *origin = head_value(r, "Origin"), *host = head_value(r, "Host");
    struct slice rest;

    if (!origin || head_allowed_origin(r))
        return false;
    rest = slice_of(origin);
    if (slice_starts(rest, SLICE("http://")))
        rest = slice_skip(rest, 7);
    else if (slice_starts(rest, SLICE("https://")))
        rest = slice_skip(rest, 8);
    else
        return true;
    return !host || !slice_eq(rest, slice_of(host));
}

bool head_forwarded(const struct request *r)
{
    return head_value(r, "X-Forwarded-For") || head_value(r, "Forwarded") ||
           head_value(r, "X-Real-IP") || head_value(r, "Via");
}

const char *head_check(const struct request *r, size_t body_max, int *status, const char **code)
{
    const char *length = head_value(r, "Content-Length"),
               *chunks = head_value(r, "Transfer-Encoding");
    struct headers h = {.n = 0};
    uint64_t n = 0;

    *status = 400;
    *code = "bad_request";
    MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, see_header, &h);
    if (h.too_many)
        return "too many header lines";
    if (h.blank)
        return "a header name holds a blank or is empty";
    if (h.twice)
        return "two headers have the same name";
    if (length && chunks)
        return "Content-Length beside Transfer-Encoding";
    if (chunks && strcasecmp(chunks, "chunked") != 0)
        return "this Transfer-Encoding is not known";
    if (length && num_uint(slice_of(length), UINT64_MAX, &n))
        return "Content-Length is no number";
    if (r->server->opts.need_host && !head_value(r, "Host"))
        return "Host is missing";
    if (r->uri[0] != '/')
        return "the target must be a path";
    if (strstr(r->uri, "%00") || strchr(r->uri, '#'))
        return "the path holds what no path may hold";
    if (n > body_max) {
        *status = 413;
        *code = "too_big";
        return "the body is larger than it may be";
    }
    return NULL;
}
