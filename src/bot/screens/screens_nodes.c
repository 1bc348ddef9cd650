/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "base/num.h"
#include "bot/card_int.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/* Which nodes are behind a CDN, and which are not counted. */

static bool holds(struct view *v, enum setting id, int64_t node)
{
    struct slice rest = slice_of(settings_text(v->settings, id));
    int64_t n;

    while (rest.p && rest.n)
        if (!num_int(slice_trim(slice_cut(&rest, ',')), 0, INT64_MAX, &n) && n == node)
            return true;
    return false;
}

static void node_row(struct view *v, json_t *row)
{
    static const struct {
        enum setting id;
        const char *sign;
    } marks[] = {{SET_CDN_NODES, "☁️"}, {SET_DISABLED_NODES, "🚫"}};
    const char *name = in_text(row, "name"), *id = view_int(v, in_int(row, "id"));
    size_t i;

    view_html(v, "• ");
    view_plain(v, view_fmt(v, "%s (%s)", name ? name : "?", id));
    for (i = 0; i < ARRAY_LEN(marks); i++) {
        bool in = holds(v, marks[i].id, in_int(row, "id"));

        if (in)
            view_html(v, " %s", marks[i].sign);
        view_button(v, view_check(v, in, view_fmt(v, "%s %s", marks[i].sign, name ? name : id)),
                    "anodset", setting_def(marks[i].id)->key, id, in ? "0" : "1",
                    view_int(v, v->page), NULL);
    }
    view_html(v, "\n");
    card_coverage(v, row);
}

static void run_set(struct turn *t)
{
    setting_list_change(t, turn_arg(t, 0), turn_arg(t, 1), strcmp(turn_arg(t, 2), "1") == 0);
}

static const struct list nodes = {8, TEXT_NODES_NONE, node_row};

static const struct screen screens[] = {
    {.id = "nod",
     .title = TEXT_NODES,
     .intro = TEXT_NODES_INTRO,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .ask = {"/nodes"},
     .list = &nodes,
     .entries = ENTRIES(SETTING(CDN_INBOUNDS), SETTING(CDN_NODES), SETTING(DISABLED_NODES))},
    {0},
};

static const struct action actions[] = {
    {.id = "nodset",
     .run = run_set,
     .told = setting_told,
     .then = "snod/{3}",
     .role = OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_nodes = {screens, actions, NULL, NULL};
