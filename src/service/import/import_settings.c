/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/import_settings.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "service/import/old_doc.h"
#include "base/banned.h"

/* How the old program dealt with a setting. */
enum obeyed {
    OBEYED,  /* as it was written */
    IGNORED, /* something fixed was in force whatever was written */
    SHOWN,   /* changed what reports showed, and nobody's punishment */
    NOT_RUN, /* read by nothing at all */
};

static const char *const obeyed_text[] = {
    [OBEYED] = NULL,
    [IGNORED] = "the old program ignored it; here it is obeyed",
    [SHOWN] = "the old program used it in reports only; here it counts",
    [NOT_RUN] = "the old program did not use it",
};

/* Makes our text of the old one; false: no value of ours, why tells. */
typedef bool (*convert_fn)(const char *old, struct buf *out, const char **ret_why);

static bool as_is(const char *old, struct buf *out, const char **ret_why)
{
    (void)ret_why;
    buf_add_str(out, old);
    return true;
}

static bool over_zero(const char *old, struct buf *out, const char **ret_why)
{
    int64_t n;

    *ret_why =
        "with 0 or less the old program held everyone to be over the limit; here 0 is unlimited";
    if (num_int(slice_trim(slice_of(old)), 1, INT64_MAX, &n))
        return false;
    buf_add_str(out, old);
    return true;
}

static bool group_id(const char *old, struct buf *out, const char **ret_why)
{
    (void)ret_why;
    buf_add_str(out, old[0] ? old : "0");
    return true;
}

static bool add_step(json_t *one, struct buf *out, const char **ret_why)
{
    const char *type = json_string_value(json_object_get(one, "type"));
    json_t *length = json_object_get(one, "duration");
    json_int_t minutes = 0;

    *ret_why = "a step is neither warning, disable nor revoke with a length in minutes";
    if (!type || (length && !json_is_null(length) && !old_whole(length, 0, 525600, &minutes)))
        return false;
    if (out->n)
        buf_add_char(out, ',');
    if (strcmp(type, "warning") == 0)
        buf_add_str(out, "warn");
    else if (strcmp(type, "revoke") == 0)
        buf_add_str(out, "revoke");
    else if (strcmp(type, "disable") == 0 && minutes)
        buf_addf(out, "%lldm", (long long)minutes);
    else if (strcmp(type, "disable") == 0)
        buf_add_str(out, "hand");
    else
        return false;
    return true;
}

static bool steps(const char *old, struct buf *out, const char **ret_why)
{
    json_t *list = old_value(slice_of(old)), *one;
    bool ok = json_is_array(list) && json_array_size(list) > 0;
    size_t i;

    *ret_why = "the list of steps is empty or none";
    json_array_foreach(list, i, one)
    {
        ok = ok && add_step(one, out, ret_why);
    }
    json_decref(list);
    return ok;
}

/* "[1, 2]" and "1,2". */
static bool list(const char *old, struct buf *out, const char **ret_why)
{
    struct slice s = slice_trim(slice_of(old));

    (void)ret_why;
    if (s.n > 1 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = (struct slice){s.p + 1, s.n - 2};
    buf_add_slice(out, s);
    return true;
}

static const struct {
    const char *key;
    enum setting id;  /* SET_COUNT: none */
    const char *dflt; /* of the old program; IGNORED: what was in force */
    enum obeyed obeyed;
    convert_fn convert;
    const char *detail; /* why there is none here */
} map[] = {
    {"general_limit", SET_GENERAL_LIMIT, "2", OBEYED, over_zero, NULL},
    {"check_interval", SET_CHECK_INTERVAL, "60", IGNORED, as_is, NULL},
    {"time_to_active_users", SET_TIME_TO_ACTIVE_USERS, "1800", IGNORED, as_is, NULL},
    {"country_code", SET_COUNTRY_CODE, "IR", IGNORED, as_is, NULL},
    {"disable_method", SET_DISABLE_METHOD, "status", OBEYED, as_is, NULL},
    {"disabled_group_id", SET_DISABLED_GROUP_ID, "0", OBEYED, group_id, NULL},
    {"fallback_group_id", SET_FALLBACK_GROUP_ID, "0", OBEYED, group_id, NULL},
    {"punishment_enabled", SET_PUNISHMENT_ENABLED, "true", OBEYED, as_is, NULL},
    {"punishment_window_hours", SET_PUNISHMENT_WINDOW_HOURS, "168", OBEYED, as_is, NULL},
    {"punishment_steps", SET_PUNISHMENT_STEPS, "warn,10m,30m,60m,hand", OBEYED, steps, NULL},
    {"cdn_inbounds", SET_CDN_INBOUNDS, "", SHOWN, list, NULL},
    {"cdn_nodes", SET_CDN_NODES, "", SHOWN, list, NULL},
    {"disabled_nodes", SET_DISABLED_NODES, "", SHOWN, list, NULL},
    {"enhanced_details", SET_ENHANCED_DETAILS, "true", NOT_RUN, as_is, NULL},
    {"show_single_ip_users", SET_SINGLE_IP_USERS, "false", NOT_RUN, as_is, NULL},
    {"ipinfo_token", SET_IPINFO_TOKEN, "", NOT_RUN, as_is, NULL},
    {"backup_every", SET_BACKUP_EVERY, "1", OBEYED, as_is, NULL},
    {"subnet_ip_grouping", SET_COUNT, "false", SHOWN, NULL,
     "group_by decides it here, for everyone"},
    {"high_trust_ip_grouping", SET_COUNT, "false", SHOWN, NULL,
     "the trust score is used otherwise"},
    {"high_trust_threshold", SET_COUNT, "20", SHOWN, NULL, "the trust score is used otherwise"},
    {"cdn_provider", SET_COUNT, "cloudflare", NOT_RUN, NULL, "not needed"},
    {"cdn_use_xff", SET_COUNT, "true", NOT_RUN, NULL,
     "a header that clients can forge is not used"},
    {"user_sync_interval", SET_COUNT, "5", OBEYED, NULL,
     "users are known without polling; user_sync_hours is something else"},
};

static const char *member(json_t *settings, const char *key, const char *what)
{
    return json_string_value(json_object_get(json_object_get(settings, key), what));
}

/* A V2IpLimit obeyed its file; of PG-Limiter's config.json nothing was read. */
static const char *in_effect(json_t *settings, size_t i, const char *old)
{
    const char *where = member(settings, map[i].key, "where");

    if (where && strcmp(where, "v2iplimit") == 0)
        return old;
    if (!old || map[i].obeyed == IGNORED || (where && strcmp(where, "config") == 0))
        return map[i].dflt;
    if (map[i].obeyed == OBEYED)
        return old;
    return map[i].obeyed == SHOWN ? "(reports only)" : "(unused)";
}

static int tell(json_t *settings, size_t i, import_setting_fn fn, void *arg)
{
    const char *old = member(settings, map[i].key, "value"),
               *where = member(settings, map[i].key, "where"), *why = NULL;
    struct import_setting row = {.key = map[i].key, .old = old, .id = map[i].id};
    struct buf text;
    bool v2 = where && strcmp(where, "v2iplimit") == 0;
    int rc;

    buf_init(&text, LIMIT_SETTING_VALUE);
    row.effect = in_effect(settings, i, old);
    row.detail = map[i].detail ? map[i].detail : v2 ? NULL : obeyed_text[map[i].obeyed];
    if (where && strcmp(where, "config") == 0 && !map[i].detail)
        row.detail = "the old program did not read this file any more";
    if (old && map[i].convert) {
        if (map[i].convert(old, &text, &why))
            row.value = buf_str(&text);
        else
            row.detail = why;
        /* What was obeyed reads better in our words. */
        if (row.value && row.effect == old)
            row.effect = row.value;
    }
    if (!old)
        row.detail = map[i].id == SET_COUNT ? row.detail : "its default; not taken over";
    rc = text.failed ? ERR_NOMEM : fn(arg, &row);
    buf_release(&text);
    return rc;
}

/* The filters: switch, mode and list, of which an empty list or a bad number made all void. */
static int filter(json_t *settings, bool groups, import_setting_fn fn, void *arg)
{
    const char *on = member(settings, groups ? "group_filter_enabled" : "admin_filter_enabled",
                            "value"),
               *mode =
                   member(settings, groups ? "group_filter_mode" : "admin_filter_mode", "value"),
               *ids = member(settings, groups ? "group_filter_ids" : "admin_filter_usernames",
                             "value");
    char old[512], effect[512];
    struct import_setting row = {.key = groups ? "group_filter" : "admin_filter",
                                 .old = old,
                                 .effect = "everyone is limited",
                                 .id = groups ? SET_GROUP_FILTER : SET_ADMIN_FILTER};
    json_t *parsed =
        groups ? old_groups(json_object_get(json_object_get(settings, "group_filter_ids"), "value"))
               : NULL;
    bool good = ids && ids[0] && (!groups || (parsed && json_array_size(parsed) > 0)), is_on;
    struct buf text;
    int rc = ERR_OK;

    json_decref(parsed);
    if (!on && !ids)
        return ERR_OK;
    mode = mode && strcmp(mode, "exclude") == 0 ? "exclude" : "include";
    is_on = on && (strcmp(on, "true") == 0 || strcmp(on, "True") == 0 || strcmp(on, "1") == 0);
    snprintf(old, sizeof(old), "%s, %s: %.400s", is_on ? "on" : "off", mode, ids ? ids : "");
    if (is_on && good) {
        snprintf(effect, sizeof(effect), "%s: %.400s", mode, ids);
        row.effect = effect;
        buf_init(&text, LIMIT_SETTING_VALUE);
        list(ids, &text, &row.detail);
        row.value = buf_str(&text);
        rc = text.failed ? ERR_NOMEM : fn(arg, &row);
        buf_release(&text);
        row = (struct import_setting){.key = groups ? "group_filter_mode" : "admin_filter_mode",
                                      .old = mode,
                                      .effect = mode,
                                      .id = groups ? SET_GROUP_FILTER_MODE : SET_ADMIN_FILTER_MODE,
                                      .value = mode};
        return rc ? rc : fn(arg, &row);
    }
    row.detail = is_on ? "the list is empty or holds what is no id, so nothing was filtered"
                       : "it was switched off";
    return fn(arg, &row);
}

static bool is_known(const char *key)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(map); i++)
        if (strcmp(map[i].key, key) == 0)
            return true;
    return slice_starts(slice_of(key), SLICE("group_filter_")) ||
           slice_starts(slice_of(key), SLICE("admin_filter_"));
}

int import_settings_each(json_t *settings, import_setting_fn fn, void *arg)
{
    struct import_setting row;
    const char *key;
    json_t *one;
    size_t i;
    int rc = ERR_OK;

    for (i = 0; i < ARRAY_LEN(map) && !rc; i++)
        rc = tell(settings, i, fn, arg);
    if (!rc)
        rc = filter(settings, true, fn, arg);
    if (!rc)
        rc = filter(settings, false, fn, arg);
    json_object_foreach(settings, key, one)
    {
        if (rc || is_known(key))
            continue;
        row = (struct import_setting){.key = key,
                                      .old = json_string_value(json_object_get(one, "value")),
                                      .effect = "(unused)",
                                      .id = SET_COUNT,
                                      .detail = "not a setting of the old program, or none that is "
                                                "needed here"};
        /* A name we do not know may be that of a secret. */
        if (row.old && row.old[0])
            row.old = "(not shown)";
        rc = fn(arg, &row);
    }
    return rc;
}
