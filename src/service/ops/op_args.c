/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <math.h>

#include "base/num.h"
#include "service/suggest.h"
#include "base/banned.h"

/* Checks what a request brings against the parameters of its row, and says what is wrong with it. */

enum { TEXT_MAX = 1000, NAMES_MAX = 32 };

static int64_t text_max(const struct op_param *p)
{
    return p->max ? p->max : TEXT_MAX;
}

void op_param_add_allowed(struct buf *b, const struct op_param *p)
{
    const char *c;

    switch (p->type) {
    case OP_INT:
        buf_addf(b, "a whole number from %lld to %lld", (long long)p->min, (long long)p->max);
        break;
    case OP_BOOL:
        buf_add_str(b, "true or false");
        break;
    case OP_TEXT:
        if (!p->choices)
            buf_addf(b, "a text of %lld to %lld bytes", (long long)p->min, (long long)text_max(p));
        for (c = p->choices; c && *c; c++)
            buf_add_str(b, *c == '|' ? ", " : (char[]){*c, '\0'});
        break;
    case OP_USER:
        buf_add_str(b, "a user's name, or id:12");
        break;
    case OP_SPAN:
        buf_addf(b, "a length of time such as 30m, 2h or 1d, from %lld to %lld seconds",
                 (long long)p->min, (long long)p->max);
        break;
    case OP_INTS:
        buf_addf(b, "a list of %lld to %lld whole numbers over 0", (long long)p->min,
                 (long long)p->max);
        break;
    case OP_TEXTS:
        buf_addf(b, "a list of %lld to %lld texts", (long long)p->min, (long long)p->max);
        break;
    case OP_SETTING:
        setting_add_range(b, p->setting);
        break;
    case OP_JSON:
        buf_add_str(b, "any JSON value");
        break;
    }
}

/* "limit is missing; allowed: …". */
static int wrong(struct op *op, const struct op_param *p, const char *what)
{
    struct buf allowed;
    int rc;

    buf_init(&allowed, 1024);
    op_param_add_allowed(&allowed, p);
    rc = err_set(&op->err, ERR_INVALID, "%s %s; allowed: %s", p->name, what, buf_str(&allowed));
    buf_release(&allowed);
    return rc;
}

static int no_memory(struct op *op)
{
    return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
}

static const struct op_param *find_param(const struct op *op, const char *name)
{
    const struct op_param *p = op->row->def.params;

    for (; p && p->name; p++)
        if (!(p->in & OP_IN_PATH) && strcmp(p->name, name) == 0)
            return p;
    return NULL;
}

static int unknown(struct op *op, const char *name)
{
    const struct op_param *p = op->row->def.params;
    const char *names[NAMES_MAX], *near;
    struct buf list;
    size_t n = 0;
    int rc;

    buf_init(&list, 2048);
    for (; p && p->name && n < NAMES_MAX; p++) {
        if (p->in & OP_IN_PATH)
            continue;
        buf_addf(&list, "%s%s", n ? ", " : "", p->name);
        names[n++] = p->name;
    }
    near = suggest_of(slice_of(name), names, n);
    rc = err_set(&op->err, ERR_INVALID, "\"%.64s\" is not known here%s%s%s; allowed: %s", name,
                 near ? " (did you mean " : "", near ? near : "", near ? "?)" : "",
                 n ? buf_str(&list) : "nothing");
    buf_release(&list);
    return rc;
}

/* ---- one value: checked, and as the operation is to see it ---- */

static bool is_whole(json_t *v, int64_t *ret)
{
    double r = json_number_value(v);

    if (json_is_integer(v)) {
        *ret = json_integer_value(v);
        return true;
    }
    /* 5.0 is a whole number in JSON. */
    if (!json_is_real(v) || floor(r) < r || fabs(r) > 9e15)
        return false;
    *ret = (int64_t)r;
    return true;
}

static int take_int(struct op *op, const struct op_param *p, json_t *v, json_t **ret)
{
    int64_t n = 0;

    if (!is_whole(v, &n))
        return wrong(op, p, "is no whole number");
    if (n < p->min || n > p->max)
        return wrong(op, p, "is out of range");
    *ret = json_integer(n);
    return ERR_OK;
}

/* Seconds of "30m", "2h", "90s", "1d" or "90". */
static bool read_span(struct slice s, int64_t *ret_s)
{
    static const struct {
        char letter;
        int64_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}};
    int64_t unit = 1, n;
    size_t i;

    for (i = 0; i < ARRAY_LEN(units) && s.n; i++) {
        if (s.p[s.n - 1] == units[i].letter) {
            unit = units[i].seconds;
            s.n--;
            break;
        }
    }
    if (num_int(s, 0, INT32_MAX, &n))
        return false;
    *ret_s = n * unit;
    return true;
}

static int take_span(struct op *op, const struct op_param *p, json_t *v, json_t **ret)
{
    int64_t n = 0;

    if (json_is_string(v) ? !read_span(slice_of(json_string_value(v)), &n) : !is_whole(v, &n))
        return wrong(op, p, "is no length of time");
    if (n < p->min || n > p->max)
        return wrong(op, p, "is out of range");
    *ret = json_integer(n);
    return ERR_OK;
}

static bool is_choice(const char *choices, struct slice s)
{
    struct slice rest = slice_of(choices);

    while (rest.p)
        if (slice_eq(slice_cut(&rest, '|'), s))
            return true;
    return false;
}

static int take_text(struct op *op, const struct op_param *p, json_t *v, json_t **ret)
{
    struct slice s = {json_string_value(v), json_string_length(v)};

    if (!json_is_string(v))
        return wrong(op, p, "is no text");
    if (p->choices && !is_choice(p->choices, s))
        return wrong(op, p, "has a value that is not known");
    if (!p->choices && ((int64_t)s.n < p->min || (int64_t)s.n > text_max(p)))
        return wrong(op, p, "is too long or too short");
    *ret = json_incref(v);
    return ERR_OK;
}

static int take_user(struct op *op, const struct op_param *p, json_t *v, json_t **ret)
{
    struct slice s = {json_string_value(v), json_string_length(v)};
    struct user_ref ref;
    struct err why = {0};

    if (!json_is_string(v))
        return wrong(op, p, "is no text");
    if (user_ref_parse(s, &ref, &why))
        return err_set(&op->err, ERR_INVALID, "%s: %s", p->name, why.text);
    *ret = json_incref(v);
    return ERR_OK;
}

static int take_list(struct op *op, const struct op_param *p, json_t *v, json_t **ret)
{
    json_t *list, *one;
    int64_t n = 0;
    size_t i;

    if (!json_is_array(v))
        return wrong(op, p, "is no list");
    if ((int64_t)json_array_size(v) < p->min || (int64_t)json_array_size(v) > p->max)
        return wrong(op, p, "has too many entries or too few");
    list = json_array();
    json_array_foreach(v, i, one)
    {
        bool good = p->type == OP_INTS ? is_whole(one, &n) && n > 0
                                       : json_is_string(one) && json_string_length(one) > 0 &&
                                             json_string_length(one) <= TEXT_MAX;

        if (!good) {
            json_decref(list);
            return wrong(op, p, "has an entry that it may not have");
        }
        if (json_array_append_new(list, p->type == OP_INTS ? json_integer(n) : json_incref(one)))
            break;
    }
    *ret = list && json_array_size(list) == json_array_size(v) ? list : NULL;
    if (!*ret)
        json_decref(list);
    return ERR_OK;
}

static int take_value(struct op *op, const struct op_param *p, json_t *v, json_t **ret)
{
    switch (p->type) {
    case OP_INT:
        return take_int(op, p, v, ret);
    case OP_SPAN:
        return take_span(op, p, v, ret);
    case OP_TEXT:
        return take_text(op, p, v, ret);
    case OP_USER:
        return take_user(op, p, v, ret);
    case OP_INTS:
    case OP_TEXTS:
        return take_list(op, p, v, ret);
    case OP_BOOL:
        if (!json_is_boolean(v))
            return wrong(op, p, "is neither true nor false");
        break;
    case OP_SETTING:
        if (json_is_object(v) || json_is_array(v))
            return wrong(op, p, "is no single value");
        break;
    case OP_JSON:
        break;
    }
    *ret = json_incref(v);
    return ERR_OK;
}

static int keep(struct op *op, const struct op_param *p, json_t *v)
{
    json_t *taken = NULL;
    int rc;

    if (json_object_get(op->args, p->name))
        return err_set(&op->err, ERR_INVALID, "%s is given twice", p->name);
    rc = take_value(op, p, v, &taken);
    if (rc)
        return rc;
    return taken && json_object_set_new(op->args, p->name, taken) == 0 ? ERR_OK : no_memory(op);
}

/* ---- the query ---- */

/* A list in a query is separated by commas: "1,2,3". */
static json_t *list_of(const struct op_param *p, struct slice text)
{
    json_t *list = json_array();
    int64_t n;

    while (list && text.p && text.n) {
        struct slice one = slice_trim(slice_cut(&text, ','));

        if (p->type == OP_TEXTS)
            json_array_append_new(list, json_stringn(one.p, one.n));
        else
            json_array_append_new(list,
                                  num_int(one, 1, INT64_MAX, &n) ? json_null() : json_integer(n));
    }
    return list;
}

/* The text of a query (NULL: the bare name) as its type means it; what does not fit stays a text. */
static json_t *value_of(const struct op_param *p, struct slice text)
{
    int64_t n;
    bool yes;

    if (p->type == OP_INTS || p->type == OP_TEXTS)
        return list_of(p, text);
    if (p->type == OP_INT && !num_int(text, INT64_MIN, INT64_MAX, &n))
        return json_integer(n);
    if (p->type == OP_BOOL && !text.p)
        return json_true();
    if (p->type == OP_BOOL && !num_bool(text, &yes))
        return json_boolean(yes);
    return json_stringn(text.n ? text.p : "", text.n);
}

static int read_pair(struct op *op, struct slice pair)
{
    struct slice key = slice_cut(&pair, '=');
    const struct op_param *p;
    struct buf name, text;
    json_t *v = NULL;
    int rc;

    buf_init(&name, 256);
    buf_init(&text, LIMIT_SETTING_VALUE);
    rc = op_decode(key, true, &name);
    if (!rc && pair.p)
        rc = op_decode(pair, true, &text);
    if (rc) {
        rc = err_set(&op->err, ERR_INVALID,
                     "the query holds a broken %%-escape, no UTF-8, or is too long: %.64s",
                     name.n ? buf_str(&name) : "");
    } else {
        p = find_param(op, buf_str(&name));
        v = p ? value_of(p, pair.p ? slice_of(buf_str(&text)) : (struct slice){NULL, 0}) : NULL;
        rc = !p ? unknown(op, buf_str(&name)) : v ? keep(op, p, v) : no_memory(op);
    }
    json_decref(v);
    buf_release(&name);
    buf_release(&text);
    return rc;
}

/* ---- the whole ---- */

/* A {…} of the path that is no user. */
static int read_path(struct op *op)
{
    const struct op_param *p = op->row->def.params;
    json_t *v;
    int rc;

    for (; p && p->name; p++) {
        if (!(p->in & OP_IN_PATH))
            continue;
        v = value_of(p, slice_of(op->ref_text));
        rc = v ? keep(op, p, v) : no_memory(op);
        json_decref(v);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

static int read_body(struct op *op)
{
    const char *key;
    json_t *value;
    int rc;

    if (op->row->def.may & OP_FREE_BODY)
        return ERR_OK;
    json_object_foreach(op->body, key, value)
    {
        const struct op_param *p = find_param(op, key);

        if (!p)
            return unknown(op, key);
        if (json_is_null(value) && p->type != OP_SETTING)
            continue;
        rc = keep(op, p, value);
        if (rc)
            return rc;
    }
    return ERR_OK;
}

int op_args_read(struct op *op, struct slice query)
{
    const struct op_param *p;
    int rc;

    op->args = json_object();
    if (!op->args)
        return no_memory(op);
    rc = read_path(op);
    while (!rc && query.p && query.n) {
        struct slice pair = slice_cut(&query, '&');

        if (pair.n)
            rc = read_pair(op, pair);
    }
    if (!rc)
        rc = read_body(op);
    for (p = op->row->def.params; !rc && p && p->name; p++)
        if ((p->in & OP_NEEDED) && !json_object_get(op->args, p->name))
            rc = wrong(op, p, "is missing");
    return rc;
}

json_t *op_arg(const struct op *op, const char *name)
{
    return json_object_get(op->args, name);
}

int64_t op_arg_int(const struct op *op, const char *name, int64_t fallback)
{
    json_t *v = op_arg(op, name);

    return json_is_integer(v) ? json_integer_value(v) : fallback;
}

bool op_arg_bool(const struct op *op, const char *name)
{
    return json_is_true(op_arg(op, name));
}

const char *op_arg_text(const struct op *op, const char *name)
{
    return json_string_value(op_arg(op, name));
}

struct op_page op_arg_page(const struct op *op)
{
    return (struct op_page){op_arg_int(op, "offset", 0), (int)op_arg_int(op, "limit", 100)};
}
