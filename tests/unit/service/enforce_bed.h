/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_SERVICE_ENFORCE_BED_H
#define TESTS_SERVICE_ENFORCE_BED_H

/* An enforcement between a fake panel, a real database and a clock that the test turns. */

#include <stdlib.h>

#include "../store/scratch.h"
#include "fakeadmin.h"
#include "service/enforce/enforce.h"
#include "store/db.h"
#include "store/db_journal.h"

#define SEC STAMP_SECOND
#define BED_T0 (INT64_C(1790000000) * SEC)

enum { BED_JOBS = 256 };

struct bed_job {
    enum owner_kind kind;
    owner_fn fn;
    owner_done_fn done;
    void *arg;
};

struct bed {
    struct fp panel;
    struct fp_line line;
    struct db *db;
    struct enforce *e;
    struct enforce_opts opts;
    struct bed_job jobs[BED_JOBS]; /* waiting for the store, in order */
    int n_jobs;
    int store_rc;        /* what writing jobs answer; 0: they are run */
    bool groups_unknown; /* the panel has not told which groups there are */
    bool store_slow;     /* jobs wait until bed_store_one */
    int refuse;          /* what approve answers */
    int applied, refused, restored, superseded, failing, store_failing, store_back, recovered;
    struct enforce_event last; /* of a user; name and text are not kept */
    char text[ERR_TEXT_MAX];
    void (*on_event)(struct bed *b, const struct enforce_event *ev);
    void *ctx;
};

static inline int64_t bed_now(void *ctx)
{
    return ((struct bed *)ctx)->panel.now_us;
}

static inline void bed_event(void *ctx, const struct enforce_event *ev)
{
    struct bed *b = ctx;

    b->applied += ev->kind == ENFORCE_APPLIED;
    b->refused += ev->kind == ENFORCE_REFUSED;
    b->restored += ev->kind == ENFORCE_RESTORED;
    b->superseded += ev->kind == ENFORCE_SUPERSEDED;
    b->failing += ev->kind == ENFORCE_RESTORE_FAILING;
    b->store_failing += ev->kind == ENFORCE_STORE_FAILING;
    b->store_back += ev->kind == ENFORCE_STORE_BACK;
    b->recovered += ev->kind == ENFORCE_RECOVERED;
    if (ev->user_id)
        b->last = *ev;
    snprintf(b->text, sizeof(b->text), "%s", ev->text);
    if (b->on_event)
        b->on_event(b, ev);
}

static inline int bed_approve(void *ctx, const struct enforce_case *c,
                              const struct panel_user *user, struct err *why)
{
    struct bed *b = ctx;

    (void)c;
    (void)user;
    return b->refuse ? err_set(why, b->refuse, "excepted") : 0;
}

static inline enum enforce_group bed_group(void *ctx, int64_t id)
{
    struct bed *b = ctx;

    if (b->groups_unknown)
        return ENFORCE_GROUP_UNSURE;
    return id > 0 && id <= FP_GROUPS && b->panel.group_gone[id] ? ENFORCE_GROUP_GONE
                                                                : ENFORCE_GROUP_THERE;
}

/* Runs the oldest job of the store; false when there is none. */
static inline bool bed_store_one(struct bed *b)
{
    struct bed_job j = b->jobs[0];
    struct err err = {0};

    if (b->n_jobs == 0)
        return false;
    b->n_jobs--;
    memmove(b->jobs, b->jobs + 1, (size_t)b->n_jobs * sizeof(b->jobs[0]));
    if (b->store_rc && j.kind != OWNER_READ) {
        err_set(&err, b->store_rc, "no room to write the database");
        if (j.done)
            j.done(j.arg, b->store_rc, &err);
        return true;
    }
    if (owner_submit_here(b->db, j.kind, j.fn, j.done, j.arg))
        abort();
    return true;
}

static inline int bed_submit(void *ctx, enum owner_kind kind, owner_fn fn, owner_done_fn done,
                             void *arg)
{
    struct bed *b = ctx;

    if (b->n_jobs == BED_JOBS)
        return ERR_TOO_BIG;
    b->jobs[b->n_jobs++] = (struct bed_job){kind, fn, done, arg};
    return ERR_OK;
}

/* Lets everything happen that can happen now. */
static inline void bed_settle(struct bed *b)
{
    bool any = true;

    while (any) {
        any = !b->store_slow && bed_store_one(b);
        any |= fp_pump(&b->line);
        enforce_run(b->e);
        any |= !b->store_slow && b->n_jobs > 0;
    }
}

/* Lets time go by, in steps of at most a second. */
static inline void bed_wait(struct bed *b, int64_t us)
{
    int64_t step;

    while (us > 0) {
        step = us < SEC ? us : SEC;
        b->panel.now_us += step;
        us -= step;
        bed_settle(b);
    }
}

static inline int bed_start(struct bed *b)
{
    struct err err;
    int rc;

    if (!b->db && (rc = db_open_file(scratch_path("e.db"), &b->db, &err))) {
        fprintf(stderr, "%s\n", err.text);
        return rc;
    }
    b->line.panel = &b->panel;
    b->opts.panel = fp_port(&b->line);
    b->opts.submit = bed_submit;
    b->opts.store = b;
    b->opts.ctx = b;
    b->opts.now = bed_now;
    b->opts.event = bed_event;
    b->opts.approve = bed_approve;
    b->opts.group = bed_group;
    b->opts.seed = 7;
    rc = enforce_new(&b->opts, &b->e);
    if (!rc)
        enforce_recover(b->e);
    return rc;
}

/* Death without goodbye: what waited for the store or the panel is gone; nobody hears of it. */
static inline void bed_kill(struct bed *b)
{
    struct bed_job j;
    struct err err = {0};

    enforce_free(b->e);
    b->e = NULL;
    /* The ops behind jobs and calls find nobody waiting and free themselves. */
    while (b->n_jobs) {
        j = b->jobs[--b->n_jobs];
        if (j.done)
            j.done(j.arg, ERR_CANCELLED, &err);
    }
    for (int i = 0; i < FP_CALLS; i++) {
        if (b->line.calls[i].used) {
            b->line.calls[i].used = false;
            b->line.calls[i].fn(b->line.calls[i].arg, ERR_CANCELLED, &err, NULL);
        }
    }
    db_close(b->db);
    b->db = NULL;
}

static inline struct enforce_case bed_case(const struct bed *b, int64_t user_id,
                                           int64_t duration_us)
{
    return (struct enforce_case){
        .user_id = user_id,
        .name = slice_of(b->panel.users[user_id - 1].name),
        .verdict_us = b->panel.now_us,
        .duration_us = duration_us,
        .action = SLICE("disable"),
        .max_devices = 2,
        .devices = 5,
        .evidence = SLICE("{\"devices\":[]}"),
    };
}

#endif
