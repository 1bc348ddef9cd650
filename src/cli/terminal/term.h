/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_TERMINAL_TERM_H
#define CLI_TERMINAL_TERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"

/* Output for people: tables, colour on a terminal only, times in TZ, questions. */

enum term_colour { TERM_PLAIN, TERM_DIM, TERM_RED, TERM_GREEN, TERM_YELLOW, TERM_BOLD };

enum { TERM_COLUMNS = 12 };

/* A table; rows are gathered first, so that columns fit. Embedded by value. */
struct term_table {
    size_t columns;
    const char *heads[TERM_COLUMNS];
    bool right[TERM_COLUMNS]; /* numbers stand to the right */
    char **cells;             /* row after row */
    enum term_colour *colours;
    size_t n, cap; /* cells */
    size_t screen; /* columns it must fit; 0: those of the terminal, any number elsewhere */
    bool failed;
};

/* Whether standard output is a terminal that shows colours (NO_COLOR is honoured). */
bool term_colours(void);
/* The escape that begins a colour on standard output, "" when there are none; TERM_PLAIN ends it. */
const char *term_colour(enum term_colour c);

/* Begins a table; a head that begins with '>' is a column of numbers. heads must outlive the table. */
void term_table_init(struct term_table *t, const char *const *heads, size_t columns);
/* Adds the next cell, escaped so that outside text cannot control the terminal; NULL adds "-". */
void term_cell(struct term_table *t, enum term_colour c, const char *text);
/* The same from a format. */
void term_cellf(struct term_table *t, enum term_colour c, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Prints the table and frees it. */
void term_table_print(struct term_table *t);

/* Columns (and rows) of the terminal that standard output is; 0 when it is none. */
size_t term_screen(size_t *ret_rows);
/* Prints text with control characters escaped. */
void term_put(const char *text);
/* Columns a UTF-8 text takes (one a character; marks that stand on others count, too). */
size_t term_width(const char *text);

/* Turns an ISO time of the operations' JSON into local time, "2026-11-23 15:42:35"; "-" for NULL. */
const char *term_time(const char *iso, char *out, size_t max);
/* "in 14 min", "3 h ago", "now"; "" for NULL. */
const char *term_span(const char *iso, char *out, size_t max);

/* Asks a yes-or-no question; false when standard input is no terminal. */
bool term_ask(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Whether questions can be asked. */
bool term_can_ask(void);

#endif
