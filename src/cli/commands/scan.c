/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/stamp.h"
#include "cli/frame/cli_int.h"
#include "cli/replay/linein.h"
#include "core/line/scan.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"
#include "base/banned.h"

/* `scan [FILE|-]`: for each log line one JSON object, what it says or why it is not counted. */

enum { FLUSH_AT = 256 << 10, OUT_MAX = 1 << 20 };

static void add_text(struct buf *out, const char *key, struct slice s)
{
    buf_add_str(out, key);
    if (s.p)
        buf_add_json(out, s);
    else
        buf_add_str(out, "null");
}

static void add_record(struct buf *out, const struct record *rec)
{
    char ip[ADDR_TEXT], when[STAMP_TEXT];

    if (rec->id)
        buf_addf(out, "{\"counted\":true,\"id\":%lld", (long long)rec->id);
    else
        buf_add_str(out, "{\"counted\":true,\"id\":null");
    add_text(out, ",\"name\":", rec->name.n ? rec->name : (struct slice){NULL, 0});
    buf_add_str(out, ",\"ip\":\"");
    buf_add_str(out, addr_text(rec->ip, ip));
    add_text(out, "\",\"inbound\":", rec->inbound);
    add_text(out, ",\"outbound\":", rec->outbound);
    if (rec->stamp_us == STAMP_NONE) {
        buf_add_str(out, ",\"time\":null}\n");
    } else {
        buf_add_str(out, ",\"time\":\"");
        buf_add_str(out, stamp_iso_plain(rec->stamp_us, when));
        buf_add_str(out, "\"}\n");
    }
}

static int flush(struct buf *out)
{
    const char *p = out->p;
    size_t left = out->n;
    ssize_t n;

    while (left) {
        n = write(STDOUT_FILENO, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return ERR_IO;
        p += n;
        left -= (size_t)n;
    }
    buf_clear(out);
    return ERR_OK;
}

static int scan_all(struct linein *in, const struct scan_rules *rules)
{
    struct record rec;
    struct slice line;
    struct buf out;
    int rc;

    buf_init(&out, OUT_MAX + FLUSH_AT);
    while ((rc = linein_next(in, &line)) == 1) {
        enum scan_reason reason = scan_line(rules, line, &rec);

        if (reason == SCAN_COUNTED) {
            add_record(&out, &rec);
        } else {
            buf_add_str(&out, "{\"counted\":false,\"reason\":\"");
            buf_add_str(&out, scan_reason_name(reason));
            buf_add_str(&out, "\"}\n");
        }
        /* The second: whoever pipes a growing log in sees each answer at once. */
        if ((out.n >= FLUSH_AT || in->from == in->to) && flush(&out)) {
            rc = ERR_IO;
            break;
        }
    }
    if (rc == 0)
        rc = flush(&out);
    buf_release(&out);
    return rc;
}

int cmd_scan(struct cli *cli)
{
    const char *path = cli->n_args ? cli->args[0] : "-";
    struct scan_rules rules;
    struct settings settings;
    struct linein in;
    struct err err;
    int rc;

    if (settings_init(&settings))
        return cli_fail(CLI_FAILED, "out of memory");
    scan_rules_init(&rules);
    rc = settings_scan_rules(&settings, SLICE(""), &rules, &err);
    if (!rc)
        rc = linein_open(&in, path, &err);
    if (rc) {
        rc = cli_fail(CLI_FAILED, "%s", err.text);
    } else {
        rc = scan_all(&in, &rules);
        /* A reader that has seen enough (`| head`) is no failure worth a word. */
        if (rc)
            rc =
                errno == EPIPE ? CLI_FAILED : cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
        linein_close(&in);
    }
    scan_rules_release(&rules);
    settings_release(&settings);
    return rc;
}
