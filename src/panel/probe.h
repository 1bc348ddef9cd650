/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PROBE_H
#define PANEL_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "panel/call.h"
#include "panel/pversion.h"

/*
 * What can be learnt of a panel: its version, from /api/system or, where that may not be read, from
 * which calls answer; and when the API key in use ends.
 */
struct probe {
    struct calls *calls;
    struct call *call;
    struct pversion version;
    int disabled_status;
    const char *api_key; /* borrowed; NULL: none */
    int64_t key_ends_us; /* STAMP_NONE: unknown, or never */
    /* A version was read or guessed; rc and err when not even that (the panel is down). */
    void (*on_version)(void *arg, int rc, const struct err *err);
    void (*on_key_end)(void *arg, int64_t ends_us);
    void *arg;
};

/* Begins reading the version anew unless that is under way; on_version follows. */
void probe_version(struct probe *p);
/* Asks when the API key ends; says nothing when that may not be read. Only between version readings. */
void probe_key(struct probe *p);
/* Ends what is under way without a word. */
void probe_close(struct probe *p);
/* Finds the end of the key in the answer of GET /api/api_keys; STAMP_NONE when it tells none. Pure. */
int64_t probe_find_key(struct slice body, struct slice key);

#endif
