/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>

#include "bot/frame.h"
#include "base/banned.h"

/* What takes longer than a press: told while it goes on, and done without anybody waiting. */

struct working {
    struct turn *t;
    turn_next_fn fn;
};

static void told(void *arg, int rc, const struct telegram_answer *answer)
{
    struct working *w = arg;
    struct turn *t = w->t;
    turn_next_fn fn = w->fn;

    free(w);
    if (!rc && answer->ok && t->bot && !t->message_id)
        t->message_id = json_integer_value(json_object_get(answer->result, "message_id"));
    if (t->bot)
        fn(t);
    turn_unref(t);
}

void turn_working(struct turn *t, turn_next_fn fn, enum text_id id, ...)
{
    struct working *w = malloc(sizeof(*w));
    struct view v;
    json_t *params;
    va_list ap;

    turn_view(t, &v);
    va_start(ap, id);
    view_vsay(&v, id, ap);
    va_end(ap);
    params = json_pack("{sI ss ss}", "chat_id", (json_int_t)t->chat_id, "text", buf_str(&v.text),
                       "parse_mode", "HTML");
    view_release(&v);
    if (!w || !params) {
        free(w);
        json_decref(params);
        fn(t);
        return;
    }
    *w = (struct working){t, fn};
    t->refs++;
    turn_toast(t, NULL, false);
    if (t->message_id)
        json_object_set_new(params, "message_id", json_integer(t->message_id));
    else if (t->thread_id)
        json_object_set_new(params, "message_thread_id", json_integer(t->thread_id));
    bot_call(t->bot, t->admin.lang, t->message_id ? "editMessageText" : "sendMessage", params, told,
             w);
}

/* ---- operations ---- */

struct raw {
    struct turn *t;
    turn_raw_fn fn;
};

static void answered(void *arg, int status, struct slice bytes)
{
    struct raw r = *(struct raw *)arg;

    free(arg);
    if (r.t->bot)
        r.fn(r.t, status, bytes);
    turn_unref(r.t);
}

void turn_raw(struct turn *t, enum op_method method, const char *path, struct slice body,
              turn_raw_fn fn)
{
    struct raw *r = malloc(sizeof(*r));
    struct slice query = slice_of(path), bare = slice_cut(&query, '?');
    char who[40];
    struct op_request req = {.method = method,
                             .path = bare,
                             .query = query,
                             .body = body,
                             .role = t->admin.role,
                             .panel_admin_id = t->admin.panel_admin_id};

    if (!r) {
        fn(t, 503, SLICE("{\"code\":\"no_memory\"}"));
        return;
    }
    *r = (struct raw){t, fn};
    t->refs++;
    snprintf(who, sizeof(who), "telegram:%lld", (long long)t->admin.id);
    req.who = slice_of(who);
    op_call(t->bot->opts.port, &req, answered, r);
}

/* ---- another thread ---- */

struct job {
    struct turn *t;
    op_work_fn job;
    void (*done)(struct turn *t, void *arg, int rc);
    void *arg;
};

static void run(void *arg)
{
    struct job *j = arg;

    j->job(j->arg);
}

static void ran(void *arg, int rc)
{
    struct job j = *(struct job *)arg;

    free(arg);
    j.done(j.t, j.arg, rc);
    turn_unref(j.t);
}

void turn_work(struct turn *t, op_work_fn job, void (*done)(struct turn *t, void *arg, int rc),
               void *arg)
{
    const struct op_port *port = t->bot->opts.port;
    struct job *j = malloc(sizeof(*j));
    int rc = j ? ERR_OK : ERR_NOMEM;

    if (j) {
        *j = (struct job){t, job, done, arg};
        t->refs++;
        if (port->work)
            rc = port->work(port->app, run, ran, j);
        else {
            run(j);
            ran(j, ERR_OK);
        }
        if (rc) {
            free(j);
            turn_unref(t);
        }
    }
    if (rc)
        done(t, arg, rc);
}

const char *view_size(struct view *v, size_t bytes)
{
    if (bytes < 1 << 20)
        return view_fmt(v, "%.1f KB", (double)bytes / 1024);
    return view_fmt(v, "%.1f MB", (double)bytes / (1 << 20));
}
