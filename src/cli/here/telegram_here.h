/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_HERE_TELEGRAM_HERE_H
#define CLI_HERE_TELEGRAM_HERE_H

#include "service/doctor/doctor.h"

/*
 * Asks Telegram from this process, without a daemon, who the bot is (nothing is received), and writes what
 * came of it into facts. 15 s at most.
 */
void telegram_here(const struct settings *s, struct doctor_facts *facts);

#endif
