/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENFORCE_RULES_H
#define SERVICE_ENFORCE_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "service/enforce/enforce.h"
#include "service/panel_port.h"
#include "store/db_journal.h"

/* The rules of spec/storage.md, "A restore is not blind", as functions without memory. */

/* What is known of a group of the panel; NULL: of none anything, and nobody can be asked. */
struct rules_groups {
    enum enforce_group (*look)(void *ctx, int64_t group_id);
    void *ctx;
};

/* Whether the groups of user are exactly those, in any order. */
bool rules_same_groups(const struct panel_user *user, const int64_t *groups, size_t n);
/*
 * Whether user stands as the method of row leaves one: disabled, or in group row->group_id alone (in none
 * at all when the panel has deleted that group).
 */
bool rules_is_punished(const struct db_row *row, const struct panel_user *user,
                       struct rules_groups groups);
/*
 * Whether that cannot be told yet: he has no group at all, and whether the panel has deleted ours is not
 * known.
 */
bool rules_is_unsure(const struct db_row *row, const struct panel_user *user,
                     struct rules_groups groups);
/* Whether user cannot be the one of the row: created at another time. */
bool rules_is_stranger(const struct db_row *row, const struct panel_user *user);
/*
 * Appends what of a user is compared before a restore, one `name value` a line: what people edit, none
 * of what the panel counts by itself. mark, our own addition to his note, is left out of it and told in
 * a line of its own. ERR_NOMEM, ERR_TOO_BIG.
 */
int rules_add_fields(const struct panel_user *user, struct slice mark, struct buf *out) MUST_CHECK;
/* Appends what tells one set of credentials from another; nothing when the panel does not show them. */
void rules_add_credentials(const struct panel_user *user, struct buf *out);
/*
 * Appends the names of the lines that differ between two texts of rules_add_fields, "note, expire".
 * Groups the panel has deleted since are no difference: nobody edited the user.
 */
void rules_add_changed(struct slice before, struct slice now, struct rules_groups groups,
                       struct buf *out);

enum rules_verdict {
    RULES_RESTORE,
    RULES_DONE,      /* he stands already as the restore would leave him, and a restore was sent */
    RULES_SUPERSEDE, /* why */
    RULES_ASK,       /* it depends on which groups the panel still has, and that is not known */
};

/*
 * What to do with user at due time (or by_hand) for a row that is applied; sent: an enabling call may have
 * got through. changed receives the names of what others have changed (told, not undone).
 */
enum rules_verdict rules_decide(const struct db_row *row, const struct panel_user *user,
                                bool by_hand, bool sent, struct rules_groups groups,
                                struct buf *changed, enum enforce_why *ret_why);
/* Whether edit_at has moved, to the millisecond; STAMP_NONE: never edited. */
bool rules_edit_moved(int64_t before_us, int64_t now_us);
/*
 * For a panel that does not tell its groups however often it is asked: what is to be taken for known when
 * deciding about user. The panel moves edit_at when somebody edits a user's groups, not when a group is
 * deleted. True: the group of disabled users is taken for deleted, by row, which must outlive groups.
 */
bool rules_guess(struct db_row *row, const struct panel_user *user, struct rules_groups *groups);
/*
 * The groups to give back: those of before without the ones known to be gone, or the fallback group when
 * none is left. 0: nothing to give back.
 */
size_t rules_target(const struct db_row *row, int64_t fallback, struct rules_groups groups,
                    int64_t *ret_groups);

#endif
