/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/limits.h"
#include "base/stamp.h"
#include "cli/here/bundle.h"
#include "cli/frame/cli_int.h"
#include "cli/here/doctor_here.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "service/settings/env.h"
#include "base/banned.h"

/* doctor: one line a check, with its cure. */

static const struct {
    const char *level, *mark;
    enum term_colour colour;
} levels[] = {
    {"ok", "ok", TERM_GREEN},
    {"warning", "warning", TERM_YELLOW},
    {"failed", "FAILED", TERM_RED},
    {"skipped", "skipped", TERM_DIM},
};

static void print_check(json_t *row)
{
    const char *level = in_text(row, "level"), *subject = in_text(row, "subject");
    size_t i, at = 0;

    for (i = 0; level && i < ARRAY_LEN(levels); i++)
        if (strcmp(levels[i].level, level) == 0)
            at = i;
    printf("%s%-7s%s  ", term_colour(levels[at].colour), levels[at].mark, term_colour(TERM_PLAIN));
    printf("%s", term_colour(TERM_BOLD));
    term_put(in_text(row, "check") ? in_text(row, "check") : "");
    if (subject) {
        putchar(' ');
        term_put(subject);
    }
    printf("%s: ", term_colour(TERM_PLAIN));
    term_put(in_text(row, "text") ? in_text(row, "text") : "");
    putchar('\n');
    if (in_text(row, "cure")) {
        fputs("           -> ", stdout);
        term_put(in_text(row, "cure"));
        putchar('\n');
    }
}

static void print_all(json_t *json)
{
    int64_t failed = in_int(json, "failed"), warnings = in_int(json, "warnings");
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(json, "checks"), i, row) print_check(row);
    printf("\n%lld checks: %lld failed, %lld warning%s\n",
           (long long)json_array_size(json_object_get(json, "checks")), (long long)failed,
           (long long)warnings, warnings == 1 ? "" : "s");
}

static int tell(struct cli *cli, json_t *json)
{
    int rc = in_int(json, "failed") ? CLI_FAILED : CLI_OK;

    if (!cli_json(cli, json)) {
        print_all(json);
        json_decref(json);
    }
    return rc;
}

/* A .env that cannot be read is a finding, too: the first one, and there can be no other. */
static int report_settings(struct cli *cli, const struct err *err)
{
    json_t *json =
        json_pack("{s:[{s:s,s:n,s:s,s:s,s:s}],s:i,s:i}", "checks", "check", "settings", "subject",
                  "level", "failed", "text", err->text, "cure",
                  "correct it; nothing else can be looked at before", "failed", 1, "warnings", 0);

    if (!json)
        return cli_fail(CLI_FAILED, "%s", err->text);
    return tell(cli, json);
}

/* What stands in a .env, from here, also beside a daemon that works with another one. */
static int try_access(struct cli *cli)
{
    struct env_opts opts = {.path = cli->opt[OPT_ENV], .environ = environ};
    struct doctor_facts *facts = malloc(sizeof(*facts));
    struct env_report report;
    struct settings settings;
    struct err err = {0};
    struct buf out;
    json_t *json;
    int rc;

    if (!facts || settings_init(&settings)) {
        free(facts);
        return cli_fail(CLI_FAILED, "%s", err_name(ERR_NOMEM));
    }
    env_report_init(&report);
    buf_init(&out, LIMIT_OP_ANSWER);
    doctor_facts_init(facts, STAMP_NONE);
    facts->access = true;
    rc = env_load(&settings, &opts, &report, &err);
    if (!rc)
        rc = settings_check_panel(&settings, &err);
    if (rc) {
        fputs(buf_str(&report.errors), stderr);
        rc = report_settings(cli, &err);
    } else {
        doctor_here(&settings, facts);
        doctor_judge(facts, &settings, &out);
        json = json_loadb(buf_str(&out), out.n, 0, NULL);
        rc = json ? tell(cli, json) : cli_fail(CLI_FAILED, "%s", err_name(ERR_NOMEM));
    }
    buf_release(&out);
    doctor_facts_release(facts);
    free(facts);
    env_report_release(&report);
    settings_release(&settings);
    return rc;
}

int cmd_doctor(struct cli *cli)
{
    struct err err;
    json_t *json;
    int rc;

    if (cli->opt[OPT_ACCESS] && cli->opt[OPT_BUNDLE])
        return cli_fail(CLI_USAGE, "--access looks at too little for a --bundle");
    if (cli->opt[OPT_ACCESS])
        return try_access(cli);
    cli->sick = true;
    rc = link_open(cli->opt[OPT_ENV], true, &cli->link, &err);
    if (rc)
        return report_settings(cli, &err);
    if (!cli->json && !link_has_daemon(cli->link))
        fputs("No daemon is running: the panel is asked from here, which takes some seconds.\n",
              stderr);
    rc = cli_ask(cli, OP_GET, "/doctor", NULL, &json, NULL);
    if (rc)
        return rc;
    if (cli->opt[OPT_BUNDLE] && bundle_write(cli, json, cli->opt[OPT_BUNDLE])) {
        json_decref(json);
        return CLI_FAILED;
    }
    rc = tell(cli, json);
    if (cli->opt[OPT_BUNDLE] && !cli->json)
        printf("%s is written: no secret, name or address of yours stands in it.\n",
               cli->opt[OPT_BUNDLE]);
    return rc;
}
