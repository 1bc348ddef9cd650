/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_SESSION_H
#define PANEL_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "net/http.h"
#include "panel/contact.h"
#include "service/cache_port.h"

/*
 * Who we are to the panel: an API key, or a password login and the token it gave. One login at a time
 * whoever asks; a refused one is not repeated for 15 minutes or more, because the panel shows its
 * owner every failed login with the password; a token refused soon after its login does not lead to
 * login after login. Neither token nor password is ever logged or put into an error.
 */
struct session;

enum session_state {
    SESSION_NEW,     /* nothing tried yet */
    SESSION_BUSY,    /* logging in */
    SESSION_READY,   /* has a key or a token not refused so far */
    SESSION_WAITING, /* the last login met a fault; tried again when asked after a pause */
    SESSION_REFUSED, /* password or key refused */
};

struct session_opts {
    struct loop *loop;
    struct http *http;
    struct contact *contact;
    const char *base;     /* URL without slash at the end */
    const char *username; /* with password */
    const char *password;
    const char *api_key; /* instead of both; NULL or empty: none */
    /* The state changed to READY or REFUSED; once per change. May be called inside any function here. */
    void (*on_change)(void *arg, enum session_state state, const struct err *err);
    void *arg;
    /*
     * Where the token of before may be: asked once, before the first login; told of each token, and
     * again now and then while the panel takes it; a refused one is dropped there. NULL: none.
     */
    const struct cache_port *cache;
};

/* Copies the texts. ERR_NOMEM, ERR_INVALID (neither key nor password). */
int session_new(const struct session_opts *opts, struct session **ret_session,
                struct err *err) MUST_CHECK;
/* Every waiter is told ERR_CANCELLED. NULL is allowed. */
void session_free(struct session *s);

/* Somebody who waits for a token; embedded, owned by him. */
struct session_waiter {
    struct session_waiter *prev, *next;
    bool waiting;
    unsigned round;
    void (*fn)(void *arg, int rc, const struct err *err);
    void *arg;
};

/*
 * Writes the header to send and the number of the credential it carries, when there is one. Else
 * false: wait for one. The header's value is valid until the next turn.
 */
bool session_header(struct session *s, struct http_header *ret_header, unsigned *ret_serial);
/*
 * Has w->fn called once, later: rc 0, there is a credential now; ERR_AUTH, it was refused (now or
 * lately); ERR_UNREACHABLE and others, the login met a fault. Starts a login when none is running.
 */
void session_wait(struct session *s, struct session_waiter *w);
/* Takes a waiter back. Harmless when it does not wait. */
void session_unwait(struct session *s, struct session_waiter *w);
/* The panel answered 401 to the credential with this number. */
void session_rejected(struct session *s, unsigned serial);
/* The panel took the credential with this number. */
void session_accepted(struct session *s, unsigned serial);

/* What it is doing. */
enum session_state session_state(const struct session *s);
/* Whether an API key is used. */
bool session_has_key(const struct session *s);
/* Whether the present token was found in the cache. */
bool session_is_kept(const struct session *s);
/* Logins begun so far, for status and tests. */
unsigned session_logins(const struct session *s);

#endif
