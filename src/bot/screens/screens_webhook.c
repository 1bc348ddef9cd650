/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "bot/card_int.h"
#include "base/banned.h"

/* The webhook: how it stands, its address and key, a test. */

static enum text_id state_text(const char *state)
{
    static const struct {
        const char *word;
        enum text_id id;
    } states[] = {{"unsigned", TEXT_HOOK_UNSIGNED},
                  {"new", TEXT_HOOK_NEW},
                  {"ok", TEXT_HOOK_OK},
                  {"failing", TEXT_HOOK_FAILING}};
    size_t i;

    for (i = 0; state && i < ARRAY_LEN(states); i++)
        if (strcmp(state, states[i].word) == 0)
            return states[i].id;
    return TEXT_HOOK_OFF;
}

static void build(struct view *v)
{
    json_t *a = v->answer[0];
    enum text_id state = state_text(in_text(a, "state"));
    const char *url = in_text(a, "url");

    view_gap(v);
    view_say(v, state, "url", url ? url : "", "time", view_time(v, in_text(a, "failing_since")),
             NULL);
    if (state == TEXT_HOOK_FAILING) {
        card_quote(v, in_text(a, "error"));
        card_quote(v, in_text(a, "cure"));
        view_say(v, TEXT_HOOK_NEXT, "time", view_time(v, in_text(a, "next_try")), NULL);
    }
    if (in_int(a, "waiting"))
        view_say(v, TEXT_HOOK_WAITING, "n", view_int(v, in_int(a, "waiting")), "time",
                 view_time(v, in_text(a, "oldest")), NULL);
    if (in_text(a, "last_delivered"))
        view_say(v, TEXT_HOOK_LAST, "time", view_time(v, in_text(a, "last_delivered")), NULL);
    if (in_int(a, "lost"))
        view_say(v, TEXT_HOOK_LOST, "n", view_int(v, in_int(a, "lost")), NULL);
    if (state != TEXT_HOOK_OFF && state != TEXT_HOOK_UNSIGNED)
        view_button(v, NULL, "ahooktest", NULL);
}

static void told_test(struct view *v, json_t *answer)
{
    const char *url = in_text(answer, "url");

    if (in_bool(answer, "ok")) {
        view_say(v, TEXT_HOOK_TEST_OK, "url", url ? url : "", "status",
                 view_int(v, in_int(answer, "status")), "ms",
                 view_int(v, in_int(answer, "took_ms")), NULL);
        return;
    }
    view_say(v, TEXT_HOOK_TEST_NO, "url", url ? url : "", NULL);
    card_quote(v, in_text(answer, "error"));
    card_quote(v, in_text(answer, "cure"));
}

static const struct screen screens[] = {
    {.id = "hook",
     .title = TEXT_HOOK,
     .intro = TEXT_HOOK_HELP,
     .parent = "sconf",
     .role = OP_ROLE_OWNER,
     .ask = {"/webhook"},
     .build = build,
     .entries = ENTRIES(SETTING(WEBHOOK_URL), SETTING(WEBHOOK_SECRET), GO_AS("shook", REFRESH))},
    {0},
};

static const struct action actions[] = {
    {.id = "hooktest",
     .label = TEXT_HOOK_TEST,
     .method = OP_POST,
     .path = "/webhook/test",
     .told = told_test,
     .then = "shook"},
    {0},
};

const struct bot_part part_webhook = {screens, actions, NULL, NULL};
