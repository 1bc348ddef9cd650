/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <string.h>

#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "base/banned.h"

/* webhook show, webhook test */

static void put_text(const char *label, const char *text)
{
    if (!text)
        return;
    printf("  %-15s", label);
    term_put(text);
    putchar('\n');
}

static void put_time(const char *label, const char *iso)
{
    char when[64];

    if (iso)
        put_text(label, term_time(iso, when, sizeof(when)));
}

int cmd_webhook_show(struct cli *cli)
{
    const char *state, *url;
    json_t *json;
    bool good;
    int rc = cli_read(cli, "/webhook", &json);

    if (rc || !json)
        return rc;
    state = in_text(json, "state");
    url = in_text(json, "url");
    if (!url) {
        puts("There is no webhook: `pg-limiter config set webhook_url https://…` sets one.");
        json_decref(json);
        return CLI_OK;
    }
    good = state && (strcmp(state, "ok") == 0 || strcmp(state, "new") == 0);
    term_put(url);
    printf(": %s%s%s\n", term_colour(good ? TERM_GREEN : TERM_RED),
           good ? strcmp(state, "ok") == 0 ? "takes events" : "nothing sent since the start"
                : "gets nothing",
           term_colour(TERM_PLAIN));
    put_text("reason", in_text(json, "error"));
    put_text("what to do", in_text(json, "cure"));
    put_time("failing since", in_text(json, "failing_since"));
    put_time("next try", in_text(json, "next_try"));
    printf("  %-15s%lld\n", "waiting", (long long)in_int(json, "waiting"));
    put_time("the oldest of", in_text(json, "oldest"));
    put_time("last delivered", in_text(json, "last_delivered"));
    printf("  %-15s%lld, failed attempts %lld\n", "delivered", (long long)in_int(json, "delivered"),
           (long long)in_int(json, "failed"));
    if (in_int(json, "lost"))
        printf("  %-15s%lld\n", "given up", (long long)in_int(json, "lost"));
    json_decref(json);
    return CLI_OK;
}

int cmd_webhook_test(struct cli *cli)
{
    json_t *json;
    bool ok;
    int rc = cli_ask(cli, OP_POST, "/webhook/test", NULL, &json, NULL);

    if (rc)
        return rc;
    ok = in_bool(json, "ok");
    if (cli_json(cli, json))
        return ok ? CLI_OK : CLI_FAILED;
    if (ok) {
        term_put(in_text(json, "url"));
        printf(" answered %lld after %lld ms; the id was %s\n", (long long)in_int(json, "status"),
               (long long)in_int(json, "took_ms"), in_text(json, "id"));
    } else {
        fputs("not delivered to ", stdout);
        term_put(in_text(json, "url"));
        fputs(": ", stdout);
        term_put(in_text(json, "error"));
        putchar('\n');
        put_text("what to do", in_text(json, "cure"));
    }
    json_decref(json);
    return ok ? CLI_OK : CLI_FAILED;
}
