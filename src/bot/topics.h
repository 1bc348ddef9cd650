/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_TOPICS_H
#define BOT_TOPICS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "bot/notice/notice.h"

/*
 * The group that notifications go to, with a forum topic for each kind of them. While the group or a
 * topic does not take them, they go to private chats, which are told why, once; it is tried again, and
 * told, when it works. Part of the notices; on the loop thread.
 */
struct topics;

/* Nothing is known before topics_reload has been answered. ERR_NOMEM. */
int topics_new(struct notices *n, struct topics **ret_t) MUST_CHECK;
void topics_free(struct topics *t);
/* Reads the table chats anew. */
void topics_reload(struct topics *t);

/* Whether messages of this kind go to the group now, and to which thread of it (0: none). */
bool topics_place(const struct topics *t, enum notice_kind kind, int64_t *ret_chat,
                  int64_t *ret_thread);
/* Whether both kinds go to the same place. */
bool topics_same(const struct topics *t, enum notice_kind a, enum notice_kind b);

/* An item of the outbox was given up. True: it was for the group, and goes to private chats instead. */
bool topics_failed(struct topics *t, const struct outbox_failure *f);
/* The group has got another id. */
void topics_migrate(struct topics *t, int64_t from_chat, int64_t to_chat);
/* The bot was added to a chat: if it is the group, and did not take messages, it is tried at once. */
void topics_joined(struct topics *t, int64_t chat);
/* The chat id of the group, 0: none. */
int64_t topics_group(const struct topics *t);

/* op_port's: appends {"title","working","problem","broken":[kinds]} as members of an open object. */
void topics_live(struct topics *t, struct buf *out);
/*
 * Asks Telegram whether a group can have topics made by the bot: fn with rc 0 and its title, or
 * ERR_REFUSED with the reason, ERR_UNREACHABLE. 0: the group that is set.
 */
void topics_check(struct topics *t, int64_t group, op_topics_fn fn, void *arg);
/*
 * Makes the topics that are missing: of these kinds one each, or with n 0 the usual four. One making at a
 * time: ERR_BUSY. fn's text is how many were made. who is for the table.
 */
void topics_make(struct topics *t, const int *kinds, size_t n, struct slice who, op_topics_fn fn,
                 void *arg);

#endif
