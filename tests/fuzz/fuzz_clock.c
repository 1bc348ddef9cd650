/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* A node's clock under any stamps: no event lies in the future, none is guessed while it is cold. */
#include <stdint.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "core/line/clock.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a line's stamp may be off by: jitter, backlog, zones, years. */
static int64_t off_us(uint8_t kind, uint8_t v)
{
    static const int64_t units[] = {1000,
                                    STAMP_SECOND / 10,
                                    STAMP_SECOND,
                                    30 * STAMP_SECOND,
                                    1800 * STAMP_SECOND,
                                    86400 * STAMP_SECOND,
                                    INT64_C(31557600) * STAMP_SECOND};

    return ((int64_t)v - 128) * units[kind % 7];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t now_us = INT64_C(1762077600) * STAMP_SECOND;
    struct clock c;
    size_t i;

    if (size < 2)
        return 0;
    clock_init(&c, data[0] % 2 ? STAMP_NONE : off_us(data[0] >> 1, data[1]));
    for (i = 2; i + 3 <= size; i += 3) {
        int64_t stamp_us = now_us + off_us(data[i + 1], data[i + 2]), event_us;
        bool was_warm = c.warm;

        /* A quarter of the steps takes no time, so that lines come in heaps. */
        if (data[i] & 3)
            now_us += (int64_t)(data[i] >> 2) * STAMP_SECOND / 4;
        if (data[i] == 0xff) {
            clock_opened(&c, now_us);
            continue;
        }
        if (data[i + 1] == 0xff || stamp_us < 0)
            stamp_us = STAMP_NONE;
        event_us = clock_event(&c, stamp_us, now_us);
        if (was_warm && !c.warm)
            abort();
        if (event_us == STAMP_NONE) {
            if (c.warm && (stamp_us == STAMP_NONE || c.offset_us != STAMP_NONE))
                abort();
            continue;
        }
        if (!c.warm || event_us > now_us)
            abort();
        if (stamp_us == STAMP_NONE ? event_us != now_us
                                   : event_us != stamp_us + c.offset_us && event_us != now_us)
            abort();
        /* Now means now: the offset says that this line cannot be older. */
        if (stamp_us != STAMP_NONE && event_us == now_us && stamp_us + c.offset_us < now_us)
            abort();
    }
    return 0;
}
