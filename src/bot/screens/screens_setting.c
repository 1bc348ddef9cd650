/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/bot_int.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/*
 * The page of one setting: what it has, what it may have, and how to change it. Arguments of everything
 * here: the setting's key, then kind and id of the screen Back leads to, and that screen's argument.
 */

/* Values offered by buttons; for settings without a row the default alone. */
static const struct {
    enum setting id;
    const char *values;
} presets[] = {
    {SET_GENERAL_LIMIT, "1|2|3|4|5|0"},
    {SET_CHECK_INTERVAL, "60|90|120|180|240|300"},
    {SET_TIME_TO_ACTIVE_USERS, "300|600|900|1200|1800|3600"},
    {SET_COUNTRY_CODE, "IR|RU|CN"},
    {SET_MONITORING_PERIOD, "60|120|180|300|600"},
    {SET_EVIDENCE_THRESHOLD, "5|7|10|15"},
    {SET_PUNISHMENT_WINDOW_HOURS, "24|48|72|168"},
    {SET_PARDON_MINUTES, "0|30|60|180|720|1440"},
    {SET_PUNISH_RATE, "5|10|20|60"},
    {SET_SHARED_SOURCE_USERS, "0|5|10|20"},
    {SET_BACKUP_EVERY, "0|6|12|24|168"},
    {SET_DAILY_SUMMARY_HOUR, "off|0|6|8|9|12|18|21"},
};

enum { ENTRIES_A_PAGE = 10 };

/* The setting of argument 0; false: a button of another version. */
static bool setting_of(const char *key, enum setting *ret_id)
{
    return setting_find(slice_of(key), ret_id, NULL) == ERR_OK;
}

static bool is_static(enum setting id)
{
    return setting_def(id)->flags & SETTING_STATIC;
}

/* ---- the page ---- */

static void put_button(struct view *v, const char *label, const char *value)
{
    view_button(v, label, "aput", v->arg[0], v->arg[1], v->arg[2], value, NULL);
}

/* A value may be written in another way than the one that is offered: 1 and 1.0. */
static bool is_value(enum setting id, const char *value, const char *now)
{
    enum setting_type type = setting_def(id)->type;
    double a, b;

    if ((type == TYPE_INT || type == TYPE_REAL) && !num_real(slice_of(value), -1e15, 1e15, &a) &&
        !num_real(slice_of(now), -1e15, 1e15, &b))
        return a == b;
    return strcmp(value, now) == 0;
}

static void choices(struct view *v, enum setting id, const char *list, int a_row)
{
    struct slice rest = slice_of(list), word;
    int n = 0;

    while (rest.p) {
        const char *value;

        word = slice_cut(&rest, '|');
        value = view_fmt(v, "%.*s", (int)word.n, word.p);
        if (setting_is_later(id, value))
            continue;
        if (n++ % a_row == 0)
            view_row(v);
        put_button(v,
                   view_check(v, is_value(id, value, settings_text(v->settings, id)),
                              setting_value_text(v, id, value)),
                   value);
    }
}

static void numbers(struct view *v, enum setting id)
{
    const char *list = setting_def(id)->def;
    size_t i;

    for (i = 0; i < ARRAY_LEN(presets); i++)
        if (presets[i].id == id)
            list = presets[i].values;
    choices(v, id, list, 3);
}

/* The entries of a list, each with a button that takes it away. */
static void entries(struct view *v, enum setting id)
{
    struct slice rest = slice_of(settings_text(v->settings, id)), one;
    int64_t n = 0, from = v->page * ENTRIES_A_PAGE, pages;
    char mark[9];

    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (n >= from && n < from + ENTRIES_A_PAGE) {
            text_mark(one, mark);
            view_row(v);
            view_button(v, view_fmt(v, "🗑 %.*s", (int)one.n, one.p), "aldel", v->arg[0],
                        v->arg[1], v->arg[2], mark, NULL);
        }
        n++;
    }
    pages = (n + ENTRIES_A_PAGE - 1) / ENTRIES_A_PAGE;
    if (pages > 1)
        view_pages(v, "sset", pages);
    view_row(v);
    view_button(v, view_word(v, TEXT_SET_ADD, NULL), "iladd", v->arg[0], v->arg[1], v->arg[2],
                NULL);
    if (n)
        view_button(v, view_word(v, TEXT_SET_CLEAR, NULL), "aempty", v->arg[0], v->arg[1],
                    v->arg[2], NULL);
}

static void buttons(struct view *v, enum setting id)
{
    const struct setting_def *def = setting_def(id);

    switch (def->type) {
    case TYPE_BOOL:
        choices(v, id, "true|false", 2);
        return;
    case TYPE_ENUM:
        choices(v, id, def->choices, 2);
        return;
    case TYPE_INT:
    case TYPE_REAL:
    case TYPE_HOUR:
        numbers(v, id);
        break;
    case TYPE_COUNTRIES:
        numbers(v, id);
        entries(v, id);
        return;
    default:
        if (setting_is_list(id)) {
            entries(v, id);
            return;
        }
    }
    view_row(v);
    view_button(v, NULL, def->type == TYPE_SECRET ? "isec" : "ival", v->arg[0], v->arg[1],
                v->arg[2], NULL);
    if (setting_may_be_empty(id) && settings_has(v->settings, id))
        view_button(v, view_word(v, TEXT_SET_CLEAR, NULL), "aempty", v->arg[0], v->arg[1],
                    v->arg[2], NULL);
}

/* Other ways to set it, by picking what the panel has. */
static const char *picker_of(enum setting id)
{
    switch (id) {
    case SET_DISABLED_GROUP_ID:
    case SET_FALLBACK_GROUP_ID:
        return "spick|{0}";
    case SET_GROUP_FILTER:
        return "sgf";
    case SET_ADMIN_FILTER:
        return "saf";
    case SET_CDN_NODES:
    case SET_DISABLED_NODES:
        return "snod";
    default:
        return NULL;
    }
}

/* What .env or the environment says, where that is not what is in force. */
static void add_outside(struct view *v, enum setting id)
{
    const char *env = settings_layer(v->settings, id, ORIGIN_ENV);
    const char *text = env ? env : settings_layer(v->settings, id, ORIGIN_FILE);

    if (!text || !settings_layer(v->settings, id, ORIGIN_DB) ||
        strcmp(text, settings_text(v->settings, id)) == 0)
        return;
    view_say(v, TEXT_SET_OUTSIDE, "place",
             view_word(v, setting_origin_text(env ? ORIGIN_ENV : ORIGIN_FILE), NULL), "value",
             setting_value_text(v, id, text), NULL);
}

static void build(struct view *v)
{
    enum setting id;

    if (!setting_of(v->arg[0], &id)) {
        view_say(v, TEXT_OLD_BUTTON, NULL);
        return;
    }
    view_html(v, "<b>");
    view_plain(v, view_word(v, setting_title(id), NULL));
    view_html(v, "</b>\n");
    if (v->lang == TEXT_EN) /* its name on the command line; among other scripts it only disturbs */
        view_html(v, "<code>%s</code>\n", setting_def(id)->key);
    view_say(v, setting_help(id), NULL);
    view_gap(v);
    view_say(v, TEXT_SET_NOW, "value", view_setting(v, id), "origin",
             view_word(v, setting_origin_text(settings_origin(v->settings, id)), NULL), NULL);
    add_outside(v, id);
    setting_add_allowed(v, id);
    if (setting_is_later(id, settings_text(v->settings, id)))
        view_say(v, TEXT_SET_LATER, NULL);
    if (is_static(id)) {
        view_say(v, TEXT_SET_STATIC, "env", setting_def(id)->env, NULL);
        return;
    }
    view_say(v, TEXT_SET_DEFAULT, "value",
             setting_value_text(v, id, settings_layer(v->settings, id, ORIGIN_DEFAULT)), NULL);
    if (picker_of(id)) {
        view_row(v);
        view_target(v, view_word(v, TEXT_SET_PICK, NULL), picker_of(id));
    }
    buttons(v, id);
    if (settings_layer(v->settings, id, ORIGIN_DB)) {
        view_row(v);
        view_button(v, NULL, "areset", v->arg[0], v->arg[1], v->arg[2], NULL);
    }
}

/* ---- all of them, by section ---- */

static void build_sections(struct view *v)
{
    int section, id;

    for (section = 0; section < SECTION_COUNT; section++) {
        int n = 0;

        for (id = 0; id < SET_COUNT; id++)
            n += (int)setting_def((enum setting)id)->section == section &&
                 !is_static((enum setting)id);
        if (!n)
            continue;
        view_row(v);
        view_button(v,
                    view_fmt(v, "%s (%d)",
                             view_word(v, section_title((enum setting_section)section), NULL), n),
                    "ssec", view_int(v, section), NULL);
    }
}

static void build_section(struct view *v)
{
    int64_t section = SECTION_COUNT;
    int i;

    if (num_int(slice_of(v->arg[0]), 0, SECTION_COUNT - 1, &section)) {
        view_say(v, TEXT_OLD_BUTTON, NULL);
        return;
    }
    view_html(v, "<b>");
    view_plain(v, view_word(v, section_title((enum setting_section)section), NULL));
    view_html(v, "</b>\n");
    for (i = 0; i < SET_COUNT; i++) {
        enum setting id = (enum setting)i;
        const char *name;

        if (setting_def(id)->section != (enum setting_section)section || is_static(id))
            continue;
        name = view_word(v, setting_title(id), NULL);
        view_html(v, "• ");
        view_plain(v, name);
        view_html(v, ": <b>");
        view_plain(v, view_setting(v, id));
        view_html(v, "</b>\n");
        view_row(v);
        view_button(v, name, "sset", setting_def(id)->key, "ssec", v->arg[0], NULL);
    }
}

/* ---- changes ---- */

static void told_put(struct view *v, json_t *answer)
{
    json_t *row = json_array_get(in_data(answer), 0);
    const char *note = in_text(row, "note");
    int64_t stay = in_int(answer, "stay_disabled");
    enum setting id;

    if (!in_text(row, "key") || !setting_of(in_text(row, "key"), &id)) {
        view_say(v, TEXT_DONE, NULL);
        return;
    }
    view_say(v, TEXT_SET_DONE, "name", view_word(v, setting_title(id), NULL), "value",
             setting_value_text(v, id, in_text(row, "value")), NULL);
    note = note ? note : in_text(answer, "note");
    /* That .env says something else is told in his language by the page. */
    if (note && !strstr(note, "the database is in force")) {
        view_html(v, "<i>");
        view_said(v, note);
        view_html(v, "</i>\n");
    }
    if (stay)
        view_say(v, TEXT_MODE_STAY, "n", view_int(v, stay), NULL);
}

void setting_told(struct view *v, json_t *answer)
{
    told_put(v, answer);
}

static void run_add(struct turn *t)
{
    setting_list_change(t, turn_arg(t, 0), turn_arg(t, 3), true);
}

/* The entry whose mark the button holds. */
static void run_del(struct turn *t)
{
    struct slice rest, one;
    enum setting id;
    char mark[9], text[LIMIT_SETTING_VALUE + 1];

    if (!setting_of(turn_arg(t, 0), &id)) {
        turn_fail(t, TEXT_OLD_BUTTON, NULL);
        return;
    }
    rest = slice_of(settings_text(turn_settings(t), id));
    while (rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        text_mark(one, mark);
        if (strcmp(mark, turn_arg(t, 3)) == 0 && one.n < sizeof(text)) {
            memcpy(text, one.p, one.n);
            text[one.n] = '\0';
            setting_list_change(t, turn_arg(t, 0), text, false);
            return;
        }
    }
    turn_fail(t, TEXT_CHANGED_MEANWHILE, NULL);
}

static void build_prompt(struct view *v)
{
    enum setting id;

    if (!setting_of(v->arg[0], &id))
        return;
    view_html(v, "<b>");
    view_plain(v, view_word(v, setting_title(id), NULL));
    view_html(v, "</b>\n");
    view_say(v, setting_help(id), NULL);
    if (setting_def(id)->type != TYPE_SECRET)
        view_say(v, TEXT_SET_PRESENT, "value", view_setting(v, id), NULL);
    setting_add_allowed(v, id);
}

#define BACK "sset|{0}|{1}|{2}"

static const struct screen screens[] = {
    {.id = "set", .parent = "{1}|{2}", .role = OP_ROLE_OWNER, .build = build},
    {.id = "all",
     .title = TEXT_ALL_SETTINGS,
     .intro = TEXT_ALL_SETTINGS_INTRO,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .build = build_sections},
    {.id = "sec",
     .title = TEXT_ALL_SETTINGS,
     .parent = "sall",
     .role = OP_ROLE_OWNER,
     .build = build_section},
    {0},
};

static const struct action actions[] = {
    {.id = "put",
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"{0}\":\"{3}\"}",
     .told = told_put,
     .then = BACK},
    {.id = "empty",
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"{0}\":\"\"}",
     .ask = TEXT_SET_CLEAR_ASK,
     .told = told_put,
     .then = BACK},
    {.id = "reset",
     .label = TEXT_SET_RESET,
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"{0}\":null}",
     .told = told_put,
     .then = BACK},
    {.id = "ladd", .run = run_add, .told = told_put, .then = BACK, .role = OP_ROLE_OWNER},
    {.id = "ldel", .run = run_del, .told = told_put, .then = BACK, .role = OP_ROLE_OWNER},
    {0},
};

static const struct input inputs[] = {
    {.id = "val",
     .label = TEXT_SET_OTHER,
     .prompt = TEXT_SET_ASK,
     .build = build_prompt,
     .action = "put",
     .back = BACK},
    {.id = "sec",
     .label = TEXT_SET_OTHER,
     .prompt = TEXT_SET_ASK_SECRET,
     .flags = BOT_SECRET,
     .build = build_prompt,
     .action = "put",
     .back = BACK},
    {.id = "ladd",
     .label = TEXT_SET_ADD,
     .prompt = TEXT_SET_ASK_ENTRY,
     .build = build_prompt,
     .action = "ladd",
     .back = BACK},
    {0},
};

const struct bot_part part_setting = {screens, actions, inputs, NULL};
