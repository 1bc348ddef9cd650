/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/puser.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "base/banned.h"

static enum panel_status status_of(struct slice word)
{
    static const struct {
        const char *word;
        enum panel_status status;
    } known[] = {{"active", PANEL_STATUS_ACTIVE},
                 {"disabled", PANEL_STATUS_DISABLED},
                 {"limited", PANEL_STATUS_LIMITED},
                 {"expired", PANEL_STATUS_EXPIRED},
                 {"on_hold", PANEL_STATUS_ON_HOLD}};
    size_t i;

    for (i = 0; i < ARRAY_LEN(known); i++)
        if (slice_eq(word, slice_of(known[i].word)))
            return known[i].status;
    return PANEL_STATUS_UNKNOWN;
}

/* Times are ISO 8601 texts, `expire` of older panels unix seconds with 0 for never. */
static int64_t time_of(const struct jval *v, const char *name)
{
    const struct jval *t = jval_get(v, name);
    struct slice text;
    int64_t n;

    if (jval_text(t, &text) == ERR_OK)
        return stamp_parse_iso(text, &n) == ERR_OK ? n : STAMP_NONE;
    if (jval_int(t, &n) == ERR_OK && n > 0 && n < INT64_MAX / STAMP_SECOND)
        return n * STAMP_SECOND;
    return STAMP_NONE;
}

static int read_groups(const struct jval *v, struct panel_user *user, struct err *err)
{
    const struct jval *groups = jval_get(v, "group_ids");
    size_t i;

    if (groups && !jval_is_array(groups))
        return err_set(err, ERR_PROTOCOL, "\"group_ids\" is no list");
    for (i = 0; i < jval_len(groups); i++) {
        if (user->n_groups == PANEL_GROUPS_MAX) {
            user->groups_cut = true;
            return ERR_OK;
        }
        if (jval_int(jval_at(groups, i), &user->groups[user->n_groups]) != ERR_OK)
            return err_set(err, ERR_PROTOCOL, "\"group_ids\" holds what is no number");
        user->n_groups++;
    }
    return ERR_OK;
}

int puser_read(const struct jval *v, struct panel_user *ret_user, struct err *err)
{
    const struct jval *admin = jval_get(v, "admin");
    struct panel_user user = {0};
    int rc;

    rc = jval_need_int(v, "id", &user.id, err);
    if (rc)
        return rc;
    rc = jval_need_text(v, "username", &user.name, err);
    if (rc)
        return rc;
    if (user.id < 1 || user.name.n == 0 || user.name.n > LIMIT_USER_NAME)
        return err_set(err, ERR_PROTOCOL, "a user with an impossible id or name");
    rc = read_groups(v, &user, err);
    if (rc)
        return rc;
    user.status_text = jval_opt_text(v, "status");
    user.status = status_of(user.status_text);
    user.groups_told = jval_is_array(jval_get(v, "group_ids")) && !user.groups_cut;
    user.admin_id = jval_opt_int(admin, "id", 0);
    user.admin_name = jval_opt_text(admin, "username");
    user.admin_told = jval_has(v, "admin") && (!admin || user.admin_id > 0 || user.admin_name.n);
    user.hwid_limit = jval_opt_int(v, "hwid_limit", -1);
    if (user.hwid_limit <= 0)
        user.hwid_limit = -1;
    user.edit_at_us = time_of(v, "edit_at");
    user.created_at_us = time_of(v, "created_at");
    user.online_at_us = time_of(v, "online_at");
    user.expire_us = time_of(v, "expire");
    user.data_limit = jval_opt_int(v, "data_limit", 0);
    user.note = jval_opt_text(v, "note");
    *ret_user = user;
    return ERR_OK;
}

int puser_parse(struct slice body, struct puser_doc *ret_doc, struct err *err)
{
    struct puser_doc d = {0};
    int rc;

    rc = jval_parse(body, &d.doc, err);
    if (rc)
        return rc;
    rc = puser_read(d.doc, &d.user, err);
    if (!rc && !jval_get(d.doc, "status"))
        rc = err_set(err, ERR_PROTOCOL, "a user without status");
    if (rc) {
        jval_free(d.doc);
        return rc;
    }
    d.user.raw = body;
    *ret_doc = d;
    return ERR_OK;
}

void puser_release(struct puser_doc *doc)
{
    jval_free(doc->doc);
    *doc = (struct puser_doc){0};
}

int puser_page_parse(struct slice body, struct puser_page *ret_page, struct err *err)
{
    struct puser_page page = {0};
    const struct jval *list;
    int rc;

    rc = jval_parse(body, &page.doc, err);
    if (rc)
        return rc;
    list = jval_is_array(page.doc) ? page.doc : jval_get(page.doc, "users");
    if (!jval_is_array(list)) {
        rc = err_set(err, ERR_PROTOCOL, "the list of users is no list");
        goto fail;
    }
    page.total = jval_opt_int(page.doc, "total", -1);
    page.users = calloc(jval_len(list) + 1, sizeof(*page.users));
    if (!page.users) {
        rc = err_set(err, ERR_NOMEM, "out of memory");
        goto fail;
    }
    for (; page.n < jval_len(list); page.n++) {
        rc = puser_read(jval_at(list, page.n), &page.users[page.n], err);
        if (rc)
            goto fail;
    }
    *ret_page = page;
    return ERR_OK;
fail:
    puser_page_release(&page);
    return rc;
}

void puser_page_release(struct puser_page *page)
{
    jval_free(page->doc);
    free(page->users);
    *page = (struct puser_page){0};
}
