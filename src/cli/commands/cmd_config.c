/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "base/limits.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "service/settings/settings.h"
#include "base/banned.h"

/* config … */

static const char *value_words(json_t *row, char *out, size_t max)
{
    const char *value = in_text(row, "value"), *unit = in_text(row, "unit");

    if (!value || !value[0])
        snprintf(out, max, "(empty)");
    else if (unit && strcmp(value, "1") == 0 && unit[1] && unit[strlen(unit) - 1] == 's' &&
             !strchr(unit, '/'))
        snprintf(out, max, "1 %.*s", (int)strlen(unit) - 1, unit);
    else if (unit)
        snprintf(out, max, "%s %s", value, unit);
    else
        snprintf(out, max, "%s", value);
    return out;
}

/* One setting with all there is to say. */
static void print_one(json_t *row)
{
    static const struct {
        const char *member, *words;
    } origins[] = {
        {"default", "default"},         {"file", ".env"},         {"secrets_file", "secrets.env"},
        {"environment", "environment"}, {"database", "database"},
    };
    char text[LIMIT_SETTING_VALUE + 64];
    size_t i;

    printf("%s%s%s = ", term_colour(TERM_BOLD), in_text(row, "key"), term_colour(TERM_PLAIN));
    term_put(value_words(row, text, sizeof(text)));
    printf("  (%s)\n  %s\n  allowed: %s\n  %s\n", in_text(row, "origin"), in_text(row, "help"),
           in_text(row, "allowed"),
           strcmp(in_text(row, "kind"), "static") == 0 ? "stands in .env or the environment"
                                                       : "may be changed while running");
    for (i = 0; i < ARRAY_LEN(origins); i++) {
        if (!in_text(row, origins[i].member))
            continue;
        printf("  %-12s ", origins[i].words);
        term_put(in_text(row, origins[i].member)[0] ? in_text(row, origins[i].member) : "(empty)");
        putchar('\n');
    }
    if (in_text(row, "note")) {
        printf("  %s", term_colour(TERM_YELLOW));
        term_put(in_text(row, "note"));
        printf("%s\n", term_colour(TERM_PLAIN));
    }
}

static int show_one(json_t *json, const char *name)
{
    enum setting id;
    struct err err;
    int rc = setting_find(slice_of(name), &id, &err);

    if (rc)
        return cli_fail(CLI_FAILED, "%s", err.text);
    print_one(json_array_get(json_object_get(json, "data"), (size_t)id));
    return CLI_OK;
}

static int show_one_json(json_t *json, const char *name)
{
    json_t *row;
    enum setting id;
    struct err err;
    int rc = setting_find(slice_of(name), &id, &err);

    if (rc)
        return cli_fail(CLI_FAILED, "%s", err.text);
    row = json_array_get(json_object_get(json, "data"), (size_t)id);
    json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    return CLI_OK;
}

static void show_all(json_t *json)
{
    static const char *const heads[] = {"Setting", "Value", "From", ""};
    const char *section = "", *file = in_text(json, "env_file");
    char text[LIMIT_SETTING_VALUE + 64];
    struct term_table t;
    json_t *row;
    size_t i;

    if (file && file[0])
        printf(".env is %s\n", file);
    else
        puts("No .env was found.");
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        bool is_default = strcmp(in_text(row, "origin"), "default") == 0;

        if (strcmp(section, in_text(row, "section")) != 0) {
            section = in_text(row, "section");
            term_cell(&t, TERM_YELLOW, section);
            term_cell(&t, TERM_PLAIN, " ");
            term_cell(&t, TERM_PLAIN, " ");
            term_cell(&t, TERM_PLAIN, " ");
        }
        term_cellf(&t, TERM_PLAIN, "  %s", in_text(row, "key"));
        term_cell(&t, is_default ? TERM_PLAIN : TERM_BOLD, value_words(row, text, sizeof(text)));
        term_cell(&t, is_default ? TERM_DIM : TERM_GREEN, in_text(row, "origin"));
        term_cell(&t, TERM_YELLOW, in_text(row, "note") ? in_text(row, "note") : " ");
    }
    term_table_print(&t);
}

int cmd_config_show(struct cli *cli)
{
    json_t *json;
    int rc = cli_ask(cli, OP_GET, "/config", NULL, &json, NULL);

    if (rc)
        return rc;
    if (cli->n_args) {
        rc = cli->json ? show_one_json(json, cli->args[0]) : show_one(json, cli->args[0]);
    } else if (cli_json(cli, json)) {
        return CLI_OK;
    } else {
        show_all(json);
    }
    json_decref(json);
    return rc;
}

/* ---- change ---- */

static void print_change(json_t *row)
{
    char text[LIMIT_SETTING_VALUE + 64];

    printf("%s = ", in_text(row, "key"));
    term_put(value_words(row, text, sizeof(text)));
    printf("  (%s, was ", in_text(row, "origin"));
    term_put(in_text(row, "before") && in_text(row, "before")[0] ? in_text(row, "before")
                                                                 : "empty");
    puts(")");
    if (in_text(row, "note")) {
        printf("  %s", term_colour(TERM_YELLOW));
        term_put(in_text(row, "note"));
        printf("%s\n", term_colour(TERM_PLAIN));
    }
}

/* Entries that were to go and are not there: a slip of the pen when nothing else was changed. */
static int print_absent(json_t *row)
{
    const char *value = in_text(row, "value"), *before = in_text(row, "before");
    json_t *item, *absent = json_object_get(row, "absent");
    size_t i;

    json_array_foreach(absent, i, item)
        cli_fail(CLI_FAILED, "%s is not in %s", json_string_value(item), in_text(row, "key"));
    return json_array_size(absent) && strcmp(value ? value : "", before ? before : "") == 0
               ? CLI_FAILED
               : CLI_OK;
}

int cli_print_changes(struct cli *cli, json_t *answer)
{
    json_t *row;
    int rc = CLI_OK;
    size_t i;

    json_array_foreach(json_object_get(answer, "data"), i, row)
    {
        print_change(row);
        rc = print_absent(row) ? CLI_FAILED : rc;
    }
    if (!rc && !cli_has_daemon(cli))
        puts("It comes into force when the daemon starts.");
    return rc;
}

json_t *cli_entries(struct cli *cli, int first)
{
    json_t *list = json_array();
    int i;

    for (i = first; i < cli->n_args; i++) {
        struct slice rest = slice_of(cli->args[i]), part;

        while (rest.p) {
            part = slice_trim(slice_cut(&rest, ','));
            if (part.n && json_array_append_new(list, json_stringn(part.p, part.n))) {
                json_decref(list);
                return NULL;
            }
        }
    }
    return list;
}

/* Sends one setting, asking first where it would do harm. value is taken over; NULL: it is no UTF-8. */
static int send_change(struct cli *cli, enum setting id, json_t *value)
{
    json_t *body = json_object(), *json;
    int rc;

    if (!body || !value || json_object_set_new(body, setting_def(id)->key, value)) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the value is no UTF-8 text");
    }
    rc = cli_ask_sure(cli, OP_PATCH, "/config", body, &json);
    if (rc)
        return rc;
    if (cli_json(cli, json))
        return CLI_OK;
    rc = cli_print_changes(cli, json);
    if (!rc)
        rc = cli_offer_freed(cli, json);
    json_decref(json);
    return rc;
}

/* Sets (value NULL: resets) one setting. */
static int change(struct cli *cli, const char *name, const char *value)
{
    enum setting id;
    struct err err;

    if (setting_find(slice_of(name), &id, &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    return send_change(cli, id, value ? json_string(value) : json_null());
}

/* Adds or removes the words after the setting, also with commas between them. */
static int change_entries(struct cli *cli, const char *member)
{
    json_t *list, *how;
    enum setting id;
    struct err err;

    if (setting_find(slice_of(cli->args[0]), &id, &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    if (!setting_is_list(id))
        return cli_fail(CLI_USAGE, "%s is no list: `pg-limiter config set %s VALUE`",
                        setting_def(id)->key, setting_def(id)->key);
    list = cli_entries(cli, 1);
    how = list ? json_pack("{so}", member, list) : NULL;
    return send_change(cli, id, how);
}

int cmd_config_add(struct cli *cli)
{
    return change_entries(cli, "add");
}

int cmd_config_remove(struct cli *cli)
{
    return change_entries(cli, "remove");
}

int cmd_config_set(struct cli *cli)
{
    return change(cli, cli->args[0], cli->args[1]);
}

int cmd_config_reset(struct cli *cli)
{
    return change(cli, cli->args[0], NULL);
}

int cmd_config_limit(struct cli *cli)
{
    return change(cli, "general_limit", cli->args[0]);
}

int cmd_config_interval(struct cli *cli)
{
    return change(cli, "check_interval", cli->args[0]);
}

int cmd_config_reenable(struct cli *cli)
{
    return change(cli, "time_to_active_users", cli->args[0]);
}

int cmd_config_country(struct cli *cli)
{
    return change(cli, "country_code", cli->args[0]);
}

int cmd_mode(struct cli *cli)
{
    json_t *json;
    int rc;

    if (cli->n_args)
        return change(cli, "enforcement", cli->args[0]);
    rc = cli_ask(cli, OP_GET, "/config", NULL, &json, NULL);
    if (rc)
        return rc;
    rc = cli->json ? show_one_json(json, "enforcement") : show_one(json, "enforcement");
    json_decref(json);
    return rc;
}

static int print_settings(void (*add)(struct buf *b))
{
    struct buf b;

    buf_init(&b, LIMIT_ENV_FILE);
    add(&b);
    fputs(buf_str(&b), stdout);
    buf_release(&b);
    return CLI_OK;
}

int cmd_config_example(struct cli *cli)
{
    (void)cli;
    return print_settings(settings_add_example);
}

int cmd_config_reference(struct cli *cli)
{
    (void)cli;
    return print_settings(settings_add_page);
}
