/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TELEGRAM_TGPACE_H
#define TELEGRAM_TGPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/hash.h"

/*
 * How fast messages may go (https://core.telegram.org/bots/faq, "My bot is hitting limits"): 1 a second
 * to a private chat, 20 a minute to a group, 30 a second over all; and who must wait after a 429. Pure:
 * times are microseconds of a clock that only goes forward, handed in. The 30 hold for when messages arrive,
 * whatever the way there takes.
 *
 * Bulk keeps these limits with some room left; what answers a person (urgent) may use the room: 3
 * messages more at once in a chat, made up for afterwards, the last 4 of a group's 20, the last 5 of the 30.
 */
struct tgpace;

/*
 * Makes one that knows of no chat. What an earlier life of the process sent a moment ago is not known, so
 * bulk waits a second. NULL without memory.
 */
struct tgpace *tgpace_new(struct hash_key key, int64_t now);
/* Frees. NULL is allowed. */
void tgpace_free(struct tgpace *p);
/*
 * How long a call must wait. chat 0: it goes to no chat; counts: it is a message (or an edit of one). All
 * else, the answer to a press above all, waits for a 429 alone and takes no room. O(1).
 */
int64_t tgpace_wait(const struct tgpace *p, int64_t chat, bool counts, bool urgent, int64_t now);
/* A call goes out: tgpace_answered must follow. ERR_NOMEM: it is not remembered, and nothing follows. */
int tgpace_sent(struct tgpace *p, int64_t chat, bool counts, int64_t now) MUST_CHECK;
/*
 * That call has ended, by an answer or without one: it was on its way until now at most. Once for each
 * tgpace_sent that succeeded, with the same counts.
 */
void tgpace_answered(struct tgpace *p, bool counts, int64_t now);
/*
 * A 429 came for a call to chat (0: to none): nothing goes there for wait_us. When another chat is
 * waiting for the same reason already, it is not the chat's: then nothing goes anywhere.
 */
void tgpace_throttled(struct tgpace *p, int64_t chat, int64_t wait_us, int64_t now);

#endif
