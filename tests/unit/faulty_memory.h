/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_FAULTY_MEMORY_H
#define TESTS_FAULTY_MEMORY_H

#include <stdbool.h>
#include <stdlib.h>

/*
 * Memory that runs short: malloc, calloc and realloc of everything linked in fail where the test says. The
 * program is linked with -Wl,--wrap= of the three (wrap_memory of meson.build).
 */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static struct {
    bool on;
    unsigned long count; /* allocations while on */
    unsigned long first, many;
} memory;

/* From now on `many` allocations fail, beginning with the first-th; 0: none fails, all are counted. */
static inline void memory_fails(unsigned long first, unsigned long many)
{
    memory.count = 0;
    memory.first = first;
    memory.many = many;
    memory.on = true;
}

/* No allocation fails any more, nor is counted. Returns how many there were. */
static inline unsigned long memory_heals(void)
{
    memory.on = false;
    return memory.count;
}

static bool memory_is_short(void)
{
    return memory.on && ++memory.count >= memory.first && memory.count - memory.first < memory.many;
}

void *__wrap_malloc(size_t n)
{
    return memory_is_short() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return memory_is_short() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    return memory_is_short() ? NULL : __real_realloc(p, n);
}

#endif
