/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/address/shared.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/banned.h"

enum { FIRST_CAP = 64, LEAST_USERS = 4, SHARE_PERCENT = 20 };

void shared_init(struct shared *s, struct hash_key key)
{
    *s = (struct shared){.key = key};
}

void shared_release(struct shared *s)
{
    free(s->slots);
    shared_init(s, s->key);
}

static struct shared_slot *slot_of(const struct shared *s, struct addr addr, uint16_t node)
{
    uint32_t i = (uint32_t)hash_u128(&s->key, addr.hi ^ node, addr.lo) & (s->cap - 1);

    while (s->slots[i].taken && !(addr_eq(s->slots[i].addr, addr) && s->slots[i].node == node))
        i = (i + 1) & (s->cap - 1);
    return &s->slots[i];
}

struct shared_slot *shared_find(const struct shared *s, struct addr addr, uint16_t node)
{
    struct shared_slot *slot = s->n ? slot_of(s, addr, node) : NULL;

    return slot && slot->taken ? slot : NULL;
}

bool shared_marked(const struct shared *s, struct addr addr)
{
    const struct shared_slot *slot = shared_find(s, addr, SHARED_ANY_NODE);

    return slot && !slot->barred;
}

uint32_t shared_marks(const struct shared *s)
{
    uint32_t n = 0, i;

    for (i = 0; i < s->cap; i++)
        n += s->slots[i].taken && !s->slots[i].barred;
    return n;
}

/* Lays the slots that keep() lets pass into a table of cap slots. */
static bool relay(struct shared *s, uint32_t cap, int64_t alive_us)
{
    struct shared old = *s;
    uint32_t i;

    s->slots = calloc(cap, sizeof(*s->slots));
    if (!s->slots) {
        s->slots = old.slots;
        return false;
    }
    s->cap = cap;
    s->n = 0;
    for (i = 0; i < old.cap; i++) {
        if (!old.slots[i].taken || old.slots[i].until_us <= alive_us)
            continue;
        *slot_of(s, old.slots[i].addr, old.slots[i].node) = old.slots[i];
        s->n++;
    }
    free(old.slots);
    return true;
}

struct shared_slot *shared_put(struct shared *s, struct addr addr, uint16_t node)
{
    struct shared_slot *slot = shared_find(s, addr, node);

    if (slot)
        return slot;
    if (s->n >= LIMIT_SHARED)
        return NULL;
    if ((s->n + 1) * 4 > s->cap * 3 && !relay(s, s->cap ? s->cap * 2 : FIRST_CAP, INT64_MIN))
        return NULL;
    slot = slot_of(s, addr, node);
    *slot = (struct shared_slot){.addr = addr, .node = node, .taken = true};
    s->n++;
    return slot;
}

uint32_t shared_expire(struct shared *s, int64_t now_us)
{
    uint32_t before = s->n, gone = 0, i;

    for (i = 0; i < s->cap; i++)
        gone += s->slots[i].taken && s->slots[i].until_us <= now_us;
    if (gone == 0 || !relay(s, s->cap, now_us))
        return 0;
    return before - s->n;
}

uint32_t shared_threshold(int setting, uint32_t node_users)
{
    uint32_t share = (node_users * SHARE_PERCENT + 99) / 100;

    if (share < LEAST_USERS)
        share = LEAST_USERS;
    return share < (uint32_t)setting ? share : (uint32_t)setting;
}
