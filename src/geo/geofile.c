/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geofile.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/stamp.h"
#include "geo/licence.h"
#include "geo/mmcheck.h"
#include "base/banned.h"

enum { PATH_DEPTH = 3, SEPARATOR = 16 };
static const uint64_t values_max = 64 << 20;

/* Where the makers of databases put what we want; the NULL ends a path. */
static const char *const country_paths[][PATH_DEPTH] = {
    {"country", "iso_code"},            /* GeoLite2, GeoIP2, DB-IP */
    {"country_code"},                   /* ip-location-db, ipinfo Lite */
    {"country"},                        /* ipinfo's older files */
    {"registered_country", "iso_code"}, /* where GeoLite2 does not know the place */
};
static const char *const asn_paths[][PATH_DEPTH] = {
    {"autonomous_system_number"},
    {"asn"},
    {"as_number"},
};
static const char *const name_paths[][PATH_DEPTH] = {
    {"autonomous_system_organization"},
    {"as_name"},
    {"as_organization"},
    {"name"},
    {"organization"},
};

struct geofile {
    MMDB_s db;
    enum geofile_kind kind;
    size_t first_path; /* the path most likely to answer */
    size_t first_name;
    struct geofile_info info;
};

const char *geofile_kind_name(enum geofile_kind kind)
{
    return kind == GEOFILE_COUNTRY ? "country" : "asn";
}

/* ---- one record ---- */

static bool take_country(const MMDB_entry_data_s *d, char ret[3])
{
    int i;

    if (d->type != MMDB_DATA_TYPE_UTF8_STRING || d->data_size != 2)
        return false;
    for (i = 0; i < 2; i++) {
        char c = d->utf8_string[i];

        if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return false;
    }
    ret[0] = (char)(d->utf8_string[0] & ~0x20);
    ret[1] = (char)(d->utf8_string[1] & ~0x20);
    ret[2] = '\0';
    return true;
}

static bool take_asn(const MMDB_entry_data_s *d, uint32_t *ret)
{
    struct slice text;
    uint64_t v = 0;

    switch (d->type) {
    case MMDB_DATA_TYPE_UINT16:
        v = d->uint16;
        break;
    case MMDB_DATA_TYPE_UINT32:
        v = d->uint32;
        break;
    case MMDB_DATA_TYPE_UINT64:
        v = d->uint64;
        break;
    case MMDB_DATA_TYPE_INT32:
        v = d->int32 > 0 ? (uint64_t)d->int32 : 0;
        break;
    case MMDB_DATA_TYPE_UTF8_STRING: /* "AS15169" */
        text = (struct slice){d->utf8_string, d->data_size};
        if (text.n > 2 && (text.p[0] | 0x20) == 'a' && (text.p[1] | 0x20) == 's')
            text = slice_skip(text, 2);
        if (num_uint(text, UINT32_MAX, &v))
            v = 0;
        break;
    default:
        break;
    }
    if (v == 0 || v > UINT32_MAX)
        return false;
    *ret = (uint32_t)v;
    return true;
}

static bool get(const MMDB_entry_s *entry, const char *const *path, MMDB_entry_data_s *ret)
{
    MMDB_entry_s copy = *entry;

    return MMDB_aget_value(&copy, ret, path) == MMDB_SUCCESS && ret->has_data;
}

static bool entry_country(const MMDB_entry_s *entry, size_t first, char ret[3], size_t *ret_path)
{
    MMDB_entry_data_s d;
    size_t i, k;

    for (k = 0; k < ARRAY_LEN(country_paths); k++) {
        i = (first + k) % ARRAY_LEN(country_paths);
        if (get(entry, country_paths[i], &d) && take_country(&d, ret)) {
            *ret_path = i;
            return true;
        }
    }
    return false;
}

static bool entry_asn(const MMDB_entry_s *entry, size_t first, uint32_t *ret, size_t *ret_path)
{
    MMDB_entry_data_s d;
    size_t i, k;

    for (k = 0; k < ARRAY_LEN(asn_paths); k++) {
        i = (first + k) % ARRAY_LEN(asn_paths);
        if (get(entry, asn_paths[i], &d) && take_asn(&d, ret)) {
            *ret_path = i;
            return true;
        }
    }
    return false;
}

static struct slice entry_name(const MMDB_entry_s *entry, size_t first, size_t *ret_path)
{
    MMDB_entry_data_s d;
    size_t i, k;

    for (k = 0; k < ARRAY_LEN(name_paths); k++) {
        i = (first + k) % ARRAY_LEN(name_paths);
        if (get(entry, name_paths[i], &d) && d.type == MMDB_DATA_TYPE_UTF8_STRING && d.data_size) {
            *ret_path = i;
            return (struct slice){d.utf8_string, d.data_size};
        }
    }
    return (struct slice){"", 0};
}

/* ---- opening ---- */

struct survey {
    struct geofile *f;
    struct mmcheck check;
    uint8_t *seen; /* one bit an offset of the data section */
    uint32_t useful;
};

static int survey_record(struct survey *s, uint8_t type, const MMDB_entry_s *entry)
{
    struct geofile *f = s->f;
    char country[3];
    uint32_t asn, at = entry->offset;
    int rc;

    if (type == MMDB_RECORD_TYPE_INVALID)
        return ERR_CORRUPT;
    if (type != MMDB_RECORD_TYPE_DATA)
        return ERR_OK;
    f->info.networks++;
    if (at >= s->check.n)
        return ERR_CORRUPT;
    if (s->seen[at / 8] >> (at % 8) & 1)
        return ERR_OK;
    s->seen[at / 8] |= (uint8_t)(1 << (at % 8));
    f->info.records++;
    rc = mmcheck_value(&s->check, at);
    if (rc)
        return rc;
    if (f->kind == GEOFILE_COUNTRY) {
        s->useful += entry_country(entry, f->first_path, country, &f->first_path);
    } else if (entry_asn(entry, f->first_path, &asn, &f->first_path)) {
        s->useful++;
        (void)entry_name(entry, f->first_name, &f->first_name);
    }
    return ERR_OK;
}

/* Every record of the tree. A tree may hold circles: its nodes are looked at in their order. */
static int survey_tree(struct survey *s)
{
    MMDB_search_node_s node;
    uint32_t i;
    int rc = ERR_OK;

    for (i = 0; !rc && i < s->f->db.metadata.node_count; i++) {
        if (MMDB_read_node(&s->f->db, i, &node) != MMDB_SUCCESS)
            return ERR_CORRUPT;
        rc = survey_record(s, node.left_record_type, &node.left_record_entry);
        if (!rc)
            rc = survey_record(s, node.right_record_type, &node.right_record_entry);
    }
    return rc;
}

static void copy_text(char *out, size_t cap, const char *text)
{
    snprintf(out, cap, "%s", text ? text : "");
}

static int look_through(struct geofile *f, const char *name, struct err *err)
{
    struct survey s = {.f = f, .check = {f->db.data_section, f->db.data_section_size, values_max}};
    int rc;

    if (f->db.metadata.ip_version != 4 && f->db.metadata.ip_version != 6)
        return err_set(err, ERR_CORRUPT, "%s: holds addresses of version %d", name,
                       f->db.metadata.ip_version);
    s.seen = calloc(1, s.check.n / 8 + 1);
    if (!s.seen)
        return err_set(err, ERR_NOMEM, "%s: out of memory", name);
    rc = survey_tree(&s);
    free(s.seen);
    if (rc)
        return err_set(err, rc, "%s: damaged: %s", name,
                       rc == ERR_CORRUPT ? "a record of it cannot be read" : "endless data");
    if (s.useful == 0)
        return err_set(err, ERR_CORRUPT, "%s: %s, not one of %u records has %s", name,
                       f->info.records ? "of another kind" : "empty", f->info.records,
                       f->kind == GEOFILE_COUNTRY ? "a country" : "an AS number");
    return ERR_OK;
}

/* f->db from the descriptor of a memory file, which stays the caller's. */
static int map(struct geofile *f, int fd, size_t size, const char *name, struct err *err)
{
    struct mmcheck check = {NULL, size, MMCHECK_VALUES};
    char path[64];
    size_t at = 0;
    uint8_t *p;
    int rc;

    p = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) : MAP_FAILED;
    if (p == MAP_FAILED)
        return err_set(err, size ? ERR_NOMEM : ERR_CORRUPT, "%s: %s", name,
                       size ? "out of memory" : "is empty");
    check.p = p;
    rc = mmcheck_find_metadata(p, size, &at);
    if (!rc) {
        /* Pointers inside the metadata count from its own beginning. */
        check.p = p + at;
        check.n = size - at;
        rc = mmcheck_value(&check, 0);
    }
    munmap(p, size);
    if (rc)
        return err_set(err, ERR_CORRUPT, "%s: is no MMDB file, or not all of one", name);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    rc = MMDB_open(path, MMDB_MODE_MMAP, &f->db);
    if (rc) {
        f->db = (MMDB_s){0};
        return err_set(err, rc == MMDB_OUT_OF_MEMORY_ERROR ? ERR_NOMEM : ERR_CORRUPT, "%s: %s",
                       name, MMDB_strerror(rc));
    }
    return ERR_OK;
}

static int open_copy(int fd, size_t size, const char *name, enum geofile_kind kind,
                     struct geofile **ret_file, struct err *err)
{
    struct geofile *f = calloc(1, sizeof(*f));
    int rc;

    if (!f)
        return err_set(err, ERR_NOMEM, "out of memory");
    f->kind = kind;
    rc = map(f, fd, size, name, err);
    if (!rc)
        rc = look_through(f, name, err);
    if (rc) {
        geofile_close(f);
        return rc;
    }
    f->info.size = (int64_t)size;
    f->info.nodes = f->db.metadata.node_count;
    /* A stamp past all sense is none. */
    if (f->db.metadata.build_epoch < UINT64_C(1) << 40)
        f->info.built_us = (int64_t)f->db.metadata.build_epoch * STAMP_SECOND;
    copy_text(f->info.type, sizeof(f->info.type), f->db.metadata.database_type);
    licence_guess(&f->info);
    *ret_file = f;
    return ERR_OK;
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);

        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return ERR_NOMEM; /* a file in memory: nothing else is full */
        p += done;
        n -= (size_t)done;
    }
    return ERR_OK;
}

static int copy_file(int from, int to, size_t *ret_size)
{
    char *chunk = malloc(1 << 16);
    size_t size = 0;
    ssize_t n = 1;
    int rc = chunk ? ERR_OK : ERR_NOMEM;

    while (!rc && n) {
        n = read(from, chunk, 1 << 16);
        if (n < 0 && errno != EINTR)
            rc = ERR_IO;
        if (n <= 0)
            continue;
        size += (size_t)n;
        rc = size > LIMIT_GEO_FILE ? ERR_TOO_BIG : write_all(to, chunk, (size_t)n);
    }
    free(chunk);
    *ret_size = size;
    return rc;
}

/* Copies path into the memory file fd. */
static int copy_path(const char *path, int fd, size_t *ret_size, struct err *err)
{
    int from = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc;
    struct stat before, after;

    if (from < 0)
        return err_set(err, errno == ENOENT || errno == ENOTDIR ? ERR_NOT_FOUND : ERR_IO, "%s: %s",
                       path, strerror(errno));
    if (fstat(from, &before) || !S_ISREG(before.st_mode))
        rc = err_set(err, ERR_IO, "%s: is no file", path);
    else if (before.st_size > LIMIT_GEO_FILE)
        rc = err_set(err, ERR_TOO_BIG, "%s: is larger than %d MB", path, LIMIT_GEO_FILE >> 20);
    else if ((rc = copy_file(from, fd, ret_size)))
        err_set(err, rc, "%s: %s", path, err_name(rc));
    else if (fstat(from, &after) || after.st_size != (off_t)*ret_size ||
             after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
             after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)
        rc = err_set(err, ERR_BUSY, "%s: is being written", path);
    close(from);
    return rc;
}

int geofile_open(const char *path, enum geofile_kind kind, struct geofile **ret_file,
                 struct err *err)
{
    int fd = memfd_create("geo", MFD_CLOEXEC), rc;
    struct geofile *f = NULL;
    size_t size;

    if (fd < 0)
        return err_set(err, ERR_NOMEM, "%s: no memory for it: %s", path, strerror(errno));
    rc = copy_path(path, fd, &size, err);
    if (!rc)
        rc = open_copy(fd, size, path, kind, &f, err);
    close(fd);
    if (rc)
        return rc;
    licence_read(path, &f->info);
    *ret_file = f;
    return ERR_OK;
}

int geofile_open_bytes(struct slice bytes, enum geofile_kind kind, struct geofile **ret_file,
                       struct err *err)
{
    int fd = memfd_create("geo", MFD_CLOEXEC), rc;

    if (fd < 0)
        return err_set(err, ERR_NOMEM, "no memory for it: %s", strerror(errno));
    rc = write_all(fd, bytes.p, bytes.n);
    if (rc)
        err_set(err, rc, "out of memory");
    else
        rc = open_copy(fd, bytes.n, "the database", kind, ret_file, err);
    close(fd);
    return rc;
}

void geofile_close(struct geofile *f)
{
    if (!f)
        return;
    if (f->db.file_content)
        MMDB_close(&f->db);
    free(f);
}

const struct geofile_info *geofile_info(const struct geofile *f)
{
    return &f->info;
}

/* ---- look-ups ---- */

static bool look_up(const struct geofile *f, struct addr a, MMDB_entry_s *ret)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
    const struct sockaddr *sa = (const struct sockaddr *)&v6;
    MMDB_lookup_result_s found;
    int error, i;

    a = addr_device(a, 128);
    if (addr_is4(a)) {
        v4.sin_addr.s_addr = htonl((uint32_t)a.lo);
        sa = (const struct sockaddr *)&v4;
    } else {
        for (i = 0; i < 8; i++) {
            v6.sin6_addr.s6_addr[i] = (uint8_t)(a.hi >> (56 - 8 * i));
            v6.sin6_addr.s6_addr[8 + i] = (uint8_t)(a.lo >> (56 - 8 * i));
        }
    }
    found = MMDB_lookup_sockaddr(&f->db, sa, &error);
    if (error != MMDB_SUCCESS || !found.found_entry)
        return false;
    *ret = found.entry;
    return true;
}

void geofile_country(const struct geofile *f, struct addr addr, char ret[3])
{
    MMDB_entry_s entry;
    size_t path;

    if (f->kind != GEOFILE_COUNTRY || !look_up(f, addr, &entry) ||
        !entry_country(&entry, f->first_path, ret, &path))
        ret[0] = '\0';
}

uint32_t geofile_asn(const struct geofile *f, struct addr addr, struct slice *ret_name)
{
    MMDB_entry_s entry;
    uint32_t asn;
    size_t path;

    if (ret_name)
        *ret_name = (struct slice){"", 0};
    if (f->kind != GEOFILE_ASN || !look_up(f, addr, &entry) ||
        !entry_asn(&entry, f->first_path, &asn, &path))
        return 0;
    if (ret_name)
        *ret_name = entry_name(&entry, f->first_name, &path);
    return asn;
}
