/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* Group filter, admin filter, patterns. */

const struct bot_part part_filters = {0};
