/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/stamp.h"
#include "store/db_image.h"
#include "store/db_settings.h"
#include "base/banned.h"

/* After a restore: is the instance that the backup is of switched off? */

struct asking {
    struct op *op;
    op_step_fn next;
    char stamp[32]; /* of the restore, "" = nothing is unsure */
};

static int read_mark(struct db *db, void *arg, struct err *err)
{
    struct asking *a = arg;
    int rc = db_meta_get(db, DB_META_UNSURE, a->stamp, sizeof(a->stamp), err);

    if (rc == ERR_NOT_FOUND) {
        a->stamp[0] = '\0';
        rc = ERR_OK;
    }
    return rc;
}

/* others: disabled in the panel without a row here, -1 = not known. */
static void ask(struct asking *a, int64_t others)
{
    struct op *op = a->op;
    char when[STAMP_TEXT] = "";
    int64_t at_us;
    struct buf b;

    buf_init(&b, ERR_TEXT_MAX);
    if (!num_int(slice_of(a->stamp), 0, INT64_MAX, &at_us))
        stamp_iso(at_us, when);
    free(a);
    buf_addf(
        &b,
        "this database is a backup that was restored (%.19s UTC). Is the instance it is of off? ",
        when);
    buf_add_str(&b, "Two would both disable users. ");
    if (others > 0)
        buf_addf(
            &b,
            "%lld user%s disabled in the panel without a row here, some perhaps by the other one: "
            "`disabled stuck` lists them, `disabled adopt USER` has one enabled in time. ",
            (long long)others, others == 1 ? " is" : "s are");
    else if (others < 0)
        buf_add_str(&b,
                    "Whom the panel has disabled without a row here, `disabled stuck` tells while "
                    "the panel answers. ");
    buf_add_str(&b, "Say yes (--yes, ?confirm=true) when it is off");
    op_reply(op, err_set(&op->err, ERR_CONFIRM, "%s", buf_str(&b)));
    buf_release(&b);
}

static void counted(void *arg, int rc, const struct err *err, struct slice json)
{
    json_t *told = rc ? NULL : json_loadb(json.p, json.n, 0, NULL);
    const json_t *total = json_object_get(told, "total");
    int64_t n = json_is_integer(total) ? json_integer_value(total) : -1;

    (void)err;
    json_decref(told);
    ask(arg, n);
}

static void mark_read(void *arg, int rc, const struct err *err)
{
    struct asking *a = arg;
    struct op *op = a->op;
    op_step_fn next = a->next;

    if (rc) {
        op->err = *err;
        free(a);
        op_reply(op, rc);
    } else if (!a->stamp[0]) {
        free(a);
        next(op);
    } else if (op->port->stuck) {
        op->port->stuck(op->port->app, 0, 1, NULL, counted, a);
    } else {
        ask(a, -1);
    }
}

void op_restored_ask(struct op *op, op_step_fn next)
{
    struct asking *a = calloc(1, sizeof(*a));
    int rc = ERR_NOMEM;

    if (a) {
        a->op = op;
        a->next = next;
        rc = op->port->submit(op->port->store, OWNER_READ, read_mark, mark_read, a);
    }
    if (rc) {
        free(a);
        op_reply(op, err_set(&op->err, rc, "the database cannot take the job: %s", err_name(rc)));
    }
}

int op_restored_settled(struct db *db, struct op *op, struct err *err)
{
    char stamp[32];
    int rc;

    if (strcmp(settings_text(op->settings, SET_ENFORCEMENT), "on") != 0)
        return ERR_OK;
    rc = db_meta_get(db, DB_META_UNSURE, stamp, sizeof(stamp), err);
    if (rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (!rc)
        rc = db_meta_delete(db, DB_META_UNSURE, err);
    return rc ? rc
              : op_event(db, op, "restore", false,
                         "the instance that the backup is of is off: enforcement is on", err);
}
