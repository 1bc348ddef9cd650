/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "bot/card_int.h"
#include "base/banned.h"

/* Who is disabled by rules that hold no more, and users made anew under the name of one who is gone. */

/* ---- rules of before ---- */

static void looked(struct turn *t, int status, json_t *answer)
{
    char target[32];

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    if (!in_int(answer, "freed")) {
        view_say(turn_note(t), TEXT_U_FREED_NONE, NULL);
        turn_go(t, "sdis");
        return;
    }
    snprintf(target, sizeof(target), "sfreed|%lld", (long long)in_int(answer, "freed"));
    turn_go(t, target);
}

static void run_look(struct turn *t)
{
    turn_op(t, OP_POST, "/users/disabled/enable-freed?dry_run=true", NULL, looked);
}

/* {0}: how many; {1}: where No leads to, when a change of rules was made there. */
static void build_freed(struct view *v)
{
    view_say(v, TEXT_U_FREED_N, "n", v->arg[0], NULL);
    view_row(v);
    view_button(v, view_word(v, TEXT_U_FREED_YES, "n", v->arg[0], NULL), "afreed", NULL);
    view_row(v);
    view_target(v, view_word(v, TEXT_U_FREED_NO, NULL), v->arg[1][0] ? v->arg[1] : "sdis");
}

/* ---- made anew ---- */

static void recreated_row(struct view *v, json_t *row)
{
    const char *id = view_user(v, in_int(row, "id")), *name = card_name(v, row);

    view_say(v, TEXT_U_RECR_ROW, "user", name, "id", id, "gone",
             view_user(v, in_int(row, "gone_id")), "time", view_time(v, in_text(row, "gone_since")),
             NULL);
    if (json_is_integer(json_object_get(row, "limit")))
        view_say(v, TEXT_U_RECR_LIMIT, "limit", card_limit(v, in_int(row, "limit")), NULL);
    if (in_bool(row, "excepted")) {
        view_say(v, TEXT_U_RECR_EXCEPT, NULL);
        card_quote(v, in_text(row, "reason"));
    }
    view_button(v, view_word(v, TEXT_U_RECR_TAKE, "user", name, NULL), "arecrt", id, NULL);
    view_button(v, view_word(v, TEXT_U_RECR_DROP, "user", name, NULL), "arecrd", id, NULL);
}

static const struct list recreated_list = {5, TEXT_U_RECR_NONE, recreated_row};

static void run_take(struct turn *t)
{
    char path[64];

    snprintf(path, sizeof(path), "/users/recreated/%s/take", turn_arg(t, 0));
    turn_op(t, OP_POST, path, NULL, card_changed);
}

/* ---- tables ---- */

static const struct screen screens[] = {
    {.id = "freed",
     .title = TEXT_U_FREED,
     .parent = "sdis",
     .role = OP_ROLE_OPERATOR,
     .build = build_freed},
    {.id = "recr",
     .title = TEXT_U_RECR,
     .intro = TEXT_U_RECR_INTRO,
     .parent = "susers",
     .ask = {"/users/recreated"},
     .list = &recreated_list,
     .entries = ENTRIES(GO_AS("srecr", REFRESH))},
    {0},
};

static const struct action actions[] = {
    {.id = "frlook",
     .label = TEXT_U_FREED,
     .run = run_look,
     .then = "sdis",
     .role = OP_ROLE_OPERATOR},
    {.id = "freed",
     .method = OP_POST,
     .path = "/users/disabled/enable-freed",
     .told = card_told,
     .then = "sdis"},
    {.id = "recrt",
     .run = run_take,
     .look = "/users/{0}",
     .ask = TEXT_U_RECR_TAKE_ASK,
     .done = TEXT_U_RECR_TAKEN,
     .then = "srecr",
     .role = OP_ROLE_OPERATOR},
    {.id = "recrd",
     .method = OP_DELETE,
     .path = "/users/recreated/{0}",
     .look = "/users/{0}",
     .ask = TEXT_U_RECR_DROP_ASK,
     .done = TEXT_U_RECR_DROPPED,
     .then = "srecr"},
    {0},
};

const struct bot_part part_back = {screens, actions, NULL, NULL};
