/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/ops_import.h"

#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "service/enforce/enforce_rules.h"
#include "service/import/import_settings.h"
#include "service/jout.h"
#include "base/banned.h"

/*
 * POST /import: what the old program's files hold (old_doc.h) is taken over in one transaction, after the
 * panel has told how everyone stands now. What we have already stays, unless overwriting is asked for.
 */

/* ---- the body ---- */

static int check_body(struct op *op)
{
    static const struct {
        const char *name;
        bool list;
    } members[] = {{"limits", false},     {"exceptions", false}, {"disabled", false},
                   {"violations", false}, {"settings", false},   {"patterns", true},
                   {"owners", true},      {"admins", true},      {"left", true},
                   {"sources", true}};
    json_t *value;
    const char *key;
    size_t i;

    if (json_object_size(op->body) == 0)
        return err_set(&op->err, ERR_INVALID, "the body is empty");
    json_object_foreach(op->body, key, value)
    {
        for (i = 0; i < ARRAY_LEN(members) && strcmp(members[i].name, key) != 0; i++)
            ;
        if (i == ARRAY_LEN(members))
            return err_set(&op->err, ERR_INVALID, "%s is no member of an import", key);
        if (members[i].list ? !json_is_array(value) : !json_is_object(value))
            return err_set(&op->err, ERR_INVALID, "%s must be %s", key,
                           members[i].list ? "a list" : "an object");
        if (json_array_size(value) + json_object_size(value) > LIMIT_IMPORT_ROWS)
            return err_set(&op->err, ERR_INVALID, "%s has more than %d entries", key,
                           (int)LIMIT_IMPORT_ROWS);
    }
    return ERR_OK;
}

/* ---- settings ---- */

static json_t *text_or_null(const char *s)
{
    return s ? json_string(s) : json_null();
}

static json_t *shown(enum setting id, const char *text)
{
    struct buf b;
    json_t *v;

    if (!text)
        return json_null();
    buf_init(&b, LIMIT_SETTING_VALUE + 64);
    if (id < SET_COUNT)
        setting_add_shown(&b, id, text);
    else
        buf_add_str(&b, text);
    v = json_string(buf_str(&b));
    buf_release(&b);
    return v;
}

/* Puts one into the copy; *ret_result says what became of it, why (at most 300 bytes) the reason. */
static int put_setting(struct op *op, const struct import_setting *row, const char **ret_result,
                       struct err *why)
{
    const struct settings *now = op->port->settings(op->port->app);
    const char *ours = settings_layer(now, row->id, ORIGIN_DB);
    struct buf canonical;
    struct setting_value v = {0};
    int rc;

    *ret_result = "left";
    buf_init(&canonical, LIMIT_SETTING_VALUE);
    rc = setting_check(row->id, slice_of(row->value), &canonical, &v, why);
    if (!rc && strcmp(settings_text(now, row->id), buf_str(&canonical)) == 0) {
        *ret_result = "same";
    } else if (!rc && ours && !op_arg_bool(op, "overwrite")) {
        err_set(why, ERR_EXISTS, "it is set here already, which stays");
    } else if (!rc) {
        rc = settings_set(op->settings, row->id, ORIGIN_DB, buf_slice(&canonical), why);
        if (!rc) {
            op->touched[row->id] = true;
            *ret_result = "taken";
        }
    }
    buf_release(&canonical);
    return rc == ERR_NOMEM ? rc : ERR_OK;
}

static int on_setting(void *arg, const struct import_setting *row)
{
    struct op *op = arg;
    json_t *rows = json_object_get(op->body, "told_settings"), *one;
    const char *result = row->old ? "left" : "unset";
    struct err why = {0};
    int rc = ERR_OK;

    if (row->value && row->id < SET_COUNT)
        rc = put_setting(op, row, &result, &why);
    if (rc)
        return rc;
    one = json_pack("{s:s,s:o,s:s,s:o,s:s,s:o}", "key", row->key, "old", shown(row->id, row->old),
                    "in_effect", row->effect ? row->effect : "", "new",
                    row->id < SET_COUNT ? shown(row->id, settings_text(op->settings, row->id))
                                        : json_null(),
                    "result", result, "detail", text_or_null(why.text[0] ? why.text : row->detail));
    return json_array_append_new(rows, one) ? ERR_NOMEM : ERR_OK;
}

/* Settings that the panel or each other forbid are left, with the reason. */
static void leave_groups(struct op *op, const char *why)
{
    static const enum setting ids[] = {SET_DISABLE_METHOD, SET_DISABLED_GROUP_ID,
                                       SET_FALLBACK_GROUP_ID, SET_GROUP_FILTER,
                                       SET_GROUP_FILTER_MODE};
    const struct settings *now = op->port->settings(op->port->app);
    json_t *row;
    struct err err;
    size_t i, j;

    for (i = 0; i < ARRAY_LEN(ids); i++) {
        const char *ours = settings_layer(now, ids[i], ORIGIN_DB);

        if (!op->touched[ids[i]])
            continue;
        op->touched[ids[i]] = false;
        if (!ours || settings_set(op->settings, ids[i], ORIGIN_DB, slice_of(ours), &err))
            settings_unset(op->settings, ids[i], ORIGIN_DB);
        json_array_foreach(json_object_get(op->body, "told_settings"), j, row)
        {
            if (strcmp(json_string_value(json_object_get(row, "key")), setting_def(ids[i])->key) !=
                0)
                continue;
            json_object_set_new(row, "result", json_string("left"));
            json_object_set_new(row, "detail", json_string(why));
            json_object_set_new(row, "new", shown(ids[i], settings_text(op->settings, ids[i])));
        }
    }
}

static int import_args(struct op *op)
{
    struct err why = {0};
    json_t *settings;
    int rc = check_body(op);

    if (rc)
        return rc;
    op->settings = calloc(1, sizeof(*op->settings));
    if (!op->settings || settings_copy(op->settings, op->port->settings(op->port->app)) ||
        json_object_set_new(op->body, "told_settings", json_array()) ||
        json_object_set_new(op->body, "people", json_object()))
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    settings = json_object_get(op->body, "settings");
    if (settings)
        rc = import_settings_each(settings, on_setting, op);
    if (rc)
        return err_set(&op->err, rc, "%s", err_name(rc));
    if (settings_cross_check(op->settings, &why))
        leave_groups(op, why.text);
    return settings_cross_check(op->settings, &op->err);
}

/* ---- the panel ---- */

static bool is_named(const struct op *op, const char *name)
{
    static const char *const members[] = {"disabled", "limits", "exceptions", "violations"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(members); i++)
        if (json_object_get(json_object_get(op->body, members[i]), name))
            return true;
    return false;
}

static json_t *person(const struct panel_user *u)
{
    json_t *groups = json_array(), *one = NULL;
    struct buf fields;
    size_t i;

    buf_init(&fields, 8 * LIMIT_ANSWER);
    for (i = 0; groups && i < u->n_groups; i++)
        if (json_array_append_new(groups, json_integer(u->groups[i])))
            break;
    if (groups && json_array_size(groups) == u->n_groups &&
        !rules_add_fields(u, (struct slice){NULL, 0}, &fields))
        one = json_pack("{s:I,s:I,s:I,s:s%,s:i,s:O,s:s%}", "id", (json_int_t)u->id, "created",
                        (json_int_t)u->created_at_us, "edit", (json_int_t)u->edit_at_us, "word",
                        u->status_text.p ? u->status_text.p : "", u->status_text.n, "status",
                        (int)u->status, "groups", groups, "fields", buf_str(&fields), fields.n);
    json_decref(groups);
    buf_release(&fields);
    return one;
}

static void on_users(void *arg, const struct panel_user *users, size_t n)
{
    struct op *op = arg;
    json_t *people = json_object_get(op->body, "people"), *one;
    char name[LIMIT_USER_NAME + 1];
    size_t i;

    for (i = 0; i < n; i++) {
        if (users[i].name.n == 0 || users[i].name.n > LIMIT_USER_NAME)
            continue;
        memcpy(name, users[i].name.p, users[i].name.n);
        name[users[i].name.n] = '\0';
        if (!is_named(op, name))
            continue;
        one = person(&users[i]);
        if (!one || json_object_set_new(people, name, one))
            op->forgive = true; /* Out of memory: told at the end. */
    }
}

static void checked(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc == ERR_INVALID) {
        leave_groups(op, err->text);
        rc = ERR_OK;
    }
    if (rc) {
        op->err = *err;
        op_reply(op, rc);
    } else {
        op_run_job(op);
    }
}

static bool any_setting(const struct op *op)
{
    size_t i;

    for (i = 0; i < SET_COUNT; i++)
        if (op->touched[i])
            return true;
    return false;
}

static void check_settings(struct op *op)
{
    if (op->port->check_settings && any_setting(op))
        op->port->check_settings(op->port->app, op->settings,
                                 op_arg_bool(op, "confirm") || op_arg_bool(op, "dry_run"), checked,
                                 op);
    else
        op_run_job(op);
}

static void everyone_read(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (!rc && op->forgive)
        rc = err_set(&op->err, ERR_NOMEM, "out of memory: nothing was imported");
    else if (rc)
        err_set(&op->err, rc,
                "nothing was imported, since the panel did not tell who its users are: %s",
                err->text);
    if (rc)
        op_reply(op, rc);
    else
        check_settings(op);
}

static void ask_panel(struct op *op)
{
    bool names = json_object_size(json_object_get(op->body, "disabled")) ||
                 json_object_size(json_object_get(op->body, "limits")) ||
                 json_object_size(json_object_get(op->body, "exceptions")) ||
                 json_object_size(json_object_get(op->body, "violations"));

    if (names)
        op->port->everyone(op->port->app, on_users, everyone_read, op);
    else
        check_settings(op);
}

/* The engine hears of the violations that were added. */
static void remember(struct op *op)
{
    const char *key;
    json_t *list, *one;
    int64_t times[LIMIT_STEPS], id;
    size_t i, n;

    json_object_foreach(json_object_get(op->body, "remember"), key, list)
    {
        n = 0;
        id = 0;
        json_array_foreach(list, i, one)
        {
            if (i == 0)
                id = json_integer_value(one);
            else if (n < LIMIT_STEPS)
                times[n++] = json_integer_value(one);
        }
        if (op->port->remember && !op_arg_bool(op, "dry_run"))
            op->port->remember(op->port->app, id, times, n);
    }
    op->tried = op_arg_bool(op, "dry_run");
    op_reply(op, ERR_OK);
}

static const struct op_param params[] = {{"dry_run", OP_IN_QUERY, OP_BOOL, .example = "true",
                                          .help = "only say what would be done"},
                                         {"overwrite", OP_IN_QUERY, OP_BOOL, .example = "false",
                                          .help = "what is set here already is replaced, too"},
                                         {"confirm", OP_IN_QUERY, OP_BOOL, .example = "false",
                                          .help = "yes to what answered 409 confirm_needed"},
                                         {0}};

const struct op_row op_rows_import[] = {
    {.def =
         {OP_POST, "/import",
          "Takes over what PG-Limiter (Python) or V2IpLimit left, as `pg-limiter import` reads it.",
          params,
          "{dry_run:bool,data:[#import_row],settings:[#import_setting],left:[{what:text,why:text}],"
          "sources:[text],taken:int,changed:int,same:int,left_count:int,detail:text}",
          OP_MAY_409 | OP_FREE_BODY},
     .args = import_args,
     .before = ask_panel,
     .kind = OWNER_DURABLE,
     .job = import_write,
     .finish = remember,
     .changes = OP_CHANGED_LIMITS | OP_CHANGED_SETTINGS | OP_CHANGED_JOURNAL | OP_CHANGED_ADMINS},
    {.def = {.pattern = NULL}},
};
