/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/cli_int.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "base/banned.h"

/* `config panel`: other access to the panel. What is secret is asked for, never an argument. */

enum { SECRET_MAX = 1024 };

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signal_no)
{
    (void)signal_no;
    interrupted = 1;
}

/* Ctrl-C ends the program as ever, but not with a terminal that shows nothing any more. */
int cli_ask_secret(const char *question, const char *no_terminal, struct buf *out)
{
    const struct sigaction catch = {.sa_handler = on_interrupt};
    struct sigaction before;
    struct termios old, quiet;
    char line[SECRET_MAX + 2];
    FILE *tty = fopen("/dev/tty", "r+");
    char *got;

    if (!tty || tcgetattr(fileno(tty), &old)) {
        if (tty)
            fclose(tty);
        return cli_fail(CLI_USAGE, "%s", no_terminal);
    }
    quiet = old;
    quiet.c_lflag &= (tcflag_t)~ECHO;
    interrupted = 0;
    sigaction(SIGINT, &catch, &before);
    /* Silent before the question stands there: who answers at once is not shown, nor unheard. */
    tcsetattr(fileno(tty), TCSAFLUSH, &quiet);
    fputs(question, tty);
    fflush(tty);
    got = fgets(line, sizeof(line), tty);
    tcsetattr(fileno(tty), TCSADRAIN, &old);
    fputc('\n', tty);
    fclose(tty);
    sigaction(SIGINT, &before, NULL);
    if (interrupted) {
        raise(SIGINT);
        got = NULL; /* whoever started us had it ignored */
    }
    if (got)
        buf_add_slice(out, slice_trim(slice_of(line)));
    explicit_bzero(line, sizeof(line));
    return got && !out->failed ? CLI_OK : cli_fail(CLI_FAILED, "nothing was given");
}

/* From the terminal, or a line of what is piped in. */
static int get_secret(const char *question, struct buf *out)
{
    char line[SECRET_MAX + 2];

    if (isatty(STDIN_FILENO))
        return cli_ask_secret(question, "there is no terminal to ask", out);
    if (!fgets(line, sizeof(line), stdin))
        return cli_fail(CLI_USAGE, "nothing came on standard input");
    buf_add_slice(out, slice_trim(slice_of(line)));
    explicit_bzero(line, sizeof(line));
    return CLI_OK;
}

int cmd_config_panel(struct cli *cli)
{
    const char *what = cli->args[0], *value = cli->n_args > 1 ? cli->args[1] : NULL;
    bool domain = strcmp(what, "domain") == 0, login = strcmp(what, "login") == 0;
    struct buf secret;
    json_t *body = NULL;
    int rc = CLI_OK;

    buf_init(&secret, SECRET_MAX);
    if (!domain && !login && strcmp(what, "key") != 0)
        return cli_fail(CLI_USAGE, "%s: domain, login or key", what);
    if ((domain || login) != (value != NULL))
        return cli_fail(CLI_USAGE, domain  ? "where is the panel? `config panel domain HOST`"
                                   : login ? "who? `config panel login NAME`"
                                           : "the key is asked for, or read from standard input");
    if (!domain)
        rc = get_secret(login ? "Password: " : "API key (empty: none): ", &secret);
    if (!rc && domain)
        body = json_pack("{ss}", "domain", value);
    else if (!rc && login)
        body =
            json_pack("{ss ss ss}", "username", value, "password", buf_str(&secret), "api_key", "");
    else if (!rc)
        body = json_pack("{ss}", "api_key", buf_str(&secret));
    if (secret.p)
        explicit_bzero(secret.p, secret.cap);
    buf_release(&secret);
    if (rc)
        return rc;
    return cli_do(cli, OP_PUT, "/config/panel", body);
}
