/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "bot/topics_int.h"
#include "base/banned.h"

/*
 * What is asked of Telegram about the group: whether the bot may make topics there (getChat,
 * getChatMember), to make them (createForumTopic), and whether one is there again (sendChatAction).
 */

struct topics_try *topics_try_new(struct topics *t, op_topics_fn fn, void *arg)
{
    struct topics_try *y = calloc(1, sizeof(*y));

    if (!y)
        return NULL;
    y->t = t;
    y->fn = fn;
    y->arg = arg;
    y->next = t->tries;
    t->tries = y;
    return y;
}

void topics_try_end(struct topics_try *y, int rc, const char *word, const char *text)
{
    struct topics_try **at = y->t ? &y->t->tries : NULL;

    while (at && *at && *at != y)
        at = &(*at)->next;
    if (at && *at)
        *at = y->next;
    if (y->t && y->fn)
        y->fn(y->arg, rc, word, text);
    free(y);
}

/* Telegram's own words, or that it did not answer. True: y has ended. */
static bool refused(struct topics_try *y, int rc, const struct telegram_answer *a, const char *word)
{
    char text[256];

    if (!y->t || rc == ERR_CANCELLED) {
        topics_try_end(y, ERR_CANCELLED, "", "");
        return true;
    }
    if (rc) {
        topics_try_end(y, ERR_UNREACHABLE, "unreachable", "Telegram does not answer");
        return true;
    }
    if (a->ok)
        return false;
    snprintf(text, sizeof(text), "Telegram says: %s", a->description);
    topics_try_end(y, ERR_REFUSED, word, text);
    return true;
}

/* ---- the check ---- */

/* The group can have topics: its title is remembered for when it is set. */
static void well(struct topics_try *y)
{
    struct topics *t = y->t;

    t->asked_group = y->group;
    memcpy(t->asked_title, y->title, sizeof(t->asked_title));
    if (t->group == y->group)
        memcpy(t->title, y->title, sizeof(t->title));
    topics_try_end(y, ERR_OK, "ok", y->title);
}

static void on_member(void *arg, int rc, const struct telegram_answer *a)
{
    struct topics_try *y = arg;
    const char *status;

    if (refused(y, rc, a, "no_admin"))
        return;
    status = json_string_value(json_object_get(a->result, "status"));
    if (status && strcmp(status, "creator") == 0)
        well(y);
    else if (!status || strcmp(status, "administrator") != 0)
        topics_try_end(y, ERR_REFUSED, "no_admin", "the bot is no administrator of the group");
    else if (!json_is_true(json_object_get(a->result, "can_manage_topics")))
        topics_try_end(y, ERR_REFUSED, "no_right",
                       "the bot is an administrator without the right to manage topics");
    else
        well(y);
}

static void on_chat(void *arg, int rc, const struct telegram_answer *a)
{
    struct topics_try *y = arg;
    const char *type, *title;

    if (refused(y, rc, a, "unknown"))
        return;
    type = json_string_value(json_object_get(a->result, "type"));
    title = json_string_value(json_object_get(a->result, "title"));
    note_set(y->title, sizeof(y->title), slice_of(title ? title : ""));
    if (!type || (strcmp(type, "supergroup") != 0 && strcmp(type, "group") != 0)) {
        topics_try_end(y, ERR_REFUSED, "no_group", "that chat is no group");
        return;
    }
    if (!json_is_true(json_object_get(a->result, "is_forum"))) {
        topics_try_end(y, ERR_REFUSED, "no_topics",
                       "the group has no topics: switch them on in the group's settings");
        return;
    }
    telegram_call(y->t->n->tg, "getChatMember",
                  json_pack("{s:I,s:I}", "chat_id", (json_int_t)y->group, "user_id",
                            (json_int_t)telegram_bot_id(y->t->n->tg)),
                  TELEGRAM_NOW, on_member, y);
}

void topics_check(struct topics *t, int64_t group, op_topics_fn fn, void *arg)
{
    struct topics_try *y;

    group = group ? group : t->group;
    if (!group) {
        fn(arg, ERR_REFUSED, "none", "no group is set");
        return;
    }
    if (!t->n->tg) {
        fn(arg, ERR_REFUSED, "unreachable", "the bot is not connected: see `pg-limiter status`");
        return;
    }
    y = topics_try_new(t, fn, arg);
    if (!y) {
        fn(arg, ERR_NOMEM, "", err_name(ERR_NOMEM));
        return;
    }
    y->group = group;
    telegram_call(t->n->tg, "getChat", json_pack("{s:I}", "chat_id", (json_int_t)group),
                  TELEGRAM_NOW, on_chat, y);
}

/* ---- a topic that was gone ---- */

static void on_action(void *arg, int rc, const struct telegram_answer *a)
{
    struct topics_try *y = arg;
    struct topics *t = y->t;
    struct buf names;
    int i;

    buf_init(&names, 1024);
    for (i = 0; t && rc == 0 && a->ok && i < NOTICE_KINDS; i++) {
        if (!t->gone[i] || t->thread[i] != y->thread)
            continue;
        t->gone[i] = false;
        buf_addf(&names, "%s%s", names.n ? ", " : "", notice_kind_word((enum notice_kind)i));
    }
    if (names.n)
        topics_say(t, TEXT_T_TOPIC_WORKS, buf_str(&names));
    buf_release(&names);
    topics_try_end(y, rc, "", "");
}

void topics_try_threads(struct topics *t)
{
    int i, k;

    for (i = 0; t->n->tg && i < NOTICE_KINDS; i++) {
        struct topics_try *y;

        for (k = 0; k < i && !(t->gone[k] && t->thread[k] == t->thread[i]); k++)
            ;
        if (!t->gone[i] || k < i || !(y = topics_try_new(t, NULL, NULL)))
            continue;
        y->thread = t->thread[i];
        telegram_call(t->n->tg, "sendChatAction",
                      json_pack("{s:I,s:I,s:s}", "chat_id", (json_int_t)t->group,
                                "message_thread_id", (json_int_t)y->thread, "action", "typing"),
                      TELEGRAM_BULK, on_action, y);
    }
    loop_timer_set(t->timer, TOPICS_TRY_US);
}

/* ---- making topics ---- */

static const struct {
    enum text_id name;
    int colour; /* one of the six that Telegram allows */
    int64_t kinds;
} usual[] = {
    {TEXT_T_USERS, 0xFFD67E,
     1 << NOTICE_WARNING | 1 << NOTICE_DISABLED | 1 << NOTICE_ENABLED | 1 << NOTICE_SHADOW},
    {TEXT_T_NODES, 0x6FB9F0, 1 << NOTICE_NODE},
    {TEXT_T_ALARMS, 0xFB6F5F,
     1 << NOTICE_BREAKER | 1 << NOTICE_ERROR | 1 << NOTICE_ADMIN | 1 << NOTICE_USERS |
         1 << NOTICE_SUMMARY | 1 << NOTICE_RUN},
    {TEXT_T_BACKUPS, 0x8EEE98, 1 << NOTICE_BACKUP},
};

struct made_job {
    struct topics_try *y;
    int64_t group, thread, kinds, now_us;
    char who[64];
};

static void make_next(struct topics_try *y);

/* Somebody has taken the group away, or chosen another one, while its topics were made: true, and it ends. */
static bool moved_on(struct topics_try *y)
{
    if (!y->t || y->t->group == y->group)
        return false;
    y->t->making = false;
    topics_try_end(y, ERR_REFUSED, "none", "the group was changed meanwhile");
    return true;
}

static int write_made(struct db *db, void *arg, struct err *err)
{
    const struct made_job *j = arg;
    int rc = ERR_OK, i;

    for (i = 0; i < NOTICE_KINDS && !rc; i++) {
        struct db_chat row = {j->group, slice_of(notice_kind_word((enum notice_kind)i)), j->thread,
                              j->now_us, slice_of(j->who)};

        if (j->kinds & (1 << i))
            rc = db_chats_put(db, &row, err);
    }
    return rc;
}

static void made_done(void *arg, int rc, const struct err *err)
{
    struct made_job *j = arg;
    struct topics_try *y = j->y;

    free(j);
    if (!y->t) {
        topics_try_end(y, ERR_CANCELLED, "", "");
        return;
    }
    topics_reload(y->t);
    if (rc) {
        y->t->making = false;
        topics_try_end(y, rc, "", err->text);
        return;
    }
    y->made++;
    y->at++;
    make_next(y);
}

static void on_topic(void *arg, int rc, const struct telegram_answer *a)
{
    struct topics_try *y = arg;
    struct topics *t = y->t;
    const struct op_port *port = t ? t->n->o.port : NULL;
    struct made_job *j;

    if (t && (rc || !a->ok))
        t->making = false;
    if (refused(y, rc, a, "no_right") || moved_on(y))
        return;
    j = calloc(1, sizeof(*j));
    if (j) {
        *j = (struct made_job){y,
                               y->group,
                               json_integer_value(json_object_get(a->result, "message_thread_id")),
                               y->sets[y->at],
                               notices_now(t->n),
                               ""};
        memcpy(j->who, y->who, sizeof(j->who));
        /* Known at once, so that nobody makes it twice whatever becomes of the row. */
        for (int i = 0; i < NOTICE_KINDS; i++)
            if (j->kinds & (1 << i)) {
                t->thread[i] = j->thread;
                t->routed[i] = true;
                t->gone[i] = false;
            }
        if (!port->submit(port->store, OWNER_WRITE, write_made, made_done, j))
            return;
        free(j);
    }
    t->making = false;
    topics_try_end(y, ERR_NOMEM, "", err_name(ERR_NOMEM));
}

static const char *name_of(const struct topics_try *y, enum text_lang lang, int *ret_colour)
{
    const char *name;
    size_t i;
    int kind;

    *ret_colour = 0x6FB9F0;
    for (kind = 0; kind < NOTICE_KINDS - 1 && !(y->sets[y->at] & (1 << kind)); kind++)
        ;
    name = text_raw(lang, notice_kind_text((enum notice_kind)kind));
    if (y->sets[y->at] == 1 << kind && y->n_sets == 1)
        return name;
    for (i = 0; i < ARRAY_LEN(usual); i++) {
        if (y->sets[y->at] & usual[i].kinds) {
            *ret_colour = usual[i].colour;
            return text_raw(lang, usual[i].name);
        }
    }
    return name;
}

static void make_next(struct topics_try *y)
{
    struct topics *t = y->t;
    const struct settings *s = t->n->o.port->settings(t->n->o.port->app);
    char made[32];
    const char *name;
    int colour;

    if (moved_on(y))
        return;
    if (y->at == y->n_sets) {
        snprintf(made, sizeof(made), "%d", y->made);
        t->making = false;
        topics_try_end(y, ERR_OK, "ok", made);
        return;
    }
    if (!t->n->tg) {
        t->making = false;
        topics_try_end(y, ERR_REFUSED, "unreachable",
                       "the bot is not connected: see `pg-limiter status`");
        return;
    }
    name = name_of(y, text_lang_of(settings_text(s, SET_BOT_LANGUAGE)), &colour);
    telegram_call(t->n->tg, "createForumTopic",
                  json_pack("{s:I,s:s,s:i}", "chat_id", (json_int_t)t->group, "name", name,
                            "icon_color", colour),
                  TELEGRAM_NOW, on_topic, y);
}

/* Whether a kind has a topic of its own, or of its usual set, that takes messages. */
static bool has_topic(const struct topics *t, int kind)
{
    return t->routed[kind] && t->thread[kind] != 0 && !t->gone[kind];
}

static void on_checked(void *arg, int rc, const char *word, const char *text)
{
    struct topics_try *y = arg;

    if (rc) {
        if (y->t)
            y->t->making = false;
        topics_try_end(y, rc, word, text);
        return;
    }
    make_next(y);
}

void topics_make(struct topics *t, const int *kinds, size_t n, struct slice who, op_topics_fn fn,
                 void *arg)
{
    struct topics_try *y;
    size_t i;
    int k;

    if (t->making) {
        fn(arg, ERR_BUSY, "busy", "topics are being made just now");
        return;
    }
    y = topics_try_new(t, fn, arg);
    if (!y) {
        fn(arg, ERR_NOMEM, "", err_name(ERR_NOMEM));
        return;
    }
    note_set(y->who, sizeof(y->who), who);
    y->group = t->group;
    for (i = 0; i < n && y->n_sets < ARRAY_LEN(y->sets); i++)
        y->sets[y->n_sets++] = 1 << kinds[i];
    for (i = 0; n == 0 && i < ARRAY_LEN(usual); i++) {
        int64_t set = 0;

        for (k = 0; k < NOTICE_KINDS; k++)
            if (usual[i].kinds & (1 << k) && !has_topic(t, k))
                set |= 1 << k;
        if (set)
            y->sets[y->n_sets++] = set;
    }
    t->making = true;
    topics_check(t, 0, on_checked, y);
}
