/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* Limits. */

const struct bot_part part_limits = {0};
