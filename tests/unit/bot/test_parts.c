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

/* An operation refuses parameters that it does not know, and a screen would lack that answer. */
static void need_params(const struct op_def *def, struct slice query, const char *kind,
                        const char *id, const char *path)
{
    const struct op_param *p;
    struct slice name, value;

    while (query.n) {
        value = slice_cut(&query, '&');
        name = slice_cut(&value, '=');
        for (p = def->params; p && p->name; p++)
            if (!(p->in & OP_IN_PATH) && slice_eq(name, slice_of(p->name)))
                break;
        need(p && p->name, kind, id, path);
    }
}

static void need_op(enum op_method method, const char *path, const char *kind, const char *id)
{
    struct slice query = slice_of(path), bare = slice_cut(&query, '?');
    const struct op_def *def = op_def_find(method, bare);

    need(def, kind, id, path);
    need_params(def, query, kind, id, path);
}

/* Every path stands for an operation, so that who may press it is known. */
static void operations_are_there(void **state)
{
    const struct screen *s;
    const struct action *a;
    size_t i, k;

    (void)state;
    for (i = 0; (s = screen_at(i)); i++)
        for (k = 0; k < BOT_ASKS && s->ask[k]; k++)
            need_op(OP_GET, s->ask[k], "screen", s->id);
    for (i = 0; (a = action_at(i)); i++)
        if (a->path && a->path[0] != '{')
            need_op(a->method, a->path, "action", a->id);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_are_told_apart),
        cmocka_unit_test(operations_are_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
