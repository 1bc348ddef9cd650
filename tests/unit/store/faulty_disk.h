/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_STORE_FAULTY_DISK_H
#define TESTS_STORE_FAULTY_DISK_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * A disk that fails: a SQLite VFS over the real one, whose nth write, sync, truncation or opening of a
 * file fails, once or from then on. Set disk.countdown after set_up_disk; databases opened since stand on it.
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

static inline bool fails(void)
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

static inline sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct faulty_file *)f)->real;
}

static inline int f_close(sqlite3_file *f)
{
    return real_of(f)->pMethods ? real_of(f)->pMethods->xClose(real_of(f)) : SQLITE_OK;
}

static inline int f_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static inline int f_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (fails()) {
        /* A disk fills up in the middle of a write. */
        if (n > 1 && disk.code == SQLITE_FULL)
            real_of(f)->pMethods->xWrite(real_of(f), p, n / 2, at);
        return disk.code == SQLITE_FULL ? SQLITE_FULL : SQLITE_IOERR_WRITE;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static inline int f_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return fails() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static inline int f_sync(sqlite3_file *f, int flags)
{
    return fails() ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static inline int f_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static inline int f_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static inline int f_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static inline int f_reserved(sqlite3_file *f, int *out)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static inline int f_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static inline int f_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static inline int f_kind(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static inline int f_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    if (extend && fails())
        return SQLITE_IOERR_SHMSIZE;
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static inline int f_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static inline void f_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static inline int f_shm_unmap(sqlite3_file *f, int erase)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), erase);
}

static inline int v_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags,
                         int *out)
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

static inline int set_up_disk(void **state)
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

static inline int tear_down_disk(void **state)
{
    (void)state;
    return sqlite3_vfs_unregister(&disk.vfs);
}

#endif
