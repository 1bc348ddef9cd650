/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/terminal/json_in.h"
#include "cli/machine/manage.h"
#include "cli/machine/child.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* start, stop, restart: the daemon as a service of this machine. */

enum { ANSWER_MAX = 1 << 16 };

int manage_find(struct cli *cli, struct service *s)
{
    struct err err;

    if (service_find(cli->opt[OPT_ENV], s, &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    return CLI_OK;
}

bool manage_may(const struct service *s, const char *what)
{
    if (s->kind != SERVICE_SYSTEMD || geteuid() == 0)
        return true;
    cli_fail(CLI_FAILED, "`%s` needs root: sudo pg-limiter %s", what, what);
    return false;
}

bool manage_has(const struct service *s, const char *what)
{
    if (s->kind == SERVICE_SYSTEMD || s->kind == SERVICE_DOCKER)
        return true;
    if (s->kind == SERVICE_INSIDE)
        cli_fail(CLI_FAILED,
                 "this is the container itself: say `docker compose %s` on the machine it runs on",
                 strcmp(what, "start") == 0 ? "up -d" : what);
    else if (s->foreign_unit)
        cli_fail(
            CLI_FAILED,
            "%s is another program's (its ExecStart is not `pg-limiter run`): nothing was done; "
            "`pg-limiter.sh install` takes it over",
            SERVICE_UNIT);
    else if (s->foreign)
        cli_fail(
            CLI_FAILED,
            "no %s, and the docker-compose.yml beside %s is of another program (it has no line "
            "`%s`): nothing was done",
            SERVICE_UNIT, s->env_file[0] ? s->env_file : "/etc/opt/pg-limiter/.env", SERVICE_MARK);
    else
        cli_fail(CLI_FAILED,
                 "no service is installed here (neither %s nor a docker-compose.yml beside .env): "
                 "`pg-limiter run` runs it in the foreground",
                 SERVICE_UNIT);
    return false;
}

/* Whom we keep disabled; below 0 when it cannot be known, which its own output has told. */
static int64_t count_disabled(const struct service *s)
{
    const char *args[] = {"disabled",  "list", "--json",
                          "--limit",   "1",    s->env_file[0] ? "--env" : NULL,
                          s->env_file, NULL};
    struct buf b;
    struct err err;
    json_t *json = NULL;
    int64_t n = -1;

    buf_init(&b, ANSWER_MAX);
    if (child_self(args, CHILD_SHOW, &b, &err) == 0)
        json = json_loadb(buf_str(&b), b.n, 0, NULL);
    if (json_is_integer(json_object_get(json, "total")))
        n = in_int(json, "total");
    json_decref(json);
    buf_release(&b);
    return n;
}

static bool has_database(const struct service *s)
{
    char path[PATH_MAX];

    return snprintf(path, sizeof(path), "%s/data/pg-limiter.db", s->data_dir) >=
               (int)sizeof(path) ||
           access(path, F_OK) == 0 || errno != ENOENT;
}

static int enable_all(const struct service *s)
{
    const char *args[] = {"disabled",  "enable-all", "--yes", s->env_file[0] ? "--env" : NULL,
                          s->env_file, NULL};
    struct err err = {0};
    int rc = child_self(args, CHILD_SHOW, NULL, &err);

    if (rc == 0)
        return CLI_OK;
    return cli_fail(rc > 0 ? rc : CLI_FAILED,
                    "they were not all enabled%s%s: nothing else was done", err.text[0] ? ": " : "",
                    err.text);
}

int manage_offer_enabling(struct cli *cli, const struct service *s)
{
    int64_t n = count_disabled(s);
    const char *they = n == 1 ? "user is" : "users are";

    /* A first database is not there yet: nobody can have been disabled. */
    if (n == 0 || (n < 0 && !has_database(s)))
        return CLI_OK;
    if (cli->opt[OPT_ENABLE_ALL])
        return enable_all(s);
    if (n < 0)
        puts("How many users are disabled by us cannot be known now. They stay so until a daemon "
             "runs again.");
    else
        printf("%lld %s disabled by us, and will stay so until a daemon runs again.\n",
               (long long)n, they);
    if (cli->opt[OPT_YES] || !term_can_ask()) {
        puts("(--enable-all enables them first.)");
        return CLI_OK;
    }
    return term_ask("Enable them first?") ? enable_all(s) : CLI_OK;
}

/* ---- the commands ---- */

/* A daemon that would end at once is not started. */
static bool settings_are_good(const struct service *s)
{
    if (!s->wrong.text[0])
        return true;
    cli_fail(CLI_FAILED, "%s: nothing was done (`pg-limiter config` edits %s)", s->wrong.text,
             s->env_file[0] ? s->env_file : ".env");
    return false;
}

static int failed(const struct service *s, const struct err *err)
{
    return cli_fail(CLI_FAILED, "%s: %s", err->text,
                    s->kind == SERVICE_SYSTEMD ? "`journalctl -u pg-limiter -n 30` says why"
                                               : "`pg-limiter logs --no-follow` says why");
}

static int act(struct cli *cli, enum service_verb verb, const char *what, const char *done)
{
    struct service s;
    struct err err;
    char name[PATH_MAX];
    int rc = manage_find(cli, &s);

    if (rc)
        return rc;
    if (!manage_has(&s, what) || !manage_may(&s, what))
        return CLI_FAILED;
    if (verb != SERVICE_STOP && !settings_are_good(&s))
        return CLI_USAGE;
    if (verb != SERVICE_RESTART && service_runs(&s) == (verb == SERVICE_START)) {
        puts(verb == SERVICE_START ? "It runs already." : "It is not running.");
        return CLI_OK;
    }
    if (verb == SERVICE_STOP && (rc = manage_offer_enabling(cli, &s)))
        return rc;
    if (service_do(&s, verb, &err))
        return failed(&s, &err);
    printf("%s: %s\n", done, service_name(&s, name, sizeof(name)));
    return CLI_OK;
}

int cmd_start(struct cli *cli)
{
    return act(cli, SERVICE_START, "start", "Started");
}

int cmd_stop(struct cli *cli)
{
    return act(cli, SERVICE_STOP, "stop", "Stopped");
}

int cmd_restart(struct cli *cli)
{
    return act(cli, SERVICE_RESTART, "restart", "Restarted");
}

int manage_restart(const struct service *s)
{
    struct err err;

    if (service_do(s, SERVICE_RESTART, &err))
        return failed(s, &err);
    puts("Restarted.");
    return CLI_OK;
}
