/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/notice/notice_int.h"
#include "bot/topics.h"
#include "base/banned.h"

/* Who reads a message: the group, or everyone in private who may see what it is about. */

void places_each(struct notices *n, enum notice_kind kind, bool user, int64_t owner_id, place_fn fn,
                 void *arg)
{
    const struct settings *s = n->o.port->settings(n->o.port->app);
    struct place place = {.lang = text_lang_of(settings_text(s, SET_BOT_LANGUAGE)), .acts = true};
    struct bot_admin admin;
    bool group;
    size_t i;

    if (!settings_has(s, SET_BOT_TOKEN))
        return;
    group = topics_place(n->topics, kind, &place.chat_id, &place.thread_id);
    if (group)
        fn(arg, &place);
    for (i = 0; n->o.admin_at(n->o.arg, i, &admin); i++) {
        bool narrow = admin.panel_admin_id > 0;

        /* Who sees some users only is no reader of the group. */
        if (narrow ? !user || (owner_id >= 0 && owner_id != admin.panel_admin_id) : group)
            continue;
        place = (struct place){.chat_id = admin.id,
                               .lang = admin.lang,
                               .acts = admin.role >= OP_ROLE_OPERATOR,
                               .owner = narrow ? admin.panel_admin_id : 0};
        fn(arg, &place);
    }
}
