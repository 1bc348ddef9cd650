/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>

#include "base/stamp.h"
#include "core/address/addr.h"
#include "service/jout.h"
#include "store/db_nodes.h"
#include "base/banned.h"

/* Shared sources: addresses of many users, which add no device of their own. */

/* One that was unmarked is judged anew after this time: long enough to see what comes of it. */
static const int64_t barred_us = 86400 * STAMP_SECOND;

struct listing {
    struct buf *out;
    int64_t total;
};

static int add_shared(void *arg, const struct db_shared *row)
{
    struct listing *l = arg;
    struct buf *b = l->out;

    jout_open(b, NULL, '{');
    jout_str(b, "address", row->address);
    jout_bool(b, "shared", !row->barred);
    jout_time(b, "since", row->since_us);
    jout_time(b, "until", row->until_us);
    jout_close(b, '}');
    l->total++;
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static int shared_list(struct db *db, struct op *op, struct err *err)
{
    struct listing l = {&op->out, 0};
    int rc;

    jout_list(&op->out);
    rc = db_shared_each(db, op->now_us, add_shared, &l, err);
    jout_list_end(&op->out, l.total);
    return rc;
}

/* The address as marks have it: cut to its prefix, in its shortest form. Settings are read on the loop's
 * thread. */
static int address_args(struct op *op)
{
    int64_t prefix = settings_int(op->port->settings(op->port->app), SET_IPV6_PREFIX);
    struct addr a;
    char text[ADDR_TEXT];

    if (addr_parse(slice_of(op->ref_text), &a))
        return err_set(&op->err, ERR_INVALID, "address \"%s\" is no IPv4 or IPv6 address",
                       op->ref_text);
    snprintf(op->ref_text, sizeof(op->ref_text), "%s",
             addr_text(addr_device(a, (unsigned)prefix), text));
    return ERR_OK;
}

static int shared_delete(struct db *db, struct op *op, struct err *err)
{
    int64_t until_us = op->now_us + barred_us;
    char text[256];
    int rc = db_shared_bar(db, slice_of(op->ref_text), op->now_us, until_us, err);

    if (rc)
        return rc;
    snprintf(
        text, sizeof(text),
        "%s is no shared source any more: it counts as a device, and is not marked again for a day",
        op->ref_text);
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_text(&op->out, "address", op->ref_text);
    jout_bool(&op->out, "deleted", true);
    jout_time(&op->out, "not_before", until_us);
    jout_text(&op->out, "detail", text);
    jout_close(&op->out, '}');
    return op_event(db, op, "shared", false, text, err);
}

static const struct op_param address_params[] = {
    {"address", OP_IN_PATH | OP_NEEDED, OP_TEXT, 2, 64, .example = "\"203.0.113.9\"",
     .help = "the address; an IPv6 address stands for its whole prefix"},
    {0}};

const struct op_row op_rows_shared[] = {
    {.def = {OP_GET, "/shared",
             "Shared sources: addresses many users come from, and those that are not to be marked "
             "again yet.",
             .answer = "{data:[{address:text,shared:bool,since:time,until:time}],total:int}"},
     .kind = OWNER_READ,
     .job = shared_list},
    {.def = {OP_DELETE, "/shared/{address}",
             "Takes the mark of a shared source away; it is not marked again for a day.",
             address_params, "{address:text,deleted:bool,not_before:time,detail:text}",
             .role = OP_ROLE_OPERATOR},
     .args = address_args,
     .kind = OWNER_WRITE,
     .job = shared_delete,
     .changes = OP_CHANGED_SHARED},
    {.def = {.pattern = NULL}},
};
