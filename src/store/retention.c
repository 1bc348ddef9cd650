/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/retention.h"

#include <arpa/inet.h>
#include <string.h>

#include "base/limits.h"
#include "store/sql.h"
#include "base/banned.h"

enum { SLICE_ROWS = 500, EVIDENCE_ROWS = 50 };

static bool address_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == '.' ||
           c == ':';
}

/* The network of the address s, as text; false when s is none. */
static bool cut_address(struct slice s, char *out, size_t max, const char **ret_bits)
{
    char text[INET6_ADDRSTRLEN + 1];
    unsigned char raw[16];

    if (s.n == 0 || s.n > INET6_ADDRSTRLEN)
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (inet_pton(AF_INET, text, raw) == 1) {
        raw[3] = 0;
        *ret_bits = "/24";
        return inet_ntop(AF_INET, raw, out, (socklen_t)max) != NULL;
    }
    if (inet_pton(AF_INET6, text, raw) != 1)
        return false;
    if (IN6_IS_ADDR_V4MAPPED((struct in6_addr *)raw)) {
        raw[15] = 0;
        *ret_bits = "/120";
    } else {
        memset(raw + 6, 0, 10);
        *ret_bits = "/48";
    }
    return inet_ntop(AF_INET6, raw, out, (socklen_t)max) != NULL;
}

/* Appends s as its network, or false and nothing when s is no address. */
static bool add_cut(struct slice s, bool with_bits, struct buf *out)
{
    char text[INET6_ADDRSTRLEN + 1];
    const char *bits;

    if (!cut_address(s, text, sizeof(text), &bits))
        return false;
    buf_add_str(out, text);
    if (with_bits)
        buf_add_str(out, bits);
    return true;
}

/*
 * Appends run, an unbroken run of address characters, with the address in it cut: the run itself, or
 * without punctuation at its ends ("ip:1.2.3.4."), or what stands before or behind its last colon
 * ("1.2.3.4:443", "cafe:1.2.3.4"). next is the character behind the run.
 */
static void shorten_run(struct slice run, char next, struct buf *out)
{
    /* A network already, or "[…]:port": what follows stays true without a length of ours. */
    bool bits = next != '/' && next != ']';
    struct slice core = run, tail;
    size_t colon;

    if (add_cut(run, bits, out))
        return;
    while (core.n && (core.p[0] == ':' || core.p[0] == '.'))
        core = slice_skip(core, 1);
    buf_add(out, run.p, run.n - core.n);
    run = core;
    while (core.n && (core.p[core.n - 1] == ':' || core.p[core.n - 1] == '.'))
        core.n--;
    tail = slice_skip(run, core.n);
    for (colon = core.n; colon > 0 && core.p[colon - 1] != ':'; colon--)
        ;
    if (add_cut(core, bits, out)) {
        /* Written. */
    } else if (colon > 1 && add_cut((struct slice){core.p, colon - 1}, false, out)) {
        buf_add(out, core.p + colon - 1, core.n - colon + 1);
    } else {
        buf_add(out, core.p, colon);
        if (!add_cut(slice_skip(core, colon), bits, out))
            buf_add_slice(out, slice_skip(core, colon));
    }
    buf_add_slice(out, tail);
}

int retention_shorten(struct slice text, struct buf *out)
{
    size_t i = 0, from;

    while (i < text.n && !out->failed) {
        from = i;
        while (i < text.n && !address_char(text.p[i]))
            i++;
        buf_add(out, text.p + from, i - from);
        from = i;
        while (i < text.n && address_char(text.p[i]))
            i++;
        if (i > from)
            shorten_run((struct slice){text.p + from, i - from}, i < text.n ? text.p[i] : '\0',
                        out);
    }
    return out->failed ? ERR_TOO_BIG : ERR_OK;
}

static int shorten_one(struct db *db, int64_t id, struct slice evidence, struct err *err)
{
    struct buf out;
    int rc;

    buf_init(&out, 2 * LIMIT_EVIDENCE);
    /* What cannot be shortened for its size is erased: its time is over in any case. */
    if (retention_shorten(evidence, &out)) {
        buf_clear(&out);
        buf_add_str(&out, "{}");
    }
    rc = out.failed ? err_set(err, ERR_NOMEM, "out of memory")
                    : sql_run(db, err, "UPDATE violations SET evidence=?2, shortened=1 WHERE id=?1",
                              "is", id, buf_slice(&out));
    buf_release(&out);
    return rc;
}

static int shorten_evidence(struct db *db, int64_t before_us, bool *more, struct err *err)
{
    struct sql q;
    int rc, n = 0;

    while (n < EVIDENCE_ROWS) {
        rc = sql_open(&q, db, err,
                      "SELECT id, evidence FROM violations WHERE shortened=0 AND at<?1"
                      " ORDER BY at LIMIT 1",
                      "t", before_us);
        if (rc)
            return rc;
        rc = sql_step(&q, err);
        if (rc == 1)
            rc = shorten_one(db, sql_int(&q, 0), sql_text(&q, 1), err);
        else if (rc == 0)
            rc = 1;
        sql_close(&q);
        if (rc)
            return rc < 0 ? rc : ERR_OK;
        n++;
    }
    *more = true;
    return ERR_OK;
}

static int delete_slice(struct db *db, const char *text, int64_t before_us, bool *more,
                        struct err *err)
{
    int rc = sql_run(db, err, text, "ti", before_us, (int64_t)SLICE_ROWS);

    if (!rc && sql_changes(db) >= SLICE_ROWS)
        *more = true;
    return rc;
}

static int slice_all(struct db *db, const struct retention *r, int64_t now_us, bool *more,
                     struct err *err)
{
    int rc = shorten_evidence(db, now_us - r->evidence_us, more, err);

    if (!rc)
        rc = delete_slice(db,
                          "DELETE FROM events WHERE id IN"
                          " (SELECT id FROM events WHERE at<?1 ORDER BY at LIMIT ?2)",
                          now_us - r->events_us, more, err);
    if (!rc)
        rc = delete_slice(
            db,
            "DELETE FROM enforcements WHERE id IN (SELECT id FROM enforcements"
            " WHERE closed_at IS NOT NULL AND closed_at<?1 ORDER BY closed_at LIMIT ?2)",
            now_us - r->events_us, more, err);
    if (!rc)
        rc = delete_slice(db,
                          "DELETE FROM violations WHERE id IN (SELECT v.id FROM violations v"
                          " LEFT JOIN enforcements e ON e.verdict_id=v.id"
                          " WHERE v.at<?1 AND e.id IS NULL ORDER BY v.at LIMIT ?2)",
                          now_us - r->events_us, more, err);
    if (!rc)
        rc =
            delete_slice(db,
                         "DELETE FROM ip_history WHERE (user_id, day, address, node_id, inbound) IN"
                         " (SELECT user_id, day, address, node_id, inbound FROM ip_history"
                         " WHERE last_seen<?1 ORDER BY last_seen LIMIT ?2)",
                         now_us - r->history_us, more, err);
    if (!rc)
        rc = delete_slice(db,
                          "DELETE FROM shared_sources WHERE address IN"
                          " (SELECT address FROM shared_sources WHERE until<?1 LIMIT ?2)",
                          now_us, more, err);
    return rc;
}

int retention_slice(struct db *db, const struct retention *r, int64_t now_us, bool *ret_more,
                    struct err *err)
{
    bool more = false;
    int rc = db_begin(db, DB_SYNC_NORMAL, err);

    if (rc)
        return rc;
    rc = db_end(db, slice_all(db, r, now_us, &more, err), err);
    if (!rc)
        *ret_more = more;
    return rc;
}
