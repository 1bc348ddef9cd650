/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cache/redis_int.h"

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "base/banned.h"

/* The first words said to a server, and what its refusals mean. */

#define PROBE_TEXT "ok"
#define PROBE_LIFE "60"
#define ACL_CURE \
    "the user needs ~pgl:* +auth +select +ping +get +set +del, and +info to tell its version"

/* Errors that stand for the whole connection, by how their text begins. */
static const struct {
    const char *begins, *means, *cure;
} fatal[] = {
    {"NOAUTH", "it asks for a password", "set REDIS_PASSWORD, or user and password in REDIS_URL"},
    {"WRONGPASS", "it refuses user or password", "check user and password of REDIS_URL"},
    {"ERR invalid password", "it refuses the password", "check REDIS_PASSWORD"},
    {"ERR AUTH", "it has no password, but one is set here", "remove REDIS_PASSWORD"},
    {"ERR Client sent AUTH", "it has no password, but one is set here", "remove REDIS_PASSWORD"},
    {"NOPERM", "its user may not do what is needed", ACL_CURE},
    {"DENIED", "it is in protected mode and answers its own machine only",
     "give it a password, and set REDIS_PASSWORD"},
    {"LOADING", "it is still loading its data", NULL},
    {"OOM", "its memory is full (maxmemory), and it may drop nothing",
     "`CONFIG SET maxmemory-policy allkeys-lru`, or more maxmemory"},
    {"MISCONF", "it cannot save its data to the disk, and so takes none",
     "see the log of Redis: is its disk full?"},
    {"READONLY", "it is a replica, which takes no data", "let REDIS_URL name the primary"},
    {"MASTERDOWN", "it is a replica whose primary is away", "let REDIS_URL name the primary"},
    {"CLUSTERDOWN", "it is part of a cluster that is down", "use a server without cluster mode"},
    {"MOVED", "it is part of a cluster", "use a server without cluster mode"},
    {"ASK ", "it is part of a cluster", "use a server without cluster mode"},
    {"NOREPLICAS", "it has too few replicas to take data", NULL},
    {"BUSY", "it is busy with a script", NULL},
    {"ERR DB index", "it has no database of that number",
     "check the number at the end of REDIS_URL"},
    {"ERR invalid DB index", "it has no database of that number",
     "check the number at the end of REDIS_URL"},
    {"ERR max number of clients", "it has too many clients", "more maxclients for Redis"},
};

bool redis_is_fatal(struct slice error, struct err *err, const char **ret_cure)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(fatal); i++)
        if (slice_starts(error, slice_of(fatal[i].begins))) {
            err_set(err, ERR_REFUSED, "%s", fatal[i].means);
            *ret_cure = fatal[i].cure;
            return true;
        }
    return false;
}

/* Any other refusal of a word of the greeting. */
static bool refused(struct redis *r, int rc, const struct resp_reply *reply, const char *what)
{
    struct err why = {0};
    char text[96];
    size_t i, n;

    if (rc)
        return true;
    if (reply->type != RESP_ERROR)
        return false;
    n = reply->text.n < sizeof(text) - 1 ? reply->text.n : sizeof(text) - 1;
    for (i = 0; i < n; i++)
        text[i] = reply->text.p[i] >= ' ' && reply->text.p[i] < 0x7f ? reply->text.p[i] : '?';
    text[n] = '\0';
    err_set(&why, ERR_REFUSED, "it refuses %s: %s", what, text);
    redis_lost(r, &why, NULL);
    return true;
}

static void on_auth(void *arg, int rc, const struct resp_reply *reply)
{
    /* What it refuses may hold the password. */
    static const struct resp_reply plain = {.type = RESP_ERROR, .text = SLICE("not said why")};

    (void)refused(arg, rc, reply && reply->type == RESP_ERROR ? &plain : reply, "the login");
}

static void on_select(void *arg, int rc, const struct resp_reply *reply)
{
    (void)refused(arg, rc, reply, "the database");
}

static void on_set(void *arg, int rc, const struct resp_reply *reply)
{
    (void)refused(arg, rc, reply, "to keep a value");
}

static void on_get(void *arg, int rc, const struct resp_reply *reply)
{
    struct redis *r = arg;
    struct err why = {0};

    if (refused(r, rc, reply, "to give a value"))
        return;
    if (reply->type == RESP_TEXT && slice_eq(reply->text, SLICE(PROBE_TEXT))) {
        redis_is_ready(r);
        return;
    }
    err_set(&why, ERR_PROTOCOL, "it does not give back what it was given");
    redis_lost(r, &why, "see what listens at REDIS_URL, and how much memory it may use");
}

static bool field(struct slice info, const char *name, struct slice *ret)
{
    struct slice key = slice_of(name);

    while (info.p) {
        struct slice line = slice_cut(&info, '\n');

        if (slice_starts(line, key)) {
            *ret = slice_trim(slice_skip(line, key.n));
            return ret->n > 0;
        }
    }
    return false;
}

/* At most max - 1 harmless characters. */
static void copy(char *out, size_t max, struct slice s)
{
    size_t i, n = 0;

    for (i = 0; i < s.n && n + 1 < max; i++)
        if ((s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= 'A' && s.p[i] <= 'Z') ||
            (s.p[i] >= '0' && s.p[i] <= '9') || s.p[i] == '.' || s.p[i] == '-')
            out[n++] = s.p[i];
    out[n] = '\0';
}

void redis_read_info(struct redis_facts *facts, struct slice info)
{
    struct slice s;
    char version[24];

    if (field(info, "valkey_version:", &s)) {
        copy(version, sizeof(version), s);
        snprintf(facts->server, sizeof(facts->server), "Valkey %s", version);
    } else if (field(info, "redis_version:", &s)) {
        copy(version, sizeof(version), s);
        snprintf(facts->server, sizeof(facts->server), "Redis %s", version);
    }
    if (field(info, "maxmemory_policy:", &s))
        copy(facts->policy, sizeof(facts->policy), s);
    if (!field(info, "maxmemory:", &s) || num_int(s, 0, INT64_MAX, &facts->maxmemory))
        facts->maxmemory = -1;
}

static void on_info(void *arg, int rc, const struct resp_reply *reply)
{
    struct redis *r = arg;

    /* A user without the permission is no fault. */
    if (rc || reply->type != RESP_TEXT)
        return;
    redis_read_info(&r->facts, reply->text);
    redis_changed(r);
}

void redis_greet(struct redis *r)
{
    struct slice user = slice_of(r->url.user), password = slice_of(r->url.password);
    struct slice auth2[] = {SLICE("AUTH"), password}, auth3[] = {SLICE("AUTH"), user, password};
    struct slice info[] = {SLICE("INFO")};
    struct slice probe = slice_of(r->probe);
    struct slice get[] = {SLICE("GET"), probe};
    struct slice set[] = {SLICE("SET"), probe, SLICE(PROBE_TEXT), SLICE("EX"), SLICE(PROBE_LIFE)};
    struct err why = {0};
    char number[16];
    int rc = ERR_OK;

    snprintf(number, sizeof(number), "%d", r->url.db);
    if (user.n)
        rc = redis_put(r, auth3, 3, on_auth, r);
    else if (password.n)
        rc = redis_put(r, auth2, 2, on_auth, r);
    if (!rc && r->url.db) {
        struct slice select[] = {SLICE("SELECT"), slice_of(number)};

        rc = redis_put(r, select, 2, on_select, r);
    }
    if (!rc)
        rc = redis_put(r, set, 5, on_set, r);
    if (!rc)
        rc = redis_put(r, get, 2, on_get, r);
    if (!rc)
        rc = redis_put(r, info, 1, on_info, r);
    if (rc) {
        err_set(&why, rc, "the greeting could not be sent: %s", err_name(rc));
        redis_lost(r, &why, NULL);
    }
}
