/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <string.h>

static void a_stranger_is_told_once(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;

    bot_bed_write(b, 666, "/start");
    s = bot_bed_next(b, NULL);
    assert_string_equal(s->method, "sendMessage");
    assert_non_null(strstr(bot_bed_text(s), "You are not one of them"));
    bot_bed_write(b, 666, "/start");
    bot_bed_press(b, 666, 5, "smain");
    s = bot_bed_next(b, NULL);
    assert_string_equal(s->method, "answerCallbackQuery");
    assert_null(json_object_get(s->params, "text"));
    assert_null(bot_bed_next(b, NULL));
}

static void main_opens_and_help_edits_it(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;

    bot_bed_write(b, 100, "/start@limiter_bot");
    bot_bed_answer(b);
    s = bot_bed_next(b, "sendMessage");
    assert_non_null(s);
    assert_non_null(strstr(bot_bed_text(s), "<b>🏠 Main menu</b>"));
    assert_non_null(strstr(bot_bed_text(s), "General limit: 2 devices"));
    s = bot_bed_go(b, s, "Help");
    assert_string_equal(s->method, "editMessageText");
    assert_non_null(strstr(bot_bed_text(s), "/cancel — End the present question"));
    s = bot_bed_go(b, s, "Home");
    assert_non_null(strstr(bot_bed_text(s), "Main menu"));
}

static void presses_are_answered_once(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;
    int answers = 0, edits = 0;

    bot_bed_press(b, 100, 5, "shelp");
    bot_bed_press(b, 100, 5, "shelp"); /* again, before anything came back */
    bot_bed_press(b, 100, 5, "snosuch");
    bot_bed_press(b, 100, 5, "|||");
    bot_bed_press(b, 100, 5, "-");
    bot_bed_answer(b);
    while ((s = bot_bed_next(b, NULL))) {
        answers += strcmp(s->method, "answerCallbackQuery") == 0;
        edits += strcmp(s->method, "editMessageText") == 0;
    }
    assert_int_equal(answers, 5);
    assert_int_equal(edits, 1);
}

/* Telegram shows an edit before its answer is here: who presses then has seen it. */
static void what_is_pressed_on_another_text_is_another_press(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;
    int edits = 0;

    bot_bed_press_of(b, 100, 5, 0, "shelp");
    bot_bed_press_of(b, 100, 5, 0, "shelp");
    while ((s = bot_bed_next(b, NULL)))
        edits += strcmp(s->method, "editMessageText") == 0;
    assert_int_equal(edits, 1);
    bot_bed_press_of(b, 100, 5, 1700000000, "shelp");
    while ((s = bot_bed_next(b, NULL)))
        edits += strcmp(s->method, "editMessageText") == 0;
    assert_int_equal(edits, 2);
}

static void what_cannot_be_edited_is_sent_anew(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;

    bot_bed_press(b, 100, 5, "shelp");
    s = bot_bed_next(b, "answerCallbackQuery");
    s->answered = true;
    b->error_code = 400;
    b->error = "Bad Request: message to edit not found";
    bot_bed_answer(b);
    assert_non_null(bot_bed_next(b, "sendMessage"));
    bot_bed_press(b, 100, 6, "shelp");
    s = bot_bed_next(b, "answerCallbackQuery");
    s->answered = true;
    b->error_code = 400;
    b->error = "Bad Request: message is not modified: …";
    bot_bed_answer(b);
    assert_null(bot_bed_next(b, "sendMessage"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_stranger_is_told_once, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(main_opens_and_help_edits_it, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(presses_are_answered_once, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(what_is_pressed_on_another_text_is_another_press,
                                        bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_edited_is_sent_anew, bot_bed_setup,
                                        bot_bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
