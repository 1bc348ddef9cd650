/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../faulty_memory.h"
#include "enforce_bed.h"

/*
 * The nth allocation of a whole life fails (linked with --wrap of malloc, calloc and realloc): whatever
 * it was, nobody stays disabled, nobody is disabled twice, and no row stays open.
 */

static int n_told, n_ends;

static void on_told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    n_told += t != NULL;
    n_ends += t == NULL;
}

/* Starts until it works: an app without memory would not run either. */
static void start(struct bed *b)
{
    int i;

    for (i = 0; i < 3; i++)
        if (bed_start(b) == 0)
            return;
    fail_msg("cannot start");
}

/* One life with one lack of memory; true when it came to pass. */
static bool live(long n, bool by_group)
{
    struct enforce_release all = {.all = true, .forgive = true, .who = SLICE("cli")};
    struct bed *b = calloc(1, sizeof(*b));
    struct enforce_case c;
    struct err err;
    int i, rc = -1;
    bool happened;

    assert_non_null(b);
    assert_int_equal(scratch_make(), 0);
    fp_init(&b->panel, BED_T0);
    b->opts.policy = (struct enforce_policy){by_group, FP_DISABLED_GROUP, 1};
    memory_fails((unsigned long)n + 1, 1);
    start(b);
    for (i = 1; i <= 3; i++) {
        c = bed_case(b, i, i == 3 ? 0 : 30 * SEC);
        rc = enforce_punish(b->e, &c, &err);
        assert_true(rc == ERR_OK || rc == ERR_NOMEM);
    }
    bed_wait(b, 10 * SEC);
    bed_kill(b);
    start(b);
    bed_wait(b, 60 * SEC);
    n_told = n_ends = 0;
    rc = enforce_release(b->e, &all, on_told, NULL);
    assert_true(rc == ERR_OK || rc == ERR_NOMEM);
    happened = memory_heals() > (unsigned long)n;
    if (rc)
        assert_int_equal(enforce_release(b->e, &all, on_told, NULL), ERR_OK);
    bed_wait(b, 400 * SEC);
    /* Told of a lack of memory, a person asks again. */
    n_ends = 0;
    assert_int_equal(enforce_release(b->e, &all, on_told, NULL), ERR_OK);
    bed_wait(b, 400 * SEC);
    assert_int_equal(n_ends, 1);
    assert_string_equal(b->panel.offence, "");
    assert_int_equal(enforce_count(b->e), 0);
    for (i = 0; i < 3; i++) {
        assert_int_equal(b->panel.users[i].status, PANEL_STATUS_ACTIVE);
        assert_false(fp_is_moved(&b->panel.users[i]));
        assert_true(b->panel.users[i].disables <= 1);
        assert_int_equal(b->panel.users[i].disables, b->panel.users[i].enables);
    }
    bed_kill(b);
    scratch_clear();
    free(b);
    return happened;
}

static void every_allocation_may_fail(void **state)
{
    long n, tested = 0;
    int by_group;

    (void)state;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    for (by_group = 0; by_group < 2; by_group++)
        for (n = 0; live(n, by_group != 0); n++)
            tested++;
    fprintf(stderr, "%ld allocations failed in turn\n", tested);
    assert_true(tested > 80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
