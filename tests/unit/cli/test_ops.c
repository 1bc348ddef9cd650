/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/slice.h"
#include "cli/frame/command.h"
#include "service/ops/op.h"

/* One set of operations: none without a command. */

/* What a person at a command line has no use for. */
static const char *const without[] = {"GET /", "GET /metrics"};

static bool named(const struct command *c, struct slice op)
{
    struct slice rest = slice_of(c->ops ? c->ops : "");

    while (rest.p && rest.n)
        if (slice_eq(slice_trim(slice_cut(&rest, ',')), op))
            return true;
    return false;
}

static bool has_command(struct slice op)
{
    const struct command *c;
    size_t i;

    for (i = 0; i < ARRAY_LEN(without); i++)
        if (slice_eq(op, slice_of(without[i])))
            return true;
    for (i = 0; (c = command_at(i)); i++)
        if (named(c, op))
            return true;
    return false;
}

static void every_operation_has_a_command(void **state)
{
    const struct op_def *def;
    char text[160];
    size_t i;

    (void)state;
    for (i = 0; (def = op_def_at(i)); i++) {
        snprintf(text, sizeof(text), "%s %s", op_method_name(def->method), def->pattern);
        if (!has_command(slice_of(text)))
            fail_msg("%s: name it in the ops of a command (src/cli/frame/commands.c)", text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_a_command),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
