/* SPDX-License-Identifier: AGPL-3.0-or-later */

/*
 * Kills a process that restores a backup with SIGKILL at every step, and at any moment, hundreds of times:
 * the database is the old one or the new one, never anything between, and whole.
 *
 *   restore_kill [KILLS [SEED]]
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>

#include "../unit/store/dump.h"
#include "../unit/store/scratch.h"
#include "../unit/store/take.h"
#include "base/fault.h"
#include "base/num.h"
#include "base/stamp.h"
#include "store/db.h"
#include "store/db_image.h"
#include "store/db_settings.h"

#define T0 (INT64_C(1790000000) * STAMP_SECOND)

static const char *const points[] = {"restore.locked",      "restore.kept",   "restore.staged",
                                     "restore.before_copy", "restore.copied", "restore.finished",
                                     "db.before_commit",    "db.after_commit"};

static const char *const no_strip[] = {NULL};

static void give_up(const char *text)
{
    fprintf(stderr, "restore_kill: %s\n", text);
    exit(1);
}

/* A database of some hundred pages, told apart by value. */
static void fill(const char *path, const char *value)
{
    struct err err = {0};
    char key[400];
    struct db *db;
    int i;

    if (db_open_file(path, &db, &err) || db_begin(db, DB_SYNC_NORMAL, &err))
        give_up(err.text);
    for (i = 0; i < 1500; i++) {
        struct db_setting s = {slice_of(key), slice_of(value), T0, SLICE("test")};

        snprintf(key, sizeof(key), "%0300d", i);
        if (db_settings_put(db, &s, &err))
            give_up(err.text);
    }
    if (db_end(db, 0, &err))
        give_up(err.text);
    db_close(db);
}

static struct db *open_image(const unsigned char *bytes, size_t n)
{
    struct err err = {0};
    struct db *image;

    if (db_image_open((struct slice){(const char *)bytes, n}, &image, &err))
        give_up(err.text);
    return image;
}

static void child(const unsigned char *bytes, size_t n, const char *path, const char *fault)
{
    struct db_image_put put = {.now_us = T0, .who = SLICE("test")};
    struct err err = {0};
    struct db *image;

    setenv("PG_FAULT", fault, 1);
    fault_reset();
    image = open_image(bytes, n);
    _exit(db_image_put(image, path, &put, &err) ? 3 : 0);
}

static void pause_ns(int64_t ns)
{
    struct timespec t = {ns / 1000000000, ns % 1000000000};

    nanosleep(&t, NULL);
}

struct books {
    int killed, old, fresh;
};

static void run_one(struct books *b, int i, unsigned *seed, const unsigned char *bytes, size_t n)
{
    bool timed = i % 2;
    const char *fault = timed ? "" : points[(size_t)(i / 2) % (sizeof(points) / sizeof(*points))];
    char *path = scratch_path("a.db"), *after;
    int status;
    pid_t pid = fork();

    if (pid < 0)
        give_up("fork");
    if (pid == 0)
        child(bytes, n, path, fault);
    if (timed) {
        pause_ns(rand_r(seed) % 40 * 1000000);
        kill(pid, SIGKILL);
    }
    waitpid(pid, &status, 0);
    b->killed += WIFSIGNALED(status);
    if (!WIFSIGNALED(status) && WEXITSTATUS(status))
        give_up("a restore that nobody killed failed");
    after = dump_file(path);
    if (!after || !strstr(after, "\nok|"))
        give_up("the database is not whole");
    /* Every one of the rows is of the old state, or every one of the new. */
    if (strstr(after, "|new-value|") && strstr(after, "|old-value|"))
        give_up("the state is between old and new");
    if (strstr(after, "|new-value|")) {
        b->fresh++;
        free(after);
        if (unlink(path) == 0)
            unlink(scratch_path("a.db-wal"));
        unlink(scratch_path("a.db-shm"));
        fill(path, "old-value");
        return;
    }
    b->old++;
    free(after);
}

static int64_t number(const char *text, int64_t otherwise)
{
    int64_t n = otherwise;

    if (text && num_int(slice_of(text), 1, 1000000, &n))
        give_up("a number expected");
    return n;
}

int main(int argc, char **argv)
{
    int kills = (int)number(argc > 1 ? argv[1] : NULL, 40), i;
    unsigned seed = (unsigned)number(argc > 2 ? argv[2] : NULL, 1);
    struct books b = {0};
    unsigned char *bytes;
    struct err err = {0};
    size_t n;

    if (scratch_make())
        give_up("no folder");
    fill(scratch_path("a.db"), "old-value");
    fill(scratch_path("b.db"), "new-value");
    if (take_bytes(scratch_path("b.db"), no_strip, SIZE_MAX, &bytes, &n, &err))
        give_up(err.text);
    for (i = 0; b.killed < kills && i < 10 * kills; i++)
        run_one(&b, i, &seed, bytes, n);
    free(bytes);
    scratch_clear();
    fprintf(stderr, "restore_kill: %d killed of %d, then %d the old state, %d the new\n", b.killed,
            i, b.old, b.fresh);
    printf("1..1\n");
    if (b.killed < kills || !b.old || !b.fresh) {
        printf("not ok 1 - killed restores\n");
        return 1;
    }
    printf("ok 1 - killed restores\n");
    return 0;
}
