/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* CDN and nodes. */

const struct bot_part part_nodes = {0};
