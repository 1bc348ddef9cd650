/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/here/everyone_here.h"

#include "base/log.h"
#include "base/stamp.h"
#include "net/worker.h"
#include "panel/everyone.h"
#include "panel/panel_opts.h"
#include "base/banned.h"

enum { WORKER_JOBS = 16 };
static const int64_t login_us = 15 * STAMP_SECOND;
static const int64_t turn_us = STAMP_SECOND / 10;

struct here {
    struct loop *loop;
    struct worker *worker;
    struct panel *panel;
    void (*page)(void *arg, const struct panel_user *users, size_t n);
    void *arg;
    bool done;
    int rc;
    struct err err;
};

static void on_page(void *arg, const struct panel_user *users, size_t n, bool full)
{
    struct here *h = arg;

    (void)full;
    h->page(h->arg, users, n);
}

static void on_end(void *arg, int rc, const struct err *err, size_t n)
{
    struct here *h = arg;

    (void)n;
    h->done = true;
    h->rc = rc;
    if (rc)
        h->err = *err;
}

static int open_panel(struct here *h, const struct settings *s, struct err *err)
{
    static const struct panel_events events = {.on_state = NULL};
    struct panel_opts po = panel_opts_of(s);
    int rc = settings_check_panel(s, err);

    if (rc)
        return rc;
    if (loop_new(&h->loop) || worker_new(h->loop, WORKER_JOBS, &h->worker))
        return err_set(err, ERR_NOMEM, "out of memory");
    return panel_new(h->loop, h->worker, &po, &events, h, &h->panel, err);
}

static int list(struct here *h, struct err *err)
{
    int64_t began_us;
    int rc;

    loop_turn(h->loop, 0);
    began_us = loop_real_us(h->loop);
    panel_start(h->panel);
    while (!panel_state(h->panel).up) {
        struct panel_state st = panel_state(h->panel);

        if (st.session == SESSION_REFUSED || loop_real_us(h->loop) - began_us > login_us)
            return err_set(err, ERR_UNREACHABLE, "the panel does not answer: %s",
                           st.error && st.error[0] ? st.error : "no login in 15 s");
        loop_turn(h->loop, turn_us);
    }
    rc = everyone_list(h->panel, on_page, on_end, h);
    if (rc)
        return err_set(err, rc, "the panel cannot be asked: %s", err_name(rc));
    while (!h->done)
        loop_turn(h->loop, turn_us);
    if (h->rc)
        *err = h->err;
    return h->rc;
}

void everyone_here(const struct settings *s,
                   void (*page)(void *arg, const struct panel_user *users, size_t n),
                   op_check_fn fn, void *arg)
{
    struct here h = {.page = page, .arg = arg};
    struct err err = {0};
    int rc;

    /* What the client of the panel would log is what the error says. */
    log_set_level(LOG_ERROR + 1);
    rc = open_panel(&h, s, &err);
    if (!rc)
        rc = list(&h, &err);
    panel_free(h.panel);
    if (h.loop)
        loop_turn(h.loop, 0);
    worker_free(h.worker);
    loop_free(h.loop);
    log_set_level(LOG_INFO);
    fn(arg, rc, &err);
}
