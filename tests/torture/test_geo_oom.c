/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Out of memory in src/geo: a database made, opened, asked, and an answer taken into the cache, again and
 * again, each time with another allocation failing. Nothing crashes or leaks (the sanitizer looks), what
 * fails says so, and a file that was there stays whole.
 */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../unit/faulty_memory.h"
#include "geo/build.h"
#include "geo/geocache.h"
#include "geo/geofile.h"

static char dir[64], csv[128], out[128];

static struct addr addr_of(const char *text)
{
    struct addr a;

    if (addr_parse(slice_of(text), &a))
        fail_msg("%s is no address", text);
    return a;
}

/* One run; the number of steps that failed. */
static int life(void)
{
    struct addr a = addr_of("8.8.8.8");
    struct build_counts counts;
    struct geofile *f = NULL;
    struct geocache cache;
    struct err err = {0};
    char *files[] = {csv};
    int failed = 0, i;

    if (build_asn(out, files, 1, 1, &counts, &err)) {
        assert_true(err.text[0]);
        failed++;
    }
    if (geofile_open(out, GEOFILE_ASN, &f, &err)) {
        assert_true(err.text[0]);
        failed++;
    } else {
        assert_int_equal(geofile_asn(f, a, NULL), 15169);
    }
    geofile_close(f);
    geocache_init(&cache, (struct hash_key){1, 2});
    for (i = 0; i < 200; i++) {
        a.lo += 256;
        failed += geocache_add(&cache, a) == NULL;
    }
    geocache_release(&cache);
    return failed;
}

static void test_every_allocation(void **state)
{
    unsigned long n, total;
    int i;
    FILE *f;

    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/pg-geo-oom.XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(csv, sizeof(csv), "%s/asn.csv", dir);
    snprintf(out, sizeof(out), "%s/asn.mmdb", dir);
    f = fopen(csv, "we");
    assert_non_null(f);
    for (i = 0; i < 200; i++)
        fprintf(f, "8.%d.0.0,8.%d.255.255,%d,\"Network, %d\"\n", i, i, i == 8 ? 15169 : 64000 + i,
                i);
    fclose(f);
    memory_fails(0, 0);
    assert_int_equal(life(), 0);
    total = memory_heals();
    assert_in_range(total, 20, 100000);
    for (n = 1; n <= total; n++) {
        memory_fails(n, 1);
        (void)life();
    }
    memory_heals();
    assert_int_equal(life(), 0);
    unlink(csv);
    unlink(out);
    assert_int_equal(rmdir(dir), 0); /* no half-written file stays */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
