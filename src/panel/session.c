/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/session.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "core/backoff.h"
#include "panel/jval.h"
#include "panel/reply.h"
#include "base/banned.h"

enum { TOKEN_MAX = 8192, ANSWER_MAX = 65536, LOGIN_DEADLINE_S = 20 };
enum { KEEP_MINUTES = 10 }; /* a token in use stays in the cache */
enum { BEARER = 7 };        /* of the header: "Bearer " */
#define SECOND INT64_C(1000000)
#define MINUTE (60 * SECOND)

struct session {
    struct session_opts opts;
    char *username, *password, *header_value, *url;
    bool key;
    enum session_state state;
    unsigned serial; /* of the present credential */
    unsigned logins;
    bool looked;    /* the cache was asked */
    bool kept;      /* the present token is from the cache */
    int64_t put_us; /* it was told of the token then */
    struct cache_get *looking;
    bool accepted;    /* the present token was taken once */
    int64_t login_us; /* when it was given */
    int64_t next_us;  /* no login before */
    struct backoff fault, refused, strange, renew;
    struct err why; /* of the last failure */
    struct http_call *call;
    struct loop_timer *timer; /* tells waiters off the stack of whoever asks */
    struct session_waiter *waiters, *last;
    unsigned round;
};

static void tell_all(struct session *s, int rc)
{
    struct session_waiter *w;

    /* A callback may wait again, or take others back: new ones carry the new round and stay. */
    s->round++;
    while ((w = s->waiters) && w->round != s->round) {
        session_unwait(s, w);
        w->fn(w->arg, rc, &s->why);
    }
}

static void on_timer(void *arg);

static void set_state(struct session *s, enum session_state state)
{
    bool news = s->state != state && (state == SESSION_READY || state == SESSION_REFUSED);

    s->state = state;
    if (news)
        s->opts.on_change(s->opts.arg, state, &s->why);
}

static int make_key_header(struct session *s, const char *key)
{
    s->header_value = strdup(key);
    return s->header_value ? ERR_OK : ERR_NOMEM;
}

int session_new(const struct session_opts *opts, struct session **ret_session, struct err *err)
{
    bool key = opts->api_key && *opts->api_key;
    struct session *s;

    if (!key && (!opts->password || !*opts->password))
        return err_set(err, ERR_INVALID, "PANEL_PASSWORD or PANEL_API_KEY must be set");
    s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_NOMEM, "out of memory");
    s->opts = *opts;
    s->key = key;
    backoff_init(&s->fault, SECOND, MINUTE);
    backoff_init(&s->refused, 30 * MINUTE, 240 * MINUTE);
    backoff_init(&s->strange, MINUTE, 15 * MINUTE);
    backoff_init(&s->renew, 10 * SECOND, 15 * MINUTE);
    s->username = strdup(opts->username ? opts->username : "admin");
    s->password = strdup(opts->password ? opts->password : "");
    s->url = malloc(strlen(opts->base) + sizeof("/api/admin/token"));
    if (!s->username || !s->password || !s->url ||
        loop_timer_new(opts->loop, on_timer, s, &s->timer) != ERR_OK ||
        (key && make_key_header(s, opts->api_key) != ERR_OK)) {
        session_free(s);
        return err_set(err, ERR_NOMEM, "out of memory");
    }
    memcpy(s->url, opts->base, strlen(opts->base));
    memcpy(s->url + strlen(opts->base), "/api/admin/token", sizeof("/api/admin/token"));
    *ret_session = s;
    return ERR_OK;
}

static void keep(struct session *s)
{
    const struct cache_port *cache = s->opts.cache;

    s->put_us = loop_mono_us(s->opts.loop);
    if (cache)
        cache->put(cache->ctx, CACHE_TOKEN, SLICE(""), slice_of(s->header_value + BEARER));
}

static void forget(struct session *s)
{
    const struct cache_port *cache = s->opts.cache;

    s->kept = false;
    if (cache)
        cache->drop(cache->ctx, CACHE_TOKEN, SLICE(""));
}

static void wipe(char *p)
{
    if (p)
        explicit_bzero(p, strlen(p));
    free(p);
}

void session_free(struct session *s)
{
    if (!s)
        return;
    if (s->looking)
        s->opts.cache->cancel(s->opts.cache->ctx, s->looking);
    if (s->call) {
        http_cancel(s->call);
        contact_leave(s->opts.contact);
    }
    err_set(&s->why, ERR_CANCELLED, "%s", err_name(ERR_CANCELLED));
    s->state = SESSION_REFUSED;
    s->next_us = INT64_MAX;
    tell_all(s, ERR_CANCELLED);
    loop_timer_free(s->timer);
    wipe(s->password);
    wipe(s->header_value);
    free(s->username);
    free(s->url);
    free(s);
}

bool session_header(struct session *s, struct http_header *ret_header, unsigned *ret_serial)
{
    if (s->key && s->state != SESSION_READY) {
        if (s->state == SESSION_REFUSED && loop_mono_us(s->opts.loop) < s->next_us)
            return false;
    } else if (s->state != SESSION_READY) {
        return false;
    }
    *ret_header = (struct http_header){s->key ? "X-Api-Key" : "Authorization", s->header_value};
    *ret_serial = s->serial;
    return true;
}

/* A token from outside, into the header. */
static int take_token(struct session *s, struct slice token, struct err *err)
{
    char *value;
    size_t i;

    for (i = 0; i < token.n; i++)
        if (token.p[i] <= ' ' || token.p[i] >= 0x7f)
            return err_set(err, ERR_PROTOCOL, "the token holds forbidden characters");
    if (token.n == 0 || token.n > TOKEN_MAX)
        return err_set(err, ERR_PROTOCOL, "the token has an impossible length");
    value = malloc(token.n + BEARER + 1);
    if (!value)
        return err_set(err, ERR_NOMEM, "out of memory");
    snprintf(value, token.n + BEARER + 1, "Bearer %.*s", (int)token.n, token.p);
    wipe(s->header_value);
    s->header_value = value;
    s->serial++;
    s->accepted = false;
    s->login_us = loop_mono_us(s->opts.loop);
    return ERR_OK;
}

static int read_token(struct session *s, struct slice body, struct err *err)
{
    struct slice token;
    struct jval *doc;
    int rc;

    rc = jval_parse(body, &doc, err);
    if (rc)
        return err_set(err, ERR_PROTOCOL,
                       "the answer to the login is no JSON: does PANEL_DOMAIN point "
                       "at the panel?");
    rc = jval_need_text(doc, "access_token", &token, err);
    if (!rc)
        rc = take_token(s, token, err);
    jval_free(doc);
    return rc;
}

static void login_failed(struct session *s, enum session_state state, struct backoff *wait,
                         const struct err *err)
{
    s->why = *err;
    s->next_us = loop_mono_us(s->opts.loop) + backoff_next(wait, loop_random(s->opts.loop));
    set_state(s, state);
    tell_all(s, err->code);
}

static void login_refused(struct session *s, int status, struct err *err)
{
    struct backoff *wait = &s->refused;

    if (status == 404 || status == 405 || (status >= 300 && status < 400)) {
        wait = &s->strange;
        if (status >= 400)
            err_set(err, ERR_REFUSED,
                    "there is no login at %s (%d): does PANEL_DOMAIN point at the "
                    "panel?",
                    s->url, status);
    } else {
        err->code = ERR_AUTH;
        if (status == 401)
            err_set(err, ERR_AUTH,
                    "the panel refuses the login of %.64s: check PANEL_USERNAME and "
                    "PANEL_PASSWORD, then restart (not tried again before 15 minutes, "
                    "since the panel reports every failed login)",
                    s->username);
    }
    login_failed(s, SESSION_REFUSED, wait, err);
}

static void on_login(void *arg, int rc, const struct err *net_err, struct http_answer *a)
{
    struct session *s = arg;
    struct err err = *net_err;
    struct reply reply;

    s->call = NULL;
    if (rc == ERR_CANCELLED) {
        contact_leave(s->opts.contact);
        login_failed(s, SESSION_WAITING, &s->fault, &err);
        return;
    }
    if (rc) {
        contact_fault(s->opts.contact, &err);
        login_failed(s, SESSION_WAITING, &s->fault, &err);
        return;
    }
    reply_judge(a->status, buf_slice(a->body), a->location, a->retry_after_s, "login", &reply,
                &err);
    if (reply.kind == REPLY_RETRY) {
        if (a->status >= 500)
            contact_fault(s->opts.contact, &err);
        else
            contact_answered(s->opts.contact);
        login_failed(s, SESSION_WAITING, &s->fault, &err);
        if (reply.wait_us && s->next_us < loop_mono_us(s->opts.loop) + reply.wait_us)
            s->next_us = loop_mono_us(s->opts.loop) + reply.wait_us;
        return;
    }
    contact_answered(s->opts.contact);
    if (reply.kind != REPLY_OK) {
        login_refused(s, a->status, &err);
        return;
    }
    rc = read_token(s, buf_slice(a->body), &err);
    explicit_bzero(a->body->p, a->body->n);
    if (rc) {
        login_failed(s, SESSION_WAITING, &s->strange, &err);
        return;
    }
    s->kept = false;
    keep(s);
    backoff_reset(&s->fault);
    backoff_reset(&s->refused);
    backoff_reset(&s->strange);
    set_state(s, SESSION_READY);
    tell_all(s, ERR_OK);
}

static void login(struct session *s);

static void on_kept(void *arg, struct slice token)
{
    struct session *s = arg;
    struct err err = {0};

    s->looking = NULL;
    if (!token.p || take_token(s, token, &err)) {
        login(s);
        return;
    }
    s->kept = true;
    s->put_us = s->login_us;
    set_state(s, SESSION_READY);
    tell_all(s, ERR_OK);
}

static bool look_for_token(struct session *s)
{
    const struct cache_port *cache = s->opts.cache;

    if (!cache || s->key || s->looked)
        return false;
    s->looked = true;
    s->looking = cache->get(cache->ctx, CACHE_TOKEN, SLICE(""), on_kept, s);
    if (s->looking)
        s->state = SESSION_BUSY;
    return s->looking != NULL;
}

static void login(struct session *s)
{
    static const struct http_header headers[] = {{"Content-Type",
                                                  "application/x-www-form-urlencoded"},
                                                 {"Accept", "application/json"}};
    struct http_request req = {.method = "POST",
                               .url = s->url,
                               .headers = headers,
                               .n_headers = ARRAY_LEN(headers),
                               .deadline_us = LOGIN_DEADLINE_S * SECOND,
                               .body_max = ANSWER_MAX};
    struct err err = {0};
    struct buf form;
    int rc;

    if (look_for_token(s))
        return;
    if (!contact_enter(s->opts.contact, &err)) {
        s->why = err;
        if (s->state == SESSION_BUSY)
            s->state = SESSION_NEW;
        tell_all(s, err.code);
        return;
    }
    buf_init(&form, 16384);
    buf_add_str(&form, "username=");
    http_add_escaped(&form, slice_of(s->username));
    buf_add_str(&form, "&password=");
    http_add_escaped(&form, slice_of(s->password));
    req.body = buf_slice(&form);
    rc = form.failed ? ERR_TOO_BIG : http_start(s->opts.http, &req, on_login, s, &s->call);
    explicit_bzero(form.p, form.n);
    buf_release(&form);
    if (rc) {
        contact_leave(s->opts.contact);
        err_set(&err, rc, "the login could not be sent: %s", err_name(rc));
        login_failed(s, SESSION_WAITING, &s->fault, &err);
        return;
    }
    s->logins++;
    s->state = SESSION_BUSY;
}

static void on_timer(void *arg)
{
    struct session *s = arg;
    struct http_header header;
    unsigned serial;

    if (!s->waiters || s->state == SESSION_BUSY)
        return;
    if (session_header(s, &header, &serial))
        tell_all(s, ERR_OK);
    else if (s->state != SESSION_NEW && loop_mono_us(s->opts.loop) < s->next_us)
        tell_all(s, s->why.code ? s->why.code : ERR_AUTH);
    else
        login(s);
}

void session_wait(struct session *s, struct session_waiter *w)
{
    w->waiting = true;
    w->round = s->round;
    w->next = NULL;
    w->prev = s->last;
    if (w->prev)
        w->prev->next = w;
    else
        s->waiters = w;
    s->last = w;
    if (s->state != SESSION_BUSY)
        loop_timer_set_real(s->timer, 0);
}

void session_unwait(struct session *s, struct session_waiter *w)
{
    if (!w->waiting)
        return;
    w->waiting = false;
    if (w->prev)
        w->prev->next = w->next;
    else
        s->waiters = w->next;
    if (w->next)
        w->next->prev = w->prev;
    else
        s->last = w->prev;
    w->prev = w->next = NULL;
}

static void key_rejected(struct session *s)
{
    if (s->state == SESSION_REFUSED && loop_mono_us(s->opts.loop) < s->next_us)
        return;
    err_set(&s->why, ERR_AUTH,
            "the panel refuses PANEL_API_KEY: it is wrong, revoked or expired (API "
            "keys need panel 5.1 or later)");
    s->next_us = loop_mono_us(s->opts.loop) + backoff_next(&s->strange, loop_random(s->opts.loop));
    set_state(s, SESSION_REFUSED);
}

void session_rejected(struct session *s, unsigned serial)
{
    int64_t now = loop_mono_us(s->opts.loop);

    if (serial != s->serial)
        return;
    if (s->key) {
        key_rejected(s);
        return;
    }
    if (s->state != SESSION_READY)
        return;
    if (s->kept) {
        forget(s);
        s->next_us = now;
        err_set(&s->why, ERR_AUTH, "the panel no longer takes the token of before");
        s->state = SESSION_WAITING;
        return;
    }
    forget(s);
    /* A token that lived is simply renewed; one refused soon after its login is not, again and again. */
    if (s->accepted && now - s->login_us >= 10 * MINUTE)
        backoff_reset(&s->renew);
    if (s->accepted && s->renew.tries == 0) {
        s->renew.tries = 1;
        s->next_us = now;
    } else {
        s->next_us = now + backoff_next(&s->renew, loop_random(s->opts.loop));
    }
    err_set(&s->why, ERR_AUTH, "the panel refuses the token it has just given");
    s->state = SESSION_WAITING;
}

void session_accepted(struct session *s, unsigned serial)
{
    if (serial != s->serial)
        return;
    s->accepted = true;
    if (s->key) {
        backoff_reset(&s->strange);
        set_state(s, SESSION_READY);
    } else if (loop_mono_us(s->opts.loop) - s->put_us > KEEP_MINUTES * MINUTE) {
        keep(s);
    }
}

enum session_state session_state(const struct session *s)
{
    return s->state;
}

bool session_has_key(const struct session *s)
{
    return s->key;
}

bool session_is_kept(const struct session *s)
{
    return s->kept;
}

unsigned session_logins(const struct session *s)
{
    return s->logins;
}
