/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/stamp.h"
#include "scratch.h"
#include "store/db.h"
#include "store/db_events.h"
#include "store/db_settings.h"
#include "store/schema.h"

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

static struct db *open_db(const char *name)
{
    struct err err = {0};
    struct db *db = NULL;

    if (db_open_file(scratch_path(name), &db, &err))
        fail_msg("%s", err.text);
    return db;
}

static int put(struct db *db, const char *key, const char *value, struct err *err)
{
    struct db_setting s = {slice_of(key), slice_of(value), 1000, SLICE("test")};

    return db_settings_put(db, &s, err);
}

static int count_rows(void *arg, const struct db_setting *row)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

static int settings_of(struct db *db)
{
    struct err err = {0};
    int n = 0;

    assert_int_equal(db_settings_each(db, count_rows, &n, &err), ERR_OK);
    return n;
}

static void makes_private_directories_and_file(void **state)
{
    struct err err = {0};
    struct db *db = NULL;
    struct stat st;
    mode_t old = umask(0);

    (void)state;
    assert_int_equal(db_open(scratch_path("a"), &db, &err), ERR_OK);
    umask(old);
    assert_int_equal(stat(scratch_path("a"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(scratch_path("a/data"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(stat(scratch_path("a/data/pg-limiter.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(put(db, "k", "v", &err), ERR_OK);
    assert_int_equal(stat(scratch_path("a/data/pg-limiter.db-wal"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    db_close(db);
    assert_int_equal(chmod(scratch_path("a/data/pg-limiter.db"), 0644), 0);
    assert_int_equal(db_open(scratch_path("a"), &db, &err), ERR_OK);
    assert_int_equal(stat(scratch_path("a/data/pg-limiter.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(settings_of(db), 1);
    assert_int_equal(db_check(db, &err), ERR_OK);
    db_close(db);
}

static void sql(const char *file, const char *text)
{
    sqlite3 *h = NULL;
    char *msg = NULL;

    assert_int_equal(sqlite3_open(scratch_path(file), &h), SQLITE_OK);
    if (sqlite3_exec(h, text, NULL, NULL, &msg))
        fail_msg("%s", msg);
    sqlite3_close(h);
}

static int64_t number(const char *file, const char *text)
{
    sqlite3 *h = NULL;
    sqlite3_stmt *st = NULL;
    int64_t n;

    assert_int_equal(sqlite3_open(scratch_path(file), &h), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(h, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    n = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(h);
    return n;
}

/* A file as version v of the program left it. */
static void make_version(const char *file, int v)
{
    char text[64];
    int i;

    sql(file, "PRAGMA journal_mode=WAL");
    for (i = 0; i < v; i++)
        sql(file, schema_migration(i));
    snprintf(text, sizeof(text), "PRAGMA application_id=%d; PRAGMA user_version=%d",
             SCHEMA_APPLICATION_ID, v);
    sql(file, text);
    sql(file, "INSERT INTO settings VALUES('general_limit', '3', 5, 'cli')");
}

static void every_older_version_is_brought_up_with_a_copy(void **state)
{
    char file[32], copy[48];
    struct stat st;
    struct db *db;
    int v;

    (void)state;
    for (v = 1; v <= schema_version(); v++) {
        snprintf(file, sizeof(file), "v%d.db", v);
        snprintf(copy, sizeof(copy), "%s.v%d", file, v);
        make_version(file, v);
        db = open_db(file);
        assert_int_equal(settings_of(db), 1);
        db_close(db);
        assert_int_equal(number(file, "PRAGMA user_version"), schema_version());
        assert_int_equal(number(file, "SELECT count(*) FROM outbox"), 0);
        if (v == schema_version()) {
            assert_int_equal(stat(scratch_path(copy), &st), -1);
            continue;
        }
        assert_int_equal(stat(scratch_path(copy), &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        assert_int_equal(number(copy, "PRAGMA user_version"), v);
        assert_int_equal(number(copy, "SELECT count(*) FROM settings"), 1);
    }
}

/* The tables of a file brought up step by step are those of a new file. */
static void migrated_and_new_files_are_alike(void **state)
{
    static const char sum[] = "SELECT count(*)*1000 + sum(length(sql)) FROM sqlite_master";
    struct db *db;

    (void)state;
    make_version("old.db", 1);
    db = open_db("old.db");
    db_close(db);
    db = open_db("new.db");
    db_close(db);
    assert_int_equal(number("old.db", sum), number("new.db", sum));
}

static int64_t file_sum(const char *path)
{
    unsigned char part[4096];
    FILE *f = fopen(path, "rb");
    int64_t sum = 1;
    size_t n, i;

    assert_non_null(f);
    while ((n = fread(part, 1, sizeof(part), f)) > 0)
        for (i = 0; i < n; i++)
            sum = (sum * 31 + part[i]) & 0xffffffffffff;
    fclose(f);
    return sum;
}

static void refused(const char *file, int code, const char *words)
{
    int64_t before = file_sum(scratch_path(file));
    struct err err = {0};
    struct db *db = NULL;

    assert_int_equal(db_open_file(scratch_path(file), &db, &err), code);
    if (!strstr(err.text, words))
        fail_msg("\"%s\" does not say \"%s\"", err.text, words);
    assert_true(file_sum(scratch_path(file)) == before);
}

static void foreign_newer_and_damaged_files_are_refused_untouched(void **state)
{
    static char junk[8192];
    FILE *f;
    int fd;

    (void)state;
    sql("foreign.db", "CREATE TABLE customers(id); INSERT INTO customers VALUES(1)");
    refused("foreign.db", ERR_CORRUPT, "customers");
    sql("foreignwal.db", "PRAGMA journal_mode=WAL; CREATE TABLE customers(id)");
    refused("foreignwal.db", ERR_CORRUPT, "another program");
    sql("stamped.db", "PRAGMA application_id=77; PRAGMA user_version=3");
    refused("stamped.db", ERR_CORRUPT, "another program");
    make_version("newer.db", schema_version());
    sql("newer.db", "PRAGMA user_version=999");
    refused("newer.db", ERR_INVALID, "newer pg-limiter");
    memset(junk, 'x', sizeof(junk));
    f = fopen(scratch_path("junk.db"), "wb");
    fwrite(junk, 1, sizeof(junk), f);
    fclose(f);
    refused("junk.db", ERR_CORRUPT, "not a database");
    assert_int_equal(mkdir(scratch_path("dir.db"), 0700), 0);
    {
        struct db *db = NULL;
        struct err err = {0};

        assert_int_equal(db_open_file(scratch_path("dir.db"), &db, &err), ERR_INVALID);
    }
    /* A page of a good file overwritten: found by db_check. */
    {
        struct db *db = open_db("torn.db");
        struct err err = {0};
        int i;

        for (i = 0; i < 500; i++) {
            char key[32];

            snprintf(key, sizeof(key), "key%d", i);
            assert_int_equal(put(db, key, "some value to fill a page", &err), ERR_OK);
        }
        db_close(db);
        fd = open(scratch_path("torn.db"), O_RDWR);
        assert_true(pwrite(fd, junk, 4096, 3 * 4096) == 4096);
        close(fd);
        db = NULL;
        if (db_open_file(scratch_path("torn.db"), &db, &err) == ERR_OK)
            assert_int_equal(db_check(db, &err), ERR_CORRUPT);
        else
            assert_int_equal(err.code, ERR_CORRUPT);
        assert_non_null(strstr(err.text, "damaged"));
        db_close(db);
    }
}

static void a_full_file_is_told_and_nothing_is_lost(void **state)
{
    static char big[100000];
    struct err err = {0};
    struct db *db = open_db("full.db");
    int rc;

    (void)state;
    assert_int_equal(put(db, "small", "1", &err), ERR_OK);
    assert_int_equal(db_set_max_pages(db, 1, &err), ERR_OK);
    memset(big, 'a', sizeof(big) - 1);
    assert_int_equal(put(db, "big", big, &err), ERR_FULL);
    assert_non_null(strstr(err.text, "free some space"));
    assert_int_equal(db_begin(db, DB_SYNC_FULL, &err), ERR_OK);
    rc = put(db, "other", "2", &err);
    if (!rc)
        rc = put(db, "big", big, &err);
    assert_int_equal(rc, ERR_FULL);
    assert_int_equal(db_end(db, rc, &err), ERR_FULL);
    assert_int_equal(settings_of(db), 1);
    assert_int_equal(db_set_max_pages(db, 1000000, &err), ERR_OK);
    assert_int_equal(put(db, "big", big, &err), ERR_OK);
    assert_int_equal(settings_of(db), 2);
    db_close(db);
}

/* In a child with a mount of its own: a tmpfs of 400 KiB. Exit 77: mounting is not allowed here. */
static int on_a_full_disk(void)
{
    static char big[3000];
    char path[PATH_MAX];
    struct err err = {0};
    struct db *db = NULL;
    int rc = 0, i, n = 0;

    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", scratch_dir, "tmpfs", 0, "size=400k"))
        return 77;
    snprintf(path, sizeof(path), "%s/disk.db", scratch_dir);
    if (db_open_file(path, &db, &err))
        return 1;
    memset(big, 'a', sizeof(big) - 1);
    for (i = 0; i < 1000 && !rc; i++) {
        char key[32];

        snprintf(key, sizeof(key), "key%d", i);
        rc = put(db, key, big, &err);
        n += !rc;
    }
    if (rc != ERR_FULL || n == 0)
        return 2;
    if (db_settings_each(db, count_rows, &(int){0}, &err))
        return 3;
    i = 0;
    if (db_settings_each(db, count_rows, &i, &err) || i != n || db_check(db, &err))
        return 4;
    db_close(db);
    return 0;
}

static void a_full_disk_is_told(void **state)
{
    pid_t pid = fork();
    int status;

    (void)state;
    if (pid == 0)
        _exit(on_a_full_disk());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_locked_file_is_told_after_the_wait(void **state)
{
    struct db *db = open_db("lock.db"), *other = open_db("lock.db");
    struct err err = {0};

    (void)state;
    db_set_busy_ms(db, 50);
    assert_int_equal(db_begin(other, DB_SYNC_NORMAL, &err), ERR_OK);
    assert_int_equal(put(db, "k", "v", &err), ERR_BUSY);
    assert_non_null(strstr(err.text, "locked by another process"));
    assert_int_equal(db_begin(db, DB_SYNC_FULL, &err), ERR_BUSY);
    assert_int_equal(settings_of(db), 0); /* reading goes on */
    assert_int_equal(db_end(other, ERR_OK, &err), ERR_OK);
    assert_int_equal(put(db, "k", "v", &err), ERR_OK);
    db_close(db);
    db_close(other);
}

static void a_read_only_file_is_told(void **state)
{
    struct db *db = open_db("ro.db");
    struct err err = {0};
    int status;
    pid_t pid;

    (void)state;
    db_close(db);
    assert_int_equal(chmod(scratch_dir, 0755), 0);
    assert_int_equal(chmod(scratch_path("ro.db"), 0444), 0);
    pid = fork();
    if (pid == 0) {
        /* Root may write anything: become nobody. */
        if (geteuid() == 0 && setuid(65534))
            _exit(77);
        /* The owner's own open would make the file private and with it writable again. */
        if (geteuid() != 65534)
            _exit(77);
        _exit(db_open_file(scratch_path("ro.db"), &db, &err) == ERR_READONLY &&
                      strstr(err.text, "cannot be written")
                  ? 0
                  : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        skip();
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static void parts_of_a_transaction_are_undone_alone(void **state)
{
    struct db *db = open_db("parts.db");
    struct err err = {0};

    (void)state;
    assert_int_equal(db_begin(db, DB_SYNC_NORMAL, &err), ERR_OK);
    assert_int_equal(put(db, "a", "1", &err), ERR_OK);
    assert_int_equal(db_begin(db, DB_SYNC_FULL, &err), ERR_OK);
    assert_int_equal(put(db, "b", "1", &err), ERR_OK);
    assert_int_equal(db_end(db, ERR_INVALID, &err), ERR_INVALID);
    assert_int_equal(db_begin(db, DB_SYNC_NORMAL, &err), ERR_OK);
    assert_int_equal(put(db, "c", "1", &err), ERR_OK);
    assert_int_equal(db_end(db, ERR_OK, &err), ERR_OK);
    assert_int_equal(db_end(db, ERR_OK, &err), ERR_OK);
    assert_int_equal(settings_of(db), 2);
    assert_int_equal(db_begin(db, DB_SYNC_NORMAL, &err), ERR_OK);
    assert_int_equal(put(db, "d", "1", &err), ERR_OK);
    assert_int_equal(db_end(db, ERR_CANCELLED, &err), ERR_CANCELLED);
    assert_int_equal(settings_of(db), 2);
    db_close(db);
}

static void data_version_shows_changes_of_others_only(void **state)
{
    struct db *db = open_db("ver.db"), *other = open_db("ver.db");
    struct err err = {0};
    int64_t v1 = 0, v2 = 0, v3 = 0;

    (void)state;
    assert_int_equal(db_data_version(db, &v1, &err), ERR_OK);
    assert_int_equal(put(db, "mine", "1", &err), ERR_OK);
    assert_int_equal(db_data_version(db, &v2, &err), ERR_OK);
    assert_true(v1 == v2);
    assert_int_equal(put(other, "theirs", "1", &err), ERR_OK);
    assert_int_equal(db_data_version(db, &v3, &err), ERR_OK);
    assert_true(v3 != v2);
    db_close(db);
    db_close(other);
}

/* Opens (both migrate at once) and adds n events, each in a durable transaction of its own. */
static int write_events(const char *path, const char *who, int n)
{
    struct db_event e = {.kind = SLICE("test"), .who = slice_of(who), .what = SLICE("x")};
    struct err err = {0};
    struct db *db = NULL;
    int rc = db_open_file(path, &db, &err), i;

    for (i = 0; !rc && i < n; i++) {
        e.at_us = i * 1000;
        rc = db_begin(db, i % 2 ? DB_SYNC_FULL : DB_SYNC_NORMAL, &err);
        if (!rc)
            rc = db_end(db, db_events_add(db, &e, NULL, &err), &err);
    }
    if (rc)
        fprintf(stderr, "%s: %s\n", who, err.text);
    db_close(db);
    return rc;
}

static void two_processes_write_at_once(void **state)
{
    char *path = scratch_path("two.db");
    int status, i;
    pid_t pids[2];

    (void)state;
    make_version("two.db", 1);
    for (i = 0; i < 2; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(write_events(path, i ? "one" : "two", 300) ? 1 : 0);
    }
    for (i = 0; i < 2; i++) {
        assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    assert_int_equal(number("two.db", "SELECT count(*) FROM events"), 600);
    assert_int_equal(number("two.db", "SELECT count(DISTINCT id) FROM events"), 600);
}

static void a_copy_is_whole_while_others_write(void **state)
{
    struct db *db = open_db("src.db");
    struct err err = {0};
    struct stat st;

    (void)state;
    assert_int_equal(put(db, "a", "1", &err), ERR_OK);
    assert_int_equal(db_copy_to(db, scratch_path("copy.db"), &err), ERR_OK);
    assert_int_equal(put(db, "b", "1", &err), ERR_OK);
    assert_int_equal(db_copy_to(db, scratch_path("copy.db"), &err), ERR_OK);
    assert_int_equal(stat(scratch_path("copy.db"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(stat(scratch_path("copy.db-wal"), &st), -1);
    assert_int_equal(number("copy.db", "SELECT count(*) FROM settings"), 2);
    assert_int_not_equal(db_copy_to(db, scratch_path("no/such/copy.db"), &err), ERR_OK);
    db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(makes_private_directories_and_file, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_older_version_is_brought_up_with_a_copy, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(migrated_and_new_files_are_alike, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_newer_and_damaged_files_are_refused_untouched,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_file_is_told_and_nothing_is_lost, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_full_disk_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_locked_file_is_told_after_the_wait, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_read_only_file_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parts_of_a_transaction_are_undone_alone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(data_version_shows_changes_of_others_only, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(two_processes_write_at_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_copy_is_whole_while_others_write, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
