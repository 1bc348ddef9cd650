/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "service/backup/backup.h"

/* Backup and restore in the bot, each step of them, and what goes wrong. */

static struct sent *wrote(struct bot_bed *b, int64_t from, const char *text)
{
    bot_bed_write(b, from, text);
    return bot_bed_last(b);
}

/* Owner 100 sends a file of so many bytes. */
static struct sent *send_file(struct bot_bed *b, struct slice bytes, int64_t size)
{
    json_t *update =
        json_pack("{sI s{sI sI s{sI ss} s{sI sb ss} s{ss ss sI}}}", "update_id", (json_int_t)9,
                  "message", "message_id", (json_int_t)70, "date", (json_int_t)1, "chat", "id",
                  (json_int_t)100, "type", "private", "from", "id", (json_int_t)100, "is_bot", 0,
                  "first_name", "O", "document", "file_id", "F1", "file_name", "b <1>.zip",
                  "file_size", (json_int_t)size);

    assert_non_null(update);
    b->upload = bytes;
    bot_update(b->bot, update);
    json_decref(update);
    return bot_bed_last(b);
}

static struct sent *sent_document(struct bot_bed *b)
{
    struct sent *s;

    for (s = b->sent; s && strcmp(s->method, "sendDocument") != 0; s = s->next)
        ;
    return s;
}

static void a_backup_is_sent(void **state)
{
    struct bot_bed *b = *state;
    struct backup *made = NULL;
    struct sent *s = wrote(b, 100, "/backup"), *document = sent_document(b);
    const char *caption;
    struct err err = {0};

    bot_bed_says(s, "The backup is above");
    assert_non_null(document);
    caption = json_string_value(json_object_get(document->params, "caption"));
    assert_non_null(strstr(caption, "No password, no token"));
    assert_non_null(strstr(b->file_name, ".zip"));
    assert_int_equal(backup_open(buf_slice(&b->file), &made, &err), ERR_OK);
    backup_free(made);
    assert_null(memmem(b->file.p, b->file.n, "secrets.enc", 11));
}

static void only_owners_in_private_get_one(void **state)
{
    struct bot_bed *b = *state;
    json_t *group = json_pack("{sI s{sI sI s{sI ss} s{sI sb ss} ss}}", "update_id", (json_int_t)9,
                              "message", "message_id", (json_int_t)70, "date", (json_int_t)1,
                              "chat", "id", (json_int_t)-5, "type", "supergroup", "from", "id",
                              (json_int_t)100, "is_bot", 0, "first_name", "O", "text", "/backup");

    assert_int_equal(bed_ask(b->ops, "POST /admins", "{\"id\":21,\"role\":\"operator\"}"), 200);
    bot_bed_says(wrote(b, 21, "/backup"), "your role");
    bot_bed_says(wrote(b, 21, "/restore"), "your role");
    bot_bed_press(b, 21, 5, "abak");
    bot_bed_press(b, 21, 5, "ires");
    bot_bed_press(b, 21, 5, "yresgo|1");
    bot_update(b->bot, group);
    json_decref(group);
    bot_bed_says(bot_bed_last(b), "private chat");
    assert_null(sent_document(b));
}

static void secrets_go_with_a_passphrase(void **state)
{
    struct bot_bed *b = *state;
    struct backup_secrets files = {{NULL, 0}, {NULL, 0}};
    struct sent *s = bot_bed_go(b, bot_bed_go(b, wrote(b, 100, "/start"), "Admin"), "Backup"), *d;
    struct buf clear;
    struct err err = {0};

    s = bot_bed_go(b, s, "With secrets");
    bot_bed_says(s, "at least 8 characters");
    bot_bed_write(b, 100, "short");
    bot_bed_answer(b);
    d = bot_bed_next(b, "deleteMessage");
    assert_non_null(d);
    bot_bed_says(bot_bed_last(b), "8 to 1024 bytes");
    assert_null(sent_document(b));
    bot_bed_write(b, 100, "correct horse");
    bot_bed_answer(b);
    assert_non_null(bot_bed_next(b, "deleteMessage"));
    bot_bed_says(bot_bed_last(b), "The backup is above");
    d = sent_document(b);
    assert_non_null(d);
    assert_non_null(strstr(json_string_value(json_object_get(d->params, "caption")), "encrypted"));
    buf_init(&clear, LIMIT_BACKUP);
    assert_int_equal(backup_unseal(buf_slice(&b->file), SLICE("another one"), BED_NOW, &files,
                                   &clear, &err),
                     ERR_AUTH);
    assert_int_equal(backup_unseal(buf_slice(&b->file), SLICE("correct horse"), BED_NOW, &files,
                                   &clear, &err),
                     ERR_OK);
    backup_secrets_release(&files);
    buf_release(&clear);
    for (s = b->sent; s; s = s->next)
        assert_null(strstr(bot_bed_text(s), "correct horse"));
}

static void what_telegram_refuses_is_told(void **state)
{
    struct bot_bed *b = *state;
    struct sent *s;

    bot_bed_write(b, 100, "/backup");
    /* The progress is told first; then the file. */
    for (s = b->sent; s; s = s->next) {
        if (!s->answered && strcmp(s->method, "sendDocument") == 0) {
            b->error_code = 413;
            b->error = "Request Entity Too Large";
        }
        bot_bed_answer_one(b, s);
    }
    bot_bed_says(bot_bed_last(b), "not sent: Request Entity Too Large");
}

static char *copy_of(struct buf *b)
{
    char *p = malloc(b->n);

    assert_non_null(p);
    memcpy(p, b->p, b->n);
    return p;
}

static void a_file_is_looked_at_first(void **state)
{
    struct bot_bed *b = *state;
    struct slice zip;
    struct sent *s, *old;
    char *bytes;

    wrote(b, 100, "/backup");
    bytes = copy_of(&b->file);
    zip = (struct slice){bytes, b->file.n};
    assert_int_equal(bed_ask(b->ops, "POST /users/limits", "{\"username\":\"alice\",\"limit\":4}"),
                     200);
    bot_bed_says(wrote(b, 100, "/restore"), "at most 20 MB");
    bot_bed_says(wrote(b, 100, "here it is"), "as a file");
    s = send_file(b, zip, 50 << 20);
    bot_bed_says(s, "b &lt;1&gt;.zip has 50.0 MB");
    s = send_file(b, (struct slice){NULL, 0}, 5000);
    bot_bed_says(s, "did not give the file: no way to Telegram");
    /* Nothing is awaited any more. */
    bot_bed_says(send_file(b, zip, (int64_t)zip.n), "was not waiting");
    wrote(b, 100, "/restore");
    s = send_file(b, zip, (int64_t)zip.n);
    bot_bed_says(s, "A whole backup of");
    bot_bed_says(s, "Special limits: 1 → 0");
    bot_bed_says(s, "<b>shadow</b>");
    old = s;
    bot_bed_says(bot_bed_go(b, s, "Cancel"), "Nothing was changed");
    bot_bed_says(bot_bed_go(b, old, "Put it in place"), "no longer at hand");
    wrote(b, 100, "/restore");
    s = send_file(b, zip, (int64_t)zip.n);
    /* The message says so already: it is told in the answer to the press alone. */
    bot_bed_press(b, 100, json_integer_value(json_object_get(old->params, "_id")),
                  bot_bed_button(old, "Put it in place"));
    bot_bed_answer(b);
    bot_bed_says(bot_bed_next(b, "answerCallbackQuery"), "no longer at hand");
    s = bot_bed_go(b, s, "Put it in place");
    bot_bed_says(bot_bed_last(b), "Restored");
    assert_true(b->ops->changed & OP_CHANGED_ALL);
    free(bytes);
}

static void damaged_files_are_refused(void **state)
{
    static char junk[3000];
    struct bot_bed *b = *state;
    char *bytes;
    size_t n;

    wrote(b, 100, "/restore");
    bot_bed_says(send_file(b, (struct slice){junk, sizeof(junk)}, sizeof(junk)),
                 "This is not allowed");
    wrote(b, 100, "/backup");
    n = b->file.n;
    bytes = copy_of(&b->file);
    bytes[n / 2] ^= 0x55;
    wrote(b, 100, "/restore");
    bot_bed_says(send_file(b, (struct slice){bytes, n}, (int64_t)n), "⚠️");
    assert_int_equal(b->ops->changed & OP_CHANGED_ALL, 0);
    free(bytes);
}

static void the_old_programs_are_imported(void **state)
{
    static const char old[] = "{\"panel\":{\"domain\":\"p\"},\"limits\":{\"general\":3,\"special\":"
                              "{}},\"monitoring\":{\"check_interval\":90}}";
    struct bot_bed *b = *state;
    char dir[] = "/tmp/pg-bot-XXXXXX", run[64];
    struct err err = {0};
    struct sent *s;

    assert_non_null(mkdtemp(dir));
    snprintf(run, sizeof(run), "%s/run", dir);
    assert_int_equal(mkdir(run, 0700), 0);
    assert_int_equal(settings_set(&b->ops->settings, SET_DATA_DIR, ORIGIN_FILE, slice_of(dir),
                                  &err),
                     ERR_OK);
    wrote(b, 100, "/restore");
    s = send_file(b, slice_of(old), sizeof(old) - 1);
    bot_bed_says(s, "backup of the Python PG-Limiter");
    bot_bed_says(s, "Would be taken over:");
    s = bot_bed_go(b, s, "Import");
    bot_bed_says(bot_bed_last(b), "Imported:");
    assert_int_equal(settings_int(&b->ops->settings, SET_GENERAL_LIMIT), 3);
    assert_int_equal(rmdir(run), 0);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_backup_is_sent, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(only_owners_in_private_get_one, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(secrets_go_with_a_passphrase, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(what_telegram_refuses_is_told, bot_bed_setup,
                                        bot_bed_teardown),
        cmocka_unit_test_setup_teardown(a_file_is_looked_at_first, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(damaged_files_are_refused, bot_bed_setup, bot_bed_teardown),
        cmocka_unit_test_setup_teardown(the_old_programs_are_imported, bot_bed_setup,
                                        bot_bed_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
