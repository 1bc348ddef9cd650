/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "telegram/tgpace.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/stamp.h"
#include "base/banned.h"

enum {
    GROUP_MESSAGES = 20, /* a minute */
    GROUP_ROOM = 4,      /* of them for urgent ones */
    ALL_MESSAGES = 30,   /* a second */
    ALL_ROOM = 5,
    RING = 32, /* a power of two, over all of these */
};
/* A little more, because what is sent evenly does not arrive so. */
static const int64_t minute_us = 60 * STAMP_SECOND + STAMP_SECOND / 4;
static const int64_t burst_us =
    3 * STAMP_SECOND; /* urgent ones may be that far ahead of one a second */

/* The times of the last messages, newest at n - 1. */
struct ring {
    int64_t at[RING];
    uint32_t n;
};

struct chat {
    int64_t id;
    int64_t blocked_until;
    int64_t paid_until; /* grows by a second with each message, from now at least */
    struct ring sent;
};

struct tgpace {
    struct imap map; /* chat id → place in chats */
    struct chat *chats;
    uint32_t n, cap;
    struct ring answered;
    uint32_t flying; /* sent and not answered */
    int64_t blocked_until;
    int64_t throttled_chat, throttled_until; /* the last one alone */
};

static void ring_add(struct ring *r, int64_t now)
{
    r->at[r->n++ & (RING - 1)] = now;
    /* Never over, whatever the uptime: only the last RING matter. */
    if (r->n == UINT32_MAX - RING)
        r->n = RING + (r->n & (RING - 1));
}

/* How long until fewer than count messages lie within the last span. */
static int64_t ring_wait(const struct ring *r, uint32_t count, int64_t span, int64_t now)
{
    int64_t until;

    if (r->n < count)
        return 0;
    until = r->at[(r->n - count) & (RING - 1)] + span;
    return until > now ? until - now : 0;
}

struct tgpace *tgpace_new(struct hash_key key, int64_t now)
{
    struct tgpace *p = calloc(1, sizeof(*p));
    int i;

    if (!p)
        return NULL;
    imap_init(&p->map, key);
    for (i = 0; i < ALL_MESSAGES - ALL_ROOM; i++)
        ring_add(&p->answered, now);
    return p;
}

void tgpace_free(struct tgpace *p)
{
    if (!p)
        return;
    imap_release(&p->map);
    free(p->chats);
    free(p);
}

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t chat_wait(const struct chat *c, bool counts, bool urgent, int64_t now)
{
    int64_t wait = longer(c->blocked_until - now, 0);

    if (!counts)
        return wait;
    if (c->id < 0)
        wait =
            longer(wait, ring_wait(&c->sent, urgent ? GROUP_MESSAGES : GROUP_MESSAGES - GROUP_ROOM,
                                   minute_us, now));
    return longer(wait, c->paid_until - now - (urgent ? burst_us : 0));
}

/*
 * A message may arrive at any time until its answer does. Counted until a second after that, no second of
 * Telegram's clock ever sees more than ALL_MESSAGES, however long each one was on its way.
 */
static int64_t all_wait(const struct tgpace *p, bool urgent, int64_t now)
{
    uint32_t most = urgent ? ALL_MESSAGES : ALL_MESSAGES - ALL_ROOM;

    if (p->flying >= most)
        return STAMP_SECOND;
    return ring_wait(&p->answered, most - p->flying, STAMP_SECOND, now);
}

int64_t tgpace_wait(const struct tgpace *p, int64_t chat, bool counts, bool urgent, int64_t now)
{
    int64_t wait = longer(p->blocked_until - now, 0);
    uint32_t at = chat ? imap_get(&p->map, chat) : MAP_FREE;

    if (counts)
        wait = longer(wait, all_wait(p, urgent, now));
    return at == MAP_FREE ? wait : longer(wait, chat_wait(&p->chats[at], counts, urgent, now));
}

/* Drops chats about which nothing matters any more. */
static void forget_idle(struct tgpace *p, int64_t now)
{
    uint32_t i = 0;

    while (i < p->n) {
        struct chat *c = &p->chats[i];
        int64_t last = c->sent.n ? c->sent.at[(c->sent.n - 1) & (RING - 1)] : 0;

        if (c->blocked_until > now || last + minute_us > now) {
            i++;
            continue;
        }
        imap_del(&p->map, c->id);
        *c = p->chats[--p->n];
        /* Replacing a value that is there takes no memory. */
        if (i < p->n && imap_put(&p->map, c->id, i))
            abort();
    }
}

static struct chat *chat_of(struct tgpace *p, int64_t id, int64_t now)
{
    uint32_t at = imap_get(&p->map, id), cap;
    struct chat *grown;

    if (at != MAP_FREE)
        return &p->chats[at];
    if (p->n == p->cap || p->n >= LIMIT_TELEGRAM_CHATS)
        forget_idle(p, now);
    if (p->n >= LIMIT_TELEGRAM_CHATS)
        return NULL;
    if (p->n == p->cap) {
        cap = p->cap ? p->cap * 2 : 8;
        grown = realloc(p->chats, cap * sizeof(*grown));
        if (!grown)
            return NULL;
        p->chats = grown;
        p->cap = cap;
    }
    if (imap_put(&p->map, id, p->n))
        return NULL;
    p->chats[p->n] = (struct chat){.id = id};
    return &p->chats[p->n++];
}

int tgpace_sent(struct tgpace *p, int64_t chat, bool counts, int64_t now)
{
    struct chat *c;

    if (!counts)
        return ERR_OK;
    if (chat) {
        c = chat_of(p, chat, now);
        if (!c)
            return ERR_NOMEM;
        ring_add(&c->sent, now);
        c->paid_until = longer(c->paid_until, now) + STAMP_SECOND;
    }
    p->flying++;
    return ERR_OK;
}

void tgpace_answered(struct tgpace *p, bool counts, int64_t now)
{
    if (!counts)
        return;
    p->flying--;
    ring_add(&p->answered, now);
}

void tgpace_throttled(struct tgpace *p, int64_t chat, int64_t wait_us, int64_t now)
{
    int64_t until = now + wait_us;
    struct chat *c = chat ? chat_of(p, chat, now) : NULL;

    if (c)
        c->blocked_until = longer(c->blocked_until, until);
    if (!c || (p->throttled_until > now && p->throttled_chat != chat))
        p->blocked_until = longer(p->blocked_until, until);
    p->throttled_chat = chat;
    p->throttled_until = longer(p->throttled_until, until);
}
