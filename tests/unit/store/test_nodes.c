/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_bed.h"

#include "store/db_nodes.h"

static struct db_shared seen;

static int see(void *arg, const struct db_shared *row)
{
    (void)arg;
    seen = *row;
    return 0;
}

/* Unmarked, an address stays so until the bar ends, whatever the engine says meanwhile. */
static void shared_source_taken_back(void **state)
{
    struct db_shared s = {SLICE("192.0.2.7"), T0, T0 + 10 * MS, false};

    (void)state;
    assert_int_equal(db_shared_bar(db, s.address, T0, T0 + 20 * MS, &err), ERR_NOT_FOUND);
    assert_int_equal(db_shared_put(db, &s, &err), 0);
    assert_int_equal(db_shared_bar(db, s.address, T0 + 11 * MS, T0 + 20 * MS, &err), ERR_NOT_FOUND);
    assert_int_equal(db_shared_bar(db, s.address, T0 + 5 * MS, T0 + 20 * MS, &err), 0);
    assert_int_equal(db_shared_bar(db, s.address, T0 + 5 * MS, T0 + 20 * MS, &err), ERR_NOT_FOUND);
    s.since_us = T0 + 19 * MS;
    s.until_us = T0 + 40 * MS;
    assert_int_equal(db_shared_put(db, &s, &err), 0);
    seen = (struct db_shared){0};
    assert_int_equal(db_shared_each(db, T0 + 19 * MS, see, NULL, &err), 0);
    assert_true(seen.barred && seen.until_us == T0 + 20 * MS);
    s.since_us = T0 + 20 * MS;
    assert_int_equal(db_shared_put(db, &s, &err), 0);
    seen = (struct db_shared){0};
    assert_int_equal(db_shared_each(db, T0 + 21 * MS, see, NULL, &err), 0);
    assert_true(!seen.barred && seen.until_us == T0 + 40 * MS && seen.since_us == T0 + 20 * MS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(shared_source_taken_back)};

    return cmocka_run_group_tests(tests, bed_open, bed_close);
}
