/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>

#include "app/daemon.h"
#include "app/shown/estimate.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

/* Who is disabled by a verdict that would not be reached under other rules. */

struct search {
    const struct limits *limits;
    int general;
    int64_t *ids;
    size_t n, max;
};

/*
 * By what he was convicted of, not by what holds now: asked again after the change, the answer is the same.
 * Whose rules are not known at the moment has not become anybody's to free.
 */
static bool is_free(const struct search *s, const struct enforce_view *v)
{
    enum limit_source from;
    int limit;

    if (v->ordered || v->max_devices <= 0)
        return false;
    limit = limits_of(s->limits, v->user_id, s->general, &from);
    if (from == LIMIT_FROM_UNKNOWN)
        return false;
    if (limit == 0 || limits_mode(s->limits, v->user_id, MODE_ON) == MODE_OFF)
        return true;
    return limit > v->max_devices && v->devices <= limit;
}

static int add(void *arg, const struct enforce_view *v)
{
    struct search *s = arg;

    if (s->n < s->max && is_free(s, v))
        s->ids[s->n++] = v->user_id;
    return 0;
}

static int count(void *arg, const struct enforce_view *v)
{
    (void)v;
    ++*(size_t *)arg;
    return 0;
}

int freed_users(void *app, const struct settings *next, const struct op_rule_change *change,
                int64_t **ret_ids, size_t *ret_n)
{
    struct daemon *d = app;
    struct search s = {.general = (int)settings_int(next ? next : &d->settings, SET_GENERAL_LIMIT)};
    struct limits *l;
    int rc;

    if (d->stopping)
        return ERR_OK;
    (void)!enforce_each(d->enforce, count, &s.max);
    if (s.max == 0)
        return ERR_OK;
    l = limits_copy(engine_limits(d->engine));
    s.ids = malloc(s.max * sizeof(*s.ids));
    rc = l && s.ids ? ERR_OK : ERR_NOMEM;
    if (!rc)
        rc = next ? settings_limits(next, l) : change ? estimate_apply(l, change) : ERR_OK;
    if (!rc) {
        s.limits = l;
        (void)!enforce_each(d->enforce, add, &s);
        *ret_ids = s.ids;
        *ret_n = s.n;
    } else {
        free(s.ids);
    }
    limits_free(l);
    return rc;
}
