/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* An admin who sees one panel admin's users only: no operation tells him of anybody else. */
#include "app_bed.h"

#include <stdio.h>
#include <string.h>

#include "base/stamp.h"
#include "core/limit/limit.h"
#include "store/sql.h"

enum { MINE = 1, FOREIGN = 2, UNOWNED = 3 };

static void ask(struct app_bed *b, int64_t panel_admin, enum op_method method, const char *path,
                const char *query, const char *body)
{
    struct op_request req = {.method = method,
                             .path = slice_of(path),
                             .query = slice_of(query),
                             .body = slice_of(body),
                             .who = SLICE("telegram:7"),
                             .panel_admin_id = panel_admin};

    bed_op(b, &req);
}

static void own(struct app_bed *b, int64_t id, int64_t admin, const char *name)
{
    char user[16];
    struct limit_person p = {.id = id, .owner_known = true, .owner_id = admin};

    snprintf(user, sizeof(user), "user%d", (int)id);
    p.name = slice_of(user);
    p.owner = slice_of(name);
    assert_true(limits_learn_person(engine_limits(b->d.engine), &p) >= 0);
}

static int write_history(struct db *db, void *arg, struct err *err)
{
    (void)arg;
    return sql_exec(db,
                    "INSERT INTO ip_history VALUES(1, 20717, '60.1.0.2', 1, 'IN', 'isp', 1, 2, 3),"
                    " (2, 20717, '60.1.0.3', 1, 'IN', 'isp', 1, 2, 3);",
                    err);
}

/* The bed has no country data. */
static void no_geo(void *app, struct addr addr, struct buf *out)
{
    (void)app;
    (void)addr;
    buf_add_str(out, "{}");
}

/* Three users over their limit, two of them disabled, with entries of every kind; then one who is watched. */
static void fill(struct app_bed *b)
{
    char body[64];
    int i;

    bed_share(b, MINE, 3, 3, 195);
    own(b, MINE, 5, "reza");
    own(b, FOREIGN, 6, "sara");
    for (i = MINE; i <= UNOWNED; i++) {
        snprintf(body, sizeof(body), "{\"username\":\"user%d\",\"limit\":1}", i);
        ask(b, 0, OP_POST, "/users/limits", "", body);
        assert_int_equal(bed_status, 200);
        snprintf(body, sizeof(body), "{\"username\":\"user%d\"}", i);
        ask(b, 0, OP_POST, "/users/except", "", body);
        assert_int_equal(bed_status, 200);
    }
    assert_int_equal(owner_submit(b->d.owner, OWNER_WRITE, write_history, NULL, NULL), ERR_OK);
    owner_flush(b->d.owner);
    assert_true(bed_number(b, "SELECT count(*) FROM enforcements WHERE state='applied'") == 3);
    assert_true(bed_number(b, "SELECT count(*) FROM violations") == 3);
}

static bool leaks(void)
{
    return strstr(bed_said, "user2") || strstr(bed_said, "user3") ||
           strstr(bed_said, "0.1.0.3\"") || strstr(bed_said, "1.1.0.3\"") ||
           strstr(bed_said, "2.1.0.3\"") || strstr(bed_said, "1.0.4\"");
}

static void path_of(const struct op_def *def, const char *what, char *path, size_t size)
{
    const char *open = strchr(def->pattern, '{'), *close = open ? strchr(open, '}') : NULL;

    if (close)
        snprintf(path, size, "%.*s%s%s", (int)(open - def->pattern), def->pattern, what, close + 1);
    else
        snprintf(path, size, "%s", def->pattern);
}

static void nothing_is_told_of_others(void **state)
{
    static const char *const whats[] = {"id:1", "id:2", "id:3", "1", "2", "3", "60.1.0.3"};
    static const char *const bodies[] = {
        NULL,
        "{}",
        "{\"username\":\"id:2\",\"limit\":3}",
        "{\"username\":\"id:3\"}",
        "{\"limit\":3}",
        "{\"general_limit\":3}",
    };
    struct app_bed *b = *state;
    const struct op_def *def;
    char path[128];
    size_t i, k, m;
    int answers = 0, asked = 0;

    fill(b);
    b->d.port.geo_address_json = no_geo;
    for (i = 0; (def = op_def_at(i)); i++) {
        /* Those that ask the panel first wait for an answer in this bed. */
        for (k = 0; k < ARRAY_LEN(whats); k++) {
            path_of(def, whats[k], path, sizeof(path));
            if (k && !strchr(def->pattern, '{'))
                break;
            for (m = 0; m < ARRAY_LEN(bodies); m++) {
                if (def->method == OP_GET && m)
                    break;
                ask(b, 5, def->method, path, "", bodies[m]);
                asked++;
                answers += bed_status == 200;
                if (bed_status && leaks())
                    fail_msg("%s %s %s tells: %s", op_method_name(def->method), path,
                             bodies[m] ? bodies[m] : "", bed_said);
            }
        }
    }
    assert_true(asked > 150);
    assert_true(answers > 10);
    /* What was done above was done to his own alone. */
    assert_int_equal(bed_number(b, "SELECT count(*) FROM special_limits WHERE user_id > 1"
                                   " AND max_devices=1"),
                     2);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM exceptions WHERE user_id > 1"), 2);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM violations WHERE user_id > 1"
                                   " AND forgiven_at IS NOT NULL"),
                     0);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM enforcements WHERE user_id > 1"
                                   " AND state='applied'"),
                     2);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM events WHERE who='telegram:7'"
                                   " AND (user_id IS NULL OR user_id > 1)"
                                   " AND id > (SELECT max(id) FROM events WHERE kind='except')"),
                     0);
}

static void his_own_are_told(void **state)
{
    static const char *const lists[] = {"/users/limits",      "/users/except",
                                        "/users/disabled",    "/events",
                                        "/violations",        "/users/id:1",
                                        "/users/id:1/history"};
    struct app_bed *b = *state;
    size_t i;

    fill(b);
    for (i = 0; i < ARRAY_LEN(lists); i++) {
        ask(b, 5, OP_GET, lists[i], "", NULL);
        assert_int_equal(bed_status, 200);
        if (!strstr(bed_said, "user1") || leaks())
            fail_msg("%s: %s", lists[i], bed_said);
        ask(b, 0, OP_GET, lists[i], "", NULL);
        if (i < 5)
            assert_non_null(strstr(bed_said, "user2"));
        /* A panel admin who owns nobody sees nobody; a user without an owner is no one's. */
        if (i < 5) {
            ask(b, 7, OP_GET, lists[i], "", NULL);
            assert_non_null(strstr(bed_said, "\"data\":[]"));
            assert_non_null(strstr(bed_said, "\"total\":0"));
        }
    }
    ask(b, 5, OP_GET, "/users/active", "", NULL);
    assert_int_equal(bed_status, 200);
    assert_non_null(strstr(bed_said, "\"total\":1"));
    ask(b, 5, OP_GET, "/events", "kind=disabled&limit=1", NULL);
    assert_non_null(strstr(bed_said, "\"total\":1"));
    assert_non_null(strstr(bed_said, "user1"));
}

static void all_are_all_of_his(void **state)
{
    struct app_bed *b = *state;

    fill(b);
    ask(b, 5, OP_POST, "/users/disabled/enable-all", "", "{\"forgive\":true}");
    assert_int_equal(bed_status, 200);
    assert_non_null(strstr(bed_said, "user1"));
    assert_false(leaks());
    assert_int_equal(b->panel.users[0].status, PANEL_STATUS_ACTIVE);
    assert_int_equal(b->panel.users[1].status, PANEL_STATUS_DISABLED);
    assert_int_equal(b->panel.users[2].status, PANEL_STATUS_DISABLED);
    ask(b, 0, OP_POST, "/users/disabled/enable-all", "", "{}");
    assert_int_equal(b->panel.users[1].status, PANEL_STATUS_ACTIVE);
    assert_int_equal(b->panel.users[2].status, PANEL_STATUS_ACTIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_is_told_of_others, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(his_own_are_told, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(all_are_all_of_his, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
