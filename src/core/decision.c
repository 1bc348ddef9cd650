/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/decision.h"

#include <stdlib.h>

#include "base/attr.h"
#include "base/banned.h"

static const char *const kinds[DECISION_KINDS] = {
    [DECISION_MONITOR] = "monitor",       [DECISION_WARN] = "warn",
    [DECISION_ACQUIT] = "acquit",         [DECISION_UNKNOWN] = "unknown",
    [DECISION_VERIFY] = "verify",         [DECISION_PUNISH] = "punish",
    [DECISION_EXECUTE] = "execute",       [DECISION_RESTORE] = "restore",
    [DECISION_STILL_SEEN] = "still_seen", [DECISION_SHARED] = "shared",
    [DECISION_BREAKER] = "breaker",       [DECISION_FAULTY] = "faulty_node",
};

static const char *const applied[] = {
    [APPLIED_NOW] = "now",
    [APPLIED_QUEUED] = "queued",
    [APPLIED_SHADOW] = "shadow",
    [APPLIED_PAUSED] = "paused",
};

static const char *const actions[] = {
    [ACTION_DISABLE] = "disable",
    [ACTION_WARN] = "warn",
    [ACTION_HAND] = "hand",
    [ACTION_REVOKE] = "revoke",
};

static const char *const sources[] = {
    [LIMIT_FROM_EXCEPTION] = "except", [LIMIT_FROM_SPECIAL] = "special",
    [LIMIT_FROM_PATTERN] = "pattern",  [LIMIT_FROM_HWID] = "hwid",
    [LIMIT_FROM_GROUP] = "group",      [LIMIT_FROM_NAME] = "name",
    [LIMIT_FROM_GENERAL] = "general",  [LIMIT_FROM_FILTER] = "filter",
    [LIMIT_FROM_UNKNOWN] = "unknown",
};

static const char *const roles[DEVICE_ROLES] = {
    [DEVICE_COUNTED] = "counted",
    [DEVICE_SHARED] = "shared source",
    [DEVICE_IDLE] = "idle",
    [DEVICE_CDN] = "through a CDN",
    [DEVICE_CONTENT] = "content network",
    [DEVICE_COUNTRY] = "country not counted",
    [DEVICE_HELD] = "long stream",
};

const char *decision_name(enum decision_kind kind)
{
    return (unsigned)kind < DECISION_KINDS ? kinds[kind] : "unknown";
}

const char *decision_applied_name(enum decision_applied how)
{
    return (unsigned)how < ARRAY_LEN(applied) ? applied[how] : "unknown";
}

const char *decision_action_name(enum decision_action action)
{
    return (unsigned)action < ARRAY_LEN(actions) ? actions[action] : "unknown";
}

const char *limit_source_name(enum limit_source source)
{
    return (unsigned)source < ARRAY_LEN(sources) ? sources[source] : "unknown";
}

const char *device_role_name(enum device_role role)
{
    return (unsigned)role < DEVICE_ROLES ? roles[role] : "unknown";
}

void decision_release(struct decision *d)
{
    free(d->evidence);
    d->evidence = NULL;
}
