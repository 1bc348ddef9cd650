/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/checkup.h"

#include <stdlib.h>
#include <string.h>

#include "base/stamp.h"
#include "net/loop.h"
#include "panel/panel_int.h"
#include "base/banned.h"

enum { SAMPLE_NODE = 3, SAMPLE_ALL = 12 };
static const int64_t sample_us = 60 * STAMP_SECOND;
/* No user has it: the last id that every database of a panel can look for. */
static const int64_t nobody = INT32_MAX;
/* A connection younger than this may have its line still on the way. */
static const int64_t on_its_way_us = 3 * STAMP_SECOND;

struct checkup {
    struct panel *panel;
    struct engine *engine;
    struct doctor_facts *facts;
    int64_t now_us;
    int step;
    bool silent; /* a call met no answer: the others would not either */
    bool ending; /* the panel is being freed */
    int64_t ids[SAMPLE_ALL];
    int64_t nodes[SAMPLE_ALL]; /* where each was seen */
    size_t n_ids, at_id;
    checkup_fn fn;
    void *arg;
};

static void next(struct checkup *c);

/* ---- what is known already ---- */

static void copy_text(char *out, size_t max, const char *text)
{
    size_t n = text ? strlen(text) : 0;

    if (n >= max)
        n = max - 1;
    if (n)
        memcpy(out, text, n);
    out[n] = '\0';
}

static void take_state(struct checkup *c)
{
    struct panel_state s = panel_state(c->panel);
    struct doctor_facts *f = c->facts;

    f->up = s.up;
    f->refused = s.session == SESSION_REFUSED;
    f->has_key = s.has_key;
    f->nodes_known = s.nodes_known;
    copy_text(f->url, sizeof(f->url), s.base);
    copy_text(f->error, sizeof(f->error), s.error);
    copy_text(f->version, sizeof(f->version), s.version.known ? s.version.text : "");
    f->version_guessed = s.version.guessed;
    f->version_major = s.version.major;
    f->cert_ends_us = s.cert_ends_us;
    f->key_ends_us = s.key_ends_us;
}

static void take_node(struct checkup *c, const struct panel_node *from, struct doctor_node *to)
{
    const struct coverage *cover;
    struct panel_stream_state st;
    uint16_t node;

    to->id = from->id;
    copy_text(to->name, sizeof(to->name), from->name);
    copy_text(to->status, sizeof(to->status), from->status);
    copy_text(to->message, sizeof(to->message), from->message);
    to->enabled = from->enabled;
    to->connected = from->connected;
    to->clock_us = STAMP_NONE;
    if (panel_stream(c->panel, from->id, &st) == ERR_OK) {
        to->open = st.open;
        copy_text(to->stream_error, sizeof(to->stream_error), st.open ? "" : st.last_error);
    }
    if (engine_node(c->engine, from->id, STAMP_NONE, &node))
        return;
    cover = engine_coverage(c->engine, node);
    to->quiet = cover->quiet;
    to->faulty = cover->faulty_until_us > c->now_us;
    to->lines = cover->lines;
    memcpy(to->last_us, cover->last_us, sizeof(to->last_us));
    to->header_us = cover->header_us;
    to->direct_us = cover->direct_us;
    to->clock_us = engine_clock_offset(c->engine, node);
}

static void choose_users(struct checkup *c, const struct panel_node *from)
{
    int64_t ids[SAMPLE_NODE];
    uint16_t node;
    size_t n, i;

    if (engine_node(c->engine, from->id, STAMP_NONE, &node))
        return;
    n = engine_sample(c->engine, node, c->now_us - sample_us, ids, SAMPLE_NODE);
    for (i = 0; i < n && c->n_ids < SAMPLE_ALL; i++) {
        c->nodes[c->n_ids] = from->id;
        c->ids[c->n_ids++] = ids[i];
    }
}

static int take_nodes(struct checkup *c)
{
    struct doctor_facts *f = c->facts;
    size_t n, i;
    const struct panel_node *nodes = panel_nodes(c->panel, &n);

    f->nodes = calloc(n ? n : 1, sizeof(*f->nodes));
    if (!f->nodes)
        return ERR_NOMEM;
    f->n_nodes = n;
    for (i = 0; i < n; i++) {
        take_node(c, &nodes[i], &f->nodes[i]);
        choose_users(c, &nodes[i]);
    }
    return ERR_OK;
}

/* ---- permissions ---- */

static void note(struct checkup *c, enum doctor_ask ask, int rc, const struct err *err)
{
    struct doctor_answer *a = &c->facts->asks[ask];

    a->rc = rc;
    copy_text(a->text, sizeof(a->text), rc && err ? err->text : "");
    c->ending = c->ending || rc == ERR_CANCELLED;
    c->silent = c->silent || rc == ERR_UNREACHABLE || rc == ERR_TIMEOUT || rc == ERR_CANCELLED ||
                rc == ERR_AUTH;
}

static void asked(void *arg, const struct call_result *r)
{
    struct checkup *c = arg;
    enum doctor_ask ask = (enum doctor_ask)(c->step - 1);

    note(c, ask, r->rc, r->err);
    next(c);
}

/* That the panel misses him means that we might have changed him. */
static void updated(void *arg, int rc, const struct err *err, const struct panel_user *user)
{
    struct checkup *c = arg;

    (void)user;
    note(c, ASK_UPDATE, rc == ERR_NOT_FOUND ? ERR_OK : rc, err);
    next(c);
}

/* ---- the online list ---- */

static struct doctor_node *node_of(struct checkup *c, int64_t id)
{
    size_t i;

    for (i = 0; i < c->facts->n_nodes; i++)
        if (c->facts->nodes[i].id == id)
            return &c->facts->nodes[i];
    return NULL;
}

/* Whether the user's line for this connection has come: his device was seen then, or later. */
static bool was_heard(const struct user_view *v, struct addr addr, unsigned prefix, int64_t at_us)
{
    struct addr device = addr_device(addr, prefix);
    size_t i;

    for (i = 0; i < v->evidence.n_devices; i++)
        if (addr_eq(v->evidence.devices[i].addr, device))
            return v->evidence.devices[i].last_us >= at_us - on_its_way_us;
    return false;
}

static void compare(struct checkup *c, struct user_view *v, const struct online_list *list)
{
    size_t i;

    for (i = 0; i < list->n; i++) {
        int64_t at_us = list->at[i].last_s * STAMP_SECOND;
        struct doctor_node *n = node_of(c, list->at[i].node_id);
        struct addr addr;

        if (!n || !n->open || addr_parse(slice_of(list->at[i].address), &addr))
            continue;
        if (at_us > c->now_us + STAMP_SECOND && at_us - c->now_us > n->ahead_us)
            n->ahead_us = at_us - c->now_us;
        if (at_us > c->now_us - on_its_way_us || at_us < c->now_us - sample_us ||
            at_us < c->now_us - c->facts->watched_us + on_its_way_us)
            continue;
        n->entries++;
        n->missed += !was_heard(v, addr, (unsigned)engine_policy(c->engine)->ipv6_prefix, at_us);
    }
}

static void listed(void *arg, int rc, const struct err *err, struct online_list *list)
{
    struct checkup *c = arg;
    struct user_view *v = rc ? NULL : malloc(sizeof(*v));
    struct doctor_node *n = node_of(c, c->nodes[c->at_id]);
    size_t i;

    /* Connections have gone on while the panel took its time. */
    c->now_us = loop_wall_us(c->panel->loop);
    note(c, ASK_STATS, rc == ERR_NOT_FOUND ? ERR_OK : rc, err);
    if (!rc && n) {
        /* An idle user's node is there without an address; one that keeps no list is not there. */
        for (i = 0; i < list->n_nodes && list->nodes[i] != n->id; i++)
            ;
        n->listed += i < list->n_nodes;
        n->unlisted += i == list->n_nodes;
    }
    if (v && engine_view(c->engine, c->ids[c->at_id], c->now_us, v) == ERR_OK)
        compare(c, v, list);
    free(v);
    c->at_id++;
    next(c);
}

/* ---- the order ---- */

static void finish(struct checkup *c)
{
    checkup_fn fn = c->fn;
    void *arg = c->arg;

    /* After the calls: they may have learnt that the panel is gone. */
    if (!c->ending)
        take_state(c);
    free(c);
    fn(arg);
}

/* Starts the next call; steps of which none could be started are passed over. */
static void next(struct checkup *c)
{
    static const struct {
        const char *path, *what;
    } asks[ASK_COUNT] = {
        [ASK_USERS] = {"/api/users?limit=1&sort=id", "users read"},
        [ASK_SIMPLE] = {"/api/users/simple?limit=1&sort=id", "users read_simple"},
        [ASK_GROUPS] = {"/api/groups?limit=1", "groups read"},
        [ASK_ADMINS] = {"/api/admins?limit=1", "admins read"},
    };
    int rc;

    while (!c->silent && c->step < ASK_COUNT) {
        int ask = c->step++;

        if (ask == ASK_STATS)
            continue;
        if (ask == ASK_UPDATE) {
            panel_port(c->panel)->set_disabled(panel_port(c->panel)->ctx, nobody, false, NULL,
                                               updated, c);
            return;
        }
        rc = panel_get(c->panel, asks[ask].path, asks[ask].what, asked, c);
        if (rc == ERR_OK)
            return;
        note(c, (enum doctor_ask)ask, rc, NULL);
    }
    while (!c->silent && c->at_id < c->n_ids) {
        rc = panel_online(c->panel, c->ids[c->at_id], true, listed, c);
        if (rc == ERR_OK)
            return;
        c->at_id++;
    }
    if (c->n_ids == 0)
        copy_text(c->facts->asks[ASK_STATS].text, sizeof(c->facts->asks[ASK_STATS].text),
                  "nobody is online: there is nobody to ask about");
    finish(c);
}

int checkup_start(struct panel *panel, struct engine *engine, int64_t now_us,
                  struct doctor_facts *facts, checkup_fn fn, void *arg)
{
    struct checkup *c = calloc(1, sizeof(*c));

    if (!c)
        return ERR_NOMEM;
    *c = (struct checkup){
        .panel = panel, .engine = engine, .facts = facts, .now_us = now_us, .fn = fn, .arg = arg};
    take_state(c);
    if (take_nodes(c)) {
        free(c);
        return ERR_NOMEM;
    }
    if (!facts->up)
        finish(c);
    else
        next(c);
    return ERR_OK;
}
