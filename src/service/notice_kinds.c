/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/notice_kinds.h"

#include "base/banned.h"

static const char *const words[NOTICE_KINDS] = {
    [NOTICE_WARNING] = "warning", [NOTICE_DISABLED] = "disabled", [NOTICE_ENABLED] = "enabled",
    [NOTICE_SHADOW] = "shadow",   [NOTICE_BREAKER] = "breaker",   [NOTICE_NODE] = "node",
    [NOTICE_USERS] = "users",     [NOTICE_ADMIN] = "admin",       [NOTICE_BACKUP] = "backup",
    [NOTICE_ERROR] = "error",     [NOTICE_SUMMARY] = "summary",   [NOTICE_RUN] = "run",
};

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

enum setting notice_kind_setting(enum notice_kind kind)
{
    return (enum setting)(SET_NOTIFY_WARNING + (int)kind);
}
