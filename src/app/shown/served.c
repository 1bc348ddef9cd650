/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "app/daemon.h"
#include "base/log.h"
#include "bot/bot.h"
#include "bot/notice/notice.h"
#include "telegram/outbox.h"
#include "telegram/telegram.h"
#include "base/banned.h"

/* The copy of the tables of admins that the bot goes by. */

struct reading {
    struct daemon *d;
    struct roster roster;
};

static int read_tables(struct db *db, void *arg, struct err *err)
{
    struct reading *r = arg;

    return roster_load(db, &r->roster, err);
}

/* He may not have opened the bot yet: then Telegram refuses, and /start greets him. */
static void welcome(struct daemon *d, const struct roster_admin *a)
{
    struct text_arg args[] = {{"role", NULL, false}, {NULL, NULL, false}};
    struct outbox_item item = {.chat_id = a->id, .method = "sendMessage"};
    struct buf text;
    json_t *params;

    if (!d->telegram || !d->outbox)
        return;
    args[0].value = text_raw(a->lang, a->role == OP_ROLE_OWNER      ? TEXT_ROLE_OWNER
                                      : a->role == OP_ROLE_OPERATOR ? TEXT_ROLE_OPERATOR
                                                                    : TEXT_ROLE_VIEWER);
    buf_init(&text, 4096);
    text_add_html(&text, a->lang, TEXT_ADMIN_WELCOME, args);
    params = json_pack("{ss ss}", "text", buf_str(&text), "parse_mode", "HTML");
    item.params = params;
    if (!params || outbox_put(d->outbox, &item, a->lang))
        log_warning("bot", "the new admin %lld is not welcomed: the outbox is full",
                    (long long)a->id);
    json_decref(params);
    buf_release(&text);
}

/* The commands of one who is no longer served go from beside his field of input. */
static void take_commands(struct daemon *d, int64_t id)
{
    if (d->telegram)
        telegram_call(d->telegram, "deleteMyCommands",
                      json_pack("{s{ss sI}}", "scope", "type", "chat", "chat_id", (json_int_t)id),
                      TELEGRAM_NOW, NULL, NULL);
}

static void greet(struct daemon *d, const struct roster *before)
{
    struct roster_admin a, known;
    char id[32];
    size_t i;

    for (i = 0; roster_at(before, &d->settings, i, &a); i++)
        if (!roster_find(&d->roster, &d->settings, a.id, &known))
            take_commands(d, a.id);

    for (i = 0; roster_at(&d->roster, &d->settings, i, &a); i++) {
        if (roster_find(before, &d->settings, a.id, &known))
            continue;
        snprintf(id, sizeof(id), "%lld", (long long)a.id);
        notice_put(d->notices, &(struct notice){.event = NOTICE_ADMIN_NEW,
                                                .at_us = daemon_now(d),
                                                .name = slice_of(a.name[0] ? a.name : id),
                                                .who = slice_of(a.added_by),
                                                .text = slice_of(op_role_word(a.role))});
        welcome(d, &a);
    }
}

static void told(void *arg, int rc, const struct err *err)
{
    struct reading *r = arg;
    struct daemon *d = r->d;

    if (rc && rc != ERR_CANCELLED)
        log_error("bot", "a change of the admins is kept but not in force: %s", err->text);
    if (!rc && !d->stopping) {
        struct roster before = d->roster;

        d->roster = r->roster;
        r->roster = before;
        greet(d, &before);
        if (d->bot)
            bot_changed(d->bot);
    }
    roster_release(&r->roster);
    free(r);
}

int served_load(struct daemon *d, struct db *db, struct err *err)
{
    return roster_load(db, &d->roster, err);
}

void served_reload(struct daemon *d)
{
    struct reading *r = calloc(1, sizeof(*r));

    if (r)
        r->d = d;
    if (!r || owner_submit(d->owner, OWNER_READ, read_tables, told, r)) {
        free(r);
        log_error("bot", "a change of the admins is kept but not in force: the database is busy");
    }
}

const struct roster *served_roster(void *app)
{
    return &((struct daemon *)app)->roster;
}
