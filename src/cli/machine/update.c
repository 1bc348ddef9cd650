/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/machine/update.h"

#include <curl/curl.h>
#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hex.h"
#include "base/limits.h"
#include "base/num.h"
#include "cli/terminal/json_in.h"
#include "cli/machine/update_key.h"
#include "base/banned.h"

enum { KEY_SIZE = 32, SIG_SIZE = 64, CONNECT_S = 20, SMALL_S = 60, LARGE_S = 1800, REDIRECTS = 5 };

#if defined(__x86_64__)
static const char arch[] = "amd64";
#elif defined(__aarch64__)
static const char arch[] = "arm64";
#else
static const char arch[] = "other";
#endif

/* ---- fetching ---- */

static size_t take_bytes(char *p, size_t size, size_t n, void *arg)
{
    return buf_add(arg, p, size * n) ? 0 : size * n;
}

static int error_of(CURLcode rc, const char *url, struct err *err)
{
    int code = rc == CURLE_OPERATION_TIMEDOUT         ? ERR_TIMEOUT
               : rc == CURLE_WRITE_ERROR              ? ERR_TOO_BIG
               : rc == CURLE_PEER_FAILED_VERIFICATION ? ERR_TLS
                                                      : ERR_UNREACHABLE;

    return err_set(err, code, "%s: %s", url,
                   code == ERR_TOO_BIG ? "larger than it may be" : curl_easy_strerror(rc));
}

/* The signature vouches for what comes; TLS keeps to itself who asks. */
static int get(const char *base, const char *name, long seconds, struct buf *out, struct err *err)
{
    CURL *c = curl_easy_init();
    size_t n = strlen(base);
    long status = 0;
    struct buf url;
    CURLcode rc;
    int ret = ERR_OK;

    if (!c)
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    buf_init(&url, 4096);
    buf_addf(&url, "%s%s%s", base, n && base[n - 1] == '/' ? "" : "/", name);
    curl_easy_setopt(c, CURLOPT_URL, buf_str(&url));
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR,
                     strncmp(base, "http:", 5) == 0 ? "http,https" : "https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, "https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)REDIRECTS);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, seconds);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, out);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "pg-limiter");
    rc = curl_easy_perform(c);
    curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &status);
    if (rc)
        ret = error_of(rc, buf_str(&url), err);
    else if (status != 200)
        ret = err_set(err, ERR_UNREACHABLE, "%s: the server answers %ld", buf_str(&url), status);
    curl_easy_cleanup(c);
    buf_release(&url);
    return ret;
}

/* ---- checking ---- */

int update_verify(struct slice text, struct slice sig, const unsigned char key[32])
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key, KEY_SIZE);
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    int good = 0;

    if (pkey && ctx && sig.n == SIG_SIZE && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, pkey) == 1)
        good = EVP_DigestVerify(ctx, (const unsigned char *)sig.p, sig.n,
                                (const unsigned char *)text.p, text.n) == 1;
    EVP_MD_CTX_free(ctx);
    EVP_PKEY_free(pkey);
    return good ? ERR_OK : ERR_AUTH;
}

static bool read_hex(const char *text, unsigned char *out, size_t n)
{
    return text && hex_read(slice_of(text), out, n) == ERR_OK;
}

/* The key that counts; a build for tests may be given another. */
static void the_key(unsigned char out[32])
{
    static const unsigned char key[KEY_SIZE] = UPDATE_KEY;

    memcpy(out, key, KEY_SIZE);
#ifdef PG_TEST_CLOCK
    if (getenv("PG_UPDATE_KEY") && !read_hex(getenv("PG_UPDATE_KEY"), out, KEY_SIZE))
        memset(out, 0, KEY_SIZE);
#endif
}

int update_compare(const char *a, const char *b)
{
    struct slice x = slice_of(a), y = slice_of(b);

    while ((x.p && x.n) || (y.p && y.n)) {
        int64_t i = 0, k = 0;

        if (x.p && x.n && num_int(slice_cut(&x, '.'), 0, INT32_MAX, &i))
            i = -1; /* what is no number is older than any */
        if (y.p && y.n && num_int(slice_cut(&y, '.'), 0, INT32_MAX, &k))
            k = -1;
        if (i != k)
            return i < k ? -1 : 1;
    }
    return 0;
}

static bool is_name(const char *s, size_t max)
{
    size_t i, n = strlen(s);

    for (i = 0; i < n; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') ||
              (s[i] >= '0' && s[i] <= '9') || strchr("._-+~", s[i])))
            return false;
    return n > 0 && n < max && s[0] != '.';
}

int update_read(struct slice manifest, const char *wanted, struct update_offer *ret,
                struct err *err)
{
    json_t *doc = json_loadb(manifest.p, manifest.n, JSON_REJECT_DUPLICATES, NULL);
    json_t *file = json_object_get(json_object_get(doc, "files"), wanted);
    const char *version = in_text(doc, "version"), *name = in_text(file, "file");
    struct update_offer offer = {.size = 0};
    int rc = ERR_OK;

    if (!version || !is_name(version, sizeof(offer.version)))
        rc = err_set(err, ERR_INVALID, "the manifest names no version");
    else if (!file)
        rc = err_set(err, ERR_NOT_FOUND, "version %s is not offered for %s", version, wanted);
    else if (!name || !is_name(name, sizeof(offer.file)) || in_int(file, "size") <= 0 ||
             in_int(file, "size") > LIMIT_UPDATE ||
             !read_hex(in_text(file, "sha256"), offer.sha256, sizeof(offer.sha256)))
        rc = err_set(err, ERR_INVALID, "the manifest's entry for %s is not of its form", wanted);
    if (!rc) {
        snprintf(offer.version, sizeof(offer.version), "%s", version);
        snprintf(offer.file, sizeof(offer.file), "%s", name);
        offer.size = (size_t)in_int(file, "size");
        *ret = offer;
    }
    json_decref(doc);
    return rc;
}

int update_look(const char *url, struct update_offer *ret, struct err *err)
{
    unsigned char key[KEY_SIZE];
    struct buf manifest, sig;
    int rc;

    buf_init(&manifest, LIMIT_UPDATE_MANIFEST);
    buf_init(&sig, LIMIT_UPDATE_MANIFEST);
    rc = get(url, "manifest.json", SMALL_S, &manifest, err);
    if (!rc)
        rc = get(url, "manifest.json.sig", SMALL_S, &sig, err);
    the_key(key);
    if (!rc && update_verify(buf_slice(&manifest), buf_slice(&sig), key))
        rc = err_set(err, ERR_AUTH,
                     "what stands at %s is not signed by the key of this program: not used", url);
    if (!rc)
        rc = update_read(buf_slice(&manifest), arch, ret, err);
    buf_release(&manifest);
    buf_release(&sig);
    return rc;
}

int update_fetch(const char *url, const struct update_offer *offer, struct buf *out,
                 struct err *err)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    int rc = get(url, offer->file, LARGE_S, out, err);

    if (rc)
        return rc;
    if (out->n != offer->size || EVP_Digest(out->p, out->n, hash, &n, EVP_sha256(), NULL) != 1 ||
        n != sizeof(offer->sha256) || memcmp(hash, offer->sha256, n) != 0)
        return err_set(err, ERR_CORRUPT,
                       "%s is not what the manifest says (%zu bytes came of %zu): "
                       "not used",
                       offer->file, out->n, offer->size);
    return ERR_OK;
}
