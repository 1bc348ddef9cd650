/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdio.h>

#include "base/stamp.h"
#include "rig.h"

#define S STAMP_SECOND

/* What is known of networks: 60.x is of provider 7 in IR, 61.x of 8 in DE, 2a01:: of 7, 2a02:: of 8. */
struct world {
    bool blind; /* nothing is known of anything */
    int asked;
};

static void tell(void *arg, struct addr a, struct geo *ret)
{
    struct world *w = arg;
    unsigned first = addr_is4(a) ? (unsigned)(a.lo >> 24 & 255) : (unsigned)(a.hi >> 48);

    w->asked++;
    *ret = (struct geo){0};
    if (w->blind)
        return;
    if (first == 60 || first == 0x2a01)
        *ret = (struct geo){7, "IR"};
    else if (first == 61 || first == 0x2a02)
        *ret = (struct geo){8, "DE"};
}

static void start(struct rig *r, struct world *w, enum policy_group by)
{
    rig_init(r, 1);
    r->policy.group_by = by;
    rig_set(r);
    *w = (struct world){0};
    engine_set_geo(r->e, tell, w, r->now_us);
}

/* Puts sources in force: the named lists, "" for none. */
static void special(struct rig *r, const char *inbounds, const char *cdn_nodes,
                    const char *disabled, const char *countries, const char *content)
{
    struct sources s = rig_sources(inbounds, cdn_nodes, disabled, countries, content);

    engine_set_sources(r->e, &s, r->now_us);
    sources_release(&s);
}

/* For so long user 7 is heard from each address in turn, a line every 3 s. */
static void turns(struct rig *r, const char *const *from, int n, int node, double seconds)
{
    int i;

    for (i = 0; i * 3 < seconds; i++) {
        rig_line(r, node, 7, from[i % n]);
        rig_wait(r, 3);
    }
}

static const struct device_view *find(const struct evidence *ev, const char *ip)
{
    char text[ADDR_TEXT];
    int i;

    for (i = 0; i < ev->n_devices; i++)
        if (strcmp(addr_text(ev->devices[i].addr, text), ip) == 0)
            return &ev->devices[i];
    return NULL;
}

static void one_provider_is_one_device(void **state)
{
    static const char *const same[] = {"60.1.1.1", "60.9.9.9", "[2a01::1]"};
    static const char *const two[] = {"60.1.1.1", "61.1.1.1"}, *const dark[] = {"9.1.1.1",
                                                                                "9.9.1.1"};
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_ISP);
    turns(&r, same, 3, 0, 400);
    assert_int_equal(r.n, 0);
    assert_int_equal(rig_view(&r, 7).evidence.n_devices, 1);
    assert_int_equal(rig_view(&r, 7).evidence.devices[0].asn, 7);
    turns(&r, two, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
    start(&r, &w, GROUP_ISP);
    turns(&r, dark, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_check(&r);
    rig_release(&r);
}

static void one_subnet_is_one_device(void **state)
{
    static const char *const same[] = {"60.1.1.1", "60.1.1.200"};
    static const char *const two[] = {"60.1.1.1", "60.1.2.1"};
    static const char *const six[] = {"[2a01:0:0:1::1]", "[2a01:0:0:2::1]"};
    static const char *const apart[] = {"[2a01:0:1::1]", "[2a01:0:2::1]"};
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_SUBNET);
    turns(&r, same, 2, 0, 400);
    turns(&r, six, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    turns(&r, two, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
    start(&r, &w, GROUP_SUBNET);
    turns(&r, apart, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
}

/* What could not be told at first is asked again, and two devices that turn out to be one become one. */
static void providers_become_known(void **state)
{
    static const char *const same[] = {"60.1.1.1", "60.9.9.9"};
    struct world w;
    struct rig r;
    int asked;

    (void)state;
    start(&r, &w, GROUP_ISP);
    w.blind = true;
    turns(&r, same, 2, 0, 100);
    assert_int_equal(rig_view(&r, 7).devices, 2);
    w.blind = false;
    turns(&r, same, 2, 0, 70); /* a check comes */
    assert_int_equal(rig_view(&r, 7).devices, 1);
    assert_int_equal(rig_view(&r, 7).evidence.n_devices, 1);
    turns(&r, same, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    /* A check asks no more of what is known; a line only when the device moves to another address. */
    rig_line(&r, 0, 7, "60.1.1.1");
    asked = w.asked;
    rig_wait(&r, 30);
    rig_line(&r, 0, 7, "60.1.1.1");
    rig_wait(&r, 61);
    assert_int_equal(w.asked, asked);
    engine_geo_changed(r.e, r.now_us);
    assert_true(w.asked > asked);
    /* The data goes: what was learned from it goes, too. */
    engine_set_geo(r.e, NULL, NULL, r.now_us);
    turns(&r, same, 2, 0, 6);
    assert_int_equal(rig_view(&r, 7).evidence.devices[0].asn, 0);
    assert_int_equal(rig_view(&r, 7).devices, 2);
    rig_release(&r);
}

/* auto: two families are a pair only when they are known to be of two providers. */
static void families_of_two_providers(void **state)
{
    static const char *const phone[] = {"60.1.1.1", "[2a01::1]"}, *const two[] = {"60.1.1.1",
                                                                                  "[2a02::1]"};
    static const char *const dark[] = {"60.1.1.1", "[2a03::1]"};
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    turns(&r, phone, 2, 0, 600);
    turns(&r, dark, 2, 0, 600);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_count(&r, DECISION_WARN, 0), 0);
    turns(&r, two, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_check(&r);
    rig_release(&r);
}

/* Only IR counts: what is known to be elsewhere does not, what is not known does. */
static void countries(void **state)
{
    static const char *const both[] = {"60.1.1.1", "61.1.1.1"}, *const dark[] = {"60.1.1.1",
                                                                                 "9.1.1.1"};
    const struct device_view *d;
    struct user_view v;
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    special(&r, "", "", "", "ir,TR", "");
    turns(&r, both, 2, 0, 400);
    assert_int_equal(r.n, 0);
    v = rig_view(&r, 7);
    assert_int_equal(v.devices, 1);
    d = find(&v.evidence, "61.1.1.1");
    assert_non_null(d);
    assert_int_equal(d->role, DEVICE_COUNTRY);
    assert_true(d->lines > 50);
    assert_int_equal(find(&v.evidence, "60.1.1.1")->role, DEVICE_COUNTED);
    rig_line(&r, 0, 8, "61.1.1.1");
    assert_int_equal(rig_view(&r, 8).devices, 0);
    assert_int_equal(rig_view(&r, 8).concurrent, 0);
    turns(&r, dark, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
    /* A look-up that fails hides nobody; once it answers, the address counts no more. */
    start(&r, &w, GROUP_AUTO);
    special(&r, "", "", "", "IR", "");
    w.blind = true;
    turns(&r, both, 2, 0, 100);
    assert_int_equal(rig_view(&r, 7).devices, 2);
    assert_int_equal(rig_count(&r, DECISION_WARN, 7), 1);
    w.blind = false;
    turns(&r, both, 2, 0, 400);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 0);
    /* No filter any more: it counts. */
    special(&r, "", "", "", "", "");
    turns(&r, both, 2, 0, 6);
    assert_int_equal(rig_view(&r, 7).devices, 2);
    rig_release(&r);
}

/* Ten thousand addresses of a country that does not count hide nobody and cost little. */
static void a_spray_from_outside(void **state)
{
    struct world w;
    struct rig r;
    struct user_view v;
    char ip[32];
    int i, outside = 0;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    special(&r, "", "", "", "IR", "");
    for (i = 0; i < 10000; i++) {
        snprintf(ip, sizeof(ip), "61.%d.%d.1", i / 100, i % 100);
        rig_line(&r, 0, 7, ip);
        if (i % 100 == 0)
            rig_line(&r, 0, 7, i % 200 ? "60.1.1.1" : "60.2.1.1");
        rig_wait(&r, 0.05);
    }
    v = rig_view(&r, 7);
    assert_int_equal(v.evidence.devices_overflow, 0);
    assert_int_equal(v.devices, 2);
    for (i = 0; i < v.evidence.n_devices; i++)
        outside += v.evidence.devices[i].role == DEVICE_COUNTRY;
    assert_int_equal(outside, 8);
    assert_int_equal(v.evidence.devices[0].role, DEVICE_COUNTED);
    assert_int_equal(v.evidence.devices[1].role, DEVICE_COUNTED);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
    rig_release(&r);
}

static const char *const edges[] = {"70.1.1.1", "71.1.1.1", "72.1.1.1", "73.1.1.1",
                                    "74.1.1.1", "75.1.1.1", "76.1.1.1", "77.1.1.1"};

/* A CDN's eight edges are one device alone, none beside another, and make no pair. */
static void behind_a_cdn(void **state)
{
    const char *const by[][3] = {{"IN-1", "", ""},
                                 {"", "101", ""},
                                 {"", "", "70.0.0.0/7,72.0.0.0/6,76.0.0.0/7"}};
    static const enum device_role roles[] = {DEVICE_CDN, DEVICE_CDN, DEVICE_CONTENT};
    struct world w;
    struct rig r;
    struct user_view v;
    int way, i;

    (void)state;
    for (way = 0; way < 3; way++) {
        start(&r, &w, GROUP_AUTO);
        special(&r, by[way][0], by[way][1], "", "", by[way][2]);
        turns(&r, edges, 8, 1, 300);
        assert_int_equal(r.n, 0);
        v = rig_view(&r, 7);
        assert_int_equal(v.devices, 1);
        assert_int_equal(v.concurrent, 1);
        assert_int_equal(v.evidence.n_devices, 8);
        for (i = 0; i < 8; i++)
            assert_int_equal(v.evidence.devices[i].role, roles[way]);
        for (i = 0; i < 100; i++) {
            rig_line(&r, 1, 7, edges[i % 8]);
            rig_line(&r, 0, 7, "60.1.1.1");
            rig_wait(&r, 3);
        }
        assert_int_equal(r.n, 0);
        v = rig_view(&r, 7);
        assert_int_equal(v.devices, 1);
        assert_int_equal(v.evidence.n_pairs, 0);
        /* Two of his own besides: those are two. */
        for (i = 0; i < 100; i++) {
            rig_line(&r, 1, 7, edges[i % 8]);
            rig_line(&r, 0, 7, i % 2 ? "60.1.1.1" : "61.1.1.1");
            rig_wait(&r, 3);
        }
        assert_int_equal(rig_count(&r, DECISION_PUNISH, 7), 1);
        assert_int_equal(rig_find(&r, DECISION_PUNISH, 7, 0)->devices, 2);
        rig_check(&r);
        rig_release(&r);
    }
}

/* An address is one thing through the CDN and another without; the online list tells of no inbound. */
static void cdn_addresses_elsewhere(void **state)
{
    struct online_seen seen = {0};
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    special(&r, "IN-1", "", "", "", "");
    rig_line(&r, 1, 7, "70.1.1.1");
    rig_line(&r, 0, 7, "70.1.1.1");
    rig_line(&r, 0, 7, "60.1.1.1");
    assert_int_equal(rig_view(&r, 7).devices, 2);
    assert_int_equal(rig_view(&r, 7).evidence.n_devices, 3);
    seen = (struct online_seen){.node = r.node[1], .last_us = r.now_us};
    assert_int_equal(addr_parse(SLICE("71.1.1.1"), &seen.addr), ERR_OK);
    rig_read(&r, 7, &seen, 1);
    assert_int_equal(rig_view(&r, 7).devices, 2);
    /* Seen through another inbound, too, it is a device. */
    rig_line(&r, 0, 7, "71.1.1.1");
    assert_int_equal(rig_view(&r, 7).devices, 3);
    /* Without the setting nothing is a CDN's, and one address is one device. */
    special(&r, "", "", "", "", "");
    rig_line(&r, 1, 7, "70.1.1.1");
    rig_line(&r, 0, 7, "70.1.1.1");
    assert_int_equal(rig_view(&r, 7).devices, 3);
    rig_release(&r);
}

static void disabled_nodes(void **state)
{
    struct online_seen seen = {0};
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    rig_line(&r, 0, 7, "60.1.1.1");
    rig_line(&r, 1, 7, "61.1.1.1");
    assert_int_equal(rig_view(&r, 7).devices, 2);
    special(&r, "", "", "101", "", "");
    assert_int_equal(rig_view(&r, 7).devices, 1);
    assert_int_equal(rig_line(&r, 1, 7, "61.1.1.1"), SCAN_DISABLED_NODE);
    assert_int_equal(engine_coverage(r.e, r.node[1])->ignored[SCAN_DISABLED_NODE], 1);
    seen = (struct online_seen){.node = r.node[1], .last_us = r.now_us};
    assert_int_equal(addr_parse(SLICE("62.1.1.1"), &seen.addr), ERR_OK);
    rig_read(&r, 7, &seen, 1);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    special(&r, "", "", "", "", "");
    assert_int_equal(rig_line(&r, 1, 7, "61.1.1.1"), SCAN_COUNTED);
    assert_int_equal(rig_view(&r, 7).devices, 2);
    rig_release(&r);
}

/* The list of online users tells of no inbound: it makes no second device of an address. */
static void online_list_by_inbound(void **state)
{
    struct online_seen seen = {0};
    struct world w;
    struct rig r;

    (void)state;
    start(&r, &w, GROUP_IP_INBOUND);
    rig_line(&r, 0, 7, "60.1.1.1");
    seen = (struct online_seen){.node = r.node[0], .last_us = r.now_us};
    assert_int_equal(addr_parse(SLICE("60.1.1.1"), &seen.addr), ERR_OK);
    rig_read(&r, 7, &seen, 1);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    rig_line(&r, 1, 7, "60.1.1.1");
    assert_int_equal(rig_view(&r, 7).devices, 2);
    /* Seen in the list first, the address takes the inbound of its first line. */
    assert_int_equal(addr_parse(SLICE("61.1.1.1"), &seen.addr), ERR_OK);
    rig_read(&r, 7, &seen, 1);
    rig_line(&r, 0, 7, "61.1.1.1");
    assert_int_equal(rig_view(&r, 7).devices, 3);
    rig_release(&r);
}

/* Another group_by: what was gathered by the old one convicts nobody, pardon and punishment stay. */
static void other_keys(void **state)
{
    static const enum policy_group ways[] = {GROUP_IP, GROUP_SUBNET, GROUP_ISP, GROUP_IP_INBOUND,
                                             GROUP_AUTO};
    static const char *const net[] = {"60.1.1.1", "60.1.1.2"};
    struct world w;
    struct rig r;
    size_t i;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    assert_int_equal(engine_pardon(r.e, 8, r.now_us + 3600 * S), ERR_OK);
    assert_int_equal(engine_set_punished(r.e, 9, 0, r.now_us), ERR_OK);
    for (i = 0; i < 5; i++) {
        rig_share(&r, 7, 2, 100);
        assert_int_equal(rig_view(&r, 7).state, USER_MONITORING);
        r.policy.group_by = ways[i];
        rig_set(&r);
        assert_int_equal(rig_view(&r, 7).state, USER_CLEAR);
        assert_int_equal(rig_view(&r, 7).devices, 0);
        assert_int_equal(rig_view(&r, 8).pardon_us > r.now_us, true);
        assert_int_equal(rig_view(&r, 9).state, USER_PUNISHED);
        assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    }
    /* Watched as two addresses; from now on they are one network, and nobody is over. */
    turns(&r, net, 2, 0, 170);
    assert_int_equal(rig_view(&r, 7).state, USER_MONITORING);
    r.policy.group_by = GROUP_SUBNET;
    rig_set(&r);
    turns(&r, net, 2, 0, 400);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    rig_release(&r);
}

/* Unmarked, a relay counts for its day, whoever comes from it; then it is found again. */
static void barred_sources(void **state)
{
    struct world w;
    struct rig r;
    struct addr a;
    int i, k;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    assert_int_equal(addr_parse(SLICE("5.6.7.8"), &a), ERR_OK);
    assert_int_equal(engine_set_shared(r.e, a, r.now_us + 86400 * S), ERR_OK);
    assert_int_equal(engine_bar_shared(r.e, a, r.now_us + 300 * S), ERR_OK);
    for (k = 0; k < 100; k++) {
        for (i = 1; i <= 15; i++)
            rig_line(&r, 0, i, "5.6.7.8");
        rig_from(&r, 1, 0);
        if (k == 40)
            assert_int_equal(rig_view(&r, 1).devices, 2);
        rig_wait(&r, 5);
    }
    assert_int_equal(rig_count(&r, DECISION_SHARED, 0), 1);
    assert_true(rig_find(&r, DECISION_SHARED, 0, 0)->at_us >= r.now_us - 210 * S);
    assert_int_equal(rig_view(&r, 1).devices, 1);
    rig_release(&r);
}

/* A marked address loses its pairs, and gets none. */
static void a_mark_takes_the_evidence(void **state)
{
    struct world w;
    struct rig r;
    struct addr a;
    char ip[64];

    (void)state;
    start(&r, &w, GROUP_AUTO);
    rig_share(&r, 7, 2, 170);
    assert_true(rig_view(&r, 7).concurrent == 2);
    assert_int_equal(addr_parse(slice_of(rig_ip(7, 1, ip)), &a), ERR_OK);
    assert_int_equal(engine_set_shared(r.e, a, r.now_us + 86400 * S), ERR_OK);
    assert_int_equal(rig_view(&r, 7).evidence.n_pairs, 0);
    rig_share(&r, 7, 2, 400);
    assert_int_equal(rig_view(&r, 7).evidence.n_pairs, 0);
    assert_int_equal(rig_count(&r, DECISION_PUNISH, 0), 0);
    assert_int_equal(rig_count(&r, DECISION_ACQUIT, 7), 1);
    rig_release(&r);
}

/* Addresses that are to be ignored from now on go at once. */
static void allowlisted_while_running(void **state)
{
    struct world w;
    struct rig r;
    struct scan_rules *rules;

    (void)state;
    start(&r, &w, GROUP_AUTO);
    rig_line(&r, 0, 7, "60.1.1.1");
    rig_line(&r, 0, 7, "61.1.1.1");
    rig_line(&r, 0, 7, "[2a01::1]");
    assert_int_equal(rig_view(&r, 7).devices, 3);
    rules = engine_scan_rules(r.e);
    assert_int_equal(addrset_add_list(&rules->ignored, SLICE("61.0.0.0/8,2a01::/32"), NULL),
                     ERR_OK);
    addrset_seal(&rules->ignored);
    engine_addresses_changed(r.e, r.now_us);
    assert_int_equal(rig_view(&r, 7).devices, 1);
    assert_int_equal(rig_line(&r, 0, 7, "61.1.1.1"), SCAN_IGNORED_IP);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_provider_is_one_device),
        cmocka_unit_test(one_subnet_is_one_device),
        cmocka_unit_test(providers_become_known),
        cmocka_unit_test(families_of_two_providers),
        cmocka_unit_test(countries),
        cmocka_unit_test(a_spray_from_outside),
        cmocka_unit_test(behind_a_cdn),
        cmocka_unit_test(cdn_addresses_elsewhere),
        cmocka_unit_test(disabled_nodes),
        cmocka_unit_test(online_list_by_inbound),
        cmocka_unit_test(other_keys),
        cmocka_unit_test(barred_sources),
        cmocka_unit_test(a_mark_takes_the_evidence),
        cmocka_unit_test(allowlisted_while_running),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
