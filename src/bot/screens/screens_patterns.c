/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/num.h"
#include "bot/bot_int.h"
#include "base/banned.h"

/* Patterns of names: those that give a limit, those that give an owner. */

static void row_of(struct view *v, json_t *row, const char *value, const char *drop)
{
    const char *kind = in_text(row, "kind"), *pattern = in_text(row, "pattern");
    bool suffix = kind && kind[0] == 's';

    view_say(v, suffix ? TEXT_PAT_SUFFIX : TEXT_PAT_PREFIX, "pattern", pattern, "value", value,
             NULL);
    view_button(v,
                view_fmt(v, "🗑 %s%s%s", suffix ? "…" : "", pattern ? pattern : "?",
                         suffix ? "" : "…"),
                drop, view_int(v, in_int(row, "id")), NULL);
}

static void limit_row(struct view *v, json_t *row)
{
    int64_t limit = in_int(row, "limit");

    row_of(v, row, limit ? view_int(v, limit) : view_word(v, TEXT_VALUE_UNLIMITED, NULL), "aplimd");
}

static void owner_row(struct view *v, json_t *row)
{
    row_of(v, row, in_text(row, "admin"), "apownd");
}

static const struct list limits = {10, TEXT_PAT_NONE, limit_row};
static const struct list owners = {10, TEXT_PAT_NONE, owner_row};

/* ---- another limit for one, by its number ---- */

static void edited(struct turn *t, int status, json_t *answer)
{
    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    view_say(turn_note(t), TEXT_PAT_EDITED, "id", turn_arg(t, 0), "limit", turn_arg(t, 1), NULL);
    turn_done(t, answer);
}

static void listed(struct turn *t, int status, json_t *answer)
{
    const char *args[BOT_ARGS] = {"", "", turn_arg(t, 1), "", "", ""};
    json_t *row;
    int64_t id = 0;
    size_t i;

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    if (num_int(slice_of(turn_arg(t, 0)), 1, INT64_MAX, &id))
        id = 0;
    json_array_foreach(in_data(answer), i, row)
    {
        if (in_int(row, "id") != id || !in_text(row, "kind") || !in_text(row, "pattern"))
            continue;
        args[0] = in_text(row, "kind");
        args[1] = in_text(row, "pattern");
        turn_op(t, OP_POST, "/patterns",
                body_fill("{\"kind\":\"{0}\",\"pattern\":\"{1}\",\"limit\":\"{#2}\"}", args),
                edited);
        return;
    }
    turn_fail(t, TEXT_PAT_NO_ID, "id", turn_arg(t, 0), NULL);
}

static void run_edit(struct turn *t)
{
    turn_op(t, OP_GET, "/patterns", NULL, listed);
}

static const struct screen screens[] = {
    {.id = "pat",
     .title = TEXT_PAT,
     .parent = "sconf",
     .entries = ENTRIES(GO("splims"), GO("spowns"))},
    {.id = "plims",
     .title = TEXT_PAT_LIMITS,
     .intro = TEXT_PAT_LIMITS_INTRO,
     .parent = "spat",
     .ask = {"/patterns"},
     .list = &limits,
     .entries = ENTRIES(GO_AS("iplimt|prefix", PAT_ADD_PREFIX),
                        GO_AS_BESIDE("iplimt|suffix", PAT_ADD_SUFFIX))},
    {.id = "powns",
     .title = TEXT_PAT_OWNERS,
     .intro = TEXT_PAT_OWNERS_INTRO,
     .parent = "spat",
     .ask = {"/filters/admins/patterns"},
     .list = &owners,
     .entries = ENTRIES(GO_AS("ipownt|prefix", PAT_ADD_PREFIX),
                        GO_AS_BESIDE("ipownt|suffix", PAT_ADD_SUFFIX))},
    {0},
};

static const struct action actions[] = {
    {.id = "plima",
     .method = OP_POST,
     .path = "/patterns",
     .body = "{\"kind\":\"{0}\",\"pattern\":\"{1}\",\"limit\":\"{#2}\"}",
     .done = TEXT_PAT_SAVED,
     .then = "splims"},
    {.id = "plime", .run = run_edit, .then = "splims", .role = OP_ROLE_OWNER},
    {.id = "plimd",
     .method = OP_DELETE,
     .path = "/patterns/{0}",
     .ask = TEXT_PAT_ASK_DELETE,
     .done = TEXT_PAT_DELETED,
     .then = "splims"},
    {.id = "powna",
     .method = OP_POST,
     .path = "/filters/admins/patterns",
     .body = "{\"kind\":\"{0}\",\"pattern\":\"{1}\",\"admin\":\"{2}\"}",
     .done = TEXT_PAT_SAVED,
     .then = "spowns"},
    {.id = "pownd",
     .method = OP_DELETE,
     .path = "/filters/admins/patterns/{0}",
     .ask = TEXT_PAT_ASK_DELETE,
     .done = TEXT_PAT_DELETED,
     .then = "spowns"},
    {0},
};

static const struct input inputs[] = {
    {.id = "plimt",
     .prompt = TEXT_PAT_ASK_TEXT,
     .max = LIMIT_USER_NAME,
     .next = "pliml",
     .back = "splims"},
    {.id = "pliml", .prompt = TEXT_PAT_ASK_LIMIT, .action = "plima", .back = "splims"},
    {.id = "pownt",
     .prompt = TEXT_PAT_ASK_TEXT,
     .max = LIMIT_USER_NAME,
     .next = "pownl",
     .back = "spowns"},
    {.id = "pownl", .prompt = TEXT_PAT_ASK_ADMIN, .action = "powna", .back = "spowns"},
    {0},
};

static const struct slash commands[] = {
    {"list_limit_patterns", TEXT_CMD_PATTERNS, "nplims"},
    {"add_limit_prefix", TEXT_NONE, "aplima|prefix|{0}|{1}", "iplimt|prefix", OP_ROLE_OWNER},
    {"add_limit_postfix", TEXT_NONE, "aplima|suffix|{0}|{1}", "iplimt|suffix", OP_ROLE_OWNER},
    {"edit_limit_pattern", TEXT_NONE, "aplime|{0}|{1}", "nplims", OP_ROLE_OWNER},
    {"delete_limit_pattern", TEXT_NONE, "aplimd|{0}", "nplims", OP_ROLE_OWNER},
    {"list_patterns", TEXT_CMD_OWNERS, "npowns"},
    {"add_prefix", TEXT_NONE, "apowna|prefix|{1}|{0}", "ipownt|prefix", OP_ROLE_OWNER},
    {"add_postfix", TEXT_NONE, "apowna|suffix|{1}|{0}", "ipownt|suffix", OP_ROLE_OWNER},
    {"delete_pattern", TEXT_NONE, "apownd|{0}", "npowns", OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_patterns = {screens, actions, inputs, commands};
