/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/limits.h"
#include "service/settings/env.h"
#include "service/settings/env_file.h"

/* ---- the grammar ---- */

struct seen {
    struct buf text; /* KEY=value| of every pair */
    int faults;
    int first_fault;
};

static int see_pair(void *arg, struct slice key, struct slice value, int line, struct err *err)
{
    struct seen *s = arg;

    (void)line;
    (void)err;
    buf_add_slice(&s->text, key);
    buf_add_char(&s->text, '=');
    buf_add_slice(&s->text, value);
    return buf_add_char(&s->text, '|');
}

static void see_fault(void *arg, int line, const char *text)
{
    struct seen *s = arg;

    assert_true(text[0] != '\0');
    if (s->faults++ == 0)
        s->first_fault = line;
}

static void grammar(void **state)
{
    static const struct {
        const char *text;
        const char *pairs;
        int fault; /* line of the first fault, 0 = none */
    } cases[] = {
        {"", "", 0},
        {"\n\n  \n", "", 0},
        {"A=1", "A=1|", 0},
        {"A=1\r\nB=2\r\n", "A=1|B=2|", 0},
        {"\xef\xbb\xbf"
         "A=1\n",
         "A=1|", 0},
        {"# comment\n  # another\nA=1 # rest\n", "A=1|", 0},
        {"A=a#b\n", "A=a#b|", 0},
        {"A=#b\n", "A=#b|", 0},
        {"A= # nothing\n", "A=|", 0},
        {"A=\n", "A=|", 0},
        {"A = b c  \n", "A=b c|", 0},
        {"export A=1\nexport\tB=2\nexport=3\n", "A=1|B=2|export=3|", 0},
        {"A='a # $b \\n \"q\"' # c\n", "A=a # $b \\n \"q\"|", 0},
        {"A=\"a \\\"q\\\" \\\\ # x\"\n", "A=a \"q\" \\ # x|", 0},
        {"A=\"line\\nline\"\n", "A=line\nline|", 0},
        {"A=$HOME ${B} `c`\n", "A=$HOME ${B} `c`|", 0},
        {"A=it's\n", "A=it's|", 0},
        {"A=a=b==\n", "A=a=b==|", 0},
        {"A=\"\"\nB=''\n", "A=|B=|", 0},
        {"A='open\nB=1\n", "B=1|", 1},
        {"A=\"open\nB=1\n", "B=1|", 1},
        {"A=\"x\" y\n", "", 1},
        {"A='x'y\n", "", 1},
        {"A='x'#y\n", "", 1},
        {"A=\"\\t\"\n", "", 1},
        {"A=1\nwords\n", "A=1|", 2},
        {"1A=1\n", "", 1},
        {"=1\n", "", 1},
        {"A B=1\n", "", 1},
        {"A=x\x01y\nB=2", "B=2|", 1},
        {"A=x\ry\n", "", 1},
    };
    size_t i;

    (void)state;
    for (i = 0; i < ARRAY_LEN(cases); i++) {
        struct seen seen = {.faults = 0};
        int rc;

        buf_init(&seen.text, 4096);
        rc = env_file_parse(slice_of(cases[i].text), see_pair, see_fault, &seen);
        if (strcmp(buf_str(&seen.text), cases[i].pairs) != 0)
            fail_msg("case %zu gave \"%s\"", i, buf_str(&seen.text));
        assert_int_equal(rc, cases[i].fault ? ERR_INVALID : ERR_OK);
        assert_int_equal(seen.first_fault, cases[i].fault);
        buf_release(&seen.text);
    }
}

static void a_nul_byte_is_a_fault(void **state)
{
    struct seen seen = {.faults = 0};

    (void)state;
    buf_init(&seen.text, 4096);
    assert_int_equal(env_file_parse(SLICE("A=x\0y\nB=1"), see_pair, see_fault, &seen), ERR_INVALID);
    assert_string_equal(buf_str(&seen.text), "B=1|");
    buf_release(&seen.text);
}

/* ---- loading ---- */

struct place {
    char dir[64], env[80], data[96], secret[96];
    struct settings s;
    struct env_report rep;
    struct err err;
};

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");

    assert_non_null(f);
    assert_int_equal(fputs(text, f) >= 0, 1);
    fclose(f);
    assert_int_equal(chmod(path, mode), 0);
}

static int setup(void **state)
{
    struct place *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    snprintf(p->dir, sizeof(p->dir), "/tmp/pg-env-XXXXXX");
    assert_non_null(mkdtemp(p->dir));
    snprintf(p->env, sizeof(p->env), "%s/.env", p->dir);
    snprintf(p->data, sizeof(p->data), "DATA_DIR=%s", p->dir);
    snprintf(p->secret, sizeof(p->secret), "%s/secrets.env", p->dir);
    assert_int_equal(settings_init(&p->s), ERR_OK);
    env_report_init(&p->rep);
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    unlink(p->env);
    unlink(p->secret);
    rmdir(p->dir);
    env_report_release(&p->rep);
    settings_release(&p->s);
    free(p);
    return 0;
}

/* Loads p->env with this environment (DATA_DIR is added). */
static int load(struct place *p, const char *a, const char *b)
{
    char *environ_[] = {p->data, (char *)a, (char *)b, NULL};
    struct env_opts opts = {.path = p->env, .environ = environ_};

    env_report_release(&p->rep);
    env_report_init(&p->rep);
    return env_load(&p->s, &opts, &p->rep, &p->err);
}

static void environment_wins_over_the_file(void **state)
{
    struct place *p = *state;

    write_file(p->env, "GENERAL_LIMIT=3\nCHECK_INTERVAL=30\nTZ=UTC\n", 0600);
    assert_int_equal(load(p, "GENERAL_LIMIT=4", "SHELL=/bin/sh"), ERR_OK);
    assert_int_equal(settings_int(&p->s, SET_GENERAL_LIMIT), 4);
    assert_int_equal(settings_origin(&p->s, SET_GENERAL_LIMIT), ORIGIN_ENV);
    assert_int_equal(settings_int(&p->s, SET_CHECK_INTERVAL), 30);
    assert_int_equal(settings_origin(&p->s, SET_CHECK_INTERVAL), ORIGIN_FILE);
    assert_int_equal(p->rep.n_warnings, 0);
    assert_string_equal(p->rep.file, p->env);

    /* A second reading forgets what is gone; the database's values stay. */
    assert_int_equal(settings_set(&p->s, SET_TICK, ORIGIN_DB, SLICE("3"), &p->err), ERR_OK);
    write_file(p->env, "", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_int_equal(settings_int(&p->s, SET_GENERAL_LIMIT), 2);
    assert_int_equal(settings_int(&p->s, SET_TICK), 3);
}

static void mistakes_name_file_line_and_values(void **state)
{
    struct place *p = *state;
    char where[256];

    write_file(p->env, "\nGENERAL_LIMIT=many\nGENRAL_LIMIT=1\nENFORCEMENT=maybe\nnonsense\n", 0600);
    assert_int_equal(load(p, "CHECK_INTERVAL=1", NULL), ERR_INVALID);
    assert_int_equal(p->rep.n_errors, 5);
    snprintf(where, sizeof(where),
             "%s:2: general_limit: \"many\" is not a whole number; allowed: 0 to "
             "10000 devices (and 4 more)",
             p->env);
    assert_string_equal(p->err.text, where);
    snprintf(where, sizeof(where), "%s:3: unknown key GENRAL_LIMIT; did you mean GENERAL_LIMIT?",
             p->env);
    assert_non_null(strstr(buf_str(&p->rep.errors), where));
    assert_non_null(strstr(buf_str(&p->rep.errors), "on, shadow or off"));
    assert_non_null(strstr(buf_str(&p->rep.errors), ":5: this is no KEY=VALUE"));
    assert_non_null(
        strstr(buf_str(&p->rep.errors), "environment: check_interval: \"1\" is out of range"));
}

static void a_key_must_be_written_in_capitals(void **state)
{
    struct place *p = *state;

    write_file(p->env, "general_limit=3\n", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_INVALID);
    assert_non_null(strstr(p->err.text, "did you mean GENERAL_LIMIT?"));
}

static void keys_of_the_python_program_are_one_warning(void **state)
{
    struct place *p = *state;

    write_file(p->env,
               "USER_SYNC_INTERVAL=5\nCLI_PROG_NAME=x\nPANEL_SCHEME=http\nPANEL_INSECURE=1\n",
               0600);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_int_equal(p->rep.n_warnings, 1);
    assert_non_null(
        strstr(buf_str(&p->rep.warnings), "USER_SYNC_INTERVAL (here: USER_SYNC_HOURS)"));
    assert_non_null(strstr(buf_str(&p->rep.warnings), "PANEL_INSECURE"));
}

static void an_empty_value_is_not_set_but_an_empty_list_is(void **state)
{
    struct place *p = *state;

    write_file(p->env, "GENERAL_LIMIT=\nIGNORED_IPS=\nPANEL_USERNAME=\nPANEL_PASSWORD=pw\nTZ=\n",
               0600);
    assert_int_equal(load(p, "PANEL_PASSWORD=", NULL), ERR_OK);
    assert_int_equal(settings_origin(&p->s, SET_GENERAL_LIMIT), ORIGIN_DEFAULT);
    assert_string_equal(settings_text(&p->s, SET_PANEL_USERNAME), "admin");
    assert_string_equal(settings_text(&p->s, SET_PANEL_PASSWORD), "pw");
    assert_int_equal(settings_origin(&p->s, SET_IGNORED_IPS), ORIGIN_FILE);
    assert_string_equal(settings_text(&p->s, SET_IGNORED_IPS), "");
}

static void a_key_twice_is_told(void **state)
{
    struct place *p = *state;

    write_file(p->env, "TICK=3\nTICK=4\n", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_int_equal(settings_int(&p->s, SET_TICK), 4);
    assert_int_equal(p->rep.n_warnings, 1);
    assert_non_null(strstr(buf_str(&p->rep.warnings), "TICK stood in line 1 already"));
}

static void secrets_come_from_files_too(void **state)
{
    struct place *p = *state;
    char text[256], name[128];

    snprintf(name, sizeof(name), "%s/pw", p->dir);
    write_file(name, "from a file\r\n", 0600);
    snprintf(text, sizeof(text), "PANEL_PASSWORD_FILE=%s\n", name);
    write_file(p->env, text, 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_string_equal(settings_text(&p->s, SET_PANEL_PASSWORD), "from a file");

    snprintf(text, sizeof(text), "PANEL_PASSWORD=x\nPANEL_PASSWORD_FILE=%s\n", name);
    write_file(p->env, text, 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_INVALID);
    assert_non_null(strstr(p->err.text, "keep one of them"));

    write_file(p->env, "GENERAL_LIMIT_FILE=/x\n", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_INVALID);

    write_file(p->env, "PANEL_PASSWORD_FILE=/nowhere/at/all\n", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_INVALID);
    assert_non_null(strstr(p->err.text, "/nowhere/at/all"));
    unlink(name);
}

static void systemd_credentials_are_read(void **state)
{
    struct place *p = *state;
    char name[128], dir[128];

    snprintf(name, sizeof(name), "%s/panel_password", p->dir);
    snprintf(dir, sizeof(dir), "CREDENTIALS_DIRECTORY=%s", p->dir);
    write_file(name, "credential\n", 0400);
    write_file(p->env, "PANEL_PASSWORD=file\n", 0600);
    assert_int_equal(load(p, dir, NULL), ERR_OK);
    assert_string_equal(settings_text(&p->s, SET_PANEL_PASSWORD), "credential");
    assert_int_equal(load(p, dir, "PANEL_PASSWORD=environment"), ERR_OK);
    assert_string_equal(settings_text(&p->s, SET_PANEL_PASSWORD), "environment");
    unlink(name);
}

static void secrets_env_stands_between(void **state)
{
    struct place *p = *state;

    write_file(p->env, "PANEL_PASSWORD=file\nPANEL_USERNAME=ann\n", 0600);
    write_file(p->secret, "PANEL_PASSWORD=kept\n", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_string_equal(settings_text(&p->s, SET_PANEL_PASSWORD), "kept");
    assert_string_equal(settings_text(&p->s, SET_PANEL_USERNAME), "ann");
    assert_int_equal(load(p, "PANEL_PASSWORD=env", NULL), ERR_OK);
    assert_string_equal(settings_text(&p->s, SET_PANEL_PASSWORD), "env");
    write_file(p->secret, "GENERAL_LIMIT=9\n", 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_INVALID);
    assert_non_null(strstr(p->err.text, "secrets.env:1: "));
}

static void open_files_with_secrets_are_told(void **state)
{
    struct place *p = *state;

    write_file(p->env, "PANEL_PASSWORD=pw\n", 0644);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_int_equal(p->rep.n_warnings, 1);
    assert_non_null(strstr(buf_str(&p->rep.warnings), "chmod 600"));
    assert_null(strstr(buf_str(&p->rep.warnings), "pw"));
    write_file(p->env, "GENERAL_LIMIT=3\n", 0644);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_int_equal(p->rep.n_warnings, 0);
}

static void which_file_is_read(void **state)
{
    struct place *p = *state;
    char named[128], other[96];
    const char *fallbacks[] = {"/nowhere/.env", p->env, NULL};
    char *environ_[] = {p->data, NULL, NULL};
    struct env_opts opts = {.environ = environ_, .fallbacks = fallbacks};

    write_file(p->env, "TICK=5\n", 0600);
    assert_int_equal(env_load(&p->s, &opts, &p->rep, &p->err), ERR_OK);
    assert_int_equal(settings_int(&p->s, SET_TICK), 5);

    snprintf(other, sizeof(other), "%s/other", p->dir);
    snprintf(named, sizeof(named), "PG_LIMITER_ENV=%s", other);
    write_file(other, "TICK=6\n", 0600);
    environ_[1] = named;
    assert_int_equal(env_load(&p->s, &opts, &p->rep, &p->err), ERR_OK);
    assert_int_equal(settings_int(&p->s, SET_TICK), 6);
    opts.path = p->env;
    assert_int_equal(env_load(&p->s, &opts, &p->rep, &p->err), ERR_OK);
    assert_int_equal(settings_int(&p->s, SET_TICK), 5);

    unlink(other);
    opts.path = NULL;
    assert_int_equal(env_load(&p->s, &opts, &p->rep, &p->err), ERR_NOT_FOUND);
    assert_non_null(strstr(p->err.text, "PG_LIMITER_ENV"));
    environ_[1] = NULL;
    fallbacks[1] = "/nowhere/else";
    assert_int_equal(env_load(&p->s, &opts, &p->rep, &p->err), ERR_OK);
    assert_string_equal(p->rep.file, "");
}

static void assert_file_holds(const char *path, const struct buf *want)
{
    struct buf have;
    char chunk[4096];
    size_t n;
    FILE *f = fopen(path, "r");

    assert_non_null(f);
    buf_init(&have, LIMIT_ENV_FILE);
    while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
        assert_int_equal(buf_add(&have, chunk, n), ERR_OK);
    fclose(f);
    assert_string_equal(buf_str(&have), buf_str(want));
    buf_release(&have);
}

/* Made anew by: pg-limiter config reference > docs/settings.md */
static void the_page_of_settings_is_current(void **state)
{
    struct buf want;

    (void)state;
    buf_init(&want, LIMIT_ENV_FILE);
    settings_add_page(&want);
    assert_file_holds("docs/settings.md", &want);
    buf_release(&want);
}

static void the_example_is_current_and_can_be_read(void **state)
{
    struct place *p = *state;
    struct buf want;

    buf_init(&want, LIMIT_ENV_FILE);
    settings_add_example(&want);
    assert_file_holds(".env.example", &want);
    write_file(p->env, buf_str(&want), 0600);
    assert_int_equal(load(p, NULL, NULL), ERR_OK);
    assert_int_equal(p->rep.n_warnings, 0);
    buf_release(&want);
}

/* Every commented-out line of the example must be a value its own setting takes. */
static void every_default_of_the_example_is_valid(void **state)
{
    struct place *p = *state;
    struct buf text, on;
    struct slice rest, line;

    buf_init(&text, LIMIT_ENV_FILE);
    buf_init(&on, LIMIT_ENV_FILE);
    settings_add_example(&text);
    rest = buf_slice(&text);
    while (rest.p) {
        line = slice_cut(&rest, '\n');
        if (line.n > 1 && line.p[0] == '#' && line.p[1] >= 'A' && line.p[1] <= 'Z')
            line = slice_skip(line, 1);
        buf_add_slice(&on, line);
        buf_add_char(&on, '\n');
    }
    write_file(p->env, buf_str(&on), 0600);
    if (load(p, NULL, NULL))
        fail_msg("%s", buf_str(&p->rep.errors));
    buf_release(&text);
    buf_release(&on);
}

#define WITH_PLACE(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grammar),
        cmocka_unit_test(a_nul_byte_is_a_fault),
        WITH_PLACE(environment_wins_over_the_file),
        WITH_PLACE(mistakes_name_file_line_and_values),
        WITH_PLACE(a_key_must_be_written_in_capitals),
        WITH_PLACE(keys_of_the_python_program_are_one_warning),
        WITH_PLACE(an_empty_value_is_not_set_but_an_empty_list_is),
        WITH_PLACE(a_key_twice_is_told),
        WITH_PLACE(secrets_come_from_files_too),
        WITH_PLACE(systemd_credentials_are_read),
        WITH_PLACE(secrets_env_stands_between),
        WITH_PLACE(open_files_with_secrets_are_told),
        WITH_PLACE(which_file_is_read),
        cmocka_unit_test(the_page_of_settings_is_current),
        WITH_PLACE(the_example_is_current_and_can_be_read),
        WITH_PLACE(every_default_of_the_example_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
