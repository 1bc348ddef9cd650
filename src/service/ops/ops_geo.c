/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/jout.h"
#include "service/ops/op_int.h"
#include "base/banned.h"

/* Countries and providers of addresses. The data is another layer's: here it comes through the port. */

static int must_have(struct op *op, bool there)
{
    return there ? ERR_OK
                 : err_set(&op->err, ERR_UNREACHABLE,
                           "the daemon is not running, and this needs it: start it with "
                           "`pg-limiter run`");
}

static void show_geo(struct op *op)
{
    int rc = must_have(op, op->port->geo_json != NULL);

    if (!rc)
        op->port->geo_json(op->port->app, &op->out);
    op_reply(op, rc);
}

static void show_address(struct op *op)
{
    const char *text = op_arg_text(op, "address");
    struct addr addr;
    int rc = must_have(op, op->port->geo_address_json != NULL);

    if (!rc && (!text || addr_parse(slice_of(text), &addr)))
        rc =
            err_set(&op->err, ERR_INVALID, "address: \"%.60s\" is no IP address", text ? text : "");
    if (!rc)
        op->port->geo_address_json(op->port->app, addr, &op->out);
    op_reply(op, rc);
}

static int note_update(struct db *db, struct op *op, struct err *err)
{
    return op_event(db, op, "geo", false, "update of the country and AS data asked for", err);
}

static void start_update(struct op *op)
{
    int rc = must_have(op, op->port->geo_update != NULL);

    if (!rc)
        rc = op->port->geo_update(op->port->app, &op->err);
    if (rc) {
        op_reply(op, rc);
        return;
    }
    jout_open(&op->out, NULL, '{');
    jout_text(&op->out, "result", "started");
    jout_close(&op->out, '}');
    op->status = 202;
    op_run_job(op);
}

#define DATABASE "{in_effect:bool,path:text~,problem:text~}"

const struct op_row op_rows_geo[] = {
    {.def = {OP_GET, "/geo",
             "The country and AS data: age, licence, in effect or not, update, providers.",
             .answer = "{country:" DATABASE ",asn:" DATABASE
                       ",country_filter:{countries:text~,in_effect:bool,note:text~}}"},
     .finish = show_geo},
    {.def = {OP_GET, "/geo/addresses/{address}", "What is known of an address.",
             .params = (const struct op_param[]){{"address", OP_IN_PATH | OP_NEEDED, OP_TEXT, 2, 64,
                                                  .example = "\"8.8.8.8\"", .help = "IPv4 or IPv6"},
                                                 {NULL}},
             .answer = "{address:text,country:text~,asn:int~,isp:text~}", .scope = OP_SCOPE_FREE},
     .finish = show_address},
    {.def =
         {OP_POST, "/geo/update",
          "Fetches newer data from geoip_country_url and geoip_asn_url; GET /geo tells how far it is.",
          .answer = "{result:text}", .may = OP_MAY_409},
     .flags = ROW_LIVE,
     .kind = OWNER_WRITE,
     .before = start_update,
     .job = note_update},
    {.def = {.pattern = NULL}},
};
