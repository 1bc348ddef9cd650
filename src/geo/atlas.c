/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/atlas.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/stamp.h"
#include "geo/geoask.h"
#include "geo/geoview.h"
#include "base/banned.h"

/* By what a file is told from the one that stood there before. */
struct stamp_of {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
};

/* One database as it is in force. */
struct place {
    struct geofile *file; /* NULL: none */
    char path[PATH_MAX];
    struct stamp_of stamp; /* of the last file looked at, good or not */
    int64_t loaded_us;
    char problem[ERR_TEXT_MAX]; /* why a newer one is not in force; "" = none */
};

struct check_job;

struct atlas {
    struct atlas_opts o;
    struct place at[GEOFILE_KINDS];
    struct geoask *ask;
    struct geofetch *fetch;
    struct check_job *checking;
    bool check_again;
};

/* ---- in the worker ---- */

struct looked {
    bool wanted; /* there is, or must be, a file */
    bool same;
    char path[PATH_MAX];
    struct stamp_of stamp;
    struct geofile *file;
    int rc;
    struct err err;
};

struct check_job {
    struct atlas *a; /* NULL: nobody waits any more */
    struct geodb_places places;
    struct looked at[GEOFILE_KINDS]; /* path and stamp: first those in force, then those found */
};

static void stamp_now(const char *path, struct stamp_of *ret)
{
    struct stat st;

    *ret = (struct stamp_of){0};
    if (stat(path, &st) == 0)
        *ret = (struct stamp_of){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
}

static bool same_stamp(const struct stamp_of *a, const struct stamp_of *b)
{
    return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
           a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

static void look_at(void *arg)
{
    struct check_job *j = arg;
    struct stamp_of stamp;
    char path[PATH_MAX];
    int kind;

    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        struct looked *l = &j->at[kind];

        l->wanted = geodb_path(&j->places, (enum geofile_kind)kind, path);
        if (!l->wanted)
            continue;
        stamp_now(path, &stamp);
        l->same = strcmp(path, l->path) == 0 && same_stamp(&stamp, &l->stamp);
        if (l->same)
            continue;
        memcpy(l->path, path, sizeof(path));
        l->stamp = stamp;
        l->rc = geofile_open(path, (enum geofile_kind)kind, &l->file, &l->err);
    }
}

/* ---- on the loop ---- */

static void tell(const struct place *p, int64_t now_us)
{
    const struct geofile_info *i = geofile_info(p->file);
    char when[STAMP_TEXT];

    log_info("geo", "%s: %s of %.10s (%lld days old), %u networks; licence: %s", p->path,
             i->type[0] ? i->type : "of no stated type", stamp_iso(i->built_us, when),
             (long long)((now_us - i->built_us) / (86400 * STAMP_SECOND)), i->networks,
             i->licence[0] ? i->licence : "not stated");
}

static void tell_problem(struct place *p, enum geofile_kind kind, const char *text)
{
    if (strcmp(p->problem, text) == 0)
        return;
    snprintf(p->problem, sizeof(p->problem), "%s", text);
    log_warning("geo", "%s; %s", text,
                p->file                   ? "the one read before stays in force"
                : kind == GEOFILE_COUNTRY ? "countries are unknown"
                                          : "providers are unknown");
}

/* Puts in force what was found; true when that is another database. */
static bool take(struct atlas *a, enum geofile_kind kind, struct looked *l)
{
    struct place *p = &a->at[kind];

    if (!l->wanted) {
        if (p->file)
            tell_problem(p, kind, "the file is gone");
        return false;
    }
    if (l->same)
        return false;
    memcpy(p->path, l->path, sizeof(p->path));
    p->stamp = l->stamp;
    if (l->rc) {
        /* Still being written: looked at again next time, whatever its stamp says then. */
        if (l->rc == ERR_BUSY || l->rc == ERR_NOMEM)
            p->stamp = (struct stamp_of){0};
        tell_problem(p, kind, l->err.text);
        return false;
    }
    geofile_close(p->file);
    p->file = l->file;
    l->file = NULL;
    p->problem[0] = '\0';
    p->loaded_us = loop_wall_us(a->o.loop);
    tell(p, p->loaded_us);
    return true;
}

static struct check_job *job_new(struct atlas *a)
{
    struct check_job *j = calloc(1, sizeof(*j));
    int kind;

    if (!j)
        return NULL;
    j->a = a;
    geodb_places(&j->places, a->o.settings);
    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        memcpy(j->at[kind].path, a->at[kind].path, PATH_MAX);
        j->at[kind].stamp = a->at[kind].stamp;
    }
    return j;
}

static void job_free(struct check_job *j)
{
    int kind;

    for (kind = 0; kind < GEOFILE_KINDS; kind++)
        geofile_close(j->at[kind].file);
    free(j);
}

static bool take_all(struct atlas *a, struct check_job *j)
{
    bool changed = take(a, GEOFILE_COUNTRY, &j->at[GEOFILE_COUNTRY]);

    return take(a, GEOFILE_ASN, &j->at[GEOFILE_ASN]) || changed;
}

static void looked_at(void *arg, int rc)
{
    struct check_job *j = arg;
    struct atlas *a = j->a;
    bool changed = false, again = false;

    if (a) {
        a->checking = NULL;
        again = a->check_again;
        a->check_again = false;
        if (!rc)
            changed = take_all(a, j);
    }
    job_free(j);
    if (changed)
        a->o.changed(a->o.arg);
    if (again)
        atlas_check(a, false);
}

void atlas_check(struct atlas *a, bool again)
{
    struct check_job *j;
    int kind;

    for (kind = 0; again && kind < GEOFILE_KINDS; kind++) {
        a->at[kind].problem[0] = '\0';
        if (!a->at[kind].file)
            a->at[kind].stamp = (struct stamp_of){0};
    }
    if (a->checking) {
        a->check_again = true;
        return;
    }
    j = job_new(a);
    if (!j)
        return;
    if (worker_submit(a->o.worker, look_at, looked_at, j))
        job_free(j);
    else
        a->checking = j;
}

/* ---- ---- */

static void fetched(void *arg)
{
    atlas_check(arg, false);
}

struct atlas *atlas_new(const struct atlas_opts *opts)
{
    struct atlas *a = calloc(1, sizeof(*a));
    struct check_job *j;

    if (!a)
        return NULL;
    a->o = *opts;
    a->ask = geoask_new(opts);
    a->fetch = geofetch_new(opts->loop, opts->worker, fetched, a);
    j = a->ask && a->fetch ? job_new(a) : NULL;
    if (!j) {
        atlas_free(a);
        return NULL;
    }
    /* Here and now: the first verdict must not be passed without what the data would have said. */
    look_at(j);
    (void)take_all(a, j);
    job_free(j);
    if (!a->at[GEOFILE_COUNTRY].file && !a->at[GEOFILE_COUNTRY].problem[0])
        log_info("geo", "no country database: countries are unknown");
    if (!a->at[GEOFILE_ASN].file && !a->at[GEOFILE_ASN].problem[0])
        log_info("geo", "no AS database: providers are unknown");
    geoask_configure(a->ask);
    return a;
}

void atlas_free(struct atlas *a)
{
    int kind;

    if (!a)
        return;
    if (a->checking)
        a->checking->a = NULL;
    geofetch_free(a->fetch);
    geoask_free(a->ask);
    for (kind = 0; kind < GEOFILE_KINDS; kind++)
        geofile_close(a->at[kind].file);
    free(a);
}

void atlas_configure(struct atlas *a)
{
    geoask_configure(a->ask);
}

void atlas_look(struct atlas *a, struct addr addr, struct geo *ret, struct slice *ret_isp)
{
    struct geo told;
    struct slice isp = {"", 0};

    *ret = (struct geo){0};
    *ret_isp = isp;
    if (a->at[GEOFILE_COUNTRY].file)
        geofile_country(a->at[GEOFILE_COUNTRY].file, addr, ret->country);
    if (a->at[GEOFILE_ASN].file)
        ret->asn = geofile_asn(a->at[GEOFILE_ASN].file, addr, ret_isp);
    if ((ret->country[0] && ret->asn) || !geoask_find(a->ask, addr, &told, &isp))
        return;
    if (!ret->country[0])
        memcpy(ret->country, told.country, sizeof(ret->country));
    if (!ret->asn)
        ret->asn = told.asn;
    if (!ret_isp->n)
        *ret_isp = isp;
}

void atlas_geo(void *atlas, struct addr addr, struct geo *ret)
{
    struct slice isp;

    atlas_look(atlas, addr, ret, &isp);
}

bool atlas_has_country(const struct atlas *a)
{
    return a->at[GEOFILE_COUNTRY].file || geoask_is_on(a->ask);
}

bool atlas_has_asn(const struct atlas *a)
{
    return a->at[GEOFILE_ASN].file || geoask_is_on(a->ask);
}

int atlas_update(struct atlas *a, struct err *err)
{
    return geofetch_start(a->fetch, a->o.settings, err);
}

void atlas_json(struct atlas *a, struct buf *out)
{
    const struct settings *s = a->o.settings;
    int kind;

    geoview_open(out);
    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        const struct place *p = &a->at[kind];

        geoview_file(out, (enum geofile_kind)kind, p->file, p->path,
                     p->problem[0] ? p->problem : NULL, loop_wall_us(a->o.loop));
    }
    geoview_filter(out, s, atlas_has_country(a));
    geoask_json(a->ask, out);
    geofetch_json(a->fetch, out);
    geoview_close(out);
}
