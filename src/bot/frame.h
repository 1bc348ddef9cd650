/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_FRAME_H
#define BOT_FRAME_H

/* What the files of the framework share: the bot itself, turns, targets. Screens do not include this. */

#include "base/limits.h"
#include "bot/bot_int.h"
#include "telegram/tgshown.h"

/* ---- targets (target.c) ---- */

/* A button's data, read. Texts live as long as the struct, or as long as what they were read from. */
struct target {
    char
        kind; /* s n a y f i x -: see bot_int.h; y: asked already, f: the operation's question as well */
    char id[BOT_ID + 1];
    int64_t page;
    const char *arg[BOT_ARGS];
    size_t n;
    char text[BOT_DATA + 1]; /* where args that are no memory of the process stand */
};

/* Long arguments that buttons stand for, the newest ones. */
struct memo {
    char *texts[LIMIT_BOT_MEMO];
    uint32_t next;  /* number of the next one */
    uint32_t nonce; /* of this process: tokens of another are known as such */
};

/* Frees what is remembered. */
void memo_release(struct memo *m);
/*
 * Reads data as a button holds it. ERR_INVALID: not of that form, or a version's that is not this one.
 * ERR_NOT_FOUND: an argument is not remembered any more.
 */
int target_read(const struct memo *m, const char *data, struct target *ret) MUST_CHECK;
/*
 * Writes data; kind and id as in t, arguments that do not fit are remembered. out: BOT_DATA + 1 bytes.
 * ERR_TOO_BIG (an argument over LIMIT_BOT_ARG), ERR_NOMEM.
 */
int target_write(struct memo *m, const struct target *t, char *out) MUST_CHECK;
/*
 * Reads a table's template, "susr|{0}", with args for the placeholders; store keeps the texts. A template
 * whose arguments are all missing at its end loses them. ERR_INVALID, ERR_TOO_BIG, ERR_NOMEM.
 */
int target_fill(const char *tmpl, const char *const *args, struct buf *store,
                struct target *ret) MUST_CHECK;

/* ---- splitting (split.c) ---- */

/*
 * Cuts HTML into messages of at most max UTF-16 units (Telegram: 4096), at line ends where there are any;
 * tags that stand open are closed and opened again. Adds JSON strings to parts. ERR_NOMEM.
 */
int split_html(struct slice html, size_t max, json_t *parts) MUST_CHECK;
/* The number of UTF-16 units of a text. */
size_t split_units(struct slice s);
/* Appends HTML without its tags and with its entities resolved. */
void strip_html(struct buf *out, struct slice html);

/* ---- views (view.c) ---- */

struct turn;
/* An empty view for an admin; rows and text are made. Released by view_release. v->failed: no memory. */
void view_init(struct view *v, struct bot *bot, const struct bot_admin *admin, bool is_private);
/* Frees everything a view holds. */
void view_release(struct view *v);
/* As view_say and view_word with a va_list. */
void view_vsay(struct view *v, enum text_id id, va_list ap);
/* Cuts plain text to what a toast can show (200 characters). */
void view_toast_text(struct buf *out, struct slice html);
/* Whether an admin may use what a kind and id lead to. */
bool view_may(const struct bot_admin *admin, char kind, const char *id);

/* ---- the bot (bot.c) ---- */

/* A text that is awaited. */
struct pending {
    int64_t chat_id, admin_id; /* admin_id 0: free */
    int64_t until_us;          /* monotonic */
    int64_t message_id;        /* with the prompt and its Cancel */
    const struct input *input;
    char *args[BOT_ARGS];
    size_t n_args;
    bool busy; /* what was sent is being tried */
};

/* Somebody who is not served. */
struct stranger {
    int64_t id;
    int64_t told_us; /* monotonic, when he was last answered */
};

struct bot {
    struct bot_opts opts;
    struct notices *notices;
    struct memo memo;
    struct turn *turns;
    uint64_t last_turn;
    struct loop_timer *tick;
    int64_t toast_us; /* how long a press waits for its own answer before it gets one */
    struct pending pending[LIMIT_BOT_PENDING];
    struct stranger strangers[LIMIT_BOT_STRANGERS];
    int64_t stranger_us; /* when any of them was last answered */
    struct tgshown shown;
    struct brought *brought; /* a file that waits for a yes (restore.c) */
    bool started;
    struct turn *changing[SET_COUNT]; /* whose change, made out of its value, is on its way */
    struct turn *waiting;             /* for that, in order: next_waiting, each with a reference */
    uint64_t commands_told;           /* a mark of what Telegram knows as commands */
    struct naming *naming;            /* a name on its way to the database */
};

/* Calls a method in the lane of answers; params stolen; lang is that of its words. fn may be NULL. */
void bot_call(struct bot *bot, enum text_lang lang, const char *method, json_t *params,
              telegram_done_fn fn, void *arg);
/* The settings in force. */
const struct settings *bot_settings(const struct bot *bot);

/* ---- who it is (who.c) ---- */

/* Keeps what Telegram calls one who is served (a User), unless he has a name. */
void bot_learn_name(struct bot *bot, json_t *from);
/* The bot goes away. */
void bot_forget_naming(struct bot *bot);

/* ---- input (pending.c) ---- */

/* How long a text is awaited, monotonic microseconds. */
extern const int64_t pending_wait_us;
/* What a message shows is not known any more: it is edited whatever comes. */
void bot_forget(struct bot *bot, int64_t chat_id, int64_t message_id);
/* The message loses its buttons; id 0: nothing. */
void bot_strip(struct bot *bot, int64_t chat_id, int64_t message_id);

/* The text awaited from an admin in a chat; NULL: none. */
struct pending *pending_find(struct bot *bot, int64_t chat_id, int64_t admin_id);
/* Awaits a text: replaces what was awaited of him there before. Takes no ownership of args. ERR_NOMEM. */
int pending_begin(struct turn *t, const struct input *input, int64_t message_id) MUST_CHECK;
/* Ends it; the prompt loses its buttons when strip. */
void pending_end(struct bot *bot, struct pending *p, bool strip);
/* Ends those whose time is over, and tells so in place of the prompt. */
void pending_expire(struct bot *bot);

/* ---- changes of settings (setting_change.c) ---- */

/* How long a change waits for another one of the same setting, microseconds. */
extern const int64_t setting_wait_us;
/* Tells those who have waited so long by that monotonic time. */
void setting_change_expire(struct bot *bot, int64_t mono_us);
/* The bot goes away: nobody waits any more. */
void setting_change_forget(struct bot *bot);

/* ---- longer work (work.c) ---- */

typedef void (*turn_next_fn)(struct turn *t);
/* Says in place of the message, or in a new one, that something goes on; then fn, unless the bot is gone. */
void turn_working(struct turn *t, turn_next_fn fn, enum text_id id, ...) __attribute__((sentinel));
typedef void (*turn_raw_fn)(struct turn *t, int status, struct slice bytes);
/* As turn_op for bodies or answers that are no JSON; bytes live during fn. */
void turn_raw(struct turn *t, enum op_method method, const char *path, struct slice body,
              turn_raw_fn fn);
/*
 * Runs job(arg) on another thread, then done(t, arg) here; done also with t->bot NULL when the bot is gone
 * meanwhile: it frees arg.
 */
void turn_work(struct turn *t, op_work_fn job, void (*done)(struct turn *t, void *arg, int rc),
               void *arg);
/* "12.3 MB". */
const char *view_size(struct view *v, size_t bytes);

/* ---- a file brought (restore.c) ---- */

/* Frees it; NULL is allowed. */
void brought_free(struct brought *b);
/* Lets it go when nobody has said yes for ten minutes. */
void brought_expire(struct bot *bot);
/* inputs and actions of screens_backup.c */
void backup_run(struct turn *t);
void backup_run_secrets(struct turn *t);
void restore_got(struct turn *t, json_t *message);
void restore_run(struct turn *t);
void restore_cancel(struct turn *t);
void restore_open(struct turn *t);

/* ---- turns (turn.c) ---- */

struct turn {
    struct turn *next, **at; /* of bot->turns */
    struct bot *bot;         /* NULL: freed meanwhile */
    uint64_t no;
    int refs; /* operations and calls that still come back, and the turn itself until it ends */
    bool ended;
    struct bot_admin admin;
    int64_t chat_id, thread_id, message_id; /* message_id 0: the answer is a new message */
    int64_t pressed_id;                     /* the message whose button was pressed, 0 = none */
    bool is_private;
    bool from_input; /* a text that was awaited: a failure goes on waiting */
    bool superseded; /* a later press of the same message has begun */
    char *query;     /* the press that is not answered yet, or NULL */
    char data[BOT_DATA + 1];
    uint64_t pressed_mark; /* of the message as it was when it was pressed */
    int64_t began_us;      /* real time */
    char kind;
    const struct screen *screen;
    const struct action *action;
    const struct input *input;
    char *args[BOT_ARGS];
    size_t n_args;
    int64_t page;
    unsigned asking; /* answers of screen.ask that are awaited, and one while they are asked for */
    bool asked_last; /* the last page was asked for after one past the end */
    int statuses[BOT_ASKS];
    json_t *answers[BOT_ASKS];
    struct view note; /* when noted */
    bool noted;
    void *extra;
    void (*drop)(void *extra); /* frees it; NULL: free */
    enum setting changing;     /* of bot->changing, or what it waits for in bot->waiting */
    struct turn *next_waiting;
    int64_t waits_until_us; /* monotonic */
};

/* A turn of an admin in a chat; NULL: no memory. It ends by turn_run and what that leads to. */
struct turn *turn_new(struct bot *bot, const struct bot_admin *admin, int64_t chat_id,
                      bool is_private);
/* Does what the target says, or refuses kindly; ends the turn, now or later. */
void turn_run(struct turn *t, const struct target *target);
/* Appends an argument; the last one is replaced when there are BOT_ARGS. ERR_NOMEM. */
int turn_add_arg(struct turn *t, const char *text) MUST_CHECK;
/*
 * A line of the log at DEBUG: who, what ("shows", "asks", "runs" …), and id of a screen, input or action, e.g.
 * "telegram:5: shows scard|id:12". Arguments of actions are left out: people type secrets there.
 */
void turn_trace(const struct turn *t, const char *what, const char *id);
/* A view for the turn's admin with the turn's arguments. */
void turn_view(struct turn *t, struct view *v);
/* Ends: frees the turn once nothing comes back any more. Answers the press without a text if need be. */
void turn_end(struct turn *t);
/* A reference is dropped. */
void turn_unref(struct turn *t);
/* The text that was awaited has been read: nothing is awaited any more, and answers are new messages. */
void turn_input_over(struct turn *t);
/* Answers the press, once; text plain or NULL. */
void turn_toast(struct turn *t, const char *text, bool alert);
/* Says one sentence: as an alert on a press, else as a message; ends the turn. */
void turn_tell(struct turn *t, enum text_id id);
/* The same with a view's text; Home below where it is a message. */
void turn_tell_view(struct turn *t, struct view *v);

/* ---- screens (show.c) ---- */

/* Asks what the screen or input needs, builds it, sends it, ends the turn. */
void show_begin(struct turn *t);
/* Sends a view's text and buttons in place of the message, or as a new one; ends the turn. */
void show_send(struct turn *t, struct view *v);
/* Adds Back (a template; NULL: none) and Home to a view. */
void show_ways(struct view *v, const char *back);
/* Writes what an operation answered besides success: a sentence by its code, the detail below. */
void show_error(struct view *v, int status, json_t *answer);

/* ---- commands (commands.c) ---- */

/* Tells Telegram the commands in an admin's language, for the chat with him: fails until he has opened it. */
void commands_tell(struct bot *bot, const struct bot_admin *admin);

/* ---- actions (action.c) ---- */

/* Asks, runs the operation, goes on. */
void action_begin(struct turn *t);

#endif
