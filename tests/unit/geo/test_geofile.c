/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo_bed.h"

#include <fcntl.h>

#include "base/buf.h"
#include "geo/geodb.h"

static struct geofile *must_open(const char *path, enum geofile_kind kind)
{
    struct geofile *f = NULL;
    struct err err;

    if (geofile_open(path, kind, &f, &err))
        fail_msg("%s", err.text);
    return f;
}

static const char *country_of(const struct geofile *f, const char *addr)
{
    static char text[3];

    geofile_country(f, bed_addr(addr), text);
    return text;
}

static void test_country(void **state)
{
    struct mmwrite *w = mmwrite_new();
    struct geofile *f;

    (void)state;
    assert_int_equal(mmwrite_country(w, bed_addr("5.0.0.0"), bed_addr("5.255.255.255"), "IR"), 0);
    assert_int_equal(mmwrite_country(w, bed_addr("5.1.2.3"), bed_addr("5.1.2.3"), "DE"), 0);
    assert_int_equal(mmwrite_country(w, bed_addr("2001:db8::"), bed_addr("2001:db8:ffff::"), "RU"),
                     0);
    bed_write(w, bed_path("c.mmdb"));
    f = must_open(bed_path("c.mmdb"), GEOFILE_COUNTRY);
    assert_string_equal(country_of(f, "5.0.0.0"), "IR");
    assert_string_equal(country_of(f, "5.255.255.255"), "IR");
    assert_string_equal(country_of(f, "6.0.0.0"), "");
    assert_string_equal(country_of(f, "4.255.255.255"), "");
    assert_string_equal(country_of(f, "5.1.2.3"), "DE");
    assert_string_equal(country_of(f, "5.1.2.2"), "IR");
    assert_string_equal(country_of(f, "64:ff9b::5.1.2.3"), "DE");
    assert_string_equal(country_of(f, "2001:db8:1::1"), "RU");
    assert_string_equal(country_of(f, "2001:db9::1"), "");
    assert_int_equal(geofile_asn(f, bed_addr("5.1.2.3"), NULL), 0);
    assert_int_equal(geofile_info(f)->records, 3);
    assert_int_equal(geofile_info(f)->built_us / 1000000, 1700000000);
    assert_string_equal(geofile_info(f)->type, "test");
    geofile_close(f);
}

/* Every maker's names for the same things. */
static void test_shapes(void **state)
{
    static const struct {
        enum geofile_kind kind;
        const char *record;
        const char *want;
    } shapes[] = {
        {GEOFILE_COUNTRY,
         "\xe1\x47"
         "country\xe1\x48iso_code\x42IR",
         "IR"},
        {GEOFILE_COUNTRY, "\xe1\x52registered_country\xe1\x48iso_code\x42IR", "IR"},
        {GEOFILE_COUNTRY,
         "\xe1\x4c"
         "country_code\x42IR",
         "IR"},
        {GEOFILE_COUNTRY,
         "\xe1\x47"
         "country\x42ir",
         "IR"},
        {GEOFILE_COUNTRY,
         "\xe2\x47"
         "country\x44Iran\x4c"
         "country_code\x42IR",
         "IR"},
        {GEOFILE_ASN,
         "\xe2\x58"
         "autonomous_system_number\xc2\x3b\x41\x5d\x01"
         "autonomous_system_organization\x46Google",
         "15169 Google"},
        {GEOFILE_ASN,
         "\xe2\x43"
         "asn\x47"
         "AS15169\x47"
         "as_name\x46Google",
         "15169 Google"},
        {GEOFILE_ASN,
         "\xe2\x49"
         "as_number\xa2\x3b\x41\x44name\x46Google",
         "15169 Google"},
        {GEOFILE_ASN,
         "\xe1\x43"
         "asn\x45"
         "15169",
         "15169 "},
    };
    char got[64], country[3];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(shapes); i++) {
        struct mmwrite *w = mmwrite_new();
        struct geofile *f;

        assert_int_equal(mmwrite_raw(w, bed_addr("8.0.0.0"), bed_addr("8.255.255.255"),
                                     slice_of(shapes[i].record)),
                         0);
        bed_write(w, bed_path("shape.mmdb"));
        f = must_open(bed_path("shape.mmdb"), shapes[i].kind);
        if (shapes[i].kind == GEOFILE_COUNTRY) {
            geofile_country(f, bed_addr("8.8.8.8"), country);
            snprintf(got, sizeof(got), "%s", country);
        } else {
            struct slice name;
            uint32_t asn = geofile_asn(f, bed_addr("8.8.8.8"), &name);

            snprintf(got, sizeof(got), "%u %.*s", asn, (int)name.n, name.p);
        }
        assert_string_equal(got, shapes[i].want);
        geofile_close(f);
    }
}

static void refuse(const char *path, enum geofile_kind kind, int want)
{
    struct geofile *f = NULL;
    struct err err = {0};
    int rc = geofile_open(path, kind, &f, &err);

    if (rc != want)
        fail_msg("%s: %d (%s), not %d", path, rc, err.text, want);
    assert_true(err.text[0]);
    assert_null(f);
}

static void put(const char *path, const char *p, size_t n)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}

static char *get_file(const char *path, size_t *n)
{
    FILE *f = fopen(path, "re");
    char *p = malloc(1 << 20);

    assert_non_null(f);
    *n = fread(p, 1, 1 << 20, f);
    fclose(f);
    return p;
}

static void test_bad_files(void **state)
{
    size_t n, i;
    char *p;

    (void)state;
    refuse(bed_path("missing.mmdb"), GEOFILE_ASN, ERR_NOT_FOUND);
    refuse(bed_dir, GEOFILE_ASN, ERR_IO);
    put(bed_path("empty.mmdb"), "", 0);
    refuse(bed_path("empty.mmdb"), GEOFILE_ASN, ERR_CORRUPT);
    put(bed_path("text.mmdb"), "not a database\n", 15);
    refuse(bed_path("text.mmdb"), GEOFILE_ASN, ERR_CORRUPT);
    bed_asn(bed_path("a.mmdb"), 64500, "Example");
    refuse(bed_path("a.mmdb"), GEOFILE_COUNTRY, ERR_CORRUPT); /* of another kind */
    bed_write(mmwrite_new(), bed_path("none.mmdb"));
    refuse(bed_path("none.mmdb"), GEOFILE_ASN, ERR_CORRUPT); /* nothing in it */
    /* Half written: cut anywhere. */
    p = get_file(bed_path("a.mmdb"), &n);
    for (i = 0; i < n; i += 7) {
        put(bed_path("cut.mmdb"), p, i);
        refuse(bed_path("cut.mmdb"), GEOFILE_ASN, ERR_CORRUPT);
    }
    free(p);
}

/* Nested far deeper than libmaxminddb could follow on any stack, in the data and in the metadata. */
static void test_deep(void **state)
{
    static char deep[200000];
    struct mmwrite *w = mmwrite_new();
    size_t i, n;
    char *p, *at;

    (void)state;
    for (i = 0; i + 2 < 4000; i += 2) {
        deep[i] = '\x01';
        deep[i + 1] = '\x04';
    }
    deep[4000] = '\x40';
    assert_int_equal(mmwrite_raw(w, bed_addr("8.0.0.0"), bed_addr("8.255.255.255"),
                                 (struct slice){deep, 4001}),
                     0);
    bed_write(w, bed_path("deep.mmdb"));
    refuse(bed_path("deep.mmdb"), GEOFILE_ASN, ERR_CORRUPT);

    bed_asn(bed_path("a.mmdb"), 64500, "Example");
    p = get_file(bed_path("a.mmdb"), &n);
    at = memmem(p, n, "\xab\xcd\xefMaxMind.com", 14);
    assert_non_null(at);
    for (i = 0; i < 120000; i += 2) {
        deep[i] = '\x01';
        deep[i + 1] = '\x04';
    }
    p = realloc(p, n + sizeof(deep));
    at = memmem(p, n, "\xab\xcd\xefMaxMind.com", 14);
    memcpy(at + 14, deep, 120000);
    put(bed_path("deep.mmdb"), p, (size_t)(at - p) + 14 + 120000);
    refuse(bed_path("deep.mmdb"), GEOFILE_ASN, ERR_CORRUPT);
    free(p);
}

/* What happens to the file after it was opened is not felt: a mapped file would end in SIGBUS. */
static void test_file_changes_while_open(void **state)
{
    struct geofile *f;
    int fd;

    (void)state;
    bed_country(bed_path("c.mmdb"), "IR");
    f = must_open(bed_path("c.mmdb"), GEOFILE_COUNTRY);
    fd = open(bed_path("c.mmdb"), O_WRONLY | O_TRUNC | O_CLOEXEC);
    assert_string_equal(country_of(f, "8.8.8.8"), "IR");
    assert_int_equal(write(fd, "garbage", 7), 7);
    close(fd);
    unlink(bed_path("c.mmdb"));
    assert_string_equal(country_of(f, "255.8.8.8"), "IR");
    geofile_close(f);
}

static void test_licence(void **state)
{
    struct geofile *f;

    (void)state;
    bed_country(bed_path("c.mmdb"), "IR");
    put(bed_path("c.txt"), "licence: CC0 1.0\nsource: a test\n", 32);
    f = must_open(bed_path("c.mmdb"), GEOFILE_COUNTRY);
    assert_string_equal(geofile_info(f)->licence, "CC0 1.0");
    assert_string_equal(geofile_info(f)->source, "a test");
    geofile_close(f);
}

static void test_geodb(void **state)
{
    struct settings s;
    struct geodb db;
    struct geo geo;
    struct err err;

    (void)state;
    bed_country(bed_path("c.mmdb"), "IR");
    bed_asn(bed_path("a.mmdb"), 64500, "Example");
    assert_int_equal(settings_init(&s), 0);
    assert_int_equal(settings_set(&s, SET_GEOIP_COUNTRY_DB, ORIGIN_FILE,
                                  slice_of(bed_path("c.mmdb")), &err),
                     0);
    assert_int_equal(settings_set(&s, SET_GEOIP_ASN_DB, ORIGIN_FILE, slice_of(bed_path("a.mmdb")),
                                  &err),
                     0);
    assert_int_equal(geodb_open(&db, &s, true, &err), 0);
    geodb_geo(&db, bed_addr("8.8.8.8"), &geo);
    assert_string_equal(geo.country, "IR");
    assert_int_equal(geo.asn, 64500);
    geodb_geo(&db, bed_addr("fc00::1"), &geo);
    assert_string_equal(geo.country, "");
    assert_int_equal(geo.asn, 0);
    geodb_close(&db);
    geodb_geo(&db, bed_addr("8.8.8.8"), &geo);
    assert_int_equal(geo.asn, 0);
    /* One that a setting names must be there. */
    assert_int_equal(settings_set(&s, SET_GEOIP_ASN_DB, ORIGIN_FILE, slice_of(bed_path("x.mmdb")),
                                  &err),
                     0);
    assert_int_equal(geodb_open(&db, &s, true, &err), ERR_NOT_FOUND);
    settings_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_country),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_bad_files),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_file_changes_while_open),
        cmocka_unit_test(test_licence),
        cmocka_unit_test(test_geodb),
    };

    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
