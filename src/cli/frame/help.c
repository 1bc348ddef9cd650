/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "cli/frame/cli_int.h"
#include "cli/frame/command.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

void help_usage(FILE *f, const struct command *c)
{
    int i;

    fprintf(f, "pg-limiter %s%s%s", c->name, c->args[0] ? " " : "", c->args);
    for (i = 0; i < OPT_COUNT; i++)
        if (c->options >> i & 1)
            fprintf(f, " [%s%s%s]", option_def((enum cli_option)i)->name,
                    option_def((enum cli_option)i)->arg ? " " : "",
                    option_def((enum cli_option)i)->arg ? option_def((enum cli_option)i)->arg : "");
    fputc('\n', f);
}

static bool begins(const struct command *c, char **words, int n)
{
    struct slice rest = slice_of(c->name);
    int i;

    for (i = 0; i < n; i++)
        if (!rest.p || !slice_eq(slice_cut(&rest, ' '), slice_of(words[i])))
            return false;
    return true;
}

void help_group(FILE *f, char **words, int n)
{
    const struct command *c;
    size_t i;

    for (i = 0; (c = command_at(i)); i++)
        if (begins(c, words, n))
            help_usage(f, c);
}

static void print_all(void)
{
    static const char *const heads[] = {"Command", "", ""};
    const struct command *c;
    struct term_table t;
    size_t i;

    fputs(
        "PG-Limiter limits how many devices may use one account of a PasarGuard panel at a time.\n\n",
        stdout);
    term_table_init(&t, heads, 3);
    for (i = 0; (c = command_at(i)); i++) {
        term_cellf(&t, TERM_PLAIN, "  %s", c->name);
        term_cell(&t, TERM_PLAIN, c->args[0] ? c->args : " ");
        term_cell(&t, TERM_PLAIN, c->help);
    }
    term_table_print(&t);
    fputs(
        "\nUSER is a name, or id:12. Every command that reads knows --json, and --env FILE names the .env.\n"
        "`pg-limiter help COMMAND` says more. Exit codes: 0 done, 1 failed, 2 wrong usage, 3 the daemon or\n"
        "the panel cannot be reached.\n",
        stdout);
}

/* What may stand for a word of a command's arguments. */
static const char *word_for(struct slice kind)
{
    static const char *const words[][2] = {
        {"USER", "alice"},  {"LIMIT", "5"},
        {"TEXT", "ali"},    {"ADMIN", "reza"},
        {"N", "3"},         {"ID", "3"},
        {"CODE", "IR"},     {"ADDRESS", "203.0.113.5"},
        {"SECONDS", "120"}, {"KEY", "general_limit"},
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq(kind, slice_of(words[i][0])))
            return words[i][1];
    return NULL;
}

void help_example(FILE *f, const struct command *c)
{
    struct slice rest = slice_of(c->args), kind;
    const char *word;

    fprintf(f, "  pg-limiter %s", c->name);
    while (rest.p && rest.n) {
        kind = slice_cut(&rest, ' ');
        if (kind.p[0] == '[')
            break;
        word = word_for(kind);
        if (!word)
            kind = slice_cut(&kind, '|');
        fprintf(f, " %.*s", word ? (int)strlen(word) : (int)kind.n, word ? word : kind.p);
    }
    fputc('\n', f);
}

static void print_one(const struct command *c)
{
    size_t width = 0, n;
    int i;

    help_usage(stdout, c);
    printf("\n  %s\n", c->help);
    for (i = 0; i < OPT_COUNT; i++) {
        const struct option_def *o = option_def((enum cli_option)i);

        n = strlen(o->name) + (o->arg ? strlen(o->arg) + 1 : 0) + (o->alias ? 4 : 0);
        if ((c->options >> i & 1) && n > width)
            width = n;
    }
    if (c->options)
        putchar('\n');
    for (i = 0; i < OPT_COUNT; i++) {
        const struct option_def *o = option_def((enum cli_option)i);
        char text[96];

        if (!(c->options >> i & 1))
            continue;
        snprintf(text, sizeof(text), "%s%s%s%s%s", o->alias ? o->alias : "", o->alias ? ", " : "",
                 o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        printf("  %-*s  %s\n", (int)width, text, o->help);
    }
    if (c->more)
        printf("\n%s", c->more);
    if (!c->more || !strstr(c->more, "  pg-limiter ")) {
        putchar('\n');
        help_example(stdout, c);
    }
}

int help_show(char **words, int n)
{
    const struct command *c;
    int used;

    if (n == 0) {
        print_all();
        return CLI_OK;
    }
    c = command_find(words, n, &used);
    if (c) {
        print_one(c);
        if (n == used && command_has_more(words, n)) {
            putchar('\n');
            help_group(stdout, words, n);
        }
        return CLI_OK;
    }
    if (!command_is_group(words, n))
        return help_unknown(words, n);
    help_group(stdout, words, n);
    return CLI_OK;
}

int help_unknown(char **words, int n)
{
    const char *near;
    int k;

    if (command_is_group(words, n)) {
        cli_fail(CLI_USAGE, n > 1 ? "%s %s what?" : "%s what?", words[0], n > 1 ? words[1] : "");
        help_group(stderr, words, n);
        return CLI_USAGE;
    }
    /* The words that are right belong to what was not understood. */
    for (k = 1; k < n && k < 3 && command_is_group(words, k); k++)
        ;
    near = command_nearest(words, n);
    if (k == 3)
        cli_fail(CLI_USAGE, "unknown command \"%s %s %s\"", words[0], words[1], words[2]);
    else if (k == 2)
        cli_fail(CLI_USAGE, "unknown command \"%s %s\"", words[0], words[1]);
    else
        cli_fail(CLI_USAGE, "unknown command \"%s\"", words[0]);
    if (near)
        fprintf(stderr, "Did you mean `pg-limiter %s`?\n", near);
    else
        fputs("`pg-limiter help` lists all.\n", stderr);
    return CLI_USAGE;
}
