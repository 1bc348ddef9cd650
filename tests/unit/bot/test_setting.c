/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <string.h>

#include "bot/frame.h"
#include "store/owner.h"

/* The page of one setting, and two at it. */

static struct sent *write(struct bot_bed *b, const char *text)
{
    bot_bed_write(b, 100, text);
    return bot_bed_last(b);
}

static struct sent *press(struct bot_bed *b, const struct sent *on, const char *data)
{
    json_t *id = json_object_get(on->params, "message_id");

    bot_bed_press(b, 100, json_integer_value(id ? id : json_object_get(on->params, "_id")), data);
    return bot_bed_last(b);
}

static void the_same_number_is_chosen_however_it_is_written(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = write(b, "/start");

    s = press(b, s, "sset|gain_cap|ssec|7");
    s = press(b, s, bot_bed_button(s, "1.0"));
    if (!bot_bed_button(s, "✅ 1"))
        fail_msg("it is not chosen: %s", bot_bed_text(s));
}

static void a_long_value_leaves_room(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = write(b, "/start");
    char text[4000] = "https://127.0.0.1:9/";
    size_t n = strlen(text);

    memset(text + n, 'x', 3900);
    s = press(b, s, "ival|geoip_country_url|ssec|5");
    s = write(b, text);
    bot_bed_says(s, "xxx…");
    assert_true(strlen(bot_bed_text(s)) < 1500);
}

static void a_name_for_the_panel_is_no_novel(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = write(b, "/start");
    char text[1000];

    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    s = press(b, s, "ipanuser");
    s = write(b, text);
    bot_bed_says(s, "Write it again");
    s = write(b, "admin");
    bot_bed_says(s, "password");
}

static void who_stays_disabled_is_told_beside_the_mode(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = write(b, "/start");

    s = press(b, s, "smode");
    assert_null(bot_bed_button(s, "Enable"));
    bed_disable_alice(b->ops);
    s = press(b, s, "smode");
    assert_non_null(bot_bed_button(s, "Enable"));
}

/* ---- two at it ---- */

/* A store whose jobs wait until they are let go. */
static struct held {
    enum owner_kind kind;
    owner_fn fn;
    owner_done_fn done;
    void *arg;
} held[32];
static size_t n_held;

static int hold(void *db, enum owner_kind kind, owner_fn fn, owner_done_fn done, void *arg)
{
    (void)db;
    assert_true(n_held < sizeof(held) / sizeof(held[0]));
    held[n_held++] = (struct held){kind, fn, done, arg};
    return ERR_OK;
}

static void let_go(struct bot_bed *b)
{
    struct held first;

    bot_bed_answer(b);
    while (n_held) {
        first = held[0];
        memmove(held, held + 1, --n_held * sizeof(held[0]));
        assert_int_equal(owner_submit_here(b->ops->db, first.kind, first.fn, first.done, first.arg),
                         ERR_OK);
        bot_bed_answer(b);
    }
}

static const char *value_of(const struct bot_bed *b, enum setting id)
{
    return settings_text(&b->ops->settings, id);
}

static int says(struct bot_bed *b, const char *text)
{
    struct sent *s;
    int n = 0;

    for (s = b->sent; s; s = s->next)
        n += strstr(bot_bed_text(s), text) != NULL;
    return n;
}

static void add_owner(struct bot_bed *b)
{
    struct err err = {0};

    assert_int_equal(settings_set(&b->ops->settings, SET_ADMIN_IDS, ORIGIN_FILE, SLICE("100,200"),
                                  &err),
                     ERR_OK);
}

static void changes_of_a_list_wait_for_each_other(void **state)
{
    struct bot_bed *b = *state;

    add_owner(b);
    b->ops->port.submit = hold;
    bot_bed_press(b, 100, 5, "aladd|ip_allowlist|sall||192.0.2.1");
    bot_bed_press(b, 200, 5, "aladd|ip_allowlist|sall||192.0.2.2");
    bot_bed_press(b, 100, 6, "aladd|ip_allowlist|sall||192.0.2.3");
    bot_bed_press(b, 100, 7, "aladd|ignored_ips|sall||192.0.2.4"); /* another one */
    let_go(b);
    assert_int_equal(says(b, "Busy"), 0);
    assert_string_equal(value_of(b, SET_IP_ALLOWLIST), "192.0.2.1,192.0.2.2,192.0.2.3");
    assert_string_equal(value_of(b, SET_IGNORED_IPS), "1.1.1.1,8.8.8.8,192.0.2.4");
}

static void a_wait_without_end_is_told(void **state)
{
    struct bot_bed *b = *state;
    int64_t now = loop_mono_us(b->loop);

    add_owner(b);
    b->ops->port.submit = hold;
    bot_bed_press(b, 100, 5, "aladd|ip_allowlist|sall||192.0.2.1");
    bot_bed_write(b, 200, "/start");
    bot_bed_press(b, 200, 5, "iladd|ip_allowlist|ssec|3");
    bot_bed_answer(b);
    bot_bed_write(b, 200, "192.0.2.2");
    setting_change_expire(b->bot, now + setting_wait_us / 2);
    bot_bed_answer(b);
    assert_int_equal(says(b, "still on its way"), 0);
    setting_change_expire(b->bot, now + 2 * setting_wait_us);
    bot_bed_answer(b);
    assert_int_equal(says(b, "still on its way after 15 s. Yours was not made."), 1);
    let_go(b);
    assert_string_equal(value_of(b, SET_IP_ALLOWLIST), "192.0.2.1");
    bot_bed_write(b, 200, "192.0.2.3"); /* it is awaited still */
    let_go(b);
    assert_string_equal(value_of(b, SET_IP_ALLOWLIST), "192.0.2.1,192.0.2.3");
}

static void who_waits_when_the_bot_goes_is_let_go(void **state)
{
    struct bot_bed *b = *state;

    add_owner(b);
    b->ops->port.submit = hold;
    bot_bed_press(b, 100, 5, "aladd|ip_allowlist|sall||192.0.2.1");
    bot_bed_press(b, 200, 5, "aladd|ip_allowlist|sall||192.0.2.2");
    bot_free(b->bot);
    b->bot = NULL;
    let_go(b);
    assert_string_equal(value_of(b, SET_IP_ALLOWLIST), "192.0.2.1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_same_number_is_chosen_however_it_is_written,
                                        bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(a_long_value_leaves_room, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(a_name_for_the_panel_is_no_novel, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(who_stays_disabled_is_told_beside_the_mode, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(changes_of_a_list_wait_for_each_other, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(a_wait_without_end_is_told, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(who_waits_when_the_bot_goes_is_let_go, bot_bed_setup,
                                        bot_bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
