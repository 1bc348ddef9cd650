/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <string.h>

/* The Admin menu: who comes in, in which role, and out again. */

static struct sent *write(struct bot_bed *b, int64_t from, const char *text)
{
    bot_bed_write(b, from, text);
    return bot_bed_last(b);
}

/* A message that owner 100 passes on; origin is JSON. */
static struct sent *forward(struct bot_bed *b, const char *origin)
{
    json_t *o = json_loads(origin, 0, NULL), *update;

    assert_non_null(o);
    update = json_pack("{sI s{sI sI s{sI ss} s{sI sb ss} ss so}}", "update_id", (json_int_t)900,
                       "message", "message_id", (json_int_t)77, "date", (json_int_t)1, "chat", "id",
                       (json_int_t)100, "type", "private", "from", "id", (json_int_t)100, "is_bot",
                       0, "first_name", "O", "text", "hello", "forward_origin", o);
    assert_non_null(update);
    bot_update(b->bot, update);
    json_decref(update);
    return bot_bed_last(b);
}

/* Presses a button of the message of somebody's own. */
static struct sent *press(struct bot_bed *b, int64_t from, const struct sent *on, const char *label)
{
    const char *data = bot_bed_button(on, label);
    json_t *id = json_object_get(on->params, "message_id");

    if (!data)
        fail_msg("no button %s in: %s", label, bot_bed_text(on));
    bot_bed_press(b, from, json_integer_value(id ? id : json_object_get(on->params, "_id")), data);
    return bot_bed_last(b);
}

static bool is_admin(struct bot_bed *b, int64_t id, struct bot_admin *ret)
{
    return bot_admin_of(b->bot, id, ret);
}

static void a_number_becomes_an_operator(void **state)
{
    struct bot_bed *b = *state;
    struct bot_admin a;
    struct sent *s;

    s = bot_bed_go(b, write(b, 100, "/start"), "Admin");
    bot_bed_says(s, "Your role: owner");
    s = bot_bed_go(b, s, "Add");
    bot_bed_says(s, "Forward a message");
    s = write(b, 100, "@reza");
    bot_bed_says(s, "a number such as 123456789");
    bot_bed_says(s, "Cancel");
    s = write(b, 100, "-100200");
    bot_bed_says(s, "a number such as");
    s = write(b, 100, " 555 ");
    bot_bed_says(s, "<b>555</b> becomes");
    s = bot_bed_go(b, s, "operator");
    s = bot_bed_go(b, s, "everyone");
    bot_bed_says(s, "555 is operator from now on");
    assert_true(is_admin(b, 555, &a));
    assert_int_equal(a.role, OP_ROLE_OPERATOR);
    assert_int_equal(a.panel_admin_id, 0);
    /* What is written afterwards is no id any more. */
    s = write(b, 100, "556");
    assert_false(is_admin(b, 556, &a));
    /* He sees the menu, and nothing an owner alone may. */
    s = press(b, 555, write(b, 555, "/start"), "Admin");
    bot_bed_says(s, "Your role: operator");
    assert_null(bot_bed_button(s, "Add"));
    assert_null(bot_bed_button(s, "Admins"));
    assert_non_null(bot_bed_button(s, "Language"));
    bot_bed_press(b, 555, 9, "aadmx|100");
    bot_bed_answer(b);
    s = bot_bed_next(b, "answerCallbackQuery");
    assert_non_null(strstr(json_string_value(json_object_get(s->params, "text")), "your role"));
}

static void who_wrote_a_forwarded_message(void **state)
{
    struct bot_bed *b = *state;
    struct bot_admin a;
    struct sent *s;

    write(b, 100, "/add_admin");
    s = forward(b, "{\"type\":\"hidden_user\",\"date\":1,\"sender_user_name\":\"H <b>\"}");
    bot_bed_says(s, "hides the account");
    s = forward(b, "{\"type\":\"channel\",\"date\":1,\"chat\":{\"id\":-5,\"type\":\"channel\"}}");
    bot_bed_says(s, "a number such as");
    s = forward(b, "{\"type\":\"user\",\"date\":1,\"sender_user\":{\"id\":8,\"is_bot\":true,"
                   "\"first_name\":\"B\"}}");
    bot_bed_says(s, "That is a bot");
    s = forward(b, "{\"type\":\"user\",\"date\":1,\"sender_user\":{\"id\":777,\"is_bot\":false,"
                   "\"first_name\":\"R|<b>\",\"last_name\":\"\u0631\u0636\u0627\"}}");
    bot_bed_says(s, "R|&lt;b&gt; \u0631\u0636\u0627 (777)");
    s = bot_bed_go(b, s, "owner");
    bot_bed_says(s, "Sure?");
    assert_false(is_admin(b, 777, &a));
    s = bot_bed_go(b, s, "Yes");
    bot_bed_says(s, "is owner from now on");
    assert_true(is_admin(b, 777, &a));
    assert_int_equal(a.role, OP_ROLE_OWNER);
}

static void roles_change_and_end(void **state)
{
    struct bot_bed *b = *state;
    struct bot_admin a;
    struct sent *s, *his;

    assert_int_equal(bed_ask(b->ops, "POST /admins", "{\"id\":21,\"role\":\"viewer\"}"), 200);
    his = write(b, 21, "/start");
    s = write(b, 100, "/admins");
    bot_bed_says(s, "• X (100) — owner");
    bot_bed_says(s, "• X (21) — viewer");
    s = bot_bed_go(b, bot_bed_go(b, s, "100"), "Back");
    s = bot_bed_go(b, s, "21");
    bot_bed_says(s, "Sees: everyone's users");
    s = bot_bed_go(b, s, "operator");
    bot_bed_says(s, "Make 21 an operator?");
    s = bot_bed_go(b, s, "Yes");
    bot_bed_says(s, "✅ Changed.");
    assert_true(is_admin(b, 21, &a));
    assert_int_equal(a.role, OP_ROLE_OPERATOR);
    s = bot_bed_go(b, s, "Remove");
    bot_bed_says(s, "Remove admin 21?");
    s = bot_bed_go(b, s, "No");
    assert_true(is_admin(b, 21, &a));
    s = bot_bed_go(b, bot_bed_go(b, bot_bed_go(b, s, "21"), "Remove"), "Yes");
    bot_bed_says(s, "✅ Removed.");
    assert_false(is_admin(b, 21, &a));
    /* At once: what is open on his screen does nothing any more. */
    bot_bed_press(b, 21, json_integer_value(json_object_get(his->params, "_id")), "sadm");
    bot_bed_answer(b);
    assert_null(bot_bed_next(b, "editMessageText"));
}

static void owners_of_admin_ids_are_shown_only(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = bot_bed_go(b, write(b, 100, "/admins"), "100");

    bot_bed_says(s, "Stands in <code>ADMIN_IDS</code>");
    assert_null(bot_bed_button(s, "Remove"));
    assert_null(bot_bed_button(s, "viewer"));
    bot_bed_press(b, 100, 5, "yadmx|100");
    s = bot_bed_last(b);
    bot_bed_says(s, "stands in ADMIN_IDS");
    assert_int_equal(bed_ask(b->ops, "GET /admins", NULL), 200);
    assert_int_equal(bed_number(b->ops, "total"), 1);
}

static void everybody_chooses_a_language(void **state)
{
    struct bot_bed *b = *state;
    struct bot_admin a;
    struct sent *s;

    assert_int_equal(bed_ask(b->ops, "POST /admins", "{\"id\":21,\"role\":\"viewer\"}"), 200);
    s = press(b, 21, write(b, 21, "/language"), "فارسی");
    bot_bed_says(s, "زبان");
    assert_non_null(bot_bed_button(s, "✅ فارسی"));
    assert_true(is_admin(b, 21, &a));
    assert_int_equal(a.lang, TEXT_FA);
    assert_true(is_admin(b, 100, &a));
    assert_int_equal(a.lang, TEXT_EN);
    s = press(b, 21, s, "bot_language");
    bot_bed_says(s, "Language");
    assert_true(is_admin(b, 21, &a));
    assert_int_equal(a.lang, TEXT_EN);
    /* A forged button with somebody else's number changes one's own only. */
    bot_bed_press(b, 21, 5, "alang|100|ru");
    bot_bed_answer(b);
    assert_true(is_admin(b, 100, &a));
    assert_int_equal(a.lang, TEXT_EN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_number_becomes_an_operator, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(who_wrote_a_forwarded_message, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(roles_change_and_end, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(owners_of_admin_ids_are_shown_only, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(everybody_chooses_a_language, bot_bed_setup,
                                        bot_bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
