/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What operators ask of the daemon: while it lives, and while it ends. */
#include "app_bed.h"

#include "base/stamp.h"

struct answer {
    int n, status;
    char text[65536];
};

static void take(void *arg, int status, struct slice json)
{
    struct answer *a = arg;

    a->n++;
    a->status = status;
    assert_true(json.n < sizeof(a->text));
    memcpy(a->text, json.p, json.n);
    a->text[json.n] = '\0';
}

static void ask(struct app_bed *b, enum op_method method, const char *path, const char *body,
                struct answer *ret)
{
    struct op_request req = {.method = method,
                             .path = slice_of(path),
                             .body = slice_of(body),
                             .who = SLICE("test")};

    ret->n = 0;
    op_call(&b->d.port, &req, take, ret);
}

static struct answer answer[8];

static void views(void **state)
{
    struct app_bed *b = *state;

    bed_share(b, 1, 1, 3, 100);
    ask(b, OP_GET, "/status", NULL, &answer[0]);
    ask(b, OP_GET, "/nodes", NULL, &answer[1]);
    ask(b, OP_GET, "/users/id:1", NULL, &answer[2]);
    bed_settle(b);
    assert_int_equal(answer[0].status, 200);
    assert_non_null(strstr(answer[0].text, "\"monitoring\":1,"));
    assert_non_null(strstr(answer[0].text, "\"enforcement\":\"on\""));
    assert_int_equal(answer[1].status, 200);
    assert_string_equal(answer[1].text, "{\"data\":[],\"total\":0}");
    assert_int_equal(answer[2].status, 200);
    assert_non_null(strstr(answer[2].text, "\"state\":\"monitoring\""));
    assert_non_null(strstr(answer[2].text, "\"address\":\"60.1.0.2\""));
    assert_non_null(strstr(answer[2].text, "\"warned\":true"));
}

/* Enabled by hand: at once, with a pardon, and told so. */
static void enabled_by_hand(void **state)
{
    struct app_bed *b = *state;

    bed_share(b, 1, 1, 3, 195);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_DISABLED);
    ask(b, OP_GET, "/users/id:1", NULL, &answer[0]);
    bed_settle(b);
    ask(b, OP_POST, "/users/disabled/id:1/enable", NULL, &answer[1]);
    bed_settle(b);
    assert_non_null(strstr(answer[0].text, "\"state\":\"disabled\""));
    assert_int_equal(answer[1].n, 1);
    assert_int_equal(answer[1].status, 200);
    assert_non_null(strstr(answer[1].text, "\"result\":\"enabled\""));
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    bed_share(b, 1, 1, 3, 600);
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    ask(b, OP_GET, "/users/id:1", NULL, &answer[0]);
    bed_settle(b);
    assert_null(strstr(answer[0].text, "\"pardoned_until\":null"));
}

/* Questions that wait for the database when the daemon ends are answered, and touch nothing that is gone. */
static void questions_at_the_end(void **state)
{
    struct app_bed *b = *state;
    size_t i;

    bed_share(b, 1, 1, 3, 195);
    bed_settle(b);
    ask(b, OP_POST, "/users/disabled/id:1/enable", NULL, &answer[0]);
    ask(b, OP_POST, "/users/disabled/enable-all", NULL, &answer[1]);
    ask(b, OP_GET, "/users/id:1", NULL, &answer[2]);
    ask(b, OP_PATCH, "/config", "{\"general_limit\":3}", &answer[3]);
    ask(b, OP_PATCH, "/config", "{\"disabled_group_id\":3}", &answer[4]);
    ask(b, OP_GET, "/users/nobody", NULL, &answer[5]);
    ask(b, OP_PUT, "/users/except/nobody", "{}", &answer[6]);
    bed_stop(b);
    ask(b, OP_GET, "/status", NULL, &answer[7]);
    owner_flush(b->d.owner);
    loop_turn(b->d.loop, 0);
    owner_flush(b->d.owner);
    loop_turn(b->d.loop, 0);
    for (i = 0; i < ARRAY_LEN(answer); i++)
        if (answer[i].n != 1)
            fail_msg("question %zu was answered %d times", i, answer[i].n);
    /* Not enabled yet: his row stays open, and the next start enables him. */
    assert_int_equal(bed_number(b, "SELECT count(*) FROM enforcements"
                                   " WHERE state IN ('applied', 'restoring')"),
                     1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(views, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(enabled_by_hand, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(questions_at_the_end, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
