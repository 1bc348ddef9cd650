/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/doctor/doctor_int.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "base/banned.h"

static const int64_t day_us = 86400 * STAMP_SECOND;
static const int64_t starting_us = 15 * STAMP_SECOND; /* a call is given up sooner */
static const int64_t told_ahead_us = 14 * 86400 * STAMP_SECOND;
static const int64_t old_days = 365; /* networks change hands slowly */
enum { MIB = 1 << 20, TESTED_MAJOR = 5 };

bool doctor_panel_is_new(int major)
{
    return major > TESTED_MAJOR;
}

void doctor_facts_init(struct doctor_facts *f, int64_t now_us)
{
    int i;

    memset(f, 0, sizeof(*f));
    f->now_us = now_us;
    f->cert_ends_us = f->key_ends_us = STAMP_NONE;
    f->disk_free = f->outbox = -1;
    for (i = 0; i < ASK_COUNT; i++)
        f->asks[i].rc = DOCTOR_NOT_ASKED;
}

void doctor_facts_release(struct doctor_facts *f)
{
    free(f->nodes);
    f->nodes = NULL;
    f->n_nodes = 0;
}

bool doctor_just_started(const struct doctor *d)
{
    return d->f->daemon && d->f->watched_us < starting_us;
}

void doctor_say(struct doctor *d, const char *check, const char *subject, enum level level,
                const char *cure, const char *fmt, ...)
{
    static const char *const names[] = {"ok", "warning", "failed", "skipped"};
    char text[1024];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    jout_open(d->out, NULL, '{');
    jout_text(d->out, "check", check);
    jout_text(d->out, "subject", subject);
    jout_text(d->out, "level", names[level]);
    jout_text(d->out, "text", text);
    jout_text(d->out, "cure", level == LEVEL_OK ? NULL : cure);
    jout_close(d->out, '}');
    d->failed += level == LEVEL_FAILED;
    d->warnings += level == LEVEL_WARNING;
}

/* ---- panel ---- */

static bool is_plain_http(const char *url)
{
    return strncmp(url, "http://", 7) == 0 && strncmp(url, "http://127.", 11) != 0 &&
           strncmp(url, "http://localhost", 16) != 0 && strncmp(url, "http://[::1]", 12) != 0;
}

static bool is_about_tls(const char *text)
{
    return strstr(text, "certificate") || strstr(text, "TLS") || strstr(text, "handshake");
}

static void judge_reach(struct doctor *d)
{
    const struct doctor_facts *f = d->f;
    bool tls = !f->up && is_about_tls(f->error);

    if (!f->url[0])
        doctor_say(d, "panel", NULL, LEVEL_FAILED,
                   "write PANEL_DOMAIN=host:port and a login or PANEL_API_KEY into .env",
                   "no panel is configured: %s", f->error);
    else if (f->up || f->refused)
        doctor_say(d, "panel", NULL, LEVEL_OK, NULL, "%s answers", f->url);
    else if (tls)
        doctor_say(d, "panel", NULL, LEVEL_SKIPPED, NULL, "%s could not be asked", f->url);
    else if (!f->error[0] && doctor_just_started(d))
        doctor_say(d, "panel", NULL, LEVEL_WARNING, "ask again in a moment",
                   "%s has not answered yet: the daemon has just started", f->url);
    else
        doctor_say(d, "panel", NULL, LEVEL_FAILED,
                   "is PANEL_DOMAIN right, does the panel run, does a firewall stand between?",
                   "%s does not answer: %s", f->url, f->error[0] ? f->error : "no answer");
    if (tls)
        doctor_say(d, "tls", NULL, LEVEL_FAILED,
                   "set PANEL_CA_FILE or PANEL_TLS_PIN, or give the panel a valid certificate",
                   "%s", f->error);
    else if (is_plain_http(f->url))
        doctor_say(d, "tls", NULL, LEVEL_WARNING, "use https, or a tunnel",
                   "%s is not encrypted: login and key can be read on the way", f->url);
    else if (!settings_bool(d->s, SET_PANEL_TLS_VERIFY) && strncmp(f->url, "https", 5) == 0)
        doctor_say(d, "tls", NULL, LEVEL_WARNING,
                   "set PANEL_TLS_PIN (the doctor prints no key here; start without "
                   "PANEL_TLS_VERIFY=false and the error shows the line to paste)",
                   "PANEL_TLS_VERIFY=false: whoever stands between can read and change everything");
    else if (f->up && strncmp(f->url, "https", 5) == 0)
        doctor_say(d, "tls", NULL, LEVEL_OK, NULL, "the panel's certificate is accepted");
}

/* A date that may come near: certificate, API key. */
static void judge_end(struct doctor *d, const char *check, const char *what, int64_t ends_us,
                      const char *cure)
{
    int64_t left_us = ends_us - d->f->now_us;
    char when[STAMP_TEXT];

    if (ends_us == STAMP_NONE)
        return;
    stamp_iso(ends_us, when);
    if (left_us <= 0)
        doctor_say(d, check, NULL, LEVEL_FAILED, cure, "%s ended on %.10s", what, when);
    else
        doctor_say(d, check, NULL, left_us < told_ahead_us ? LEVEL_WARNING : LEVEL_OK, cure,
                   "%s ends on %.10s, in %lld days", what, when, (long long)(left_us / day_us));
}

static void judge_login(struct doctor *d)
{
    const struct doctor_facts *f = d->f;
    const char *with = f->has_key ? "API key" : "password";

    if (f->refused)
        doctor_say(d, "login", NULL, LEVEL_FAILED,
                   f->has_key ? "make a new key in the panel and set PANEL_API_KEY"
                              : "set PANEL_USERNAME and PANEL_PASSWORD to a login that works",
                   "the panel refuses the %s: %s", with, f->error);
    else if (!f->up)
        doctor_say(d, "login", NULL, LEVEL_SKIPPED, NULL, "the panel was not reached");
    else
        doctor_say(d, "login", NULL, LEVEL_OK, NULL, "the panel takes the %s", with);
    if (!f->up)
        return;
    judge_end(d, "certificate", "the panel's certificate", f->cert_ends_us,
              "renew the certificate of the panel");
    if (f->has_key)
        judge_end(d, "key", "the API key", f->key_ends_us,
                  "make a new key in the panel and set PANEL_API_KEY");
    if (!f->version[0])
        doctor_say(d, "version", NULL, LEVEL_WARNING, "allow system read to the login",
                   "the panel's version is not known");
    else if (doctor_panel_is_new(f->version_major))
        doctor_say(d, "version", NULL, LEVEL_WARNING, "look for an update of this program",
                   "panel %s is newer than any this version was tested with", f->version);
    else
        doctor_say(d, "version", NULL, LEVEL_OK, NULL, "panel %s%s", f->version,
                   f->version_guessed ? " (told from what answers)" : "");
}

/* ---- permissions ---- */

static bool needs_groups(const struct settings *s)
{
    return strcmp(settings_text(s, SET_DISABLE_METHOD), "group") == 0 ||
           settings_has(s, SET_GROUP_FILTER);
}

static void judge_permissions(struct doctor *d)
{
    static const struct {
        enum doctor_ask ask;
        const char *permission, *for_what;
    } rows[] = {
        {ASK_USERS, "users read", "who a user is, and how he is before he is disabled"},
        {ASK_SIMPLE, "users read_simple", "a cheaper list of all users"},
        {ASK_UPDATE, "users update", "disabling and enabling"},
        {ASK_STATS, "nodes stats", "the online list, asked before a verdict"},
        {ASK_GROUPS, "groups read", "groups of users: group method, limits and filters by group"},
        {ASK_ADMINS, "admins read", "owners of users: filters by admin"},
    };
    char cure[160];
    size_t i;

    for (i = 0; d->f->up && i < ARRAY_LEN(rows); i++) {
        const struct doctor_answer *a = &d->f->asks[rows[i].ask];
        bool needed = rows[i].ask == ASK_USERS || rows[i].ask == ASK_UPDATE ||
                      (rows[i].ask == ASK_GROUPS && needs_groups(d->s)) ||
                      (rows[i].ask == ASK_ADMINS && settings_has(d->s, SET_ADMIN_FILTER));

        snprintf(cure, sizeof(cure), "allow \"%s\" to the role or the key in the panel",
                 rows[i].permission);
        if (a->rc == DOCTOR_NOT_ASKED)
            doctor_say(d, "permission", rows[i].permission, LEVEL_SKIPPED, NULL, "%s",
                       a->text[0] ? a->text : "not asked");
        else if (a->rc == ERR_OK)
            doctor_say(d, "permission", rows[i].permission, LEVEL_OK, NULL, "allowed");
        else if (a->rc == ERR_FORBIDDEN)
            doctor_say(d, "permission", rows[i].permission, needed ? LEVEL_FAILED : LEVEL_WARNING,
                       cure, "refused (needed for %s): %s", rows[i].for_what, a->text);
        else
            doctor_say(d, "permission", rows[i].permission, LEVEL_WARNING,
                       "run the doctor again when the panel answers", "could not be checked: %s",
                       a->text);
    }
}

/* ---- this machine ---- */

static void judge_machine(struct doctor *d)
{
    const struct doctor_facts *f = d->f;

    if (f->db_rc == ERR_NOT_FOUND)
        doctor_say(d, "database", NULL, LEVEL_WARNING, "start the daemon: it makes it", "%s",
                   f->db_text);
    else if (f->db_rc)
        doctor_say(
            d, "database", NULL, LEVEL_FAILED,
            f->db_rc == ERR_CORRUPT
                ? "stop the daemon, keep the file, and restore a backup or the copy beside it"
                : "see the reason; nobody is disabled while the journal cannot be written",
            "%s", f->db_text);
    else
        doctor_say(d, "database", NULL, LEVEL_OK, NULL, "%s (%lld MiB)",
                   f->db_text[0] ? f->db_text : "undamaged", (long long)(f->db_bytes / MIB));
    if (f->disk_free >= 0)
        doctor_say(d, "disk", NULL,
                   f->disk_free < (int64_t)100 * MIB    ? LEVEL_FAILED
                   : f->disk_free < (int64_t)1024 * MIB ? LEVEL_WARNING
                                                        : LEVEL_OK,
                   "make room: with a full disk nobody can be disabled",
                   "%lld MiB free where DATA_DIR is", (long long)(f->disk_free / MIB));
}

static void judge_files(struct doctor *d)
{
    char cure[sizeof(d->f->files[0].path) + 96];
    size_t i;

    for (i = 0; i < d->f->n_files; i++) {
        const struct doctor_file *f = &d->f->files[i];

        if (f->uid != f->owner_uid) {
            snprintf(cure, sizeof(cure), "chown %s %s", f->owner, f->path);
            doctor_say(d, "file", f->path, LEVEL_FAILED, cure,
                       "belongs to user %u, and the daemon runs as %s: it cannot rely on it",
                       f->uid, f->owner);
        } else if (f->mode & ~f->want) {
            snprintf(cure, sizeof(cure), "chmod %o %s", f->want, f->path);
            doctor_say(d, "file", f->path, LEVEL_WARNING, cure,
                       "others on this machine may get at the secrets in it (mode %o)", f->mode);
        } else {
            doctor_say(d, "file", f->path, LEVEL_OK, NULL, "belongs to %s, mode %o", f->owner,
                       f->mode);
        }
    }
}

static void judge_settings(struct doctor *d)
{
    const char *why;
    int i, n = 0;

    for (i = 0; i < SET_COUNT; i++) {
        enum setting id = (enum setting)i;

        if (settings_origin(d->s, id) == ORIGIN_DEFAULT)
            continue;
        why = d->f->note ? d->f->note(d->f->note_arg, d->s, id) : NULL;
        n += why != NULL;
        if (why)
            doctor_say(d, "setting", setting_def(id)->key, LEVEL_WARNING,
                       "see the reason, or `pg-limiter config reset`", "%s", why);
        if (why || !setting_is_later(id, settings_text(d->s, id)))
            continue;
        n++;
        doctor_say(d, "setting", setting_def(id)->key, LEVEL_WARNING,
                   "it may stay: it waits for a later version",
                   "is kept, but without effect in this version");
    }
    if (strcmp(settings_text(d->s, SET_ENFORCEMENT), "on") != 0)
        doctor_say(d, "setting", "enforcement", LEVEL_WARNING,
                   "`pg-limiter mode on` when you have looked", "is %s: nobody is disabled",
                   settings_text(d->s, SET_ENFORCEMENT));
    else if (n == 0)
        doctor_say(d, "setting", NULL, LEVEL_OK, NULL, "every setting that is set has an effect");
}

static void judge_geo(struct doctor *d)
{
    static const char *const names[DATA_COUNT] = {"country data", "network data"};
    int i;

    for (i = 0; i < DATA_COUNT; i++) {
        const struct doctor_geo *g = &d->f->geo[i];
        bool filter = i == DATA_COUNTRY && settings_has(d->s, SET_COUNTRY_CODE);

        if (!g->known)
            continue;
        if (!g->in_effect)
            doctor_say(d, "geo", names[i], filter ? LEVEL_FAILED : LEVEL_WARNING,
                       "`pg-limiter geo update`, or install the package with the data",
                       "not in effect%s%s%s", filter ? ", and so is country_code" : "",
                       g->problem[0] ? ": " : "", g->problem);
        else if (g->age_days > old_days)
            doctor_say(d, "geo", names[i], LEVEL_WARNING, "`pg-limiter geo update`",
                       "%lld days old", (long long)g->age_days);
        else
            doctor_say(d, "geo", names[i], LEVEL_OK, NULL, "%lld days old", (long long)g->age_days);
    }
}

static void judge_telegram(struct doctor *d)
{
    const struct doctor_facts *f = d->f;

    if (!settings_has(d->s, SET_BOT_TOKEN)) {
        doctor_say(d, "telegram", NULL, LEVEL_SKIPPED, NULL, "no bot: BOT_TOKEN is not set");
        return;
    }
    if (!f->telegram_asked)
        doctor_say(d, "telegram", NULL, LEVEL_SKIPPED, NULL, "Telegram was not asked");
    else if (f->telegram_up)
        doctor_say(d, "telegram", NULL, LEVEL_OK, NULL, "Telegram answers%s%s",
                   f->telegram[0] ? "; the bot is @" : "", f->telegram);
    else
        doctor_say(d, "telegram", NULL, LEVEL_FAILED,
                   settings_has(d->s, SET_TELEGRAM_PROXY)
                       ? "see the reason; is TELEGRAM_PROXY still a way out?"
                       : "see the reason; where Telegram is blocked, set TELEGRAM_PROXY",
                   "%s", f->telegram);
    if (!settings_has(d->s, SET_ADMIN_IDS))
        doctor_say(d, "telegram", "admin_ids", LEVEL_WARNING,
                   "write ADMIN_IDS=<your Telegram id> into .env, then restart",
                   "ADMIN_IDS is empty: the bot serves nobody");
    if (f->outbox > 0)
        doctor_say(d, "telegram", "outbox", f->telegram_up ? LEVEL_OK : LEVEL_WARNING,
                   "they go out as soon as Telegram can be reached",
                   "%lld messages wait to be delivered", (long long)f->outbox);
}

static void judge_cache(struct doctor *d)
{
    const struct doctor_cache *c = &d->f->cache;

    if (!settings_has(d->s, SET_REDIS_URL)) {
        doctor_say(d, "cache", NULL, LEVEL_OK, NULL, "in memory: REDIS_URL is not set");
        return;
    }
    if (!c->asked) {
        doctor_say(d, "cache", NULL, LEVEL_SKIPPED, NULL, "Redis was not asked");
        return;
    }
    if (!c->in_redis) {
        doctor_say(d, "cache", NULL, LEVEL_WARNING,
                   c->cure ? c->cure
                           : "see the reason: does Redis run there? It is tried again by itself",
                   "in memory only: %s%s%s", c->url, c->url[0] ? ": " : "", c->why);
        return;
    }
    doctor_say(d, "cache", NULL, LEVEL_OK, NULL, "%s at %s, answers in %.1f ms",
               c->server[0] ? c->server : "Redis", c->url, (double)c->answer_us / 1000);
    if (c->maxmemory > 0 && !strcmp(c->policy, "noeviction"))
        doctor_say(d, "cache", "maxmemory-policy", LEVEL_WARNING,
                   "`CONFIG SET maxmemory-policy allkeys-lru` and the same in redis.conf",
                   "is noeviction: when Redis is full it takes nothing more");
    if (c->open_network)
        doctor_say(d, "cache", "tls", LEVEL_WARNING, "use rediss://, or Redis on this machine",
                   "Redis is reached over the network without TLS: its password can be read there");
}

static void judge_webhook(struct doctor *d)
{
    const struct doctor_webhook *w = &d->f->webhook;
    int64_t old_min = w->waiting ? (d->f->now_us - w->oldest_us) / STAMP_SECOND / 60 : 0;

    if (!settings_has(d->s, SET_WEBHOOK_URL)) {
        doctor_say(d, "webhook", NULL, LEVEL_SKIPPED, NULL, "none: WEBHOOK_URL is not set");
        return;
    }
    if (!settings_has(d->s, SET_WEBHOOK_SECRET)) {
        doctor_say(d, "webhook", "webhook_secret", LEVEL_FAILED,
                   "`pg-limiter config set webhook_secret SECRET`, and the same at the receiver",
                   "is not set, and nothing is sent unsigned: %lld events wait",
                   (long long)w->waiting);
        return;
    }
    if (!w->asked)
        doctor_say(d, "webhook", NULL, LEVEL_SKIPPED, NULL, "only the daemon sends events");
    else if (w->failing)
        doctor_say(d, "webhook", NULL, LEVEL_FAILED, w->cure,
                   "%s: %s; %lld events wait, the oldest for %lld min", w->url, w->why,
                   (long long)w->waiting, (long long)old_min);
    else if (!w->tried)
        doctor_say(d, "webhook", NULL, LEVEL_OK, "`pg-limiter webhook test` tries it",
                   "%s; nothing has been sent since the start", w->url);
    else
        doctor_say(d, "webhook", NULL, LEVEL_OK, NULL, "%s takes events, %lld wait", w->url,
                   (long long)w->waiting);
    if (w->lost)
        doctor_say(d, "webhook", "lost", LEVEL_WARNING,
                   "`pg-limiter events` still has those of events_days",
                   "%lld events were given up since the webhook was set", (long long)w->lost);
    if (w->open_network)
        doctor_say(d, "webhook", "tls", LEVEL_WARNING, "use https://",
                   "events go over the network without TLS: names and addresses can be read there");
}

void doctor_judge(const struct doctor_facts *f, const struct settings *s, struct buf *out)
{
    struct doctor d = {.f = f, .s = s, .out = out};

    jout_open(out, NULL, '{');
    jout_open(out, "checks", '[');
    if (f->access)
        ;
    else if (f->daemon)
        doctor_say(&d, "daemon", NULL, LEVEL_OK, NULL, "runs");
    else
        doctor_say(
            &d, "daemon", NULL, LEVEL_WARNING, "start it: `pg-limiter run`",
            "no daemon is running: the panel was asked from here, and its nodes heard for %lld s",
            (long long)(f->watched_us / STAMP_SECOND));
    judge_reach(&d);
    judge_login(&d);
    judge_permissions(&d);
    doctor_judge_nodes(&d);
    judge_telegram(&d);
    if (!f->access) {
        judge_cache(&d);
        judge_webhook(&d);
        judge_machine(&d);
        judge_files(&d);
        judge_geo(&d);
        judge_settings(&d);
    }
    jout_close(out, ']');
    jout_int(out, "failed", d.failed);
    jout_int(out, "warnings", d.warnings);
    jout_close(out, '}');
}
