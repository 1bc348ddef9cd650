/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_SETTINGS_STORE_H
#define SERVICE_SETTINGS_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "service/settings/settings.h"
#include "store/db.h"

/*
 * Replaces the ORIGIN_DB values of s by those of the table settings. A row that is no longer valid (its
 * range changed, its key is gone) is left out and told as one line of warnings, which may be NULL. When
 * the values together fail settings_cross_check, that is a warning as well: the operator changes it.
 */
int settings_load(struct settings *s, struct db *db, struct buf *warnings,
                  struct err *err) MUST_CHECK;

#endif
