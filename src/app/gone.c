/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "core/backoff.h"
#include "panel/jval.h"
#include "base/banned.h"

/*
 * Which groups of the panel are gone. A panel refuses a whole list of groups when one of them was
 * deleted, so a user moved to disabled_group_id would stay there for ever. The list is asked for only
 * when giving somebody his groups back has failed, and believed only for the tries right after it: a
 * group made since would look gone.
 */

static const int64_t believed_us = 10 * STAMP_SECOND, soon_us = 2 * STAMP_SECOND;

struct gone {
    struct daemon *d;
    int64_t *ids; /* the panel's groups when last listed */
    size_t n;
    bool asking;
    int64_t listed_us; /* 0: never */
    int64_t asked_us;  /* the last question, 0: none */
    int64_t next_us;   /* no question before */
    uint32_t wishes;   /* enforce_group_wishes then */
    struct backoff wait;
};

struct gone *gone_new(struct daemon *d)
{
    struct gone *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->d = d;
    backoff_init(&g->wait, soon_us, 300 * STAMP_SECOND);
    return g;
}

void gone_free(struct gone *g)
{
    if (!g)
        return;
    free(g->ids);
    free(g);
}

enum enforce_group gone_group(void *daemon, int64_t id)
{
    const struct daemon *d = daemon;
    const struct gone *g = d->gone;
    size_t i;

    if (!g || !g->listed_us || daemon_now(d) - g->listed_us > believed_us)
        return ENFORCE_GROUP_UNSURE;
    for (i = 0; i < g->n; i++)
        if (g->ids[i] == id)
            return ENFORCE_GROUP_THERE;
    return ENFORCE_GROUP_GONE;
}

/* Only a list that is whole says what is not in it. */
static int take_list(struct gone *g, struct slice body, struct err *err)
{
    struct jval *doc = NULL;
    const struct jval *groups;
    int64_t *ids;
    size_t n, i;
    int rc = jval_parse(body, &doc, err);

    if (rc)
        return rc;
    groups = jval_get(doc, "groups");
    n = jval_len(groups);
    ids = malloc((n + 1) * sizeof(*ids));
    if (!ids)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    else if (n == 0 || jval_opt_int(doc, "total", (int64_t)n) != (int64_t)n)
        rc = err_set(err, ERR_PROTOCOL, "the list of groups is not whole");
    for (i = 0; !rc && i < n; i++)
        rc = jval_need_int(jval_at(groups, i), "id", &ids[i], err);
    jval_free(doc);
    if (rc) {
        free(ids);
        return rc;
    }
    free(g->ids);
    g->ids = ids;
    g->n = n;
    g->listed_us = daemon_now(g->d);
    return ERR_OK;
}

static void on_groups(void *arg, const struct call_result *result)
{
    struct gone *g = arg;
    struct err err = *result->err;
    int rc = result->rc;

    if (rc == ERR_CANCELLED)
        return;
    g->asking = false;
    if (rc == 0)
        rc = take_list(g, buf_slice(result->body), &err);
    if (rc)
        log_debug("enforce", "which groups are gone is not known: %s", err.text);
    else
        enforce_retry_groups(g->d->enforce);
}

/* Ends the listing of rows at the first one whose groups could not be given back. */
static int is_failing(void *arg, const struct enforce_view *row)
{
    (void)arg;
    return row->wants_groups;
}

void gone_look(struct gone *g)
{
    struct daemon *d = g->d;
    int64_t now_us = daemon_now(d);

    if (g->asking || !panel_state(d->panel).up)
        return;
    if (g->asked_us > now_us) /* the clock was set back */
        g->asked_us = g->next_us = now_us;
    /* Who waits for good, without a fallback group, makes nobody else wait as seldom. */
    if (enforce_group_wishes(d->enforce) != g->wishes) {
        backoff_reset(&g->wait);
        if (g->next_us > g->asked_us + soon_us)
            g->next_us = g->asked_us + soon_us;
    }
    if (now_us < g->next_us)
        return;
    if (!enforce_each(d->enforce, is_failing, NULL)) {
        backoff_reset(&g->wait);
        return;
    }
    g->wishes = enforce_group_wishes(d->enforce);
    g->asked_us = now_us;
    g->next_us = now_us + backoff_next(&g->wait, loop_random(d->loop));
    g->asking = panel_get(d->panel, "/api/groups", "reading the groups", on_groups, g) == 0;
}
