/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <stdio.h>
#include <string.h>

#include "bot/frame.h"

/* What the tables of the bot's parts must hold, so that no button leads nowhere or to something else. */

static void need(bool good, const char *kind, const char *id, const char *what)
{
    if (!good)
        fail_msg("%s %s: %s", kind, id, what);
}

static bool fits(const char *id)
{
    return strlen(id) <= BOT_ID && strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789") == strlen(id);
}

static void ids_are_told_apart(void **state)
{
    const struct screen *s;
    const struct action *a;
    const struct input *n;
    const struct slash *c;
    size_t i;

    (void)state;
    for (i = 0; (s = screen_at(i)); i++)
        need(fits(s->id) && screen_find(slice_of(s->id)) == s, "screen", s->id,
             "there twice, or too long");
    for (i = 0; (a = action_at(i)); i++)
        need(fits(a->id) && action_find(slice_of(a->id)) == a, "action", a->id,
             "there twice, or too long");
    for (i = 0; (n = input_at(i)); i++)
        need(fits(n->id) && input_find(slice_of(n->id)) == n, "input", n->id,
             "there twice, or too long");
    for (i = 0; (c = slash_at(i)); i++)
        need(slash_find(slice_of(c->name)) == c, "command", c->name, "there twice");
}

/* Every path stands for an operation, so that who may press it is known. */
static void operations_are_there(void **state)
{
    const struct screen *s;
    const struct action *a;
    struct slice all;
    size_t i, k;

    (void)state;
    for (i = 0; (s = screen_at(i)); i++)
        for (k = 0; k < BOT_ASKS && s->ask[k]; k++) {
            all = slice_of(s->ask[k]);
            need(op_def_find(OP_GET, slice_cut(&all, '?')), "screen", s->id, s->ask[k]);
        }
    for (i = 0; (a = action_at(i)); i++) {
        if (!a->path || a->path[0] == '{')
            continue;
        all = slice_of(a->path);
        need(op_def_find(a->method, slice_cut(&all, '?')), "action", a->id, a->path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_told_apart),
        cmocka_unit_test(operations_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
