/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli_bed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/limits.h"
#include "cli/frame/cli.h"
#include "cli/terminal/term.h"

static void help_and_version(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, ""), CLI_OK);
    assert_non_null(strstr(bed->out, "config set-reenable-time"));
    assert_string_equal(bed->err, "");
    assert_int_equal(bed_run(bed, "help"), CLI_OK);
    assert_int_equal(bed_run(bed, "help user add"), CLI_OK);
    assert_non_null(strstr(bed->out, "pg-limiter user add USER LIMIT"));
    assert_int_equal(bed_run(bed, "user add --help"), CLI_OK);
    assert_non_null(strstr(bed->out, "pg-limiter user add USER LIMIT"));
    assert_int_equal(bed_run(bed, "help disabled"), CLI_OK);
    assert_non_null(strstr(bed->out, "disabled enable-all"));
    assert_int_equal(bed_run(bed, "version"), CLI_OK);
    assert_non_null(strstr(bed->out, "pg-limiter "));
    assert_int_equal(bed_run(bed, "version --json"), CLI_OK);
    assert_non_null(strstr(bed->out, "\"version\":\""));
    assert_int_equal(bed_run(bed, "config example"), CLI_OK);
    assert_non_null(strstr(bed->out, "\n#GENERAL_LIMIT=2\n"));
}

static void wrong_usage_is_two_and_says_how(void **state)
{
    static const struct {
        const char *line, *said;
    } cases[] = {
        {"sattus", "Did you mean `pg-limiter status`?"},
        {"usr list", "Did you mean `pg-limiter user list`?"},
        {"user", "pg-limiter user add USER LIMIT"},
        {"user lst", "Did you mean `pg-limiter user list`?"},
        {"frobnicate", "`pg-limiter help` lists all."},
        {"user add alice", "needs USER LIMIT"},
        {"user add alice 3 4", "too many arguments"},
        {"user add alice many", "0 (unlimited) to 10000"},
        {"user add alice 10001", "0 (unlimited) to 10000"},
        {"user add alice -1", "0 (unlimited) to 10000"},
        {"user list --jsno", "did you mean --json?"},
        {"scan --json", "does not know --json"},
        {"status --env", "--env needs FILE"},
        {"status --json=1", "--json takes no value"},
        {"disabled enable-all now", "takes none"},
        {"user show", "needs USER"},
        {"user list --limit 0", "allowed are 1 to"},
        {"completion tcsh", "bash, zsh and fish"},
        {"help nonsense", "unknown command"},
    };
    struct bed *bed = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(cases); i++) {
        if (bed_run(bed, cases[i].line) != CLI_USAGE)
            fail_msg("%s: not wrong usage", cases[i].line);
        if (!strstr(bed->err, cases[i].said))
            fail_msg("%s: said \"%s\"", cases[i].line, bed->err);
        assert_string_equal(bed->out, "");
    }
}

static void run_gets_its_options(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "run"), BED_RAN);
    assert_null(bed_ran_env);
    assert_null(bed_ran_record);
    assert_int_equal(bed_run(bed, "run --env /a/b --record=/c"), BED_RAN);
    assert_string_equal(bed_ran_env, "/a/b");
    assert_string_equal(bed_ran_record, "/c");
}

static void the_database_is_worked_on_without_a_daemon(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "user list"), CLI_OK);
    assert_non_null(strstr(bed->out, "There are no special limits."));
    assert_non_null(strstr(bed->err, "no daemon is running"));
    assert_int_equal(bed_run(bed, "user add alice 4"), CLI_OK);
    assert_non_null(strstr(bed->out, "special limit of alice set: 4 devices"));
    assert_non_null(strstr(bed->out, "the panel was not asked"));
    assert_int_equal(bed_run(bed, "user add alice 5"), CLI_OK);
    assert_non_null(strstr(bed->out, "updated: 5 devices"));
    assert_int_equal(bed_run(bed, "user show alice"), CLI_OK);
    assert_non_null(strstr(bed->out, "alice: 5 devices (special)"));
    assert_int_equal(bed_run(bed, "user update alice 0"), CLI_OK);
    assert_int_equal(bed_run(bed, "user list ALI"), CLI_OK);
    assert_non_null(strstr(bed->out, "unlimited"));
    assert_int_equal(bed_run(bed, "user list --json"), CLI_OK);
    assert_true(
        bed_begins(bed->out, "{\"data\":[{\"id\":null,\"username\":\"alice\",\"limit\":0,"));
    assert_string_equal(bed->err, "");
    assert_int_equal(bed_run(bed, "user delete alice"), CLI_OK);
    assert_int_equal(bed_run(bed, "user delete alice"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "alice has no special limit"));
    assert_int_equal(bed_run(bed, "user update bob 3"), CLI_FAILED);
    assert_int_equal(bed_run(bed, "user add id:7 2"), CLI_OK);
    assert_int_equal(bed_run(bed, "user show id:7"), CLI_OK);
    assert_int_equal(bed_run(bed, "user add id:x 2"), CLI_FAILED);
}

static void exceptions(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "except add carl --reason my~own"), CLI_OK);
    assert_int_equal(bed_run(bed, "except check carl"), CLI_OK);
    assert_non_null(strstr(bed->out, "carl is excepted: my own"));
    assert_int_equal(bed_run(bed, "except list"), CLI_OK);
    assert_non_null(strstr(bed->out, "my own"));
    assert_int_equal(bed_run(bed, "except check dora"), CLI_OK);
    assert_non_null(strstr(bed->out, "dora is not excepted"));
    assert_int_equal(bed_run(bed, "except delete carl"), CLI_OK);
    assert_int_equal(bed_run(bed, "except delete carl"), CLI_FAILED);
}

static void settings_are_changed_and_reset(void **state)
{
    struct bed *bed = *state;

    assert_int_equal(bed_run(bed, "config set general_limit 5"), CLI_OK);
    assert_non_null(strstr(bed->out, "general_limit = 5 devices  (database, was 3)"));
    assert_non_null(strstr(bed->out, ".env says 3"));
    assert_int_equal(bed_run(bed, "config show general-limit"), CLI_OK);
    assert_non_null(strstr(bed->out, "0 to 10000 devices"));
    assert_int_equal(bed_run(bed, "config show"), CLI_OK);
    assert_null(strstr(bed->out, "hunter2"));
    assert_int_equal(bed_run(bed, "config show --json"), CLI_OK);
    assert_null(strstr(bed->out, "hunter2"));
    assert_non_null(strstr(bed->out, "\"key\":\"panel_password\",\"value\":\"********\""));
    assert_int_equal(bed_run(bed, "config reset general_limit"), CLI_OK);
    assert_non_null(strstr(bed->out, "general_limit = 3 devices  (.env, was 5)"));
    assert_int_equal(bed_run(bed, "config set-limit 4"), CLI_OK);
    assert_int_equal(bed_run(bed, "config set-interval 30"), CLI_OK);
    assert_int_equal(bed_run(bed, "config set-reenable-time 600"), CLI_OK);
    assert_int_equal(bed_run(bed, "config set-country none"), CLI_OK);
    assert_int_equal(bed_run(bed, "config set-interval 5"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "10 to 3600 s"));
    assert_int_equal(bed_run(bed, "config set genral_limit 5"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "did you mean general_limit?"));
    assert_int_equal(bed_run(bed, "config set data_dir /x"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "write DATA_DIR=... there"));
}

static void what_needs_the_daemon_is_three(void **state)
{
    static const char *const lines[] = {"status",
                                        "nodes",
                                        "status --json",
                                        "health",
                                        "disabled enable alice",
                                        "disabled enable-all --yes"};
    struct bed *bed = *state;
    size_t i;

    for (i = 0; i < ARRAY_LEN(lines); i++) {
        assert_int_equal(bed_run(bed, lines[i]), CLI_UNREACHABLE);
        assert_non_null(strstr(bed->err, "pg-limiter run"));
        assert_string_equal(bed->out, "");
    }
}

static void a_wrong_env_is_told_and_nothing_is_done(void **state)
{
    struct bed *bed = *state;
    char path[64];
    FILE *f;

    snprintf(path, sizeof(path), "%s/.env", bed->dir);
    f = fopen(path, "a");
    assert_non_null(f);
    fputs("GENRAL_LIMIT=2\n", f);
    fclose(f);
    assert_int_equal(bed_run(bed, "user list"), CLI_FAILED);
    assert_non_null(
        strstr(bed->err, ".env:4: unknown key GENRAL_LIMIT; did you mean GENERAL_LIMIT?"));
    assert_int_equal(bed_run(bed, "user list --env /nowhere/.env"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "/nowhere/.env"));
    /* Built-in defaults hold where no .env is needed. */
    assert_int_equal(bed_run(bed, "version"), CLI_OK);
    assert_int_equal(bed_run_with(bed, "scan", "\n"), CLI_OK);
}

static void scan_answers_every_line(void **state)
{
    const char *lines = "2025/11/02 10:00:00.123456 from 5.6.7.8:51234 accepted tcp:a.b:443 "
                        "[VLESS TCP -> DIRECT] email: 12.alice\r\n"
                        "2025/11/02 10:00:00 from 5.6.7.8:1 accepted tcp:a.b:443 email: 12\n"
                        "from 5.6.7.8:1 accepted tcp:a.b:443 [out] email: gu\xffst\n"
                        "2025/11/02 10:00:00 from 5.6.7.8:1 rejected tcp:a.b:443 email: 12\n"
                        "\n"
                        "no end of line";
    struct bed *bed = *state;

    assert_int_equal(bed_run_with(bed, "scan -", lines), CLI_OK);
    assert_string_equal(
        bed->out,
        "{\"counted\":true,\"id\":12,\"name\":\"alice\",\"ip\":\"5.6.7.8\",\"inbound\":\"VLESS TCP\","
        "\"outbound\":\"DIRECT\",\"time\":\"2025-11-02T10:00:00.123456\"}\n"
        "{\"counted\":true,\"id\":12,\"name\":null,\"ip\":\"5.6.7.8\",\"inbound\":null,"
        "\"outbound\":null,\"time\":\"2025-11-02T10:00:00.000000\"}\n"
        "{\"counted\":true,\"id\":null,\"name\":\"gu\xef\xbf\xbdst\",\"ip\":\"5.6.7.8\",\"inbound\":null,"
        "\"outbound\":\"out\",\"time\":null}\n"
        "{\"counted\":false,\"reason\":\"rejected\"}\n"
        "{\"counted\":false,\"reason\":\"empty\"}\n"
        "{\"counted\":false,\"reason\":\"not_access\"}\n");
    assert_int_equal(bed_run(bed, "scan /nowhere/at/all"), CLI_FAILED);
    assert_non_null(strstr(bed->err, "/nowhere/at/all"));
}

static void scan_survives_endless_lines(void **state)
{
    struct bed *bed = *state;
    size_t n = 3 * LIMIT_LINE;
    char *text = malloc(n + 64);

    assert_non_null(text);
    memset(text, 'a', n);
    snprintf(text + n, 64, "\n2025/11/02 10:00:00 from 5.6.7.8:1 accepted x email: 12\n");
    assert_int_equal(bed_run_with(bed, "scan", text), CLI_OK);
    assert_true(
        bed_begins(bed->out, "{\"counted\":false,\"reason\":\"too_long\"}\n{\"counted\":true"));
    free(text);
}

static void outside_text_cannot_control_the_terminal(void **state)
{
    struct bed *bed = *state;

    /* A reason may hold anything but is never printed raw. */
    assert_int_equal(bed_run(bed, "except add eve --reason \033[31mred"), CLI_OK);
    assert_int_equal(bed_run(bed, "except list"), CLI_OK);
    assert_null(strchr(bed->out, '\033'));
    assert_non_null(strstr(bed->out, "\\x1b[31mred"));
}

static void columns_times_and_spans(void **state)
{
    char text[64];

    (void)state;
    assert_int_equal(term_width("abc"), 3);
    assert_int_equal(term_width("\xd8\xb3\xd9\x84"), 2);
    setenv("TZ", "Asia/Tehran", 1);
    tzset();
    assert_string_equal(term_time("2026-11-23T20:30:00.5Z", text, sizeof(text)),
                        "2026-11-24 00:00:00");
    setenv("TZ", "UTC", 1);
    tzset();
    assert_string_equal(term_time("2026-11-23T20:30:00Z", text, sizeof(text)),
                        "2026-11-23 20:30:00");
    assert_string_equal(term_time(NULL, text, sizeof(text)), "-");
    assert_string_equal(term_time("soon", text, sizeof(text)), "soon");
    assert_string_equal(term_span(NULL, text, sizeof(text)), "");
    assert_non_null(strstr(term_span("2020-01-01T00:00:00Z", text, sizeof(text)), "days ago"));
    assert_non_null(strstr(term_span("2999-01-01T00:00:00Z", text, sizeof(text)), "in "));
    assert_false(term_ask("never asked without a terminal?"));
}

#define WITH_BED(fn) cmocka_unit_test_setup_teardown(fn, bed_setup, bed_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BED(help_and_version),
        WITH_BED(wrong_usage_is_two_and_says_how),
        WITH_BED(run_gets_its_options),
        WITH_BED(the_database_is_worked_on_without_a_daemon),
        WITH_BED(exceptions),
        WITH_BED(settings_are_changed_and_reset),
        WITH_BED(what_needs_the_daemon_is_three),
        WITH_BED(a_wrong_env_is_told_and_nothing_is_done),
        WITH_BED(scan_answers_every_line),
        WITH_BED(scan_survives_endless_lines),
        WITH_BED(outside_text_cannot_control_the_terminal),
        cmocka_unit_test(columns_times_and_spans),
    };
    int null = open("/dev/null", O_RDONLY);

    /* term_ask must find no terminal, wherever the tests are run from. */
    assert_true(null >= 0 && dup2(null, STDIN_FILENO) == 0);
    close(null);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
