/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* Any answer of the Bot API, and what is read of the updates in it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "telegram/tganswer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t max)
{
    size_t i;

    if (strnlen(text, max) == max)
        abort();
    for (i = 0; text[i]; i++)
        if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    struct tganswer answer;
    struct err err = {0};
    int64_t id = -1, found = -1;
    size_t i;

    if (!tganswer_find_update(body, &found) && found < 0)
        abort();
    if (tganswer_parse(body, &answer, &err)) {
        if (!err.text[0])
            abort();
        return 0;
    }
    check_text(answer.a.description, sizeof(answer.description));
    if (answer.a.ok != (answer.a.result != NULL) || (answer.a.ok && answer.a.error_code))
        abort();
    if (answer.a.retry_after_s < -1 || answer.a.retry_after_s > 86400 ||
        (answer.a.error_code == 429 && answer.a.retry_after_s < 0))
        abort();
    if (!answer.a.ok)
        (void)tganswer_judge(&answer.a, size & 1);
    for (i = 0; i < json_array_size(answer.a.result); i++)
        if (!tganswer_update_id(json_array_get(answer.a.result, i), &id) && id < 0)
            abort();
    tganswer_release(&answer);
    return 0;
}
