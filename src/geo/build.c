/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "geo/build.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "geo/asn_csv.h"
#include "geo/mmwrite.h"
#include "base/banned.h"

static int add_lines(struct mmwrite *w, FILE *f, struct asn_row *row, struct build_counts *c)
{
    size_t cap = 0;
    char *line = NULL;
    ssize_t n;
    int rc = ERR_OK;

    while (!rc && (n = getline(&line, &cap, f)) >= 0) {
        rc = asn_row_parse(row, (struct slice){line, (size_t)n});
        if (rc == ERR_INVALID) {
            c->wrong++;
            rc = ERR_OK;
        } else if (!rc) {
            c->rows++;
            if (row->asn)
                rc = mmwrite_asn(w, row->first, row->last, row->asn, buf_slice(&row->name));
        }
    }
    free(line);
    return rc ? rc : ferror(f) ? ERR_IO : ERR_OK;
}

static int add_file(struct mmwrite *w, const char *path, struct build_counts *total,
                    int64_t *newest_s, struct err *err)
{
    struct build_counts c = {0};
    struct asn_row row;
    struct stat st;
    FILE *f = fopen(path, "re");
    int rc;

    if (!f)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s: %s", path,
                       strerror(errno));
    asn_row_init(&row);
    rc = add_lines(w, f, &row, &c);
    if (fstat(fileno(f), &st) == 0 && st.st_mtime > *newest_s)
        *newest_s = st.st_mtime;
    buf_release(&row.name);
    fclose(f);
    if (rc)
        return err_set(err, rc, "%s: %s", path, err_name(rc));
    if (c.rows == 0 || c.wrong > c.rows / 100)
        return err_set(err, ERR_INVALID,
                       "%s: %llu ranges and %llu other lines: is no list `first,last,number,name`",
                       path, (unsigned long long)c.rows, (unsigned long long)c.wrong);
    total->rows += c.rows;
    total->wrong += c.wrong;
    return ERR_OK;
}

int build_asn(const char *out, char *const *files, int n, int64_t built_s,
              struct build_counts *ret_counts, struct err *err)
{
    struct mmwrite_opts opts = {"ip-location-db ASN", "Autonomous systems (RouteViews, DB-IP, NRO)",
                                0};
    struct build_counts counts = {0};
    struct mmwrite *w = mmwrite_new();
    int i, rc = w ? ERR_OK : err_set(err, ERR_NOMEM, "out of memory");

    for (i = 0; !rc && i < n; i++)
        rc = add_file(w, files[i], &counts, &opts.built_s, err);
    if (built_s)
        opts.built_s = built_s;
    if (!rc)
        rc = mmwrite_file(w, out, &opts, err);
    if (!rc)
        *ret_counts = counts;
    mmwrite_free(w);
    return rc;
}
