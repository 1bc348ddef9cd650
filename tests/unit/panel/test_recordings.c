/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "base/stamp.h"
#include "panel/nodes.h"
#include "panel/online_list.h"
#include "panel/puser.h"
#include "panel/pversion.h"
#include "panel/reply.h"
#include "recordings.h"

static struct recordings v4, v5;

static struct reply judge(const struct recordings *r, const char *name, struct err *err)
{
    struct reply reply;
    int status;
    char *body = recordings_body(r, name, &status);

    *err = (struct err){0};
    reply_judge(status, slice_of(body), "", -1, "call", &reply, err);
    free(body);
    return reply;
}

static void answers_are_told_apart(void **state)
{
    static const struct {
        const char *name;
        enum reply_kind kind;
        int code;
        const char *text;
    } cases[] = {
        {"user_one", REPLY_OK, ERR_OK, ""},
        {"token_ok", REPLY_OK, ERR_OK, ""},
        {"err_bad_password", REPLY_LOGIN, ERR_AUTH,
         "call: the panel answered 401: Incorrect username or password"},
        {"err_expired_token", REPLY_LOGIN, ERR_AUTH,
         "call: the panel answered 401: Could not validate credentials"},
        {"err_expired_token_logs", REPLY_LOGIN, ERR_AUTH, NULL},
        {"err_no_token", REPLY_LOGIN, ERR_AUTH, NULL},
        {"apikey_bad", REPLY_LOGIN, ERR_AUTH, NULL},
        {"apikey_after_revoke", REPLY_LOGIN, ERR_AUTH, NULL},
        {"err_reseller_logs", REPLY_FAIL, ERR_FORBIDDEN,
         "call: the panel answered 403: Permission denied: nodes.logs"},
        {"apikey_system_403", REPLY_FAIL, ERR_FORBIDDEN,
         "call: the panel answered 403: Permission denied: system.read"},
        {"err_422_status", REPLY_FAIL, ERR_REFUSED, NULL},
        {"err_username_422", REPLY_FAIL, ERR_REFUSED,
         "call: the panel answered 422: username: Value error, Username cannot have consecutive special characters"},
        {"err_405", REPLY_FAIL, ERR_REFUSED, "call: the panel answered 405: Method Not Allowed"},
        {"users_sort_bad", REPLY_FAIL, ERR_REFUSED, NULL},
        {"node_offline_realtime", REPLY_RETRY, ERR_UNREACHABLE, NULL},
        {"node_offline_sync", REPLY_FAIL, ERR_REFUSED, NULL},
    };
    struct reply r;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        r = judge(&v5, cases[i].name, &err);
        assert_int_equal(r.kind, cases[i].kind);
        assert_int_equal(r.code, cases[i].code);
        assert_int_equal(err.code, cases[i].code);
        if (cases[i].text)
            assert_string_equal(err.text, cases[i].text);
    }
    assert_int_equal(judge(&v4, "x_api_key", &err).kind, REPLY_LOGIN);
    assert_int_equal(judge(&v4, "r_nodes", &err).code, ERR_FORBIDDEN);
    assert_string_equal(err.text, "call: the panel answered 403: You're not allowed");
}

static void each_404_means_another_thing(void **state)
{
    struct err err;

    (void)state;
    assert_int_equal(judge(&v5, "err_user_missing", &err).missing, MISSING_USER);
    assert_int_equal(judge(&v5, "err_modify_missing", &err).missing, MISSING_USER);
    assert_int_equal(judge(&v5, "user_other_admin_reseller", &err).missing, MISSING_USER);
    assert_int_equal(judge(&v5, "online_missing_user", &err).missing, MISSING_USER);
    assert_int_equal(judge(&v5, "err_group_missing", &err).missing, MISSING_OTHER);
    assert_int_equal(judge(&v5, "err_404_path", &err).missing, MISSING_ROUTE);
    assert_int_equal(judge(&v4, "disable_toggle_not_in_v4", &err).missing, MISSING_ROUTE);
    assert_int_equal(judge(&v5, "err_node_disabled_logs_1", &err).missing, MISSING_NODE);
    assert_int_equal(judge(&v5, "err_node_logs_missing", &err).missing, MISSING_NODE);
    assert_int_equal(judge(&v4, "user_missing", &err).missing, MISSING_USER);
}

static void nodes_of_both_versions(void **state)
{
    static const struct {
        const struct recordings *from;
        const char *name;
    } lists[] = {{&v5, "nodes_list"}, {&v4, "nodes_list"}, {&v5, "node_offline_nodes_list"}};
    const struct panel_node *node;
    struct nodes nodes;
    struct err err;
    int status;
    char *body;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        body = recordings_body(lists[i].from, lists[i].name, &status);
        assert_int_equal(nodes_parse(slice_of(body), &nodes, &err), ERR_OK);
        free(body);
        assert_int_equal(nodes.n, 2);
        node = nodes_find(&nodes, 1);
        assert_string_equal(node->name, "lab-node-1");
        assert_string_equal(node->status, "connected");
        assert_string_equal(node->xray_version, "26.7.28");
        assert_string_equal(node->node_version, "0.5.2");
        assert_true(node->enabled && node->connected);
        node = nodes_find(&nodes, 2);
        if (i == 2) {
            assert_string_equal(node->status, "error");
            assert_true(node->enabled);
            assert_false(node->connected);
            assert_int_equal(strncmp(node->message, "Connection error: Cannot", 24), 0);
        }
        assert_null(nodes_find(&nodes, 3));
        nodes_release(&nodes);
    }
}

static void users_of_both_versions(void **state)
{
    struct puser_page page;
    struct puser_doc d;
    struct err err;
    int status;
    char *body;

    (void)state;
    body = recordings_body(&v5, "users_page", &status);
    assert_int_equal(puser_page_parse(slice_of(body), &page, &err), ERR_OK);
    assert_int_equal(page.n, 3);
    assert_int_equal(page.total, 8);
    assert_int_equal(page.users[0].id, 3);
    assert_true(slice_eq(page.users[0].name, SLICE("Sara-K")));
    assert_int_equal(page.users[0].status, PANEL_STATUS_ACTIVE);
    assert_int_equal(page.users[0].n_groups, 1);
    assert_int_equal(page.users[0].groups[0], 1);
    assert_int_equal(page.users[0].admin_id, 2);
    assert_true(slice_eq(page.users[0].admin_name, SLICE("resell-A")));
    assert_int_equal(page.users[0].hwid_limit, -1);
    assert_true(page.users[0].created_at_us == stamp_civil(2026, 11, 23, 15, 33, 2, 147751));
    assert_true(page.users[0].edit_at_us == STAMP_NONE);
    assert_true(page.users[0].expire_us == STAMP_NONE);
    assert_int_equal(page.users[0].data_limit, 0);
    assert_true(slice_eq(page.users[0].note, SLICE("lab user")));
    puser_page_release(&page);
    free(body);

    body = recordings_body(&v4, "users_list", &status);
    assert_int_equal(puser_page_parse(slice_of(body), &page, &err), ERR_OK);
    assert_int_equal(page.n, 8);
    assert_int_equal(page.users[0].hwid_limit, -1); /* 0 in panel 4 */
    assert_int_equal(page.users[0].admin_id, 0);
    assert_true(slice_eq(page.users[0].admin_name, SLICE("labowner")));
    puser_page_release(&page);
    free(body);

    body = recordings_body(&v5, "users_simple", &status);
    assert_int_equal(puser_page_parse(slice_of(body), &page, &err), ERR_OK);
    assert_int_equal(page.n, 8);
    assert_true(slice_eq(page.users[0].name, SLICE("12345")));
    assert_int_equal(page.users[0].id, 4);
    assert_int_equal(page.users[0].status, PANEL_STATUS_UNKNOWN);
    assert_int_equal(page.users[0].status_text.n, 0);
    /* One of his own must have a status. */
    assert_int_equal(puser_parse(slice_of(body), &d, &err), ERR_PROTOCOL);
    puser_page_release(&page);
    free(body);

    body = recordings_body(&v5, "user_disable_by_id", &status);
    assert_int_equal(puser_parse(slice_of(body), &d, &err), ERR_OK);
    assert_int_equal(d.user.id, 2);
    assert_int_equal(d.user.status, PANEL_STATUS_DISABLED);
    assert_true(d.user.edit_at_us != STAMP_NONE);
    assert_ptr_equal(d.user.raw.p, body);
    puser_release(&d);
    free(body);
}

static void online_lists(void **state)
{
    struct online_list list;
    struct err err;
    int status;
    char *body;

    (void)state;
    body = recordings_body(&v5, "online_ip_all_nodes", &status);
    assert_int_equal(online_list_parse(slice_of(body), &list, &err), ERR_OK);
    assert_int_equal(list.n, 4);
    assert_int_equal(list.n_nodes, 2);
    assert_int_equal(list.at[0].node_id, 1);
    assert_string_equal(list.at[0].address, "203.0.113.7");
    assert_int_equal(list.at[0].last_s, 1795448496);
    assert_string_equal(list.at[1].address, "2001:db8::77");
    assert_int_equal(list.at[3].node_id, 2);
    online_list_release(&list);
    free(body);

    body = recordings_body(&v5, "online_ip_idle_all", &status);
    assert_int_equal(online_list_parse(slice_of(body), &list, &err), ERR_OK);
    assert_int_equal(list.n, 0);
    assert_int_equal(list.n_nodes, 1);
    online_list_release(&list);
    free(body);

    body = recordings_body(&v5, "node_offline_online_all", &status);
    assert_int_equal(online_list_parse(slice_of(body), &list, &err), ERR_OK);
    assert_int_equal(list.n, 0);
    assert_int_equal(list.n_nodes, 0);
    online_list_release(&list);
    free(body);

    body = recordings_body(&v4, "online_all_by_username_live", &status);
    assert_int_equal(online_list_parse(slice_of(body), &list, &err), ERR_OK);
    assert_string_equal(list.at[0].address, "203.0.113.77");
    online_list_release(&list);
    free(body);

    assert_int_equal(online_list_parse(SLICE("{\"nodes\":{\"x\":{\"ips\":{}}}}"), &list, &err),
                     ERR_PROTOCOL);
    assert_int_equal(online_list_parse(SLICE("{\"nodes\":{\"1\":{\"ips\":{\"1.2.3.4\":\"x\"}}}}"),
                                       &list, &err),
                     ERR_PROTOCOL);
    assert_int_equal(online_list_parse(SLICE("{\"nodes\":[]}"), &list, &err), ERR_PROTOCOL);
    assert_int_equal(online_list_parse(SLICE("{\"nodes\":{\"1\":null}}"), &list, &err), ERR_OK);
    assert_int_equal(list.n_nodes, 0);
    online_list_release(&list);
}

static void versions(void **state)
{
    struct pversion v;
    struct err err;
    int status;
    char *body;

    (void)state;
    body = recordings_body(&v5, "system", &status);
    assert_int_equal(pversion_parse_system(slice_of(body), &v, &err), ERR_OK);
    free(body);
    assert_string_equal(v.text, "5.2.1");
    assert_true(v.known && !v.guessed);
    assert_true(pversion_from(&v, 5, 0) && pversion_from(&v, 5, 2) && !pversion_from(&v, 5, 3));
    body = recordings_body(&v4, "system", &status);
    assert_int_equal(pversion_parse_system(slice_of(body), &v, &err), ERR_OK);
    free(body);
    assert_true(pversion_from(&v, 3, 1) && !pversion_from(&v, 5, 0));
    assert_int_equal(pversion_parse(SLICE("v5.0.0-beta.1"), &v), ERR_OK);
    assert_int_equal(v.major, 5);
    assert_int_equal(v.minor, 0);
    assert_int_equal(pversion_parse(SLICE("5.1rc2"), &v), ERR_OK);
    assert_int_equal(v.minor, 1);
    assert_int_equal(pversion_parse(SLICE("five"), &v), ERR_INVALID);
    assert_int_equal(pversion_parse(SLICE("5"), &v), ERR_INVALID);
    assert_int_equal(pversion_parse(SLICE("5.\x1b[2J"), &v), ERR_INVALID);
    pversion_guess(405, true, false, &v);
    assert_true(pversion_from(&v, 5, 0) && !pversion_from(&v, 5, 1) && v.guessed);
    pversion_guess(403, true, true, &v);
    assert_true(pversion_from(&v, 5, 1));
    pversion_guess(404, true, false, &v);
    assert_true(pversion_from(&v, 3, 1) && !pversion_from(&v, 4, 0));
    pversion_guess(404, false, false, &v);
    assert_false(pversion_from(&v, 3, 1));
}

static int setup(void **state)
{
    (void)state;
    v4 = recordings_load("v4.json");
    v5 = recordings_load("v5.json");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    jval_free(v4.doc);
    jval_free(v5.doc);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(answers_are_told_apart), cmocka_unit_test(each_404_means_another_thing),
        cmocka_unit_test(nodes_of_both_versions), cmocka_unit_test(users_of_both_versions),
        cmocka_unit_test(online_lists),           cmocka_unit_test(versions),
    };

    return cmocka_run_group_tests_name("panel_recordings", tests, setup, teardown);
}
