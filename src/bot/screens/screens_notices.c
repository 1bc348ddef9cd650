/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/bot_int.h"
#include "bot/notice/notice_int.h"
#include "service/notice_kinds.h"
#include "base/banned.h"

/* Which notifications are sent, the users of one that stands for many, and the presses of their buttons. */

enum { PER_PAGE = 10 };

static void build_kinds(struct view *v)
{
    int i;

    for (i = 0; i < NOTICE_KINDS; i++) {
        enum setting id = notice_kind_setting((enum notice_kind)i);
        bool on = settings_bool(v->settings, id);
        const char *name = view_word(v, notice_kind_text((enum notice_kind)i), NULL);

        if (i % 2 == 0)
            view_row(v);
        view_button(v, view_check(v, on, name), "anottog", setting_def(id)->key,
                    on ? "false" : "true", NULL);
    }
}

/* The users of a fold that he may see, ten a page, in the order in which it happened to them. */
static void build_fold(struct view *v)
{
    struct notices *n = bot_notices(v->bot);
    const struct note *fold = n ? notices_find(n, v->arg[0], false) : NULL;
    int64_t at = 0, from = v->page * PER_PAGE;
    size_t i;

    if (!fold || strncmp(fold->key, "fold:", 5) != 0) {
        view_say(v, TEXT_N_LIST_GONE, NULL);
        return;
    }
    for (i = 0; i < fold->n_lines; i++) {
        const struct note_line *line = &fold->lines[i];

        if (!line->user_id ||
            (v->admin.panel_admin_id && line->owner_id != v->admin.panel_admin_id))
            continue;
        if (at >= from && at < from + PER_PAGE) {
            if ((at - from) % 2 == 0)
                view_row(v);
            view_button(v, line->text, "scard", view_user(v, line->user_id), NULL);
        }
        at++;
    }
    view_say(v, TEXT_N_LIST_PAGE, "page", view_int(v, v->page + 1), "pages",
             view_int(v, (at + PER_PAGE - 1) / PER_PAGE), "n", view_int(v, at), NULL);
    if ((size_t)fold->count > fold->n_lines)
        view_say(v, TEXT_N_LIST_CUT, "n", view_int(v, fold->count - (int64_t)fold->n_lines), NULL);
    view_row(v);
    if (v->page > 0)
        view_button_page(v, "⬅️", "snfl", v->page - 1, v->arg[0], NULL);
    if (at > from + PER_PAGE)
        view_button_page(v, "➡️", "snfl", v->page + 1, v->arg[0], NULL);
}

static const struct screen screens[] = {
    {.id = "not",
     .title = TEXT_N_NOTIFS,
     .intro = TEXT_N_NOTIFS_INTRO,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .build = build_kinds,
     .entries = ENTRIES(GO("stop"), SETTING(DAILY_SUMMARY_HOUR))},
    {.id = "nfl", .title = TEXT_N_LIST_TITLE, .parent = "susers", .build = build_fold},
    {0},
};

static const struct action actions[] = {
    {.id = "nottog",
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"{0}\":\"{1}\"}",
     .done = TEXT_DONE,
     .then = "snot"},
    {.id = "not", .flags = BOT_LEAVE, .run = notice_pressed, .role = OP_ROLE_OPERATOR},
    {0},
};

const struct bot_part part_notices = {screens, actions, NULL, NULL};
