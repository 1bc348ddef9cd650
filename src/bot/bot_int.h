/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_BOT_INT_H
#define BOT_BOT_INT_H

/*
 * What the files of the bot share; nobody else includes this.
 *
 * A menu is data. A file of screens (screens_….c) holds tables of screens, actions, inputs and commands,
 * gathers them in a `struct bot_part`, and stands in the list of parts.c. What happens between a press
 * and its answer is the framework's: it asks the operations a screen needs, without blocking, calls its
 * builder with their answers, adds Back and Home, edits the message, answers the press once.
 *
 * A button holds a *target*, a text of at most 64 bytes (codec.c):
 *
 *     kind id [/page] [|argument]…          "sdis/2", "susr|id:12", "aset|check_interval|60"
 *
 * kind: s shows a screen in place of the message, n shows it as a new message, a runs an action, i begins
 * an input, x takes the message away, - does nothing.
 * ids are at most 8 letters or digits and never change their meaning: buttons outlive the process.
 * Arguments are ids, keys and numbers, never names (a user is `id:12`); one that is too long or
 * holds `|` is remembered in the process and written as a short token; after a restart such a button is
 * kindly refused.
 *
 * What Main leads to: conf (Settings), lim (Limits), users, mon (Monitoring), rep (Reports), adm (Admin). A
 * user's card is "card|id:12".
 *
 * In tables a target is a template, as are paths and bodies: {0} … {5} stand for the arguments of what
 * is shown or run. In a path they are percent-encoded. In a body (JSON) a string or key "{0}" becomes the
 * argument as a string, "{#0}" as a number where it is one, "{?0}" as true or false where it is one.
 */

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"
#include "bot/bot.h"
#include "service/settings/settings.h"

struct turn;
struct view;

enum { BOT_ARGS = 6, BOT_ASKS = 4, BOT_ID = 8, BOT_DATA = 64 };

/* ---- tables ---- */

/* Bits of the flags of screens, actions, inputs and commands. */
enum {
    BOT_PRIVATE = 1, /* in a private chat only: shows or takes secrets */
    BOT_LEAVE = 2,   /* action: the message pressed is left as it is, the outcome is a toast */
    BOT_SECRET = 4,  /* input: the message sent is deleted once read */
    BOT_NO_HOME = 8, /* screen: without Back and Home (Main itself) */
};

/* A row of buttons a screen always has. Labels: the title of where it leads, unless label is given. */
struct entry {
    enum {
        ENTRY_END, /* ends a list */
        ENTRY_GO,  /* a target: screen, action or input */
        ENTRY_SET, /* a setting: shows its value, leads to its page (screens_setting.c) */
    } kind;
    const char *target;   /* GO */
    enum setting setting; /* SET */
    enum text_id label;
    bool beside; /* in the row of the entry before */
};
#define GO(target) \
    { \
        ENTRY_GO, target, 0, TEXT_NONE, false \
    }
#define GO_BESIDE(target) \
    { \
        ENTRY_GO, target, 0, TEXT_NONE, true \
    }
#define GO_AS(target, label) \
    { \
        ENTRY_GO, target, 0, TEXT_##label, false \
    }
#define GO_AS_BESIDE(target, label) \
    { \
        ENTRY_GO, target, 0, TEXT_##label, true \
    }
#define SETTING(id) \
    { \
        ENTRY_SET, NULL, SET_##id, TEXT_NONE, false \
    }
#define ENTRIES(...) ((const struct entry[]){__VA_ARGS__, {ENTRY_END}})

/*
 * A list inside a screen: the rows of `data` of answer 0, a page at a time. Where the operation has
 * offset and limit, it is asked for the page; else the page is cut out of the whole. The framework adds
 * the buttons to turn pages; a page past the end shows the last one.
 */
struct list {
    int per_page;
    enum text_id empty;
    /* One row: a line or more of text (view_say), buttons (a row of its own each time). */
    void (*row)(struct view *v, json_t *row);
};

struct screen {
    const char *id;
    enum text_id title; /* heading; label of buttons that lead here; NONE: `build` writes one */
    enum text_id intro; /* below the heading, or TEXT_NONE */
    const char *parent; /* target of Back; NULL: Main */
    unsigned flags;
    enum op_role role; /* who sees buttons to it; UNSAID: whoever may read what it asks */
    const char *ask
        [BOT_ASKS]; /* GETs whose answers it needs, "/users/{0}?x=y"; unanswered: an error is shown */
    unsigned may_fail; /* bit i: without ask[i] it is built all the same, answer[i] NULL */
    /* Writes what is above the list and the entries; NULL: nothing. */
    void (*build)(struct view *v);
    const struct list *list;
    const struct entry *entries;
};

/* Something done: an operation, or a function of its own. */
struct action {
    const char *id;
    enum text_id label; /* of its buttons, where they give none */
    unsigned flags;
    enum op_method method;
    const char *path; /* with the query, "/users/limits/{0}?enable=true"; NULL: run */
    const char *body; /* JSON, or NULL */
    /*
     * Asked before it is done, with the arguments as {0} … and the members of look's answer by their keys;
     * what the operation itself asks (409 confirm_needed) is always asked.
     */
    enum text_id ask;
    const char *look; /* a GET for the question, "/users/{0}", or NULL */
    /* Told after success, with {0} … and the members of the answer; NONE with told NULL: "Done." */
    enum text_id done;
    /* Tells it instead, from the answer: view_say writes the note above the next screen. */
    void (*told)(struct view *v, json_t *answer);
    const char *then; /* target of the screen shown afterwards, unless BOT_LEAVE */
    /*
     * Instead of path: does what it likes, and ends the turn by turn_go, turn_done, turn_fail or
     * turn_op (at once or later, exactly once).
     */
    void (*run)(struct turn *t);
    enum op_role role; /* who sees its buttons; UNSAID: whoever may call the operation */
};

/* A text awaited from an admin: it becomes the last argument of an action, or of the next input. */
struct input {
    const char *id;
    enum text_id label;  /* of its buttons, where they give none */
    enum text_id prompt; /* ({0} …) says what is allowed */
    unsigned flags;
    size_t max; /* bytes of what may be written; 0: LIMIT_BOT_INPUT */
    /* Adds to the prompt: what is allowed, the present value, buttons to choose from; may be NULL. */
    void (*build)(struct view *v);
    const char *ask[BOT_ASKS]; /* for build */
    const char *action;        /* id of the action … */
    const char *next;          /* … or of the input that comes next; both NULL: got */
    const char *back;          /* target that Cancel leads to */
    /*
     * Reads the message itself (a document, something forwarded) instead: ends the turn as action.run
     * does. The input goes on waiting after turn_fail, and ends otherwise.
     */
    void (*got)(struct turn *t, json_t *message);
    enum op_role role;
};

/* What is written with a slash. */
struct slash {
    const char *name;  /* without the slash */
    enum text_id help; /* a line in /help and in Telegram's list; NONE: understood but not listed */
    const char *target; /* {0} … the words after it */
    const char
        *bare; /* target when a word that `target` needs is missing; NULL: the help is shown */
    enum op_role role;
};

/* What a file adds; each list ends with an id (name) NULL, each may be NULL. */
struct bot_part {
    const struct screen *screens;
    const struct action *actions;
    const struct input *inputs;
    const struct slash *commands;
};
extern const struct bot_part part_main;
extern const struct bot_part part_settings;
extern const struct bot_part part_setting;
extern const struct bot_part part_panel;
extern const struct bot_part part_punish;
extern const struct bot_part part_filters;
extern const struct bot_part part_patterns;
extern const struct bot_part part_nodes;
extern const struct bot_part part_mode;
extern const struct bot_part part_limits;     /* card */
extern const struct bot_part part_users;      /* card */
extern const struct bot_part part_back;       /* card */
extern const struct bot_part part_card;       /* card */
extern const struct bot_part part_monitoring; /* card */
extern const struct bot_part part_reports;    /* card */
extern const struct bot_part part_notices;    /* notice */
extern const struct bot_part part_topics;     /* notice */
extern const struct bot_part part_admins;     /* admins */
extern const struct bot_part part_backup;     /* admins */
extern const struct bot_part part_webhook;    /* webhook */

/* The rows of all parts by id; NULL: no such. */
const struct screen *screen_find(struct slice id);
const struct action *action_find(struct slice id);
const struct input *input_find(struct slice id);
const struct slash *slash_find(struct slice name);
/* The rows of all parts by number, NULL past the last: for /help and tests. */
const struct screen *screen_at(size_t i);
const struct action *action_at(size_t i);
const struct input *input_at(size_t i);
const struct slash *slash_at(size_t i);

/* ---- a view: what a builder fills ---- */

/*
 * The message being built. Texts given out by view_… functions live as long as the view. Whatever fails
 * for want of memory makes the whole view fail, which the framework tells.
 */
struct view {
    struct bot *bot;
    const struct op_port *port;
    const struct settings *settings; /* in force */
    struct bot_admin admin;
    enum text_lang lang;
    bool is_private; /* a chat with one person, not a group */
    int64_t now_us;
    const char *arg[BOT_ARGS]; /* of the target; "" past n_args */
    size_t n_args;
    int64_t page;             /* of the list, from 0 */
    json_t *answer[BOT_ASKS]; /* of screen.ask; NULL only where it may_fail */
    struct buf text;          /* HTML */
    json_t *rows;             /* of buttons: [[{text,callback_data}…]…] */
    bool fresh_row;           /* the next button begins a row */
    bool failed;
    struct view_text *texts;
};

/*
 * Appends a text of the table and a line break: view_say(v, TEXT_X, "user", name, "n", view_int(v, 3), NULL).
 * Values are escaped; one whose name begins with `!` is HTML already ("!list" stands for {list}).
 */
void view_say(struct view *v, enum text_id id, ...) __attribute__((sentinel));
/* The same with texts and numbers of an answer's object (and its first row) as values, by their keys. */
void view_say_of(struct view *v, enum text_id id, json_t *answer);
/* Appends HTML as it is, without a line break; what came from outside must go through text_escape. */
void view_html(struct view *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Appends text escaped. */
void view_plain(struct view *v, const char *text);
/* Appends what an operation says in English, in the view's language where it is known (said.h). */
void view_said(struct view *v, const char *text);
/* The same as a value for view_say whose name begins with `!`: HTML, as long as the view. Never NULL. */
const char *view_said_value(struct view *v, const char *text);
/* An empty line, unless the text begins or has one. */
void view_gap(struct view *v);

/* A text of the table without HTML, for labels: as view_say, plain, no line break. Never NULL. */
const char *view_word(struct view *v, enum text_id id, ...) __attribute__((sentinel));
/* printf into a text that lives as long as the view. Never NULL. */
const char *view_fmt(struct view *v, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* What a setting has, for a person: "60 s", "on", "3 entries"; secrets only whether they are set. */
const char *view_setting(struct view *v, enum setting id);
/* Its name, and what it does (setting_text.c). */
enum text_id setting_title(enum setting id);
enum text_id setting_help(enum setting id);
/* A number; a user's reference `id:12`; a length of time (text_add_span). */
const char *view_int(struct view *v, int64_t n);
const char *view_user(struct view *v, int64_t id);
const char *view_span(struct view *v, int64_t seconds);
/* A time of an answer (ISO 8601; NULL "-") as `2026-11-25 23:45`; how long ago it was (text_add_span). */
const char *view_time(struct view *v, const char *iso);
const char *view_ago(struct view *v, const char *iso);

/* The next button begins a new row. */
void view_row(struct view *v);
/*
 * Adds a button to a screen, action or input (kind and id, "susr", "aena", "ilim"), with its arguments,
 * ended by NULL. label NULL: the title of the target. Nothing is added where the admin may not use it.
 * Labels are cut at 48 characters; a row takes at most 8.
 */
void view_button(struct view *v, const char *label, const char *kind_id, ...)
    __attribute__((sentinel));
/* The same with a page for a screen's list. */
void view_button_page(struct view *v, const char *label, const char *kind_id, int64_t page, ...)
    __attribute__((sentinel));
/* Adds a button from a whole target, as a table's templates give it: {0} … are the view's arguments. */
void view_target(struct view *v, const char *label, const char *target);
/* A button that opens an address. */
void view_link(struct view *v, const char *label, const char *url);
/* Adds the buttons that turn the pages of a screen (kind_id), which is at v->page of so many. */
void view_pages(struct view *v, const char *kind_id, int64_t pages);
/* "✅ " or "⬜ " before a label, as what is chosen. */
const char *view_check(struct view *v, bool on, const char *label);

/* Members of an answer's object: NULL, 0 or false when missing. */
const char *in_text(json_t *row, const char *key);
int64_t in_int(json_t *row, const char *key);
double in_real(json_t *row, const char *key);
bool in_bool(json_t *row, const char *key);
/* data of an answer, an empty list when missing: borrowed. */
json_t *in_data(json_t *answer);

/* ---- a turn: one press, command or text on its way to its answer ---- */

/* The arguments of what runs, "" past the last; who it is; the settings in force. */
const char *turn_arg(const struct turn *t, size_t i);
const struct bot_admin *turn_admin(const struct turn *t);
struct bot *turn_bot(const struct turn *t);
/* What one who is served is called, "" when nobody knows. Valid until the admins change. */
const char *bot_name_of(const struct bot *bot, int64_t user_id);
/* The notices, NULL where there are none. */
struct notices *bot_notices(const struct bot *bot);
int64_t turn_chat(const struct turn *t);
/* The message whose button was pressed; 0: none was. */
int64_t turn_pressed(const struct turn *t);
/* A view to write a note with (view_say), for turn_done and turn_fail; the turn's own, made when asked. */
struct view *turn_note(struct turn *t);

/* The end of turn_op; answer NULL when it is no JSON. */
typedef void (*turn_op_fn)(struct turn *t, int status, json_t *answer);
/*
 * Calls an operation as the turn's admin (role, scope, audit name). path with its query, already encoded
 * (path_fill); body stolen, NULL: none. fn once, never after bot_free. Many may be asked one after another;
 * the turn must still be ended.
 */
void turn_op(struct turn *t, enum op_method method, const char *path, json_t *body, turn_op_fn fn);
/* Room of a turn for its action's own state, freed with it by free(); NULL at first. */
void **turn_extra(struct turn *t);

/*
 * For what goes on after its turn has ended: a new turn of the same admin in the same place, in which this
 * action has just been done; its answer is a new message. NULL: no memory, or too many turns.
 */
struct turn *turn_after(const struct turn *t, const char *action);

/* Each of these ends the turn. */
/* Shows the target (a template), the note above it. */
void turn_go(struct turn *t, const char *target);
/* Success of an action: the note, or its `done`, above its `then`; BOT_LEAVE: as a toast. */
void turn_done(struct turn *t, json_t *answer);
/* What an operation answered (status 400 and more): a sentence by its code, the detail below; 409
 * confirm_needed asks, and Yes runs the action again with ?confirm=true. */
void turn_refused(struct turn *t, int status, json_t *answer);
/* The same with a text of the bot's own; an input goes on waiting. */
void turn_fail(struct turn *t, enum text_id id, ...) __attribute__((sentinel));

/* ---- templates (template.c) ---- */

/* Appends tmpl with {0} … replaced: as they are, or percent-encoded where encode. */
void path_fill(struct buf *out, const char *tmpl, const char *const *args, bool encode);
/* The body of a template, see above; NULL: no memory, or no JSON (a mistake in a table). */
json_t *body_fill(const char *tmpl, const char *const *args);
/* 8 hex digits that stand for a text in a target: the same in every life of the process. */
void text_mark(struct slice text, char out[9]);

#endif
