/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ZIPFILE_H
#define SERVICE_ZIPFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/* Zip archives of a few known members, in memory. The only one who knows libzip. Any thread. */

/*
 * A member: its name, the most bytes it may have, and its bytes (p NULL: it is not there). One that is
 * written may stand in a file instead, of which file_n bytes are read from the beginning; fd stays the
 * caller's.
 */
struct zipfile_member {
    const char *name;
    size_t max;
    struct slice bytes;
    int fd;
    size_t file_n; /* 0: not in a file */
};

/* Writes the members that are there, in order, dated now_us. ret_zip is appended to; its maximum holds. */
int zipfile_write(const struct zipfile_member *members, size_t n, int64_t now_us,
                  struct buf *ret_zip, struct err *err) MUST_CHECK;
/*
 * Reads a zip whose members are among these; bytes of those found are malloc'ed, to be freed with
 * zipfile_release, and p is not NULL however short they are. ERR_CORRUPT: no zip, damaged, encrypted, a
 * symbolic link, a name that is not listed or comes twice; ERR_TOO_BIG: more than LIMIT_BACKUP_MEMBERS
 * members, or one larger than its max; nothing is inflated past that. ERR_REFUSED: the zip is a backup of
 * the Python PG-Limiter. On an error nothing is left to be released.
 */
int zipfile_read(struct slice zip, struct zipfile_member *members, size_t n,
                 struct err *err) MUST_CHECK;
/* Reads one member of at most max bytes (to be freed) without looking at the others. ERR_CORRUPT. */
int zipfile_get(struct slice zip, const char *name, size_t max, struct slice *ret_bytes,
                struct err *err) MUST_CHECK;
/*
 * The zip with these members added or put in place of those of their names; the others are copied as they are
 * compressed. Needs little memory beyond both zips.
 */
int zipfile_put(struct slice zip, const struct zipfile_member *members, size_t n, int64_t now_us,
                struct buf *ret_zip, struct err *err) MUST_CHECK;
/* Whether it is a zip of the Python PG-Limiter, by the names of its members. */
bool zipfile_is_old(struct slice zip);
/* Frees the bytes that zipfile_read gave. */
void zipfile_release(struct zipfile_member *members, size_t n);

#endif
