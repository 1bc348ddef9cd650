/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The nodes' own addresses, with a resolver that does what the test says. */
#include "app_bed.h"

#include <netdb.h>

#include "base/stamp.h"

static const char *answer; /* what every name has; NULL: the resolver fails */
static int asked;

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __real_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);

int __wrap_getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    (void)name;
    __atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
    return answer ? __real_getaddrinfo(answer, service, hints, list) : EAI_AGAIN;
}

static void node(struct app_bed *b, int64_t id, const char *address, unsigned changes)
{
    struct panel_node n = {.id = id, .enabled = true, .connected = true};

    snprintf(n.address, sizeof(n.address), "%s", address);
    snprintf(n.name, sizeof(n.name), "node %d", (int)id);
    snprintf(n.status, sizeof(n.status), "connected");
    watch_node(b->d.watch, &n, changes);
}

/* Waits for the worker; a look-up takes far less. */
static void wait_asked(struct app_bed *b, int times)
{
    int i;

    for (i = 0; i < 500 && __atomic_load_n(&asked, __ATOMIC_SEQ_CST) < times; i++)
        loop_turn(b->d.loop, 10000);
    assert_int_equal(asked, times);
    /* What is to stay as it is gets the time to change. */
    for (i = 0; i < 5; i++)
        loop_turn(b->d.loop, 10000);
}

static bool counts(struct app_bed *b, const char *address)
{
    char text[160];
    struct record rec;

    snprintf(text, sizeof(text),
             "2026/09/21 14:14:02.000000 from %s:4242 accepted tcp:example.com:443 [IN -> OUT]"
             " email: 5",
             address);
    return engine_line(b->d.engine, b->node, bed_clock_us, slice_of(text), &rec) == SCAN_COUNTED;
}

/* Waits until the list the worker makes is in force: whether an address counts, as it should. */
static bool comes_to_count(struct app_bed *b, const char *address, bool wanted)
{
    int i;

    for (i = 0; i < 500 && counts(b, address) != wanted; i++)
        loop_turn(b->d.loop, 10000);
    return counts(b, address) == wanted;
}

/* An address stays known when the resolver fails later, and names may change theirs. */
static void a_failing_resolver_forgets_nothing(void **state)
{
    struct app_bed *b = *state;

    asked = 0;
    answer = "203.0.113.7";
    assert_true(comes_to_count(b, "60.2.2.2", true));
    answer = "60.2.2.2";
    node(b, 1, "one.example", NODE_ADDED);
    wait_asked(b, 1);
    assert_true(comes_to_count(b, "60.2.2.2", false));
    answer = NULL;
    node(b, 2, "two.example", NODE_ADDED);
    node(b, 1, "one.example", NODE_STATUS);
    wait_asked(b, 2);
    assert_true(comes_to_count(b, "60.2.2.2", false));
    node(b, 1, "moved.example", NODE_NAME);
    wait_asked(b, 3);
    assert_true(comes_to_count(b, "60.2.2.2", false));
    answer = "61.3.3.3";
    node(b, 1, "again.example", NODE_NAME);
    wait_asked(b, 4);
    assert_true(comes_to_count(b, "60.2.2.2", true));
    assert_true(comes_to_count(b, "61.3.3.3", false));
    node(b, 1, "again.example", NODE_REMOVED);
    assert_true(comes_to_count(b, "61.3.3.3", true));
}

/* Addresses need no resolver, and a bad one among them spoils nothing. */
static void addresses_as_they_are(void **state)
{
    struct app_bed *b = *state;

    asked = 0;
    answer = NULL;
    node(b, 1, "60.2.2.2", NODE_ADDED);
    node(b, 2, "[2a00:1450::5]", NODE_ADDED);
    node(b, 3, "no, name\x01", NODE_ADDED);
    node(b, 4, "", NODE_ADDED);
    wait_asked(b, 1);
    assert_true(comes_to_count(b, "60.2.2.2", false));
    assert_true(comes_to_count(b, "[2a00:1450::5]", false));
    assert_true(comes_to_count(b, "[2a00:1450::6]", true));
    node(b, 1, "60.2.2.3", NODE_NAME);
    assert_true(comes_to_count(b, "60.2.2.2", true));
    assert_true(comes_to_count(b, "60.2.2.3", false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_failing_resolver_forgets_nothing, bed_setup,
                                        bed_teardown),
        cmocka_unit_test_setup_teardown(addresses_as_they_are, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
