/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_EVERYONE_H
#define PANEL_EVERYONE_H

#include "base/attr.h"
#include "panel/panel.h"

/*
 * Lists all users whole, in order of id, a page at a time, beside whatever else the panel is asked: for what
 * has to know now how everyone stands. page is called for each page (texts live during the call), end once;
 * rc 0 only when the list came whole. ERR_NOMEM and others of panel_get: end is not called.
 */
int everyone_list(struct panel *p, panel_page_fn page, panel_listed_fn end, void *arg) MUST_CHECK;

#endif
