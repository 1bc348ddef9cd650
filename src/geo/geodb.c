/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geodb.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/banned.h"

static enum setting setting_of(enum geofile_kind kind)
{
    return kind == GEOFILE_COUNTRY ? SET_GEOIP_COUNTRY_DB : SET_GEOIP_ASN_DB;
}

/* The folder the program stands in. */
static bool program_folder(char *out)
{
    ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);
    char *slash;

    if (n <= 0)
        return false;
    out[n] = '\0';
    slash = strrchr(out, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

static bool is_there(char *out, const char *folder, const char *below, enum geofile_kind kind)
{
    int n = snprintf(out, PATH_MAX, "%s%s/%s.mmdb", folder, below, geofile_kind_name(kind));

    return n > 0 && n < PATH_MAX && access(out, F_OK) == 0;
}

bool geodb_own_path(const struct settings *s, enum geofile_kind kind, char *out)
{
    int n = snprintf(out, PATH_MAX, "%s/geo/%s.mmdb", settings_text(s, SET_DATA_DIR),
                     geofile_kind_name(kind));

    return n > 0 && n < PATH_MAX;
}

bool geodb_path(const struct settings *s, enum geofile_kind kind, char *out)
{
    static const char *const shipped[] = {"/../share/pg-limiter/geo", "/geo", "/../geo"};
    char folder[PATH_MAX];
    size_t i;

    if (settings_has(s, setting_of(kind))) {
        snprintf(out, PATH_MAX, "%s", settings_text(s, setting_of(kind)));
        return true;
    }
    if (is_there(out, settings_text(s, SET_DATA_DIR), "/geo", kind))
        return true;
    if (!program_folder(folder))
        return false;
    for (i = 0; i < ARRAY_LEN(shipped); i++)
        if (is_there(out, folder, shipped[i], kind))
            return true;
    return false;
}

int geodb_open(struct geodb *db, const struct settings *s, struct err *err)
{
    char path[PATH_MAX];
    int kind, rc;

    *db = (struct geodb){0};
    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        if (!geodb_path(s, (enum geofile_kind)kind, path))
            continue;
        rc = geofile_open(path, (enum geofile_kind)kind, &db->file[kind], err);
        if (rc) {
            geodb_close(db);
            return rc;
        }
    }
    return ERR_OK;
}

void geodb_close(struct geodb *db)
{
    int kind;

    for (kind = 0; kind < GEOFILE_KINDS; kind++)
        geofile_close(db->file[kind]);
    *db = (struct geodb){0};
}

void geodb_geo(void *arg, struct addr addr, struct geo *ret)
{
    const struct geodb *db = arg;

    *ret = (struct geo){0};
    if (db->file[GEOFILE_COUNTRY])
        geofile_country(db->file[GEOFILE_COUNTRY], addr, ret->country);
    if (db->file[GEOFILE_ASN])
        ret->asn = geofile_asn(db->file[GEOFILE_ASN], addr, NULL);
}
