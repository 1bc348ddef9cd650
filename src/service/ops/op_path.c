/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include "base/hex.h"
#include "base/banned.h"

/*
 * From method and path to the row of the table. Fixed segments win over `{…}`, the first that differs
 * decides: `/users/limits` is never a user called "limits" (he is id:…).
 */

/* Paths of the Python server that ours does not have: they do what ours do. */
static const struct {
    enum op_method method;
    const char *pattern;
    enum op_method to;
    const char *to_pattern;
} old_paths[] = {
    {OP_DELETE, "/users/disabled/{user}", OP_POST, "/users/disabled/{user}/enable"},
    {OP_DELETE, "/users/disabled", OP_POST, "/users/disabled/enable-all"},
    {OP_PUT, "/config/limits/general", OP_PUT, "/config/limit"},
    {OP_PUT, "/config/timing/check_interval", OP_PUT, "/config/interval"},
    {OP_PUT, "/config/timing/reenable_time", OP_PUT, "/config/reenable-time"},
};

static bool is_utf8(struct slice s)
{
    json_t *text = json_stringn(s.n ? s.p : "", s.n);

    json_decref(text);
    return text != NULL;
}

int op_decode(struct slice s, bool plus, struct buf *out)
{
    size_t i;

    for (i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (c == '%') {
            int byte = i + 2 < s.n ? hex_byte(s.p + i + 1) : -1;

            if (byte < 0)
                return ERR_INVALID;
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return ERR_INVALID;
        buf_add_char(out, c);
    }
    if (out->failed)
        return ERR_TOO_BIG;
    return is_utf8(buf_slice(out)) ? ERR_OK : ERR_INVALID;
}

/* Whether a path has the segments of a pattern; *ret_value is what stands for its {…}, still encoded. */
static bool fits(const char *pattern, struct slice path, struct slice *ret_value)
{
    struct slice want, have, a, b;

    *ret_value = (struct slice){NULL, 0};
    if (path.n == 0 || path.p[0] != '/')
        return false;
    want = slice_skip(slice_of(pattern), 1);
    have = slice_skip(path, 1);
    while (want.p && have.p) {
        a = slice_cut(&want, '/');
        b = slice_cut(&have, '/');
        if (a.n && a.p[0] == '{')
            *ret_value = b;
        else if (!slice_eq(a, b))
            return false;
    }
    return !want.p && !have.p;
}

/* Whether a is the more exact of two patterns that fit one path. */
static bool is_nearer(const char *a, const char *b)
{
    struct slice x = slice_of(a), y = slice_of(b), p, q;

    while (x.p && y.p) {
        p = slice_cut(&x, '/');
        q = slice_cut(&y, '/');
        if (slice_eq(p, q))
            continue;
        return q.n && q.p[0] == '{' && !(p.n && p.p[0] == '{');
    }
    return false;
}

/* The pattern, of ours or of the old ones, that fits a path best; NULL: none. */
static const char *best_pattern(struct slice path, struct slice *ret_value)
{
    const char *best = NULL, *pattern;
    struct slice value;
    size_t i;

    for (i = 0; op_row_at(i); i++) {
        pattern = op_row_at(i)->def.pattern;
        if (fits(pattern, path, &value) && (!best || is_nearer(pattern, best))) {
            best = pattern;
            *ret_value = value;
        }
    }
    for (i = 0; i < ARRAY_LEN(old_paths); i++) {
        pattern = old_paths[i].pattern;
        if (fits(pattern, path, &value) && (!best || is_nearer(pattern, best))) {
            best = pattern;
            *ret_value = value;
        }
    }
    return best;
}

static const struct op_row *row_of(enum op_method method, const char *pattern)
{
    size_t i;

    for (i = 0; op_row_at(i); i++)
        if (op_row_at(i)->def.method == method && strcmp(op_row_at(i)->def.pattern, pattern) == 0)
            return op_row_at(i);
    for (i = 0; i < ARRAY_LEN(old_paths); i++)
        if (old_paths[i].method == method && strcmp(old_paths[i].pattern, pattern) == 0)
            return row_of(old_paths[i].to, old_paths[i].to_pattern);
    return NULL;
}

const struct op_def *op_def_find(enum op_method m, struct slice path)
{
    struct slice value;
    const char *pattern = best_pattern(path, &value);
    const struct op_row *row = pattern ? row_of(m, pattern) : NULL;

    return row ? &row->def : NULL;
}

unsigned op_allowed(struct slice path)
{
    struct slice value;
    const char *pattern = best_pattern(path, &value);
    unsigned bits = 0;
    int m;

    for (m = OP_GET; pattern && m <= OP_DELETE; m++)
        if (row_of((enum op_method)m, pattern))
            bits |= 1u << m;
    return bits;
}

bool op_path_at(size_t i, struct op_path *ret)
{
    const struct op_row *row;
    size_t n;

    for (n = 0; op_row_at(n); n++)
        ;
    if (i < n) {
        row = op_row_at(i);
        *ret = (struct op_path){row->def.method, row->def.pattern, &row->def};
        return true;
    }
    if (i - n >= ARRAY_LEN(old_paths))
        return false;
    row = row_of(old_paths[i - n].to, old_paths[i - n].to_pattern);
    *ret = (struct op_path){old_paths[i - n].method, old_paths[i - n].pattern, &row->def};
    return true;
}

int op_path_find(struct op *op, enum op_method method, struct slice path)
{
    struct slice value = {NULL, 0};
    const char *pattern = best_pattern(path, &value);
    struct buf decoded;
    int rc = ERR_OK;

    if (!pattern)
        return err_set(&op->err, ERR_NOT_FOUND, "no such path");
    op->row = row_of(method, pattern);
    if (!op->row) {
        op->status = 405;
        return err_set(&op->err, ERR_REFUSED, "this path does not know %s", op_method_name(method));
    }
    if (value.p) {
        buf_init(&decoded, sizeof(op->ref_text) - 1);
        rc = op_decode(value, false, &decoded);
        if (!rc && decoded.n)
            memcpy(op->ref_text, buf_str(&decoded), decoded.n + 1);
        buf_release(&decoded);
    }
    if (rc == ERR_TOO_BIG || (value.p && !rc && !op->ref_text[0]))
        return err_set(&op->err, ERR_PROTOCOL, "a name in the path is %s; allowed: 1 to %d bytes",
                       rc ? "too long" : "empty", LIMIT_USER_NAME);
    if (rc)
        return err_set(&op->err, ERR_PROTOCOL,
                       "the path holds a broken %%-escape, a NUL, or no UTF-8");
    return ERR_OK;
}
