/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PANEL_OPTS_H
#define PANEL_PANEL_OPTS_H

#include "panel/panel.h"
#include "service/settings/settings.h"

/*
 * How to reach the panel by these settings: address, login, TLS, and the seconds between two lists of nodes
 * and two openings of a stream. The rest is 0. The texts are those of s, which must outlive the use; nothing
 * is checked, which settings_check_panel() does. Any thread that may read s.
 */
struct panel_opts panel_opts_of(const struct settings *s);

#endif
