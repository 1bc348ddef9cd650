/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "bot/topics.h"
#include "telegram/outbox.h"
#include "base/banned.h"

/* The notices in the daemon: who gets them, whose users are whose, and what operations ask of them. */

static bool admin_at(void *arg, size_t i, struct bot_admin *ret)
{
    struct daemon *d = arg;
    struct roster_admin a;

    if (!roster_at(&d->roster, &d->settings, i, &a))
        return false;
    *ret = (struct bot_admin){a.id, a.role, a.panel_admin_id, a.lang};
    return true;
}

static bool admin_name(void *arg, int64_t id, struct buf *out)
{
    struct daemon *d = arg;
    struct roster_admin a;

    return roster_find(&d->roster, &d->settings, id, &a) && a.name && a.name[0] &&
           buf_add_str(out, a.name) == ERR_OK;
}

static int64_t owner_of(void *arg, int64_t user_id)
{
    struct daemon *d = arg;
    struct limit_person p;

    if (!limits_person(engine_limits(d->engine), user_id, &p) || !p.owner_known)
        return 0;
    return p.owner_id;
}

int notify_new(struct daemon *d)
{
    struct notices_opts o = {.loop = d->loop,
                             .outbox = d->outbox,
                             .port = &d->port,
                             .key = d->key,
                             .admin_at = admin_at,
                             .admin_name = admin_name,
                             .owner_of = owner_of,
                             .arg = d};

    return notices_new(&o, &d->notices);
}

void notify_free(struct daemon *d)
{
    notices_free(d->notices);
    d->notices = NULL;
}

void notify_topics_live(void *app, struct buf *out)
{
    struct daemon *d = app;

    topics_live(notices_topics(d->notices), out);
}

void notify_topics_check(void *app, int64_t group, op_topics_fn fn, void *arg)
{
    struct daemon *d = app;

    topics_check(notices_topics(d->notices), group, fn, arg);
}

void notify_topics_make(void *app, const int *kinds, size_t n, struct slice who, op_topics_fn fn,
                        void *arg)
{
    struct daemon *d = app;

    topics_make(notices_topics(d->notices), kinds, n, who, fn, arg);
}

static int count_stuck(void *arg, const struct enforce_view *row)
{
    *(int64_t *)arg += row->attempts > 0;
    return 0;
}

void notify_backlog(void *app, int64_t *ret_lines, int64_t *ret_messages, int64_t *ret_stuck)
{
    struct daemon *d = app;
    const struct panel_node *nodes;
    size_t n, i;
    uint16_t node;

    *ret_lines = *ret_stuck = 0;
    nodes = panel_nodes(d->panel, &n);
    for (i = 0; i < n; i++)
        if (!engine_node(d->engine, nodes[i].id, STAMP_NONE, &node))
            *ret_lines += (int64_t)engine_coverage(d->engine, node)->stale;
    (void)enforce_each(d->enforce, count_stuck, ret_stuck);
    *ret_messages = d->outbox ? outbox_length(d->outbox) : 0;
}
