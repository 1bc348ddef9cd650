/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Any bytes as a country and as an AS database: what is opened answers every address without harm. The
 * mutations rarely leave a whole file, so the first byte chooses to put the rest into a good one: as its
 * data, or over its beginning.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "geo/geofile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
const char *__lsan_default_suppressions(void);

/*
 * libmaxminddb loses a few kilobytes when the description in the metadata breaks off (seen with 1.7.1: the
 * list it has begun is not given back). It is not ours to free; what we forget to close is found by the unit
 * test of good files, where nothing is suppressed.
 */
const char *__lsan_default_suppressions(void)
{
    return "leak:libmaxminddb.so\n";
}

/* 1 node of 24 bit records that both point at the data, and the metadata. */
static const char metadata[] = "\xab\xcd\xefMaxMind.com\xe7"
                               "\x5b"
                               "binary_format_major_version\xa1\x02"
                               "\x5b"
                               "binary_format_minor_version\xa0"
                               "\x4b"
                               "build_epoch\x04\x02\x66\x00\x00\x00"
                               "\x4d"
                               "database_type\x41x"
                               "\x4a"
                               "ip_version\xa1\x04"
                               "\x4a"
                               "node_count\xc1\x01"
                               "\x4b"
                               "record_size\xa1\x18";

static size_t wrap(const uint8_t *data, size_t size, char *out)
{
    size_t n = 6 + 16;

    memset(out, 0, n);
    out[2] = out[5] = 1 + 16;
    memcpy(out + n, data, size);
    n += size;
    memcpy(out + n, metadata, sizeof(metadata) - 1);
    return n + sizeof(metadata) - 1;
}

static void look(struct geofile *f)
{
    static const char *const texts[] = {
        "0.0.0.0", "8.8.8.8",     "255.255.255.255",
        "::",      "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"};
    char country[3];
    struct slice name;
    struct addr a;
    size_t i, k;
    volatile char sink = 0;

    for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (addr_parse(slice_of(texts[i]), &a))
            abort();
        geofile_country(f, a, country);
        if (country[0] && (country[0] < 'A' || country[0] > 'Z' || country[1] < 'A' || country[2]))
            abort();
        (void)geofile_asn(f, a, &name);
        for (k = 0; k < name.n; k++)
            sink ^= name.p[k];
    }
    (void)sink;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct geofile *f;
    struct err err = {0};
    size_t n = size;
    char *bytes;
    int kind;

    if (size < 1 || size > 1 << 16)
        return 0;
    bytes = malloc(size + 512);
    if (!bytes)
        return 0;
    if (data[0] & 1) {
        n = wrap(data + 1, size - 1, bytes);
    } else {
        memcpy(bytes, data + 1, size - 1);
        n = size - 1;
    }
    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        if (geofile_open_bytes((struct slice){bytes, n}, (enum geofile_kind)kind, &f, &err)) {
            if (!err.text[0])
                abort();
            continue;
        }
        look(f);
        geofile_close(f);
    }
    free(bytes);
    return 0;
}
