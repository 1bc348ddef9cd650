/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include "base/stamp.h"
#include "core/online/readplan.h"
#include "rig.h"

static void read_user(struct rig *r, int64_t id)
{
    struct addr a;
    char ip[64];

    assert_int_equal(addr_parse(slice_of(rig_ip(id, 0, ip)), &a), ERR_OK);
    rig_read(r, id, &(struct online_seen){r->node[0], a, r->now_us - STAMP_SECOND}, 1);
}

static void who_is_watched_is_read_every_five_seconds(void **state)
{
    struct readplan p;
    struct rig r;
    int i, read = 0;

    (void)state;
    rig_init(&r, 1);
    readplan_init(&p);
    rig_share(&r, 7, 2, 10);
    assert_int_equal(rig_count(&r, DECISION_MONITOR, 7), 1);
    assert_int_equal(readplan_watch(&p, 7), ERR_OK);
    assert_int_equal(readplan_watch(&p, 7), ERR_OK);
    assert_int_equal(readplan_watch(&p, 8), ERR_OK);
    for (i = 0; i < 100; i++) {
        if (readplan_next(&p, r.e, false, r.now_us) == 7)
            read++;
        r.now_us += STAMP_SECOND / 4;
    }
    /* Unanswered ones count as well: 25 s. */
    assert_int_equal(read, 5);
    /* Of user 8 nothing is known. */
    assert_int_equal(p.n_close, 1);
    engine_clear_user(r.e, 7);
    r.now_us += 700 * STAMP_SECOND;
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 0);
    assert_int_equal(p.n_close, 0);
    readplan_release(&p);
    rig_release(&r);
}

static void everyone_without_lines_has_a_turn(void **state)
{
    const int64_t ids[] = {3, 5, 7, 9}, later[] = {5, 7, 8, 9};
    struct readplan p;
    struct rig r;

    (void)state;
    rig_init(&r, 1);
    readplan_init(&p);
    rig_from(&r, 5, 0);
    assert_int_equal(readplan_online(&p, ids, 4), ERR_OK);
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 3);
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 7);
    /* His turn stays when the list is read anew. */
    assert_int_equal(readplan_online(&p, later, 4), ERR_OK);
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 9);
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 8);
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 0);
    /* By the online list alone lines say nothing. */
    assert_int_equal(readplan_next(&p, r.e, true, r.now_us), 5);
    r.now_us += 31 * STAMP_SECOND;
    assert_int_not_equal(readplan_next(&p, r.e, false, r.now_us), 0);
    assert_int_equal(readplan_online(&p, NULL, 0), ERR_OK);
    assert_int_equal(readplan_next(&p, r.e, false, r.now_us), 0);
    readplan_release(&p);
    rig_release(&r);
}

static void neither_crowds_the_other_out(void **state)
{
    int64_t ids[200], i;
    int close = 0, round = 0;
    struct readplan p;
    struct rig r;

    (void)state;
    rig_init(&r, 1);
    readplan_init(&p);
    rig_share_many(&r, 1000, 50, 2, 10);
    for (i = 0; i < 50; i++)
        assert_int_equal(readplan_watch(&p, 1000 + i), ERR_OK);
    for (i = 0; i < 200; i++)
        ids[i] = i + 1;
    assert_int_equal(readplan_online(&p, ids, 200), ERR_OK);
    for (i = 0; i < 60; i++) {
        int64_t id = readplan_next(&p, r.e, false, r.now_us);

        close += id >= 1000;
        round += id > 0 && id < 1000;
        if (id)
            read_user(&r, id);
        r.now_us += STAMP_SECOND / 3;
    }
    assert_int_equal(close, 40);
    assert_int_equal(round, 20);
    readplan_release(&p);
    rig_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_watched_is_read_every_five_seconds),
        cmocka_unit_test(everyone_without_lines_has_a_turn),
        cmocka_unit_test(neither_crowds_the_other_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
