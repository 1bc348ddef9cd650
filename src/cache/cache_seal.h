/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_CACHE_SEAL_H
#define CACHE_CACHE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/*
 * Whoever reaches Redis can read and write it: values go there sealed (AES-256-GCM, NIST SP 800-38D)
 * with a key that never leaves the database of this installation, bound to their name and to the access
 * to the panel they came from. What was changed, moved, made by others, or kept under another panel,
 * user or password does not open. Names are keyed hashes (HMAC-SHA256).
 *
 * A sealed value: version 1 (1 byte), nonce (12), ciphertext, tag (16); inside, when it ends
 * (microseconds since 1970, 8 bytes, big end first), then the value.
 */
enum { CACHE_KEY = 32, CACHE_SEALED_MORE = 1 + 12 + 8 + 16, CACHE_NAME_TEXT = 33 };

struct cache_seal;

/* access: whatever tells one access to a panel from another. ERR_NOMEM (also: no such cipher). */
int cache_seal_new(const unsigned char *key, struct slice access,
                   struct cache_seal **ret_seal) MUST_CHECK;
/* Overwrites and frees. NULL is allowed. */
void cache_seal_free(struct cache_seal *s);
/* Writes the hash of a name: 32 hexadecimal digits. */
void cache_seal_name(const struct cache_seal *s, struct slice name, char text[CACHE_NAME_TEXT]);
/* Appends value, sealed under name until until_us. ERR_NOMEM, ERR_TOO_BIG (out's maximum). */
int cache_seal_close(const struct cache_seal *s, struct slice name, struct slice value,
                     int64_t until_us, struct buf *out) MUST_CHECK;
/* Appends what was sealed under name. ERR_CORRUPT: not by this seal; ERR_NOMEM, ERR_TOO_BIG. */
int cache_seal_open(const struct cache_seal *s, struct slice name, struct slice sealed,
                    int64_t *ret_until_us, struct buf *out) MUST_CHECK;

#endif
