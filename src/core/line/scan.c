/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/line/scan.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "core/line/ident.h"
#include "base/banned.h"

static const char *const reason_names[SCAN_REASONS] = {
    [SCAN_COUNTED] = "counted",
    [SCAN_EMPTY] = "empty",
    [SCAN_NOT_ACCESS] = "not_access",
    [SCAN_REJECTED] = "rejected",
    [SCAN_NO_EMAIL] = "no_email",
    [SCAN_BAD_EMAIL] = "bad_email",
    [SCAN_NO_SOURCE] = "no_source",
    [SCAN_MASKED] = "masked",
    [SCAN_UNIX] = "unix",
    [SCAN_DNS] = "dns",
    [SCAN_DOMAIN] = "domain",
    [SCAN_BAD_ADDRESS] = "bad_address",
    [SCAN_NOT_PUBLIC] = "not_public",
    [SCAN_IGNORED_IP] = "ignored_ip",
    [SCAN_BLOCKED] = "blocked",
    [SCAN_TOO_LONG] = "too_long",
    [SCAN_DISABLED_NODE] = "disabled_node",
};

const char *scan_reason_name(enum scan_reason reason)
{
    return (unsigned)reason < SCAN_REASONS ? reason_names[reason] : "unknown";
}

void scan_rules_init(struct scan_rules *r)
{
    *r = (struct scan_rules){0};
    addrset_init(&r->ignored);
}

void scan_rules_release(struct scan_rules *r)
{
    addrset_release(&r->ignored);
    tags_release(&r->blocked);
    scan_rules_init(r);
}

int scan_rules_block(struct scan_rules *r, struct slice list)
{
    return tags_read(&r->blocked, list);
}

/* The bytes after the last ` email: ` of s; p NULL when there is none. */
static struct slice after_email(struct slice s)
{
    static const char mark[8] = " email: ";
    const char *at = s.p + s.n;

    while (at - s.p > 0) {
        at = memrchr(s.p, ' ', (size_t)(at - s.p));
        if (!at)
            break;
        if ((size_t)(s.p + s.n - at) >= sizeof(mark) && memcmp(at, mark, sizeof(mark)) == 0)
            return slice_skip(s, (size_t)(at - s.p) + sizeof(mark));
    }
    return (struct slice){NULL, 0};
}

static struct slice without_transport(struct slice s)
{
    if (slice_starts(s, SLICE("tcp:")) || slice_starts(s, SLICE("udp:")))
        return slice_skip(s, 4);
    return s;
}

/* Length of the source token at the head of s. A masked address holds a blank inside its brackets. */
static size_t source_len(struct slice s)
{
    struct slice bare = without_transport(s);
    const char *close = NULL, *blank;
    size_t from = 0;

    if (bare.n && bare.p[0] == '[') {
        close = memchr(bare.p, ']', bare.n < 64 ? bare.n : 64);
        if (close)
            from = (size_t)(close - s.p);
    }
    blank = memchr(s.p + from, ' ', s.n - from);
    return blank ? (size_t)(blank - s.p) : s.n;
}

static bool is_port(struct slice s)
{
    unsigned v = 0;
    size_t i;

    if (s.n == 0 || s.n > 5)
        return false;
    for (i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        v = v * 10 + (unsigned)(s.p[i] - '0');
    }
    return v <= 65535;
}

/* A source that is no address: which of the named kinds it is. */
static enum scan_reason odd_source(struct slice s)
{
    size_t i;

    if (s.n == 0)
        return SCAN_NO_SOURCE;
    if (slice_eq(s, SLICE("DNS")))
        return SCAN_DNS;
    if (s.p[0] == '@' || s.p[0] == '/' || slice_starts(s, SLICE("unix:")) ||
        slice_eq(s, SLICE("pipe")))
        return SCAN_UNIX;
    if (memchr(s.p, '*', s.n) || memchr(s.p, '/', s.n) || memmem(s.p, s.n, "Masked", 6))
        return SCAN_MASKED;
    if (s.p[0] == '[')
        return SCAN_BAD_ADDRESS;
    for (i = 0; i < s.n && s.p[i] != ':'; i++)
        if (s.p[i] != '.' && (s.p[i] < '0' || s.p[i] > '9'))
            return SCAN_DOMAIN;
    return SCAN_BAD_ADDRESS;
}

/* Takes the client's address from the source token; nothing else in the line is ever looked at. */
static enum scan_reason read_source(struct slice s, struct addr *ret)
{
    const char *colon;

    s = without_transport(s);
    if (s.n && s.p[0] == '[') {
        const char *close = memchr(s.p, ']', s.n);
        size_t inner = close ? (size_t)(close - s.p) - 1 : 0;

        if (close && inner && slice_starts(slice_skip(s, inner + 2), SLICE(":")) &&
            is_port(slice_skip(s, inner + 3)) && !addr_parse6((struct slice){s.p + 1, inner}, ret))
            return SCAN_COUNTED;
        return odd_source(s);
    }
    colon = s.n ? memchr(s.p, ':', s.n) : NULL;
    if (colon && is_port(slice_skip(s, (size_t)(colon - s.p) + 1)) &&
        !addr_parse4((struct slice){s.p, (size_t)(colon - s.p)}, ret))
        return SCAN_COUNTED;
    return odd_source(s);
}

/* The last arrow inside a detour: sets inbound and outbound. */
static void split_detour(struct slice d, struct record *ret)
{
    size_t i;

    ret->outbound = d;
    for (i = d.n; i-- > 0;) {
        struct slice at = slice_skip(d, i);
        size_t len = 0;

        if (at.p[0] != ' ')
            continue;
        if (slice_starts(at, SLICE(" >> ")) || slice_starts(at, SLICE(" -> ")))
            len = 4;
        else if (slice_starts(at, SLICE(" ==> ")))
            len = 5;
        if (len) {
            ret->inbound = (struct slice){d.p, i};
            ret->outbound = slice_skip(d, i + len);
            return;
        }
    }
}

/*
 * Finds the detour in what stands between `accepted ` and ` email: `: behind the destination's first
 * blank, from the last ` [` to the last `]`.
 */
static void read_detour(struct slice s, struct record *ret)
{
    const char *blank = s.n ? memchr(s.p, ' ', s.n) : NULL;
    size_t open, close;

    ret->inbound = ret->outbound = (struct slice){NULL, 0};
    if (!blank)
        return;
    s = slice_skip(s, (size_t)(blank - s.p));
    for (close = s.n; close > 0 && s.p[close - 1] != ']'; close--)
        ;
    if (close == 0)
        return;
    for (open = close - 1; open-- > 1;) {
        if (s.p[open] == '[' && s.p[open - 1] == ' ') {
            split_detour((struct slice){s.p + open + 1, close - open - 2}, ret);
            return;
        }
    }
}

static enum scan_reason judge_address(const struct scan_rules *rules, struct addr a)
{
    enum addr_class class = addr_classify(a);

    if (class == ADDR_NEVER || (class == ADDR_PRIVATE && !rules->count_private))
        return SCAN_NOT_PUBLIC;
    if (rules->ignored.n && addrset_has(&rules->ignored, a))
        return SCAN_IGNORED_IP;
    return SCAN_COUNTED;
}

/*
 * Cuts stamp, source and verdict off the head of *line, leaving what follows `accepted `. Lines of old
 * V2Ray have no `from `.
 */
static enum scan_reason read_head(struct slice *line, struct record *ret, struct slice *ret_source)
{
    struct slice s = *line;
    size_t used, n;

    ret->stamp_us = STAMP_NONE;
    if (stamp_parse_log(s, &ret->stamp_us, &used) == ERR_OK) {
        s = slice_skip(s, used);
        if (s.n == 0 || s.p[0] != ' ')
            return SCAN_NOT_ACCESS;
        s = slice_skip(s, 1);
    }
    if (slice_starts(s, SLICE("from ")))
        s = slice_skip(s, 5);
    n = source_len(s);
    *ret_source = (struct slice){s.p, n};
    s = slice_skip(s, n + 1);
    if (slice_starts(s, SLICE("accepted ")) && s.n > 9) {
        *line = slice_skip(s, 9);
        return SCAN_COUNTED;
    }
    if (slice_starts(s, SLICE("rejected ")) || slice_eq(s, SLICE("rejected")))
        return SCAN_REJECTED;
    return SCAN_NOT_ACCESS;
}

static enum scan_reason scan(const struct scan_rules *rules, struct slice line, struct record *ret)
{
    struct slice source, email;
    struct ident who;
    enum scan_reason r;

    /* The end only: blanks in front would move the head. */
    while (line.n && (line.p[line.n - 1] == '\n' || line.p[line.n - 1] == '\r'))
        line.n--;
    if (slice_trim(line).n == 0)
        return SCAN_EMPTY;
    if (line.n > LIMIT_LINE)
        return SCAN_TOO_LONG;
    r = read_head(&line, ret, &source);
    if (r)
        return r;
    r = read_source(source, &ret->ip);
    ret->from_header =
        source.n > 2 && source.p[source.n - 1] == '0' && source.p[source.n - 2] == ':';
    if (r)
        return r;
    email = after_email(line);
    if (!email.p)
        return SCAN_NO_EMAIL;
    if (ident_parse(email, &who))
        return SCAN_BAD_EMAIL;
    ret->id = who.id;
    ret->name = who.name;
    read_detour((struct slice){line.p, (size_t)(email.p - line.p) - 8}, ret);
    if (ret->outbound.p && tags_has(&rules->blocked, ret->outbound))
        return SCAN_BLOCKED;
    return judge_address(rules, ret->ip);
}

enum scan_reason scan_line(const struct scan_rules *rules, struct slice line, struct record *ret)
{
    ret->reason = scan(rules, line, ret);
    return ret->reason;
}
