/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/import_zip.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zip.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/banned.h"

struct reading {
    zip_t *zip;
    const char *path, *folder;
    import_zip_text_fn text;
    import_zip_db_fn db;
    void *arg;
};

static bool ends(const char *name, const char *tail)
{
    return slice_ends(slice_of(name), slice_of(tail));
}

static int broken(const struct reading *r, const char *name, const char *why, struct err *err)
{
    return err_set(err, ERR_CORRUPT, "%s, member %.100s: %s", r->path, name, why);
}

static int too_big(const struct reading *r, const char *name, int64_t max, struct err *err)
{
    return err_set(err, ERR_TOO_BIG, "%s, member %.100s: larger than %lld MiB", r->path, name,
                   (long long)(max >> 20));
}

/* Where the bytes of a member go. */
struct sink {
    struct buf *text; /* or */
    int fd;
};

static int pour(const struct reading *r, zip_file_t *f, const char *name, int64_t max,
                const struct sink *to, struct err *err)
{
    char block[65536];
    int64_t total = 0;
    zip_int64_t n;

    while ((n = zip_fread(f, block, sizeof(block))) > 0) {
        /* What is really there counts, not what the directory of the zip says. */
        total += n;
        if (total > max)
            return too_big(r, name, max, err);
        if (to->text) {
            if (buf_add(to->text, block, (size_t)n))
                return err_set(err, ERR_NOMEM, "out of memory");
        } else if (write(to->fd, block, (size_t)n) != n) {
            return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO,
                           "%s, member %.100s: its copy cannot be written: %s", r->path, name,
                           strerror(errno));
        }
    }
    return n < 0 ? broken(r, name, zip_file_strerror(f), err) : ERR_OK;
}

static int member(const struct reading *r, zip_uint64_t i, const char *name, int64_t max,
                  const struct sink *to, struct err *err)
{
    zip_file_t *f = zip_fopen_index(r->zip, i, 0);
    int rc, end;

    if (!f)
        return broken(r, name, zip_strerror(r->zip), err);
    rc = pour(r, f, name, max, to, err);
    end = zip_fclose(f);
    return !rc && end ? broken(r, name, "its checksum is wrong", err) : rc;
}

static int take_text(const struct reading *r, zip_uint64_t i, const char *name, struct err *err)
{
    struct buf text;
    struct sink to = {&text, -1};
    int rc;

    buf_init(&text, LIMIT_OLD_JSON);
    rc = member(r, i, name, LIMIT_OLD_JSON, &to, err);
    if (!rc)
        rc = r->text(r->arg, name, buf_slice(&text), err);
    buf_release(&text);
    return rc;
}

static int to_file(const struct reading *r, zip_uint64_t i, const char *name, const char *path,
                   struct err *err)
{
    struct sink to = {NULL,
                      open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    int rc;

    if (to.fd < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    rc = member(r, i, name, LIMIT_OLD_DB, &to, err);
    if (close(to.fd) != 0 && !rc)
        rc = err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    return rc;
}

/* A database, with what belongs to it and stands beside it. */
static int take_db(const struct reading *r, zip_uint64_t i, const char *name, struct err *err)
{
    static const char *const parts[] = {"", "-wal", "-journal"};
    char path[ARRAY_LEN(parts)][PATH_MAX], part[PATH_MAX];
    zip_int64_t at;
    size_t k;
    int rc = ERR_OK;

    for (k = 0; k < ARRAY_LEN(parts); k++)
        if (snprintf(path[k], PATH_MAX, "%s/zip.db%s", r->folder, parts[k]) >= PATH_MAX ||
            snprintf(part, sizeof(part), "%s%s", name, parts[k]) >= (int)sizeof(part))
            return broken(r, name, "the name is too long", err);
    for (k = 0; k < ARRAY_LEN(parts) && !rc; k++) {
        snprintf(part, sizeof(part), "%s%s", name, parts[k]);
        at = k ? zip_name_locate(r->zip, part, 0) : (zip_int64_t)i;
        if (at >= 0)
            rc = to_file(r, (zip_uint64_t)at, part, path[k], err);
    }
    if (!rc)
        rc = r->db(r->arg, name, path[0], err);
    for (k = 0; k < ARRAY_LEN(parts); k++)
        unlink(path[k]);
    return rc;
}

static int each(const struct reading *r, bool texts, struct err *err)
{
    zip_int64_t n = zip_get_num_entries(r->zip, 0), i;
    const char *name;
    bool text, db;
    int rc = ERR_OK;

    if (n > LIMIT_OLD_FILES)
        return err_set(err, ERR_TOO_BIG, "%s holds %lld members, more than %d", r->path,
                       (long long)n, (int)LIMIT_OLD_FILES);
    for (i = 0; i < n && !rc; i++) {
        name = zip_get_name(r->zip, (zip_uint64_t)i, 0);
        if (!name)
            return broken(r, "?", zip_strerror(r->zip), err);
        text = ends(name, ".json") || ends(name, ".env");
        db = ends(name, ".db") || ends(name, ".sqlite") || ends(name, ".sqlite3");
        if (texts && text)
            rc = take_text(r, (zip_uint64_t)i, name, err);
        else if (!texts && db)
            rc = take_db(r, (zip_uint64_t)i, name, err);
    }
    return rc;
}

int import_zip(const char *path, const char *folder, import_zip_text_fn text, import_zip_db_fn db,
               void *arg, struct err *err)
{
    struct reading r = {.path = path, .folder = folder, .text = text, .db = db, .arg = arg};
    zip_error_t why;
    int code = 0, rc;

    r.zip = zip_open(path, ZIP_RDONLY | ZIP_CHECKCONS, &code);
    if (!r.zip) {
        zip_error_init_with_code(&why, code);
        err_set(err, ERR_CORRUPT, "%s is no zip that can be read: %s", path,
                zip_error_strerror(&why));
        zip_error_fini(&why);
        return ERR_CORRUPT;
    }
    rc = each(&r, true, err);
    if (!rc)
        rc = each(&r, false, err);
    zip_discard(r.zip);
    return rc;
}
