/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/geofetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "geo/fetched.h"
#include "geo/geodb.h"
#include "net/http.h"
#include "service/jout.h"
#include "base/banned.h"

enum { TRIES = 6, REDIRECTS = 5, URL_MAX = 2048 };
static const int64_t open_us = 30 * STAMP_SECOND, idle_us = 30 * STAMP_SECOND;
static const int64_t first_pause_us = STAMP_SECOND;

enum state { IDLE, WAITING, DOWNLOADING, CHECKING, DONE, FAILED };
static const char *const state_names[] = {"idle",     "waiting", "downloading",
                                          "checking", "done",    "failed"};

struct item {
    enum state state;
    char url[URL_MAX]; /* without the fragment */
    char now[URL_MAX]; /* after redirects */
    char sha256[65];   /* wanted; "" = not known */
    char path[PATH_MAX], part[PATH_MAX];
    char validator[128];
    int64_t bytes, total, resumed_at, ended_us;
    int tries, redirects;
    bool verified; /* its sha256 was known and right */
    char error[ERR_TEXT_MAX];
};

struct geofetch {
    struct loop *loop;
    struct worker *worker;
    void (*done)(void *arg);
    void *arg;
    struct http *http;
    struct http_call *call;
    struct loop_timer *timer;
    struct fetched *check; /* in the worker */
    struct item at[GEOFILE_KINDS];
    int kind; /* the one under way; GEOFILE_KINDS: none */
    int fd;
    int write_errno;
};

static void download(struct geofetch *f);
static void next_item(struct geofetch *f);

static struct item *now(struct geofetch *f)
{
    return &f->at[f->kind];
}

static void close_part(struct geofetch *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static void failed(struct geofetch *f, const char *text)
{
    struct item *i = now(f);

    close_part(f);
    i->state = FAILED;
    i->ended_us = loop_wall_us(f->loop);
    snprintf(i->error, sizeof(i->error), "%s", text);
    log_error("geo", "update of the %s database: %s; the old one stays",
              geofile_kind_name((enum geofile_kind)f->kind), i->error);
    next_item(f);
}

/* Tries again after a pause that doubles, going on where it broke. */
static void broke(struct geofetch *f, const char *text)
{
    struct item *i = now(f);

    close_part(f);
    if (++i->tries >= TRIES) {
        failed(f, text);
        return;
    }
    snprintf(i->error, sizeof(i->error), "%s", text);
    i->state = WAITING;
    loop_timer_set_real(f->timer, first_pause_us << (i->tries - 1));
}

static void on_timer(void *arg)
{
    struct geofetch *f = arg;

    if (f->kind < GEOFILE_KINDS)
        download(f);
}

/* ---- the check ---- */

static void checked(void *arg, int rc, const struct err *err, bool hashed)
{
    struct geofetch *f = arg;
    struct item *i = now(f);

    f->check = NULL;
    if (rc) {
        fetched_forget(i->part);
        failed(f, err->text);
        return;
    }
    i->state = DONE;
    i->error[0] = '\0';
    i->verified = hashed;
    i->ended_us = loop_wall_us(f->loop);
    log_info("geo", "update: %s is there, %lld bytes%s", i->path, (long long)i->bytes,
             hashed ? ", its sha256 is right" : "");
    next_item(f);
}

static void check(struct geofetch *f)
{
    struct item *i = now(f);
    struct err err;

    i->state = CHECKING;
    if (fetched_check(f->worker, (enum geofile_kind)f->kind, i->part, i->path, i->sha256, i->url,
                      checked, f, &f->check, &err))
        failed(f, err.text);
}

static void on_hash(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct geofetch *f = arg;

    (void)err;
    f->call = NULL;
    if (!rc && answer->status == 200)
        fetched_take_sha256(buf_slice(answer->body), now(f)->sha256);
    check(f);
}

/* A file of its sha256 beside it is common, and a bonus: without one the other checks must do. */
static void ask_hash(struct geofetch *f)
{
    struct item *i = now(f);
    struct http_request req = {.method = "GET", .deadline_us = open_us, .body_max = 4096};
    char url[URL_MAX + 16];

    snprintf(url, sizeof(url), "%s.sha256", i->now);
    req.url = url;
    if (i->sha256[0] || strchr(i->now, '?') || http_start(f->http, &req, on_hash, f, &f->call))
        check(f);
}

/* ---- the download ---- */

static void on_open(void *arg, const struct http_answer *answer)
{
    struct geofetch *f = arg;
    struct item *i = now(f);

    if (answer->status == 206 && answer->range_from == i->bytes) {
        i->resumed_at = i->bytes;
    } else if (answer->status == 206 || ftruncate(f->fd, 0) != 0 ||
               lseek(f->fd, 0, SEEK_SET) != 0) {
        f->write_errno = answer->status == 206 ? EPROTO : errno;
        return;
    } else {
        i->bytes = i->resumed_at = 0;
    }
    i->total = answer->length >= 0 ? i->bytes + answer->length : -1;
    snprintf(i->validator, sizeof(i->validator), "%s", answer->validator);
    fetched_remember(i->part, i->url, i->validator);
}

/* On the loop: into the page cache, 16 KB at a time. */
static void on_data(void *arg, struct slice bytes)
{
    struct geofetch *f = arg;
    struct item *i = now(f);

    if (i->bytes + (int64_t)bytes.n > LIMIT_GEO_FILE)
        f->write_errno = EFBIG;
    while (bytes.n && !f->write_errno) {
        ssize_t n = write(f->fd, bytes.p, bytes.n);

        if (n < 0 && errno != EINTR)
            f->write_errno = errno;
        if (n <= 0)
            continue;
        i->bytes += n;
        bytes = slice_skip(bytes, (size_t)n);
    }
    if (!f->write_errno)
        return;
    http_cancel(f->call);
    f->call = NULL;
    loop_timer_set_real(f->timer, 0);
}

static void redirected(struct geofetch *f, const struct http_answer *a)
{
    struct item *i = now(f);

    close_part(f);
    if (++i->redirects > REDIRECTS || strncmp(a->location, "http", 4) != 0 ||
        strlen(a->location) + 1 >= sizeof(a->location) ||
        (strncmp(i->now, "https:", 6) == 0 && strncmp(a->location, "https:", 6) != 0)) {
        failed(f, "the server sends us elsewhere, where we do not go");
        return;
    }
    snprintf(i->now, sizeof(i->now), "%s", a->location);
    download(f);
}

static void on_end(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct geofetch *f = arg;
    struct item *i = now(f);
    char text[64];

    f->call = NULL;
    if (f->write_errno) {
        download(f); /* which tells it */
    } else if (rc) {
        broke(f, err->text);
    } else if (!answer && i->total >= 0 && i->bytes < i->total) {
        broke(f, "the connection broke");
    } else if (!answer) {
        close_part(f);
        ask_hash(f);
    } else if (answer->status >= 300 && answer->status < 400 && answer->location[0]) {
        redirected(f, answer);
    } else if (answer->status == 416 && i->bytes) {
        fetched_forget(i->part);
        broke(f, "the server's file is another one than that begun");
    } else {
        snprintf(text, sizeof(text), "the server answered with status %d", answer->status);
        if (answer->status == 429 || answer->status >= 500)
            broke(f, text);
        else
            failed(f, text);
    }
}

static void download(struct geofetch *f)
{
    struct item *i = now(f);
    struct http_stream_opts so = {.url = i->now,
                                  .open_us = open_us,
                                  .idle_us = idle_us,
                                  .on_open = on_open,
                                  .on_data = on_data,
                                  .on_end = on_end};
    struct http_header headers[2];
    char range[64];
    int rc;

    if (f->write_errno) {
        const char *why = f->write_errno == EPROTO
                              ? "the server sends another part than was asked for"
                          : f->write_errno == EFBIG ? "the file is larger than may be"
                                                    : strerror(f->write_errno);

        f->write_errno = 0;
        fetched_forget(i->part);
        failed(f, why);
        return;
    }
    i->state = DOWNLOADING;
    f->fd = fetched_open(i->part, i->url, &i->bytes, i->validator, sizeof(i->validator));
    if (f->fd < 0) {
        failed(f, strerror(errno));
        return;
    }
    if (i->bytes) {
        snprintf(range, sizeof(range), "bytes=%lld-", (long long)i->bytes);
        headers[so.n_headers++] = (struct http_header){"Range", range};
        headers[so.n_headers++] = (struct http_header){"If-Range", i->validator};
    }
    so.headers = headers;
    rc = http_stream(f->http, &so, f, &f->call);
    if (rc)
        failed(f, rc == ERR_INVALID ? "the URL is not valid" : err_name(rc));
}

static void next_item(struct geofetch *f)
{
    bool any = false;
    int kind;

    close_part(f);
    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        if (f->at[kind].state == WAITING) {
            f->kind = kind;
            loop_timer_set_real(f->timer, 0);
            return;
        }
        any |= f->at[kind].state == DONE;
    }
    f->kind = GEOFILE_KINDS;
    if (any)
        f->done(f->arg);
}

/* ---- ---- */

struct geofetch *geofetch_new(struct loop *loop, struct worker *worker, void (*done)(void *arg),
                              void *arg)
{
    struct geofetch *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->loop = loop;
    f->worker = worker;
    f->done = done;
    f->arg = arg;
    f->kind = GEOFILE_KINDS;
    f->fd = -1;
    if (loop_timer_new(loop, on_timer, f, &f->timer)) {
        free(f);
        return NULL;
    }
    return f;
}

void geofetch_free(struct geofetch *f)
{
    if (!f)
        return;
    if (f->call)
        http_cancel(f->call);
    fetched_drop(f->check);
    http_free(f->http);
    loop_timer_free(f->timer);
    close_part(f);
    free(f);
}

static int prepare(struct geofetch *f, enum geofile_kind kind, const struct geodb_places *places,
                   const char *url, struct err *err)
{
    struct item *i = &f->at[kind];
    struct slice rest = slice_of(url), address = slice_cut(&rest, '#');

    *i = (struct item){.total = -1};
    if (address.n == 0)
        return ERR_OK;
    if (address.n >= URL_MAX || !geodb_own_path(places, kind, i->path) ||
        !geodb_part_path(places, kind, i->part))
        return err_set(err, ERR_TOO_BIG, "the URL or DATA_DIR is too long");
    if (rest.p && (!slice_starts(rest, SLICE("sha256=")) ||
                   !fetched_take_sha256(slice_skip(rest, 7), i->sha256)))
        return err_set(err, ERR_INVALID,
                       "geoip_%s_url: what follows # must be sha256= and 64 digits",
                       geofile_kind_name(kind));
    snprintf(i->url, sizeof(i->url), "%.*s", (int)address.n, address.p);
    memcpy(i->now, i->url, sizeof(i->now));
    i->state = WAITING;
    return ERR_OK;
}

int geofetch_start(struct geofetch *f, const struct settings *s, struct err *err)
{
    static const struct http_opts opts = {.agent = "pg-limiter"};
    struct geodb_places *places;
    char folder[PATH_MAX];
    int rc;

    if (geofetch_runs(f))
        return err_set(err, ERR_BUSY, "an update is under way");
    if (!settings_has(s, SET_GEOIP_COUNTRY_URL) && !settings_has(s, SET_GEOIP_ASN_URL))
        return err_set(err, ERR_INVALID, "set geoip_country_url or geoip_asn_url first");
    if (!f->http && http_new(f->loop, f->worker, &opts, &f->http, err))
        return err->code;
    places = calloc(1, sizeof(*places));
    if (!places)
        return err_set(err, ERR_NOMEM, "out of memory");
    geodb_places(places, s);
    rc = prepare(f, GEOFILE_COUNTRY, places, settings_text(s, SET_GEOIP_COUNTRY_URL), err);
    if (!rc)
        rc = prepare(f, GEOFILE_ASN, places, settings_text(s, SET_GEOIP_ASN_URL), err);
    snprintf(folder, sizeof(folder), "%.4000s/geo", places->data_dir);
    free(places);
    if (!rc && mkdir(folder, 0755) != 0 && errno != EEXIST)
        rc = err_set(err, ERR_IO, "%s: %s", folder, strerror(errno));
    if (!rc)
        next_item(f);
    else
        f->at[0].state = f->at[1].state = IDLE;
    return rc;
}

bool geofetch_runs(const struct geofetch *f)
{
    return f->kind < GEOFILE_KINDS;
}

void geofetch_json(const struct geofetch *f, struct buf *out)
{
    int kind;

    jout_open(out, "update", '{');
    jout_bool(out, "running", geofetch_runs(f));
    for (kind = 0; kind < GEOFILE_KINDS; kind++) {
        const struct item *i = &f->at[kind];

        if (i->state == IDLE)
            continue;
        jout_open(out, geofile_kind_name((enum geofile_kind)kind), '{');
        jout_text(out, "state", state_names[i->state]);
        jout_int(out, "bytes", i->bytes);
        if (i->total >= 0)
            jout_int(out, "total", i->total);
        else
            jout_text(out, "total", NULL);
        jout_int(out, "resumed_at", i->resumed_at);
        jout_int(out, "attempts", i->tries + 1);
        jout_bool(out, "sha256", i->verified);
        jout_text(out, "error", i->error[0] ? i->error : NULL);
        jout_time(out, "ended_at", i->ended_us ? i->ended_us : STAMP_NONE);
        jout_close(out, '}');
    }
    jout_close(out, '}');
}
