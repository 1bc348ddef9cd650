/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/settings_store.h"

#include "store/db_settings.h"
#include "base/banned.h"

struct loading {
    struct settings *s;
    struct buf *warnings;
};

static void warn(struct loading *l, const char *text)
{
    if (!l->warnings)
        return;
    buf_add_str(l->warnings, "database: ");
    buf_add_escaped(l->warnings, slice_of(text));
    buf_add_char(l->warnings, '\n');
}

static int take(void *arg, const struct db_setting *row)
{
    struct loading *l = arg;
    enum setting id;
    struct err err;
    int rc = setting_find(row->key, &id, &err);

    if (!rc)
        rc = settings_set(l->s, id, ORIGIN_DB, row->value, &err);
    if (rc == ERR_NOMEM)
        return rc;
    if (rc)
        warn(l, err.text);
    return ERR_OK;
}

int settings_load(struct settings *s, struct db *db, struct buf *warnings, struct err *err)
{
    struct loading l = {s, warnings};
    struct err why;
    int rc;

    settings_unset_all(s, ORIGIN_DB);
    rc = db_settings_each(db, take, &l, err);
    if (rc)
        return rc;
    if (settings_cross_check(s, &why))
        warn(&l, why.text);
    return ERR_OK;
}
