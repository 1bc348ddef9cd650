/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/probe.h"

#include "base/stamp.h"
#include "panel/jval.h"
#include "base/banned.h"

enum { PROBE_TRIES = 3 };

static int ask(struct probe *p, const char *path, const char *what, call_fn fn)
{
    struct call_opts opts = {.method = "GET", .path = path, .what = what, .tries = PROBE_TRIES};

    return call_start(p->calls, &opts, fn, p, &p->call);
}

static void fail(struct probe *p, int rc, const struct err *err)
{
    struct err own;

    if (!err) {
        err_set(&own, rc, "%s", err_name(rc));
        err = &own;
    }
    p->on_version(p->arg, rc, err);
}

static void guess(struct probe *p, bool by_id_route)
{
    struct err none = {0};

    pversion_guess(p->disabled_status, by_id_route, session_has_key(p->calls->session),
                   &p->version);
    p->on_version(p->arg, ERR_OK, &none);
}

static void on_by_id(void *arg, const struct call_result *r)
{
    struct probe *p = arg;

    p->call = NULL;
    if (r->status == 0 || r->rc == ERR_AUTH || r->rc == ERR_UNREACHABLE)
        fail(p, r->rc, r->err);
    else
        guess(p, !(r->status == 404 && r->missing == MISSING_ROUTE));
}

static void on_disabled(void *arg, const struct call_result *r)
{
    struct probe *p = arg;
    int rc;

    p->call = NULL;
    if (r->status == 0 || r->rc == ERR_AUTH || r->rc == ERR_UNREACHABLE) {
        fail(p, r->rc, r->err);
        return;
    }
    p->disabled_status = r->status;
    if (r->status == 405 || session_has_key(p->calls->session)) {
        guess(p, true);
        return;
    }
    rc = ask(p, "/api/user/by-id/0", "version by what answers", on_by_id);
    if (rc)
        fail(p, rc, NULL);
}

static void on_system(void *arg, const struct call_result *r)
{
    struct probe *p = arg;
    struct pversion version;
    struct err err = {0};
    int rc = r->rc;

    p->call = NULL;
    if (rc == ERR_OK) {
        rc = pversion_parse_system(buf_slice(r->body), &version, &err);
        if (!rc) {
            p->version = version;
            p->on_version(p->arg, ERR_OK, &err);
            return;
        }
    }
    if (r->status == 0 || rc == ERR_AUTH || rc == ERR_UNREACHABLE) {
        fail(p, rc, r->err);
        return;
    }
    rc = ask(p, "/api/user/by-id/0/disabled", "version by what answers", on_disabled);
    if (rc)
        fail(p, rc, NULL);
}

void probe_version(struct probe *p)
{
    int rc;

    if (p->call)
        return;
    rc = ask(p, "/api/system", "version of the panel", on_system);
    if (rc)
        fail(p, rc, NULL);
}

/* The list shows "pg_key_f20***a85" of each key: the beginning and the end. */
static bool same_key(struct slice trimmed, struct slice key)
{
    const char *star = memmem(trimmed.p ? trimmed.p : "", trimmed.n, "***", 3);
    struct slice head, tail;

    if (!star)
        return false;
    head = (struct slice){trimmed.p, (size_t)(star - trimmed.p)};
    tail = slice_skip(trimmed, head.n + 3);
    return head.n >= 8 && tail.n >= 3 && slice_starts(key, head) && slice_ends(key, tail);
}

int64_t probe_find_key(struct slice body, struct slice key)
{
    const struct jval *list, *v;
    struct slice ends;
    struct jval *doc;
    int64_t us = STAMP_NONE, found = STAMP_NONE;
    size_t i;

    if (jval_parse(body, &doc, NULL) != ERR_OK)
        return STAMP_NONE;
    list = jval_is_array(doc) ? doc : jval_get(doc, "api_keys");
    for (i = 0; i < jval_len(list); i++) {
        v = jval_at(list, i);
        ends = jval_opt_text(v, "expire_date");
        if (!same_key(jval_opt_text(v, "api_key_trimmed"), key))
            continue;
        if (jval_get(v, "revoked_at") || stamp_parse_iso(ends, &us) != ERR_OK)
            us = STAMP_NONE;
        if (found == STAMP_NONE || (us != STAMP_NONE && us < found))
            found = us;
    }
    jval_free(doc);
    return found;
}

static void on_keys(void *arg, const struct call_result *r)
{
    struct probe *p = arg;

    p->call = NULL;
    if (r->rc)
        return;
    p->key_ends_us = probe_find_key(buf_slice(r->body), slice_of(p->api_key));
    if (p->key_ends_us != STAMP_NONE)
        p->on_key_end(p->arg, p->key_ends_us);
}

void probe_key(struct probe *p)
{
    struct call_opts opts = {.method = "GET",
                             .path = "/api/api_keys",
                             .what = "end of the API key"};

    if (!p->api_key || p->call)
        return;
    if (call_start(p->calls, &opts, on_keys, p, &p->call) != ERR_OK)
        p->call = NULL;
}

void probe_close(struct probe *p)
{
    call_cancel(p->call);
    p->call = NULL;
}
