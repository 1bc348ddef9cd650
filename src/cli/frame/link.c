/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/link.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "cli/here/become.h"
#include "cli/here/doctor_here.h"
#include "cli/here/everyone_here.h"
#include "geo/geoview.h"
#include "service/settings/env.h"
#include "service/settings/settings_store.h"
#include "store/db.h"
#include "store/dirlock.h"
#include "base/banned.h"

/* Enabling thousands of users takes the panel minutes. */
enum { CALL_SECONDS = 900, CONNECT_SECONDS = 5, REACH_TRIES = 200 };

struct link {
    char socket[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    CURL *curl;  /* NULL without a daemon */
    int seconds; /* the longest wait for an answer of the daemon's */
    struct db *db;
    struct settings settings;
    struct env_report env;
    struct op_port port;
    int lock_fd;       /* DATA_DIR is ours, -1 = it is not */
    struct err db_err; /* of a database that could not be opened, for the doctor */
};

/* ---- without a daemon ---- */

static const struct settings *get_settings(void *app)
{
    return &((struct link *)app)->settings;
}

static int64_t get_now(void *app)
{
    struct timeval tv;

    (void)app;
    gettimeofday(&tv, NULL);
    return (int64_t)tv.tv_sec * STAMP_SECOND + tv.tv_usec;
}

static const char *get_env_file(void *app)
{
    return ((struct link *)app)->env.file;
}

static void ask_panel(void *app, struct doctor_facts *facts, void (*fn)(void *arg), void *arg)
{
    doctor_here(get_settings(app), facts);
    fn(arg);
}

static int submit_here(void *store, enum owner_kind kind, owner_fn fn, owner_done_fn done,
                       void *arg)
{
    struct link *l = store;

    if (l->db)
        return owner_submit_here(l->db, kind, fn, done, arg);
    done(arg, l->db_err.code, &l->db_err);
    return ERR_OK;
}

/* The data that a daemon would use. */
static void get_geo(void *app, struct buf *out)
{
    geoview_status(out, &((struct link *)app)->settings, get_now(app));
}

static void get_geo_address(void *app, struct addr addr, struct buf *out)
{
    struct slice isp = {"", 0};
    struct geo geo = {0};
    struct geodb db;
    struct err err;

    if (geodb_open(&db, &((struct link *)app)->settings, false, &err))
        db = (struct geodb){0};
    geodb_geo(&db, addr, &geo);
    if (db.file[GEOFILE_ASN])
        geo.asn = geofile_asn(db.file[GEOFILE_ASN], addr, &isp);
    geoview_address(out, addr, &geo, isp);
    geodb_close(&db);
}

static const char *get_note(void *app, const struct settings *s, enum setting id)
{
    struct geodb_places places;
    char path[PATH_MAX];

    (void)app;
    if (id != SET_COUNTRY_CODE || !settings_has(s, id))
        return NULL;
    geodb_places(&places, s);
    return geodb_path(&places, GEOFILE_COUNTRY, path) && access(path, R_OK) == 0
               ? NULL
               : "without effect: there is no country data, so every address counts";
}

static int open_database(struct link *l, const char *dir, struct err *err)
{
    struct buf warnings;
    struct stat st;
    int rc;

    if (stat(dir, &st) != 0)
        return err_set(
            err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO,
            "DATA_DIR %s: %s (no daemon has run here yet? give its .env with --env FILE)", dir,
            strerror(errno));
    rc = db_open(dir, &l->db, err);
    if (rc)
        return rc;
    buf_init(&warnings, LIMIT_ENV_FILE);
    rc = settings_load(&l->settings, l->db, &warnings, err);
    fputs(buf_str(&warnings), stderr);
    buf_release(&warnings);
    return rc;
}

static void ask_everyone(void *app,
                         void (*page)(void *arg, const struct panel_user *users, size_t n),
                         op_check_fn fn, void *arg)
{
    everyone_here(get_settings(app), page, fn, arg);
}

static void make_port(struct link *l)
{
    l->port = (struct op_port){
        .app = l,
        .submit = submit_here,
        .store = l,
        .settings = get_settings,
        .now_us = get_now,
        .env_file = get_env_file,
        .doctor = ask_panel,
        .everyone = ask_everyone,
        .geo_json = get_geo,
        .geo_address_json = get_geo_address,
        .setting_note = get_note,
    };
}

struct local_answer {
    int status;
    struct buf *json;
};

static void take_answer(void *arg, int status, struct slice json)
{
    struct local_answer *a = arg;

    a->status = status;
    buf_add_slice(a->json, json);
}

static int call_here(struct link *l, enum op_method method, const char *path, struct slice body,
                     int *ret_status, struct buf *ret_json, struct err *err)
{
    struct slice query = slice_of(path), head = slice_cut(&query, '?');
    struct op_request req = {method, head, query, body, SLICE("cli")};
    struct local_answer a = {0, ret_json};

    op_call(&l->port, &req, take_answer, &a);
    if (ret_json->failed)
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    *ret_status = a.status;
    return ERR_OK;
}

/* ---- with a daemon ---- */

/* Whether something listens. ERR_UNREACHABLE when nothing does, ERR_IO when it is not ours to know. */
static int knock(struct link *l, const char *dir, struct err *err)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int n = snprintf(l->socket, sizeof(l->socket), "%s/run/control.sock", dir), fd, rc, why;

    if (n < 0 || (size_t)n >= sizeof(l->socket))
        return err_set(err, ERR_UNREACHABLE, "DATA_DIR %s: too long for a socket", dir);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return err_set(err, ERR_IO, "no socket: %s", strerror(errno));
    memcpy(addr.sun_path, l->socket, sizeof(addr.sun_path));
    rc = connect(fd, (struct sockaddr *)&addr, sizeof(addr));
    why = errno;
    close(fd);
    if (rc == 0)
        return ERR_OK;
    if (why == EACCES || why == EPERM)
        return err_set(err, ERR_IO, "%s: %s (use sudo, or be the user the daemon runs as)",
                       l->socket, strerror(why));
    return err_set(err, ERR_UNREACHABLE, "%s: %s", l->socket, strerror(why));
}

/*
 * The same, given time where DATA_DIR is a daemon's: one that has just been started, is about to
 * end, or begins anew with a restored database or other access to the panel does not listen for a
 * moment. Acting beside it would be wrong, and saying that none runs as well.
 */
static int reach(struct link *l, const char *dir, struct err *err)
{
    const struct timespec rest = {0, 50000000};
    int i, rc = knock(l, dir, err);

    for (i = 0; rc == ERR_UNREACHABLE && i < REACH_TRIES && dirlock_daemon(dir); i++) {
        nanosleep(&rest, NULL);
        rc = knock(l, dir, err);
    }
    return rc;
}

static size_t take_bytes(char *p, size_t size, size_t n, void *arg)
{
    return buf_add(arg, p, size * n) ? 0 : size * n;
}

static struct curl_slist *set_request(struct link *l, enum op_method method, const char *url,
                                      struct slice body, const char *type, struct buf *ret_json)
{
    struct curl_slist *headers, *more;
    char content[128];
    CURL *c = l->curl;

    snprintf(content, sizeof(content), "Content-Type: %s", type);
    headers = curl_slist_append(NULL, content);

    /* /events would be a stream otherwise. */
    more = headers ? curl_slist_append(headers, "Accept: application/json") : NULL;
    more = more ? curl_slist_append(more, "Expect:") : NULL;
    if (!more) {
        curl_slist_free_all(headers);
        return NULL;
    }
    curl_easy_reset(c);
    curl_easy_setopt(c, CURLOPT_UNIX_SOCKET_PATH, l->socket);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)l->seconds);
    curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_bytes);
    curl_easy_setopt(c, CURLOPT_WRITEDATA, ret_json);
    curl_easy_setopt(c, CURLOPT_HTTPHEADER, more);
    if (body.n || method != OP_GET) {
        curl_easy_setopt(c, CURLOPT_POSTFIELDS, body.n ? body.p : "");
        curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)body.n);
        curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, op_method_name(method));
    }
    return more;
}

static int call_daemon(struct link *l, enum op_method method, const char *path, struct slice body,
                       const char *type, int *ret_status, struct buf *ret_json, struct err *err)
{
    struct curl_slist *headers;
    struct buf url;
    long status = 0;
    CURLcode rc;

    buf_init(&url, 16384);
    buf_addf(&url, "http://localhost%s", path);
    headers = url.failed ? NULL : set_request(l, method, buf_str(&url), body, type, ret_json);
    if (!headers) {
        buf_release(&url);
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    }
    rc = curl_easy_perform(l->curl);
    curl_easy_getinfo(l->curl, CURLINFO_RESPONSE_CODE, &status);
    curl_slist_free_all(headers);
    buf_release(&url);
    if (rc == CURLE_OPERATION_TIMEDOUT)
        return err_set(err, ERR_TIMEOUT, "the daemon gave no answer in %d s", l->seconds);
    if (rc == CURLE_COULDNT_CONNECT || rc == CURLE_GOT_NOTHING || rc == CURLE_RECV_ERROR ||
        rc == CURLE_SEND_ERROR)
        return err_set(err, ERR_UNREACHABLE, "the daemon does not answer: %s",
                       curl_easy_strerror(rc));
    if (rc)
        return err_set(err, ERR_PROTOCOL, "the daemon's answer cannot be read: %s",
                       curl_easy_strerror(rc));
    *ret_status = (int)status;
    return ERR_OK;
}

/* ---- both ---- */

static int read_settings(struct link *l, const char *env_path, struct err *err)
{
    struct env_opts opts = {.path = env_path, .environ = environ};
    int rc = settings_init(&l->settings);

    if (rc)
        return err_set(err, rc, "%s", err_name(rc));
    env_report_init(&l->env);
    rc = env_load(&l->settings, &opts, &l->env, err);
    fputs(buf_str(&l->env.warnings), stderr);
    if (rc == ERR_INVALID && l->env.n_errors > 1)
        fputs(buf_str(&l->env.errors), stderr);
    return rc;
}

int link_open(const char *env_path, bool sick, struct link **ret_link, struct err *err)
{
    struct link *l = calloc(1, sizeof(*l));
    const char *dir;
    int rc;

    if (!l)
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    l->lock_fd = -1;
    l->seconds = CALL_SECONDS;
    rc = read_settings(l, env_path, err);
    if (rc)
        goto fail;
    dir = settings_text(&l->settings, SET_DATA_DIR);
    setenv("TZ", settings_text(&l->settings, SET_TZ), 1);
    tzset();
    rc = become_owner(dir, err);
    if (rc)
        goto fail;
    rc = reach(l, dir, err);
    make_port(l);
    if (rc == ERR_UNREACHABLE) {
        rc = open_database(l, dir, err);
        if (rc && sick) {
            l->db_err = *err;
            rc = ERR_OK;
        }
    } else if (!rc && !(l->curl = curl_easy_init())) {
        rc = err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    }
    if (rc)
        goto fail;
    *ret_link = l;
    return ERR_OK;
fail:
    link_close(l);
    return rc;
}

int link_alive(const char *env_path, int seconds, struct err *err)
{
    struct env_opts opts = {.path = env_path, .environ = environ};
    struct link *l = calloc(1, sizeof(*l));
    struct err ignored;
    struct buf answer;
    const char *dir;
    int rc, status = 0;

    if (!l)
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    buf_init(&answer, LIMIT_ENV_FILE);
    l->lock_fd = -1;
    l->seconds = seconds;
    env_report_init(&l->env);
    rc = settings_init(&l->settings);
    if (rc || env_load(&l->settings, &opts, &l->env, &ignored) == ERR_NOMEM) {
        rc = err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
        goto done;
    }
    dir = settings_text(&l->settings, SET_DATA_DIR);
    rc = become_owner(dir, err);
    if (!rc)
        rc = knock(l, dir, err);
    if (!rc && !(l->curl = curl_easy_init()))
        rc = err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    if (!rc)
        rc = call_daemon(l, OP_GET, "/healthz", SLICE(""), "application/json", &status, &answer,
                         err);
    if (!rc && status != 200)
        rc = err_set(err, ERR_PROTOCOL, "the daemon answers with %d", status);
done:
    buf_release(&answer);
    link_close(l);
    return rc;
}

void link_close(struct link *l)
{
    if (!l)
        return;
    if (l->curl)
        curl_easy_cleanup(l->curl);
    db_close(l->db);
    if (l->lock_fd >= 0)
        close(l->lock_fd);
    env_report_release(&l->env);
    settings_release(&l->settings);
    free(l);
}

int link_lock(struct link *l, const char *what, struct err *err)
{
    const char *dir = settings_text(&l->settings, SET_DATA_DIR);

    return l->curl || l->lock_fd >= 0 ? ERR_OK : dirlock_take(dir, what, &l->lock_fd, err);
}

bool link_has_daemon(const struct link *l)
{
    return l->curl != NULL;
}

int link_call(struct link *l, enum op_method method, const char *path, const char *body,
              int *ret_status, struct buf *ret_json, struct err *err)
{
    return link_send(l, method, path, slice_of(body), "application/json", ret_status, ret_json,
                     err);
}

int link_send(struct link *l, enum op_method method, const char *path, struct slice body,
              const char *type, int *ret_status, struct buf *ret_bytes, struct err *err)
{
    int rc;

    if (!l->curl)
        return call_here(l, method, path, body, ret_status, ret_bytes, err);
    rc = call_daemon(l, method, path, body, type, ret_status, ret_bytes, err);
    /* It began anew just then: asking once more changes nothing. */
    if (rc != ERR_UNREACHABLE || method != OP_GET ||
        reach(l, settings_text(&l->settings, SET_DATA_DIR), err))
        return rc;
    buf_clear(ret_bytes);
    return call_daemon(l, method, path, body, type, ret_status, ret_bytes, err);
}

const char *link_env_file(const struct link *l)
{
    return l->env.file;
}

const struct settings *link_settings(const struct link *l)
{
    return &l->settings;
}
