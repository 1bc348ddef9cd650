/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/replay/replay_rules.h"

#include <jansson.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/slice.h"
#include "cli/replay/linein.h"
#include "base/banned.h"

static int bad_pattern(const char *arg, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "--pattern needs prefix:TEXT=N or suffix:TEXT=N with N 0-10000, or "
                   "…=admin:NAME, not \"%s\"",
                   arg);
}

int replay_pattern(struct limits *l, const char *arg, struct err *err)
{
    struct slice value = slice_of(arg), text = slice_cut(&value, '='), kind = {NULL, 0};
    int64_t limit;
    bool suffix;
    int rc;

    kind = slice_cut(&text, ':');
    suffix = slice_eq(kind, SLICE("suffix"));
    if (!value.p || !text.p || (!suffix && !slice_eq(kind, SLICE("prefix"))))
        return bad_pattern(arg, err);
    if (slice_starts(value, SLICE("admin:")))
        rc = limits_owner_pattern(l, suffix, text, slice_skip(value, 6));
    else if (num_int(value, 0, 10000, &limit))
        rc = ERR_INVALID;
    else
        rc = limits_pattern(l, suffix, text, (int)limit);
    if (rc == ERR_INVALID)
        return bad_pattern(arg, err);
    return rc ? err_set(err, rc, "--pattern %s: %s", arg, err_name(rc)) : ERR_OK;
}

static int text_of(const json_t *v, struct slice *ret)
{
    if (!json_is_string(v))
        return ERR_INVALID;
    *ret = (struct slice){json_string_value(v), json_string_length(v)};
    return ERR_OK;
}

static int read_groups(const json_t *v, int64_t *groups, struct limit_person *p)
{
    size_t i;

    if (!v)
        return ERR_OK;
    if (!json_is_array(v) || json_array_size(v) > LIMIT_GROUPS)
        return ERR_INVALID;
    for (i = 0; i < json_array_size(v); i++) {
        if (!json_is_integer(json_array_get(v, i)))
            return ERR_INVALID;
        groups[i] = json_integer_value(json_array_get(v, i));
    }
    p->groups_known = true;
    p->groups = groups;
    p->n_groups = i;
    return ERR_OK;
}

static int read_admin(const json_t *v, struct limit_person *p)
{
    const json_t *id = json_object_get(v, "id");

    if (!v)
        return ERR_OK;
    p->owner_known = true;
    if (json_is_null(v))
        return ERR_OK;
    if (id && !json_is_integer(id))
        return ERR_INVALID;
    p->owner_id = json_integer_value(id);
    return text_of(json_object_get(v, "username"), &p->owner);
}

static int read_hwid(const json_t *v, struct limit_person *p)
{
    p->hwid_known = v != NULL;
    if (!v || json_is_null(v))
        return ERR_OK;
    p->hwid_limit = json_integer_value(v);
    return json_is_integer(v) ? ERR_OK : ERR_INVALID;
}

static int take_person(struct limits *l, const json_t *v)
{
    int64_t groups[LIMIT_GROUPS];
    struct limit_person p = {.id = json_integer_value(json_object_get(v, "id"))};
    int rc = text_of(json_object_get(v, "name"), &p.name);

    if (!rc)
        rc = read_groups(json_object_get(v, "groups"), groups, &p);
    if (!rc)
        rc = read_admin(json_object_get(v, "admin"), &p);
    if (!rc)
        rc = read_hwid(json_object_get(v, "hwid_limit"), &p);
    if (!rc)
        rc = limits_learn_person(l, &p);
    return rc < 0 ? rc : ERR_OK;
}

int replay_people(struct limits *l, const char *path, struct err *err)
{
    struct linein in;
    struct slice line;
    long number = 0;
    int rc = linein_open(&in, path, err), more;

    if (rc)
        return ERR_INVALID;
    while (!rc && (more = linein_next(&in, &line)) == 1) {
        json_t *v;

        number++;
        if (slice_trim(line).n == 0)
            continue;
        v = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL);
        rc = v ? take_person(l, v) : ERR_INVALID;
        json_decref(v);
    }
    linein_close(&in);
    if (!rc && more < 0)
        return err_set(err, ERR_INVALID, "--people %s cannot be read", path);
    if (rc)
        return err_set(err, ERR_INVALID,
                       "--people %s, line %ld: wanted {\"id\":12,\"name\":\"ann\",\"groups\":[3],"
                       "\"admin\":{\"id\":1,\"username\":\"root\"},\"hwid_limit\":2}",
                       path, number);
    return ERR_OK;
}

/* Splits "id:12" and names. */
static int user_of(struct slice text, int64_t *ret_id, struct slice *ret_name, struct err *err)
{
    *ret_id = 0;
    *ret_name = text;
    if (text.n == 0)
        return err_set(err, ERR_INVALID, "a user is a name, or id:12");
    if (!slice_starts(text, SLICE("id:")))
        return ERR_OK;
    if (num_int(slice_skip(text, 3), 1, INT64_MAX, ret_id))
        return err_set(err, ERR_INVALID, "\"%.*s\" is no id: write id:12", (int)text.n, text.p);
    return ERR_OK;
}

int replay_rule(struct limits *l, const char *arg, bool special, struct err *err)
{
    struct slice value = slice_of(arg), who = value, name;
    int64_t id, limit = 0;
    int rc;

    if (special) {
        who = slice_cut(&value, '=');
        if (!value.p || num_int(value, 0, 10000, &limit))
            return err_set(err, ERR_INVALID, "--special needs USER=N with N 0-10000, not \"%s\"",
                           arg);
    }
    rc = user_of(who, &id, &name, err);
    if (rc)
        return rc;
    rc = special ? limits_special(l, id, name, (int)limit) : limits_except(l, id, name);
    return rc ? err_set(err, rc, "out of memory") : ERR_OK;
}
