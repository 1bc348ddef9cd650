/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "telegram/tgshown.h"

#include <stdlib.h>

#include "base/attr.h"
#include "base/banned.h"

static const uint64_t mark_begin = UINT64_C(14695981039346656037);

static uint64_t mark_add(uint64_t h, const char *text)
{
    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * UINT64_C(1099511628211);
    /* An end, so that "ab" and "c" are not "a" and "bc". */
    return (h ^ 0xff) * UINT64_C(1099511628211);
}

uint64_t tgshown_mark(const json_t *params)
{
    static const char *const names[] = {"text", "parse_mode", "entities", "link_preview_options",
                                        "reply_markup"};
    uint64_t h = mark_begin;
    size_t i;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        const json_t *value = json_object_get(params, names[i]);
        char *text =
            value ? json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY) : NULL;

        if (value && !text)
            return 0;
        h = mark_add(h, text ? text : "");
        free(text);
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
