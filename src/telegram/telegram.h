/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_TELEGRAM_H
#define TELEGRAM_TELEGRAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/loop.h"
#include "net/worker.h"
#include "store/owner.h"

/*
 * A Telegram bot's way to the Bot API (https://core.telegram.org/bots/api): long polling, calls, files.
 * Everything on the loop thread; nothing here waits. Receiving and sending know nothing of each other:
 * a slow or refused send never delays an update.
 *
 * The token stands in every URL. It is never logged, and taken out of every error text.
 */
struct telegram;

/* How it stands with Telegram, told by on_state whenever it changes. */
enum telegram_state {
    TELEGRAM_STARTING,    /* nothing is known yet */
    TELEGRAM_OK,          /* updates are received */
    TELEGRAM_UNREACHABLE, /* no connection, no answer, 5xx: tried again with growing waits */
    TELEGRAM_TOKEN,       /* 401: the token is wrong, or was revoked */
    TELEGRAM_WRONG_URL, /* 404, or what answers is no Bot API: TELEGRAM_API_URL, a proxy, a censor */
    TELEGRAM_OTHER_POLLER, /* 409: another program receives this bot's updates */
};

/* Which of two queues a call goes through; both keep Telegram's limits and a 429's retry_after. */
enum telegram_lane {
    /*
     * Answers to presses and input, the program's own questions: never behind TELEGRAM_BULK. A 429 is
     * waited for and the call made again, by itself, as long as that is at most 20 s.
     */
    TELEGRAM_NOW,
    /* What may take its time (the outbox). A 429 is handed back: the caller holds the message. */
    TELEGRAM_BULK,
};

/* Telegram's answer. Everything is valid during the callback only; json_incref what is to be kept. */
struct telegram_answer {
    bool ok;
    int error_code;          /* Telegram's, e.g. 400; 0 when ok */
    const char *description; /* Telegram's words, e.g. "Bad Request: chat not found"; never NULL */
    int64_t retry_after_s;   /* of a 429; -1: none */
    int64_t migrate_to;      /* the group's new chat id (400, upgraded to a supergroup); 0: none */
    json_t *result;          /* borrowed; NULL unless ok */
};

/*
 * In the description of a 400 for an edit after which the message would be as it is. Such an edit is not even
 * sent when the message is known to show just that, and gets the same answer.
 */
#define TELEGRAM_NOT_MODIFIED "message is not modified"

/*
 * The end of a call, exactly once, never inside the function that made it.
 *  rc 0: Telegram answered, whether ok or not.
 *  Otherwise answer is NULL. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_TLS, ERR_PROTOCOL, ERR_NOMEM, ERR_TOO_BIG:
 *  the request was never sent whole, nothing was carried out. ERR_UNSURE: it had been sent when the
 *  connection broke, no answer came in time, or a gateway's came: carried out or not, nobody knows.
 *  ERR_CANCELLED: telegram_free.
 */
typedef void (*telegram_done_fn)(void *arg, int rc, const struct telegram_answer *answer);

struct telegram_events {
    /*
     * An update, once and in order: its number is on its way to the database before this is called (a
     * job of the owner, so everything that on_update submits is committed after it, and a process killed
     * in between never handles one twice). update is borrowed and an object with an update_id.
     */
    void (*on_update)(void *arg, json_t *update);
    /* The state changed; text is a sentence with the cure, in English, without the token. */
    void (*on_state)(void *arg, enum telegram_state state, const char *text);
    /*
     * A group was upgraded: everything kept under its old id belongs under the new one. Told for the message
     * about it, before on_update, and for each call that is refused for it. May be NULL.
     */
    void (*on_migrate)(void *arg, int64_t from_chat, int64_t to_chat);
};

struct telegram_opts {
    struct loop *loop;
    struct worker *worker;
    /*
     * The database: the number of the last update is kept there, per bot. NULL: nothing is received, only
     * the state is found out, once (getMe), which disturbs nobody who receives.
     */
    owner_submit_fn submit;
    void *store;
    const char *token;
    const char *api_url; /* without the final slash; http or https */
    /*
     * http, https or socks5h URLs separated by commas, LIMIT_TELEGRAM_PROXIES at most; "direct" is for none.
     * The first is used; when Telegram cannot be reached through one, the next, round and round. NULL or "":
     * none.
     */
    const char *proxy;
    struct telegram_events events;
    void *arg;
};

/*
 * Makes the bot's transport and begins to receive. Texts are copied. Nothing is called before the next
 * turn of the loop. ERR_INVALID with a text (a token or URL of a wrong form), ERR_NOMEM.
 */
int telegram_new(const struct telegram_opts *opts, struct telegram **ret_tg,
                 struct err *err) MUST_CHECK;
/* Ends every call (done with ERR_CANCELLED or ERR_UNSURE, at once) and frees. NULL is allowed. */
void telegram_free(struct telegram *tg);

/*
 * Calls method with params (stolen, also on failure; NULL: none). fn may be NULL. What cannot even be
 * queued (no memory, LIMIT_TELEGRAM_CALLS waiting) is told through fn as well: ERR_NOMEM, ERR_TOO_BIG;
 * in the one case that there is no memory for the call itself, at once.
 */
void telegram_call(struct telegram *tg, const char *method, json_t *params, enum telegram_lane lane,
                   telegram_done_fn fn, void *arg);
/*
 * The same with a file (multipart/form-data): bytes (copied; at most LIMIT_TELEGRAM_UPLOAD, 50 MB by the
 * Bot API) go as `field` under filename, params as form fields.
 */
void telegram_send_file(struct telegram *tg, const char *method, json_t *params,
                        enum telegram_lane lane, const char *field, const char *filename,
                        struct slice bytes, telegram_done_fn fn, void *arg);

/*
 * The end of a download: rc 0 with the content (buf_take keeps it), else content is NULL and text says
 * in English why, for a person. ERR_TOO_BIG: larger than max_bytes, or than the 20 MB that the Bot API
 * gives out.
 */
typedef void (*telegram_file_fn)(void *arg, int rc, const char *text, struct buf *content);
/* Fetches a file that somebody has sent (getFile, then its content). fn exactly once, later. */
void telegram_download(struct telegram *tg, const char *file_id, size_t max_bytes,
                       telegram_file_fn fn, void *arg);

/*
 * How long until a message of lane BULK may go to chat: 0 now, else microseconds of real time. Never
 * while Telegram is not to be had: INT64_MAX; on_state tells when to ask again.
 */
int64_t telegram_wait_us(const struct telegram *tg, int64_t chat_id);
/* How it stands, and in words (as on_state). */
enum telegram_state telegram_state(const struct telegram *tg);
const char *telegram_state_text(const struct telegram *tg);
/* "ok", "unreachable", "token", "wrong_url", "other_poller", "starting". */
const char *telegram_state_name(enum telegram_state state);
/* The proxy in use, without a login: "socks5h://host:port", "direct"; "" when none was given. */
const char *telegram_via(const struct telegram *tg);
/* The bot's user name without @, "" until getMe answered; its id, 0 until then. */
const char *telegram_bot_name(const struct telegram *tg);
int64_t telegram_bot_id(const struct telegram *tg);

struct telegram_stats {
    uint64_t updates;   /* handed to on_update */
    uint64_t calls;     /* answered ok */
    uint64_t refused;   /* answered with an error, 429 left out */
    uint64_t throttled; /* answered 429 */
    uint64_t failed;    /* without an answer */
    uint32_t waiting;   /* queued or on their way */
    int64_t last_us;    /* when getUpdates answered last, since 1970; 0: never */
};
/* Figures for status and metrics. */
struct telegram_stats telegram_stats(const struct telegram *tg);

#endif
