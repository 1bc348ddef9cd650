/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/stamp.h"
#include "bot/topics_int.h"
#include "service/jout.h"
#include "base/banned.h"

static const int64_t first_us = 5 * STAMP_SECOND; /* its title is asked for after the start */

/* ---- where a kind goes ---- */

bool topics_place(const struct topics *t, enum notice_kind kind, int64_t *ret_chat,
                  int64_t *ret_thread)
{
    if (!t || !t->group || t->broken || t->gone[kind] || t->thread[kind] < 0)
        return false;
    *ret_chat = t->group;
    *ret_thread = t->thread[kind];
    return true;
}

bool topics_same(const struct topics *t, enum notice_kind a, enum notice_kind b)
{
    int64_t chat_a = 0, thread_a = 0, chat_b = 0, thread_b = 0;

    (void)topics_place(t, a, &chat_a, &thread_a);
    (void)topics_place(t, b, &chat_b, &thread_b);
    return chat_a == chat_b && thread_a == thread_b;
}

/* ---- the table ---- */

struct topics_read {
    struct topics *t;
    int64_t group;
    int64_t thread[NOTICE_KINDS];
    bool routed[NOTICE_KINDS];
};

static int read_row(void *arg, const struct db_chat *row)
{
    struct topics_read *r = arg;
    enum notice_kind kind = notice_kind_find(row->topic);

    if (!row->topic.n) {
        r->group = row->chat_id;
    } else if (kind < NOTICE_KINDS && row->chat_id == r->group) {
        r->thread[kind] = row->thread_id;
        r->routed[kind] = true;
    }
    return ERR_OK;
}

static int read_chats(struct db *db, void *arg, struct err *err)
{
    struct topics_read *r = arg;

    r->group = 0;
    memset(r->thread, 0, sizeof(r->thread));
    memset(r->routed, 0, sizeof(r->routed));
    return db_chats_each(db, read_row, r, err);
}

static void read_done(void *arg, int rc, const struct err *err)
{
    struct topics_read *r = arg;
    struct topics *t = r->t;
    int i;

    if (t && rc && rc != ERR_CANCELLED)
        log_warning("notice", "the topics cannot be read: %s", err->text);
    if (t)
        t->reading = NULL;
    if (t && !rc) {
        if (r->group != t->group) {
            t->broken = false;
            snprintf(t->title, sizeof(t->title), "%s",
                     r->group == t->asked_group ? t->asked_title : "");
        }
        for (i = 0; i < NOTICE_KINDS; i++)
            if (r->group != t->group || r->thread[i] != t->thread[i])
                t->gone[i] = false;
        t->group = r->group;
        memcpy(t->thread, r->thread, sizeof(t->thread));
        memcpy(t->routed, r->routed, sizeof(t->routed));
        if (t->group && !t->title[0] && !loop_timer_armed(t->timer))
            loop_timer_set(t->timer, first_us);
    }
    free(r);
}

void topics_reload(struct topics *t)
{
    const struct op_port *port = t->n->o.port;
    struct topics_read *r = calloc(1, sizeof(*r));

    if (!r)
        return;
    /* A reading under way may have been made before the change. */
    if (t->reading)
        t->reading->t = NULL;
    r->t = t;
    t->reading = r;
    if (port->submit(port->store, OWNER_READ, read_chats, read_done, r)) {
        t->reading = NULL;
        free(r);
    }
}

struct move_job {
    int64_t from, to;
};

static int write_move(struct db *db, void *arg, struct err *err)
{
    const struct move_job *j = arg;

    return db_chats_move(db, j->from, j->to, err);
}

static void move_done(void *arg, int rc, const struct err *err)
{
    if (rc && rc != ERR_CANCELLED)
        log_warning("notice", "the group's new id is not kept: %s", err->text);
    free(arg);
}

void topics_migrate(struct topics *t, int64_t from_chat, int64_t to_chat)
{
    const struct op_port *port = t->n->o.port;
    struct move_job *j;

    if (!t->group || t->group != from_chat)
        return;
    t->group = to_chat;
    /* Whatever was wrong with the old one; the new one shows its own troubles. */
    t->broken = false;
    j = malloc(sizeof(*j));
    if (!j)
        return;
    *j = (struct move_job){from_chat, to_chat};
    if (port->submit(port->store, OWNER_WRITE, write_move, move_done, j))
        free(j);
}

/* ---- a group or topic that fails ---- */

struct saying {
    struct topics *t;
    enum text_id id;
    const char *kinds;
};

static void say_to(void *arg, const struct place *place)
{
    struct saying *s = arg;
    struct buf text;
    json_t *params;
    struct outbox_item item = {.chat_id = place->chat_id,
                               .method = "sendMessage",
                               .slot = SLICE(""),
                               .edit = false};

    buf_init(&text, 8192);
    notice_say(&text, place->lang, s->id, "group", s->t->title[0] ? s->t->title : "—", "why",
               s->t->why, "kinds", s->kinds, NULL);
    params = json_pack("{s:s,s:s}", "text", buf_str(&text), "parse_mode", "HTML");
    buf_release(&text);
    item.params = params;
    if (params && outbox_put(s->t->n->o.outbox, &item, place->lang))
        log_warning("notice", "a message about the group is lost");
    json_decref(params);
}

void topics_say(struct topics *t, enum text_id id, const char *kinds)
{
    struct saying s = {t, id, kinds};
    bool broken = t->broken;

    t->broken = true; /* whatever the state is: not to the group itself */
    places_each(t->n, NOTICE_ERROR, false, 0, say_to, &s);
    t->broken = broken;
}

static bool is_about_thread(const char *description)
{
    return strcasestr(description, "thread not found") || strcasestr(description, "TOPIC_");
}

/* Refused for what the group is, not for what the message was. */
static bool is_about_group(const struct outbox_failure *f)
{
    static const char *const signs[] = {"chat not found", "not enough rights", "kicked",
                                        "not a member",   "bot was blocked",   "deactivated",
                                        "CHAT_",          "have no rights",    "upgraded"};
    size_t i;

    if (f->error_code == 403)
        return true;
    for (i = 0; i < ARRAY_LEN(signs); i++)
        if (strcasestr(f->description, signs[i]))
            return true;
    return false;
}

static void put_instead(void *arg, const struct place *place)
{
    const struct outbox_failure *f = ((void **)arg)[0];
    struct topics *t = ((void **)arg)[1];
    struct outbox_item item = {.chat_id = place->chat_id,
                               .method = f->method,
                               .params = f->params,
                               .slot = f->slot,
                               .edit = f->slot.n > 0};

    if (outbox_put(t->n->o.outbox, &item, place->lang))
        log_warning("notice", "a message is lost");
}

static void names_of_thread(const struct topics *t, int64_t thread, struct buf *out)
{
    int i;

    for (i = 0; i < NOTICE_KINDS; i++)
        if (t->thread[i] == thread)
            buf_addf(out, "%s%s", out->n ? ", " : "", notice_kind_word((enum notice_kind)i));
}

static void fail_thread(struct topics *t, int64_t thread)
{
    struct buf names;
    bool known = false;
    int i;

    for (i = 0; i < NOTICE_KINDS; i++)
        if (t->thread[i] == thread) {
            known = known || t->gone[i];
            t->gone[i] = true;
        }
    if (known)
        return;
    buf_init(&names, 1024);
    names_of_thread(t, thread, &names);
    topics_say(t, TEXT_T_TOPIC_GONE, buf_str(&names));
    buf_release(&names);
}

bool topics_failed(struct topics *t, const struct outbox_failure *f)
{
    void *pair[2] = {(void *)f, t};
    bool was = t->broken, thread = f->thread_id && is_about_thread(f->description);

    if (!t->group || f->chat_id != t->group || f->has_file || (!thread && !is_about_group(f)))
        return false;
    snprintf(t->why, sizeof(t->why), "%s", f->description);
    if (thread) {
        fail_thread(t, f->thread_id);
    } else if (!was) {
        log_warning("notice", "the group takes no messages, they go to private chats: %s", t->why);
        topics_say(t, TEXT_T_GROUP_FAILS, "");
    }
    t->broken = true; /* for whom it goes to instead; a topic's fault is not the group's */
    places_each(t->n, NOTICE_ERROR, false, 0, put_instead, pair);
    t->broken = was || !thread;
    if (!loop_timer_armed(t->timer))
        loop_timer_set(t->timer, TOPICS_TRY_US);
    return true;
}

static void tried(void *arg, int rc, const char *word, const char *text)
{
    struct topics *t = arg;
    int i;

    (void)word;
    if (rc) {
        if (rc == ERR_REFUSED && t->broken)
            snprintf(t->why, sizeof(t->why), "%s", text);
        loop_timer_set(t->timer, TOPICS_TRY_US);
        return;
    }
    snprintf(t->title, sizeof(t->title), "%s", text);
    if (t->broken) {
        t->broken = false;
        topics_say(t, TEXT_T_GROUP_WORKS, "");
    }
    for (i = 0; i < NOTICE_KINDS; i++)
        if (t->gone[i])
            loop_timer_set(t->timer, TOPICS_TRY_US);
}

static void try_again(void *arg)
{
    struct topics *t = arg;

    if (t->group && (t->broken || !t->title[0]))
        topics_check(t, t->group, tried, t);
    else if (t->group)
        topics_try_threads(t);
}

void topics_joined(struct topics *t, int64_t chat)
{
    if (chat && t->group == chat && t->broken)
        loop_timer_set(t->timer, 0);
}

int64_t topics_group(const struct topics *t)
{
    return t->group;
}

void topics_live(struct topics *t, struct buf *out)
{
    int i;

    jout_text(out, "title", t->title[0] ? t->title : NULL);
    jout_bool(out, "working", t->group != 0 && !t->broken);
    jout_text(out, "problem", t->broken ? t->why : NULL);
    jout_open(out, "broken", '[');
    for (i = 0; i < NOTICE_KINDS; i++)
        if (t->gone[i])
            jout_text(out, NULL, notice_kind_word((enum notice_kind)i));
    jout_close(out, ']');
}

int topics_new(struct notices *n, struct topics **ret_t)
{
    struct topics *t = calloc(1, sizeof(*t));

    if (!t)
        return ERR_NOMEM;
    t->n = n;
    if (loop_timer_new(n->o.loop, try_again, t, &t->timer)) {
        free(t);
        return ERR_NOMEM;
    }
    *ret_t = t;
    topics_reload(t);
    return ERR_OK;
}

void topics_free(struct topics *t)
{
    struct topics_try *y;
    op_topics_fn fn;

    if (!t)
        return;
    if (t->reading)
        t->reading->t = NULL;
    /* Their answers come when the transport goes; nobody waits for them any more. */
    while ((y = t->tries) != NULL) {
        t->tries = y->next;
        fn = y->fn;
        y->fn = NULL;
        y->t = NULL;
        if (fn)
            fn(y->arg, ERR_CANCELLED, "", "");
    }
    loop_timer_free(t->timer);
    free(t);
}
