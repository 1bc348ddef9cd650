/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_NOTICE_KINDS_H
#define SERVICE_NOTICE_KINDS_H

#include "base/slice.h"
#include "service/settings/settings.h"

/* The kinds of messages that admins get by themselves: switched by settings, routed to forum topics. */

enum notice_kind {
    NOTICE_WARNING,
    NOTICE_DISABLED,
    NOTICE_ENABLED,
    NOTICE_SHADOW,
    NOTICE_BREAKER,
    NOTICE_NODE, /* nodes, and the panel itself */
    NOTICE_USERS,
    NOTICE_ADMIN,
    NOTICE_BACKUP,
    NOTICE_ERROR,
    NOTICE_SUMMARY,
    NOTICE_RUN,
    NOTICE_KINDS
};

/* "warning", "disabled", …: the word in settings (notify_warning) and topics. */
const char *notice_kind_word(enum notice_kind kind);
/* The kind of a word; NOTICE_KINDS when there is none. */
enum notice_kind notice_kind_find(struct slice word);
/* The setting that switches it. */
enum setting notice_kind_setting(enum notice_kind kind);

#endif
