/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* The card of one user, and finding him. */

const struct bot_part part_card = {0};
