/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "webhook/webhook_judge.h"

#include <stdio.h>

#include "base/attr.h"
#include "base/banned.h"

/* Statuses that say what to do; from …upto. The first that fits. */
static const struct {
    int from, upto;
    enum webhook_end end;
    const char *what, *cure;
} rows[] = {
    {200, 299, WEBHOOK_DELIVERED, "", NULL},
    {300, 399, WEBHOOK_FAILED, ", a redirect, which is not followed",
     "set webhook_url to the address that the redirect names"},
    {400, 400, WEBHOOK_REFUSED, "", "see the log of the receiver: it refuses this event"},
    {413, 413, WEBHOOK_REFUSED, "", "let the receiver take requests of 64 KiB"},
    {415, 415, WEBHOOK_REFUSED, "", "let the receiver take application/json"},
    {422, 422, WEBHOOK_REFUSED, "", "see the log of the receiver: it refuses this event"},
    {401, 401, WEBHOOK_FAILED, "",
     "has the receiver the same webhook_secret, and is the clock right on both sides?"},
    {403, 403, WEBHOOK_FAILED, "",
     "has the receiver the same webhook_secret, and is the clock right on both sides?"},
    {404, 405, WEBHOOK_FAILED, "", "is the path of webhook_url the one that takes POST requests?"},
    {410, 410, WEBHOOK_FAILED, "",
     "it wants no more events: `pg-limiter config set webhook_url \"\"` ends them"},
    {429, 429, WEBHOOK_FAILED, ", too many requests", "nothing: it is tried less often"},
    {0, 999, WEBHOOK_FAILED, "", "see the log of the receiver"},
};

static const char *cure_of(int rc)
{
    switch (rc) {
    case ERR_TIMEOUT:
        return "let the receiver answer first and work afterwards: it has 10 s";
    case ERR_TLS:
        return "give the receiver a certificate that this machine trusts";
    case ERR_UNREACHABLE:
        return "does the receiver run, and can it be reached from this machine?";
    default:
        return "see the reason: is webhook_url the address of the receiver?";
    }
}

void webhook_judge(int rc, const struct err *err, const struct http_answer *answer,
                   struct webhook_outcome *ret)
{
    size_t i;

    *ret = (struct webhook_outcome){.end = WEBHOOK_FAILED, .retry_after_s = -1};
    if (rc) {
        snprintf(ret->text, sizeof(ret->text), "%s", err->text[0] ? err->text : err_name(rc));
        ret->cure = cure_of(rc);
        return;
    }
    ret->status = answer->status;
    ret->retry_after_s = answer->retry_after_s;
    for (i = 0; i + 1 < ARRAY_LEN(rows) &&
                (answer->status < rows[i].from || answer->status > rows[i].upto);
         i++)
        ;
    ret->end = rows[i].end;
    ret->cure = rows[i].cure;
    snprintf(ret->text, sizeof(ret->text), "it answers %d%s", answer->status, rows[i].what);
}
