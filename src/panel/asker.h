/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_ASKER_H
#define PANEL_ASKER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "panel/act.h"
#include "panel/online_list.h"
#include "panel/pace.h"

/*
 * Questions about single users asked at a bounded rate from a bounded queue: who is this id (look-ups
 * of ids that the directory does not know), and where is he online (spec/panel.md 3).
 */

/* rc 0 and the list, or a code and NULL. ERR_NOT_FOUND: no such user. The list may be emptied. */
typedef void (*panel_online_fn)(void *arg, int rc, const struct err *err, struct online_list *list);

struct question;

struct asker {
    struct acts *acts;
    struct calls *calls;
    struct pace pace;
    struct loop_timer *timer;
    struct question *queue, *last; /* waiting */
    struct question *flying;
    unsigned n;
    bool closing;
};

/* Embedded; rate in calls a second, 0 = never asks. ERR_NOMEM. */
int asker_init(struct asker *a, struct acts *acts, double rate) MUST_CHECK;
/* Ends all, each told ERR_CANCELLED; call before calls_close. */
void asker_close(struct asker *a);
void asker_release(struct asker *a);
void asker_set_rate(struct asker *a, double rate);

/*
 * Queues a reading of user id (read_user of the port). ERR_BUSY (LIMIT_PANEL_QUEUE wait), ERR_NOMEM,
 * ERR_CANCELLED (closing): fn will not be called; else it is, once, later.
 */
int asker_user(struct asker *a, int64_t id, panel_user_fn fn, void *arg) MUST_CHECK;
/*
 * Queues a reading of his online list, before all others when urgent. As asker_user, and ERR_REFUSED
 * when the rate is 0. Not repeated after a fault.
 */
int asker_online(struct asker *a, int64_t id, bool urgent, panel_online_fn fn,
                 void *arg) MUST_CHECK;

#endif
