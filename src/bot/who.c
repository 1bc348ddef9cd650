/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "bot/frame.h"
#include "service/roster.h"
#include "store/db_admins.h"
#include "base/banned.h"

static const struct roster *roster(const struct bot *bot)
{
    const struct op_port *port = bot->opts.port;

    return port->roster ? port->roster(port->app) : NULL;
}

static struct bot_admin served(const struct roster_admin *a)
{
    return (struct bot_admin){a->id, a->role, a->panel_admin_id, a->lang};
}

bool bot_admin_at(const struct bot *bot, size_t i, struct bot_admin *ret)
{
    struct roster_admin a;

    if (!roster_at(roster(bot), bot_settings(bot), i, &a))
        return false;
    *ret = served(&a);
    return true;
}

bool bot_admin_of(const struct bot *bot, int64_t user_id, struct bot_admin *ret)
{
    struct roster_admin a;

    if (!roster_find(roster(bot), bot_settings(bot), user_id, &a))
        return false;
    *ret = served(&a);
    return true;
}

const char *bot_name_of(const struct bot *bot, int64_t user_id)
{
    struct roster_admin a;

    return roster_find(roster(bot), bot_settings(bot), user_id, &a) ? a.name : "";
}

/* ---- names ---- */

struct naming {
    struct bot *bot; /* NULL: gone meanwhile */
    int64_t id;
    char name[LIMIT_ADMIN_NAME + 1];
};

static int write_name(struct db *db, void *arg, struct err *err)
{
    const struct naming *j = arg;

    return db_names_put(db, j->id, slice_of(j->name), err);
}

static void written(void *arg, int rc, const struct err *err)
{
    struct naming *j = arg;
    struct bot *bot = j->bot;

    (void)err;
    free(j);
    if (!bot)
        return;
    bot->naming = NULL;
    if (!rc && bot->opts.port->changed)
        bot->opts.port->changed(bot->opts.port->app, OP_CHANGED_ADMINS);
}

void bot_learn_name(struct bot *bot, json_t *from)
{
    int64_t id = json_integer_value(json_object_get(from, "id"));
    const char *first = json_string_value(json_object_get(from, "first_name"));
    const char *last = json_string_value(json_object_get(from, "last_name"));
    const struct op_port *port = bot->opts.port;
    char name[LIMIT_ADMIN_NAME + 1];
    struct roster_admin a;
    struct naming *j;
    size_t n;

    if (bot->naming || !first || !first[0] || !roster_find(roster(bot), bot_settings(bot), id, &a))
        return;
    snprintf(name, sizeof(name), "%s%s%s", first, last && last[0] ? " " : "",
             last && last[0] ? last : "");
    /* Cut between two characters. */
    for (n = strlen(name); n && ((unsigned char)name[n - 1] & 0xc0) == 0x80; n--)
        ;
    if (n && name[n - 1] & 0x80 && !utf8_len(slice_of(name + n - 1)))
        name[n - 1] = '\0';
    if (a.own_name || strcmp(a.name, name) == 0 || !(j = calloc(1, sizeof(*j))))
        return;
    *j = (struct naming){.bot = bot, .id = id};
    memcpy(j->name, name, sizeof(j->name));
    bot->naming = j;
    if (port->submit(port->store, OWNER_WRITE, write_name, written, j)) {
        bot->naming = NULL;
        free(j);
    }
}

void bot_forget_naming(struct bot *bot)
{
    if (bot->naming)
        bot->naming->bot = NULL;
}
