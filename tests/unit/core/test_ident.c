/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core_test.h"

#include <stdlib.h>

#include "base/err.h"
#include "base/limits.h"
#include "core/line/ident.h"

/* {text, id, name}; name NULL: none; id -1: refused. */
static const struct form {
    const char *text;
    int64_t id;
    const char *name;
} forms[] = {
    {"12", 12, NULL},
    {" 12 ", 12, NULL},
    {"12\r\n", 12, NULL},
    {"1", 1, NULL},
    {"999999999999999999", INT64_C(999999999999999999), NULL},
    {"1000000000000000000", 0, "1000000000000000000"},
    {"12.alice", 12, "alice"},
    {"12.al ice", 12, "al ice"},
    {"12..", 12, "."},
    {"12.2024", 12, "2024"},
    {"12.", -1, NULL},
    {"12. ", -1, NULL},
    {"", -1, NULL},
    {" \t ", -1, NULL},
    {"0", 0, "0"},
    {"012", 0, "012"},
    {"0.alice", 0, "0.alice"},
    {"-1.alice", 0, "-1.alice"},
    {"+1", 0, "+1"},
    {"12a", 0, "12a"},
    {"12 .alice", 0, "12 .alice"},
    {"alice", 0, "alice"},
    {"alice@example.com", 0, "alice@example.com"},
    {".alice", 0, ".alice"},
    /* What follows the real email is never a detour: the words stood in the destination. */
    {"12 [IN -> OUT]", -1, NULL},
    {"12.a [b] [IN -> OUT]", -1, NULL},
    {"[IN -> OUT]", -1, NULL},
    {" [IN -> OUT]", -1, NULL},
    {"12.alice [open", 12, "alice [open"},
    {"12.al[i]ce", 12, "al[i]ce"},
};

static void reads_each_form(void **state)
{
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(forms); i++) {
        const struct form *f = &forms[i];
        struct ident got = {-7, {NULL, 0}};
        int rc = ident_parse(slice_of(f->text), &got);

        if ((rc == ERR_OK) != (f->id >= 0))
            fail_msg("\"%s\": %d", f->text, rc);
        if (rc) {
            assert_int_equal(rc, ERR_INVALID);
            assert_int_equal(got.id, -7);
            continue;
        }
        if (got.id != f->id || !slice_eq(got.name, slice_of(f->name)))
            fail_msg("\"%s\": id %lld, name \"%.*s\"", f->text, (long long)got.id, (int)got.name.n,
                     got.name.p);
    }
}

static void keeps_its_maximum(void **state)
{
    char text[LIMIT_EMAIL + 1];
    struct ident got;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text, "12.", 3);
    assert_int_equal(ident_parse((struct slice){text, LIMIT_EMAIL}, &got), ERR_OK);
    assert_int_equal(got.name.n, LIMIT_EMAIL - 3);
    assert_int_equal(ident_parse((struct slice){text, LIMIT_EMAIL + 1}, &got), ERR_INVALID);
}

/* Random short texts in blocks of their exact size: the sanitizer sees a byte read too far. */
static void reads_nothing_outside(void **state)
{
    static const char letters[] = "0129.a []\t";
    uint64_t seed = 31;
    int i, n, k, ids = 0;

    (void)state;
    for (i = 0; i < 300000; i++) {
        struct ident got;
        char *p;

        n = (int)rnd_below(&seed, 9);
        p = malloc((size_t)n + !n);
        assert_non_null(p);
        for (k = 0; k < n; k++)
            p[k] = letters[rnd_below(&seed, sizeof(letters) - 1)];
        if (ident_parse((struct slice){p, (size_t)n}, &got) == ERR_OK) {
            assert_true(got.id > 0 || got.name.n > 0);
            if (got.name.n)
                assert_true(got.name.p >= p && got.name.p + got.name.n <= p + n);
            ids += got.id > 0;
        }
        free(p);
    }
    assert_true(ids > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_each_form),
        cmocka_unit_test(keeps_its_maximum),
        cmocka_unit_test(reads_nothing_outside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
