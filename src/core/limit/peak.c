/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/limit/peak.h"

#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "base/banned.h"

static const int64_t block_us = 3 * 3600 * STAMP_SECOND;

void peaks_init(struct peaks *p, struct hash_key key)
{
    *p = (struct peaks){0};
    imap_init(&p->by_id, key);
}

void peaks_release(struct peaks *p)
{
    struct hash_key key = p->by_id.key;

    free(p->rows);
    imap_release(&p->by_id);
    peaks_init(p, key);
}

static bool is_old(const struct peak *row, uint32_t block)
{
    /* A clock set back leaves rows of the future: they are of no day of ours. */
    return row->block > block || block - row->block >= PEAK_BLOCKS;
}

static void tidy(struct peaks *p, uint32_t block)
{
    uint32_t i = 0;

    p->tidied = block;
    while (i < p->n) {
        if (!is_old(&p->rows[i], block)) {
            i++;
            continue;
        }
        imap_del(&p->by_id, p->rows[i].id);
        p->rows[i] = p->rows[--p->n];
        /* The key is there already: no memory is needed. */
        if (i < p->n && imap_put(&p->by_id, p->rows[i].id, i))
            return;
    }
}

static struct peak *row_of(struct peaks *p, int64_t id)
{
    uint32_t at = imap_get(&p->by_id, id);

    if (at != MAP_FREE)
        return &p->rows[at];
    if (p->n == p->cap) {
        uint32_t cap = p->cap ? p->cap + p->cap / 2 : 64;
        struct peak *rows = realloc(p->rows, cap * sizeof(*rows));

        if (!rows)
            return NULL;
        p->rows = rows;
        p->cap = cap;
    }
    if (imap_put(&p->by_id, id, p->n))
        return NULL;
    p->rows[p->n] = (struct peak){.id = id};
    return &p->rows[p->n++];
}

/* Empties the blocks that have gone by since the row was noted. */
static void turn_to(struct peak *row, uint32_t block)
{
    uint32_t b;

    if (is_old(row, block)) {
        memset(row->most, 0, sizeof(row->most));
        memset(row->wide, 0, sizeof(row->wide));
    } else {
        for (b = row->block + 1; b <= block; b++)
            row->most[b % PEAK_BLOCKS] = row->wide[b % PEAK_BLOCKS] = 0;
    }
    row->block = block;
}

static void raise(uint8_t *at, int n)
{
    if (n > *at)
        *at = (uint8_t)(n > PEAK_MAX ? PEAK_MAX : n);
}

void peaks_note(struct peaks *p, int64_t id, int64_t now_us, int most, int wide)
{
    uint32_t block = (uint32_t)(now_us / block_us);
    struct peak *row;

    if (block != p->tidied)
        tidy(p, block);
    row = row_of(p, id);
    if (!row)
        return;
    if (row->block != block)
        turn_to(row, block);
    raise(&row->most[block % PEAK_BLOCKS], most);
    raise(&row->wide[block % PEAK_BLOCKS], wide > most ? wide : most);
}

void peaks_each(const struct peaks *p, int64_t now_us, peak_fn fn, void *arg)
{
    uint32_t block = (uint32_t)(now_us / block_us), i, b;

    for (i = 0; i < p->n; i++) {
        const struct peak *row = &p->rows[i];
        int most = 0, wide = 0;

        if (is_old(row, block))
            continue;
        /* Blocks older than a day are those that the row has not been turned to yet. */
        for (b = row->block; b + PEAK_BLOCKS > block && b + PEAK_BLOCKS > row->block; b--) {
            most = row->most[b % PEAK_BLOCKS] > most ? row->most[b % PEAK_BLOCKS] : most;
            wide = row->wide[b % PEAK_BLOCKS] > wide ? row->wide[b % PEAK_BLOCKS] : wide;
            if (b == 0)
                break;
        }
        fn(arg, row->id, most, wide);
    }
}
