/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "base/attr.h"
#include "base/stamp.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/list.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* events, history USER: what happened, and who did it. */

enum { SHOWN = 50, FOLLOWED = 20, PAGE = 500 };

static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
    (void)signo;
    stopped = 1;
}

static void print_event(json_t *row)
{
    const char *user = in_text(row, "username");
    char when[64];

    printf("%s%s%s  ", term_colour(TERM_DIM), term_time(in_text(row, "at"), when, sizeof(when)),
           term_colour(TERM_PLAIN));
    printf("%-12s ", in_text(row, "kind") ? in_text(row, "kind") : "-");
    if (user) {
        fputs(term_colour(TERM_BOLD), stdout);
        term_put(user);
        printf("%s ", term_colour(TERM_PLAIN));
    } else if (in_int(row, "user_id")) {
        printf("id:%lld ", (long long)in_int(row, "user_id"));
    }
    term_put(in_text(row, "what") ? in_text(row, "what") : "");
    printf("  %s(", term_colour(TERM_DIM));
    term_put(in_text(row, "who") ? in_text(row, "who") : "-");
    printf(")%s\n", term_colour(TERM_PLAIN));
}

static void print_rows(struct cli *cli, json_t *rows, bool backwards)
{
    size_t n = json_array_size(rows), i;

    for (i = 0; i < n; i++) {
        json_t *row = json_array_get(rows, backwards ? n - 1 - i : i);

        if (!cli->json) {
            print_event(row);
            continue;
        }
        json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    fflush(stdout);
}

/* The path of events, of everyone or one user, with its filters. */
static void add_path(struct cli *cli, const char *user, struct buf *path)
{
    if (user)
        cli_user_path(path, "/users/", user, "/history");
    else
        cli_user_path(path, "/events", "", "");
    buf_add_char(path, '?');
    if (cli->opt[OPT_KIND]) {
        buf_add_str(path, "kind=");
        cli_add_user(path, cli->opt[OPT_KIND]);
        buf_add_char(path, '&');
    }
}

static int ask(struct cli *cli, const char *user, const char *more, int64_t n, json_t **ret_json)
{
    struct buf path;
    int rc;

    add_path(cli, user, &path);
    buf_addf(&path, "%s%lld", more, (long long)n);
    rc = cli_ask(cli, OP_GET, buf_str(&path), NULL, ret_json, NULL);
    buf_release(&path);
    return rc;
}

static int64_t last_id(json_t *rows, int64_t last)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) if (in_int(row, "id") > last) last = in_int(row, "id");
    return last;
}

/* The last ones, and then what comes, until a signal. */
static int follow(struct cli *cli, const char *user)
{
    const struct timespec pause = {.tv_nsec = 500000000};
    struct sigaction stop = {.sa_handler = on_signal};
    int64_t last;
    json_t *json;
    int rc = ask(cli, user, "limit=", FOLLOWED, &json);

    if (rc)
        return rc;
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    last = last_id(json_object_get(json, "data"), 0);
    print_rows(cli, json_object_get(json, "data"), true);
    json_decref(json);
    while (!stopped) {
        nanosleep(&pause, NULL);
        rc = stopped ? CLI_OK : ask(cli, user, "limit=500&after=", last, &json);
        if (rc)
            return rc;
        if (stopped)
            break;
        last = last_id(json_object_get(json, "data"), last);
        print_rows(cli, json_object_get(json, "data"), false);
        json_decref(json);
    }
    return CLI_OK;
}

static json_t *fetch(void *arg, const char *path)
{
    json_t *json;

    return cli_ask(arg, OP_GET, path, NULL, &json, NULL) ? NULL : json;
}

/* The latest stand first, as in every list. */
static int show(struct cli *cli, const char *user)
{
    int64_t limit, offset, left = 0;
    struct buf path;
    json_t *json;
    int rc = cli_number(cli, OPT_LIMIT, 1, 1000000, SHOWN, &limit);

    if (!rc)
        rc = cli_number(cli, OPT_OFFSET, 0, 1000000000, 0, &offset);
    if (rc)
        return rc;
    add_path(cli, user, &path);
    path.n--; /* the mark that a filter would have followed */
    path.p[path.n] = '\0';
    json = list_fetch(buf_str(&path), offset, limit, fetch, cli, &left);
    buf_release(&path);
    if (!json)
        return CLI_FAILED;
    if (cli_json(cli, json))
        return CLI_OK;
    print_rows(cli, json_object_get(json, "data"), false);
    if (json_array_size(json_object_get(json, "data")) == 0)
        puts("Nothing has happened so far.");
    if (left > 0)
        printf("%lld more: --offset %lld\n", (long long)left, (long long)(offset + limit));
    json_decref(json);
    return CLI_OK;
}

int cmd_events(struct cli *cli)
{
    const char *user = cli->opt[OPT_USER];

    return cli->opt[OPT_FOLLOW] ? follow(cli, user) : show(cli, user);
}

int cmd_history(struct cli *cli)
{
    return show(cli, cli->args[0]);
}
