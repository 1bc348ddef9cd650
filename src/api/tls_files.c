/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/tls_files.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static int read_file(const char *path, const char *setting, struct buf *out, struct err *err)
{
    FILE *f = fopen(path, "rbe");
    char part[4096];
    size_t n;
    bool bad;

    if (!f)
        return err_set(err, ERR_INVALID, "%s: %s cannot be read: %s", setting, path,
                       strerror(errno));
    buf_clear(out);
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        buf_add(out, part, n);
    bad = ferror(f) != 0 || out->failed;
    fclose(f);
    if (bad)
        return err_set(err, ERR_INVALID, "%s: %s cannot be read to its end", setting, path);
    return ERR_OK;
}

/* A key that asks for a passphrase is refused: nobody is there to be asked. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)arg;
    return -1;
}

int tls_files_read(const char *cert, const char *key, struct buf *ret_cert, struct buf *ret_key,
                   struct err *err)
{
    BIO *c = NULL, *k = NULL;
    X509 *x = NULL;
    EVP_PKEY *p = NULL;
    int rc = read_file(cert, "API_TLS_CERT", ret_cert, err);

    if (!rc)
        rc = read_file(key, "API_TLS_KEY", ret_key, err);
    if (rc)
        return rc;
    c = BIO_new_mem_buf(buf_str(ret_cert), (int)ret_cert->n);
    k = BIO_new_mem_buf(buf_str(ret_key), (int)ret_key->n);
    if (c)
        x = PEM_read_bio_X509(c, NULL, no_passphrase, NULL);
    if (k)
        p = PEM_read_bio_PrivateKey(k, NULL, no_passphrase, NULL);
    if (!x)
        rc = err_set(err, ERR_INVALID, "API_TLS_CERT: %s holds no certificate in PEM form", cert);
    else if (!p)
        rc = err_set(err, ERR_INVALID,
                     "API_TLS_KEY: %s holds no private key in PEM form without a passphrase", key);
    else if (X509_check_private_key(x, p) != 1)
        rc = err_set(err, ERR_INVALID, "API_TLS_KEY: %s is not the key of the certificate in %s",
                     key, cert);
    ERR_clear_error();
    X509_free(x);
    EVP_PKEY_free(p);
    BIO_free(c);
    BIO_free(k);
    return rc;
}
