/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli_bed.h"

#include <stdio.h>
#include <string.h>

#include "base/attr.h"
#include "base/stamp.h"
#include "cli/frame/cli.h"
#include "cli/frame/command.h"
#include "service/settings/settings.h"
#include "store/db.h"
#include "store/db_users.h"

/* Whether one of the lines of the answer begins with this word. */
static bool offered(const struct bed *bed, const char *word)
{
    const char *p = bed->out;
    size_t n = strlen(word);

    for (; p && *p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
        if (strncmp(p, word, n) == 0 && (p[n] == '\n' || p[n] == '\t'))
            return true;
    return false;
}

/* '^' stands for the empty word at the end of a line. */
static void words_of_the_table(void **state)
{
    static const struct {
        const char *line, *offered, *not ;
    } cases[] = {
        {"^", "user", "show"},
        {"us", "user", "status"},
        {"user ^", "delete", "user"},
        {"user d", "delete", "add"},
        {"config set ^", "general_limit", "data_dir"},
        {"config set enforcement s", "shadow", "on"},
        {"config set verify_online ^", "require", "true"},
        {"config set panel_note ^", "true", "on"},
        {"config set-limit ^", NULL, "user"},
        {"user add alice 3 --", "--enable", "--yes"},
        {"user add alice 3 ^", NULL, "alice"},
        {"--json user ^", "list", NULL},
        {"user list --limit ^", NULL, "list"},
        {"scan ^", ":files", NULL},
        {"run --record ^", ":files", NULL},
        {"replay --set general_", "general_limit=", NULL},
        {"replay a.log ^", ":files", NULL},
        {"mode ^", "shadow", NULL},
        {"steps set ^", "off", "STEPS"},
        {"user disable ali --for ^", "hand", "MINUTES"},
        {"filter group ^", "exclude", "GROUP..."},
        {"pattern add ^", "suffix", "TEXT"},
        {"top --sort ^", "trust", NULL},
        {"completion ^", "fish", NULL},
        {"help user ^", "update", "user"},
        {"nonsense ^", NULL, "user"},
    };
    struct bed *bed = *state;
    char line[128];
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        snprintf(line, sizeof(line), "__complete %s", cases[i].line);
        assert_int_equal(bed_run(bed, line), CLI_OK);
        if (cases[i].offered && !offered(bed, cases[i].offered))
            fail_msg("%s: offers \"%s\"", cases[i].line, bed->out);
        if (cases[i].not &&offered(bed, cases[i].not ))
            fail_msg("%s: offers %s", cases[i].line, cases[i].not );
        assert_string_equal(bed->err, "");
    }
}

static void users_of_the_database(void **state)
{
    static const struct db_user users[] = {{12, SLICE("alice"), STAMP_NONE},
                                           {123, SLICE("Albert@x.y"), STAMP_NONE},
                                           {9, SLICE("bob"), STAMP_NONE}};
    struct bed *bed = *state;
    struct err err;
    struct db *db;

    /* No database: no answer, and none is made. */
    assert_int_equal(bed_run(bed, "__complete explain a"), CLI_OK);
    assert_string_equal(bed->out, "");
    assert_int_equal(db_open(bed->dir, &db, &err), ERR_OK);
    assert_int_equal(db_users_put(db, users, 3, 1000000, &err), ERR_OK);
    db_close(db);
    assert_int_equal(bed_run(bed, "__complete explain a"), CLI_OK);
    assert_string_equal(bed->out, "alice\n");
    assert_int_equal(bed_run(bed, "__complete except add id:12"), CLI_OK);
    assert_string_equal(bed->out, "id:12\nid:123\n");
}

static void each_shell_has_a_script(void **state)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    struct bed *bed = *state;
    char line[64];
    size_t i;

    for (i = 0; i < ARRAY_LEN(shells); i++) {
        snprintf(line, sizeof(line), "completion %s", shells[i]);
        assert_int_equal(bed_run(bed, line), CLI_OK);
        assert_non_null(strstr(bed->out, "__complete"));
    }
}

/* The table itself: names once, in one order, every option known, every help there. */
static void the_table_is_sound(void **state)
{
    const struct command *c, *d;
    size_t i, k;

    (void)state;
    for (i = 0; (c = command_at(i)); i++) {
        assert_non_null(c->fn);
        assert_true(c->help[0] && c->help[strlen(c->help) - 1] != '.');
        assert_true(c->options < UINT64_C(1) << OPT_COUNT);
        for (k = i + 1; (d = command_at(k)); k++)
            assert_string_not_equal(c->name, d->name);
    }
    for (i = 0; i < OPT_COUNT; i++)
        assert_true(strncmp(option_def((enum cli_option)i)->name, "--", 2) == 0);
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(words_of_the_table),
        WITH_BED(users_of_the_database),
        WITH_BED(each_shell_has_a_script),
        cmocka_unit_test(the_table_is_sound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
