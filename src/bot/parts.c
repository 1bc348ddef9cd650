/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/frame.h"
#include "base/banned.h"

/* The parts of the bot, and what they hold, by id. */

static const struct bot_part *const parts[] = {
    &part_main,    &part_settings, &part_setting, &part_panel,      &part_punish,
    &part_filters, &part_patterns, &part_nodes,   &part_mode,       &part_limits,
    &part_users,   &part_back,     &part_card,    &part_monitoring, &part_reports,
    &part_notices, &part_topics,   &part_admins,  &part_backup,     &part_webhook,
};

#define ROWS(KIND, MEMBER, KEY) \
    const struct KIND *KIND##_at(size_t i) \
    { \
        const struct KIND *row; \
        size_t p; \
\
        for (p = 0; p < ARRAY_LEN(parts); p++) \
            for (row = parts[p]->MEMBER; row && row->KEY; row++) \
                if (i-- == 0) \
                    return row; \
        return NULL; \
    } \
    const struct KIND *KIND##_find(struct slice id) \
    { \
        const struct KIND *row; \
        size_t p; \
\
        for (p = 0; p < ARRAY_LEN(parts); p++) \
            for (row = parts[p]->MEMBER; row && row->KEY; row++) \
                if (slice_eq(slice_of(row->KEY), id)) \
                    return row; \
        return NULL; \
    }

ROWS(screen, screens, id)
ROWS(action, actions, id)
ROWS(input, inputs, id)
ROWS(slash, commands, name)

/* ---- who may ---- */

/* Whether a role and scope may call what a template's path leads to. */
static bool may_call(const struct bot_admin *admin, enum op_method method, const char *path)
{
    struct slice all = slice_of(path), bare = slice_cut(&all, '?');
    const struct op_def *def = op_def_find(method, bare);

    if (!def)
        return true; /* it answers by itself what is wrong */
    if (admin->role < op_role_needed(def))
        return false;
    return !admin->panel_admin_id || def->scope != OP_SCOPE_REFUSED ||
           strstr(def->pattern, "{user}");
}

static bool may_ask(const struct bot_admin *admin, const char *const *ask, unsigned may_fail)
{
    int i;

    for (i = 0; i < BOT_ASKS && ask[i]; i++)
        if (!(may_fail & (1U << i)) && !may_call(admin, OP_GET, ask[i]))
            return false;
    return true;
}

static bool may_act(const struct bot_admin *admin, const struct action *a)
{
    return a && admin->role >= a->role && (!a->path || may_call(admin, a->method, a->path));
}

bool view_may(const struct bot_admin *admin, char kind, const char *id)
{
    const struct screen *screen = screen_find(slice_of(id));
    const struct input *input = input_find(slice_of(id));

    switch (kind) {
    case 's':
    case 'n':
        return screen && admin->role >= screen->role &&
               may_ask(admin, screen->ask, screen->may_fail);
    case 'i':
        if (!input || admin->role < input->role || !may_ask(admin, input->ask, 0))
            return false;
        if (input->next)
            return view_may(admin, 'i', input->next);
        return !input->action || may_act(admin, action_find(slice_of(input->action)));
    default:
        return may_act(admin, action_find(slice_of(id)));
    }
}
