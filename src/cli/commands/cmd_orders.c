/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/num.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/list.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* Orders about one user: disable, revoke, pardon, adopt; and who is stuck. */

enum { MINUTES_MAX = 525600 };

/* Puts --for into body: minutes, or hand. */
static int add_term(struct cli *cli, json_t *body, bool may_hand)
{
    const char *term = cli->opt[OPT_FOR];
    int64_t minutes;

    if (!term)
        return CLI_OK;
    if (may_hand && strcmp(term, "hand") == 0)
        return json_object_set_new(body, "hand", json_true()) ? CLI_FAILED : CLI_OK;
    if (num_int(slice_of(term), 1, MINUTES_MAX, &minutes))
        return cli_fail(CLI_USAGE, "--for %s: allowed are 1 to %d minutes%s", term, MINUTES_MAX,
                        may_hand ? ", or hand" : "");
    return json_object_set_new(body, "minutes", json_integer(minutes)) ? CLI_FAILED : CLI_OK;
}

static int add_reason(struct cli *cli, json_t *body)
{
    if (cli->opt[OPT_REASON] &&
        json_object_set_new(body, "reason", json_string(cli->opt[OPT_REASON])))
        return cli_fail(CLI_USAGE, "the reason is no UTF-8 text");
    return CLI_OK;
}

static int print_order(struct cli *cli, json_t *json)
{
    char name[192], when[64];

    if (cli_json(cli, json))
        return CLI_OK;
    term_put(list_user(json, name, sizeof(name)));
    fputs(": ", stdout);
    term_put(in_text(json, "detail")   ? in_text(json, "detail")
             : in_text(json, "result") ? in_text(json, "result")
                                       : "done");
    if (in_text(json, "pardoned_until"))
        printf(", not judged until %s",
               term_time(in_text(json, "pardoned_until"), when, sizeof(when)));
    if (in_text(json, "due_at"))
        printf(", until %s", term_time(in_text(json, "due_at"), when, sizeof(when)));
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}

/* Sends body (taken over) to base/USER/verb. */
static int order(struct cli *cli, const char *base, const char *verb, json_t *body)
{
    struct buf path;
    json_t *json;
    int rc;

    cli_user_path(&path, base, cli->args[0], verb);
    rc = cli_ask_sure(cli, OP_POST, buf_str(&path), body, &json);
    buf_release(&path);
    return rc ? rc : print_order(cli, json);
}

int cmd_user_disable(struct cli *cli)
{
    json_t *body = json_object();
    int rc = add_term(cli, body, true);

    if (!rc)
        rc = add_reason(cli, body);
    if (rc) {
        json_decref(body);
        return rc;
    }
    return order(cli, "/users/", "/disable", body);
}

int cmd_user_revoke(struct cli *cli)
{
    json_t *body = json_object();
    int rc = add_reason(cli, body);

    if (rc) {
        json_decref(body);
        return rc;
    }
    return order(cli, "/users/", "/revoke", body);
}

int cmd_user_pardon(struct cli *cli)
{
    json_t *body = json_object();
    int rc = add_term(cli, body, false);

    if (rc) {
        json_decref(body);
        return rc;
    }
    return order(cli, "/users/", "/pardon", body);
}

int cmd_disabled_stuck(struct cli *cli)
{
    static const struct list_column columns[] = {
        {"User", NULL, LIST_USER, TERM_PLAIN, NULL},
        {">Id", "id", LIST_TEXT, TERM_DIM, NULL},
        {"How", "how", LIST_TEXT, TERM_YELLOW, NULL},
        {"Edited", "edited_at", LIST_TIME, TERM_DIM, NULL},
        {"Note", "note", LIST_NOTE, TERM_PLAIN, NULL},
    };
    static const struct list list = {columns, ARRAY_LEN(columns),
                                     "Nobody is disabled whom we would not enable.", false};

    return list_show(cli, "/users/disabled/stuck", &list);
}

/* "1,2" as a list of ids. */
static json_t *ids_of(const char *text)
{
    struct slice rest = slice_of(text);
    json_t *list = json_array();
    int64_t id;

    while (rest.p) {
        if (num_int(slice_trim(slice_cut(&rest, ',')), 1, INT64_MAX, &id)) {
            json_decref(list);
            return NULL;
        }
        json_array_append_new(list, json_integer(id));
    }
    return list;
}

int cmd_disabled_adopt(struct cli *cli)
{
    const char *groups = cli->opt[OPT_GROUPS];
    json_t *body = json_object(), *ids;
    int rc = add_term(cli, body, true);

    if (!rc)
        rc = add_reason(cli, body);
    if (!rc && groups) {
        ids = ids_of(groups);
        if (!ids)
            rc = cli_fail(CLI_USAGE, "--groups %s: group ids such as 1,2", groups);
        else
            json_object_set_new(body, "groups", ids);
    }
    if (rc) {
        json_decref(body);
        return rc;
    }
    return order(cli, "/users/disabled/", "/adopt", body);
}

/* ---- steps ---- */

int cmd_steps_show(struct cli *cli)
{
    json_t *json, *row;
    size_t i;
    int rc = cli_read(cli, "/steps", &json);

    if (rc || !json)
        return rc;
    printf("Punishment by steps is %s: %s.\n", in_bool(json, "enabled") ? "on" : "off",
           in_bool(json, "enabled") ? "the first violation brings the first step"
                                    : "each time for time_to_active_users");
    json_array_foreach(json_object_get(json, "data"), i, row)
    {
        printf("  %zu  ", i + 1);
        term_put(json_string_value(row) ? json_string_value(row) : "");
        putchar('\n');
    }
    printf("Violations of the last %lld hours count; the last step repeats.\n",
           (long long)in_int(json, "window_hours"));
    json_decref(json);
    return CLI_OK;
}

int cmd_steps_set(struct cli *cli)
{
    const char *what = cli->args[0];
    bool on = strcmp(what, "on") == 0, off = strcmp(what, "off") == 0;
    json_t *body = json_object(), *json;
    int rc;

    if (on || off)
        json_object_set_new(body, "enabled", json_boolean(on));
    else if (json_object_set_new(body, "steps", json_string(what))) {
        json_decref(body);
        return cli_fail(CLI_USAGE, "the steps are no UTF-8 text");
    }
    rc = cli_ask_sure(cli, OP_PUT, "/steps", body, &json);
    if (rc || cli_json(cli, json))
        return rc;
    cli_print_changes(cli, json);
    json_decref(json);
    return CLI_OK;
}
