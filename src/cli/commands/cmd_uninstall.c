/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/machine/manage.h"
#include "cli/machine/child.h"
#include "base/banned.h"

/*
 * uninstall: the way out. Data stays unless --purge is said; nothing is removed that is not known
 * to be ours.
 */

enum { FDS_MAX = 16, PATH_TEXT = 4096 };

static void gone(const char *path)
{
    printf("  removed  %s\n", path);
}

static void remove_file(const char *path)
{
    if (unlink(path) == 0)
        gone(path);
    else if (errno != ENOENT)
        printf("  STAYS    %s: %s\n", path, strerror(errno));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st;
    (void)type;
    (void)at;
    return remove(path) && errno != ENOENT ? -1 : 0;
}

static void remove_tree(const char *path)
{
    struct stat st;

    if (lstat(path, &st))
        return;
    if (nftw(path, remove_one, FDS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) == 0)
        gone(path);
    else
        printf("  STAYS    %s: %s\n", path, strerror(errno));
}

/* ---- the service ---- */

static void quietly(const char *a, const char *b, const char *c)
{
    char words[3][64];
    char *argv[] = {words[0], words[1], c ? words[2] : NULL, NULL};
    struct err err;

    snprintf(words[0], sizeof(words[0]), "%s", a);
    snprintf(words[1], sizeof(words[1]), "%s", b);
    snprintf(words[2], sizeof(words[2]), "%s", c ? c : "");
    if (child_run(argv, CHILD_HIDE, NULL, &err) < 0)
        printf("  (%s)\n", err.text);
}

/* Where the unit's file is; "" when it is not told. */
static void unit_path(char *out, size_t max)
{
    static char systemctl[] = "systemctl", show[] = "show", p[] = "-p", path[] = "FragmentPath",
                value[] = "--value", unit[] = SERVICE_UNIT;
    char *argv[] = {systemctl, show, p, path, value, unit, NULL};
    struct slice word;
    struct buf b;
    struct err err;

    out[0] = '\0';
    buf_init(&b, PATH_TEXT);
    if (child_run(argv, CHILD_HIDE, &b, &err) == 0) {
        word = slice_trim(buf_slice(&b));
        if (slice_ends(word, SLICE("/" SERVICE_UNIT)))
            snprintf(out, max, "%.*s", (int)word.n, word.p);
    }
    buf_release(&b);
}

/* A package's unit goes with the package, whose scripts still ask for it. */
static int end_service(struct cli *cli, const struct service *s, bool packaged)
{
    static const char *const down[] = {"down", NULL}, *const purge[] = {"down", "-v", "--rmi",
                                                                        "local", NULL};
    char path[PATH_TEXT];
    struct err err = {0};
    int rc = 0;

    if (s->kind == SERVICE_SYSTEMD) {
        rc = service_runs(s) ? service_do(s, SERVICE_STOP, &err) : 0;
        if (!rc) {
            unit_path(path, sizeof(path));
            quietly("systemctl", "disable", SERVICE_UNIT);
            if (path[0] && !packaged)
                remove_file(path);
            quietly("systemctl", "daemon-reload", NULL);
        }
    } else if (s->kind == SERVICE_DOCKER) {
        rc = service_compose(s, cli->opt[OPT_PURGE] ? purge : down, &err);
    }
    if (rc)
        return cli_fail(CLI_FAILED, "the daemon could not be stopped%s%s: nothing was removed",
                        err.text[0] ? ": " : "", err.text);
    return CLI_OK;
}

/* ---- files ---- */

static void remove_program(void)
{
    char self[PATH_TEXT - 64], path[PATH_TEXT];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    char *slash;

    if (n <= 0)
        return;
    self[n] = '\0';
    remove_file(self);
    snprintf(path, sizeof(path), "%s.old", self);
    remove_file(path);
    snprintf(path, sizeof(path), "%s.new", self);
    remove_file(path);
    /* PREFIX/bin/pg-limiter: what `make install` put beside it. */
    slash = strrchr(self, '/');
    *slash = '\0';
    slash = strrchr(self, '/');
    if (slash && strcmp(slash, "/bin") == 0) {
        *slash = '\0';
        snprintf(path, sizeof(path), "%s/share/pg-limiter", self);
        remove_tree(path);
    }
    remove_file("/etc/bash_completion.d/pg-limiter");
}

/* What begins so in a folder, and the folder when it is empty then: whatever else stands there stays. */
static void remove_known(const char *folder, const char *const *begins)
{
    char path[2 * PATH_TEXT];
    DIR *d = opendir(folder);
    struct dirent *e;
    int i;

    while (d && (e = readdir(d)) != NULL)
        for (i = 0; begins[i]; i++)
            if (strncmp(e->d_name, begins[i], strlen(begins[i])) == 0) {
                snprintf(path, sizeof(path), "%s/%s", folder, e->d_name);
                remove_file(path);
                break;
            }
    if (d)
        closedir(d);
    if (rmdir(folder) == 0)
        gone(folder);
}

static void remove_data(const struct service *s)
{
    static const char *const logs[] = {"limiter.log", "api.log", "telegram.log", NULL};
    static const struct {
        const char *folder, *begins[3];
    } ours[] = {{"data", {"pg-limiter.db", NULL}},
                {"run", {"control.sock", "lock", NULL}},
                {"geo", {"country.mmdb", "asn.mmdb", NULL}}};
    char path[PATH_TEXT + 64];
    size_t i;

    for (i = 0; i < ARRAY_LEN(ours); i++) {
        snprintf(path, sizeof(path), "%s/%s", s->data_dir, ours[i].folder);
        remove_known(path, ours[i].begins);
    }
    remove_known(s->log_dir, logs);
    snprintf(path, sizeof(path), "%s/secrets.env", s->data_dir);
    remove_file(path);
    if (rmdir(s->data_dir) == 0)
        gone(s->data_dir);
    if (s->env_file[0])
        remove_file(s->env_file);
    if (s->compose[0])
        remove_file(s->compose);
}

static int remove_package(bool purge)
{
    static char apt[] = "apt-get", yes[] = "-y", name[] = "pg-limiter", remove_word[] = "remove",
                purge_word[] = "purge";
    char *argv[] = {apt, purge ? purge_word : remove_word, yes, name, NULL};
    struct err err = {0};
    int rc = child_run(argv, CHILD_SHOW, NULL, &err);

    if (rc < 0)
        return cli_fail(CLI_FAILED, "%s", err.text);
    return rc ? cli_fail(CLI_FAILED, "apt-get ended with %d", rc) : CLI_OK;
}

static bool is_packaged(void)
{
    static char dpkg[] = "dpkg", search[] = "-S";
    char self[PATH_TEXT];
    char *argv[] = {dpkg, search, self, NULL};
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    struct err err;

    if (n <= 0)
        return false;
    self[n] = '\0';
    return child_run(argv, CHILD_HIDE, NULL, &err) == 0;
}

int cmd_uninstall(struct cli *cli)
{
    bool purge = cli->opt[OPT_PURGE] != NULL, packaged;
    struct service s;
    int rc = manage_find(cli, &s);

    if (rc)
        return rc;
    if (s.kind == SERVICE_INSIDE)
        return cli_fail(CLI_FAILED, "a container is removed from outside: `docker compose down`");
    if (geteuid() != 0)
        return cli_fail(CLI_FAILED, "`uninstall` needs root: sudo pg-limiter uninstall");
    if ((s.kind == SERVICE_NONE) && service_pid(&s))
        return cli_fail(CLI_FAILED, "a daemon runs as process %lld: stop it first",
                        (long long)service_pid(&s));
    if (!cli_sure(cli, &rc,
                  purge ? "Remove PG-Limiter with its settings, database and logs in %s?"
                        : "Remove PG-Limiter? Settings, and the data in %s, stay.",
                  s.data_dir))
        return rc;
    rc = manage_offer_enabling(cli, &s);
    if (rc)
        return rc;
    packaged = is_packaged();
    rc = end_service(cli, &s, packaged);
    if (!rc && packaged)
        rc = remove_package(purge);
    if (rc)
        return rc;
    if (!packaged)
        remove_program();
    if (purge)
        remove_data(&s);
    else
        printf("Kept: %s%s%s (--purge removes them)\n", s.data_dir, s.env_file[0] ? " and " : "",
               s.env_file);
    return CLI_OK;
}
