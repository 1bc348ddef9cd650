/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/settings.h"

#include "base/limits.h"
#include "base/banned.h"

/* Text of a table's cell: a bar would begin the next one, "<44" a tag. */
static void add_cell(struct buf *b, struct slice text)
{
    size_t i;

    for (i = 0; i < text.n; i++) {
        if (text.p[i] == '|')
            buf_add_str(b, "\\|");
        else if (text.p[i] == '<')
            buf_add_str(b, "&lt;");
        else
            buf_add_char(b, text.p[i]);
    }
}

static const char *when_in_force(enum setting id)
{
    if (setting_needs_restart(id))
        return "restart";
    return setting_def(id)->flags & SETTING_STATIC ? "reload" : "at once";
}

static void add_row(struct buf *b, enum setting id)
{
    const struct setting_def *def = setting_def(id);
    struct buf range;

    buf_init(&range, LIMIT_ENV_FILE);
    setting_add_range(&range, id);
    buf_addf(b, "| `%s` | ", def->key);
    if (def->def[0]) {
        buf_add_char(b, '`');
        add_cell(b, slice_of(def->def));
        buf_add_char(b, '`');
    }
    buf_add_str(b, " | ");
    add_cell(b, buf_slice(&range));
    buf_addf(b, " | %s | ", when_in_force(id));
    add_cell(b, slice_of(def->help));
    if (def->flags & SETTING_LATER)
        buf_add_str(b, " *Kept, but without effect in this version.*");
    else if (def->later_choices) {
        buf_add_str(b, " *Without effect in this version: ");
        add_cell(b, slice_of(def->later_choices));
        buf_add_str(b, ".*");
    }
    buf_add_str(b, " |\n");
    buf_release(&range);
}

void settings_add_page(struct buf *b)
{
    enum setting_section last = SECTION_COUNT;
    int i;

    buf_add_str(
        b, "# Every setting\n\n"
           "Made from the program's own table by `pg-limiter config reference`; a test compares "
           "them.\n\n"
           "In `.env`, and in the environment, the names are written in upper case "
           "(`GENERAL_LIMIT=2`). Where *in force* says\n\n"
           "- **at once**, it may also be changed while the daemon runs: `pg-limiter config set "
           "KEY VALUE`, in the bot under\n"
           "  Settings, or `PATCH /config`. What was set so is kept in the database and wins over "
           "`.env`; `pg-limiter config\n"
           "  reset KEY` takes it back. Of a list single entries come and go by `pg-limiter config "
           "add KEY ENTRY` and\n"
           "  `config remove KEY ENTRY`, whoever else changes it at the same moment;\n"
           "- **reload**, it stands in `.env` only, and SIGHUP (`systemctl reload "
           "pg-limiter`) puts a new value in force;\n"
           "- **restart**, it stands in `.env` only, and needs `pg-limiter restart`.\n\n"
           "`pg-limiter config show` lists the values in force and where each comes from. A secret "
           "may come from a file: write\n"
           "`PANEL_PASSWORD_FILE=/run/secrets/panel` instead.\n");
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->section != last)
            buf_addf(b,
                     "\n## %s\n\n| setting | default | allowed | in force | what it does |\n"
                     "|---|---|---|---|---|\n",
                     setting_section_name(def->section));
        last = def->section;
        add_row(b, (enum setting)i);
    }
}
