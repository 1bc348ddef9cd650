/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_ACT_H
#define PANEL_ACT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "panel/call.h"
#include "panel/pversion.h"
#include "service/panel_port.h"

/*
 * Reading and changing one user, by the form that fits the panel's version (spec/panel.md 4):
 *   5+    PUT /api/user/by-id/{id}/disabled {"disabled": …}
 *   3.1+  GET, PUT /api/user/by-id/{id} {"status": …} or {"group_ids": […]}
 *   older GET, PUT /api/user/{name}
 * and POST …/revoke_sub after the id or the name.
 * A form this panel does not know leads to the next older one. A 404 is believed only after asking
 * again by id, and only when it speaks of the user.
 */
struct act;

/* Where acts go; embedded in the panel. */
struct acts {
    struct calls *calls;
    const struct pversion *version;
    /* The last known name of a user; false when there is none. For panels before 3.1. */
    bool (*name_of)(void *arg, int64_t id, struct slice *ret_name);
    /* An answer that does not fit what is known of the panel: version and permissions are due. */
    void (*on_odd)(void *arg);
    void *arg;
    struct act *list;
};

/* As the functions of struct panel_port by these names. fn is always called later, once. */
void act_read(struct acts *a, int64_t id, panel_user_fn fn, void *arg);
void act_set_disabled(struct acts *a, int64_t id, bool disabled, const struct slice *note,
                      panel_user_fn fn, void *arg);
void act_set_groups(struct acts *a, int64_t id, const int64_t *groups, size_t n,
                    const struct slice *note, panel_user_fn fn, void *arg);
void act_set_note(struct acts *a, int64_t id, struct slice note, panel_user_fn fn, void *arg);
void act_revoke(struct acts *a, int64_t id, panel_user_fn fn, void *arg);
/* Ends all, each told ERR_CANCELLED; call after calls_close. */
void acts_close(struct acts *a);

#endif
