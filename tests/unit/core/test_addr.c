/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "core/address/addr.h"

static struct addr from_bytes(const unsigned char *b)
{
    struct addr a = {0, 0};
    int i;

    for (i = 0; i < 8; i++) {
        a.hi = a.hi << 8 | b[i];
        a.lo = a.lo << 8 | b[i + 8];
    }
    return a;
}

static void to_bytes(struct addr a, unsigned char *b)
{
    int i;

    for (i = 0; i < 8; i++) {
        b[i] = (unsigned char)(a.hi >> (56 - 8 * i));
        b[i + 8] = (unsigned char)(a.lo >> (56 - 8 * i));
    }
}

static struct addr text(const char *s)
{
    struct addr a;

    if (addr_parse(slice_of(s), &a))
        fail_msg("%s is an address", s);
    return a;
}

/* A text that is, or nearly is, an IPv4 address. */
static size_t make4(uint64_t *seed, char *out)
{
    static const char noise[] = "0123456789.:ax /";
    size_t n = 0;
    int parts = rnd_below(seed, 12) ? 4 : (int)rnd_below(seed, 6), i;

    for (i = 0; i < parts; i++)
        n += (size_t)snprintf(out + n, 8, "%s%s%u", i ? "." : "", rnd_below(seed, 30) ? "" : "0",
                              rnd_below(seed, rnd_below(seed, 8) ? 256 : 1200));
    if (n && rnd_below(seed, 8) == 0)
        out[rnd_below(seed, (uint32_t)n)] = noise[rnd_below(seed, sizeof(noise) - 1)];
    return n;
}

/* The same for IPv6; zones are another test's. */
static size_t make6(uint64_t *seed, char *out)
{
    static const char noise[] = "0123456789abcdefABCDEF:.g]";
    int groups = rnd_below(seed, 3) ? 8 : (int)rnd_below(seed, 10), i;
    int gap = rnd_below(seed, 2) ? (int)rnd_below(seed, 9) : -1;
    bool dotted = rnd_below(seed, 5) == 0;
    size_t n = 0;

    if (gap >= 0 && groups > 1)
        groups -= (int)rnd_below(seed, (uint32_t)groups);
    for (i = 0; i < groups; i++) {
        if (i == gap)
            n += (size_t)snprintf(out + n, 4, i ? ":" : "::");
        if (i)
            out[n++] = ':';
        if (dotted && i == groups - 1)
            n += make4(seed, out + n);
        else
            n += (size_t)snprintf(out + n, 8, rnd_below(seed, 4) ? "%x" : "%X",
                                  rnd_below(seed, rnd_below(seed, 40) ? 0x10000 : 0x20000) >>
                                      rnd_below(seed, 16));
    }
    if (gap >= groups)
        n += (size_t)snprintf(out + n, 4, "::");
    if (n && rnd_below(seed, 6) == 0)
        out[rnd_below(seed, (uint32_t)n)] = noise[rnd_below(seed, sizeof(noise) - 1)];
    return n;
}

static void compare(const char *s, size_t n, int *valid)
{
    unsigned char b4[4], b6[16];
    struct addr a = {1, 2};
    bool want4 = inet_pton(AF_INET, s, b4) == 1, want6 = inet_pton(AF_INET6, s, b6) == 1;

    if ((addr_parse4((struct slice){s, n}, &a) == ERR_OK) != want4)
        fail_msg("addr_parse4 and inet_pton differ about \"%s\"", s);
    if (want4)
        assert_true(addr_is4(a) &&
                    (uint32_t)a.lo == ((uint32_t)b4[0] << 24 | (uint32_t)b4[1] << 16 |
                                       (uint32_t)b4[2] << 8 | b4[3]));
    else
        assert_true(a.hi == 1 && a.lo == 2);
    if ((addr_parse6((struct slice){s, n}, &a) == ERR_OK) != want6)
        fail_msg("addr_parse6 and inet_pton differ about \"%s\"", s);
    if (want6)
        assert_true(addr_eq(a, from_bytes(b6)));
    *valid += want4 || want6;
}

static void parses_as_inet_pton(void **state)
{
    uint64_t seed = 11;
    char s[160];
    clock_t start = clock();
    int i, valid = 0;

    (void)state;
    for (i = 0; i < 1000000; i++) {
        size_t n = i % 2 ? make6(&seed, s) : make4(&seed, s);

        s[n] = '\0';
        compare(s, n, &valid);
        if (i % 1024 == 0 && clock() - start > 2 * CLOCKS_PER_SEC)
            break;
    }
    assert_true(i > 100000);
    /* Both kinds of answer were well tried. */
    assert_true(valid > i / 4 && valid < i * 9 / 10);
}

static void formats_as_inet_ntop(void **state)
{
    uint64_t seed = 12;
    unsigned char b[16];
    char want[64], got[ADDR_TEXT];
    clock_t start = clock();
    int i, k;

    (void)state;
    for (i = 0; i < 1000000; i++) {
        struct addr a = {rnd(&seed), rnd(&seed)};
        uint32_t zeros = rnd_below(&seed, 256);

        for (k = 0; k < 4; k++) {
            if (zeros >> k & 1)
                a.hi &= ~(UINT64_C(0xffff) << (16 * k));
            if (zeros >> (k + 4) & 1)
                a.lo &= ~(UINT64_C(0xffff) << (16 * k));
        }
        if (i % 16 == 0)
            a = (struct addr){0, UINT64_C(0xffff) << 32 | (uint32_t)a.lo};
        to_bytes(a, b);
        /* inet_ntop writes the dead form ::a.b.c.d for IPv4-compatible addresses; RFC 5952 does not. */
        if (!(a.hi == 0 && a.lo >> 32 == 0)) {
            assert_non_null(addr_is4(a) ? inet_ntop(AF_INET, b + 12, want, sizeof(want))
                                        : inet_ntop(AF_INET6, b, want, sizeof(want)));
            assert_string_equal(addr_text(a, got), want);
        }
        assert_true(addr_eq(text(addr_text(a, got)), a));
        if (i % 1024 == 0 && clock() - start > 2 * CLOCKS_PER_SEC)
            break;
    }
    assert_true(i > 100000);
}

static void forms_of_one_address(void **state)
{
    char s[ADDR_TEXT];
    struct addr a;

    (void)state;
    assert_true(addr_eq(text("[2a01:4f8::1]"), text("2A01:04f8:0:0::0001")));
    assert_true(addr_eq(text("fe80::1%eth0"), text("fe80::1")));
    assert_true(addr_eq(text("::ffff:5.6.7.8"), text("5.6.7.8")));
    assert_true(addr_eq(text("::ffff:506:708"), text("5.6.7.8")));
    assert_string_equal(addr_text(text("2001:db8:0:0:1:0:0:1"), s), "2001:db8::1:0:0:1");
    assert_string_equal(addr_text(text("2001:db8:0:1:1:1:1:1"), s), "2001:db8:0:1:1:1:1:1");
    assert_string_equal(addr_text(text("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"), s),
                        "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_int_equal(addr_parse(SLICE(""), &a), ERR_INVALID);
    assert_int_equal(addr_parse(SLICE("[]"), &a), ERR_INVALID);
    assert_int_equal(addr_parse(SLICE("[1.2.3.4]"), &a), ERR_INVALID);
    assert_int_equal(addr_parse(SLICE("%eth0"), &a), ERR_INVALID);
    assert_int_equal(addr_parse(SLICE("1.2.3.4 "), &a), ERR_INVALID);
    assert_int_equal(addr_parse(SLICE("01.2.3.4"), &a), ERR_INVALID);
}

static struct addr next_to(struct addr a, int step)
{
    if (step > 0) {
        a.lo++;
        a.hi += a.lo == 0;
    } else {
        a.hi -= a.lo == 0;
        a.lo--;
    }
    return a;
}

/* Every special range: its first and last address, and what stands before and behind it. */
static const struct range {
    const char *first, *last;
    enum addr_class before, inside, after;
} ranges[] = {
#define N ADDR_NEVER
#define P ADDR_PRIVATE
#define G ADDR_PUBLIC
    {"0.0.0.1", "0.255.255.255", N, P, G},
    {"10.0.0.0", "10.255.255.255", G, P, G},
    {"100.64.0.0", "100.127.255.255", G, G, G},
    {"127.0.0.0", "127.255.255.255", G, P, G},
    {"169.254.0.0", "169.254.255.255", G, P, G},
    {"172.16.0.0", "172.31.255.255", G, P, G},
    {"192.0.0.0", "192.0.0.8", G, P, G},
    {"192.0.0.9", "192.0.0.10", P, G, P},
    {"192.0.0.11", "192.0.0.255", G, P, G},
    {"192.0.2.0", "192.0.2.255", G, P, G},
    {"192.31.196.0", "192.31.196.255", G, G, G},
    {"192.52.193.0", "192.52.193.255", G, G, G},
    {"192.168.0.0", "192.168.255.255", G, P, G},
    {"192.175.48.0", "192.175.48.255", G, G, G},
    {"198.18.0.0", "198.19.255.255", G, P, G},
    {"198.51.100.0", "198.51.100.255", G, P, G},
    {"203.0.113.0", "203.0.113.255", G, P, G},
    {"224.0.0.0", "239.255.255.255", G, N, P},
    {"240.0.0.0", "255.255.255.254", N, P, N},
    {"::1", "::1", N, P, P},
    {"64:ff9b::", "64:ff9b::ffff:ffff", P, G, P},
    {"64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", P, P, P},
    {"100::", "100::ffff:ffff:ffff:ffff", P, P, P},
    {"2000::", "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P, G, P},
    {"2001::", "2001:0:ffff:ffff:ffff:ffff:ffff:ffff", G, P, P},
    {"2001:1::1", "2001:1::3", P, G, P},
    {"2001:2::", "2001:2:0:ffff:ffff:ffff:ffff:ffff", P, P, P},
    {"2001:3::", "2001:3:ffff:ffff:ffff:ffff:ffff:ffff", P, G, P},
    {"2001:4:112::", "2001:4:112:ffff:ffff:ffff:ffff:ffff", P, G, P},
    {"2001:10::", "2001:1f:ffff:ffff:ffff:ffff:ffff:ffff", P, P, G},
    {"2001:20::", "2001:3f:ffff:ffff:ffff:ffff:ffff:ffff", P, G, P},
    {"2001:40::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", G, P, G},
    {"2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff", G, P, G},
    {"2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", G, G, G},
    {"2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff", G, G, G},
    {"3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", G, P, G},
    {"3fff:1000::", "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P, G, P},
    {"5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P, P, P},
    {"fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P, P, P},
    {"fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", P, P, P},
    {"ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe", P, N, N},
#undef N
#undef P
#undef G
};

static void want_class(const struct range *r, struct addr a, enum addr_class want)
{
    char s[ADDR_TEXT];

    if (addr_classify(a) != want)
        fail_msg("%s (range %s): class %d, not %d", addr_text(a, s), r->first, addr_classify(a),
                 want);
}

static void classes_at_the_edges(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(ranges); i++) {
        const struct range *r = &ranges[i];

        want_class(r, next_to(text(r->first), -1), r->before);
        want_class(r, text(r->first), r->inside);
        want_class(r, text(r->last), r->inside);
        want_class(r, next_to(text(r->last), 1), r->after);
    }
    assert_int_equal(addr_classify(text("0.0.0.0")), ADDR_NEVER);
    assert_int_equal(addr_classify(text("255.255.255.255")), ADDR_NEVER);
    assert_int_equal(addr_classify(text("::")), ADDR_NEVER);
    assert_int_equal(addr_classify(text("::ffff:10.0.0.1")), ADDR_PRIVATE);
    assert_int_equal(addr_classify(text("::ffff:5.6.7.8")), ADDR_PUBLIC);
}

static void masks_bit_by_bit(void **state)
{
    uint64_t seed = 13;
    unsigned bits;
    int i, k;

    (void)state;
    for (i = 0; i < 300; i++) {
        struct addr a = {rnd(&seed), rnd(&seed)};
        unsigned char b[16];

        for (bits = 0; bits <= 128; bits++) {
            to_bytes(a, b);
            for (k = (int)bits; k < 128; k++)
                b[k / 8] &= (unsigned char)~(0x80u >> k % 8);
            assert_true(addr_eq(addr_mask(a, bits), from_bytes(b)));
        }
    }
}

static void devices(void **state)
{
    struct addr a = text("2a01:4f8:1:2:3:4:5:6");

    (void)state;
    assert_true(addr_eq(addr_device(text("5.6.7.8"), 32), text("5.6.7.8")));
    assert_true(addr_eq(addr_device(text("64:ff9b::5.6.7.8"), 64), text("5.6.7.8")));
    assert_true(addr_eq(addr_device(text("64:ff9b::5.6.7.8"), 128), text("5.6.7.8")));
    assert_false(addr_eq(addr_device(text("64:ff9b::1:5.6.7.8"), 128), text("5.6.7.8")));
    assert_true(addr_eq(addr_device(a, 64), text("2a01:4f8:1:2::")));
    assert_true(addr_eq(addr_device(a, 56), text("2a01:4f8:1::")));
    assert_true(addr_eq(addr_device(a, 32), text("2a01:4f8::")));
    assert_true(addr_eq(addr_device(a, 65), text("2a01:4f8:1:2::")));
    assert_true(addr_eq(addr_device(a, 128), a));
    /* Privacy addresses of one phone are one device, its neighbour's are not. */
    assert_true(addr_eq(addr_device(text("2a01:4f8:1:2:aaaa::1"), 64), addr_device(a, 64)));
    assert_false(addr_eq(addr_device(text("2a01:4f8:1:3::1"), 64), addr_device(a, 64)));
}

static void carriers(void **state)
{
    (void)state;
    assert_true(addr_same_carrier(text("5.120.0.1"), text("5.120.255.255")));
    assert_false(addr_same_carrier(text("5.120.0.1"), text("5.121.0.1")));
    assert_true(addr_same_carrier(text("2a01:4f8:1::"), text("2a01:4f8:ffff::")));
    assert_false(addr_same_carrier(text("2a01:4f8::"), text("2a01:4f9::")));
    assert_false(addr_same_carrier(text("5.120.0.1"), text("::1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parses_as_inet_pton),
        cmocka_unit_test(formats_as_inet_ntop),
        cmocka_unit_test(forms_of_one_address),
        cmocka_unit_test(classes_at_the_edges),
        cmocka_unit_test(masks_bit_by_bit),
        cmocka_unit_test(devices),
        cmocka_unit_test(carriers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
