/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_event.h"

#include "base/stamp.h"
#include "service/jout.h"
#include "service/ops/op_int.h"
#include "store/db_events.h"
#include "base/banned.h"

/* The timeline: what happened, and who did it. */

void op_event_json(struct buf *b, const struct db_event *row)
{
    struct slice none = {NULL, 0};

    buf_add_char(b, '{');
    jout_int(b, "id", row->id);
    jout_time(b, "at", row->at_us);
    jout_str(b, "kind", row->kind);
    if (row->user_id)
        jout_int(b, "user_id", row->user_id);
    else
        jout_str(b, "user_id", none);
    jout_str(b, "username", row->name.n ? row->name : none);
    jout_str(b, "who", row->who);
    jout_str(b, "what", row->what);
    jout_raw(b, "data", row->data);
    buf_add_char(b, '}');
}

static int add_event(void *arg, const struct db_event *row)
{
    struct buf *b = arg;

    jout_key(b, NULL);
    op_event_json(b, row);
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

/* Events of everyone, or of the user of the path. */
static int list_events(struct db *db, struct op *op, struct err *err)
{
    const char *kind = op_arg_text(op, "kind");
    struct op_page page = op_arg_page(op);
    struct db_event_filter f = {.user_id = op->id,
                                .kind = kind ? slice_of(kind) : (struct slice){NULL, 0},
                                .after_id = op_arg_int(op, "after", 0),
                                .offset = page.offset,
                                .limit = page.limit,
                                .only = op_sees_only(op),
                                .oldest_first = op_arg(op, "after") != NULL};
    int64_t total;
    int rc = db_events_total(db, &f, &total, err);

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    if (!rc)
        rc = db_events_each(db, &f, add_event, &op->out, err);
    jout_close(&op->out, ']');
    if (!rc)
        jout_int(&op->out, "total", total);
    jout_close(&op->out, '}');
    return rc;
}

static const struct op_param params[] = {
    {"after", OP_IN_QUERY, OP_INT, 0, INT64_C(1) << 53, .example = "120",
     .help = "only events with a greater id, the oldest first"},
    {"kind", OP_IN_QUERY, OP_TEXT, 1, 64, .example = "\"disabled\"", .help = "only of this kind"},
    OP_PAGE,
    {0}};

const struct op_row op_rows_events[] = {
    {.def = {OP_GET, "/events",
             "What happened: a live stream (SSE), or with Accept: application/json a list.", params,
             "{data:[#event],total:int}", .scope = OP_SCOPE_NARROW},
     .kind = OWNER_READ,
     .job = list_events},
    {.def = {.pattern = NULL}},
};
