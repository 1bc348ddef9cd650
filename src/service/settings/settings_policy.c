/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/settings_policy.h"

#include "base/attr.h"
#include "base/num.h"
#include "base/stamp.h"
#include "service/settings/content_networks.h"
#include "base/banned.h"

static int64_t us(const struct settings *s, enum setting id, int64_t unit_s)
{
    return settings_int(s, id) * unit_s * STAMP_SECOND;
}

/* The index of the choice, or of the default where this version has not got it. */
static int choice(const struct settings *s, enum setting id)
{
    if (setting_is_later(id, settings_text(s, id)))
        return (int)s->layer[id][ORIGIN_DEFAULT].i;
    return (int)settings_int(s, id);
}

/* One step in its canonical form, as setting_check left it. */
static struct policy_step step_of(struct slice text)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    struct policy_step step = {ACTION_DISABLE, 0};
    int64_t n;
    size_t i;

    if (slice_eq(text, SLICE("warn")))
        step.action = ACTION_WARN;
    else if (slice_eq(text, SLICE("hand")))
        step.action = ACTION_HAND;
    else if (slice_eq(text, SLICE("revoke")))
        step.action = ACTION_REVOKE;
    for (i = 0; i < ARRAY_LEN(units) && step.action == ACTION_DISABLE; i++)
        if (text.n > 1 && text.p[text.n - 1] == units[i].letter &&
            !num_int((struct slice){text.p, text.n - 1}, 1, INT32_MAX, &n))
            step.for_us = n * units[i].seconds * STAMP_SECOND;
    return step;
}

static void add_steps(const struct settings *s, struct policy *p)
{
    struct slice rest = slice_of(settings_text(s, SET_PUNISHMENT_STEPS));

    while (rest.n && p->n_steps < LIMIT_STEPS)
        p->steps[p->n_steps++] = step_of(slice_cut(&rest, ','));
}

void settings_policy(const struct settings *s, struct policy *ret_policy)
{
    *ret_policy = (struct policy){
        .mode = (enum policy_mode)choice(s, SET_ENFORCEMENT),
        .general_limit = (int)settings_int(s, SET_GENERAL_LIMIT),
        .check_interval_us = us(s, SET_CHECK_INTERVAL, 1),
        .monitoring_period_us = us(s, SET_MONITORING_PERIOD, 1),
        .active_window_us = us(s, SET_ACTIVE_WINDOW, 1),
        .punish_us = us(s, SET_TIME_TO_ACTIVE_USERS, 1),
        .punishment_enabled = settings_bool(s, SET_PUNISHMENT_ENABLED),
        .punishment_window_us = us(s, SET_PUNISHMENT_WINDOW_HOURS, 3600),
        .instant_disable = settings_bool(s, SET_INSTANT_DISABLE),
        .instant_trust = (int)settings_int(s, SET_INSTANT_TRUST),
        .verdict = (enum policy_verdict)choice(s, SET_VERDICT),
        .warn_at = (enum policy_warn)choice(s, SET_WARN_AT),
        .evidence_threshold = settings_real(s, SET_EVIDENCE_THRESHOLD),
        .roam_time_s = settings_real(s, SET_ROAM_TIME),
        .tick_us = us(s, SET_TICK, 1),
        .switch_p = settings_real(s, SET_SWITCH_P),
        .gain_cap = settings_real(s, SET_GAIN_CAP),
        .gain_block_us = us(s, SET_GAIN_BLOCK, 1),
        .evidence_floor = settings_real(s, SET_EVIDENCE_FLOOR),
        .evidence_half_life_s = settings_real(s, SET_EVIDENCE_HALF_LIFE),
        .pair_idle_us = us(s, SET_PAIR_IDLE, 1),
        .rate_half_life_s = settings_real(s, SET_RATE_HALF_LIFE),
        .persistent_window_us = us(s, SET_PERSISTENT_WINDOW, 1),
        .persistent_span_us = us(s, SET_PERSISTENT_SPAN, 1),
        .persistent_checks = (int)settings_int(s, SET_PERSISTENT_CHECKS),
        .sources = (enum policy_sources)choice(s, SET_SOURCES),
        .verify_online = (enum policy_verify)choice(s, SET_VERIFY_ONLINE),
        .online_hold_us = us(s, SET_ONLINE_HOLD, 1),
        .group_by = (enum policy_group)choice(s, SET_GROUP_BY),
        .ipv6_prefix = (unsigned)settings_int(s, SET_IPV6_PREFIX),
        .shared_source_users = (int)settings_int(s, SET_SHARED_SOURCE_USERS),
        .shared_memory_us = us(s, SET_SHARED_MEMORY_DAYS, 86400),
        .pardon_us = us(s, SET_PARDON_MINUTES, 60),
        .punish_rate = (int)settings_int(s, SET_PUNISH_RATE),
        .breaker = choice(s, SET_BREAKER) == 0,
        .breaker_5m_min = (int)settings_int(s, SET_BREAKER_5M_MIN),
        .breaker_5m_percent = settings_real(s, SET_BREAKER_5M_PERCENT),
        .breaker_1h_min = (int)settings_int(s, SET_BREAKER_1H_MIN),
        .breaker_1h_percent = settings_real(s, SET_BREAKER_1H_PERCENT),
        .node_guard = choice(s, SET_NODE_GUARD) == 0,
        .unknown_after_us = us(s, SET_UNKNOWN_AFTER, 1),
        .max_tracked_users = (uint32_t)settings_int(s, SET_MAX_TRACKED_USERS),
    };
    add_steps(s, ret_policy);
}

/* Puts one entry of a list (canonical text) in force. */
typedef int (*entry_fn)(struct limits *l, struct slice entry);

static int add_group_limit(struct limits *l, struct slice entry)
{
    struct slice group = slice_cut(&entry, '=');
    int64_t id, limit;

    if (num_int(group, 1, INT64_MAX, &id) || num_int(entry, 0, 10000, &limit))
        return ERR_INVALID;
    return limits_group(l, id, (int)limit);
}

static int add_group_mode(struct limits *l, struct slice entry)
{
    struct slice group = slice_cut(&entry, '=');
    enum policy_mode mode = slice_eq(entry, SLICE("on"))       ? MODE_ON
                            : slice_eq(entry, SLICE("shadow")) ? MODE_SHADOW
                                                               : MODE_OFF;
    int64_t id;

    return num_int(group, 1, INT64_MAX, &id) ? ERR_INVALID : limits_group_mode(l, id, mode);
}

static int add_filter_group(struct limits *l, struct slice entry)
{
    int64_t id;

    return num_int(entry, 1, INT64_MAX, &id) ? ERR_INVALID : limits_filter_group(l, id);
}

int settings_limits(const struct settings *s, struct limits *l)
{
    static const struct {
        enum setting id;
        entry_fn fn;
    } lists[] = {{SET_GROUP_LIMITS, add_group_limit},
                 {SET_GROUP_MODES, add_group_mode},
                 {SET_GROUP_FILTER, add_filter_group},
                 {SET_ADMIN_FILTER, limits_filter_admin}};
    const struct limit_options opt = {
        .from_hwid = settings_bool(s, SET_LIMIT_FROM_HWID),
        .name_suffix = settings_bool(s, SET_NAME_SUFFIX_LIMITS),
        .group_exclude = settings_int(s, SET_GROUP_FILTER_MODE) == 1,
        .admin_exclude = settings_int(s, SET_ADMIN_FILTER_MODE) == 1,
    };
    int rc = ERR_OK, one;
    size_t i;

    limits_clear_settings(l);
    limits_options(l, &opt);
    for (i = 0; i < ARRAY_LEN(lists); i++) {
        struct slice rest = slice_of(settings_text(s, lists[i].id)), entry;

        while (rest.p && rest.n) {
            entry = slice_cut(&rest, ',');
            one = entry.n ? lists[i].fn(l, entry) : ERR_OK;
            if (one)
                rc = one;
        }
    }
    return rc;
}

int settings_scan_rules(const struct settings *s, struct slice nodes, struct scan_rules *rules,
                        struct err *err)
{
    struct addrset set;
    int rc;

    addrset_init(&set);
    rc = addrset_add_list(&set, slice_of(settings_text(s, SET_IGNORED_IPS)), err);
    if (!rc)
        rc = addrset_add_list(&set, slice_of(settings_text(s, SET_IP_ALLOWLIST)), err);
    if (!rc)
        rc = addrset_add_list(&set, nodes, err);
    if (!rc && scan_rules_block(rules, slice_of(settings_text(s, SET_BLOCK_OUTBOUNDS))))
        rc = err_set(err, ERR_NOMEM, "block_outbounds: %s", err_name(ERR_NOMEM));
    if (rc) {
        addrset_release(&set);
        return rc;
    }
    addrset_seal(&set);
    rules->changes += !addrset_equal(&set, &rules->ignored) ||
                      rules->count_private != settings_bool(s, SET_COUNT_PRIVATE_IPS);
    addrset_release(&rules->ignored);
    rules->ignored = set;
    rules->count_private = settings_bool(s, SET_COUNT_PRIVATE_IPS);
    return ERR_OK;
}

/* The file's networks or, where it cannot be read, those built in; says what was wrong with the file. */
static int content(const struct settings *s, struct addrset *ret_set, struct err *err)
{
    int why = ERR_OK, rc;

    addrset_init(ret_set);
    if (settings_has(s, SET_CONTENT_NETWORKS)) {
        why = content_networks_file(ret_set, settings_text(s, SET_CONTENT_NETWORKS), err);
        if (!why) {
            addrset_seal(ret_set);
            return ERR_OK;
        }
        addrset_release(ret_set);
    }
    rc = content_networks_builtin(ret_set, why ? NULL : err);
    addrset_seal(ret_set);
    return rc ? rc : why;
}

int settings_sources(const struct settings *s, struct sources *ret_sources, struct err *err)
{
    int rc;

    sources_init(ret_sources);
    rc = sources_cdn_inbounds(ret_sources, slice_of(settings_text(s, SET_CDN_INBOUNDS)));
    if (!rc)
        rc = sources_cdn_nodes(ret_sources, slice_of(settings_text(s, SET_CDN_NODES)));
    if (!rc)
        rc = sources_disabled_nodes(ret_sources, slice_of(settings_text(s, SET_DISABLED_NODES)));
    if (!rc)
        rc = sources_countries(ret_sources, slice_of(settings_text(s, SET_COUNTRY_CODE)));
    if (rc) {
        sources_release(ret_sources);
        return err_set(err, rc, "the special inbounds, nodes and countries: %s", err_name(rc));
    }
    return content(s, &ret_sources->content, err);
}
