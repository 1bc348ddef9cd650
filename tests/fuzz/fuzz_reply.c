/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * An answer of the panel: "STATUS RETRY-AFTER LOCATION\n" and the body. What is judged must hold
 * together, and what is said of it must fit one log line.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "panel/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int status, const struct reply *r, const struct err *err)
{
    const char *at;

    if ((r->kind == REPLY_OK) != (status >= 200 && status < 300))
        abort();
    if ((r->code == ERR_OK) != (r->kind == REPLY_OK))
        abort();
    if (r->kind != REPLY_OK && (err->code != r->code || !err->text[0]))
        abort();
    if (r->wait_us < 0 || r->wait_us > 300 * 1000000LL || (r->wait_us && r->kind != REPLY_RETRY))
        abort();
    if ((r->kind == REPLY_LOGIN) != (status == 401))
        abort();
    if (r->missing != MISSING_OTHER && status != 404)
        abort();
    for (at = err->text; *at; at++)
        if ((unsigned char)*at < ' ' || *at == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size}, head = slice_cut(&body, '\n'), word;
    char location[64] = "";
    struct reply reply;
    struct err err = {0};
    int64_t status, retry = 0;

    word = slice_cut(&head, ' ');
    if (num_int(word, 0, 999, &status) != ERR_OK)
        return 0;
    word = slice_cut(&head, ' ');
    if (word.n && num_int(word, INT64_MIN, INT64_MAX, &retry) != ERR_OK)
        return 0;
    /* A header's value, as the HTTP client keeps it: printable, and "" for none. */
    for (size_t i = 0; i < head.n; i++)
        if (head.p[i] < ' ' || head.p[i] == 0x7f)
            return 0;
    if (head.n)
        snprintf(location, sizeof(location), "%.*s", (int)(head.n < 63 ? head.n : 63), head.p);
    reply_judge((int)status, body, location, retry, "disable user 7", &reply, &err);
    check((int)status, &reply, &err);
    return 0;
}
