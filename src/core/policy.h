/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/limits.h"

/*
 * Every number the engine judges by, as values. Core knows no defaults: the settings table fills this
 * (service/settings/settings_policy.h), for the daemon, for replay and for the tests alike. Names
 * are those of the settings; times are microseconds, evidence is in nats.
 */

enum policy_mode { MODE_ON, MODE_SHADOW, MODE_OFF };
enum policy_verdict { VERDICT_CONCURRENT, VERDICT_PERSISTENT };
enum policy_warn { WARN_EVIDENCE, WARN_EXCESS };
enum policy_verify { VERIFY_AUTO, VERIFY_OFF, VERIFY_REQUIRE };
enum policy_sources {
    SOURCES_BOTH,
    SOURCES_LOG,
    SOURCES_ONLINE
}; /* what devices are counted from */
enum policy_group { GROUP_AUTO, GROUP_IP, GROUP_SUBNET, GROUP_ISP, GROUP_IP_INBOUND };

/* What is done to a convicted user. */
enum decision_action {
    ACTION_DISABLE, /* for a time */
    ACTION_WARN,    /* told, and nothing else: he is CLEAR again, and the verdict counts */
    ACTION_HAND,    /* disabled until enabled by hand */
    ACTION_REVOKE,  /* new subscription and credentials, then as ACTION_HAND */
};

/* One punishment step. */
struct policy_step {
    enum decision_action action;
    int64_t for_us; /* ACTION_DISABLE: the length, over 0; otherwise 0 */
};

struct policy {
    enum policy_mode mode; /* enforcement */

    int general_limit; /* devices; 0 = unlimited */
    int64_t check_interval_us;
    int64_t monitoring_period_us;
    int64_t active_window_us;
    int64_t punish_us; /* time_to_active_users */

    bool punishment_enabled; /* by the steps below instead of punish_us */
    int n_steps;             /* 1-LIMIT_STEPS */
    struct policy_step steps[LIMIT_STEPS];
    int64_t punishment_window_us;
    bool instant_disable;
    int instant_trust; /* 0-100 */

    enum policy_verdict verdict;
    enum policy_warn warn_at;
    double evidence_threshold;
    double roam_time_s;
    int64_t tick_us;
    double switch_p;
    double gain_cap;
    int64_t gain_block_us;
    double evidence_floor;
    double evidence_half_life_s;
    int64_t pair_idle_us;
    double rate_half_life_s;
    int64_t persistent_window_us;
    int64_t persistent_span_us;
    int persistent_checks;

    enum policy_verify verify_online;
    int64_t online_hold_us;
    enum policy_sources sources;

    enum policy_group group_by;
    unsigned ipv6_prefix;    /* bits, 32-128 */
    int shared_source_users; /* 0 = off */
    int64_t shared_memory_us;

    int64_t pardon_us;
    int punish_rate; /* punishments a minute */
    bool breaker;
    int breaker_5m_min;
    double breaker_5m_percent;
    int breaker_1h_min;
    double breaker_1h_percent;
    bool node_guard; /* verdicts wait for a node that shows nearly everyone over his limit */

    int64_t unknown_after_us;
    uint32_t max_tracked_users;
};

#endif
