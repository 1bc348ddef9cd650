/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <string.h>

#include "store/db.h"
#include "store/db_nodes.h"

static void mark(struct bed *bed, const char *address, int64_t until_us)
{
    struct db_shared row = {slice_of(address), BED_NOW - STAMP_SECOND, until_us, false};
    struct err err = {0};

    assert_int_equal(db_shared_put(bed->db, &row, &err), ERR_OK);
}

static void listed_and_unmarked(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_ask(bed, "GET /shared", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 0);
    mark(bed, "5.6.7.8", BED_NOW + 3600 * STAMP_SECOND);
    mark(bed, "5.6.7.9", BED_NOW - 1);
    assert_int_equal(bed_ask(bed, "GET /shared", NULL), 200);
    assert_int_equal(bed_number(bed, "total"), 1);
    assert_string_equal(bed_member(bed_first(bed), "address"), "5.6.7.8");
    assert_true(json_is_true(json_object_get(bed_first(bed), "shared")));

    bed->changed = 0;
    assert_int_equal(bed_ask(bed, "DELETE /shared/5.6.7.9", NULL), 404);
    assert_int_equal(bed_ask(bed, "DELETE /shared/5.6.7", NULL), 422);
    assert_non_null(strstr(bed_text(bed, "detail"), "address"));
    assert_int_equal(bed_ask(bed, "DELETE /shared/alice", NULL), 422);
    assert_int_equal(bed->changed, 0);
    assert_int_equal(bed_ask(bed, "DELETE /shared/5.6.7.8", NULL), 200);
    assert_true(bed_yes(bed, "deleted"));
    assert_int_equal(bed->changed, OP_CHANGED_SHARED);
    assert_int_equal(bed_ask(bed, "DELETE /shared/5.6.7.8", NULL), 404);
    assert_int_equal(bed_ask(bed, "GET /shared", NULL), 200);
    assert_true(json_is_false(json_object_get(bed_first(bed), "shared")));
}

/* Marks of IPv6 stand for a prefix; any address of it names them, in any form. */
static void of_a_prefix(void **state)
{
    struct bed *bed = *state;

    mark(bed, "2a01:4f8:1:2::", BED_NOW + 3600 * STAMP_SECOND);
    assert_int_equal(bed_ask(bed, "DELETE /shared/2A01:04f8:1:2:aaaa::7", NULL), 200);
    assert_string_equal(bed_text(bed, "address"), "2a01:4f8:1:2::");
    mark(bed, "2a01:4f8:1:3::", BED_NOW + 3600 * STAMP_SECOND);
    assert_int_equal(bed_ask(bed, "DELETE /shared/%5B2a01:4f8:1:3::%5D", NULL), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(listed_and_unmarked, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(of_a_prefix, bed_setup, bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
