/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_TERMINAL_LIST_H
#define CLI_TERMINAL_LIST_H

#include "cli/frame/cli_int.h"
#include "cli/terminal/term.h"

/* Lists of the operations, {"data":[…],"total":n}, as tables that are described instead of written. */

enum list_kind {
    LIST_TEXT,   /* a text, number, or true (as "yes"); "-" when missing */
    LIST_NOTE,   /* the same, but blank when missing */
    LIST_USER,   /* `username`, or `id:12`; the member is not looked at */
    LIST_LIMIT,  /* devices; 0 is "unlimited" */
    LIST_TIME,   /* a time */
    LIST_SPAN,   /* how long ago, or until then; blank when missing */
    LIST_UNTIL,  /* a time; "by hand" when missing */
    LIST_VALUES, /* a list of texts or numbers, with commas */
    LIST_FLAG,   /* `word` when true, else blank */
    LIST_NONE,   /* `word` when missing, else blank */
};

struct list_column {
    const char *head; /* '>' first: to the right */
    const char *member;
    enum list_kind kind;
    enum term_colour colour;
    const char *word; /* LIST_FLAG, LIST_NONE */
};

struct list {
    const struct list_column *columns;
    size_t n;
    const char *none; /* said of an empty list */
    bool by_name;     /* an argument of the command is a text that the user's name must hold */
};

/*
 * Reads path and prints the list, or as JSON with --json. --limit and --offset choose rows. Returns the
 * exit code.
 */
int list_show(struct cli *cli, const char *path, const struct list *list);
/* Prints rows that are there already. */
void list_print(json_t *rows, const struct list *list);
/* Adds one cell of a row to a table. */
void list_cell(struct term_table *t, json_t *row, const struct list_column *c);
/* The user of a row as a person names him: into out. */
const char *list_user(json_t *row, char *out, size_t max);
/* Gets one page; NULL when it cannot. */
typedef json_t *(*list_fetch_fn)(void *arg, const char *path);
/*
 * Rows of a list that may come in pages, as one answer: from offset on, at most limit (0: all). NULL when a
 * part of it did not come. *ret_left (may be NULL): how many follow.
 */
json_t *list_fetch(const char *path, int64_t offset, int64_t limit, list_fetch_fn fetch, void *arg,
                   int64_t *ret_left);

#endif
