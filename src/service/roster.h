/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ROSTER_H
#define SERVICE_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/limits.h"
#include "service/ops/op.h"
#include "service/settings/settings.h"
#include "service/texts/texts.h"

struct db;

/*
 * Who is served by the bot: the owners of ADMIN_IDS, read out of the settings at every question, and a copy
 * of the tables admins and admin_languages. Whoever changes the tables has it loaded anew.
 */
struct roster_row {
    int64_t id, panel_admin_id;
    enum op_role role;
    char name[LIMIT_ADMIN_NAME + 1];
    int64_t added_us;
    char added_by[64];
};
struct roster_lang {
    int64_t id;
    enum text_lang lang;
};
/* What Telegram calls him: of those who have written to the bot. */
struct roster_name {
    int64_t id;
    char name[LIMIT_ADMIN_NAME + 1];
};
struct roster {
    struct roster_row *rows;
    size_t n;
    struct roster_lang *langs;
    size_t n_langs;
    struct roster_name *names;
    size_t n_names;
};

/* One who is served. */
struct roster_admin {
    int64_t id;
    enum op_role role;
    int64_t panel_admin_id; /* 0: everyone's users */
    enum text_lang lang;    /* his own, else bot_language */
    bool own_lang;
    bool fixed;       /* of ADMIN_IDS: cannot be changed or removed here */
    const char *name; /* given when he was added, else Telegram's; "" when there is none */
    bool own_name;    /* given when he was added */
    int64_t added_us; /* STAMP_NONE for those who are fixed */
    const char *added_by;
};

/* Reads both tables. On an error ret_roster is as it was. ERR_NOMEM, or the database's. */
int roster_load(struct db *db, struct roster *ret_roster, struct err *err) MUST_CHECK;
/* Frees the rows; nobody is in it then. */
void roster_release(struct roster *r);
/* Who has this account: false for a stranger. r NULL: ADMIN_IDS alone. */
bool roster_find(const struct roster *r, const struct settings *s, int64_t id,
                 struct roster_admin *ret);
/* Everyone by number, those of ADMIN_IDS first, each once; false past the last. */
bool roster_at(const struct roster *r, const struct settings *s, size_t i,
               struct roster_admin *ret);
/* How many owners there are. */
size_t roster_owners(const struct roster *r, const struct settings *s);

#endif
