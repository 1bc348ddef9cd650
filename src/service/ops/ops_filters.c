/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>

#include "base/num.h"
#include "service/jout.h"
#include "base/banned.h"

/*
 * The group filter and the admin filter, as what they are for people: names beside ids. They stand in
 * four settings; a change goes the way of every change of settings.
 */

static bool is_admins(const struct op *op)
{
    return strstr(op->row->def.pattern, "admins") != NULL;
}

/* The name of an id, or the id of a name ("id:3" for an admin's id); NULL when the panel has none. */
static const struct op_name *entry_of(const struct op_name *names, size_t n, struct slice item,
                                      bool admins)
{
    struct slice number = admins && slice_starts(item, SLICE("id:")) ? slice_skip(item, 3) : item;
    int64_t id = 0;
    bool by_id = (!admins || number.p != item.p) && !num_int(number, 1, INT64_MAX, &id);
    size_t i;

    for (i = 0; i < n; i++)
        if (by_id ? names[i].id == id : slice_eq(names[i].name, item))
            return &names[i];
    return NULL;
}

/* ---- show ---- */

static void show(void *arg, int rc, const struct err *err, const struct op_name *names, size_t n)
{
    struct op *op = arg;
    const struct settings *s = op->port->settings(op->port->app);
    bool admins = is_admins(op);
    struct slice rest = slice_of(settings_text(s, admins ? SET_ADMIN_FILTER : SET_GROUP_FILTER));
    struct slice item;
    int64_t total = 0;

    (void)err;
    jout_open(&op->out, NULL, '{');
    jout_text(&op->out, "mode",
              settings_text(s, admins ? SET_ADMIN_FILTER_MODE : SET_GROUP_FILTER_MODE));
    jout_bool(&op->out, "on", rest.n > 0);
    jout_bool(&op->out, "checked", rc == 0);
    jout_open(&op->out, "data", '[');
    while (rest.p && rest.n) {
        const struct op_name *e;

        item = slice_cut(&rest, ',');
        e = entry_of(names, n, item, admins);
        jout_open(&op->out, NULL, '{');
        jout_str(&op->out, "entry", item);
        jout_str(&op->out, "name", e ? e->name : (struct slice){NULL, 0});
        if (rc == 0)
            jout_bool(&op->out, "in_panel", e != NULL);
        jout_close(&op->out, '}');
        total++;
    }
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", total);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void ask_and_show(struct op *op)
{
    if (op->port->names)
        op->port->names(op->port->app, is_admins(op), show, op);
    else
        show(op, ERR_UNREACHABLE, NULL, NULL, 0);
}

/* ---- change ---- */

/* The lists a request may give: all entries, or those that come to the others or go. */
static json_t *whole(const struct op *op)
{
    return op_arg(op, is_admins(op) ? "admins" : "groups");
}

static bool has_name(json_t *list)
{
    json_t *item;
    int64_t id;
    size_t i;

    json_array_foreach(list, i, item) if (num_int(slice_of(json_string_value(item)), 1, INT64_MAX,
                                                  &id)) return true;
    return false;
}

/* A group that is no number can only be a name, which the panel alone can make a number of. */
static bool has_names(const struct op *op)
{
    return has_name(whole(op)) || has_name(op_arg(op, "add")) || has_name(op_arg(op, "remove"));
}

/* An entry as it stands in the setting. */
static int entry_text(struct op *op, struct slice entry, const struct op_name *names, size_t n,
                      struct buf *out)
{
    const struct op_name *e = entry_of(names, n, entry, is_admins(op));
    int64_t id;

    if (memchr(entry.n ? entry.p : "", ',', entry.n))
        return err_set(&op->err, ERR_INVALID, "an entry holds a comma: %.*s", (int)entry.n,
                       entry.p);
    if (is_admins(op) || !num_int(entry, 1, INT64_MAX, &id))
        buf_add_slice(out, entry);
    else if (e)
        buf_addf(out, "%lld", (long long)e->id);
    else
        return err_set(&op->err, ERR_INVALID, "groups: the panel has no group %.*s", (int)entry.n,
                       entry.p);
    return ERR_OK;
}

/* Puts a list of the request into how, under its name. */
static int take_entries(struct op *op, const char *name, const struct op_name *names, size_t n,
                        json_t *how)
{
    json_t *list = op_arg(op, name), *made, *item;
    struct buf text;
    size_t i;
    int rc = ERR_OK;

    if (!list)
        return ERR_OK;
    made = json_array();
    buf_init(&text, LIMIT_SETTING_VALUE + 1);
    json_array_foreach(list, i, item)
    {
        buf_clear(&text);
        rc = entry_text(op, slice_trim(slice_of(json_string_value(item))), names, n, &text);
        if (!rc && json_array_append_new(made, json_stringn(text.n ? text.p : "", text.n)))
            rc = ERR_NOMEM;
        if (rc)
            break;
    }
    if (!rc && json_object_set(how, name, made))
        rc = ERR_NOMEM;
    buf_release(&text);
    json_decref(made);
    return rc;
}

/* Entries that come to those there are, or go. */
static int edit_list(struct op *op, const struct op_name *names, size_t n)
{
    json_t *how = json_object();
    int rc = how ? take_entries(op, "add", names, n, how) : ERR_NOMEM;

    if (!rc)
        rc = take_entries(op, "remove", names, n, how);
    if (!rc)
        rc = op_edit(op, is_admins(op) ? SET_ADMIN_FILTER : SET_GROUP_FILTER, how);
    json_decref(how);
    return rc;
}

static int set_list(struct op *op, const struct op_name *names, size_t n)
{
    json_t *list = whole(op), *item;
    struct buf text;
    size_t i;
    int rc = ERR_OK;

    if (!list)
        return edit_list(op, names, n);
    buf_init(&text, LIMIT_SETTING_VALUE + 1);
    json_array_foreach(list, i, item)
    {
        buf_addf(&text, "%s", i ? "," : "");
        rc = rc ? rc
                : entry_text(op, slice_trim(slice_of(json_string_value(item))), names, n, &text);
    }
    if (!rc)
        rc = op_setting_change(op, is_admins(op) ? SET_ADMIN_FILTER : SET_GROUP_FILTER,
                               buf_str(&text));
    /* A filter that ends leaves no mode behind: include of nobody would be refused. */
    if (!rc && json_array_size(list) == 0 && !op_arg_text(op, "mode")) {
        enum setting mode = is_admins(op) ? SET_ADMIN_FILTER_MODE : SET_GROUP_FILTER_MODE;

        op->touched[mode] = true;
        settings_unset(op->settings, mode, ORIGIN_DB);
    }
    buf_release(&text);
    return rc;
}

static void resolved(void *arg, int rc, const struct err *err, const struct op_name *names,
                     size_t n)
{
    struct op *op = arg;

    if (rc)
        rc = err_set(&op->err, ERR_UNREACHABLE,
                     "groups by name need the panel, which does not answer (%s): give their ids",
                     err ? err->text : "no daemon is running");
    if (!rc)
        rc = set_list(op, names, n);
    if (rc)
        op_reply(op, rc);
    else
        op_settings_go(op);
}

static bool has_edits(const struct op *op)
{
    return op_arg(op, "add") || op_arg(op, "remove");
}

static int put_args(struct op *op)
{
    const char *mode = op_arg_text(op, "mode");
    int rc = op_settings_begin(op);

    if (!rc && whole(op) && has_edits(op))
        rc = err_set(&op->err, ERR_INVALID, "%s is the whole list: add and remove go without it",
                     is_admins(op) ? "admins" : "groups");
    if (!rc && !mode && !whole(op) && !has_edits(op))
        rc = err_set(&op->err, ERR_INVALID, "neither mode nor %s is given",
                     is_admins(op) ? "admins" : "groups");
    if (!rc && mode)
        rc = op_setting_change(op, is_admins(op) ? SET_ADMIN_FILTER_MODE : SET_GROUP_FILTER_MODE,
                               mode);
    return rc;
}

static void put(struct op *op)
{
    int rc = ERR_OK;

    if (!whole(op) && !has_edits(op)) {
        op_settings_go(op);
    } else if (!is_admins(op) && has_names(op)) {
        if (op->port->names)
            op->port->names(op->port->app, false, resolved, op);
        else
            resolved(op, ERR_UNREACHABLE, NULL, NULL, 0);
    } else {
        rc = set_list(op, NULL, 0);
        if (rc)
            op_reply(op, rc);
        else
            op_settings_go(op);
    }
}

/* ---- the rows ---- */

#define MODE \
    { \
        "mode", OP_IN_BODY, OP_TEXT, .choices = "include|exclude", .example = "\"include\"", \
                                     .help = "judge these only, or leave these alone" \
    }
#define CONFIRM \
    { \
        "confirm", OP_IN_QUERY, OP_BOOL, .example = "false", \
                                         .help = "yes to what answered 409 confirm_needed" \
    }

#define EDITS(entry) \
    {"add", \
     OP_IN_BODY, \
     OP_TEXTS, \
     1, \
     1000, \
     .example = "[\"" entry "\"]", \
     .help = "what comes to the entries there are"}, \
    { \
        "remove", OP_IN_BODY, OP_TEXTS, 1, 1000, .example = "[\"5\"]", \
                                                 .help = "what goes from the entries there are" \
    }

static const struct op_param group_params[] = {{"groups", OP_IN_BODY, OP_TEXTS, 0, 1000,
                                                .example = "[\"3\", \"trial\"]",
                                                .help = "ids or names; none ends the filter"},
                                               EDITS("3"),
                                               MODE,
                                               CONFIRM,
                                               OP_ENABLE_FREED,
                                               {0}};
static const struct op_param admin_params[] = {{"admins", OP_IN_BODY, OP_TEXTS, 0, 1000,
                                                .example = "[\"reza\", \"id:3\"]",
                                                .help = "names, or id:3; none ends the filter"},
                                               EDITS("reza"),
                                               MODE,
                                               CONFIRM,
                                               OP_ENABLE_FREED,
                                               {0}};

#define SHOWN \
    "{mode:text,on:bool,checked:bool,data:[{entry:text,name:text~,in_panel?:bool}],total:int}"

const struct op_row op_rows_filters[] = {
    {.def = {OP_GET, "/filters/groups", "Whose groups are judged, or left alone.", .answer = SHOWN},
     .finish = ask_and_show},
    {.def = {OP_PUT, "/filters/groups", "Sets the group filter.", group_params, "#config_change",
             OP_MAY_409},
     .args = put_args,
     .before = put,
     .kind = OWNER_WRITE,
     .job = op_settings_write,
     .finish = op_settings_told,
     .changes = OP_CHANGED_SETTINGS},
    {.def = {OP_GET, "/filters/admins", "Whose owners are judged, or left alone.", .answer = SHOWN},
     .finish = ask_and_show},
    {.def = {OP_PUT, "/filters/admins", "Sets the admin filter.", admin_params, "#config_change",
             OP_MAY_409},
     .args = put_args,
     .before = put,
     .kind = OWNER_WRITE,
     .job = op_settings_write,
     .finish = op_settings_told,
     .changes = OP_CHANGED_SETTINGS},
    {.def = {.pattern = NULL}},
};
