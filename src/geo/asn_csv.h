/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef GEO_ASN_CSV_H
#define GEO_ASN_CSV_H

#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"
#include "core/address/addr.h"

/* One row of a file `first,last,number,name` (ip-location-db's asn-ipv4.csv, asn-ipv6.csv; RFC 4180). */
struct asn_row {
    struct addr first, last; /* inclusive, of one family, first <= last */
    uint32_t asn;            /* 0: not announced by anyone */
    struct buf name;         /* GEOFILE_TEXT at most; a longer one is cut */
};

/* Makes an empty row to be filled again and again; release its name at the end. */
void asn_row_init(struct asn_row *row);
/* Reads a line without its end. ERR_INVALID: not of the form; ERR_NOMEM. */
int asn_row_parse(struct asn_row *row, struct slice line) MUST_CHECK;

#endif
