/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/auth.h"

#include <netinet/in.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "base/banned.h"

/* An address that is left alone this long begins anew. */
static const int64_t forget_us = 900 * STAMP_SECOND;

enum { DIGEST = 32 };

struct tries {
    unsigned char addr[16];
    unsigned wrong;
    int64_t last_us, until_us;
};

struct auth {
    unsigned char user[DIGEST], password[DIGEST];
    bool set, local_only, slow_down;
    unsigned n;
    struct tries tries[LIMIT_LOGIN_ADDRESSES];
};

struct auth *auth_new(void)
{
    return calloc(1, sizeof(struct auth));
}

void auth_free(struct auth *a)
{
    if (a)
        OPENSSL_cleanse(a, sizeof(*a));
    free(a);
}

static int digest(const char *text, unsigned char *ret)
{
    return EVP_Digest(text, strlen(text), ret, NULL, EVP_sha256(), NULL) == 1 ? ERR_OK : ERR_IO;
}

int auth_set(struct auth *a, const char *user, const char *password, bool local_only,
             bool slow_down)
{
    a->n = 0;
    a->local_only = local_only;
    a->slow_down = slow_down;
    a->set =
        password[0] != '\0' && digest(user, a->user) == 0 && digest(password, a->password) == 0;
    return a->set || !password[0] ? ERR_OK : ERR_IO;
}

/* IPv4 as a mapped address; IPv6 by its /64. */
static void key_of(const struct sockaddr *peer, unsigned char *ret)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    memset(ret, 0, 16);
    if (peer && peer->sa_family == AF_INET) {
        memcpy(&v4, peer, sizeof(v4));
        memcpy(ret, mapped, 12);
        memcpy(ret + 12, &v4.sin_addr, 4);
    } else if (peer && peer->sa_family == AF_INET6) {
        memcpy(&v6, peer, sizeof(v6));
        memcpy(ret, &v6.sin6_addr, 16);
        if (memcmp(ret, mapped, 12) != 0)
            memset(ret + 8, 0, 8);
    }
}

bool auth_is_loopback(const struct sockaddr *peer)
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;

    if (!peer || peer->sa_family == AF_UNIX)
        return true;
    if (peer->sa_family == AF_INET) {
        memcpy(&v4, peer, sizeof(v4));
        return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
    }
    if (peer->sa_family != AF_INET6)
        return false;
    memcpy(&v6, peer, sizeof(v6));
    if (memcmp(&v6.sin6_addr, mapped, 12) == 0)
        return v6.sin6_addr.s6_addr[12] == 127;
    return memcmp(&v6.sin6_addr, &in6addr_loopback, 16) == 0;
}

static struct tries *find(struct auth *a, const unsigned char *addr)
{
    unsigned i;

    for (i = 0; i < a->n; i++)
        if (memcmp(a->tries[i].addr, addr, 16) == 0)
            return &a->tries[i];
    return NULL;
}

/* The entry of an address, in the place of the one that was quiet for longest when there is no room. */
static struct tries *enter(struct auth *a, const unsigned char *addr)
{
    struct tries *t = find(a, addr);
    unsigned i;

    if (t)
        return t;
    if (a->n < LIMIT_LOGIN_ADDRESSES) {
        t = &a->tries[a->n++];
    } else {
        t = &a->tries[0];
        for (i = 1; i < a->n; i++)
            if (a->tries[i].last_us < t->last_us)
                t = &a->tries[i];
    }
    *t = (struct tries){.wrong = 0};
    memcpy(t->addr, addr, 16);
    return t;
}

static void count_wrong(struct auth *a, const unsigned char *addr, int64_t now_us)
{
    struct tries *t;
    int64_t pause_s = 1;
    unsigned over;

    if (!a->slow_down)
        return;
    t = enter(a, addr);
    if (now_us - t->last_us > forget_us)
        t->wrong = 0;
    t->wrong++;
    t->last_us = now_us;
    if (t->wrong < AUTH_FREE_TRIES)
        return;
    for (over = t->wrong - AUTH_FREE_TRIES; over && pause_s < AUTH_PAUSE_MAX_S; over--)
        pause_s *= 2;
    if (pause_s > AUTH_PAUSE_MAX_S)
        pause_s = AUTH_PAUSE_MAX_S;
    t->until_us = now_us + pause_s * STAMP_SECOND;
    if (t->wrong == AUTH_FREE_TRIES)
        log_warning("api", "wrong logins from one address again and again: it has to wait now");
}

static bool is_same(const char *text, const unsigned char *want)
{
    unsigned char have[DIGEST];

    return digest(text, have) == 0 && CRYPTO_memcmp(have, want, DIGEST) == 0;
}

enum auth_result auth_check(struct auth *a, const struct sockaddr *peer, bool forwarded,
                            const char *user, const char *password, int64_t now_us,
                            int64_t *ret_wait_s)
{
    unsigned char addr[16];
    struct tries *t;
    bool good;

    key_of(peer, addr);
    t = a->slow_down ? find(a, addr) : NULL;
    if (t && t->until_us > now_us && password) {
        *ret_wait_s = (t->until_us - now_us + STAMP_SECOND - 1) / STAMP_SECOND;
        return AUTH_WAIT;
    }
    if (!user || !password)
        return AUTH_WRONG;
    /* A chat id is no secret: from elsewhere it is not even compared. */
    if (a->local_only && (forwarded || !auth_is_loopback(peer)))
        return AUTH_LOCAL;
    good = a->set & is_same(user, a->user);
    good &= is_same(password, a->password);
    if (!good) {
        count_wrong(a, addr, now_us);
        return AUTH_WRONG;
    }
    if (t)
        t->wrong = 0;
    return AUTH_GOOD;
}
