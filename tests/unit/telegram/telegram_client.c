/* SPDX-License-Identifier: AGPL-3.0-or-later */

/*
 * Transport and outbox alone, on a database of their own, driven by lines of JSON on standard input,
 * telling what happens as lines of JSON on standard output:
 *
 *   telegram_client DATA_DIR TOKEN URL [PROXY]
 *
 * Commands: {"do":"put","chat":1,"text":"…","slot":"…","edit":true,"thread":2,"html":true,
 * "file":"content","method":"…"}, {"do":"call","method":"…","params":{},"lane":"now"|"bulk","mark":…},
 * {"do":"file","params":{},"bytes":n,"mark":…}, {"do":"fetch","id":"…","max":n,"mark":…},
 * {"do":"forget"|"find","chat":1,"slot":"…"}, {"do":"state"}, {"do":"token","token":"…"},
 * {"do":"stop"}. A press is answered with answerCallbackQuery by itself.
 */

#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "telegram/outbox.h"
#include "telegram/telegram.h"

static struct loop *loop;
static struct worker *worker;
static struct owner *owner;
static struct telegram *tg;
static struct outbox *ob;
static struct buf input;
static const char *url, *proxy;
static bool ending;

static void say(json_t *event)
{
    char *text = json_dumps(event, JSON_COMPACT);

    puts(text ? text : "{}");
    fflush(stdout);
    free(text);
    json_decref(event);
}

static void on_update(void *arg, json_t *update)
{
    json_t *press = json_object_get(update, "callback_query");

    (void)arg;
    say(json_pack("{s:s, s:O}", "event", "update", "update", update));
    if (press)
        telegram_call(tg, "answerCallbackQuery",
                      json_pack("{s:O, s:s}", "callback_query_id", json_object_get(press, "id"),
                                "text", "yes"),
                      TELEGRAM_NOW, NULL, NULL);
}

static void on_state(void *arg, enum telegram_state state, const char *text)
{
    (void)arg;
    outbox_state(ob, state);
    say(json_pack("{s:s, s:s, s:s}", "event", "state", "state", telegram_state_name(state), "text",
                  text));
}

static void on_migrate(void *arg, int64_t from_chat, int64_t to_chat)
{
    (void)arg;
    outbox_migrate(ob, from_chat, to_chat);
    say(json_pack("{s:s, s:I, s:I}", "event", "migrate", "from", (json_int_t)from_chat, "to",
                  (json_int_t)to_chat));
}

static void on_failed(void *arg, const struct outbox_failure *f)
{
    (void)arg;
    say(json_pack("{s:s, s:I, s:i, s:s, s:s%, s:O}", "event", "failed", "chat",
                  (json_int_t)f->chat_id, "code", f->error_code, "why", f->description, "slot",
                  f->slot.n ? f->slot.p : "", f->slot.n, "params", (json_t *)f->params));
}

static void on_sent(void *arg, int64_t chat, struct slice slot, int64_t id)
{
    (void)arg;
    say(json_pack("{s:s, s:I, s:s%, s:I}", "event", "sent", "chat", (json_int_t)chat, "slot",
                  slot.n ? slot.p : "", slot.n, "message", (json_int_t)id));
}

static void open_telegram(const char *token)
{
    struct telegram_opts opts = {.loop = loop,
                                 .worker = worker,
                                 .submit = owner_submit,
                                 .store = owner,
                                 .token = token,
                                 .api_url = url,
                                 .proxy = proxy,
                                 .events = {on_update, on_state, on_migrate}};
    struct err err = {0};

    outbox_set_telegram(ob, NULL);
    telegram_free(tg);
    tg = NULL;
    if (telegram_new(&opts, &tg, &err)) {
        say(json_pack("{s:s, s:s}", "event", "unusable", "text", err.text));
        return;
    }
    outbox_set_telegram(ob, tg);
}

static void on_called(void *arg, int rc, const struct telegram_answer *a)
{
    json_t *mark = arg;

    say(json_pack("{s:s, s:o, s:i, s:b, s:i, s:s, s:I, s:O?}", "event", "called", "mark", mark,
                  "rc", rc, "ok", a && a->ok, "code", a ? a->error_code : 0, "why",
                  a ? a->description : err_name(rc), "retry_after",
                  (json_int_t)(a ? a->retry_after_s : -1), "result", a ? a->result : NULL));
}

static void on_fetched(void *arg, int rc, const char *text, struct buf *content)
{
    json_t *mark = arg;
    uint64_t sum = 0;
    size_t i;

    for (i = 0; content && i < content->n; i++)
        sum = sum * 31 + (unsigned char)content->p[i];
    say(json_pack("{s:s, s:o, s:i, s:s, s:I, s:I}", "event", "fetched", "mark", mark, "rc", rc,
                  "text", text, "bytes", (json_int_t)(content ? content->n : 0), "sum",
                  (json_int_t)(sum & 0xffffffff)));
}

static void on_found(void *arg, int64_t id)
{
    (void)arg;
    say(json_pack("{s:s, s:I}", "event", "found", "message", (json_int_t)id));
}

static void put(json_t *c)
{
    const char *text = json_string_value(json_object_get(c, "text"));
    const char *file = json_string_value(json_object_get(c, "file"));
    const char *method = json_string_value(json_object_get(c, "method"));
    json_t *params = json_object();
    struct outbox_item item = {.chat_id = json_integer_value(json_object_get(c, "chat")),
                               .thread_id = json_integer_value(json_object_get(c, "thread")),
                               .method = method ? method
                                         : file ? "sendDocument"
                                                : "sendMessage",
                               .params = params,
                               .slot = slice_of(json_string_value(json_object_get(c, "slot"))),
                               .edit = json_is_true(json_object_get(c, "edit")),
                               .file_field = file ? "document" : NULL,
                               .file_name = file ? "a.txt" : NULL,
                               .file = slice_of(file)};
    int rc;

    json_object_set_new(params, file ? "caption" : "text", json_string(text));
    if (json_is_true(json_object_get(c, "html")))
        json_object_set_new(params, "parse_mode", json_string("HTML"));
    rc = outbox_put(ob, &item, TEXT_EN);
    if (rc)
        say(json_pack("{s:s, s:i}", "event", "not_put", "rc", rc));
    json_decref(params);
}

static void stop(void)
{
    ending = true;
    outbox_stop(ob);
}

static void state(void)
{
    struct telegram_stats st = tg ? telegram_stats(tg) : (struct telegram_stats){0};

    say(json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "event", "now", "state",
                  tg ? telegram_state_name(telegram_state(tg)) : "none", "waiting",
                  (json_int_t)outbox_length(ob), "delivered", (json_int_t)outbox_delivered(ob),
                  "throttled", (json_int_t)st.throttled, "updates", (json_int_t)st.updates, "calls",
                  (json_int_t)st.waiting));
}

static void slots(json_t *c, bool find)
{
    int64_t chat = json_integer_value(json_object_get(c, "chat"));
    struct slice slot = slice_of(json_string_value(json_object_get(c, "slot")));

    if (find ? outbox_find(ob, chat, slot, on_found, NULL) : outbox_forget(ob, chat, slot))
        say(json_pack("{s:s}", "event", "not_found"));
}

static void send_file(json_t *c)
{
    size_t n = (size_t)json_integer_value(json_object_get(c, "bytes")), i;
    char *bytes = malloc(n + 1);

    for (i = 0; bytes && i < n; i++)
        bytes[i] = (char)(i * 7);
    telegram_send_file(tg, "sendDocument", json_incref(json_object_get(c, "params")), TELEGRAM_NOW,
                       "document", "a\"b\r\n.bin", (struct slice){bytes, n}, on_called,
                       json_incref(json_object_get(c, "mark")));
    free(bytes);
}

static void obey(json_t *c)
{
    const char *what = json_string_value(json_object_get(c, "do"));
    const char *lane = json_string_value(json_object_get(c, "lane"));

    if (!what)
        return;
    if (strcmp(what, "put") == 0)
        put(c);
    else if (strcmp(what, "call") == 0)
        telegram_call(tg, json_string_value(json_object_get(c, "method")),
                      json_incref(json_object_get(c, "params")),
                      lane && strcmp(lane, "bulk") == 0 ? TELEGRAM_BULK : TELEGRAM_NOW, on_called,
                      json_incref(json_object_get(c, "mark")));
    else if (strcmp(what, "file") == 0)
        send_file(c);
    else if (strcmp(what, "fetch") == 0)
        telegram_download(tg, json_string_value(json_object_get(c, "id")),
                          (size_t)json_integer_value(json_object_get(c, "max")), on_fetched,
                          json_incref(json_object_get(c, "mark")));
    else if (strcmp(what, "forget") == 0 || strcmp(what, "find") == 0)
        slots(c, strcmp(what, "find") == 0);
    else if (strcmp(what, "state") == 0)
        state();
    else if (strcmp(what, "token") == 0)
        open_telegram(json_string_value(json_object_get(c, "token")));
    else if (strcmp(what, "stop") == 0)
        stop();
}

static void on_input(void *arg, int fd, int what)
{
    struct slice rest, line;
    char chunk[65536];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    json_t *c;

    (void)arg;
    (void)what;
    if (n <= 0) {
        stop();
        return;
    }
    buf_add(&input, chunk, (size_t)n);
    rest = buf_slice(&input);
    while (memchr(rest.p, '\n', rest.n)) {
        line = slice_cut(&rest, '\n');
        c = json_loadb(line.p, line.n, 0, NULL);
        obey(c);
        json_decref(c);
        if (!rest.n)
            break;
    }
    buf_consume(&input, input.n - rest.n);
}

static void post(void *ctx, void (*fn)(void *arg), void *arg)
{
    if (loop_post(ctx, fn, arg))
        abort();
}

int main(int argc, char **argv)
{
    struct outbox_opts oo = {.on_failed = on_failed, .on_sent = on_sent};
    struct loop_fd *in = NULL;
    struct db *db = NULL;
    struct err err = {0};
    int64_t end;

    if (argc < 4)
        return 2;
    signal(SIGPIPE, SIG_IGN);
    log_setup(LOG_DEBUG, false, false);
    url = argv[3];
    proxy = argc > 4 ? argv[4] : NULL;
    buf_init(&input, 64 << 20);
    if (loop_new(&loop) || worker_new(loop, 16, &worker) || db_open(argv[1], &db, &err) ||
        owner_new(db, post, loop, &owner, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 1;
    }
    oo.loop = loop;
    oo.submit = owner_submit;
    oo.store = owner;
    if (outbox_new(&oo, &ob) || loop_fd_new(loop, STDIN_FILENO, on_input, NULL, &in))
        return 1;
    open_telegram(argv[2]);
    loop_fd_want(in, LOOP_READ);
    while (!ending)
        loop_turn(loop, STAMP_SECOND);
    end = loop_real_us(loop) + 3 * STAMP_SECOND;
    while (!outbox_idle(ob) && loop_real_us(loop) < end)
        loop_turn(loop, STAMP_SECOND / 50);
    loop_fd_free(in);
    outbox_set_telegram(ob, NULL);
    telegram_free(tg);
    owner_free(owner);
    loop_turn(loop, 0);
    outbox_free(ob);
    worker_free(worker);
    loop_free(loop);
    buf_release(&input);
    return 0;
}
