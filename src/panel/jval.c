/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/jval.h"

#include <jansson.h>

#include "base/limits.h"
#include "base/banned.h"

static const json_t *in(const struct jval *v)
{
    return (const json_t *)(const void *)v;
}

static const struct jval *out(const json_t *j)
{
    return (const struct jval *)(const void *)j;
}

/* jansson's own bound is a constant of the library, 2048. */
static bool too_deep(struct slice s)
{
    bool quoted = false;
    int depth = 0;
    size_t i;

    for (i = 0; i < s.n; i++) {
        char c = s.p[i];

        if (quoted) {
            if (c == '\\')
                i++;
            else if (c == '"')
                quoted = false;
        } else if (c == '"') {
            quoted = true;
        } else if (c == '[' || c == '{') {
            if (++depth > LIMIT_JSON_DEPTH)
                return true;
        } else if (c == ']' || c == '}') {
            depth--;
        }
    }
    return false;
}

int jval_parse(struct slice text, struct jval **ret_doc, struct err *err)
{
    json_error_t why;
    json_t *doc;

    if (too_deep(text))
        return err_set(err, ERR_TOO_BIG, "JSON nested more than %d deep", LIMIT_JSON_DEPTH);
    doc = json_loadb(text.n ? text.p : "", text.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &why);
    if (!doc && json_error_code(&why) == json_error_out_of_memory)
        return err_set(err, ERR_NOMEM, "out of memory");
    if (!doc)
        return err_set(err, ERR_PROTOCOL, "no valid JSON: line %d column %d: %s", why.line,
                       why.column, why.text);
    *ret_doc = (struct jval *)(void *)doc;
    return ERR_OK;
}

void jval_free(struct jval *doc)
{
    json_decref((json_t *)(void *)doc);
}

bool jval_is_object(const struct jval *v)
{
    return v && json_is_object(in(v));
}

bool jval_is_array(const struct jval *v)
{
    return v && json_is_array(in(v));
}

const struct jval *jval_get(const struct jval *v, const char *name)
{
    const json_t *j;

    if (!jval_is_object(v))
        return NULL;
    j = json_object_get(in(v), name);
    return j && !json_is_null(j) ? out(j) : NULL;
}

bool jval_has(const struct jval *v, const char *name)
{
    return jval_is_object(v) && json_object_get(in(v), name);
}

size_t jval_len(const struct jval *v)
{
    if (jval_is_array(v))
        return json_array_size(in(v));
    return jval_is_object(v) ? json_object_size(in(v)) : 0;
}

const struct jval *jval_at(const struct jval *v, size_t i)
{
    return jval_is_array(v) ? out(json_array_get(in(v), i)) : NULL;
}

void jval_each(const struct jval *v, void (*fn)(void *arg, struct slice name, const struct jval *v),
               void *arg)
{
    json_t *object = (json_t *)(void *)(uintptr_t)v;
    void *at;

    if (!jval_is_object(v))
        return;
    for (at = json_object_iter(object); at; at = json_object_iter_next(object, at))
        fn(arg, slice_of(json_object_iter_key(at)), out(json_object_iter_value(at)));
}

int jval_int(const struct jval *v, int64_t *ret_i)
{
    if (!v || !json_is_integer(in(v)))
        return ERR_INVALID;
    *ret_i = json_integer_value(in(v));
    return ERR_OK;
}

int jval_text(const struct jval *v, struct slice *ret_s)
{
    if (!v || !json_is_string(in(v)))
        return ERR_INVALID;
    *ret_s = (struct slice){json_string_value(in(v)), json_string_length(in(v))};
    return ERR_OK;
}

int jval_need_int(const struct jval *v, const char *name, int64_t *ret_i, struct err *err)
{
    if (jval_int(jval_get(v, name), ret_i) != ERR_OK)
        return err_set(err, ERR_PROTOCOL, "no whole number \"%s\" in the answer", name);
    return ERR_OK;
}

int jval_need_text(const struct jval *v, const char *name, struct slice *ret_s, struct err *err)
{
    if (jval_text(jval_get(v, name), ret_s) != ERR_OK)
        return err_set(err, ERR_PROTOCOL, "no text \"%s\" in the answer", name);
    return ERR_OK;
}

int64_t jval_opt_int(const struct jval *v, const char *name, int64_t fallback)
{
    int64_t i;

    return jval_int(jval_get(v, name), &i) == ERR_OK ? i : fallback;
}

struct slice jval_opt_text(const struct jval *v, const char *name)
{
    struct slice s;

    return jval_text(jval_get(v, name), &s) == ERR_OK ? s : (struct slice){NULL, 0};
}

bool jval_opt_bool(const struct jval *v, const char *name, bool fallback)
{
    const struct jval *b = jval_get(v, name);

    return b && json_is_boolean(in(b)) ? json_is_true(in(b)) : fallback;
}

static int add_chunk(const char *p, size_t n, void *arg)
{
    return buf_add(arg, p, n) == ERR_OK ? 0 : -1;
}

int jval_add(struct buf *b, const struct jval *v)
{
    if (json_dump_callback(in(v), add_chunk, b, JSON_COMPACT | JSON_ENCODE_ANY) != 0)
        return b->failed ? ERR_TOO_BIG : ERR_NOMEM;
    return ERR_OK;
}
