/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "cli/cli_int.h"
#include "cli/json_in.h"
#include "cli/term.h"
#include "base/banned.h"

/* explain USER: how a user stands, what was seen, and what was done to him. */

static const char *source_words(const char *from)
{
    static const struct {
        const char *from, *words;
    } sources[] = {
        {"except", "he is excepted"},     {"special", "his special limit"},
        {"pattern", "a limit pattern"},   {"hwid", "the panel's hwid limit"},
        {"group", "his group's limit"},   {"name", "the number in his name"},
        {"general", "the general limit"},
    };
    size_t i;

    for (i = 0; from && i < ARRAY_LEN(sources); i++)
        if (strcmp(from, sources[i].from) == 0)
            return sources[i].words;
    return from ? from : "unknown";
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
    if (in_text(json, "reason")) {
        fputs("               ", stdout);
        term_put(in_text(json, "reason"));
        putchar('\n');
    }
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
    if (in_text(live, "pardoned_until"))
        printf("               not judged until %s\n",
               term_time(in_text(live, "pardoned_until"), when, sizeof(when)));
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
    printf(", by %s, %s\n", in_text(row, "method"), in_text(row, "state"));
    if (in_text(row, "last_error")) {
        printf("               %lld failed attempts to enable him: ",
               (long long)in_int(row, "failed_attempts"));
        term_put(in_text(row, "last_error"));
        putchar('\n');
    }
}

static void print_devices(json_t *devices, const char *title)
{
    static const char *const heads[] = {"",           "Address",   "Node",   "Inbound",
                                        "First seen", "Last seen", ">Lines", ""};
    struct term_table t;
    char when[64];
    json_t *row;
    size_t i;

    if (json_array_size(devices) == 0)
        return;
    printf("\n%s\n", title);
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(devices, i, row)
    {
        const char *role = in_text(row, "role");
        bool counted = role && strcmp(role, "counted") == 0;

        term_cellf(&t, TERM_DIM, "  %c", (char)('A' + (int)(i % 26)));
        term_cell(&t, counted ? TERM_BOLD : TERM_PLAIN, in_text(row, "address"));
        term_cell(&t, TERM_PLAIN, in_text(row, "node_name"));
        term_cell(&t, TERM_PLAIN, in_text(row, "inbound"));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "first_seen"), when, sizeof(when)));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "last_seen"), when, sizeof(when)));
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "lines"));
        term_cellf(&t, TERM_DIM, "%s%s", role ? role : "",
                   in_bool(row, "online_list") ? ", in the online list" : "");
    }
    term_table_print(&t);
}

static void print_pairs(json_t *pairs, double threshold)
{
    json_t *row;
    size_t i;

    json_array_foreach(pairs, i, row)
    {
        double score = in_real(row, "score");
        bool proven = threshold > 0 && score >= threshold && !in_bool(row, "excused");

        printf("  %c and %c: score %.1f of %.1f, %lld switches%s%s%s%s\n",
               (char)('A' + (int)(in_int(row, "a") % 26)),
               (char)('A' + (int)(in_int(row, "b") % 26)), score, threshold,
               (long long)in_int(row, "switches"), proven ? term_colour(TERM_RED) : "",
               proven ? ", in use at once" : "", proven ? term_colour(TERM_PLAIN) : "",
               in_bool(row, "excused") ? ", may be one device (two families, or one carrier)" : "");
    }
}

static void print_verdicts(json_t *violations)
{
    char when[64];
    json_t *row;
    size_t i;

    if (json_array_size(violations) == 0)
        return;
    puts("\nVerdicts, the latest first");
    json_array_foreach(violations, i, row)
    {
        json_t *evidence = json_object_get(row, "evidence");

        printf("  %s  ", term_time(in_text(row, "at"), when, sizeof(when)));
        term_put(in_text(row, "action") ? in_text(row, "action") : "-");
        printf(", %s%s%s: %lld devices, limit %lld\n", in_text(row, "outcome"),
               in_bool(row, "shadow") ? " (shadow)" : "",
               in_text(row, "forgiven_at") ? ", forgiven" : "", (long long)in_int(row, "devices"),
               (long long)in_int(row, "limit"));
        if (in_text(evidence, "why")) {
            fputs("    ", stdout);
            term_put(in_text(evidence, "why"));
            putchar('\n');
        }
        if (i == 0) {
            print_devices(json_object_get(evidence, "devices"),
                          "  What the latest verdict was based on");
            print_pairs(json_object_get(evidence, "pairs"),
                        in_real(json_object_get(evidence, "settings"), "evidence_threshold"));
        }
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

static void print_addresses(json_t *addresses)
{
    static const char *const heads[] = {"  Address",  ">Node",     "Inbound",
                                        "First seen", "Last seen", ">Lines"};
    struct term_table t;
    char when[64];
    json_t *row;
    size_t i;

    if (json_array_size(addresses) == 0)
        return;
    puts("\nAddresses of the last 48 h");
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(addresses, i, row)
    {
        term_cellf(&t, TERM_PLAIN, "  %s", in_text(row, "address") ? in_text(row, "address") : "-");
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "node_id"));
        term_cell(&t, TERM_PLAIN, in_text(row, "inbound"));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "first_seen"), when, sizeof(when)));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "last_seen"), when, sizeof(when)));
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "lines"));
    }
    term_table_print(&t);
}

int cmd_explain(struct cli *cli)
{
    const char *name;
    json_t *json, *live;
    struct buf path;
    int rc;

    buf_init(&path, 2048);
    buf_add_str(&path, "/users/");
    cli_add_user(&path, cli->args[0]);
    rc = cli_read(cli, buf_str(&path), &json);
    buf_release(&path);
    if (rc || !json)
        return rc;
    live = json_object_get(json, "live");
    name = in_text(json, "username");
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
        print_devices(json_object_get(live, "devices"), "Seen now");
        print_pairs(json_object_get(live, "pairs"), in_real(live, "evidence_threshold"));
    }
    print_verdicts(json_object_get(json, "violations"));
    print_events(json_object_get(json, "events"));
    print_addresses(json_object_get(json, "addresses"));
    json_decref(json);
    return CLI_OK;
}
