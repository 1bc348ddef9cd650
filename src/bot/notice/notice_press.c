/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "bot/bot_int.h"
#include "bot/card_int.h"
#include "bot/notice/notice_int.h"
#include "base/banned.h"

/*
 * Presses of a notification's buttons: the action `not` with what (a letter, notice_keys.c), the note and the
 * number of its message. What was done once is not done again, whoever presses: the message remembers it,
 * also over a restart.
 */

/* One press on its way; freed with its turn. */
struct press {
    struct notices *n;
    char key[NOTE_KEY];
    int64_t msg;
    char what; /* of the act that it is remembered as */
    int64_t limit;
};

static const struct deed {
    char what, act; /* the button's letter; what is remembered */
    enum op_method method;
    const char *path,
        *body; /* {0}: the user, as id:12; {1}: the limit; {3}: whether he is disabled */
} deeds[] = {
    {'e', 'e', OP_POST, "/users/disabled/{0}/enable", NULL},
    {'x', 'x', OP_POST, "/users/except?enable={3}", "{\"username\":\"{0}\",\"reason\":\"{2}\"}"},
    {'L', 'l', OP_POST, "/users/limits?enable={3}", "{\"username\":\"{0}\",\"limit\":\"{#1}\"}"},
    {'V', 'v', OP_POST, "/users/{0}/revoke?confirm=true", NULL},
    {'r', 'r', OP_POST, "/breaker/resume", NULL},
    {'U', 'u', OP_POST, "/breaker/undo?confirm=true", NULL},
    {'H', 'h', OP_PATCH, "/config", "{\"enforcement\":\"on\"}"},
};

static struct place place_of(struct turn *t)
{
    const struct bot_admin *admin = turn_admin(t);

    return (struct place){.chat_id = turn_chat(t),
                          .lang = admin->lang,
                          .acts = admin->role >= OP_ROLE_OPERATOR,
                          .owner = admin->panel_admin_id};
}

static void end_with_who(struct turn *t, struct notices *n, enum text_id id, const char *who)
{
    struct buf name;

    buf_init(&name, 1024);
    notice_who(n, turn_admin(t)->lang, who, &name);
    view_say(turn_note(t), id, "!who", buf_str(&name), NULL);
    buf_release(&name);
    turn_done(t, NULL);
}

/* It was done, by whom is known: the message says so everywhere. */
static void remember(struct press *p, const char *who, bool done)
{
    struct note *note = notices_find(p->n, p->key, false);
    struct note_act *act = note ? note_act(note, p->what) : NULL;

    if (!act)
        return;
    if (!done) {
        *act = note->acts[--note->n_acts];
        return;
    }
    act->done = true;
    act->n = p->limit;
    note_set(act->who, sizeof(act->who), slice_of(who));
    notices_send(p->n, note);
    notices_keep(p->n, note);
}

static void done(struct turn *t, int status, json_t *answer)
{
    struct press *p = *turn_extra(t);
    json_t *row = json_array_get(in_data(answer), 0);
    const char *result = in_text(row ? row : answer, "result");
    bool as_asked = !result || strcmp(result, "enabled") == 0 || strcmp(result, "disabled") == 0;
    char who[64];

    snprintf(who, sizeof(who), "telegram:%lld", (long long)turn_admin(t)->id);
    /* What goes on by itself until it works was done; what there was no need for was not. */
    remember(p, who,
             status < 400 && (as_asked || p->what == 'u' || strcmp(result, "failed") == 0 ||
                              strcmp(result, "waiting") == 0));
    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    if (p->what == 'u')
        card_told_many(turn_note(t), answer);
    else if (!as_asked)
        card_told(turn_note(t), answer);
    else
        view_say(turn_note(t), TEXT_N_DID, NULL);
    turn_done(t, answer);
}

/* What the case itself says of it, done from elsewhere. True: told. */
static bool is_over(struct turn *t, struct press *p, struct note *note)
{
    if (p->what == 'e' && note->event == NOTICE_RELEASED && !note->who[0] && !note->hand) {
        view_say(turn_note(t), TEXT_N_ALREADY_DUE, NULL);
        turn_done(t, NULL);
        return true;
    }
    if ((p->what == 'e' && note->event == NOTICE_RELEASED) ||
        ((p->what == 'r' || p->what == 'u' || p->what == 'h') && note->ended_us)) {
        end_with_who(t, p->n, TEXT_N_ALREADY, note->who);
        return true;
    }
    return false;
}

static void carry_out(struct turn *t, struct press *p, struct note *note, const struct deed *deed)
{
    char user[32], limit[32], who[64], reason[96];
    const char *args[BOT_ARGS] = {user,   limit,
                                  reason, note->event == NOTICE_PUNISHED ? "true" : "false",
                                  "",     ""};
    struct note_act *act = note_act(note, deed->act);
    struct buf path;

    if (act) {
        end_with_who(t, p->n, act->done ? TEXT_N_ALREADY : TEXT_N_DOING, act->who);
        return;
    }
    if (is_over(t, p, note))
        return;
    snprintf(who, sizeof(who), "telegram:%lld", (long long)turn_admin(t)->id);
    if (note->n_acts < NOTE_ACTS) {
        act = &note->acts[note->n_acts++];
        *act = (struct note_act){.what = deed->act};
        note_set(act->who, sizeof(act->who), slice_of(who));
    }
    snprintf(user, sizeof(user), "id:%lld", (long long)note->user_id);
    snprintf(limit, sizeof(limit), "%lld", (long long)p->limit);
    snprintf(reason, sizeof(reason), "%s", text_raw(turn_admin(t)->lang, TEXT_N_REASON));
    buf_init(&path, 512);
    path_fill(&path, deed->path, args, true);
    turn_op(t, deed->method, buf_str(&path), deed->body ? body_fill(deed->body, args) : NULL, done);
    buf_release(&path);
}

/* ---- what a button asks for first ---- */

struct menu {
    struct notices *n;
    struct place place;
    char key[NOTE_KEY];
    char menu;
    int64_t pressed;
};

static void show_keys(void *arg, int64_t message_id)
{
    struct menu *m = arg;
    int64_t id = message_id ? message_id : m->pressed;
    struct note *note = id ? notices_find(m->n, m->key, false) : NULL;
    json_t *keys = note && m->n->tg ? notice_keys(note, &m->place, m->menu) : NULL;

    if (keys)
        telegram_call(m->n->tg, "editMessageReplyMarkup",
                      json_pack("{s:I,s:I,s:{s:o}}", "chat_id", (json_int_t)m->place.chat_id,
                                "message_id", (json_int_t)id, "reply_markup", "inline_keyboard",
                                keys),
                      TELEGRAM_NOW, NULL, NULL);
    free(m);
}

void notices_menu(struct notices *n, const struct note *note, const struct place *place, char menu,
                  int64_t pressed)
{
    struct menu *m = calloc(1, sizeof(*m));
    char slot[NOTE_KEY + 32];

    if (!m)
        return;
    *m = (struct menu){n, *place, "", menu, pressed};
    memcpy(m->key, note->key, sizeof(m->key));
    snprintf(slot, sizeof(slot), "%s:%lld", note->key, (long long)note->msg);
    if (outbox_find(n->o.outbox, place->chat_id, slice_of(slot), show_keys, m))
        free(m);
}

static void show_menu(struct turn *t, struct press *p, struct note *note, char menu)
{
    struct place place = place_of(t);

    notices_menu(p->n, note, &place, menu, turn_pressed(t));
    turn_done(t, NULL);
}

void notice_pressed(struct turn *t)
{
    struct notices *n = bot_notices(turn_bot(t));
    const char *what = turn_arg(t, 0);
    struct press *p = calloc(1, sizeof(*p));
    struct note *note;
    int64_t msg;
    size_t i;

    *turn_extra(t) = p;
    note = n ? notices_find(n, turn_arg(t, 1), false) : NULL;
    if (!p || !note || num_int(slice_of(turn_arg(t, 2)), 0, INT64_MAX, &msg) || note->msg != msg) {
        turn_fail(t, TEXT_N_OLD, NULL);
        return;
    }
    p->n = n;
    p->msg = msg;
    memcpy(p->key, note->key, sizeof(p->key));
    for (i = 0; i < ARRAY_LEN(deeds) && deeds[i].what != what[0]; i++)
        ;
    if (i == ARRAY_LEN(deeds)) {
        show_menu(t, p, note, what[0] == 'c' ? '\0' : what[0]);
        return;
    }
    p->what = deeds[i].act;
    if (what[0] == 'L' && num_int(slice_of(what + 1), 0, 10000, &p->limit)) {
        turn_fail(t, TEXT_N_OLD, NULL);
        return;
    }
    carry_out(t, p, note, &deeds[i]);
}
