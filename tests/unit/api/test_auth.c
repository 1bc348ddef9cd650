/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "api/auth.h"
#include "base/limits.h"
#include "base/stamp.h"

static struct sockaddr_in6 at(const char *text)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6};

    assert_int_equal(inet_pton(AF_INET6, text, &a.sin6_addr), 1);
    return a;
}

static enum auth_result try(struct auth *a, const char *from, const char *password, int64_t s)
{
    struct sockaddr_in6 peer = at(from);
    int64_t wait_s = 0;
    enum auth_result how = auth_check(a, (struct sockaddr *)&peer, false, "admin", password,
                                      s * STAMP_SECOND, &wait_s);

    assert_int_equal(how == AUTH_WAIT, wait_s > 0);
    assert_true(wait_s <= AUTH_PAUSE_MAX_S);
    return how;
}

static void one_name_and_password_are_good(void **state)
{
    struct auth *a = auth_new();
    int64_t wait_s;

    (void)state;
    assert_int_equal(try(a, "::ffff:8.8.4.4", "secret", 1), AUTH_WRONG); /* before auth_set */
    assert_int_equal(auth_set(a, "admin", "secret", false, true), 0);
    assert_int_equal(try(a, "::ffff:8.8.4.4", "secret", 1), AUTH_GOOD);
    assert_int_equal(try(a, "::ffff:8.8.4.4", "secret ", 1), AUTH_WRONG);
    assert_int_equal(try(a, "::ffff:8.8.4.4", "", 1), AUTH_WRONG);
    assert_int_equal(auth_check(a, NULL, false, "root", "secret", 1, &wait_s), AUTH_WRONG);
    assert_int_equal(auth_check(a, NULL, false, NULL, NULL, 1, &wait_s), AUTH_WRONG);
    /* No password at all lets nobody in, with an empty one neither. */
    assert_int_equal(auth_set(a, "admin", "", true, true), 0);
    assert_int_equal(auth_check(a, NULL, false, "admin", "", 1, &wait_s), AUTH_WRONG);
    auth_free(a);
}

static void a_chat_id_is_good_on_this_machine_only(void **state)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct auth *a = auth_new();
    int64_t wait_s;

    (void)state;
    assert_int_equal(auth_set(a, "admin", "123", true, true), 0);
    assert_int_equal(try(a, "::1", "123", 1), AUTH_GOOD);
    assert_int_equal(try(a, "::ffff:127.0.0.9", "123", 1), AUTH_GOOD);
    assert_int_equal(try(a, "::ffff:126.0.0.9", "123", 1), AUTH_LOCAL);
    assert_int_equal(try(a, "2001:db8::1", "123", 1), AUTH_LOCAL);
    assert_int_equal(inet_pton(AF_INET, "127.3.2.1", &v4.sin_addr), 1);
    assert_int_equal(auth_check(a, (struct sockaddr *)&v4, false, "admin", "123", 1, &wait_s),
                     AUTH_GOOD);
    /* A proxy on this machine speaks for anyone. */
    assert_int_equal(auth_check(a, (struct sockaddr *)&v4, true, "admin", "123", 1, &wait_s),
                     AUTH_LOCAL);
    auth_free(a);
}

static void wrong_logins_make_their_address_wait(void **state)
{
    struct auth *a = auth_new();
    int i;

    (void)state;
    assert_int_equal(auth_set(a, "admin", "secret", false, true), 0);
    for (i = 0; i < AUTH_FREE_TRIES; i++)
        assert_int_equal(try(a, "2001:db8::1", "no", 10), AUTH_WRONG);
    /* The right one has to wait as well, and so has all of the /64; nobody else. */
    assert_int_equal(try(a, "2001:db8::1", "secret", 10), AUTH_WAIT);
    assert_int_equal(try(a, "2001:db8::2:1", "secret", 10), AUTH_WAIT);
    assert_int_equal(try(a, "2001:db8:0:1::1", "secret", 10), AUTH_GOOD);
    assert_int_equal(try(a, "::ffff:1.2.3.4", "secret", 10), AUTH_GOOD);
    /* One second, then two: each wrong one doubles it. */
    assert_int_equal(try(a, "2001:db8::1", "no", 11), AUTH_WRONG);
    assert_int_equal(try(a, "2001:db8::1", "secret", 12), AUTH_WAIT);
    assert_int_equal(try(a, "2001:db8::1", "secret", 13), AUTH_GOOD);
    /* A good one begins anew. */
    assert_int_equal(try(a, "2001:db8::1", "no", 13), AUTH_WRONG);
    assert_int_equal(try(a, "2001:db8::1", "secret", 13), AUTH_GOOD);
    /* Switched off, for tests. */
    assert_int_equal(auth_set(a, "admin", "secret", false, false), 0);
    for (i = 0; i < 50; i++)
        assert_int_equal(try(a, "2001:db8::1", "no", 14), AUTH_WRONG);
    assert_int_equal(try(a, "2001:db8::1", "secret", 14), AUTH_GOOD);
    auth_free(a);
}

static void the_table_of_addresses_is_bounded(void **state)
{
    struct auth *a = auth_new();
    char text[32];
    int i, k;

    (void)state;
    assert_int_equal(auth_set(a, "admin", "secret", false, true), 0);
    for (i = 0; i < AUTH_FREE_TRIES; i++)
        assert_int_equal(try(a, "::ffff:9.9.9.9", "no", 1), AUTH_WRONG);
    for (i = 0; i < LIMIT_LOGIN_ADDRESSES - 1; i++) {
        snprintf(text, sizeof(text), "::ffff:1.2.%d.%d", i / 250, i % 250);
        assert_int_equal(try(a, text, "no", 1), AUTH_WRONG);
    }
    assert_int_equal(try(a, "::ffff:9.9.9.9", "no", 1), AUTH_WAIT);
    /* Of two waves the later one stays. */
    for (i = 0; i < LIMIT_LOGIN_ADDRESSES; i++) {
        snprintf(text, sizeof(text), "::ffff:3.2.%d.%d", i / 250, i % 250);
        for (k = 0; k < AUTH_FREE_TRIES; k++)
            assert_int_equal(try(a, text, "no", 3), AUTH_WRONG);
    }
    assert_int_equal(try(a, "::ffff:3.2.0.0", "secret", 3), AUTH_WAIT);
    assert_int_equal(try(a, "::ffff:9.9.9.9", "secret", 3), AUTH_GOOD);
    auth_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_name_and_password_are_good),
        cmocka_unit_test(a_chat_id_is_good_on_this_machine_only),
        cmocka_unit_test(wrong_logins_make_their_address_wait),
        cmocka_unit_test(the_table_of_addresses_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
