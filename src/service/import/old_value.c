/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/import/old_doc.h"

#include <math.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

enum { NESTED_MAX = 4 };

static bool looks_nested(struct slice s)
{
    return s.n > 1 && (s.p[0] == '"' || s.p[0] == '[' || s.p[0] == '{');
}

json_t *old_value(struct slice text)
{
    json_t *v = NULL, *inner;
    struct slice s = slice_trim(text);
    json_error_t je = {0};
    int i;

    if (s.n)
        v = json_loadb(s.p, s.n, JSON_DECODE_ANY, &je);
    if (!v && je.text[0] && json_error_code(&je) == json_error_out_of_memory)
        return NULL;
    if (!v)
        return json_stringn(text.p ? text.p : "", text.n);
    for (i = 0; i < NESTED_MAX && json_is_string(v); i++) {
        s = slice_trim((struct slice){json_string_value(v), json_string_length(v)});
        inner = looks_nested(s) ? json_loadb(s.p, s.n, JSON_DECODE_ANY, NULL) : NULL;
        if (!inner)
            break;
        json_decref(v);
        v = inner;
    }
    return v;
}

bool old_number(const json_t *value, double *ret)
{
    double v;

    if (json_is_number(value))
        v = json_number_value(value);
    else if (!json_is_string(value) ||
             num_real(slice_trim(slice_of(json_string_value(value))), -1e18, 1e18, &v))
        return false;
    if (!isfinite(v))
        return false;
    *ret = v;
    return true;
}

bool old_whole(const json_t *value, double min, double max, json_int_t *ret)
{
    double v;

    if (!old_number(value, &v) || v < min || v > max || v != floor(v))
        return false;
    *ret = (json_int_t)v;
    return true;
}

static json_t *groups_of_text(const char *text)
{
    struct slice rest = slice_of(text), one;
    json_t *list = json_array();
    int64_t id;

    while (list && rest.p && rest.n) {
        one = slice_trim(slice_cut(&rest, ','));
        if (one.n == 0)
            continue;
        if (num_int(one, 1, INT64_MAX, &id) || json_array_append_new(list, json_integer(id))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

json_t *old_groups(const json_t *value)
{
    json_t *nested, *list, *one;
    json_int_t id;
    size_t i;

    if (json_is_string(value)) {
        nested = old_value(slice_of(json_string_value(value)));
        list =
            json_is_array(nested) ? old_groups(nested) : groups_of_text(json_string_value(value));
        json_decref(nested);
        return list;
    }
    if (!json_is_array(value) || json_array_size(value) > LIMIT_GROUPS)
        return NULL;
    list = json_array();
    json_array_foreach((json_t *)value, i, one)
    {
        if (!list || !old_whole(one, 1, 9e15, &id) ||
            json_array_append_new(list, json_integer(id))) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}
