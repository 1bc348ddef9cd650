/* SPDX-License-Identifier: AGPL-3.0-or-later */
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
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "service/backup/backup.h"
#include "service/backup/backup_here.h"
#include "service/backup/sealed.h"
#include "service/settings/settings_store.h"
#include "store/db.h"
#include "base/banned.h"

/*
 * backup, restore. Files are opened before the link is: the program then becomes the owner of DATA_DIR, who
 * need not be allowed to look into root's folders. The encrypted part is made and opened here, so that no
 * passphrase ever leaves this process.
 */

enum { PASSPHRASE_FILE = 4096 };

static int64_t now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * STAMP_SECOND + ts.tv_nsec / 1000;
}

static void progress(const struct cli *cli, const char *text)
{
    if (!cli->json && isatty(STDERR_FILENO))
        fprintf(stderr, "%s\n", text);
}

/* ---- files ---- */

/* Reads a whole file of at most out's maximum. */
static int read_file(const char *path, struct buf *out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;
    char part[65536];
    ssize_t n = 0;

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
        close(fd);
        return err_set(err, ERR_INVALID, "%s is no file", path);
    }
    while ((n = read(fd, part, sizeof(part))) > 0)
        if (buf_add(out, part, (size_t)n))
            break;
    close(fd);
    if (n < 0)
        return err_set(err, ERR_IO, "%s cannot be read", path);
    if (out->failed)
        return err_set(err, ERR_TOO_BIG, "%s has more than %zu MiB", path, out->max >> 20);
    return ERR_OK;
}

static int write_file(int fd, struct slice bytes)
{
    size_t done = 0;
    ssize_t n;

    if (ftruncate(fd, 0))
        return -1;
    while (done < bytes.n) {
        n = write(fd, bytes.p + done, bytes.n - done);
        if (n < 0 && errno != EINTR)
            return -1;
        done += n > 0 ? (size_t)n : 0;
    }
    return fsync(fd);
}

/* A file of DATA_DIR that holds secrets. */
static int write_secret(const struct cli *cli, const char *name, struct slice bytes)
{
    const char *dir = settings_text(link_settings(cli->link), SET_DATA_DIR);
    char path[4200];
    int fd, rc;

    if (!bytes.p)
        return CLI_OK;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
    rc = fd < 0 || fchmod(fd, 0600) || write_file(fd, bytes);
    if (rc)
        rc = cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
    else
        fprintf(stderr, "%s: as it stood in the backup; look at it and put it in its place\n",
                path);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* ---- the passphrase ---- */

#define NO_TERMINAL "there is no terminal to ask for the passphrase: say --passphrase-file FILE"

static bool wants_secrets(const struct cli *cli)
{
    return cli->opt[OPT_SECRETS] || cli->opt[OPT_PASSPHRASE_FILE];
}

/* The first line of the file, or what the terminal says, twice. */
static int get_passphrase(struct cli *cli, bool twice, struct buf *out)
{
    struct slice text, line;
    struct buf file;
    struct err err;
    int rc;

    buf_init(&file, PASSPHRASE_FILE);
    if (cli->opt[OPT_PASSPHRASE_FILE]) {
        rc = read_file(cli->opt[OPT_PASSPHRASE_FILE], &file, &err);
        rc = rc ? cli_fail(CLI_FAILED, "%s", err.text) : CLI_OK;
        text = buf_slice(&file);
        line = slice_trim(slice_cut(&text, '\n'));
        if (!rc && buf_add_slice(out, line))
            rc = cli_fail(CLI_FAILED, "the passphrase is too long");
    } else {
        rc = cli_ask_secret("Passphrase: ", NO_TERMINAL, out);
        if (!rc && twice)
            rc = cli_ask_secret("The same again: ", NO_TERMINAL, &file);
        if (!rc && twice && !slice_eq(buf_slice(out), buf_slice(&file)))
            rc = cli_fail(CLI_FAILED, "the two are not the same");
    }
    if (!rc && (out->n < SEALED_PASSPHRASE_MIN || out->n > SEALED_PASSPHRASE_MAX))
        rc = cli_fail(CLI_USAGE, "a passphrase has %d to %d bytes", SEALED_PASSPHRASE_MIN,
                      SEALED_PASSPHRASE_MAX);
    if (file.p)
        OPENSSL_cleanse(file.p, file.cap);
    buf_release(&file);
    return rc;
}

/* ---- backup ---- */

static int seal(struct cli *cli, struct buf *zip, struct slice passphrase)
{
    struct db *db = NULL;
    struct settings s;
    struct err err;
    int rc = settings_copy(&s, link_settings(cli->link));

    if (rc)
        return cli_fail(CLI_FAILED, "%s", err_name(rc));
    rc = db_open(settings_text(link_settings(cli->link), SET_DATA_DIR), &db, &err);
    if (!rc)
        rc = settings_load(&s, db, NULL, &err);
    db_close(db);
    if (!rc)
        rc = backup_seal_here(zip, passphrase, link_env_file(cli->link), &s, now(), &err);
    settings_release(&s);
    return rc ? cli_fail(CLI_FAILED, "%s", err.text) : CLI_OK;
}

/* The file to be written; one that exists is not touched before there is something to write. */
static int open_out(struct cli *cli, const char *path, bool *ret_new, int *ret_fd)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600), code;
    struct stat st;

    *ret_new = fd >= 0;
    if (fd < 0 && errno == EEXIST) {
        if (lstat(path, &st) || !S_ISREG(st.st_mode))
            return cli_fail(CLI_FAILED, "%s is no file", path);
        if (!cli_sure(cli, &code, "%s exists. Overwrite it?", path))
            return code;
        fd = open(path, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
        if (fd >= 0 && fchmod(fd, 0600)) {
            close(fd);
            fd = -1;
        }
    }
    if (fd < 0)
        return cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
    *ret_fd = fd;
    return CLI_OK;
}

static int print_backup(struct cli *cli, const char *path, size_t n)
{
    json_t *json;

    if (cli->json) {
        json = json_pack("{s:s, s:I, s:b}", "file", path, "size", (json_int_t)n, "encrypted_part",
                         wants_secrets(cli));
        return json && cli_json(cli, json) ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
    }
    term_put(path);
    printf(": %.1f KiB%s\n", (double)n / 1024,
           wants_secrets(cli) ? ", with secrets, encrypted" : ", without secrets");
    return CLI_OK;
}

static int make_backup(struct cli *cli, const char *path, int fd, struct slice passphrase)
{
    struct buf zip;
    int rc;

    buf_init(&zip, LIMIT_BACKUP);
    progress(cli, "copying the database");
    rc = cli_send(cli, OP_GET, "/backup", (struct slice){NULL, 0}, &zip);
    if (!rc && wants_secrets(cli)) {
        progress(cli, "encrypting the secrets");
        rc = seal(cli, &zip, passphrase);
    }
    if (!rc && write_file(fd, buf_slice(&zip)))
        rc = cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
    if (!rc)
        rc = print_backup(cli, path, zip.n);
    buf_release(&zip);
    return rc;
}

int cmd_backup(struct cli *cli)
{
    char name[64];
    const char *path = cli->n_args ? cli->args[0] : name;
    struct buf passphrase;
    bool is_new = false;
    int fd = -1, rc = CLI_OK;

    backup_name(now(), name);
    buf_init(&passphrase, PASSPHRASE_FILE);
    if (wants_secrets(cli))
        rc = get_passphrase(cli, true, &passphrase);
    if (!rc)
        rc = open_out(cli, path, &is_new, &fd);
    if (!rc)
        rc = make_backup(cli, path, fd, buf_slice(&passphrase));
    if (fd >= 0 && close(fd) && !rc)
        rc = cli_fail(CLI_FAILED, "%s cannot be written: %s", path, strerror(errno));
    if (rc && is_new)
        unlink(path);
    backup_forget(&passphrase);
    return rc;
}

/* ---- restore ---- */

static int post(struct cli *cli, const char *path, struct slice zip, json_t **ret_json)
{
    struct buf answer;
    int rc;

    buf_init(&answer, LIMIT_OP_ANSWER);
    rc = cli_send(cli, OP_POST, path, zip, &answer);
    if (!rc) {
        *ret_json = json_loadb(buf_str(&answer), answer.n, 0, NULL);
        if (!*ret_json)
            rc = cli_fail(CLI_FAILED, "the answer is no JSON");
    }
    buf_release(&answer);
    return rc;
}

static void print_report(json_t *json)
{
    char when[64];

    printf("a backup of %s by version ",
           term_time(in_text(json, "created_at"), when, sizeof(when)));
    term_put(in_text(json, "version") ? in_text(json, "version") : "?");
    printf("\n  %lld users, %lld special limits, %lld exceptions, %lld patterns, %lld settings\n"
           "  %lld verdicts, %lld events, %lld users disabled at that time\n",
           (long long)in_int(json, "users"), (long long)in_int(json, "special_limits"),
           (long long)in_int(json, "exceptions"), (long long)in_int(json, "patterns"),
           (long long)in_int(json, "settings"), (long long)in_int(json, "violations"),
           (long long)in_int(json, "events"), (long long)in_int(json, "disabled"));
    if (in_bool(json, "encrypted_part"))
        puts("  its encrypted part is not taken: --secrets does");
}

static int print_done(struct cli *cli, json_t *json)
{
    if (cli_json(cli, json))
        return CLI_OK;
    printf("restored; the database of before is kept as ");
    term_put(in_text(json, "kept") ? in_text(json, "kept") : "?");
    printf("\n%lld rows of users disabled meanwhile were carried over from it\n",
           (long long)in_int(json, "carried_over"));
    puts("It is in shadow mode now: nobody is disabled. When the instance the backup is of no "
         "longer runs:\n  pg-limiter mode on\nUsers whom the panel has disabled since then:\n"
         "  pg-limiter disabled stuck");
    json_decref(json);
    return CLI_OK;
}

static int put_back(struct cli *cli, struct slice zip)
{
    json_t *json = NULL;
    int code = CLI_FAILED, rc;

    progress(cli, "checking the backup");
    rc = post(cli, "/restore?dry_run=true", zip, &json);
    if (rc)
        return rc;
    if (!cli->json)
        print_report(json);
    json_decref(json);
    if (!cli_sure(cli, &code, "Put it in place of everything in the database of now?"))
        return code;
    rc = cli_lock(cli, "restore");
    if (rc)
        return rc;
    progress(cli, "restoring");
    rc = post(cli, "/restore?confirm=true", zip, &json);
    return rc ? rc : print_done(cli, json);
}

/* With the encrypted part opened. */
static int put_back_secrets(struct cli *cli, struct slice zip)
{
    struct backup_secrets files = {{NULL, 0}, {NULL, 0}};
    struct buf passphrase, clear;
    struct err err;
    int rc;

    buf_init(&passphrase, PASSPHRASE_FILE);
    buf_init(&clear, LIMIT_BACKUP);
    rc = get_passphrase(cli, false, &passphrase);
    if (!rc && backup_unseal(zip, buf_slice(&passphrase), now(), &files, &clear, &err))
        rc = cli_fail(CLI_FAILED, "%s", err.text);
    if (!rc)
        rc = put_back(cli, buf_slice(&clear));
    if (!rc)
        rc = write_secret(cli, "restored.env", files.env);
    if (!rc)
        rc = write_secret(cli, "restored-secrets.env", files.secrets_env);
    backup_secrets_release(&files);
    backup_forget(&passphrase);
    backup_forget(&clear);
    return rc;
}

/* A person is offered the import, which shows what it would take and asks; a program is refused. */
static bool offers_import(const struct cli *cli, struct slice zip)
{
    return !cli->opt[OPT_YES] && !cli->json && isatty(STDIN_FILENO) && backup_is_old(zip);
}

int cmd_restore(struct cli *cli)
{
    struct buf zip;
    struct err err;
    int rc;

    buf_init(&zip, LIMIT_BACKUP);
    if (read_file(cli->args[0], &zip, &err)) {
        rc = cli_fail(CLI_FAILED, "%s", err.text);
    } else if (offers_import(cli, buf_slice(&zip))) {
        puts(
            "This is a backup of the Python PG-Limiter. It can be imported: what is set here stays, "
            "and nothing is replaced.\n");
        rc = cmd_import(cli);
    } else if (wants_secrets(cli)) {
        rc = put_back_secrets(cli, buf_slice(&zip));
    } else {
        rc = put_back(cli, buf_slice(&zip));
    }
    buf_release(&zip);
    return rc;
}

/* ---- the schedule ---- */

int cmd_schedule(struct cli *cli)
{
    char when[64];
    json_t *json;
    int rc = cli_read(cli, "/schedule", &json);

    if (rc || !json)
        return rc;
    if (in_int(json, "every_h") == 0) {
        puts("off: `config set backup_every HOURS` sends backups to Telegram");
    } else {
        printf("every %lld h; next ", (long long)in_int(json, "every_h"));
        term_put(term_time(in_text(json, "next_at"), when, sizeof(when)));
        putchar('\n');
    }
    if (in_text(json, "last_at")) {
        fputs("last sent ", stdout);
        term_put(term_time(in_text(json, "last_at"), when, sizeof(when)));
        putchar('\n');
    }
    if (in_text(json, "last_error")) {
        fputs("the last try failed: ", stdout);
        term_put(in_text(json, "last_error"));
        putchar('\n');
    }
    json_decref(json);
    return CLI_OK;
}
