/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/banned.h"

static const char *const names[] = {
    [-ERR_OK] = "ok",
    [-ERR_NOMEM] = "out of memory",
    [-ERR_TOO_BIG] = "too big",
    [-ERR_INVALID] = "invalid",
    [-ERR_NOT_FOUND] = "not found",
    [-ERR_EXISTS] = "exists already",
    [-ERR_IO] = "input/output error",
    [-ERR_BUSY] = "busy",
    [-ERR_UNREACHABLE] = "unreachable",
    [-ERR_TIMEOUT] = "timed out",
    [-ERR_AUTH] = "login refused",
    [-ERR_FORBIDDEN] = "permission missing",
    [-ERR_REFUSED] = "refused",
    [-ERR_PROTOCOL] = "protocol error",
    [-ERR_TLS] = "TLS error",
    [-ERR_CANCELLED] = "cancelled",
    [-ERR_CORRUPT] = "damaged or foreign data",
    [-ERR_CONFIRM] = "confirmation needed",
    [-ERR_FULL] = "disk full",
    [-ERR_READONLY] = "read-only",
    [-ERR_UNSURE] = "no answer: done or not, nobody knows",
};

const char *err_name(int code)
{
    if (code > 0 || -code >= (int)ARRAY_LEN(names) || !names[-code])
        return "unknown error";
    return names[-code];
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    if (!err)
        return code;
    err->code = code;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    return code;
}

void err_prefix(struct err *err, const char *fmt, ...)
{
    char old[ERR_TEXT_MAX];
    va_list ap;
    int n;

    if (!err)
        return;
    memcpy(old, err->text, sizeof(old));
    va_start(ap, fmt);
    n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof(err->text) - 3)
        snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s", old);
}
