/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LIMIT_LIMIT_INT_H
#define CORE_LIMIT_LIMIT_INT_H

/* The inside of struct limits, shared by limit (what is entered) and limit_of (what is asked) only. */

#include "base/map.h"
#include "core/limit/directory.h"
#include "core/limit/limit.h"
#include "core/limit/pattern.h"

/* Values of the rule tables: a limit, or this. Limits end at 10000. */
enum { LIMIT_EXCEPTED = 1 << 20, LIMIT_LARGEST = 10000 };

struct limits {
    struct directory *dir;
    bool borrowed;       /* … another's */
    struct imap by_id;   /* id → limit or LIMIT_EXCEPTED */
    struct smap by_name; /* rules for names whose id is not known; values are index + 1 into … */
    uint32_t *named;     /* … this */
    uint32_t n_named, cap_named;

    struct patterns patterns; /* values are limit + 1 */
    struct patterns owner_patterns;
    struct smap pattern_owners; /* owner → a copy of it, the value of these */

    struct limit_options opt;
    struct imap group_limits;              /* group → limit */
    struct imap group_modes;               /* group → enum policy_mode */
    struct imap filter_groups, filter_ids; /* group, owner's id → 1 */
    struct smap filter_owners;             /* owner's name → not NULL */
};

#endif
