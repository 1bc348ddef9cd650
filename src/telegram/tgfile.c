/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "telegram/telegram_int.h"
#include "base/banned.h"

/* Fetching a file: getFile says where it is, an ordinary GET brings it. */

static const int64_t fetch_deadline_us = 300 * STAMP_SECOND;

struct tg_download {
    struct tg_download *prev, *next;
    struct telegram *tg;
    struct http_call *http;
    size_t max;
    telegram_file_fn fn;
    void *arg;
};

static void end(struct tg_download *d, int rc, const char *text, struct buf *content)
{
    if (d->prev)
        d->prev->next = d->next;
    else
        d->tg->downloads = d->next;
    if (d->next)
        d->next->prev = d->prev;
    d->fn(d->arg, rc, text, content);
    free(d);
}

static void end_too_big(struct tg_download *d, int64_t size)
{
    char text[160];

    if (size > (int64_t)d->max)
        snprintf(text, sizeof(text), "the file has %lld KB, more than the %lld KB that are taken",
                 (long long)(size >> 10), (long long)(d->max >> 10));
    else
        snprintf(
            text, sizeof(text),
            "Telegram gives bots files of at most 20 MB; a larger one can be put on the server "
            "and used there");
    end(d, ERR_TOO_BIG, text, NULL);
}

static void fetched(void *arg, int rc, const struct err *err, struct http_answer *answer)
{
    struct tg_download *d = arg;
    char text[ERR_TEXT_MAX];

    d->http = NULL;
    if (rc == ERR_TOO_BIG) {
        end_too_big(d, (int64_t)d->max + 1024);
    } else if (rc) {
        snprintf(text, sizeof(text), "the file could not be fetched: %.400s", err->text);
        tgcall_scrub(d->tg, text);
        end(d, rc, text, NULL);
    } else if (answer->status != 200) {
        snprintf(text, sizeof(text), "the file could not be fetched: Telegram answers %d",
                 answer->status);
        end(d, ERR_REFUSED, text, NULL);
    } else {
        end(d, ERR_OK, "", answer->body);
    }
}

/* A path from outside may not lead elsewhere: every byte but slashes and harmless ones is escaped. */
static int fetch(struct tg_download *d, const char *path)
{
    struct http_request req = {.method = "GET",
                               .deadline_us = fetch_deadline_us,
                               .body_max = d->max};
    struct slice rest = slice_of(path), part;
    struct buf url;
    int rc;

    buf_init(&url, 4096);
    buf_addf(&url, "%s/file/bot%s", d->tg->api_url, d->tg->token);
    while (rest.p) {
        part = slice_cut(&rest, '/');
        if (!part.n || slice_eq(part, SLICE("..")) || slice_eq(part, SLICE("."))) {
            buf_release(&url);
            return ERR_PROTOCOL;
        }
        buf_add_char(&url, '/');
        http_add_escaped(&url, part);
    }
    req.url = buf_str(&url);
    rc = url.failed ? ERR_TOO_BIG : http_start(d->tg->http, &req, fetched, d, &d->http);
    buf_release(&url);
    return rc;
}

static void located(void *arg, int rc, const struct telegram_answer *answer)
{
    struct tg_download *d = arg;
    const char *path;
    const json_t *size;
    char text[ERR_TEXT_MAX];

    if (rc) {
        end(d, rc, rc == ERR_CANCELLED ? "stopped" : "Telegram does not answer", NULL);
        return;
    }
    if (!answer->ok) {
        if (strcasestr(answer->description, "too big")) {
            end_too_big(d, 0);
            return;
        }
        snprintf(text, sizeof(text), "Telegram refuses the file: %.300s", answer->description);
        end(d, ERR_REFUSED, text, NULL);
        return;
    }
    size = json_object_get(answer->result, "file_size");
    path = json_string_value(json_object_get(answer->result, "file_path"));
    if (json_is_integer(size) && json_integer_value(size) > (json_int_t)d->max) {
        end_too_big(d, json_integer_value(size));
        return;
    }
    rc = path ? fetch(d, path) : ERR_PROTOCOL;
    if (rc)
        end(d, rc, "Telegram does not say where the file is", NULL);
}

void telegram_download(struct telegram *tg, const char *file_id, size_t max_bytes,
                       telegram_file_fn fn, void *arg)
{
    struct tg_download *d = calloc(1, sizeof(*d));
    json_t *params;

    if (!d) {
        fn(arg, ERR_NOMEM, "out of memory", NULL);
        return;
    }
    *d = (struct tg_download){
        .tg = tg, .next = tg->downloads, .max = max_bytes, .fn = fn, .arg = arg};
    if (d->next)
        d->next->prev = d;
    tg->downloads = d;
    params = json_pack("{s:s}", "file_id", file_id);
    telegram_call(tg, "getFile", params, TELEGRAM_NOW, located, d);
}

/* After the calls have ended, so that what is left waits for a GET. */
void tgfile_release(struct telegram *tg)
{
    struct tg_download *d;

    while ((d = tg->downloads)) {
        if (d->http)
            http_cancel(d->http);
        end(d, ERR_CANCELLED, "stopped", NULL);
    }
}
