/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/server_int.h"

#include "base/banned.h"

/* The page /docs, built into the program from src/api/docs: it works without a network. */

extern const unsigned char page_html[], page_css[], page_js[];
extern const size_t page_html_size, page_css_size, page_js_size;

bool page_find(struct slice path, struct slice *ret_bytes, const char **ret_type)
{
    static const struct {
        const char *path;
        const unsigned char *bytes;
        const size_t *n;
        const char *type;
    } files[] = {
        {"/docs", page_html, &page_html_size, "text/html; charset=utf-8"},
        {"/docs.css", page_css, &page_css_size, "text/css; charset=utf-8"},
        {"/docs.js", page_js, &page_js_size, "text/javascript; charset=utf-8"},
    };
    size_t i;

    for (i = 0; i < ARRAY_LEN(files); i++) {
        if (!slice_eq(path, slice_of(files[i].path)))
            continue;
        *ret_bytes = (struct slice){(const char *)files[i].bytes, *files[i].n};
        *ret_type = files[i].type;
        return true;
    }
    return false;
}
