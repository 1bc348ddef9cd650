/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/here/cache_here.h"

#include <stdio.h>

#include "base/stamp.h"
#include "cache/cache_doctor.h"
#include "cache/cache_seal.h"
#include "net/loop.h"
#include "net/worker.h"
#include "base/banned.h"

enum { WORKER_JOBS = 4 };
static const int64_t turn_us = STAMP_SECOND / 50, longest_us = 5 * STAMP_SECOND;

static void on_change(void *arg)
{
    (void)arg;
}

void cache_here(const struct settings *s, struct doctor_facts *facts)
{
    /* Nothing but the probe is written, which needs no secret. */
    static const unsigned char key[CACHE_KEY] = "doctor";
    struct cache_opts co = {.url = settings_text(s, SET_REDIS_URL),
                            .password = settings_text(s, SET_REDIS_PASSWORD),
                            .tls = settings_bool(s, SET_REDIS_SSL),
                            .ca_file = settings_has(s, SET_REDIS_CA_FILE)
                                           ? settings_text(s, SET_REDIS_CA_FILE)
                                           : NULL,
                            .insecure = !settings_bool(s, SET_REDIS_TLS_VERIFY),
                            .key = key,
                            .panel = "doctor",
                            .access = "doctor",
                            .on_change = on_change};
    struct worker *worker = NULL;
    struct cache *c = NULL;
    int64_t began_us;

    if (!settings_has(s, SET_REDIS_URL))
        return;
    if (!loop_new(&co.loop) && !worker_new(co.loop, WORKER_JOBS, &worker)) {
        co.worker = worker;
        if (!cache_new(&co, &c, NULL)) {
            cache_start(c);
            began_us = loop_clock_us();
            /* The version follows the first answer. */
            while ((!cache_facts(c).settled ||
                    (cache_facts(c).in_redis && !cache_facts(c).redis.server[0])) &&
                   loop_clock_us() - began_us < longest_us)
                loop_turn(co.loop, turn_us);
            cache_doctor(c, &facts->cache);
        }
    }
    cache_free(c);
    worker_free(worker);
    loop_free(co.loop);
}
