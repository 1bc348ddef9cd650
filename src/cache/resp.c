/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/resp.h"

#include <hiredis/hiredis.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

enum { WORDS = 8 };

/* Debian 12 has hiredis 0.14, Debian 13 has 1.2: longer lists, and the types of RESP3. */
#if HIREDIS_MAJOR >= 1
#define LIST_LENGTH size_t
#else
#define LIST_LENGTH int
#endif

struct resp {
    redisReader *reader;
    struct resp_reply reply;
    struct buf text; /* of the reply: the reader's own buffer moves */
    int failed;      /* ERR_PROTOCOL or ERR_NOMEM, for good */
};

/* What the reader is given for a reply; it only wants something that is not NULL. */
static char token;

static struct resp *owner(const redisReadTask *task)
{
    return task->privdata;
}

static void *take_text(const redisReadTask *task, char *p, size_t n)
{
    struct resp *r = owner(task);

    buf_clear(&r->text);
    if (buf_add(&r->text, p, n))
        return NULL;
    r->reply.text = buf_slice(&r->text);
    r->reply.type = task->type == REDIS_REPLY_ERROR    ? RESP_ERROR
                    : task->type == REDIS_REPLY_STATUS ? RESP_STATUS
                                                       : RESP_TEXT;
    return &token;
}

/* No command of ours is answered by a list. */
static void *refuse_list(const redisReadTask *task, LIST_LENGTH n)
{
    (void)task;
    (void)n;
    return NULL;
}

static void *take_number(const redisReadTask *task, long long n)
{
    owner(task)->reply = (struct resp_reply){.type = RESP_NUMBER, .number = n};
    return &token;
}

static void *take_nil(const redisReadTask *task)
{
    owner(task)->reply = (struct resp_reply){.type = RESP_NIL};
    return &token;
}

static void free_nothing(void *p)
{
    (void)p;
}

#if HIREDIS_MAJOR >= 1
static void *refuse_double(const redisReadTask *task, double v, char *p, size_t n)
{
    (void)task;
    (void)v;
    (void)p;
    (void)n;
    return NULL;
}

static void *refuse_bool(const redisReadTask *task, int v)
{
    (void)task;
    (void)v;
    return NULL;
}
#endif

static redisReplyObjectFunctions functions = {
    .createString = take_text,
    .createArray = refuse_list,
    .createInteger = take_number,
    .createNil = take_nil,
#if HIREDIS_MAJOR >= 1
    .createDouble = refuse_double,
    .createBool = refuse_bool,
#endif
    .freeObject = free_nothing,
};

struct resp *resp_new(void)
{
    struct resp *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    buf_init(&r->text, LIMIT_CACHE_REPLY);
    r->reader = redisReaderCreateWithFunctions(&functions);
    if (!r->reader) {
        free(r);
        return NULL;
    }
    r->reader->privdata = r;
    return r;
}

void resp_free(struct resp *r)
{
    if (!r)
        return;
    redisReaderFree(r->reader);
    buf_release(&r->text);
    free(r);
}

int resp_feed(struct resp *r, struct slice bytes)
{
    if (r->failed)
        return r->failed;
    /* The reader keeps an unfinished reply whole, and believes any length that is announced. */
    if (r->reader->len - r->reader->pos + bytes.n > LIMIT_CACHE_REPLY + 64)
        return r->failed = ERR_PROTOCOL;
    if (redisReaderFeed(r->reader, bytes.p, bytes.n) != REDIS_OK)
        return r->failed = ERR_NOMEM;
    return ERR_OK;
}

int resp_next(struct resp *r, struct resp_reply *ret_reply)
{
    void *got = NULL;

    if (r->failed)
        return r->failed;
    r->reply = (struct resp_reply){.type = RESP_NIL};
    if (redisReaderGetReply(r->reader, &got) != REDIS_OK)
        return r->failed = ERR_PROTOCOL;
    if (!got)
        return ERR_NOT_FOUND;
    *ret_reply = r->reply;
    return ERR_OK;
}

int resp_command(struct buf *out, const struct slice *words, size_t n)
{
    const char *argv[WORDS];
    size_t lengths[WORDS], i;
    char *text = NULL;
    int size, rc;

    if (n > WORDS)
        return ERR_TOO_BIG;
    for (i = 0; i < n; i++) {
        argv[i] = words[i].p ? words[i].p : "";
        lengths[i] = words[i].n;
    }
    size = redisFormatCommandArgv(&text, (int)n, argv, lengths);
    if (size < 0)
        return ERR_NOMEM;
    rc = buf_add(out, text, (size_t)size);
    redisFreeCommand(text);
    return rc;
}
