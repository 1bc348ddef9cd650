/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "base/err.h"
#include "service/settings/settings.h"

static void several_proxies_may_stand_in_a_list(void **state)
{
    struct settings s;
    struct err err;
    struct buf b;

    (void)state;
    assert_int_equal(settings_init(&s), ERR_OK);
    buf_init(&b, 1000);
    assert_int_equal(settings_set(&s, SET_TELEGRAM_PROXY, ORIGIN_ENV,
                                  SLICE("socks5h://me:secret@h:1, direct ,http://[::1]:8080"),
                                  &err),
                     ERR_OK);
    setting_add_shown(&b, SET_TELEGRAM_PROXY, settings_text(&s, SET_TELEGRAM_PROXY));
    assert_string_equal(buf_str(&b), "socks5h://me:********@h:1,direct,http://[::1]:8080");
    assert_int_equal(settings_set(&s, SET_TELEGRAM_PROXY, ORIGIN_ENV,
                                  SLICE("socks5h://h:1,nowhere"), &err),
                     ERR_INVALID);
    assert_int_equal(settings_set(&s, SET_TELEGRAM_PROXY, ORIGIN_ENV,
                                  SLICE("direct,direct,direct,direct,direct"), &err),
                     ERR_TOO_BIG);
    assert_int_equal(settings_set(&s, SET_TELEGRAM_PROXY, ORIGIN_ENV, SLICE(""), &err), ERR_OK);
    assert_string_equal(settings_text(&s, SET_TELEGRAM_PROXY), "");
    assert_int_equal(settings_set(&s, SET_TELEGRAM_API_URL, ORIGIN_ENV, SLICE("direct"), &err),
                     ERR_INVALID);
    buf_release(&b);
    settings_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(several_proxies_may_stand_in_a_list)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
