/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/terminal/explain.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

static const char *role_words(const char *role)
{
    static const struct {
        const char *role, *words;
    } roles[] = {
        {"counted", "counts"},
        {"idle", "not in use now"},
        {"shared source", "used by many: adds nothing beside another"},
        {"through a CDN", "through a CDN: adds nothing beside another"},
        {"content network", "a content network: adds nothing beside another"},
        {"country not counted", "outside the countries counted"},
        {"long stream", "counts by its long streams"},
    };
    size_t i;

    for (i = 0; role && i < ARRAY_LEN(roles); i++)
        if (strcmp(role, roles[i].role) == 0)
            return roles[i].words;
    return role ? role : "";
}

/* "IR, MCI", or the number of the network where its name is not known. */
static void place_cell(struct term_table *t, json_t *row)
{
    const char *country = in_text(row, "country"), *isp = in_text(row, "isp");

    if (country && isp)
        term_cellf(t, TERM_PLAIN, "%s, %s", country, isp);
    else if (country || isp)
        term_cell(t, TERM_PLAIN, country ? country : isp);
    else if (in_int(row, "asn"))
        term_cellf(t, TERM_DIM, "AS%lld", (long long)in_int(row, "asn"));
    else
        term_cell(t, TERM_DIM, NULL);
}

static bool has_places(json_t *rows)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row) if (in_text(row, "country") || in_text(row, "isp") ||
                                         in_int(row, "asn")) return true;
    return false;
}

void explain_devices(json_t *devices, const char *title)
{
    static const char *const heads[] = {"",           "Address",   "From",   "Node", "Inbound",
                                        "First seen", "Last seen", ">Lines", ""};
    bool places = has_places(devices);
    const char *shown[ARRAY_LEN(heads)];
    struct term_table t;
    char when[64];
    json_t *row;
    size_t i, n = 0;

    if (json_array_size(devices) == 0)
        return;
    for (i = 0; i < ARRAY_LEN(heads); i++)
        if (i != 2 || places)
            shown[n++] = heads[i];
    printf("\n%s\n", title);
    term_table_init(&t, shown, n);
    json_array_foreach(devices, i, row)
    {
        const char *role = in_text(row, "role");
        bool counted = role && strcmp(role, "counted") == 0;

        term_cellf(&t, TERM_DIM, "  %c", (char)('A' + (int)(i % 26)));
        term_cell(&t, counted ? TERM_BOLD : TERM_PLAIN, in_text(row, "address"));
        if (places)
            place_cell(&t, row);
        term_cell(&t, TERM_PLAIN, in_text(row, "node_name"));
        term_cell(&t, TERM_PLAIN, in_text(row, "inbound"));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "first_seen"), when, sizeof(when)));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "last_seen"), when, sizeof(when)));
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "lines"));
        term_cellf(&t, TERM_DIM, "%s%s%s", role_words(role),
                   !in_bool(row, "online_list") ? ""
                   : in_int(row, "lines")       ? ", in the online list, too"
                                                : ", in the online list only",
                   in_bool(row, "one_address_a_node")
                       ? "; its node tells one address a user: another device there goes unseen"
                       : "");
    }
    term_table_print(&t);
}

void explain_pairs(json_t *pairs, double threshold)
{
    json_t *row;
    size_t i;

    json_array_foreach(pairs, i, row)
    {
        double score = in_real(row, "score");
        bool held = in_bool(row, "held");
        bool proven = held || (threshold > 0 && score >= threshold && !in_bool(row, "excused"));

        printf("  %c and %c: score %.1f of %.1f, %lld switches%s%s%s%s\n",
               (char)('A' + (int)(in_int(row, "a") % 26)),
               (char)('A' + (int)(in_int(row, "b") % 26)), score, threshold,
               (long long)in_int(row, "switches"), proven ? term_colour(TERM_RED) : "",
               proven ? ", in use at once" : "", proven ? term_colour(TERM_PLAIN) : "",
               held                      ? ": long streams of both are open"
               : in_bool(row, "excused") ? ", may be one device (two families, or one carrier)"
                                         : "");
    }
}

static void print_part(json_t *row)
{
    const char *what = in_text(row, "text") ? in_text(row, "text") : in_text(row, "name");

    printf("               %+lld  ", (long long)in_int(row, "points"));
    term_put(what ? what : "");
    putchar('\n');
}

void explain_trust(json_t *live)
{
    json_t *trust = json_object_get(live, "trust"), *parts, *row, *v;
    const char *key;
    size_t i;

    if (!trust || json_is_null(trust))
        return;
    printf("  trust        %lld of 100\n",
           (long long)(json_is_object(trust) ? in_int(trust, "score") : json_integer_value(trust)));
    parts = json_is_object(trust) ? json_object_get(trust, "parts")
                                  : json_object_get(live, "trust_parts");
    json_array_foreach(parts, i, row)
    {
        print_part(row);
    }
    if (!json_is_object(parts))
        return;
    json_object_foreach(parts, key, v)
    {
        if (json_integer_value(v))
            printf("               %+lld  %s\n", (long long)json_integer_value(v), key);
    }
}

/* A person's order stands among the verdicts. */
static void print_order(json_t *row, json_t *evidence)
{
    printf(", %s, ordered by ", in_text(row, "outcome") ? in_text(row, "outcome") : "-");
    term_put(in_text(evidence, "ordered_by"));
    if (in_text(evidence, "reason") && in_text(evidence, "reason")[0]) {
        fputs(": ", stdout);
        term_put(in_text(evidence, "reason"));
    }
    putchar('\n');
}

static void print_verdict(json_t *row, bool first)
{
    json_t *evidence = json_object_get(row, "evidence");
    char when[64];

    printf("  %s  ", term_time(in_text(row, "at"), when, sizeof(when)));
    term_put(in_text(row, "action") ? in_text(row, "action") : "-");
    if (in_text(evidence, "ordered_by")) {
        print_order(row, evidence);
        return;
    }
    printf(", %s%s%s: %lld devices, limit %lld\n",
           in_text(row, "outcome") ? in_text(row, "outcome") : "-",
           in_bool(row, "shadow") ? " (shadow)" : "",
           in_text(row, "forgiven_at") ? ", forgiven" : "", (long long)in_int(row, "devices"),
           (long long)in_int(row, "limit"));
    if (in_text(evidence, "why")) {
        fputs("    ", stdout);
        term_put(in_text(evidence, "why"));
        putchar('\n');
    }
    if (!first)
        return;
    explain_trust(evidence);
    explain_devices(json_object_get(evidence, "devices"), "  What the latest verdict was based on");
    explain_pairs(json_object_get(evidence, "pairs"),
                  in_real(json_object_get(evidence, "settings"), "evidence_threshold"));
}

void explain_verdicts(json_t *violations)
{
    json_t *row;
    size_t i;

    if (json_array_size(violations) == 0)
        return;
    puts("\nVerdicts, the latest first");
    json_array_foreach(violations, i, row)
    {
        print_verdict(row, i == 0);
    }
}

void explain_addresses(json_t *addresses)
{
    static const char *const heads[] = {"  Address",  "From",      ">Node", "Inbound",
                                        "First seen", "Last seen", ">Lines"};
    struct term_table t;
    char when[64];
    json_t *row;
    size_t i;

    if (json_array_size(addresses) == 0)
        return;
    puts("\nAddresses of the last days, the latest first");
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(addresses, i, row)
    {
        term_cellf(&t, TERM_PLAIN, "  %s", in_text(row, "address") ? in_text(row, "address") : "-");
        place_cell(&t, row);
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "node_id"));
        term_cell(&t, TERM_PLAIN, in_text(row, "inbound"));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "first_seen"), when, sizeof(when)));
        term_cell(&t, TERM_DIM, term_time(in_text(row, "last_seen"), when, sizeof(when)));
        term_cellf(&t, TERM_DIM, "%lld", (long long)in_int(row, "lines"));
    }
    term_table_print(&t);
}
