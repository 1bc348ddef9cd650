/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BOT_NOTICE_H
#define BOT_NOTICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/hash.h"
#include "base/slice.h"
#include "bot/bot.h"
#include "net/loop.h"
#include "service/notice_kinds.h"
#include "service/ops/op.h"
#include "telegram/outbox.h"
#include "telegram/telegram.h"

/*
 * What the admins are told by themselves. Whoever knows of something puts it here; in which words, to
 * whom, in which language, as a message of its own or as a line of another, is decided behind it. Loop
 * thread only; nothing waits.
 */
struct notices;

/* What happened. In brackets, what of struct notice is read besides at_us. */
enum notice_event {
    /* About a user [user_id, name]: they make and move on his case. */
    NOTICE_WARNED,      /* [limit, devices, text] there is evidence of sharing */
    NOTICE_STEP_WARNED, /* the same, as the whole punishment of this step */
    NOTICE_CONVICTED,   /* [limit, devices, since_us, places, leaked] no message yet */
    NOTICE_ORDERED,     /* [who, text: the reason] a person ordered it; no message yet */
    NOTICE_PUNISHED,    /* [until_us, text] disabled in the panel */
    NOTICE_SPARED,      /* [text] not disabled, and will not be */
    NOTICE_RELEASED,    /* [who: empty when due, text] enabled again */
    NOTICE_SUPERSEDED,  /* [text] somebody else has changed him: left as he is */
    NOTICE_CLOSED,      /* a case that was told of has come to nothing */
    NOTICE_WOULD,       /* [limit, devices, since_us, places, leaked, paused] a shadow verdict */
    NOTICE_SEEN,        /* [places: one] still seen though disabled */
    NOTICE_STUCK,       /* [count: attempts, text] cannot be enabled yet */
    /* Of the whole. */
    NOTICE_PAUSED,        /* [count, bound, dropped, text: whom it counted] by the breaker */
    NOTICE_RESUMED,       /* [who] the breaker goes on */
    NOTICE_NODE_DOWN,     /* [user_id: the node, name, since_us, text] */
    NOTICE_NODE_UP,       /* [user_id, name, since_us] */
    NOTICE_NODE_QUIET,    /* [user_id, name] users are there, but no line comes */
    NOTICE_NODE_HEARD,    /* [user_id, name] */
    NOTICE_NODE_UNSTEADY, /* [user_id, name, since_us] its log stream does not hold */
    NOTICE_NODE_STEADY,   /* [user_id, name] it does again */
    NOTICE_NODE_LOSS,     /* [user_id, name, text: percent] another reader takes its lines */
    NOTICE_NODE_WHOLE,    /* [user_id, name] no longer */
    NOTICE_NODE_UNLISTED, /* [user_id, name] it keeps no online list (statsUserOnline) */
    NOTICE_NODE_LISTED,   /* [user_id, name] it does */
    NOTICE_NODE_FAULTY,   /* [user_id, name, text] shows nearly everyone over his limit */
    NOTICE_PANEL_DOWN,    /* [since_us, text] */
    NOTICE_PANEL_UP,      /* [since_us] */
    NOTICE_PANEL_NEWER,   /* [name: its version] than any this program was tested with */
    NOTICE_GONE,          /* [count, text] users without an account in the panel were removed */
    NOTICE_GONE_MANY,     /* [text] too many to be removed unasked */
    NOTICE_HELD,          /* [count] ids mean other people: enforcement waits */
    NOTICE_CONFIRMED,     /* they are the users: it goes on */
    NOTICE_STORE_DOWN,    /* [text] the journal cannot be written: nobody is disabled */
    NOTICE_STORE_UP,
    NOTICE_ADMIN_NEW,     /* [name, who, text: role] */
    NOTICE_BACKUP_DONE,   /* [text] */
    NOTICE_BACKUP_FAILED, /* [text] */
    NOTICE_RESTORED,      /* a backup was put in place of the database */
    NOTICE_FAILED,        /* [name: area of the log, text] an error line */
    NOTICE_STARTED,       /* [name: version] */
    NOTICE_STOPPED,       /* [count: users who stay disabled] */
    NOTICE_EVENTS
};

/* Texts live during the call. */
struct notice {
    enum notice_event event;
    int64_t at_us;   /* when it happened; 0: now */
    int64_t user_id; /* or the node's id */
    struct slice name;
    int limit, devices;
    int64_t since_us;
    int64_t until_us; /* STAMP_NONE: until enabled by hand */
    int count, bound, dropped;
    bool leaked;         /* convicted by the number of networks alone */
    bool paused;         /* a shadow verdict because the breaker paused, not the mode */
    bool hand;           /* somebody's doing, though nobody knows whose */
    bool failed;         /* not disabled because something went wrong */
    struct slice who;    /* as in the audit: "telegram:12", "cli" */
    struct slice text;   /* detail in English, as in the log */
    struct slice places; /* lines: an address, then what is known of it */
};

struct notices_opts {
    struct loop *loop;
    struct outbox *outbox;
    const struct op_port *port;
    struct hash_key key;
    /* Everybody who is served, by number; false past the last. */
    bool (*admin_at)(void *arg, size_t i, struct bot_admin *ret);
    /* Appends an admin's name; false when it is not known. May be NULL. */
    bool (*admin_name)(void *arg, int64_t id, struct buf *out);
    /* The panel admin that a user belongs to; 0: not known. */
    int64_t (*owner_of)(void *arg, int64_t user_id);
    void *arg;
};

/* Makes it; takes what earlier lives told from the database. ERR_NOMEM. */
int notices_new(const struct notices_opts *opts, struct notices **ret_n) MUST_CHECK;
/* Frees; before the outbox. NULL is allowed. */
void notices_free(struct notices *n);
/* Gives it the transport, or takes it away (NULL): for the buttons' menus and what the outbox cannot hold. */
void notices_set_telegram(struct notices *n, struct telegram *tg);

/* The table chats has changed. */
void notices_changed(struct notices *n);
/* outbox_opts.on_failed: true when it was for the group, and goes to private chats instead. */
bool notices_failed(struct notices *n, const struct outbox_failure *f);
/* telegram_events.on_migrate. */
void notices_migrate(struct notices *n, int64_t from_chat, int64_t to_chat);
struct topics;
/* Where they go: for the operations (topics.h). */
struct topics *notices_topics(struct notices *n);

/* Tells of it whoever should know. n NULL: there is no bot, nothing happens. */
void notice_put(struct notices *n, const struct notice *what);
/* The kind that an event belongs to. */
enum notice_kind notice_kind_of(enum notice_event event);

#endif
