/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "service/day.h"
#include "service/jout.h"
#include "service/ops/op_int.h"
#include "store/db_summary.h"
#include "base/banned.h"

/* What happened in one day, by the zone of the settings. */

enum { SHARERS = 5, NODES = 64 };

struct lost_node {
    int64_t id, times, seconds;
    char name[128];
};

struct summary {
    struct day day;
    struct db_summary counted;
    struct buf sharers;
    struct lost_node nodes[NODES];
    size_t n_nodes;
};

static int summary_args(struct op *op)
{
    const char *text = op_arg_text(op, "day");
    struct summary *s = calloc(1, sizeof(*s));

    if (!s)
        return err_set(&op->err, ERR_NOMEM, "out of memory");
    op->extra = s;
    s->day = day_before(day_of(op->now_us));
    if (text && day_parse(slice_of(text), &s->day))
        return err_set(&op->err, ERR_INVALID, "day: \"%s\" is no day as in 2026-11-25", text);
    return ERR_OK;
}

static int add_sharer(void *arg, const struct db_sharer *row)
{
    struct buf *b = arg;

    jout_open(b, NULL, '{');
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name);
    jout_int(b, "verdicts", row->verdicts);
    jout_int(b, "devices", row->devices);
    jout_close(b, '}');
    return ERR_OK;
}

static int add_node(void *arg, struct slice text)
{
    struct summary *s = arg;
    json_t *data = json_loadb(text.p, text.n, 0, NULL);
    const char *name = json_string_value(json_object_get(data, "name"));
    int64_t id = json_integer_value(json_object_get(data, "node"));
    size_t i;

    for (i = 0; i < s->n_nodes && s->nodes[i].id != id; i++)
        ;
    if (i < NODES && id) {
        s->n_nodes += i == s->n_nodes;
        s->nodes[i].id = id;
        s->nodes[i].times++;
        s->nodes[i].seconds += json_integer_value(json_object_get(data, "seconds"));
        snprintf(s->nodes[i].name, sizeof(s->nodes[i].name), "%s", name ? name : "");
    }
    json_decref(data);
    return ERR_OK;
}

static void write_nodes(struct buf *b, const struct summary *s)
{
    size_t i;

    jout_open(b, "nodes", '[');
    for (i = 0; i < s->n_nodes; i++) {
        jout_open(b, NULL, '{');
        jout_int(b, "id", s->nodes[i].id);
        jout_text(b, "name", s->nodes[i].name);
        jout_int(b, "times", s->nodes[i].times);
        jout_int(b, "seconds", s->nodes[i].seconds);
        jout_close(b, '}');
    }
    jout_close(b, ']');
}

/* May be run twice: begins from nothing. */
static int summary_job(struct db *db, struct op *op, struct err *err)
{
    struct summary *s = op->extra;
    const struct db_scope *scope = op_sees_only(op);
    struct buf *b = &op->out;
    char day[16];
    int rc;

    s->n_nodes = 0;
    memset(s->nodes, 0, sizeof(s->nodes));
    buf_clear(b);
    rc = db_summary_count(db, s->day.from_us, s->day.to_us, scope, &s->counted, err);
    if (!rc && !scope)
        rc = db_summary_nodes(db, s->day.from_us, s->day.to_us, add_node, s, err);
    if (rc)
        return rc;
    jout_open(b, NULL, '{');
    jout_text(b, "day", day_text(&s->day, day, sizeof(day)));
    jout_time(b, "from", s->day.from_us);
    jout_time(b, "to", s->day.to_us);
    jout_int(b, "warned", s->counted.warned);
    jout_int(b, "disabled", s->counted.disabled);
    jout_int(b, "ordered", s->counted.ordered);
    jout_int(b, "enabled", s->counted.enabled);
    jout_int(b, "by_hand", s->counted.by_hand);
    jout_int(b, "shadow", s->counted.shadow);
    jout_int(b, "disabled_now", s->counted.disabled_now);
    jout_open(b, "sharers", '[');
    rc = db_summary_sharers(db, s->day.from_us, s->day.to_us, scope, SHARERS, add_sharer, b, err);
    jout_close(b, ']');
    write_nodes(b, s);
    return rc;
}

/* What only the daemon knows, and concerns everyone, closes the object. */
static void summary_end(struct op *op)
{
    int64_t lines = 0, messages = 0, stuck = 0;
    bool told = op->port->backlog && !op->panel_admin_id;

    if (told)
        op->port->backlog(op->port->app, &lines, &messages, &stuck);
    if (told) {
        jout_int(&op->out, "late_lines", lines);
        jout_int(&op->out, "messages_waiting", messages);
        jout_int(&op->out, "restores_failing", stuck);
    }
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static const struct op_param params[] = {{"day", OP_IN_QUERY, OP_TEXT, 10, 10,
                                          .example = "\"2026-11-25\"",
                                          .help = "a day in the zone of the settings; yesterday "
                                                  "when left out"},
                                         {0}};

const struct op_row op_rows_summary[] = {
    {.def = {OP_GET, "/summary", "What happened in one day: the daily summary.", params,
             "{day:text,from:time,to:time,warned:int,disabled:int,ordered:int,enabled:int,"
             "by_hand:int,shadow:int,disabled_now:int,"
             "sharers:[{id:int,username:text,verdicts:int,devices:int}],"
             "nodes:[{id:int,name:text,times:int,seconds:int}],late_lines?:int,"
             "messages_waiting?:int,restores_failing?:int}",
             .scope = OP_SCOPE_NARROW},
     .args = summary_args,
     .kind = OWNER_READ,
     .job = summary_job,
     .finish = summary_end},
    {.def = {.pattern = NULL}},
};
