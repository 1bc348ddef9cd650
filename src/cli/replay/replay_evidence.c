/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/replay/replay_evidence.h"

#include "base/stamp.h"
#include "base/banned.h"

static double score_of(const struct pair_view *p)
{
    return p->fixed > p->adaptive ? p->fixed : p->adaptive;
}

static void add_address(const struct device_view *v, struct buf *out)
{
    char text[ADDR_TEXT], first[STAMP_TEXT], last[STAMP_TEXT];

    buf_addf(out,
             "{\"address\":\"%s\",\"role\":\"%s\",\"node\":%lld,\"asn\":", addr_text(v->addr, text),
             device_role_name(v->role), (long long)v->node_id);
    if (v->asn)
        buf_addf(out, "%u", v->asn);
    else
        buf_add_str(out, "null");
    buf_add_str(out, ",\"inbound\":");
    if (v->inbound)
        buf_add_json(out, slice_of(v->inbound));
    else
        buf_add_str(out, "null");
    buf_addf(out, ",\"first_seen\":\"%s\",\"last_seen\":\"%s\",\"lines\":%u}",
             stamp_iso(v->first_us, first), stamp_iso(v->last_us, last), v->lines);
}

void replay_evidence_json(const struct decision *d, struct buf *out)
{
    const struct evidence *ev = d->evidence;
    int i;

    if (!ev) {
        buf_add_str(out, ",\"evidence\":null");
        return;
    }
    buf_add_str(out, ",\"evidence\":{\"addresses\":[");
    for (i = 0; i < ev->n_devices; i++) {
        if (i)
            buf_add_char(out, ',');
        add_address(&ev->devices[i], out);
    }
    buf_add_str(out, "],\"pairs\":[");
    for (i = 0; i < ev->n_pairs; i++) {
        const struct pair_view *p = &ev->pairs[i];

        buf_addf(out, "%s{\"a\":%u,\"b\":%u,\"score\":%.2f,\"switches\":%u,\"excused\":%s%s}",
                 i ? "," : "", p->a, p->b, score_of(p), p->switches, p->excused ? "true" : "false",
                 p->held ? ",\"held\":true" : "");
    }
    buf_addf(out, "],\"addresses_left_out\":%u}", ev->devices_overflow);
}

void replay_evidence_text(const struct decision *d, struct buf *out)
{
    const struct evidence *ev = d->evidence;
    char text[ADDR_TEXT], first[STAMP_TEXT], last[STAMP_TEXT];
    int i;

    for (i = 0; ev && i < ev->n_devices; i++) {
        const struct device_view *v = &ev->devices[i];

        buf_addf(out, "    %c  %-39s %-19s node %lld", 'A' + i, addr_text(v->addr, text),
                 device_role_name(v->role), (long long)v->node_id);
        if (v->asn)
            buf_addf(out, ", AS%u", v->asn);
        buf_addf(out, ", %.8s - %.8s, %u lines", stamp_iso(v->first_us, first) + 11,
                 stamp_iso(v->last_us, last) + 11, v->lines);
        if (v->inbound) {
            buf_add_str(out, ", ");
            buf_add_json(out, slice_of(v->inbound));
        }
        buf_add_char(out, '\n');
    }
    for (i = 0; ev && i < ev->n_pairs; i++)
        buf_addf(out, "    %c and %c: score %.1f, %u switches%s\n", 'A' + ev->pairs[i].a,
                 'A' + ev->pairs[i].b, score_of(&ev->pairs[i]), ev->pairs[i].switches,
                 ev->pairs[i].held      ? ", long streams of both are open"
                 : ev->pairs[i].excused ? ", may be one device"
                                        : "");
}
