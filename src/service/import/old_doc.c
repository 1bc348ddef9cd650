/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/old_doc.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "base/banned.h"

enum { LEFT_MAX = 10000 };
static const double last_s = 4102444800.0; /* 2100: no time of a program that is to be believed */

int old_doc_init(struct old_doc *d)
{
    *d = (struct old_doc){
        .limits = json_object(),
        .exceptions = json_object(),
        .disabled = json_object(),
        .groups = json_object(),
        .violations = json_object(),
        .db_violations = json_object(),
        .patterns = json_array(),
        .owners = json_array(),
        .settings = json_object(),
        .admins = json_array(),
        .left = json_array(),
        .sources = json_array(),
    };
    if (d->limits && d->exceptions && d->disabled && d->groups && d->violations &&
        d->db_violations && d->patterns && d->owners && d->settings && d->admins && d->left &&
        d->sources)
        return ERR_OK;
    old_doc_release(d);
    return ERR_NOMEM;
}

void old_doc_release(struct old_doc *d)
{
    json_decref(d->limits);
    json_decref(d->exceptions);
    json_decref(d->disabled);
    json_decref(d->groups);
    json_decref(d->violations);
    json_decref(d->db_violations);
    json_decref(d->patterns);
    json_decref(d->owners);
    json_decref(d->settings);
    json_decref(d->admins);
    json_decref(d->left);
    json_decref(d->sources);
    *d = (struct old_doc){.failed = false};
}

void old_put(struct old_doc *d, json_t *object, const char *name, json_t *value)
{
    if (json_object_set_new(object, name, value))
        d->failed = true;
}

void old_append(struct old_doc *d, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value))
        d->failed = true;
}

void old_left(struct old_doc *d, const char *why, const char *what, ...)
{
    char text[512];
    va_list ap;
    json_t *row;

    if (json_array_size(d->left) >= LEFT_MAX)
        return;
    va_start(ap, what);
    vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    row = json_pack("{s:s,s:s}", "what", text, "why", why);
    /* Cut inside a letter, or no UTF-8 at all. */
    if (!row)
        row = json_pack("{s:s,s:s}", "what", "(a name that cannot be shown)", "why", why);
    old_append(d, d->left, row);
}

void old_source(struct old_doc *d, const char *file)
{
    json_t *name = json_string(file);

    old_append(d, d->sources, name ? name : json_string("(a name that cannot be shown)"));
}

bool old_name_ok(struct old_doc *d, const char *name, const char *file, const char *field)
{
    size_t n = name ? strlen(name) : 0;

    if (n > 0 && n <= LIMIT_USER_NAME)
        return true;
    old_left(d, n ? "the user name is too long" : "the user name is empty", "%s: %s", file, field);
    return false;
}

void old_limit(struct old_doc *d, const char *name, json_t *value, const char *file)
{
    json_int_t n;

    if (json_is_null(value) || !old_name_ok(d, name, file, "special limit"))
        return;
    if (!old_whole(value, -1e9, 1e9, &n))
        old_left(d, "the limit is no whole number", "%s: limit of %s", file, name);
    else if (n <= 0)
        old_left(d,
                 "with 0 or less the old program held everyone to be over it; here 0 is unlimited",
                 "%s: limit %lld of %s", file, (long long)n, name);
    else
        old_put(d, d->limits, name, json_integer(n > 10000 ? 10000 : n));
}

void old_exception(struct old_doc *d, const char *name, json_t *reason)
{
    char text[256];
    const char *s = json_string_value(reason);
    json_t *kept;

    snprintf(text, sizeof(text), "%s", s ? s : "");
    kept = json_string(text);
    old_put(d, d->exceptions, name, kept ? kept : json_string(""));
}

void old_admin(struct old_doc *d, json_t *value, const char *file)
{
    json_int_t id;
    json_t *have;
    size_t i;

    if (!old_whole(value, 1, 9e15, &id)) {
        old_left(d, "no chat id", "%s: an admin", file);
        return;
    }
    json_array_foreach(d->admins, i, have)
    {
        if (json_integer_value(have) == id)
            return;
    }
    old_append(d, d->admins, json_integer(id));
}

/* A time as the old program has it; -1 (for ever) only where it may stand. */
static json_t *time_of(json_t *value, bool for_ever)
{
    double s;

    if (!old_number(value, &s) || (s < 0 && !(for_ever && s == -1)) || s > last_s)
        return NULL;
    return json_real(s);
}

void old_disabled(struct old_doc *d, const char *name, const char *part, json_t *value,
                  bool only_new, const char *file)
{
    json_t *row, *kept;

    if (!old_name_ok(d, name, file, "disabled user"))
        return;
    row = json_object_get(d->disabled, name);
    if (!row) {
        row = json_object();
        old_put(d, d->disabled, name, row);
        if (d->failed)
            return;
    }
    if (!part || json_is_null(value) || (only_new && json_object_get(row, part)))
        return;
    kept = strcmp(part, "groups") == 0 ? old_groups(value)
                                       : time_of(value, strcmp(part, "due_at") == 0);
    if (kept)
        old_put(d, row, part, kept);
    else
        old_left(d, "the value is not of the kind it must be; he is taken over without it",
                 "%s: %s of %s", file, part, name);
}

static int strength(const char *where)
{
    static const char *const order[] = {"config", "v2iplimit", "env", "db"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(order) && strcmp(order[i], where) != 0; i++)
        ;
    return (int)i;
}

/* Scalars as text, lists of them with commas. NULL: nothing that a setting could be. */
static json_t *setting_text(const json_t *value)
{
    char text[4096];
    size_t i, n = 0;
    json_t *one, *part;

    if (json_is_string(value))
        return json_string(json_string_value(value));
    if (json_is_boolean(value))
        return json_string(json_is_true(value) ? "true" : "false");
    if (json_is_number(value)) {
        snprintf(text, sizeof(text), "%.15g", json_number_value(value));
        return json_string(text);
    }
    if (!json_is_array(value))
        return NULL;
    text[0] = '\0';
    json_array_foreach((json_t *)value, i, one)
    {
        part = json_is_array(one) ? NULL : setting_text(one);
        if (!part || n + json_string_length(part) + 2 > sizeof(text)) {
            json_decref(part);
            return NULL;
        }
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", n ? "," : "",
                              json_string_value(part));
        json_decref(part);
    }
    return json_string(text);
}

void old_setting(struct old_doc *d, const char *key, json_t *value, const char *where,
                 const char *file)
{
    json_t *had = json_object_get(d->settings, key), *text;

    if (!value || json_is_null(value) ||
        (had && strength(json_string_value(json_object_get(had, "where"))) > strength(where)))
        return;
    /* Steps are a list of objects, kept as JSON. */
    if (strcmp(key, "punishment_steps") == 0 && json_is_array(value)) {
        char *dump = json_dumps(value, JSON_COMPACT);

        text = dump ? json_string(dump) : NULL;
        free(dump);
    } else {
        text = setting_text(value);
    }
    if (text)
        old_put(d, d->settings, key, json_pack("{s:o,s:s}", "value", text, "where", where));
    else
        old_left(d, "the value is not of the kind it must be", "%s: %s", file, key);
}

/* Users who were in a group move back to what was kept for them. */
static void merge_groups(struct old_doc *d)
{
    const char *name;
    json_t *groups;

    json_object_foreach(d->groups, name, groups)
    {
        if (json_object_get(d->disabled, name))
            old_put(d, json_object_get(d->disabled, name), "groups", json_incref(groups));
    }
}

int old_doc_finish(struct old_doc *d, json_t **ret_json, struct err *err)
{
    json_t *all, *violations = json_object_size(d->violations) ? d->violations : d->db_violations;
    size_t n;

    merge_groups(d);
    all = json_pack("{s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O,s:O}", "limits", d->limits, "exceptions",
                    d->exceptions, "disabled", d->disabled, "violations", violations, "patterns",
                    d->patterns, "owners", d->owners, "settings", d->settings, "admins", d->admins,
                    "left", d->left, "sources", d->sources);
    if (d->failed || !all) {
        json_decref(all);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    n = json_dumpb(all, NULL, 0, JSON_COMPACT);
    if (n > LIMIT_IMPORT) {
        json_decref(all);
        return err_set(err, ERR_TOO_BIG,
                       "what is to be taken over comes to %zu MiB, more than %d: import the "
                       "database and the JSON files one by one",
                       n >> 20, (int)LIMIT_IMPORT >> 20);
    }
    *ret_json = all;
    return ERR_OK;
}
