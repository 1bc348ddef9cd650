/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Users as the panel tells them, one and a page: nothing impossible gets through. */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "panel/puser.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(struct slice s)
{
    if (s.n && memchr(s.p, '\0', s.n))
        abort();
}

static void check(const struct panel_user *u)
{
    if (u->id < 1 || u->name.n < 1 || u->name.n > LIMIT_USER_NAME)
        abort();
    if (u->n_groups > PANEL_GROUPS_MAX || (u->groups_cut && u->n_groups != PANEL_GROUPS_MAX))
        abort();
    if (u->hwid_limit == 0 || u->hwid_limit < -1)
        abort();
    if (u->status > PANEL_STATUS_ON_HOLD)
        abort();
    if (u->status == PANEL_STATUS_DISABLED && !slice_eq(u->status_text, SLICE("disabled")))
        abort();
    check_text(u->name);
    check_text(u->status_text);
    check_text(u->admin_name);
    check_text(u->note);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    struct puser_page page;
    struct puser_doc doc;
    struct err err = {0};
    size_t i;

    if (puser_parse(body, &doc, &err) == ERR_OK) {
        check(&doc.user);
        if (!doc.user.status_text.n && doc.user.status != PANEL_STATUS_UNKNOWN)
            abort();
        if (doc.user.raw.p != body.p || doc.user.raw.n != body.n)
            abort();
        puser_release(&doc);
    } else if (!err.text[0]) {
        abort();
    }
    err = (struct err){0};
    if (puser_page_parse(body, &page, &err) == ERR_OK) {
        for (i = 0; i < page.n; i++)
            check(&page.users[i]);
        puser_page_release(&page);
    } else if (!err.text[0]) {
        abort();
    }
    return 0;
}
