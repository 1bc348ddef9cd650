/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/import_disabled.h"

#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "service/import/old_doc.h"
#include "store/db_events.h"
#include "store/db_import.h"
#include "base/banned.h"

static const int64_t old_term_us =
    1800 * STAMP_SECOND; /* what the old program kept to, whatever was set */

/* One user whom it had disabled. */
struct one {
    const char *name;
    int64_t id, at_us, due_us; /* STAMP_NONE: not known; never */
    bool due_guessed, is_late;
    json_t *person;
    int64_t groups[LIMIT_GROUPS]; /* he had before; none when not known */
    size_t n_groups;
    bool by_group;    /* active, and in the group only */
    int64_t group_id; /* which; 0: he was not moved */
};

static int64_t from_seconds(double s)
{
    return (int64_t)(s * 1000) * 1000;
}

static int times(const struct import *im, struct one *o, json_t *row, struct err *err)
{
    json_t *at = json_object_get(row, "disabled_at"), *due = json_object_get(row, "due_at");
    double s;

    o->at_us = STAMP_NONE;
    if (at && (!old_number(at, &s) || s < 0 || s > 4.2e9))
        return err_set(err, ERR_INVALID, "disabled.%.64s.disabled_at: no time", o->name);
    if (at)
        o->at_us = from_seconds(s);
    if (due && (!old_number(due, &s) || (s < 0 && s != -1) || s > 4.2e9))
        return err_set(err, ERR_INVALID, "disabled.%.64s.due_at: no time", o->name);
    o->due_guessed = !due;
    if (due)
        o->due_us = s < 0 ? STAMP_NONE : from_seconds(s);
    else if (o->at_us != STAMP_NONE)
        o->due_us = o->at_us + old_term_us;
    else
        o->due_us =
            im->now_us + settings_int(im->settings, SET_TIME_TO_ACTIVE_USERS) * STAMP_SECOND;
    o->is_late = o->due_us != STAMP_NONE && o->due_us <= im->now_us;
    return ERR_OK;
}

static int64_t old_group(const struct import *im)
{
    json_t *s = json_object_get(json_object_get(im->op->body, "settings"), "disabled_group_id");
    json_int_t id = 0;

    return old_whole(json_object_get(s, "value"), 1, 9e15, &id) ? id : 0;
}

static int groups(const struct import *im, struct one *o, json_t *row, struct err *err)
{
    json_t *list = json_object_get(row, "groups"), *now = json_object_get(o->person, "groups"),
           *one;
    int64_t only = json_integer_value(json_array_get(now, 0));
    json_int_t id;
    bool kept = false;
    size_t i;

    if (list && (!json_is_array(list) || json_array_size(list) > LIMIT_GROUPS))
        return err_set(err, ERR_INVALID, "disabled.%.64s.groups: no list of groups", o->name);
    json_array_foreach(list, i, one)
    {
        if (!old_whole(one, 1, 9e15, &id))
            return err_set(err, ERR_INVALID, "disabled.%.64s.groups: no group id", o->name);
        o->groups[o->n_groups++] = id;
        kept = kept || id == only;
    }
    /* The group method moved him into one group, and disabled him besides. */
    if (json_array_size(now) == 1 && !kept && (only == old_group(im) || o->n_groups))
        o->group_id = only;
    return ERR_OK;
}

/* Why he is not taken over; NULL: he is. */
static const char *objection(struct one *o, char *out, size_t max)
{
    int status = (int)json_integer_value(json_object_get(o->person, "status"));

    if (!o->person)
        return "the panel has no user of that name: nobody to enable";
    if (status == PANEL_STATUS_DISABLED)
        return NULL;
    o->by_group = status == PANEL_STATUS_ACTIVE && o->group_id > 0;
    if (o->by_group)
        return NULL;
    snprintf(out, max, "not disabled any more: the panel says %.40s",
             json_string_value(json_object_get(o->person, "word")));
    return out;
}

static void take_groups(struct one *o, struct db_row *row)
{
    json_t *now = json_object_get(o->person, "groups"), *one;
    size_t i;

    if (o->group_id) {
        memcpy(row->groups_before, o->groups, sizeof(o->groups));
        row->n_groups_before = o->n_groups;
        return;
    }
    json_array_foreach(now, i, one)
    {
        if (row->n_groups_before < LIMIT_GROUPS)
            row->groups_before[row->n_groups_before++] = json_integer_value(one);
    }
}

static int write_row(struct import *im, struct one *o, struct err *err)
{
    int64_t now = im->now_us, at = o->at_us != STAMP_NONE ? o->at_us : now / 1000 * 1000, row_id,
            verdict_id;
    struct db_violation v = {.user_id = o->id,
                             .name = slice_of(o->name),
                             .at_us = at,
                             .action = SLICE("taken over"),
                             .evidence = SLICE("{\"imported\":true}"),
                             .forgiven_us = STAMP_NONE,
                             .ordered_by = SLICE("import")};
    struct db_row row = {.user_id = o->id,
                         .name = slice_of(o->name),
                         .verdict_us = at,
                         .action = SLICE("taken over"),
                         .by_group = o->by_group,
                         .group_id = o->group_id,
                         .status_before = o->by_group ? SLICE("active") : SLICE("disabled"),
                         .edit_before_us = STAMP_NONE,
                         .user_created_us =
                             json_integer_value(json_object_get(o->person, "created")),
                         /* Earlier than applied: no call of ours is on its way (add_found). */
                         .intended_us = (at < now ? at : now) - 1000,
                         .applied_us = at < now ? at : now,
                         .due_us = o->due_us,
                         .closed_us = STAMP_NONE,
                         .answer_edit_us = json_integer_value(json_object_get(o->person, "edit")),
                         .answer_fields =
                             slice_of(json_string_value(json_object_get(o->person, "fields"))),
                         .ordered_by = SLICE("import")};
    struct db_event ev = {.at_us = now,
                          .kind = SLICE("adopted"),
                          .user_id = o->id,
                          .name = slice_of(o->name),
                          .who = slice_of(im->who),
                          .what = SLICE("disabled by the old program, and ours to enable")};
    bool found;
    int rc, i;

    /* A verdict of that very time may be here already; db_import_find looks as far. */
    for (found = true, i = 0; found && i < 20; i++, v.at_us += found ? 1000 : 0) {
        rc = db_import_violation(im->db, o->id, v.at_us, &found, err);
        if (rc)
            return rc;
    }
    row.verdict_us = v.at_us;
    if (o->due_us != STAMP_NONE)
        row.duration_us = o->due_us > row.applied_us ? o->due_us - row.applied_us : 1000;
    take_groups(o, &row);
    rc = db_journal_adopt(im->db, &row, &v, &row_id, &verdict_id, err);
    return rc ? rc : db_events_add(im->db, &ev, NULL, err);
}

static const char *when(int64_t us, char *out, size_t max)
{
    char text[STAMP_TEXT];

    if (us == STAMP_NONE)
        return "by hand";
    snprintf(out, max, "%s", stamp_iso(us, text));
    return out;
}

static void tell(struct import *im, const struct one *o, const char *old)
{
    char new[64], detail[256];
    bool no_groups =
        o->group_id && o->n_groups == 0 && settings_int(im->settings, SET_FALLBACK_GROUP_ID) == 0;

    snprintf(detail, sizeof(detail), "%s%s%s",
             o->due_guessed && o->at_us != STAMP_NONE
                 ? "no due time was kept: 30 minutes, as the old program did"
             : o->due_guessed ? "no time was kept: time_to_active_users from now"
                              : "",
             o->is_late ? (o->due_guessed ? "; enabled at once, the time is over"
                                          : "enabled at once, the time is over")
                        : "",
             no_groups ? "; which groups he had is not known: set fallback_group_id" : "");
    import_tell(im, "disabled", o->name, old, when(o->due_us, new, sizeof(new)),
                o->due_guessed ? IMPORT_CHANGED : IMPORT_TAKEN, detail[0] ? detail : NULL);
}

static int take(struct import *im, struct one *o, json_t *row, struct err *err)
{
    enum db_import_state state = DB_IMPORT_NONE;
    char text[128], due[64];
    const char *old = json_object_get(row, "due_at") ? when(o->due_us, due, sizeof(due)) : NULL,
               *no = objection(o, text, sizeof(text));
    int rc = o->id ? db_import_find(im->db, o->id, o->at_us, &state, err) : ERR_OK;

    if (rc)
        return rc;
    if (state != DB_IMPORT_NONE) {
        import_tell(im, "disabled", o->name, old, NULL, IMPORT_SAME,
                    state == DB_IMPORT_OPEN ? "is ours to enable already"
                                            : "was taken over before");
        return ERR_OK;
    }
    if (no) {
        import_tell(im, "disabled", o->name, old, NULL, IMPORT_LEFT, no);
        return ERR_OK;
    }
    tell(im, o, old);
    return write_row(im, o, err);
}

int disabled_import(struct import *im, json_t *from, struct err *err)
{
    const char *name;
    json_t *row;
    int rc = ERR_OK;

    json_object_foreach(from, name, row)
    {
        struct one o = {.name = name};

        if (!json_is_object(row))
            rc = err_set(err, ERR_INVALID, "disabled.%.64s: must be an object", name);
        o.person = import_person(im, name, &o.id);
        if (!rc)
            rc = times(im, &o, row, err);
        if (!rc)
            rc = groups(im, &o, row, err);
        if (!rc)
            rc = take(im, &o, row, err);
        if (rc)
            return rc;
    }
    return ERR_OK;
}
