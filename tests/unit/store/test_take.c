/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/stat.h>
#include <time.h>
#include <utime.h>

#include "base/stamp.h"
#include "dump.h"
#include "scratch.h"
#include "store/db.h"
#include "store/db_settings.h"
#include "take.h"

/* Copies of a database for a backup. */

#define T0 (INT64_C(1790000000) * STAMP_SECOND)

static struct err err;
static const char *const no_strip[] = {NULL};
static const char *const strip[] = {"ipinfo_token", NULL};

static struct db *open_db(const char *name)
{
    struct db *db;

    assert_int_equal(db_open_file(scratch_path(name), &db, &err), 0);
    return db;
}

static void put_setting(struct db *db, const char *key, const char *value)
{
    struct db_setting s = {slice_of(key), slice_of(value), T0, SLICE("test")};

    assert_int_equal(db_settings_put(db, &s, &err), 0);
}

static bool holds(const unsigned char *p, size_t n, const char *text)
{
    return memmem(p, n, text, strlen(text)) != NULL;
}

/* How many files of copying stand beside the database. */
static int copies_left(void)
{
    DIR *dir = opendir(scratch_dir);
    struct dirent *e;
    int n = 0;

    while ((e = readdir(dir)))
        n += strstr(e->d_name, ".taking-") != NULL;
    closedir(dir);
    return n;
}

/* In memory and in files. */
static void secrets_leave_no_bytes(void **state)
{
    static const size_t in_memory[] = {SIZE_MAX, 0};
    struct db *db = open_db("a.db");
    unsigned char *bytes;
    size_t n, i;

    (void)state;
    put_setting(db, "ipinfo_token", "a-very-secret-token");
    put_setting(db, "general_limit", "3");
    for (i = 0; i < ARRAY_LEN(in_memory); i++) {
        assert_int_equal(take_bytes(scratch_path("a.db"), no_strip, in_memory[i], &bytes, &n, &err),
                         0);
        assert_true(holds(bytes, n, "a-very-secret-token"));
        free(bytes);
        assert_int_equal(take_bytes(scratch_path("a.db"), strip, in_memory[i], &bytes, &n, &err),
                         0);
        assert_false(holds(bytes, n, "secret-token"));
        assert_true(holds(bytes, n, "general_limit"));
        free(bytes);
    }
    assert_int_equal(copies_left(), 0);
    db_close(db);
}

/* Both ways give the same database, and one opens as well as the other. */
static void in_files_as_in_memory(void **state)
{
    struct db *db = open_db("a.db"), *image;
    unsigned char *bytes[2];
    size_t n[2], i;
    FILE *f;
    char *texts[2];

    (void)state;
    put_setting(db, "general_limit", "3");
    for (i = 0; i < 2; i++) {
        const char *name = scratch_path(i ? "memory.db" : "file.db");

        assert_int_equal(take_bytes(scratch_path("a.db"), no_strip, i ? SIZE_MAX : 0, &bytes[i],
                                    &n[i], &err),
                         0);
        assert_int_equal(db_image_open((struct slice){(char *)bytes[i], n[i]}, &image, &err), 0);
        db_close(image);
        f = fopen(name, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes[i], 1, n[i], f), n[i]);
        assert_int_equal(fclose(f), 0);
        texts[i] = dump_file(name);
        assert_non_null(texts[i]);
        free(bytes[i]);
    }
    assert_int_equal(n[0], n[1]);
    assert_string_equal(texts[0], texts[1]);
    free(texts[0]);
    free(texts[1]);
    db_close(db);
}

/* What a killed process left is taken away a day later; what another one is making is not. */
static void copies_of_the_dead(void **state)
{
    struct utimbuf old = {time(NULL) - 90000, time(NULL) - 90000};
    const char *names[] = {"a.db.taking-dead01", "a.db.taking-live01"};
    struct db *db = open_db("a.db");
    unsigned char *bytes;
    struct stat st;
    size_t n, i;
    FILE *f;

    (void)state;
    for (i = 0; i < ARRAY_LEN(names); i++) {
        f = fopen(scratch_path(names[i]), "w");
        assert_non_null(f);
        fclose(f);
    }
    assert_int_equal(utime(scratch_path(names[0]), &old), 0);
    assert_int_equal(take_bytes(scratch_path("a.db"), no_strip, 0, &bytes, &n, &err), 0);
    free(bytes);
    assert_int_not_equal(stat(scratch_path(names[0]), &st), 0);
    assert_int_equal(stat(scratch_path(names[1]), &st), 0);
    db_close(db);
}

static int set_up(void **state)
{
    (void)state;
    return scratch_make();
}

static int tear_down(void **state)
{
    (void)state;
    scratch_clear();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(secrets_leave_no_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_files_as_in_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_of_the_dead, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
