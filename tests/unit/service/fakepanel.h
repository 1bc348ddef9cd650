/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_SERVICE_FAKEPANEL_H
#define TESTS_SERVICE_FAKEPANEL_H

/*
 * A panel for tests of the enforcement. struct fp is plain data that may lie in a shared file, so that it
 * outlives a killed process, as a panel does; struct fp_line is a process's connection to it: calls under
 * way, each with a fate. The panel itself watches what must never happen and keeps the first offence.
 */

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "service/panel_port.h"

#ifndef FP_USERS
#define FP_USERS 24
#endif
enum { FP_GROUPS = 8, FP_CALLS = 64, FP_LATE = 32, FP_NOTE = 200 };

/* Group ids are 1…FP_GROUPS; the last one is that of disabled users. */
#define FP_DISABLED_GROUP FP_GROUPS

enum fp_by { FP_NOBODY, FP_US, FP_ADMIN };

struct fp_user {
    int64_t id, created_us, edit_us, expire_us;
    char name[24];
    char note[FP_NOTE];
    char plain[FP_NOTE]; /* what people wrote into it */
    enum panel_status status;
    int64_t groups[FP_GROUPS];
    size_t n_groups;
    bool exists;
    /* What the panel knows of who did what. */
    enum fp_by status_by, groups_by; /* who set the present status and groups */
    bool ours;                /* disabled by us, in either way, and not enabled by anyone since */
    bool noted;               /* other fields edited since we disabled him */
    bool traced;              /* an admin disabled him in a way that leaves a trace */
    int64_t saved[FP_GROUPS]; /* his groups when we moved him */
    size_t n_saved;
    bool blind;      /* an admin was faster than our moving him: what we knew was old */
    bool doubtful;   /* set by the test: it will be so the next time */
    int64_t read_us; /* when we read him last, and when an admin touched him last */
    int64_t admin_us;
    int64_t enabled_us;    /* when we enabled him last */
    int disables, enables; /* calls of ours that took effect */
    int credentials;       /* how often they were renewed */
    bool mark_left;        /* the panel would not take our mark out of the note */
    bool marked; /* our mark came with the last disabling call, or after it, and no admin took it */
};

struct fp_late {
    bool used;
    int64_t at_us, id;
    bool by_group, has_note;
    char note[FP_NOTE];
};

struct fp {
    struct fp_user users[FP_USERS];
    bool group_gone[FP_GROUPS + 1];
    bool down;
    bool old; /* a panel whose call for disabling has room for a note, and moves edit_at */
    int64_t now_us;
    int64_t last_edit_us;
    struct fp_late late[FP_LATE];
    long calls, reads;
    char offence[256];
};

enum fp_fate {
    FP_OK,
    FP_UNREACHABLE, /* never got there */
    FP_LOST_BEFORE, /* no answer, nothing done */
    FP_LOST_AFTER,  /* no answer, but done */
    FP_LATE_DONE,   /* no answer, and done some seconds later (disabling only, else as before) */
    FP_NO,          /* 403 */
    FP_ERROR,       /* done, answered with something senseless */
    FP_FATES,
};

enum fp_kind { FP_READ, FP_DISABLE, FP_ENABLE, FP_SET_GROUPS, FP_SET_NOTE, FP_REVOKE };

struct fp_call {
    bool used;
    enum fp_kind kind;
    enum fp_fate fate;
    int64_t id, at_us;
    int64_t groups[FP_GROUPS];
    size_t n_groups;
    bool has_note;
    char note[FP_NOTE];
    bool arrived; /* before it was answered, with rc */
    int rc;
    panel_user_fn fn;
    void *arg;
};

struct fp_line {
    struct fp *panel;
    struct fp_call calls[FP_CALLS];
    int64_t delay_us;
    bool eager; /* calls take effect when sent; only the answer comes later */
    /* Decides how a call ends; NULL: well. */
    enum fp_fate (*fate)(void *ctx, enum fp_kind kind, int64_t id);
    /* A call that changes something is about to be sent; the test looks at the journal. */
    void (*sending)(void *ctx, enum fp_kind kind, const struct fp_user *u);
    /* It has reached the panel, or may reach it yet, for all that the answer says. */
    void (*taken)(void *ctx, enum fp_kind kind, const struct fp_user *u);
    void *ctx;
};

static inline void fp_offend(struct fp *p, const char *fmt, ...)
{
    va_list ap;

    if (p->offence[0])
        return;
    va_start(ap, fmt);
    vsnprintf(p->offence, sizeof(p->offence), fmt, ap);
    va_end(ap);
}

static inline struct fp_user *fp_find(struct fp *p, int64_t id)
{
    int i;

    for (i = 0; i < FP_USERS; i++)
        if (p->users[i].id == id && p->users[i].exists)
            return &p->users[i];
    return NULL;
}

static inline void fp_init(struct fp *p, int64_t now_us)
{
    int i, g;

    memset(p, 0, sizeof(*p));
    p->now_us = p->last_edit_us = now_us;
    for (i = 0; i < FP_USERS; i++) {
        struct fp_user *u = &p->users[i];

        u->id = i + 1;
        u->exists = true;
        u->created_us = now_us - 1000000 * (int64_t)(i + 1);
        u->edit_us = i % 3 ? u->created_us : STAMP_NONE;
        u->expire_us = STAMP_NONE;
        u->status = PANEL_STATUS_ACTIVE;
        snprintf(u->name, sizeof(u->name), "user%d", i + 1);
        for (g = 1; g < FP_GROUPS; g++)
            if ((i + 1) >> (g - 1) & 1)
                u->groups[u->n_groups++] = FP_GROUPS - g; /* not in rising order */
    }
}

/* An edit of the user's record moves edit_at; two edits are never at the same millisecond. */
static inline void fp_touch(struct fp *p, struct fp_user *u)
{
    p->last_edit_us = p->last_edit_us + 1000 > p->now_us ? p->last_edit_us + 1000 : p->now_us;
    u->edit_us = p->last_edit_us;
}

static inline bool fp_is_moved(const struct fp_user *u)
{
    return u->n_groups == 1 && u->groups[0] == FP_DISABLED_GROUP;
}

/* A disabling or moving call of ours takes effect. */
static inline void fp_do_disable(struct fp *p, struct fp_user *u, bool by_group)
{
    bool was = by_group ? fp_is_moved(u) : u->status == PANEL_STATUS_DISABLED;

    if (by_group) {
        if (!was) {
            memcpy(u->saved, u->groups, sizeof(u->saved));
            u->n_saved = u->n_groups;
            u->blind = u->admin_us >= u->read_us || u->doubtful;
            u->doubtful = false;
        }
        u->groups[0] = FP_DISABLED_GROUP;
        u->n_groups = 1;
        fp_touch(p, u);
        u->groups_by = FP_US;
    } else {
        u->status = PANEL_STATUS_DISABLED;
    }
    /* An admin was faster by a moment: his doing cannot be told from ours. */
    if (was && u->admin_us >= u->read_us)
        u->traced = false;
    if (was)
        return;
    if (!by_group)
        u->status_by = FP_US;
    u->disables++;
    u->ours = true;
    u->noted = u->traced = false;
}

static inline void fp_do_enable(struct fp *p, struct fp_user *u)
{
    /* Touched after our last look: nobody could have known. */
    bool raced = u->admin_us >= u->read_us;

    if (u->status != PANEL_STATUS_DISABLED)
        return;
    if (u->status_by == FP_ADMIN && u->traced && !u->noted && !raced)
        fp_offend(p, "%s was disabled by an admin, and we revived him", u->name);
    u->status = u->expire_us != STAMP_NONE && u->expire_us < p->now_us ? PANEL_STATUS_EXPIRED
                                                                       : PANEL_STATUS_ACTIVE;
    u->status_by = FP_US;
    u->enabled_us = p->now_us;
    u->enables++;
    u->ours = false;
}

/* Our groups go back: exactly those of before, without the ones deleted since. */
static inline void fp_do_groups(struct fp *p, struct fp_user *u, const int64_t *groups, size_t n)
{
    bool raced = u->admin_us >= u->read_us;
    size_t i, at = 0;

    if (u->ours && !raced && !u->blind) {
        for (i = 0; i < u->n_saved; i++) {
            if (p->group_gone[u->saved[i]])
                continue;
            if (at >= n || groups[at] != u->saved[i])
                fp_offend(p, "%s gets other groups than he had", u->name);
            at++;
        }
        if (at != n && !(at == 0 && n == 1))
            fp_offend(p, "%s gets more groups than he had", u->name);
    }
    memcpy(u->groups, groups, n * sizeof(groups[0]));
    u->n_groups = n;
    fp_touch(p, u);
    u->groups_by = FP_US;
    u->enables++;
    u->ours = false;
}

static inline void fp_show(const struct fp_user *u, struct panel_user *out, char *raw, size_t max)
{
    static const char *const words[] = {"?", "active", "disabled", "limited", "expired", "on_hold"};

    memset(out, 0, sizeof(*out));
    out->id = u->id;
    out->name = slice_of(u->name);
    out->status = u->status;
    out->status_text = slice_of(words[u->status]);
    memcpy(out->groups, u->groups, u->n_groups * sizeof(u->groups[0]));
    out->n_groups = u->n_groups;
    out->groups_told = out->admin_told = true;
    out->admin_id = 1;
    out->admin_name = slice_of("root");
    out->hwid_limit = -1;
    out->edit_at_us = u->edit_us;
    out->created_at_us = u->created_us;
    out->online_at_us = STAMP_NONE;
    out->note = slice_of(u->note);
    out->expire_us = u->expire_us;
    snprintf(raw, max,
             "{\"id\":%lld,\"proxy_settings\":{\"vless\":{\"id\":\"%lld-%d\"}},\"used\":%d}",
             (long long)u->id, (long long)u->created_us, u->credentials, u->disables);
    out->raw = slice_of(raw);
}

/* text without our mark, as a person would clean it. */
static inline void fp_strip(const char *text, char *out)
{
    const char *at = strstr(text, "[pg-limiter until "), *end = at ? strchr(at, ']') : NULL;
    size_t head;

    if (!end) {
        memmove(out, text, strlen(text) + 1);
        return;
    }
    end++;
    if (at > text && at[-1] == ' ')
        at--;
    else if (at == text && *end == ' ')
        end++;
    head = (size_t)(at - text);
    memmove(out, text, head);
    memmove(out + head, end, strlen(end) + 1);
}

/* A note of ours lands: nothing but our mark may differ from what people wrote. */
static inline void fp_do_note(struct fp *p, struct fp_user *u, const char *note, bool raced)
{
    char plain[FP_NOTE] = "";

    fp_strip(note, plain);
    if (raced || u->admin_us >= u->read_us)
        memcpy(u->plain, plain, sizeof(plain)); /* nobody could have known */
    else if (strcmp(plain, u->plain) != 0)
        fp_offend(p, "%s had the note '%s', and we make it '%s'", u->name, u->plain, note);
    memmove(u->note, note, strlen(note) + 1);
    u->marked |= strstr(note, "[pg-limiter") != NULL;
    fp_touch(p, u);
}

/* The call reaches the panel. 0, or what the panel says. */
static inline int fp_arrive(struct fp *p, struct fp_call *c, struct err *err)
{
    struct fp_user *u = fp_find(p, c->id);
    size_t i;

    c->arrived = true;
    if (c->kind == FP_READ)
        p->reads++;
    else
        p->calls++;
    if (!u)
        return err_set(err, ERR_NOT_FOUND, "User not found");
    if (c->kind == FP_READ) {
        u->read_us = p->now_us;
    } else if (c->kind == FP_DISABLE) {
        fp_do_disable(p, u, false);
    } else if (c->kind == FP_ENABLE) {
        fp_do_enable(p, u);
    } else if (c->kind == FP_REVOKE) {
        u->credentials++;
    } else if (c->kind == FP_SET_GROUPS) {
        for (i = 0; i < c->n_groups; i++)
            if (p->group_gone[c->groups[i]])
                return err_set(err, ERR_REFUSED, "Group not found");
        if (c->n_groups == 1 && c->groups[0] == FP_DISABLED_GROUP)
            fp_do_disable(p, u, true);
        else
            fp_do_groups(p, u, c->groups, c->n_groups);
    }
    if (p->old && (c->kind == FP_DISABLE || c->kind == FP_ENABLE))
        fp_touch(p, u);
    if (c->has_note && (c->kind == FP_SET_NOTE || c->kind == FP_SET_GROUPS || p->old))
        fp_do_note(p, u, c->note, false);
    return ERR_OK;
}

static inline void fp_send_late(struct fp *p, const struct fp_call *c)
{
    int i;

    for (i = 0; i < FP_LATE; i++) {
        if (!p->late[i].used) {
            p->late[i] = (struct fp_late){true,
                                          p->now_us + 20 * STAMP_SECOND,
                                          c->id,
                                          c->kind == FP_SET_GROUPS,
                                          c->has_note && (c->kind == FP_SET_GROUPS || p->old),
                                          ""};
            snprintf(p->late[i].note, FP_NOTE, "%s", c->note);
            return;
        }
    }
}

/* Puts off what is late until us from now. */
static inline void fp_put_off(struct fp *p, int64_t us)
{
    int i;

    for (i = 0; i < FP_LATE; i++)
        if (p->late[i].used)
            p->late[i].at_us = p->now_us + us;
}

/* As what a call counts: moving to the group of the disabled is disabling. */
static inline enum fp_kind fp_meaning(const struct fp_call *c)
{
    return c->kind == FP_SET_GROUPS && c->n_groups == 1 && c->groups[0] == FP_DISABLED_GROUP
               ? FP_DISABLE
               : c->kind;
}

static inline void fp_take(struct fp_line *l, const struct fp_call *c)
{
    struct fp_user *u = fp_find(l->panel, c->id);

    if (l->taken && u && c->kind != FP_READ)
        l->taken(l->ctx, fp_meaning(c), u);
}

static inline void fp_answer(struct fp_line *l, struct fp_call *c)
{
    struct fp *p = l->panel;
    struct fp_call done = *c;
    struct panel_user user;
    struct err err = {0};
    struct fp_user *u;
    char raw[200];
    int rc = ERR_OK;

    if (done.fate == FP_LATE_DONE && fp_meaning(c) != FP_DISABLE)
        done.fate = FP_LOST_BEFORE;
    if (p->down && done.fate != FP_LATE_DONE && !done.arrived)
        done.fate = FP_UNREACHABLE;
    if (!done.arrived && done.fate != FP_UNREACHABLE && done.fate != FP_NO)
        fp_take(l, &done);
    if (done.arrived)
        rc = done.rc ? err_set(&err, done.rc, "the panel says no") : ERR_OK;
    else if (done.fate == FP_OK || done.fate == FP_LOST_AFTER || done.fate == FP_ERROR)
        rc = fp_arrive(p, &done, &err);
    if (done.fate == FP_LATE_DONE)
        fp_send_late(p, &done);
    c->used = false;
    if (done.fate == FP_UNREACHABLE)
        rc = err_set(&err, ERR_UNREACHABLE, "connection refused");
    else if (done.fate == FP_NO)
        rc = err_set(&err, ERR_FORBIDDEN, "Permission denied: users.update");
    else if (done.fate == FP_ERROR)
        rc = err_set(&err, done.kind == FP_READ ? ERR_PROTOCOL : ERR_UNSURE, "no JSON");
    else if (done.fate != FP_OK)
        rc = err_set(&err, done.kind == FP_READ ? ERR_TIMEOUT : ERR_UNSURE, "timed out");
    u = fp_find(p, done.id);
    /* Only taking it out is ever asked for without a mark in it. */
    if (rc && u && done.kind == FP_SET_NOTE && !strstr(done.note, "[pg-limiter"))
        u->mark_left = true;
    if (rc || !u) {
        done.fn(done.arg, rc, &err, NULL);
        return;
    }
    fp_show(u, &user, raw, sizeof(raw));
    done.fn(done.arg, ERR_OK, &err, &user);
}

/* Answers every call whose time has come, and lets late ones land. True when something happened. */
static inline bool fp_pump(struct fp_line *l)
{
    struct fp *p = l->panel;
    struct fp_user *u;
    bool any = false;
    int i;

    for (i = 0; i < FP_LATE; i++) {
        if (p->late[i].used && p->late[i].at_us <= p->now_us) {
            p->late[i].used = false;
            u = fp_find(p, p->late[i].id);
            if (!u)
                continue;
            fp_do_disable(p, u, p->late[i].by_group);
            if (p->late[i].has_note)
                fp_do_note(p, u, p->late[i].note, true);
        }
    }
    for (i = 0; i < FP_CALLS; i++) {
        if (l->calls[i].used && l->calls[i].at_us <= p->now_us) {
            fp_answer(l, &l->calls[i]);
            any = true;
        }
    }
    return any;
}

static inline int fp_under_way(const struct fp_line *l)
{
    int i, n = 0;

    for (i = 0; i < FP_CALLS; i++)
        n += l->calls[i].used;
    return n;
}

static inline void fp_call(struct fp_line *l, enum fp_kind kind, int64_t id, const int64_t *groups,
                           size_t n, const struct slice *note, panel_user_fn fn, void *arg)
{
    struct fp_call *c = l->calls;
    struct fp_user *u = fp_find(l->panel, id);
    struct err err = {0};

    while (c < l->calls + FP_CALLS && c->used)
        c++;
    if (c == l->calls + FP_CALLS || n > FP_GROUPS) {
        fp_offend(l->panel, "more calls at once than the panel should ever see");
        err_set(&err, ERR_BUSY, "too many calls");
        fn(arg, ERR_BUSY, &err, NULL);
        return;
    }
    if (kind == FP_SET_GROUPS && n == 0)
        fp_offend(l->panel, "an empty list of groups was sent");
    if (u && (kind == FP_DISABLE || (kind == FP_SET_GROUPS && groups[0] == FP_DISABLED_GROUP)))
        u->marked = false;
    if (kind != FP_READ && u && l->sending)
        l->sending(l->ctx,
                   kind == FP_SET_GROUPS && groups[0] == FP_DISABLED_GROUP ? FP_DISABLE : kind, u);
    *c = (struct fp_call){.used = true,
                          .kind = kind,
                          .id = id,
                          .at_us = l->panel->now_us + l->delay_us,
                          .n_groups = n,
                          .fn = fn,
                          .arg = arg};
    if (n)
        memcpy(c->groups, groups, n * sizeof(groups[0]));
    c->has_note = note != NULL;
    if (note)
        snprintf(c->note, sizeof(c->note), "%.*s", (int)note->n, note->n ? note->p : "");
    c->fate = l->fate ? l->fate(l->ctx, kind, id) : FP_OK;
    if (l->eager && kind != FP_READ && c->fate == FP_OK && !l->panel->down) {
        fp_take(l, c);
        c->rc = fp_arrive(l->panel, c, &err);
    }
}

static inline void fp_read_user(void *ctx, int64_t id, panel_user_fn fn, void *arg)
{
    fp_call(ctx, FP_READ, id, NULL, 0, NULL, fn, arg);
}

static inline void fp_set_disabled(void *ctx, int64_t id, bool disabled, const struct slice *note,
                                   panel_user_fn fn, void *arg)
{
    fp_call(ctx, disabled ? FP_DISABLE : FP_ENABLE, id, NULL, 0, note, fn, arg);
}

static inline void fp_set_groups(void *ctx, int64_t id, const int64_t *groups, size_t n,
                                 const struct slice *note, panel_user_fn fn, void *arg)
{
    fp_call(ctx, FP_SET_GROUPS, id, groups, n, note, fn, arg);
}

static inline void fp_set_note(void *ctx, int64_t id, struct slice note, panel_user_fn fn,
                               void *arg)
{
    fp_call(ctx, FP_SET_NOTE, id, NULL, 0, &note, fn, arg);
}

static inline void fp_revoke(void *ctx, int64_t id, panel_user_fn fn, void *arg)
{
    fp_call(ctx, FP_REVOKE, id, NULL, 0, NULL, fn, arg);
}

static inline bool fp_is_up(void *ctx)
{
    return !((struct fp_line *)ctx)->panel->down;
}

static inline struct panel_port fp_port(struct fp_line *l)
{
    return (struct panel_port){.ctx = l,
                               .read_user = fp_read_user,
                               .set_disabled = fp_set_disabled,
                               .set_groups = fp_set_groups,
                               .set_note = fp_set_note,
                               .revoke = fp_revoke,
                               .is_up = fp_is_up};
}

#endif
