/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geoview.h"

#include <stdlib.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

void geoview_open(struct buf *out)
{
    jout_open(out, NULL, '{');
}

void geoview_close(struct buf *out)
{
    jout_close(out, '}');
}

void geoview_file(struct buf *out, enum geofile_kind kind, const struct geofile *file,
                  const char *path, const char *problem, int64_t now_us)
{
    const struct geofile_info *i = file ? geofile_info(file) : NULL;

    jout_open(out, geofile_kind_name(kind), '{');
    jout_bool(out, "in_effect", i != NULL);
    jout_text(out, "path", path[0] ? path : NULL);
    if (i) {
        jout_text(out, "type", i->type);
        jout_text(out, "licence", i->licence[0] ? i->licence : NULL);
        jout_text(out, "source", i->source[0] ? i->source : NULL);
        jout_time(out, "built_at", i->built_us ? i->built_us : STAMP_NONE);
        jout_int(out, "age_days", (now_us - i->built_us) / (86400 * STAMP_SECOND));
        jout_int(out, "size", i->size);
        jout_int(out, "networks", i->networks);
        jout_int(out, "records", i->records);
    }
    jout_text(out, "problem", problem);
    jout_close(out, '}');
}

void geoview_filter(struct buf *out, const struct settings *s, bool has_country)
{
    bool set = settings_has(s, SET_COUNTRY_CODE);

    jout_open(out, "country_filter", '{');
    jout_text(out, "countries", set ? settings_text(s, SET_COUNTRY_CODE) : NULL);
    jout_bool(out, "in_effect", set && has_country);
    jout_text(out, "note", set && !has_country ? "without effect: there is no country data" : NULL);
    jout_close(out, '}');
}

void geoview_address(struct buf *out, struct addr addr, const struct geo *geo, struct slice isp)
{
    char text[ADDR_TEXT];

    jout_open(out, NULL, '{');
    jout_text(out, "address", addr_text(addr, text));
    jout_text(out, "country", geo->country[0] ? geo->country : NULL);
    if (geo->asn)
        jout_int(out, "asn", geo->asn);
    else
        jout_text(out, "asn", NULL);
    jout_str(out, "isp", isp.n ? isp : (struct slice){NULL, 0});
    jout_close(out, '}');
}

void geoview_status(struct buf *out, const struct settings *s, int64_t now_us)
{
    struct geodb_places *places = malloc(sizeof(*places));
    bool has_country = false;
    char path[PATH_MAX];
    int kind;

    geoview_open(out);
    for (kind = 0; places && kind < GEOFILE_KINDS; kind++) {
        struct geofile *file = NULL;
        struct err err = {0};

        geodb_places(places, s);
        if (!geodb_path(places, (enum geofile_kind)kind, path))
            path[0] = '\0';
        else if (geofile_open(path, (enum geofile_kind)kind, &file, &err))
            file = NULL;
        geoview_file(out, (enum geofile_kind)kind, file, path, err.text[0] ? err.text : NULL,
                     now_us);
        has_country |= file && kind == GEOFILE_COUNTRY;
        geofile_close(file);
    }
    free(places);
    geoview_filter(out, s, has_country);
    geoview_close(out);
}
