/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/fetched.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hex.h"
#include "geo/licence.h"
#include "base/banned.h"

enum { LINE_MAX_ = 4096 };

/* ---- the part ---- */

static bool note_path(const char *part, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s.from", part);

    return n > 0 && n < PATH_MAX;
}

/* Whether the note beside part is of that URL and has a validator. */
static bool read_note(const char *part, const char *url, char *validator, size_t cap)
{
    char path[PATH_MAX], line[LINE_MAX_];
    bool same = false;
    FILE *f = note_path(part, path) ? fopen(path, "re") : NULL;
    struct slice text;

    validator[0] = '\0';
    if (!f)
        return false;
    if (fgets(line, sizeof(line), f))
        same = slice_eq(slice_trim(slice_of(line)), slice_of(url));
    if (same && fgets(line, sizeof(line), f)) {
        text = slice_trim(slice_of(line));
        if (text.n < cap)
            snprintf(validator, cap, "%.*s", (int)text.n, text.n ? text.p : "");
    }
    fclose(f);
    return validator[0] != '\0';
}

int fetched_open(const char *part, const char *url, int64_t *ret_bytes, char *validator, size_t cap)
{
    bool keep = read_note(part, url, validator, cap);
    int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (keep ? 0 : O_TRUNC), 0644);
    off_t end = fd < 0 ? -1 : lseek(fd, 0, SEEK_END);

    if (fd >= 0 && end < 0) {
        close(fd);
        return -1;
    }
    *ret_bytes = end > 0 ? end : 0;
    return fd;
}

void fetched_remember(const char *part, const char *url, const char *validator)
{
    char path[PATH_MAX];
    FILE *f = note_path(part, path) ? fopen(path, "we") : NULL;

    if (!f)
        return;
    fprintf(f, "%s\n%s\n", url, validator);
    /* A note cut short names another URL: the download begins anew. */
    fclose(f);
}

void fetched_forget(const char *part)
{
    char path[PATH_MAX];

    unlink(part);
    if (note_path(part, path))
        unlink(path);
}

bool fetched_take_sha256(struct slice text, char ret[65])
{
    char hex[65];
    size_t i;

    text = slice_trim(text);
    if (text.n < 64 ||
        (text.n > 64 && text.p[64] != ' ' && text.p[64] != '\n' && text.p[64] != '\r'))
        return false;
    for (i = 0; i < 64; i++) {
        char c = text.p[i];

        if (c >= 'A' && c <= 'F')
            c = (char)(c | 0x20);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        hex[i] = c;
    }
    hex[64] = '\0';
    memcpy(ret, hex, sizeof(hex));
    return true;
}

/* ---- the check ---- */

struct fetched {
    fetched_fn fn; /* NULL: dropped */
    void *arg;
    enum geofile_kind kind;
    char part[PATH_MAX], path[PATH_MAX], source[LINE_MAX_];
    char sha256[65];
    int rc;
    struct err err;
};

static int hash_file(const char *path, char ret[65])
{
    unsigned char *chunk = malloc(1 << 16), sum[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    FILE *f = fopen(path, "re");
    size_t n;
    int rc = chunk && md ? ERR_OK : ERR_NOMEM;

    if (!rc && (!f || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1))
        rc = ERR_IO;
    while (!rc && (n = fread(chunk, 1, 1 << 16, f)) > 0)
        if (EVP_DigestUpdate(md, chunk, n) != 1)
            rc = ERR_NOMEM;
    if (!rc && (ferror(f) || EVP_DigestFinal_ex(md, sum, NULL) != 1))
        rc = ERR_IO;
    if (!rc)
        hex_write(sum, 32, ret);
    if (f)
        fclose(f);
    EVP_MD_CTX_free(md);
    free(chunk);
    return rc;
}

/* Root name servers, public resolvers and large sites of all parts of the world. */
static bool knows_sentinels(const struct geofile *f, enum geofile_kind kind)
{
    static const char *const texts[] = {"1.1.1.1",         "8.8.8.8",       "9.9.9.9",
                                        "193.0.14.129",    "202.12.27.33",  "77.88.8.8",
                                        "114.114.114.114", "91.198.174.192"};
    char country[3];
    struct addr a;
    size_t i, known = 0;

    for (i = 0; i < ARRAY_LEN(texts); i++) {
        if (addr_parse(slice_of(texts[i]), &a))
            continue;
        if (kind == GEOFILE_ASN) {
            known += geofile_asn(f, a, NULL) != 0;
        } else {
            geofile_country(f, a, country);
            known += country[0] != '\0';
        }
    }
    return 2 * known >= ARRAY_LEN(texts);
}

static int sync_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), rc;

    if (fd < 0)
        return ERR_IO;
    rc = fsync(fd) ? ERR_IO : ERR_OK;
    close(fd);
    return rc;
}

static int put_in_place(struct fetched *c, const struct geofile_info *info)
{
    char old[PATH_MAX + 16], note[PATH_MAX];
    size_t n = strlen(c->path);

    if (sync_file(c->part))
        return err_set(&c->err, ERR_IO, "%s: %s", c->part, strerror(errno));
    snprintf(old, sizeof(old), "%.*s.previous.mmdb", (int)(n > 5 ? n - 5 : n), c->path);
    unlink(old);
    if (link(c->path, old) != 0 && errno != ENOENT)
        return err_set(&c->err, ERR_IO, "%s: %s", old, strerror(errno));
    if (licence_write(c->path, info->licence, c->source))
        return err_set(&c->err, ERR_IO, "%s: its licence cannot be written", c->path);
    if (rename(c->part, c->path) != 0)
        return err_set(&c->err, ERR_IO, "%s: %s", c->path, strerror(errno));
    if (note_path(c->part, note))
        unlink(note);
    return ERR_OK;
}

static void check(void *arg)
{
    struct fetched *c = arg;
    struct geofile *f = NULL;
    char sum[65];

    if (c->sha256[0]) {
        c->rc = hash_file(c->part, sum);
        if (!c->rc && strcmp(sum, c->sha256) != 0)
            c->rc = err_set(&c->err, ERR_CORRUPT, "its sha256 is %s, not %s", sum, c->sha256);
        else if (c->rc)
            err_set(&c->err, c->rc, "%s: %s", c->part, err_name(c->rc));
    }
    if (!c->rc)
        c->rc = geofile_open(c->part, c->kind, &f, &c->err);
    if (!c->rc && !knows_sentinels(f, c->kind))
        c->rc =
            err_set(&c->err, ERR_CORRUPT, "what came does not know addresses that everybody knows");
    if (!c->rc)
        c->rc = put_in_place(c, geofile_info(f));
    geofile_close(f);
}

static void check_done(void *arg, int rc)
{
    struct fetched *c = arg;

    if (rc && !c->rc)
        c->rc = err_set(&c->err, rc, "%s", err_name(rc));
    if (c->fn)
        c->fn(c->arg, c->rc, &c->err, c->sha256[0] != '\0');
    free(c);
}

/* A URL may hold a key: only what stands before ? and behind a login is kept. */
static void copy_source(char *out, size_t cap, const char *url)
{
    struct slice rest = slice_of(url), head = slice_cut(&rest, '?');
    const char *at = memrchr(head.p, '@', head.n), *scheme = memmem(head.p, head.n, "://", 3);

    if (at && scheme)
        snprintf(out, cap, "%.*s%.*s", (int)(scheme - head.p) + 3, head.p,
                 (int)(head.p + head.n - at) - 1, at + 1);
    else
        snprintf(out, cap, "%.*s", (int)head.n, head.p);
}

int fetched_check(struct worker *w, enum geofile_kind kind, const char *part, const char *path,
                  const char *sha256, const char *url, fetched_fn fn, void *arg,
                  struct fetched **ret_check, struct err *err)
{
    struct fetched *c = calloc(1, sizeof(*c));
    int rc;

    if (!c)
        return err_set(err, ERR_NOMEM, "out of memory");
    c->fn = fn;
    c->arg = arg;
    c->kind = kind;
    snprintf(c->part, sizeof(c->part), "%s", part);
    snprintf(c->path, sizeof(c->path), "%s", path);
    snprintf(c->sha256, sizeof(c->sha256), "%s", sha256);
    copy_source(c->source, sizeof(c->source), url);
    rc = worker_submit(w, check, check_done, c);
    if (rc) {
        free(c);
        return err_set(err, rc, "%s", err_name(rc));
    }
    *ret_check = c;
    return ERR_OK;
}

void fetched_drop(struct fetched *c)
{
    if (c)
        c->fn = NULL;
}
