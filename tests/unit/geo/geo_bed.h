/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_BED_H
#define GEO_BED_H

/* What the tests of src/geo share: a scratch folder, addresses, tiny databases. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "geo/geofile.h"
#include "geo/mmwrite.h"

static char bed_dir[64];

static int bed_setup(void **state)
{
    (void)state;
    snprintf(bed_dir, sizeof(bed_dir), "/tmp/pg-geo.XXXXXX");
    return mkdtemp(bed_dir) ? 0 : -1;
}

static int bed_remove(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int bed_teardown(void **state)
{
    (void)state;
    return nftw(bed_dir, bed_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* A path in the scratch folder; one of four buffers in turn. */
static inline const char *bed_path(const char *name)
{
    static char paths[4][256];
    static int turn;

    turn = (turn + 1) % 4;
    snprintf(paths[turn], sizeof(paths[turn]), "%s/%s", bed_dir, name);
    return paths[turn];
}

static inline struct addr bed_addr(const char *text)
{
    struct addr a;

    if (addr_parse(slice_of(text), &a))
        fail_msg("%s is no address", text);
    return a;
}

/* Writes and frees w. */
static inline void bed_write(struct mmwrite *w, const char *path)
{
    struct mmwrite_opts opts = {"test", "made by a test", 1700000000};
    struct err err;

    if (mmwrite_file(w, path, &opts, &err))
        fail_msg("%s", err.text);
    mmwrite_free(w);
}

/* A database of countries in which everything of both families is `country`. */
static inline void bed_country(const char *path, const char *country)
{
    struct mmwrite *w = mmwrite_new();

    assert_non_null(w);
    assert_int_equal(mmwrite_country(w, bed_addr("0.0.0.0"), bed_addr("255.255.255.255"), country),
                     0);
    assert_int_equal(mmwrite_country(w, bed_addr("2000::"), bed_addr("3fff:ffff::"), country), 0);
    bed_write(w, path);
}

/* One of AS numbers in which every IPv4 address is asn's, by that name. */
static inline void bed_asn(const char *path, uint32_t asn, const char *name)
{
    struct mmwrite *w = mmwrite_new();

    assert_non_null(w);
    assert_int_equal(mmwrite_asn(w, bed_addr("0.0.0.0"), bed_addr("255.255.255.255"), asn,
                                 slice_of(name)),
                     0);
    bed_write(w, path);
}

#endif
