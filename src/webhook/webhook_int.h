/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef WEBHOOK_WEBHOOK_INT_H
#define WEBHOOK_WEBHOOK_INT_H

/* What the files of the webhook share; nobody else includes this. */

#include "base/stamp.h"
#include "core/backoff.h"
#include "net/http.h"
#include "store/db_webhook.h"
#include "webhook/webhook.h"
#include "webhook/webhook_judge.h"

enum { WEBHOOK_BATCH = 16 };                   /* events read at a time */
#define WEBHOOK_AGE (7 * 86400 * STAMP_SECOND) /* an event is given up */
#define WEBHOOK_REFUSALS (3600 * STAMP_SECOND) /* … that the receiver itself refuses so long */
#define WEBHOOK_LONG (3600 * STAMP_SECOND)     /* an outage the admins are told of */
#define WEBHOOK_DEADLINE (10 * STAMP_SECOND)   /* real time: of an attempt */
#define WEBHOOK_RETRY_AFTER_MAX INT64_C(3600)  /* s: as a receiver may ask */

struct webhook_item {
    int64_t id, at_us;
    char *body;
    size_t n;
};

/* A job of the owner; what its two functions need stands in it. */
struct webhook_job {
    struct webhook *w;
    int (*run)(struct db *db, struct webhook_job *j, struct err *err);
    void (*after)(struct webhook_job *j, int rc, const struct err *err);
    unsigned epoch;
    int64_t now_us;
    int64_t id;                               /* of the event that is noted */
    int64_t done_id;                          /* where reading begins */
    struct db_webhook row;                    /* as it is afterwards */
    int64_t newest, first_id, first_us;       /* of the queue; first_id 0: nothing waits */
    struct webhook_item items[WEBHOOK_BATCH]; /* read */
    int n_items, most;
};

struct webhook {
    struct webhook_opts opts;
    char *url, *secret, *ca_file;
    char origin[WEBHOOK_ORIGIN];
    struct http *http;              /* NULL with a URL: it cannot be made, error says why */
    struct loop_timer *timer;       /* the next look at the queue, or the next try */
    struct loop_timer *count_timer; /* while nothing is sent: how many wait */
    unsigned epoch;                 /* grows with every change of URL and secret */
    bool stopped, freeing, loaded;
    struct webhook_job *job; /* on its way: everything but forgetting is one after another */
    size_t forgetting;       /* jobs that remove the row */
    struct http_call *call;  /* of an event */
    struct webhook_item items[WEBHOOK_BATCH];
    int n_items, at;
    int64_t noting;   /* the event that was delivered and must be noted; 0: none */
    int64_t dropping; /* … that was refused for so long that it is given up */

    struct backoff backoff;
    int64_t ready_us; /* monotonic: nothing is sent before */
    struct db_webhook row;
    int64_t newest, oldest_us;
    uint64_t delivered, failed, refused, given_up;
    bool tried, told_failing, told_long, told_unwritten;
    int64_t failing_us;   /* STAMP_NONE: not */
    int64_t failing_told; /* status or error code that was logged */
    int64_t refused_id, refused_us;
    int64_t lost_told_us, lost_untold;
    char error[ERR_TEXT_MAX];
    const char *cure;

    struct http_call *probe; /* of a test */
    webhook_tested_fn probe_fn;
    void *probe_arg;
    int64_t probe_began_us;
    char probe_id[48];
};

/* webhook.c */
/* Looks what is to be done, soon. */
void webhook_go(struct webhook *w);
/* The event was delivered, or is given up: noted before anything else goes out. */
void webhook_note(struct webhook *w, int64_t id, bool delivered);
/* Nothing is sent for a while: growing, and not less than the receiver asks for. */
void webhook_rest(struct webhook *w, int64_t retry_after_s);
/* Attempts fail no more: what waits may go out at once. */
void webhook_recovered(struct webhook *w);

/* webhook_send.c */
/* Sends items[at]. */
void webhook_send(struct webhook *w);

#endif
