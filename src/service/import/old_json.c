/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/old_doc.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/banned.h"

/* ---- state files ---- */

static void take_times(struct old_doc *d, json_t *times, const char *part, const char *file,
                       const char *field)
{
    const char *name;
    json_t *value;

    if (times && !json_is_object(times) && !json_is_null(times))
        old_left(d, "no object of user names", "%s: %s", file, field);
    json_object_foreach(times, name, value)
    {
        old_disabled(d, name, part, value, false, file);
    }
}

/* {"disabled_users":{name:time},"enable_at":{name:time|-1}}; the oldest form is a list of names. */
static void take_disabled(struct old_doc *d, json_t *json, const char *file)
{
    json_t *old = json_object_get(json, "disable_user"), *now, *one;
    const char *name;
    size_t i;

    json_array_foreach(old, i, one)
    {
        if (json_is_string(one))
            old_disabled(d, json_string_value(one), NULL, NULL, false, file);
        else
            old_left(d, "no user name", "%s: disable_user[%zu]", file, i);
    }
    if (json_is_object(old))
        take_times(d, old, "disabled_at", file, "disable_user");
    now = json_object_get(json, "disabled_users");
    json_array_foreach(now, i, one)
    {
        if (json_is_string(one))
            old_disabled(d, json_string_value(one), NULL, NULL, false, file);
        else
            old_left(d, "no user name", "%s: disabled_users[%zu]", file, i);
    }
    if (!json_is_array(now))
        take_times(d, now, "disabled_at", file, "disabled_users");
    /* Who is due without being disabled there was enabled before. */
    now = json_object_get(json, "enable_at");
    if (now && !json_is_object(now) && !json_is_null(now))
        old_left(d, "no object of user names", "%s: enable_at", file);
    json_object_foreach(now, name, one)
    {
        if (json_object_get(d->disabled, name))
            old_disabled(d, name, "due_at", one, false, file);
        else
            old_left(d, "the user does not stand among the disabled ones", "%s: enable_at of %s",
                     file, name);
    }
}

static void take_groups(struct old_doc *d, json_t *all, const char *file)
{
    const char *name;
    json_t *one, *groups;

    if (!json_is_object(all))
        old_left(d, "no object of user names", "%s: user_groups", file);
    json_object_foreach(all, name, one)
    {
        groups = old_groups(json_is_object(one) ? json_object_get(one, "groups") : one);
        if (groups && old_name_ok(d, name, file, "user_groups"))
            old_put(d, d->groups, name, groups);
        else if (groups)
            json_decref(groups);
        else
            old_left(d, "no list of group ids", "%s: user_groups of %s", file, name);
    }
}

static void take_violation(struct old_doc *d, const char *name, json_t *one, const char *file)
{
    json_int_t step = 0, minutes = 0;
    json_t *list = json_object_get(d->violations, name);
    double at;

    if (!old_number(json_object_get(one, "timestamp"), &at) || at <= 0 || at > 4e9) {
        old_left(d, "the violation has no time", "%s: violations of %s", file, name);
        return;
    }
    if (!old_whole(json_object_get(one, "step_applied"), 0, 100, &step))
        step = 0;
    if (!old_whole(json_object_get(one, "disable_duration"), 0, 1e7, &minutes))
        minutes = 0;
    if (!list) {
        list = json_array();
        old_put(d, d->violations, name, list);
    }
    if (!d->failed)
        old_append(d, list, json_pack("{s:f,s:I,s:I}", "at", at, "step", step, "minutes", minutes));
}

static void take_violations(struct old_doc *d, json_t *all, const char *file)
{
    const char *name;
    json_t *list, *one;
    size_t i;

    if (!json_is_object(all))
        old_left(d, "no object of user names", "%s: violations", file);
    json_object_foreach(all, name, list)
    {
        if (!old_name_ok(d, name, file, "violations"))
            continue;
        if (!json_is_array(list))
            old_left(d, "no list", "%s: violations of %s", file, name);
        json_array_foreach(list, i, one)
        {
            take_violation(d, name, one, file);
        }
    }
}

/* ---- configuration ---- */

/* {"name":n} or [["name",n],…]. */
static void take_special(struct old_doc *d, json_t *special, const char *file)
{
    const char *name;
    json_t *value;
    size_t i;

    if (special && !json_is_object(special) && !json_is_array(special) && !json_is_null(special))
        old_left(d, "neither an object nor a list", "%s: special limits", file);
    json_object_foreach(special, name, value)
    {
        old_limit(d, name, value, file);
    }
    json_array_foreach(special, i, value)
    {
        name = json_string_value(json_array_get(value, 0));
        if (name)
            old_limit(d, name, json_array_get(value, 1), file);
        else
            old_left(d, "no pair of name and limit", "%s: special limit no. %zu", file, i + 1);
    }
}

static void take_except(struct old_doc *d, json_t *except, const char *file)
{
    const char *name;
    json_t *value;
    size_t i;

    if (except && !json_is_object(except) && !json_is_array(except) && !json_is_null(except))
        old_left(d, "no list of names", "%s: exceptions", file);
    json_object_foreach(except, name, value)
    {
        if (old_name_ok(d, name, file, "exceptions"))
            old_exception(d, name, value);
    }
    json_array_foreach(except, i, value)
    {
        name = json_string_value(value);
        if (!name)
            old_left(d, "no user name", "%s: exception no. %zu", file, i + 1);
        else if (old_name_ok(d, name, file, "exceptions"))
            old_exception(d, name, NULL);
    }
}

static void take_admins(struct old_doc *d, json_t *admins, const char *file)
{
    json_t *one;
    size_t i;

    if (json_is_array(admins))
        json_array_foreach(admins, i, one)
        {
            old_admin(d, one, file);
        }
    else if (admins && !json_is_null(admins))
        old_admin(d, admins, file);
}

/* Members of the old configuration, wherever in it they stand, and our name of each. */
static const struct {
    const char *group, *member, *key;
} places[] = {
    {NULL, "GENERAL_LIMIT", "general_limit"},
    {"limits", "general", "general_limit"},
    {NULL, "general_limit", "general_limit"},
    {NULL, "CHECK_INTERVAL", "check_interval"},
    {"monitoring", "check_interval", "check_interval"},
    {"timing", "check_interval", "check_interval"},
    {NULL, "check_interval", "check_interval"},
    {NULL, "TIME_TO_ACTIVE_USERS", "time_to_active_users"},
    {"monitoring", "time_to_active_users", "time_to_active_users"},
    {"timing", "time_to_active_users", "time_to_active_users"},
    {NULL, "time_to_active_users", "time_to_active_users"},
    {NULL, "IP_LOCATION", "country_code"},
    {"monitoring", "ip_location", "country_code"},
    {"settings", "country_code", "country_code"},
    {NULL, "country_code", "country_code"},
    {NULL, "disable_method", "disable_method"},
    {NULL, "disabled_group_id", "disabled_group_id"},
    {NULL, "fallback_group_id", "fallback_group_id"},
    {NULL, "enhanced_details", "enhanced_details"},
    {"display", "show_enhanced_details", "enhanced_details"},
    {"display", "show_single_ip_users", "show_single_ip_users"},
    {"api", "ipinfo_token", "ipinfo_token"},
    {"punishment", "enabled", "punishment_enabled"},
    {"punishment", "window_hours", "punishment_window_hours"},
    {"punishment", "steps", "punishment_steps"},
    {"group_filter", "enabled", "group_filter_enabled"},
    {"group_filter", "mode", "group_filter_mode"},
    {"group_filter", "group_ids", "group_filter_ids"},
    {"admin_filter", "enabled", "admin_filter_enabled"},
    {"admin_filter", "mode", "admin_filter_mode"},
    {"admin_filter", "admin_usernames", "admin_filter_usernames"},
};

void old_config(struct old_doc *d, json_t *config, const char *where, const char *file)
{
    json_t *limits = json_object_get(config, "limits"), *in;
    size_t i;

    for (i = 0; i < ARRAY_LEN(places); i++) {
        in = places[i].group ? json_object_get(config, places[i].group) : config;
        if (places[i].group && in && !json_is_object(in) && !json_is_null(in))
            old_left(d, "no object", "%s: %s", file, places[i].group);
        old_setting(d, places[i].key, json_object_get(in, places[i].member), where, file);
    }
    take_special(d, json_object_get(config, "SPECIAL_LIMIT"), file);
    take_special(d, json_object_get(config, "special"), file);
    take_special(d, json_object_get(limits, "special"), file);
    take_except(d, json_object_get(config, "EXCEPT_USERS"), file);
    take_except(d, json_object_get(config, "except_users"), file);
    take_except(d, json_object_get(limits, "except_users"), file);
    take_except(d, json_object_get(json_object_get(config, "users"), "except"), file);
    take_admins(d, json_object_get(config, "ADMINS"), file);
    take_admins(d, json_object_get(json_object_get(config, "telegram"), "admins"), file);
    if (json_object_get(config, "panel") || json_object_get(config, "PANEL_DOMAIN") ||
        json_object_get(config, "BOT_TOKEN"))
        old_left(d, "secrets and access are not taken over: they belong into .env",
                 "%s: panel and bot", file);
}

/* auto_backup_config.json: {"enabled":bool,"interval_hours":n}. */
static void take_schedule(struct old_doc *d, json_t *json, const char *file)
{
    json_t *on = json_object_get(json, "enabled"), *value;
    json_int_t hours;

    if (!json_is_boolean(on) ||
        !old_whole(json_object_get(json, "interval_hours"), 1, 168, &hours)) {
        old_left(d, "no switch with 1 to 168 hours", "%s: automatic backups", file);
        return;
    }
    value = json_integer(json_is_true(on) ? hours : 0);
    if (!value)
        d->failed = true;
    old_setting(d, "backup_every", value, "db", file);
    json_decref(value);
}

/* ---- which of them a file is ---- */

static bool has_any(json_t *json, const char *const *keys)
{
    for (; *keys; keys++)
        if (json_object_get(json, *keys))
            return true;
    return false;
}

static int take(struct old_doc *d, json_t *json, const char *file, struct err *err)
{
    static const char *const disabled[] = {"disabled_users", "enable_at", "disable_user", NULL};
    static const char *const v2[] = {"SPECIAL_LIMIT",
                                     "EXCEPT_USERS",
                                     "GENERAL_LIMIT",
                                     "IP_LOCATION",
                                     "BOT_TOKEN",
                                     "PANEL_DOMAIN",
                                     NULL};
    static const char *const config[] = {
        "panel",    "telegram", "limits",       "users",         "timing",         "monitoring",
        "settings", "special",  "except_users", "punishment",    "disable_method", "group_filter",
        "display",  "api",      "country_code", "general_limit", "check_interval", NULL};
    bool known = false;

    if (has_any(json, disabled)) {
        d->disabled_file = true;
        take_disabled(d, json, file);
        known = true;
    }
    if (json_object_get(json, "user_groups")) {
        take_groups(d, json_object_get(json, "user_groups"), file);
        known = true;
    }
    if (json_object_get(json, "violations")) {
        take_violations(d, json_object_get(json, "violations"), file);
        known = true;
    }
    if (json_object_get(json, "interval_hours")) {
        take_schedule(d, json, file);
        known = true;
    }
    if (has_any(json, v2) || has_any(json, config)) {
        old_config(d, json, has_any(json, v2) ? "v2iplimit" : "config", file);
        known = true;
    }
    if (known)
        old_source(d, file);
    return known ? ERR_OK
                 : err_set(err, ERR_NOT_FOUND, "%s is no file of PG-Limiter or V2IpLimit", file);
}

int old_json(struct old_doc *d, const char *name, struct slice text, struct err *err)
{
    json_error_t je;
    json_t *json = json_loadb(text.p ? text.p : "", text.n, JSON_DECODE_INT_AS_REAL, &je);
    int rc;

    if (!json && json_error_code(&je) == json_error_out_of_memory)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!json)
        return err_set(err, ERR_PROTOCOL, "%s is damaged: %s (line %d)", name, je.text, je.line);
    rc = json_is_object(json)
             ? take(d, json, name, err)
             : err_set(err, ERR_NOT_FOUND, "%s is no file of PG-Limiter or V2IpLimit", name);
    json_decref(json);
    return rc;
}

/* ---- .env ---- */

static struct slice unquoted(struct slice s)
{
    const char *at;

    s = slice_trim(s);
    if (s.n > 1 && (s.p[0] == '"' || s.p[0] == '\'') && s.p[s.n - 1] == s.p[0])
        return (struct slice){s.p + 1, s.n - 2};
    at = s.n ? memchr(s.p, '#', s.n) : NULL;
    return at && at > s.p && (at[-1] == ' ' || at[-1] == '\t')
               ? slice_trim((struct slice){s.p, (size_t)(at - s.p)})
               : s;
}

static void take_line(struct old_doc *d, const char *file, struct slice key, struct slice value)
{
    static const struct {
        const char *env, *key;
    } keys[] = {{"GENERAL_LIMIT", "general_limit"},
                {"CHECK_INTERVAL", "check_interval"},
                {"TIME_TO_ACTIVE_USERS", "time_to_active_users"},
                {"COUNTRY_CODE", "country_code"},
                {"USER_SYNC_INTERVAL", "user_sync_interval"}};
    json_t *text = json_stringn(value.p ? value.p : "", value.n), *one;
    size_t i;

    if (!text) {
        old_left(d, "no UTF-8", "%s: a line", file);
        return;
    }
    for (i = 0; i < ARRAY_LEN(keys); i++)
        if (slice_eq(key, slice_of(keys[i].env)) && value.n)
            old_setting(d, keys[i].key, text, "env", file);
    json_decref(text);
    if (!slice_eq(key, SLICE("ADMIN_IDS")))
        return;
    while (value.p && value.n) {
        key = slice_trim(slice_cut(&value, ','));
        one = key.n ? json_stringn(key.p, key.n) : NULL;
        if (one)
            old_admin(d, one, file);
        json_decref(one);
    }
}

void old_env(struct old_doc *d, const char *name, struct slice text)
{
    struct slice line, key;

    old_source(d, name);
    while (text.p && text.n) {
        line = slice_trim(slice_cut(&text, '\n'));
        if (line.n == 0 || line.p[0] == '#')
            continue;
        key = slice_trim(slice_cut(&line, '='));
        if (slice_starts(key, SLICE("export ")))
            key = slice_trim(slice_skip(key, 7));
        if (line.p)
            take_line(d, name, key, unquoted(line));
    }
}
