/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_NOTIFY_H
#define NET_NOTIFY_H

#include <stdint.h>

#include "base/attr.h"

/*
 * What the daemon tells the service manager that started it: datagrams to $NOTIFY_SOCKET,
 * sd_notify(3), without its library. Never waits.
 */

/*
 * Sends assignments, a line each ("READY=1"). Without NOTIFY_SOCKET, or when nobody listens,
 * nothing happens.
 */
void notify_say(const char *fmt, ...) PRINTF_LIKE(1, 2);
/*
 * How often the manager wants to hear WATCHDOG=1 at the least, in microseconds
 * (sd_watchdog_enabled(3)); 0: it does not watch this process.
 */
int64_t notify_watchdog_us(void);

#endif
