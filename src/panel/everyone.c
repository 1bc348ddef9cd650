/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/everyone.h"

#include <stdio.h>
#include <stdlib.h>

#include "panel/puser.h"
#include "base/banned.h"

enum { PAGE = 500 };

struct everyone {
    struct panel *panel;
    panel_page_fn page;
    panel_listed_fn end;
    void *arg;
    size_t read;
    int64_t last_id;
};

static int ask(struct everyone *l);

static int take(struct everyone *l, const struct puser_page *page, bool *ret_more, struct err *err)
{
    size_t i;

    for (i = 0; i < page->n; i++) {
        /* One that is not higher means that the list has moved under our hands. */
        if (page->users[i].id <= l->last_id)
            return err_set(err, ERR_PROTOCOL,
                           "the panel's list is not in the order of ids: try again");
        l->last_id = page->users[i].id;
    }
    l->read += page->n;
    *ret_more = page->total < 0 ? page->n == PAGE : (int64_t)l->read < page->total;
    if (*ret_more && page->n == 0)
        return err_set(err, ERR_PROTOCOL, "the panel's list ends before it is whole: try again");
    l->page(l->arg, page->users, page->n, true);
    return ERR_OK;
}

static void on_page(void *arg, const struct call_result *result)
{
    struct everyone *l = arg;
    struct puser_page page = {0};
    struct err err = {0};
    bool more = false;
    int rc = result->rc;

    if (rc)
        err = *result->err;
    else
        rc = puser_page_parse(buf_slice(result->body), &page, &err);
    if (!rc)
        rc = take(l, &page, &more, &err);
    puser_page_release(&page);
    if (!rc && more) {
        rc = ask(l);
        if (!rc)
            return;
        err_set(&err, rc, "the panel cannot be asked: %s", err_name(rc));
    }
    l->end(l->arg, rc, &err, l->read);
    free(l);
}

static int ask(struct everyone *l)
{
    char path[96];

    snprintf(path, sizeof(path), "/api/users?sort=id&offset=%zu&limit=%d", l->read, (int)PAGE);
    return panel_get(l->panel, path, "listing users", on_page, l);
}

int everyone_list(struct panel *p, panel_page_fn page, panel_listed_fn end, void *arg)
{
    struct everyone *l = calloc(1, sizeof(*l));
    int rc;

    if (!l)
        return ERR_NOMEM;
    *l = (struct everyone){.panel = p, .page = page, .end = end, .arg = arg};
    rc = ask(l);
    if (rc)
        free(l);
    return rc;
}
