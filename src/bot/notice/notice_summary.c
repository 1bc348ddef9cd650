/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "service/day.h"
#include "store/db_settings.h"
#include "base/banned.h"

/*
 * The daily summary: once a day, also where the program was started after its hour, or twice. The day of
 * the last one stands in the table meta, written after the messages were laid into the outbox under a
 * slot of that day: what dies in between lays the same ones there again.
 */

static const char last_key[] = "summary_day";
static const int64_t look_us = 20 * STAMP_SECOND;

struct summary {
    struct notices *n;
    struct loop_timer *timer;
    struct day last; /* year 0: none so far */
    bool loaded;
    int hour; /* as it was at the last look; -1 off, -2 at the start */
    struct round *round;
    struct last_job *reading;
};

/* One day's summaries on their way. */
struct round {
    struct summary *s; /* NULL: it is gone */
    struct day today;
    int open; /* answers still to come, and one for the asking itself */
    bool failed;
};

struct ask {
    struct round *round;
    struct place place;
};

/* ---- in words ---- */

static const char *text_in(json_t *o, const char *key)
{
    const char *s = json_string_value(json_object_get(o, key));

    return s ? s : "";
}

static const char *number_in(json_t *o, const char *key, char out[32])
{
    snprintf(out, 32, "%lld", (long long)json_integer_value(json_object_get(o, key)));
    return out;
}

/* A line that stands only where its number is not 0. */
static void line_if(struct buf *out, enum text_lang lang, enum text_id id, json_t *o,
                    const char *key)
{
    char n[32];

    if (!json_integer_value(json_object_get(o, key)))
        return;
    buf_add_char(out, '\n');
    notice_say(out, lang, id, "n", number_in(o, key, n), NULL);
}

static void add_sharers(struct buf *out, enum text_lang lang, json_t *rows)
{
    char n[32], devices[32];
    json_t *row;
    size_t i;

    if (json_array_size(rows)) {
        buf_add_str(out, "\n\n");
        notice_say(out, lang, TEXT_N_SUM_TOP, NULL);
    }
    json_array_foreach(rows, i, row)
    {
        buf_add_char(out, '\n');
        notice_say(out, lang, TEXT_N_SUM_TOP_LINE, "user", text_in(row, "username"), "n",
                   number_in(row, "verdicts", n), "devices", number_in(row, "devices", devices),
                   NULL);
    }
}

static void add_nodes(struct buf *out, enum text_lang lang, json_t *rows)
{
    struct buf span;
    json_t *row;
    char n[32];
    size_t i;

    buf_init(&span, 128);
    json_array_foreach(rows, i, row)
    {
        buf_clear(&span);
        text_add_span(&span, lang, json_integer_value(json_object_get(row, "seconds")));
        buf_add_char(out, '\n');
        notice_say(out, lang, TEXT_N_SUM_NODE, "name", text_in(row, "name"), "n",
                   number_in(row, "times", n), "span", buf_str(&span), NULL);
    }
    buf_release(&span);
}

void notice_summary_text(json_t *o, enum text_lang lang, struct buf *out)
{
    char warned[32], disabled[32], ordered[32], enabled[32], by_hand[32], now[32];

    buf_add_str(out, "📊 <b>");
    text_escape(out, slice_of(text_in(o, "day")));
    buf_add_str(out, "</b>\n");
    notice_say(out, lang, TEXT_N_SUM_COUNTS, "warned", number_in(o, "warned", warned), "disabled",
               number_in(o, "disabled", disabled), "ordered", number_in(o, "ordered", ordered),
               "enabled", number_in(o, "enabled", enabled), "by_hand",
               number_in(o, "by_hand", by_hand), "now", number_in(o, "disabled_now", now), NULL);
    line_if(out, lang, TEXT_N_SUM_SHADOW, o, "shadow");
    line_if(out, lang, TEXT_N_SUM_FAILING, o, "restores_failing");
    add_nodes(out, lang, json_object_get(o, "nodes"));
    line_if(out, lang, TEXT_N_SUM_LINES, o, "late_lines");
    line_if(out, lang, TEXT_N_SUM_BACKLOG, o, "messages_waiting");
    add_sharers(out, lang, json_object_get(o, "sharers"));
}

/* ---- the day of the last one ---- */

struct last_job {
    struct summary *s; /* NULL: it is gone */
    char day[16];
};

static int read_last(struct db *db, void *arg, struct err *err)
{
    struct last_job *j = arg;
    int rc = db_meta_get(db, last_key, j->day, sizeof(j->day), err);

    if (rc)
        j->day[0] = '\0';
    return rc == ERR_NOT_FOUND || rc == ERR_TOO_BIG ? ERR_OK : rc;
}

static void read_done(void *arg, int rc, const struct err *err)
{
    struct last_job *j = arg;

    (void)err;
    if (rc == 0 && j->s) {
        if (day_parse(slice_of(j->day), &j->s->last))
            j->s->last = (struct day){0};
        j->s->loaded = true;
    }
    if (j->s)
        j->s->reading = NULL;
    free(j);
}

static int write_last(struct db *db, void *arg, struct err *err)
{
    const struct last_job *j = arg;

    return db_meta_put(db, last_key, slice_of(j->day), err);
}

static void write_done(void *arg, int rc, const struct err *err)
{
    if (rc && rc != ERR_CANCELLED)
        log_warning("notice", "the day of the last summary is not kept: %s", err->text);
    free(arg);
}

static void set_last(struct summary *s, const struct day *day)
{
    const struct op_port *port = s->n->o.port;
    struct last_job *j = calloc(1, sizeof(*j));

    s->last = *day;
    if (!j)
        return;
    day_text(day, j->day, sizeof(j->day));
    if (port->submit(port->store, OWNER_WRITE, write_last, write_done, j))
        free(j);
}

/* ---- asking and sending ---- */

static void round_end(struct round *r)
{
    if (--r->open)
        return;
    if (r->s) {
        r->s->round = NULL;
        if (!r->failed)
            set_last(r->s, &r->today);
    }
    free(r);
}

static void put(struct round *r, const struct place *place, json_t *answer)
{
    char slot[40], day[16];
    struct outbox_item item = {.chat_id = place->chat_id,
                               .thread_id = place->thread_id > 0 ? place->thread_id : 0,
                               .method = "sendMessage",
                               .edit = true};
    struct buf text;
    json_t *params;

    snprintf(slot, sizeof(slot), "summary:%s", day_text(&r->today, day, sizeof(day)));
    item.slot = slice_of(slot);
    buf_init(&text, 16384);
    notice_summary_text(answer, place->lang, &text);
    params = json_pack("{s:s,s:s}", "text", buf_str(&text), "parse_mode", "HTML");
    item.params = params;
    if (!params || outbox_put(r->s->n->o.outbox, &item, place->lang))
        r->failed = true;
    json_decref(params);
    buf_release(&text);
}

static void answered(void *arg, int status, struct slice json)
{
    struct ask *a = arg;
    struct round *r = a->round;
    json_t *answer = status == 200 ? json_loadb(json.p, json.n, 0, NULL) : NULL;

    if (!answer)
        r->failed = true;
    else if (r->s)
        put(r, &a->place, answer);
    json_decref(answer);
    free(a);
    round_end(r);
}

static void ask_for(void *arg, const struct place *place)
{
    struct round *r = arg;
    struct ask *a = malloc(sizeof(*a));
    struct op_request req = {.method = OP_GET,
                             .path = SLICE("/summary"),
                             .who = SLICE("pg-limiter"),
                             .role = OP_ROLE_OWNER,
                             .panel_admin_id = place->owner};

    if (!a) {
        r->failed = true;
        return;
    }
    *a = (struct ask){r, *place};
    r->open++;
    op_call(r->s->n->o.port, &req, answered, a);
}

static void begin(struct summary *s, const struct day *today)
{
    struct round *r = calloc(1, sizeof(*r));

    if (!r)
        return;
    *r = (struct round){s, *today, 1, false};
    s->round = r;
    if (notices_on(s->n, NOTICE_SUMMARY))
        places_each(s->n, NOTICE_SUMMARY, true, -1, ask_for, r);
    round_end(r);
}

static void look(void *arg)
{
    struct summary *s = arg;
    const struct settings *all = s->n->o.port->settings(s->n->o.port->app);
    int hour = (int)settings_int(all, SET_DAILY_SUMMARY_HOUR), was = s->hour;
    int64_t now_us = notices_now(s->n);
    struct day today;

    s->hour = hour;
    if (!s->loaded || s->round || !day_summary_due(now_us, hour, &s->last))
        return;
    today = day_of(now_us);
    /* Switched on after its hour: the first one comes tomorrow. */
    if (was == -1 || !s->last.year)
        set_last(s, &today);
    else
        begin(s, &today);
}

int summary_new(struct notices *n)
{
    const struct op_port *port = n->o.port;
    struct summary *s = calloc(1, sizeof(*s));
    struct last_job *j = calloc(1, sizeof(*j));

    if (!s || !j || loop_timer_new(n->o.loop, look, s, &s->timer)) {
        free(j);
        free(s);
        return ERR_NOMEM;
    }
    s->n = n;
    s->hour = -2;
    s->reading = j;
    n->summary = s;
    j->s = s;
    loop_timer_every(s->timer, look_us);
    if (port->submit(port->store, OWNER_READ, read_last, read_done, j)) {
        s->reading = NULL;
        free(j);
    }
    return ERR_OK;
}

void summary_free(struct summary *s)
{
    if (!s)
        return;
    if (s->reading)
        s->reading->s = NULL;
    if (s->round)
        s->round->s = NULL;
    loop_timer_free(s->timer);
    free(s);
}
