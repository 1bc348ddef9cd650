/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "cli/machine/manage.h"
#include "cli/machine/child.h"
#include "cli/machine/update.h"
#include "base/banned.h"

/* update: a newer program in place of this one, and the way back. */

enum { STAYS_S = 3, VERSION_MAX = 256 };

/* Where this program is, and what stands beside it for a while. */
struct place {
    char self[PATH_MAX - 8], fresh[PATH_MAX], old[PATH_MAX];
};

static int find_place(struct place *p)
{
    ssize_t n = readlink("/proc/self/exe", p->self, sizeof(p->self) - 1);

    if (n <= 0 || n == (ssize_t)sizeof(p->self) - 1)
        return cli_fail(CLI_FAILED, "where this program stands cannot be found: %s",
                        strerror(errno));
    p->self[n] = '\0';
    snprintf(p->fresh, sizeof(p->fresh), "%s.new", p->self);
    snprintf(p->old, sizeof(p->old), "%s.old", p->self);
    return CLI_OK;
}

/* Whether a Debian package has put it there: then the package manager is who changes it. */
static bool is_packaged(const char *path)
{
    static char dpkg[] = "dpkg", search[] = "-S";
    char file[PATH_MAX];
    char *argv[] = {dpkg, search, file, NULL};
    struct err err;

    snprintf(file, sizeof(file), "%s", path);
    return child_run(argv, CHILD_HIDE, NULL, &err) == 0;
}

/* ---- Docker ---- */

static int update_image(const struct service *s)
{
    static const char *const pull[] = {"pull", SERVICE_COMPOSE, NULL}, *const up[] = {"up", "-d",
                                                                                      NULL};
    struct err err = {0};
    int rc = service_compose(s, pull, &err);

    if (rc)
        return cli_fail(CLI_FAILED, "the image could not be pulled%s%s: nothing was changed",
                        rc < 0 ? ": " : "", rc < 0 ? err.text : "");
    rc = service_compose(s, up, &err);
    if (rc)
        return cli_fail(CLI_FAILED,
                        "the new image does not start: name the old one's tag in %s and say "
                        "`pg-limiter start`",
                        s->compose);
    puts("The image is up to date.");
    return CLI_OK;
}

/* ---- replacing ---- */

static int write_fresh(const struct place *p, struct slice bytes)
{
    struct stat st;
    int fd, rc;

    unlink(p->fresh); /* of an update that was not finished */
    fd = open(p->fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700);
    if (fd < 0)
        return cli_fail(CLI_FAILED, "cannot write %s: %s%s", p->fresh, strerror(errno),
                        errno == EACCES ? " (use sudo)" : "");
    rc = stat(p->self, &st);
    while (!rc && bytes.n) {
        ssize_t n = write(fd, bytes.p, bytes.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            rc = -1;
        else
            bytes = slice_skip(bytes, (size_t)n);
    }
    rc = rc || fchmod(fd, st.st_mode & 0777) || fsync(fd);
    close(fd);
    if (!rc)
        return CLI_OK;
    unlink(p->fresh);
    return cli_fail(CLI_FAILED, "cannot write %s: %s", p->fresh, strerror(errno));
}

/* It must run on this machine, and be what it says it is. */
static int try_fresh(const struct place *p, const char *version)
{
    static char word[] = "version";
    char file[PATH_MAX], want[64];
    char *argv[] = {file, word, NULL};
    struct err err = {0};
    struct buf b;
    int rc;

    snprintf(file, sizeof(file), "%s", p->fresh);
    snprintf(want, sizeof(want), "pg-limiter %s", version);
    buf_init(&b, VERSION_MAX);
    rc = child_run(argv, CHILD_HIDE, &b, &err);
    if (rc || !slice_eq(slice_trim(buf_slice(&b)), slice_of(want))) {
        cli_fail(CLI_FAILED, "the new program does not run here, or is another version: not used");
        unlink(p->fresh);
        rc = CLI_FAILED;
    }
    buf_release(&b);
    return rc;
}

/* At no instant is there no program. */
static int put_in_place(const struct place *p)
{
    unlink(p->old);
    if (link(p->self, p->old) || rename(p->fresh, p->self)) {
        int no = errno;

        unlink(p->fresh);
        return cli_fail(CLI_FAILED, "%s cannot be replaced: %s", p->self, strerror(no));
    }
    return CLI_OK;
}

/* Whether it has come up and stays. */
static bool comes_up(const struct service *s, struct err *err)
{
    int i;

    if (service_do(s, SERVICE_RESTART, err))
        return false;
    for (i = 0; i < STAYS_S; i++) {
        sleep(1);
        if (!service_runs(s)) {
            err_set(err, ERR_REFUSED, "it ended at once");
            return false;
        }
    }
    return true;
}

static int go_back(const struct place *p, const struct service *s, const char *why)
{
    struct err err;

    cli_fail(CLI_FAILED, "the new program does not come up (%s): going back", why);
    if (rename(p->old, p->self))
        return cli_fail(CLI_FAILED, "%s cannot be put back: %s; the old program is %s", p->self,
                        strerror(errno), p->old);
    if (service_do(s, SERVICE_RESTART, &err))
        return cli_fail(
            CLI_FAILED,
            "the old program is back, but does not start: %s. If the new one has changed the "
            "database, the copy from before is beside it in %.300s/data",
            err.text, s->data_dir);
    return cli_fail(CLI_FAILED, "the old program runs again");
}

static int replace(const struct place *p, const struct service *s, const struct update_offer *offer)
{
    bool ran = service_runs(s);
    struct err err = {0};
    struct buf bytes;
    int rc;

    buf_init(&bytes, LIMIT_UPDATE);
    rc = update_fetch(s->update_url, offer, &bytes, &err) ? cli_fail(CLI_FAILED, "%s", err.text)
                                                          : CLI_OK;
    if (!rc)
        rc = write_fresh(p, buf_slice(&bytes));
    buf_release(&bytes);
    if (!rc)
        rc = try_fresh(p, offer->version);
    if (!rc)
        rc = put_in_place(p);
    if (rc)
        return rc;
    if (ran && !comes_up(s, &err))
        return go_back(p, s, err.text);
    printf("Version %s is in place%s; `pg-limiter update --rollback` goes back.\n", offer->version,
           ran ? " and runs" : "");
    return CLI_OK;
}

static int roll_back(const struct place *p, const struct service *s)
{
    struct err err = {0};
    bool ran = service_runs(s);

    if (access(p->old, X_OK))
        return cli_fail(CLI_FAILED, "there is no program from before (%s)", p->old);
    /* What is thrown away could be wanted again: the two change places. */
    if (renameat2(AT_FDCWD, p->self, AT_FDCWD, p->old, RENAME_EXCHANGE))
        return cli_fail(CLI_FAILED, "%s cannot be put back: %s", p->self, strerror(errno));
    if (ran && !comes_up(s, &err))
        return cli_fail(
            CLI_FAILED,
            "it is in place but does not come up (%s): a newer program's database is refused by "
            "an older one, and the copy from before is in %.300s/data",
            err.text, s->data_dir);
    puts("The program from before is in place.");
    return CLI_OK;
}

/* ---- the command ---- */

static int by_hand(const struct place *p, bool packaged)
{
    if (packaged)
        puts("This program came as a Debian package. With a repository:\n"
             "    apt-get update && apt-get install --only-upgrade pg-limiter\n"
             "with a file:\n"
             "    apt-get install ./pg-limiter_VERSION_ARCH.deb");
    else
        printf(
            "UPDATE_URL is not set, so there is nowhere to look for a newer version. By hand:\n"
            "    a package:   apt-get install ./pg-limiter_VERSION_ARCH.deb\n"
            "    an image:    docker compose pull && docker compose up -d\n"
            "    the source:  make && make install, then `pg-limiter restart` (the program is %s)\n",
            p->self);
    return CLI_OK;
}

int cmd_update(struct cli *cli)
{
    struct update_offer offer;
    struct service s;
    struct place p;
    struct err err = {0};
    int rc = manage_find(cli, &s), newer;

    if (!rc)
        rc = find_place(&p);
    if (rc)
        return rc;
    if (s.kind == SERVICE_INSIDE)
        return cli_fail(CLI_FAILED,
                        "a container is not updated from within: `docker compose pull && "
                        "docker compose up -d` on the machine it runs on");
    if (!manage_may(&s, "update"))
        return CLI_FAILED;
    if (cli->opt[OPT_ROLLBACK])
        return roll_back(&p, &s);
    if (s.kind == SERVICE_DOCKER)
        return update_image(&s);
    if (is_packaged(p.self) || !s.update_url[0])
        return by_hand(&p, is_packaged(p.self));
    if (update_look(s.update_url, &offer, &err))
        return cli_fail(err.code == ERR_UNREACHABLE || err.code == ERR_TIMEOUT ? CLI_UNREACHABLE
                                                                               : CLI_FAILED,
                        "%s", err.text);
    newer = update_compare(offer.version, PG_VERSION);
    if (newer <= 0) {
        printf("Version %s is the newest there is%s.\n", newer ? PG_VERSION : offer.version,
               newer ? " (what is offered is older)" : "");
        return CLI_OK;
    }
    printf("Version %s is offered; this is %s.\n", offer.version, PG_VERSION);
    if (!cli_sure(cli, &rc, "Replace %s and restart the daemon?", p.self))
        return rc;
    return replace(&p, &s, &offer);
}
