/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/attr.h"
#include "cache/redis_url.h"

static void good_ones(void **state)
{
    static const struct {
        const char *url, *host, *path, *user, *password, *shown;
        int port, db;
        bool tls;
    } rows[] = {
        {"redis://h", "h", "", "", "", "redis://h:6379/0", 6379, 0, false},
        {"redis://h:7/3", "h", "", "", "", "redis://h:7/3", 7, 3, false},
        {"redis://h/", "h", "", "", "", "redis://h:6379/0", 6379, 0, false},
        {"rediss://10.0.0.1:7", "10.0.0.1", "", "", "", "rediss://10.0.0.1:7/0", 7, 0, true},
        {"redis://[::1]:7/1", "::1", "", "", "", "redis://[::1]:7/1", 7, 1, false},
        {"redis://[::1]", "::1", "", "", "", "redis://[::1]:6379/0", 6379, 0, false},
        {"redis://:pw@h", "h", "", "", "pw", "redis://h:6379/0", 6379, 0, false},
        {"redis://bob:p%40%3aw@h", "h", "", "bob", "p@:w", "redis://h:6379/0", 6379, 0, false},
        {"redis://bob:p@w@h", "h", "", "bob", "p@w", "redis://h:6379/0", 6379, 0, false},
        {"unix:///run/redis.sock", "", "/run/redis.sock", "", "", "unix:///run/redis.sock?db=0",
         6379, 0, false},
        {"unix://:pw@/r.sock?db=4", "", "/r.sock", "", "pw", "unix:///r.sock?db=4", 6379, 4, false},
        {"redis://h?db=5", "h", "", "", "", "redis://h:6379/5", 6379, 5, false},
    };
    struct redis_url u;
    char shown[400];
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(rows); i++) {
        assert_int_equal(redis_url_parse(slice_of(rows[i].url), &u, NULL), ERR_OK);
        assert_string_equal(u.host, rows[i].host);
        assert_string_equal(u.path, rows[i].path);
        assert_string_equal(u.user, rows[i].user);
        assert_string_equal(u.password, rows[i].password);
        assert_int_equal(u.port, rows[i].port);
        assert_int_equal(u.db, rows[i].db);
        assert_int_equal(u.tls, rows[i].tls);
        redis_url_show(&u, shown, sizeof(shown));
        assert_string_equal(shown, rows[i].shown);
    }
}

static void bad_ones_say_why_without_the_password(void **state)
{
    static const char *const urls[] = {
        "",
        "h:6379",
        "http://h",
        "redis://",
        "redis://:hunter2@",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:x",
        "redis://h/x",
        "redis://h/-1",
        "redis://h/1024",
        "redis://[::1",
        "redis://[::1]7",
        "redis://a b",
        "redis://:hunter2%@h",
        "redis://:hunter2%zz@h",
        "redis://:hunter2%00@h",
        "redis://h?ssl=1",
        "unix://run/redis.sock",
        "unix://",
        "redis://h/1/2",
    };
    struct redis_url u;
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(urls); i++) {
        struct err err = {0};

        assert_int_equal(redis_url_parse(slice_of(urls[i]), &u, &err), ERR_INVALID);
        assert_non_null(strstr(err.text, "REDIS_URL"));
        assert_null(strstr(err.text, "hunter2"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(bad_ones_say_why_without_the_password),
    };

    return cmocka_run_group_tests_name("redis_url", tests, NULL, NULL);
}
