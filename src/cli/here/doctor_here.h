/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_HERE_DOCTOR_HERE_H
#define CLI_HERE_DOCTOR_HERE_H

#include "service/doctor/doctor.h"

/*
 * The doctor's look at the panel without a daemon, for when it does not start: a client of the panel that
 * lives for some seconds, logs in, opens the log streams, hears what comes, and asks. Lines that come
 * meanwhile are lost to a daemon on another machine. Fills facts as checkup_start does; a configuration
 * that does not do stands in facts->error. With facts->access nothing is heard: the streams are closed as
 * soon as they are open. Blocks for 20 s at most.
 */
void doctor_here(const struct settings *s, struct doctor_facts *facts);

#endif
