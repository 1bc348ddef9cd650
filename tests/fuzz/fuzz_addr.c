/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Addresses and lists of ranges: canonical text reads back, a set holds what it was given. */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/address/addr.h"
#include "core/address/addrset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_addr(struct slice s)
{
    char text[ADDR_TEXT];
    struct addrset set;
    struct addr a, again;

    if (addr_parse(s, &a))
        return;
    if (addr_parse(slice_of(addr_text(a, text)), &again) || !addr_eq(a, again))
        abort();
    addrset_init(&set);
    if (addrset_add(&set, slice_of(text), NULL))
        abort();
    addrset_seal(&set);
    if (!addrset_has(&set, a))
        abort();
    addrset_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    struct addrset set;
    struct err err = {0};
    struct addr probe;

    check_addr(s);
    addrset_init(&set);
    if (addrset_add_list(&set, s, &err) == ERR_OK) {
        addrset_seal(&set);
        if (addr_parse(SLICE("5.6.7.8"), &probe))
            abort();
        addrset_has(&set, probe);
    } else if (err.text[0] == '\0') {
        abort();
    }
    addrset_release(&set);
    return 0;
}
