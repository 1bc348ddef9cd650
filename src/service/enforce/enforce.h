/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENFORCE_H
#define SERVICE_ENFORCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "service/panel_port.h"
#include "store/owner.h"

/*
 * Disabling users and enabling them again, so that whatever happens in between (death of the process,
 * panel out of reach, full disk, other people at work) nobody stays disabled by us without a row of the
 * journal that will enable him, nobody is punished twice for one verdict, and nobody whom someone else
 * disabled is revived. The rules are those of spec/storage.md ("Journal", "A restore is not blind"):
 *
 *   read the user (not active: refused) -> row `intended` on the disk -> one call to the panel
 *   -> row `applied` -> due -> row `restoring` -> read the user -> enable, or superseded
 *
 * For one row the panel is asked to disable at most once: again only where the first asking certainly did
 * not get through, and the user then read is exactly as he was before it. When the answer is missing, the
 * user is read until it is certain what became of the call; one whom somebody has changed meanwhile is
 * left as he is. A row that revokes does so between `intended` and the disabling call, once, whatever
 * becomes of the answer: what cannot be known is told, not repeated.
 *
 * Terms go by the wall clock. One that is set back by more than an hour ends the terms begun before.
 *
 * No threads and no timers: everything runs on the loop's thread, in enforce_run and in the answers of
 * the panel and the store, which come through the functions given in enforce_opts. Texts given to a
 * callback live until it returns. A callback may call anything here but enforce_free.
 */
struct enforce;

/* How users are disabled; what is in force when a case's turn has come. */
struct enforce_policy {
    bool by_group;             /* move to disabled_group_id instead of disabling */
    int64_t disabled_group_id; /* 0: the status method is used */
    int64_t fallback_group_id; /* given when every group of before is gone; 0 = none */
    bool note;                 /* say so in the user's note in the panel meanwhile */
};

struct enforce_view;
/*
 * What became of an order: 0 disabled; ERR_REFUSED not disabled, and why; ERR_BUSY not yet, it goes on
 * by itself; ERR_CANCELLED the enforcement ends. view is of rc 0, else NULL.
 */
typedef void (*enforce_order_fn)(void *arg, int rc, const char *text,
                                 const struct enforce_view *view);

/* A verdict, or a person's order, to be carried out. Copied. */
struct enforce_case {
    int64_t user_id; /* over 0 */
    struct slice name;
    int64_t verdict_us;  /* with user_id (and to the millisecond) the name of the verdict */
    int64_t duration_us; /* 0 = until enabled by hand */
    int step;            /* number of the punishment step, from 0 */
    struct slice action; /* the step as text: "disable 15m" */
    int max_devices;     /* limit and devices at the verdict */
    int devices;
    struct slice evidence; /* JSON, at most LIMIT_EVIDENCE */
    bool revoke;           /* give him a new subscription and credentials first */
    /*
     * The person whose order it is; empty: the engine's verdict. An order is nobody's violation, and
     * neither enforcement nor exceptions are asked about it.
     */
    struct slice ordered_by;
    enforce_order_fn told; /* called once when the case was taken; NULL: nobody waits */
    void *told_arg;
};

enum enforce_kind {
    ENFORCE_APPLIED,         /* disabled; due_us says until when */
    ENFORCE_REFUSED,         /* not disabled, and will not be for this verdict: why */
    ENFORCE_RESTORED,        /* enabled again, exactly as before; text tells what others changed */
    ENFORCE_SUPERSEDED,      /* left as he is: someone else has changed him: why */
    ENFORCE_RESTORE_FAILING, /* third failed attempt, and every twelfth: rc, text; goes on trying.
                                 why GONE: the panel says "no such user", told at the third only */
    ENFORCE_STORE_FAILING, /* the journal cannot be written: nobody is disabled meanwhile: rc, text */
    ENFORCE_STORE_BACK,    /* it can again */
    ENFORCE_RECOVERED,     /* every row found at the start has been compared with the panel */
};

enum enforce_why {
    ENFORCE_WHY_NONE,
    /* refused */
    ENFORCE_WHY_NOT_ACTIVE,    /* the panel says disabled, limited, expired, on hold */
    ENFORCE_WHY_REPEATED,      /* this verdict has been carried out before */
    ENFORCE_WHY_NOT_WANTED,    /* opts.approve says no */
    ENFORCE_WHY_PANEL_REFUSED, /* text has the panel's words */
    ENFORCE_WHY_STALE,         /* waited longer than opts.stale_us for panel or disk */
    ENFORCE_WHY_RELEASED,      /* enabled by hand or dropped before it was done */
    ENFORCE_WHY_NOT_DONE,      /* the call's answer was lost, and the user turned out active */
    /* superseded */
    ENFORCE_WHY_ENABLED,        /* no longer disabled */
    ENFORCE_WHY_GROUPS_CHANGED, /* his groups are not the one we gave him */
    ENFORCE_WHY_DISABLED_AGAIN, /* someone disabled him again: he stays disabled */
    /* refused or superseded */
    ENFORCE_WHY_NOT_DISABLED, /* to be adopted, but not disabled */
    ENFORCE_WHY_GONE,         /* not in the panel any more */
    ENFORCE_WHY_STRANGER,     /* the id belongs to someone created at another time */
    /* restored */
    ENFORCE_WHY_DUE,
    ENFORCE_WHY_BY_HAND,
};

struct enforce_event {
    enum enforce_kind kind;
    enum enforce_why why;
    bool ordered;    /* the case was a person's order */
    int64_t user_id; /* 0 for STORE_… and RECOVERED */
    struct slice name;
    int64_t row_id; /* of the journal; 0: none was written */
    int64_t verdict_us;
    bool by_group;
    int64_t applied_us; /* STAMP_NONE: never */
    int64_t due_us;     /* STAMP_NONE: never due */
    int attempts;       /* RESTORE_FAILING; RECOVERED: rows compared */
    int rc;             /* REFUSED, RESTORE_FAILING, STORE_FAILING: the failure behind it, or 0 */
    struct slice who;   /* RESTORED by hand: the one who released him */
    const char *text;   /* a sentence for people, never NULL */
};

/* What is known of a group of the panel. */
enum enforce_group {
    ENFORCE_GROUP_UNSURE,
    ENFORCE_GROUP_THERE,
    ENFORCE_GROUP_GONE,
};

struct enforce_opts {
    struct panel_port panel;
    owner_submit_fn submit; /* owner_submit */
    void *store;            /* its first argument */
    struct enforce_policy policy;
    void *ctx; /* first argument of the functions below */
    /* The wall clock. */
    int64_t (*now)(void *ctx);
    /* Tells the app. */
    void (*event)(void *ctx, const struct enforce_event *ev);
    /*
     * The last word before a user is disabled, with what the panel has just said of him: exceptions,
     * filters and limits as they are now. 0 = go on; a code and why = refused. NULL: no objection.
     */
    int (*approve)(void *ctx, const struct enforce_case *c, const struct panel_user *user,
                   struct err *why);
    /* Whether the panel still has a group. NULL: nobody can tell. */
    enum enforce_group (*group)(void *ctx, int64_t group_id);
    int max_calls;    /* 0: LIMIT_PANEL_CALLS users worked on at the same time */
    int64_t doubt_us; /* 0: 60 s; how long a call without an answer may still take effect */
    int64_t stale_us; /* 0: 15 min; a verdict older than that is not carried out */
    int64_t gone_us;  /* 0: 1 h; how long "no such user" is doubted before a row is given up */
    uint64_t seed;    /* for the scatter of retries */
};

/* Makes one. Nothing is done before enforce_recover. ERR_NOMEM. */
int enforce_new(const struct enforce_opts *opts, struct enforce **ret_e) MUST_CHECK;
/* Forgets everything in memory; the journal keeps the rest. Answers still to come are dropped. */
void enforce_free(struct enforce *e);
/*
 * Reads the open rows and compares each with the panel; call once after enforce_new. Until every row
 * has been looked at (ENFORCE_RECOVERED), nobody is disabled. Whoever is still disabled by us then is
 * told by enforce_each: there is no ENFORCE_APPLIED for a row that was applied by an earlier run.
 */
void enforce_recover(struct enforce *e);
/*
 * Somebody else has added open rows for users disabled already (import): they are read, told as
 * ENFORCE_APPLIED and compared with the panel. After enforce_recover.
 */
void enforce_reread(struct enforce *e);
/* Does what is due. Call every second, and at enforce_next_due. */
void enforce_run(struct enforce *e);
/* It is known which groups the panel has: whoever waits for that (wants_groups) is tried again now. */
void enforce_retry_groups(struct enforce *e);
/* How often somebody has begun to wait for that: when it differs from before, an answer is wanted soon. */
uint32_t enforce_group_wishes(const struct enforce *e);
/* When enforce_run has something to do next, or INT64_MAX. O(rows). */
int64_t enforce_next_due(const struct enforce *e);
/* Changes how users are disabled from now on; rows that exist keep their way. */
void enforce_set_policy(struct enforce *e, const struct enforce_policy *policy);
/* While on, no user is changed in the panel, neither way (a rebuilt panel: ask first). */
void enforce_hold(struct enforce *e, bool on);

/*
 * Takes a case; ENFORCE_APPLIED or ENFORCE_REFUSED follows, once. ERR_EXISTS: the user is disabled by us
 * or about to be; ERR_TOO_BIG: LIMIT_QUEUE cases wait; ERR_INVALID, ERR_NOMEM. On an error nothing follows.
 */
int enforce_punish(struct enforce *e, const struct enforce_case *c, struct err *err) MUST_CHECK;
/*
 * Makes a row for a user who is disabled (or in disabled_group_id) without one, so that he is enabled
 * when c->duration_us is over. groups: what to give back, for one who is in the group; n 0: the fallback
 * group. Nothing is changed in the panel. As enforce_punish.
 */
int enforce_adopt(struct enforce *e, const struct enforce_case *c, const int64_t *groups, size_t n,
                  struct err *err) MUST_CHECK;
/* Drops the cases that have no row yet (breaker, enforcement off): each is told as refused. */
void enforce_drop_waiting(struct enforce *e);

/* Whom to enable by hand. */
struct enforce_release {
    const int64_t *ids; /* these users … */
    size_t n;
    bool all;         /* … or all … */
    int64_t since_us; /* … disabled at or after; 0 = ever */
    bool forgive;     /* their violations since this verdict no longer count */
    struct slice who; /* for the journal, e.g. "cli"; at most 63 bytes are kept */
};

enum enforce_result {
    ENFORCE_ENABLED,
    ENFORCE_NOT_DISABLED, /* not disabled by us, or not yet: his case was dropped */
    ENFORCE_LEFT,         /* superseded: someone else has changed him */
    ENFORCE_FAILED,       /* not now: goes on trying by itself */
};

/* What happened to one user of a release. */
struct enforce_told {
    int64_t user_id;
    struct slice name; /* empty when we know nothing of him */
    enum enforce_result result;
    const char *text; /* a sentence for people */
};

/* Called once for every user of a release, then once with told NULL. May come before the call returns. */
typedef void (*enforce_told_fn)(void *arg, const struct enforce_told *told);

/*
 * Enables users through the panel now. A person has decided: a user whom someone disabled again
 * before that is enabled, too. What does not work now is tried again as a due restore is; nobody is
 * told later than 30 s after. ERR_NOMEM: fn is not called.
 */
int enforce_release(struct enforce *e, const struct enforce_release *what, enforce_told_fn fn,
                    void *arg) MUST_CHECK;

/*
 * Tells how a user was seen, e.g. in a page of the directory; asked_us is when the question was sent.
 * A user of ours who is not disabled any more is superseded at once.
 */
void enforce_seen(struct enforce *e, const struct panel_user *user, int64_t asked_us);

/* What is known of a user of ours, without asking the database. */
struct enforce_view {
    int64_t user_id;
    struct slice name;
    int64_t row_id;    /* 0: no row yet */
    const char *state; /* "waiting", "disabling", "disabled", "enabling" */
    bool by_group;
    int64_t group_id; /* by_group: the one he is moved to */
    int64_t verdict_us;
    int64_t applied_us; /* STAMP_NONE: not yet */
    int64_t due_us;     /* STAMP_NONE: not yet, or by hand only */
    int attempts;       /* failed ones to enable */
    bool ordered;       /* by a person */
    int max_devices;    /* limit and devices at the verdict, 0 = not known */
    int devices;
    bool wants_groups; /* goes on once it is known which groups the panel has */
};

/* One user; anything but 0 ends the listing. */
typedef int (*enforce_view_fn)(void *arg, const struct enforce_view *view);

/* Every user of ours in the order of their verdicts; the result of fn that ended it, or 0. */
int enforce_each(const struct enforce *e, enforce_view_fn fn, void *arg);
/* One user: ERR_NOT_FOUND when there is nothing of ours. Texts live until the next call into e. */
int enforce_find(const struct enforce *e, int64_t user_id,
                 struct enforce_view *ret_view) MUST_CHECK;
/* How many users have an open row. */
size_t enforce_count(const struct enforce *e);

/* "due", "someone disabled the user again", … */
const char *enforce_why_text(enum enforce_why why);

#endif
