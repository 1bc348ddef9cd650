/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/machine/manage.h"
#include "cli/machine/child.h"
#include "cli/terminal/term.h"
#include "service/settings/env.h"
#include "base/banned.h"

/* config without more: an editor on .env, whose text is checked before it takes the old one's place. */

enum { EDITOR_WORDS = 8 };

struct edit {
    char path[PATH_MAX], copy[PATH_MAX];
    struct stat was;
    bool existed;
};

/* ---- files ---- */

static int read_all(const char *path, struct buf *out)
{
    char chunk[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = -1;

    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
        if (buf_add(out, chunk, (size_t)n))
            break;
    if (fd >= 0)
        close(fd);
    return fd < 0 || n != 0 ? -1 : 0;
}

static int write_all(int fd, struct slice text)
{
    while (text.n) {
        ssize_t n = write(fd, text.p, text.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return -1;
        text = slice_skip(text, (size_t)n);
    }
    return 0;
}

/* A copy beside the file, private from its first moment on and of the same owner. */
static int make_copy(struct edit *e)
{
    struct buf text;
    int fd, rc = 0;

    e->existed = stat(e->path, &e->was) == 0;
    buf_init(&text, LIMIT_ENV_FILE);
    if (e->existed)
        rc = read_all(e->path, &text);
    else
        settings_add_example(&text);
    if (!rc &&
        snprintf(e->copy, sizeof(e->copy), "%s.edit-XXXXXX", e->path) >= (int)sizeof(e->copy))
        rc = -1;
    fd = rc ? -1 : mkostemp(e->copy, O_CLOEXEC);
    if (fd >= 0) {
        rc = write_all(fd, buf_slice(&text));
        if (e->existed && geteuid() == 0 && fchown(fd, e->was.st_uid, e->was.st_gid))
            rc = -1;
        close(fd);
        if (rc)
            unlink(e->copy);
    }
    buf_release(&text);
    return fd < 0 || rc ? cli_fail(CLI_FAILED, "no copy of %s can be made: %s%s", e->path,
                                   strerror(errno), errno == EACCES ? " (use sudo)" : "")
                        : CLI_OK;
}

/* Some editors put another file in its place: owner and mode are set again. */
static int keep(const struct edit *e)
{
    int fd = open(e->copy, O_RDONLY | O_CLOEXEC), rc = -1;

    if (fd >= 0) {
        rc = fchmod(fd, 0600);
        if (!rc && e->existed && geteuid() == 0)
            rc = fchown(fd, e->was.st_uid, e->was.st_gid);
        if (!rc)
            rc = fsync(fd);
        close(fd);
    }
    if (rc || rename(e->copy, e->path))
        return cli_fail(CLI_FAILED, "%s cannot be replaced: %s; what you wrote is in %s", e->path,
                        strerror(errno), e->copy);
    return CLI_OK;
}

static bool same_text(const struct edit *e)
{
    struct buf a, b;
    bool same;

    buf_init(&a, LIMIT_ENV_FILE);
    buf_init(&b, LIMIT_ENV_FILE);
    same = e->existed && read_all(e->path, &a) == 0 && read_all(e->copy, &b) == 0 &&
           slice_eq(buf_slice(&a), buf_slice(&b));
    buf_release(&a);
    buf_release(&b);
    return same;
}

/* ---- the editor ---- */

static const char *editor(void)
{
    static const char *const usual[] = {"sensible-editor", "nano", "vim", "vi"};
    const char *named = getenv("VISUAL");
    size_t i;

    if (!named || !named[0])
        named = getenv("EDITOR");
    if (named && named[0])
        return named;
    for (i = 0; i < ARRAY_LEN(usual); i++)
        if (child_has(usual[i]))
            return usual[i];
    return NULL;
}

static int run_editor(struct edit *e)
{
    const char *name = editor();
    char text[1024], *argv[EDITOR_WORDS + 2];
    struct slice rest;
    struct err err;
    int n = 0, rc;

    if (!name)
        return cli_fail(CLI_FAILED, "no editor is installed: set EDITOR, or edit %s by hand",
                        e->path);
    /* EDITOR may have arguments: `code -w`. */
    snprintf(text, sizeof(text), "%s", name);
    rest = slice_of(text);
    while (rest.p && rest.n && n < EDITOR_WORDS) {
        struct slice word = slice_cut(&rest, ' ');

        if (!word.n)
            continue;
        argv[n] = text + (word.p - text);
        argv[n++][word.n] = '\0';
    }
    argv[n] = e->copy;
    argv[n + 1] = NULL;
    rc = child_run(argv, CHILD_SHOW, NULL, &err);
    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    return rc ? cli_fail(CLI_FAILED, "the editor ended with %d", rc) : CLI_OK;
}

/* ---- checking ---- */

/* Prints what is wrong with the text; s (initialised) holds its settings when nothing is. */
static bool is_good(const struct edit *e, struct settings *s)
{
    struct env_opts opts = {.path = e->copy, .environ = environ};
    struct env_report report;
    struct err err = {0};
    struct slice rest, line;
    bool good;

    env_report_init(&report);
    good = env_load(s, &opts, &report, &err) == ERR_OK;
    rest = buf_slice(&report.errors);
    while (rest.p && rest.n) {
        line = slice_cut(&rest, '\n');
        if (slice_starts(line, slice_of(e->copy)))
            cli_fail(CLI_FAILED, "line %.*s", (int)(line.n - strlen(e->copy) - 1),
                     line.p + strlen(e->copy) + 1);
        else if (line.n)
            cli_fail(CLI_FAILED, "%.*s", (int)line.n, line.p);
    }
    if (!good && !report.n_errors)
        cli_fail(CLI_FAILED, "%s", err.text);
    if (good && (settings_cross_check(s, &err) || settings_check_panel(s, &err))) {
        good = false;
        cli_fail(CLI_FAILED, "%s", err.text);
    }
    env_report_release(&report);
    return good;
}

/* ---- afterwards ---- */

/* Says which settings are in force only after a restart; whether there are any. */
static bool tell_static(const struct settings *was, const struct settings *is)
{
    bool any = false;
    int i;

    for (i = 0; i < SET_COUNT; i++) {
        if (!setting_needs_restart((enum setting)i) ||
            strcmp(settings_text(was, (enum setting)i), settings_text(is, (enum setting)i)) == 0)
            continue;
        printf("%s%s", any ? ", " : "", setting_def((enum setting)i)->env);
        any = true;
    }
    if (any)
        puts(": in force after a restart");
    return any;
}

static int put_in_force(struct cli *cli, const struct settings *was, const struct settings *is)
{
    struct service s;
    struct err err;
    int rc = manage_find(cli, &s);
    bool restart;

    if (rc)
        return rc;
    restart = tell_static(was, is);
    if (!service_runs(&s) && !service_pid(&s)) {
        puts("No daemon is running: it comes into force when one starts.");
        return CLI_OK;
    }
    if (restart && (s.kind == SERVICE_SYSTEMD || s.kind == SERVICE_DOCKER) &&
        term_ask("Restart it now?"))
        return manage_restart(&s);
    if (service_do(&s, SERVICE_RELOAD, &err))
        return cli_fail(CLI_FAILED, "kept, but the daemon could not be told: %s", err.text);
    puts(restart ? "The daemon has read the rest again; `pg-limiter restart` does it all."
                 : "The daemon has read it again.");
    return CLI_OK;
}

static int edit(struct cli *cli, struct edit *e, struct settings *was, struct settings *is)
{
    int rc;

    for (;;) {
        rc = run_editor(e);
        if (rc || same_text(e)) {
            unlink(e->copy);
            if (!rc)
                puts("Nothing was changed.");
            return rc;
        }
        if (is_good(e, is))
            break;
        if (!term_ask("Edit it again? (n: what you wrote is thrown away)")) {
            unlink(e->copy);
            return cli_fail(CLI_FAILED, "%s is as it was", e->path);
        }
    }
    rc = keep(e);
    if (rc)
        return rc;
    printf("%s is kept.\n", e->path);
    return put_in_force(cli, was, is);
}

int cmd_config(struct cli *cli)
{
    struct settings was, is;
    struct env_opts opts = {.path = cli->opt[OPT_ENV], .environ = environ};
    struct env_report report;
    struct edit e;
    struct err err;
    int rc;

    if (settings_init(&was))
        return cli_fail(CLI_FAILED, "out of memory");
    if (settings_init(&is)) {
        settings_release(&was);
        return cli_fail(CLI_FAILED, "out of memory");
    }
    memset(&e, 0, sizeof(e));
    env_report_init(&report);
    /* What is wrong in it now is what the editor is for. */
    if (env_load(&was, &opts, &report, &err) == ERR_NOT_FOUND && cli->opt[OPT_ENV])
        snprintf(e.path, sizeof(e.path), "%s", cli->opt[OPT_ENV]);
    else
        snprintf(e.path, sizeof(e.path), "%s",
                 report.file[0] ? report.file : "/etc/opt/pg-limiter/.env");
    env_report_release(&report);
    rc = make_copy(&e);
    if (!rc)
        rc = edit(cli, &e, &was, &is);
    settings_release(&was);
    settings_release(&is);
    return rc;
}
