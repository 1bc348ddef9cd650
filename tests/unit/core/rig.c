/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "default_policy.h"
#include "rig.h"

static const struct hash_key key = {9, 10};

void rig_init_with(struct rig *r, const struct policy *policy)
{
    int i;

    *r = (struct rig){.policy = *policy,
                      .now_us = INT64_C(1762077600) * STAMP_SECOND + 12345678,
                      .seed = 1};
    r->e = engine_new(policy, key);
    assert_non_null(r->e);
    for (i = 0; i < RIG_NODES; i++) {
        assert_int_equal(engine_node(r->e, 100 + i, 0, &r->node[i]), ERR_OK);
        engine_stream_opened(r->e, r->node[i], r->now_us - 60 * STAMP_SECOND);
    }
    engine_advance(r->e, r->now_us);
}

void rig_init(struct rig *r, int general_limit)
{
    struct policy p = default_policy();

    p.general_limit = general_limit;
    rig_init_with(r, &p);
}

void rig_release(struct rig *r)
{
    int i;

    for (i = 0; i < r->n; i++)
        decision_release(&r->log[i]);
    free(r->log);
    engine_free(r->e);
}

static void drain(struct rig *r)
{
    struct decision d;

    while (engine_take(r->e, &d)) {
        if (r->n == r->cap) {
            r->cap = r->cap ? r->cap * 2 : 64;
            r->log = realloc(r->log, (size_t)r->cap * sizeof(*r->log));
            assert_non_null(r->log);
        }
        r->log[r->n++] = d;
    }
}

void rig_set(struct rig *r)
{
    engine_set_policy(r->e, &r->policy, r->now_us);
    drain(r);
}

enum scan_reason rig_late(struct rig *r, int node, int64_t id, const char *ip, int64_t ago_us)
{
    char when[STAMP_TEXT], line[256], *p;
    enum scan_reason reason;

    stamp_iso_plain(r->now_us - ago_us, when);
    for (p = when; *p; p++)
        *p = *p == '-' ? '/' : *p == 'T' ? ' ' : *p;
    snprintf(line, sizeof(line),
             "%s from %s:4242 accepted tcp:example.com:443 [IN-%d -> OUT] email: %" PRId64, when,
             ip, node, id);
    reason = engine_line(r->e, r->node[node], r->now_us, slice_of(line), NULL);
    drain(r);
    return reason;
}

void rig_read(struct rig *r, int64_t id, const struct online_seen *seen, size_t n)
{
    struct online_reading reading = {seen, n, r->node, RIG_NODES};

    engine_online(r->e, id, &reading, r->now_us);
}

enum scan_reason rig_line(struct rig *r, int node, int64_t id, const char *ip)
{
    return rig_late(r, node, id, ip, 0);
}

char *rig_ip(int64_t id, int nth, char *out)
{
    /* Another carrier for each address, so that nothing but the evidence decides. */
    snprintf(out, 64, "%d.%d.%d.%d", 60 + nth % 60, 1 + nth / 60 % 200, (int)(id / 250 % 250),
             (int)(id % 250) + 1);
    return out;
}

void rig_from(struct rig *r, int64_t id, int nth)
{
    char ip[64];

    assert_int_equal(rig_line(r, nth % RIG_NODES, id, rig_ip(id, nth, ip)), SCAN_COUNTED);
}

void rig_wait(struct rig *r, double seconds)
{
    int64_t end_us = r->now_us + (int64_t)(seconds * STAMP_SECOND);
    int idle = 0;

    while (engine_next_us(r->e) <= end_us) {
        int64_t next = engine_next_us(r->e);

        if (next > r->now_us)
            r->now_us = next;
        engine_advance(r->e, r->now_us);
        drain(r);
        /* What is due must be done with when it was called for. */
        assert_true(engine_next_us(r->e) > next || idle++ < 1000);
        assert_true(engine_next_us(r->e) > r->now_us);
    }
    r->now_us = end_us;
    engine_advance(r->e, r->now_us);
    drain(r);
}

void rig_share_many(struct rig *r, int64_t first, int users, int n, double seconds)
{
    int turn, i;

    for (turn = 0; turn * 3 < seconds; turn++) {
        for (i = 0; i < users; i++)
            rig_from(r, first + i, turn % n);
        rig_wait(r, 3);
    }
}

void rig_share(struct rig *r, int64_t id, int n, double seconds)
{
    rig_share_many(r, id, 1, n, seconds);
}

const struct decision *rig_find(const struct rig *r, enum decision_kind kind, int64_t id, int nth)
{
    int i;

    for (i = 0; i < r->n; i++)
        if (r->log[i].kind == kind && (id == 0 || r->log[i].id == id) && nth-- == 0)
            return &r->log[i];
    return NULL;
}

int rig_count(const struct rig *r, enum decision_kind kind, int64_t id)
{
    int n = 0;

    while (rig_find(r, kind, id, n))
        n++;
    return n;
}

/* Of one user's decisions up to a punishment: watched for long enough, and warned. */
static void check_punish(const struct rig *r, int at)
{
    const struct decision *d = &r->log[at];
    bool warned = false;
    int i;

    for (i = at - 1; i >= 0 && (r->log[i].id != d->id || r->log[i].kind != DECISION_MONITOR); i--)
        warned |= r->log[i].id == d->id && r->log[i].kind == DECISION_WARN;
    if (i < 0)
        fail_msg("user %" PRId64 " punished without being watched", d->id);
    if (d->at_us - r->log[i].at_us < r->policy.monitoring_period_us)
        fail_msg("user %" PRId64 " punished after %" PRId64 " us", d->id,
                 d->at_us - r->log[i].at_us);
    if (!warned)
        fail_msg("user %" PRId64 " punished without a warning", d->id);
    assert_non_null(d->evidence);
    assert_true(d->evidence->n_devices > d->limit || d->limit >= LIMIT_LANES);
}

void rig_check(const struct rig *r)
{
    int i;

    for (i = 0; i < r->n; i++) {
        const struct decision *d = &r->log[i];

        if (i && d->at_us < r->log[i - 1].at_us)
            fail_msg("%s at %" PRId64 ", after %s at %" PRId64, decision_name(d->kind), d->at_us,
                     decision_name(r->log[i - 1].kind), r->log[i - 1].at_us);
        assert_true(d->why[0] || d->kind == DECISION_EXECUTE || d->kind == DECISION_SHARED);
        if (d->kind == DECISION_PUNISH)
            check_punish(r, i);
    }
}

struct user_view rig_view(struct rig *r, int64_t id)
{
    struct user_view v;

    assert_int_equal(engine_view(r->e, id, r->now_us, &v), ERR_OK);
    return v;
}

struct sources rig_sources(const char *inbounds, const char *cdn_nodes, const char *disabled,
                           const char *countries, const char *content)
{
    struct sources s;

    sources_init(&s);
    assert_int_equal(sources_cdn_inbounds(&s, slice_of(inbounds)), ERR_OK);
    assert_int_equal(sources_cdn_nodes(&s, slice_of(cdn_nodes)), ERR_OK);
    assert_int_equal(sources_disabled_nodes(&s, slice_of(disabled)), ERR_OK);
    assert_int_equal(sources_countries(&s, slice_of(countries)), ERR_OK);
    assert_int_equal(addrset_add_list(&s.content, slice_of(content), NULL), ERR_OK);
    addrset_seal(&s.content);
    return s;
}
