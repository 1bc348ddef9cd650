/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/*
 * Group filter and admin filter, picked from what the panel has. An entry of the admin filter is a name or
 * `id:3`; what is picked here is written as an id, which outlives a new name.
 */

struct filter {
    bool admins;
    enum setting entries, mode;
    const char *path, *key, *set; /* of the operation; of its list; the action of a button */
};

static const struct filter group_filter = {
    false, SET_GROUP_FILTER, SET_GROUP_FILTER_MODE, "/filters/groups", "groups", "agfset"};
static const struct filter admin_filter = {
    true, SET_ADMIN_FILTER, SET_ADMIN_FILTER_MODE, "/filters/admins", "admins", "aafset"};

/* Whether an entry means the group or admin of this id and name. */
static bool means(const struct filter *f, struct slice entry, int64_t id, const char *name)
{
    struct slice number =
        f->admins && slice_starts(entry, SLICE("id:")) ? slice_skip(entry, 3) : entry;
    int64_t n;

    if ((!f->admins || number.p != entry.p) && !num_int(number, 1, INT64_MAX, &n))
        return n == id;
    return name && slice_eq(entry, slice_of(name));
}

static bool holds(const struct filter *f, const struct settings *s, int64_t id, const char *name)
{
    struct slice rest = slice_of(settings_text(s, f->entries));

    while (rest.p && rest.n)
        if (means(f, slice_trim(slice_cut(&rest, ',')), id, name))
            return true;
    return false;
}

/* Entries that the panel has nothing for. */
static void add_gone(struct view *v, const struct filter *f)
{
    struct slice rest = slice_of(settings_text(v->settings, f->entries)), one;
    json_t *row;
    struct buf list;
    size_t i;

    buf_init(&list, LIMIT_SETTING_VALUE + 1);
    while (rest.p && rest.n) {
        bool there = false;

        one = slice_trim(slice_cut(&rest, ','));
        json_array_foreach(in_data(v->answer[0]), i, row) there =
            there || means(f, one, in_int(row, "id"), in_text(row, "name"));
        if (!there)
            buf_addf(&list, "%s%.*s", list.n ? ", " : "", (int)one.n, one.p);
    }
    if (list.n)
        view_say(v, TEXT_FILTER_GONE, "list", buf_str(&list), NULL);
    buf_release(&list);
}

static void build(struct view *v, const struct filter *f)
{
    bool on = settings_has(v->settings, f->entries);
    bool exclude = settings_int(v->settings, f->mode) != 0;
    const char *mode = f->admins ? "aafmode" : "agfmode";

    view_say(v, !on ? TEXT_FILTER_OFF : exclude ? TEXT_FILTER_EXCLUDE : TEXT_FILTER_INCLUDE, NULL);
    add_gone(v, f);
    view_row(v);
    view_button(v, view_check(v, !exclude, view_word(v, TEXT_VALUE_INCLUDE, NULL)), mode, "include",
                NULL);
    view_button(v, view_check(v, exclude, view_word(v, TEXT_VALUE_EXCLUDE, NULL)), mode, "exclude",
                NULL);
    if (on) {
        view_row(v);
        view_button(v, NULL, f->admins ? "aafclr" : "agfclr", NULL);
    }
}

static void row_of(struct view *v, const struct filter *f, json_t *row)
{
    bool in = holds(f, v->settings, in_int(row, "id"), in_text(row, "name"));
    const char *name = in_text(row, "name");

    view_button_page(v,
                     view_check(v, in,
                                view_fmt(v, "%s (%lld)", name ? name : "?",
                                         (long long)in_int(row, "id"))),
                     f->set, 0, view_int(v, in_int(row, "id")), in ? "0" : "1",
                     view_int(v, v->page), name, NULL);
}

static void build_groups(struct view *v)
{
    build(v, &group_filter);
}

static void build_admins(struct view *v)
{
    build(v, &admin_filter);
}

static void group_row(struct view *v, json_t *row)
{
    row_of(v, &group_filter, row);
}

static void admin_row(struct view *v, json_t *row)
{
    row_of(v, &admin_filter, row);
}

/* Sends what comes to the entries and what goes; either may be NULL, and is taken over. */
static void edit(struct turn *t, const struct filter *f, json_t *add, json_t *drop)
{
    json_t *body = json_object();

    if ((add && json_object_set_new(body, "add", add)) ||
        (drop && json_array_size(drop) && json_object_set(body, "remove", drop))) {
        json_decref(body);
        body = NULL;
    }
    json_decref(drop);
    setting_change_by(t, f->entries, OP_PUT, f->path, body);
}

/* The entries there are that mean this one; NULL: no memory. */
static json_t *those_of(const struct turn *t, const struct filter *f, int64_t id, const char *name)
{
    struct slice rest = slice_of(settings_text(turn_settings(t), f->entries)), one;
    json_t *list = json_array();

    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (means(f, one, id, name) && json_array_append_new(list, json_stringn(one.p, one.n))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

/* Arguments: id, whether it shall be in, the page, its name. */
static void run_set(struct turn *t, const struct filter *f)
{
    bool in = strcmp(turn_arg(t, 1), "1") == 0;
    json_t *drop;
    char text[32];
    int64_t id;

    if (num_int(slice_of(turn_arg(t, 0)), 1, INT64_MAX, &id)) {
        turn_fail(t, TEXT_OLD_BUTTON, NULL);
        return;
    }
    snprintf(text, sizeof(text), "%s%lld", f->admins ? "id:" : "", (long long)id);
    drop = those_of(t, f, id, turn_arg(t, 3));
    /* Gone already by another's hand: that is said as a change of nothing. */
    if (!in && drop && !json_array_size(drop))
        json_array_append_new(drop, json_string(text));
    edit(t, f, in ? json_pack("[s]", text) : NULL, drop);
}

static void run_group(struct turn *t)
{
    run_set(t, &group_filter);
}

static void run_admin(struct turn *t)
{
    run_set(t, &admin_filter);
}

/* ---- as commands, with entries as they are written ---- */

static void put_list(struct turn *t, const struct filter *f, json_t *list)
{
    setting_change_by(t, f->entries, OP_PUT, f->path, json_pack("{so}", f->key, list));
}

static void run_words(struct turn *t, const struct filter *f)
{
    json_t *list = json_array();
    const char *at = turn_arg(t, 0);
    size_t n;

    for (; *at; at += n) {
        at += strspn(at, " ,\t\n");
        n = strcspn(at, " ,\t\n");
        if (n && json_array_append_new(list, json_stringn(at, n)))
            break;
    }
    put_list(t, f, list);
}

static void run_remove(struct turn *t, const struct filter *f)
{
    struct slice number = slice_of(turn_arg(t, 0));
    int64_t id;
    json_t *drop;

    if (f->admins)
        number = slice_starts(number, SLICE("id:")) ? slice_skip(number, 3) : SLICE("");
    if (num_int(number, 1, INT64_MAX, &id))
        id = 0;
    drop = those_of(t, f, id, turn_arg(t, 0));
    if (drop && !json_array_size(drop)) {
        json_decref(drop);
        turn_fail(t, TEXT_FILTER_NOT_IN, "entry", turn_arg(t, 0), NULL);
        return;
    }
    edit(t, f, NULL, drop);
}

/* Off, with what puts it back; off already: what can be chosen. */
static void run_toggle(struct turn *t, const struct filter *f)
{
    const struct settings *s = turn_settings(t);

    if (!settings_has(s, f->entries)) {
        turn_go(t, f->admins ? "naf" : "ngf");
        return;
    }
    view_say(turn_note(t), TEXT_FILTER_WAS, "command",
             f->admins ? "admin_filter_set" : "group_filter_set", "list",
             settings_text(s, f->entries), NULL);
    put_list(t, f, json_array());
}

static void run_group_words(struct turn *t)
{
    run_words(t, &group_filter);
}

static void run_admin_words(struct turn *t)
{
    run_words(t, &admin_filter);
}

static void run_group_remove(struct turn *t)
{
    run_remove(t, &group_filter);
}

static void run_admin_remove(struct turn *t)
{
    run_remove(t, &admin_filter);
}

static void run_group_toggle(struct turn *t)
{
    run_toggle(t, &group_filter);
}

static void run_admin_toggle(struct turn *t)
{
    run_toggle(t, &admin_filter);
}

static const struct list groups = {10, TEXT_FILTER_NOBODY, group_row};
static const struct list admins = {10, TEXT_FILTER_NOBODY, admin_row};

static const struct screen screens[] = {
    {.id = "gf",
     .title = TEXT_GF,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .ask = {"/panel/groups"},
     .build = build_groups,
     .list = &groups},
    {.id = "af",
     .title = TEXT_AF,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .ask = {"/panel/admins"},
     .build = build_admins,
     .list = &admins},
    {0},
};

#define FILTER(ID, PATH, KEY, RUN) \
    {.id = #ID "set", \
     .run = RUN, \
     .told = setting_told, \
     .then = "s" #ID "/{2}", \
     .role = OP_ROLE_OWNER}, \
        {.id = #ID "mode", \
         .method = OP_PUT, \
         .path = PATH, \
         .body = "{\"mode\":\"{0}\"}", \
         .told = setting_told, \
         .then = "s" #ID}, \
    { \
        .id = #ID "clr", .label = TEXT_FILTER_CLEAR, .method = OP_PUT, .path = PATH, \
        .body = "{\"" KEY "\":[]}", .ask = TEXT_SET_CLEAR_ASK, .told = setting_told, \
        .then = "s" #ID \
    }

#define WRITTEN(ID, RUN, THEN) \
    { \
        .id = ID, .run = RUN, .told = setting_told, .then = THEN, .role = OP_ROLE_OWNER \
    }

static const struct action actions[] = {
    FILTER(gf, "/filters/groups", "groups", run_group),
    FILTER(af, "/filters/admins", "admins", run_admin),
    WRITTEN("gfput", run_group_words, "sgf"),
    WRITTEN("afput", run_admin_words, "saf"),
    WRITTEN("gfdel", run_group_remove, "sgf"),
    WRITTEN("afdel", run_admin_remove, "saf"),
    WRITTEN("gftog", run_group_toggle, "sgf"),
    WRITTEN("aftog", run_admin_toggle, "saf"),
    {0},
};

static const struct slash commands[] = {
    {"group_filter_status", TEXT_CMD_GF, "ngf", NULL, OP_ROLE_OWNER},
    {"group_filter_toggle", TEXT_NONE, "agftog", NULL, OP_ROLE_OWNER},
    {"group_filter_mode", TEXT_NONE, "agfmode|{0}", "ngf", OP_ROLE_OWNER},
    {"group_filter_set", TEXT_NONE, "agfput|{0}", "ngf", OP_ROLE_OWNER},
    {"group_filter_add", TEXT_NONE, "agfset|{0}|1", "ngf", OP_ROLE_OWNER},
    {"group_filter_remove", TEXT_NONE, "agfdel|{0}", "ngf", OP_ROLE_OWNER},
    {"admin_filter_status", TEXT_CMD_AF, "naf", NULL, OP_ROLE_OWNER},
    {"admin_filter_toggle", TEXT_NONE, "aaftog", NULL, OP_ROLE_OWNER},
    {"admin_filter_mode", TEXT_NONE, "aafmode|{0}", "naf", OP_ROLE_OWNER},
    {"admin_filter_set", TEXT_NONE, "aafput|{0}", "naf", OP_ROLE_OWNER},
    {"admin_filter_add", TEXT_NONE, "aladd|admin_filter|saf||{0}", "naf", OP_ROLE_OWNER},
    {"admin_filter_remove", TEXT_NONE, "aafdel|{0}", "naf", OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_filters = {screens, actions, NULL, commands};
