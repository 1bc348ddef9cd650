/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/backup/zipfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zip.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "base/banned.h"

static int zip_failed(zip_error_t *ze, int rc, const char *doing, struct err *err)
{
    return err_set(err, zip_error_code_zip(ze) == ZIP_ER_MEMORY ? ERR_NOMEM : rc, "%s: %s", doing,
                   zip_error_strerror(ze));
}

/* ---- writing ---- */

static bool is_there(const struct zipfile_member *m)
{
    return m->bytes.p || m->file_n;
}

static zip_source_t *source_of(zip_t *z, const struct zipfile_member *m)
{
    zip_source_t *src;
    FILE *f;
    int fd;

    if (m->bytes.p)
        return zip_source_buffer(z, m->bytes.p, m->bytes.n, 0);
    fd = fcntl(m->fd, F_DUPFD_CLOEXEC, 3);
    f = fd < 0 ? NULL : fdopen(fd, "rb");
    src = f ? zip_source_filep(z, f, 0, (zip_int64_t)m->file_n) : NULL;
    if (!src && f)
        fclose(f);
    else if (!f && fd >= 0)
        close(fd);
    return src;
}

/* Added, or in place of the one of its name. */
static int add_member(zip_t *z, const struct zipfile_member *m, int64_t now_us, struct err *err)
{
    zip_source_t *src = source_of(z, m);
    zip_int64_t i = src ? zip_file_add(z, m->name, src, ZIP_FL_ENC_UTF_8 | ZIP_FL_OVERWRITE) : -1;

    if (i < 0) {
        zip_source_free(src);
        return zip_failed(zip_get_error(z), ERR_IO, "the zip cannot be written", err);
    }
    if (zip_set_file_compression(z, (zip_uint64_t)i, ZIP_CM_DEFLATE, 6) ||
        zip_file_set_mtime(z, (zip_uint64_t)i, (time_t)(now_us / STAMP_SECOND), 0) ||
        zip_file_set_external_attributes(z, (zip_uint64_t)i, 0, ZIP_OPSYS_UNIX,
                                         (zip_uint32_t)(S_IFREG | 0600) << 16))
        return zip_failed(zip_get_error(z), ERR_IO, "the zip cannot be written", err);
    return ERR_OK;
}

/* What zip_close has left in the source. */
static int take_bytes(zip_source_t *src, struct buf *out, struct err *err)
{
    zip_int64_t got = 0;
    char part[65536];

    if (zip_source_open(src))
        return zip_failed(zip_source_error(src), ERR_IO, "the zip cannot be written", err);
    while ((got = zip_source_read(src, part, sizeof(part))) > 0)
        if (buf_add(out, part, (size_t)got))
            break;
    zip_source_close(src);
    if (out->failed)
        return err_set(
            err, ERR_TOO_BIG,
            "the backup would have more than %zu MiB: shorten ip_history_hours or copy the "
            "database with sqlite3's .backup",
            out->max >> 20);
    return got < 0 ? err_set(err, ERR_IO, "the zip cannot be written") : ERR_OK;
}

/* from empty: a new zip. */
static int write_members(struct slice from, const struct zipfile_member *members, size_t n,
                         int64_t now_us, struct buf *ret_zip, struct err *err)
{
    zip_source_t *src;
    zip_error_t ze;
    zip_t *z;
    size_t i;
    int rc = ERR_OK;

    zip_error_init(&ze);
    src = zip_source_buffer_create(from.n ? from.p : NULL, from.n, 0, &ze);
    z = src ? zip_open_from_source(src, from.n ? 0 : ZIP_TRUNCATE, &ze) : NULL;
    if (!z) {
        zip_source_free(src);
        rc = zip_failed(&ze, ERR_IO, "the zip cannot be written", err);
        zip_error_fini(&ze);
        return rc;
    }
    zip_error_fini(&ze);
    zip_source_keep(src);
    for (i = 0; !rc && i < n; i++)
        if (is_there(&members[i]))
            rc = add_member(z, &members[i], now_us, err);
    if (rc) {
        zip_discard(z);
    } else if (zip_close(z)) {
        rc = zip_failed(zip_get_error(z), ERR_IO, "the zip cannot be written", err);
        zip_discard(z);
    } else {
        rc = take_bytes(src, ret_zip, err);
    }
    zip_source_free(src);
    return rc;
}

int zipfile_write(const struct zipfile_member *members, size_t n, int64_t now_us,
                  struct buf *ret_zip, struct err *err)
{
    return write_members((struct slice){NULL, 0}, members, n, now_us, ret_zip, err);
}

int zipfile_put(struct slice zip, const struct zipfile_member *members, size_t n, int64_t now_us,
                struct buf *ret_zip, struct err *err)
{
    return write_members(zip, members, n, now_us, ret_zip, err);
}

/* ---- reading ---- */

/* Names in the backups of the Python program. */
static bool is_old_name(struct slice name)
{
    static const char *const begins[] = {"config/", "data/", "legacy/", "backup_info.txt"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(begins); i++)
        if (slice_starts(name, slice_of(begins[i])))
            return true;
    return false;
}

static void whose(zip_t *z, zip_int64_t n, bool *ret_ours, bool *ret_old)
{
    zip_int64_t i;

    *ret_ours = *ret_old = false;
    for (i = 0; i < n; i++) {
        struct slice name = slice_of(zip_get_name(z, (zip_uint64_t)i, ZIP_FL_ENC_RAW));

        *ret_ours = *ret_ours || slice_eq(name, SLICE("manifest.json"));
        *ret_old = *ret_old || is_old_name(name);
    }
}

static int check_names(zip_t *z, zip_int64_t n, struct err *err)
{
    bool ours, old;

    whose(z, n, &ours, &old);
    if (!ours && old)
        return err_set(err, ERR_REFUSED,
                       "this is a backup of the Python PG-Limiter: `pg-limiter import FILE` takes "
                       "it over");
    if (!ours)
        return err_set(err, ERR_CORRUPT,
                       "this is no backup of pg-limiter: it has no manifest.json");
    if (n > LIMIT_BACKUP_MEMBERS)
        return err_set(err, ERR_TOO_BIG, "the zip has %lld members, a backup has at most %d",
                       (long long)n, LIMIT_BACKUP_MEMBERS);
    return ERR_OK;
}

static struct zipfile_member *find(struct zipfile_member *members, size_t n, struct slice name)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (slice_eq(slice_of(members[i].name), name))
            return &members[i];
    return NULL;
}

/* The name of a member as it may be shown. */
static const char *shown(struct slice name, struct buf *b)
{
    buf_clear(b);
    buf_add_escaped(b, (struct slice){name.p, name.n > 80 ? 80 : name.n});
    return buf_str(b);
}

static int check_kind(zip_t *z, zip_uint64_t i, const zip_stat_t *st, const char *name,
                      struct err *err)
{
    zip_uint8_t made_on = 0;
    zip_uint32_t attributes = 0;

    if (!(st->valid & ZIP_STAT_SIZE) || !(st->valid & ZIP_STAT_COMP_METHOD))
        return err_set(err, ERR_CORRUPT, "the zip is damaged at %s", name);
    if ((st->valid & ZIP_STAT_ENCRYPTION_METHOD) && st->encryption_method != ZIP_EM_NONE)
        return err_set(err, ERR_CORRUPT, "%s is encrypted by the zip program", name);
    if (st->comp_method != ZIP_CM_STORE && st->comp_method != ZIP_CM_DEFLATE)
        return err_set(err, ERR_CORRUPT, "%s is compressed in a way that is not ours", name);
    if (zip_file_get_external_attributes(z, i, 0, &made_on, &attributes))
        return err_set(err, ERR_CORRUPT, "the zip is damaged at %s", name);
    if (made_on == ZIP_OPSYS_UNIX && S_ISLNK(attributes >> 16))
        return err_set(err, ERR_CORRUPT, "%s is a symbolic link", name);
    return ERR_OK;
}

static int inflate(zip_t *z, zip_uint64_t i, const zip_stat_t *st, struct zipfile_member *m,
                   struct err *err)
{
    char *p = malloc((size_t)st->size + 1), more;
    zip_file_t *f = p ? zip_fopen_index(z, i, 0) : NULL;
    size_t n = 0;
    zip_int64_t got = -1;

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    while (f && n < st->size && (got = zip_fread(f, p + n, st->size - n)) > 0)
        n += (size_t)got;
    /* Reading past the end is what makes libzip compare the checksum. */
    if (f && n == st->size)
        got = zip_fread(f, &more, 1);
    if (f)
        zip_fclose(f);
    if (!f || n != st->size || got != 0) {
        free(p);
        return err_set(err, ERR_CORRUPT, "%s in the zip is damaged", m->name);
    }
    m->bytes = (struct slice){p, n};
    return ERR_OK;
}

static int read_member(zip_t *z, zip_uint64_t i, struct zipfile_member *members, size_t n,
                       struct err *err)
{
    struct slice name = slice_of(zip_get_name(z, i, ZIP_FL_ENC_RAW));
    struct zipfile_member *m = find(members, n, name);
    struct buf text;
    zip_stat_t st;
    int rc;

    buf_init(&text, 512);
    zip_stat_init(&st);
    if (!m)
        rc = err_set(err, ERR_CORRUPT, "the zip has a member \"%s\", which no backup has",
                     shown(name, &text));
    else if (m->bytes.p)
        rc = err_set(err, ERR_CORRUPT, "the zip has %s twice", m->name);
    else if (zip_stat_index(z, i, 0, &st))
        rc = err_set(err, ERR_CORRUPT, "the zip is damaged at %s", m->name);
    else
        rc = check_kind(z, i, &st, m->name, err);
    if (!rc && st.size > m->max)
        rc = err_set(err, ERR_TOO_BIG, "%s would have %llu KiB, allowed are %zu", m->name,
                     (unsigned long long)(st.size >> 10), m->max >> 10);
    if (!rc)
        rc = inflate(z, i, &st, m, err);
    buf_release(&text);
    return rc;
}

static int read_all(zip_t *z, struct zipfile_member *members, size_t n, struct err *err)
{
    zip_int64_t count = zip_get_num_entries(z, 0), i;
    int rc = check_names(z, count, err);

    for (i = 0; !rc && i < count; i++)
        rc = read_member(z, (zip_uint64_t)i, members, n, err);
    return rc;
}

static zip_t *open_bytes(struct slice zip, zip_error_t *ze)
{
    zip_source_t *src = zip_source_buffer_create(zip.n ? zip.p : "", zip.n, 0, ze);
    zip_t *z = src ? zip_open_from_source(src, ZIP_RDONLY | ZIP_CHECKCONS, ze) : NULL;

    if (!z)
        zip_source_free(src);
    return z;
}

int zipfile_read(struct slice zip, struct zipfile_member *members, size_t n, struct err *err)
{
    zip_error_t ze;
    zip_t *z;
    size_t i;
    int rc;

    for (i = 0; i < n; i++)
        members[i].bytes = (struct slice){NULL, 0};
    zip_error_init(&ze);
    z = open_bytes(zip, &ze);
    if (!z) {
        rc = zip_error_code_zip(&ze) == ZIP_ER_EXISTS
                 ? err_set(err, ERR_CORRUPT, "the zip has a member twice")
                 : zip_failed(&ze, ERR_CORRUPT, "this is no zip, or a damaged one", err);
        zip_error_fini(&ze);
        return rc;
    }
    zip_error_fini(&ze);
    rc = read_all(z, members, n, err);
    zip_discard(z);
    if (rc)
        zipfile_release(members, n);
    return rc;
}

int zipfile_get(struct slice zip, const char *name, size_t max, struct slice *ret_bytes,
                struct err *err)
{
    struct zipfile_member m = {.name = name, .max = max};
    zip_error_t ze;
    zip_t *z;
    zip_int64_t i;
    int rc;

    zip_error_init(&ze);
    z = open_bytes(zip, &ze);
    zip_error_fini(&ze);
    i = z ? zip_name_locate(z, name, ZIP_FL_ENC_RAW) : -1;
    rc = i < 0 ? err_set(err, ERR_CORRUPT, "the zip holds no %s", name)
               : read_member(z, (zip_uint64_t)i, &m, 1, err);
    zip_discard(z);
    if (!rc)
        *ret_bytes = m.bytes;
    return rc;
}

bool zipfile_is_old(struct slice zip)
{
    bool ours = false, old = false;
    zip_error_t ze;
    zip_t *z;

    zip_error_init(&ze);
    z = open_bytes(zip, &ze);
    zip_error_fini(&ze);
    if (z)
        whose(z, zip_get_num_entries(z, 0), &ours, &old);
    zip_discard(z);
    return old && !ours;
}

void zipfile_release(struct zipfile_member *members, size_t n)
{
    size_t i;

    for (i = 0; i < n; i++) {
        free((char *)members[i].bytes.p);
        members[i].bytes = (struct slice){NULL, 0};
    }
}
