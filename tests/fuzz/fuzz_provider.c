/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any answer of a provider: what is believed of it has the right form, and is of an address asked for. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "geo/provider.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct addr addrs[3];
    struct provider_told told[3];
    size_t i, k;
    int p;

    if (addr_parse(SLICE("8.8.8.8"), &addrs[0]) || addr_parse(SLICE("2001:db8::1"), &addrs[1]) ||
        addr_parse(SLICE("1.1.1.1"), &addrs[2]))
        abort();
    for (p = 0; p < PROVIDERS; p++) {
        memset(told, 0, sizeof(told));
        if (provider_read((enum provider)p, (struct slice){(const char *)data, size}, addrs, 3,
                          told))
            continue;
        for (i = 0; i < 3; i++) {
            if (strnlen(told[i].isp, sizeof(told[i].isp)) == sizeof(told[i].isp))
                abort();
            for (k = 0; told[i].isp[k]; k++)
                if ((unsigned char)told[i].isp[k] < 0x20 || told[i].isp[k] == 0x7f)
                    abort();
            if (told[i].country[0] &&
                (told[i].country[0] < 'A' || told[i].country[0] > 'Z' || told[i].country[2]))
                abort();
            if (told[i].known != (told[i].country[0] || told[i].asn))
                abort();
        }
    }
    return 0;
}
