/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_TERMINAL_TOP_VIEW_H
#define CLI_TERMINAL_TOP_VIEW_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/* What `top` shows: users in an order, those that fit a filter, as lines of a screen. Pure. */

enum top_sort { TOP_DEVICES, TOP_NAME, TOP_STATE, TOP_TRUST, TOP_SEEN, TOP_SORTS };

struct top_view {
    enum top_sort sort;
    bool reverse;
    char filter[64]; /* "" = none */
    bool typing;     /* the filter is being typed */
    size_t offset;   /* rows left out above */
    size_t width, height;
    bool colour;
    size_t shown, fit; /* set by top_draw: rows drawn, rows that fit the filter */
};

/* The order named by a word of --sort; false for an unknown one. */
bool top_sort_find(const char *word, enum top_sort *ret_sort);
/* Its word. */
const char *top_sort_name(enum top_sort sort);
/*
 * Appends a screen: users is the answer of GET /users/active, status that of GET /status (may be NULL),
 * message what went wrong (may be NULL). Exactly height lines (all rows when height is 0), none wider than
 * width, separated by '\n'. offset is brought within bounds.
 */
void top_draw(struct top_view *v, json_t *users, json_t *status, const char *message,
              struct buf *out);

#endif
