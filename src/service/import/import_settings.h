/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_IMPORT_SETTINGS_H
#define SERVICE_IMPORT_SETTINGS_H

#include <jansson.h>

#include "base/attr.h"
#include "base/err.h"
#include "service/settings/settings.h"

/*
 * What the settings of the old program come to here. Many of them it showed, kept and never obeyed: what was
 * in force is told beside what is written. Facts of reference: the Python program, version 0.9.8.
 */
struct import_setting {
    const char *key;    /* the old program's */
    const char *old;    /* as it was written; NULL: not written anywhere */
    const char *effect; /* what was in force */
    enum setting id;    /* SET_COUNT: there is none here */
    const char *value;  /* to be set; NULL: nothing is */
    const char *detail; /* a sentence, or NULL */
};

/* One setting; texts live during the call. Anything but 0 ends the listing. */
typedef int (*import_setting_fn)(void *arg, const struct import_setting *row);

/*
 * Maps an object {key:{"value":text,"where":text}} (old_doc.settings): each known setting, then those that
 * are not known. Returns what fn did, or ERR_NOMEM.
 */
int import_settings_each(json_t *settings, import_setting_fn fn, void *arg) MUST_CHECK;

#endif
