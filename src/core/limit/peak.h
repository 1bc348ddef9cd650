/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_PEAK_H
#define CORE_LIMIT_PEAK_H

#include <stdint.h>

#include "base/map.h"

/*
 * How many devices each user had at once, at the most, over the last day: what tells how many users a
 * change of a limit would put over it. Eight blocks of three hours, so the last 21 to 24 hours; some 50
 * bytes a user. Numbers end at 255.
 */
enum { PEAK_BLOCKS = 8, PEAK_MAX = 255 };

struct peak {
    int64_t id;
    uint32_t block;            /* number of the latest block noted */
    uint8_t most[PEAK_BLOCKS]; /* devices active at once, by block modulo PEAK_BLOCKS */
    uint8_t wide[PEAK_BLOCKS]; /* the same if active_window were as long as it can be */
};

struct peaks {
    struct peak *rows;
    uint32_t n, cap;
    uint32_t tidied; /* block in which rows of a day ago were last thrown away */
    struct imap by_id;
};

/* None; allocates nothing. */
void peaks_init(struct peaks *p, struct hash_key key);
/* Frees all; empty and usable afterwards. */
void peaks_release(struct peaks *p);
/*
 * Notes that the user has so many devices now, and in the wide window. Without memory it is not noted.
 * O(1); once in three hours O(users).
 */
void peaks_note(struct peaks *p, int64_t id, int64_t now_us, int most, int wide);
/* Called for one user with his peaks. */
typedef void (*peak_fn)(void *arg, int64_t id, int most, int wide);
/* Calls fn for each user of the last day. O(users). */
void peaks_each(const struct peaks *p, int64_t now_us, peak_fn fn, void *arg);

#endif
