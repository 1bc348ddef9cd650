/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/limits.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/explain.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* explain USER: how a user stands, what was seen, and what was done to him. */

static const char *source_words(const char *from)
{
    static const struct {
        const char *from, *words;
    } sources[] = {
        {"except", "he is excepted"},
        {"special", "his special limit"},
        {"pattern", "a limit pattern"},
        {"hwid", "the panel's hwid limit"},
        {"group", "his group's limit"},
        {"name", "the number in his name"},
        {"general", "the general limit"},
        {"filter", "a filter of groups or admins leaves him out"},
        {"unknown", "the panel has not told his groups or owner: he is not judged"},
    };
    size_t i;

    for (i = 0; from && i < ARRAY_LEN(sources); i++)
        if (strcmp(from, sources[i].from) == 0)
            return sources[i].words;
    return from ? from : "unknown";
}

static void put_line(const char *label, const char *text)
{
    printf("  %-12s ", label);
    term_put(text);
    putchar('\n');
}

static void print_limit(json_t *json, json_t *live)
{
    json_t *row = json_is_object(live) ? live : json;
    int64_t limit = in_int(row, "limit");

    if (limit)
        printf("  limit        %lld device%s, %s\n", (long long)limit, limit == 1 ? "" : "s",
               source_words(in_text(row, "limit_from")));
    else
        printf("  limit        none, %s\n", source_words(in_text(row, "limit_from")));
    if (in_text(json, "reason"))
        put_line("", in_text(json, "reason"));
}

/* What the next violation brings. */
static void print_next(json_t *next)
{
    const char *action = in_text(next, "action");
    int64_t s = in_int(next, "for_s");

    if (!action)
        return;
    printf("  next time    %s", action);
    if (s >= 60)
        printf(" for %lld min", (long long)(s / 60));
    else if (s > 0)
        printf(" for %lld s", (long long)s);
    if (in_int(next, "step") > 0)
        printf(" (step %lld)", (long long)in_int(next, "step"));
    putchar('\n');
}

static void print_state(json_t *live)
{
    char when[64], span[64];

    printf("  state        %s", in_text(live, "state") ? in_text(live, "state") : "-");
    if (in_text(live, "since"))
        printf(" since %s (%s)", term_time(in_text(live, "since"), when, sizeof(when)),
               term_span(in_text(live, "since"), span, sizeof(span)));
    printf(", %lld active device%s, %lld at once%s\n", (long long)in_int(live, "active_devices"),
           in_int(live, "active_devices") == 1 ? "" : "s", (long long)in_int(live, "concurrent"),
           in_bool(live, "warned") ? ", warned" : "");
    if (in_bool(live, "verdict_waits"))
        puts(
            "               a verdict waits: half of his node's users look over their limit, as if "
            "by a fault of it (`config set node_guard off` ends that)");
    if (in_text(live, "pardoned_until"))
        printf("               not judged until %s\n",
               term_time(in_text(live, "pardoned_until"), when, sizeof(when)));
    explain_trust(live);
    print_next(json_object_get(live, "next"));
}

static void print_disabled(json_t *row)
{
    char when[64], span[64];

    if (!json_is_object(row))
        return;
    printf("  %sdisabled%s     since %s, ", term_colour(TERM_RED), term_colour(TERM_PLAIN),
           term_time(in_text(row, "disabled_at"), when, sizeof(when)));
    if (in_text(row, "due_at"))
        printf("until %s (%s)", term_time(in_text(row, "due_at"), when, sizeof(when)),
               term_span(in_text(row, "due_at"), span, sizeof(span)));
    else
        fputs("until enabled by hand", stdout);
    printf(", by %s, %s", in_text(row, "method"), in_text(row, "state"));
    if (in_text(row, "ordered_by")) {
        fputs(", ordered by ", stdout);
        term_put(in_text(row, "ordered_by"));
    }
    putchar('\n');
    if (in_text(row, "why"))
        put_line("", in_text(row, "why"));
    if (in_text(row, "last_error")) {
        printf("               %lld failed attempts to enable him: ",
               (long long)in_int(row, "failed_attempts"));
        term_put(in_text(row, "last_error"));
        putchar('\n');
    }
}

static void print_events(json_t *events)
{
    char when[64];
    json_t *row;
    size_t i;

    if (json_array_size(events) == 0)
        return;
    puts("\nWhat happened, the latest first");
    json_array_foreach(events, i, row)
    {
        printf("  %s%s  ", term_time(in_text(row, "at"), when, sizeof(when)),
               term_colour(TERM_DIM));
        term_put(in_text(row, "who") ? in_text(row, "who") : "-");
        printf("%s  ", term_colour(TERM_PLAIN));
        term_put(in_text(row, "what") ? in_text(row, "what") : "");
        putchar('\n');
    }
}

static void print_user(json_t *json)
{
    json_t *live = json_object_get(json, "live");
    const char *name = in_text(json, "username");

    fputs(term_colour(TERM_BOLD), stdout);
    term_put(name ? name : "(name not known)");
    printf("%s", term_colour(TERM_PLAIN));
    if (in_int(json, "id"))
        printf("  id:%lld", (long long)in_int(json, "id"));
    puts(in_bool(json, "known") ? "" : "  not known to the panel so far");
    print_limit(json, live);
    if (json_is_object(live))
        print_state(live);
    else
        puts("  state        only the running daemon knows what it sees of him now");
    print_disabled(json_object_get(json, "disabled"));
    if (json_is_object(live)) {
        explain_devices(json_object_get(live, "devices"), "Seen now");
        explain_pairs(json_object_get(live, "pairs"), in_real(live, "evidence_threshold"));
    }
    explain_verdicts(json_object_get(json, "violations"));
    print_events(json_object_get(json, "events"));
    explain_addresses(json_object_get(json, "addresses"));
}

/* A text that is made for being read as it is: in bot_language, unless another is asked for. */
static int print_text(struct cli *cli)
{
    const char *lang = cli->opt[OPT_LANGUAGE];
    struct buf path;
    json_t *json;
    int rc;

    cli_user_path(&path, "/users/", cli->args[0], "/explain?customer=");
    buf_add_str(&path, cli->opt[OPT_CUSTOMER] ? "true" : "false");
    if (lang && strcmp(lang, "default") != 0) {
        buf_add_str(&path, "&language=");
        cli_add_user(&path, lang);
    }
    rc = cli_read(cli, buf_str(&path), &json);
    buf_release(&path);
    if (rc || !json)
        return rc;
    fputs(in_text(json, "text") ? in_text(json, "text") : "", stdout);
    json_decref(json);
    return CLI_OK;
}

int cmd_explain(struct cli *cli)
{
    struct buf path;
    json_t *json;
    int rc;

    if (cli->opt[OPT_CUSTOMER] || cli->opt[OPT_LANGUAGE])
        return print_text(cli);
    cli_user_path(&path, "/users/", cli->args[0], "");
    rc = cli_ask(cli, OP_GET, buf_str(&path), NULL, &json, NULL);
    buf_release(&path);
    if (rc)
        return rc;
    if (cli_json(cli, json))
        return CLI_OK;
    print_user(json);
    json_decref(json);
    return CLI_OK;
}
