/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/settings.h"

#include <stdlib.h>

#include "base/limits.h"
#include "base/banned.h"

static void choose(struct settings *s, enum setting id)
{
    int origin = ORIGIN_COUNT - 1;

    while (origin > ORIGIN_DEFAULT && !s->layer[id][origin].text)
        origin--;
    s->in_force[id] = (enum setting_origin)origin;
}

int settings_init(struct settings *s)
{
    struct err err;
    int id, rc;

    memset(s, 0, sizeof(*s));
    for (id = 0; id < SET_COUNT; id++) {
        rc = settings_set(s, (enum setting)id, ORIGIN_DEFAULT,
                          slice_of(setting_def((enum setting)id)->def), &err);
        if (rc) {
            settings_release(s);
            return rc;
        }
    }
    return ERR_OK;
}

void settings_release(struct settings *s)
{
    int id, origin;

    for (id = 0; id < SET_COUNT; id++)
        for (origin = 0; origin < ORIGIN_COUNT; origin++)
            free(s->layer[id][origin].text);
    memset(s, 0, sizeof(*s));
}

int settings_copy(struct settings *dst, const struct settings *src)
{
    int id, origin;

    memset(dst, 0, sizeof(*dst));
    for (id = 0; id < SET_COUNT; id++) {
        for (origin = 0; origin < ORIGIN_COUNT; origin++) {
            const struct setting_value *from = &src->layer[id][origin];

            if (!from->text)
                continue;
            dst->layer[id][origin] = *from;
            dst->layer[id][origin].text = strdup(from->text);
            if (!dst->layer[id][origin].text) {
                settings_release(dst);
                return ERR_NOMEM;
            }
        }
        dst->in_force[id] = src->in_force[id];
    }
    return ERR_OK;
}

int settings_set(struct settings *s, enum setting id, enum setting_origin origin, struct slice text,
                 struct err *err)
{
    const struct setting_def *def = setting_def(id);
    struct setting_value v = {NULL, 0, 0};
    struct buf canonical;
    int rc;

    if (origin == ORIGIN_DB && (def->flags & SETTING_STATIC))
        return err_set(err, ERR_INVALID,
                       "%s is read from .env and the environment only: write %s=... there, then "
                       "`pg-limiter restart`",
                       def->key, def->env);
    if (origin == ORIGIN_SECRETS && !(def->flags & SETTING_ACCESS))
        return err_set(err, ERR_INVALID, "%s is no panel access and has no place in secrets.env",
                       def->env);
    buf_init(&canonical, LIMIT_SETTING_VALUE + 64);
    rc = setting_check(id, text, &canonical, &v, err);
    if (rc) {
        buf_release(&canonical);
        return rc;
    }
    v.text = buf_take(&canonical);
    if (!v.text)
        v.text = strdup("");
    if (!v.text)
        return err_set(err, ERR_NOMEM, "%s: %s", def->key, err_name(ERR_NOMEM));
    free(s->layer[id][origin].text);
    s->layer[id][origin] = v;
    choose(s, id);
    return ERR_OK;
}

void settings_unset(struct settings *s, enum setting id, enum setting_origin origin)
{
    if (origin == ORIGIN_DEFAULT)
        return;
    free(s->layer[id][origin].text);
    s->layer[id][origin] = (struct setting_value){NULL, 0, 0};
    choose(s, id);
}

void settings_unset_all(struct settings *s, enum setting_origin origin)
{
    int id;

    for (id = 0; id < SET_COUNT; id++)
        settings_unset(s, (enum setting)id, origin);
}

static const struct setting_value *in_force(const struct settings *s, enum setting id)
{
    return &s->layer[id][s->in_force[id]];
}

const char *settings_text(const struct settings *s, enum setting id)
{
    return in_force(s, id)->text;
}

int64_t settings_int(const struct settings *s, enum setting id)
{
    return in_force(s, id)->i;
}

double settings_real(const struct settings *s, enum setting id)
{
    return in_force(s, id)->r;
}

bool settings_bool(const struct settings *s, enum setting id)
{
    return in_force(s, id)->i != 0;
}

bool settings_has(const struct settings *s, enum setting id)
{
    return in_force(s, id)->text[0] != '\0';
}

enum setting_origin settings_origin(const struct settings *s, enum setting id)
{
    return s->in_force[id];
}

const char *settings_layer(const struct settings *s, enum setting id, enum setting_origin origin)
{
    return s->layer[id][origin].text;
}

const char *setting_origin_name(enum setting_origin origin)
{
    static const char *const names[ORIGIN_COUNT] = {
        [ORIGIN_DEFAULT] = "default", [ORIGIN_FILE] = ".env",   [ORIGIN_SECRETS] = "secrets.env",
        [ORIGIN_ENV] = "environment", [ORIGIN_DB] = "database",
    };

    return names[origin];
}

/* An include filter that was asked for and names nobody would silently judge nobody. */
static int check_filter(const struct settings *s, enum setting mode, enum setting list,
                        struct err *err)
{
    if (settings_origin(s, mode) != ORIGIN_DEFAULT && settings_int(s, mode) == 0 &&
        !settings_has(s, list))
        return err_set(err, ERR_INVALID,
                       "%s=include with an empty %s would leave everyone alone: give %s first, or "
                       "reset %s",
                       setting_def(mode)->key, setting_def(list)->key, setting_def(list)->key,
                       setting_def(mode)->key);
    return ERR_OK;
}

int settings_cross_check(const struct settings *s, struct err *err)
{
    int rc;

    rc = check_filter(s, SET_GROUP_FILTER_MODE, SET_GROUP_FILTER, err);
    if (!rc)
        rc = check_filter(s, SET_ADMIN_FILTER_MODE, SET_ADMIN_FILTER, err);
    if (rc)
        return rc;
    if (settings_int(s, SET_DISABLE_METHOD) == 1 && settings_int(s, SET_DISABLED_GROUP_ID) == 0)
        return err_set(err, ERR_INVALID,
                       "disable_method=group needs disabled_group_id: set that first");
    if (settings_int(s, SET_FALLBACK_GROUP_ID) != 0 &&
        settings_int(s, SET_FALLBACK_GROUP_ID) == settings_int(s, SET_DISABLED_GROUP_ID))
        return err_set(err, ERR_INVALID, "fallback_group_id cannot be the group of disabled users");
    if (settings_int(s, SET_VERIFY_ONLINE) == 2 && settings_real(s, SET_ONLINE_RATE) <= 0)
        return err_set(err, ERR_INVALID,
                       "verify_online=require with online_rate=0 would never punish anyone");
    if (settings_int(s, SET_TICK) > settings_int(s, SET_ACTIVE_WINDOW))
        return err_set(err, ERR_INVALID, "tick must not be longer than active_window");
    if (settings_int(s, SET_PAIR_IDLE) < settings_int(s, SET_ACTIVE_WINDOW))
        return err_set(err, ERR_INVALID,
                       "pair_idle must not be shorter than active_window: evidence against devices "
                       "in use would be lost");
    if (settings_int(s, SET_PERSISTENT_SPAN) > settings_int(s, SET_PERSISTENT_WINDOW))
        return err_set(err, ERR_INVALID,
                       "persistent_span must not be longer than persistent_window: no device could "
                       "ever span it");
    if (settings_has(s, SET_API_TLS_CERT) != settings_has(s, SET_API_TLS_KEY))
        return err_set(err, ERR_INVALID, "api_tls_cert and api_tls_key belong together: give both");
    return ERR_OK;
}

int settings_check_panel(const struct settings *s, struct err *err)
{
    if (!settings_has(s, SET_PANEL_DOMAIN))
        return err_set(
            err, ERR_INVALID,
            "PANEL_DOMAIN is not set: write PANEL_DOMAIN=panel.example.com:8000 into .env");
    if (!settings_has(s, SET_PANEL_API_KEY) && !settings_has(s, SET_PANEL_PASSWORD))
        return err_set(
            err, ERR_INVALID,
            "neither PANEL_PASSWORD nor PANEL_API_KEY is set: write one of them into .env");
    if (!settings_has(s, SET_PANEL_API_KEY) && !settings_has(s, SET_PANEL_USERNAME))
        return err_set(err, ERR_INVALID, "PANEL_USERNAME is empty: a login needs a name");
    return ERR_OK;
}
