/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/doctor/doctor_int.h"
#include "base/banned.h"

/* What is seen of every node. */

static const int64_t recent_us = 600 * STAMP_SECOND;
static const int64_t clock_bad_us = 5 * STAMP_SECOND;
static const int64_t quarter_us = 900 * STAMP_SECOND; /* time zones are multiples of it */
enum { ENOUGH_ENTRIES = 4, ENOUGH_USERS = 4, LITTLE_HEARD = 20 };

static bool is_recent(const struct doctor *d, int64_t us)
{
    return us > 0 && d->f->now_us - us < recent_us;
}

static void judge_stream(struct doctor *d, const struct doctor_node *n)
{
    if (!n->enabled)
        doctor_say(d, "node", n->name, LEVEL_SKIPPED, NULL, "disabled in the panel");
    else if (!n->connected)
        doctor_say(d, "node", n->name, LEVEL_FAILED, "look at the node in the panel",
                   "%s%s%s: nobody can be counted there", n->status, n->message[0] ? ", " : "",
                   n->message);
    else if (!n->open && !n->stream_error[0] && doctor_just_started(d))
        doctor_say(d, "node", n->name, LEVEL_WARNING, "ask again in a moment",
                   "its log stream is not open yet: the daemon has just started");
    else if (!n->open)
        doctor_say(d, "node", n->name, LEVEL_FAILED,
                   "allow \"nodes logs\" to the role or the key in the panel, or see the reason",
                   "its log stream is not open%s%s", n->stream_error[0] ? ": " : "",
                   n->stream_error);
    else
        doctor_say(d, "node", n->name, LEVEL_OK, NULL, "connected, its log stream is open");
}

/* The newest line of a reason that says the log is made wrongly, if it is newer than the last counted. */
static bool only(const struct doctor *d, const struct doctor_node *n, enum scan_reason why)
{
    return is_recent(d, n->last_us[why]) && n->last_us[why] > n->last_us[SCAN_COUNTED];
}

static void judge_lines(struct doctor *d, const struct doctor_node *n)
{
    if (n->missed + n->entries && n->entries >= ENOUGH_ENTRIES && n->missed * 3 >= n->entries &&
        is_recent(d, n->last_us[SCAN_COUNTED]))
        doctor_say(d, "reader", n->name, LEVEL_FAILED,
                   "close the node's log page in the panel, and stop other programs that read it "
                   "(a node gives each line to one reader only)",
                   "%u of %u connections in the online list never came in the log: another reader "
                   "takes lines away",
                   n->missed, n->entries);
    else if (n->entries >= ENOUGH_ENTRIES)
        doctor_say(d, "reader", n->name, LEVEL_OK, NULL, "nobody else takes lines away");
    if (is_recent(d, n->last_us[SCAN_MASKED]))
        doctor_say(d, "mask", n->name, LEVEL_FAILED,
                   "remove \"maskAddress\" from the log section of the core",
                   "addresses are masked in the log: nobody can be counted");
    else if (only(d, n, SCAN_NO_EMAIL) || only(d, n, SCAN_BAD_EMAIL))
        doctor_say(
            d, "lines", n->name, LEVEL_FAILED,
            "users must come from the panel: clients written into the core by hand have no id",
            "access lines come, but they name no user of the panel");
    else if (is_recent(d, n->last_us[SCAN_COUNTED]))
        doctor_say(d, "lines", n->name, LEVEL_OK, NULL, "access lines arrive and name users");
    else if (n->quiet || n->lines < LITTLE_HEARD)
        doctor_say(
            d, "lines", n->name, n->quiet ? LEVEL_FAILED : LEVEL_WARNING,
            "in the core's log section set \"loglevel\" to \"warning\" or \"info\" and leave "
            "\"access\" empty; close the node's log page in the panel",
            n->quiet ? "no line comes although users are online there"
                     : "no access line came so far (nobody connects there, or no log is made)");
    else
        doctor_say(
            d, "lines", n->name, LEVEL_WARNING,
            "in the core's log section set \"access\" to \"\": access lines are switched off",
            "lines come, but none of the last 10 minutes is an access line of a user");
}

static void judge_stats(struct doctor *d, const struct doctor_node *n)
{
    if (n->listed + n->unlisted == 0)
        return;
    if (n->listed == 0)
        doctor_say(d, "online list", n->name, LEVEL_FAILED,
                   "set policy.levels.0.statsUserOnline to true in the core",
                   "users who connect there are not in the online list");
    else
        doctor_say(d, "online list", n->name, LEVEL_OK, NULL, "shows who is online there");
}

static void judge_clock(struct doctor *d, const struct doctor_node *n)
{
    int64_t rest_us, zone_us;

    if (n->ahead_us > clock_bad_us)
        doctor_say(d, "clock", n->name, LEVEL_WARNING, "set the node's clock (NTP)",
                   "it is %lld s ahead of ours by the online list, which is not believed then",
                   (long long)(n->ahead_us / STAMP_SECOND));
    if (n->clock_us == STAMP_NONE)
        return;
    zone_us = (llabs(n->clock_us) + quarter_us / 2) / quarter_us * quarter_us;
    rest_us = llabs(n->clock_us) - zone_us;
    if (llabs(rest_us) > clock_bad_us)
        doctor_say(d, "clock", n->name, LEVEL_WARNING,
                   "set the node's clock, or ours (NTP): it is allowed for, but hides jumps",
                   "the node's clock and ours differ by %.1f s",
                   (double)n->clock_us / STAMP_SECOND);
    else if (zone_us)
        doctor_say(d, "clock", n->name, LEVEL_OK, NULL, "right; its time zone is %+.2f h from UTC",
                   -(double)n->clock_us / 3600e6);
    else
        doctor_say(d, "clock", n->name, LEVEL_OK, NULL, "right");
}

static void judge_headers(struct doctor *d, const struct doctor_node *n)
{
    if (!is_recent(d, n->header_us))
        return;
    if (is_recent(d, n->direct_us))
        doctor_say(
            d, "headers", n->name, LEVEL_WARNING,
            "let only your proxy reach that inbound, and name in "
            "sockopt.trustedXForwardedFor a header that only your proxy sets",
            "some addresses are what an X-Forwarded-For header says, others come directly: a "
            "client who reaches the inbound himself can forge his address");
    else
        doctor_say(d, "headers", n->name, LEVEL_OK, NULL,
                   "all addresses come from a proxy's header; keep others away from that inbound");
}

static const struct doctor_crowd *crowd_of(const struct doctor *d, int64_t node_id)
{
    size_t i;

    for (i = 0; i < d->f->n_crowds; i++)
        if (d->f->crowds[i].node_id == node_id)
            return &d->f->crowds[i];
    return NULL;
}

static void judge_crowd(struct doctor *d, const struct doctor_node *n)
{
    const struct doctor_crowd *c = crowd_of(d, n->id);

    if (!c || c->all < ENOUGH_USERS)
        return;
    if (c->users * 2 >= c->all)
        doctor_say(
            d, "relay", n->name, LEVEL_FAILED,
            "make the proxy in front tell the client's address: HAProxy \"option forwardfor\" "
            "for HTTP, or \"send-proxy\" with \"acceptProxyProtocol\": true in the inbound, and "
            "sockopt.trustedXForwardedFor; or name the node in cdn_nodes",
            "%lld of its %lld users come from %s: a relay or proxy hides who they are",
            (long long)c->users, (long long)c->all, c->address);
    else
        doctor_say(d, "relay", n->name, LEVEL_OK, NULL,
                   "its users come from addresses of their own");
}

static void judge_fault(struct doctor *d, const struct doctor_node *n)
{
    if (n->faulty)
        doctor_say(d, "verdicts", n->name, LEVEL_WARNING,
                   "see whether a relay or a core's setting shows users twice; when so many really "
                   "share there, `config set node_guard off` lets verdicts go on",
                   "half of its users or more look over their limit: verdicts that rest on it "
                   "wait");
}

void doctor_judge_nodes(struct doctor *d)
{
    const struct doctor_facts *f = d->f;
    size_t i;

    if (!f->up || (f->access && f->refused))
        return;
    if (!f->nodes_known) {
        doctor_say(d, "nodes", NULL, LEVEL_FAILED,
                   "allow \"nodes read\" to the role or the key in the panel",
                   "the panel's nodes cannot be listed%s%s", f->error[0] ? ": " : "", f->error);
        return;
    }
    if (f->n_nodes == 0)
        doctor_say(d, "nodes", NULL, LEVEL_FAILED, "add a node in the panel",
                   "the panel has no node: there is nothing to watch");
    for (i = 0; i < f->n_nodes; i++) {
        const struct doctor_node *n = &f->nodes[i];

        judge_stream(d, n);
        if (f->access || !n->enabled || !n->connected || !n->open)
            continue;
        judge_lines(d, n);
        judge_stats(d, n);
        judge_clock(d, n);
        judge_headers(d, n);
        judge_crowd(d, n);
        judge_fault(d, n);
    }
}
