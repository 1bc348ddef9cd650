/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * What comes from Redis, whoever wrote it: replies are the same however they are cut, and bounded; a value
 * that was not sealed here never opens; a URL that is taken shows no password; what is read of a
 * provider's answer reads the same when written again. The first byte says which.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "cache/cache_seal.h"
#include "cache/redis_int.h"
#include "cache/redis_url.h"
#include "cache/resp.h"
#include "geo/geopack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum over all replies, and how it ended. */
static uint64_t read_all(struct slice s, size_t step)
{
    struct resp *r = resp_new();
    struct resp_reply reply;
    uint64_t sum = 17;
    int rc = r ? ERR_OK : ERR_NOMEM;

    while (!rc && s.n) {
        struct slice piece = {s.p, s.n < step ? s.n : step};

        s = slice_skip(s, piece.n);
        rc = resp_feed(r, piece);
        while (!rc) {
            rc = resp_next(r, &reply);
            if (rc)
                break;
            if (reply.text.n > LIMIT_CACHE_REPLY)
                abort();
            sum = sum * 31 + (uint64_t)reply.type + reply.text.n + (uint64_t)reply.number;
        }
        if (rc == ERR_NOT_FOUND)
            rc = ERR_OK;
    }
    if (rc && rc != ERR_PROTOCOL)
        abort();
    resp_free(r);
    return sum * 31 + (uint64_t)(rc != 0);
}

static void check_replies(struct slice s)
{
    if (read_all(s, SIZE_MAX) != read_all(s, 1) || read_all(s, 7) != read_all(s, 1))
        abort();
}

static void check_words(struct slice s)
{
    struct redis_facts facts = {.maxmemory = -1};
    const char *cure = NULL;
    struct err err = {0};

    if (redis_is_fatal(s, &err, &cure) && !err.text[0])
        abort();
    redis_read_info(&facts, s);
    if (!memchr(facts.server, '\0', sizeof(facts.server)) ||
        !memchr(facts.policy, '\0', sizeof(facts.policy)) || facts.maxmemory < -1)
        abort();
}

static void check_url(struct slice s)
{
    struct redis_url u;
    struct err err = {0};
    char shown[400];

    if (redis_url_parse(s, &u, &err)) {
        if (!err.text[0])
            abort();
        return;
    }
    if ((u.host[0] != '\0') == (u.path[0] != '\0') || u.port < 1 || u.port > 65535)
        abort();
    redis_url_show(&u, shown, sizeof(shown));
    if (u.host[0] && strchr(shown, '@'))
        abort();
}

static void check_sealed(struct slice s)
{
    static const unsigned char key[CACHE_KEY] = "a key of this installation alone";
    struct cache_seal *seal = NULL;
    struct buf out;
    int64_t until;

    if (cache_seal_new(key, SLICE("bob"), &seal))
        abort();
    buf_init(&out, LIMIT_CACHE_VALUE);
    if (cache_seal_open(seal, SLICE("name"), s, &until, &out) != ERR_CORRUPT || out.n)
        abort();
    buf_release(&out);
    cache_seal_free(seal);
}

static void check_pack(struct slice s)
{
    struct provider_told told, again;
    int64_t until, until_again;
    struct buf out;

    if (geopack_read(s, 1000, &told, &until))
        return;
    buf_init(&out, 512);
    geopack_write(&out, &told, until);
    if (out.failed || geopack_read(buf_slice(&out), 1000, &again, &until_again) ||
        until != until_again || told.asn != again.asn || strcmp(told.country, again.country) != 0 ||
        strcmp(told.isp, again.isp) != 0)
        abort();
    buf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static void (*const checks[])(struct slice s) = {check_replies, check_words, check_url,
                                                     check_sealed, check_pack};

    if (size)
        checks[data[0] % 5]((struct slice){(const char *)data + 1, size - 1});
    return 0;
}
