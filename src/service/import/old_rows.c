/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/old_doc.h"

#include <string.h>

#include "base/limits.h"
#include "store/old_db.h"
#include "base/banned.h"

/* The rows of the old database. Columns that a version of it did not have yet are simply not there. */

struct row {
    struct old_doc *d;
    const char *table;
    const struct old_cell *cells;
    size_t n;
    const char *name; /* username, NULL: none that could be one */
};

/* New; NULL when the column is missing, NULL or no UTF-8. */
static json_t *value_of(const struct row *r, const char *column)
{
    size_t i;

    for (i = 0; i < r->n && strcmp(r->cells[i].column, column) != 0; i++)
        ;
    if (i == r->n)
        return NULL;
    switch (r->cells[i].type) {
    case OLD_INT:
        return json_integer(r->cells[i].i);
    case OLD_REAL:
        return json_real(r->cells[i].r);
    case OLD_TEXT:
        return json_stringn(r->cells[i].text.p ? r->cells[i].text.p : "", r->cells[i].text.n);
    case OLD_NULL:
        return NULL;
    }
    return NULL;
}

static bool flag_of(const struct row *r, const char *column)
{
    json_t *v = value_of(r, column);
    json_int_t n = 0;
    bool set = old_whole(v, 0, 1, &n)
                   ? n == 1
                   : json_is_string(v) && strcmp(json_string_value(v), "true") == 0;

    json_decref(v);
    return set;
}

static void take_disabled(const struct row *r, const char *groups)
{
    static const char *const parts[] = {"disabled_at", "due_at", "groups"};
    const char *const columns[] = {"disabled_at", "enable_at", groups};
    json_t *v;
    size_t i;

    if (r->d->disabled_file && !json_object_get(r->d->disabled, r->name)) {
        old_left(r->d,
                 ".disable_users.json is what the old program went by, and he is not in it; "
                 "`disabled stuck` lists who is disabled all the same",
                 "table %s: %s is disabled", r->table, r->name);
        return;
    }
    old_disabled(r->d, r->name, NULL, NULL, true, r->table);
    for (i = 0; i < ARRAY_LEN(parts); i++) {
        v = value_of(r, columns[i]);
        if (v)
            old_disabled(r->d, r->name, parts[i], v, true, r->table);
        json_decref(v);
    }
}

static void take_user(const struct row *r)
{
    json_t *v = value_of(r, "special_limit");

    if (v)
        old_limit(r->d, r->name, v, r->table);
    json_decref(v);
    if (flag_of(r, "is_excepted")) {
        v = value_of(r, "exception_reason");
        old_exception(r->d, r->name, v);
        json_decref(v);
    }
    if (flag_of(r, "is_disabled_by_limiter"))
        take_disabled(r, "original_groups");
}

static void take_limit(const struct row *r)
{
    json_t *v = value_of(r, "limit");

    old_limit(r->d, r->name, v ? v : json_false(), r->table);
    json_decref(v);
}

static void take_except(const struct row *r)
{
    json_t *v = value_of(r, "reason");

    old_exception(r->d, r->name, v);
    json_decref(v);
}

static void take_violation(const struct row *r)
{
    json_t *at = value_of(r, "timestamp"), *step = value_of(r, "step_applied"),
           *minutes = value_of(r, "disable_duration"), *list;
    json_int_t s = 0, m = 0;
    double t;

    if (!old_number(at, &t) || t <= 0 || t > 4e9) {
        old_left(r->d, "the violation has no time", "%s of %s", r->table, r->name);
    } else {
        list = json_object_get(r->d->db_violations, r->name);
        if (!list) {
            list = json_array();
            old_put(r->d, r->d->db_violations, r->name, list);
        }
        if (!old_whole(step, 0, 100, &s))
            s = 0;
        if (!old_whole(minutes, 0, 1e7, &m))
            m = 0;
        if (!r->d->failed)
            old_append(r->d, list, json_pack("{s:f,s:I,s:I}", "at", t, "step", s, "minutes", m));
    }
    json_decref(at);
    json_decref(step);
    json_decref(minutes);
}

/* config(key, value JSON): what is an object there was put by the migration, and nobody read it. */
static void take_config(const struct row *r)
{
    json_t *key = value_of(r, "key"), *raw = value_of(r, "value"), *v = NULL, *whole;
    const char *name = json_string_value(key);

    if (raw)
        v = json_is_string(raw)
                ? old_value((struct slice){json_string_value(raw), json_string_length(raw)})
                : json_incref(raw);
    if (!name) {
        old_left(r->d, "the key is no text", "table config");
    } else if (json_is_object(v)) {
        whole = json_pack("{s:O}", name, v);
        if (whole)
            old_config(r->d, whole, "config", "table config");
        else
            r->d->failed = true;
        json_decref(whole);
    } else if (v) {
        old_setting(r->d, name, v, "db", "table config");
    }
    json_decref(key);
    json_decref(raw);
    json_decref(v);
}

static void take_pattern(const struct row *r, bool owner)
{
    json_t *kind = value_of(r, "pattern_type"), *text = value_of(r, "pattern"),
           *what = value_of(r, owner ? "admin_username" : "ip_limit");
    const char *k = json_string_value(kind), *t = json_string_value(text);
    bool suffix = k && (strcmp(k, "postfix") == 0 || strcmp(k, "suffix") == 0);
    json_int_t n = 0;

    if (!k || (!suffix && strcmp(k, "prefix") != 0) || !t || !t[0] || strlen(t) > LIMIT_USER_NAME)
        old_left(r->d, "kind or text of the pattern is none", "table %s: %s", r->table,
                 t ? t : "a pattern");
    else if (owner && json_is_string(what) && json_string_length(what))
        old_append(r->d, r->d->owners,
                   json_pack("{s:s,s:s,s:O}", "kind", suffix ? "suffix" : "prefix", "text", t,
                             "admin", what));
    else if (!owner && old_whole(what, 1, 10000, &n))
        old_append(r->d, r->d->patterns,
                   json_pack("{s:s,s:s,s:I}", "kind", suffix ? "suffix" : "prefix", "text", t,
                             "limit", n));
    else
        old_left(r->d, owner ? "no admin's name" : "the limit must be 1 to 10000", "table %s: %s",
                 r->table, t);
    json_decref(kind);
    json_decref(text);
    json_decref(what);
}

static bool has_name(struct row *r, json_t **ret_name)
{
    *ret_name = value_of(r, "username");
    r->name = json_string_value(*ret_name);
    if (*ret_name && !r->name)
        old_left(r->d, "the user name is no text", "table %s", r->table);
    if (!*ret_name)
        old_left(r->d, "a row without a user name", "table %s", r->table);
    return r->name && old_name_ok(r->d, r->name, r->table, "username");
}

int old_row(void *doc, const char *table, const struct old_cell *cells, size_t n)
{
    static const struct {
        const char *table;
        void (*take)(const struct row *r);
    } takers[] = {{"users", take_user},
                  {"user_limits", take_limit},
                  {"except_users", take_except},
                  {"violation_history", take_violation}};
    struct row r = {.d = doc, .table = table, .cells = cells, .n = n};
    json_t *name = NULL;
    size_t i;

    if (strcmp(table, "config") == 0) {
        take_config(&r);
    } else if (strcmp(table, "limit_patterns") == 0 || strcmp(table, "admin_patterns") == 0) {
        take_pattern(&r, table[0] == 'a');
    } else if (has_name(&r, &name)) {
        for (i = 0; i < ARRAY_LEN(takers); i++)
            if (strcmp(takers[i].table, table) == 0)
                takers[i].take(&r);
        if (strcmp(table, "disabled_users") == 0)
            take_disabled(&r, "original_groups");
    }
    json_decref(name);
    return r.d->failed ? ERR_NOMEM : ERR_OK;
}
