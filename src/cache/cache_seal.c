/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/cache_seal.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hex.h"
#include "base/limits.h"
#include "base/banned.h"

enum { VERSION = 1, NONCE = 12, STAMP_BYTES = 8, TAG = 16, HASH = 32 };

struct cache_seal {
    unsigned char seal_key[HASH], name_key[HASH], access[HASH];
};

static int mac(const unsigned char *key, struct slice text, unsigned char *out)
{
    unsigned n = HASH;

    return HMAC(EVP_sha256(), key, HASH, (const unsigned char *)(text.p ? text.p : ""), text.n, out,
                &n)
               ? ERR_OK
               : ERR_NOMEM;
}

int cache_seal_new(const unsigned char *key, struct slice access, struct cache_seal **ret_seal)
{
    struct cache_seal *s = calloc(1, sizeof(*s));

    if (!s)
        return ERR_NOMEM;
    if (mac(key, SLICE("seal"), s->seal_key) || mac(key, SLICE("name"), s->name_key) ||
        mac(s->name_key, access, s->access)) {
        cache_seal_free(s);
        return ERR_NOMEM;
    }
    *ret_seal = s;
    return ERR_OK;
}

void cache_seal_free(struct cache_seal *s)
{
    if (s)
        explicit_bzero(s, sizeof(*s));
    free(s);
}

void cache_seal_name(const struct cache_seal *s, struct slice name, char text[CACHE_NAME_TEXT])
{
    unsigned char hash[HASH] = {0};

    (void)!mac(s->name_key, name, hash);
    hex_write(hash, HASH / 2, text);
}

/* What the tag vouches for besides the value: name and access. */
static int feed_header(EVP_CIPHER_CTX *ctx, const struct cache_seal *s, struct slice name)
{
    int n;

    return EVP_CipherUpdate(ctx, NULL, &n, s->access, HASH) &&
           EVP_CipherUpdate(ctx, NULL, &n, (const unsigned char *)name.p, (int)name.n);
}

int cache_seal_close(const struct cache_seal *s, struct slice name, struct slice value,
                     int64_t until_us, struct buf *out)
{
    size_t size = CACHE_SEALED_MORE + value.n;
    unsigned char *text, stamp[STAMP_BYTES];
    EVP_CIPHER_CTX *ctx;
    int n, i, rc = ERR_NOMEM;

    if (value.n > LIMIT_CACHE_VALUE)
        return ERR_TOO_BIG;
    text = malloc(size);
    ctx = EVP_CIPHER_CTX_new();
    for (i = 0; i < STAMP_BYTES; i++)
        stamp[i] = (unsigned char)((uint64_t)until_us >> (8 * (STAMP_BYTES - 1 - i)));
    if (text && ctx && RAND_bytes(text + 1, NONCE) == 1 &&
        EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, s->seal_key, text + 1, 1) &&
        feed_header(ctx, s, name) &&
        EVP_CipherUpdate(ctx, text + 1 + NONCE, &n, stamp, STAMP_BYTES) &&
        (value.n == 0 || EVP_CipherUpdate(ctx, text + 1 + NONCE + STAMP_BYTES, &n,
                                          (const unsigned char *)value.p, (int)value.n)) &&
        EVP_CipherFinal_ex(ctx, text + size - TAG, &n) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG, text + size - TAG)) {
        text[0] = VERSION;
        rc = buf_add(out, text, size);
    }
    EVP_CIPHER_CTX_free(ctx);
    free(text);
    return rc;
}

int cache_seal_open(const struct cache_seal *s, struct slice name, struct slice sealed,
                    int64_t *ret_until_us, struct buf *out)
{
    const unsigned char *p = (const unsigned char *)sealed.p;
    unsigned char *text, tag[TAG];
    uint64_t until = 0;
    EVP_CIPHER_CTX *ctx;
    size_t size;
    int n, i, rc = ERR_NOMEM;

    if (sealed.n < CACHE_SEALED_MORE || sealed.n > CACHE_SEALED_MORE + LIMIT_CACHE_VALUE ||
        p[0] != VERSION)
        return ERR_CORRUPT;
    size = sealed.n - 1 - NONCE - TAG;
    memcpy(tag, p + sealed.n - TAG, TAG);
    text = malloc(size);
    ctx = EVP_CIPHER_CTX_new();
    if (text && ctx && EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, s->seal_key, p + 1, 0) &&
        feed_header(ctx, s, name) && EVP_CipherUpdate(ctx, text, &n, p + 1 + NONCE, (int)size) &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG, tag)) {
        rc = EVP_CipherFinal_ex(ctx, tag, &n) == 1 ? ERR_OK : ERR_CORRUPT;
        if (!rc)
            rc = buf_add(out, text + STAMP_BYTES, size - STAMP_BYTES);
        for (i = 0; i < STAMP_BYTES; i++)
            until = until << 8 | text[i];
        if (!rc)
            *ret_until_us = (int64_t)until;
    }
    if (text)
        explicit_bzero(text, size);
    EVP_CIPHER_CTX_free(ctx);
    free(text);
    return rc;
}
