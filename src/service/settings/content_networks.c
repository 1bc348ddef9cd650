/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/content_networks.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/banned.h"

enum { FILE_MAX = 1 << 20 };

/*
 * Only what nobody's line at home or on the road ends in: the outer ends of privacy services that give a
 * device another address for each connection, and the edges of the one CDN whose free plan most people put
 * in front of a server. As of 2026; what is missing here is still found by being used by many.
 */
static const char *const builtin[] = {
    /* Cloudflare WARP, Zero Trust Gateway and its part of iCloud Private Relay: these blocks left the list
       of its CDN in 2021 for that (cloudflare.com/ips, RIPE netname CLOUDFLAREWARP). */
    "104.28.0.0/14",
    "2a09:bac0::/29",
    "2606:54c0::/28",
    /* The other ends of iCloud Private Relay (Apple's egress-ip-ranges.csv): Akamai's AS36183, and the parts
       of Fastly's blocks that are not in the list of its CDN. */
    "172.224.0.0/12",
    "2a02:26f7::/32",
    "146.75.128.0/17",
    "140.248.0.0/18",
    "2a04:4e41::/32",
    /* The edges of Cloudflare's CDN (cloudflare.com/ips), as they stand in the log of an inbound behind it
       that is not told the client's own address. */
    "103.21.244.0/22",
    "103.22.200.0/22",
    "103.31.4.0/22",
    "104.16.0.0/13",
    "104.24.0.0/14",
    "108.162.192.0/18",
    "131.0.72.0/22",
    "141.101.64.0/18",
    "162.158.0.0/15",
    "172.64.0.0/13",
    "173.245.48.0/20",
    "188.114.96.0/20",
    "190.93.240.0/20",
    "197.234.240.0/22",
    "198.41.128.0/17",
    "2400:cb00::/32",
    "2405:8100::/32",
    "2405:b500::/32",
    "2606:4700::/32",
    "2803:f800::/32",
    "2a06:98c0::/29",
    "2c0f:f248::/32",
};

int content_networks_builtin(struct addrset *set, struct err *err)
{
    size_t i;
    int rc = ERR_OK;

    for (i = 0; !rc && i < ARRAY_LEN(builtin); i++)
        rc = addrset_add(set, slice_of(builtin[i]), err);
    return rc;
}

static int add_lines(struct addrset *set, const char *path, struct slice text, struct err *err)
{
    struct err why = {0};
    int line = 0, rc;

    while (text.p) {
        struct slice rest = slice_cut(&text, '\n'), entry = slice_trim(slice_cut(&rest, '#'));

        line++;
        rc = entry.n ? addrset_add(set, entry, &why) : ERR_OK;
        if (rc)
            return err_set(err, rc, "%s, line %d: %s", path, line, why.text);
    }
    return ERR_OK;
}

int content_networks_file(struct addrset *set, const char *path, struct err *err)
{
    FILE *f = fopen(path, "re");
    char part[4096];
    struct buf text;
    size_t n;
    int rc = ERR_OK;

    if (!f)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    buf_init(&text, FILE_MAX);
    while (!rc && (n = fread(part, 1, sizeof(part), f)) > 0)
        rc = buf_add_slice(&text, (struct slice){part, n});
    if (rc)
        err_set(err, rc, "%s: %s", path, rc == ERR_TOO_BIG ? "larger than 1 MiB" : err_name(rc));
    else if (ferror(f))
        rc = err_set(err, ERR_IO, "%s: cannot be read", path);
    if (fclose(f) && !rc)
        rc = err_set(err, ERR_IO, "%s: cannot be read", path);
    if (!rc)
        rc = add_lines(set, path, buf_slice(&text), err);
    buf_release(&text);
    return rc;
}
