/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/frame.h"
#include "service/roster.h"
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
