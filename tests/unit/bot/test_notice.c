/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "notice_bed.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "store/db_chats.h"

#define HAS(text, part) assert_non_null(strstr(text, part))
#define HAS_NOT(text, part) assert_null(strstr(text, part))

/* Warned, disabled, enabled by a person: one message a chat, which says all of it at the end. */
static void a_case_is_one_message(void **state)
{
    struct bed *bed = *state;
    struct notice released = {.event = NOTICE_RELEASED,
                              .user_id = 10,
                              .name = SLICE("a<b>&c"),
                              .who = SLICE("telegram:1001"),
                              .hand = true,
                              .text = SLICE("enabled by hand")};
    struct notice seen = {.event = NOTICE_SEEN,
                          .user_id = 10,
                          .name = SLICE("a<b>&c"),
                          .places = SLICE("9.8.7.6 · <de>")};

    bed_put(bed, NOTICE_WARNED, 10, "a<b>&c", 0);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "⚠️ <b>a&lt;b&gt;&amp;c</b> — warned");
    HAS(bed_text(bed, BED_OWNER, 0), "3 devices at the same time, 2 allowed");
    HAS(bed_text(bed, BED_OWNER, 0), "<code>5.6.7.8</code> · MCI, IR · node-1");
    HAS(bed_text(bed, BED_OWNER, 0), "&lt;i&gt;x");
    HAS_NOT(bed_keys(bed, BED_OWNER, 0), "anot|e");
    bed_put(bed, NOTICE_CONVICTED, 10, "a<b>&c", 100);
    assert_int_equal(bed->n_put, 2); /* the owner's and the viewer's */
    bed_put(bed, NOTICE_PUNISHED, 10, "a<b>&c", 120);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "⛔");
    HAS(bed_text(bed, BED_OWNER, 0), "· warned");
    HAS(bed_text(bed, BED_OWNER, 0), "· disabled until ");
    HAS(bed_keys(bed, BED_OWNER, 0), "anot|e|case:10|");
    HAS(bed_keys(bed, BED_OWNER, 0), "ncard|id:10");
    seen.at_us = loop_wall_us(bed->loop) + 130 * STAMP_SECOND;
    notice_put(bed->n, &seen);
    HAS(bed_text(bed, BED_OWNER, 0), "still seen at 9.8.7.6 · &lt;de&gt;: open connections go on");
    notice_put(bed->n, &released);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "✅");
    HAS(bed_text(bed, BED_OWNER, 0), "enabled by Ali &lt;b&gt;");
    HAS(bed_text(bed, BED_OWNER, 0), "· warned");
    HAS_NOT(bed_keys(bed, BED_OWNER, 0), "anot|e");
}

/* Nobody hears an edit: an alarm long after the warning is a new message, and the old one points to it. */
static void an_old_message_is_not_the_alarm(void **state)
{
    struct bed *bed = *state;

    bed_put(bed, NOTICE_WARNED, 10, "alice", 0);
    bed_put(bed, NOTICE_PUNISHED, 10, "alice", 601);
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    HAS(bed_text(bed, BED_OWNER, 0), "see the newer message");
    assert_string_equal(bed_keys(bed, BED_OWNER, 0), "");
    HAS(bed_text(bed, BED_OWNER, 1), "⛔");
    /* Its end needs no sound. */
    bed_put(bed, NOTICE_RELEASED, 10, "alice", 2000);
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    HAS(bed_text(bed, BED_OWNER, 1), "the time was over");
}

static void warned_again_is_counted(void **state)
{
    struct bed *bed = *state;

    bed_put(bed, NOTICE_WARNED, 10, "alice", 0);
    bed_put(bed, NOTICE_CLOSED, 10, "alice", 200);
    HAS(bed_text(bed, BED_OWNER, 0), "🟢");
    bed_put(bed, NOTICE_WARNED, 10, "alice", 900);
    bed_put(bed, NOTICE_WARNED, 10, "alice", 1800);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "warned, 3 times since ");
    bed_put(bed, NOTICE_WARNED, 10, "alice", 1800 + 3600);
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    HAS_NOT(bed_text(bed, BED_OWNER, 1), "times");
}

/* Each sees his own in his language; a viewer has nothing to press but the details. */
static void who_sees_what(void **state)
{
    struct bed *bed = *state;

    bed_put(bed, NOTICE_WARNED, 10, "others", 0);
    bed_put(bed, NOTICE_WARNED, 13, "his", 0);
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    assert_int_equal(bed_count(bed, BED_VIEWER), 2);
    assert_int_equal(bed_count(bed, BED_NARROW), 1);
    HAS(bed_text(bed, BED_NARROW, 0), "هشدار");
    HAS(bed_text(bed, BED_NARROW, 0), "\xe2\x81\xa8his\xe2\x81\xa9");
    HAS(bed_text(bed, BED_VIEWER, 0), "предупреждение");
    HAS(bed_keys(bed, BED_NARROW, 0), "anot|x|case:13|");
    HAS_NOT(bed_keys(bed, BED_VIEWER, 0), "anot");
    HAS(bed_keys(bed, BED_VIEWER, 0), "ncard|id:10");
    /* What is about everyone is not for him. */
    notice_put(bed->n,
               &(struct notice){.event = NOTICE_PAUSED, .count = 7, .text = SLICE("alice")});
    assert_int_equal(bed_count(bed, BED_NARROW), 1);
    HAS(bed_text(bed, BED_OWNER, -1), "The breaker has paused");
    HAS(bed_keys(bed, BED_OWNER, -1), "anot|r|breaker|");
    HAS(bed_keys(bed, BED_OWNER, -1), "Enable these 7");
    HAS_NOT(bed_keys(bed, BED_VIEWER, -1), "anot");
    notice_put(bed->n, &(struct notice){.event = NOTICE_RESUMED, .who = SLICE("cli")});
    assert_int_equal(bed_count(bed, BED_OWNER), 3);
    HAS(bed_text(bed, BED_OWNER, 2), "Enforcement goes on</b>, by the command line");
    assert_string_equal(bed_keys(bed, BED_OWNER, 2), "");
}

/* 300 in a moment: six messages, then one with all the others; each chat counts what it may see. */
static void many_become_one(void **state)
{
    struct bed *bed = *state;
    char name[32], first[NOTE_KEY];
    const struct note *fold;
    size_t i;

    for (i = 0; i < 300; i++) {
        snprintf(name, sizeof(name), "user%03zu", i);
        bed_put(bed, NOTICE_WARNED, 1000 + (int64_t)i, name, 0);
    }
    bed_wait(bed, 1100000);
    assert_int_equal(bed_count(bed, BED_OWNER), 7);
    HAS(bed_text(bed, BED_OWNER, 6), "294 users warned");
    HAS(bed_text(bed, BED_OWNER, 6), "user006, user007, ");
    HAS(bed_text(bed, BED_OWNER, 6), " and 286 more");
    HAS(bed_keys(bed, BED_OWNER, 6), "nnfl|fold:warning:");
    /* Thirty are his; of the first six one. */
    assert_int_equal(bed_count(bed, BED_NARROW), 2);
    HAS(bed_text(bed, BED_NARROW, 1), "29 ");
    HAS(bed_text(bed, BED_NARROW, 1), "user013");
    HAS_NOT(bed_text(bed, BED_NARROW, 1), "user006");
    fold = bed->n->folds[NOTICE_WARNING];
    assert_non_null(fold);
    assert_int_equal(fold->n_lines, 294);
    for (i = 0; i < fold->n_lines; i++) {
        snprintf(first, sizeof(first), "user%03zu", i + 6);
        assert_string_equal(fold->lines[i].text, first);
    }
    /* While it grows it is the same message; a disabled one of its users gets his own. */
    bed_put(bed, NOTICE_WARNED, 5000, "late", 0);
    bed_put(bed, NOTICE_PUNISHED, 1200, "user200", 10);
    bed_wait(bed, 3100000);
    assert_int_equal(bed_count(bed, BED_OWNER), 8);
    HAS(bed_text(bed, BED_OWNER, 6), "295 users warned");
    HAS(bed_text(bed, BED_OWNER, 7), "⛔ <b>user200</b>");
    /* The list is there over a restart. */
    snprintf(first, sizeof(first), "%s", fold->key);
    bed_again(bed);
    fold = notices_find(bed->n, first, false);
    assert_non_null(fold);
    assert_int_equal(fold->n_lines, 295);
    assert_int_equal(fold->count, 295);
}

static void goes_on_over_a_restart(void **state)
{
    struct bed *bed = *state;

    bed_put(bed, NOTICE_PUNISHED, 10, "alice", 0);
    notice_put(bed->n, &(struct notice){.event = NOTICE_NODE_DOWN,
                                        .user_id = 3,
                                        .name = SLICE("node-3"),
                                        .since_us = loop_wall_us(bed->loop)});
    bed_again(bed);
    bed_put(bed, NOTICE_RELEASED, 10, "alice", 900);
    notice_put(bed->n,
               &(struct notice){.event = NOTICE_NODE_UP, .user_id = 3, .name = SLICE("node-3")});
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    HAS(bed_text(bed, BED_OWNER, 0), "disabled until");
    HAS(bed_text(bed, BED_OWNER, 0), "the time was over");
    HAS(bed_text(bed, BED_OWNER, 1), "🟢 <b>node-3</b> is back");
}

/* A node without an online list is told of once, and when it works. */
static void a_node_that_keeps_no_list(void **state)
{
    struct bed *bed = *state;
    struct notice off = {.event = NOTICE_NODE_UNLISTED, .user_id = 3, .name = SLICE("n<3")};
    struct notice on = {.event = NOTICE_NODE_LISTED, .user_id = 3, .name = SLICE("n<3")};

    notice_put(bed->n, &off);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "<b>n&lt;3</b>: its online list shows nobody");
    HAS(bed_text(bed, BED_OWNER, 0), "policy.levels.0.statsUserOnline");
    notice_put(bed->n, &on);
    HAS(bed_text(bed, BED_OWNER, 1), "<b>n&lt;3</b>: its online list works");
}

static void a_node_whose_stream_does_not_hold(void **state)
{
    struct bed *bed = *state;
    struct notice bad = {.event = NOTICE_NODE_UNSTEADY,
                         .user_id = 3,
                         .name = SLICE("n<3"),
                         .since_us = INT64_C(1790000000) * STAMP_SECOND};
    struct notice well = {.event = NOTICE_NODE_STEADY, .user_id = 3, .name = SLICE("n<3")};

    notice_put(bed->n, &well); /* nobody was told of it */
    assert_int_equal(bed_count(bed, BED_OWNER), 0);
    notice_put(bed->n, &bad);
    HAS(bed_text(bed, BED_OWNER, 0), "<b>n&lt;3</b>: its log stream does not hold. Since ");
    HAS_NOT(bed_text(bed, BED_OWNER, 0), "{since}");
    notice_put(bed->n, &well);
    HAS(bed_text(bed, BED_OWNER, 1), "<b>n&lt;3</b>: its log stream holds again");
    bed_set(bed, SET_NOTIFY_NODE, "false");
    bad.user_id = 4;
    notice_put(bed->n, &bad);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
}

static void a_node_whose_lines_are_taken(void **state)
{
    struct bed *bed = *state;
    struct notice lost = {.event = NOTICE_NODE_LOSS,
                          .user_id = 3,
                          .name = SLICE("n<3"),
                          .text = SLICE("46 %")};
    struct notice whole = {.event = NOTICE_NODE_WHOLE, .user_id = 3, .name = SLICE("n<3")};

    notice_put(bed->n, &lost);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "<b>n&lt;3</b>: about 46 % of its log lines never reach us");
    HAS_NOT(bed_text(bed, BED_OWNER, 0), "<i>");
    notice_put(bed->n, &whole);
    HAS(bed_text(bed, BED_OWNER, 1), "<b>n&lt;3</b>: its log lines reach us again");
}

static void switched_off(void **state)
{
    struct bed *bed = *state;

    bed_set(bed, SET_NOTIFY_WARNING, "false");
    bed_set(bed, SET_NOTIFY_ENABLED, "false");
    bed_put(bed, NOTICE_WARNED, 10, "alice", 0);
    assert_int_equal(bed->n_shown, 0);
    bed_put(bed, NOTICE_PUNISHED, 10, "alice", 1);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    /* No new message, but the one that is there tells the truth. */
    bed_put(bed, NOTICE_RELEASED, 10, "alice", 900);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    HAS(bed_text(bed, BED_OWNER, 0), "✅");
    bed_put(bed, NOTICE_RELEASED, 11, "bob", 900);
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    notice_put(bed->n, &(struct notice){.event = NOTICE_STARTED, .name = SLICE("1.0")});
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
}

/* Errors of the log, folded by what they say, and never about Telegram itself. */
static void errors_of_the_log(void **state)
{
    struct bed *bed = *state;
    int i;

    log_error("telegram", "no answer");
    log_error("outbox", "full");
    log_warning("store", "not so bad");
    log_error_told("store", "told otherwise");
    for (i = 0; i < 5; i++)
        log_error("store", "the disk is full at %d", i);
    log_error("config", "something <else>");
    bed_wait(bed, 100000);
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    HAS(bed_text(bed, BED_OWNER, 0), "the disk is full at 4");
    HAS(bed_text(bed, BED_OWNER, 0), "5 times since");
    HAS(bed_text(bed, BED_OWNER, 1), "something &lt;else&gt;");
}

static void chat_row(struct bed *bed, const char *topic, int64_t thread)
{
    struct db_chat row = {BED_GROUP, slice_of(topic), thread, 1, SLICE("test")};
    struct err err = {0};

    assert_int_equal(db_chats_put(bed->db, &row, &err), ERR_OK);
    notices_changed(bed->n);
}

/* To the group's topics; to private chats when it fails, told once. */
static void topics_and_their_failing(void **state)
{
    struct bed *bed = *state;
    json_t *params = json_pack("{s:s}", "text", "the lost one");
    struct outbox_failure f = {.chat_id = BED_GROUP,
                               .thread_id = 12,
                               .method = "sendMessage",
                               .params = params,
                               .slot = SLICE("case:10:1"),
                               .error_code = 400,
                               .description = "Bad Request: message thread not found"};

    chat_row(bed, "", 0);
    chat_row(bed, "warning", 12);
    chat_row(bed, "disabled", 12);
    chat_row(bed, "backup", -1);
    bed_put(bed, NOTICE_WARNED, 13, "his", 0);
    assert_int_equal(bed_count(bed, BED_GROUP), 1);
    assert_int_equal(bed->shown[0].thread, 12);
    assert_int_equal(bed_count(bed, BED_OWNER), 0);
    assert_int_equal(bed_count(bed, BED_NARROW), 1);
    HAS(bed_keys(bed, BED_GROUP, 0), "anot|x");
    notice_put(bed->n, &(struct notice){.event = NOTICE_BACKUP_DONE, .text = SLICE("b.zip")});
    assert_int_equal(bed_count(bed, BED_OWNER), 1);
    /* Another topic: a message of its own there. */
    chat_row(bed, "enabled", 15);
    bed_put(bed, NOTICE_PUNISHED, 13, "his", 10);
    assert_int_equal(bed_count(bed, BED_GROUP), 1);
    bed_put(bed, NOTICE_RELEASED, 13, "his", 20);
    assert_int_equal(bed_count(bed, BED_GROUP), 2);
    HAS(bed_text(bed, BED_GROUP, 0), "✅");
    HAS(bed_text(bed, BED_GROUP, 1), "✅");

    assert_true(notices_failed(bed->n, &f));
    assert_true(notices_failed(bed->n, &f));
    assert_int_equal(bed_count(bed, BED_OWNER), 3); /* backup, why, the lost one once */
    HAS(bed_text(bed, BED_OWNER, 1), "thread not found");
    assert_string_equal(bed_text(bed, BED_OWNER, 2), "the lost one");
    bed_put(bed, NOTICE_WARNED, 20, "next", 0);
    assert_int_equal(bed_count(bed, BED_GROUP), 2);
    assert_int_equal(bed_count(bed, BED_OWNER), 4);
    bed_put(bed, NOTICE_RELEASED, 21, "other", 0);
    assert_int_equal(bed_count(bed, BED_GROUP), 3); /* that topic is well */

    f.error_code = 403;
    f.thread_id = 15;
    f.description = "Forbidden: bot was kicked from the supergroup chat";
    f.slot = SLICE("case:21:1");
    assert_true(notices_failed(bed->n, &f));
    bed_put(bed, NOTICE_RELEASED, 22, "last", 0);
    assert_int_equal(bed_count(bed, BED_GROUP), 3);
    HAS(bed_text(bed, BED_OWNER, 4), "takes no messages");
    /* A mistake of ours is no fault of the group; nor is what was for another chat. */
    f.error_code = 400;
    f.description = "Bad Request: can't parse entities";
    assert_false(notices_failed(bed->n, &f));
    f.chat_id = BED_OWNER;
    f.description = "Forbidden: bot was blocked by the user";
    assert_false(notices_failed(bed->n, &f));
    json_decref(params);
}

/* Nobody is told of who was spared before anyone had heard of him, unless something went wrong. */
static void spared(void **state)
{
    struct bed *bed = *state;
    struct notice n = {.event = NOTICE_SPARED,
                       .user_id = 10,
                       .name = SLICE("alice"),
                       .text = SLICE("excepted")};

    bed_put(bed, NOTICE_CONVICTED, 10, "alice", 0);
    notice_put(bed->n, &n);
    assert_int_equal(bed_count(bed, BED_OWNER), 0);
    bed_put(bed, NOTICE_CONVICTED, 10, "alice", 0);
    n.failed = true;
    notice_put(bed->n, &n);
    HAS(bed_text(bed, BED_OWNER, 0), "not disabled");
    HAS(bed_text(bed, BED_OWNER, 0), "<i>excepted</i>");
    bed_put(bed, NOTICE_WARNED, 11, "bob", 0);
    n.failed = false;
    n.user_id = 11;
    n.name = SLICE("bob");
    notice_put(bed->n, &n);
    assert_int_equal(bed_count(bed, BED_OWNER), 2);
    HAS(bed_text(bed, BED_OWNER, 1), "▫️ <b>bob</b>");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_case_is_one_message, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(an_old_message_is_not_the_alarm, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(warned_again_is_counted, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(who_sees_what, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(many_become_one, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(goes_on_over_a_restart, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_node_that_keeps_no_list, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_node_whose_stream_does_not_hold, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_node_whose_lines_are_taken, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(switched_off, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(errors_of_the_log, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(topics_and_their_failing, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(spared, bed_setup, bed_teardown),
    };

    setenv("TZ", "UTC", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
