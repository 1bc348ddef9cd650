/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* Shadow mode. */

const struct bot_part part_mode = {0};
