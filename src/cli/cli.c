/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/cli.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/attr.h"
#include "cli/cli_int.h"
#include "cli/replay.h"
#include "cli/term.h"
#include "service/suggest.h"
#include "base/banned.h"

enum { POSITIONALS_MAX = 300, ANY = -1 };

/* Options a command may take; their rows stand in `options`. */
enum {
    OPT_ENV = 1,
    OPT_JSON = 2,
    OPT_YES = 4,
    OPT_RECORD = 8,
    OPT_SINCE = 16,
    OPT_FORGIVE = 32,
    OPT_REASON = 64,
    OPT_ENABLE = 128,
};

struct command {
    const char *name; /* one or two words */
    const char *args;
    int min, max; /* how many; ANY: no bound */
    unsigned options;
    int (*fn)(struct cli *cli);
    const char *help;
};

enum { READ = OPT_ENV | OPT_JSON, WRITE = OPT_ENV | OPT_JSON, SET = WRITE | OPT_YES };

static const struct command commands[] = {
    {"run", "", 0, 0, OPT_ENV | OPT_RECORD, cmd_run, "the daemon"},
    {"status", "", 0, 0, READ, cmd_status, "everything at a glance"},
    {"nodes", "", 0, 0, READ, cmd_nodes, "what is seen of every node"},
    {"explain", "USER", 1, 1, READ, cmd_explain, "how a user stands, and why"},

    {"user list", "[TEXT]", 0, 1, READ, cmd_user_list, "special limits of single users"},
    {"user show", "USER", 1, 1, READ, cmd_user_show, "a user's limit and where it comes from"},
    {"user add", "USER LIMIT", 2, 2, WRITE | OPT_ENABLE, cmd_user_add,
     "set a special limit (0 = unlimited); one that exists is updated"},
    {"user update", "USER LIMIT", 2, 2, WRITE | OPT_ENABLE, cmd_user_update,
     "change a special limit that exists"},
    {"user delete", "USER", 1, 1, WRITE, cmd_user_delete, "remove a special limit"},

    {"except list", "[TEXT]", 0, 1, READ, cmd_except_list, "users who are never limited"},
    {"except add", "USER", 1, 1, WRITE | OPT_REASON | OPT_ENABLE, cmd_except_add,
     "never limit a user"},
    {"except delete", "USER", 1, 1, WRITE, cmd_except_delete, "limit him again"},
    {"except check", "USER", 1, 1, READ, cmd_except_check, "whether a user is excepted"},

    {"disabled list", "", 0, 0, READ, cmd_disabled_list, "users disabled by us at the moment"},
    {"disabled enable", "USER", 1, 1, WRITE | OPT_FORGIVE, cmd_disabled_enable,
     "enable one of them"},
    {"disabled enable-all", "", 0, 0, SET | OPT_SINCE | OPT_FORGIVE, cmd_disabled_enable_all,
     "enable all of them, or those of the last while"},

    {"config show", "[KEY]", 0, 1, READ, cmd_config_show,
     "every setting, and where its value comes from"},
    {"config set", "KEY VALUE", 2, 2, SET, cmd_config_set, "change a setting"},
    {"config reset", "KEY", 1, 1, SET, cmd_config_reset, "go back to .env or the default"},
    {"config set-limit", "N", 1, 1, SET, cmd_config_limit, "general_limit: devices of every user"},
    {"config set-interval", "SECONDS", 1, 1, SET, cmd_config_interval, "check_interval"},
    {"config set-reenable-time", "SECONDS", 1, 1, SET, cmd_config_reenable, "time_to_active_users"},
    {"config set-country", "CODE", 1, 1, SET, cmd_config_country, "country_code, or none"},
    {"config example", "", 0, 0, 0, cmd_config_example, "print a .env with every setting"},

    {"scan", "[FILE|-]", 0, 1, 0, cmd_scan, "say of every log line why it counts or not"},
    {"replay", "[--json] [--set KEY=VALUE] [--except USER] [--special USER=N] FILE...", 0, ANY, 0,
     cmd_replay, "run recorded logs through the engine"},
    {"version", "", 0, 0, OPT_JSON, cmd_version, "the version"},
    {"help", "[COMMAND]", 0, 2, 0, cmd_help, "this text, or about a command"},
};

static const struct {
    const char *name;
    const char *arg; /* NULL: a switch */
    unsigned bit;
    const char *help;
} options[] = {
    {"--env", "FILE", OPT_ENV, "read this .env"},
    {"--json", NULL, OPT_JSON, "print JSON"},
    {"--yes", NULL, OPT_YES, "do it without asking"},
    {"--record", "DIR", OPT_RECORD, "keep every line received, to be replayed"},
    {"--since", "TIME", OPT_SINCE, "only those disabled in the last 30m, 2h, 1d"},
    {"--forgive", NULL, OPT_FORGIVE, "their violations of that time no longer count"},
    {"--reason", "TEXT", OPT_REASON, "why, for the list"},
    {"--enable", NULL, OPT_ENABLE, "enable him at once when we have disabled him"},
};

/* ---- words ---- */

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

static void print_usage(FILE *f, const struct command *c)
{
    size_t i;

    fprintf(f, "pg-limiter %s%s%s", c->name, c->args[0] ? " " : "", c->args);
    for (i = 0; i < ARRAY_LEN(options); i++)
        if (c->options & options[i].bit)
            fprintf(f, " [%s%s%s]", options[i].name, options[i].arg ? " " : "",
                    options[i].arg ? options[i].arg : "");
    fputc('\n', f);
}

static void print_help(FILE *f)
{
    struct term_table t;
    static const char *const heads[] = {"Command", "", ""};
    size_t i;

    fputs(
        "PG-Limiter limits how many devices may use one account of a PasarGuard panel at a time.\n\n",
        f);
    term_table_init(&t, heads, 3);
    for (i = 0; i < ARRAY_LEN(commands); i++) {
        bool raw = commands[i].max == ANY;

        term_cellf(&t, TERM_PLAIN, "  %s", commands[i].name);
        term_cell(&t, TERM_PLAIN, raw ? "..." : commands[i].args[0] ? commands[i].args : " ");
        term_cell(&t, TERM_PLAIN, commands[i].help);
    }
    term_table_print(&t);
    fputs(
        "\nUSER is a name, or id:12. Every command that reads knows --json, and --env FILE names the .env.\n"
        "`pg-limiter help COMMAND` says more. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon or\n"
        "the panel cannot be reached.\n",
        f);
}

/* Whether a command is called by these words; *ret_used says how many of them are its name. */
static bool is_called(const struct command *c, char **words, int n, int *ret_used)
{
    struct slice rest = slice_of(c->name), first = slice_cut(&rest, ' ');

    if (n < 1 || !slice_eq(first, slice_of(words[0])))
        return false;
    *ret_used = rest.p ? 2 : 1;
    return !rest.p || (n > 1 && slice_eq(rest, slice_of(words[1])));
}

static const struct command *find_command(char **words, int n, int *ret_used)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(commands); i++)
        if (is_called(&commands[i], words, n, ret_used))
            return &commands[i];
    return NULL;
}

/* Whether there are commands of two words that begin with this one; prints their usage to f if given. */
static bool is_group(const char *word, FILE *f)
{
    bool found = false;
    size_t i;

    for (i = 0; i < ARRAY_LEN(commands); i++) {
        struct slice rest = slice_of(commands[i].name), first = slice_cut(&rest, ' ');

        if (!rest.p || !slice_eq(first, slice_of(word)))
            continue;
        found = true;
        if (f)
            print_usage(f, &commands[i]);
    }
    return found;
}

/* The command whose name is nearest to one or two words. */
static const char *nearest(char **words, int n)
{
    const char *names[ARRAY_LEN(commands)], *near;
    struct buf said;
    size_t i;

    buf_init(&said, 256);
    buf_add_str(&said, words[0]);
    for (i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    near = suggest_of(buf_slice(&said), names, ARRAY_LEN(commands));
    if (!near && n > 1) {
        buf_addf(&said, " %s", words[1]);
        near = suggest_of(buf_slice(&said), names, ARRAY_LEN(commands));
    }
    buf_release(&said);
    return near;
}

static int no_command(char **words, int n)
{
    const char *near;

    if (is_group(words[0], NULL) && n < 2) {
        cli_fail(CLI_USAGE, "%s what?", words[0]);
        is_group(words[0], stderr);
        return CLI_USAGE;
    }
    near = nearest(words, n);
    if (is_group(words[0], NULL))
        cli_fail(CLI_USAGE, "unknown command \"%s %s\"", words[0], words[1]);
    else
        cli_fail(CLI_USAGE, "unknown command \"%s\"", words[0]);
    if (near)
        fprintf(stderr, "Did you mean `pg-limiter %s`?\n", near);
    else
        fputs("`pg-limiter help` lists all.\n", stderr);
    return CLI_USAGE;
}

/* ---- options ---- */

static void store(struct cli *cli, unsigned bit, const char *value)
{
    switch (bit) {
    case OPT_ENV:
        cli->env_path = value;
        break;
    case OPT_JSON:
        cli->json = true;
        break;
    case OPT_YES:
        cli->yes = true;
        break;
    case OPT_RECORD:
        cli->record_dir = value;
        break;
    case OPT_SINCE:
        cli->since = value;
        break;
    case OPT_FORGIVE:
        cli->forgive = true;
        break;
    case OPT_REASON:
        cli->reason = value;
        break;
    default:
        cli->enable = true;
        break;
    }
}

/* Takes argv[*i] (and what follows it) as an option. */
static int take_option(struct cli *cli, char **argv, int argc, int *i, unsigned *given)
{
    const char *names[ARRAY_LEN(options)], *near;
    struct slice value = slice_of(argv[*i]), name = slice_cut(&value, '=');
    size_t k;

    for (k = 0; k < ARRAY_LEN(options); k++) {
        names[k] = options[k].name;
        if (!slice_eq(name, slice_of(options[k].name)))
            continue;
        if (!options[k].arg && value.p)
            return cli_fail(CLI_USAGE, "%s takes no value", options[k].name);
        if (options[k].arg && !value.p && *i + 1 >= argc)
            return cli_fail(CLI_USAGE, "%s needs %s", options[k].name, options[k].arg);
        *given |= options[k].bit;
        store(cli, options[k].bit, !options[k].arg ? NULL : value.p ? value.p : argv[++*i]);
        return CLI_OK;
    }
    near = suggest_of(name, names, ARRAY_LEN(options));
    if (near)
        return cli_fail(CLI_USAGE, "unknown option %s; did you mean %s?", argv[*i], near);
    return cli_fail(CLI_USAGE, "unknown option %s", argv[*i]);
}

static bool is_option(const char *arg)
{
    return arg[0] == '-' && arg[1] == '-' && arg[2];
}

/* Splits argv into words and options. */
static int split(struct cli *cli, int argc, char **argv, char **words, int *ret_n,
                 unsigned *ret_given, bool *ret_help)
{
    bool only_words = false;
    int i, n = 0, rc;

    for (i = 1; i < argc; i++) {
        if (!only_words && strcmp(argv[i], "--") == 0) {
            only_words = true;
        } else if (!only_words && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            *ret_help = true;
        } else if (!only_words && is_option(argv[i])) {
            rc = take_option(cli, argv, argc, &i, ret_given);
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

static int check_call(const struct command *c, const struct cli *cli, unsigned given)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(options); i++)
        if ((given & options[i].bit) && !(c->options & options[i].bit))
            return cli_fail(CLI_USAGE, "`%s` does not know %s", c->name, options[i].name);
    if (cli->n_args >= c->min && (c->max == ANY || cli->n_args <= c->max))
        return CLI_OK;
    cli_fail(CLI_USAGE,
             cli->n_args < c->min ? "`%s` needs %s" : "too many arguments: `%s` takes %s", c->name,
             c->args[0] ? c->args : "none");
    fputs("Usage: ", stderr);
    print_usage(stderr, c);
    return CLI_USAGE;
}

static int help_about(char **words, int n)
{
    const struct command *c;
    int used;

    if (n == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    c = find_command(words, n, &used);
    if (c) {
        print_usage(stdout, c);
        printf("  %s\n", c->help);
        return CLI_OK;
    }
    if (n == 1 && is_group(words[0], stdout))
        return CLI_OK;
    return no_command(words, n);
}

int cmd_help(struct cli *cli)
{
    return help_about(cli->args, cli->n_args);
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
    return cli->hooks->run(cli->env_path, cli->record_dir);
}

int cmd_replay(struct cli *cli)
{
    return replay_main(cli->n_args, cli->args);
}

static int dispatch(struct cli *cli, int argc, char **argv)
{
    char *words[POSITIONALS_MAX];
    const struct command *c;
    unsigned given = 0;
    bool help = false;
    int n = 0, used, rc;

    /* replay reads its own options. */
    if (argc > 1 && strcmp(argv[1], "replay") == 0 &&
        !(argc == 3 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0)))
        return replay_main(argc - 2, argv + 2);
    if (argc == 2 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0))
        return cmd_version(cli);
    rc = split(cli, argc, argv, words, &n, &given, &help);
    if (rc)
        return rc;
    if (help || n == 0)
        return help_about(words, n);
    c = find_command(words, n, &used);
    if (!c)
        return no_command(words, n);
    cli->args = words + used;
    cli->n_args = n - used;
    rc = check_call(c, cli, given);
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
