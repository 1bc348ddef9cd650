/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/num.h"
#include "bot/frame.h"
#include "base/banned.h"

bool bot_admin_at(const struct bot *bot, size_t i, struct bot_admin *ret)
{
    const struct settings *s = bot_settings(bot);
    struct slice rest = slice_of(settings_text(s, SET_ADMIN_IDS)), one;
    int64_t id;

    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (i-- || num_int(one, 1, INT64_MAX, &id))
            continue;
        *ret = (struct bot_admin){.id = id,
                                  .role = OP_ROLE_OWNER,
                                  .lang = text_lang_of(settings_text(s, SET_BOT_LANGUAGE))};
        return true;
    }
    return false;
}

bool bot_admin_of(const struct bot *bot, int64_t user_id, struct bot_admin *ret)
{
    struct bot_admin a;
    size_t i;

    for (i = 0; bot_admin_at(bot, i, &a); i++)
        if (a.id == user_id) {
            *ret = a;
            return true;
        }
    return false;
}
