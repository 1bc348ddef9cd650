/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * A file of the old programs, whatever stands in it: what is gathered from it is a body that can be made, its
 * names are user names, its settings texts; the same bytes as a value of the table config and as .env.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "service/import/import_settings.h"
#include "service/import/old_doc.h"
#include "store/old_db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int on_setting(void *arg, const struct import_setting *row)
{
    (void)arg;
    if (!row->key || !row->effect || (row->value && row->id >= SET_COUNT))
        abort();
    return 0;
}

static void check_names(json_t *object)
{
    const char *name;
    json_t *value;

    json_object_foreach(object, name, value)
    {
        if (!name[0] || strlen(name) > LIMIT_USER_NAME)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice text = {(const char *)data, size};
    struct old_cell cells[2] = {{.column = "key", .type = OLD_TEXT, .text = text},
                                {.column = "value", .type = OLD_TEXT, .text = text}};
    struct old_doc d;
    struct err err;
    json_t *all = NULL, *value;

    if (old_doc_init(&d))
        return 0;
    if (old_json(&d, "f.json", text, &err) == 0 && json_array_size(d.sources) != 1)
        abort();
    cells[0].text = (struct slice){"punishment_steps", 16};
    if (old_row(&d, "config", cells, 2))
        abort();
    cells[0].column = "username";
    cells[0].text = text;
    cells[1].column = "special_limit";
    if (old_row(&d, "users", cells, 2))
        abort();
    old_env(&d, ".env", text);
    value = old_value(text);
    json_decref(old_groups(value));
    json_decref(value);
    check_names(d.limits);
    check_names(d.exceptions);
    check_names(d.disabled);
    check_names(d.groups);
    check_names(d.violations);
    if (old_doc_finish(&d, &all, &err) == 0 &&
        import_settings_each(json_object_get(all, "settings"), on_setting, NULL))
        abort();
    json_decref(all);
    old_doc_release(&d);
    return 0;
}
