/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <string.h>
#include <time.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "base/banned.h"

/* What the enforcement asks and tells: a last word before a disable, and what became of each. */

int news_approve(void *daemon, const struct enforce_case *ec, const struct panel_user *user,
                 struct err *why)
{
    struct daemon *d = daemon;
    struct limits *l = engine_limits(d->engine);
    enum limit_source from;
    int limit;

    people_learn(d, user);
    if (ec->ordered_by.n)
        return ERR_OK;
    limit = limits_of(l, user->id, d->policy.general_limit, &from);
    if (d->policy.mode != MODE_ON)
        return err_set(why, ERR_REFUSED, "enforcement is not on any more");
    if (limit_source_why(from))
        return err_set(why, ERR_REFUSED, "%s", limit_source_why(from));
    if (limits_mode(l, user->id, MODE_ON) != MODE_ON)
        return err_set(why, ERR_REFUSED, "one of his groups is only watched (group_modes)");
    if (engine_paused(d->engine))
        return err_set(why, ERR_REFUSED, "the breaker has paused enforcement");
    if (from == LIMIT_FROM_EXCEPTION)
        return err_set(why, ERR_REFUSED, "excepted meanwhile");
    /* What was proven is more than the limit then, which says nothing about a higher one. */
    if (limit == 0 || limit > ec->max_devices)
        return err_set(why, ERR_REFUSED, "his limit is %d%s now, and was %d at the verdict", limit,
                       limit ? "" : " (unlimited)", ec->max_devices);
    return ERR_OK;
}

static void on_restored(struct daemon *d, const struct enforce_event *ev)
{
    int64_t until_us = daemon_now(d) + d->policy.pardon_us;

    log_info("enforce", "%.*s: enabled again%s: %s", LOG_SLICE(ev->name),
             ev->why == ENFORCE_WHY_BY_HAND ? " by hand" : "", ev->text);
    if (ev->why != ENFORCE_WHY_BY_HAND || engine_pardon(d->engine, ev->user_id, until_us))
        engine_clear_user(d->engine, ev->user_id);
}

static void on_superseded(struct daemon *d, const struct enforce_event *ev)
{
    bool freed = ev->why == ENFORCE_WHY_ENABLED || ev->why == ENFORCE_WHY_GROUPS_CHANGED;

    log_warning("enforce", "%.*s: left as he is: %s", LOG_SLICE(ev->name), ev->text);
    if (!freed || engine_pardon(d->engine, ev->user_id, daemon_now(d) + d->policy.pardon_us))
        engine_clear_user(d->engine, ev->user_id);
}

/* The engine is told of a user who is disabled by us, or about to be: he is not judged meanwhile. */
int news_known(void *arg, const struct enforce_view *row)
{
    struct daemon *d = arg;

    if (engine_set_punished(d->engine, row->user_id, row->due_us == STAMP_NONE ? 0 : row->due_us,
                            daemon_now(d)))
        log_error("enforce", "out of memory");
    return 0;
}

/* A time as the log's own lines show theirs: in TZ, to the second. */
static const char *local_time(int64_t us, char *out, size_t n)
{
    time_t t = (time_t)(us / STAMP_SECOND);
    struct tm tm;

    localtime_r(&t, &tm);
    strftime(out, n, "%Y-%m-%d %H:%M:%S", &tm);
    return out;
}

void news_event(void *daemon, const struct enforce_event *ev)
{
    struct daemon *d = daemon;
    char due[32];

    tell_enforced(d, ev);
    stuck_changed(d);
    switch (ev->kind) {
    case ENFORCE_APPLIED:
        log_warning("enforce", "%.*s: disabled%s; no new connections until %s", LOG_SLICE(ev->name),
                    ev->by_group ? " by group" : "",
                    ev->due_us == STAMP_NONE ? "enabled by hand"
                                             : local_time(ev->due_us, due, sizeof(due)));
        if (strchr(ev->text, ';')) /* what became of revoking */
            log_warning("enforce", "%.*s: %s", LOG_SLICE(ev->name), ev->text);
        if (engine_set_punished(d->engine, ev->user_id, ev->due_us == STAMP_NONE ? 0 : ev->due_us,
                                daemon_now(d)))
            log_error("enforce", "out of memory");
        break;
    case ENFORCE_REFUSED:
        log_warning("enforce", "%.*s: not disabled: %s", LOG_SLICE(ev->name), ev->text);
        if (!ev->ordered) /* the engine has never heard of an order that came to nothing */
            carry_not_punished(d, ev->user_id, ev->verdict_us);
        break;
    case ENFORCE_RESTORED:
        on_restored(d, ev);
        break;
    case ENFORCE_SUPERSEDED:
        on_superseded(d, ev);
        break;
    case ENFORCE_RESTORE_FAILING:
        if (ev->why == ENFORCE_WHY_GONE)
            log_warning("enforce",
                        "%.*s: cannot be enabled (attempt %d): %s; that is believed when the panel "
                        "has said so for an hour",
                        LOG_SLICE(ev->name), ev->attempts, ev->text);
        else
            log_error_told("enforce",
                           "%.*s: cannot be enabled yet (attempt %d): %s; it is tried for ever",
                           LOG_SLICE(ev->name), ev->attempts, ev->text);
        break;
    case ENFORCE_STORE_FAILING:
        log_error_told("store", "the journal cannot be written, so nobody is disabled: %s",
                       ev->text);
        break;
    case ENFORCE_STORE_BACK:
        log_warning("store", "the journal can be written again");
        break;
    case ENFORCE_RECOVERED:
        d->recovered = true;
        (void)enforce_each(d->enforce, news_known, d);
        if (ev->attempts)
            log_info("enforce", "%d punishments from before compared with the panel", ev->attempts);
        break;
    }
}
