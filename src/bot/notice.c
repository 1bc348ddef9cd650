/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/notice.h"

#include "base/banned.h"

void notice_put(struct notices *n, const struct notice *what)
{
    (void)n;
    (void)what;
}
