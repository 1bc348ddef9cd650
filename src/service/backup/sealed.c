/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/backup/sealed.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/limits.h"
#include "service/jout.h"
#include "base/banned.h"

enum { SALT = 16, NONCE = 12, TAG = 16, KEY = 32, N_MAX = 1 << 18, R_MAX = 16, P_MAX = 4 };
/* 128 * N * r bytes of the largest cost that is read, and a little. */
static const uint64_t memory_max = UINT64_C(600) << 20;

struct params {
    int64_t n, r, p;
    unsigned char salt[SALT], nonce[NONCE], tag[TAG];
};

/* What is authenticated besides: the costs, so that nobody lowers them unseen. */
static int add_header(struct buf *b, const struct params *p)
{
    return buf_addf(b, "pg-limiter sealed 1 scrypt %lld %lld %lld aes-256-gcm", (long long)p->n,
                    (long long)p->r, (long long)p->p);
}

static int derive(struct slice passphrase, const struct params *p, unsigned char key[KEY],
                  struct err *err)
{
    if (passphrase.n < SEALED_PASSPHRASE_MIN || passphrase.n > SEALED_PASSPHRASE_MAX)
        return err_set(err, ERR_INVALID, "a passphrase has %d to %d bytes", SEALED_PASSPHRASE_MIN,
                       SEALED_PASSPHRASE_MAX);
    if (EVP_PBE_scrypt(passphrase.p, passphrase.n, p->salt, SALT, (uint64_t)p->n, (uint64_t)p->r,
                       (uint64_t)p->p, memory_max, key, KEY) != 1)
        return err_set(err, ERR_NOMEM, "the key cannot be derived: out of memory");
    return ERR_OK;
}

/* Encrypts (seal) or decrypts in into out, which has in.n bytes; the tag is made, or compared. */
static bool run_cipher(bool seal, const unsigned char key[KEY], struct params *p, struct slice head,
                       struct slice in, unsigned char *out)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
    unsigned char end[TAG];
    int n = 0;
    bool ok = c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, p->nonce, seal) == 1;

    ok = ok && EVP_CipherUpdate(c, NULL, &n, (const unsigned char *)head.p, (int)head.n) == 1;
    ok = ok &&
         (in.n == 0 || EVP_CipherUpdate(c, out, &n, (const unsigned char *)in.p, (int)in.n) == 1);
    if (!seal)
        ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, p->tag) == 1;
    ok = ok && EVP_CipherFinal_ex(c, end, &n) == 1;
    if (seal)
        ok = ok && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, p->tag) == 1;
    EVP_CIPHER_CTX_free(c);
    return ok;
}

static int run(bool seal, struct slice passphrase, struct params *p, struct slice in,
               unsigned char *out, struct err *err)
{
    unsigned char key[KEY];
    struct buf head;
    int rc = derive(passphrase, p, key, err);

    if (rc)
        return rc;
    buf_init(&head, 256);
    if (add_header(&head, p))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else if (!run_cipher(seal, key, p, buf_slice(&head), in, out))
        rc = seal ? err_set(err, ERR_NOMEM, "it cannot be encrypted")
                  : err_set(err, ERR_AUTH,
                            "the passphrase is another one, or the encrypted part was changed");
    buf_release(&head);
    OPENSSL_cleanse(key, sizeof(key));
    return rc;
}

/* ---- making ---- */

static void add_hex(struct buf *b, const char *name, const unsigned char *p, size_t n)
{
    size_t i;

    jout_key(b, name);
    buf_add_char(b, '"');
    for (i = 0; i < n; i++)
        buf_addf(b, "%02x", p[i]);
    buf_add_char(b, '"');
}

int sealed_make(struct slice passphrase, struct slice plain, struct buf *ret_json, struct err *err)
{
    struct params p = {.n = 1 << 15, .r = 8, .p = 1};
    unsigned char *out;
    int rc;

    if (plain.n > LIMIT_BACKUP_TEXT / 4)
        return err_set(err, ERR_TOO_BIG, "what is to be encrypted is too large");
    if (RAND_bytes(p.salt, SALT) != 1 || RAND_bytes(p.nonce, NONCE) != 1)
        return err_set(err, ERR_IO, "no random numbers");
    out = malloc(plain.n + 1);
    if (!out)
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = run(true, passphrase, &p, plain, out, err);
    if (!rc) {
        jout_open(ret_json, NULL, '{');
        jout_int(ret_json, "format", 1);
        jout_text(ret_json, "kdf", "scrypt");
        jout_int(ret_json, "n", p.n);
        jout_int(ret_json, "r", p.r);
        jout_int(ret_json, "p", p.p);
        add_hex(ret_json, "salt", p.salt, SALT);
        jout_text(ret_json, "cipher", "aes-256-gcm");
        add_hex(ret_json, "nonce", p.nonce, NONCE);
        add_hex(ret_json, "tag", p.tag, TAG);
        add_hex(ret_json, "data", out, plain.n);
        jout_close(ret_json, '}');
        if (ret_json->failed)
            rc = err_set(err, ERR_NOMEM, "out of memory");
    }
    free(out);
    return rc;
}

/* ---- opening ---- */

static bool get_hex(json_t *json, const char *name, unsigned char *out, size_t n)
{
    json_t *v = json_object_get(json, name);
    struct slice digits = {json_string_value(v), json_string_length(v)};

    return digits.p && hex_read(digits, out, n) == ERR_OK;
}

static bool get_int(json_t *json, const char *name, int64_t min, int64_t max, int64_t *ret)
{
    json_t *v = json_object_get(json, name);

    *ret = json_integer_value(v);
    return json_is_integer(v) && *ret >= min && *ret <= max;
}

static bool is_text(json_t *json, const char *name, const char *want)
{
    const char *s = json_string_value(json_object_get(json, name));

    return s && strcmp(s, want) == 0;
}

static bool read_params(json_t *json, struct params *p)
{
    int64_t format;

    return get_int(json, "format", 1, 1, &format) && is_text(json, "kdf", "scrypt") &&
           is_text(json, "cipher", "aes-256-gcm") && get_int(json, "n", 2, N_MAX, &p->n) &&
           (p->n & (p->n - 1)) == 0 && get_int(json, "r", 1, R_MAX, &p->r) &&
           get_int(json, "p", 1, P_MAX, &p->p) && get_hex(json, "salt", p->salt, SALT) &&
           get_hex(json, "nonce", p->nonce, NONCE) && get_hex(json, "tag", p->tag, TAG);
}

int sealed_open(struct slice passphrase, struct slice json, struct buf *ret_plain, struct err *err)
{
    json_t *root = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    size_t n = json_string_length(json_object_get(root, "data")) / 2;
    unsigned char *in = malloc(n + 1), *out = malloc(n + 1);
    struct params p;
    int rc = ERR_OK;

    if (!in || !out)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else if (!read_params(root, &p) || !get_hex(root, "data", in, n))
        rc = err_set(err, ERR_CORRUPT, "the encrypted part is damaged or of another form");
    if (!rc)
        rc = run(false, passphrase, &p, (struct slice){(char *)in, n}, out, err);
    if (!rc && buf_add(ret_plain, out, n))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (out)
        OPENSSL_cleanse(out, n);
    free(in);
    free(out);
    json_decref(root);
    return rc;
}
