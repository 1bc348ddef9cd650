/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_DIRECTORY_H
#define CORE_LIMIT_DIRECTORY_H

#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/slice.h"
#include "core/limit/traits.h"

/*
 * Panel id ↔ user name, both ways, and what the panel said of the user last, in about 50 bytes a user:
 * names lie in one arena, both indexes hold 32-bit row numbers, groups and owners are kept once.
 */
struct directory_row {
    int64_t id;
    uint32_t off;
    uint16_t len;    /* 0: the name it had is another user's now */
    uint16_t hwid;   /* devices; 0 = none, HWID_UNKNOWN */
    uint32_t groups; /* a set of traits.h; 0 = not known */
    uint32_t owner;  /* an owner of traits.h; 0 = not known */
};

enum { HWID_UNKNOWN = 0xffff };

struct directory {
    struct directory_row *rows;
    uint32_t n, cap;
    char *names;
    uint32_t names_n, names_cap;
    uint32_t *by_id, *by_name; /* row + 1, 0 = free */
    uint32_t slots;            /* of each index; a power of two, or 0 */
    struct groupsets groups;
    struct owners owners;
    struct hash_key key;
};

/* An empty directory; allocates nothing. */
void directory_init(struct directory *d, struct hash_key key);
/* Frees all; empty and usable afterwards. */
void directory_release(struct directory *d);
/*
 * Tells the name of an id; a former name is replaced, and another id that bore this one has none from
 * then on: the panel knows each name once. O(1). 1 when something changed, 0 when not, ERR_NOMEM,
 * ERR_INVALID (id below 1, empty name), ERR_TOO_BIG (name over LIMIT_EMAIL, or 2^31 users).
 */
int directory_put(struct directory *d, int64_t id, struct slice name) MUST_CHECK;
/* The row of an id, NULL when it has none; valid until the next put. Its name and id are not to be
 * written to. O(1). */
struct directory_row *directory_row(const struct directory *d, int64_t id);
/* The name of a row; n 0 when it has none. */
struct slice directory_row_name(const struct directory *d, const struct directory_row *row);
/* The name of id, p NULL when unknown; valid until the next put. O(1). */
struct slice directory_name(const struct directory *d, int64_t id);
/* The id that bears the name now, 0 when none. O(1). */
int64_t directory_id(const struct directory *d, struct slice name);

#endif
