/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "service/jout.h"
#include "service/notice_kinds.h"
#include "service/ops/op_int.h"
#include "store/db_chats.h"
#include "base/banned.h"

/* The group that notifications go to, and its topics. */

enum { GENERAL = 0, PRIVATE = -1 };

struct topics_change {
    int64_t group; /* 0: none given */
    bool set[NOTICE_KINDS];
    int64_t thread[NOTICE_KINDS];
    int make[NOTICE_KINDS];
    size_t n_make;
    /* as they stand in the table */
    int64_t present;
    bool routed[NOTICE_KINDS];
    int64_t now[NOTICE_KINDS];
};

/* ---- showing ---- */

static int add_row(void *arg, const struct db_chat *row)
{
    struct topics_change *c = arg;
    enum notice_kind kind = notice_kind_find(row->topic);

    if (!row->topic.n) {
        c->present = row->chat_id;
    } else if (kind < NOTICE_KINDS && row->chat_id == c->present) {
        c->routed[kind] = true;
        c->now[kind] = row->thread_id;
    }
    return ERR_OK;
}

static int read_table(struct db *db, struct topics_change *c, struct err *err)
{
    c->present = 0;
    memset(c->routed, 0, sizeof(c->routed));
    memset(c->now, 0, sizeof(c->now));
    return db_chats_each(db, add_row, c, err);
}

static struct topics_change *change_of(struct op *op)
{
    if (!op->extra)
        op->extra = calloc(1, sizeof(struct topics_change));
    return op->extra;
}

static int topics_args(struct op *op)
{
    return change_of(op) ? ERR_OK : err_set(&op->err, ERR_NOMEM, "out of memory");
}

static int topics_read(struct db *db, struct op *op, struct err *err)
{
    return read_table(db, change_of(op), err);
}

static void topics_show(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);
    const struct topics_change *c = op->extra;
    struct buf *b = &op->out;
    int i;

    buf_clear(b);
    jout_open(b, NULL, '{');
    if (c->present)
        jout_int(b, "group", c->present);
    else
        jout_raw(b, "group", (struct slice){NULL, 0});
    if (op->port->topics_live)
        op->port->topics_live(op->port->app, b);
    jout_open(b, "data", '[');
    for (i = 0; i < NOTICE_KINDS; i++) {
        enum notice_kind kind = (enum notice_kind)i;

        jout_open(b, NULL, '{');
        jout_text(b, "kind", notice_kind_word(kind));
        jout_bool(b, "on", settings_bool(s, notice_kind_setting(kind)));
        jout_text(b, "place",
                  !c->present || c->now[i] == PRIVATE ? "private"
                  : c->now[i] == GENERAL              ? "general"
                                                      : "topic");
        if (c->present && c->now[i] > 0)
            jout_int(b, "thread_id", c->now[i]);
        else
            jout_raw(b, "thread_id", (struct slice){NULL, 0});
        jout_close(b, '}');
    }
    jout_close(b, ']');
    jout_int(b, "total", NOTICE_KINDS);
    jout_close(b, '}');
    op_reply(op, ERR_OK);
}

/* ---- changing ---- */

static int read_thread(struct op *op, const char *word, json_t *value, int64_t *ret)
{
    const char *text = json_string_value(value);

    if (text && strcmp(text, "general") == 0)
        *ret = GENERAL;
    else if (text && strcmp(text, "private") == 0)
        *ret = PRIVATE;
    else if (json_is_integer(value) && json_integer_value(value) > 0 &&
             json_integer_value(value) <= INT32_MAX)
        *ret = json_integer_value(value);
    else
        return err_set(&op->err, ERR_INVALID,
                       "kinds: %s: the number of a topic, \"general\" or \"private\"", word);
    return ERR_OK;
}

static int kind_of(struct op *op, const char *word, int *ret)
{
    *ret = (int)notice_kind_find(slice_of(word));
    if (*ret < NOTICE_KINDS)
        return ERR_OK;
    return err_set(&op->err, ERR_INVALID, "kinds: there is no kind \"%.40s\" of notifications",
                   word);
}

static int put_args(struct op *op)
{
    struct topics_change *c = change_of(op);
    json_t *kinds = op_arg(op, "kinds"), *value;
    const char *word;
    int kind, rc;

    if (!c)
        return err_set(&op->err, ERR_NOMEM, "out of memory");
    c->group = op_arg_int(op, "group", 0);
    if (!c->group && !kinds)
        return err_set(&op->err, ERR_INVALID, "neither group nor kinds is given");
    if (kinds && !json_is_object(kinds))
        return err_set(&op->err, ERR_INVALID, "kinds must be an object: {\"node\": 12}");
    json_object_foreach(kinds, word, value)
    {
        rc = kind_of(op, word, &kind);
        if (!rc)
            rc = read_thread(op, word, value, &c->thread[kind]);
        if (rc)
            return rc;
        c->set[kind] = true;
    }
    return ERR_OK;
}

static void checked(void *arg, int rc, const char *word, const char *text)
{
    struct op *op = arg;

    (void)word;
    if (rc == ERR_OK || rc == ERR_UNREACHABLE) /* what cannot be asked now shows when it is used */
        op_run_job(op);
    else
        op_reply(op, err_set(&op->err, rc, "%s", text));
}

static void put_begin(struct op *op)
{
    const struct topics_change *c = op->extra;

    if (c->group && op->port->topics_check)
        op->port->topics_check(op->port->app, c->group, checked, op);
    else
        op_run_job(op);
}

static int put_row(struct db *db, struct op *op, const char *topic, int64_t thread, struct err *err)
{
    const struct topics_change *c = op->extra;
    struct db_chat row = {c->group ? c->group : c->present, slice_of(topic), thread, op->now_us,
                          slice_of(op->who)};

    return db_chats_put(db, &row, err);
}

static int put_job(struct db *db, struct op *op, struct err *err)
{
    struct topics_change *c = op->extra;
    char what[96];
    int rc = read_table(db, c, err), i;

    if (!rc && !c->group && !c->present)
        rc = err_set(err, ERR_REFUSED, "there is no group yet: set one first");
    if (!rc && c->group && c->group != c->present) {
        rc = db_chats_delete(db, SLICE(""), err);
        if (!rc)
            rc = put_row(db, op, "", 0, err);
    }
    for (i = 0; i < NOTICE_KINDS && !rc; i++)
        if (c->set[i])
            rc = put_row(db, op, notice_kind_word((enum notice_kind)i), c->thread[i], err);
    if (rc)
        return rc;
    snprintf(what, sizeof(what), "notifications go to the group %lld",
             (long long)(c->group ? c->group : c->present));
    rc = op_event(db, op, "topics", false, what, err);
    return rc ? rc : read_table(db, c, err);
}

static int delete_job(struct db *db, struct op *op, struct err *err)
{
    struct topics_change *c = change_of(op);
    int rc = db_chats_delete(db, SLICE(""), err);

    if (!rc)
        rc = op_event(db, op, "topics", false, "notifications go to private chats", err);
    return rc ? rc : read_table(db, c, err);
}

/* ---- asking Telegram ---- */

static bool needs_bot(struct op *op)
{
    if (op->port->topics_make)
        return false;
    op_reply(op, err_set(&op->err, ERR_REFUSED, "there is no bot: set BOT_TOKEN and ADMIN_IDS"));
    return true;
}

static void check_told(void *arg, int rc, const char *word, const char *text)
{
    struct op *op = arg;

    if (rc && rc != ERR_REFUSED) {
        op_reply(op, err_set(&op->err, rc, "%s", text));
        return;
    }
    jout_open(&op->out, NULL, '{');
    jout_bool(&op->out, "ok", rc == ERR_OK);
    jout_text(&op->out, "reason", word);
    jout_text(&op->out, "title", rc ? NULL : text);
    jout_text(&op->out, "detail", rc ? text : "the bot may make topics in this group");
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void check_begin(struct op *op)
{
    if (!needs_bot(op))
        op->port->topics_check(op->port->app, op_arg_int(op, "group", 0), check_told, op);
}

static int make_args(struct op *op)
{
    struct topics_change *c = change_of(op);
    json_t *kinds = op_arg(op, "kinds"), *word;
    size_t i;
    int rc;

    if (!c)
        return err_set(&op->err, ERR_NOMEM, "out of memory");
    json_array_foreach(kinds, i, word)
    {
        rc = kind_of(op, json_string_value(word), &c->make[c->n_make]);
        if (rc)
            return rc;
        c->n_make++;
    }
    return ERR_OK;
}

static void made(void *arg, int rc, const char *word, const char *text)
{
    struct op *op = arg;
    char detail[64];
    int64_t n;

    (void)word;
    if (!rc)
        rc = num_int(slice_of(text), 0, NOTICE_KINDS, &n);
    if (rc) {
        op_reply(op, err_set(&op->err, rc, "%s", text));
        return;
    }
    snprintf(detail, sizeof(detail), "%s topics made", text);
    jout_open(&op->out, NULL, '{');
    jout_int(&op->out, "made", n);
    jout_text(&op->out, "detail", detail);
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void make_begin(struct op *op)
{
    const struct topics_change *c = op->extra;

    if (!needs_bot(op))
        op->port->topics_make(op->port->app, c->make, c->n_make, slice_of(op->who), made, op);
}

#define GROUP \
    { \
        "group", OP_IN_BODY, OP_INT, -(INT64_C(1) << 53), -1, .example = "-1001234567890", \
                                                              .help = "chat id of the group" \
    }

static const struct op_param put_params[] = {
    GROUP,
    {"kinds", OP_IN_BODY, OP_JSON, .example = "{\"node\": 12, \"error\": \"private\"}",
     .help = "where a kind of notifications goes: a topic's number, \"general\" or \"private\""},
    {0}};
static const struct op_param check_params[] = {GROUP, {0}};
static const struct op_param make_params[] = {
    {"kinds", OP_IN_BODY, OP_TEXTS, 1, NOTICE_KINDS, .example = "[\"node\"]",
     .help = "a new topic for each of these; left out: the usual ones that are missing"},
    {0}};

#define SHOWN \
    "{group:int~,title?:text~,working?:bool,problem?:text~,broken?:[text],data:[{kind:text,on:bool," \
    "place:text,thread_id:int~}],total:int}"

const struct op_row op_rows_topics[] = {
    {.def = {OP_GET, "/topics", "The group that notifications go to, and the topic of each kind.",
             .answer = SHOWN},
     .args = topics_args,
     .kind = OWNER_READ,
     .job = topics_read,
     .finish = topics_show},
    {.def = {OP_PUT, "/topics", "Sets the group, which is asked for the right first, or topics.",
             put_params, SHOWN, OP_MAY_409},
     .args = put_args,
     .before = put_begin,
     .kind = OWNER_WRITE,
     .job = put_job,
     .finish = topics_show,
     .changes = OP_CHANGED_TOPICS},
    {.def = {OP_DELETE, "/topics",
             "Notifications go to private chats again; topics stay as they are.", .answer = SHOWN},
     .args = topics_args,
     .kind = OWNER_WRITE,
     .job = delete_job,
     .finish = topics_show,
     .changes = OP_CHANGED_TOPICS},
    {.def = {OP_POST, "/topics/check",
             "Asks Telegram whether the bot may make topics in the group.", check_params,
             "{ok:bool,reason:text,title:text~,detail:text}", OP_MAY_409},
     .flags = ROW_LIVE,
     .finish = check_begin},
    {.def = {OP_POST, "/topics/create", "Makes topics in the group; none twice.", make_params,
             "{made:int,detail:text}", OP_MAY_409},
     .flags = ROW_LIVE,
     .args = make_args,
     .finish = make_begin,
     .changes = OP_CHANGED_TOPICS},
    {.def = {.pattern = NULL}},
};
