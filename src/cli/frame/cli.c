/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "cli/frame/cli_int.h"
#include "cli/frame/complete.h"
#include "cli/frame/manpage.h"
#include "cli/replay/replay.h"
#include "cli/replay/replay_compare.h"
#include "service/suggest.h"
#include "base/banned.h"

enum { POSITIONALS_MAX = 300 };

int cli_fail(int code, const char *fmt, ...)
{
    struct buf shown;
    char text[2048];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    buf_init(&shown, 4 * sizeof(text));
    buf_add_escaped(&shown, slice_of(text));
    fprintf(stderr, "pg-limiter: %s\n", buf_str(&shown));
    buf_release(&shown);
    return code;
}

/* ---- options ---- */

static int unknown_option(const char *arg, struct slice name)
{
    const char *names[OPT_COUNT], *near;
    int k;

    for (k = 0; k < OPT_COUNT; k++)
        names[k] = option_def((enum cli_option)k)->name;
    near = suggest_of(name, names, OPT_COUNT);
    if (near)
        return cli_fail(CLI_USAGE, "unknown option %s; did you mean %s?", arg, near);
    return cli_fail(CLI_USAGE, "unknown option %s", arg);
}

/* Takes argv[*i] (and what follows it) as an option. */
static int take_option(struct cli *cli, char **argv, int argc, int *i)
{
    struct slice value = slice_of(argv[*i]), name = slice_cut(&value, '=');
    int k;

    for (k = 0; k < OPT_COUNT; k++) {
        const struct option_def *o = option_def((enum cli_option)k);

        if (!slice_eq(name, slice_of(o->name)) && !(o->alias && slice_eq(name, slice_of(o->alias))))
            continue;
        if (!o->arg && value.p)
            return cli_fail(CLI_USAGE, "%s takes no value", o->name);
        if (o->arg && !value.p && *i + 1 >= argc)
            return cli_fail(CLI_USAGE, "%s needs %s", o->name, o->arg);
        cli->opt[k] = !o->arg ? "" : value.p ? value.p : argv[++*i];
        return CLI_OK;
    }
    return unknown_option(argv[*i], name);
}

static bool is_option(const char *arg)
{
    int k;

    if (arg[0] != '-')
        return false;
    for (k = 0; k < OPT_COUNT; k++) {
        const char *alias = option_def((enum cli_option)k)->alias;

        if (alias && strcmp(arg, alias) == 0)
            return true;
    }
    return arg[1] == '-' && arg[2];
}

/* Splits argv into words and options. */
static int split(struct cli *cli, int argc, char **argv, char **words, int *ret_n, bool *ret_help)
{
    bool only_words = false;
    int i, n = 0, rc;

    for (i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            *ret_help = true;
        } else if (!only_words && is_option(argv[i])) {
            rc = take_option(cli, argv, argc, &i);
            if (rc)
                return rc;
        } else if (n == POSITIONALS_MAX) {
            return cli_fail(CLI_USAGE, "too many arguments");
        } else {
            words[n++] = argv[i];
        }
    }
    *ret_n = n;
    return CLI_OK;
}

/* ---- dispatch ---- */

static int check_call(const struct command *c, const struct cli *cli)
{
    int k;

    for (k = 0; k < OPT_COUNT; k++)
        if (cli->opt[k] && !(c->options >> k & 1))
            return cli_fail(CLI_USAGE, "`%s` does not know %s", c->name,
                            option_def((enum cli_option)k)->name);
    if (cli->n_args >= c->min && (c->max == ARGS_ANY || cli->n_args <= c->max))
        return CLI_OK;
    cli_fail(CLI_USAGE,
             cli->n_args < c->min ? "`%s` needs %s" : "too many arguments: `%s` takes %s", c->name,
             c->args[0] ? c->args : "none");
    fputs("Usage: ", stderr);
    help_usage(stderr, c);
    return CLI_USAGE;
}

int cmd_help(struct cli *cli)
{
    return help_show(cli->args, cli->n_args);
}

int cmd_version(struct cli *cli)
{
    if (cli->json)
        printf("{\"name\":\"pg-limiter\",\"version\":\"%s\"}\n", PG_VERSION);
    else
        printf("pg-limiter %s\n", PG_VERSION);
    return CLI_OK;
}

int cmd_run(struct cli *cli)
{
    return cli->hooks->run(cli->opt[OPT_ENV], cli->opt[OPT_RECORD]);
}

int cmd_replay(struct cli *cli)
{
    return replay_main(cli->n_args, cli->args);
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    char *words[POSITIONALS_MAX];
    const struct command *c;
    bool help = false;
    int n = 0, used, rc;

    /* replay reads its own options, and completion the words of a line that is not finished. */
    if (argc > 1 && strcmp(argv[1], "replay") == 0 &&
        !(argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)))
        return replay_compares(argc - 2, argv + 2) ? replay_compare_main(argc - 2, argv + 2)
                                                   : replay_main(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], COMPLETE_WORD) == 0)
        return complete_main(argc - 2, argv + 2);
    if (argc == 2 && strcmp(argv[1], MANPAGE_WORD) == 0)
        return manpage_main();
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        return cmd_version(cli);
    rc = split(cli, argc, argv, words, &n, &help);
    if (rc)
        return rc;
    cli->json = cli->opt[OPT_JSON] != NULL;
    if (help || n == 0)
        return help_show(words, n);
    c = command_find(words, n, &used);
    /*
     * `config` is a command, and the beginning of others: a third word that is none of theirs is a
     * mistake.
     */
    if (!c || (c->max == 0 && n > used && command_has_more(words, used)))
        return help_unknown(words, n);
    cli->args = words + used;
    cli->n_args = n - used;
    rc = check_call(c, cli);
    return rc ? rc : c->fn(cli);
}

int cli_main(int argc, char **argv, const struct cli_hooks *hooks)
{
    struct cli cli = {.hooks = hooks};
    int rc = dispatch(&cli, argc, argv);

    link_close(cli.link);
    if (fflush(stdout) != 0 && rc == CLI_OK)
        rc = CLI_FAILED;
    return rc;
}
