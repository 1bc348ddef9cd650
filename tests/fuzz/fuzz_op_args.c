/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A request as every surface gives it to the operations: "METHOD PATH?QUERY\n" and the body. There is no
 * database: what is right as far as it can be read ends with "busy". One answer, in JSON unless the row
 * says otherwise, with a status that the description knows.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "fuzz_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool started;
static int replies;

static void on_reply(void *arg, int status, struct slice json)
{
    static const int known[] = {200, 400, 404, 405, 409, 413, 422, 503};
    json_t *v = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    size_t i;

    (void)arg;
    replies++;
    for (i = 0; i < ARRAY_LEN(known) && known[i] != status; i++)
        ;
    if (i == ARRAY_LEN(known) || !v)
        abort();
    if (status >= 400 && (!json_is_string(json_object_get(v, "detail")) ||
                          !json_is_string(json_object_get(v, "code"))))
        abort();
    json_decref(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct op_port port = {FUZZ_PORT};
    struct op_request req = {.body = {(const char *)data, size}, .who = SLICE("fuzz")};
    struct slice head = slice_cut(&req.body, '\n'), word = slice_cut(&head, ' ');

    if (!started && settings_init(&settings))
        abort();
    started = true;
    if (op_method_parse(word, &req.method))
        return 0;
    req.path = slice_cut(&head, '?');
    req.query = head;
    replies = 0;
    op_call(&port, &req, on_reply, NULL);
    if (replies != 1)
        abort();
    return 0;
}
