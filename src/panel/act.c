/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/act.h"

#include <stdio.h>
#include <stdlib.h>

#include "net/http.h"
#include "panel/puser.h"
#include "base/banned.h"

enum { ACT_TRIES = 3, BODY_MAX = 1 << 14 };

enum act_kind { ACT_READ, ACT_DISABLE, ACT_ENABLE, ACT_GROUPS, ACT_NOTE, ACT_REVOKE };
/* How the user is addressed, newest first. */
enum act_form { FORM_TOGGLE, FORM_ID, FORM_NAME };
enum act_stage {
    STAGE_DO,
    STAGE_VERIFY,  /* the change was answered 200 without a user: look what he is now */
    STAGE_CONFIRM, /* the panel said that he is missing: ask again */
};

struct act {
    struct act *prev, *next;
    struct acts *acts;
    enum act_kind kind;
    enum act_form form;
    enum act_stage stage;
    int64_t id;
    int64_t groups[PANEL_GROUPS_MAX];
    size_t n_groups;
    char *note; /* NULL: left alone */
    struct call *call;
    bool unclear;             /* the change may have been made, or may be yet */
    struct loop_timer *timer; /* tells a failure of the beginning later */
    struct err first;         /* what is being confirmed */
    struct err failed;
    panel_user_fn fn;
    void *arg;
};

static void ask(struct act *act);

static void act_free(struct act *act)
{
    if (act->prev)
        act->prev->next = act->next;
    else if (act->acts->list == act)
        act->acts->list = act->next;
    if (act->next)
        act->next->prev = act->prev;
    call_cancel(act->call);
    loop_timer_free(act->timer);
    free(act->note);
    free(act);
}

static void finish(struct act *act, int rc, const struct err *err, const struct panel_user *user)
{
    panel_user_fn fn = act->fn;
    void *arg = act->arg;
    struct err copy = *err;

    if (rc && rc != ERR_CANCELLED && act->unclear)
        rc = copy.code = ERR_UNSURE;
    act_free(act);
    fn(arg, rc, &copy, user);
}

static void on_timer(void *arg)
{
    struct act *act = arg;

    finish(act, act->failed.code, &act->failed, NULL);
}

static void fail_later(struct act *act, int rc, const char *why)
{
    err_set(&act->failed, rc, "user %lld: %s", (long long)act->id, why);
    loop_timer_set_real(act->timer, 0);
}

static bool has_group(const struct panel_user *user, int64_t group)
{
    size_t i;

    for (i = 0; i < user->n_groups; i++)
        if (user->groups[i] == group)
            return true;
    return false;
}

/* Whether the user is now what was asked for; the panel's 200 alone is not proof. */
static bool took_effect(const struct act *act, const struct panel_user *user)
{
    size_t i;

    if (act->kind == ACT_DISABLE)
        return user->status == PANEL_STATUS_DISABLED;
    if (act->kind == ACT_ENABLE)
        return user->status != PANEL_STATUS_DISABLED;
    if (act->kind == ACT_GROUPS) {
        for (i = 0; i < act->n_groups; i++)
            if (!has_group(user, act->groups[i]))
                return false;
        return user->n_groups <= act->n_groups && !user->groups_cut;
    }
    return true;
}

static void take_user(struct act *act, struct buf *body)
{
    struct puser_doc d = {0};
    struct err err = {0};
    int rc = puser_parse(buf_slice(body), &d, &err);

    /* Whatever it says after a 2xx, the change is most likely made; a user tells whether. */
    act->unclear |= act->stage == STAGE_DO && act->kind != ACT_READ;
    if (rc && act->stage == STAGE_DO && act->kind != ACT_READ) {
        act->stage = STAGE_VERIFY;
        if (act->form == FORM_TOGGLE)
            act->form = FORM_ID;
        ask(act);
        return;
    }
    if (!rc && d.user.id != act->id)
        rc = err_set(&err, act->form == FORM_NAME ? ERR_REFUSED : ERR_PROTOCOL,
                     act->form == FORM_NAME ? "his name belongs to user %lld now"
                                            : "the panel answered with user %lld",
                     (long long)d.user.id);
    /* Another one of that name tells nothing of what became of this one but that he was not changed. */
    if (!rc || act->form == FORM_NAME)
        act->unclear = false;
    if (!rc && act->stage == STAGE_CONFIRM && act->kind != ACT_READ)
        rc = err_set(&err, ERR_REFUSED, "he is there, but: %.400s", act->first.text);
    else if (!rc && !took_effect(act, &d.user))
        rc = err_set(&err, ERR_REFUSED,
                     "the panel accepted the change and did not make it: he is %.*s",
                     (int)(d.user.status_text.n > 40 ? 40 : d.user.status_text.n),
                     d.user.status_text.p);
    if (rc) {
        err_prefix(&err, "user %lld", (long long)act->id);
        finish(act, rc, &err, NULL);
    } else {
        /* The body and the document live until the callback is back. */
        finish(act, ERR_OK, &err, &d.user);
    }
    puser_release(&d);
}

static void missing(struct act *act, const struct call_result *r)
{
    struct err err = *r->err;

    if (r->missing != MISSING_USER) {
        err.code = ERR_REFUSED;
        finish(act, ERR_REFUSED, &err, NULL);
        return;
    }
    if (act->stage != STAGE_CONFIRM) {
        act->stage = STAGE_CONFIRM;
        act->first = err;
        if (act->form == FORM_TOGGLE)
            act->form = FORM_ID;
        ask(act);
        return;
    }
    if (act->form == FORM_NAME)
        err_set(&err, ERR_REFUSED, "user %lld is not found under his last known name",
                (long long)act->id);
    finish(act, err.code, &err, NULL);
}

static void on_answer(void *arg, const struct call_result *r)
{
    struct act *act = arg;
    struct acts *acts = act->acts;
    bool route = (r->status == 404 && r->missing == MISSING_ROUTE) || r->status == 405;
    struct buf kept;

    act->call = NULL;
    act->unclear |= r->unclear && act->stage == STAGE_DO && act->kind != ACT_READ;
    if (!r->rc) {
        kept = *r->body;
        buf_init(r->body, r->body->max);
        take_user(act, &kept);
        buf_release(&kept);
        return;
    }
    if (route || r->status == 403 || r->status == 422)
        acts->on_odd(acts->arg);
    if (route && act->form != FORM_NAME) {
        act->form++;
        ask(act);
    } else if (r->status == 404) {
        missing(act, r);
    } else {
        finish(act, r->rc, r->err, NULL);
    }
}

static void make_body(const struct act *act, struct buf *b)
{
    size_t i;

    if (act->kind == ACT_REVOKE)
        return;
    if (act->form == FORM_TOGGLE) {
        /* No room for a note here. */
        buf_addf(b, "{\"disabled\":%s}", act->kind == ACT_DISABLE ? "true" : "false");
        return;
    }
    buf_add_char(b, '{');
    if (act->kind == ACT_GROUPS) {
        buf_add_str(b, "\"group_ids\":[");
        for (i = 0; i < act->n_groups; i++)
            buf_addf(b, i ? ",%lld" : "%lld", (long long)act->groups[i]);
        buf_add_char(b, ']');
    } else if (act->kind != ACT_NOTE) {
        buf_addf(b, "\"status\":\"%s\"", act->kind == ACT_DISABLE ? "disabled" : "active");
    }
    if (act->note) {
        buf_add_str(b, act->kind == ACT_NOTE ? "\"note\":" : ",\"note\":");
        buf_add_json(b, slice_of(act->note));
    }
    buf_add_char(b, '}');
}

static int make_path(const struct act *act, bool reads, struct buf *b)
{
    bool revokes = act->kind == ACT_REVOKE && !reads;
    struct slice name;

    if (act->form != FORM_NAME) {
        buf_addf(b, "/api/user/by-id/%lld%s", (long long)act->id,
                 act->form == FORM_TOGGLE ? "/disabled" : "");
    } else {
        if (!act->acts->name_of || !act->acts->name_of(act->acts->arg, act->id, &name))
            return ERR_REFUSED;
        buf_add_str(b, "/api/user/");
        http_add_escaped(b, name);
    }
    if (revokes)
        buf_add_str(b, "/revoke_sub");
    return b->failed ? ERR_TOO_BIG : ERR_OK;
}

static void ask(struct act *act)
{
    static const char *const names[] = {
        "read", "disable", "enable", "set the groups of", "set the note of", "revoke the links of"};
    bool reads = act->kind == ACT_READ || act->stage != STAGE_DO;
    bool revokes = act->kind == ACT_REVOKE && !reads;
    /* People change users as well: before a change is sent again, the caller has to look at him. */
    struct call_opts opts = {.method = reads     ? "GET"
                                       : revokes ? "POST"
                                                 : "PUT",
                             .tries = reads ? ACT_TRIES : 1,
                             .once = !reads};
    struct buf path, body;
    char what[64];
    int rc;

    buf_init(&path, 1024);
    buf_init(&body, BODY_MAX);
    snprintf(what, sizeof(what), "%s user %lld", names[reads ? ACT_READ : act->kind],
             (long long)act->id);
    opts.what = what;
    if (!reads)
        make_body(act, &body);
    opts.body = buf_slice(&body);
    rc = body.failed ? ERR_TOO_BIG : make_path(act, reads, &path);
    opts.path = buf_str(&path);
    if (rc == ERR_REFUSED)
        fail_later(act, rc,
                   "this panel finds users by name only (before 3.1), and his is not known");
    else if (rc || (rc = call_start(act->acts->calls, &opts, on_answer, act, &act->call)) != ERR_OK)
        fail_later(act, rc, err_name(rc));
    buf_release(&path);
    buf_release(&body);
}

/* The groups and the note to be set; n 0 and NULL: none. */
struct wish {
    const int64_t *groups;
    size_t n;
    const struct slice *note;
};

static void begin(struct acts *acts, enum act_kind kind, int64_t id, struct wish wish,
                  panel_user_fn fn, void *arg)
{
    struct act *act = calloc(1, sizeof(*act));
    const int64_t *groups = wish.groups;
    size_t n = wish.n;
    struct err err;

    if (act && wish.note)
        act->note = strndup(wish.note->n ? wish.note->p : "", wish.note->n);
    if (!act || (wish.note && !act->note) ||
        loop_timer_new(acts->calls->loop, on_timer, act, &act->timer) != ERR_OK) {
        if (act)
            free(act->note);
        free(act);
        /* The one case that is told at once: there is no memory to tell it later. */
        err_set(&err, ERR_NOMEM, "out of memory");
        fn(arg, ERR_NOMEM, &err, NULL);
        return;
    }
    act->acts = acts;
    act->kind = kind;
    act->id = id;
    act->fn = fn;
    act->arg = arg;
    act->next = acts->list;
    if (act->next)
        act->next->prev = act;
    acts->list = act;
    if (id < 1) {
        fail_later(act, ERR_INVALID, "no such id");
        return;
    }
    if (kind == ACT_GROUPS && (n == 0 || n > PANEL_GROUPS_MAX)) {
        fail_later(act, ERR_INVALID,
                   n ? "too many groups" : "an empty list of groups would remove all");
        return;
    }
    if (n)
        memcpy(act->groups, groups, n * sizeof(*groups));
    act->n_groups = n;
    act->form = FORM_NAME;
    if (pversion_from(acts->version, 3, 1))
        act->form = FORM_ID;
    if ((kind == ACT_DISABLE || kind == ACT_ENABLE) && pversion_from(acts->version, 5, 0))
        act->form = FORM_TOGGLE;
    ask(act);
}

void act_read(struct acts *a, int64_t id, panel_user_fn fn, void *arg)
{
    begin(a, ACT_READ, id, (struct wish){0}, fn, arg);
}

void act_set_disabled(struct acts *a, int64_t id, bool disabled, const struct slice *note,
                      panel_user_fn fn, void *arg)
{
    begin(a, disabled ? ACT_DISABLE : ACT_ENABLE, id, (struct wish){.note = note}, fn, arg);
}

void act_set_groups(struct acts *a, int64_t id, const int64_t *groups, size_t n,
                    const struct slice *note, panel_user_fn fn, void *arg)
{
    begin(a, ACT_GROUPS, id, (struct wish){groups, n, note}, fn, arg);
}

void act_set_note(struct acts *a, int64_t id, struct slice note, panel_user_fn fn, void *arg)
{
    begin(a, ACT_NOTE, id, (struct wish){.note = &note}, fn, arg);
}

void act_revoke(struct acts *a, int64_t id, panel_user_fn fn, void *arg)
{
    begin(a, ACT_REVOKE, id, (struct wish){0}, fn, arg);
}

void acts_close(struct acts *a)
{
    struct err err;

    err_set(&err, ERR_CANCELLED, "%s", err_name(ERR_CANCELLED));
    while (a->list)
        finish(a->list, ERR_CANCELLED, &err, NULL);
}
