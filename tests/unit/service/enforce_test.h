/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_SERVICE_ENFORCE_TEST_H
#define TESTS_SERVICE_ENFORCE_TEST_H

/* What both test programs of the enforcement begin with; after cmocka.h. */

#include "enforce_bed.h"

static struct bed *b;

static inline int set_up(void **state)
{
    (void)state;
    b = calloc(1, sizeof(*b));
    if (!b || scratch_make())
        return -1;
    fp_init(&b->panel, BED_T0);
    if (bed_start(b))
        return -1;
    bed_settle(b);
    return 0;
}

static inline int tear_down(void **state)
{
    (void)state;
    bed_kill(b);
    scratch_clear();
    if (b->panel.offence[0])
        fprintf(stderr, "%s\n", b->panel.offence);
    free(b);
    return 0;
}

static inline struct fp_user *user(int64_t id)
{
    return &b->panel.users[id - 1];
}

static inline int punish(int64_t id, int64_t duration_us)
{
    struct enforce_case c = bed_case(b, id, duration_us);
    struct err err = {0};

    return enforce_punish(b->e, &c, &err);
}

/* Disables and lets it settle. */
static inline void disable(int64_t id, int64_t duration_us)
{
    assert_int_equal(punish(id, duration_us), ERR_OK);
    bed_settle(b);
    assert_int_equal(b->last.kind, ENFORCE_APPLIED);
}

static inline int one_state(void *arg, const struct db_row *row)
{
    snprintf(arg, 64, "%s", db_state_name(row->state));
    return 1;
}

/* The state of the user's latest row. */
static inline const char *state_of(int64_t id)
{
    static char text[64];
    struct db_row_filter f = {.user_id = id, .limit = 1};
    struct err err;

    snprintf(text, sizeof(text), "none");
    assert_true(db_journal_each(b->db, &f, one_state, text, &err) >= 0);
    return text;
}

static inline void use_groups(int64_t fallback)
{
    struct enforce_policy p = {true, FP_DISABLED_GROUP, fallback, false};

    enforce_set_policy(b->e, &p);
}

static inline void restart(void)
{
    bed_kill(b);
    assert_int_equal(bed_start(b), 0);
    bed_settle(b);
}

#endif
