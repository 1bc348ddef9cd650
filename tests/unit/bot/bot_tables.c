/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "bot/frame.h"

/* Prints the tables of the bot and of the settings as JSON, for the walk of the end-to-end tests. */

/* The least role that may use it; owners may use everything. */
static const char *least_role(char kind, const char *id)
{
    static const char *const words[] = {"viewer", "operator", "owner"};
    static const enum op_role roles[] = {OP_ROLE_VIEWER, OP_ROLE_OPERATOR, OP_ROLE_OWNER};
    size_t i;

    for (i = 0; i < ARRAY_LEN(roles); i++) {
        struct bot_admin admin = {.id = 1, .role = roles[i]};

        if (view_may(&admin, kind, id))
            return words[i];
    }
    return "nobody";
}

static json_t *screens(void)
{
    json_t *list = json_array();
    const struct screen *s;
    const struct entry *e;
    size_t i;

    for (i = 0; (s = screen_at(i)); i++) {
        json_t *entries = json_array();

        for (e = s->entries; e && e->kind != ENTRY_END; e++)
            json_array_append_new(entries,
                                  e->kind == ENTRY_GO
                                      ? json_string(e->target)
                                      : json_sprintf("sset|%s", setting_def(e->setting)->key));
        json_array_append_new(list, json_pack("{ss ss so sb ss*}", "id", s->id, "role",
                                              least_role('s', s->id), "entries", entries, "home",
                                              !(s->flags & BOT_NO_HOME), "parent", s->parent));
    }
    return list;
}

static json_t *actions(void)
{
    json_t *list = json_array();
    const struct action *a;
    size_t i;

    for (i = 0; (a = action_at(i)); i++)
        json_array_append_new(list, json_pack("{ss ss sb sb ss*}", "id", a->id, "role",
                                              least_role('a', a->id), "asks", a->ask != TEXT_NONE,
                                              "leaves", a->flags & BOT_LEAVE, "then", a->then));
    return list;
}

static json_t *inputs(void)
{
    json_t *list = json_array();
    const struct input *in;
    size_t i;

    for (i = 0; (in = input_at(i)); i++)
        json_array_append_new(list, json_pack("{ss ss ss* ss*}", "id", in->id, "role",
                                              least_role('i', in->id), "action", in->action, "next",
                                              in->next));
    return list;
}

static json_t *commands(void)
{
    json_t *list = json_array();
    const struct slash *c;
    size_t i;

    for (i = 0; (c = slash_at(i)); i++)
        json_array_append_new(list, json_pack("{ss ss ss* sb}", "id", c->name, "target", c->target,
                                              "bare", c->bare, "listed", c->help != TEXT_NONE));
    return list;
}

static json_t *settings(void)
{
    json_t *list = json_array();
    int i;

    for (i = 0; i < SET_COUNT; i++)
        if (!(setting_def((enum setting)i)->flags & SETTING_STATIC))
            json_array_append_new(list, json_string(setting_def((enum setting)i)->key));
    return list;
}

int main(void)
{
    json_t *all = json_pack("{so so so so so}", "screens", screens(), "actions", actions(),
                            "inputs", inputs(), "commands", commands(), "settings", settings());
    char *text = all ? json_dumps(all, JSON_INDENT(1)) : NULL;

    if (text)
        puts(text);
    free(text);
    json_decref(all);
    return text ? 0 : 1;
}
