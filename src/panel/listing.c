/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/listing.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "panel/puser.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
enum {
    PAGE_FULL = 500,
    PAGE_NAMES = 2000,
    PAGE_TRIES = 4,
    PAGE_DEADLINE_S = 60,
    PAGE_BYTES = 16 << 20,
    INLINE_BYTES = 256 << 10,
    BACKSTEPS = 6, /* times a listing goes back over users deleted meanwhile */
};

/* A page on its way through the worker. */
struct page_job {
    struct listing *listing; /* NULL when it ended meanwhile */
    char *text;
    size_t n;
    struct puser_page page;
    struct err err;
    int rc;
};

struct listing {
    struct listing_opts opts;
    struct call *call;
    struct page_job *job;
    bool full;       /* which list is asked */
    bool by_created; /* this version cannot sort by id */
    int64_t offset;  /* rows before the next page */
    int64_t asked;   /* offset of the page asked */
    int64_t last_id;
    int64_t limit;
    size_t seen;
    unsigned backsteps;
};

static void ask(struct listing *l);

static void finish(struct listing *l, int rc, const struct err *err)
{
    struct listing_opts opts = l->opts;
    size_t seen = l->seen;
    struct err none = {0};

    listing_free(l);
    opts.on_end(opts.arg, rc, err ? err : &none, seen);
}

static void fail(struct listing *l, int rc, const char *why)
{
    struct err err;

    err_set(&err, rc, "list of users: %s", why);
    finish(l, rc, &err);
}

static bool ascending(const struct puser_page *page)
{
    size_t i;

    for (i = 1; i < page->n; i++)
        if (page->users[i].id <= page->users[i - 1].id)
            return false;
    return true;
}

/* Users before the page were deleted, so that others moved up past its beginning: go back and look. */
static void step_back(struct listing *l)
{
    int64_t step = (int64_t)16 << (2 * l->backsteps);

    if (l->backsteps++ >= BACKSTEPS) {
        fail(l, ERR_PROTOCOL, "it changes faster than it can be read");
        return;
    }
    l->offset = l->asked > step ? l->asked - step : 0;
    ask(l);
}

static void take_page(struct listing *l, const struct puser_page *page)
{
    size_t skip = 0;

    if (!ascending(page)) {
        fail(l, ERR_PROTOCOL, "the panel does not sort it by id");
        return;
    }
    if (l->last_id && l->asked > 0 && (page->n == 0 || page->users[0].id > l->last_id)) {
        step_back(l);
        return;
    }
    while (skip < page->n && page->users[skip].id <= l->last_id)
        skip++;
    l->seen += page->n - skip;
    if (l->seen > LIMIT_USERS) {
        fail(l, ERR_TOO_BIG, "more users than can be kept");
        return;
    }
    if (page->n) {
        l->last_id =
            page->users[page->n - 1].id > l->last_id ? page->users[page->n - 1].id : l->last_id;
        if (page->n > skip)
            l->opts.on_page(l->opts.arg, page->users + skip, page->n - skip, l->full);
    }
    l->offset = l->asked + (int64_t)page->n;
    if ((int64_t)page->n >= l->limit && page->total != l->offset) {
        ask(l);
        return;
    }
    if (page->total > (int64_t)l->seen) {
        fail(l, ERR_PROTOCOL, "the panel gave fewer users than it counts");
        return;
    }
    finish(l, ERR_OK, NULL);
}

static void parse_job(void *arg)
{
    struct page_job *job = arg;

    job->rc = puser_page_parse((struct slice){job->text, job->n}, &job->page, &job->err);
}

static void job_done(void *arg, int rc)
{
    struct page_job *job = arg;
    struct listing *l = job->listing;
    struct puser_page page = job->page;
    struct err err = job->err;

    if (!rc)
        rc = job->rc;
    free(job->text);
    free(job);
    if (l) {
        l->job = NULL;
        if (rc)
            fail(l, rc, err.text[0] ? err.text : err_name(rc));
        else
            take_page(l, &page);
    }
    puser_page_release(&page);
}

static void parse_in_worker(struct listing *l, struct buf *body)
{
    struct page_job *job = calloc(1, sizeof(*job));
    int rc;

    if (!job) {
        fail(l, ERR_NOMEM, "out of memory");
        return;
    }
    job->listing = l;
    job->n = body->n;
    job->text = buf_take(body);
    rc = worker_submit(l->opts.worker, parse_job, job_done, job);
    if (rc) {
        free(job->text);
        free(job);
        fail(l, rc, "the worker has too much to do");
        return;
    }
    l->job = job;
}

/* The short list may be refused (its own permission), missing (before 2.0), or not sort by id. */
static bool other_way(struct listing *l, const struct call_result *r)
{
    if (l->seen)
        return false;
    if (!l->full && (r->status == 403 || r->status == 404 || r->status == 405)) {
        l->full = true;
        return true;
    }
    if (!l->by_created && (r->status == 400 || r->status == 422)) {
        l->by_created = true;
        return true;
    }
    return false;
}

static void on_answer(void *arg, const struct call_result *r)
{
    struct listing *l = arg;
    struct puser_page page;
    struct err err = {0};
    int rc;

    l->call = NULL;
    if (r->rc) {
        if (other_way(l, r))
            ask(l);
        else
            finish(l, r->rc, r->err);
        return;
    }
    if (r->body->n > INLINE_BYTES) {
        parse_in_worker(l, r->body);
        return;
    }
    rc = puser_page_parse(buf_slice(r->body), &page, &err);
    if (rc) {
        fail(l, rc, err.text);
        return;
    }
    take_page(l, &page);
    puser_page_release(&page);
}

static void ask(struct listing *l)
{
    struct call_opts opts = {.method = "GET",
                             .what = "list of users",
                             .tries = PAGE_TRIES,
                             .deadline_us = PAGE_DEADLINE_S * SECOND,
                             .body_max = PAGE_BYTES};
    char path[160];
    int rc;

    l->limit = l->full ? PAGE_FULL : PAGE_NAMES;
    l->asked = l->offset > 0 ? l->offset - 1 : 0;
    snprintf(path, sizeof(path), "/api/users%s?sort=%s&offset=%lld&limit=%lld",
             l->full ? "" : "/simple", l->by_created ? "created_at" : "id", (long long)l->asked,
             (long long)l->limit);
    opts.path = path;
    rc = call_start(l->opts.calls, &opts, on_answer, l, &l->call);
    if (rc)
        fail(l, rc, err_name(rc));
}

int listing_new(const struct listing_opts *opts, struct listing **ret_l)
{
    struct listing *l;

    if (opts->calls->closing)
        return ERR_CANCELLED;
    l = calloc(1, sizeof(*l));
    if (!l)
        return ERR_NOMEM;
    l->opts = *opts;
    l->full = opts->full;
    /* Out of the way first: a failure inside ask() would free it before it was given back. */
    *ret_l = l;
    ask(l);
    return ERR_OK;
}

void listing_free(struct listing *l)
{
    if (!l)
        return;
    call_cancel(l->call);
    if (l->job)
        l->job->listing = NULL;
    free(l);
}
