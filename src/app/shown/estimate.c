/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/shown/estimate.h"

#include <string.h>

#include "app/daemon.h"
#include "base/attr.h"
#include "base/stamp.h"
#include "service/settings/settings_policy.h"
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

/* ---- settings ---- */

/* What decides who has which limit, and how many of his devices count. */
static const enum setting of_limits[] = {SET_GENERAL_LIMIT,     SET_GROUP_LIMITS,
                                         SET_GROUP_MODES,       SET_GROUP_FILTER,
                                         SET_GROUP_FILTER_MODE, SET_ADMIN_FILTER,
                                         SET_ADMIN_FILTER_MODE, SET_LIMIT_FROM_HWID,
                                         SET_ACTIVE_WINDOW,     SET_NAME_SUFFIX_LIMITS};
/* What decides which of the devices held count for themselves. */
static const enum setting of_sources[] = {SET_CDN_INBOUNDS,     SET_CDN_NODES,
                                          SET_CONTENT_NETWORKS, SET_COUNTRY_CODE,
                                          SET_DISABLED_NODES,   SET_SHARED_SOURCE_USERS};

static bool differs(const struct daemon *d, const struct settings *next, enum setting id)
{
    return strcmp(settings_text(next, id), settings_text(&d->settings, id)) != 0;
}

static bool any_differs(const struct daemon *d, const struct settings *next,
                        const enum setting *ids, size_t n)
{
    size_t i;

    for (i = 0; i < n && !differs(d, next, ids[i]); i++)
        ;
    return i < n;
}

static bool is_many(const struct estimate *est)
{
    return (uint64_t)est->over * 100 > (uint64_t)est->seen * PERCENT_ASKED;
}

static void add_number(const struct daemon *d, const struct estimate *est, struct buf *b)
{
    int64_t up_h = (daemon_now(d) - d->started_us) / (3600 * STAMP_SECOND);

    buf_addf(b, "this would put %u of the last day's %u users", est->over, est->seen);
    if (up_h < 24)
        buf_addf(b, " (seen since the start %lld h ago)", (long long)up_h);
    buf_addf(b, " over their limit (%u %%), more than %d %%", est->over * 100 / est->seen,
             PERCENT_ASKED);
}

static int ask(const struct buf *b, struct err *err)
{
    return err_set(err, ERR_CONFIRM, "%s: say yes (--yes, ?confirm=true) to do it all the same",
                   buf_str(b));
}

static void count_supposed(void *arg, int64_t id, int now, int supposed)
{
    struct count *c = arg;

    c->ret->seen++;
    c->ret->over += is_over(c->next, id, c->general_next, supposed) &&
                    !is_over(c->now, id, c->general_now, now);
}

/* By the devices held of the users active now. */
static int ask_sources(struct daemon *d, const struct settings *next, const struct limits *l,
                       struct buf *b)
{
    int64_t shared = settings_int(next, SET_SHARED_SOURCE_USERS),
            shared_now = settings_int(&d->settings, SET_SHARED_SOURCE_USERS);
    struct sources sources;
    struct engine_supposed what = {&sources, shared_now && (shared == 0 || shared > shared_now)};
    struct estimate est = {0};
    struct count c = {.now = engine_limits(d->engine),
                      .next = l,
                      .general_now = d->policy.general_limit,
                      .general_next = (int)settings_int(next, SET_GENERAL_LIMIT),
                      .ret = &est};
    struct err err = {0};
    int rc = settings_sources(next, &sources, &err);

    /* A file of networks that cannot be read: the list built in is used, as it will be. */
    rc = rc == ERR_NOMEM ? rc : engine_suppose(d->engine, &what, daemon_now(d), count_supposed, &c);
    sources_release(&sources);
    if (!rc && is_many(&est))
        buf_addf(b,
                 "%sthis would put %u of the %u users active now over their limit (%u %%), more "
                 "than %d %%",
                 b->n ? "; " : "", est.over, est.seen, est.over * 100 / est.seen, PERCENT_ASKED);
    return rc;
}

static bool has_entry(const char *list, struct slice entry)
{
    struct slice rest = slice_of(list);

    while (rest.p && rest.n)
        if (slice_eq(slice_trim(slice_cut(&rest, ',')), entry))
            return true;
    return false;
}

/* Whether something that stands in a list now is in neither of two later on. */
static bool loses(const struct daemon *d, const struct settings *next, enum setting id,
                  enum setting or_in)
{
    struct slice rest = slice_of(settings_text(&d->settings, id));

    while (rest.p && rest.n) {
        struct slice entry = slice_trim(slice_cut(&rest, ','));

        if (entry.n && !has_entry(settings_text(next, id), entry) &&
            !has_entry(settings_text(next, or_in), entry))
            return true;
    }
    return false;
}

/* Whether devices may be told apart that are one now, or judged apart: auto excuses some pairs. */
static bool is_finer(enum policy_group now, enum policy_group next)
{
    if (now == next || now == GROUP_IP_INBOUND)
        return false;
    return now != GROUP_IP || next == GROUP_IP_INBOUND;
}

/* Names the changes that bring in what is not held: nobody can be counted by it. */
static void add_unknown(const struct daemon *d, const struct settings *next, struct buf *b)
{
    const struct {
        enum setting id;
        bool unknown;
    } all[] = {
        {SET_GROUP_BY,
         is_finer(d->policy.group_by, (enum policy_group)settings_int(next, SET_GROUP_BY))},
        {SET_IPV6_PREFIX,
         settings_int(next, SET_IPV6_PREFIX) > settings_int(&d->settings, SET_IPV6_PREFIX)},
        {SET_IP_ALLOWLIST, loses(d, next, SET_IP_ALLOWLIST, SET_IGNORED_IPS)},
        {SET_IGNORED_IPS, loses(d, next, SET_IGNORED_IPS, SET_IP_ALLOWLIST)},
        {SET_COUNT_PRIVATE_IPS, settings_bool(next, SET_COUNT_PRIVATE_IPS) &&
                                    !settings_bool(&d->settings, SET_COUNT_PRIVATE_IPS)},
        {SET_DISABLED_NODES, loses(d, next, SET_DISABLED_NODES, SET_DISABLED_NODES)},
    };
    bool any = false;
    size_t i;

    /* Where nobody can be cut off, trying is the way to find out. */
    if (settings_int(next, SET_ENFORCEMENT) != MODE_ON)
        return;
    for (i = 0; i < ARRAY_LEN(all); i++) {
        if (!all[i].unknown)
            continue;
        if (!any)
            buf_addf(b, "%show many users would be over their limit cannot be told beforehand (",
                     b->n ? "; " : "");
        buf_addf(b, "%s%s", any ? ", " : "", setting_def(all[i].id)->key);
        any = true;
    }
    if (any)
        buf_add_str(b,
                    " counts what is not held now): enforcement=shadow shows it, cutting nobody");
}

static void ask_limits(struct daemon *d, const struct settings *next, const struct limits *l,
                       struct buf *b)
{
    struct estimate est;

    estimate_rules(d, l, (int)settings_int(next, SET_GENERAL_LIMIT),
                   settings_int(next, SET_ACTIVE_WINDOW) >
                       settings_int(&d->settings, SET_ACTIVE_WINDOW),
                   &est);
    if (is_many(&est))
        add_number(d, &est, b);
}

int estimate_settings(struct daemon *d, const struct settings *next, bool confirmed,
                      struct err *err)
{
    bool limits = any_differs(d, next, of_limits, ARRAY_LEN(of_limits));
    bool sources = any_differs(d, next, of_sources, ARRAY_LEN(of_sources));
    struct limits *l;
    struct buf b;
    int rc;

    if (confirmed)
        return ERR_OK;
    l = limits_copy(engine_limits(d->engine));
    rc = l ? settings_limits(next, l) : ERR_NOMEM;
    buf_init(&b, ERR_TEXT_MAX * 2);
    if (!rc && limits)
        ask_limits(d, next, l, &b);
    if (!rc && sources)
        rc = ask_sources(d, next, l, &b);
    limits_free(l);
    if (!rc)
        add_unknown(d, next, &b);
    if (rc)
        rc = err_set(err, rc, "out of memory");
    else if (b.n)
        rc = ask(&b, err);
    buf_release(&b);
    return rc;
}

/* ---- patterns ---- */

int estimate_apply(struct limits *l, const struct op_rule_change *c)
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
    int rc = l ? estimate_apply(l, change) : ERR_NOMEM;

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
    struct buf b;
    int rc;

    if (confirmed || !is_many(est))
        return ERR_OK;
    buf_init(&b, ERR_TEXT_MAX);
    add_number(d, est, &b);
    rc = ask(&b, err);
    buf_release(&b);
    return rc;
}
