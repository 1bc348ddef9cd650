/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "service/doctor/doctor.h"
#include "service/doctor/redact.h"

static const int64_t now_us = INT64_C(1795448496) * STAMP_SECOND;
static const int64_t day_us = 86400 * STAMP_SECOND;

struct bed {
    struct doctor_facts f;
    struct settings s;
    json_t *json;
};

static struct doctor_node *node(struct bed *b)
{
    return &b->f.nodes[0];
}

/* A panel and a node of which nothing is to be said. */
static int set_up(void **state)
{
    struct bed *b = calloc(1, sizeof(*b));
    struct doctor_node *n;
    int i;

    assert_non_null(b);
    assert_int_equal(settings_init(&b->s), ERR_OK);
    doctor_facts_init(&b->f, now_us);
    b->f.daemon = b->f.up = b->f.nodes_known = true;
    b->f.watched_us = 600 * STAMP_SECOND;
    snprintf(b->f.url, sizeof(b->f.url), "https://panel");
    snprintf(b->f.version, sizeof(b->f.version), "5.2.1");
    b->f.version_major = 5;
    for (i = 0; i < ASK_COUNT; i++)
        b->f.asks[i].rc = ERR_OK;
    b->f.disk_free = INT64_MAX / 2;
    b->f.nodes = calloc(1, sizeof(*b->f.nodes));
    b->f.n_nodes = 1;
    n = node(b);
    n->id = 1;
    snprintf(n->name, sizeof(n->name), "berlin");
    snprintf(n->status, sizeof(n->status), "connected");
    n->enabled = n->connected = n->open = true;
    n->lines = 1000;
    n->last_us[SCAN_COUNTED] = n->direct_us = now_us - STAMP_SECOND;
    n->clock_us = STAMP_SECOND / 100;
    n->listed = 3;
    n->entries = 6;
    b->f.crowds[0] = (struct doctor_crowd){1, "5.6.7.8", 2, 10};
    b->f.n_crowds = 1;
    *state = b;
    return 0;
}

static int tear_down(void **state)
{
    struct bed *b = *state;

    json_decref(b->json);
    doctor_facts_release(&b->f);
    settings_release(&b->s);
    free(b);
    return 0;
}

static void judge(struct bed *b)
{
    struct buf out;

    json_decref(b->json);
    buf_init(&out, 1 << 20);
    doctor_judge(&b->f, &b->s, &out);
    b->json = json_loads(buf_str(&out), 0, NULL);
    assert_non_null(b->json);
    buf_release(&out);
}

/* The level of a check, "" when it is not there; at most one of each. */
static const char *level(struct bed *b, const char *check)
{
    const char *found = "";
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(b->json, "checks"), i, row)
    {
        const char *l = json_string_value(json_object_get(row, "level"));

        if (strcmp(json_string_value(json_object_get(row, "check")), check) != 0)
            continue;
        if (strcmp(found, "failed") != 0)
            found = l;
        /* What is wrong has a cure. */
        if (strcmp(l, "failed") == 0 || strcmp(l, "warning") == 0)
            assert_true(json_is_string(json_object_get(row, "cure")));
    }
    return found;
}

static void nothing_is_wrong(void **state)
{
    struct bed *b = *state;

    judge(b);
    assert_int_equal(json_integer_value(json_object_get(b->json, "failed")), 0);
    assert_int_equal(json_integer_value(json_object_get(b->json, "warnings")), 0);
    assert_string_equal(level(b, "reader"), "ok");
    assert_string_equal(level(b, "relay"), "ok");
    assert_string_equal(level(b, "headers"), "");
}

/* One thing at a time is made wrong. */
enum wrong {
    DOWN,
    TLS,
    PLAIN,
    UNVERIFIED,
    REFUSED,
    CERT_SOON,
    CERT_ENDED,
    KEY_SOON,
    NEWER,
    NO_VERSION,
    NO_UPDATE,
    NO_STATS,
    NO_GROUPS,
    NO_GROUPS_NEEDED,
    NO_NODES,
    NODES_HIDDEN,
    NODE_ERROR,
    NODE_CLOSED,
    MASKED,
    NO_EMAIL,
    QUIET,
    FAULTY,
    STOLEN,
    STATS_OFF,
    CLOCK,
    AHEAD,
    FORGED,
    RELAY,
    CORRUPT,
    DISK_LOW,
    DISK_FULL,
    ENV_OPEN,
    SHADOW,
    GEO_OLD,
    GEO_NONE,
    GEO_NEEDED,
};

static const struct {
    enum wrong wrong;
    const char *check, *level;
} cases[] = {
    {DOWN, "panel", "failed"},
    {TLS, "tls", "failed"},
    {PLAIN, "tls", "warning"},
    {UNVERIFIED, "tls", "warning"},
    {REFUSED, "login", "failed"},
    {CERT_SOON, "certificate", "warning"},
    {CERT_ENDED, "certificate", "failed"},
    {KEY_SOON, "key", "warning"},
    {NEWER, "version", "warning"},
    {NO_VERSION, "version", "warning"},
    {NO_UPDATE, "permission", "failed"},
    {NO_STATS, "permission", "ok"}, /* a warning among others */
    {NO_GROUPS_NEEDED, "permission", "failed"},
    {NO_NODES, "nodes", "failed"},
    {NODES_HIDDEN, "nodes", "failed"},
    {NODE_ERROR, "node", "failed"},
    {NODE_CLOSED, "node", "failed"},
    {MASKED, "mask", "failed"},
    {NO_EMAIL, "lines", "failed"},
    {QUIET, "lines", "failed"},
    {FAULTY, "verdicts", "warning"},
    {STOLEN, "reader", "failed"},
    {STATS_OFF, "online list", "failed"},
    {CLOCK, "clock", "warning"},
    {AHEAD, "clock", "ok"}, /* a warning, and the offset itself is right */
    {FORGED, "headers", "warning"},
    {RELAY, "relay", "failed"},
    {CORRUPT, "database", "failed"},
    {DISK_LOW, "disk", "warning"},
    {DISK_FULL, "disk", "failed"},
    {ENV_OPEN, "file", "warning"},
    {SHADOW, "setting", "warning"},
    {GEO_OLD, "geo", "warning"},
    {GEO_NONE, "geo", "warning"},
    {GEO_NEEDED, "geo", "failed"},
};

static void spoil_panel(struct bed *b, enum wrong w)
{
    struct err err;

    if (w == DOWN || w == TLS)
        b->f.up = false;
    if (w == DOWN || w == TLS || w == REFUSED)
        snprintf(b->f.error, sizeof(b->f.error), "%s",
                 w == TLS ? "the certificate is not trusted" : "no route");
    b->f.refused = w == REFUSED;
    if (w == PLAIN)
        snprintf(b->f.url, sizeof(b->f.url), "http://panel");
    if (w == UNVERIFIED)
        assert_int_equal(settings_set(&b->s, SET_PANEL_TLS_VERIFY, ORIGIN_FILE, SLICE("false"),
                                      &err),
                         ERR_OK);
    if (w == CERT_SOON || w == CERT_ENDED)
        b->f.cert_ends_us = now_us + (w == CERT_SOON ? 13 * day_us : -day_us);
    b->f.has_key = w == KEY_SOON;
    if (w == KEY_SOON)
        b->f.key_ends_us = now_us + 2 * day_us;
    if (w == NEWER)
        b->f.version_major = 6;
    if (w == NO_VERSION)
        b->f.version[0] = '\0';
    if (w == NO_UPDATE)
        b->f.asks[ASK_UPDATE].rc = ERR_FORBIDDEN;
    if (w == NO_STATS)
        b->f.asks[ASK_STATS].rc = ERR_FORBIDDEN;
    if (w == NO_GROUPS || w == NO_GROUPS_NEEDED)
        b->f.asks[ASK_GROUPS].rc = ERR_FORBIDDEN;
    if (w == NO_GROUPS_NEEDED)
        assert_int_equal(settings_set(&b->s, SET_GROUP_FILTER, ORIGIN_DB, SLICE("3"), &err),
                         ERR_OK);
    if (w == NO_NODES)
        b->f.n_nodes = 0;
    if (w == NODES_HIDDEN)
        b->f.nodes_known = false;
    if (w == SHADOW)
        assert_int_equal(settings_set(&b->s, SET_ENFORCEMENT, ORIGIN_DB, SLICE("shadow"), &err),
                         ERR_OK);
}

static void spoil_geo(struct bed *b, enum wrong w)
{
    struct doctor_geo *g = &b->f.geo[DATA_COUNTRY];
    struct err err;

    if (w != GEO_OLD && w != GEO_NONE && w != GEO_NEEDED)
        return;
    *g = (struct doctor_geo){.known = true, .in_effect = w == GEO_OLD, .age_days = 400};
    if (w == GEO_NEEDED)
        assert_int_equal(settings_set(&b->s, SET_COUNTRY_CODE, ORIGIN_DEFAULT, SLICE("IR"), &err),
                         ERR_OK);
}

static void spoil_node(struct bed *b, enum wrong w)
{
    struct doctor_node *n = node(b);

    if (w == NODE_ERROR)
        n->connected = false;
    if (w == NODE_CLOSED)
        n->open = false;
    if (w == MASKED)
        n->last_us[SCAN_MASKED] = now_us - STAMP_SECOND;
    if (w == NO_EMAIL)
        n->last_us[SCAN_NO_EMAIL] = now_us;
    n->quiet = w == QUIET;
    n->faulty = w == FAULTY;
    if (w == QUIET)
        n->last_us[SCAN_COUNTED] = now_us - 3600 * STAMP_SECOND;
    if (w == STOLEN)
        n->missed = 3;
    if (w == STATS_OFF) {
        n->unlisted = 2;
        n->listed = 0;
    }
    if (w == CLOCK)
        n->clock_us = -12600 * STAMP_SECOND + 40 * STAMP_SECOND;
    if (w == AHEAD)
        n->ahead_us = 9 * STAMP_SECOND;
    if (w == FORGED)
        n->header_us = now_us;
    if (w == RELAY)
        b->f.crowds[0].users = 5;
    if (w == CORRUPT)
        b->f.db_rc = ERR_CORRUPT;
    if (w == DISK_LOW || w == DISK_FULL)
        b->f.disk_free = w == DISK_LOW ? 500 << 20 : 5 << 20;
    if (w == ENV_OPEN) {
        b->f.files[b->f.n_files++] =
            (struct doctor_file){.path = "/etc/x", .owner = "root", .mode = 0644, .want = 0600};
    }
}

static void each_fault_is_found(void **state)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct bed *b;
        int64_t failed, warnings;

        if (i) {
            tear_down(state);
            set_up(state);
        }
        b = *state;
        spoil_panel(b, cases[i].wrong);
        spoil_node(b, cases[i].wrong);
        spoil_geo(b, cases[i].wrong);
        judge(b);
        if (strcmp(level(b, cases[i].check), cases[i].level) != 0)
            fail_msg("case %zu: %s is \"%s\", not %s", i, cases[i].check, level(b, cases[i].check),
                     cases[i].level);
        failed = json_integer_value(json_object_get(b->json, "failed"));
        warnings = json_integer_value(json_object_get(b->json, "warnings"));
        if (failed + warnings < 1)
            fail_msg("case %zu: nothing was found", i);
        assert_true((failed > 0) == (strcmp(cases[i].level, "failed") == 0));
    }
}

/* Asked in the moment of its start: what has not come yet is no failure, what went wrong is one. */
static void a_daemon_that_has_just_started(void **state)
{
    struct bed *b = *state;

    b->f.watched_us = 2 * STAMP_SECOND;
    node(b)->open = false;
    judge(b);
    assert_string_equal(level(b, "node"), "warning");
    b->f.up = false;
    judge(b);
    assert_string_equal(level(b, "panel"), "warning");
    assert_int_equal(json_integer_value(json_object_get(b->json, "failed")), 0);
    snprintf(b->f.error, sizeof(b->f.error), "connection refused");
    judge(b);
    assert_string_equal(level(b, "panel"), "failed");
    b->f.error[0] = '\0';
    b->f.watched_us = 20 * STAMP_SECOND;
    judge(b);
    assert_string_equal(level(b, "panel"), "failed");
    b->f.up = true;
    judge(b);
    assert_string_equal(level(b, "node"), "failed");
}

/* A time zone is no fault, and what only some features need is none without them. */
static void what_is_no_fault(void **state)
{
    struct bed *b = *state;

    node(b)->clock_us = -12600 * STAMP_SECOND + 20000;
    spoil_panel(b, NO_GROUPS);
    node(b)->header_us = now_us;
    node(b)->direct_us = 0;
    judge(b);
    assert_int_equal(json_integer_value(json_object_get(b->json, "failed")), 0);
    assert_string_equal(level(b, "clock"), "ok");
    assert_string_equal(level(b, "headers"), "ok");
}

static const char *redacted(struct redact *r, const char *text, struct buf *out)
{
    buf_clear(out);
    redact_add(r, slice_of(text), out);
    return buf_str(out);
}

static void names_and_addresses_are_replaced(void **state)
{
    struct redact *r = redact_new();
    struct buf out;

    (void)state;
    assert_non_null(r);
    buf_init(&out, 4096);
    assert_int_equal(redact_word(r, "user", SLICE("ali.reza")), ERR_OK);
    assert_int_equal(redact_word(r, "user", SLICE("bob")), ERR_OK);
    assert_int_equal(redact_anywhere(r, "node", SLICE("Berlin 1")), ERR_OK);
    assert_int_equal(redact_anywhere(r, "secret", SLICE("hunter2")), ERR_OK);
    assert_string_equal(redacted(r, "ali.reza and bob, bob.", &out), "user-1 and user-2, user-2.");
    assert_string_equal(redacted(r, "12.ali.reza on Berlin 1", &out), "12.user-1 on node-3");
    assert_string_equal(redacted(r, "bobby keeps his name", &out), "bobby keeps his name");
    assert_string_equal(redacted(r, "xhunter2y", &out), "xsecret-4y");
    assert_string_equal(redacted(r, "5.6.7.8:443, 5.6.7.8 and 5.6.7.0/24", &out),
                        "address-5:443, address-5 and address-6/24");
    assert_string_equal(redacted(r, "tcp [2001:db8::77]:9 2001:db8::77.", &out),
                        "tcp [address-7]:9 address-7.");
    assert_string_equal(redacted(r, "https://panel.example.com:8000/x", &out),
                        "https://host-8:8000/x");
    assert_string_equal(redacted(r, "policy.levels.0.statsUserOnline 5.2.1 12:30", &out),
                        "policy.levels.0.statsUserOnline 5.2.1 12:30");
    buf_release(&out);
    redact_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(each_fault_is_found, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_fault, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_daemon_that_has_just_started, set_up, tear_down),
        cmocka_unit_test(names_and_addresses_are_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
