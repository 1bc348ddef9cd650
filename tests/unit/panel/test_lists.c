/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "base/limits.h"
#include "panel/nodes.h"
#include "panel/puser.h"

struct seen {
    struct {
        int64_t id;
        unsigned changes;
        char status[24];
    } at[16];
    size_t n;
};

static void note(void *arg, const struct panel_node *node, unsigned changes)
{
    struct seen *s = arg;

    s->at[s->n].id = node->id;
    s->at[s->n].changes = changes;
    snprintf(s->at[s->n++].status, sizeof(s->at[0].status), "%s", node->status);
}

static struct seen diff(const char *was_text, const char *is_text)
{
    struct nodes was = {0}, is = {0};
    struct seen seen = {0};
    struct err err = {0};

    if (*was_text)
        assert_int_equal(nodes_parse(slice_of(was_text), &was, &err), ERR_OK);
    if (*is_text)
        assert_int_equal(nodes_parse(slice_of(is_text), &is, &err), ERR_OK);
    nodes_diff(&was, &is, note, &seen);
    nodes_release(&was);
    nodes_release(&is);
    return seen;
}

#define A \
    "{\"id\":1,\"name\":\"a\",\"status\":\"connected\",\"message\":\"\",\"xray_version\":\"1\"}"
#define A_ERR \
    "{\"id\":1,\"name\":\"a\",\"status\":\"error\",\"message\":\"x\",\"xray_version\":\"1\"}"
#define A_ERR2 \
    "{\"id\":1,\"name\":\"a\",\"status\":\"error\",\"message\":\"y\",\"xray_version\":\"1\"}"
#define A_OFF \
    "{\"id\":1,\"name\":\"a\",\"status\":\"disabled\",\"message\":null,\"xray_version\":\"1\"}"
#define A_NEW "{\"id\":1,\"name\":\"a\",\"status\":\"connected\",\"xray_version\":\"2\"}"
#define A_NAME "{\"id\":1,\"name\":\"b\",\"status\":\"connected\",\"xray_version\":\"1\"}"
#define B "{\"id\":7,\"name\":\"b\",\"status\":\"connecting\"}"
#define C "{\"id\":9,\"name\":\"c\",\"status\":\"disabled\"}"

static void differences(void **state)
{
    static const struct {
        const char *was, *is;
        unsigned changes;
    } one[] = {
        {"[" A "]", "[" A "]", 0},
        {"[" A "]", "{\"nodes\":[" A "],\"total\":1}", 0},
        {"[" A "]", "[" A_ERR "]", NODE_STATUS},
        {"[" A_ERR "]", "[" A_ERR2 "]", NODE_STATUS},
        {"[" A "]", "[" A_OFF "]", NODE_STATUS | NODE_DISABLED},
        {"[" A_OFF "]", "[" A "]", NODE_STATUS | NODE_ENABLED},
        {"[" A "]", "[" A_NEW "]", NODE_VERSION},
        {"[" A "]", "[" A_NAME "]", NODE_NAME},
        {"[]", "[" A "]", NODE_ADDED | NODE_ENABLED},
        {"[]", "[" C "]", NODE_ADDED | NODE_DISABLED},
        {"[" A "]", "[]", NODE_REMOVED},
    };
    struct seen s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(one); i++) {
        s = diff(one[i].was, one[i].is);
        assert_int_equal(s.n, one[i].changes ? 1 : 0);
        if (s.n)
            assert_int_equal(s.at[0].changes, one[i].changes);
    }
    s = diff("[" C "," A "]", "[" B "," A_ERR "]");
    assert_int_equal(s.n, 3);
    assert_int_equal(s.at[0].id, 1);
    assert_int_equal(s.at[0].changes, NODE_STATUS);
    assert_string_equal(s.at[0].status, "error");
    assert_int_equal(s.at[1].id, 7);
    assert_int_equal(s.at[1].changes, NODE_ADDED | NODE_ENABLED);
    assert_int_equal(s.at[2].id, 9);
    assert_int_equal(s.at[2].changes, NODE_REMOVED);
    s = diff("", "[" A "," B "]");
    assert_int_equal(s.n, 2);
}

static void a_partial_list_is_no_list(void **state)
{
    static const char *const bad[] = {
        "{}",
        "5",
        "{\"nodes\":5}",
        "{\"detail\":\"x\"}",
        "[{\"id\":1}]",
        "[{\"status\":\"connected\"}]",
        "[" A ",{\"id\":\"2\",\"status\":\"error\"}]",
        "[" A "," A "]",
        "{\"nodes\":[" A "],\"total\":2}",
        "[" A ",null]",
    };
    struct nodes nodes;
    struct err err;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_int_equal(nodes_parse(slice_of(bad[i]), &nodes, &err), ERR_PROTOCOL);
}

static void texts_are_cut_between_characters(void **state)
{
    char body[1024];
    struct nodes nodes;
    struct err err;
    size_t n;

    (void)state;
    /* 127 bytes fit; the two-byte character at 126 does not. */
    snprintf(body, sizeof(body),
             "[{\"id\":1,\"status\":\"connected\",\"name\":\"%0126d\xc3\xa4z\"}]", 0);
    assert_int_equal(nodes_parse(slice_of(body), &nodes, &err), ERR_OK);
    n = strlen(nodes.at[0].name);
    assert_int_equal(n, 126);
    nodes_release(&nodes);
}

static int read_one(const char *text, struct panel_user *user, struct jval **doc)
{
    struct err err;

    assert_int_equal(jval_parse(slice_of(text), doc, &err), ERR_OK);
    return puser_read(*doc, user, &err);
}

static void odd_users(void **state)
{
    static const char *const bad[] = {
        "{}",
        "[]",
        "{\"id\":1}",
        "{\"id\":0,\"username\":\"a\"}",
        "{\"id\":-4,\"username\":\"a\"}",
        "{\"id\":1,\"username\":\"\"}",
        "{\"id\":\"1\",\"username\":\"a\"}",
        "{\"id\":1,\"username\":\"a\",\"group_ids\":{}}",
        "{\"id\":1,\"username\":\"a\",\"group_ids\":[\"1\"]}",
    };
    struct panel_user u;
    struct jval *doc;
    char text[2048];
    size_t n;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(read_one(bad[i], &u, &doc), ERR_PROTOCOL);
        jval_free(doc);
    }
    assert_int_equal(read_one("{\"id\":1,\"username\":\"a\",\"status\":\"frozen\",\"hwid_limit\":3,"
                              "\"expire\":1795448496,\"data_limit\":5,\"group_ids\":null}",
                              &u, &doc),
                     ERR_OK);
    assert_int_equal(u.status, PANEL_STATUS_UNKNOWN);
    assert_true(slice_eq(u.status_text, SLICE("frozen")));
    assert_int_equal(u.hwid_limit, 3);
    assert_true(u.expire_us == INT64_C(1795448496000000));
    assert_int_equal(u.data_limit, 5);
    assert_int_equal(u.n_groups, 0);
    /* Nothing was said of groups and owner: that is not "in none", nor "nobody's". */
    assert_false(u.groups_told || u.admin_told);
    jval_free(doc);
    assert_int_equal(read_one("{\"id\":1,\"username\":\"a\",\"group_ids\":[],\"admin\":null}", &u,
                              &doc),
                     ERR_OK);
    assert_true(u.groups_told && u.admin_told);
    jval_free(doc);
    assert_int_equal(read_one("{\"id\":1,\"username\":\"a\",\"group_ids\":[2],\"admin\":{}}", &u,
                              &doc),
                     ERR_OK);
    assert_true(u.groups_told && !u.admin_told);
    jval_free(doc);
    n = (size_t)snprintf(text, sizeof(text), "{\"id\":1,\"username\":\"a\",\"group_ids\":[");
    for (int i = 0; i < PANEL_GROUPS_MAX + 1; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, i ? ",%d" : "%d", i + 1);
    snprintf(text + n, sizeof(text) - n, "]}");
    assert_int_equal(read_one(text, &u, &doc), ERR_OK);
    assert_true(u.groups_cut && !u.groups_told);
    assert_int_equal(u.n_groups, PANEL_GROUPS_MAX);
    jval_free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(differences),
        cmocka_unit_test(a_partial_list_is_no_list),
        cmocka_unit_test(texts_are_cut_between_characters),
        cmocka_unit_test(odd_users),
    };

    return cmocka_run_group_tests_name("panel_lists", tests, NULL, NULL);
}
