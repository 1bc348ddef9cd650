/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_TEST_H
#define CORE_TEST_H

/* What every test of the core needs: cmocka and numbers that are the same on every machine. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* xorshift64*; *s must not be 0. */
static inline uint64_t rnd(uint64_t *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * UINT64_C(2685821657736338717);
}

/* 0 … n-1. */
static inline uint32_t rnd_below(uint64_t *s, uint32_t n)
{
    return (uint32_t)((rnd(s) >> 33) % n);
}

#endif
