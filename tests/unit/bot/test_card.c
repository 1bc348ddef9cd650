/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* The card of a user, finding him, his limit and exceptions, disabled users: over real operations. */
#include "bot_bed.h"

#include <string.h>

#include "base/buf.h"
#include "store/db_find.h"
#include "store/db_limits.h"
#include "store/db_users.h"

static struct err err;

static struct sent *say(struct bot_bed *b, const char *text)
{
    struct sent *s;

    bot_bed_write(b, 100, text);
    bot_bed_answer(b);
    s = bot_bed_next(b, "sendMessage");
    if (!s)
        fail_msg("no answer to %s", text);
    return s;
}

static void must_say(const struct sent *s, const char *part)
{
    if (!strstr(bot_bed_text(s), part))
        fail_msg("no \"%s\" in: %s", part, bot_bed_text(s));
}

static void brief(void *app, int64_t id, struct op_brief *ret)
{
    (void)app;
    *ret = (struct op_brief){.state = id == 12 ? "monitoring" : "not seen",
                             .limit = 2,
                             .limit_from = "general",
                             .devices = id == 12 ? 3 : 0,
                             .disabled = id == 13};
}

static bool shown_by_list, reading_at;

static void live(void *app, int64_t id, struct buf *out)
{
    (void)app;
    if (id != 12) {
        buf_add_str(out, "{\"limit\":2,\"limit_from\":\"general\",\"state\":\"not seen\"}");
        return;
    }
    buf_addf(
        out,
        "{\"limit\":2,\"limit_from\":\"general\",\"state\":\"monitoring\",\"since\":"
        "\"2026-11-23T15:39:36Z\",\"active_devices\":3,\"concurrent\":2,\"warned\":true,"
        "\"violations\":1,\"next\":{\"step\":0,\"action\":\"disable\",\"for_s\":900},\"trust\":40,"
        "\"devices\":[{\"address\":\"60.1.0.2\",\"country\":\"IR\",\"isp\":\"MCI <b>\","
        "\"node_name\":\"de & co\",\"inbound\":\"VLESS\",\"first_seen\":\"2026-11-23T15:30:00Z\","
        "\"last_seen\":\"2026-11-23T15:41:30Z\",\"role\":\"counted\",\"lines\":3,\"online_list\":%s}],"
        "%s\"addresses_left_out\":2}",
        shown_by_list ? "true" : "false",
        reading_at ? "\"last_reading\":\"2026-11-23T15:41:30Z\"," : "");
}

static int setup(void **state)
{
    struct bot_bed *b;

    if (bot_bed_setup(state))
        return -1;
    b = *state;
    b->ops->port.brief = brief;
    b->ops->port.live_json = live;
    return 0;
}

/* By whom a device was shown, once the list has been read at all. */
static void who_has_shown_a_device(void **state)
{
    struct sent *s = say(*state, "/user alice");

    assert_null(strstr(bot_bed_text(s), "in the log only"));
    reading_at = true;
    must_say(say(*state, "/user alice"), " (in the log only)");
    shown_by_list = true;
    must_say(say(*state, "/user alice"), " (log and online list)");
    shown_by_list = reading_at = false;
}

static void the_card_tells_all(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = say(b, "/user alice");

    must_say(s, "<b>alice</b> (<code>id:12</code>)");
    must_say(s, "Limit: 2 devices at a time (general limit)");
    must_say(s, "3 devices in use, 2 of them");
    must_say(s, "<code>60.1.0.2</code> · IR · MCI &lt;b&gt;\n");
    must_say(s, "de &amp; co · VLESS · since 2026-11-23 15:30, seen ");
    must_say(s, "… and 2 more addresses");
    must_say(s, "Trust: 40 of 100");
    must_say(s, "1 violation counts; the next one brings: disabled for 15 min.");
    assert_non_null(bot_bed_button(s, "Clear monitoring"));
    assert_non_null(bot_bed_button(s, "Disable now"));
    assert_null(bot_bed_button(s, "✅ Enable"));
    s = bot_bed_go(b, s, "Explain");
    must_say(s, "Monitored since");
    s = bot_bed_go(b, s, "Text for the customer");
    must_say(s, "Account: alice");
    s = bot_bed_go(b, s, "فارسی");
    must_say(s, "حساب: ");
    s = bot_bed_go(b, s, "User card");
    s = bot_bed_go(b, s, "History");
    must_say(s, "Nothing has happened so far.");
}

static void who_is_looked_for_is_found(void **state)
{
    static const struct db_user users[] = {{20, SLICE("alina"), STAMP_NONE},
                                           {21, SLICE("<b>&\"'"), STAMP_NONE},
                                           {22, SLICE("\xd8\xb9\xd9\x84\xdb\x8c 😀"), STAMP_NONE}};
    struct bot_bed *b = *state;
    struct sent *s;

    assert_int_equal(db_users_put(b->ops->db, users, 3, BED_NOW, &err), ERR_OK);
    s = say(b, "/user ali"); /* two */
    must_say(s, "2 users with “ali”");
    assert_non_null(bot_bed_button(s, "alina"));
    s = bot_bed_go(b, s, "🟡 alice");
    must_say(s, "<code>id:12</code>");
    s = say(b, "/user alicf"); /* none, but one is near */
    must_say(s, "Near to it:");
    assert_string_equal(bot_bed_button(s, "alice"), "scard|id:12|en");
    s = say(b, "/user");
    must_say(s, "Send a name");
    s = say(b, "nobodyatall"); /* goes on waiting */
    must_say(s, "No user's name holds “nobodyatall”.");
    s = say(b, "<b>&\"'");
    must_say(s, "<b>&lt;b&gt;&amp;&quot;'</b> (<code>id:21</code>)");
    /* What is written now is no search any more. */
    s = say(b, "alina");
    assert_null(strstr(bot_bed_text(s), "id:20"));
    s = say(b, "/user id:22");
    must_say(s, "😀");
    s = say(b, "/user 12345");
    must_say(s, "<code>id:13</code>");
}

static int special_of(struct bot_bed *b, int64_t id)
{
    int found = -1;

    (void)b;
    bed_ask(b->ops, "GET /users/limits", NULL);
    {
        json_t *row;
        size_t i;

        json_array_foreach(json_object_get(b->ops->json, "data"), i, row)
        {
            if (json_integer_value(json_object_get(row, "id")) == id)
                found = (int)json_integer_value(json_object_get(row, "limit"));
        }
    }
    return found;
}

static void a_limit_is_set_and_removed(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = say(b, "/limits");

    must_say(s, "0 users have a special limit.");
    s = bot_bed_go(b, s, "Set special limit");
    s = say(b, "alice");
    must_say(s, "User: <b>alice</b>");
    s = bot_bed_go(b, s, "4");
    must_say(s, "Special limit of alice: 4 devices");
    assert_int_equal(special_of(b, 12), 4);
    s = bot_bed_go(b, s, "Other number");
    s = say(b, "10001");
    must_say(s, "0 to 10000");
    assert_int_equal(special_of(b, 12), 4);
    s = say(b, "many");
    s = say(b, "7");
    must_say(s, "Special limit of alice: 7 devices");
    assert_int_equal(special_of(b, 12), 7);
    s = say(b, "/set_special_limit alice 1");
    must_say(s, "Special limit of alice: 1 device ");
    assert_int_equal(special_of(b, 12), 1);
    s = say(b, "/set_special_limit alice x");
    s = say(b, "/set_special_limit alcie 3"); /* nobody: the nearest is offered */
    assert_string_equal(bot_bed_button(s, "alice"), "sulim|id:12|en");
    assert_int_equal(special_of(b, 12), 1);
    s = say(b, "/show_special_limit");
    must_say(s, "<b>alice</b>: 1");
    s = bot_bed_go(b, s, "🗑 alice");
    must_say(s, "Remove this special limit?");
    assert_int_equal(special_of(b, 12), 1);
    s = bot_bed_go(b, s, "Yes");
    must_say(s, "The special limit of alice is removed.");
    assert_int_equal(special_of(b, 12), -1);
}

/* Entered while the panel was silent, under a name that no button may hold. */
static void one_the_panel_never_showed(void **state)
{
    struct db_limit row = {
        0,       SLICE("<i>\xd8\xb9\xd9\x84\xdb\x8c|~ & a name longer than any button's data"),
        3,       SLICE(""),
        BED_NOW, SLICE("cli")};
    struct bot_bed *b = *state;
    struct sent *s;
    bool fresh;

    assert_int_equal(db_limits_put(b->ops->db, &row, &fresh, &err), ERR_OK);
    assert_int_equal(db_exceptions_put(b->ops->db, &row, &fresh, &err), ERR_OK);
    s = say(b, "/show_special_limit");
    must_say(s, "&lt;i&gt;");
    must_say(s, "The panel has not shown this user so far");
    assert_int_equal(strncmp(bot_bed_button(s, "🗑"), "adell|#", 7), 0);
    s = bot_bed_go(b, s, "✏️");
    b->ops->mood = PANEL_SILENT;
    s = bot_bed_go(b, s, "5");
    must_say(s, "it is kept, and holds as soon as");
    s = say(b, "/show_special_limit");
    must_say(s, "</b>: 5");
    s = bot_bed_go(b, s, "🗑");
    s = bot_bed_go(b, s, "Yes");
    must_say(s, "is removed");
    s = say(b, "/show_except_users");
    s = bot_bed_go(b, s, "🗑");
    s = bot_bed_go(b, s, "Yes");
    must_say(s, "has ended");
    must_say(s, "Nobody is excepted.");
}

static void an_exception_with_its_reason(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s = say(b, "/set_except_user alice");

    must_say(s, "<b>alice</b> will never be limited. Why?");
    s = bot_bed_go(b, s, "Write the reason");
    s = say(b, "friend <of> the house");
    must_say(s, "alice is excepted from all limits.");
    must_say(s, "Reason: friend &lt;of&gt; the house");
    s = bot_bed_go(b, s, "Remove exception");
    s = bot_bed_go(b, s, "Yes");
    must_say(s, "The exception of alice has ended.");
    s = say(b, "/show_except_users");
    must_say(s, "Nobody is excepted.");
}

/* A term that is none is not asked about; the old bot's ALL is asked for. */
static void what_is_asked_before(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;

    bot_bed_press(b, 100, 5, "idsm|id:12");
    bot_bed_answer(b);
    s = bot_bed_next(b, "editMessageText");
    must_say(s, "Send the number of minutes");
    s = say(b, "0");
    must_say(s, "no number of minutes");
    s = say(b, "ten");
    s = say(b, "10");
    must_say(s, "Disable <b>alice</b> in the panel for 10 minutes?");
    s = say(b, "/clear_user_violations ALL");
    must_say(s, "Forgive all violations of everyone? 0 count now.");
    s = say(b, "/clear_user_violations alice");
    must_say(s, "There are no violations.");
    s = say(b, "/clear_user_violations");
    must_say(s, "In all: 0");
}

/* Persian isolates what is Latin, Russian has its forms. */
static void languages(void **state)
{
    struct bot_bed *b = *state;
    struct buf out;

    (void)b;
    buf_init(&out, 4096);
    text_add_html(&out, TEXT_RU, TEXT_U_CONN_DEVICES,
                  (const struct text_arg[]){{"n", "21", false}, {"addresses", "3", false}, {0}});
    assert_string_equal(buf_str(&out), "📱 21 устройство, 3 адреса");
    buf_clear(&out);
    text_add_html(&out, TEXT_FA, TEXT_U_OF_USER,
                  (const struct text_arg[]){{"user", "<ali>", false}, {0}});
    assert_non_null(strstr(buf_str(&out), "\xe2\x81\xa8&lt;ali&gt;\xe2\x81\xa9"));
    buf_release(&out);
}

/* Every screen of these parts that needs no user opens; those of a user with his. */
static void every_screen_opens(void **state)
{
    static const char *const targets[] = {
        "slim",
        "sspl",
        "susers",
        "sexl",
        "sdis",
        "senall",
        "smon",
        "srep",
        "srip|12",
        "srip|48",
        "svio",
        "sclean",
        "senpr|3",
        "suvio|id:12",
        "sterm|id:12",
        "senask|id:12",
        "sexca|id:12",
        "sulim|id:12",
        "shist|id:12",
        "sfnd|card|a",
        "sadopt|id:12",
        "sclrun|3",
        "splim|#00000000",
    };
    struct bot_bed *b = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(targets); i++) {
        struct sent *s;

        bot_bed_press(b, 100, 5, targets[i]);
        bot_bed_answer(b);
        s = bot_bed_next(b, "editMessageText");
        if (!s || strstr(bot_bed_text(s), "⚠️"))
            fail_msg("%s: %s", targets[i], bot_bed_text(s));
        if (!bot_bed_button(s, "Home"))
            fail_msg("%s has no way home", targets[i]);
    }
}

static void enabling_tells_the_result(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;

    bot_bed_press(b, 100, 5, "aena|id:12");
    bot_bed_answer(b);
    s = bot_bed_next(b, "editMessageText");
    must_say(s, "<b>id:12</b>: enabled");
    assert_int_equal(b->ops->enabled_id, 12);
    bot_bed_press(b, 100, 5, "aenall|1h|3|true");
    bot_bed_answer(b);
    s = bot_bed_next(b, "editMessageText");
    must_say(s, "Enable 3 users in the panel now?");
    assert_false(b->ops->enabled_all);
    s = bot_bed_go(b, s, "Yes");
    must_say(s, "Enabled: 1 user.");
    assert_true(b->ops->enabled_all && b->ops->forgiven);
    assert_int_equal(b->ops->enabled_since, BED_NOW - 3600 * STAMP_SECOND);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, setup, bot_bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(who_has_shown_a_device),     WITH_BED(the_card_tells_all),
        WITH_BED(who_is_looked_for_is_found), WITH_BED(a_limit_is_set_and_removed),
        WITH_BED(one_the_panel_never_showed), WITH_BED(an_exception_with_its_reason),
        WITH_BED(every_screen_opens),         WITH_BED(enabling_tells_the_result),
        WITH_BED(what_is_asked_before),       WITH_BED(languages),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
