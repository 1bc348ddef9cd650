/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_NOTICE_INT_H
#define BOT_NOTICE_INT_H

/* What the files notice_….c share; nobody else includes this. */

#include <jansson.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "base/map.h"
#include "bot/notice/notice.h"
#include "service/texts/texts.h"

/* ---- a note: what one message stands for (notice_note.c) ---- */

enum {
    NOTE_ACTS = 6,
    NOTE_KEY = 96,
    NOTE_TEXT = 400,
    NOTE_PLACES = 1500,
    NOTE_KEEP = 4000, /* notes in memory; the oldest go first */
    FOLD_USERS = 2000 /* kept of one fold by name; the rest are counted */
};

/* Something done by a button of the message. what is a letter (notice_press.c). */
struct note_act {
    char what;
    bool done; /* false: on its way */
    int64_t n; /* the limit set */
    char who[64];
};

/* One line of a fold. */
struct note_line {
    int64_t user_id, owner_id;
    char *text; /* the user's name, or the line itself */
};

struct note {
    struct note *newer, *older; /* by last use */
    char key[NOTE_KEY]; /* "case:12", "node:3", "fold:warning:1764115200", "error:store:1a2b" */
    /*
     * The number of the message, seconds of when it was begun; 0: there is none (folded, or its kind is
     * off). With the key it is the slot in the outbox.
     */
    int64_t msg;
    int64_t msg_last;  /* the greatest so far: no number is used twice */
    int64_t msg_event; /* the event that it was begun with: its kind says to which topic */
    int64_t event;     /* enum notice_event: where it stands */
    int64_t user_id, owner_id;
    char name[LIMIT_USER_NAME + 1];
    int64_t first_us, at_us; /* the first and the last time this was told of */
    int64_t repeats;         /* how often, 1 at first */
    int64_t warned_us, step, disabled_us, until_us, seen_us, since_us, ended_us;
    int64_t limit, devices, count, bound, dropped;
    int64_t leaked, paused, hand;
    char who[64], ordered_by[64];
    char text[NOTE_TEXT];
    char places[NOTE_PLACES];
    char seen_at[192]; /* where he is still seen */
    struct note_act acts[NOTE_ACTS];
    int n_acts;
    bool moved;              /* being said for the last time: a newer message says the rest */
    struct note_line *lines; /* of a fold */
    size_t n_lines, cap_lines;
};

/* A note without anything but its key. NULL: no memory. */
struct note *note_new(const char *key);
void note_free(struct note *note);
/* Copies s, cut at a whole character. */
void note_set(char *out, size_t size, struct slice s);
/* As JSON, and back; note_read leaves unknown members. ERR_INVALID, ERR_NOMEM. */
void note_write(const struct note *note, struct buf *out);
int note_read(struct note *note, struct slice json) MUST_CHECK;
/* Adds a line to a fold; past FOLD_USERS only count grows. */
void note_add_line(struct note *fold, int64_t user_id, int64_t owner_id, struct slice text);
/* The act of a letter, NULL when there was none. */
struct note_act *note_act(struct note *note, char what);

/* ---- places: who reads it (notice_place.c) ---- */

struct place {
    int64_t chat_id, thread_id;
    enum text_lang lang;
    bool acts;     /* has buttons that change something */
    int64_t owner; /* over 0: only the users of this panel admin are shown */
};
typedef void (*place_fn)(void *arg, const struct place *place);
/*
 * Everyone who reads a message of this kind about a user of owner_id (0: not known; user false: about
 * the whole, which only those see who see everyone).
 */
void places_each(struct notices *n, enum notice_kind kind, bool user, int64_t owner_id, place_fn fn,
                 void *arg);

/* ---- words (notice_words.c, notice_text.c, notice_fold.c, notice_keys.c) ---- */

/* Appends who did it, for a person: "telegram:12" becomes the admin's name. HTML. */
void notice_who(struct notices *n, enum text_lang lang, const char *who, struct buf *out);
/* The message of a note for one place, HTML. A fold of which nobody is his gives "". */
void notice_text(struct notices *n, const struct note *note, const struct place *place,
                 struct buf *out);
/* The message of a user's case. moved: it only points to a newer one. */
void notice_case_text(struct notices *n, const struct note *note, enum text_lang lang, bool moved,
                      struct buf *out);
/* The message of what is about the whole (notice_thing.c). */
void notice_thing_text(struct notices *n, const struct note *note, enum text_lang lang,
                       struct buf *out);
/* Its buttons: an inline_keyboard, NULL for none. menu: what they ask for, '\0' at first. */
json_t *notice_keys(const struct note *note, const struct place *place, char menu);
/* Says a text of the table into out: names and values, ended by NULL; a name `!x` is HTML. */
void notice_say(struct buf *out, enum text_lang lang, enum text_id id, ...)
    __attribute__((sentinel));
/* The heading of a kind in the settings and topics. */
enum text_id notice_kind_text(enum notice_kind kind);
/* A time: whole, or the hour only where it is on the day of from_us. */
void notice_time(struct buf *out, int64_t us, int64_t from_us);

/* ---- the heart (notice.c) ---- */

struct bucket {
    double tokens;
    int64_t at_us;
};

struct notices {
    struct notices_opts o;
    struct telegram *tg;
    struct smap by_key;
    struct note *newest, *oldest;
    struct bucket buckets[NOTICE_KINDS];
    struct note *folds[NOTICE_KINDS]; /* open ones */
    bool dirty[NOTICE_KINDS];
    struct loop_timer *timer;
    struct notice_alarm *alarm; /* notice_log.c */
    struct load_job *loading;
    struct topics *topics;
    struct summary *summary;
};

/* Microseconds since 1970 of this turn. */
int64_t notices_now(const struct notices *n);
/* The note of a key, NULL when none is remembered; made when make. Moves it to the front. */
struct note *notices_find(struct notices *n, const char *key, bool make);
/* Keeps a note in the database. */
void notices_keep(struct notices *n, const struct note *note);
/* Whether a message of this kind may be sent by itself now: takes a token. */
bool notices_token(struct notices *n, enum notice_kind kind);
/* Whether the kind is switched on. */
bool notices_on(const struct notices *n, enum notice_kind kind);
/* Sends a note's message, or puts its present form in place of the one sent before. */
void notices_send(struct notices *n, struct note *note);
/* Begins a new message of a note, or a line of a fold when there are too many; off: nothing. */
void notices_begin(struct notices *n, struct note *note, struct slice line);
/*
 * Shows the buttons of a menu at the message of a note, or the usual ones ('\0'). pressed: the message it is
 * as long as Telegram has not told the number of what was sent.
 */
void notices_menu(struct notices *n, const struct note *note, const struct place *place, char menu,
                  int64_t pressed);

struct turn;
/* A button of a notification (notice_press.c): an action's run. */
void notice_pressed(struct turn *t);

/* An event of a user's case (notice_case.c); of the whole (notice_thing.c). */
void notice_case(struct notices *n, const struct notice *what);
void notice_thing(struct notices *n, const struct notice *what);

/* The daily summary (notice_summary.c); the answer of GET /summary as a message. */
int summary_new(struct notices *n) MUST_CHECK;
void summary_free(struct summary *s);
void notice_summary_text(json_t *answer, enum text_lang lang, struct buf *out);

/* Errors of the log (notice_log.c). */
int alarm_new(struct notices *n) MUST_CHECK;
void alarm_free(struct notice_alarm *a);

#endif
