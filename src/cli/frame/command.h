/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FRAME_COMMAND_H
#define CLI_FRAME_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct cli;

/*
 * The table of commands and that of their options (commands.c): parsing, help, completion, suggestions
 * and the README come from them.
 */

enum cli_option {
    OPT_ENV,
    OPT_JSON,
    OPT_YES,
    OPT_RECORD,
    OPT_SINCE,
    OPT_FORGIVE,
    OPT_REASON,
    OPT_ENABLE,
    OPT_LIMIT,
    OPT_OFFSET,
    OPT_CUSTOMER,
    OPT_FOLLOW,
    OPT_ONCE,
    OPT_SORT,
    OPT_FILTER,
    OPT_BUNDLE,
    OPT_ACCESS,
    OPT_FOR,
    OPT_GROUPS,
    OPT_DRY_RUN,
    OPT_UNDO,
    OPT_OVERWRITE,
    OPT_DOCKER,
    OPT_USER,
    OPT_KIND,
    OPT_SET,
    OPT_EXCEPT,
    OPT_SPECIAL,
    OPT_COMPARE,
    OPT_PEOPLE,
    OPT_PATTERN,
    OPT_EVIDENCE,
    OPT_SECRETS,
    OPT_PASSPHRASE_FILE,
    OPT_NODE,
    OPT_INBOUND,
    OPT_DEVICES,
    OPT_NAME,
    OPT_PANEL_ADMIN,
    OPT_LANGUAGE,
    OPT_LINES,
    OPT_NO_FOLLOW,
    OPT_API,
    OPT_TELEGRAM,
    OPT_ENABLE_ALL,
    OPT_ROLLBACK,
    OPT_PURGE,
    OPT_COUNT
};

struct option_def {
    const char *name;  /* "--json" */
    const char *alias; /* "-f", or NULL */
    const char *arg;   /* what its value is; NULL: a switch */
    const char *help;
};
/* The row of an option. Never NULL. */
const struct option_def *option_def(enum cli_option o);

enum { ARGS_ANY = -1 };

struct command {
    const char *name; /* one, two or three words */
    /*
     * What follows, as the usage shows it, one word an argument: USER, KEY, VALUE, FILE, SHELL and
     * a|b|c are completed.
     */
    const char *args;
    int min, max;     /* how many; ARGS_ANY: no bound */
    uint64_t options; /* bits 1 << enum cli_option */
    int (*fn)(struct cli *cli);
    const char *help; /* one line */
    const char *more; /* what else is to be said, and examples; may be NULL */
    const char *ops;  /* operations it calls: "GET /users/limits, POST …"; NULL: none */
};
/* The rows by number, NULL past the last. */
const struct command *command_at(size_t i);
/* The command called by the first of n words, and how many of them are its name; NULL when none is. */
const struct command *command_find(char **words, int n, int *ret_used);
/* Whether there are commands of more words that begin with these n. */
bool command_is_group(char **words, int n);
/* Whether there are commands whose names have these n words and further ones. */
bool command_has_more(char **words, int n);
/* The name nearest to what was typed; NULL when none is near. */
const char *command_nearest(char **words, int n);

/* help.c: the usage of one command, a line. */
void help_usage(FILE *f, const struct command *c);
/* Prints a line that could be typed: the name with something for each argument that is needed. */
void help_example(FILE *f, const struct command *c);
/* The usage of all commands that begin with these n words. */
void help_group(FILE *f, char **words, int n);
/* All commands (n = 0), a group, or one in full. Returns an exit code. */
int help_show(char **words, int n);
/* What stands on standard error when no command is called so; returns CLI_USAGE. */
int help_unknown(char **words, int n);

#endif
