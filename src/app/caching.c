/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/caching.h"

#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/stamp.h"
#include "cache/cache.h"
#include "cache/cache_doctor.h"
#include "cache/cache_seal.h"
#include "panel/panel_url.h"
#include "service/jout.h"
#include "store/db_settings.h"
#include "base/banned.h"

/* The version of Redis follows its first answer; one that comes and goes within it is not told of. */
static const int64_t first_us = STAMP_SECOND / 5, settle_us = STAMP_SECOND;

struct caching {
    struct daemon *d;
    struct cache *cache;
    struct loop_timer *timer;
    bool told, told_redis;
    char told_why[ERR_TEXT_MAX];
};

int caching_load(struct daemon *d, struct db *db, struct err *err)
{
    char text[2 * CACHE_KEY + 1];
    int rc = db_meta_get(db, "cache_key", text, sizeof(text), err);

    if (rc && rc != ERR_NOT_FOUND && rc != ERR_TOO_BIG)
        return rc;
    if (rc || hex_read(slice_of(text), d->cache_key, CACHE_KEY)) {
        if (RAND_bytes(d->cache_key, CACHE_KEY) != 1)
            return err_set(err, ERR_IO, "no random numbers");
        hex_write(d->cache_key, CACHE_KEY, text);
        rc = db_meta_put(db, "cache_key", slice_of(text), err);
        /* Without it the cache is empty after a restart, which is no reason not to start. */
        if (rc)
            log_warning("cache", "its key is not kept: %s", err->text);
    }
    explicit_bzero(text, sizeof(text));
    return ERR_OK;
}

static void tell(void *arg)
{
    struct caching *k = arg;
    struct cache_facts f = cache_facts(k->cache);
    bool first = !k->told, change = first || k->told_redis != f.in_redis;
    /*
     * "Has ended the connection" is followed by "asks for a password", "does not answer" by a certificate that is
     * refused: those say what to do.
     */
    bool says = f.cure || f.redis.code == ERR_TLS;
    char text[1200];

    if (!f.settled || (!change && (!says || strcmp(k->told_why, f.why) == 0)))
        return;
    k->told = true;
    k->told_redis = f.in_redis;
    snprintf(k->told_why, sizeof(k->told_why), "%s", f.why);
    if (f.in_redis)
        snprintf(text, sizeof(text), "%s at %s is used%s",
                 f.redis.server[0] ? f.redis.server : "Redis", f.url, first ? "" : " again");
    else
        snprintf(text, sizeof(text), "memory is used, Redis is not: %s%s%s%s%s", f.url,
                 f.url[0] ? ": " : "", f.why, f.cure ? "; " : "", f.cure ? f.cure : "");
    log_write(f.in_redis ? LOG_INFO : LOG_WARNING, "cache", "%s", text);
    if (change && (!first || !f.in_redis))
        carry_event(k->d, "cache", 0, SLICE(""), text);
}

static void on_change(void *arg)
{
    struct caching *k = arg;

    if (!k->d->stopping && !loop_timer_armed(k->timer))
        loop_timer_set_real(k->timer, k->told ? settle_us : first_us);
}

int caching_new(struct daemon *d, struct err *err)
{
    const struct settings *s = &d->settings;
    struct panel_url panel = {0};
    struct buf access;
    struct cache_opts co = {.loop = d->loop,
                            .worker = d->worker,
                            .url = settings_text(s, SET_REDIS_URL),
                            .password = settings_text(s, SET_REDIS_PASSWORD),
                            .tls = settings_bool(s, SET_REDIS_SSL),
                            .ca_file = settings_has(s, SET_REDIS_CA_FILE)
                                           ? settings_text(s, SET_REDIS_CA_FILE)
                                           : NULL,
                            .insecure = !settings_bool(s, SET_REDIS_TLS_VERIFY),
                            .keep_token = settings_bool(s, SET_REDIS_CACHE_TOKEN),
                            .key = d->cache_key,
                            .panel = panel.base,
                            .hash_key = d->key,
                            .on_change = on_change};
    struct caching *k = calloc(1, sizeof(*k));
    int rc = k ? loop_timer_new(d->loop, tell, k, &k->timer) : ERR_NOMEM;

    if (rc) {
        free(k);
        return err_set(err, rc, "out of memory");
    }
    k->d = d;
    d->caching = k;
    /* A wrong PANEL_DOMAIN is told of where the panel is made. */
    (void)!panel_url_parse(slice_of(settings_text(s, SET_PANEL_DOMAIN)), &panel, NULL);
    buf_init(&access, 1 << 16);
    buf_addf(&access, "%s\n%s\n%s", settings_text(s, SET_PANEL_USERNAME),
             settings_text(s, SET_PANEL_PASSWORD), settings_text(s, SET_PANEL_API_KEY));
    co.access = buf_str(&access);
    co.arg = k;
    rc = access.failed ? err_set(err, ERR_NOMEM, "out of memory") : cache_new(&co, &k->cache, err);
    if (access.p)
        explicit_bzero(access.p, access.n);
    buf_release(&access);
    if (rc)
        return rc;
    cache_start(k->cache);
    if (!cache_facts(k->cache).configured)
        log_info("cache", "memory is used: REDIS_URL is not set");
    else if (cache_facts(k->cache).why[0])
        on_change(k);
    if (co.insecure && cache_facts(k->cache).configured)
        log_warning("cache", "REDIS_TLS_VERIFY is off: whoever stands between here and Redis can "
                             "read its password");
    return ERR_OK;
}

void caching_stop(const struct daemon *d)
{
    if (!d->caching || !d->caching->cache)
        return;
    cache_stop(d->caching->cache);
    /* An event would go to a database that is being closed. */
    loop_timer_stop(d->caching->timer);
}

void caching_free(struct daemon *d)
{
    struct caching *k = d->caching;

    if (!k)
        return;
    d->caching = NULL;
    cache_free(k->cache);
    loop_timer_free(k->timer);
    free(k);
    explicit_bzero(d->cache_key, sizeof(d->cache_key));
}

const struct cache_port *caching_port(const struct daemon *d)
{
    return d->caching ? cache_port(d->caching->cache) : NULL;
}

struct cache_facts caching_now(const struct daemon *d)
{
    return d->caching ? cache_facts(d->caching->cache) : (struct cache_facts){.why = ""};
}

void caching_json(const struct daemon *d, struct buf *out)
{
    if (d->caching)
        cache_json(d->caching->cache, out);
}

void caching_problem(const struct daemon *d, struct buf *out)
{
    struct cache_facts f = caching_now(d);
    struct buf line;

    if (!f.configured || f.in_redis || !f.settled)
        return;
    buf_init(&line, 2048);
    buf_addf(&line, "the cache is in memory only: %s%s%s%s%s", f.url, f.url[0] ? ": " : "", f.why,
             f.cure ? "; " : "", f.cure ? f.cure : "");
    jout_str(out, NULL, buf_slice(&line));
    buf_release(&line);
}

void caching_facts(const struct daemon *d, struct doctor_facts *facts)
{
    if (d->caching)
        cache_doctor(d->caching->cache, &facts->cache);
}
