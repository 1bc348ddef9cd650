/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/bot_int.h"
#include "base/banned.h"

/* Reports. */

const struct bot_part part_reports = {0};
