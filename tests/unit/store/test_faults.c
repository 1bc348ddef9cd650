/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <sqlite3.h>

#include "base/stamp.h"
#include "scratch.h"
#include "store/db.h"
#include "store/db_journal.h"
#include "store/db_settings.h"

/*
 * A disk that fails: a SQLite VFS over the real one, whose nth write, sync, truncation or opening of a
 * file fails, once or from then on. Whatever fails, what was answered with success is there afterwards,
 * and the file is whole.
 */

struct faulty_file {
    sqlite3_file base;
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    sqlite3_io_methods io;
    int code;       /* what a failing call answers */
    long countdown; /* calls until the failure; below 0: none */
    bool for_good;  /* every call after it fails, too */
    long calls;
} disk;

static bool fails(void)
{
    disk.calls++;
    if (disk.countdown < 0)
        return false;
    if (disk.countdown > 0) {
        disk.countdown--;
        return false;
    }
    if (!disk.for_good)
        disk.countdown = -1;
    return true;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct faulty_file *)f)->real;
}

static int f_close(sqlite3_file *f)
{
    return real_of(f)->pMethods ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;
}

static int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (fails()) {
        /* A disk fills up in the middle of a write. */
        if (n > 1 && disk.code == SQLITE_FULL)
            real_of(f)->pMethods->xWrite(real_of(f), p, n / 2, at);
        return disk.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int f_sync(sqlite3_file *f, int flags)
{
    return fails() ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int f_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int f_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int f_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int f_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int f_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int f_kind(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    if (extend && fails())
        return SQLITE_IOERR_SHMSIZE;
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void f_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int f_shm_unmap(sqlite3_file *f, int erase)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), erase);
}

static int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    struct faulty_file *f = (struct faulty_file *)file;
    int rc;

    (void)vfs;
    f->base.pMethods = NULL;
    f->real = (sqlite3_file *)&f[1];
    f->real->pMethods = NULL;
    if (fails())
        return SQLITE_CANTOPEN;
    rc = disk.real->xOpen(disk.real, name, f->real, flags, out);
    if (f->real->pMethods)
        f->base.pMethods = &disk.io;
    return rc;
}

static int set_up_disk(void **state)
{
    (void)state;
    disk.real = sqlite3_vfs_find(NULL);
    disk.vfs = *disk.real;
    disk.vfs.zName = "faulty";
    disk.vfs.szOsFile = (int)sizeof(struct faulty_file) + disk.real->szOsFile;
    disk.vfs.xOpen = v_open;
    disk.vfs.pNext = NULL;
    disk.io = (sqlite3_io_methods){
        .iVersion = 2,
        .xClose = f_close,
        .xRead = f_read,
        .xWrite = f_write,
        .xTruncate = f_truncate,
        .xSync = f_sync,
        .xFileSize = f_size,
        .xLock = f_lock,
        .xUnlock = f_unlock,
        .xCheckReservedLock = f_reserved,
        .xFileControl = f_control,
        .xSectorSize = f_sector,
        .xDeviceCharacteristics = f_kind,
        .xShmMap = f_shm_map,
        .xShmLock = f_shm_lock,
        .xShmBarrier = f_shm_barrier,
        .xShmUnmap = f_shm_unmap,
    };
    disk.countdown = -1;
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    return sqlite3_vfs_register(&disk.vfs, 1);
}

static int tear_down_disk(void **state)
{
    (void)state;
    return sqlite3_vfs_unregister(&disk.vfs);
}

/* How far a life came: what was answered with success. */
struct life {
    bool opened, intended, applied, restoring, closed, kept;
    int failures;
};

static void note(struct life *l, bool *flag, int rc, const struct err *err)
{
    if (rc == ERR_OK) {
        *flag = true;
        return;
    }
    l->failures++;
    /* Every failure is told in one of the codes that a disk has. */
    if (rc != ERR_IO && rc != ERR_FULL && rc != ERR_CORRUPT && rc != ERR_READONLY &&
        rc != ERR_INVALID && rc != ERR_NOT_FOUND)
        fail_msg("code %d: %s", rc, err->text);
    assert_true(err->text[0] != '\0');
}

static void live(struct life *l, const char *path)
{
    struct db_row row = {.user_id = 1,
                         .name = SLICE("bob"),
                         .action = SLICE("disable"),
                         .status_before = SLICE("active"),
                         .edit_before_us = STAMP_NONE,
                         .user_created_us = STAMP_NONE,
                         .due_us = STAMP_NONE,
                         .answer_edit_us = STAMP_NONE,
                         .answer_fields = SLICE("x")};
    struct db_violation v = {.user_id = 1, .name = SLICE("bob"), .action = SLICE("disable")};
    struct db_setting s = {SLICE("key"), SLICE("value"), 0, SLICE("test")};
    int64_t verdict = 0;
    struct err err = {0};
    struct db *db = NULL;

    *l = (struct life){0};
    note(l, &l->opened, db_open_file(path, &db, &err), &err);
    if (!l->opened)
        return;
    note(l, &l->intended, db_journal_intend(db, &row, &v, &row.id, &verdict, &err), &err);
    note(l, &l->kept, db_settings_put(db, &s, &err), &err);
    if (l->intended && db_begin(db, DB_SYNC_FULL, &err) == ERR_OK)
        note(l, &l->applied, db_end(db, db_journal_applied(db, &row, &err), &err), &err);
    if (l->applied && db_begin(db, DB_SYNC_FULL, &err) == ERR_OK)
        note(l, &l->restoring, db_end(db, db_journal_restoring(db, row.id, &err), &err), &err);
    if (l->intended && db_begin(db, DB_SYNC_FULL, &err) == ERR_OK)
        note(l, &l->closed,
             db_end(db,
                    db_journal_close(db, row.id, DB_STATE_RESTORED, 0, SLICE("x"), SLICE("y"),
                                     &err),
                    &err),
             &err);
    db_close(db);
}

static int take_state(void *arg, const struct db_row *row)
{
    *(int *)arg = (int)row->state;
    return 0;
}

static int count_one(void *arg, const struct db_setting *row)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

/* On a good disk again: the file opens, is whole, and holds what was answered with success. */
static void check_after(const struct life *l, const char *path)
{
    struct db_row_filter f = {.user_id = 1};
    struct err err = {0};
    struct db *db = NULL;
    int state = -1, kept = 0;

    if (db_open_file(path, &db, &err))
        fail_msg("%s", err.text);
    if (db_check(db, &err))
        fail_msg("%s", err.text);
    assert_int_equal(db_journal_each(db, &f, take_state, &state, &err), ERR_OK);
    assert_int_equal(db_settings_each(db, count_one, &kept, &err), ERR_OK);
    assert_true(!l->kept || kept == 1);
    assert_true(!l->intended || state >= DB_STATE_INTENDED);
    assert_true(!l->applied || state >= DB_STATE_APPLIED);
    assert_true(!l->restoring || state >= DB_STATE_RESTORING);
    assert_true(!l->closed || state == DB_STATE_RESTORED);
    db_close(db);
}

static void fail_at_every_call(int code, bool for_good)
{
    struct life l;
    char *path;
    long n, failed = 0;

    for (n = 0; n < 10000; n++) {
        assert_int_equal(scratch_make(), 0);
        path = scratch_path("f.db");
        disk.code = code;
        disk.for_good = for_good;
        disk.countdown = n;
        live(&l, path);
        failed += l.failures > 0;
        if (disk.countdown > 0) { /* the whole life needs fewer calls */
            scratch_clear();
            break;
        }
        disk.countdown = -1;
        check_after(&l, path);
        scratch_clear();
    }
    disk.countdown = -1;
    fprintf(stderr, "%ld places to fail, %ld lives noticed\n", n, failed);
    assert_true(n > 20 && n < 10000 && failed > 10);
}

static void one_failing_write(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_IOERR, false);
}

static void a_disk_that_dies(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_IOERR, true);
}

static void one_full_moment(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_FULL, false);
}

static void a_disk_that_stays_full(void **state)
{
    (void)state;
    fail_at_every_call(SQLITE_FULL, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_failing_write),
        cmocka_unit_test(a_disk_that_dies),
        cmocka_unit_test(one_full_moment),
        cmocka_unit_test(a_disk_that_stays_full),
    };
    return cmocka_run_group_tests(tests, set_up_disk, tear_down_disk);
}
