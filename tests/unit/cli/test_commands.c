/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/attr.h"
#include "base/slice.h"
#include "cli/frame/cli.h"
#include "cli/frame/command.h"

/* What holds for every command of the table, whatever it does. */

/* The name with `n` words behind it; of a command that needs fewer it is wrong usage. */
static const char *line_of(const struct command *c, const char *word, int n, const char *more)
{
    static char line[1024];
    int i;

    snprintf(line, sizeof(line), "%s", c->name);
    for (i = 0; i < n; i++)
        snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s", word);
    snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s", more[0] ? " " : "", more);
    return line;
}

/* Refused: this code, something said about it, nothing printed as if it had been done. */
static void refused(struct bed *bed, const char *line, int code, const char *said)
{
    int rc = bed_run(bed, line);

    if (rc == CLI_OK || (code && rc != code) || !strstr(bed->err, said) || bed->out[0])
        fail_msg("%s: %d, wanted %d \"%s\": %s%s", line, rc, code, said, bed->out, bed->err);
    if (strlen(bed->err) > 4000 || bed->err[0] == '\0')
        fail_msg("%s: says %zu bytes", line, strlen(bed->err));
}

static void wrong_options_are_refused(void **state)
{
    struct bed *bed = *state;
    const struct command *c;
    char with[64];
    size_t i;
    int k;

    for (i = 0; (c = command_at(i)); i++) {
        refused(bed, line_of(c, "x", c->min, "--frobnicate"), CLI_USAGE, "--frobnicate");
        if (strcmp(c->name, "replay") == 0)
            continue;
        for (k = 0; k < OPT_COUNT; k++) {
            const struct option_def *o = option_def((enum cli_option)k);

            snprintf(with, sizeof(with), "%s%s", o->name, o->arg ? "=1" : "");
            if (!(c->options >> k & 1))
                refused(bed, line_of(c, "x", c->min, with), CLI_USAGE, "does not know");
            else if (o->arg)
                refused(bed, line_of(c, "x", c->min, o->name), CLI_USAGE, "needs");
        }
    }
}

static void wrong_numbers_of_words_are_refused(void **state)
{
    struct bed *bed = *state;
    const struct command *c;
    size_t i;

    for (i = 0; (c = command_at(i)); i++) {
        if (c->min > 0)
            refused(bed, line_of(c, "x", c->min - 1, ""), CLI_USAGE, "");
        if (c->max != ARGS_ANY && strcmp(c->name, "help") != 0)
            refused(bed, line_of(c, "x", c->max + 1, ""), CLI_USAGE, "");
    }
}

static void bounds_of_pages_are_named(void **state)
{
    static const char *const wrong[] = {"--limit=0",  "--limit=x",
                                        "--limit=",   "--offset=-1",
                                        "--offset=x", "--limit=99999999999999999999"};
    struct bed *bed = *state;
    const struct command *c;
    size_t i, k;

    for (i = 0; (c = command_at(i)); i++)
        for (k = 0; c->options >> OPT_OFFSET & 1 && k < ARRAY_LEN(wrong); k++)
            refused(bed, line_of(c, "x", c->min, wrong[k]), CLI_USAGE, "allowed are");
}

/* Bytes that are no text, what is no number where one is needed, and what is far too long. */
static void wrong_words_are_refused(void **state)
{
    static char longest[600];
    const char *const wrong[] = {"\xff\xfe", "\xc3", "no~such~thing\x1b[31m", longest};
    struct bed *bed = *state;
    const struct command *c;
    size_t i, k;

    memset(longest, 'x', sizeof(longest) - 1);
    for (i = 0; (c = command_at(i)); i++)
        for (k = 0; c->min > 0 && k < ARRAY_LEN(wrong); k++) {
            const char *line = line_of(c, wrong[k], c->min, "");

            /* A search finds nothing, and that is an answer. */
            if (strcmp(c->name, "user find") == 0 && k > 1)
                continue;
            refused(bed, line, 0, "");
            if (strchr(bed->err, '\x1b'))
                fail_msg("%s: a control sequence came through", line);
        }
}

static void every_command_has_help_with_an_example(void **state)
{
    struct bed *bed = *state;
    const struct command *c;
    char begin[128], *at;
    size_t i;

    for (i = 0; (c = command_at(i)); i++) {
        assert_int_equal(bed_run(bed, line_of(c, "", 0, "--help")), CLI_OK);
        assert_string_equal(bed->err, "");
        snprintf(begin, sizeof(begin), "pg-limiter %s", c->name);
        if (!bed_begins(bed->out, begin) || !strstr(bed->out, c->help))
            fail_msg("%s --help: %s", c->name, bed->out);
        at = strstr(bed->out, "\n  pg-limiter ");
        if (!at)
            fail_msg("%s --help has no example: %s", c->name, bed->out);
    }
}

static void made_examples_are_right_usage(void **state)
{
    const struct command *c;
    char text[512], *words[16];
    struct slice rest, word;
    int n, used, k;
    FILE *f;
    size_t i;

    (void)state;
    for (i = 0; (c = command_at(i)); i++) {
        if (c->more)
            continue;
        memset(text, 0, sizeof(text));
        f = fmemopen(text, sizeof(text), "w");
        assert_non_null(f);
        help_example(f, c);
        fclose(f);
        assert_true(slice_starts(slice_of(text), SLICE("  pg-limiter ")));
        rest = slice_skip(slice_of(text), 13);
        rest.n--; /* the end of the line */
        for (n = 0; rest.p && n < 16; n++) {
            word = slice_cut(&rest, ' ');
            words[n] = (char *)word.p;
            words[n][word.n] = '\0';
        }
        if (command_find(words, n, &used) != c || n - used < c->min ||
            (c->max != ARGS_ANY && n - used > c->max))
            fail_msg("%s: the example is wrong", c->name);
        for (k = used; k < n; k++)
            if (words[k][0] >= 'A' && words[k][0] <= 'Z' && strcmp(words[k], "IR") != 0)
                fail_msg("%s: the example has %s", c->name, words[k]);
    }
}

/* The last letter forgotten, two letters exchanged, one typed twice. */
static void slips_get_a_suggestion(void **state)
{
    struct bed *bed = *state;
    const struct command *c;
    char line[128], last;
    size_t i, n;
    int k;

    for (i = 0; (c = command_at(i)); i++) {
        for (k = 0; k < 3; k++) {
            snprintf(line, sizeof(line) - 2, "%s", c->name);
            n = strlen(line);
            last = line[n - 1];
            if (k == 0) {
                line[n - 1] = '\0';
            } else if (k == 1) {
                line[n - 1] = line[n - 2];
                line[n - 2] = last;
            } else {
                line[n] = last;
                line[n + 1] = '\0';
            }
            if (strcmp(line, c->name) == 0 || strcmp(c->name, "help") == 0)
                continue;
            if (bed_run(bed, line) != CLI_USAGE || !strstr(bed->err, "Did you mean `pg-limiter "))
                fail_msg("%s: %s%s", line, bed->out, bed->err);
        }
    }
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(wrong_options_are_refused),
        WITH_BED(wrong_numbers_of_words_are_refused),
        WITH_BED(bounds_of_pages_are_named),
        WITH_BED(wrong_words_are_refused),
        WITH_BED(every_command_has_help_with_an_example),
        cmocka_unit_test(made_examples_are_right_usage),
        WITH_BED(slips_get_a_suggestion),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
