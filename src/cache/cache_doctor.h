/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CACHE_CACHE_DOCTOR_H
#define CACHE_CACHE_DOCTOR_H

#include "cache/cache.h"
#include "service/doctor/doctor.h"

/* What the doctor is told of a cache. */
void cache_doctor(const struct cache *c, struct doctor_cache *ret);

#endif
