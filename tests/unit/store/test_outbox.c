/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_bed.h"

#include "store/db_image.h"
#include "store/db_outbox.h"
#include "take.h"

static struct db_outbox_row row_of(int64_t chat, const char *params, const char *slot, bool edit)
{
    return (struct db_outbox_row){.created_us = T0,
                                  .chat_id = chat,
                                  .method = SLICE("sendMessage"),
                                  .params = slice_of(params),
                                  .slot = slice_of(slot),
                                  .edit = edit};
}

static bool put(int64_t chat, const char *params, const char *slot, bool edit)
{
    struct db_outbox_row row = row_of(chat, params, slot, edit);
    bool is_new = false;

    assert_int_equal(db_outbox_put(db, &row, &is_new, &err), 0);
    return is_new;
}

static struct db_outbox_row take(int64_t chat, const char *params)
{
    struct db_outbox_row row = {0};

    assert_int_equal(db_outbox_take(db, chat, &row, &err), 0);
    assert_string_equal(row.params.p, params);
    return row;
}

static void none(int64_t chat)
{
    struct db_outbox_row row = {0};

    assert_int_equal(db_outbox_take(db, chat, &row, &err), ERR_NOT_FOUND);
}

static void rows_go_in_order_and_are_edited(void **state)
{
    struct db_outbox_row a, b;

    (void)state;
    assert_true(put(1, "{\"text\":\"1\"}", "case", true));
    assert_true(put(1, "{\"text\":\"2\"}", "", false));
    assert_true(put(2, "{\"text\":\"3\"}", "case", true));
    assert_false(put(1, "{\"text\":\"1b\"}", "case", true)); /* takes the place of what waits */
    a = take(1, "{\"text\":\"1b\"}");
    assert_int_equal(a.message_id, 0);
    assert_null(a.file.p);
    /* On its way, it is not touched any more: the edit follows it. */
    assert_true(put(1, "{\"text\":\"1c\"}", "case", true));
    assert_int_equal(db_outbox_done(db, a.id, 77, T0, &err), 0);
    db_outbox_release(&a);
    b = take(1, "{\"text\":\"2\"}");
    assert_int_equal(db_outbox_done(db, b.id, 78, T0, &err), 0);
    db_outbox_release(&b);
    a = take(1, "{\"text\":\"1c\"}");
    assert_int_equal(a.message_id, 77);
    assert_true(a.edit);
    assert_int_equal(db_outbox_done(db, a.id, 77, T0, &err), 0);
    db_outbox_release(&a);
    none(1);
    a = take(2, "{\"text\":\"3\"}");
    assert_int_equal(a.message_id, 0);
    assert_int_equal(db_outbox_done(db, a.id, 5, T0, &err), 0);
    db_outbox_release(&a);
}

static void what_was_on_its_way_is_in_doubt_after_a_death(void **state)
{
    struct db_outbox_row a;
    int64_t n = -1;

    (void)state;
    put(3, "{\"text\":\"x\"}", "", false);
    a = take(3, "{\"text\":\"x\"}");
    assert_false(a.doubt);
    db_outbox_release(&a);
    none(3);
    assert_int_equal(db_outbox_recover(db, &n, &err), 0);
    assert_int_equal(n, 1);
    a = take(3, "{\"text\":\"x\"}");
    assert_true(a.doubt);
    /* Once in doubt, always. */
    assert_int_equal(db_outbox_again(db, a.id, false, 4, T0, SLICE("busy"), &err), 0);
    db_outbox_release(&a);
    a = take(3, "{\"text\":\"x\"}");
    assert_true(a.doubt && a.attempts == 4);
    assert_int_equal(db_outbox_done(db, a.id, 0, T0, &err), 0);
    db_outbox_release(&a);
}

static void files_and_groups_that_move(void **state)
{
    struct db_outbox_row row = row_of(-5, "{}", "backup", false), a;
    bool is_new = false;
    int64_t id = 0;

    (void)state;
    row.file_field = SLICE("document");
    row.file_name = SLICE("a.zip");
    row.file = (struct slice){"PK\0\xff", 4};
    assert_int_equal(db_outbox_put(db, &row, &is_new, &err), 0);
    a = take(-5, "{}");
    assert_int_equal(a.file.n, 4);
    assert_memory_equal(a.file.p, "PK\0\xff", 4);
    assert_int_equal(db_outbox_done(db, a.id, 9, T0, &err), 0);
    db_outbox_release(&a);
    put(-5, "{\"n\":2}", "", false);
    assert_int_equal(db_messages_get(db, -5, SLICE("backup"), &id, &err), 0);
    assert_int_equal(id, 9);
    assert_int_equal(db_outbox_migrate(db, -5, -1005, &err), 0);
    assert_int_equal(db_messages_get(db, -5, SLICE("backup"), &id, &err), ERR_NOT_FOUND);
    assert_int_equal(db_messages_get(db, -1005, SLICE("backup"), &id, &err), ERR_NOT_FOUND);
    none(-5);
    a = take(-1005, "{\"n\":2}");
    assert_int_equal(db_outbox_done(db, a.id, 10, T0, &err), 0);
    db_outbox_release(&a);
}

static int count(void *arg, int64_t chat, int64_t rows, int64_t not_before_us)
{
    int64_t *sum = arg;

    assert_true(chat == 6 ? not_before_us == T0 : not_before_us == STAMP_NONE);
    *sum = *sum * 100 + chat * 10 + rows;
    return 0;
}

static void slots_are_forgotten_and_chats_counted(void **state)
{
    struct db_outbox_row a;
    int64_t n = 0, sum = 0, id;

    (void)state;
    put(6, "{}", "s", false);
    put(7, "{\"n\":1}", "", false);
    put(6, "{\"n\":2}", "", false);
    a = take(6, "{}");
    assert_int_equal(db_outbox_again(db, a.id, false, 0, T0, SLICE(""), &err), 0);
    db_outbox_release(&a);
    assert_int_equal(db_outbox_chats(db, count, &sum, &err), 0);
    assert_int_equal(sum, 6271); /* chat 6 with two rows, then chat 7 with one */
    assert_int_equal(db_outbox_forget(db, 6, SLICE("s"), &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(db_outbox_count(db, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(db_messages_get(db, 1, SLICE("case"), &id, &err), 0);
    assert_int_equal(db_messages_expire(db, T0 + STAMP_SECOND, &err), 0);
    assert_int_equal(db_messages_get(db, 1, SLICE("case"), &id, &err), ERR_NOT_FOUND);
}

static void a_copy_has_an_empty_outbox(void **state)
{
    static const char *const nothing[] = {NULL};
    unsigned char *bytes = NULL;
    struct db *copy = NULL;
    int64_t rows = -1;
    size_t n = 0;

    (void)state;
    assert_int_equal(take_bytes(db_path(db), nothing, SIZE_MAX, &bytes, &n, &err), 0);
    assert_int_equal(db_image_open((struct slice){(const char *)bytes, n}, &copy, &err), 0);
    assert_int_equal(db_outbox_count(copy, &rows, &err), 0);
    assert_int_equal(rows, 0);
    assert_int_equal(db_outbox_count(db, &rows, &err), 0);
    assert_int_equal(rows, 2);
    db_close(copy);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_go_in_order_and_are_edited),
        cmocka_unit_test(what_was_on_its_way_is_in_doubt_after_a_death),
        cmocka_unit_test(files_and_groups_that_move),
        cmocka_unit_test(slots_are_forgotten_and_chats_counted),
        cmocka_unit_test(a_copy_has_an_empty_outbox),
    };

    return cmocka_run_group_tests(tests, bed_open, bed_close);
}
