/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "telegram/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "telegram/outbox_int.h"
#include "base/banned.h"

/* What stands here: chats, their turn, and putting. outbox_send.c has the sending of a row. */

static const int64_t stuck_us = 5 * STAMP_SECOND;
static const int64_t wait_min_us = STAMP_SECOND, wait_max_us = 30 * STAMP_SECOND;

/* ---- chats ---- */

struct ob_chat *ob_chat_find(struct outbox *ob, int64_t id)
{
    size_t i;

    /* Chats are those of a handful of admins and their groups. */
    for (i = 0; i < ob->n_chats; i++)
        if (ob->chats[i]->id == id)
            return ob->chats[i];
    return NULL;
}

struct ob_chat *ob_chat_of(struct outbox *ob, int64_t id)
{
    struct ob_chat *c = ob_chat_find(ob, id), **grown;

    if (c || ob->n_chats >= LIMIT_TELEGRAM_CHATS)
        return c;
    grown = realloc(ob->chats, (ob->n_chats + 1) * sizeof(*grown));
    if (!grown)
        return NULL;
    ob->chats = grown;
    c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->id = id;
    backoff_init(&c->backoff, wait_min_us, wait_max_us);
    ob->chats[ob->n_chats++] = c;
    return c;
}

/* ---- jobs ---- */

static int job_run(struct db *db, void *arg, struct err *err)
{
    struct ob_job *j = arg;

    return j->run(db, j, err);
}

static void job_done(void *arg, int rc, const struct err *err)
{
    struct ob_job *j = arg;

    j->ob->jobs--;
    j->after(j, rc, err);
}

int ob_submit(struct ob_job *j, enum owner_kind kind)
{
    int rc = j->ob->submit(j->ob->store, kind, job_run, job_done, j);

    if (!rc)
        j->ob->jobs++;
    return rc;
}

void ob_stick(struct ob_job *j)
{
    struct outbox *ob = j->ob;

    j->next = ob->stuck;
    ob->stuck = j;
    if (!ob->told_stuck)
        log_warning("telegram", "the outbox cannot be written; what was sent is noted when it can");
    ob->told_stuck = true;
    if (!loop_timer_armed(ob->stuck_timer))
        loop_timer_set_real(ob->stuck_timer, stuck_us);
}

static void on_stuck(void *arg)
{
    struct outbox *ob = arg;
    struct ob_job *j, *list = ob->stuck;

    ob->stuck = NULL;
    ob->told_stuck = list != NULL;
    while ((j = list)) {
        list = j->next;
        if (ob_submit(j, OWNER_WRITE))
            ob_stick(j);
    }
}

/* ---- counting ---- */

struct ob_count {
    int64_t chat, rows, not_before_us;
};

struct ob_load {
    struct ob_job j;
    bool recover;
    int64_t recovered;
    struct ob_count *counts;
    size_t n, cap;
};

static int add_count(void *arg, int64_t chat, int64_t rows, int64_t not_before_us)
{
    struct ob_load *l = arg;
    struct ob_count *grown;
    size_t cap;

    if (l->n == l->cap) {
        cap = l->cap ? l->cap * 2 : 16;
        grown = realloc(l->counts, cap * sizeof(*grown));
        if (!grown)
            return ERR_NOMEM;
        l->counts = grown;
        l->cap = cap;
    }
    l->counts[l->n++] = (struct ob_count){chat, rows, not_before_us};
    return ERR_OK;
}

static int load_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_load *l = (struct ob_load *)j;
    int rc = ERR_OK;

    l->n = 0;
    l->recovered = 0;
    if (l->recover) {
        rc = db_outbox_recover(db, &l->recovered, err);
        if (!rc)
            rc = db_messages_expire(db, j->now_us - OB_MESSAGE_AGE, err);
    }
    return rc ? rc : db_outbox_chats(db, add_count, l, err);
}

static void load_after(struct ob_job *j, int rc, const struct err *err)
{
    struct ob_load *l = (struct ob_load *)j;
    struct outbox *ob = j->ob;
    int64_t real = loop_real_us(ob->loop), wall = ob_wall_us();
    struct ob_chat *c;
    size_t i;

    if (rc) {
        if (rc != ERR_CANCELLED)
            log_warning("telegram", "the outbox cannot be read: %s", err->text);
    } else {
        for (i = 0; i < ob->n_chats; i++)
            ob->chats[i]->rows = 0;
        for (i = 0; i < l->n; i++) {
            c = ob_chat_of(ob, l->counts[i].chat);
            if (!c)
                continue;
            c->rows = l->counts[i].rows;
            if (l->counts[i].not_before_us != STAMP_NONE && l->counts[i].not_before_us > wall)
                c->ready_us = real + l->counts[i].not_before_us - wall;
        }
        if (l->recovered)
            log_warning(
                "telegram",
                "%lld messages may have arrived when the program ended: they are sent again, "
                "with a sign",
                (long long)l->recovered);
    }
    free(l->counts);
    free(l);
    ob_pump(ob);
}

static int load(struct outbox *ob, bool recover)
{
    struct ob_load *l = calloc(1, sizeof(*l));
    int rc;

    if (!l)
        return ERR_NOMEM;
    l->j = (struct ob_job){.ob = ob,
                           .run = load_run,
                           .after = load_after,
                           .now_us = loop_wall_us(ob->loop)};
    l->recover = recover;
    rc = ob_submit(&l->j, OWNER_WRITE);
    if (rc)
        free(l);
    return rc;
}

/* ---- whose turn it is ---- */

int64_t ob_wall_us(void)
{
    struct timespec ts;

    /* Not the loop's, which a test may run faster: a 429 is in real time. */
    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * STAMP_SECOND + ts.tv_nsec / 1000;
}

static int64_t chat_wait(const struct outbox *ob, const struct ob_chat *c, int64_t now)
{
    int64_t wait;

    if (!c->rows || c->busy)
        return INT64_MAX;
    wait = telegram_wait_us(ob->tg, c->id);
    return c->ready_us - now > wait ? c->ready_us - now : wait;
}

static void on_pump(void *arg)
{
    struct outbox *ob = arg;
    int64_t now = loop_real_us(ob->loop), next = INT64_MAX, wait;
    struct ob_chat *ready[OB_TAKEN];
    size_t i, n = 0;

    if (!ob->tg || ob->stopped)
        return;
    if (ob->ready_us > now) {
        loop_timer_set_real(ob->pump_timer, ob->ready_us - now);
        return;
    }
    for (i = 0; i < ob->n_chats; i++) {
        struct ob_chat *c = ob->chats[(ob->turn + i) % ob->n_chats];

        wait = chat_wait(ob, c, now);
        if (wait <= 0 && n < OB_TAKEN && ob->sending + n < OB_SENDING)
            ready[n++] = c;
        else if (wait > 0 && wait < next)
            next = wait;
    }
    if (n) {
        ob->turn = (ob->turn + n) % ob->n_chats;
        ob_take(ob, ready, n);
    }
    if (next != INT64_MAX)
        loop_timer_set_real(ob->pump_timer, next);
}

void ob_pump(struct outbox *ob)
{
    if (!ob->stopped)
        loop_timer_set_real(ob->pump_timer, 0);
}

void ob_hold(struct outbox *ob)
{
    ob->ready_us = loop_real_us(ob->loop) + backoff_next(&ob->backoff, loop_random(ob->loop));
}

/* ---- putting ---- */

struct ob_put {
    struct ob_job j;
    struct db_outbox_row row;
    bool is_new;
    char *texts;
};

static int put_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_put *p = (struct ob_put *)j;

    return db_outbox_put(db, &p->row, &p->is_new, err);
}

static void put_free(struct ob_put *p)
{
    free(p->texts);
    free(p);
}

static void put_after(struct ob_job *j, int rc, const struct err *err)
{
    struct ob_put *p = (struct ob_put *)j;
    struct outbox *ob = j->ob;
    struct ob_chat *c = rc ? NULL : ob_chat_of(ob, p->row.chat_id);

    ob->putting--;
    if (rc && rc != ERR_CANCELLED)
        log_error("telegram", "a message cannot be kept, so it is not sent: %s", err->text);
    if (c && p->is_new)
        c->rows++;
    put_free(p);
    ob_pump(ob);
}

static struct slice copy(char **at, struct slice s)
{
    struct slice kept = {*at, s.n};

    if (s.n)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

int outbox_put(struct outbox *ob, const struct outbox_item *item, enum text_lang lang)
{
    struct slice field = slice_of(item->file_field), name = slice_of(item->file_name), file, slot,
                 params, method = slice_of(item->method);
    json_t *directed;
    struct ob_put *p;
    char *text, *at;
    int rc;

    if (!item->chat_id || !method.n || !json_is_object(item->params) ||
        item->slot.n > LIMIT_OUTBOX_SLOT)
        return ERR_INVALID;
    file = field.n ? item->file : (struct slice){NULL, 0};
    if (file.n > LIMIT_TELEGRAM_UPLOAD)
        return ERR_TOO_BIG;
    directed = json_copy((json_t *)item->params);
    text_direct_call(directed, lang);
    text = directed ? json_dumps(directed, JSON_COMPACT) : NULL;
    json_decref(directed);
    params = slice_of(text);
    slot = item->slot;
    p = calloc(1, sizeof(*p));
    at = malloc(params.n + slot.n + method.n + field.n + name.n + file.n + 1);
    if (!text || !p || !at || params.n > LIMIT_OUTBOX_PARAMS || !ob_chat_of(ob, item->chat_id)) {
        rc = text && params.n > LIMIT_OUTBOX_PARAMS ? ERR_TOO_BIG : ERR_NOMEM;
        free(text);
        free(p);
        free(at);
        return rc;
    }
    p->texts = at;
    p->j = (struct ob_job){.ob = ob, .run = put_run, .after = put_after};
    p->row = (struct db_outbox_row){.created_us = loop_wall_us(ob->loop),
                                    .chat_id = item->chat_id,
                                    .thread_id = item->thread_id,
                                    .edit = item->edit,
                                    .method = copy(&at, method),
                                    .params = copy(&at, params),
                                    .slot = copy(&at, slot),
                                    .file_field = copy(&at, field),
                                    .file_name = copy(&at, name)};
    if (field.n)
        p->row.file = copy(&at, file);
    free(text);
    rc = ob_submit(&p->j, OWNER_WRITE);
    if (rc)
        put_free(p);
    else
        ob->putting++;
    return rc;
}

/* ---- slots ---- */

struct ob_slot {
    struct ob_job j;
    int64_t chat, message_id, removed;
    size_t n;
    char slot[LIMIT_OUTBOX_SLOT];
    outbox_find_fn fn;
    void *arg;
};

static int slot_job(struct outbox *ob, int64_t chat, struct slice slot, const struct ob_job *j,
                    outbox_find_fn fn, void *arg)
{
    struct ob_slot *s = slot.n && slot.n <= LIMIT_OUTBOX_SLOT ? calloc(1, sizeof(*s)) : NULL;
    int rc;

    if (!s)
        return slot.n && slot.n <= LIMIT_OUTBOX_SLOT ? ERR_NOMEM : ERR_TOO_BIG;
    s->j = *j;
    s->j.ob = ob;
    s->chat = chat;
    s->n = slot.n;
    memcpy(s->slot, slot.p, slot.n);
    s->fn = fn;
    s->arg = arg;
    rc = ob_submit(&s->j, OWNER_WRITE);
    if (rc)
        free(s);
    return rc;
}

static int forget_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_slot *s = (struct ob_slot *)j;

    return db_outbox_forget(db, s->chat, (struct slice){s->slot, s->n}, &s->removed, err);
}

static void forget_after(struct ob_job *j, int rc, const struct err *err)
{
    struct ob_slot *s = (struct ob_slot *)j;
    struct ob_chat *c = ob_chat_find(j->ob, s->chat);

    if (rc && rc != ERR_CANCELLED)
        log_warning("telegram", "a message cannot be forgotten: %s", err->text);
    if (!rc && c)
        c->rows -= c->rows < s->removed ? c->rows : s->removed;
    free(s);
}

int outbox_forget(struct outbox *ob, int64_t chat_id, struct slice slot)
{
    const struct ob_job j = {.run = forget_run, .after = forget_after};

    return slot_job(ob, chat_id, slot, &j, NULL, NULL);
}

static int find_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_slot *s = (struct ob_slot *)j;
    int rc;

    s->message_id = 0;
    rc = db_messages_get(db, s->chat, (struct slice){s->slot, s->n}, &s->message_id, err);
    return rc == ERR_NOT_FOUND ? ERR_OK : rc;
}

static void find_after(struct ob_job *j, int rc, const struct err *err)
{
    struct ob_slot *s = (struct ob_slot *)j;

    (void)err;
    s->fn(s->arg, rc ? 0 : s->message_id);
    free(s);
}

int outbox_find(struct outbox *ob, int64_t chat_id, struct slice slot, outbox_find_fn fn, void *arg)
{
    const struct ob_job j = {.run = find_run, .after = find_after};

    return slot_job(ob, chat_id, slot, &j, fn, arg);
}

/* ---- a group that moved ---- */

struct ob_move {
    struct ob_job j;
    int64_t from, to;
};

static int move_run(struct db *db, struct ob_job *j, struct err *err)
{
    struct ob_move *m = (struct ob_move *)j;

    return db_outbox_migrate(db, m->from, m->to, err);
}

static void move_after(struct ob_job *j, int rc, const struct err *err)
{
    struct outbox *ob = j->ob;

    if (rc && rc != ERR_CANCELLED)
        log_warning("telegram", "the group's new id cannot be kept: %s", err->text);
    free(j);
    if (!rc && load(ob, false))
        log_warning("telegram", "the outbox cannot be read: the database is busy");
}

void outbox_migrate(struct outbox *ob, int64_t from_chat, int64_t to_chat)
{
    struct ob_move *m = calloc(1, sizeof(*m));

    if (!m)
        return;
    m->j = (struct ob_job){.ob = ob, .run = move_run, .after = move_after};
    m->from = from_chat;
    m->to = to_chat;
    if (ob_submit(&m->j, OWNER_WRITE))
        free(m);
}

/* ---- the whole ---- */

int outbox_new(const struct outbox_opts *opts, struct outbox **ret_ob)
{
    struct outbox *ob = calloc(1, sizeof(*ob));

    if (!ob)
        return ERR_NOMEM;
    ob->loop = opts->loop;
    ob->submit = opts->submit;
    ob->store = opts->store;
    ob->on_failed = opts->on_failed;
    ob->on_sent = opts->on_sent;
    ob->arg = opts->arg;
    backoff_init(&ob->backoff, wait_min_us, wait_max_us);
    if (loop_timer_new(ob->loop, on_pump, ob, &ob->pump_timer) ||
        loop_timer_new(ob->loop, on_stuck, ob, &ob->stuck_timer) || load(ob, true)) {
        outbox_free(ob);
        return ERR_NOMEM;
    }
    *ret_ob = ob;
    return ERR_OK;
}

void outbox_free(struct outbox *ob)
{
    struct err err = {0};
    struct ob_job *j;
    size_t i;

    if (!ob)
        return;
    while ((j = ob->stuck)) {
        ob->stuck = j->next;
        j->after(j, ERR_CANCELLED, &err);
    }
    for (i = 0; i < ob->n_chats; i++)
        free(ob->chats[i]);
    free(ob->chats);
    loop_timer_free(ob->pump_timer);
    loop_timer_free(ob->stuck_timer);
    free(ob);
}

void outbox_stop(struct outbox *ob)
{
    ob->stopped = true;
    loop_timer_stop(ob->pump_timer);
}

bool outbox_idle(const struct outbox *ob)
{
    return ob->sending == 0 && ob->jobs == 0;
}

void outbox_set_telegram(struct outbox *ob, struct telegram *tg)
{
    ob->tg = tg;
    if (tg)
        ob_pump(ob);
}

void outbox_state(struct outbox *ob, enum telegram_state state)
{
    if (state != TELEGRAM_OK)
        return;
    backoff_reset(&ob->backoff);
    ob->ready_us = 0;
    ob_pump(ob);
}

int64_t outbox_length(const struct outbox *ob)
{
    int64_t n = (int64_t)ob->putting;
    size_t i;

    for (i = 0; i < ob->n_chats; i++)
        n += ob->chats[i]->rows;
    return n;
}

uint64_t outbox_delivered(const struct outbox *ob)
{
    return ob->delivered;
}

uint64_t outbox_given_up(const struct outbox *ob)
{
    return ob->given_up;
}
