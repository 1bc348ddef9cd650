/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* The Settings menu. */

const struct bot_part part_settings = {0};
