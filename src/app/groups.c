/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "app/shown/estimate.h"
#include "base/num.h"
#include "base/stamp.h"
#include "panel/jval.h"
#include "base/banned.h"

/*
 * Settings about to come into force are held against the panel (are the groups and admins there?) and
 * against what users did in the last day (how many would be over their limit?).
 */

struct check {
    struct daemon *d;
    const struct settings *next; /* the caller's, until he is told */
    bool confirmed;
    op_check_fn fn;
    void *arg;
    struct err note; /* what he is told besides */
};

static const enum setting group_settings[] = {SET_DISABLED_GROUP_ID, SET_FALLBACK_GROUP_ID,
                                              SET_GROUP_LIMITS, SET_GROUP_MODES, SET_GROUP_FILTER};

static void end(struct check *k, int rc, const struct err *err)
{
    k->fn(k->arg, rc, rc ? err : &k->note);
    free(k);
}

static bool differs(const struct check *k, enum setting id)
{
    return strcmp(settings_text(k->next, id), settings_text(&k->d->settings, id)) != 0;
}

static void count(struct check *k)
{
    struct err err = {0};
    int rc = estimate_settings(k->d, k->next, k->confirmed, &err);

    end(k, rc, &err);
}

/* ---- names and ids of the panel ---- */

/* The ids in a value: "5", "3,4" or "3=2,4=0"; the text moves on. False at its end. */
static bool next_id(struct slice *rest, int64_t *ret_id)
{
    while (rest->p && rest->n) {
        struct slice entry = slice_cut(rest, ','), id = slice_cut(&entry, '=');

        if (!num_int(id, 1, INT64_MAX, ret_id))
            return true;
    }
    return false;
}

static bool has_id(const char *value, int64_t id)
{
    struct slice rest = slice_of(value);
    int64_t have;

    while (next_id(&rest, &have))
        if (have == id)
            return true;
    return false;
}

/* The entry of a list of objects with this id (or this name, when it is set). */
static const struct jval *entry_of(const struct jval *list, int64_t id, struct slice name)
{
    size_t i;

    for (i = 0; i < jval_len(list); i++) {
        const struct jval *one = jval_at(list, i);

        if (name.n ? slice_eq(jval_opt_text(one, "username"), name)
                   : jval_opt_int(one, "id", 0) == id)
            return one;
    }
    return NULL;
}

/* "3 (vip), 4 (trial)". */
static void add_known(struct buf *b, const struct jval *list, const char *name)
{
    size_t i;

    for (i = 0; i < jval_len(list); i++) {
        struct slice text = jval_opt_text(jval_at(list, i), name);

        buf_addf(b, "%s%lld (%.*s)", i ? ", " : "",
                 (long long)jval_opt_int(jval_at(list, i), "id", 0), (int)text.n, text.p);
    }
    if (jval_len(list) == 0)
        buf_add_str(b, "none");
}

static int unknown(const struct jval *list, enum setting id, const char *what, const char *shown,
                   const char *name, struct err *err)
{
    struct buf known;
    int rc;

    buf_init(&known, 2048);
    add_known(&known, list, name);
    rc = err_set(err, ERR_INVALID, "%s: the panel has no %s %s; it has %s", setting_def(id)->key,
                 what, shown, buf_str(&known));
    buf_release(&known);
    return rc;
}

/* Ids that are new in a setting must be groups of the panel. */
static int check_ids(const struct check *k, enum setting id, const struct jval *groups,
                     struct err *err)
{
    struct slice rest = slice_of(settings_text(k->next, id));
    char shown[32];
    int64_t group;

    while (next_id(&rest, &group)) {
        if (has_id(settings_text(&k->d->settings, id), group) ||
            entry_of(groups, group, (struct slice){NULL, 0}))
            continue;
        snprintf(shown, sizeof(shown), "%lld", (long long)group);
        return unknown(groups, id, "group", shown, "name", err);
    }
    return ERR_OK;
}

/* ---- a group of disabled users that lets them in ---- */

static bool shares_inbound(const struct jval *a, const struct jval *b, struct slice *ret_tag)
{
    const struct jval *x = jval_get(a, "inbound_tags"), *y = jval_get(b, "inbound_tags");
    struct slice s, t;
    size_t i, j;

    for (i = 0; i < jval_len(x); i++)
        for (j = 0; j < jval_len(y); j++)
            if (!jval_text(jval_at(x, i), &s) && !jval_text(jval_at(y, j), &t) && slice_eq(s, t)) {
                *ret_tag = s;
                return true;
            }
    return false;
}

static void warn_shared(struct check *k, const struct jval *groups)
{
    int64_t aside = settings_int(k->next, SET_DISABLED_GROUP_ID);
    const struct jval *group = entry_of(groups, aside, (struct slice){NULL, 0});
    size_t i;

    if (!differs(k, SET_DISABLED_GROUP_ID) || !group)
        return;
    for (i = 0; i < jval_len(groups); i++) {
        const struct jval *other = jval_at(groups, i);
        struct slice name = jval_opt_text(other, "name"), tag;

        if (other == group || jval_opt_int(other, "total_users", 1) == 0 ||
            !shares_inbound(group, other, &tag))
            continue;
        err_set(&k->note, ERR_OK,
                "warning: group %lld shares the inbound %.*s with %.*s, which has users: moved "
                "there, they can still connect",
                (long long)aside, (int)tag.n, tag.p, (int)name.n, name.p);
        return;
    }
}

/* ---- the panel's answers ---- */

static void check_admins(struct check *k);

static int read_groups(struct check *k, struct slice body, struct err *err)
{
    struct jval *doc = NULL;
    const struct jval *groups;
    size_t i;
    int rc = jval_parse(body, &doc, err);

    if (rc)
        return rc;
    groups = jval_get(doc, "groups");
    for (i = 0; !rc && i < ARRAY_LEN(group_settings); i++)
        rc = check_ids(k, group_settings[i], groups, err);
    if (!rc)
        warn_shared(k, groups);
    jval_free(doc);
    return rc;
}

static void on_groups(void *arg, const struct call_result *result)
{
    struct check *k = arg;
    struct err err = {0};
    int rc = result->rc;

    if (rc == 0)
        rc = read_groups(k, buf_slice(result->body), &err);
    else if (!k->confirmed && differs(k, SET_DISABLED_GROUP_ID))
        rc = err_set(&err, ERR_CONFIRM,
                     "group %s cannot be checked now (%s): say yes to set it all the same",
                     settings_text(k->next, SET_DISABLED_GROUP_ID), result->err->text);
    else
        rc = err_set(&k->note, ERR_OK, "kept, but the groups could not be checked: %s",
                     result->err->text);
    if (rc)
        end(k, rc, &err);
    else
        check_admins(k);
}

static int read_admins(const struct check *k, struct slice body, struct err *err)
{
    struct slice rest = slice_of(settings_text(k->next, SET_ADMIN_FILTER)), item;
    struct jval *doc = NULL;
    const struct jval *admins;
    int rc = jval_parse(body, &doc, err);

    if (rc)
        return rc;
    admins = jval_is_array(doc) ? doc : jval_get(doc, "admins");
    while (!rc && rest.p && rest.n) {
        struct slice name = item = slice_cut(&rest, ',');
        char shown[LIMIT_USER_NAME + 1];
        int64_t id = 0;

        if (slice_starts(item, SLICE("id:")) && !num_int(slice_skip(item, 3), 1, INT64_MAX, &id))
            name.n = 0;
        snprintf(shown, sizeof(shown), "%.*s", (int)item.n, item.p);
        if (!entry_of(admins, id, name))
            rc = unknown(admins, SET_ADMIN_FILTER, "admin", shown, "username", err);
    }
    jval_free(doc);
    return rc;
}

static void on_admins(void *arg, const struct call_result *result)
{
    struct check *k = arg;
    struct err err = {0};
    int rc = ERR_OK;

    if (result->rc == 0)
        rc = read_admins(k, buf_slice(result->body), &err);
    else
        err_set(&k->note, ERR_OK, "kept, but the admins could not be checked: %s",
                result->err->text);
    if (rc)
        end(k, rc, &err);
    else
        count(k);
}

static void ask(struct check *k, const char *path, const char *what, call_fn fn)
{
    struct err err = {0};

    if (panel_get(k->d->panel, path, what, fn, k) == 0)
        return;
    err_set(&err, ERR_NOMEM, "the panel cannot be asked: out of memory");
    end(k, ERR_NOMEM, &err);
}

static void check_admins(struct check *k)
{
    if (differs(k, SET_ADMIN_FILTER) && settings_has(k->next, SET_ADMIN_FILTER))
        ask(k, "/api/admins", "reading the admins", on_admins);
    else
        count(k);
}

/* Whether a setting that names groups names one that it did not. */
static bool new_groups(const struct check *k)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(group_settings); i++) {
        struct slice rest = slice_of(settings_text(k->next, group_settings[i]));
        int64_t id;

        while (next_id(&rest, &id))
            if (!has_id(settings_text(&k->d->settings, group_settings[i]), id))
                return true;
    }
    return false;
}

void groups_check(void *app, const struct settings *next, bool confirmed, op_check_fn fn, void *arg)
{
    struct check *k = calloc(1, sizeof(*k));
    struct err err = {0};

    if (!k) {
        err_set(&err, ERR_NOMEM, "out of memory");
        fn(arg, ERR_NOMEM, &err);
        return;
    }
    *k = (struct check){.d = app, .next = next, .confirmed = confirmed, .fn = fn, .arg = arg};
    if (new_groups(k))
        ask(k, "/api/groups", "reading the groups", on_groups);
    else
        check_admins(k);
}

/* ---- all of them, for who wants to choose ---- */

/* A list that came is kept for 5 minutes: it stands in for one that the panel cannot give. */
struct names {
    struct daemon *d;
    struct err why; /* the panel's failure, while the cache is asked */
    bool admins;
    op_names_fn fn;
    void *arg;
};

static void give_names(const struct names *q, const struct jval *list)
{
    struct op_name *all = calloc(jval_len(list) + 1, sizeof(*all));
    struct err err = {0};
    size_t i;

    if (!all) {
        err_set(&err, ERR_NOMEM, "out of memory");
        q->fn(q->arg, ERR_NOMEM, &err, NULL, 0);
        return;
    }
    for (i = 0; i < jval_len(list); i++)
        all[i] = (struct op_name){jval_opt_int(jval_at(list, i), "id", 0),
                                  jval_opt_text(jval_at(list, i), q->admins ? "username" : "name")};
    q->fn(q->arg, ERR_OK, NULL, all, i);
    free(all);
}

static struct slice names_key(const struct names *q)
{
    return q->admins ? SLICE("admins") : SLICE("groups");
}

static void on_kept_names(void *arg, struct slice value)
{
    struct names *q = arg;
    struct jval *doc = NULL;
    struct err err = {0};

    if (!value.p || jval_parse(value, &doc, &err))
        q->fn(q->arg, q->why.code, &q->why, NULL, 0);
    else
        give_names(q, jval_is_array(doc) ? doc : jval_get(doc, q->admins ? "admins" : "groups"));
    jval_free(doc);
    free(q);
}

static void on_names(void *arg, const struct call_result *result)
{
    struct names *q = arg;
    const struct cache_port *cache = caching_port(q->d);
    struct jval *doc = NULL;
    struct err err = {0};
    int rc = result->rc;

    if (rc) {
        err = *result->err;
        q->why = err;
        if (cache && !q->d->stopping &&
            (rc == ERR_UNREACHABLE || rc == ERR_TIMEOUT || result->status >= 500) &&
            cache->get(cache->ctx, CACHE_CONFIG, names_key(q), on_kept_names, q))
            return;
    } else {
        rc = jval_parse(buf_slice(result->body), &doc, &err);
        if (!rc && cache)
            cache->put(cache->ctx, CACHE_CONFIG, names_key(q), buf_slice(result->body));
    }
    if (rc)
        q->fn(q->arg, rc, &err, NULL, 0);
    else
        give_names(q, jval_is_array(doc) ? doc : jval_get(doc, q->admins ? "admins" : "groups"));
    jval_free(doc);
    free(q);
}

void groups_names(void *app, bool admins, op_names_fn fn, void *arg)
{
    struct daemon *d = app;
    struct names *q = d->stopping ? NULL : malloc(sizeof(*q));
    struct err err = {0};

    if (q) {
        *q = (struct names){.d = d, .admins = admins, .fn = fn, .arg = arg};
        if (panel_get(d->panel, admins ? "/api/admins" : "/api/groups",
                      admins ? "reading the admins" : "reading the groups", on_names, q) == 0)
            return;
        free(q);
    }
    err_set(&err, ERR_CANCELLED, "the panel cannot be asked now");
    fn(arg, ERR_CANCELLED, &err, NULL, 0);
}
