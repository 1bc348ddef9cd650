/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "bot/bot_int.h"
#include "base/banned.h"

/* One setting: what it has, what it may have, and how to change it. */

enum text_id setting_title(enum setting id)
{
    (void)id;
    return TEXT_NONE;
}

enum text_id setting_help(enum setting id)
{
    (void)id;
    return TEXT_NONE;
}

const char *view_setting(struct view *v, enum setting id)
{
    return view_fmt(v, "%s", settings_text(v->settings, id));
}

const struct bot_part part_setting = {0};
