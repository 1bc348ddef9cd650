/* SPDX-License-Identifier: AGPL-3.0-or-later */

/*
 * Kills a process that enforces with SIGKILL at every step of the journal, hundreds of times, and looks
 * at what the next ones make of it. Built with the fault points (PG_FAULT_POINTS) whatever the build.
 *
 *   journal_kill [KILLS [SEED]]
 *
 * The panel lies in a shared file and lives on. Each child opens the database, starts the real owner
 * thread and works until it dies at the point it was given. In between, an admin edits users. In the end a
 * child that is left alone puts everything in order, and the books must balance: no user left disabled by
 * us, none disabled twice by one row, none changed without a row on the disk, none revived whom an admin
 * disabled, groups exactly as before.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "../unit/service/fakeadmin.h"
#include "../unit/store/scratch.h"
#include "base/fault.h"
#include "service/enforce/enforce.h"
#include "store/db.h"
#include "store/db_journal.h"
#include "store/owner.h"

#define T0 (INT64_C(1790000000) * STAMP_SECOND)
#define TURN_US (INT64_C(200) * 1000)

enum { ROWS = 65536, TURNS = 1500, POSTED = 64 };

static const char *const points[] = {
    "db.before_commit",
    "db.after_commit",
    "owner.durable.before_commit",
    "owner.durable.after_commit",
    "owner.before_done",
    "journal.intend.violation_written",
    "journal.intend.before_commit",
    "journal.intend.committed",
    "journal.revoke.sent",
    "journal.revoke.answered",
    "journal.revoked.before_commit",
    "journal.revoked.committed",
    "journal.disable.sent",
    "journal.disable.answered",
    "journal.sign.sent",
    "journal.sign.answered",
    "journal.applied.row_written",
    "journal.applied.before_commit",
    "journal.applied.committed",
    "journal.restoring.before_commit",
    "journal.restoring.committed",
    "journal.restore.read",
    "journal.enable.before_call",
    "journal.given.before_commit",
    "journal.given.committed",
    "journal.enable.sent",
    "journal.enable.answered",
    "journal.ending.before_commit",
    "journal.ending.committed",
    "journal.unsign.sent",
    "journal.unsign.answered",
    "journal.close.row_written",
    "journal.close.before_commit",
    "journal.close.committed",
};

enum { POINTS = sizeof(points) / sizeof(points[0]) };

/* What outlives the children. */
struct world {
    struct fp panel;
    uint64_t random;
    unsigned char disabled_by[ROWS]; /* disabling calls sent by journal row */
    unsigned char revoked_by[ROWS];  /* and revoking ones */
    long applied, restored, superseded, refused;
};

struct child {
    struct world *w;
    struct fp_line line;
    struct owner *owner;
    struct enforce *e;
    struct db *eyes; /* a connection of its own: sees what is committed, and nothing else */
    pthread_mutex_t lock;
    struct {
        void (*fn)(void *arg);
        void *arg;
    } posted[POSTED];
    int n_posted;
};

static uint32_t random_below(struct world *w, uint32_t n)
{
    uint64_t x = w->random;

    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    w->random = x;
    return (uint32_t)((x * UINT64_C(0x2545f4914f6cdd1d)) >> 33) % n;
}

static void post(void *ctx, void (*fn)(void *arg), void *arg)
{
    struct child *c = ctx;

    pthread_mutex_lock(&c->lock);
    if (c->n_posted == POSTED)
        abort();
    c->posted[c->n_posted].fn = fn;
    c->posted[c->n_posted++].arg = arg;
    pthread_mutex_unlock(&c->lock);
}

static void run_posted(struct child *c)
{
    void (*fn)(void *arg);
    void *arg;

    pthread_mutex_lock(&c->lock);
    while (c->n_posted) {
        fn = c->posted[--c->n_posted].fn;
        arg = c->posted[c->n_posted].arg;
        pthread_mutex_unlock(&c->lock);
        fn(arg);
        pthread_mutex_lock(&c->lock);
    }
    pthread_mutex_unlock(&c->lock);
}

static int64_t now(void *ctx)
{
    return ((struct child *)ctx)->w->panel.now_us;
}

static void on_event(void *ctx, const struct enforce_event *ev)
{
    struct world *w = ((struct child *)ctx)->w;

    w->applied += ev->kind == ENFORCE_APPLIED;
    w->restored += ev->kind == ENFORCE_RESTORED;
    w->superseded += ev->kind == ENFORCE_SUPERSEDED;
    w->refused += ev->kind == ENFORCE_REFUSED;
}

static enum enforce_group group(void *ctx, int64_t id)
{
    return ((struct child *)ctx)->w->panel.group_gone[id] ? ENFORCE_GROUP_GONE
                                                          : ENFORCE_GROUP_THERE;
}

struct open_row {
    int64_t id;
    enum db_state state;
    bool found;
};

static int take_row(void *arg, const struct db_row *row)
{
    *(struct open_row *)arg = (struct open_row){row->id, row->state, true};
    return 1;
}

static struct open_row open_row_of(struct db *db, int64_t user_id)
{
    struct db_row_filter f = {.open_only = true, .user_id = user_id};
    struct open_row r = {0};
    struct err err;

    if (db_journal_each(db, &f, take_row, &r, &err) < 0) {
        fprintf(stderr, "%s\n", err.text);
        abort();
    }
    return r;
}

static void sending(void *ctx, enum fp_kind kind, const struct fp_user *u)
{
    struct child *c = ctx;
    struct open_row r = open_row_of(c->eyes, u->id);

    if (!r.found)
        fp_offend(&c->w->panel, "%s is changed without a row on the disk", u->name);
    if ((kind == FP_DISABLE || kind == FP_REVOKE) && r.found && r.state != DB_STATE_INTENDED)
        fp_offend(&c->w->panel, "%s is disabled in state %s", u->name, db_state_name(r.state));
}

static void taken(void *ctx, enum fp_kind kind, const struct fp_user *u)
{
    struct child *c = ctx;
    struct open_row r = open_row_of(c->eyes, u->id);

    if (!r.found)
        return;
    if (r.id < ROWS && kind == FP_REVOKE && ++c->w->revoked_by[r.id] > 1)
        fp_offend(&c->w->panel, "row %lld revokes %s twice", (long long)r.id, u->name);
    if (r.id < ROWS && kind == FP_DISABLE && ++c->w->disabled_by[r.id] > 1)
        fp_offend(&c->w->panel, "row %lld disables %s twice", (long long)r.id, u->name);
}

static enum fp_fate fate(void *ctx, enum fp_kind kind, int64_t id)
{
    struct world *w = ((struct child *)ctx)->w;

    (void)kind;
    (void)id;
    return random_below(w, 100) < 5 ? (enum fp_fate)(1 + random_below(w, FP_FATES - 1)) : FP_OK;
}

static void told(void *arg, const struct enforce_told *t)
{
    (void)arg;
    (void)t;
}

static void punish_someone(struct child *c)
{
    struct world *w = c->w;
    struct fp_user *u = &w->panel.users[random_below(w, FP_USERS)];
    struct enforce_case k = {
        .user_id = u->id,
        .name = slice_of(u->name),
        .verdict_us = w->panel.now_us,
        .duration_us = (2 + random_below(w, 20)) * STAMP_SECOND,
        .action = SLICE("disable"),
        .max_devices = 2,
        .devices = 4,
        .revoke = random_below(w, 6) == 0,
    };
    struct err err;
    int rc = enforce_punish(c->e, &k, &err);

    if (rc && rc != ERR_EXISTS)
        fp_offend(&w->panel, "%s", err.text);
}

static int child_open(struct child *c, struct world *w, bool quiet)
{
    struct enforce_opts opts = {
        .policy = {random_below(w, 2) != 0, FP_DISABLED_GROUP, 1, random_below(w, 2) != 0},
        .store = NULL,
        .ctx = c,
        .now = now,
        .event = on_event,
        .group = group,
        .doubt_us = 30 * STAMP_SECOND,
        .seed = w->random,
    };
    struct db *db;
    struct err err;

    *c = (struct child){.w = w, .lock = PTHREAD_MUTEX_INITIALIZER};
    c->line = (struct fp_line){.panel = &w->panel,
                               .delay_us = TURN_US,
                               .eager = random_below(w, 2) != 0,
                               .fate = quiet ? NULL : fate,
                               .sending = sending,
                               .taken = taken,
                               .ctx = c};
    opts.panel = fp_port(&c->line);
    if (db_open(scratch_dir, &db, &err) || db_open(scratch_dir, &c->eyes, &err) ||
        owner_new(db, post, c, &c->owner, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return -1;
    }
    opts.submit = owner_submit;
    opts.store = c->owner;
    if (enforce_new(&opts, &c->e))
        return -1;
    enforce_recover(c->e);
    return 0;
}

/* A person may revive whom an admin disabled before. */
static int release_all(struct child *c)
{
    struct enforce_release all = {.all = true, .who = SLICE("cli")};
    int i;

    for (i = 0; i < FP_USERS; i++)
        c->w->panel.users[i].traced = false;
    return enforce_release(c->e, &all, told, NULL);
}

/* A life: until it is killed, or all turns are over; in quiet, until nothing is open. */
static int child_main(struct world *w, bool quiet)
{
    static struct child c;
    int turns = quiet ? 20 * TURNS : TURNS, i;

    if (child_open(&c, w, quiet))
        return 2;
    for (i = 0; i < turns && !w->panel.offence[0]; i++) {
        /* Revoked ones stay disabled until somebody says so. */
        if ((quiet ? i == 100 : random_below(w, 100) == 0) && release_all(&c))
            return 2;
        if (quiet && i > 200 && enforce_count(c.e) == 0)
            break;
        w->panel.now_us += TURN_US;
        if (!quiet && random_below(w, 4) == 0)
            punish_someone(&c);
        if (!quiet && random_below(w, 100) == 0)
            fp_delete_group(&w->panel, 2 + random_below(w, FP_GROUPS - 2));
        fp_pump(&c.line);
        enforce_run(c.e);
        owner_flush(c.owner);
        run_posted(&c);
    }
    if (quiet && enforce_count(c.e))
        fp_offend(&w->panel, "%zu rows are open in the end", enforce_count(c.e));
    enforce_free(c.e);
    owner_free(c.owner);
    run_posted(&c);
    db_close(c.eyes);
    return w->panel.offence[0] ? 1 : 0;
}

/* Runs a child that is to die at fault (NULL: nowhere); 1 it was killed, 0 it ended well, else -1. */
static int run_child(struct world *w, const char *fault, bool quiet)
{
    pid_t pid;
    int status;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        if (fault)
            setenv("PG_FAULT", fault, 1);
        else
            unsetenv("PG_FAULT");
        fault_reset();
        _exit(child_main(w, quiet));
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid)
        return -1;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        return 1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    if (!w->panel.offence[0])
        fp_offend(&w->panel, "a child ended with status %d", status);
    return -1;
}

/* Other groups by the ids of deleted ones: then it looks as if people had taken them from the users. */
static void revive_groups(struct world *w)
{
    int i;

    memset(w->panel.group_gone, 0, sizeof(w->panel.group_gone));
    for (i = 0; i < FP_USERS; i++) {
        struct fp_user *u = &w->panel.users[i];

        u->traced = false;
        u->blind = u->doubtful = u->noted = true;
        if (!u->ours && random_below(w, 2))
            fp_admin_groups(&w->panel, u,
                            (int64_t[]){1, 2 + random_below(w, 3), 5 + random_below(w, 3)}, 3);
    }
}

/* While nobody of ours is alive. What the journal cannot tell from our own doing is marked as such. */
static void admin_works(struct world *w, struct db *eyes)
{
    struct fp_user *u = &w->panel.users[random_below(w, FP_USERS)];
    struct open_row r = open_row_of(eyes, u->id);
    bool toggle = random_below(w, 2) != 0;
    int64_t given = 1 + random_below(w, FP_GROUPS - 1);

    w->panel.now_us += STAMP_SECOND;
    /* Not the first one, which is everybody's way back, nor ours. */
    if (random_below(w, 2) == 0)
        fp_delete_group(&w->panel, 2 + random_below(w, FP_GROUPS - 2));
    else if (random_below(w, 4) == 0)
        revive_groups(w);
    switch (random_below(w, 4)) {
    case 0:
        if (toggle)
            fp_admin_toggle(&w->panel, u, true);
        else
            fp_admin_status(&w->panel, u, PANEL_STATUS_DISABLED);
        if (r.found && (toggle || r.state == DB_STATE_INTENDED))
            u->traced = false;
        break;
    case 1:
        if (toggle)
            fp_admin_toggle(&w->panel, u, false);
        else if (u->status != PANEL_STATUS_ACTIVE)
            fp_admin_status(&w->panel, u, PANEL_STATUS_ACTIVE);
        break;
    case 2:
        if (toggle)
            fp_admin_note(&w->panel, u, "vip");
        else
            fp_admin_add_note(&w->panel, u, "paid");
        break;
    default:
        if (w->panel.group_gone[given])
            break;
        u->doubtful |= r.found && r.state == DB_STATE_INTENDED;
        fp_admin_groups(&w->panel, u, (int64_t[]){given, 1}, given == 1 ? 1 : 2);
    }
}

struct taken {
    const struct fp_user *user;
    bool found;
};

static int take_superseded(void *arg, const struct db_row *row)
{
    struct taken *t = arg;

    t->found |= row->state == DB_STATE_SUPERSEDED && t->user->admin_us >= row->applied_us;
    return 0;
}

static void check_end(struct world *w)
{
    struct db *db;
    struct err err;
    int i;

    if (db_open(scratch_dir, &db, &err)) {
        fp_offend(&w->panel, "%s", err.text);
        return;
    }
    if (db_check(db, &err))
        fp_offend(&w->panel, "%s", err.text);
    for (i = 0; i < FP_USERS; i++) {
        struct fp_user *u = &w->panel.users[i];
        struct db_row_filter f = {.user_id = u->id, .limit = 1000};
        struct taken t = {u, false};

        if (db_journal_each(db, &f, take_superseded, &t, &err))
            fp_offend(&w->panel, "%s", err.text);
        if (open_row_of(db, u->id).found)
            fp_offend(&w->panel, "%s has an open row in the end", u->name);
        if (u->status == PANEL_STATUS_DISABLED && u->status_by == FP_US && !t.found)
            fp_offend(&w->panel, "%s is left disabled by us", u->name);
        if (strstr(u->note, "[pg-limiter") && !u->mark_left)
            fp_offend(&w->panel, "%s still has the note '%s'", u->name, u->note);
        if (fp_is_moved(u) && u->groups_by == FP_US && !t.found)
            fp_offend(&w->panel, "%s is left in the group of disabled users", u->name);
    }
    db_close(db);
}

/* Death between two migrations of a new file, and on every commit of it: the next one opens it. */
static int die_while_migrating(struct world *w)
{
    static const char *const faults[] = {"migrate.between", "migrate.between:2",
                                         "migrate.between:4", "db.before_commit",
                                         "db.after_commit"};
    int killed = 0, rc;
    size_t i;

    for (i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        scratch_clear();
        if (scratch_make())
            return -1;
        rc = run_child(w, faults[i], true);
        if (rc != 1 || run_child(w, NULL, true) != 0)
            return -1;
        killed++;
    }
    return killed;
}

static struct world *world_in_a_file(void)
{
    void *p;
    int fd = open(scratch_path("panel"), O_RDWR | O_CREAT | O_EXCL, 0600);

    if (fd < 0 || ftruncate(fd, sizeof(struct world)))
        return NULL;
    p = mmap(NULL, sizeof(struct world), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? NULL : p;
}

/* The first point that nobody has died at, or -1. */
static int unreached(const long *deaths)
{
    int i;

    for (i = 0; i < POINTS; i++)
        if (!deaths[i])
            return i;
    return -1;
}

/* Kills children until there were enough of them and each point had its share; -1: an offence. */
static long kill_many(struct world *w, long kills, long *deaths)
{
    long done = 0;
    struct db *eyes;
    struct err err;
    char fault[64];
    int i, rc;

    for (i = 0; (done < kills || unreached(deaths) >= 0) && i < 5 * kills; i++) {
        int point = done < kills ? i % POINTS : unreached(deaths);

        if (i % 5 == 4 && done < kills)
            snprintf(fault, sizeof(fault), "random:%u:%u", random_below(w, 1000000),
                     5 + random_below(w, 100));
        else
            snprintf(fault, sizeof(fault), "%s:%u", points[point],
                     1 + random_below(w, i / POINTS % 4 ? 1 + i / POINTS % 2 : 12));
        rc = run_child(w, fault, false);
        if (rc < 0 || w->panel.offence[0])
            return -1;
        if (rc == 1) {
            done++;
            if (strncmp(fault, "random", 6) != 0)
                deaths[point]++;
        }
        if (db_open(scratch_dir, &eyes, &err)) {
            fp_offend(&w->panel, "%s", err.text);
            return -1;
        }
        for (rc = (int)random_below(w, 5); rc > 0; rc--)
            admin_works(w, eyes);
        db_close(eyes);
        if (random_below(w, 4) == 0)
            w->panel.now_us += random_below(w, 600) * STAMP_SECOND;
    }
    return done;
}

static long number_of(const char *text, long otherwise)
{
    long v = 0;

    while (text && *text >= '0' && *text <= '9')
        v = 10 * v + (*text++ - '0');
    return v ? v : otherwise;
}

int main(int argc, char **argv)
{
    long kills = number_of(argc > 1 ? argv[1] : NULL, 300), deaths[POINTS] = {0}, done,
         disables = 0;
    uint64_t seed = (uint64_t)number_of(argc > 2 ? argv[2] : NULL, 1);
    struct world *w;
    int i, bad = 0, migrating;

    /* Against SIGKILL memory is as good as a disk. */
    if (access("/dev/shm", W_OK) == 0)
        setenv("TMPDIR", "/dev/shm", 0);
    if (scratch_make() || !(w = world_in_a_file()))
        return 2;
    fp_init(&w->panel, T0);
    w->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    migrating = die_while_migrating(w);
    done = migrating > 0 ? kill_many(w, kills, deaths) : -1;
    if (done >= 0 && run_child(w, NULL, true) == 0)
        check_end(w);
    for (i = 0; i < POINTS; i++) {
        printf("%4ld deaths at %s\n", deaths[i], points[i]);
        bad |= deaths[i] == 0;
    }
    for (i = 0; i < FP_USERS; i++)
        disables += w->panel.users[i].disables;
    printf(
        "%ld kills and %d while migrating; %ld disabled, %ld restored, %ld superseded, %ld refused\n",
        done, migrating, disables, w->restored, w->superseded, w->refused);
    if (w->panel.offence[0])
        printf("FAILED: %s\n", w->panel.offence);
    else if (bad || done < kills)
        printf("FAILED: not every point was reached\n");
    bad |= w->panel.offence[0] || done < kills || disables == 0;
    munmap(w, sizeof(*w));
    scratch_clear();
    return bad ? 1 : 0;
}
