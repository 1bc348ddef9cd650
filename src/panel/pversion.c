/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/pversion.h"

#include <stdio.h>

#include "base/num.h"
#include "panel/jval.h"
#include "base/banned.h"

int pversion_parse(struct slice text, struct pversion *ret_v)
{
    struct pversion v = {.known = true};
    struct slice rest = slice_trim(text), part;
    int64_t major, minor;
    size_t i;

    if (rest.n && (rest.p[0] == 'v' || rest.p[0] == 'V'))
        rest = slice_skip(rest, 1);
    if (rest.n == 0 || rest.n >= sizeof(v.text))
        return ERR_INVALID;
    for (i = 0; i < rest.n; i++)
        if (rest.p[i] <= ' ' || rest.p[i] >= 0x7f)
            return ERR_INVALID;
    snprintf(v.text, sizeof(v.text), "%.*s", (int)rest.n, rest.p);
    part = slice_cut(&rest, '.');
    if (num_int(part, 0, 1000, &major) != ERR_OK || !rest.p)
        return ERR_INVALID;
    part = slice_cut(&rest, '.');
    for (i = 0; i < part.n && part.p[i] >= '0' && part.p[i] <= '9'; i++)
        ;
    part.n = i;
    if (num_int(part, 0, 10000, &minor) != ERR_OK)
        return ERR_INVALID;
    v.major = (int)major;
    v.minor = (int)minor;
    *ret_v = v;
    return ERR_OK;
}

int pversion_parse_system(struct slice body, struct pversion *ret_v, struct err *err)
{
    struct slice text;
    struct jval *doc;
    int rc;

    rc = jval_parse(body, &doc, err);
    if (rc)
        return rc;
    rc = jval_need_text(doc, "version", &text, err);
    if (!rc && pversion_parse(text, ret_v) != ERR_OK)
        rc = err_set(err, ERR_PROTOCOL, "the panel's version is not of the form 5.2.1");
    jval_free(doc);
    return rc;
}

void pversion_guess(int disabled_status, bool by_id_route, bool key, struct pversion *ret_v)
{
    struct pversion v = {.known = true, .guessed = true};

    if (key) {
        v.major = 5;
        v.minor = 1;
    } else if (disabled_status == 405) {
        v.major = 5;
    } else if (by_id_route) {
        v.major = 3;
        v.minor = 1;
    } else {
        v.major = 2;
    }
    snprintf(v.text, sizeof(v.text), v.minor ? "%d.%d or later" : "%d or later", v.major, v.minor);
    *ret_v = v;
}

bool pversion_from(const struct pversion *v, int major, int minor)
{
    if (!v->known)
        return true;
    return v->major > major || (v->major == major && v->minor >= minor);
}
