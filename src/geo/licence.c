/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/licence.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/banned.h"

static const struct {
    const char *type; /* how database_type begins, in any case */
    const char *licence, *source;
} makers[] = {
    {"GeoLite2", "GeoLite2 End User License Agreement", "MaxMind"},
    {"GeoIP2", "MaxMind End User License Agreement", "MaxMind"},
    {"DBIP", "CC BY 4.0 if it is a Lite file", "DB-IP"},
    {"ipinfo", "CC BY-SA 4.0 if it is a Lite file", "IPinfo"},
    {"ip-location-db ASN", "CC BY 4.0 (RouteViews, DB-IP, NRO)", "ip-location-db"},
};

void licence_guess(struct geofile_info *info)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(makers); i++) {
        if (strncasecmp(info->type, makers[i].type, strlen(makers[i].type)) != 0)
            continue;
        snprintf(info->licence, sizeof(info->licence), "%s", makers[i].licence);
        snprintf(info->source, sizeof(info->source), "%s", makers[i].source);
        return;
    }
}

bool licence_path(const char *path, char *out, size_t cap)
{
    size_t n = strlen(path);
    int len;

    if (n > 5 && strcmp(path + n - 5, ".mmdb") == 0)
        n -= 5;
    len = snprintf(out, cap, "%.*s.txt", (int)n, path);
    return len > 0 && (size_t)len < cap;
}

void licence_read(const char *path, struct geofile_info *info)
{
    char name[PATH_MAX], line[GEOFILE_TEXT + 32];
    FILE *f;

    if (!licence_path(path, name, sizeof(name)))
        return;
    f = fopen(name, "re");
    if (!f)
        return;
    while (fgets(line, sizeof(line), f)) {
        struct slice value = slice_of(line), key = slice_cut(&value, ':');

        value = slice_trim(value);
        if (slice_eq(key, SLICE("licence")))
            snprintf(info->licence, sizeof(info->licence), "%.*s", (int)value.n,
                     value.n ? value.p : "");
        else if (slice_eq(key, SLICE("source")))
            snprintf(info->source, sizeof(info->source), "%.*s", (int)value.n,
                     value.n ? value.p : "");
    }
    fclose(f);
}

int licence_write(const char *path, const char *licence, const char *source)
{
    char name[PATH_MAX];
    FILE *f;
    bool bad;

    if (!licence_path(path, name, sizeof(name)))
        return ERR_TOO_BIG;
    f = fopen(name, "we");
    if (!f)
        return ERR_IO;
    fprintf(f, "licence: %s\nsource: %s\n", licence, source);
    bad = ferror(f);
    bad |= fclose(f) != 0;
    return bad ? (errno == ENOSPC ? ERR_FULL : ERR_IO) : ERR_OK;
}
