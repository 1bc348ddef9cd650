/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "service/ops/op_int.h"
#include "service/settings/settings_store.h"
#include "base/banned.h"

/*
 * Changes of a setting that are made out of what it holds: entries of a list, or a value that is to replace a
 * known one. Somebody else may change the same setting meanwhile, over another surface or from another
 * process, so that they are made once to be checked, and once more on what the job finds in its transaction.
 */

enum { ROUNDS = 5, ENTRIES = 1000 };

/* ---- values ---- */

/* A number as people write it where that says the same, else with all its digits: none is rounded. */
static void write_number(char *to, size_t max, json_t *value)
{
    double v = json_number_value(value), back;

    if (json_is_integer(value)) {
        snprintf(to, max, "%lld", (long long)json_integer_value(value));
        return;
    }
    snprintf(to, max, "%.10g", v);
    if (num_real(slice_of(to), v, v, &back))
        snprintf(to, max, "%.17g", v);
}

int op_setting_put(struct settings *s, enum setting id, json_t *value, struct err *err)
{
    char number[64];
    struct slice text;
    int rc;

    if (json_is_null(value)) {
        settings_unset(s, id, ORIGIN_DB);
        return ERR_OK;
    }
    if (json_is_string(value)) {
        text = (struct slice){json_string_value(value), json_string_length(value)};
    } else if (json_is_boolean(value)) {
        text = slice_of(json_is_true(value) ? "true" : "false");
    } else if (json_is_number(value)) {
        write_number(number, sizeof(number), value);
        text = slice_of(number);
    } else {
        return err_set(err, ERR_INVALID, "%s takes a text, a number, true, false or null",
                       setting_def(id)->key);
    }
    rc = settings_set(s, id, ORIGIN_DB, text, err);
    return rc == ERR_TOO_BIG ? ERR_INVALID : rc;
}

/* ---- entries ---- */

static bool is_pairs(enum setting id)
{
    return setting_def(id)->type == TYPE_GROUP_LIMITS || setting_def(id)->type == TYPE_GROUP_MODES;
}

/* Whether two entries are the same one: of group=value pairs there is one for each group. */
static bool same(enum setting id, struct slice a, struct slice b)
{
    return is_pairs(id) ? slice_eq(slice_trim(slice_cut(&a, '=')), slice_trim(slice_cut(&b, '=')))
                        : slice_eq(a, b);
}

static bool holds(enum setting id, struct slice list, struct slice entry)
{
    while (list.p && list.n)
        if (same(id, slice_trim(slice_cut(&list, ',')), entry))
            return true;
    return false;
}

static void append(struct buf *out, struct slice entry)
{
    if (out->n)
        buf_add_char(out, ',');
    buf_add_slice(out, entry);
}

/* The entries of a JSON list as they would stand in the setting; `loose` are those to be taken out. */
static int entries_of(enum setting id, json_t *list, bool loose, struct buf *out, struct err *err)
{
    struct setting_value v;
    struct buf one;
    json_t *item;
    size_t i;
    int rc = ERR_OK;

    buf_init(&one, LIMIT_SETTING_VALUE + 1);
    json_array_foreach(list, i, item)
    {
        struct slice text =
            slice_trim((struct slice){json_string_value(item), json_string_length(item)});

        buf_clear(&one);
        if (!text.n)
            rc = err_set(err, ERR_INVALID, "%s: an entry is empty", setting_def(id)->key);
        else if (loose && is_pairs(id) && !memchr(text.p, '=', text.n))
            buf_add_slice(&one, text);
        else
            rc = setting_check(id, text, &one, &v, err);
        if (rc)
            break;
        if (one.n)
            append(out, buf_slice(&one));
    }
    if (!rc && out->failed)
        rc = err_set(err, ERR_INVALID, "%s: these entries are longer than %d bytes",
                     setting_def(id)->key, LIMIT_SETTING_VALUE);
    buf_release(&one);
    return rc == ERR_TOO_BIG ? ERR_INVALID : rc;
}

/* Notes which entries were to be taken out and are not there. */
static int note_absent(json_t *how, enum setting id, struct slice drop, struct slice now)
{
    json_t *absent = json_array();
    struct slice one;
    int rc = absent ? 0 : -1;

    while (!rc && drop.p && drop.n) {
        one = slice_trim(slice_cut(&drop, ','));
        if (!holds(id, now, one))
            rc = json_array_append_new(absent, json_stringn(one.p, one.n));
    }
    if (rc) {
        json_decref(absent);
        return ERR_NOMEM;
    }
    return json_object_set_new(how, "absent", absent) ? ERR_NOMEM : ERR_OK;
}

/* The list without `drop` and with `add`; a pair takes the place of its group's. */
static void merge(enum setting id, struct slice now, struct slice drop, struct slice add,
                  struct buf *out)
{
    struct slice rest = add, one;

    while (now.p && now.n) {
        one = slice_trim(slice_cut(&now, ','));
        if (!holds(id, drop, one) && !(is_pairs(id) && holds(id, add, one)))
            append(out, one);
    }
    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (!holds(id, buf_slice(out), one))
            append(out, one);
    }
}

static int edit_list(struct settings *s, enum setting id, json_t *how, struct err *err)
{
    struct buf add, drop, list;
    int rc;

    buf_init(&add, LIMIT_SETTING_VALUE + 1);
    buf_init(&drop, LIMIT_SETTING_VALUE + 1);
    buf_init(&list, 2 * LIMIT_SETTING_VALUE + 2);
    rc = entries_of(id, json_object_get(how, "add"), false, &add, err);
    if (!rc)
        rc = entries_of(id, json_object_get(how, "remove"), true, &drop, err);
    if (!rc)
        rc = note_absent(how, id, buf_slice(&drop), slice_of(settings_text(s, id)));
    if (!rc) {
        merge(id, slice_of(settings_text(s, id)), buf_slice(&drop), buf_slice(&add), &list);
        rc = list.failed ? ERR_NOMEM : settings_set(s, id, ORIGIN_DB, buf_slice(&list), err);
    }
    buf_release(&list);
    buf_release(&drop);
    buf_release(&add);
    if (rc == ERR_NOMEM)
        return err_set(err, rc, "%s", err_name(rc));
    return rc == ERR_TOO_BIG ? ERR_INVALID : rc;
}

/* ---- a value in the place of a known one ---- */

static int edit_value(struct settings *s, enum setting id, json_t *how, bool in_job,
                      struct err *err)
{
    struct slice was = slice_of(json_string_value(json_object_get(how, "was")));
    const char *now = settings_text(s, id);
    struct setting_value v;
    struct buf text;
    bool still;
    int rc;

    buf_init(&text, LIMIT_SETTING_VALUE + 64);
    rc = setting_check(id, was, &text, &v, err);
    still = !rc && strcmp(buf_str(&text), now) == 0;
    /* What is in force here may be older than the database, which the job reads. */
    if (!rc && !still && in_job) {
        buf_clear(&text);
        setting_add_shown(&text, id, now);
        rc = err_set(err, ERR_REFUSED, "%s was changed meanwhile: it is %s now",
                     setting_def(id)->key, now[0] ? buf_str(&text) : "empty");
    }
    buf_release(&text);
    if (rc)
        return rc == ERR_TOO_BIG ? ERR_INVALID : rc;
    return op_setting_put(s, id, json_object_get(how, "value"), err);
}

/* ---- the shape of the request ---- */

static bool are_entries(json_t *list)
{
    json_t *item;
    size_t i;

    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) > ENTRIES)
        return false;
    json_array_foreach(list, i, item) if (!json_is_string(item)) return false;
    return true;
}

static int check_shape(enum setting id, json_t *how, struct err *err)
{
    json_t *add = json_object_get(how, "add"), *drop = json_object_get(how, "remove"),
           *value = json_object_get(how, "value"), *was = json_object_get(how, "was");
    size_t n = json_object_size(how), entries = (add != NULL) + (drop != NULL);

    if (value && was && n == 2 && json_is_string(was) && !json_is_object(value) &&
        !json_is_array(value))
        return ERR_OK;
    if (setting_is_list(id) && entries && n == entries && (!add || are_entries(add)) &&
        (!drop || are_entries(drop)))
        return ERR_OK;
    return err_set(err, ERR_INVALID,
                   "%s takes a text, a number, true, false, null, {\"value\":…,\"was\":\"text\"}%s",
                   setting_def(id)->key,
                   setting_is_list(id) ? " or {\"add\":[texts],\"remove\":[texts]}" : "");
}

/* include of nobody would be refused: a filter that ends by its last entry leaves that behind. */
static int end_mode(struct op *op, struct settings *s, enum setting id, json_t *how)
{
    enum setting mode = id == SET_GROUP_FILTER ? SET_GROUP_FILTER_MODE : SET_ADMIN_FILTER_MODE;

    if ((id != SET_GROUP_FILTER && id != SET_ADMIN_FILTER) || settings_has(s, id) ||
        settings_int(s, mode) != 0 || op->touched[mode])
        return ERR_OK;
    op->touched[mode] = true;
    settings_unset(s, mode, ORIGIN_DB);
    return json_object_set_new(how, "ended", json_integer(mode)) ? ERR_NOMEM : ERR_OK;
}

static int apply(struct op *op, struct settings *s, enum setting id, json_t *how, bool in_job,
                 struct err *err)
{
    json_t *ended = json_object_get(how, "ended");
    int rc;

    if (ended)
        op->touched[json_integer_value(ended)] = false;
    json_object_del(how, "ended");
    rc = json_object_get(how, "was") ? edit_value(s, id, how, in_job, err)
                                     : edit_list(s, id, how, err);
    if (!rc && end_mode(op, s, id, how))
        rc = err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    return rc;
}

int op_edit(struct op *op, enum setting id, json_t *how)
{
    int rc = check_shape(id, how, &op->err);
    json_t *kept = json_deep_copy(how);

    if (!rc && !op->edits)
        op->edits = json_object();
    if (!rc && (!kept || json_object_set(op->edits, setting_def(id)->key, kept)))
        rc = err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    if (!rc) {
        op->touched[id] = true;
        rc = apply(op, op->settings, id, kept, false, &op->err);
    }
    json_decref(kept);
    return rc;
}

/* ---- once more ---- */

/* Every edit on top of what the database says; *ret_same: that makes what was checked. */
static int edit_anew(struct op *op, struct settings *s, bool *ret_same, struct err *err)
{
    const char *key;
    json_t *how;
    enum setting id;
    int rc = ERR_OK;

    *ret_same = true;
    json_object_foreach(op->edits, key, how)
    {
        rc = setting_find(slice_of(key), &id, err);
        if (!rc && json_object_set_new(how, "before", json_string(settings_text(s, id))))
            rc = err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
        if (!rc)
            rc = apply(op, s, id, how, true, err);
        if (rc)
            return rc;
        *ret_same = *ret_same && strcmp(settings_text(s, id), settings_text(op->settings, id)) == 0;
    }
    return rc;
}

/* What the request sets without looking at what is there. */
static int carry_plain(struct op *op, struct settings *s, struct err *err)
{
    int i, rc = ERR_OK;

    for (i = 0; !rc && i < SET_COUNT; i++) {
        enum setting id = (enum setting)i;
        const char *text = settings_layer(op->settings, id, ORIGIN_DB);

        if (!op->touched[i] || json_object_get(op->edits, setting_def(id)->key))
            continue;
        if (text)
            rc = settings_set(s, id, ORIGIN_DB, slice_of(text), err);
        else
            settings_unset(s, id, ORIGIN_DB);
    }
    return rc;
}

int op_edits_again(struct db *db, struct op *op, struct err *err)
{
    struct settings now, old;
    bool same = true;
    int rc;

    op->stale = false;
    if (!op->edits)
        return ERR_OK;
    if (settings_copy(&now, op->settings))
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    rc = settings_load(&now, db, NULL, err);
    if (!rc)
        rc = carry_plain(op, &now, err);
    if (!rc)
        rc = edit_anew(op, &now, &same, err);
    if (!rc && !same && op->rounds++ == ROUNDS)
        rc = err_set(err, ERR_BUSY, "this setting is being changed by others, too: try again");
    if (!rc) {
        op->stale = !same;
        old = *op->settings;
        *op->settings = now;
        now = old;
    }
    settings_release(&now);
    return rc;
}

const char *op_edit_before(const struct op *op, enum setting id)
{
    return json_string_value(
        json_object_get(json_object_get(op->edits, setting_def(id)->key), "before"));
}

json_t *op_edit_absent(const struct op *op, enum setting id)
{
    return json_object_get(json_object_get(op->edits, setting_def(id)->key), "absent");
}
