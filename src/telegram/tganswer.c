/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "telegram/tganswer.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/num.h"
#include "base/banned.h"

enum { RETRY_AFTER_MAX = 86400 };

/* Telegram's words go to the log and to people: one printable line. */
static void keep_description(struct tganswer *r, const char *text)
{
    size_t i, n = text ? strlen(text) : 0;

    if (n >= sizeof(r->description))
        n = sizeof(r->description) - 1;
    for (i = 0; i < n; i++)
        r->description[i] = (unsigned char)text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i];
    /* Not in the middle of a character. */
    while (n && text[n] && ((unsigned char)text[n] & 0xc0) == 0x80)
        n--;
    r->description[n] = '\0';
}

static void read_refusal(struct tganswer *r)
{
    const json_t *code = json_object_get(r->root, "error_code");
    const json_t *more = json_object_get(r->root, "parameters");
    const json_t *after = json_object_get(more, "retry_after");
    const json_t *to = json_object_get(more, "migrate_to_chat_id");

    if (json_is_integer(code) && json_integer_value(code) > 0 && json_integer_value(code) < 1000)
        r->a.error_code = (int)json_integer_value(code);
    keep_description(r, json_string_value(json_object_get(r->root, "description")));
    if (json_is_integer(after) && json_integer_value(after) >= 0)
        r->a.retry_after_s = json_integer_value(after) < RETRY_AFTER_MAX ? json_integer_value(after)
                                                                         : RETRY_AFTER_MAX;
    if (json_is_integer(to))
        r->a.migrate_to = json_integer_value(to);
    if (r->a.error_code == 429 && r->a.retry_after_s < 0)
        r->a.retry_after_s = 1;
}

int tganswer_parse(struct slice body, struct tganswer *ret_answer, struct err *err)
{
    struct tganswer r = {.a = {.retry_after_s = -1}};
    json_error_t why;
    const json_t *ok;

    /* A NUL inside a string must not make a whole batch of updates unreadable. */
    r.root = json_loadb(body.p ? body.p : "", body.n, JSON_ALLOW_NUL, &why);
    ok = json_object_get(r.root, "ok");
    if (!json_is_boolean(ok) || (json_is_true(ok) && !json_object_get(r.root, "result"))) {
        json_decref(r.root);
        return err_set(err, ERR_PROTOCOL, "the answer is not the Bot API's");
    }
    r.a.ok = json_is_true(ok);
    if (r.a.ok)
        r.a.result = json_object_get(r.root, "result");
    else
        read_refusal(&r);
    *ret_answer = r;
    ret_answer->a.description = ret_answer->description;
    return ERR_OK;
}

void tganswer_release(struct tganswer *answer)
{
    json_decref(answer->root);
    answer->root = NULL;
}

int tganswer_find_update(struct slice body, int64_t *ret_id)
{
    static const char name[] = "\"update_id\":";
    const char *at;
    int64_t best = -1, id;
    size_t n;

    while (body.p && body.n && (at = memmem(body.p, body.n, name, sizeof(name) - 1))) {
        body = slice_skip(body, (size_t)(at - body.p) + sizeof(name) - 1);
        while (body.n && (body.p[0] == ' ' || body.p[0] == '\t'))
            body = slice_skip(body, 1);
        for (n = 0; n < body.n && n < 19 && body.p[n] >= '0' && body.p[n] <= '9'; n++)
            ;
        if (!num_int((struct slice){body.p, n}, 0, INT64_MAX / 2, &id) && id > best)
            best = id;
    }
    if (best < 0)
        return ERR_NOT_FOUND;
    *ret_id = best;
    return ERR_OK;
}

int tganswer_update_id(const json_t *update, int64_t *ret_id)
{
    const json_t *id = json_object_get(update, "update_id");

    if (!json_is_integer(id) || json_integer_value(id) < 0 ||
        json_integer_value(id) > INT64_MAX / 2)
        return ERR_PROTOCOL;
    *ret_id = json_integer_value(id);
    return ERR_OK;
}

static bool says(const struct telegram_answer *a, const char *words)
{
    return strcasestr(a->description, words) != NULL;
}

enum tganswer_kind tganswer_judge(const struct telegram_answer *a, bool edit)
{
    if (a->error_code == 429 || a->error_code >= 500 || a->error_code == 0 || a->error_code == 409)
        return TGANSWER_RETRY;
    if (a->error_code == 401 || a->error_code == 404)
        return TGANSWER_NO_TOKEN;
    if (!edit)
        return TGANSWER_PERMANENT;
    if (says(a, TELEGRAM_NOT_MODIFIED))
        return TGANSWER_SAME;
    if (says(a, "message to edit not found") || says(a, "message can't be edited") ||
        says(a, "MESSAGE_ID_INVALID") || says(a, "message identifier is not specified") ||
        says(a, "there is no text in the message"))
        return TGANSWER_NO_EDIT;
    return TGANSWER_PERMANENT;
}
