/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/http_int.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/stamp.h"
#include "base/banned.h"

#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

enum { PIN_BASE64 = 44 };

static int ctx_index = -1;

static bool is_base64(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '/';
}

int http_check_pins(struct slice pins, struct err *err)
{
    struct slice rest = pins, pin, head = SLICE("sha256//");
    size_t i;

    while (rest.p) {
        pin = slice_cut(&rest, ';');
        if (!slice_starts(pin, head) || pin.n != head.n + PIN_BASE64 || pin.p[pin.n - 1] != '=')
            return err_set(
                err, ERR_INVALID,
                "a pin is sha256// and %d characters of base64 ending in '='; several are "
                "split by ';'",
                PIN_BASE64);
        for (i = head.n; i + 1 < pin.n; i++)
            if (!is_base64(pin.p[i]))
                return err_set(err, ERR_INVALID, "a pin holds a character that is no base64");
    }
    return ERR_OK;
}

/* Appends text to out as printable ASCII, since a certificate is the other side's word. */
static void add_plain(char *out, size_t cap, const char *label, const unsigned char *p, size_t n)
{
    size_t at = strlen(out), i;
    int k = snprintf(out + at, cap - at, "%s%s", at ? ", " : "", label);

    if (k < 0 || (size_t)k >= cap - at)
        return;
    at += (size_t)k;
    for (i = 0; i < n && at + 1 < cap; i++)
        out[at++] = p[i] > 0x20 && p[i] < 0x7f ? (char)p[i] : p[i] == ' ' ? ' ' : '?';
    out[at] = '\0';
}

static void add_names(X509 *cert, char *out, size_t cap)
{
    GENERAL_NAMES *names;
    char cn[128], ip[64];
    int i, n;

    out[0] = '\0';
    n = X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, cn, sizeof(cn));
    if (n > 0)
        add_plain(out, cap, "CN=", (unsigned char *)cn, strlen(cn));
    names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    for (i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);

        if (g->type == GEN_DNS) {
            add_plain(out, cap, "", ASN1_STRING_get0_data(g->d.dNSName),
                      (size_t)ASN1_STRING_length(g->d.dNSName));
        } else if (g->type == GEN_IPADD && ASN1_STRING_length(g->d.iPAddress) == 4) {
            const unsigned char *a = ASN1_STRING_get0_data(g->d.iPAddress);

            n = snprintf(ip, sizeof(ip), "%u.%u.%u.%u", a[0], a[1], a[2], a[3]);
            add_plain(out, cap, "", (unsigned char *)ip, (size_t)n);
        } else if (g->type == GEN_IPADD) {
            add_plain(out, cap, "", (const unsigned char *)"an IPv6 address", 15);
        }
    }
    GENERAL_NAMES_free(names);
}

static void make_pin(X509 *cert, char *out, size_t cap)
{
    unsigned char *der = NULL, digest[32], text[48];
    unsigned size = sizeof(digest);
    int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

    out[0] = '\0';
    if (n > 0 && EVP_Digest(der, (size_t)n, digest, &size, EVP_sha256(), NULL)) {
        EVP_EncodeBlock(text, digest, (int)size);
        snprintf(out, cap, "sha256//%s", (char *)text);
    }
    OPENSSL_free(der);
}

static void keep_peer(struct http *http, SSL *ssl, X509 *cert)
{
    struct http_peer *peer = &http->peer;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    struct tm tm;

    *peer = (struct http_peer){.known = true, .not_after_us = STAMP_NONE};
    snprintf(peer->host, sizeof(peer->host), "%s", name ? name : "");
    add_names(cert, peer->names, sizeof(peer->names));
    make_pin(cert, peer->pin, sizeof(peer->pin));
    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &tm))
        peer->not_after_us = (int64_t)timegm(&tm) * STAMP_SECOND;
}

/* Sees every certificate of the chain; changes no verdict, only keeps what the first handshake shows. */
static int on_verify(int ok, X509_STORE_CTX *store_ctx)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store_ctx, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct http *http = ssl ? SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), ctx_index) : NULL;
    X509 *cert = X509_STORE_CTX_get0_cert(store_ctx);

    if (http && cert && (X509_STORE_CTX_get_error_depth(store_ctx) == 0 || !ok))
        keep_peer(http, ssl, cert);
    return ok;
}

/*
 * A record header was read: libcurl only shows body bytes, and a record may hold none (chunk ends,
 * tickets) while further ones wait in the read-ahead buffer where no descriptor tells of them.
 */
static void on_record(int write_p, int version, int type, const void *p, size_t n, SSL *ssl,
                      void *arg)
{
    struct http_call *call = arg;

    (void)version;
    (void)p;
    (void)n;
    (void)ssl;
    if (!write_p && type == SSL3_RT_HEADER)
        http_sock_touch(call);
}

static int load_trust(struct http *http, struct err *err)
{
    X509_STORE *store = X509_STORE_new();
    const char *file = http->ca_file ? http->ca_file : SYSTEM_BUNDLE;
    int ok;

    if (!store)
        return ERR_NOMEM;
    if (!http->ca_file && access(file, R_OK) != 0)
        ok = X509_STORE_set_default_paths(store);
    else
        ok = X509_STORE_load_file(store, file);
    ERR_clear_error();
    if (!ok) {
        X509_STORE_free(store);
        return err_set(err, ERR_INVALID, "no certificate could be read from %s", file);
    }
    X509_STORE_set_flags(store, X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_PARTIAL_CHAIN);
    http->trust = store;
    return ERR_OK;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
    struct http_call *call = arg;
    struct http *http = call->http;
    SSL_CTX *ctx = ssl_ctx;

    (void)easy;
    if (!http->insecure && !http->pins) {
        if (!http->trust && load_trust(http, NULL) != ERR_OK)
            return CURLE_SSL_CACERT_BADFILE;
        SSL_CTX_set1_cert_store(ctx, http->trust);
    }
    SSL_CTX_set_verify(ctx, SSL_CTX_get_verify_mode(ctx), on_verify);
    SSL_CTX_set_ex_data(ctx, ctx_index, http);
    if (call->stream) {
        /* Several records a read instead of two reads a record; the connection dies with the call. */
        SSL_CTX_set_read_ahead(ctx, 1);
        SSL_CTX_set_msg_callback(ctx, on_record);
        SSL_CTX_set_msg_callback_arg(ctx, call);
    }
    return CURLE_OK;
}

int http_tls_setup(struct http *http, struct err *err)
{
    int rc;

    if (ctx_index < 0)
        ctx_index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (ctx_index < 0)
        return ERR_NOMEM;
    if (http->pins) {
        rc = http_check_pins(slice_of(http->pins), err);
        if (rc)
            return rc;
    }
    /* A file the operator named must work now; the system's is read at the first handshake. */
    return http->ca_file ? load_trust(http, err) : ERR_OK;
}

void http_tls_release(struct http *http)
{
    X509_STORE_free(http->trust);
}

void http_tls_apply(struct http_call *call)
{
    struct http *http = call->http;
    bool verify = !http->insecure && !http->pins;

    /* Debian's default CA path makes every connection load all certificates again (900 KB, 35 ms). */
    curl_easy_setopt(call->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(call->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(call->easy, CURLOPT_SSL_VERIFYPEER, verify ? 1L : 0L);
    curl_easy_setopt(call->easy, CURLOPT_SSL_VERIFYHOST, verify ? 2L : 0L);
    if (http->pins)
        curl_easy_setopt(call->easy, CURLOPT_PINNEDPUBLICKEY, http->pins);
    curl_easy_setopt(call->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    curl_easy_setopt(call->easy, CURLOPT_SSL_CTX_DATA, call);
}

static bool same_host(const struct http_peer *peer, const struct http_host *host)
{
    return host->literal ? peer->host[0] == '\0' : strcasecmp(peer->host, host->host) == 0;
}

bool http_tls_explain(const struct http_call *call, CURLcode result, struct err *err)
{
    const struct http_peer *peer = &call->http->peer;
    const char *name = call->http->pin_name;
    const char *why = call->curl_error[0] ? call->curl_error : curl_easy_strerror(result);
    char until[STAMP_TEXT] = "?";

    if (result != CURLE_PEER_FAILED_VERIFICATION && result != CURLE_SSL_PINNEDPUBKEYNOTMATCH &&
        result != CURLE_SSL_ISSUER_ERROR)
        return false;
    if (!peer->known || !same_host(peer, call->host)) {
        err_set(err, ERR_TLS, "TLS: the certificate of %s was refused: %s", call->host->host, why);
        return true;
    }
    if (peer->not_after_us != STAMP_NONE) {
        stamp_iso(peer->not_after_us, until);
        until[10] = '\0';
    }
    if (result == CURLE_SSL_PINNEDPUBKEYNOTMATCH)
        why = "its public key is none of the pinned ones";
    err_set(err, ERR_TLS,
            "TLS: the certificate of %s was refused: %.120s (it is for %s; valid until "
            "%s)%s%s%s%s",
            call->host->host, why, peer->names[0] ? peer->names : "no name", until,
            name ? "; if this is really yours, set " : "", name ? name : "", name ? "=" : "",
            name ? peer->pin : "");
    return true;
}
