/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <ctype.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/num.h"
#include "base/stamp.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"
#include "service/suggest.h"

static int set(struct settings *s, enum setting id, const char *text, struct err *err)
{
    err->text[0] = '\0';
    return settings_set(s, id, ORIGIN_ENV, slice_of(text), err);
}

static void every_row_is_complete(void **state)
{
    struct buf b;
    int i;
    size_t k;

    (void)state;
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        assert_non_null(def->key);
        assert_true(strlen(def->help) > 10);
        assert_int_equal(strlen(def->key), strlen(def->env));
        for (k = 0; def->key[k]; k++)
            assert_int_equal(toupper((unsigned char)def->key[k]), def->env[k]);
        if (def->type == TYPE_ENUM || def->type == TYPE_URL)
            assert_non_null(def->choices);
        buf_init(&b, 512);
        setting_add_range(&b, (enum setting)i);
        assert_true(b.n > 0 && !b.failed);
        buf_release(&b);
    }
}

/* The next of the comma-separated parts of *rest, or the last one again when it has only one. */
static struct slice part(struct slice *rest, size_t parts)
{
    struct slice s = *rest, one;

    if (parts == 1)
        return s;
    one = slice_trim(slice_cut(&s, ','));
    if (s.p)
        *rest = s;
    return one;
}

static void check_default(enum setting id, struct slice def)
{
    static const char *const words[] = {"none", "sqlite in data_dir", "data_dir/logs", "built in"};
    struct setting_value v;
    struct buf canonical;
    struct settings s;
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq(def, slice_of(words[i])))
            def = SLICE("");
    assert_int_equal(settings_init(&s), ERR_OK);
    if (def.n == 0) {
        assert_string_equal(settings_text(&s, id), "");
    } else {
        buf_init(&canonical, 4096);
        assert_int_equal(setting_check(id, def, &canonical, &v, NULL), ERR_OK);
        assert_string_equal(settings_text(&s, id), buf_str(&canonical));
        buf_release(&canonical);
    }
    settings_release(&s);
}

static void check_range(const struct setting_def *def, struct slice range)
{
    const char *dash = NULL;
    double min, max;
    size_t i;

    if (range.n == 0 || isalpha((unsigned char)range.p[0]))
        return;
    if (slice_ends(range, SLICE(" steps")))
        range.n -= 6;
    for (i = 1; i < range.n && !dash; i++)
        if (range.p[i] == '-')
            dash = range.p + i;
    assert_non_null(dash);
    assert_int_equal(num_real((struct slice){range.p, (size_t)(dash - range.p)}, -1e9, 1e9, &min),
                     0);
    assert_true(def->min == min);
    if (dash + 1 == range.p + range.n)
        return;
    assert_int_equal(num_real(slice_skip(range, (size_t)(dash - range.p) + 1), -1e9, 1e9, &max), 0);
    assert_true(def->max == max);
}

static void check_row(struct slice row, int *seen)
{
    struct slice keys = slice_cut(&row, '\t'), unit = slice_cut(&row, '\t'),
                 def = slice_cut(&row, '\t'), range = slice_cut(&row, '\t'),
                 kind = slice_cut(&row, '\t'), key, d, u;
    size_t parts = 1, i;
    enum setting id;

    for (i = 0; i < keys.n; i++)
        parts += keys.p[i] == ',';
    while (keys.n) {
        key = slice_trim(slice_cut(&keys, ','));
        assert_int_equal(setting_find(key, &id, NULL), ERR_OK);
        seen[id]++;
        assert_int_equal((setting_def(id)->flags & SETTING_STATIC) != 0,
                         slice_eq(kind, SLICE("static")));
        u = part(&unit, parts);
        d = part(&def, parts);
        /* The secret and the list types say so in the unit column. */
        if (slice_eq(u, SLICE("secret")))
            assert_int_equal(setting_def(id)->type, TYPE_SECRET);
        if (slice_eq(u, SLICE("bool")))
            assert_int_equal(setting_def(id)->type, TYPE_BOOL);
        check_default(id, d);
        if (parts == 1)
            check_range(setting_def(id), range);
    }
}

/* What the specification's text asks for without naming a setting (docs/decisions.md). */
static bool is_our_own(enum setting id)
{
    return id == SET_GROUP_LIMITS || id == SET_GROUP_MODES || id == SET_API_CORS_ORIGINS ||
           id == SET_API_LOGIN_SLOWDOWN || id == SET_GEOIP_COUNTRY_URL || id == SET_GEOIP_ASN_URL ||
           id == SET_GEO_PROVIDERS || id == SET_GEO_PROVIDER_URLS || id == SET_NODE_GUARD ||
           id == SET_UPDATE_URL || (id >= SET_REDIS_CA_FILE && id <= SET_REDIS_CACHE_TOKEN) ||
           id == SET_WEBHOOK_CA_FILE || (id >= SET_NOTIFY_WARNING && id <= SET_NOTIFY_RUN);
}

static void table_agrees_with_the_specification(void **state)
{
    FILE *f = fopen("tests/data/settings.tsv", "r");
    int seen[SET_COUNT] = {0}, i;
    char line[1024];
    struct slice s;

    (void)state;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    while (fgets(line, sizeof(line), f)) {
        s = slice_of(line);
        while (s.n && s.p[s.n - 1] == '\n')
            s.n--;
        check_row(s, seen);
    }
    fclose(f);
    for (i = 0; i < SET_COUNT; i++)
        if (seen[i] != 1 && !is_our_own((enum setting)i))
            fail_msg("%s stands %d times in settings.tsv", setting_def((enum setting)i)->key,
                     seen[i]);
}

static void providers_are_checked(void **state)
{
    static const struct {
        enum setting id;
        const char *text;
        int rc;
    } rows[] = {
        {SET_GEO_PROVIDERS, "ip-api, ipinfo", 0},
        {SET_GEO_PROVIDERS, "ip-api,maxmind", ERR_INVALID},
        {SET_GEO_PROVIDER_URLS, "ip-api=http://127.0.0.1:80/batch,ipapi=https://x/{ip}", 0},
        {SET_GEO_PROVIDER_URLS, "api=http://127.0.0.1", ERR_INVALID},
        {SET_GEO_PROVIDER_URLS, "ip-api", ERR_INVALID},
        {SET_GEO_PROVIDER_URLS, "ip-api=ftp://127.0.0.1/", ERR_INVALID},
        {SET_GEO_PROVIDER_URLS, "ip-api=http://", ERR_INVALID},
    };
    struct settings s;
    struct err err;
    size_t i;

    (void)state;
    assert_int_equal(settings_init(&s), 0);
    for (i = 0; i < ARRAY_LEN(rows); i++)
        if (settings_set(&s, rows[i].id, ORIGIN_DB, slice_of(rows[i].text), &err) != rows[i].rc)
            fail_msg("%s", rows[i].text);
    settings_release(&s);
}

static void every_number_keeps_its_range(void **state)
{
    struct settings s;
    struct err err;
    char text[64];
    int i;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->type != TYPE_INT && def->type != TYPE_REAL)
            continue;
        snprintf(text, sizeof(text), "%.10g", def->min);
        assert_int_equal(set(&s, (enum setting)i, text, &err), ERR_OK);
        snprintf(text, sizeof(text), "%.0f", def->max);
        if (def->max >= 1) {
            assert_int_equal(set(&s, (enum setting)i, text, &err), ERR_OK);
            assert_string_equal(settings_text(&s, (enum setting)i), text);
        }
        snprintf(text, sizeof(text), "%.0f", def->max + 1);
        assert_int_equal(set(&s, (enum setting)i, text, &err), ERR_TOO_BIG);
        assert_non_null(strstr(err.text, def->key));
        assert_non_null(strstr(err.text, "allowed: "));
        assert_non_null(strstr(err.text, def->unit));
        snprintf(text, sizeof(text), "%.0f", def->min - 1);
        assert_int_equal(set(&s, (enum setting)i, text, &err), ERR_TOO_BIG);
        assert_int_equal(set(&s, (enum setting)i, "two", &err), ERR_INVALID);
        assert_int_equal(set(&s, (enum setting)i, "", &err), ERR_INVALID);
        assert_int_equal(set(&s, (enum setting)i, "1e3", &err), ERR_INVALID);
    }
    settings_release(&s);
}

static void every_choice_is_taken_and_nothing_else(void **state)
{
    struct slice rest, word;
    struct settings s;
    struct err err;
    int i, n;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->type != TYPE_ENUM)
            continue;
        rest = slice_of(def->choices);
        for (n = 0; rest.p; n++) {
            word = slice_cut(&rest, '|');
            assert_int_equal(settings_set(&s, (enum setting)i, ORIGIN_ENV, word, &err), ERR_OK);
            assert_int_equal(settings_int(&s, (enum setting)i), n);
        }
        assert_int_equal(set(&s, (enum setting)i, "on|off", &err), ERR_INVALID);
        assert_int_equal(set(&s, (enum setting)i, "sometimes", &err), ERR_INVALID);
        assert_non_null(strstr(err.text, " or "));
    }
    settings_release(&s);
}

static const struct {
    enum setting id;
    const char *text;
    const char *canonical; /* NULL: refused */
} forms[] = {
    {SET_COUNT_PRIVATE_IPS, "YES", "true"},
    {SET_COUNT_PRIVATE_IPS, "0", "false"},
    {SET_COUNT_PRIVATE_IPS, "perhaps", NULL},
    {SET_GENERAL_LIMIT, " 3 ", "3"},
    {SET_GENERAL_LIMIT, "03", "3"},
    {SET_GENERAL_LIMIT, "3.0", NULL},
    {SET_GENERAL_LIMIT, "99999999999999999999", NULL},
    {SET_EVIDENCE_FLOOR, "-4.50", "-4.5"},
    {SET_LOG_LEVEL, "critical", "ERROR"},
    {SET_LOG_LEVEL, "warn", "WARNING"},
    {SET_PANEL_DOMAIN, "panel.example.com:8000", "panel.example.com:8000"},
    {SET_PANEL_DOMAIN, "https://panel.example.com/", "https://panel.example.com"},
    {SET_PANEL_DOMAIN, "http://[2001:db8::1]:80/sub", "http://[2001:db8::1]:80/sub"},
    {SET_PANEL_DOMAIN, "192.0.2.7", "192.0.2.7"},
    {SET_PANEL_DOMAIN, "ftp://panel.example.com", NULL},
    {SET_PANEL_DOMAIN, "https://admin:pw@panel.example.com", NULL},
    {SET_PANEL_DOMAIN, "panel.example.com:0", NULL},
    {SET_PANEL_DOMAIN, "panel.example.com:65536", NULL},
    {SET_PANEL_DOMAIN, "panel example", NULL},
    {SET_PANEL_DOMAIN, "panel.example.com?x", NULL},
    {SET_PANEL_DOMAIN, "[2001:db8::1", NULL},
    {SET_REDIS_URL, "redis://:pw@cache:6379/0", "redis://:pw@cache:6379/0"},
    {SET_REDIS_URL, "http://cache", NULL},
    {SET_REDIS_URL, "cache:6379", NULL},
    {SET_IP_ALLOWLIST, "192.0.2.0/24, 2001:db8::/32,,198.51.100.1",
     "192.0.2.0/24,2001:db8::/32,198.51.100.1"},
    {SET_IP_ALLOWLIST, "192.0.2.0/33", NULL},
    {SET_IGNORED_IPS, "", ""},
    {SET_IGNORED_IPS, "192.0.2.0/24", NULL},
    {SET_COUNTRY_CODE, "ir, ru", "IR,RU"},
    {SET_COUNTRY_CODE, "none", ""},
    {SET_COUNTRY_CODE, "IRN", NULL},
    {SET_BLOCK_OUTBOUNDS, "BLOCK , black hole", "BLOCK,black hole"},
    {SET_PUNISHMENT_STEPS, "warn,10m, 24h,hand", "warn,10m,24h,hand"},
    {SET_PUNISHMENT_STEPS, "5s", NULL},
    {SET_PUNISHMENT_STEPS, "8d", NULL},
    {SET_PUNISHMENT_STEPS, "10", NULL},
    {SET_PUNISHMENT_STEPS, "", NULL},
    {SET_PUNISHMENT_STEPS, "1m,1m,1m,1m,1m,1m,1m,1m,1m,1m,1m", NULL},
    {SET_PANEL_TLS_PIN, "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
     "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    {SET_PANEL_TLS_PIN, "sha256//AAAA", NULL},
    {SET_PANEL_TLS_PIN, "sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", NULL},
    {SET_ADMIN_IDS, "123, 456", "123,456"},
    {SET_ADMIN_IDS, "123, bob", NULL},
    {SET_TZ, "UTC", "UTC"},
    {SET_TZ, "Nowhere/Atlantis", NULL},
    {SET_TZ, "../../../etc/passwd", NULL},
    {SET_TZ, "/etc/localtime", NULL},
    {SET_DAILY_SUMMARY_HOUR, "OFF", "off"},
    {SET_DAILY_SUMMARY_HOUR, "23", "23"},
    {SET_DAILY_SUMMARY_HOUR, "24", NULL},
    {SET_DATA_DIR, "relative/dir", NULL},
    {SET_DATA_DIR, "/srv/pg", "/srv/pg"},
    {SET_API_HOST, "::1", "::1"},
    {SET_API_HOST, "api.example.com", NULL},
    {SET_PANEL_USERNAME, "two\nlines", NULL},
    {SET_GROUP_LIMITS, "3=2, 5 = 0,,7=10000", "3=2,5=0,7=10000"},
    {SET_GROUP_LIMITS, "", ""},
    {SET_GROUP_LIMITS, "3", NULL},
    {SET_GROUP_LIMITS, "3=", NULL},
    {SET_GROUP_LIMITS, "=3", NULL},
    {SET_GROUP_LIMITS, "0=3", NULL},
    {SET_GROUP_LIMITS, "3=10001", NULL},
    {SET_GROUP_LIMITS, "3=2,3=4", NULL},
    {SET_GROUP_LIMITS, "vip=3", NULL},
    {SET_GROUP_MODES, "3=Shadow,33=off , 4=on", "3=shadow,33=off,4=on"},
    {SET_GROUP_MODES, "3=shadow,03=off", NULL},
    {SET_GROUP_MODES, "3=mild", NULL},
    {SET_ADMIN_FILTER, "reza, id:3", "reza,id:3"},
    {SET_PANEL_PASSWORD, " kept as it is ", " kept as it is "},
};

static void forms_of_values(void **state)
{
    struct settings s;
    struct err err;
    size_t i;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    for (i = 0; i < ARRAY_LEN(forms); i++) {
        int rc = set(&s, forms[i].id, forms[i].text, &err);

        if (!forms[i].canonical) {
            if (rc == ERR_OK)
                fail_msg("%s took \"%s\"", setting_def(forms[i].id)->key, forms[i].text);
            assert_true(err.text[0] != '\0');
            continue;
        }
        if (rc)
            fail_msg("%s", err.text);
        assert_string_equal(settings_text(&s, forms[i].id), forms[i].canonical);
    }
    settings_release(&s);
}

static void the_strongest_origin_is_in_force(void **state)
{
    struct settings s, copy;
    struct err err;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    assert_int_equal(settings_int(&s, SET_GENERAL_LIMIT), 2);
    assert_int_equal(settings_set(&s, SET_GENERAL_LIMIT, ORIGIN_DB, SLICE("5"), &err), ERR_OK);
    assert_int_equal(settings_set(&s, SET_GENERAL_LIMIT, ORIGIN_FILE, SLICE("3"), &err), ERR_OK);
    assert_int_equal(settings_set(&s, SET_GENERAL_LIMIT, ORIGIN_ENV, SLICE("4"), &err), ERR_OK);
    assert_int_equal(settings_int(&s, SET_GENERAL_LIMIT), 5);
    assert_int_equal(settings_origin(&s, SET_GENERAL_LIMIT), ORIGIN_DB);
    assert_int_equal(settings_copy(&copy, &s), ERR_OK);
    settings_unset(&s, SET_GENERAL_LIMIT, ORIGIN_DB);
    assert_int_equal(settings_int(&s, SET_GENERAL_LIMIT), 4);
    settings_unset_all(&s, ORIGIN_ENV);
    assert_int_equal(settings_int(&s, SET_GENERAL_LIMIT), 3);
    assert_string_equal(settings_layer(&s, SET_GENERAL_LIMIT, ORIGIN_FILE), "3");
    settings_unset(&s, SET_GENERAL_LIMIT, ORIGIN_DEFAULT);
    assert_int_equal(settings_int(&copy, SET_GENERAL_LIMIT), 5);
    settings_release(&copy);

    /* A refused value leaves what was there. */
    assert_int_equal(settings_set(&s, SET_GENERAL_LIMIT, ORIGIN_FILE, SLICE("x"), &err),
                     ERR_INVALID);
    assert_int_equal(settings_int(&s, SET_GENERAL_LIMIT), 3);

    /* Static settings never come from the database, only panel access from secrets.env. */
    assert_int_equal(settings_set(&s, SET_DATA_DIR, ORIGIN_DB, SLICE("/x"), &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "DATA_DIR"));
    assert_int_equal(settings_set(&s, SET_BOT_TOKEN, ORIGIN_SECRETS, SLICE("x"), &err),
                     ERR_INVALID);
    assert_int_equal(settings_set(&s, SET_PANEL_API_KEY, ORIGIN_FILE, SLICE("a"), &err), ERR_OK);
    assert_int_equal(settings_set(&s, SET_PANEL_API_KEY, ORIGIN_SECRETS, SLICE("b"), &err), ERR_OK);
    assert_string_equal(settings_text(&s, SET_PANEL_API_KEY), "b");
    assert_int_equal(settings_set(&s, SET_PANEL_API_KEY, ORIGIN_ENV, SLICE("c"), &err), ERR_OK);
    assert_string_equal(settings_text(&s, SET_PANEL_API_KEY), "c");
    settings_release(&s);
}

static void cross_checks(void **state)
{
    static const struct {
        enum setting a;
        const char *va;
        enum setting b;
        const char *vb;
        bool fine;
    } cases[] = {
        {SET_GROUP_FILTER_MODE, "include", SET_GROUP_FILTER, "", false},
        {SET_GROUP_FILTER_MODE, "exclude", SET_GROUP_FILTER, "", true},
        {SET_GROUP_FILTER_MODE, "include", SET_GROUP_FILTER, "3", true},
        {SET_ADMIN_FILTER_MODE, "include", SET_ADMIN_FILTER, "", false},
        {SET_DISABLE_METHOD, "group", SET_DISABLED_GROUP_ID, "0", false},
        {SET_DISABLE_METHOD, "group", SET_DISABLED_GROUP_ID, "9", true},
        {SET_FALLBACK_GROUP_ID, "9", SET_DISABLED_GROUP_ID, "9", false},
        {SET_VERIFY_ONLINE, "require", SET_ONLINE_RATE, "0", false},
        {SET_TICK, "30", SET_ACTIVE_WINDOW, "10", false},
        {SET_PAIR_IDLE, "60", SET_ACTIVE_WINDOW, "600", false},
        {SET_PERSISTENT_SPAN, "130", SET_PERSISTENT_WINDOW, "120", false},
        {SET_API_TLS_CERT, "/c", SET_API_TLS_KEY, "", false},
    };
    struct settings s;
    struct err err;
    size_t i;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    assert_int_equal(settings_cross_check(&s, &err), ERR_OK);
    settings_release(&s);
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(settings_init(&s), ERR_OK);
        assert_int_equal(set(&s, cases[i].a, cases[i].va, &err), ERR_OK);
        assert_int_equal(set(&s, cases[i].b, cases[i].vb, &err), ERR_OK);
        err.text[0] = '\0';
        assert_int_equal(settings_cross_check(&s, &err), cases[i].fine ? ERR_OK : ERR_INVALID);
        assert_int_equal(err.text[0] == '\0', cases[i].fine);
        settings_release(&s);
    }
}

static void panel_access_is_asked_for(void **state)
{
    struct settings s;
    struct err err;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    assert_int_equal(settings_check_panel(&s, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "PANEL_DOMAIN"));
    assert_int_equal(set(&s, SET_PANEL_DOMAIN, "panel.example.com", &err), ERR_OK);
    assert_int_equal(settings_check_panel(&s, &err), ERR_INVALID);
    assert_non_null(strstr(err.text, "PANEL_API_KEY"));
    assert_int_equal(set(&s, SET_PANEL_PASSWORD, "secret", &err), ERR_OK);
    assert_int_equal(settings_check_panel(&s, &err), ERR_OK);
    settings_release(&s);
}

static void secrets_are_never_shown(void **state)
{
    struct settings s;
    struct err err;
    struct buf b;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    assert_int_equal(set(&s, SET_PANEL_PASSWORD, "hunter2\x01", &err), ERR_INVALID);
    assert_null(strstr(err.text, "hunter2"));
    buf_init(&b, 1024);
    setting_add_shown(&b, SET_PANEL_PASSWORD, "hunter2");
    setting_add_shown(&b, SET_REDIS_URL, "redis://bob:hunter2@cache:1/0");
    assert_null(strstr(buf_str(&b), "hunter2"));
    assert_non_null(strstr(buf_str(&b), "redis://bob:********@cache:1/0"));
    buf_clear(&b);
    setting_add_shown(&b, SET_PANEL_PASSWORD, "");
    setting_add_shown(&b, SET_PANEL_PASSWORD, NULL);
    assert_int_equal(b.n, 0);
    buf_release(&b);
    settings_release(&s);
}

static void later_features_are_known(void **state)
{
    (void)state;
    assert_false(setting_is_later(SET_DATABASE_URL, ""));
    assert_true(setting_is_later(SET_DATABASE_URL, "sqlite:///x"));
    assert_false(setting_is_later(SET_REDIS_URL, "redis://h"));
    assert_false(setting_is_later(SET_SOURCES, "log"));
    assert_false(setting_is_later(SET_SOURCES, "both"));
    assert_false(setting_is_later(SET_GENERAL_LIMIT, "7"));
}

static void mistyped_names_get_a_suggestion(void **state)
{
    static const char *const words[] = {"status", "nodes", "explain"};
    enum setting id;
    struct err err;

    (void)state;
    assert_int_equal(setting_find(SLICE("GENERAL-limit"), &id, &err), ERR_OK);
    assert_int_equal(id, SET_GENERAL_LIMIT);
    assert_int_equal(setting_find(SLICE("genral_limit"), &id, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "did you mean general_limit?"));
    assert_int_equal(setting_find(SLICE("xyzzy"), &id, &err), ERR_NOT_FOUND);
    assert_null(strstr(err.text, "did you mean"));
    assert_int_equal(setting_find(SLICE(""), &id, &err), ERR_NOT_FOUND);
    assert_string_equal(suggest_of(SLICE("sattus"), words, 3), "status");
    assert_string_equal(suggest_of(SLICE("Explian"), words, 3), "explain");
    assert_null(suggest_of(SLICE("restart"), words, 3));
    assert_int_equal(suggest_distance(SLICE("ab"), SLICE("ba")), 1);
    assert_int_equal(suggest_distance(SLICE("kitten"), SLICE("sitting")), 3);
    assert_int_equal(suggest_distance(SLICE(""), SLICE("abc")), 3);
}

static void policy_holds_the_values(void **state)
{
    struct settings s;
    struct policy p;
    struct err err;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    assert_int_equal(set(&s, SET_ENFORCEMENT, "shadow", &err), ERR_OK);
    assert_int_equal(set(&s, SET_GROUP_BY, "isp", &err), ERR_OK);
    assert_int_equal(set(&s, SET_BREAKER, "off", &err), ERR_OK);
    settings_policy(&s, &p);
    assert_int_equal(p.mode, MODE_SHADOW);
    assert_int_equal(p.group_by, GROUP_ISP);
    assert_int_equal(p.general_limit, 2);
    assert_true(p.monitoring_period_us == 180 * STAMP_SECOND);
    assert_true(p.punish_us == 900 * STAMP_SECOND);
    assert_true(p.pardon_us == 3600 * STAMP_SECOND);
    assert_true(p.shared_memory_us == 7 * 86400 * STAMP_SECOND);
    assert_true(p.evidence_threshold == 7 && p.evidence_floor == -4 && p.gain_cap == 1);
    assert_true(p.roam_time_s == 30 && p.switch_p == 0.3);
    assert_false(p.breaker);
    assert_int_equal(p.breaker_5m_min, 5);
    assert_int_equal(p.max_tracked_users, 1000000);
    settings_release(&s);
}

static void scan_rules_follow_the_settings(void **state)
{
    const char *line =
        "2025/11/02 10:00:00 from 192.0.2.7:5 accepted tcp:a:1 [in -> grey] email: 12";
    const char *allowed =
        "2025/11/02 10:00:00 from 5.6.7.8:5 accepted tcp:a:1 [in -> out] email: 12";
    struct scan_rules rules;
    struct record rec;
    struct settings s;
    struct err err;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    scan_rules_init(&rules);
    assert_int_equal(scan_line(&rules, slice_of(allowed), &rec), SCAN_COUNTED);
    assert_int_equal(set(&s, SET_BLOCK_OUTBOUNDS, "grey,black", &err), ERR_OK);
    assert_int_equal(set(&s, SET_IP_ALLOWLIST, "5.6.0.0/16", &err), ERR_OK);
    assert_int_equal(set(&s, SET_COUNT_PRIVATE_IPS, "on", &err), ERR_OK);
    assert_int_equal(settings_scan_rules(&s, SLICE(""), &rules, &err), ERR_OK);
    assert_int_equal(scan_line(&rules, slice_of(line), &rec), SCAN_BLOCKED);
    assert_int_equal(scan_line(&rules, slice_of(allowed), &rec), SCAN_IGNORED_IP);
    assert_int_equal(settings_scan_rules(&s, SLICE("node.example"), &rules, &err), ERR_INVALID);
    assert_int_equal(scan_line(&rules, slice_of(allowed), &rec), SCAN_IGNORED_IP);
    scan_rules_release(&rules);
    settings_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_complete),
        cmocka_unit_test(table_agrees_with_the_specification),
        cmocka_unit_test(providers_are_checked),
        cmocka_unit_test(every_number_keeps_its_range),
        cmocka_unit_test(every_choice_is_taken_and_nothing_else),
        cmocka_unit_test(forms_of_values),
        cmocka_unit_test(the_strongest_origin_is_in_force),
        cmocka_unit_test(cross_checks),
        cmocka_unit_test(panel_access_is_asked_for),
        cmocka_unit_test(secrets_are_never_shown),
        cmocka_unit_test(later_features_are_known),
        cmocka_unit_test(mistyped_names_get_a_suggestion),
        cmocka_unit_test(policy_holds_the_values),
        cmocka_unit_test(scan_rules_follow_the_settings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
