/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "telegram/telegram_int.h"
#include "base/banned.h"

/* A number, a colon, letters: anything else would change the meaning of a URL it stands in. */
static bool token_ok(struct slice token)
{
    struct slice rest = token, id = slice_cut(&rest, ':');
    int64_t n;
    size_t i;

    if (num_int(id, 1, INT64_MAX, &n) || !rest.n || token.n > 200)
        return false;
    for (i = 0; i < rest.n; i++)
        if (!((rest.p[i] >= 'a' && rest.p[i] <= 'z') || (rest.p[i] >= 'A' && rest.p[i] <= 'Z') ||
              (rest.p[i] >= '0' && rest.p[i] <= '9') || rest.p[i] == '_' || rest.p[i] == '-'))
            return false;
    return true;
}

static int keep_texts(struct telegram *tg, const struct telegram_opts *opts, struct err *err)
{
    struct slice token = slice_trim(slice_of(opts->token)), id = token, rest, url;
    struct buf key;

    if (!token_ok(token))
        return err_set(err, ERR_INVALID,
                       "BOT_TOKEN is none: @BotFather gives a number, a colon and 35 letters, e.g. "
                       "123456789:AAF…");
    url = slice_trim(slice_of(opts->api_url));
    while (url.n && url.p[url.n - 1] == '/')
        url.n--;
    if (!slice_starts(url, SLICE("https://")) && !slice_starts(url, SLICE("http://")))
        return err_set(err, ERR_INVALID, "TELEGRAM_API_URL is no http or https address");
    tg->token = strndup(token.p, token.n);
    tg->api_url = strndup(url.p, url.n);
    rest = id;
    id = slice_cut(&rest, ':');
    buf_init(&key, TG_OFFSET_KEY);
    buf_addf(&key, "telegram_update:%.*s", (int)id.n, id.p);
    memcpy(tg->offset_key, buf_str(&key), key.n + 1);
    buf_release(&key);
    return tg->token && tg->api_url ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
}

static int keep_proxies(struct telegram *tg, const char *list)
{
    struct slice rest = slice_of(list), one;

    while (rest.p && rest.n && tg->n_proxies < LIMIT_TELEGRAM_PROXIES) {
        one = slice_trim(slice_cut(&rest, ','));
        if (!one.n)
            continue;
        if (!slice_eq(one, SLICE("direct"))) {
            tg->proxies[tg->n_proxies] = strndup(one.p, one.n);
            if (!tg->proxies[tg->n_proxies])
                return ERR_NOMEM;
        }
        tg->n_proxies++;
    }
    return ERR_OK;
}

/* Makes the client that goes by the proxy whose turn it is. */
static int open_http(struct telegram *tg, struct http **ret_http, struct err *err)
{
    const char *proxy = tg->proxies[tg->proxy], *at, *host;
    struct http_opts ho = {.proxy = proxy};
    int rc = http_new(tg->loop, tg->worker, &ho, ret_http, err);

    if (rc)
        return rc;
    host = proxy ? strstr(proxy, "://") : NULL;
    at = host ? strrchr(host, '@') : NULL;
    if (host)
        snprintf(tg->via, sizeof(tg->via), "%.*s://%s", (int)(host - proxy), proxy,
                 at ? at + 1 : host + 3);
    else
        snprintf(tg->via, sizeof(tg->via), "%s", tg->n_proxies ? "direct" : "");
    return ERR_OK;
}

void tg_next_proxy(struct telegram *tg)
{
    struct http *old = tg->http;
    size_t was = tg->proxy;
    struct err err = {0};

    tg->proxy = (tg->proxy + 1) % tg->n_proxies;
    if (open_http(tg, &tg->http, &err)) {
        tg->proxy = was;
        return;
    }
    http_free(old);
}

const char *telegram_via(const struct telegram *tg)
{
    return tg->via;
}

int telegram_new(const struct telegram_opts *opts, struct telegram **ret_tg, struct err *err)
{
    struct telegram *tg = calloc(1, sizeof(*tg));
    int rc;

    if (!tg)
        return err_set(err, ERR_NOMEM, "out of memory");
    tg->loop = opts->loop;
    tg->worker = opts->worker;
    tg->submit = opts->submit;
    tg->store = opts->store;
    tg->events = opts->events;
    tg->arg = opts->arg;
    rc = keep_texts(tg, opts, err);
    if (!rc && keep_proxies(tg, opts->proxy))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (!rc)
        rc = open_http(tg, &tg->http, err);
    if (!rc && (tgcall_setup(tg) || tgpoll_setup(tg)))
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (rc) {
        telegram_free(tg);
        return rc;
    }
    *ret_tg = tg;
    return ERR_OK;
}

void telegram_free(struct telegram *tg)
{
    size_t i;

    if (!tg)
        return;
    tg->freeing = true;
    tgpoll_release(tg);
    tgcall_release(tg);
    tgfile_release(tg);
    http_free(tg->http);
    if (tg->token)
        memset(tg->token, 0, strlen(tg->token));
    free(tg->token);
    free(tg->api_url);
    for (i = 0; i < tg->n_proxies; i++)
        free(tg->proxies[i]);
    free(tg);
}

enum telegram_state telegram_state(const struct telegram *tg)
{
    return tg->state;
}

const char *telegram_state_text(const struct telegram *tg)
{
    return tg->state_text;
}

const char *telegram_state_name(enum telegram_state state)
{
    static const char *const names[] = {
        [TELEGRAM_STARTING] = "starting",       [TELEGRAM_OK] = "ok",
        [TELEGRAM_UNREACHABLE] = "unreachable", [TELEGRAM_TOKEN] = "token",
        [TELEGRAM_WRONG_URL] = "wrong_url",     [TELEGRAM_OTHER_POLLER] = "other_poller"};

    return names[state];
}

const char *telegram_bot_name(const struct telegram *tg)
{
    return tg->bot_name;
}

int64_t telegram_bot_id(const struct telegram *tg)
{
    return tg->bot_id;
}

struct telegram_stats telegram_stats(const struct telegram *tg)
{
    struct telegram_stats s = tg->stats;

    s.waiting = tg->queue[0].n + tg->queue[1].n + tg->flying.n;
    return s;
}
