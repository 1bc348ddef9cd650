/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/notice.h"

#include "base/banned.h"

static const char *const words[NOTICE_KINDS] = {
    [NOTICE_WARNING] = "warning", [NOTICE_DISABLED] = "disabled", [NOTICE_ENABLED] = "enabled",
    [NOTICE_SHADOW] = "shadow",   [NOTICE_BREAKER] = "breaker",   [NOTICE_NODE] = "node",
    [NOTICE_USERS] = "users",     [NOTICE_ADMIN] = "admin",       [NOTICE_BACKUP] = "backup",
    [NOTICE_ERROR] = "error",     [NOTICE_SUMMARY] = "summary",   [NOTICE_RUN] = "run",
};

static const enum notice_kind kinds[NOTICE_EVENTS] = {
    [NOTICE_WARNED] = NOTICE_WARNING,       [NOTICE_STEP_WARNED] = NOTICE_WARNING,
    [NOTICE_CONVICTED] = NOTICE_DISABLED,   [NOTICE_ORDERED] = NOTICE_DISABLED,
    [NOTICE_PUNISHED] = NOTICE_DISABLED,    [NOTICE_SPARED] = NOTICE_DISABLED,
    [NOTICE_RELEASED] = NOTICE_ENABLED,     [NOTICE_SUPERSEDED] = NOTICE_ENABLED,
    [NOTICE_CLOSED] = NOTICE_WARNING,       [NOTICE_WOULD] = NOTICE_SHADOW,
    [NOTICE_SEEN] = NOTICE_DISABLED,        [NOTICE_STUCK] = NOTICE_ERROR,
    [NOTICE_PAUSED] = NOTICE_BREAKER,       [NOTICE_RESUMED] = NOTICE_BREAKER,
    [NOTICE_NODE_DOWN] = NOTICE_NODE,       [NOTICE_NODE_UP] = NOTICE_NODE,
    [NOTICE_NODE_QUIET] = NOTICE_NODE,      [NOTICE_NODE_HEARD] = NOTICE_NODE,
    [NOTICE_NODE_FAULTY] = NOTICE_NODE,     [NOTICE_PANEL_DOWN] = NOTICE_NODE,
    [NOTICE_PANEL_UP] = NOTICE_NODE,        [NOTICE_PANEL_NEWER] = NOTICE_NODE,
    [NOTICE_GONE] = NOTICE_USERS,           [NOTICE_GONE_MANY] = NOTICE_USERS,
    [NOTICE_HELD] = NOTICE_BREAKER,         [NOTICE_CONFIRMED] = NOTICE_BREAKER,
    [NOTICE_STORE_DOWN] = NOTICE_ERROR,     [NOTICE_STORE_UP] = NOTICE_ERROR,
    [NOTICE_ADMIN_NEW] = NOTICE_ADMIN,      [NOTICE_BACKUP_DONE] = NOTICE_BACKUP,
    [NOTICE_BACKUP_FAILED] = NOTICE_BACKUP, [NOTICE_RESTORED] = NOTICE_BACKUP,
    [NOTICE_FAILED] = NOTICE_ERROR,         [NOTICE_STARTED] = NOTICE_RUN,
    [NOTICE_STOPPED] = NOTICE_RUN,
};

enum notice_kind notice_kind_of(enum notice_event event)
{
    return kinds[event];
}

const char *notice_kind_word(enum notice_kind kind)
{
    return words[kind];
}

enum notice_kind notice_kind_find(struct slice word)
{
    int i;

    for (i = 0; i < NOTICE_KINDS && !slice_eq(word, slice_of(words[i])); i++)
        ;
    return (enum notice_kind)i;
}
