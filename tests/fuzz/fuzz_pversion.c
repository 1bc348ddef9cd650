/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The panel's version, alone or in the answer of /api/system: printable, comparable, read back the same. */
#include <stdint.h>
#include <stdlib.h>

#include "panel/pversion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct pversion *v)
{
    struct pversion again;
    const char *at;

    if (!v->known || v->guessed || v->major < 0 || v->minor < 0 || !v->text[0])
        abort();
    if (!memchr(v->text, '\0', sizeof(v->text)))
        abort();
    for (at = v->text; *at; at++)
        if (*at <= ' ' || *at == 0x7f)
            abort();
    if (!pversion_from(v, v->major, v->minor) || pversion_from(v, v->major, v->minor + 1) ||
        pversion_from(v, v->major + 1, 0))
        abort();
    if (pversion_parse(slice_of(v->text), &again) || again.major != v->major ||
        again.minor != v->minor)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice body = {(const char *)data, size};
    struct pversion v;
    struct err err = {0};

    if (pversion_parse(body, &v) == ERR_OK)
        check(&v);
    if (pversion_parse_system(body, &v, &err) == ERR_OK)
        check(&v);
    else if (!err.text[0])
        abort();
    return 0;
}
