/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/panel_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/stamp.h"
#include "base/banned.h"

#define SECOND INT64_C(1000000)
/* The panel pings every 15 s: three missed ones mean a connection that is dead at one end only. */
enum { LOOKUP_RATE = 5, READ_GAP_US = 50000, IDLE_S = 45 };

static void state_changed(struct panel *p)
{
    if (p->events.on_state && !p->closing)
        p->events.on_state(p->arg);
}

static void on_up(void *arg)
{
    struct panel *p = arg;
    bool again = p->was_down;

    p->was_down = false;
    if (p->closing)
        return;
    if (again) {
        log_info("panel", "the panel answers again");
        streams_kick(p->streams);
        /* What it is and what it has may have changed behind the outage. */
        probe_version(&p->probe);
        watch_now(p);
    }
    state_changed(p);
}

static void on_down(void *arg, const struct err *err)
{
    struct panel *p = arg;

    p->was_down = true;
    p->down = *err;
    panel_url_advise(&p->url, err->code, &p->down);
    log_warning("panel", "the panel at %s does not answer: %s", p->url.base, p->down.text);
    state_changed(p);
}

static void on_probe(void *arg)
{
    watch_now(arg);
}

static void on_session(void *arg, enum session_state state, const struct err *err)
{
    struct panel *p = arg;

    if (state == SESSION_REFUSED) {
        p->login = *err;
        log_error("panel", "%s", err->text);
    } else {
        p->login = (struct err){0};
        log_info("panel", session_has_key(p->session)   ? "the panel takes the API key"
                          : session_is_kept(p->session) ? "using the token of before"
                                                        : "logged in to the panel");
        if (p->streams && !p->closing) {
            streams_kick(p->streams);
            if (!p->probe.version.known)
                probe_version(&p->probe);
        }
    }
    if (p->session)
        state_changed(p);
}

static void on_version(void *arg, int rc, const struct err *err)
{
    struct panel *p = arg;

    if (rc) {
        log_debug("panel", "version not read: %s", err->text);
        return;
    }
    if (strcmp(p->told_version, p->probe.version.text) != 0) {
        snprintf(p->told_version, sizeof(p->told_version), "%s", p->probe.version.text);
        log_info("panel", "panel version %s%s", p->told_version,
                 p->probe.version.guessed ? " (told from what it answers)" : "");
        state_changed(p);
    }
    watch_expiry(p);
}

static void on_odd(void *arg)
{
    struct panel *p = arg;
    int64_t now = loop_mono_us(p->loop);

    if (now - p->odd_us < 60 * SECOND && p->odd_us)
        return;
    p->odd_us = now;
    probe_version(&p->probe);
}

static bool name_of(void *arg, int64_t id, struct slice *ret_name)
{
    struct panel *p = arg;

    return p->name_of && p->name_of(p->name_arg, id, ret_name);
}

static void on_open(void *arg, int64_t node_id, uint32_t no)
{
    struct panel *p = arg;

    log_debug("panel", "log of node %lld open (stream %u)", (long long)node_id, no);
    if (p->events.on_open)
        p->events.on_open(p->arg, node_id, no, loop_wall_us(p->loop));
}

static void on_bytes(void *arg, int64_t node_id, uint32_t no, struct slice bytes)
{
    struct panel *p = arg;

    if (p->events.on_bytes)
        p->events.on_bytes(p->arg, node_id, no, loop_wall_us(p->loop), bytes);
}

static void on_close(void *arg, int64_t node_id, uint32_t no, int rc, const char *why)
{
    struct panel *p = arg;

    if (rc)
        log_info("panel", "log of node %lld lost: %s", (long long)node_id, why);
    else
        log_debug("panel", "log of node %lld closed (stream %u): %s", (long long)node_id, no, why);
    if (p->events.on_close)
        p->events.on_close(p->arg, node_id, no, loop_wall_us(p->loop), rc, why);
}

static void on_missing(void *arg, int64_t node_id)
{
    (void)node_id;
    watch_soon(arg);
}

static void on_denied(void *arg, const struct err *err)
{
    struct panel *p = arg;

    log_error("panel",
              "the logs of the nodes may not be read: %s. Give the account or key this "
              "permission",
              err->text);
    on_odd(p);
}

/* Pins may be written with the separators people use; libcurl wants ';'. */
static int normal_pins(const char *pins, char *out, size_t cap, struct err *err)
{
    size_t i, n = 0;

    for (i = 0; pins && pins[i]; i++) {
        bool sep = pins[i] == ';' || pins[i] == ',' || pins[i] == ' ' || pins[i] == '\t';

        if (n + 2 > cap)
            return err_set(err, ERR_INVALID, "PANEL_TLS_PIN is too long");
        if (!sep)
            out[n++] = pins[i];
        else if (n && out[n - 1] != ';')
            out[n++] = ';';
    }
    while (n && out[n - 1] == ';')
        n--;
    out[n] = '\0';
    if (n == 0)
        return ERR_OK;
    if (http_check_pins(slice_of(out), err) != ERR_OK) {
        err_prefix(err, "PANEL_TLS_PIN");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static int make_http(struct panel *p, const struct panel_opts *opts, struct err *err)
{
    struct http_opts http = {.ca_file = opts->ca_file,
                             .pin_name = "PANEL_TLS_PIN",
                             .insecure = !opts->tls_verify,
                             .agent = opts->agent};
    char pins[1024];
    int rc;

    rc = normal_pins(opts->tls_pins, pins, sizeof(pins), err);
    if (rc)
        return rc;
    http.pins = pins[0] ? pins : NULL;
    p->unverified = p->url.https && !opts->tls_verify && !pins[0];
    return http_new(p->loop, p->worker, &http, &p->http, err);
}

static int make_session(struct panel *p, const struct panel_opts *opts, struct err *err)
{
    struct contact_opts contact = {
        .loop = p->loop, .on_up = on_up, .on_down = on_down, .on_probe = on_probe, .arg = p};
    struct session_opts session = {.loop = p->loop,
                                   .http = p->http,
                                   .contact = &p->contact,
                                   .base = p->url.base,
                                   .username = opts->username,
                                   .password = opts->password,
                                   .api_key = opts->api_key,
                                   .on_change = on_session,
                                   .cache = opts->cache,
                                   .arg = p};

    if (contact_init(&p->contact, &contact) != ERR_OK)
        return err_set(err, ERR_NOMEM, "out of memory");
    return session_new(&session, &p->session, err);
}

static int make_parts(struct panel *p, const struct panel_opts *opts)
{
    struct streams_opts streams = {.calls = &p->calls,
                                   .refresh_us = opts->stream_refresh_s * SECOND,
                                   .read_gap_us = opts->read_gap_us < 0    ? 0
                                                  : opts->read_gap_us == 0 ? READ_GAP_US
                                                                           : opts->read_gap_us,
                                   .idle_us = (opts->stream_idle_s ? opts->stream_idle_s : IDLE_S) *
                                              SECOND,
                                   .on_open = on_open,
                                   .on_bytes = on_bytes,
                                   .on_close = on_close,
                                   .on_missing = on_missing,
                                   .on_denied = on_denied,
                                   .arg = p};

    calls_init(&p->calls, p->loop, p->http, p->session, &p->contact, p->url.base);
    p->acts = (struct acts){.calls = &p->calls,
                            .version = &p->probe.version,
                            .name_of = name_of,
                            .on_odd = on_odd,
                            .arg = p};
    p->probe = (struct probe){.calls = &p->calls,
                              .api_key = p->api_key,
                              .key_ends_us = STAMP_NONE,
                              .on_version = on_version,
                              .on_key_end = watch_key_end,
                              .arg = p};
    if (asker_init(&p->lookups, &p->acts,
                   opts->lookup_rate > 0 ? opts->lookup_rate : LOOKUP_RATE) ||
        asker_init(&p->onlines, &p->acts, opts->online_rate) || watch_init(p))
        return ERR_NOMEM;
    return streams_new(&streams, &p->streams);
}

int panel_new(struct loop *loop, struct worker *worker, const struct panel_opts *opts,
              const struct panel_events *events, void *arg, struct panel **ret_panel,
              struct err *err)
{
    struct panel *p = calloc(1, sizeof(*p));
    int rc;

    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    p->loop = loop;
    p->worker = worker;
    p->events = *events;
    p->arg = arg;
    p->cache = opts->cache;
    p->nodes_us = STAMP_NONE;
    p->no_streams = opts->no_streams;
    p->poll_us = opts->nodes_poll_s * SECOND;
    rc = panel_url_parse(slice_of(opts->domain), &p->url, err);
    if (rc)
        goto fail;
    if (opts->api_key && *opts->api_key) {
        p->api_key = strdup(opts->api_key);
        rc = p->api_key ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");
        if (rc)
            goto fail;
    }
    rc = make_http(p, opts, err);
    if (!rc)
        rc = make_session(p, opts, err);
    if (rc)
        goto fail;
    rc = make_parts(p, opts);
    if (rc) {
        err_set(err, rc, "out of memory");
        goto fail;
    }
    port_init(p);
    *ret_panel = p;
    return ERR_OK;
fail:
    panel_free(p);
    return rc;
}

void panel_start(struct panel *p)
{
    if (p->unverified)
        log_warning("panel",
                    "PANEL_TLS_VERIFY is off: whoever sits between us and %s can read and "
                    "change everything, the panel password included",
                    p->url.base);
    if (!p->url.https)
        log_warning("panel", "%s is plain http: the panel password and all names travel readable",
                    p->url.base);
    probe_version(&p->probe);
    watch_start(p);
}

void panel_free(struct panel *p)
{
    if (!p)
        return;
    p->closing = true;
    p->calls.closing = true;
    listing_cancel(p);
    streams_free(p->streams);
    p->streams = NULL;
    if (p->lookups.acts)
        asker_close(&p->lookups);
    if (p->onlines.acts)
        asker_close(&p->onlines);
    if (p->session && p->calls.loop) {
        probe_close(&p->probe);
        calls_close(&p->calls);
        acts_close(&p->acts);
    }
    watch_release(p);
    asker_release(&p->lookups);
    asker_release(&p->onlines);
    session_free(p->session);
    contact_release(&p->contact);
    http_free(p->http);
    if (p->api_key)
        explicit_bzero(p->api_key, strlen(p->api_key));
    free(p->api_key);
    free(p);
}

struct panel_state panel_state(const struct panel *p)
{
    const struct http_peer *peer = http_peer(p->http);

    return (struct panel_state){
        .up = p->contact.up,
        .since_us = p->contact.since_us,
        .error = p->login.code   ? p->login.text
                 : p->contact.up ? ""
                                 : p->down.text,
        .base = p->url.base,
        .session = session_state(p->session),
        .has_key = session_has_key(p->session),
        .version = p->probe.version,
        .nodes_known = p->nodes_us != STAMP_NONE,
        .nodes_us = p->nodes_us,
        .n_nodes = p->nodes.n,
        .streams_open = streams_open_count(p->streams),
        .logins = session_logins(p->session),
        .cert_ends_us = peer->known ? peer->not_after_us : STAMP_NONE,
        .key_ends_us = p->probe.key_ends_us,
    };
}

const struct panel_node *panel_nodes(const struct panel *p, size_t *ret_n)
{
    *ret_n = p->nodes.n;
    return p->nodes.at;
}

int panel_stream(const struct panel *p, int64_t node_id, struct panel_stream_state *ret_s)
{
    return streams_state(p->streams, node_id, ret_s);
}

unsigned panel_streams_forgotten(const struct panel *p)
{
    return streams_forgotten(p->streams);
}

int panel_streams_reopen(struct panel *p, int64_t node_id)
{
    return streams_reopen(p->streams, node_id);
}

void panel_nodes_now(struct panel *p)
{
    watch_now(p);
}

void panel_set_timing(struct panel *p, unsigned nodes_poll_s, unsigned stream_refresh_s,
                      double online_rate)
{
    p->poll_us = nodes_poll_s * SECOND;
    streams_set_refresh(p->streams, stream_refresh_s * SECOND);
    asker_set_rate(&p->onlines, online_rate);
}

double panel_online_rate(const struct panel *p)
{
    return p->onlines.pace.rate;
}

void panel_set_streaming(struct panel *p, bool on)
{
    if (p->no_streams == on)
        watch_streaming(p, on);
}

void panel_set_names(struct panel *p, bool (*fn)(void *arg, int64_t id, struct slice *ret_name),
                     void *arg)
{
    p->name_of = fn;
    p->name_arg = arg;
}
