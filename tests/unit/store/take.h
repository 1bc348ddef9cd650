/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TAKE_H
#define TAKE_H

/* What db_image_take gave, as bytes to be freed with free(), whether it was made in memory or in files. */

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/db_image.h"

static inline int take_bytes(const char *path, const char *const *strip, size_t in_memory,
                             unsigned char **ret_bytes, size_t *ret_n, struct err *why)
{
    struct db_taken taken;
    unsigned char *p;
    int rc = db_image_take(path, strip, in_memory, &taken, why);

    if (rc)
        return rc;
    p = malloc(taken.n);
    if (!p)
        abort();
    if (taken.bytes)
        memcpy(p, taken.bytes, taken.n);
    else if (pread(taken.fd, p, taken.n, 0) != (ssize_t)taken.n)
        abort();
    *ret_bytes = p;
    *ret_n = taken.n;
    db_taken_release(&taken);
    return ERR_OK;
}

#endif
