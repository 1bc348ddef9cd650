/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "store/db_settings.h"
#include "base/banned.h"

/*
 * A restore has put another database in place. What the parts keep in memory is of the one before, so all of
 * them are taken apart and built anew (run.c); the store takes no more jobs in between (OWNER_LAST).
 */

/* Long enough for the answer to whoever asked for the restore to go out. */
static const int64_t soon_us = STAMP_SECOND / 4;
/* Nothing is wrong meanwhile: the bot's answer keeps Telegram's pace, a message a second. */
static const int64_t told_us = 3 * STAMP_SECOND;

void restored_read(struct db *db, char *text)
{
    struct err ignored = {0};

    text[0] = '\0';
    if (db_meta_get(db, "restored", text, sizeof(((struct daemon *)NULL)->restored), &ignored))
        text[0] = '\0';
}

void restored_load(struct daemon *d, struct db *db)
{
    restored_read(db, d->restored);
}

static void end(void *arg)
{
    loop_stop(((struct daemon *)arg)->loop);
}

static void begin_anew(struct daemon *d, int64_t wait_us)
{
    d->again = true;
    if (loop_timer_new(d->loop, end, d, &d->again_due) == 0)
        loop_timer_set_real(d->again_due, wait_us);
    else
        loop_stop(d->loop);
}

void restored_begin(struct daemon *d)
{
    if (d->again || d->stopping)
        return;
    log_warning("restore", "a backup was put in place of the database: everything starts anew");
    begin_anew(d, soon_us);
}

void restored_access(struct daemon *d)
{
    if (d->again || d->stopping)
        return;
    log_warning("config", "the access to the panel was changed: everything starts anew with it");
    d->accessed = true;
    begin_anew(d, told_us);
}

int restored_work(void *app, op_work_fn job, op_worked_fn done, void *arg)
{
    return worker_submit(((struct daemon *)app)->worker, job, done, arg);
}
