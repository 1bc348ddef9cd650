/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/provider.h"

#include <jansson.h>

#include "base/err.h"
#include "base/num.h"
#include "base/stamp.h"
#include "base/banned.h"

/* The pauses keep to what each allows without payment: 15 batches a minute, and 1,000 requests a day. */
static const struct provider_def defs[PROVIDERS] = {
    [PROVIDER_IP_API] = {"ip-api",
                         "http://ip-api.com/batch?fields=status,query,countryCode,as,isp,asname",
                         100, 5 * STAMP_SECOND, false},
    [PROVIDER_IPINFO] = {"ipinfo", "https://ipinfo.io/batch", 100, 2 * STAMP_SECOND, true},
    [PROVIDER_IPLOCATION] = {"iplocation", "https://api.iplocation.net/?ip={ip}", 1,
                             90 * STAMP_SECOND, false},
    [PROVIDER_IPAPI] = {"ipapi", "https://ipapi.co/{ip}/json/", 1, 90 * STAMP_SECOND, false},
};

const struct provider_def *provider_def(enum provider p)
{
    return &defs[p];
}

int provider_find(struct slice name, enum provider *ret)
{
    int i;

    for (i = 0; i < PROVIDERS; i++) {
        if (slice_eq(name, slice_of(defs[i].name))) {
            *ret = (enum provider)i;
            return ERR_OK;
        }
    }
    return ERR_NOT_FOUND;
}

int provider_ask(const char *url, const struct addr *addrs, size_t n, struct buf *ret_url,
                 struct buf *ret_body)
{
    const char *at = strstr(url, "{ip}");
    char text[ADDR_TEXT];
    size_t i;

    if (at) {
        buf_addf(ret_url, "%.*s%s%s", (int)(at - url), url, addr_text(addrs[0], text), at + 4);
    } else {
        buf_add_str(ret_url, url);
        buf_add_char(ret_body, '[');
        for (i = 0; i < n; i++)
            buf_addf(ret_body, "%s\"%s\"", i ? "," : "", addr_text(addrs[i], text));
        buf_add_char(ret_body, ']');
    }
    return ret_url->failed || ret_body->failed ? ERR_NOMEM : ERR_OK;
}

/* ---- answers ---- */

static struct slice text_of(const json_t *row, const char *key)
{
    const json_t *v = json_object_get(row, key);

    return json_is_string(v) ? (struct slice){json_string_value(v), json_string_length(v)}
                             : (struct slice){"", 0};
}

static void take_country(struct provider_told *t, struct slice s)
{
    size_t i;

    if (t->country[0] || s.n != 2)
        return;
    for (i = 0; i < 2; i++)
        if (!((s.p[i] >= 'A' && s.p[i] <= 'Z') || (s.p[i] >= 'a' && s.p[i] <= 'z')))
            return;
    t->country[0] = (char)(s.p[0] & ~0x20);
    t->country[1] = (char)(s.p[1] & ~0x20);
}

static void take_isp(struct provider_told *t, struct slice s)
{
    size_t n = 0, i;

    s = slice_trim(s);
    if (t->isp[0] || s.n == 0)
        return;
    for (i = 0; i < s.n && n + 1 < sizeof(t->isp); i++)
        if ((unsigned char)s.p[i] >= 0x20 && s.p[i] != 0x7f)
            t->isp[n++] = s.p[i];
    /* Not in the middle of a character. */
    if (i < s.n)
        while (n > 0 && ((unsigned char)s.p[i] & 0xc0) == 0x80 && i > 0) {
            i--;
            n--;
        }
    t->isp[n] = '\0';
}

/* "AS15169 Google LLC", "AS15169" or "15169". */
static void take_as(struct provider_told *t, struct slice s)
{
    struct slice rest = slice_trim(s), number = slice_cut(&rest, ' ');
    uint64_t v;

    if (number.n > 2 && (number.p[0] | 0x20) == 'a' && (number.p[1] | 0x20) == 's')
        number = slice_skip(number, 2);
    if (num_uint(number, UINT32_MAX, &v) || v == 0)
        return;
    if (!t->asn)
        t->asn = (uint32_t)v;
    if (rest.p)
        take_isp(t, rest);
}

/* The members that these services, and newer forms of them, use for the same things. */
static void take_row(struct provider_told *t, const json_t *row)
{
    static const char *const countries[] = {"countryCode", "country_code", "country_code2",
                                            "country"};
    static const char *const systems[] = {"as", "asn", "org"};
    static const char *const names[] = {"as_name", "isp", "asname", "org", "as_domain"};
    const json_t *asn = json_object_get(row, "asn");
    size_t i;

    for (i = 0; i < ARRAY_LEN(countries); i++)
        take_country(t, text_of(row, countries[i]));
    for (i = 0; i < ARRAY_LEN(systems); i++)
        take_as(t, text_of(row, systems[i]));
    if (json_is_object(asn)) {
        take_as(t, text_of(asn, "asn"));
        take_isp(t, text_of(asn, "name"));
    }
    for (i = 0; i < ARRAY_LEN(names); i++)
        take_isp(t, text_of(row, names[i]));
    t->known = t->country[0] || t->asn;
}

static void take_for(struct slice text, const json_t *row, const struct addr *addrs, size_t n,
                     struct provider_told *told)
{
    struct addr a;
    size_t i;

    if (!json_is_object(row) || addr_parse(text, &a))
        return;
    for (i = 0; i < n; i++)
        if (addr_eq(a, addrs[i]) && !told[i].known)
            take_row(&told[i], row);
}

static struct slice address_in(const json_t *row)
{
    struct slice s = text_of(row, "query");

    return s.n ? s : text_of(row, "ip");
}

int provider_read(enum provider p, struct slice body, const struct addr *addrs, size_t n,
                  struct provider_told *told)
{
    json_t *json = json_loadb(body.p ? body.p : "", body.n, 0, NULL), *row;
    const char *key;
    bool list = json_is_array(json), object = json_is_object(json);
    size_t i;

    if (p == PROVIDER_IP_API ? !list : !object) {
        json_decref(json);
        return ERR_PROTOCOL;
    }
    if (p == PROVIDER_IP_API) {
        json_array_foreach(json, i, row) take_for(address_in(row), row, addrs, n, told);
    } else if (p == PROVIDER_IPINFO) {
        json_object_foreach(json, key, row)
        {
            take_for(slice_of(key), row, addrs, n, told);
        }
    } else {
        take_for(address_in(json), json, addrs, n, told);
    }
    json_decref(json);
    return ERR_OK;
}
