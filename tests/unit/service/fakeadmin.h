/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_SERVICE_FAKEADMIN_H
#define TESTS_SERVICE_FAKEADMIN_H

/* What people do in the panel of fakepanel.h meanwhile. */

#include "fakepanel.h"

/* PUT {"status": …}: moves edit_at. */
static inline void fp_admin_status(struct fp *p, struct fp_user *u, enum panel_status status)
{
    fp_touch(p, u);
    u->admin_us = p->now_us;
    u->status = status;
    u->status_by = FP_ADMIN;
    u->traced = status == PANEL_STATUS_DISABLED;
    if (status != PANEL_STATUS_DISABLED)
        u->ours = u->ours && fp_is_moved(u);
}

/* PUT …/disabled: edit_at stays. On a user who is disabled already it leaves no trace at all. */
static inline void fp_admin_toggle(struct fp *p, struct fp_user *u, bool disabled)
{
    bool was = u->status == PANEL_STATUS_DISABLED;

    if (was == disabled)
        return;
    u->admin_us = p->now_us;
    u->status = disabled ? PANEL_STATUS_DISABLED : PANEL_STATUS_ACTIVE;
    u->status_by = FP_ADMIN;
    /* Enabled and disabled again between two looks of ours shows nowhere. */
    u->traced = disabled && !u->ours;
    if (!disabled)
        u->ours = u->ours && fp_is_moved(u);
}

static inline void fp_admin_note(struct fp *p, struct fp_user *u, const char *note)
{
    fp_touch(p, u);
    u->admin_us = p->now_us;
    snprintf(u->note, sizeof(u->note), "%s", note);
    fp_strip(u->note, u->plain);
    u->noted = true;
    u->marked &= strstr(u->note, "[pg-limiter") != NULL;
}

/* Writes behind whatever stands in the note, our mark as well. */
static inline void fp_admin_add_note(struct fp *p, struct fp_user *u, const char *more)
{
    char note[FP_NOTE];

    if (strlen(u->note) + strlen(more) < FP_NOTE / 2) {
        snprintf(note, sizeof(note), "%.90s%s%s", u->note, u->note[0] ? " " : "", more);
        fp_admin_note(p, u, note);
    }
}

static inline void fp_admin_groups(struct fp *p, struct fp_user *u, const int64_t *groups, size_t n)
{
    fp_touch(p, u);
    u->admin_us = p->now_us;
    memcpy(u->groups, groups, n * sizeof(groups[0]));
    u->n_groups = n;
    u->groups_by = FP_ADMIN;
    u->noted = true;
    if (!fp_is_moved(u) && u->status != PANEL_STATUS_DISABLED)
        u->ours = false;
}

/* A deleted group is taken from its users; their edit_at stays. */
static inline void fp_delete_group(struct fp *p, int64_t group)
{
    size_t j, n;
    int i;

    p->group_gone[group] = true;
    for (i = 0; i < FP_USERS; i++) {
        struct fp_user *u = &p->users[i];

        for (j = n = 0; j < u->n_groups; j++)
            if (u->groups[j] != group)
                u->groups[n++] = u->groups[j];
        u->n_groups = n;
    }
}

#endif
