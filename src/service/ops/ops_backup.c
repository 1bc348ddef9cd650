/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/backup/backup.h"
#include "service/jout.h"
#include "store/db.h"
#include "base/banned.h"

/* Backup and restore: the heavy part runs on the worker, the swap as the last job of the store's thread. */

/* What the worker is given of a call, and what it answers. */
struct work {
    char path[DB_IMAGE_PATH];
    int rc;
    struct err err;
};

static int new_work(struct op *op)
{
    op->extra = calloc(1, sizeof(struct work));
    return op->extra ? ERR_OK : err_set(&op->err, ERR_NOMEM, "out of memory");
}

static void to_worker(struct op *op, op_work_fn job, op_worked_fn done)
{
    int rc;

    if (!op->port->work) {
        job(op);
        done(op, ERR_OK);
        return;
    }
    rc = op->port->work(op->port->app, job, done, op);
    if (rc)
        op_reply(op, err_set(&op->err, rc, "it cannot be done now: %s", err_name(rc)));
}

/* The worker's answer; ERR_CANCELLED: it was never begun. */
static int worked(struct op *op, int rc)
{
    struct work *w = op->extra;

    if (rc)
        return err_set(&op->err, rc, "the daemon is stopping");
    if (w->rc)
        op->err = w->err;
    return w->rc;
}

/* ---- backup ---- */

static int begin_backup(struct db *db, struct op *op, struct err *err)
{
    struct work *w = op->extra;

    if (snprintf(w->path, sizeof(w->path), "%s", db_path(db)) >= (int)sizeof(w->path))
        return err_set(err, ERR_INVALID, "the path of the database is too long");
    return op_event(db, op, "backup", false, "a backup is made", err);
}

static void make(void *arg)
{
    struct op *op = arg;
    struct work *w = op->extra;

    buf_clear(&op->out);
    w->rc = backup_make(w->path, op->settings, op->now_us, &op->out, &w->err);
}

static void made(void *arg, int rc)
{
    op_reply(arg, worked(arg, rc));
}

static void send_backup(struct op *op)
{
    op->settings = calloc(1, sizeof(*op->settings));
    if (!op->settings || settings_copy(op->settings, op->port->settings(op->port->app)))
        op_reply(op, err_set(&op->err, ERR_NOMEM, "out of memory"));
    else
        to_worker(op, make, made);
}

/* ---- restore ---- */

static void look(void *arg)
{
    struct op *op = arg;
    struct work *w = op->extra;

    w->rc = backup_open(buf_slice(&op->raw), &op->backup, &w->err);
    /* The other meaning of this code is that our own database is damaged. */
    if (w->rc == ERR_CORRUPT)
        w->rc = ERR_INVALID;
}

static void report(struct op *op, const struct db_image_put *put)
{
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_bool(&op->out, "restored", put != NULL);
    backup_json(op->backup, &op->out);
    jout_text(&op->out, "kept", put ? put->kept : NULL);
    if (!put) {
        jout_open(&op->out, "now", '{');
        buf_add_slice(&op->out, buf_slice(&op->raw));
        jout_close(&op->out, '}');
    }
    jout_int(&op->out, "carried_over", put ? put->carried : 0);
    jout_int(&op->out, "superseded", put ? put->superseded : 0);
    jout_text(&op->out, "detail",
              put ? "restored, in shadow mode: nobody is disabled before `mode on`. Say that when "
                    "the instance the backup is of no longer runs; `disabled stuck` lists whom the "
                    "panel has disabled since"
                  : "the backup is whole; nothing was changed");
    jout_close(&op->out, '}');
}

/* What stands here now, for who looks: into op->raw, as members. */
static int count_now(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;

    buf_clear(&op->raw);
    return backup_count_json(db, &op->raw, err);
}

static void counted(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc)
        op->err = *err;
    else
        report(op, NULL);
    op_reply(op, rc);
}

static void look_here(struct op *op)
{
    int rc;

    buf_init(&op->raw, 4096);
    rc = op->port->submit(op->port->store, OWNER_READ, count_now, counted, op);
    if (rc)
        op_reply(op, err_set(&op->err, rc, "the database cannot take the job: %s", err_name(rc)));
}

static void looked(void *arg, int rc)
{
    struct op *op = arg;

    rc = worked(op, rc);
    /* The bytes are no longer needed, and the swap needs room. */
    buf_release(&op->raw);
    if (!rc && op_arg_bool(op, "dry_run")) {
        look_here(op);
        return;
    }
    if (!rc && !op_arg_bool(op, "confirm")) {
        rc = err_set(&op->err, ERR_CONFIRM,
                     "the backup is whole; it replaces everything in the database of now, which is "
                     "kept beside it (look at it with dry_run=true, then say confirm=true)");
    } else if (!rc) {
        op_run_job(op);
        return;
    }
    op_reply(op, rc);
}

static void begin_restore(struct op *op)
{
    to_worker(op, look, looked);
}

static int put_in_place(struct db *db, struct op *op, struct err *err)
{
    struct db_image_put put = {.now_us = op->now_us, .who = slice_of(op->who)};
    int rc = backup_restore(op->backup, db_path(db), &put, err);

    if (!rc)
        report(op, &put);
    return rc;
}

static void finish_restore(struct op *op)
{
    if (op->port->changed)
        op->port->changed(op->port->app, OP_CHANGED_ALL);
    op_reply(op, ERR_OK);
}

static const struct op_param restore_params[] = {
    {"dry_run", OP_IN_QUERY, OP_BOOL, .example = "true", .help = "only check the backup"},
    {"confirm", OP_IN_QUERY, OP_BOOL, .example = "false",
     .help = "yes to what answered 409 confirm_needed"},
    {0}};

static void show_schedule(struct op *op)
{
    op->port->schedule_json(op->port->app, &op->out);
    op_reply(op, ERR_OK);
}

const struct op_row op_rows_backup[] = {
    {.def = {OP_GET, "/schedule", "When the next backup goes to Telegram by itself.",
             .answer = "{every_h:int,next_at:time~,last_at:time~,running:bool,failed_attempts:int,"
                       "last_error:text~}",
             .role = OP_ROLE_OWNER},
     .flags = ROW_LIVE,
     .finish = show_schedule},
    {.def = {OP_GET, "/backup",
             "A backup as a zip: database without secrets, settings, manifest (docs/backup.md).",
             .media = "application/zip", .may = OP_MAY_409, .role = OP_ROLE_OWNER},
     .args = new_work,
     .kind = OWNER_WRITE,
     .job = begin_backup,
     .finish = send_backup},
    {.def =
         {OP_POST, "/restore",
          "Puts a backup in place of the database; the daemon starts anew, in shadow mode.",
          restore_params,
          "{restored:bool,created_at:text,version:text,encrypted_part:bool,secret_settings:int,"
          "users:int,special_limits:int,exceptions:int,patterns:int,settings:int,violations:int,"
          "disabled:int,events:int,now?:any,kept:text~,carried_over:int,superseded:int,detail:text}",
          OP_RAW_BODY | OP_MAY_409},
     .args = new_work,
     .before = begin_restore,
     .kind = OWNER_LAST,
     .job = put_in_place,
     .finish = finish_restore},
    {.def = {.pattern = NULL}},
};
