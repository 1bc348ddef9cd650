/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef WEBHOOK_WEBHOOK_H
#define WEBHOOK_WEBHOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/slice.h"
#include "net/loop.h"
#include "net/worker.h"
#include "service/doctor/doctor.h"
#include "store/owner.h"
#include "webhook/webhook_form.h"

/*
 * Every event as a signed POST to one receiver (docs/webhooks.md). The table events is the outbox
 * (db_webhook.h): events go out one at a time in their order, and only after the answer to one has been
 * noted in the database goes the next. So at most one event can come twice, when the process dies between
 * the answer and the note or an answer is lost; it then has the same id. What fails is tried again after
 * 1 s to 5 min; an event is given up after 7 days, when too many wait, or when the receiver has refused it
 * itself for an hour. Without a secret nothing is sent: events wait. All functions are for the loop thread,
 * none blocks.
 */
struct webhook;

struct webhook_opts {
    struct loop *loop;
    struct worker *worker; /* resolves names */
    owner_submit_fn submit;
    void *store;
    const char *agent; /* User-Agent; must live as long as the webhook */
    const char
        *ca_file; /* PEM file to trust instead of the system's, copied; NULL or "": the system's */
};

enum webhook_state {
    WEBHOOK_OFF,      /* no URL */
    WEBHOOK_UNSIGNED, /* no secret: nothing is sent */
    WEBHOOK_NEW,      /* nothing has been sent in this life of the program */
    WEBHOOK_OK,       /* the last attempt was answered with 2xx */
    WEBHOOK_FAILING,
};

struct webhook_facts {
    enum webhook_state state;
    char origin[WEBHOOK_ORIGIN]; /* scheme, host and port of the URL; "" = off */
    bool open_network;           /* without TLS to a public address or name */
    int64_t waiting;             /* events not delivered */
    int64_t oldest_us;           /* when the first of them happened; STAMP_NONE: none waits */
    int64_t delivered_us; /* when the last was delivered, also by an earlier life; or STAMP_NONE */
    int64_t lost;         /* given up since it was switched on */
    uint64_t delivered, failed, refused; /* attempts of this life by how they ended */
    uint64_t given_up;                   /* events, in this life */
    int64_t failing_us;                  /* since when attempts fail; STAMP_NONE: they do not */
    int64_t next_us;                     /* when it is tried again; STAMP_NONE: not failing */
    const char *error; /* what the last attempt came to, "" = fine; as long as w */
    const char *cure;  /* lives for ever; NULL: none */
};

/* Makes one that is off. ERR_NOMEM. */
int webhook_new(const struct webhook_opts *opts, struct webhook **ret_w) MUST_CHECK;
/*
 * Puts URL and secret in force ("" = none); the same again changes nothing. Another URL gets what waits;
 * none: what waits is forgotten. A CA file that cannot be read, or no memory: it fails, which is logged.
 */
void webhook_configure(struct webhook *w, const char *url, const char *secret);
/* Begins nothing new. webhook_idle: nothing is on its way any more, so no event is in doubt. */
void webhook_stop(struct webhook *w);
bool webhook_idle(const struct webhook *w);
/* Ends the calls on their way, a test with ERR_CANCELLED; after webhook_stop, while the owner lives. */
void webhook_halt(struct webhook *w);
/* Frees; what waits stays. After owner_stop, whose last jobs are still told. NULL is allowed. */
void webhook_free(struct webhook *w);

/*
 * The end of a test: rc 0 and an object {"ok","url","id","status","took_ms","error","cure"}; or a code, err
 * and nothing. Valid during the call.
 */
typedef void (*webhook_tested_fn)(void *arg, int rc, const struct err *err, struct slice json);
/*
 * Sends an event of type "test" at once, beside the queue, as one of id 0; who is its who. fn exactly once,
 * perhaps at once: ERR_INVALID (no URL, no secret, no CA file), ERR_BUSY (one is on its way), ERR_NOMEM,
 * ERR_CANCELLED. When it goes well, what waits is tried at once.
 */
void webhook_test(struct webhook *w, struct slice who, webhook_tested_fn fn, void *arg);

/* How it stands now. */
struct webhook_facts webhook_facts(const struct webhook *w);
/* Appends it as members of an open object (shape of GET /webhook). */
void webhook_json(const struct webhook *w, struct buf *out);
/* What the doctor is told. */
void webhook_doctor(const struct webhook *w, struct doctor_webhook *ret);
/* Appends what an operator should look at, in words; nothing when all is well. */
void webhook_problem(const struct webhook *w, struct buf *out);

#endif
