/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "base/stamp.h"
#include "service/doctor/doctor.h"
#include "service/ops/op_int.h"
#include "store/db_history.h"
#include "base/banned.h"

/* GET /doctor: database and disk here, the panel by the port, the judgement in doctor.c. */

static const int64_t crowd_us = 6 * 3600 * STAMP_SECOND;
/* Reading a larger file whole would keep the journal waiting. */
static const int64_t check_bytes = (int64_t)512 << 20;

static int add_crowd(void *arg, const struct db_crowd *row)
{
    struct doctor_facts *f = arg;
    struct doctor_crowd *c;

    if (f->n_crowds == DOCTOR_CROWDS)
        return ERR_OK;
    c = &f->crowds[f->n_crowds++];
    *c = (struct doctor_crowd){.node_id = row->node_id, .users = row->users, .all = row->all};
    snprintf(c->address, sizeof(c->address), "%.*s", (int)row->address.n, row->address.p);
    return ERR_OK;
}

static int look_at_database(struct db *db, void *arg, struct err *err)
{
    struct op *op = arg;
    struct doctor_facts *f = op->facts;
    struct stat st;
    int rc = ERR_OK;

    f->n_crowds = 0;
    f->db_bytes = stat(db_path(db), &st) == 0 ? (int64_t)st.st_size : 0;
    if (f->db_bytes <= check_bytes)
        rc = db_check(db, err);
    else
        snprintf(f->db_text, sizeof(f->db_text),
                 "too large to be read whole while the daemon works");
    return rc ? rc : db_history_crowds(db, op->now_us - crowd_us, add_crowd, f, err);
}

static void answer(void *arg)
{
    struct op *op = arg;

    buf_clear(&op->out);
    doctor_judge(op->facts, op->port->settings(op->port->app), &op->out);
    op_reply(op, ERR_OK);
}

static void ask_panel(struct op *op)
{
    if (op->port->doctor) {
        op->port->doctor(op->port->app, op->facts, answer, op);
        return;
    }
    snprintf(op->facts->error, sizeof(op->facts->error), "the panel was not asked");
    answer(op);
}

static void take_geo(struct doctor_geo *g, const json_t *told)
{
    const char *problem = json_string_value(json_object_get(told, "problem"));

    g->known = json_is_boolean(json_object_get(told, "in_effect"));
    g->in_effect = json_is_true(json_object_get(told, "in_effect"));
    g->age_days = json_integer_value(json_object_get(told, "age_days"));
    snprintf(g->problem, sizeof(g->problem), "%s", problem ? problem : "");
}

/* What GET /geo tells of the data; where it tells nothing, nothing is said of it. */
static void geo_told(void *arg, int status, struct slice json)
{
    struct op *op = arg;
    json_t *told = status == 200 ? json_loadb(json.p, json.n, 0, NULL) : NULL;

    take_geo(&op->facts->geo[DATA_COUNTRY], json_object_get(told, "country"));
    take_geo(&op->facts->geo[DATA_ASN], json_object_get(told, "asn"));
    json_decref(told);
    ask_panel(op);
}

static void database_done(void *arg, int rc, const struct err *err)
{
    struct op_request geo = {.method = OP_GET, .path = SLICE("/geo")};
    struct op *op = arg;

    op->facts->db_rc = rc;
    if (rc)
        snprintf(op->facts->db_text, sizeof(op->facts->db_text), "%s", err->text);
    op_call(op->port, &geo, geo_told, op);
}

static void user_name(uid_t uid, char *out, size_t max)
{
    struct passwd pw, *found = NULL;
    char space[4096];

    if (getpwuid_r(uid, &pw, space, sizeof(space), &found) == 0 && found)
        snprintf(out, max, "%s", found->pw_name);
    else
        snprintf(out, max, "%u", (unsigned)uid);
}

static void add_file(struct doctor_facts *f, const char *path, unsigned want,
                     const struct stat *owner)
{
    struct doctor_file *file = &f->files[f->n_files];
    struct stat st;

    if (f->n_files == DOCTOR_FILES || !path[0] || stat(path, &st))
        return;
    f->n_files++;
    snprintf(file->path, sizeof(file->path), "%s", path);
    file->mode = st.st_mode & 0777;
    file->want = want;
    file->uid = st.st_uid;
    file->owner_uid = owner->st_uid;
    user_name(owner->st_uid, file->owner, sizeof(file->owner));
}

/* What holds secrets must be the daemon's own, who runs as the owner of DATA_DIR, and nobody else's. */
static void look_at_files(struct op *op)
{
    const char *dir = settings_text(op->port->settings(op->port->app), SET_DATA_DIR);
    const char *env = op->port->env_file(op->port->app);
    struct doctor_facts *f = op->facts;
    char path[PATH_MAX];
    struct stat owner;

    if (stat(dir, &owner) && (!env[0] || stat(env, &owner)))
        return;
    add_file(f, env, 0600, &owner);
    snprintf(path, sizeof(path), "%s/secrets.env", dir);
    add_file(f, path, 0600, &owner);
    add_file(f, dir, 0750, &owner);
    snprintf(path, sizeof(path), "%s/data/pg-limiter.db", dir);
    add_file(f, path, 0600, &owner);
}

static void look_at_machine(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);
    struct doctor_facts *f = op->facts;
    struct statvfs vfs;

    if (statvfs(settings_text(s, SET_DATA_DIR), &vfs) == 0)
        f->disk_free = (int64_t)vfs.f_bavail * (int64_t)vfs.f_frsize;
    look_at_files(op);
}

static void begin(struct op *op)
{
    struct err err = {0};
    int rc;

    op->facts = malloc(sizeof(*op->facts));
    if (!op->facts) {
        op_reply(op, err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM)));
        return;
    }
    doctor_facts_init(op->facts, op->now_us);
    op->facts->daemon = op->port->status_json != NULL;
    op->facts->note = op->port->setting_note;
    op->facts->note_arg = op->port->app;
    look_at_machine(op);
    rc = op->port->submit(op->port->store, OWNER_READ, look_at_database, database_done, op);
    if (rc) {
        err_set(&err, rc, "the database takes no job: %s", err_name(rc));
        database_done(op, rc, &err);
    }
}

const struct op_row op_rows_doctor[] = {
    {.def = {OP_GET, "/doctor", "What is wrong and the cure: panel, permissions, nodes, database.",
             .answer = "{checks:[{check:text,subject:text~,level:text,text:text,cure:text~}],"
                       "failed:int,warnings:int}"},
     .before = begin},
    {.def = {.pattern = NULL}},
};
