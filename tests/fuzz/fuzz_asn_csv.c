/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any line of a list of ranges: what is taken is a range of one family, and can be put into a database. */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "geo/asn_csv.h"
#include "geo/geofile.h"
#include "geo/mmwrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest = {(const char *)data, size};
    struct mmwrite *w = mmwrite_new();
    struct asn_row row;
    int lines = 0;

    asn_row_init(&row);
    while (w && rest.p && rest.n && lines++ < 64) {
        if (asn_row_parse(&row, slice_cut(&rest, '\n')))
            continue;
        if (addr_is4(row.first) != addr_is4(row.last) || row.name.n > GEOFILE_TEXT ||
            row.first.hi > row.last.hi)
            abort();
        if (row.asn && mmwrite_asn(w, row.first, row.last, row.asn, buf_slice(&row.name)))
            abort();
    }
    buf_release(&row.name);
    mmwrite_free(w);
    return 0;
}
