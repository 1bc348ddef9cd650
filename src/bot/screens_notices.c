/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* Which notifications are sent. */

const struct bot_part part_notices = {0};
