/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef WEBHOOK_WEBHOOK_JUDGE_H
#define WEBHOOK_WEBHOOK_JUDGE_H

#include "base/err.h"
#include "net/http.h"

/* What an attempt to deliver has come to. Pure. */

enum webhook_end {
    WEBHOOK_DELIVERED, /* 2xx */
    WEBHOOK_FAILED,    /* not now: it is tried again until the event is too old */
    WEBHOOK_REFUSED,   /* the receiver refuses this very event (400, 413, 415, 422) */
};

struct webhook_outcome {
    enum webhook_end end;
    int status;            /* 0: no answer */
    int64_t retry_after_s; /* as the receiver asked; -1: it did not */
    char text[ERR_TEXT_MAX];
    const char *cure; /* lives for ever; NULL when delivered */
};

/* Judges the end of a call (http_done_fn); answer is NULL unless rc is 0. */
void webhook_judge(int rc, const struct err *err, const struct http_answer *answer,
                   struct webhook_outcome *ret);

#endif
