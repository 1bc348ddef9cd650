/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/address/addr.h"

#include "base/err.h"
#include "base/hex.h"
#include "base/banned.h"

#define V4(a, b, c, d) \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))
#define MAPPED(v4) ((struct addr){0, UINT64_C(0xffff) << 32 | (v4)})
#define NAT64_HI (UINT64_C(0x0064ff9b) << 32)

/* Reads a dotted quad that must fill s. */
static int quad(struct slice s, uint32_t *ret)
{
    const char *p = s.p, *end = s.p + s.n;
    uint32_t v = 0;
    int part;

    for (part = 0; part < 4; part++) {
        unsigned octet = 0, d;
        const char *first;

        if (part) {
            if (p == end || *p != '.')
                return ERR_INVALID;
            p++;
        }
        first = p;
        while (p < end && (d = (unsigned char)*p - (unsigned)'0') <= 9) {
            octet = octet * 10 + d;
            p++;
            if (p - first > 3)
                return ERR_INVALID;
        }
        if (p == first || octet > 255 || (*first == '0' && p - first > 1))
            return ERR_INVALID;
        v = v << 8 | octet;
    }
    if (p != end)
        return ERR_INVALID;
    *ret = v;
    return ERR_OK;
}

int addr_parse4(struct slice s, struct addr *ret)
{
    uint32_t v;

    if (s.n < 7 || s.n > 15 || quad(s, &v))
        return ERR_INVALID;
    *ret = MAPPED(v);
    return ERR_OK;
}

/* The groups read so far and where `::` stood among them. */
struct groups {
    uint16_t v[8];
    int n;
    int gap; /* -1: none */
};

static int read_groups(struct slice s, struct groups *g)
{
    const char *p = s.p, *end = s.p + s.n;

    if (s.n >= 2 && p[0] == ':' && p[1] == ':') {
        g->gap = 0;
        p += 2;
    }
    while (p < end) {
        const char *first = p;
        unsigned v = 0;
        uint32_t v4;

        if (g->n == 8)
            return ERR_INVALID;
        while (p < end && hex_digit(*p) >= 0 && p - first < 5)
            v = v << 4 | (unsigned)hex_digit(*p++);
        if (p < end && *p == '.') {
            if (g->n > 6 || quad((struct slice){first, (size_t)(end - first)}, &v4))
                return ERR_INVALID;
            g->v[g->n++] = (uint16_t)(v4 >> 16);
            g->v[g->n++] = (uint16_t)v4;
            return ERR_OK;
        }
        if (p == first || p - first > 4)
            return ERR_INVALID;
        g->v[g->n++] = (uint16_t)v;
        if (p == end)
            return ERR_OK;
        if (*p++ != ':' || p == end)
            return ERR_INVALID;
        if (*p == ':') {
            if (g->gap >= 0)
                return ERR_INVALID;
            g->gap = g->n;
            p++;
        }
    }
    return ERR_OK;
}

int addr_parse6(struct slice s, struct addr *ret)
{
    struct groups g = {.gap = -1};
    const char *zone;
    uint16_t all[8] = {0};
    int i, tail;

    if (s.n < 2 || s.n > 64)
        return ERR_INVALID;
    zone = memchr(s.p, '%', s.n);
    if (zone)
        s.n = (size_t)(zone - s.p);
    if (s.n < 2 || read_groups(s, &g) || (g.gap < 0 && g.n != 8) || (g.gap >= 0 && g.n > 7))
        return ERR_INVALID;
    tail = g.gap < 0 ? 0 : g.n - g.gap;
    for (i = 0; i < g.n - tail; i++)
        all[i] = g.v[i];
    for (i = 0; i < tail; i++)
        all[8 - tail + i] = g.v[g.n - tail + i];
    ret->hi = (uint64_t)all[0] << 48 | (uint64_t)all[1] << 32 | (uint64_t)all[2] << 16 | all[3];
    ret->lo = (uint64_t)all[4] << 48 | (uint64_t)all[5] << 32 | (uint64_t)all[6] << 16 | all[7];
    return ERR_OK;
}

int addr_parse(struct slice s, struct addr *ret)
{
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        return addr_parse6((struct slice){s.p + 1, s.n - 2}, ret);
    if (s.n && memchr(s.p, ':', s.n))
        return addr_parse6(s, ret);
    return addr_parse4(s, ret);
}

static char *put_dec(char *out, unsigned v)
{
    if (v >= 100)
        *out++ = (char)('0' + v / 100);
    if (v >= 10)
        *out++ = (char)('0' + v / 10 % 10);
    *out++ = (char)('0' + v % 10);
    return out;
}

static char *put_hex(char *out, unsigned v)
{
    int shift = 12;

    while (shift > 0 && !(v >> shift))
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[v >> shift & 15];
    return out;
}

/* The first longest run of at least two zero groups. */
static void longest_gap(const unsigned *g, int *ret_at, int *ret_n)
{
    int i, run;

    *ret_at = -1;
    *ret_n = 1;
    for (i = 0; i < 8; i++) {
        for (run = 0; i + run < 8 && g[i + run] == 0; run++)
            ;
        if (run > *ret_n) {
            *ret_at = i;
            *ret_n = run;
        }
        i += run;
    }
}

char *addr_text(struct addr a, char *out)
{
    char *p = out;
    unsigned g[8];
    int i, at, n;

    if (addr_is4(a)) {
        for (i = 24; i >= 0; i -= 8) {
            p = put_dec(p, (unsigned)(a.lo >> i & 255));
            *p++ = i ? '.' : '\0';
        }
        return out;
    }
    for (i = 0; i < 4; i++) {
        g[i] = (unsigned)(a.hi >> (48 - 16 * i) & 0xffff);
        g[i + 4] = (unsigned)(a.lo >> (48 - 16 * i) & 0xffff);
    }
    longest_gap(g, &at, &n);
    for (i = 0; i < 8; i++) {
        if (i == at) {
            *p++ = ':';
            *p++ = ':';
            i += n - 1;
            continue;
        }
        if (i && i != at + n)
            *p++ = ':';
        else if (i && at < 0)
            *p++ = ':';
        p = put_hex(p, g[i]);
    }
    *p = '\0';
    return out;
}

struct addr addr_mask(struct addr a, unsigned bits)
{
    if (bits >= 128)
        return a;
    if (bits >= 64) {
        a.lo = bits == 64 ? 0 : a.lo & ~UINT64_C(0) << (128 - bits);
    } else {
        a.lo = 0;
        a.hi = bits == 0 ? 0 : a.hi & ~UINT64_C(0) << (64 - bits);
    }
    return a;
}

struct range4 {
    uint32_t net;
    uint8_t bits;
};

/* https://www.iana.org/assignments/iana-ipv4-special-registry, rows whose "globally reachable" is false. */
static const struct range4 private4[] = {
    {V4(0, 0, 0, 0), 8},       {V4(10, 0, 0, 0), 8},     {V4(127, 0, 0, 0), 8},
    {V4(169, 254, 0, 0), 16},  {V4(172, 16, 0, 0), 12},  {V4(192, 0, 0, 0), 24},
    {V4(192, 0, 2, 0), 24},    {V4(192, 168, 0, 0), 16}, {V4(198, 18, 0, 0), 15},
    {V4(198, 51, 100, 0), 24}, {V4(203, 0, 113, 0), 24}, {V4(240, 0, 0, 0), 4},
};

static enum addr_class classify4(uint32_t v)
{
    size_t i;

    if (v == 0 || v == UINT32_MAX || v >> 28 == 14)
        return ADDR_NEVER;
    /* PCP anycast and TURN anycast are global though inside 192.0.0.0/24. */
    if (v == V4(192, 0, 0, 9) || v == V4(192, 0, 0, 10))
        return ADDR_PUBLIC;
    for (i = 0; i < ARRAY_LEN(private4); i++)
        if ((v ^ private4[i].net) >> (32 - private4[i].bits) == 0)
            return ADDR_PRIVATE;
    return ADDR_PUBLIC;
}

struct range6 {
    uint64_t hi;
    uint8_t bits; /* at most 64 */
    bool global;
};

/* https://www.iana.org/assignments/iana-ipv6-special-registry inside 2000::/3; the first match holds. */
static const struct range6 special6[] = {
    {UINT64_C(0x2001000300000000), 32, true},  {UINT64_C(0x2001000401120000), 48, true},
    {UINT64_C(0x2001002000000000), 28, true},  {UINT64_C(0x2001003000000000), 28, true},
    {UINT64_C(0x2001000000000000), 23, false}, {UINT64_C(0x20010db800000000), 32, false},
    {UINT64_C(0x3fff000000000000), 20, false},
};

static enum addr_class classify6(struct addr a)
{
    size_t i;

    if ((a.hi | a.lo) == 0 || a.hi >> 56 == 0xff)
        return ADDR_NEVER;
    if (a.hi == NAT64_HI && a.lo >> 32 == 0)
        return ADDR_PUBLIC;
    /* Nothing outside 2000::/3 has been given out as global unicast. */
    if (a.hi >> 61 != 1)
        return ADDR_PRIVATE;
    if (a.hi == UINT64_C(0x2001000100000000) && a.lo >= 1 && a.lo <= 3)
        return ADDR_PUBLIC;
    for (i = 0; i < ARRAY_LEN(special6); i++)
        if ((a.hi ^ special6[i].hi) >> (64 - special6[i].bits) == 0)
            return special6[i].global ? ADDR_PUBLIC : ADDR_PRIVATE;
    return ADDR_PUBLIC;
}

enum addr_class addr_classify(struct addr a)
{
    return addr_is4(a) ? classify4((uint32_t)a.lo) : classify6(a);
}

struct addr addr_device(struct addr a, unsigned ipv6_prefix)
{
    if (addr_is4(a))
        return a;
    if (a.hi == NAT64_HI && a.lo >> 32 == 0)
        return MAPPED((uint32_t)a.lo);
    return addr_mask(a, ipv6_prefix);
}

bool addr_same_carrier(struct addr a, struct addr b)
{
    if (addr_is4(a) != addr_is4(b))
        return false;
    if (addr_is4(a))
        return (a.lo ^ b.lo) >> 16 == 0;
    return (a.hi ^ b.hi) >> 32 == 0;
}
