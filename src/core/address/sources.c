/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/address/sources.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/num.h"
#include "base/banned.h"

void sources_init(struct sources *s)
{
    *s = (struct sources){0};
    addrset_init(&s->content);
    addrset_seal(&s->content);
}

void sources_release(struct sources *s)
{
    addrset_release(&s->content);
    free(s->cdn_nodes);
    free(s->disabled_nodes);
    tags_release(&s->cdn_inbounds);
    sources_init(s);
}

static size_t entries(struct slice list)
{
    size_t n = 1, i;

    for (i = 0; i < list.n; i++)
        n += list.p[i] == ',';
    return n;
}

int sources_cdn_inbounds(struct sources *s, struct slice list)
{
    return tags_read(&s->cdn_inbounds, list);
}

static int read_ids(struct slice list, int64_t **ids, size_t *count)
{
    int64_t *got = malloc(entries(list) * sizeof(*got));
    size_t n = 0;

    if (!got)
        return ERR_NOMEM;
    while (list.p) {
        struct slice item = slice_trim(slice_cut(&list, ','));

        if (item.n && num_int(item, INT64_MIN, INT64_MAX, &got[n++])) {
            free(got);
            return ERR_INVALID;
        }
    }
    free(*ids);
    *ids = got;
    *count = n;
    return ERR_OK;
}

int sources_cdn_nodes(struct sources *s, struct slice list)
{
    return read_ids(list, &s->cdn_nodes, &s->n_cdn_nodes);
}

int sources_disabled_nodes(struct sources *s, struct slice list)
{
    return read_ids(list, &s->disabled_nodes, &s->n_disabled_nodes);
}

/* The bit of a two-letter code, -1 for anything else. */
static int country_bit(const char *p, size_t n)
{
    int bit = 0;
    size_t i;

    if (n != 2)
        return -1;
    for (i = 0; i < 2; i++) {
        int c = p[i] >= 'a' && p[i] <= 'z' ? p[i] - 'a' : p[i] - 'A';

        if (c < 0 || c >= 26)
            return -1;
        bit = bit * 26 + c;
    }
    return bit;
}

int sources_countries(struct sources *s, struct slice list)
{
    uint64_t bits[ARRAY_LEN(s->countries)] = {0};

    while (list.p) {
        struct slice code = slice_trim(slice_cut(&list, ','));
        int bit = country_bit(code.p, code.n);

        if (code.n == 0)
            continue;
        if (bit < 0)
            return ERR_INVALID;
        bits[bit / 64] |= UINT64_C(1) << bit % 64;
    }
    memcpy(s->countries, bits, sizeof(bits));
    return ERR_OK;
}

static bool same_ids(const int64_t *a, size_t n_a, const int64_t *b, size_t n_b)
{
    return n_a == n_b && (n_a == 0 || memcmp(a, b, n_a * sizeof(*a)) == 0);
}

bool sources_equal(const struct sources *a, const struct sources *b)
{
    return tags_equal(&a->cdn_inbounds, &b->cdn_inbounds) &&
           same_ids(a->cdn_nodes, a->n_cdn_nodes, b->cdn_nodes, b->n_cdn_nodes) &&
           same_ids(a->disabled_nodes, a->n_disabled_nodes, b->disabled_nodes,
                    b->n_disabled_nodes) &&
           memcmp(a->countries, b->countries, sizeof(a->countries)) == 0 &&
           addrset_equal(&a->content, &b->content);
}

static bool has_id(const int64_t *ids, size_t n, int64_t id)
{
    size_t i;

    for (i = 0; i < n && ids[i] != id; i++)
        ;
    return i < n;
}

bool sources_is_cdn_node(const struct sources *s, int64_t node_id)
{
    return has_id(s->cdn_nodes, s->n_cdn_nodes, node_id);
}

bool sources_is_disabled_node(const struct sources *s, int64_t node_id)
{
    return has_id(s->disabled_nodes, s->n_disabled_nodes, node_id);
}

bool sources_is_cdn_inbound(const struct sources *s, struct slice tag)
{
    return tags_has(&s->cdn_inbounds, tag);
}

bool sources_filters_countries(const struct sources *s)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(s->countries) && !s->countries[i]; i++)
        ;
    return i < ARRAY_LEN(s->countries);
}

bool sources_counts_country(const struct sources *s, const char *country)
{
    int bit = country_bit(country, strlen(country));

    return bit < 0 || !sources_filters_countries(s) || (s->countries[bit / 64] >> bit % 64 & 1);
}
