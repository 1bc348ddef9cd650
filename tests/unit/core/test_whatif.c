/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What other sources would make of the devices held now: the same as what they then make of them. */
#include "core_test.h"

#include <stdio.h>
#include <string.h>

#include "rig.h"

static void tell(void *arg, struct addr a, struct geo *ret)
{
    (void)arg;
    *ret = (a.lo >> 24 & 255) == 61 ? (struct geo){8, "DE"} : (struct geo){7, "IR"};
}

struct seen {
    int calls, now, supposed;
};

static void note(void *arg, int64_t id, int now, int supposed)
{
    struct seen *s = arg;

    s->calls++;
    if (id == 7) {
        s->now = now;
        s->supposed = supposed;
    }
}

/* Three addresses, the last one of another node; and a user who has been silent for too long. */
static void fill(struct rig *r)
{
    rig_init(r, 5);
    engine_set_geo(r->e, tell, NULL, r->now_us);
    rig_line(r, 0, 9, "60.9.9.9");
    rig_wait(r, 200);
    rig_line(r, 0, 7, "60.1.1.1");
    rig_line(r, 0, 7, "61.1.1.1");
    rig_line(r, 1, 7, "60.2.2.2");
    rig_wait(r, 1);
}

static struct seen look(struct rig *r, const struct sources *s, bool unmarked)
{
    struct seen seen = {0};

    assert_int_equal(engine_suppose(r->e, &(struct engine_supposed){s, unmarked}, r->now_us, note,
                                    &seen),
                     ERR_OK);
    return seen;
}

/* Where from, where to: the lists, and how many devices there are then. */
static const struct {
    const char *list[5];
    int devices;
} cases[] = {
    {{"", "", "", "", ""}, 3},    {{"", "", "", "IR", ""}, 2},
    {{"", "", "", "DE", ""}, 1},  {{"", "", "", "FR", ""}, 0},
    {{"", "101", "", "", ""}, 2}, {{"", "100,101", "", "", ""}, 1},
    {{"", "", "101", "", ""}, 2}, {{"", "", "", "", "60.0.0.0/8"}, 1},
};

static struct sources of_case(size_t i)
{
    const char *const *l = cases[i].list;

    return rig_sources(l[0], l[1], l[2], l[3], l[4]);
}

static void as_it_then_is(void **state)
{
    size_t from, to;

    (void)state;
    for (from = 0; from < ARRAY_LEN(cases); from++) {
        for (to = 0; to < ARRAY_LEN(cases); to++) {
            struct sources before = of_case(from), after = of_case(to);
            struct seen s;
            struct rig r;

            fill(&r);
            engine_set_sources(r.e, &before, r.now_us);
            rig_line(&r, 0, 7, "60.1.1.1");
            rig_line(&r, 0, 7, "61.1.1.1");
            rig_line(&r, 1, 7, "60.2.2.2");
            s = look(&r, &after, false);
            assert_int_equal(s.now, cases[from].devices);
            /* What a node left out so far would bring in is not held. */
            if (!cases[from].list[2][0])
                assert_int_equal(s.supposed, cases[to].devices);
            assert_true(s.calls <= 1);
            sources_release(&before);
            sources_release(&after);
            rig_release(&r);
        }
    }
}

static void shared_sources(void **state)
{
    struct sources none = rig_sources("", "", "", "", "");
    struct addr a;
    struct seen s;
    struct rig r;

    (void)state;
    fill(&r);
    assert_int_equal(addr_parse(SLICE("60.1.1.1"), &a), ERR_OK);
    assert_int_equal(engine_set_shared(r.e, a, r.now_us + 1000000000), ERR_OK);
    s = look(&r, &none, false);
    assert_int_equal(s.now, 2);
    assert_int_equal(s.supposed, 2);
    s = look(&r, &none, true);
    assert_int_equal(s.now, 2);
    assert_int_equal(s.supposed, 3);
    sources_release(&none);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_it_then_is),
        cmocka_unit_test(shared_sources),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
