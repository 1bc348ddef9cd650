/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "core/limit/directory.h"

static const struct hash_key key = {3, 4};

enum { IDS = 300, NAMES = 400 };

static struct slice name_of(int n, char *out)
{
    /* Of many lengths, so that renames grow and shrink. */
    int len = snprintf(out, 64, "%s%d", &"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[n % 40], n);

    return (struct slice){out, (size_t)len};
}

static void check_all(const struct directory *d, const int *name_of_id, const int *id_of_name)
{
    char text[64];
    int i;

    for (i = 0; i < IDS; i++) {
        struct slice got = directory_name(d, i + 1);

        if (name_of_id[i] < 0)
            assert_null(got.p);
        else
            assert_true(slice_eq(got, name_of(name_of_id[i], text)));
    }
    for (i = 0; i < NAMES; i++)
        assert_int_equal(directory_id(d, name_of(i, text)), id_of_name[i]);
}

/* Random news, some of a name that another user bears still: the one told last has it. */
static void agrees_with_arrays(void **state)
{
    static int name_of_id[IDS], id_of_name[NAMES];
    struct directory d;
    uint64_t seed = 71;
    int i, taken = 0;

    (void)state;
    directory_init(&d, key);
    memset(name_of_id, 0xff, sizeof(name_of_id));
    memset(id_of_name, 0, sizeof(id_of_name));
    for (i = 0; i < 20000; i++) {
        int id = (int)rnd_below(&seed, IDS), name = (int)rnd_below(&seed, NAMES);
        char text[64];
        int changed = name_of_id[id] != name;

        assert_int_equal(directory_put(&d, id + 1, name_of(name, text)), changed);
        if (changed) {
            if (name_of_id[id] >= 0)
                id_of_name[name_of_id[id]] = 0;
            if (id_of_name[name]) {
                name_of_id[id_of_name[name] - 1] = -1;
                taken++;
            }
            name_of_id[id] = name;
            id_of_name[name] = id + 1;
        }
        if (i % 64 == 0)
            check_all(&d, name_of_id, id_of_name);
    }
    check_all(&d, name_of_id, id_of_name);
    assert_true(taken > 1000);
    directory_release(&d);
}

static void many_users_stay_small(void **state)
{
    enum { USERS = 100000 };
    struct directory d;
    char text[32];
    size_t bytes;
    int i;

    (void)state;
    directory_init(&d, key);
    for (i = 1; i <= USERS; i++) {
        snprintf(text, sizeof(text), "user%d", i);
        assert_int_equal(directory_put(&d, (int64_t)i * 7, slice_of(text)), 1);
    }
    for (i = 1; i <= USERS; i++) {
        snprintf(text, sizeof(text), "user%d", i);
        assert_int_equal(directory_id(&d, slice_of(text)), (int64_t)i * 7);
        assert_true(slice_eq(directory_name(&d, (int64_t)i * 7), slice_of(text)));
    }
    assert_null(directory_name(&d, 8).p);
    bytes = d.cap * sizeof(*d.rows) + d.names_cap + d.slots * 2 * sizeof(*d.by_id);
    assert_true(bytes < USERS * 60);
    directory_release(&d);
    assert_int_equal(directory_id(&d, SLICE("user1")), 0);
}

static void refuses(void **state)
{
    static char big[LIMIT_EMAIL + 1];
    struct directory d;

    (void)state;
    memset(big, 'a', sizeof(big));
    directory_init(&d, key);
    assert_int_equal(directory_put(&d, 0, SLICE("a")), ERR_INVALID);
    assert_int_equal(directory_put(&d, -1, SLICE("a")), ERR_INVALID);
    assert_int_equal(directory_put(&d, 1, SLICE("")), ERR_INVALID);
    assert_int_equal(directory_put(&d, 1, (struct slice){big, sizeof(big)}), ERR_TOO_BIG);
    assert_int_equal(directory_put(&d, 1, (struct slice){big, sizeof(big) - 1}), 1);
    assert_int_equal(directory_put(&d, 1, (struct slice){big, sizeof(big)}), ERR_TOO_BIG);
    assert_int_equal(directory_name(&d, 1).n, LIMIT_EMAIL);
    assert_null(directory_name(&d, 0).p);
    assert_int_equal(directory_id(&d, SLICE("")), 0);
    directory_release(&d);
}

/* Two users swap names, and a name comes back after its user is gone. */
static void names_change_hands(void **state)
{
    struct directory d;

    (void)state;
    directory_init(&d, key);
    assert_int_equal(directory_put(&d, 5, SLICE("ann")), 1);
    assert_int_equal(directory_put(&d, 9, SLICE("bob")), 1);
    assert_int_equal(directory_put(&d, 5, SLICE("bob")), 1);
    assert_int_equal(directory_id(&d, SLICE("bob")), 5);
    assert_int_equal(directory_id(&d, SLICE("ann")), 0);
    assert_null(directory_name(&d, 9).p);
    assert_int_equal(directory_put(&d, 9, SLICE("ann")), 1);
    assert_int_equal(directory_id(&d, SLICE("ann")), 9);
    assert_int_equal(directory_put(&d, 12, SLICE("ann")), 1);
    assert_int_equal(directory_id(&d, SLICE("ann")), 12);
    assert_int_equal(directory_put(&d, 12, SLICE("ann")), 0);
    directory_release(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_arrays),
        cmocka_unit_test(many_users_stay_small),
        cmocka_unit_test(refuses),
        cmocka_unit_test(names_change_hands),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
