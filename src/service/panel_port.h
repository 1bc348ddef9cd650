/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_PANEL_PORT_H
#define SERVICE_PANEL_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"

/*
 * What the operations need of the panel, as values and function pointers: the panel adapter fills them
 * in, tests put a fake in their place. All calls are made on the loop thread, return at once, and
 * answer later through their callback, exactly once, also on failure and at shutdown
 * (ERR_CANCELLED). A callback may start the next call.
 *
 * A change is sent once, and never again by itself: somebody may have changed the user meanwhile.
 * ERR_UNSURE: it was sent and had no clear answer, so it may have been made, or may be yet. ERR_CANCELLED
 * says nothing. Any other failure: it was not made.
 */

enum panel_status {
    PANEL_STATUS_UNKNOWN, /* a word this version does not know */
    PANEL_STATUS_ACTIVE,
    PANEL_STATUS_DISABLED,
    PANEL_STATUS_LIMITED,
    PANEL_STATUS_EXPIRED,
    PANEL_STATUS_ON_HOLD,
};

enum { PANEL_GROUPS_MAX = 64 };

/* A user as the panel last told it. Texts belong to whoever gives the value and live as long as it. */
struct panel_user {
    int64_t id;
    struct slice name;
    enum panel_status status;
    struct slice status_text;         /* the panel's own word */
    int64_t groups[PANEL_GROUPS_MAX]; /* in the panel's order */
    size_t n_groups;
    bool groups_told;        /* false: the answer held no list of groups, or groups_cut */
    bool groups_cut;         /* more groups than fit: never written back, so no group method */
    int64_t admin_id;        /* owner; 0 = none told */
    struct slice admin_name; /* empty = none told */
    bool admin_told;         /* he has that owner, or none; false: the answer did not say */
    int64_t hwid_limit;      /* -1 = none (panel 4 sends 0, panel 5 null) */
    int64_t edit_at_us;      /* STAMP_NONE when null */
    int64_t created_at_us;   /* STAMP_NONE when null */
    int64_t online_at_us;    /* STAMP_NONE when null */
    struct slice note;
    int64_t expire_us;  /* STAMP_NONE = never */
    int64_t data_limit; /* bytes; 0 = none */
    struct slice raw;   /* the JSON object whole, as the panel sent it */
};

/* The answer to a read or a change: rc 0 and the user as it is now, or a code, detail and NULL. */
typedef void (*panel_user_fn)(void *arg, int rc, const struct err *err,
                              const struct panel_user *user);

struct panel_port {
    void *ctx;
    /*
     * Reads a user by id (by name below panel 3.1). ERR_NOT_FOUND only when the panel says so of the
     * user himself; ERR_FORBIDDEN, ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PROTOCOL, ERR_REFUSED otherwise.
     */
    void (*read_user)(void *ctx, int64_t id, panel_user_fn fn, void *arg);
    /*
     * Disables or enables by the form that fits the panel's version (panel.md 4). note, unless NULL, is
     * put in place of the user's note where that form has room for it; the answer tells whether it did.
     */
    void (*set_disabled)(void *ctx, int64_t id, bool disabled, const struct slice *note,
                         panel_user_fn fn, void *arg);
    /*
     * Sets the groups (n >= 1: an empty list is refused with ERR_INVALID, since it removes all in 5.2).
     * A 404 naming a group is ERR_REFUSED, never ERR_NOT_FOUND. note, unless NULL, goes with them.
     */
    void (*set_groups)(void *ctx, int64_t id, const int64_t *groups, size_t n,
                       const struct slice *note, panel_user_fn fn, void *arg);
    /* Sets the user's note alone; empty removes it. */
    void (*set_note)(void *ctx, int64_t id, struct slice note, panel_user_fn fn, void *arg);
    /* Gives the user a new subscription and new credentials (revoke_sub). */
    void (*revoke)(void *ctx, int64_t id, panel_user_fn fn, void *arg);
    /* Whether the panel answers at the moment, as far as is known. */
    bool (*is_up)(void *ctx);
};

#endif
