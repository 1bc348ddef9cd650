/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "geo/build.h"
#include "base/banned.h"

/* geo status, geo update, geo lookup, geo build */

enum { POLL_NS = 300000000, POLLS_MAX = 12000 };

static void put_line(const char *label, const char *text)
{
    if (!text)
        return;
    printf("    %-9s ", label);
    term_put(text);
    putchar('\n');
}

static void print_file(json_t *json, const char *name, const char *title)
{
    json_t *row = json_object_get(json, name);
    bool on = in_bool(row, "in_effect");

    printf("  %s%s%s, %s\n", term_colour(on ? TERM_GREEN : TERM_YELLOW), title,
           term_colour(TERM_PLAIN), on ? "in effect" : "not in effect");
    put_line("file", in_text(row, "path"));
    if (on) {
        printf("    made      ");
        if (in_text(row, "built_at"))
            printf("%.10s, %lld days ago", in_text(row, "built_at"),
                   (long long)in_int(row, "age_days"));
        else
            fputs("at an unknown time", stdout);
        printf("; %lld networks, %lld records, %.1f MB\n", (long long)in_int(row, "networks"),
               (long long)in_int(row, "records"), (double)in_int(row, "size") / 1e6);
        put_line("type", in_text(row, "type"));
        put_line("source", in_text(row, "source"));
        put_line("licence", in_text(row, "licence") ? in_text(row, "licence") : "not stated");
    }
    put_line("problem", in_text(row, "problem"));
}

static void print_providers(json_t *json)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(json, "providers"), i, row)
    {
        printf("  provider %s: asked %lld times, answered %lld, failed %lld", in_text(row, "name"),
               (long long)in_int(row, "asked"), (long long)in_int(row, "answered"),
               (long long)in_int(row, "failed"));
        if (in_int(row, "resting_s"))
            printf(", rests for %lld s", (long long)in_int(row, "resting_s"));
        putchar('\n');
        put_line("problem", in_text(row, "problem"));
    }
}

static void print_update(json_t *update)
{
    static const char *const kinds[] = {"country", "asn"};
    size_t i;

    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        json_t *row = json_object_get(update, kinds[i]);

        if (!json_is_object(row))
            continue;
        printf("  update of %s: %s, %lld bytes%s\n", kinds[i], in_text(row, "state"),
               (long long)in_int(row, "bytes"), in_bool(row, "sha256") ? ", sha256 right" : "");
        put_line("problem", in_text(row, "error"));
    }
}

int cmd_geo_status(struct cli *cli)
{
    json_t *json, *filter;
    int rc = cli_read(cli, "/geo", &json);

    if (rc || !json)
        return rc;
    print_file(json, "country", "countries");
    print_file(json, "asn", "autonomous systems");
    filter = json_object_get(json, "country_filter");
    if (in_text(filter, "countries"))
        printf("  country_code %s, %s\n", in_text(filter, "countries"),
               in_text(filter, "note") ? in_text(filter, "note") : "in effect");
    print_providers(json);
    print_update(json_object_get(json, "update"));
    json_decref(json);
    return CLI_OK;
}

static void print_progress(json_t *update)
{
    static const char *const kinds[] = {"country", "asn"};
    size_t i;

    fputc('\r', stderr);
    for (i = 0; i < ARRAY_LEN(kinds); i++) {
        json_t *row = json_object_get(update, kinds[i]);
        int64_t bytes = in_int(row, "bytes"), total = in_int(row, "total");

        if (!json_is_object(row))
            continue;
        fprintf(stderr, "%s: %s ", kinds[i], in_text(row, "state"));
        if (total > 0)
            fprintf(stderr, "%lld %% of %.1f MB   ", (long long)(bytes * 100 / total),
                    (double)total / 1e6);
        else
            fprintf(stderr, "%.1f MB   ", (double)bytes / 1e6);
    }
    fflush(stderr);
}

static bool has_failed(json_t *update)
{
    const char *country = in_text(json_object_get(update, "country"), "state");
    const char *asn = in_text(json_object_get(update, "asn"), "state");

    return (country && strcmp(country, "failed") == 0) || (asn && strcmp(asn, "failed") == 0);
}

int cmd_geo_update(struct cli *cli)
{
    const struct timespec pause = {0, POLL_NS};
    bool shows = isatty(STDERR_FILENO) && !cli->json, failed;
    json_t *json = NULL, *update;
    int rc = cli_ask(cli, OP_POST, "/geo/update", NULL, &json, NULL), i;

    for (i = 0; !rc && i < POLLS_MAX; i++) {
        json_decref(json);
        json = NULL;
        nanosleep(&pause, NULL);
        rc = cli_ask(cli, OP_GET, "/geo", NULL, &json, NULL);
        if (rc)
            return rc;
        update = json_object_get(json, "update");
        if (shows)
            print_progress(update);
        if (!in_bool(update, "running"))
            break;
    }
    if (rc)
        return rc;
    if (shows)
        fputc('\n', stderr);
    update = json_object_get(json, "update");
    failed = has_failed(update) || in_bool(update, "running");
    if (!cli->json)
        print_update(update);
    if (!cli_json(cli, json))
        json_decref(json);
    return failed ? CLI_FAILED : CLI_OK;
}

int cmd_geo_lookup(struct cli *cli)
{
    struct buf path;
    json_t *json;
    int rc;

    buf_init(&path, 1024);
    buf_add_str(&path, "/geo/addresses/");
    cli_add_user(&path, cli->args[0]);
    rc = cli_read(cli, buf_str(&path), &json);
    buf_release(&path);
    if (rc || !json)
        return rc;
    printf("%s  country %s", in_text(json, "address"),
           in_text(json, "country") ? in_text(json, "country") : "unknown");
    if (in_int(json, "asn"))
        printf(", AS%lld", (long long)in_int(json, "asn"));
    if (in_text(json, "isp")) {
        putchar(' ');
        term_put(in_text(json, "isp"));
    }
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}

int cmd_geo_build(struct cli *cli)
{
    const char *date = getenv("SOURCE_DATE_EPOCH");
    struct build_counts counts;
    struct err err;
    int64_t built_s = 0;

    if (date && num_int(slice_of(date), 0, INT64_C(1) << 40, &built_s))
        return cli_fail(CLI_USAGE, "SOURCE_DATE_EPOCH is no number of seconds");
    if (build_asn(cli->args[0], cli->args + 1, cli->n_args - 1, built_s, &counts, &err))
        return cli_fail(CLI_FAILED, "%s", err.text);
    printf("%s: %llu ranges, %llu lines left out\n", cli->args[0], (unsigned long long)counts.rows,
           (unsigned long long)counts.wrong);
    return CLI_OK;
}
