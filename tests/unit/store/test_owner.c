/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>

#include "base/limits.h"
#include "scratch.h"
#include "store/db_events.h"
#include "store/db_settings.h"
#include "store/owner.h"

/* A loop for the test: what is posted runs when the test pumps. */
struct loop {
    pthread_mutex_t lock;
    struct {
        void (*fn)(void *arg);
        void *arg;
    } posted[64];
    size_t n;
};

static struct loop loop = {.lock = PTHREAD_MUTEX_INITIALIZER};
static struct owner *owner;
static struct err err;

static void post(void *ctx, void (*fn)(void *arg), void *arg)
{
    struct loop *l = ctx;

    pthread_mutex_lock(&l->lock);
    if (l->n < 64) {
        l->posted[l->n].fn = fn;
        l->posted[l->n++].arg = arg;
    }
    pthread_mutex_unlock(&l->lock);
}

static void pump(void)
{
    pthread_mutex_lock(&loop.lock);
    while (loop.n) {
        loop.n--;
        pthread_mutex_unlock(&loop.lock);
        loop.posted[loop.n].fn(loop.posted[loop.n].arg);
        pthread_mutex_lock(&loop.lock);
    }
    pthread_mutex_unlock(&loop.lock);
}

static int set_up(void **state)
{
    struct db *db;

    (void)state;
    if (scratch_make() || db_open_file(scratch_path("t.db"), &db, &err))
        return -1;
    return owner_new(db, post, &loop, &owner, &err);
}

static int tear_down(void **state)
{
    (void)state;
    owner_free(owner);
    pump();
    scratch_clear();
    return 0;
}

struct job {
    int number;
    int fail; /* code to answer after writing */
    const char *text;
    int runs;
    int rc;
    int ended; /* order of the end, from 1 */
    char err_text[ERR_TEXT_MAX];
};

static int ended;

static int job_fn(struct db *db, void *arg, struct err *e)
{
    struct job *j = arg;
    char key[32];
    struct db_setting s = {{NULL, 0}, slice_of(j->text ? j->text : "v"), 0, SLICE("t")};
    int rc;

    j->runs++;
    snprintf(key, sizeof(key), "key%d", j->number);
    s.key = slice_of(key);
    rc = db_settings_put(db, &s, e);
    if (!rc && j->fail)
        rc = err_set(e, j->fail, "job %d fails", j->number);
    return rc;
}

static void job_done(void *arg, int rc, const struct err *e)
{
    struct job *j = arg;

    j->rc = rc;
    j->ended = ++ended;
    snprintf(j->err_text, sizeof(j->err_text), "%s", e->text);
}

static int count_fn(void *arg, const struct db_setting *row)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

/* Through a connection of its own: only what is committed. */
static int rows(void)
{
    struct db *db;
    int n = 0;

    assert_int_equal(db_open_file(scratch_path("t.db"), &db, &err), 0);
    assert_int_equal(db_settings_each(db, count_fn, &n, &err), 0);
    db_close(db);
    return n;
}

static void jobs_end_in_order_and_only_the_bad_ones_are_undone(void **state)
{
    static struct job jobs[600];
    int i;

    (void)state;
    memset(jobs, 0, sizeof(jobs));
    ended = 0;
    for (i = 0; i < 600; i++) {
        jobs[i].number = i;
        jobs[i].fail = i % 10 == 3 ? ERR_INVALID : 0;
        assert_int_equal(owner_submit(owner, i % 50 == 7 ? OWNER_DURABLE : OWNER_WRITE, job_fn,
                                      job_done, &jobs[i]),
                         0);
    }
    owner_flush(owner);
    assert_int_equal(owner_waiting(owner), 0);
    pump();
    for (i = 0; i < 600; i++) {
        assert_int_equal(jobs[i].rc, jobs[i].fail);
        assert_int_equal(jobs[i].ended, i + 1);
        assert_true(!jobs[i].fail || strstr(jobs[i].err_text, "fails"));
    }
    assert_int_equal(rows(), 540);
}

static int limit_fn(struct db *db, void *arg, struct err *e)
{
    return db_set_max_pages(db, *(int *)arg, e);
}

/* The full disk loses the common transaction: the jobs beside the big one are run again and kept. */
static void a_full_disk_fails_the_job_at_fault_only(void **state)
{
    static char big[300000];
    static struct job jobs[20];
    int few = 40, many = 100000, i;

    (void)state;
    memset(jobs, 0, sizeof(jobs));
    memset(big, 'x', sizeof(big) - 1);
    assert_int_equal(owner_submit(owner, OWNER_READ, limit_fn, NULL, &few), 0);
    for (i = 0; i < 20; i++) {
        jobs[i].number = i;
        jobs[i].text = i == 11 ? big : "v";
        assert_int_equal(owner_submit(owner, OWNER_WRITE, job_fn, job_done, &jobs[i]), 0);
    }
    owner_flush(owner);
    pump();
    for (i = 0; i < 20; i++)
        assert_int_equal(jobs[i].rc, i == 11 ? ERR_FULL : 0);
    assert_non_null(strstr(jobs[11].err_text, "free some space"));
    assert_int_equal(rows(), 19);
    assert_int_equal(owner_submit(owner, OWNER_READ, limit_fn, NULL, &many), 0);
    assert_int_equal(owner_submit(owner, OWNER_DURABLE, job_fn, job_done, &jobs[11]), 0);
    owner_flush(owner);
    pump();
    assert_int_equal(jobs[11].rc, 0);
    assert_int_equal(rows(), 20);
}

static int busy_fn(struct db *db, void *arg, struct err *e)
{
    (void)arg;
    (void)e;
    db_set_busy_ms(db, 20);
    return 0;
}

static void a_locked_database_fails_writers_not_readers(void **state)
{
    static struct job jobs[50];
    struct db *other;
    int i, n = 0;

    (void)state;
    memset(jobs, 0, sizeof(jobs));
    assert_int_equal(owner_submit(owner, OWNER_READ, busy_fn, NULL, NULL), 0);
    assert_int_equal(db_open_file(scratch_path("t.db"), &other, &err), 0);
    assert_int_equal(db_begin(other, DB_SYNC_NORMAL, &err), 0);
    for (i = 0; i < 50; i++)
        assert_int_equal(owner_submit(owner, i == 25 ? OWNER_DURABLE : OWNER_WRITE, job_fn,
                                      job_done, &jobs[i]),
                         0);
    owner_flush(owner);
    pump();
    for (i = 0; i < 50; i++)
        assert_int_equal(jobs[i].rc, ERR_BUSY);
    assert_int_equal(db_settings_each(other, count_fn, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(db_end(other, 0, &err), 0);
    db_close(other);
}

static int wait_fn(struct db *db, void *arg, struct err *e)
{
    (void)db;
    (void)e;
    pthread_mutex_lock(arg);
    pthread_mutex_unlock(arg);
    return 0;
}

static void the_queue_is_bounded(void **state)
{
    static struct job jobs[2];
    pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
    int i, rc = 0;

    (void)state;
    memset(jobs, 0, sizeof(jobs));
    pthread_mutex_lock(&gate);
    assert_int_equal(owner_submit(owner, OWNER_READ, wait_fn, NULL, &gate), 0);
    for (i = 0; i <= LIMIT_STORE_QUEUE + 1 && !rc; i++)
        rc = owner_submit(owner, OWNER_READ, wait_fn, NULL, &gate);
    assert_int_equal(rc, ERR_TOO_BIG);
    assert_int_equal(owner_submit(owner, OWNER_WRITE, job_fn, job_done, &jobs[0]), ERR_TOO_BIG);
    pthread_mutex_unlock(&gate);
    owner_flush(owner);
    pump();
    assert_int_equal(jobs[0].ended, 0);
    pthread_mutex_destroy(&gate);
}

/* What ends after the owner, as a job of the worker does, may still ask. */
static void who_asks_after_the_stop_is_refused(void **state)
{
    static struct job jobs[2];

    (void)state;
    memset(jobs, 0, sizeof(jobs));
    ended = 0;
    assert_int_equal(owner_submit(owner, OWNER_WRITE, job_fn, job_done, &jobs[0]), 0);
    owner_stop(owner);
    assert_int_equal(ended, 1);
    assert_int_equal(owner_submit(owner, OWNER_WRITE, job_fn, job_done, &jobs[1]), ERR_CANCELLED);
    pump();
    assert_int_equal(owner_submit(owner, OWNER_READ, job_fn, job_done, &jobs[1]), ERR_CANCELLED);
    owner_stop(owner);
    assert_int_equal(owner_waiting(owner), 0);
    assert_int_equal(ended, 1);
}

static void stopping_runs_what_is_queued_and_calls_every_end(void **state)
{
    static struct job jobs[100];
    struct db *db;
    int i;

    (void)state;
    memset(jobs, 0, sizeof(jobs));
    ended = 0;
    for (i = 0; i < 100; i++) {
        jobs[i].number = i;
        assert_int_equal(owner_submit(owner, OWNER_WRITE, job_fn, job_done, &jobs[i]), 0);
    }
    owner_stop(owner);
    assert_int_equal(ended, 100);
    /* A job of the worker that ends later may still want the store. */
    assert_int_equal(owner_submit(owner, OWNER_READ, job_fn, job_done, &jobs[0]), ERR_CANCELLED);
    assert_int_equal(ended, 100);
    owner_free(owner);
    pump(); /* a delivery that was on its way finds nothing */
    assert_int_equal(rows(), 100);
    assert_int_equal(db_open_file(scratch_path("t.db"), &db, &err), 0);
    assert_int_equal(owner_submit_here(db, OWNER_DURABLE, job_fn, job_done, &jobs[0]), 0);
    assert_int_equal(ended, 101);
    assert_int_equal(owner_new(db, post, &loop, &owner, &err), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(jobs_end_in_order_and_only_the_bad_ones_are_undone, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_fails_the_job_at_fault_only, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_database_fails_writers_not_readers, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(the_queue_is_bounded, set_up, tear_down),
        cmocka_unit_test_setup_teardown(who_asks_after_the_stop_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(stopping_runs_what_is_queued_and_calls_every_end, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
