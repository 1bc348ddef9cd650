/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "base/num.h"
#include "bot/setting_text.h"
#include "base/banned.h"

/*
 * Punishment by steps. Buttons of a step hold its number and a mark of all steps: when somebody has changed
 * them meanwhile, the number may be another step's, and nothing is done.
 */

static const char *const kinds[] = {"warn", "10m", "30m", "60m", "4h", "24h", "hand", "revoke"};

static void mark_of(const struct settings *s, char mark[9])
{
    text_mark(slice_of(settings_text(s, SET_PUNISHMENT_STEPS)), mark);
}

/* The steps one by one; how many. */
static size_t steps_of(const struct settings *s, struct slice steps[LIMIT_STEPS])
{
    struct slice rest = slice_of(settings_text(s, SET_PUNISHMENT_STEPS));
    size_t n = 0;

    while (rest.p && rest.n && n < LIMIT_STEPS)
        steps[n++] = slice_trim(slice_cut(&rest, ','));
    return n;
}

static const char *step_text(struct view *v, struct slice step)
{
    static const struct {
        char unit;
        int seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct slice number = step;
    int64_t n;
    size_t i;

    if (slice_eq(step, SLICE("warn")))
        return view_word(v, TEXT_STEP_WARN, NULL);
    if (slice_eq(step, SLICE("hand")))
        return view_word(v, TEXT_STEP_HAND, NULL);
    if (slice_eq(step, SLICE("revoke")))
        return view_word(v, TEXT_STEP_REVOKE, NULL);
    number.n -= step.n > 0;
    for (i = 0; step.n && i < ARRAY_LEN(units); i++)
        if (step.p[step.n - 1] == units[i].unit && !num_int(number, 0, INT32_MAX, &n))
            return view_word(v, TEXT_STEP_TIME, "span", view_span(v, n * units[i].seconds), NULL);
    return view_fmt(v, "%.*s", (int)step.n, step.p);
}

static void build(struct view *v)
{
    struct slice steps[LIMIT_STEPS];
    bool on = settings_bool(v->settings, SET_PUNISHMENT_ENABLED);
    size_t n = steps_of(v->settings, steps), i;
    char mark[9];

    mark_of(v->settings, mark);
    view_say(v, on ? TEXT_PUNISH_ON : TEXT_PUNISH_OFF, "span",
             view_setting(v, on ? SET_PUNISHMENT_WINDOW_HOURS : SET_TIME_TO_ACTIVE_USERS), NULL);
    view_gap(v);
    view_row(v);
    view_button(v, view_word(v, on ? TEXT_TURN_OFF : TEXT_TURN_ON, NULL), "apunon",
                on ? "false" : "true", NULL);
    for (i = 0; i < n; i++) {
        const char *what = step_text(v, steps[i]);

        view_say(v, TEXT_PUNISH_STEP, "n", view_int(v, (int64_t)i + 1), "what", what, NULL);
        view_row(v);
        view_button(v, view_fmt(v, "%zu. %s", i + 1, what), "sstep", view_int(v, (int64_t)i + 1),
                    mark, NULL);
    }
    view_say(v, TEXT_PUNISH_LAST, NULL);
}

/* Arguments: the number ("0": a new one) and the mark. */
static void build_step(struct view *v)
{
    struct slice steps[LIMIT_STEPS];
    size_t n = steps_of(v->settings, steps), i;
    int64_t at = 0;
    char mark[9];

    mark_of(v->settings, mark);
    if (num_int(slice_of(v->arg[0]), 0, LIMIT_STEPS, &at) || (size_t)at > n ||
        (at && strcmp(mark, v->arg[1]) != 0)) {
        view_say(v, TEXT_CHANGED_MEANWHILE, NULL);
        return;
    }
    view_html(v, "<b>");
    view_plain(v, at ? view_word(v, TEXT_STEP_EDIT, "n", v->arg[0], NULL)
                     : view_word(v, TEXT_STEP_ADD, NULL));
    view_html(v, "</b>\n");
    if (at)
        view_say(v, TEXT_SET_PRESENT, "value", step_text(v, steps[at - 1]), NULL);
    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        if (i % 2 == 0)
            view_row(v);
        view_button(v,
                    view_check(v, at && slice_eq(steps[at - 1], slice_of(kinds[i])),
                               step_text(v, slice_of(kinds[i]))),
                    "astset", v->arg[0], mark, kinds[i], NULL);
    }
    view_row(v);
    view_button(v, NULL, "istep", v->arg[0], mark, NULL);
    if (at > 1)
        view_button(v, NULL, "astup", v->arg[0], mark, NULL);
    if (at)
        view_button(v, NULL, "astdel", v->arg[0], mark, NULL);
}

/* ---- changes ---- */

enum edit { EDIT_SET, EDIT_UP, EDIT_DELETE };

static void edit(struct turn *t, enum edit what)
{
    struct slice steps[LIMIT_STEPS + 1], other;
    const struct settings *s = turn_settings(t);
    size_t n = steps_of(s, steps), i, out = 0;
    int64_t at = -1;
    struct buf text;
    char mark[9];

    mark_of(s, mark);
    if (num_int(slice_of(turn_arg(t, 0)),
                what == EDIT_SET  ? 0
                : what == EDIT_UP ? 2
                                  : 1,
                (int64_t)n, &at) ||
        strcmp(mark, turn_arg(t, 1)) != 0) {
        turn_fail(t, TEXT_CHANGED_MEANWHILE, NULL);
        return;
    }
    if (what == EDIT_SET && at == 0 && n == LIMIT_STEPS) {
        turn_fail(t, TEXT_STEP_FULL, NULL);
        return;
    }
    if (what == EDIT_DELETE && n == 1) {
        turn_fail(t, TEXT_STEP_LONE, NULL);
        return;
    }
    if (what == EDIT_SET && at == 0) {
        steps[n++] = slice_of(turn_arg(t, 2));
    } else if (what == EDIT_SET) {
        steps[at - 1] = slice_of(turn_arg(t, 2));
    } else if (what == EDIT_UP) {
        other = steps[at - 2];
        steps[at - 2] = steps[at - 1];
        steps[at - 1] = other;
    }
    buf_init(&text, LIMIT_SETTING_VALUE);
    for (i = 0; i < n; i++) {
        if (what == EDIT_DELETE && (int64_t)i + 1 == at)
            continue;
        if (out++)
            buf_add_char(&text, ',');
        buf_add_slice(&text, steps[i]);
    }
    setting_change_by(t, SET_PUNISHMENT_STEPS, OP_PATCH, "/config",
                      json_pack("{s{ssss}}", "punishment_steps", "value", buf_str(&text), "was",
                                settings_text(s, SET_PUNISHMENT_STEPS)));
    buf_release(&text);
}

static void run_set(struct turn *t)
{
    edit(t, EDIT_SET);
}

static void run_up(struct turn *t)
{
    edit(t, EDIT_UP);
}

static void run_delete(struct turn *t)
{
    edit(t, EDIT_DELETE);
}

static const struct screen screens[] = {
    {.id = "pun",
     .title = TEXT_PUNISH,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .build = build,
     .entries =
         ENTRIES(GO_AS("sstep|0", STEP_ADD), GO_BESIDE("astres"), SETTING(PUNISHMENT_WINDOW_HOURS),
                 SETTING(TIME_TO_ACTIVE_USERS), SETTING(PARDON_MINUTES))},
    {.id = "step", .parent = "spun", .role = OP_ROLE_OWNER, .build = build_step},
    {0},
};

static void run_toggle(struct turn *t)
{
    setting_change(t, SET_PUNISHMENT_ENABLED,
                   settings_bool(turn_settings(t), SET_PUNISHMENT_ENABLED) ? "off" : "on");
}

static const struct action actions[] = {
    {.id = "puntog",
     .run = run_toggle,
     .told = setting_told,
     .then = "spun",
     .role = OP_ROLE_OWNER},
    {.id = "punon",
     .method = OP_PUT,
     .path = "/steps",
     .body = "{\"enabled\":\"{?0}\"}",
     .told = setting_told,
     .then = "spun"},
    {.id = "stset", .run = run_set, .told = setting_told, .then = "spun", .role = OP_ROLE_OWNER},
    {.id = "stup",
     .label = TEXT_STEP_MOVE_UP,
     .run = run_up,
     .told = setting_told,
     .then = "spun",
     .role = OP_ROLE_OWNER},
    {.id = "stdel",
     .label = TEXT_STEP_REMOVE,
     .run = run_delete,
     .told = setting_told,
     .then = "spun",
     .role = OP_ROLE_OWNER},
    {.id = "stres",
     .label = TEXT_STEPS_RESET,
     .method = OP_PATCH,
     .path = "/config",
     .body = "{\"punishment_steps\":null}",
     .ask = TEXT_STEPS_RESET_ASK,
     .told = setting_told,
     .then = "spun"},
    {0},
};

static const struct input inputs[] = {
    {.id = "step",
     .label = TEXT_STEP_OTHER,
     .prompt = TEXT_STEP_ASK,
     .action = "stset",
     .back = "sstep|{0}|{1}"},
    {0},
};

static const struct slash commands[] = {
    {"punishment_status", TEXT_CMD_PUNISH, "npun", NULL, OP_ROLE_OWNER},
    {"punishment_toggle", TEXT_NONE, "apuntog", NULL, OP_ROLE_OWNER},
    {"punishment_set_window", TEXT_NONE, "aput|punishment_window_hours|spun||{0}",
     "nset|punishment_window_hours|spun", OP_ROLE_OWNER},
    {"punishment_set_steps", TEXT_NONE, "npun", NULL, OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_punish = {screens, actions, inputs, commands};
