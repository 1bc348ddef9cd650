/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <string.h>

/* The page of one setting. */

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
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
