/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_HERE_CACHE_HERE_H
#define CLI_HERE_CACHE_HERE_H

#include "service/doctor/doctor.h"
#include "service/settings/settings.h"

/* Asks Redis, where REDIS_URL names one, from this process: writes its one value of 60 s and reads it. */
void cache_here(const struct settings *s, struct doctor_facts *facts);

#endif
