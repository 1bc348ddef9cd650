/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An access line: nothing is read outside it, what counts has a user and a public address, and nothing is
 * ever taken from the destination, whatever stands there.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/err.h"
#include "core/line/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_inside(struct slice part, struct slice line)
{
    if (part.n && (part.p < line.p || part.p + part.n > line.p + line.n))
        abort();
}

static void check_counted(const struct record *r, struct slice line)
{
    char text[ADDR_TEXT];
    struct addr again;

    check_inside(r->name, line);
    check_inside(r->inbound, line);
    check_inside(r->outbound, line);
    if (r->id < 0 || (r->id == 0 && r->name.n == 0))
        abort();
    if (addr_classify(r->ip) != ADDR_PUBLIC)
        abort();
    if (addr_parse(slice_of(addr_text(r->ip, text)), &again) || !addr_eq(again, r->ip))
        abort();
}

/* The whole input as a destination: source, user and tags of the line around it stay what they are. */
static void check_destination(const struct scan_rules *rules, struct slice dest)
{
    static const char head[] = "from 5.6.7.8:1 accepted tcp:",
                      tail[] = " [IN -> OUT] email: 12.alice";
    size_t n = sizeof(head) - 1 + dest.n, detour = sizeof(" [IN -> OUT]") - 1;
    char *line = malloc(n + sizeof(tail) - 1);
    struct record r;

    if (!line)
        exit(0);
    memcpy(line, head, sizeof(head) - 1);
    if (dest.n)
        memcpy(line + sizeof(head) - 1, dest.p, dest.n);
    memcpy(line + n, tail, sizeof(tail) - 1);
    if (scan_line(rules, (struct slice){line, n + sizeof(tail) - 1}, &r) != SCAN_COUNTED ||
        r.id != 12 || !slice_eq(r.name, SLICE("alice")) || r.ip.hi != 0 ||
        r.ip.lo != (UINT64_C(0xffff) << 32 | 0x05060708) || !slice_eq(r.inbound, SLICE("IN")) ||
        !slice_eq(r.outbound, SLICE("OUT")))
        abort();
    /* A line of nobody stays nobody's. */
    if (scan_line(rules, (struct slice){line, n + detour}, &r) == SCAN_COUNTED)
        abort();
    free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice line = {(const char *)data, size};
    struct scan_rules rules;
    struct record record;
    enum scan_reason reason;

    scan_rules_init(&rules);
    if (scan_rules_block(&rules, SLICE("BLOCK,block,blackhole")))
        abort();
    if (addrset_add_list(&rules.ignored, SLICE("1.1.1.1,8.8.8.8,2001:db8:1::/48"), NULL))
        abort();
    addrset_seal(&rules.ignored);
    reason = scan_line(&rules, line, &record);
    if (reason != record.reason || reason >= SCAN_REASONS || !scan_reason_name(reason))
        abort();
    if (reason == SCAN_COUNTED)
        check_counted(&record, line);
    check_destination(&rules, line);
    scan_rules_release(&rules);
    return 0;
}
