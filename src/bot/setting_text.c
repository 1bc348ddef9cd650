/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/setting_text.h"

#include <string.h>

#include "base/banned.h"

/* Settings in the words of a person. The test of the bot says which dynamic setting has no row here. */

#define NAMED(ID) [SET_##ID] = {TEXT_NAME_##ID, TEXT_HELP_##ID}

#define NOTIFIED(ID) [SET_NOTIFY_##ID] = {TEXT_N_KIND_##ID, TEXT_HELP_NOTIFY}

static const struct {
    enum text_id name, help;
} names[SET_COUNT] = {
    NOTIFIED(WARNING),
    NOTIFIED(DISABLED),
    NOTIFIED(ENABLED),
    NOTIFIED(SHADOW),
    NOTIFIED(BREAKER),
    NOTIFIED(NODE),
    NOTIFIED(USERS),
    NOTIFIED(ADMIN),
    NOTIFIED(BACKUP),
    NOTIFIED(ERROR),
    NOTIFIED(SUMMARY),
    NOTIFIED(RUN),
    NAMED(LOG_LEVEL),
    NAMED(BOT_LANGUAGE),
    NAMED(GEOIP_COUNTRY_URL),
    NAMED(GEOIP_ASN_URL),
    NAMED(GEO_PROVIDERS),
    NAMED(GEO_PROVIDER_URLS),
    NAMED(IPINFO_TOKEN),
    NAMED(WEBHOOK_URL),
    NAMED(WEBHOOK_SECRET),
    NAMED(GENERAL_LIMIT),
    NAMED(CHECK_INTERVAL),
    NAMED(TIME_TO_ACTIVE_USERS),
    NAMED(COUNTRY_CODE),
    NAMED(ENFORCEMENT),
    NAMED(MONITORING_PERIOD),
    NAMED(ACTIVE_WINDOW),
    NAMED(VERDICT),
    NAMED(EVIDENCE_THRESHOLD),
    NAMED(ROAM_TIME),
    NAMED(TICK),
    NAMED(SWITCH_P),
    NAMED(GAIN_CAP),
    NAMED(GAIN_BLOCK),
    NAMED(EVIDENCE_FLOOR),
    NAMED(EVIDENCE_HALF_LIFE),
    NAMED(PAIR_IDLE),
    NAMED(RATE_HALF_LIFE),
    NAMED(PERSISTENT_WINDOW),
    NAMED(PERSISTENT_SPAN),
    NAMED(PERSISTENT_CHECKS),
    NAMED(WARN_AT),
    NAMED(VERIFY_ONLINE),
    NAMED(ONLINE_RATE),
    NAMED(ONLINE_HOLD),
    NAMED(SOURCES),
    NAMED(INSTANT_DISABLE),
    NAMED(INSTANT_TRUST),
    NAMED(GROUP_BY),
    NAMED(IPV6_PREFIX),
    NAMED(SHARED_SOURCE_USERS),
    NAMED(SHARED_MEMORY_DAYS),
    NAMED(CONTENT_NETWORKS),
    NAMED(IP_ALLOWLIST),
    NAMED(IGNORED_IPS),
    NAMED(COUNT_PRIVATE_IPS),
    NAMED(BLOCK_OUTBOUNDS),
    NAMED(CDN_INBOUNDS),
    NAMED(CDN_NODES),
    NAMED(DISABLED_NODES),
    NAMED(DISABLE_METHOD),
    NAMED(DISABLED_GROUP_ID),
    NAMED(FALLBACK_GROUP_ID),
    NAMED(PANEL_NOTE),
    NAMED(PUNISHMENT_ENABLED),
    NAMED(PUNISHMENT_STEPS),
    NAMED(PUNISHMENT_WINDOW_HOURS),
    NAMED(PARDON_MINUTES),
    NAMED(PUNISH_RATE),
    NAMED(BREAKER),
    NAMED(BREAKER_5M_MIN),
    NAMED(BREAKER_5M_PERCENT),
    NAMED(BREAKER_1H_MIN),
    NAMED(BREAKER_1H_PERCENT),
    NAMED(NODE_GUARD),
    NAMED(LIMIT_FROM_HWID),
    NAMED(NAME_SUFFIX_LIMITS),
    NAMED(GROUP_LIMITS),
    NAMED(GROUP_MODES),
    NAMED(GROUP_FILTER),
    NAMED(GROUP_FILTER_MODE),
    NAMED(ADMIN_FILTER),
    NAMED(ADMIN_FILTER_MODE),
    NAMED(ENHANCED_DETAILS),
    NAMED(SINGLE_IP_USERS),
    NAMED(NODES_POLL),
    NAMED(STREAM_REFRESH),
    NAMED(STREAM_SILENCE),
    NAMED(UNKNOWN_AFTER),
    NAMED(USER_SYNC_HOURS),
    NAMED(MAX_TRACKED_USERS),
    NAMED(IP_HISTORY_HOURS),
    NAMED(EVIDENCE_DAYS),
    NAMED(EVENTS_DAYS),
    NAMED(CLEANUP_DAYS),
    NAMED(BACKUP_EVERY),
    NAMED(DAILY_SUMMARY_HOUR),
};

static const enum text_id sections[SECTION_COUNT] = {
    [SECTION_STORAGE] = TEXT_SECTION_STORAGE, [SECTION_TELEGRAM] = TEXT_SECTION_TELEGRAM,
    [SECTION_LOOKUP] = TEXT_SECTION_LOOKUP,   [SECTION_LIMIT] = TEXT_SECTION_LIMIT,
    [SECTION_VERDICT] = TEXT_SECTION_VERDICT, [SECTION_ONLINE] = TEXT_SECTION_ONLINE,
    [SECTION_DEVICES] = TEXT_SECTION_DEVICES, [SECTION_ACTION] = TEXT_SECTION_ACTION,
    [SECTION_BREAKER] = TEXT_SECTION_BREAKER, [SECTION_FILTER] = TEXT_SECTION_FILTER,
    [SECTION_SHOW] = TEXT_SECTION_SHOW,       [SECTION_STREAM] = TEXT_SECTION_STREAM,
    [SECTION_KEEP] = TEXT_SECTION_KEEP,
};

/* Words of settings that have a translation; others are shown as they are. */
static const struct {
    const char *word;
    enum text_id text;
} words[] = {
    {"true", TEXT_VALUE_ON},
    {"false", TEXT_VALUE_OFF},
    {"on", TEXT_VALUE_ON},
    {"off", TEXT_VALUE_OFF},
    {"shadow", TEXT_VALUE_SHADOW},
    {"status", TEXT_VALUE_STATUS},
    {"group", TEXT_VALUE_GROUP},
    {"include", TEXT_VALUE_INCLUDE},
    {"exclude", TEXT_VALUE_EXCLUDE},
    {"auto", TEXT_VALUE_AUTO},
    {"require", TEXT_VALUE_REQUIRE},
    {"both", TEXT_VALUE_BOTH},
    {"log", TEXT_VALUE_LOG},
    {"online", TEXT_VALUE_ONLINE},
    {"concurrent", TEXT_VALUE_CONCURRENT},
    {"persistent", TEXT_VALUE_PERSISTENT},
    {"evidence", TEXT_VALUE_EVIDENCE},
    {"excess", TEXT_VALUE_EXCESS},
    {"ip", TEXT_VALUE_IP},
    {"subnet", TEXT_VALUE_SUBNET},
    {"isp", TEXT_VALUE_ISP},
    {"ip_inbound", TEXT_VALUE_IP_INBOUND},
};

static const struct {
    const char *unit;
    int64_t seconds; /* one is so many; 0: no time */
    enum text_id text;
} units[] = {
    {"s", 1, TEXT_UNIT_SECONDS},   {"min", 60, TEXT_UNIT_MINUTES},
    {"h", 3600, TEXT_UNIT_HOURS},  {"days", 86400, TEXT_UNIT_DAYS},
    {"users", 0, TEXT_UNIT_USERS}, {"devices", 0, TEXT_UNIT_DEVICES},
};

enum text_id setting_title(enum setting id)
{
    return names[id].name;
}

enum text_id setting_help(enum setting id)
{
    return names[id].help;
}

enum text_id section_title(enum setting_section section)
{
    return sections[section];
}

enum text_id setting_origin_text(enum setting_origin origin)
{
    static const enum text_id texts[ORIGIN_COUNT] = {
        TEXT_ORIGIN_DEFAULT, TEXT_ORIGIN_FILE, TEXT_ORIGIN_SECRETS, TEXT_ORIGIN_ENV, TEXT_ORIGIN_DB,
    };

    return texts[origin];
}

static size_t unit_of(enum setting id)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(units); i++)
        if (strcmp(setting_def(id)->unit, units[i].unit) == 0)
            break;
    return i;
}

/* 0 where that is no number but a word. */
static enum text_id zero_of(enum setting id)
{
    switch (id) {
    case SET_GENERAL_LIMIT:
        return TEXT_VALUE_UNLIMITED;
    case SET_BACKUP_EVERY:
    case SET_SHARED_SOURCE_USERS:
        return TEXT_VALUE_OFF;
    case SET_DISABLED_GROUP_ID:
    case SET_FALLBACK_GROUP_ID:
        return TEXT_VALUE_NONE;
    default:
        return TEXT_NONE;
    }
}

static const char *number_text(struct view *v, enum setting id, const char *text)
{
    size_t unit = unit_of(id);
    int64_t n;

    if (strcmp(text, "0") == 0 && zero_of(id))
        return view_word(v, zero_of(id), NULL);
    if (unit == ARRAY_LEN(units) || !units[unit].seconds ||
        num_int(slice_of(text), 0, INT32_MAX, &n))
        return view_fmt(v, "%s%s", text, strcmp(setting_def(id)->unit, "%") == 0 ? "%" : "");
    return view_span(v, n * units[unit].seconds);
}

static const char *list_text(struct view *v, const char *text)
{
    enum { SHORT = 24 };
    struct slice rest = slice_of(text);
    int64_t n = 0;

    if (rest.n <= SHORT)
        return view_fmt(v, "%s", text);
    for (; rest.p; n++)
        slice_cut(&rest, ',');
    return view_word(v, TEXT_VALUE_ENTRIES, "n", view_int(v, n), NULL);
}

/* A message has room for so much of a path or an address. */
static const char *plain_text(struct view *v, const char *text)
{
    enum { SHOWN = 200 };
    size_t n = strlen(text);

    if (n <= SHOWN)
        return view_fmt(v, "%s", text);
    for (n = SHOWN; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
        n--;
    return view_fmt(v, "%.*s…", (int)n, text);
}

const char *setting_value_text(struct view *v, enum setting id, const char *text)
{
    const struct setting_def *def = setting_def(id);
    int64_t hour;
    size_t i;

    if (!text || !text[0])
        return view_word(v, TEXT_VALUE_NONE, NULL);
    if (def->type == TYPE_SECRET)
        return view_word(v, TEXT_VALUE_SET, NULL);
    if (def->type == TYPE_BOOL || def->type == TYPE_ENUM || def->type == TYPE_HOUR)
        for (i = 0; i < ARRAY_LEN(words); i++)
            if (strcmp(text, words[i].word) == 0)
                return view_word(v, words[i].text, NULL);
    if (def->type == TYPE_HOUR && !num_int(slice_of(text), 0, 23, &hour))
        return view_fmt(v, "%02d:00", (int)hour);
    if (def->type == TYPE_INT || def->type == TYPE_REAL)
        return number_text(v, id, text);
    if (setting_is_list(id))
        return list_text(v, text);
    if (id == SET_BOT_LANGUAGE)
        return text_lang_name(text_lang_of(text));
    return plain_text(v, text);
}

const char *view_setting(struct view *v, enum setting id)
{
    return setting_value_text(v, id, settings_text(v->settings, id));
}

void setting_add_allowed(struct view *v, enum setting id)
{
    const struct setting_def *def = setting_def(id);
    size_t unit = unit_of(id);

    if (def->type == TYPE_INT || def->type == TYPE_REAL)
        view_say(v, TEXT_SET_RANGE, "min", view_fmt(v, "%.10g", def->min), "max",
                 view_fmt(v, "%.10g", def->max), "unit",
                 unit < ARRAY_LEN(units) ? view_word(v, units[unit].text, NULL) : "", NULL);
    else if (setting_is_list(id))
        view_say(v, TEXT_SET_SEVERAL, NULL);
}
