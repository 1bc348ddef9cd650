/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "panel/jval.h"
#include "base/banned.h"

/* A disabled_group_id is checked against the panel before it comes into force. */

struct group_check {
    int64_t id;
    bool confirmed;
    op_check_fn fn;
    void *arg;
};

/* Looks for the group; when it is not there, names those that are. */
static int find_group(int64_t id, struct slice body, struct err *err)
{
    struct jval *doc = NULL;
    const struct jval *groups;
    struct buf known;
    size_t i;
    int rc = jval_parse(body, &doc, err);

    if (rc)
        return rc;
    buf_init(&known, 256);
    groups = jval_get(doc, "groups");
    for (i = 0; i < jval_len(groups); i++) {
        struct slice name = jval_opt_text(jval_at(groups, i), "name");
        int64_t have = jval_opt_int(jval_at(groups, i), "id", 0);

        if (have == id)
            break;
        buf_addf(&known, "%s%lld (%.*s)", known.n ? ", " : "", (long long)have, (int)name.n,
                 name.p);
    }
    if (i == jval_len(groups))
        rc = err_set(err, ERR_INVALID, "disabled_group_id: the panel has no group %lld; it has %s",
                     (long long)id, known.n ? buf_str(&known) : "none");
    buf_release(&known);
    jval_free(doc);
    return rc;
}

static void on_groups(void *arg, const struct call_result *result)
{
    struct group_check *k = arg;
    struct err err = {0};
    int rc = result->rc;

    if (rc == 0)
        rc = find_group(k->id, buf_slice(result->body), &err);
    else if (k->confirmed)
        rc = ERR_OK;
    else
        rc = err_set(&err, ERR_CONFIRM,
                     "group %lld cannot be checked now (%s): say yes to set it all the same",
                     (long long)k->id, result->err->text);
    k->fn(k->arg, rc, &err);
    free(k);
}

void groups_check(void *app, const struct settings *next, bool confirmed, op_check_fn fn, void *arg)
{
    struct daemon *d = app;
    int64_t id = settings_int(next, SET_DISABLED_GROUP_ID);
    struct group_check *k;
    struct err err = {0};

    if (id == 0 || id == settings_int(&d->settings, SET_DISABLED_GROUP_ID)) {
        fn(arg, ERR_OK, NULL);
        return;
    }
    k = malloc(sizeof(*k));
    if (k) {
        *k = (struct group_check){id, confirmed, fn, arg};
        if (panel_get(d->panel, "/api/groups", "reading the groups", on_groups, k) == 0)
            return;
        free(k);
    }
    err_set(&err, ERR_NOMEM, "the panel cannot be asked for its groups: out of memory");
    fn(arg, ERR_NOMEM, &err);
}
