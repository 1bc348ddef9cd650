/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/stamp.h"
#include "store/db_admins.h"
#include "base/banned.h"

static int grow(void **list, size_t n, size_t size, struct err *err)
{
    void *p;

    /* At the powers of two. */
    if (n & (n - 1))
        return ERR_OK;
    p = realloc(*list, (n ? n * 2 : 1) * size);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    *list = p;
    return ERR_OK;
}

struct loading {
    struct roster *r;
    struct err *err;
};

static int add_row(void *arg, const struct db_admin *row)
{
    struct loading *l = arg;
    struct roster_row *r;
    enum op_role role;
    int rc;

    /* The table allows these three only; were it otherwise, least is safest. */
    if (op_role_parse(row->role, &role))
        role = OP_ROLE_VIEWER;
    rc = grow((void **)&l->r->rows, l->r->n, sizeof(*r), l->err);
    if (rc)
        return rc;
    r = &l->r->rows[l->r->n++];
    *r = (struct roster_row){row->id, row->panel_admin_id, role, "", row->added_us, ""};
    snprintf(r->name, sizeof(r->name), "%.*s", (int)row->name.n, row->name.n ? row->name.p : "");
    snprintf(r->added_by, sizeof(r->added_by), "%.*s", (int)row->added_by.n,
             row->added_by.n ? row->added_by.p : "");
    return ERR_OK;
}

static int add_lang(void *arg, int64_t id, struct slice language)
{
    struct loading *l = arg;
    char word[8];
    int rc = grow((void **)&l->r->langs, l->r->n_langs, sizeof(struct roster_lang), l->err);

    if (rc)
        return rc;
    snprintf(word, sizeof(word), "%.*s", (int)language.n, language.n ? language.p : "");
    l->r->langs[l->r->n_langs++] = (struct roster_lang){id, text_lang_of(word)};
    return ERR_OK;
}

static int add_name(void *arg, int64_t id, struct slice name)
{
    struct loading *l = arg;
    struct roster_name *row;
    int rc = grow((void **)&l->r->names, l->r->n_names, sizeof(*row), l->err);

    if (rc)
        return rc;
    row = &l->r->names[l->r->n_names++];
    row->id = id;
    snprintf(row->name, sizeof(row->name), "%.*s", (int)name.n, name.n ? name.p : "");
    return ERR_OK;
}

int roster_load(struct db *db, struct roster *ret_roster, struct err *err)
{
    struct roster fresh = {0};
    struct loading l = {&fresh, err};
    int rc = db_admins_each(db, add_row, &l, err);

    if (!rc)
        rc = db_languages_each(db, add_lang, &l, err);
    if (!rc)
        rc = db_names_each(db, add_name, &l, err);
    if (rc) {
        roster_release(&fresh);
        return rc;
    }
    roster_release(ret_roster);
    *ret_roster = fresh;
    return ERR_OK;
}

void roster_release(struct roster *r)
{
    free(r->rows);
    free(r->langs);
    free(r->names);
    *r = (struct roster){0};
}

/* More than the table of settings lets ADMIN_IDS have. */
enum { FIXED_MAX = 256 };

/* ADMIN_IDS, each once. */
static size_t fixed_ids(const struct settings *s, int64_t *ids)
{
    struct slice rest = slice_of(settings_text(s, SET_ADMIN_IDS));
    size_t n = 0, i;

    while (rest.p && rest.n && n < FIXED_MAX) {
        if (num_int(slice_trim(slice_cut(&rest, ',')), 1, INT64_MAX, &ids[n]))
            continue;
        for (i = 0; i < n && ids[i] != ids[n]; i++)
            ;
        n += i == n;
    }
    return n;
}

static bool is_fixed(const int64_t *ids, size_t n, int64_t id)
{
    while (n && ids[n - 1] != id)
        n--;
    return n > 0;
}

/* What holds for those of ADMIN_IDS as well. */
static void add_own(const struct roster *r, const struct settings *s, struct roster_admin *a)
{
    size_t i;

    a->own_name = a->name[0] != '\0';
    for (i = 0; r && !a->own_name && i < r->n_names; i++)
        if (r->names[i].id == a->id)
            a->name = r->names[i].name;
    a->lang = text_lang_of(settings_text(s, SET_BOT_LANGUAGE));
    for (i = 0; r && i < r->n_langs; i++) {
        if (r->langs[i].id == a->id) {
            a->lang = r->langs[i].lang;
            a->own_lang = true;
        }
    }
}

static void of_fixed(const struct roster *r, const struct settings *s, int64_t id,
                     struct roster_admin *ret)
{
    *ret = (struct roster_admin){.id = id,
                                 .role = OP_ROLE_OWNER,
                                 .fixed = true,
                                 .name = "",
                                 .added_us = STAMP_NONE,
                                 .added_by = "ADMIN_IDS"};
    add_own(r, s, ret);
}

static void of_row(const struct roster *r, const struct settings *s, const struct roster_row *row,
                   struct roster_admin *ret)
{
    *ret = (struct roster_admin){.id = row->id,
                                 .role = row->role,
                                 .panel_admin_id = row->panel_admin_id,
                                 .name = row->name,
                                 .added_us = row->added_us,
                                 .added_by = row->added_by};
    add_own(r, s, ret);
}

bool roster_find(const struct roster *r, const struct settings *s, int64_t id,
                 struct roster_admin *ret)
{
    int64_t fixed[FIXED_MAX];
    size_t n = fixed_ids(s, fixed), i;

    if (is_fixed(fixed, n, id)) {
        of_fixed(r, s, id, ret);
        return true;
    }
    for (i = 0; r && i < r->n; i++) {
        if (r->rows[i].id == id) {
            of_row(r, s, &r->rows[i], ret);
            return true;
        }
    }
    return false;
}

bool roster_at(const struct roster *r, const struct settings *s, size_t i, struct roster_admin *ret)
{
    int64_t fixed[FIXED_MAX];
    size_t n = fixed_ids(s, fixed), k;

    if (i < n) {
        of_fixed(r, s, fixed[i], ret);
        return true;
    }
    i -= n;
    for (k = 0; r && k < r->n; k++) {
        if (is_fixed(fixed, n, r->rows[k].id))
            continue;
        if (i-- == 0) {
            of_row(r, s, &r->rows[k], ret);
            return true;
        }
    }
    return false;
}

size_t roster_owners(const struct roster *r, const struct settings *s)
{
    struct roster_admin a;
    size_t i, n = 0;

    for (i = 0; roster_at(r, s, i, &a); i++)
        n += a.role == OP_ROLE_OWNER;
    return n;
}
