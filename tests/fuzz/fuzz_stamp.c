/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Times: the head of a log line and the panel's ISO form; what is accepted prints and reads back. */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/stamp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_round_trip(int64_t us)
{
    char text[STAMP_TEXT];
    int64_t again;

    /* A leap second at the end of 9999 is a year that four digits cannot print. */
    if (us >= stamp_civil(9999, 12, 31, 23, 59, 59, 0) + STAMP_SECOND)
        return;
    if (stamp_parse_iso(slice_of(stamp_iso(us, text)), &again) || again != us)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice s = {(const char *)data, size};
    size_t used;
    int64_t us;

    if (stamp_parse_log(s, &us, &used) == ERR_OK) {
        if (used > size || used < 19)
            abort();
        check_round_trip(us);
    }
    if (stamp_parse_iso(s, &us) == ERR_OK && us >= 0)
        check_round_trip(us);
    return 0;
}
