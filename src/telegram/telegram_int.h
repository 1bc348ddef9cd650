/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_TELEGRAM_INT_H
#define TELEGRAM_TELEGRAM_INT_H

/* What the parts of the transport share; nobody else includes this. */

#include "base/limits.h"
#include "core/backoff.h"
#include "net/http.h"
#include "telegram/telegram.h"
#include "telegram/tganswer.h"
#include "telegram/tgpace.h"
#include "telegram/tgshown.h"

enum { TG_LANES = 2, TG_OFFSET_KEY = 64 };

/* A call, queued or on its way. */
struct tg_call {
    struct tg_call *prev, *next;
    struct telegram *tg;
    struct http_call *http; /* NULL: queued */
    enum telegram_lane lane;
    char method[48];
    int64_t chat;       /* 0: to none */
    bool counts;        /* a message, for the pace */
    bool repeatable;    /* does no harm twice */
    int64_t message_id; /* of what it edits; 0: nothing */
    uint64_t mark;      /* of what a message will show by it; 0: not known */
    bool crossed; /* another of the same message was on its way meanwhile: which came first? */
    int64_t queued_us, deadline_us;
    struct buf body;
    char type[96]; /* Content-Type */
    int fail_rc;   /* told without having been sent; ERR_OK: it would change nothing */
    telegram_done_fn fn;
    void *arg;
};

struct tg_list {
    struct tg_call *first, *last;
    uint32_t n;
};

struct tg_download;

struct telegram {
    struct loop *loop;
    struct http *http;
    owner_submit_fn submit;
    void *store;
    struct telegram_events events;
    void *arg;
    char *token;
    char *api_url;
    char offset_key[TG_OFFSET_KEY];
    bool freeing;

    /* telegram.c: ways to Telegram */
    struct worker *worker;
    char *proxies[LIMIT_TELEGRAM_PROXIES]; /* NULL: direct */
    size_t n_proxies, proxy;               /* the one in use */
    char via[300];

    /* tgcall.c */
    struct tg_list queue[TG_LANES], flying, failed; /* failed: not to be sent at all */
    uint32_t n_flying[TG_LANES];
    struct tgpace *pace;
    struct tgshown shown;
    int64_t pace_scale; /* 1, but in tests ($PG_PACE_SCALE) */
    struct loop_timer *pump_timer;

    /* tgfile.c */
    struct tg_download *downloads;

    /* tgpoll.c */
    struct loop_timer *poll_timer;
    struct http_call *polling, *probing; /* getUpdates; getMe or deleteWebhook */
    struct tg_offset *loading;           /* the job that reads the offset; NULL: read */
    struct backoff backoff;
    int64_t last_id;      /* of the last update; -1: none */
    int64_t last_seen_us; /* when it came, since 1970 */
    bool one_by_one;      /* a batch could not be read: find the update that is to blame */
    bool webhook;         /* to be deleted before the next poll */
    size_t tried;         /* proxies, since Telegram was last reached */
    bool other_proxy;     /* to be changed before the next try */
    int poll_s;           /* how long a poll may wait */
    int64_t polled_us;    /* when it began */
    bool poll_cut;        /* it broke, and Telegram is asked whether it is there */
    enum telegram_state state;
    char state_text[ERR_TEXT_MAX];
    char bot_name[64];
    int64_t bot_id;
    struct telegram_stats stats;
};

/* telegram.c. Goes on by the next proxy: every call on its way ends. Not within an answer. */
void tg_next_proxy(struct telegram *tg);

/* tgcall.c. Sets up queues and timer; ERR_NOMEM. */
int tgcall_setup(struct telegram *tg) MUST_CHECK;
/* Ends every call with ERR_CANCELLED. */
void tgcall_release(struct telegram *tg);
/* Sends what may go, soon. */
void tgcall_pump(struct telegram *tg);
/* Starts an HTTP request of method with a body of JSON, outside of the queues. */
int tgcall_start(struct telegram *tg, const char *method, struct slice body, const char *type,
                 bool repeatable, int64_t deadline_us, http_done_fn done, void *arg,
                 struct http_call **ret_call) MUST_CHECK;
/* Appends the URL of a method, or of a file. */
void tgcall_add_url(const struct telegram *tg, struct buf *out, const char *kind,
                    const char *method);
/* Takes the token out of a text. */
void tgcall_scrub(const struct telegram *tg, char *text);

/* tgpoll.c. Reads the offset, then begins. */
int tgpoll_setup(struct telegram *tg) MUST_CHECK;
void tgpoll_release(struct telegram *tg);
/* A call found nobody: asks whether Telegram is still to be had, although a long poll waits. */
void tgpoll_suspect(struct telegram *tg);

/* tgfile.c. */
void tgfile_release(struct telegram *tg);

#endif
