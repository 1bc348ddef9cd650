/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* From ranges to a database: the writer is ours, the reader libmaxminddb's. */
#include "geo_bed.h"

#include "base/buf.h"
#include "geo/asn_csv.h"
#include "geo/build.h"

static uint64_t seed = 20261125;

static uint32_t dice(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(seed >> 33) % n;
}

static void test_rows(void **state)
{
    static const struct {
        const char *line;
        int rc;
        uint32_t asn;
        const char *name;
    } rows[] = {
        {"1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"", 0, 13335, "Cloudflare, Inc."},
        {"1.0.4.0,1.0.7.255,38803,Gtelecom Pty Ltd\r\n", 0, 38803, "Gtelecom Pty Ltd"},
        {"2001::,2001::ffff:ffff:ffff:ffff:ffff:ffff,6939,\"The \"\"HE\"\"\"", 0, 6939,
         "The \"HE\""},
        {"1.0.0.0,1.0.0.0,4294967295,", 0, 4294967295, ""},
        {"1.0.0.0,1.0.0.0,0,x", 0, 0, "x"},
        {"1.0.0.0,1.0.0.0,4294967296,x", ERR_INVALID, 0, ""},
        {"1.0.0.1,1.0.0.0,1,x", ERR_INVALID, 0, ""},
        {"1.0.0.0,2001::,1,x", ERR_INVALID, 0, ""},
        {"1.0.0.0,1.0.0.1", ERR_INVALID, 0, ""},
        {"1.0.0.0,1.0.0.1,1", ERR_INVALID, 0, ""},
        {"1.0.0.0,1.0.0.1,-1,x", ERR_INVALID, 0, ""},
        {"1.0.0.0,1.0.0.1,1,\"x", ERR_INVALID, 0, ""},
        {"1.0.0.0,1.0.0.1,1,\"x\"y", ERR_INVALID, 0, ""},
        {"16777216,16777471,13335,x", ERR_INVALID, 0, ""},
        {"start,end,asn,name", ERR_INVALID, 0, ""},
        {"", ERR_INVALID, 0, ""},
    };
    struct asn_row row;
    size_t i;

    (void)state;
    asn_row_init(&row);
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        int rc = asn_row_parse(&row, slice_of(rows[i].line));

        if (rc != rows[i].rc)
            fail_msg("%s: %d", rows[i].line, rc);
        if (rc)
            continue;
        assert_int_equal(row.asn, rows[i].asn);
        assert_string_equal(buf_str(&row.name), rows[i].name);
    }
    buf_release(&row.name);
}

static void test_long_name_is_cut_between_characters(void **state)
{
    struct asn_row row;
    struct buf line;
    int i;

    (void)state;
    buf_init(&line, 4096);
    buf_add_str(&line, "1.0.0.0,1.0.0.1,1,x");
    for (i = 0; i < 200; i++)
        buf_add_str(&line, "\xc3\xa9");
    asn_row_init(&row);
    assert_int_equal(asn_row_parse(&row, buf_slice(&line)), 0);
    assert_int_equal(row.name.n, GEOFILE_TEXT - 1);
    buf_release(&row.name);
    buf_release(&line);
}

enum { RANGES = 400, PROBES = 4000 };
struct model {
    struct addr first[RANGES], last[RANGES];
    uint32_t asn[RANGES];
};

static bool within(struct addr a, struct addr first, struct addr last)
{
    return addr_is4(a) == addr_is4(first) &&
           (a.hi > first.hi || (a.hi == first.hi && a.lo >= first.lo)) &&
           (a.hi < last.hi || (a.hi == last.hi && a.lo <= last.lo));
}

static struct addr random_addr(bool v4)
{
    /* Few different high bits, so that ranges overlap and touch. */
    if (v4)
        return (struct addr){0, UINT64_C(0xffff00000000) | dice(4) << 30 | dice(1 << 12)};
    return (struct addr){UINT64_C(0x2001) << 48 | dice(4), (uint64_t)dice(1 << 12) << 40};
}

/* Random ranges, overlapping and nested, against a list that is searched from its end. */
static void test_against_a_list(void **state)
{
    struct model *m = calloc(1, sizeof(*m));
    struct mmwrite *w = mmwrite_new();
    struct geofile *f;
    struct err err;
    int i, k, hits = 0;

    (void)state;
    for (i = 0; i < RANGES; i++) {
        bool v4 = dice(2);
        struct addr a = random_addr(v4), b = random_addr(v4);

        if (a.hi > b.hi || (a.hi == b.hi && a.lo > b.lo)) {
            struct addr swap = a;

            a = b;
            b = swap;
        }
        /* Most are small; a large one hides all before it. */
        if (dice(8)) {
            b = a;
            b.lo += dice(64);
        }
        m->first[i] = a;
        m->last[i] = b;
        m->asn[i] = 1 + dice(50);
        assert_int_equal(mmwrite_asn(w, a, b, m->asn[i], SLICE("someone")), 0);
    }
    bed_write(w, bed_path("random.mmdb"));
    if (geofile_open(bed_path("random.mmdb"), GEOFILE_ASN, &f, &err))
        fail_msg("%s", err.text);
    for (i = 0; i < PROBES; i++) {
        struct addr a = dice(2) ? random_addr(dice(2)) : m->last[dice(RANGES)];
        uint32_t want = 0;

        a.lo += dice(3);
        for (k = RANGES - 1; k >= 0 && !want; k--)
            if (within(a, m->first[k], m->last[k]))
                want = m->asn[k];
        hits += want != 0;
        assert_int_equal(geofile_asn(f, a, NULL), want);
    }
    assert_in_range(hits, PROBES / 10, PROBES);
    geofile_close(f);
    free(m);
}

static void write_text(const char *path, const char *text)
{
    FILE *f = fopen(path, "we");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_build(void **state)
{
    struct build_counts counts;
    struct geofile *f;
    struct slice name;
    struct err err;
    char four[256], six[256];
    char *files[] = {four, six};

    (void)state;
    snprintf(four, sizeof(four), "%s", bed_path("4.csv"));
    snprintf(six, sizeof(six), "%s", bed_path("6.csv"));
    write_text(four,
               "1.0.0.0,1.0.0.255,13335,\"Cloudflare, Inc.\"\n8.8.8.0,8.8.8.255,15169,Google LLC\n"
               "9.0.0.0,9.0.0.255,0,Not announced\n");
    write_text(six, "2001:db8::,2001:db8:ffff:ffff:ffff:ffff:ffff:ffff,64500,Example");
    assert_int_equal(build_asn(bed_path("b.mmdb"), files, 2, 1750000000, &counts, &err), 0);
    assert_int_equal(counts.rows, 4);
    assert_int_equal(geofile_open(bed_path("b.mmdb"), GEOFILE_ASN, &f, &err), 0);
    assert_int_equal(geofile_asn(f, bed_addr("1.0.0.1"), &name), 13335);
    assert_true(slice_eq(name, SLICE("Cloudflare, Inc.")));
    assert_int_equal(geofile_asn(f, bed_addr("8.8.8.8"), &name), 15169);
    assert_true(slice_eq(name, SLICE("Google LLC")));
    assert_int_equal(geofile_asn(f, bed_addr("2001:db8::1"), &name), 64500);
    assert_int_equal(geofile_asn(f, bed_addr("9.0.0.1"), &name), 0);
    assert_int_equal(geofile_info(f)->built_us, INT64_C(1750000000000000));
    assert_true(strstr(geofile_info(f)->licence, "CC BY 4.0"));
    geofile_close(f);
}

/* What is no list of ranges makes no database, and leaves the old one. */
static void test_build_refuses(void **state)
{
    struct build_counts counts = {77, 0};
    char name[256];
    char *files[] = {name};
    struct err err;

    (void)state;
    snprintf(name, sizeof(name), "%s", bed_path("no.csv"));
    assert_int_equal(build_asn(bed_path("n.mmdb"), files, 1, 0, &counts, &err), ERR_NOT_FOUND);
    write_text(name, "");
    assert_int_equal(build_asn(bed_path("n.mmdb"), files, 1, 0, &counts, &err), ERR_INVALID);
    write_text(name, "<html>\n<body>\n1.0.0.0,1.0.0.1,1,x\n");
    assert_int_equal(build_asn(bed_path("n.mmdb"), files, 1, 0, &counts, &err), ERR_INVALID);
    assert_int_not_equal(access(bed_path("n.mmdb"), F_OK), 0);
    write_text(name, "1.0.0.0,1.0.0.1,1,x\n");
    assert_int_equal(build_asn(bed_path("no/such/folder"), files, 1, 0, &counts, &err), ERR_IO);
    assert_int_equal(counts.rows, 77);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_long_name_is_cut_between_characters),
        cmocka_unit_test(test_against_a_list),
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_build_refuses),
    };

    return cmocka_run_group_tests(tests, bed_setup, bed_teardown);
}
