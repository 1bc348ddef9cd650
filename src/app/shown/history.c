/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/shown/history.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/map.h"
#include "store/db_history.h"
#include "base/banned.h"

enum { TAG_TEXT = 64, ISP_TEXT = 48, NAMES_MAX = 20000 };

struct sighting {
    int64_t user_id, node_id, first_us, last_us;
    struct addr ip;
    uint32_t lines;
    uint8_t tag_len, isp_len;
    char tag[TAG_TEXT];
    char isp[ISP_TEXT];
};

struct history {
    struct owner *owner;
    struct hash_key key;
    struct sighting *rows;
    uint32_t n, cap;
    struct imap
        by_hash; /* 64-bit hash of what makes a row; two rows never share one but by 2^-64 chance */
    uint64_t left_out;
    history_isp_fn isp_of;
    void *isp_arg;
};

void history_set_isp(struct history *h, history_isp_fn fn, void *arg)
{
    h->isp_of = fn;
    h->isp_arg = arg;
}

struct history *history_new(struct owner *owner, struct hash_key key)
{
    struct history *h = calloc(1, sizeof(*h));

    if (!h)
        return NULL;
    h->owner = owner;
    h->key = key;
    imap_init(&h->by_hash, key);
    return h;
}

void history_free(struct history *h)
{
    if (!h)
        return;
    imap_release(&h->by_hash);
    free(h->rows);
    free(h);
}

static struct sighting *add_row(struct history *h, int64_t hash)
{
    if (h->n >= LIMIT_HISTORY_PENDING)
        return NULL;
    if (h->n == h->cap) {
        uint32_t cap = h->cap ? h->cap * 2 : 256;
        struct sighting *p;

        p = realloc(h->rows, cap * sizeof(*p));
        if (!p)
            return NULL;
        h->rows = p;
        h->cap = cap;
    }
    if (imap_put(&h->by_hash, hash, h->n))
        return NULL;
    return &h->rows[h->n++];
}

void history_add(struct history *h, int64_t node_id, const struct record *rec, int64_t now_us)
{
    size_t tag_len = rec->inbound.n > TAG_TEXT ? TAG_TEXT : rec->inbound.n;
    uint64_t tag = tag_len ? hash_bytes(&h->key, rec->inbound.p, tag_len) : 0;
    int64_t hash = (int64_t)hash_u128(&h->key, hash_u128(&h->key, rec->ip.hi, rec->ip.lo) ^ tag,
                                      hash_u128(&h->key, (uint64_t)rec->id, (uint64_t)node_id));
    uint32_t at = imap_get(&h->by_hash, hash);
    struct sighting *s;

    if (at != MAP_FREE) {
        h->rows[at].lines++;
        h->rows[at].last_us = now_us;
        return;
    }
    s = add_row(h, hash);
    if (!s) {
        h->left_out++;
        return;
    }
    *s = (struct sighting){.user_id = rec->id,
                           .node_id = node_id,
                           .first_us = now_us,
                           .last_us = now_us,
                           .ip = rec->ip,
                           .lines = 1,
                           .tag_len = (uint8_t)tag_len};
    if (tag_len)
        memcpy(s->tag, rec->inbound.p, tag_len);
}

uint64_t history_left_out(const struct history *h)
{
    return h->left_out;
}

/* ---- on the owner's thread ---- */

struct batch {
    struct sighting *rows;
    uint32_t n;
};

static int write_batch(struct db *db, void *arg, struct err *err)
{
    const struct batch *b = arg;
    char(*text)[ADDR_TEXT] = malloc((size_t)b->n * sizeof(*text));
    struct db_seen *seen = calloc(b->n, sizeof(*seen));
    uint32_t i;
    int rc = ERR_NOMEM;

    if (text && seen) {
        for (i = 0; i < b->n; i++) {
            const struct sighting *s = &b->rows[i];

            seen[i] = (struct db_seen){.user_id = s->user_id,
                                       .address = slice_of(addr_text(s->ip, text[i])),
                                       .node_id = s->node_id,
                                       .inbound = {s->tag, s->tag_len},
                                       .isp = {s->isp_len ? s->isp : NULL, s->isp_len},
                                       .first_us = s->first_us,
                                       .last_us = s->last_us,
                                       .count = s->lines};
        }
        rc = db_history_add(db, seen, b->n, NULL, err);
    }
    free(text);
    free(seen);
    return rc;
}

static void batch_done(void *arg, int rc, const struct err *err)
{
    struct batch *b = arg;

    if (rc && rc != ERR_CANCELLED)
        log_warning("store", "address history of %u rows lost: %s", b->n, err->text);
    free(b->rows);
    free(b);
}

/* Here and not for every line; by now a provider may have told of it. */
static void add_names(struct history *h)
{
    uint32_t i;

    for (i = 0; h->isp_of && i < h->n && i < NAMES_MAX; i++) {
        struct sighting *s = &h->rows[i];
        struct slice isp = h->isp_of(h->isp_arg, s->ip);
        size_t n = isp.n < ISP_TEXT ? isp.n : ISP_TEXT;

        while (n > 0 && n < isp.n && ((unsigned char)isp.p[n] & 0xc0) == 0x80)
            n--;
        if (n)
            memcpy(s->isp, isp.p, n);
        s->isp_len = (uint8_t)n;
    }
}

void history_flush(struct history *h)
{
    struct batch *b;

    if (h->n == 0)
        return;
    add_names(h);
    b = malloc(sizeof(*b));
    if (!b)
        return;
    *b = (struct batch){h->rows, h->n};
    if (owner_submit(h->owner, OWNER_WRITE, write_batch, batch_done, b)) {
        /* The owner's queue is full: the rows wait here for the next flush. */
        free(b);
        return;
    }
    h->rows = NULL;
    h->n = h->cap = 0;
    imap_release(&h->by_hash);
}
