/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geodb.h"

#include <stdio.h>
#include <stdlib.h>
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

void geodb_places(struct geodb_places *p, const struct settings *s)
{
    int kind;

    for (kind = 0; kind < GEOFILE_KINDS; kind++)
        snprintf(p->set[kind], PATH_MAX, "%s",
                 settings_text(s, setting_of((enum geofile_kind)kind)));
    snprintf(p->data_dir, PATH_MAX, "%s", settings_text(s, SET_DATA_DIR));
}

bool geodb_own_path(const struct geodb_places *p, enum geofile_kind kind, char *out)
{
    int n = snprintf(out, PATH_MAX, "%s/geo/%s.mmdb", p->data_dir, geofile_kind_name(kind));

    return n > 0 && n < PATH_MAX;
}

bool geodb_part_path(const struct geodb_places *p, enum geofile_kind kind, char *out)
{
    int n = snprintf(out, PATH_MAX, "%s/geo/%s.part", p->data_dir, geofile_kind_name(kind));

    return n > 0 && n < PATH_MAX;
}

bool geodb_path(const struct geodb_places *p, enum geofile_kind kind, char *out)
{
    static const char *const shipped[] = {"/../share/pg-limiter/geo", "/geo", "/../geo"};
    char folder[PATH_MAX];
    size_t i;

    if (p->set[kind][0]) {
        snprintf(out, PATH_MAX, "%s", p->set[kind]);
        return true;
    }
    if (is_there(out, p->data_dir, "/geo", kind))
        return true;
    if (!program_folder(folder))
        return false;
    for (i = 0; i < ARRAY_LEN(shipped); i++)
        if (is_there(out, folder, shipped[i], kind))
            return true;
    return false;
}

int geodb_open(struct geodb *db, const struct settings *s, bool only_named, struct err *err)
{
    struct geodb_places *places = malloc(sizeof(*places));
    char path[PATH_MAX];
    int kind, rc = ERR_OK;

    *db = (struct geodb){0};
    if (!places)
        return err_set(err, ERR_NOMEM, "out of memory");
    geodb_places(places, s);
    for (kind = 0; !rc && kind < GEOFILE_KINDS; kind++)
        if ((!only_named || places->set[kind][0]) &&
            geodb_path(places, (enum geofile_kind)kind, path))
            rc = geofile_open(path, (enum geofile_kind)kind, &db->file[kind], err);
    free(places);
    if (rc)
        geodb_close(db);
    return rc;
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
