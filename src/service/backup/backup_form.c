/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hex.h"
#include "base/limits.h"
#include "service/backup/backup_int.h"
#include "service/jout.h"
#include "base/banned.h"

/* The outer form of a backup: its members, and the manifest that vouches for them. */

enum { FORMAT = 1, SHA = 32, SHA_TEXT = 2 * SHA + 1, MANIFEST_MAX = 1 << 16 };

void backup_members(struct zipfile_member members[MEMBER_COUNT])
{
    static const struct zipfile_member all[MEMBER_COUNT] = {
        [MEMBER_MANIFEST] = {.name = "manifest.json", .max = MANIFEST_MAX},
        [MEMBER_DB] = {.name = "pg-limiter.db", .max = LIMIT_IMAGE},
        [MEMBER_SETTINGS] = {.name = "settings.json", .max = LIMIT_BACKUP_TEXT},
        [MEMBER_SEALED] = {.name = "secrets.enc", .max = LIMIT_BACKUP_TEXT},
        [MEMBER_CLEAR] = {.name = "secrets.json", .max = LIMIT_BACKUP_TEXT},
    };

    memcpy(members, all, sizeof(all));
}

const char *backup_text(json_t *manifest, const char *name)
{
    const char *s = json_string_value(json_object_get(manifest, name));

    return s ? s : "";
}

static int add_file(EVP_MD_CTX *ctx, const struct zipfile_member *m)
{
    char part[65536];
    size_t done = 0;
    ssize_t n;

    while (done < m->file_n) {
        n = pread(m->fd, part, sizeof(part), (off_t)done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || EVP_DigestUpdate(ctx, part, (size_t)n) != 1)
            return -1;
        done += (size_t)n;
    }
    return done == m->file_n ? 0 : -1;
}

static int hash(const struct zipfile_member *m, char ret[SHA_TEXT], struct err *err)
{
    unsigned char md[EVP_MAX_MD_SIZE];
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    unsigned n = 0;
    bool ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1;

    if (ok && m->bytes.p)
        ok = EVP_DigestUpdate(ctx, m->bytes.p, m->bytes.n) == 1;
    else if (ok)
        ok = add_file(ctx, m) == 0;
    ok = ok && EVP_DigestFinal_ex(ctx, md, &n) == 1 && n == SHA;
    EVP_MD_CTX_free(ctx);
    if (!ok)
        return err_set(err, m->bytes.p ? ERR_NOMEM : ERR_IO, "no sha256 of %s", m->name);
    hex_write(md, SHA, ret);
    return ERR_OK;
}

/* ---- reading ---- */

/* One member against its row in the manifest. */
static int check_member(json_t *rows, const struct zipfile_member *m, struct err *err)
{
    json_t *row = json_object_get(rows, m->name);
    char sha[SHA_TEXT];
    int rc;

    if (!m->bytes.p && !row)
        return ERR_OK;
    if (!m->bytes.p)
        return err_set(err, ERR_CORRUPT, "%s is missing in the zip", m->name);
    if (!row)
        return err_set(err, ERR_CORRUPT, "the manifest does not know %s", m->name);
    rc = hash(m, sha, err);
    if (rc)
        return rc;
    if (json_integer_value(json_object_get(row, "size")) != (json_int_t)m->bytes.n ||
        strcmp(backup_text(row, "sha256"), sha) != 0)
        return err_set(err, ERR_CORRUPT, "%s is not what the manifest says (size or sha256)",
                       m->name);
    return ERR_OK;
}

static int check_manifest(json_t *manifest, const struct zipfile_member members[MEMBER_COUNT],
                          struct err *err)
{
    json_t *format = json_object_get(manifest, "format"), *rows, *row;
    const char *name;
    int i, rc = ERR_OK;

    if (strcmp(backup_text(manifest, "program"), "pg-limiter") != 0 || !json_is_integer(format) ||
        json_integer_value(format) < 1)
        return err_set(err, ERR_CORRUPT, "manifest.json is not one of pg-limiter");
    if (json_integer_value(format) > FORMAT)
        return err_set(err, ERR_INVALID,
                       "the backup was made by a newer pg-limiter (%.40s, format %lld): update "
                       "this one first",
                       backup_text(manifest, "version"), (long long)json_integer_value(format));
    rows = json_object_get(manifest, "members");
    for (i = MEMBER_DB; !rc && i < MEMBER_COUNT; i++)
        rc = check_member(rows, &members[i], err);
    if (!rc && !members[MEMBER_DB].bytes.p)
        rc = err_set(err, ERR_CORRUPT, "pg-limiter.db is missing in the zip");
    if (!rc && !members[MEMBER_SETTINGS].bytes.p)
        rc = err_set(err, ERR_CORRUPT, "settings.json is missing in the zip");
    json_object_foreach(rows, name, row)
    {
        for (i = MEMBER_DB; i < MEMBER_COUNT && strcmp(members[i].name, name) != 0; i++)
            ;
        if (!rc && i == MEMBER_COUNT)
            rc = err_set(err, ERR_CORRUPT, "the manifest names a member that no backup has");
    }
    return rc;
}

int backup_read(struct slice zip, struct zipfile_member members[MEMBER_COUNT],
                json_t **ret_manifest, struct err *err)
{
    json_t *manifest;
    int rc;

    backup_members(members);
    if (zip.n > LIMIT_BACKUP)
        return err_set(err, ERR_TOO_BIG, "the zip has more than %d MiB", LIMIT_BACKUP >> 20);
    rc = zipfile_read(zip, members, MEMBER_COUNT, err);
    if (rc)
        return rc;
    manifest = json_loadb(members[MEMBER_MANIFEST].bytes.p, members[MEMBER_MANIFEST].bytes.n,
                          JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(manifest))
        rc = err_set(err, ERR_CORRUPT, "manifest.json is no JSON object");
    else
        rc = check_manifest(manifest, members, err);
    if (rc)
        json_decref(manifest);
    else
        *ret_manifest = manifest;
    return rc;
}

/* ---- writing ---- */

static int add_rows(struct buf *b, const struct zipfile_member members[MEMBER_COUNT],
                    struct err *err)
{
    char sha[SHA_TEXT];
    int i, rc;

    jout_open(b, "members", '{');
    for (i = MEMBER_DB; i < MEMBER_COUNT; i++) {
        if (!members[i].bytes.p && !members[i].file_n)
            continue;
        rc = hash(&members[i], sha, err);
        if (rc)
            return rc;
        jout_open(b, members[i].name, '{');
        jout_int(b, "size", (int64_t)(members[i].bytes.p ? members[i].bytes.n : members[i].file_n));
        jout_text(b, "sha256", sha);
        jout_close(b, '}');
    }
    jout_close(b, '}');
    return ERR_OK;
}

int backup_write(struct zipfile_member members[MEMBER_COUNT], const char *created,
                 const char *version, int64_t now_us, struct buf *ret_zip, struct err *err)
{
    struct buf b;
    int rc;

    buf_init(&b, MANIFEST_MAX);
    jout_open(&b, NULL, '{');
    jout_int(&b, "format", FORMAT);
    jout_text(&b, "program", "pg-limiter");
    jout_text(&b, "version", version);
    jout_text(&b, "created_at", created);
    rc = add_rows(&b, members, err);
    jout_close(&b, '}');
    if (!rc && b.failed)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (!rc) {
        struct slice before = members[MEMBER_MANIFEST].bytes;

        members[MEMBER_MANIFEST].bytes = buf_slice(&b);
        rc = zipfile_write(members, MEMBER_COUNT, now_us, ret_zip, err);
        members[MEMBER_MANIFEST].bytes = before;
    }
    buf_release(&b);
    return rc;
}

/* The row of one member in the manifest. */
static json_t *row_of(const struct zipfile_member *m, struct err *err)
{
    char sha[SHA_TEXT];

    if (hash(m, sha, err))
        return NULL;
    return json_pack("{s:I, s:s}", "size", (json_int_t)m->bytes.n, "sha256", sha);
}

int backup_add(struct slice zip, const struct zipfile_member *m, int64_t now_us,
               struct buf *ret_zip, struct err *err)
{
    struct zipfile_member both[2] = {{.name = "manifest.json"}, *m};
    struct slice text = {NULL, 0};
    json_t *manifest = NULL, *rows, *row;
    char *dumped = NULL;
    int rc = zipfile_get(zip, both[0].name, MANIFEST_MAX, &text, err);

    if (rc)
        return rc;
    manifest = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    free((char *)text.p);
    rows = json_object_get(manifest, "members");
    if (!json_is_object(rows))
        rc = err_set(err, ERR_CORRUPT, "manifest.json is not one of pg-limiter");
    row = rc ? NULL : row_of(m, err);
    if (!rc && (!row || json_object_set_new(rows, m->name, row) ||
                !(dumped = json_dumps(manifest, JSON_COMPACT))))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (!rc) {
        both[0].bytes = slice_of(dumped);
        rc = zipfile_put(zip, both, 2, now_us, ret_zip, err);
    }
    free(dumped);
    json_decref(manifest);
    return rc;
}
