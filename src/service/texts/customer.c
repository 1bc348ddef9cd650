/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/texts/customer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/stamp.h"
#include "core/address/addr.h"
#include "base/banned.h"

static const char *text_of(json_t *row, const char *key)
{
    return json_string_value(json_object_get(row, key));
}

static void line(struct buf *out, enum text_lang lang, enum text_id id, const char *name,
                 const char *value)
{
    const struct text_arg args[] = {{name, value}, {NULL, NULL}};

    text_add(out, lang, id, args);
    buf_add_char(out, '\n');
}

static void number_line(struct buf *out, enum text_lang lang, enum text_id id, const char *name,
                        int64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%lld", (long long)n);
    line(out, lang, id, name, text);
}

static void time_line(struct buf *out, enum text_lang lang, enum text_id id, const char *iso)
{
    char text[64];
    struct tm tm;
    int64_t us;
    time_t t;

    if (!iso || stamp_parse_iso(slice_of(iso), &us))
        return;
    t = (time_t)(us / STAMP_SECOND);
    if (localtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M", &tm))
        line(out, lang, id, "time", text);
}

/* Half of an address: it tells a customer his own network, and nobody else where to find him. */
static void add_half(struct buf *b, const char *address)
{
    struct slice s = slice_of(address);
    struct addr addr;
    size_t i, dots = 0;

    if (addr_parse(s, &addr))
        return;
    for (i = 0; i < s.n; i++) {
        dots += s.p[i] == '.' || s.p[i] == ':';
        if (dots == 2)
            break;
    }
    buf_add(b, s.p, i);
    buf_add_str(b, addr_is4(addr) ? ".x.x" : ":…");
}

static void add_place(struct buf *b, json_t *device)
{
    const char *city = text_of(device, "city"), *country = text_of(device, "country");
    const char *isp = text_of(device, "isp");

    if (city)
        buf_addf(b, "%s, ", city);
    if (country)
        buf_add_str(b, country);
    if (isp)
        buf_addf(b, "%s%s%s", b->n ? " (" : "", isp, b->n ? ")" : "");
    if (!b->n && text_of(device, "address"))
        add_half(b, text_of(device, "address"));
}

/* The places of the devices that counted, each once. */
static void places_line(struct buf *out, enum text_lang lang, json_t *devices)
{
    struct buf all, one;
    json_t *row;
    size_t i;

    buf_init(&all, 4096);
    buf_init(&one, 512);
    json_array_foreach(devices, i, row)
    {
        const char *role = text_of(row, "role");

        buf_clear(&one);
        if (role && strcmp(role, "counted") == 0)
            add_place(&one, row);
        if (!one.n || strstr(buf_str(&all), buf_str(&one)))
            continue;
        if (all.n)
            buf_add_str(&all, "; ");
        buf_add_slice(&all, buf_slice(&one));
    }
    line(out, lang, TEXT_CUSTOMER_PLACES, "places",
         all.n ? buf_str(&all) : text_raw(lang, TEXT_UNKNOWN_PLACE));
    buf_release(&all);
    buf_release(&one);
}

/*
 * The latest verdict that was carried out, or counts; none of those before a person's order that holds now:
 * that order is not because of them.
 */
static json_t *last_verdict(json_t *user)
{
    json_t *row;
    size_t i;

    if (text_of(json_object_get(user, "disabled"), "ordered_by"))
        return NULL;
    json_array_foreach(json_object_get(user, "violations"), i, row)
    {
        if (!json_is_true(json_object_get(row, "shadow")) && !text_of(row, "forgiven_at") &&
            !text_of(json_object_get(row, "evidence"), "ordered_by"))
            return row;
    }
    return NULL;
}

static void add_verdict(struct buf *out, enum text_lang lang, json_t *verdict)
{
    json_t *evidence = json_object_get(verdict, "evidence"), *n;

    line(out, lang, TEXT_CUSTOMER_SHARED, NULL, NULL);
    time_line(out, lang, TEXT_CUSTOMER_WHEN, text_of(verdict, "at"));
    number_line(out, lang, TEXT_CUSTOMER_LIMIT, "limit",
                json_integer_value(json_object_get(verdict, "limit")));
    n = json_object_get(evidence, "concurrent");
    if (!json_integer_value(n))
        n = json_object_get(verdict, "devices");
    number_line(out, lang, TEXT_CUSTOMER_DEVICES, "devices", json_integer_value(n));
    places_line(out, lang, json_object_get(evidence, "devices"));
}

void customer_text(json_t *user, enum text_lang lang, struct buf *out)
{
    json_t *verdict = last_verdict(user), *disabled = json_object_get(user, "disabled");
    json_t *live = json_object_get(user, "live");
    int64_t limit =
        json_integer_value(json_object_get(json_is_object(live) ? live : user, "limit"));
    const char *name = text_of(user, "username");

    line(out, lang, TEXT_CUSTOMER_ACCOUNT, "user", name ? name : "-");
    if (verdict) {
        add_verdict(out, lang, verdict);
        limit = json_integer_value(json_object_get(verdict, "limit"));
    } else if (!json_is_object(disabled)) {
        line(out, lang, TEXT_CUSTOMER_FINE, NULL, NULL);
        if (limit)
            number_line(out, lang, TEXT_CUSTOMER_LIMIT, "limit", limit);
        else
            line(out, lang, TEXT_CUSTOMER_NO_LIMIT, NULL, NULL);
    }
    if (json_is_object(disabled) && text_of(disabled, "due_at"))
        time_line(out, lang, TEXT_CUSTOMER_UNTIL, text_of(disabled, "due_at"));
    else if (json_is_object(disabled))
        line(out, lang, TEXT_CUSTOMER_BY_HAND, NULL, NULL);
    else if (verdict)
        line(out, lang, TEXT_CUSTOMER_OPEN, NULL, NULL);
    if (verdict && limit)
        number_line(out, lang, TEXT_CUSTOMER_ADVICE, "limit", limit);
}
