/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Questions to providers, what their answers say, and what is kept of it. */
#include "geo_bed.h"

#include "base/limits.h"
#include "geo/geocache.h"
#include "geo/provider.h"

static void read_one(enum provider p, const char *body, const char *addr, const char *country,
                     uint32_t asn, const char *isp)
{
    struct provider_told told = {0};
    struct addr a = bed_addr(addr);

    if (provider_read(p, slice_of(body), &a, 1, &told))
        fail_msg("%s: is not read", body);
    if (strcmp(told.country, country) != 0 || told.asn != asn || strcmp(told.isp, isp) != 0)
        fail_msg("%s: %s %u \"%s\"", body, told.country, told.asn, told.isp);
    assert_int_equal(told.known, country[0] || asn);
}

static void test_answers(void **state)
{
    (void)state;
    read_one(PROVIDER_IP_API,
             "[{\"status\":\"success\",\"query\":\"8.8.8.8\",\"countryCode\":\"US\","
             "\"as\":\"AS15169 Google LLC\",\"isp\":\"Google\",\"asname\":\"GOOGLE\"}]",
             "8.8.8.8", "US", 15169, "Google LLC");
    read_one(PROVIDER_IP_API, "[{\"status\":\"fail\",\"query\":\"8.8.8.8\"}]", "8.8.8.8", "", 0,
             "");
    read_one(PROVIDER_IPINFO,
             "{\"8.8.8.8\":{\"ip\":\"8.8.8.8\",\"country\":\"us\",\"org\":\"AS15169 Google LLC\"}}",
             "8.8.8.8", "US", 15169, "Google LLC");
    read_one(PROVIDER_IPINFO,
             "{\"8.8.8.8\":{\"country\":\"United States\",\"country_code\":\"US\","
             "\"asn\":\"AS15169\",\"as_name\":\"Google LLC\"}}",
             "8.8.8.8", "US", 15169, "Google LLC");
    read_one(PROVIDER_IPLOCATION,
             "{\"ip\":\"2001:4860::8888\",\"country_code2\":\"US\",\"isp\":\"Google LLC\"}",
             "2001:4860:0::8888", "US", 0, "Google LLC");
    read_one(PROVIDER_IPAPI,
             "{\"ip\":\"8.8.8.8\",\"country_code\":\"US\",\"asn\":\"AS15169\",\"org\":\"GOOGLE\"}",
             "8.8.8.8", "US", 15169, "GOOGLE");
}

/* Nothing of an answer that is about something else, or of no sense, is believed. */
static void test_lies(void **state)
{
    (void)state;
    read_one(PROVIDER_IP_API, "[{\"query\":\"1.1.1.1\",\"countryCode\":\"US\"}]", "8.8.8.8", "", 0,
             "");
    read_one(PROVIDER_IPINFO, "{\"8.8.4.4\":{\"country\":\"US\"}}", "8.8.8.8", "", 0, "");
    read_one(PROVIDER_IPAPI, "{\"country_code\":\"US\"}", "8.8.8.8", "", 0, "");
    read_one(PROVIDER_IP_API, "[]", "8.8.8.8", "", 0, "");
    read_one(PROVIDER_IP_API, "[1,null,\"x\",{\"query\":7},[[]]]", "8.8.8.8", "", 0, "");
    read_one(PROVIDER_IPAPI,
             "{\"ip\":\"8.8.8.8\",\"country_code\":\"USA\",\"asn\":\"AS4294967296\",\"org\":[]}",
             "8.8.8.8", "", 0, "");
    read_one(PROVIDER_IPAPI, "{\"ip\":\"8.8.8.8\",\"country_code\":\"1!\",\"asn\":\"AS0\"}",
             "8.8.8.8", "", 0, "");
    read_one(PROVIDER_IPAPI, "{\"ip\":\"8.8.8.8\",\"asn\":\"AS1\",\"org\":\"a\\u0007\\u001bb\"}",
             "8.8.8.8", "", 1, "ab");
}

static void test_no_answer(void **state)
{
    static const char *const texts[] = {"", "x", "{", "7", "\"8.8.8.8\"", "null", "<html>"};
    struct provider_told told = {.asn = 77};
    struct addr a = bed_addr("8.8.8.8");
    size_t i;
    int p;

    (void)state;
    for (i = 0; i < ARRAY_LEN(texts); i++)
        for (p = 0; p < PROVIDERS; p++)
            assert_int_equal(provider_read((enum provider)p, slice_of(texts[i]), &a, 1, &told),
                             ERR_PROTOCOL);
    assert_int_equal(provider_read(PROVIDER_IP_API, SLICE("{}"), &a, 1, &told), ERR_PROTOCOL);
    assert_int_equal(provider_read(PROVIDER_IPINFO, SLICE("[]"), &a, 1, &told), ERR_PROTOCOL);
    assert_int_equal(told.asn, 77);
}

/* A name that is too long ends between two characters. */
static void test_long_name(void **state)
{
    struct provider_told told = {0};
    struct addr a = bed_addr("8.8.8.8");
    struct buf body;
    int i;

    (void)state;
    buf_init(&body, 4096);
    buf_add_str(&body, "{\"ip\":\"8.8.8.8\",\"country_code\":\"US\",\"org\":\"");
    for (i = 0; i < 100; i++)
        buf_add_str(&body, "\xd8\xa7");
    buf_add_str(&body, "\"}");
    assert_int_equal(provider_read(PROVIDER_IPAPI, buf_slice(&body), &a, 1, &told), 0);
    assert_in_range(strlen(told.isp), 60, PROVIDER_ISP - 1);
    assert_int_equal(strlen(told.isp) % 2, 0);
    buf_release(&body);
}

static void test_questions(void **state)
{
    struct addr addrs[2] = {bed_addr("8.8.8.8"), bed_addr("2001:db8::1")};
    struct buf url, body;

    (void)state;
    buf_init(&url, 256);
    buf_init(&body, 256);
    assert_int_equal(provider_ask("http://x/batch", addrs, 2, &url, &body), 0);
    assert_string_equal(buf_str(&url), "http://x/batch");
    assert_string_equal(buf_str(&body), "[\"8.8.8.8\",\"2001:db8::1\"]");
    buf_clear(&url);
    buf_clear(&body);
    assert_int_equal(provider_ask("http://x/{ip}/json", addrs, 1, &url, &body), 0);
    assert_string_equal(buf_str(&url), "http://x/8.8.8.8/json");
    assert_int_equal(body.n, 0);
    buf_release(&url);
    buf_release(&body);
}

static void test_cache_is_by_block(void **state)
{
    struct geocache c;
    struct geocache_row *row;

    (void)state;
    geocache_init(&c, (struct hash_key){1, 2});
    row = geocache_add(&c, bed_addr("5.6.7.8"));
    assert_non_null(row);
    row->told.asn = 7;
    assert_int_equal(geocache_find(&c, bed_addr("5.6.7.255"))->told.asn, 7);
    assert_null(geocache_find(&c, bed_addr("5.6.8.8")));
    assert_non_null(geocache_add(&c, bed_addr("2001:db8:1:2::1")));
    assert_non_null(geocache_find(&c, bed_addr("2001:db8:1:ffff::")));
    assert_null(geocache_find(&c, bed_addr("2001:db8:2::")));
    assert_int_equal(geocache_find(&c, bed_addr("64:ff9b::506:701"))->told.asn, 7);
    geocache_release(&c);
}

/* Full, it forgets the oldest, and nothing else. */
static void test_cache_is_bounded(void **state)
{
    struct geocache c;
    uint32_t i;

    (void)state;
    geocache_init(&c, (struct hash_key){1, 2});
    for (i = 0; i < LIMIT_GEO_CACHE + 1000; i++) {
        struct addr a = {0, UINT64_C(0xffff01000000) + (uint64_t)i * 256};

        assert_non_null(geocache_add(&c, a));
    }
    assert_int_equal(c.n, LIMIT_GEO_CACHE);
    assert_int_equal(c.by_block.n, LIMIT_GEO_CACHE);
    assert_null(geocache_find(&c, (struct addr){0, UINT64_C(0xffff01000000) + 999 * 256}));
    assert_non_null(geocache_find(&c, (struct addr){0, UINT64_C(0xffff01000000) + 1000 * 256}));
    geocache_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),          cmocka_unit_test(test_lies),
        cmocka_unit_test(test_no_answer),        cmocka_unit_test(test_long_name),
        cmocka_unit_test(test_questions),        cmocka_unit_test(test_cache_is_by_block),
        cmocka_unit_test(test_cache_is_bounded),
    };

    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
