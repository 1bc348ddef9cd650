/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/machine/service.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* status, health, nodes */

/* Health checks are given 10 s or so. */
enum { HEALTH_SECONDS = 8 };

static void print_problems(json_t *json)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(json, "problems"), i, row)
    {
        printf("  %s!%s ", term_colour(TERM_RED), term_colour(TERM_PLAIN));
        term_put(json_string_value(row) ? json_string_value(row) : "");
        putchar('\n');
    }
}

static void print_ignored(json_t *ignored)
{
    const char *key, *comma = "";
    json_t *n;

    if (json_object_size(ignored) == 0)
        return;
    fputs("  not counted  ", stdout);
    json_object_foreach(ignored, key, n)
    {
        printf("%s%s %lld", comma, key, (long long)json_integer_value(n));
        comma = ", ";
    }
    putchar('\n');
}

static void print_panel(json_t *panel)
{
    const char *version = in_text(panel, "version"), *error = in_text(panel, "error");
    bool up = in_bool(panel, "up");
    char when[64];

    printf("  panel        ");
    term_put(in_text(panel, "url") ? in_text(panel, "url") : "-");
    printf(" %s%s%s", term_colour(up ? TERM_GREEN : TERM_RED), up ? "up" : "not reachable",
           term_colour(TERM_PLAIN));
    if (version)
        printf(", version %s", version);
    printf(", %s with %s\n", in_text(panel, "login"), in_text(panel, "with"));
    if (!up && error) {
        fputs("               ", stdout);
        term_put(error);
        putchar('\n');
    }
    if (in_text(panel, "certificate_ends"))
        printf("  certificate  until %s (%s)\n",
               term_time(in_text(panel, "certificate_ends"), when, sizeof(when)),
               term_span(in_text(panel, "certificate_ends"), when + 32, sizeof(when) - 32));
}

static void print_users(json_t *users)
{
    printf(
        "  users        %lld listed, %lld tracked, %lld active now, %lld seen in the last hour\n",
        (long long)in_int(users, "listed"), (long long)in_int(users, "tracked"),
        (long long)in_int(users, "active"), (long long)in_int(users, "seen_last_hour"));
    printf("  in question  %lld monitored, %lld waiting for their turn, %lld disabled by us\n",
           (long long)in_int(users, "monitoring"), (long long)in_int(users, "waiting"),
           (long long)in_int(users, "disabled"));
    if (in_int(users, "evicted"))
        printf("  %sevicted      %lld users for want of room (max_tracked_users)%s\n",
               term_colour(TERM_YELLOW), (long long)in_int(users, "evicted"),
               term_colour(TERM_PLAIN));
}

static void print_uptime(int64_t s)
{
    if (s >= 86400)
        printf("%lld d %lld h", (long long)(s / 86400), (long long)(s % 86400 / 3600));
    else if (s >= 3600)
        printf("%lld h %lld min", (long long)(s / 3600), (long long)(s % 3600 / 60));
    else if (s >= 60)
        printf("%lld min %lld s", (long long)(s / 60), (long long)(s % 60));
    else
        printf("%lld s", (long long)s);
}

static void print_telegram(json_t *telegram)
{
    const char *state = in_text(telegram, "state"), *bot = in_text(telegram, "bot");
    bool ok = state && strcmp(state, "ok") == 0, off = !state || strcmp(state, "off") == 0;
    int64_t waiting = in_int(telegram, "waiting");

    printf("  telegram     %s%s%s", off ? "" : term_colour(ok ? TERM_GREEN : TERM_RED),
           off  ? "off (no BOT_TOKEN)"
           : ok ? "connected"
                : "not connected",
           term_colour(TERM_PLAIN));
    if (bot && ok) {
        fputs(" as @", stdout);
        term_put(bot);
    }
    if (waiting)
        printf(", %lld messages wait", (long long)waiting);
    putchar('\n');
}

static void print_cache(json_t *cache)
{
    const char *in_use = in_text(cache, "in_use"), *url = in_text(cache, "url");
    const char *server = in_text(cache, "server"), *error = in_text(cache, "error");
    bool redis = in_use && strcmp(in_use, "redis") == 0;

    if (!in_use)
        return;
    printf("  cache        %s", redis ? "" : error ? term_colour(TERM_YELLOW) : "");
    if (!redis)
        printf("in memory%s", url && !error ? ", Redis is being tried" : "");
    else
        term_put(server ? server : "Redis");
    if (redis && url) {
        fputs(" at ", stdout);
        term_put(url);
    }
    if (error) {
        fputs(": ", stdout);
        term_put(error);
    }
    printf("%s\n", term_colour(TERM_PLAIN));
}

static void print_webhook(json_t *webhook)
{
    const char *url = in_text(webhook, "url"), *error = in_text(webhook, "error");
    int64_t waiting = in_int(webhook, "waiting");

    if (!url)
        return;
    printf("  webhook      %s", error ? term_colour(TERM_RED) : "");
    term_put(url);
    printf("%s%s", error ? " gets nothing" : "", term_colour(TERM_PLAIN));
    if (waiting)
        printf(", %lld events wait", (long long)waiting);
    putchar('\n');
}

/* The service whose daemon that is: a member of the answer, and a line. NULL: none, or not known. */
static json_t *look_at_service(struct cli *cli)
{
    static const char *const kinds[] = {"none", "systemd", "docker", "container"};
    struct service s;
    struct err err;
    char state[64], name[PATH_MAX];
    json_t *told;

    if (service_find(cli->opt[OPT_ENV], &s, &err) || s.kind == SERVICE_NONE)
        return json_null();
    service_state(&s, state, sizeof(state));
    if (!cli->json)
        printf("Service: %s%s%s\n", service_name(&s, name, sizeof(name)), state[0] ? ", " : "",
               state);
    told = json_pack("{s:s,s:s}", "kind", kinds[s.kind], "state", state);
    return told ? told : json_null();
}

int cmd_status(struct cli *cli)
{
    json_t *json, *nodes, *lines, *service = look_at_service(cli);
    bool paused;
    int rc = cli_ask(cli, OP_GET, "/status", NULL, &json, NULL);

    if (rc || json_object_set(json, "service", service)) {
        json_decref(service);
        return rc ? rc : cli_fail(CLI_FAILED, "out of memory");
    }
    json_decref(service);
    if (cli_json(cli, json))
        return CLI_OK;
    nodes = json_object_get(json, "nodes");
    lines = json_object_get(json, "lines");
    paused = in_bool(json, "paused");
    printf("%sPG-Limiter%s runs since ", term_colour(TERM_BOLD), term_colour(TERM_PLAIN));
    print_uptime(in_int(json, "uptime_s"));
    printf(", enforcement %s%s%s%s\n", term_colour(paused ? TERM_YELLOW : TERM_GREEN),
           in_text(json, "enforcement") ? in_text(json, "enforcement") : "-",
           paused ? " (paused)" : "", term_colour(TERM_PLAIN));
    print_panel(json_object_get(json, "panel"));
    printf("  nodes        %lld, connected %lld, streams open %lld, quiet %lld\n",
           (long long)in_int(nodes, "total"), (long long)in_int(nodes, "connected"),
           (long long)in_int(nodes, "streams_open"), (long long)in_int(nodes, "quiet"));
    if (in_int(nodes, "another_reader") + in_int(nodes, "online_list_off") +
        in_int(nodes, "dead_streams") + in_int(nodes, "unknown_cases"))
        printf("  coverage     lines lost on %lld, no online list on %lld, dead streams %lld, "
               "cases closed as unknown %lld\n",
               (long long)in_int(nodes, "another_reader"),
               (long long)in_int(nodes, "online_list_off"),
               (long long)in_int(nodes, "dead_streams"), (long long)in_int(nodes, "unknown_cases"));
    print_users(json_object_get(json, "users"));
    printf(
        "  lines        %.1f/s, %lld in all, %lld counted, %lld of users the panel does not own\n",
        in_real(lines, "per_s"), (long long)in_int(lines, "total"),
        (long long)in_int(lines, "counted"), (long long)in_int(lines, "foreign"));
    print_ignored(json_object_get(lines, "ignored"));
    print_telegram(json_object_get(json, "telegram"));
    print_cache(json_object_get(json, "cache"));
    print_webhook(json_object_get(json, "webhook"));
    print_problems(json);
    json_decref(json);
    return CLI_OK;
}

int cmd_health(struct cli *cli)
{
    struct err err;
    int rc = link_alive(cli->opt[OPT_ENV], HEALTH_SECONDS, &err);

    if (rc)
        return cli_fail(CLI_UNREACHABLE, "no daemon answers here (`pg-limiter run` is one): %s",
                        err.text);
    puts(cli->json ? "{\"status\": \"ok\"}" : "ok");
    return CLI_OK;
}

static const char *lost_words(json_t *row, char *to, size_t size)
{
    snprintf(to, size, "another reader takes %.0f %% of its lines (± %.0f)",
             100 * in_real(row, "lines_lost"), 100 * in_real(row, "lines_lost_error"));
    return to;
}

static void add_node(struct term_table *t, json_t *row)
{
    const char *status = in_text(row, "status"), *message = in_text(row, "message");
    const char *error = in_text(row, "stream_error");
    bool open = in_bool(row, "stream_open"), good = status && strcmp(status, "connected") == 0;
    char span[64], lost[80];

    term_cellf(t, TERM_DIM, "%lld", (long long)in_int(row, "id"));
    term_cell(t, TERM_PLAIN, in_text(row, "name"));
    term_cell(t, good ? TERM_GREEN : TERM_RED, status);
    term_cell(t, open ? TERM_GREEN : TERM_YELLOW, open ? "open" : "closed");
    term_cellf(t, TERM_PLAIN, "%.1f", in_real(row, "lines_per_s"));
    term_cellf(t, TERM_PLAIN, "%lld", (long long)in_int(row, "counted"));
    term_cellf(t, TERM_PLAIN, "%lld", (long long)(in_int(row, "lines") - in_int(row, "counted")));
    term_cell(t, TERM_PLAIN,
              in_text(row, "last_line") ? term_span(in_text(row, "last_line"), span, sizeof(span))
                                        : "never");
    if (json_is_number(json_object_get(row, "clock_offset_s")))
        term_cellf(t, TERM_DIM, "%+.1f s", in_real(row, "clock_offset_s"));
    else
        term_cell(t, TERM_DIM, NULL);
    term_cell(t, TERM_YELLOW,
              error                            ? error
              : message                        ? message
              : in_bool(row, "quiet")          ? "quiet although users are online"
              : in_bool(row, "another_reader") ? lost_words(row, lost, sizeof(lost))
              : in_bool(row, "online_list_off")
                  ? "its online list shows nobody: statsUserOnline is not true in its core"
              : in_bool(row, "faulty")  ? "half of its users look over their limit: verdicts wait"
              : !in_bool(row, "judged") ? "not counted: one of disabled_nodes"
              : in_bool(row, "behind_cdn") ? "behind a CDN: all it shows are one device"
                                           : " ");
}

int cmd_nodes(struct cli *cli)
{
    static const char *const heads[] = {">Id",      "Node",     "Status",       "Stream",
                                        ">Lines/s", ">Counted", ">Not counted", "Last line",
                                        ">Clock",   ""};
    struct term_table t;
    json_t *json, *row;
    size_t i;
    int rc = cli_read(cli, "/nodes", &json);

    if (rc || !json)
        return rc;
    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(json_object_get(json, "data"), i, row) add_node(&t, row);
    if (t.n)
        term_table_print(&t);
    else
        puts("The panel has told of no node so far.");
    json_decref(json);
    return CLI_OK;
}
