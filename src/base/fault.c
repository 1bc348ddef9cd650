/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/fault.h"

#ifdef PG_FAULT_POINTS

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/slice.h"
#include "base/banned.h"

enum { SEEN_MAX = 256 };

static struct {
    pthread_mutex_t lock;
    bool read;
    bool log;
    struct slice name; /* empty: no named point */
    uint64_t count;    /* passes left before death */
    uint64_t random;   /* state of the generator; 0: not random */
    uint64_t permille;
    const char *seen[SEEN_MAX];
    size_t n_seen;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void read_environment(void)
{
    struct slice rest = slice_of(getenv("PG_FAULT"));
    struct slice head = slice_cut(&rest, ':'), count;

    state.read = true;
    state.log = slice_eq(head, SLICE("log"));
    state.name = (struct slice){NULL, 0};
    state.random = 0;
    state.n_seen = 0;
    if (state.log)
        return;
    count = slice_cut(&rest, ':');
    if (slice_eq(head, SLICE("random"))) {
        if (num_uint(count, UINT64_MAX / 2, &state.random) ||
            num_uint(rest, 1000, &state.permille)) {
            fprintf(stderr, "PG_FAULT: random:SEED:PERMILLE expected\n");
            _exit(2);
        }
        state.random = state.random * 2 + 1;
        return;
    }
    state.name = head;
    state.count = 1;
    if (count.n && num_uint(count, UINT64_MAX, &state.count)) {
        fprintf(stderr, "PG_FAULT: NAME:COUNT expected\n");
        _exit(2);
    }
}

/* splitmix64 (Vigna, public domain constants): good enough to scatter deaths. */
static uint64_t next_random(void)
{
    uint64_t z = state.random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void log_once(const char *name)
{
    size_t i;

    for (i = 0; i < state.n_seen; i++)
        if (strcmp(state.seen[i], name) == 0)
            return;
    if (state.n_seen < SEEN_MAX)
        state.seen[state.n_seen++] = name;
    fprintf(stderr, "fault point %s\n", name);
}

void fault_reset(void)
{
    pthread_mutex_lock(&state.lock);
    state.read = false;
    pthread_mutex_unlock(&state.lock);
}

void fault_point(const char *name)
{
    bool die = false;

    pthread_mutex_lock(&state.lock);
    if (!state.read)
        read_environment();
    if (state.log)
        log_once(name);
    else if (state.random)
        die = next_random() % 1000 < state.permille;
    else if (state.name.n && slice_eq(state.name, slice_of(name)))
        die = --state.count == 0;
    if (die)
        kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&state.lock);
}

#endif
