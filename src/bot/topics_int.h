/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_TOPICS_INT_H
#define BOT_TOPICS_INT_H

/* What topics.c and topics_ask.c share; nobody else includes this. */

#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "bot/topics.h"
#include "store/db_chats.h"

/* Between two looks at what failed. */
#define TOPICS_TRY_US (300 * STAMP_SECOND)

struct topics {
    struct notices *n;
    int64_t group;                /* 0: none */
    int64_t thread[NOTICE_KINDS]; /* 0: general, -1: private chats */
    bool routed[NOTICE_KINDS];    /* there is a row of this kind */
    bool gone[NOTICE_KINDS];      /* its topic does not take messages */
    bool broken;                  /* the group does not */
    char why[200];                /* in Telegram's words */
    char title[256];
    int64_t asked_group; /* the last one that a check was well of, and its title */
    char asked_title[256];
    struct loop_timer *timer; /* the next try */
    struct topics_read *reading;
    struct topics_try *tries; /* questions on their way */
    bool making;
};

/* A question of several steps to Telegram. */
struct topics_try {
    struct topics_try *next;
    struct topics *t;
    int64_t group;
    char title[256];
    op_topics_fn fn;
    void *arg;
    /* of a making */
    int64_t thread;  /* tried */
    int64_t sets[8]; /* bits of kinds that share a topic */
    size_t n_sets, at;
    int made;
    char who[64];
};

/* A question, in the list; NULL: no memory. */
struct topics_try *topics_try_new(struct topics *t, op_topics_fn fn, void *arg);
/* Ends it: takes it out of the list, tells (unless the topics are gone), frees. */
void topics_try_end(struct topics_try *y, int rc, const char *word, const char *text);
/* Tells private chats, of those who see everyone. */
void topics_say(struct topics *t, enum text_id id, const char *kind_names);
/* Asks whether the topics that failed take something again. */
void topics_try_threads(struct topics *t);

#endif
