/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/list.h"
#include "cli/terminal/term.h"
#include "cli/terminal/top_view.h"
#include "base/banned.h"

/* top: the users, looked at anew every two seconds. */

enum { EVERY_MS = 2000, PLAIN_WIDTH = 100, ESCAPE = 27, BACKSPACE = 127 };

static volatile sig_atomic_t stopped;

static void on_signal(int signo)
{
    (void)signo;
    stopped = 1;
}

struct top {
    struct cli *cli;
    struct top_view view;
    json_t *users, *status;
    char message[ERR_TEXT_MAX]; /* "" = all is well */
};

/* ---- what is shown ---- */

/* An answer of the daemon, without a word on the terminal when it fails. */
static json_t *fetch(void *arg, const char *path)
{
    struct top *t = arg;
    struct buf answer;
    json_t *json = NULL;
    struct err err = {0};
    int status = 0, rc;

    buf_init(&answer, LIMIT_OP_ANSWER);
    rc = link_call(t->cli->link, OP_GET, path, "", &status, &answer, &err);
    if (!rc)
        json = json_loadb(buf_str(&answer), answer.n, 0, NULL);
    if (rc || status != 200)
        snprintf(t->message, sizeof(t->message), "%s",
                 rc ? err.text : "the daemon does not tell its users");
    if (status != 200) {
        json_decref(json);
        json = NULL;
    }
    buf_release(&answer);
    return json;
}

/* What cannot be read now leaves what was read before. */
static void refresh(struct top *t)
{
    json_t *users, *status;

    t->message[0] = '\0';
    users = list_fetch("/users/active?single=true", 0, 0, fetch, t, NULL);
    status = fetch(t, "/status");
    if (users) {
        json_decref(t->users);
        t->users = users;
    }
    if (status) {
        json_decref(t->status);
        t->status = status;
    }
}

static void draw(struct top *t)
{
    struct buf out;
    size_t i;

    t->view.width = term_screen(&t->view.height);
    if (t->view.width == 0)
        return;
    buf_init(&out, LIMIT_OP_ANSWER);
    top_draw(&t->view, t->users, t->status, t->message[0] ? t->message : NULL, &out);
    /* Each line is emptied before it is written: behind a full one the last column would go. */
    fputs("\033[H\033[K", stdout);
    for (i = 0; i < out.n; i++) {
        putchar(out.p[i]);
        if (out.p[i] == '\n')
            fputs("\033[K", stdout);
    }
    fflush(stdout);
    buf_release(&out);
}

/* ---- keys ---- */

static void type(struct top_view *v, char c)
{
    size_t n = strlen(v->filter);

    if (c == '\r' || c == '\n')
        v->typing = false;
    else if (c == BACKSPACE || c == '\b')
        v->filter[n ? n - 1 : 0] = '\0';
    else if ((unsigned char)c >= ' ' && n + 1 < sizeof(v->filter))
        v->filter[n] = c;
    v->offset = 0;
}

static void scroll(struct top_view *v, long by)
{
    if (by < 0 && v->offset < (size_t)-by)
        v->offset = 0;
    else
        v->offset = (size_t)((long)v->offset + by);
}

/* One of the keys that come as several bytes; they are read together. */
static void special_key(struct top_view *v, const char *keys, size_t n)
{
    long page = v->height > 6 ? (long)v->height - 6 : 1;

    if (n < 3 || keys[1] != '[') {
        v->typing = false;
        v->filter[0] = '\0';
    } else if (keys[2] == 'A') {
        scroll(v, -1);
    } else if (keys[2] == 'B') {
        scroll(v, 1);
    } else if (keys[2] == '5') {
        scroll(v, -page);
    } else if (keys[2] == '6') {
        scroll(v, page);
    }
}

static void take_keys(struct top *t)
{
    struct top_view *v = &t->view;
    char keys[64];
    ssize_t n = read(STDIN_FILENO, keys, sizeof(keys)), i;

    if (n <= 0) {
        stopped = n == 0 || errno != EINTR;
        return;
    }
    if (keys[0] == ESCAPE) {
        special_key(v, keys, (size_t)n);
        return;
    }
    for (i = 0; i < n; i++) {
        if (v->typing) {
            type(v, keys[i]);
        } else if (keys[i] == 'q' || keys[i] == 'Q') {
            stopped = 1;
        } else if (keys[i] == 's') {
            v->sort = (enum top_sort)((v->sort + 1) % TOP_SORTS);
        } else if (keys[i] == 'r') {
            v->reverse = !v->reverse;
        } else if (keys[i] == '/') {
            v->typing = true;
            memset(v->filter, 0, sizeof(v->filter));
        } else if (keys[i] == 'j' || keys[i] == 'k') {
            scroll(v, keys[i] == 'j' ? 1 : -1);
        }
    }
}

static int64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static void go_on(struct top *t)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int64_t due = 0;

    while (!stopped) {
        int64_t now = now_ms();

        if (now >= due) {
            refresh(t);
            due = now_ms() + EVERY_MS;
        }
        draw(t);
        /* A change of the window's size ends the waiting, too. */
        if (poll(&in, 1, (int)(due - now_ms() > 0 ? due - now_ms() : 0)) > 0)
            take_keys(t);
    }
}

/* ---- the terminal ---- */

static void on_winch(int signo)
{
    (void)signo;
}

static int run_live(struct top *t)
{
    struct sigaction stop = {.sa_handler = on_signal}, winch = {.sa_handler = on_winch};
    struct termios old, raw;

    if (tcgetattr(STDIN_FILENO, &old) != 0)
        return cli_fail(CLI_FAILED, "top needs a terminal; --once prints once");
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    sigaction(SIGHUP, &stop, NULL);
    sigaction(SIGWINCH, &winch, NULL);
    raw = old;
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    raw.c_cc[VMIN] = 1;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    fputs("\033[?1049h\033[?25l", stdout);
    go_on(t);
    fputs("\033[?25h\033[?1049l", stdout);
    fflush(stdout);
    tcsetattr(STDIN_FILENO, TCSANOW, &old);
    return CLI_OK;
}

static int run_once(struct top *t)
{
    struct buf out;

    refresh(t);
    if (!t->users)
        return cli_fail(CLI_UNREACHABLE, "%s", t->message);
    if (t->cli->json) {
        json_dumpf(t->users, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
        return CLI_OK;
    }
    t->view.width = term_screen(NULL);
    if (t->view.width == 0)
        t->view.width = PLAIN_WIDTH;
    buf_init(&out, LIMIT_OP_ANSWER);
    top_draw(&t->view, t->users, t->status, NULL, &out);
    fputs(buf_str(&out), stdout);
    buf_release(&out);
    return CLI_OK;
}

int cmd_top(struct cli *cli)
{
    struct top t = {.cli = cli, .view = {.sort = TOP_DEVICES, .colour = term_colours()}};
    const char *sort = cli->opt[OPT_SORT], *filter = cli->opt[OPT_FILTER];
    int rc;

    if (sort && !top_sort_find(sort, &t.view.sort))
        return cli_fail(CLI_USAGE, "--sort %s: allowed are devices, name, state, trust and seen",
                        sort);
    if (filter)
        snprintf(t.view.filter, sizeof(t.view.filter), "%s", filter);
    if (!cli_has_daemon(cli))
        return cli->link ? cli_fail(CLI_UNREACHABLE,
                                    "the daemon is not running, and this needs it: start it with "
                                    "`pg-limiter run`")
                         : CLI_FAILED;
    if (cli->json || cli->opt[OPT_ONCE] || !term_screen(NULL) || !isatty(STDIN_FILENO))
        rc = run_once(&t);
    else
        rc = run_live(&t);
    json_decref(t.users);
    json_decref(t.status);
    return rc;
}
