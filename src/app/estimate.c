/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/estimate.h"

#include <stdio.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "service/settings_policy.h"
#include "base/banned.h"

enum { PERCENT_ASKED = 5 };

struct count {
    const struct limits *now, *next;
    int general_now, general_next;
    bool wide;
    struct estimate *ret;
};

static bool is_over(const struct limits *l, int64_t id, int general, int devices)
{
    enum limit_source from;
    int limit = limits_of(l, id, general, &from);

    return limit > 0 && devices > limit;
}

static void count_user(void *arg, int64_t id, int most, int wide)
{
    struct count *c = arg;

    c->ret->seen++;
    c->ret->over += is_over(c->next, id, c->general_next, c->wide ? wide : most) &&
                    !is_over(c->now, id, c->general_now, most);
}

void estimate_rules(struct daemon *d, const struct limits *next, int general, bool wide,
                    struct estimate *ret)
{
    struct count c = {.now = engine_limits(d->engine),
                      .next = next,
                      .general_now = d->policy.general_limit,
                      .general_next = general,
                      .wide = wide,
                      .ret = ret};

    *ret = (struct estimate){0};
    engine_each_peak(d->engine, daemon_now(d), count_user, &c);
}

int estimate_settings(struct daemon *d, const struct settings *next, struct estimate *ret)
{
    struct limits *l = limits_copy(engine_limits(d->engine));
    int rc = l ? settings_limits(next, l) : ERR_NOMEM;

    if (!rc)
        estimate_rules(d, l, (int)settings_int(next, SET_GENERAL_LIMIT),
                       settings_int(next, SET_ACTIVE_WINDOW) >
                           settings_int(&d->settings, SET_ACTIVE_WINDOW),
                       ret);
    limits_free(l);
    return rc;
}

static int apply(struct limits *l, const struct op_rule_change *c)
{
    switch (c->kind) {
    case OP_PATTERN_PUT:
        return limits_pattern(l, c->suffix, c->text, c->limit);
    case OP_PATTERN_DROP:
        limits_drop_pattern(l, c->suffix, c->text);
        return ERR_OK;
    case OP_OWNER_PUT:
        return limits_owner_pattern(l, c->suffix, c->text, c->admin);
    case OP_OWNER_DROP:
        limits_drop_owner_pattern(l, c->suffix, c->text);
        return ERR_OK;
    }
    return ERR_INVALID;
}

int estimate_change(void *app, const struct op_rule_change *change, struct op_estimate *ret)
{
    struct daemon *d = app;
    struct limits *l = limits_copy(engine_limits(d->engine));
    struct estimate est;
    int rc = l ? apply(l, change) : ERR_NOMEM;

    if (!rc) {
        estimate_rules(d, l, d->policy.general_limit, false, &est);
        ret->matches = limits_matches(l, change->suffix, change->text);
        ret->known = limits_known(l);
        rc = estimate_ask(d, &est, change->confirmed, &ret->err);
    }
    limits_free(l);
    return rc;
}

int estimate_ask(const struct daemon *d, const struct estimate *est, bool confirmed,
                 struct err *err)
{
    int64_t up_h = (daemon_now(d) - d->started_us) / (3600 * STAMP_SECOND);
    char since[64] = "";

    if (confirmed || (uint64_t)est->over * 100 <= (uint64_t)est->seen * PERCENT_ASKED)
        return ERR_OK;
    if (up_h < 24)
        snprintf(since, sizeof(since), " (seen since the start %lld h ago)", (long long)up_h);
    return err_set(err, ERR_CONFIRM,
                   "this would put %u of the last day's %u users%s over their limit (%u %%), more "
                   "than %d %%: say yes (--yes, ?confirm=true) to do it all the same",
                   est->over, est->seen, since, est->over * 100 / est->seen, PERCENT_ASKED);
}
