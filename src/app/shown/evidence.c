/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/daemon.h"
#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

/* The score with the parts that make it (docs/trust.md); parts without points are left out. */
static void add_trust(const struct trust *t, struct buf *out)
{
    int i;

    jout_int(out, "trust", t->score);
    jout_open(out, "trust_parts", '{');
    for (i = 0; i < TRUST_PARTS; i++)
        if (t->points[i])
            jout_int(out, trust_part_name((enum trust_part)i), t->points[i]);
    jout_close(out, '}');
}

void evidence_network(struct daemon *d, const struct device_view *v, struct buf *out)
{
    struct slice isp = {"", 0};
    struct geo geo = {0};

    if (d->atlas && settings_bool(&d->settings, SET_ENHANCED_DETAILS))
        atlas_look(d->atlas, v->addr, &geo, &isp);
    if (geo.country[0])
        jout_text(out, "country", geo.country);
    if (v->asn)
        jout_int(out, "asn", v->asn);
    if (isp.n)
        jout_str(out, "isp", isp);
}

/* Which source has shown the device. */
static const char *seen_by(const struct device_view *v)
{
    return !v->online ? "log" : v->lines ? "both" : "online list";
}

void evidence_members(struct daemon *d, const struct evidence *ev, struct buf *out)
{
    char text[ADDR_TEXT];
    int i;

    jout_open(out, "devices", '[');
    for (i = 0; i < ev->n_devices; i++) {
        const struct device_view *v = &ev->devices[i];

        jout_open(out, NULL, '{');
        jout_text(out, "address", addr_text(v->addr, text));
        jout_int(out, "node", v->node_id);
        jout_text(out, "node_name", watch_name(d->watch, v->node_id));
        jout_text(out, "inbound", v->inbound);
        jout_time(out, "first_seen", v->first_us);
        jout_time(out, "last_seen", v->last_us);
        jout_int(out, "lines", v->lines);
        evidence_network(d, v, out);
        jout_text(out, "role", device_role_name(v->role));
        jout_bool(out, "online_list", v->online);
        jout_text(out, "seen_by", seen_by(v));
        if (v->listed_us)
            jout_time(out, "listed_since", v->listed_us);
        if (v->one_address)
            jout_bool(out, "one_address_a_node", true);
        jout_close(out, '}');
    }
    jout_close(out, ']');
    jout_open(out, "pairs", '[');
    for (i = 0; i < ev->n_pairs; i++) {
        const struct pair_view *p = &ev->pairs[i];

        jout_open(out, NULL, '{');
        jout_int(out, "a", p->a);
        jout_int(out, "b", p->b);
        jout_real(out, "score", p->score, 2);
        jout_real(out, "fixed", p->fixed, 2);
        jout_real(out, "adaptive", p->adaptive, 2);
        jout_real(out, "near", p->near, 2);
        jout_int(out, "switches", p->switches);
        jout_bool(out, "excused", p->excused);
        jout_bool(out, "held", p->held);
        jout_close(out, '}');
    }
    jout_close(out, ']');
    jout_int(out, "addresses_left_out", ev->devices_overflow);
    jout_int(out, "networks", ev->networks);
    add_trust(&ev->trust, out);
    if (ev->line_us)
        jout_time(out, "last_line", ev->line_us);
    if (ev->read_us)
        jout_time(out, "last_reading", ev->read_us);
    if (ev->monitored_since_us)
        jout_time(out, "monitored_since", ev->monitored_since_us);
}

static void add_rule(const struct policy *p, struct buf *out)
{
    jout_open(out, "settings", '{');
    jout_text(out, "verdict", p->verdict == VERDICT_CONCURRENT ? "concurrent" : "persistent");
    jout_real(out, "evidence_threshold", p->evidence_threshold, 2);
    jout_int(out, "monitoring_period", p->monitoring_period_us / STAMP_SECOND);
    jout_int(out, "active_window", p->active_window_us / STAMP_SECOND);
    jout_real(out, "roam_time", p->roam_time_s, 1);
    jout_int(out, "ipv6_prefix", p->ipv6_prefix);
    jout_close(out, '}');
}

static const char *source_of(const struct daemon *d)
{
    static const char *const names[] = {"both", "log", "online list"};

    return names[d->policy.sources];
}

/* How well the nodes were seen on which the devices were. */
static void add_coverage(struct daemon *d, const struct evidence *ev, struct buf *out)
{
    int64_t told[LIMIT_LANES];
    int n = 0, i, k;

    jout_open(out, "coverage", '[');
    for (i = 0; i < ev->n_devices; i++) {
        const struct coverage *c;
        uint16_t node;

        for (k = 0; k < n && told[k] != ev->devices[i].node_id; k++)
            ;
        if (k < n || !ev->devices[i].node_id ||
            engine_node(d->engine, ev->devices[i].node_id, STAMP_NONE, &node))
            continue;
        told[n++] = ev->devices[i].node_id;
        c = engine_coverage(d->engine, node);
        jout_open(out, NULL, '{');
        jout_int(out, "node", c->node_id);
        jout_text(out, "source", source_of(d));
        jout_bool(out, "stream_open", c->open_streams > 0);
        jout_bool(out, "quiet", c->quiet);
        if (c->lost_known)
            jout_real(out, "lines_lost", c->lost, 2);
        jout_real(out, "lines_per_s", coverage_rate(c, daemon_now(d)), 2);
        jout_int(out, "stale_lines", (int64_t)c->stale);
        jout_close(out, '}');
    }
    jout_close(out, ']');
}

void evidence_json(struct daemon *d, const struct decision *dec, struct buf *out)
{
    jout_open(out, NULL, '{');
    jout_int(out, "limit", dec->limit);
    jout_int(out, "active", dec->devices);
    jout_int(out, "concurrent", dec->concurrent);
    jout_text(out, "why", dec->why);
    if (dec->leaked)
        jout_bool(out, "leaked", true);
    if (dec->evidence) {
        jout_text(out, "limit_from", limit_source_name(dec->evidence->limit_from));
        evidence_members(d, dec->evidence, out);
        add_coverage(d, dec->evidence, out);
    }
    add_rule(&d->policy, out);
    jout_close(out, '}');
}
