/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* Punishment: steps and window. */

const struct bot_part part_punish = {0};
