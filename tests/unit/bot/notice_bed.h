/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_NOTICE_BED_H
#define TESTS_NOTICE_BED_H

/* A bed for notices: a database, three admins, and an outbox that keeps what each chat would show. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "bot/notice/notice_int.h"

enum { BED_OWNER = 1001, BED_NARROW = 1002, BED_VIEWER = 1003, BED_GROUP = -100500 };

/* A message as it stands in a chat. */
struct shown {
    int64_t chat, thread;
    char slot[128];
    json_t *params;
    int puts; /* how often it was sent or changed */
};

struct bed {
    char path[64];
    struct db *db;
    struct settings settings;
    struct op_port port;
    struct loop *loop;
    struct notices *n;
    struct shown shown[2000];
    size_t n_shown;
    size_t n_put;
};

int bed_setup(void **state);
int bed_teardown(void **state);
/* Ends the notices and begins them anew, as over a restart; the chats stay. */
void bed_again(struct bed *bed);
/* Sets a setting. */
void bed_set(struct bed *bed, enum setting id, const char *value);
/* Turns the loop for about as long. */
void bed_wait(struct bed *bed, int64_t us);
/* Puts an event about a user of panel admin id % 10, at so many seconds from now. */
void bed_put(struct bed *bed, enum notice_event event, int64_t id, const char *name, int64_t in_s);
/* The messages of a chat: how many; the text of the last, or of one by number; its keyboard as JSON. */
size_t bed_count(const struct bed *bed, int64_t chat);
const char *bed_text(const struct bed *bed, int64_t chat, int at);
const char *bed_keys(const struct bed *bed, int64_t chat, int at);

#endif
