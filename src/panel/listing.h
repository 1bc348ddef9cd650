/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_LISTING_H
#define PANEL_LISTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/worker.h"
#include "panel/call.h"
#include "service/panel_port.h"

/*
 * The list of all users, page by page, sorted by id: without an order the panel may skip or repeat
 * some. Each page is asked to begin with the last user of the one before, so that users deleted
 * meanwhile are noticed and nothing is skipped. Pages over 256 KB are parsed in the worker.
 */
struct listing;

struct listing_opts {
    struct calls *calls;
    struct worker *worker;
    bool
        full; /* whole users; else id and name, which is cheap (whole ones where that is refused) */
    /* A page, in order of id, no user twice; valid during the call. full: with status and the rest. */
    void (*on_page)(void *arg, const struct panel_user *users, size_t n, bool full);
    /*
     * The end, once. rc 0: these were all users; n is their number. Else the pages told are only a
     * part, whatever they hold: never to be taken for the whole.
     */
    void (*on_end)(void *arg, int rc, const struct err *err, size_t n);
    void *arg;
};

/* Begins. ERR_NOMEM, ERR_CANCELLED (closing): on_end will not be called. */
int listing_new(const struct listing_opts *opts, struct listing **ret_l) MUST_CHECK;
/* Ends without on_end; not inside on_page. NULL is allowed. */
void listing_free(struct listing *l);

#endif
