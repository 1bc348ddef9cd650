/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <jansson.h>

#include "api/openapi.h"
#include "service/ops/op.h"

static json_t *document(bool login)
{
    struct buf b;
    json_error_t why;
    json_t *doc;

    buf_init(&b, 4 << 20);
    openapi_write(&b, login);
    assert_false(b.failed);
    doc = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, &why);
    if (!doc)
        fail_msg("no JSON: %s near %.60s", why.text,
                 b.p + (why.position > 30 ? why.position - 30 : 0));
    buf_release(&b);
    return doc;
}

static json_t *at(json_t *v, const char *a, const char *b, const char *c)
{
    v = json_object_get(v, a);
    v = b ? json_object_get(v, b) : v;
    return c ? json_object_get(v, c) : v;
}

static void every_operation_is_described(void **state)
{
    json_t *doc = document(true), *paths = json_object_get(doc, "paths"), *op;
    const struct op_def *d;
    char method[8];
    size_t i, k;

    (void)state;
    assert_string_equal(json_string_value(json_object_get(doc, "openapi")), "3.1.0");
    for (i = 0; (d = op_def_at(i)); i++) {
        for (k = 0; op_method_name(d->method)[k]; k++)
            method[k] = (char)(op_method_name(d->method)[k] | 0x20);
        method[k] = '\0';
        op = at(paths, d->pattern, method, NULL);
        assert_non_null(op);
        assert_non_null(at(op, "responses", "200", "content"));
        assert_non_null(at(op, "responses", "422", "content"));
        assert_int_equal(at(op, "responses", "401", NULL) != NULL, (d->may & OP_PUBLIC) == 0);
        if (strchr(d->pattern, '{'))
            assert_non_null(at(op, "responses", "404", NULL));
    }
    assert_true(i > 15);
    json_decref(doc);
}

static void bodies_and_references_are_whole(void **state)
{
    json_t *doc = document(true), *paths = json_object_get(doc, "paths"), *schema, *limit;
    char *text = json_dumps(doc, 0), *ref = text;

    (void)state;
    schema = at(at(at(paths, "/users/limits", "post", "requestBody"), "content", "application/json",
                   "schema"),
                "properties", NULL, NULL);
    limit = json_object_get(schema, "limit");
    assert_int_equal(json_integer_value(json_object_get(limit, "maximum")), 10000);
    assert_non_null(json_object_get(schema, "username"));
    while ((ref = strstr(ref, "#/components/schemas/"))) {
        char name[64] = "";

        ref += strlen("#/components/schemas/");
        memcpy(name, ref, strcspn(ref, "\""));
        if (!at(doc, "components", "schemas", name))
            fail_msg("a reference leads nowhere: %s", name);
    }
    /* Dynamic settings may be patched, static ones may not. */
    schema = at(at(doc, "components", "schemas", "settings"), "properties", NULL, NULL);
    assert_non_null(json_object_get(schema, "general_limit"));
    assert_null(json_object_get(schema, "panel_password"));
    free(text);
    json_decref(doc);
}

static void the_socket_needs_no_login(void **state)
{
    json_t *doc = document(false);

    (void)state;
    assert_null(at(doc, "components", "securitySchemes", NULL));
    assert_null(at(at(doc, "paths", "/status", "get"), "responses", "401", NULL));
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_is_described),
        cmocka_unit_test(bodies_and_references_are_whole),
        cmocka_unit_test(the_socket_needs_no_login),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
