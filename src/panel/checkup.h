/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_CHECKUP_H
#define PANEL_CHECKUP_H

#include "base/attr.h"
#include "core/engine.h"
#include "panel/panel.h"
#include "service/doctor/doctor.h"

/*
 * The doctor's look at the panel: which of our calls it allows, how its nodes are seen, and whether the
 * online list agrees with the lines. Changes nothing in the panel. Loop thread.
 */

/* The end; facts are filled as far as the panel answered. */
typedef void (*checkup_fn)(void *arg);

/*
 * Fills the parts of facts that are about the panel and its nodes, which it already follows, and calls fn
 * once, later or before it returns: also when the panel is being freed. facts, panel and engine outlive
 * it. Takes a few calls, one after another; none once one of them met silence. ERR_NOMEM: fn is not called.
 */
int checkup_start(struct panel *panel, struct engine *engine, int64_t now_us,
                  struct doctor_facts *facts, checkup_fn fn, void *arg) MUST_CHECK;

#endif
