/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "telegram/tgshown.h"

#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/hash.h"
#include "base/banned.h"

/* Nobody outside chooses what falls together here: the key need not be a secret. */
static const struct hash_key key = {1, 2};

uint64_t tgshown_mark_of(const json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    uint64_t h = text ? hash_bytes(&key, text, strlen(text)) : 0;

    if (text && !h)
        h = 1;
    free(text);
    return h;
}

uint64_t tgshown_mark(const json_t *params)
{
    static const char *const names[] = {"text", "parse_mode", "entities", "link_preview_options",
                                        "reply_markup"};
    uint64_t h = 0;
    size_t i;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *value = json_object_get(params, names[i]);
        uint64_t mark = tgshown_mark_of(value);

        if (value && !mark)
            return 0;
        h = hash_u128(&key, h, mark);
    }
    return h ? h : 1;
}

static struct tgshown_place *place_of(const struct tgshown *t, int64_t chat_id, int64_t message_id)
{
    uint64_t h = ((uint64_t)chat_id ^ (uint64_t)message_id * UINT64_C(0x9e3779b97f4a7c15)) *
                 UINT64_C(0xff51afd7ed558ccd);

    return (struct tgshown_place *)&t->places[(h >> 32) % LIMIT_TELEGRAM_SHOWN];
}

bool tgshown_is(const struct tgshown *t, int64_t chat_id, int64_t message_id, uint64_t mark)
{
    const struct tgshown_place *p = place_of(t, chat_id, message_id);

    return mark && message_id && p->message_id == message_id && p->chat_id == chat_id &&
           p->mark == mark;
}

void tgshown_note(struct tgshown *t, int64_t chat_id, int64_t message_id, uint64_t mark)
{
    if (!message_id)
        return;
    if (mark)
        *place_of(t, chat_id, message_id) = (struct tgshown_place){chat_id, message_id, mark};
    else
        tgshown_forget(t, chat_id, message_id);
}

void tgshown_forget(struct tgshown *t, int64_t chat_id, int64_t message_id)
{
    struct tgshown_place *p = place_of(t, chat_id, message_id);

    if (p->message_id == message_id && p->chat_id == chat_id)
        *p = (struct tgshown_place){0};
}
