/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/backup/backup_here.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "service/backup/backup.h"
#include "base/banned.h"

enum { KEPT = 3 };

void backup_forget(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    buf_release(b);
}

/* A file that is not there is empty. */
static int read_file(const char *path, struct buf *out, bool *ret_there, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    char part[4096];
    struct stat st;
    ssize_t n = 0;

    *ret_there = fd >= 0;
    if (fd < 0)
        return errno == ENOENT
                   ? ERR_OK
                   : err_set(err, ERR_IO, "%s cannot be read: %s", path, strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_INVALID, "%s is no file", path);
    }
    while ((n = read(fd, part, sizeof(part))) > 0)
        if (buf_add(out, part, (size_t)n))
            break;
    OPENSSL_cleanse(part, sizeof(part));
    close(fd);
    if (n < 0)
        return err_set(err, ERR_IO, "%s cannot be read", path);
    return out->failed ? err_set(err, ERR_TOO_BIG, "%s is too large", path) : ERR_OK;
}

int backup_seal_here(struct buf *zip, struct slice passphrase, const char *env_file,
                     const struct settings *s, int64_t now_us, struct err *err)
{
    struct backup_secrets files = {{NULL, 0}, {NULL, 0}};
    struct buf env, secrets, sealed;
    char path[4200];
    bool there = false;
    int rc = ERR_OK;

    buf_init(&env, LIMIT_ENV_FILE);
    buf_init(&secrets, LIMIT_ENV_FILE);
    buf_init(&sealed, LIMIT_BACKUP);
    if (env_file[0])
        rc = read_file(env_file, &env, &there, err);
    if (there)
        files.env = (struct slice){buf_str(&env), env.n};
    there = false;
    snprintf(path, sizeof(path), "%s/secrets.env", settings_text(s, SET_DATA_DIR));
    if (!rc)
        rc = read_file(path, &secrets, &there, err);
    if (there && secrets.n)
        files.secrets_env = buf_slice(&secrets);
    if (!rc)
        rc = backup_seal(buf_slice(zip), passphrase, &files, s, now_us, &sealed, err);
    if (!rc) {
        buf_release(zip);
        *zip = sealed;
        sealed = (struct buf){0};
    }
    backup_forget(&env);
    backup_forget(&secrets);
    buf_release(&sealed);
    return rc;
}

/* ---- kept on this machine ---- */

static int is_backup(const struct dirent *e)
{
    struct slice name = slice_of(e->d_name);

    return slice_starts(name, SLICE("pg-limiter-backup-")) && slice_ends(name, SLICE(".zip"));
}

/* Names hold the time, so the oldest come first. */
static void drop_old(const char *folder)
{
    struct dirent **list = NULL;
    char path[4600];
    int n = scandir(folder, &list, is_backup, alphasort), i;

    for (i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", folder, list[i]->d_name);
        if (i + KEPT < n)
            unlink(path);
        free(list[i]);
    }
    free(list);
}

static int write_all(int fd, struct slice bytes)
{
    size_t done = 0;
    ssize_t n;

    while (done < bytes.n) {
        n = write(fd, bytes.p + done, bytes.n - done);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

int backup_keep_here(const struct settings *s, const char *name, struct slice zip, char *ret_path,
                     size_t max, struct err *err)
{
    char folder[4200];
    int fd, no;

    snprintf(folder, sizeof(folder), "%s/backups", settings_text(s, SET_DATA_DIR));
    if ((mkdir(folder, 0700) && errno != EEXIST) ||
        snprintf(ret_path, max, "%s/%s", folder, name) >= (int)max)
        return err_set(err, ERR_IO, "%s cannot be made: %s", folder, strerror(errno));
    fd = open(ret_path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_set(err, ERR_IO, "%s cannot be written: %s", ret_path, strerror(errno));
    if (write_all(fd, zip)) {
        no = errno;
        close(fd);
        unlink(ret_path);
        return err_set(err, no == ENOSPC ? ERR_FULL : ERR_IO, "%s cannot be written: %s", ret_path,
                       strerror(no));
    }
    close(fd);
    drop_old(folder);
    return ERR_OK;
}

const char *backup_version(void)
{
    return PG_VERSION;
}

void backup_name(int64_t now_us, char *name)
{
    time_t t = (time_t)(now_us / STAMP_SECOND);
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(name, 64, "pg-limiter-backup-%Y%m%d-%H%M%S.zip", &tm);
}
