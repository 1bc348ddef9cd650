/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef API_AUTH_H
#define API_AUTH_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/attr.h"

/*
 * Who may use the REST API: one name and password, compared in constant time, and a pause that doubles
 * with every wrong login of an address (an IPv6 client counts by its /64), up to a minute.
 */
struct auth;

enum auth_result {
    AUTH_GOOD,
    AUTH_WRONG, /* no login, or a wrong one */
    AUTH_WAIT,  /* too many wrong ones: not looked at before the pause is over */
    AUTH_LOCAL, /* the password is a chat id, which is good on this machine only */
};

enum { AUTH_FREE_TRIES = 5, AUTH_PAUSE_MAX_S = 60 };

/* Lets nobody in at first. ERR_NOMEM through NULL. */
struct auth *auth_new(void);
/* NULL is allowed. */
void auth_free(struct auth *a);
/*
 * Whom to let in from now on. local_only: the password is a chat id. slow_down false: wrong logins cost
 * nothing (tests). Wrong logins of before are forgotten. ERR_IO when the library cannot hash.
 */
int auth_set(struct auth *a, const char *user, const char *password, bool local_only,
             bool slow_down) MUST_CHECK;
/*
 * Looks at one login; user and password NULL: none was sent, which is no try. peer: where it comes from
 * (NULL or AF_UNIX: this machine); forwarded: a proxy speaks for someone else. now_us never goes back.
 * *ret_wait_s is set for AUTH_WAIT.
 */
enum auth_result auth_check(struct auth *a, const struct sockaddr *peer, bool forwarded,
                            const char *user, const char *password, int64_t now_us,
                            int64_t *ret_wait_s);
/* Whether an address is this machine's own. */
bool auth_is_loopback(const struct sockaddr *peer);

#endif
