/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "recordings.h"

#include <stdio.h>
#include <stdlib.h>

struct recordings recordings_load(const char *file)
{
    struct recordings r = {0};
    struct err err = {0};
    char path[1024], chunk[65536];
    struct buf text;
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", PANEL_DATA, file);
    f = fopen(path, "r");
    if (!f) {
        perror(path);
        exit(2);
    }
    buf_init(&text, 16 << 20);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        buf_add(&text, chunk, n);
    fclose(f);
    if (jval_parse(buf_slice(&text), &r.doc, &err) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", path, err.text);
        exit(2);
    }
    buf_release(&text);
    return r;
}

char *recordings_body(const struct recordings *r, const char *name, int *ret_status)
{
    const struct jval *v;
    struct buf body;
    size_t i;

    buf_init(&body, 8 << 20);
    for (i = 0; i < jval_len(r->doc); i++) {
        v = jval_at(r->doc, i);
        if (!slice_eq(jval_opt_text(v, "name"), slice_of(name)))
            continue;
        *ret_status = (int)jval_opt_int(v, "status", 0);
        if (jval_get(v, "answer") && jval_add(&body, jval_get(v, "answer")) == ERR_OK)
            return buf_take(&body);
    }
    fprintf(stderr, "no recording %s\n", name);
    exit(2);
}
