/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/onliners.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "panel/puser.h"
#include "base/banned.h"

enum { PAGE = 500 };
static const int64_t apart_us = STAMP_SECOND;
static const int64_t recent_us = 600 * STAMP_SECOND;

/* A page that is under way when the listing is dropped comes to nobody. */
struct page {
    struct onliners *o;
};

struct onliners {
    struct panel *panel;
    struct loop *loop;
    struct loop_timer *timer;
    struct page *page;
    onliners_fn fn;
    void *arg;
    size_t offset;
    int64_t *ids;
    size_t n, cap;
};

static int by_id(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

void onliners_drop(struct onliners *o)
{
    if (!o)
        return;
    if (o->page)
        o->page->o = NULL;
    loop_timer_free(o->timer);
    free(o->ids);
    free(o);
}

static void finish(struct onliners *o, int rc, const struct err *err)
{
    size_t n = 0, i;

    if (o->n)
        qsort(o->ids, o->n, sizeof(*o->ids), by_id);
    for (i = 0; i < o->n; i++)
        if (n == 0 || o->ids[n - 1] != o->ids[i])
            o->ids[n++] = o->ids[i];
    o->fn(o->arg, rc, err, o->ids, n);
    onliners_drop(o);
}

static int keep(struct onliners *o, const struct puser_page *page)
{
    int64_t now_us = loop_wall_us(o->loop);
    size_t i;

    if (o->n + page->n > LIMIT_USERS)
        return ERR_TOO_BIG;
    if (o->n + page->n > o->cap) {
        size_t cap = 2 * (o->n + page->n);
        int64_t *ids = realloc(o->ids, cap * sizeof(*ids));

        if (!ids)
            return ERR_NOMEM;
        o->ids = ids;
        o->cap = cap;
    }
    for (i = 0; i < page->n; i++)
        if (page->users[i].online_at_us != STAMP_NONE &&
            now_us - page->users[i].online_at_us < recent_us)
            o->ids[o->n++] = page->users[i].id;
    return ERR_OK;
}

static void on_page(void *arg, const struct call_result *result)
{
    struct page *p = arg;
    struct onliners *o = p->o;
    struct puser_page page = {0};
    struct err err = *result->err;
    int rc = result->rc;
    size_t n;

    free(p);
    if (!o)
        return;
    o->page = NULL;
    if (!rc)
        rc = puser_page_parse(buf_slice(result->body), &page, &err);
    if (!rc) {
        rc = keep(o, &page);
        if (rc)
            err_set(&err, rc, "users online: %s", err_name(rc));
    }
    n = page.n;
    puser_page_release(&page);
    if (rc || n < PAGE) {
        finish(o, rc, &err);
        return;
    }
    o->offset += n;
    loop_timer_set(o->timer, apart_us);
}

static void ask(void *arg)
{
    struct onliners *o = arg;
    struct err err = {0};
    char path[128];
    int rc;

    o->page = malloc(sizeof(*o->page));
    if (o->page) {
        o->page->o = o;
        snprintf(path, sizeof(path), "/api/users?online=true&sort=id&offset=%zu&limit=%d",
                 o->offset, (int)PAGE);
        rc = panel_get(o->panel, path, "users online", on_page, o->page);
        if (!rc)
            return;
        free(o->page);
        o->page = NULL;
    } else {
        rc = ERR_NOMEM;
    }
    finish(o, err_set(&err, rc, "users online: %s", err_name(rc)), &err);
}

int onliners_start(struct panel *p, struct loop *loop, onliners_fn fn, void *arg,
                   struct onliners **ret_o)
{
    struct onliners *o = calloc(1, sizeof(*o));

    if (!o)
        return ERR_NOMEM;
    *o = (struct onliners){.panel = p, .loop = loop, .fn = fn, .arg = arg};
    if (loop_timer_new(loop, ask, o, &o->timer)) {
        free(o);
        return ERR_NOMEM;
    }
    loop_timer_set(o->timer, 0);
    *ret_o = o;
    return ERR_OK;
}
