/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/settings.h"

#include "base/banned.h"

bool setting_may_be_empty(enum setting id)
{
    const struct setting_def *def = setting_def(id);

    switch (def->type) {
    case TYPE_LIST:
    case TYPE_IDS:
    case TYPE_ADDRS:
    case TYPE_CIDRS:
    case TYPE_COUNTRIES:
    case TYPE_PINS:
        return def->min < 1;
    default:
        return def->def[0] == '\0';
    }
}

bool setting_is_list(enum setting id)
{
    switch (setting_def(id)->type) {
    case TYPE_LIST:
    case TYPE_IDS:
    case TYPE_ADDRS:
    case TYPE_CIDRS:
    case TYPE_COUNTRIES:
    case TYPE_GROUP_LIMITS:
    case TYPE_GROUP_MODES:
    case TYPE_PINS:
        return true;
    default:
        return false;
    }
}

bool setting_needs_restart(enum setting id)
{
    const struct setting_def *def = setting_def(id);

    /* The API and the bot are taken down and up by a reload; everything else is wired once. */
    return def->flags & SETTING_STATIC && def->section != SECTION_API &&
           def->section != SECTION_TELEGRAM;
}

/* "a, b or c" of "a|b|c". */
static void add_choices(struct buf *b, const char *choices)
{
    struct slice rest = slice_of(choices), word = slice_cut(&rest, '|');

    buf_add_slice(b, word);
    while (rest.p) {
        word = slice_cut(&rest, '|');
        buf_add_str(b, rest.p ? ", " : " or ");
        buf_add_slice(b, word);
    }
}

static void add_scheme_choices(struct buf *b, const char *choices)
{
    struct slice rest = slice_of(choices), word;
    bool first = true;

    while (rest.p) {
        word = slice_cut(&rest, '|');
        if (!first)
            buf_add_str(b, rest.p ? ", " : " or ");
        first = false;
        buf_add_slice(b, word);
        buf_add_str(b, "://...");
    }
}

void setting_add_range(struct buf *b, enum setting id)
{
    const struct setting_def *def = setting_def(id);

    switch (def->type) {
    case TYPE_INT:
    case TYPE_REAL:
        buf_addf(b, "%.10g to %.10g%s%s", def->min, def->max, def->unit[0] ? " " : "", def->unit);
        return;
    case TYPE_BOOL:
        buf_add_str(b, "true or false");
        return;
    case TYPE_ENUM:
        add_choices(b, def->choices);
        return;
    case TYPE_TEXT:
        buf_add_str(b, "a text");
        return;
    case TYPE_SECRET:
        buf_add_str(b, "a secret text");
        return;
    case TYPE_PATH:
        buf_add_str(b, "a path");
        return;
    case TYPE_DIR:
        buf_add_str(b, "an absolute path");
        return;
    case TYPE_URL:
        add_scheme_choices(b, def->choices);
        if (def->max > 1)
            buf_addf(b, ", or direct; up to %.0f separated by commas", def->max);
        return;
    case TYPE_PANEL:
        buf_add_str(b, "host[:port], http://host[:port] or https://host[:port]");
        return;
    case TYPE_HOST:
        buf_add_str(b, "an IP address or localhost");
        return;
    case TYPE_ZONE:
        buf_add_str(b, "a time zone such as UTC or Asia/Tehran");
        return;
    case TYPE_HOUR:
        buf_add_str(b, "0 to 23, or off");
        return;
    case TYPE_LIST:
        if (id == SET_GEO_PROVIDER_URLS)
            buf_add_str(b, "name=http://... or name=https://... separated by commas");
        else if (def->choices)
            add_choices(b, def->choices);
        else
            buf_add_str(b, "names separated by commas");
        return;
    case TYPE_IDS:
        buf_add_str(b, "ids separated by commas");
        return;
    case TYPE_ADDRS:
        buf_add_str(b, "IP addresses separated by commas");
        return;
    case TYPE_CIDRS:
        buf_add_str(b, "IP addresses or networks (192.0.2.0/24) separated by commas");
        return;
    case TYPE_COUNTRIES:
        buf_add_str(b, "country codes such as IR,RU separated by commas, or none");
        return;
    case TYPE_STEPS:
        buf_addf(b, "%.0f to %.0f of warn, a time (10s to 7d, as 30s 10m 24h 7d), hand, revoke",
                 def->min, def->max);
        return;
    case TYPE_GROUP_LIMITS:
        buf_add_str(b, "group=limit pairs such as 3=2,5=0, limits 0 (unlimited) to 10000");
        return;
    case TYPE_GROUP_MODES:
        buf_add_str(b, "group=mode pairs such as 3=shadow,5=off, modes on, shadow or off");
        return;
    case TYPE_PINS:
        buf_add_str(b, "sha256//<44 characters of base64>, several separated by commas");
        return;
    }
}

bool setting_is_later(enum setting id, const char *text)
{
    const struct setting_def *def = setting_def(id);
    struct slice rest = slice_of(def->later_choices);

    if (def->flags & SETTING_LATER)
        return strcmp(text, def->def) != 0;
    while (rest.p)
        if (slice_eq(slice_cut(&rest, '|'), slice_of(text)))
            return true;
    return false;
}

/* A URL with its password, if it has one, hidden. */
static void add_url_shown(struct buf *b, struct slice url)
{
    const char *start = memmem(url.p, url.n, "://", 3), *at, *colon;

    at = start ? memrchr(start, '@', url.n - (size_t)(start - url.p)) : NULL;
    colon = at ? memchr(start + 3, ':', (size_t)(at - start) - 3) : NULL;
    if (!colon) {
        buf_add_slice(b, url);
        return;
    }
    buf_add(b, url.p, (size_t)(colon - url.p) + 1);
    buf_add_str(b, "********");
    buf_add(b, at, url.n - (size_t)(at - url.p));
}

void setting_add_shown(struct buf *b, enum setting id, const char *text)
{
    const struct setting_def *def = setting_def(id);
    struct slice rest = slice_of(text);

    if (!rest.n)
        return;
    if (def->type == TYPE_SECRET) {
        buf_add_str(b, "********");
    } else if (def->type != TYPE_URL) {
        buf_add_slice(b, rest);
    } else if (def->max <= 1) {
        add_url_shown(b, rest);
    } else {
        while (rest.p) {
            add_url_shown(b, slice_cut(&rest, ','));
            if (rest.p)
                buf_add_char(b, ',');
        }
    }
}

static void add_example_row(struct buf *b, enum setting id)
{
    const struct setting_def *def = setting_def(id);

    buf_addf(b, "\n# %s\n# Allowed: ", def->help);
    setting_add_range(b, id);
    buf_add_str(b, def->flags & SETTING_STATIC ? ".\n" : ". May be changed while running.\n");
    if (def->flags & SETTING_LATER)
        buf_add_str(b, "# Kept, but without effect in this version.\n");
    else if (def->later_choices) {
        buf_add_str(b, "# Without effect in this version: ");
        add_choices(b, def->later_choices);
        buf_add_str(b, ".\n");
    }
    if (id == SET_PANEL_DOMAIN)
        buf_addf(b, "%s=panel.example.com:8000\n", def->env);
    else if (id == SET_PANEL_PASSWORD)
        buf_addf(b, "%s=\n", def->env);
    else
        buf_addf(b, "#%s=%s\n", def->env, def->def);
}

void settings_add_example(struct buf *b)
{
    enum setting_section last = SECTION_COUNT;
    int i;

    buf_add_str(
        b,
        "# Settings of PG-Limiter. This file is read from --env FILE, else $PG_LIMITER_ENV, else\n"
        "# /etc/opt/pg-limiter/.env, else ./.env. The environment wins over it; of the settings that\n"
        "# may be changed while running, a value set by `pg-limiter config set` wins over both.\n"
        "# '#' begins a comment at the start of a line or after a blank. '...' is taken literally,\n"
        "# \"...\" knows \\\\ \\\" \\n; nothing is expanded. A secret may also come from a file: write\n"
        "# PANEL_PASSWORD_FILE=/run/secrets/panel instead.\n"
        "# Made from the table of settings by `pg-limiter config example`.\n");
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->section != last)
            buf_addf(b, "\n# ---- %s ----\n", setting_section_name(def->section));
        last = def->section;
        add_example_row(b, (enum setting)i);
    }
}
