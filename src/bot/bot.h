/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_BOT_H
#define BOT_BOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/loop.h"
#include "service/ops/op.h"
#include "service/texts/texts.h"
#include "telegram/telegram.h"

/*
 * The Telegram bot: menus, commands and free input over the operations of src/service. It reads updates
 * and answers through the transport it is given; it waits for nothing, and holds no rule of the product.
 * Everything on the loop's thread.
 */
struct bot;

/* Who is served. */
struct bot_admin {
    int64_t id;             /* of his Telegram account, and of the private chat with him */
    enum op_role role;      /* never OP_ROLE_UNSAID */
    int64_t panel_admin_id; /* over 0: only the users of this admin of the panel */
    enum text_lang lang;
};

/* As telegram_call: given as a function so that a test can stand in for it. */
typedef void (*bot_call_fn)(struct telegram *tg, const char *method, json_t *params,
                            enum telegram_lane lane, telegram_done_fn fn, void *arg);

/* As telegram_send_file and telegram_download. */
typedef void (*bot_send_file_fn)(struct telegram *tg, const char *method, json_t *params,
                                 enum telegram_lane lane, const char *field, const char *filename,
                                 struct slice bytes, telegram_done_fn fn, void *arg);
typedef void (*bot_download_fn)(struct telegram *tg, const char *file_id, size_t max_bytes,
                                telegram_file_fn fn, void *arg);

struct bot_opts {
    struct loop *loop;
    const struct op_port *port;
    struct telegram *tg; /* first argument of the functions below */
    bot_call_fn call;
    /* NULL: those of the transport itself. */
    bot_send_file_fn send_file;
    bot_download_fn download;
    /* The bot's user name without @, "" when not known yet (telegram_bot_name). */
    const char *(*name)(const struct telegram *tg);
};

/* Makes the bot; sends nothing before bot_started. ERR_NOMEM. */
int bot_new(const struct bot_opts *opts, struct bot **ret_bot) MUST_CHECK;
/* Frees it; answers of operations and calls still on their way come to nothing. NULL is allowed. */
void bot_free(struct bot *bot);
/* Telegram answers (again): tells it the commands, in everybody's language, unless it knows them. */
void bot_started(struct bot *bot);
/* An update of Telegram (telegram_events.on_update): whatever it holds. */
void bot_update(struct bot *bot, json_t *update);
/* Admins or their languages, or the settings, may have changed: the lists of commands are told anew. */
void bot_changed(struct bot *bot);

struct notices;
/* What its notifications' buttons act on; NULL: they do nothing. */
void bot_set_notices(struct bot *bot, struct notices *notices);

/* Whether an account is served, and how; false for a stranger. */
bool bot_admin_of(const struct bot *bot, int64_t user_id, struct bot_admin *ret);
/* Everybody who is served, by number; false past the last. */
bool bot_admin_at(const struct bot *bot, size_t i, struct bot_admin *ret);

#endif
