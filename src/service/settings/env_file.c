/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/env_file.h"

#include <stdbool.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/banned.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_key_char(char c, bool first)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' ||
           (!first && c >= '0' && c <= '9');
}

static struct slice skip_blanks(struct slice s)
{
    while (s.n && is_blank(s.p[0]))
        s = slice_skip(s, 1);
    return s;
}

/* Whether nothing but blanks, or a comment after a blank, follows a closing quote. */
static bool ends_here(struct slice s)
{
    struct slice t = skip_blanks(s);

    return t.n == 0 || (t.p[0] == '#' && t.n < s.n);
}

static int parse_single(struct slice s, struct buf *out, struct err *err)
{
    const char *end = memchr(s.p, '\'', s.n);

    if (!end)
        return err_set(err, ERR_INVALID, "the quote ' is not closed on this line");
    buf_add(out, s.p, (size_t)(end - s.p));
    if (!ends_here(slice_skip(s, (size_t)(end - s.p) + 1)))
        return err_set(err, ERR_INVALID, "text after the closing quote '");
    return ERR_OK;
}

static int parse_double(struct slice s, struct buf *out, struct err *err)
{
    char c;

    while (s.n && s.p[0] != '"') {
        c = s.p[0];
        s = slice_skip(s, 1);
        if (c == '\\') {
            if (s.n == 0)
                break;
            c = s.p[0];
            s = slice_skip(s, 1);
            if (c == 'n')
                c = '\n';
            else if (c != '\\' && c != '"')
                return err_set(err, ERR_INVALID,
                               "unknown escape after \\ in \"...\"; known are \\\\ \\\" \\n, and "
                               "'...' takes everything literally");
        }
        buf_add_char(out, c);
    }
    if (s.n == 0)
        return err_set(err, ERR_INVALID, "the quote \" is not closed on this line");
    if (!ends_here(slice_skip(s, 1)))
        return err_set(err, ERR_INVALID, "text after the closing quote \"");
    return ERR_OK;
}

/* Up to a '#' after white space; blanks at the end dropped. before: whether a blank stood in front. */
static int parse_plain(struct slice s, bool before, struct buf *out)
{
    size_t i;

    for (i = 0; i < s.n; i++) {
        if (s.p[i] == '#' && before)
            break;
        before = is_blank(s.p[i]);
    }
    s.n = i;
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return buf_add_slice(out, s);
}

static int parse_value(struct slice s, struct buf *out, struct err *err)
{
    struct slice t = skip_blanks(s);

    if (t.n && t.p[0] == '\'')
        return parse_single(slice_skip(t, 1), out, err);
    if (t.n && t.p[0] == '"')
        return parse_double(slice_skip(t, 1), out, err);
    return parse_plain(t, t.n < s.n, out);
}

/* One line without its end. A line without a pair leaves key empty. */
static int parse_line(struct slice s, struct slice *ret_key, struct buf *value, struct err *err)
{
    struct slice word;
    size_t i;

    *ret_key = (struct slice){NULL, 0};
    for (i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return err_set(err, ERR_INVALID, "a control character (byte %d) stands in this line",
                           (unsigned char)s.p[i]);
    s = skip_blanks(s);
    if (s.n == 0 || s.p[0] == '#')
        return ERR_OK;
    if (slice_starts(s, SLICE("export")) && s.n > 6 && is_blank(s.p[6]))
        s = skip_blanks(slice_skip(s, 6));
    for (i = 0; i < s.n && is_key_char(s.p[i], i == 0); i++)
        ;
    word = (struct slice){s.p, i};
    s = skip_blanks(slice_skip(s, i));
    if (word.n == 0 || s.n == 0 || s.p[0] != '=')
        return err_set(err, ERR_INVALID, "this is no KEY=VALUE");
    *ret_key = word;
    return parse_value(slice_skip(s, 1), value, err);
}

int env_file_parse(struct slice text, env_pair_fn pair, env_fault_fn fault, void *arg)
{
    struct slice line, key;
    struct buf value;
    struct err err;
    int number = 0, rc, result = ERR_OK;

    buf_init(&value, LIMIT_ENV_FILE);
    if (slice_starts(text, SLICE("\xef\xbb\xbf")))
        text = slice_skip(text, 3);
    while (text.p && text.n) {
        line = slice_cut(&text, '\n');
        number++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        buf_clear(&value);
        err.text[0] = '\0';
        rc = parse_line(line, &key, &value, &err);
        if (!rc && value.failed)
            rc = err_set(&err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
        if (!rc && key.n)
            rc = pair(arg, key, buf_slice(&value), number, &err);
        if (!rc)
            continue;
        fault(arg, number, err.text);
        if (rc == ERR_NOMEM) {
            result = rc;
            break;
        }
        result = ERR_INVALID;
    }
    buf_release(&value);
    return result;
}
