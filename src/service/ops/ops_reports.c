/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include "base/stamp.h"
#include "service/jout.h"
#include "store/db_find.h"
#include "base/banned.h"

/* Reports: what is connected now, by node and by inbound, and who came from how many addresses. */

static void show(struct op *op, struct op_report what)
{
    what.only = op_sees_only(op);
    op->port->report_json(op->port->app, &what, &op->out);
    op_reply(op, ERR_OK);
}

static void show_connections(struct op *op)
{
    show(op, (struct op_report){.kind = OP_REPORT_CONNECTIONS});
}

static void show_nodes(struct op *op)
{
    struct op_page page = op_arg_page(op);

    show(op,
         (struct op_report){.kind = OP_REPORT_NODES, .offset = page.offset, .limit = page.limit});
}

static void show_inbounds(struct op *op)
{
    struct op_page page = op_arg_page(op);

    show(op, (struct op_report){.kind = OP_REPORT_INBOUNDS,
                                .offset = page.offset,
                                .limit = page.limit});
}

/* ---- addresses ---- */

enum { HOURS = 12 };

static int add_many(void *arg, const struct db_many *row)
{
    struct buf *b = arg;

    jout_open(b, NULL, '{');
    jout_int(b, "id", row->user_id);
    jout_str(b, "username", row->name.n ? row->name : (struct slice){NULL, 0});
    jout_int(b, "addresses", row->addresses);
    jout_int(b, "nodes", row->nodes);
    jout_int(b, "inbounds", row->inbounds);
    jout_time(b, "first_seen", row->first_us);
    jout_time(b, "last_seen", row->last_us);
    jout_bool(b, "excepted", row->excepted);
    if (row->max_devices >= 0)
        jout_int(b, "limit", row->max_devices);
    else
        jout_raw(b, "limit", (struct slice){NULL, 0});
    jout_close(b, '}');
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int list_addresses(struct db *db, struct op *op, struct err *err)
{
    struct op_page page = op_arg_page(op);
    int64_t hours = op_arg_int(op, "hours", HOURS), total = 0;
    struct db_many_filter f = {.since_us = op->now_us - hours * 3600 * STAMP_SECOND,
                               .least = op_arg_int(op, "least", 1),
                               .only = op_sees_only(op),
                               .offset = page.offset,
                               .limit = page.limit};
    int rc;

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    rc = db_history_many(db, &f, add_many, &op->out, &total, err);
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", total);
    jout_int(&op->out, "hours", hours);
    jout_close(&op->out, '}');
    return rc;
}

static const struct op_param page_params[] = {OP_PAGE, {0}};
static const struct op_param address_params[] = {
    {"hours", OP_IN_QUERY, OP_INT, 1, 8784, .example = "48",
     .help = "how far back, 12 when left out"},
    {"least", OP_IN_QUERY, OP_INT, 1, 100000, .example = "2",
     .help = "only users with so many addresses at least"},
    OP_PAGE,
    {0}};

const struct op_row op_rows_reports[] = {
    {.def = {OP_GET, "/reports/connections", "What is connected now, in sums.",
             .answer = "{at:time,window_s:int,users:int,devices:int,addresses:int,several:int,"
                       "over_limit:int,monitoring:int,disabled:int,nodes:int,inbounds:int,"
                       "lines_per_s:num}",
             .scope = OP_SCOPE_NARROW},
     .flags = ROW_LIVE,
     .finish = show_connections},
    {.def =
         {OP_GET, "/reports/nodes",
          "What every node carries now: users and addresses; the busiest first.", page_params,
          "{data:[{id:int,name:text,connected:bool,stream_open:bool,quiet:bool,lines_lost?:num,"
          "lines_lost_error?:num,another_reader?:bool,online_list_off?:bool,dead_streams?:int,"
          "unknown_cases?:int,faulty?:bool,judged:bool,users:int,addresses:int,inbounds:int,lines_per_s:num}],total:int}",
          .scope = OP_SCOPE_NARROW},
     .flags = ROW_LIVE,
     .finish = show_nodes},
    {.def = {OP_GET, "/reports/inbounds",
             "What every inbound carries now: users and addresses; the busiest first.", page_params,
             "{data:[{inbound:text~,users:int,addresses:int,nodes:int}],total:int}",
             .scope = OP_SCOPE_NARROW},
     .flags = ROW_LIVE,
     .finish = show_inbounds},
    {.def = {OP_GET, "/reports/addresses",
             "Who came from how many addresses in the last hours; the most first.", address_params,
             "{data:[#many_addresses],total:int,hours:int}", .scope = OP_SCOPE_NARROW},
     .kind = OWNER_READ,
     .job = list_addresses},
    {.def = {.pattern = NULL}},
};
