/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/import_read.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "service/import/import_zip.h"
#include "store/old_db.h"
#include "base/banned.h"

enum { DEPTH_MAX = 4 };
/* JSON first: of who is disabled the JSON files count, of limits the database, which comes later. */
enum { PASS_TEXT, PASS_DB, PASSES };

struct reader {
    struct old_doc *d;
    char folder[PATH_MAX]; /* for copies */
    size_t files, taken;
    bool alone; /* one file was named: what it is not is an error */
};

static const char *base_name(const char *path)
{
    const char *at = strrchr(path, '/');

    return at ? at + 1 : path;
}

static bool is_env(const char *name)
{
    size_t n = strlen(name);

    return strcmp(name, ".env") == 0 || (n > 4 && strcmp(name + n - 4, ".env") == 0);
}

static bool is_json(const char *name)
{
    size_t n = strlen(name);

    return n > 5 && strcmp(name + n - 5, ".json") == 0;
}

/* The file is none of those that are read: an error when it was the one named. */
static int none_of_ours(struct reader *r, const char *name, const char *why, struct err *err)
{
    if (r->alone)
        return err_set(err, ERR_NOT_FOUND, "%s", why);
    if (is_json(base_name(name)))
        old_left(r->d, "nothing in it is taken over", "%s", name);
    return ERR_OK;
}

static int text_file(struct reader *r, const char *name, struct slice text, struct err *err)
{
    struct slice s = slice_trim(text);
    struct err why = {0};
    int rc;

    if (is_env(base_name(name))) {
        old_env(r->d, name, text);
        r->taken++;
        return ERR_OK;
    }
    if (!s.n || (s.p[0] != '{' && s.p[0] != '[')) {
        err_set(&why, ERR_NOT_FOUND, "%s is no file of PG-Limiter or V2IpLimit", name);
        return none_of_ours(r, name, why.text, err);
    }
    rc = old_json(r->d, base_name(name), text, &why);
    if (rc == ERR_NOT_FOUND)
        return none_of_ours(r, name, why.text, err);
    /* Among others, only what is called JSON must be JSON. */
    if (rc == ERR_PROTOCOL && !r->alone && !is_json(base_name(name)))
        return ERR_OK;
    if (rc) {
        *err = why;
        return rc;
    }
    r->taken++;
    return ERR_OK;
}

static int database(struct reader *r, const char *path, const char *name, struct err *err)
{
    struct err why = {0};
    size_t rows = 0;
    int rc = old_db_read(path, r->folder, old_row, r->d, &rows, &why);

    if (rc == ERR_NOT_FOUND)
        return none_of_ours(r, name, why.text, err);
    if (rc) {
        *err = why;
        return rc;
    }
    old_source(r->d, name);
    r->taken++;
    return ERR_OK;
}

static int zip_text(void *arg, const char *name, struct slice text, struct err *err)
{
    return text_file(arg, name, text, err);
}

static int zip_db(void *arg, const char *name, const char *path, struct err *err)
{
    return database(arg, path, name, err);
}

static int zip(struct reader *r, const char *path, struct err *err)
{
    bool alone = r->alone;
    int rc;

    r->alone = false;
    rc = import_zip(path, r->folder, zip_text, zip_db, r, err);
    r->alone = alone;
    return rc;
}

static int read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    char block[65536];
    ssize_t n;

    while ((n = read(fd, block, sizeof(block))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
        if (buf_add(out, block, (size_t)n))
            return err_set(err, ERR_TOO_BIG, "%s is larger than %d MiB", path,
                           (int)LIMIT_OLD_JSON >> 20);
    }
    return ERR_OK;
}

static int text_at(struct reader *r, int fd, const char *path, struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, LIMIT_OLD_JSON);
    rc = lseek(fd, 0, SEEK_SET) ? err_set(err, ERR_IO, "%s: %s", path, strerror(errno))
                                : read_all(fd, path, &text, err);
    if (!rc)
        rc = text_file(r, path, buf_slice(&text), err);
    buf_release(&text);
    return rc;
}

static int one_file(struct reader *r, const char *path, int pass, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc = ERR_OK;
    char head[16] = "";
    struct slice h = {head, 0};
    struct stat st;
    ssize_t n;
    bool db, packed;

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_INVALID, "%s is no regular file", path);
    }
    n = read(fd, head, sizeof(head));
    h.n = n > 0 ? (size_t)n : 0;
    db = slice_starts(h, SLICE("SQLite format 3"));
    packed = slice_starts(h, SLICE("PK\x03\x04")) || slice_starts(h, SLICE("PK\x05\x06"));
    if (pass == PASS_DB && db)
        rc = database(r, path, path, err);
    else if (pass == PASS_TEXT && packed && r->alone)
        rc = zip(r, path, err);
    else if (pass == PASS_TEXT && packed)
        old_left(r->d, "zips in a folder are not opened: import it by itself", "%s", path);
    else if (pass == PASS_TEXT && !db &&
             (r->alone || is_env(base_name(path)) || is_json(base_name(path))))
        rc = text_at(r, fd, path, err);
    close(fd);
    return rc;
}

static int by_name(const void *a, const void *b)
{
    const struct dirent *const *x = a, *const *y = b;

    return strcmp((*x)->d_name, (*y)->d_name);
}

static int entry(struct reader *r, const char *path, int pass, int depth, struct err *err);

static int folder(struct reader *r, const char *path, int pass, int depth, struct err *err)
{
    struct dirent **list = NULL;
    char full[PATH_MAX];
    int n = scandir(path, &list, NULL, NULL), i, rc = ERR_OK;

    if (n < 0)
        return err_set(err, ERR_IO, "%s: %s", path, strerror(errno));
    qsort(list, (size_t)n, sizeof(struct dirent *), by_name);
    for (i = 0; i < n; i++) {
        const char *name = list[i]->d_name;

        if (!rc && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            if (++r->files > (size_t)LIMIT_OLD_FILES * PASSES)
                rc = err_set(err, ERR_TOO_BIG, "%s holds more than %d files: name the files", path,
                             (int)LIMIT_OLD_FILES);
            else if (snprintf(full, sizeof(full), "%s/%s", path, name) < (int)sizeof(full))
                rc = entry(r, full, pass, depth + 1, err);
        }
        free(list[i]);
    }
    free(list);
    return rc;
}

static int entry(struct reader *r, const char *path, int pass, int depth, struct err *err)
{
    struct stat st;

    if ((depth ? lstat(path, &st) : stat(path, &st)) != 0)
        return depth && errno == ENOENT ? ERR_OK
                                        : err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
                                                  "%s: %s", path, strerror(errno));
    if (S_ISDIR(st.st_mode))
        return depth < DEPTH_MAX ? folder(r, path, pass, depth, err) : ERR_OK;
    if (depth == 0 || S_ISREG(st.st_mode))
        return one_file(r, path, pass, err);
    return ERR_OK;
}

int import_read(const char *path, struct old_doc *d, struct err *err)
{
    struct reader r = {.d = d};
    const char *tmp = getenv("TMPDIR");
    struct stat st;
    int rc = ERR_OK, pass;

    if (snprintf(r.folder, sizeof(r.folder), "%s/pg-limiter-import-XXXXXX",
                 tmp && tmp[0] ? tmp : "/tmp") >= (int)sizeof(r.folder) ||
        !mkdtemp(r.folder))
        return err_set(err, ERR_IO, "no folder for copies under %s: %s", tmp ? tmp : "/tmp",
                       strerror(errno));
    r.alone = stat(path, &st) == 0 && !S_ISDIR(st.st_mode);
    for (pass = 0; pass < PASSES && !rc; pass++)
        rc = entry(&r, path, pass, 0, err);
    rmdir(r.folder);
    if (!rc && r.taken == 0)
        rc = err_set(err, ERR_NOT_FOUND, "%s holds nothing of PG-Limiter or V2IpLimit", path);
    return rc;
}
