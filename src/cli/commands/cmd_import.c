/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "cli/frame/cli_int.h"
#include "cli/machine/docker.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "service/import/import_read.h"
#include "base/banned.h"

/*
 * import: the files are read here, with the rights of whoever calls, before the command becomes the owner of
 * DATA_DIR; what they hold goes to the operation, which asks the panel and writes.
 */

static int read_path(const char *path, json_t **ret_doc)
{
    struct old_doc d;
    struct err err = {0};
    int rc = old_doc_init(&d);

    if (rc)
        return cli_fail(CLI_FAILED, "%s", err_name(rc));
    rc = import_read(path, &d, &err);
    if (!rc)
        rc = old_doc_finish(&d, ret_doc, &err);
    old_doc_release(&d);
    return rc ? cli_fail(CLI_FAILED, "%s; nothing was imported", err.text) : CLI_OK;
}

static int read_container(const char *name, json_t **ret_doc)
{
    char folder[PATH_MAX];
    struct err err = {0};
    int rc = docker_copy(name, folder, &err);

    if (rc)
        return cli_fail(CLI_FAILED, "%s", err.text);
    rc = read_path(folder, ret_doc);
    docker_drop(folder);
    return rc;
}

/* Without a path: the database that DATABASE_URL names in the old program's form. */
static int read_url(struct cli *cli, json_t **ret_doc)
{
    static const char form[] = "sqlite+aiosqlite:///";
    struct err err;
    const char *url;
    int rc = link_open(cli->opt[OPT_ENV], false, &cli->link, &err);

    if (rc)
        return cli_fail(CLI_FAILED, "%s", err.text);
    url = settings_text(link_settings(cli->link), SET_DATABASE_URL);
    if (!slice_starts(slice_of(url), slice_of(form)))
        return cli_fail(CLI_USAGE, "name the file or folder to import, or a container with "
                                   "--docker (DATABASE_URL does not name the old database)");
    return read_path(url + sizeof(form) - 1, ret_doc);
}

/* ---- the report ---- */

static enum term_colour colour_of(const char *result)
{
    if (strcmp(result, "taken") == 0)
        return TERM_GREEN;
    return strcmp(result, "left") == 0 || strcmp(result, "changed") == 0 ? TERM_YELLOW : TERM_DIM;
}

static void print_settings(json_t *json)
{
    static const char *const heads[] = {"SETTING", "WRITTEN", "IN EFFECT", "HERE NOW", "", ""};
    struct term_table t;
    json_t *row;
    size_t i;

    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "settings"), i, row)
    {
        const char *old = in_text(row, "old"), *new = in_text(row, "new"),
                   *result = in_text(row, "result");

        term_cell(&t, TERM_BOLD, in_text(row, "key"));
        term_cell(&t, TERM_PLAIN, old ? old[0] ? old : "\"\"" : "-");
        term_cell(&t, TERM_PLAIN, in_text(row, "in_effect"));
        term_cell(&t, TERM_PLAIN, new ? new[0] ? new : "\"\"" : "-");
        term_cell(&t, colour_of(result), result);
        term_cell(&t, TERM_DIM, in_text(row, "detail") ? in_text(row, "detail") : "");
    }
    term_table_print(&t);
}

static void print_rows(json_t *json)
{
    static const char *const heads[] = {"", "NAME", "THERE", "HERE", "", ""};
    struct term_table t;
    json_t *row;
    size_t i, n = 0;

    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        const char *result = in_text(row, "result");

        if (strcmp(result, "same") == 0)
            continue;
        n++;
        term_cell(&t, TERM_PLAIN, in_text(row, "kind"));
        term_cell(&t, TERM_BOLD, in_text(row, "name"));
        term_cell(&t, TERM_PLAIN, in_text(row, "old") ? in_text(row, "old") : "-");
        term_cell(&t, TERM_PLAIN, in_text(row, "new") ? in_text(row, "new") : "-");
        term_cell(&t, colour_of(result), result);
        term_cell(&t, TERM_DIM, in_text(row, "detail") ? in_text(row, "detail") : "");
    }
    if (n) {
        putchar('\n');
        term_table_print(&t);
    }
}

static void print_left(json_t *json)
{
    json_t *row, *left = json_object_get(json, "left");
    size_t i;

    if (json_array_size(left))
        puts("\nNot taken over:");
    json_array_foreach(left, i, row)
    {
        fputs("  ", stdout);
        term_put(in_text(row, "what") ? in_text(row, "what") : "");
        fputs(": ", stdout);
        term_put(in_text(row, "why") ? in_text(row, "why") : "");
        putchar('\n');
    }
}

static void print_report(json_t *json)
{
    json_t *one;
    size_t i;

    json_array_foreach(json_object_get(json, "sources"), i, one)
    {
        fputs(i ? ", " : "Read: ", stdout);
        term_put(json_string_value(one) ? json_string_value(one) : "");
    }
    puts("\n");
    print_settings(json);
    print_rows(json);
    print_left(json);
    printf("\n%lld taken, %lld of them changed, %lld here already, %lld left.\n",
           (long long)(in_int(json, "taken") + in_int(json, "changed")),
           (long long)in_int(json, "changed"), (long long)in_int(json, "same"),
           (long long)in_int(json, "left_count"));
    if (in_text(json, "detail"))
        printf("%s.\n", in_text(json, "detail"));
}

/* ---- the command ---- */

static int ask(struct cli *cli, bool dry, json_t *doc, json_t **ret_json)
{
    char path[64];

    snprintf(path, sizeof(path), "/import?dry_run=%s%s", dry ? "true" : "false",
             cli->opt[OPT_OVERWRITE] ? "&overwrite=true" : "");
    return cli_ask_sure(cli, OP_POST, path, json_incref(doc), ret_json);
}

static int show(struct cli *cli, json_t *json)
{
    if (!cli_json(cli, json)) {
        print_report(json);
        json_decref(json);
    }
    return CLI_OK;
}

/* What would be done is shown before it is asked for. */
static int carry_out(struct cli *cli, json_t *doc)
{
    json_t *json = NULL;
    int rc;

    if (cli->opt[OPT_DRY_RUN] || !cli->opt[OPT_YES]) {
        rc = ask(cli, true, doc, &json);
        if (rc)
            return rc;
        if (cli->opt[OPT_DRY_RUN])
            return show(cli, json);
        if (cli->json)
            json_decref(json);
        else
            show(cli, json);
        if (!cli_sure(cli, &rc, "Import this?"))
            return rc;
        json = NULL;
    }
    rc = cli_lock(cli, "import");
    if (!rc)
        rc = ask(cli, false, doc, &json);
    if (rc)
        return rc;
    if (!cli->opt[OPT_YES] && !cli->json) {
        printf("%s.\n", in_text(json, "detail"));
        json_decref(json);
        return CLI_OK;
    }
    return show(cli, json);
}

int cmd_import(struct cli *cli)
{
    json_t *doc = NULL;
    int rc;

    if (cli->opt[OPT_DOCKER] && cli->n_args)
        return cli_fail(CLI_USAGE, "either a path or --docker NAME");
    if (cli->opt[OPT_DOCKER])
        rc = read_container(cli->opt[OPT_DOCKER], &doc);
    else if (cli->n_args)
        rc = read_path(cli->args[0], &doc);
    else
        rc = read_url(cli, &doc);
    if (!rc)
        rc = carry_out(cli, doc);
    json_decref(doc);
    return rc;
}
