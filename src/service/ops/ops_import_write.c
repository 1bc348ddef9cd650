/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/ops_import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/stamp.h"
#include "service/import/import_disabled.h"
#include "service/jout.h"
#include "service/import/old_doc.h"
#include "store/db_import.h"
#include "store/db_limits.h"
#include "store/db_patterns.h"
#include "store/db_settings.h"
#include "store/db_users.h"
#include "base/banned.h"

static const int64_t day_us = 86400 * STAMP_SECOND;
enum { VIOLATION_DAYS = 180 }; /* older ones the next cleaning would erase */

static const char *const results[] = {
    [IMPORT_TAKEN] = "taken",
    [IMPORT_CHANGED] = "changed",
    [IMPORT_SAME] = "same",
    [IMPORT_LEFT] = "left",
};

void import_tell(struct import *im, const char *kind, const char *name, const char *old,
                 const char *new, enum import_result result, const char *detail)
{
    im->n[result]++;
    jout_open(im->out, NULL, '{');
    jout_text(im->out, "kind", kind);
    jout_text(im->out, "name", name);
    jout_text(im->out, "old", old);
    jout_text(im->out, "new", new);
    jout_text(im->out, "result", results[result]);
    jout_text(im->out, "detail", detail);
    jout_close(im->out, '}');
}

json_t *import_person(const struct import *im, const char *name, int64_t *ret_id)
{
    json_t *p = json_object_get(im->people, name);

    *ret_id = json_integer_value(json_object_get(p, "id"));
    return p;
}

/* ---- what we have already: by id, or by name where none was known ---- */

static void have_key(char *out, size_t max, int64_t id, const char *name)
{
    if (id)
        snprintf(out, max, "#%lld", (long long)id);
    else
        snprintf(out, max, "%s", name);
}

static int keep_limit(void *arg, const struct db_limit *row)
{
    char key[LIMIT_USER_NAME + 32], name[LIMIT_USER_NAME + 1];

    snprintf(name, sizeof(name), "%.*s", (int)row->name.n, row->name.p);
    have_key(key, sizeof(key), row->user_id, name);
    return json_object_set_new(arg, key, json_integer(row->max_devices)) ? ERR_NOMEM : ERR_OK;
}

static json_t *have(json_t *all, int64_t id, const char *name)
{
    char key[LIMIT_USER_NAME + 32];
    json_t *v;

    have_key(key, sizeof(key), id, name);
    v = json_object_get(all, key);
    return v ? v : json_object_get(all, name);
}

static const char unknown_text[] =
    "the panel has no user of that name: kept by name, in force as soon as it has one";

static int one_limit(struct import *im, json_t *all, const char *name, json_t *value,
                     struct err *err)
{
    struct db_limit row = {.name = slice_of(name),
                           .updated_us = im->now_us,
                           .updated_by = slice_of(im->who)};
    char old[24], ours[64];
    json_int_t n;
    json_t *mine;

    if (!old_whole(value, 1, 10000, &n) || !name[0] || strlen(name) > LIMIT_USER_NAME)
        return err_set(err, ERR_INVALID, "limits.%.64s: must be 1 to 10000", name);
    (void)import_person(im, name, &row.user_id);
    row.max_devices = (int)n;
    mine = have(all, row.user_id, name);
    snprintf(old, sizeof(old), "%lld", (long long)n);
    if (json_integer_value(mine) == n && mine) {
        import_tell(im, "limit", name, old, old, IMPORT_SAME, NULL);
        return ERR_OK;
    }
    if (mine && !im->overwrite) {
        snprintf(ours, sizeof(ours), "%lld", (long long)json_integer_value(mine));
        import_tell(im, "limit", name, old, ours, IMPORT_LEFT, "he has a limit here, which stays");
        return ERR_OK;
    }
    import_tell(im, "limit", name, old, old, mine ? IMPORT_CHANGED : IMPORT_TAKEN,
                row.user_id ? NULL : unknown_text);
    return db_limits_put(im->db, &row, NULL, err);
}

static int limits(struct import *im, json_t *from, struct err *err)
{
    json_t *all = json_object(), *value;
    const char *name;
    int rc = all ? db_limits_each(im->db, keep_limit, all, err)
                 : err_set(err, ERR_NOMEM, "out of memory");

    json_object_foreach(from, name, value)
    {
        if (!rc)
            rc = one_limit(im, all, name, value, err);
    }
    json_decref(all);
    return rc;
}

static int one_exception(struct import *im, json_t *all, const char *name, json_t *reason,
                         struct err *err)
{
    const char *text = json_string_value(reason);
    struct db_limit row = {.name = slice_of(name),
                           .reason = slice_of(text),
                           .updated_us = im->now_us,
                           .updated_by = slice_of(im->who)};

    if (!text || strlen(text) > 255 || !name[0] || strlen(name) > LIMIT_USER_NAME)
        return err_set(err, ERR_INVALID, "exceptions.%.64s: must be a text of at most 255 bytes",
                       name);
    (void)import_person(im, name, &row.user_id);
    if (have(all, row.user_id, name)) {
        import_tell(im, "exception", name, NULL, NULL, IMPORT_SAME, NULL);
        return ERR_OK;
    }
    import_tell(im, "exception", name, text, text, IMPORT_TAKEN, row.user_id ? NULL : unknown_text);
    return db_exceptions_put(im->db, &row, NULL, err);
}

static int exceptions(struct import *im, json_t *from, struct err *err)
{
    json_t *all = json_object(), *value;
    const char *name;
    int rc = all ? db_exceptions_each(im->db, keep_limit, all, err)
                 : err_set(err, ERR_NOMEM, "out of memory");

    json_object_foreach(from, name, value)
    {
        if (!rc)
            rc = one_exception(im, all, name, value, err);
    }
    json_decref(all);
    return rc;
}

/* ---- patterns and admins ---- */

static int keep_pattern(void *arg, const struct db_pattern *row)
{
    char key[LIMIT_USER_NAME + 64];
    json_t *v =
        row->admin.p ? json_stringn(row->admin.p, row->admin.n) : json_integer(row->max_devices);

    snprintf(key, sizeof(key), "%s:%.*s", row->suffix ? "suffix" : "prefix", (int)row->text.n,
             row->text.p);
    return json_object_set_new(arg, key, v) ? ERR_NOMEM : ERR_OK;
}

static const char *as_text(json_t *v, char *out, size_t max)
{
    if (json_is_string(v))
        snprintf(out, max, "%s", json_string_value(v));
    else
        snprintf(out, max, "%lld", (long long)json_integer_value(v));
    return out;
}

/* The old program let the lowest limit win where a pattern stood twice. */
static int wanted(json_t *from, bool owner, json_t *all, struct err *err)
{
    const char *kind, *text;
    char key[LIMIT_USER_NAME + 64];
    json_t *row, *v, *had;
    json_int_t n;
    size_t i;

    json_array_foreach(from, i, row)
    {
        kind = json_string_value(json_object_get(row, "kind"));
        text = json_string_value(json_object_get(row, "text"));
        v = json_object_get(row, owner ? "admin" : "limit");
        if (!kind || (strcmp(kind, "prefix") != 0 && strcmp(kind, "suffix") != 0) || !text ||
            !text[0] || strlen(text) > LIMIT_USER_NAME ||
            (owner ? !json_is_string(v) || json_string_length(v) == 0 ||
                         json_string_length(v) > LIMIT_USER_NAME
                   : !old_whole(v, 1, 10000, &n)))
            return err_set(err, ERR_INVALID, "%s[%zu] is none", owner ? "owners" : "patterns", i);
        snprintf(key, sizeof(key), "%s:%s", kind, text);
        had = json_object_get(all, key);
        if (had && (owner || json_integer_value(had) <= json_integer_value(v)))
            continue;
        if (json_object_set(all, key, v))
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return ERR_OK;
}

static int one_pattern(struct import *im, bool owner, const char *key, json_t *want, json_t *mine,
                       struct err *err)
{
    struct db_pattern row = {.suffix = key[0] == 's',
                             .text = slice_of(key + 7),
                             .updated_us = im->now_us,
                             .updated_by = slice_of(im->who)};
    const char *kind = owner ? "owner pattern" : "pattern";
    char old[LIMIT_USER_NAME + 1], ours[LIMIT_USER_NAME + 1];
    int64_t id;

    as_text(want, old, sizeof(old));
    as_text(mine, ours, sizeof(ours));
    if (mine && strcmp(old, ours) == 0) {
        import_tell(im, kind, key, old, old, IMPORT_SAME, NULL);
        return ERR_OK;
    }
    if (mine && !im->overwrite) {
        import_tell(im, kind, key, old, ours, IMPORT_LEFT, "the same pattern is here, and stays");
        return ERR_OK;
    }
    import_tell(im, kind, key, old, old, mine ? IMPORT_CHANGED : IMPORT_TAKEN, NULL);
    row.max_devices = owner ? 0 : (int)json_integer_value(want);
    row.admin = owner ? slice_of(json_string_value(want)) : (struct slice){NULL, 0};
    return owner ? db_admin_patterns_put(im->db, &row, &id, err)
                 : db_limit_patterns_put(im->db, &row, &id, err);
}

static int patterns(struct import *im, json_t *from, bool owner, struct err *err)
{
    json_t *all = json_object(), *mine = json_object(), *value;
    const char *key;
    int rc = all && mine ? wanted(from, owner, all, err) : err_set(err, ERR_NOMEM, "out of memory");

    if (!rc)
        rc = owner ? db_admin_patterns_each(im->db, keep_pattern, mine, err)
                   : db_limit_patterns_each(im->db, keep_pattern, mine, err);
    json_object_foreach(all, key, value)
    {
        if (!rc)
            rc = one_pattern(im, owner, key, value, json_object_get(mine, key), err);
    }
    json_decref(all);
    json_decref(mine);
    return rc;
}

static bool is_owner(const struct import *im, int64_t id)
{
    struct slice rest = slice_of(settings_text(im->settings, SET_ADMIN_IDS));
    int64_t one;

    while (rest.p && rest.n)
        if (num_int(slice_trim(slice_cut(&rest, ',')), 1, INT64_MAX, &one) == ERR_OK && one == id)
            return true;
    return false;
}

static int admins(struct import *im, json_t *from, struct err *err)
{
    char name[24];
    json_int_t id;
    json_t *one;
    bool new = false;
    size_t i;
    int rc;

    json_array_foreach(from, i, one)
    {
        if (!old_whole(one, 1, 9e15, &id))
            return err_set(err, ERR_INVALID, "admins[%zu]: no chat id", i);
        snprintf(name, sizeof(name), "%lld", (long long)id);
        if (is_owner(im, id)) {
            import_tell(im, "admin", name, NULL, "owner", IMPORT_SAME, "stands in ADMIN_IDS");
            continue;
        }
        rc = db_import_admin(im->db, id, im->now_us, slice_of(im->who), &new, err);
        if (rc)
            return rc;
        import_tell(im, "admin", name, NULL, "operator", new ? IMPORT_TAKEN : IMPORT_SAME,
                    new ? "owners are those in ADMIN_IDS" : NULL);
    }
    return ERR_OK;
}

/* ---- violations ---- */

static int add_violation(struct import *im, const char *name, int64_t id, json_t *one, size_t *n,
                         struct err *err)
{
    int64_t at_us, minutes = json_integer_value(json_object_get(one, "minutes")), new_id;
    char action[48] = "warn";
    bool found = false;
    double at;
    struct db_violation v = {.user_id = id,
                             .name = slice_of(name),
                             .step = (int)json_integer_value(json_object_get(one, "step")),
                             .evidence = SLICE("{\"imported\":true}"),
                             .forgiven_us = STAMP_NONE};
    int rc;

    if (!old_number(json_object_get(one, "at"), &at) || at <= 0 || at > 4e9 || minutes < 0 ||
        v.step < 0 || v.step > 100)
        return err_set(err, ERR_INVALID, "violations.%.64s: no time, step or length", name);
    /* The journal keeps milliseconds. */
    at_us = (int64_t)(at * 1000) * 1000;
    if (at_us > im->now_us || im->now_us - at_us > VIOLATION_DAYS * day_us)
        return ERR_OK;
    rc = db_import_violation(im->db, id, at_us, &found, err);
    if (rc || found)
        return rc;
    if (minutes)
        snprintf(action, sizeof(action), "disable %lldm", (long long)minutes);
    else if (v.step > 0)
        snprintf(action, sizeof(action), "disable");
    v.at_us = at_us;
    v.action = slice_of(action);
    v.outcome = minutes || v.step > 0 ? DB_OUTCOME_APPLIED : DB_OUTCOME_WARNED;
    ++*n;
    return db_violations_add(im->db, &v, &new_id, err);
}

static int keep_time(void *arg, const struct db_violation *row)
{
    return json_array_append_new(arg, json_integer(row->at_us)) ? ERR_NOMEM : ERR_OK;
}

/* Id and times of what counts for the next step, for the engine. */
static int note_memory(struct import *im, const char *name, int64_t id, struct err *err)
{
    int64_t window = settings_int(im->settings, SET_PUNISHMENT_WINDOW_HOURS) * 3600 * STAMP_SECOND;
    struct db_violation_filter f = {.user_id = id,
                                    .since_us = im->now_us - window,
                                    .counting = true,
                                    .limit = LIMIT_STEPS};
    json_t *times = json_pack("[I]", (json_int_t)id);
    int rc;

    if (!times || json_object_set_new(im->remember, name, times))
        return err_set(err, ERR_NOMEM, "out of memory");
    rc = db_violations_each(im->db, &f, keep_time, times, err);
    return rc == ERR_NOMEM ? err_set(err, rc, "out of memory") : rc;
}

static int violations(struct import *im, json_t *from, struct err *err)
{
    const char *name;
    char text[64];
    json_t *list, *one;
    int64_t id;
    size_t i, n;
    int rc = ERR_OK;

    json_object_foreach(from, name, list)
    {
        if (!import_person(im, name, &id)) {
            import_tell(im, "violations", name, NULL, NULL, IMPORT_LEFT,
                        "the panel has no user of that name");
            continue;
        }
        n = 0;
        json_array_foreach(list, i, one)
        {
            if (!rc)
                rc = add_violation(im, name, id, one, &n, err);
        }
        if (!rc && n)
            rc = note_memory(im, name, id, err);
        if (rc)
            return rc;
        snprintf(text, sizeof(text), "%zu of %zu", n, json_array_size(list));
        import_tell(im, "violations", name, NULL, text, n ? IMPORT_TAKEN : IMPORT_SAME,
                    n ? NULL : "all here already, or older than 180 days");
    }
    return ERR_OK;
}

/* ---- all of it ---- */

static int write_settings(struct import *im, struct err *err)
{
    int i, rc = ERR_OK;

    for (i = 0; i < SET_COUNT && !rc; i++) {
        const char *text = settings_layer(im->settings, (enum setting)i, ORIGIN_DB);
        struct db_setting row = {slice_of(setting_def((enum setting)i)->key), slice_of(text),
                                 im->now_us, slice_of(im->who)};

        if (im->op->touched[i] && text) {
            im->settings_taken++;
            rc = db_settings_put(im->db, &row, err);
        }
    }
    return rc;
}

/* Whom the table users does not know yet: his name resolves without the panel from now on. */
static int learn_people(struct import *im, struct err *err)
{
    struct db_user_found known;
    struct db_user user;
    const char *name;
    json_t *person;
    int rc = ERR_OK;

    json_object_foreach(im->people, name, person)
    {
        user = (struct db_user){json_integer_value(json_object_get(person, "id")), slice_of(name),
                                json_integer_value(json_object_get(person, "created"))};
        rc = db_users_by_id(im->db, user.id, &known, err);
        if (rc == ERR_NOT_FOUND)
            rc = db_users_put(im->db, &user, 1, im->now_us, err);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

static int write_all(struct import *im, struct err *err)
{
    json_t *body = im->op->body;
    int rc = write_settings(im, err);

    if (!rc)
        rc = learn_people(im, err);
    if (!rc)
        rc = disabled_import(im, json_object_get(body, "disabled"), err);
    if (!rc)
        rc = limits(im, json_object_get(body, "limits"), err);
    if (!rc)
        rc = exceptions(im, json_object_get(body, "exceptions"), err);
    if (!rc)
        rc = patterns(im, json_object_get(body, "patterns"), false, err);
    if (!rc)
        rc = patterns(im, json_object_get(body, "owners"), true, err);
    if (!rc)
        rc = admins(im, json_object_get(body, "admins"), err);
    return rc ? rc : violations(im, json_object_get(body, "violations"), err);
}

static void add_json(struct buf *out, const char *key, json_t *value)
{
    char *text = value ? json_dumps(value, JSON_COMPACT) : NULL;

    if (value && !text)
        out->failed = true;
    jout_raw(out, key, text ? slice_of(text) : SLICE("[]"));
    free(text);
}

static void answer(struct import *im, bool dry, char *text, size_t max)
{
    struct buf *out = im->out;
    size_t taken = im->n[IMPORT_TAKEN] + im->n[IMPORT_CHANGED];

    jout_close(out, ']');
    add_json(out, "settings", json_object_get(im->op->body, "told_settings"));
    add_json(out, "left", json_object_get(im->op->body, "left"));
    add_json(out, "sources", json_object_get(im->op->body, "sources"));
    jout_int(out, "taken", (int64_t)im->n[IMPORT_TAKEN]);
    jout_int(out, "changed", (int64_t)im->n[IMPORT_CHANGED]);
    jout_int(out, "same", (int64_t)im->n[IMPORT_SAME]);
    jout_int(out, "left_count",
             (int64_t)im->n[IMPORT_LEFT] +
                 (int64_t)json_array_size(json_object_get(im->op->body, "left")));
    snprintf(text, max, "%zu entries and %zu settings %s", taken, im->settings_taken,
             dry ? "would be taken over" : "taken over");
    jout_text(out, "detail", text);
    jout_close(out, '}');
}

int import_write(struct db *db, struct op *op, struct err *err)
{
    bool dry = op_arg_bool(op, "dry_run");
    struct import im = {.db = db,
                        .op = op,
                        .settings = op->settings,
                        .people = json_object_get(op->body, "people"),
                        .remember = json_object(),
                        .out = &op->out,
                        .who = op->who,
                        .now_us = op->now_us,
                        .overwrite = op_arg_bool(op, "overwrite")};
    char text[160];
    int rc;

    if (!im.remember || json_object_set_new(op->body, "remember", im.remember))
        return err_set(err, ERR_NOMEM, "out of memory");
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_bool(&op->out, "dry_run", dry);
    jout_open(&op->out, "data", '[');
    rc = db_begin(db, DB_SYNC_FULL, err);
    if (rc)
        return rc;
    rc = write_all(&im, err);
    answer(&im, dry, text, sizeof(text));
    /* Nothing is done of which nobody can be told what it was. */
    if (!rc && im.out->failed)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (!rc && !dry && im.n[IMPORT_TAKEN] + im.n[IMPORT_CHANGED] + im.settings_taken)
        rc = op_event(db, op, "import", false, text, err);
    if (rc || !dry)
        return db_end(db, rc, err);
    /* Everything was tried, so what is told is what would happen; and it is undone. */
    rc = db_end(db, ERR_CANCELLED, err);
    return rc == ERR_CANCELLED ? ERR_OK : rc;
}
