/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_SETTINGS_H
#define SERVICE_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * The settings: one table describes every one of them once (settings_table.c), and the .env reader,
 * the CLI, the API, .env.example and the documents are derived from it. Names, defaults and ranges:
 * spec/settings.tsv.
 *
 * A setting's name is its `key` (general_limit) in the database and on the command line, and its `env`
 * (GENERAL_LIMIT, the key in upper case) in .env and the environment.
 */
enum setting {
    SET_PANEL_DOMAIN,
    SET_PANEL_USERNAME,
    SET_PANEL_PASSWORD,
    SET_PANEL_API_KEY,
    SET_PANEL_CA_FILE,
    SET_PANEL_TLS_PIN,
    SET_PANEL_TLS_VERIFY,
    SET_BOT_TOKEN,
    SET_ADMIN_IDS,
    SET_TELEGRAM_API_URL,
    SET_TELEGRAM_PROXY,
    SET_BOT_LANGUAGE,
    SET_NOTIFY_WARNING, /* in the order of enum notice_kind (bot/notice/notice.h) */
    SET_NOTIFY_DISABLED,
    SET_NOTIFY_ENABLED,
    SET_NOTIFY_SHADOW,
    SET_NOTIFY_BREAKER,
    SET_NOTIFY_NODE,
    SET_NOTIFY_USERS,
    SET_NOTIFY_ADMIN,
    SET_NOTIFY_BACKUP,
    SET_NOTIFY_ERROR,
    SET_NOTIFY_SUMMARY,
    SET_NOTIFY_RUN,
    SET_API_ENABLED,
    SET_API_HOST,
    SET_API_PORT,
    SET_API_USERNAME,
    SET_API_PASSWORD,
    SET_API_TLS_CERT,
    SET_API_TLS_KEY,
    SET_API_CORS_ORIGINS,
    SET_API_LOGIN_SLOWDOWN,
    SET_REDIS_URL,
    SET_REDIS_PASSWORD,
    SET_REDIS_SSL,
    SET_REDIS_CA_FILE,
    SET_REDIS_TLS_VERIFY,
    SET_REDIS_CACHE_TOKEN,
    SET_DATABASE_URL,
    SET_DATA_DIR,
    SET_LOG_DIR,
    SET_LOG_LEVEL,
    SET_LOG_FORMAT,
    SET_TZ,
    SET_UPDATE_URL,
    SET_GEOIP_COUNTRY_DB,
    SET_GEOIP_ASN_DB,
    SET_GEOIP_COUNTRY_URL,
    SET_GEOIP_ASN_URL,
    SET_GEO_PROVIDERS,
    SET_GEO_PROVIDER_URLS,
    SET_IPINFO_TOKEN,
    SET_WEBHOOK_URL,
    SET_WEBHOOK_SECRET,
    SET_WEBHOOK_CA_FILE,
    SET_GENERAL_LIMIT,
    SET_CHECK_INTERVAL,
    SET_TIME_TO_ACTIVE_USERS,
    SET_COUNTRY_CODE,
    SET_ENFORCEMENT,
    SET_MONITORING_PERIOD,
    SET_ACTIVE_WINDOW,
    SET_VERDICT,
    SET_EVIDENCE_THRESHOLD,
    SET_ROAM_TIME,
    SET_TICK,
    SET_SWITCH_P,
    SET_GAIN_CAP,
    SET_GAIN_BLOCK,
    SET_EVIDENCE_FLOOR,
    SET_EVIDENCE_HALF_LIFE,
    SET_PAIR_IDLE,
    SET_RATE_HALF_LIFE,
    SET_PERSISTENT_WINDOW,
    SET_PERSISTENT_SPAN,
    SET_PERSISTENT_CHECKS,
    SET_WARN_AT,
    SET_VERIFY_ONLINE,
    SET_ONLINE_RATE,
    SET_ONLINE_HOLD,
    SET_SOURCES,
    SET_INSTANT_DISABLE,
    SET_INSTANT_TRUST,
    SET_GROUP_BY,
    SET_IPV6_PREFIX,
    SET_SHARED_SOURCE_USERS,
    SET_SHARED_MEMORY_DAYS,
    SET_CONTENT_NETWORKS,
    SET_IP_ALLOWLIST,
    SET_IGNORED_IPS,
    SET_COUNT_PRIVATE_IPS,
    SET_BLOCK_OUTBOUNDS,
    SET_CDN_INBOUNDS,
    SET_CDN_NODES,
    SET_DISABLED_NODES,
    SET_DISABLE_METHOD,
    SET_DISABLED_GROUP_ID,
    SET_FALLBACK_GROUP_ID,
    SET_PANEL_NOTE,
    SET_PUNISHMENT_ENABLED,
    SET_PUNISHMENT_STEPS,
    SET_PUNISHMENT_WINDOW_HOURS,
    SET_PARDON_MINUTES,
    SET_PUNISH_RATE,
    SET_BREAKER,
    SET_BREAKER_5M_MIN,
    SET_BREAKER_5M_PERCENT,
    SET_BREAKER_1H_MIN,
    SET_BREAKER_1H_PERCENT,
    SET_NODE_GUARD,
    SET_LIMIT_FROM_HWID,
    SET_NAME_SUFFIX_LIMITS,
    SET_GROUP_LIMITS,
    SET_GROUP_MODES,
    SET_GROUP_FILTER,
    SET_GROUP_FILTER_MODE,
    SET_ADMIN_FILTER,
    SET_ADMIN_FILTER_MODE,
    SET_ENHANCED_DETAILS,
    SET_SINGLE_IP_USERS,
    SET_NODES_POLL,
    SET_STREAM_REFRESH,
    SET_STREAM_SILENCE,
    SET_UNKNOWN_AFTER,
    SET_USER_SYNC_HOURS,
    SET_MAX_TRACKED_USERS,
    SET_IP_HISTORY_HOURS,
    SET_EVIDENCE_DAYS,
    SET_EVENTS_DAYS,
    SET_CLEANUP_DAYS,
    SET_BACKUP_EVERY,
    SET_DAILY_SUMMARY_HOUR,
    SET_COUNT
};

/* How a value is checked; which member of a value holds it (settings_check.c). */
enum setting_type {
    TYPE_INT,       /* whole number in min…max */
    TYPE_REAL,      /* decimal fraction in min…max */
    TYPE_BOOL,      /* true or false; yes/no, on/off, 1/0 are read as such */
    TYPE_ENUM,      /* one of `choices`; the number is the index */
    TYPE_TEXT,      /* any text without control characters */
    TYPE_SECRET,    /* the same, never shown */
    TYPE_PATH,      /* file or directory */
    TYPE_DIR,       /* directory, absolute path */
    TYPE_URL,       /* URL of a scheme in `choices`; with max > 1 several, or direct, by commas */
    TYPE_PANEL,     /* host[:port], or an http or https URL */
    TYPE_HOST,      /* an IP address or "localhost" */
    TYPE_ZONE,      /* a time zone of the system, e.g. Asia/Tehran */
    TYPE_LIST,      /* texts separated by commas */
    TYPE_IDS,       /* ids separated by commas */
    TYPE_ADDRS,     /* IP addresses separated by commas */
    TYPE_CIDRS,     /* IP addresses or networks separated by commas */
    TYPE_COUNTRIES, /* two-letter country codes separated by commas, or none */
    TYPE_STEPS,     /* punishment steps: warn, 10m, 24h, hand, revoke */
    TYPE_GROUP_LIMITS, /* group=limit pairs, e.g. 3=2,5=4 */
    TYPE_GROUP_MODES,  /* group=mode pairs, e.g. 3=shadow,5=off */
    TYPE_PINS,         /* sha256//base64 of public keys, separated by commas or semicolons */
    TYPE_HOUR,         /* 0-23 or off (the number is then -1) */
};

/* Bits of setting_def.flags. */
enum {
    SETTING_STATIC = 1, /* .env and environment only; otherwise dynamic: database too */
    SETTING_LATER = 2,  /* accepted and kept, but its feature is not in this version */
    SETTING_ACCESS = 4, /* panel access: may stand in DATA_DIR/secrets.env */
    SETTING_START = 8,  /* told at start-up */
};

/* The sections in which settings are shown, in the order of the table. */
enum setting_section {
    SECTION_PANEL,
    SECTION_TELEGRAM,
    SECTION_API,
    SECTION_REDIS,
    SECTION_STORAGE,
    SECTION_LOOKUP,
    SECTION_LIMIT,
    SECTION_VERDICT,
    SECTION_ONLINE,
    SECTION_DEVICES,
    SECTION_ACTION,
    SECTION_BREAKER,
    SECTION_FILTER,
    SECTION_SHOW,
    SECTION_STREAM,
    SECTION_KEEP,
    SECTION_COUNT
};

/* One row of the table; constant for the life of the process. */
struct setting_def {
    const char *key; /* lower case */
    const char *env; /* the same in upper case */
    enum setting_type type;
    unsigned flags; /* SETTING_… */
    enum setting_section section;
    const char *unit;    /* "s", "users", … or "" */
    double min, max;     /* TYPE_INT, TYPE_REAL; list types: least and most entries when max > 0 */
    const char *def;     /* default as text */
    const char *choices; /* TYPE_ENUM: a|b|c; TYPE_URL: schemes */
    const char *later_choices; /* of these, what this version does not do yet: b|c, or NULL */
    const char *help;          /* a sentence for operators */
};

/*
 * Where a value comes from, from weakest to strongest: the value in force is that of the highest
 * origin that has one. .env is never copied into the database.
 */
enum setting_origin {
    ORIGIN_DEFAULT,
    ORIGIN_FILE,    /* .env */
    ORIGIN_SECRETS, /* DATA_DIR/secrets.env, panel access only */
    ORIGIN_ENV,     /* environment, NAME_FILE, systemd credential */
    ORIGIN_DB,      /* database, dynamic settings only */
    ORIGIN_COUNT
};

/* A checked value. text is owned by the struct settings that holds it. */
struct setting_value {
    char *text; /* in its one canonical form; NULL = this origin has none */
    int64_t i;  /* TYPE_INT, TYPE_BOOL (0/1), TYPE_ENUM (index), TYPE_HOUR */
    double r;   /* TYPE_REAL; TYPE_INT as well */
};

/* All values of all origins. Embedded by value; belongs to one thread. */
struct settings {
    struct setting_value layer[SET_COUNT][ORIGIN_COUNT];
    enum setting_origin in_force[SET_COUNT];
};

/* The row of id. Never NULL. */
const struct setting_def *setting_def(enum setting id);
/* The heading of a section, e.g. "Panel". */
const char *setting_section_name(enum setting_section section);
/*
 * Finds a setting by key or env name, in any case, '-' as '_'. ERR_NOT_FOUND: err names the nearest
 * known key.
 */
int setting_find(struct slice name, enum setting *ret_id, struct err *err) MUST_CHECK;
/*
 * Checks text against the row of id and writes the canonical form (e.g. "true" for "Yes") and the
 * number. ret_text must be an empty buf; it holds the canonical text on success. ERR_INVALID,
 * ERR_TOO_BIG with the allowed values in err; the value of a secret is never repeated in err.
 */
int setting_check(enum setting id, struct slice text, struct buf *ret_text,
                  struct setting_value *ret_v, struct err *err) MUST_CHECK;
/* Whether a new value in .env is in force only after a restart; else SIGHUP is enough. */
bool setting_needs_restart(enum setting id);
/* Whether an empty text is a value of id (a list without entries, a text that may be unset). */
bool setting_may_be_empty(enum setting id);
/* Whether its value is several entries, separated by commas, whose order says nothing. */
bool setting_is_list(enum setting id);
/* Appends the allowed values of id for a person, e.g. "10-3600 s" or "on, shadow or off". */
void setting_add_range(struct buf *b, enum setting id);
/* Whether the value text (canonical) of id asks for a feature that this version has not. */
bool setting_is_later(enum setting id, const char *text);

/* Sets every default. ERR_NOMEM. */
int settings_init(struct settings *s) MUST_CHECK;
/* Frees all values. A zeroed struct may be released. */
void settings_release(struct settings *s);
/* Makes dst (not initialised) a deep copy of src. ERR_NOMEM leaves dst zeroed. */
int settings_copy(struct settings *dst, const struct settings *src) MUST_CHECK;
/*
 * Gives id a value of an origin after checking it. ERR_INVALID also for an origin that the setting
 * cannot have (a static one in the database, another than panel access in secrets.env); on failure
 * nothing changes.
 */
int settings_set(struct settings *s, enum setting id, enum setting_origin origin, struct slice text,
                 struct err *err) MUST_CHECK;
/* Takes the value of an origin away (nothing for ORIGIN_DEFAULT). */
void settings_unset(struct settings *s, enum setting id, enum setting_origin origin);
/* Takes away all values of an origin. */
void settings_unset_all(struct settings *s, enum setting_origin origin);
/*
 * What only several settings together can break, e.g. disable_method=group without a group. ERR_INVALID
 * with the first offence. Call after every origin is read and before a change is kept.
 */
int settings_cross_check(const struct settings *s, struct err *err) MUST_CHECK;
/*
 * What `run` needs besides: where the panel is and how to log in. ERR_INVALID says what to write
 * where.
 */
int settings_check_panel(const struct settings *s, struct err *err) MUST_CHECK;

/* The value in force. Valid until the next settings_set, _unset or _release; never NULL. */
const char *settings_text(const struct settings *s, enum setting id);
/* The number in force of TYPE_INT, TYPE_ENUM (index), TYPE_HOUR. */
int64_t settings_int(const struct settings *s, enum setting id);
/* The number in force of TYPE_REAL and TYPE_INT. */
double settings_real(const struct settings *s, enum setting id);
/* The value in force of TYPE_BOOL. */
bool settings_bool(const struct settings *s, enum setting id);
/* Whether the text in force is not empty. */
bool settings_has(const struct settings *s, enum setting id);
/* Which origin the value in force has. */
enum setting_origin settings_origin(const struct settings *s, enum setting id);
/* The text an origin gives, NULL when it gives none; secrets included: see settings_add_shown. */
const char *settings_layer(const struct settings *s, enum setting id, enum setting_origin origin);
/* The name of an origin for people: "default", ".env", "secrets.env", "environment", "database". */
const char *setting_origin_name(enum setting_origin origin);

/*
 * Appends text as it may be shown: a secret as "********" ("" when empty), the password inside a URL
 * masked. text NULL is taken as "".
 */
void setting_add_shown(struct buf *b, enum setting id, const char *text);

/* Appends a complete .env.example, every setting with its help, range and default, commented out. */
void settings_add_example(struct buf *b);
/* Appends docs/settings.md: a page in Markdown with a table of every setting, section by section. */
void settings_add_page(struct buf *b);

#endif
