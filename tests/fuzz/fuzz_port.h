/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_FUZZ_PORT_H
#define TESTS_FUZZ_PORT_H

/* A port without a database, for targets that speak to the operations: whatever needs one is "busy". */

#include "base/stamp.h"
#include "service/ops/op.h"

static struct settings settings; /* settings_init before the first call */

static inline const struct settings *get_settings(void *app)
{
    (void)app;
    return &settings;
}

static inline int64_t get_now(void *app)
{
    (void)app;
    return INT64_C(1795448496) * STAMP_SECOND;
}

static inline const char *get_env_file(void *app)
{
    (void)app;
    return "";
}

static inline int no_store(void *store, enum owner_kind kind, owner_fn fn, owner_done_fn done,
                           void *arg)
{
    (void)store;
    (void)kind;
    (void)fn;
    (void)done;
    (void)arg;
    return ERR_BUSY;
}

#define FUZZ_PORT \
    .submit = no_store, .settings = get_settings, .now_us = get_now, .env_file = get_env_file

#endif
