/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/jout.h"
#include "service/ops/op_int.h"
#include "base/banned.h"

/* The daemon at a glance. */

static void show_status(struct op *op)
{
    op->port->status_json(op->port->app, &op->out);
    op_reply(op, ERR_OK);
}

static void show_nodes(struct op *op)
{
    op->port->nodes_json(op->port->app, &op->out);
    op_reply(op, ERR_OK);
}

static void show_metrics(struct op *op)
{
    op->port->metrics_text(op->port->app, &op->out);
    op_reply(op, ERR_OK);
}

static void welcome(struct op *op)
{
    jout_open(&op->out, NULL, '{');
    jout_text(&op->out, "status", "ok");
    jout_text(&op->out, "message", "PG-Limiter; the description of this API is at /docs");
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

static void show_health(struct op *op)
{
    jout_open(&op->out, NULL, '{');
    jout_text(&op->out, "status", "ok");
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

const struct op_row op_rows_state[] = {
    {.def = {OP_GET, "/", "Welcome.", .answer = "{status:text,message:text}", .may = OP_PUBLIC,
             .scope = OP_SCOPE_FREE},
     .finish = welcome},
    {.def = {OP_GET, "/healthz", "Whether the daemon lives.", .answer = "{status:text}",
             .may = OP_PUBLIC, .scope = OP_SCOPE_FREE},
     .flags = ROW_LIVE,
     .finish = show_health},
    {.def = {OP_GET, "/status", "Everything at a glance: panel, nodes, users, enforcement, memory.",
             .answer = "{running:bool,started:time,uptime_s:int,enforcement:text,paused:bool,"
                       "journal_compared:bool,panel:any,nodes:any,users:any,lines:any,"
                       "store_waiting:int,api:text~,telegram:any,cache:any,problems:[text]}",
             .scope = OP_SCOPE_FREE},
     .flags = ROW_LIVE,
     .finish = show_status},
    {.def = {OP_GET, "/nodes", "Every node: streams, lines, what was ignored and why, clock.",
             .answer = "{data:[{id:int,name:text,address:text~,status:text~,message:text~,"
                       "judged:bool,behind_cdn:bool,stream_open:bool,stream_since:time~,"
                       "stream_error:text~,lines_lost?:num,lines_lost_error?:num,"
                       "another_reader?:bool,online_list_off?:bool,dead_streams?:int,"
                       "unknown_cases?:int,warming_up?:bool}],total:int}",
             .scope = OP_SCOPE_FREE},
     .flags = ROW_LIVE,
     .finish = show_nodes},
    {.def = {OP_GET, "/metrics", "The same figures for Prometheus.", .media = "text/plain"},
     .flags = ROW_LIVE,
     .finish = show_metrics},
    {.def = {.pattern = NULL}},
};
