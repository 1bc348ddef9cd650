/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/replay/replay_compare.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/limits.h"
#include "cli/frame/cli.h"
#include "cli/terminal/json_in.h"
#include "cli/replay/replay.h"
#include "cli/terminal/term.h"
#include "service/settings/env.h"
#include "base/banned.h"

/* What one run says, by user: id, or name where there is none, to {name, punished, warned, first}. */
struct side {
    const char *path;
    json_t *users;
    int64_t punished; /* verdicts of all */
};

/* ---- one run ---- */

/* The settings of a file as options of replay; what stands in no recording's way is left out. */
static int add_settings(const char *path, char **argv, int *argc, int max, struct err *err)
{
    static char *const nothing[] = {NULL};
    struct env_opts opts = {.path = path, .environ = nothing};
    struct settings s;
    struct env_report rep;
    struct buf b;
    int i, rc = settings_init(&s);

    if (rc)
        return err_set(err, rc, "out of memory");
    env_report_init(&rep);
    rc = env_load(&s, &opts, &rep, err);
    for (i = 0; !rc && i < SET_COUNT; i++) {
        const char *value = settings_layer(&s, (enum setting)i, ORIGIN_FILE);

        if (!value || (setting_def((enum setting)i)->flags & SETTING_STATIC) || *argc + 2 >= max)
            continue;
        buf_init(&b, LIMIT_SETTING_VALUE + 128);
        buf_addf(&b, "%s=%s", setting_def((enum setting)i)->key, value);
        argv[(*argc)++] = strdup("--set");
        argv[(*argc)++] = buf_take(&b);
    }
    env_report_release(&rep);
    settings_release(&s);
    return rc;
}

static void count(struct side *side, json_t *row)
{
    const char *decision = in_text(row, "decision"), *name = in_text(row, "name");
    bool punish = decision && strcmp(decision, "punish") == 0;
    char key[64];
    json_t *user;

    if (!punish && !(decision && strcmp(decision, "warn") == 0))
        return;
    snprintf(key, sizeof(key), "%lld", (long long)in_int(row, "id"));
    user = json_object_get(side->users, key);
    if (!user) {
        user = json_pack("{s:I,s:s?,s:i,s:i,s:n}", "id", (json_int_t)in_int(row, "id"), "name",
                         name, "punished", 0, "warned", 0, "first");
        json_object_set_new(side->users, key, user);
    }
    if (punish && json_is_null(json_object_get(user, "first")))
        json_object_set(user, "first", json_object_get(row, "time"));
    side->punished += punish;
    json_object_set_new(user, punish ? "punished" : "warned",
                        json_integer(in_int(user, punish ? "punished" : "warned") + 1));
}

static void read_run(struct side *side, FILE *out)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;

    rewind(out);
    while ((n = getline(&line, &cap, out)) > 0) {
        json_t *row = json_loadb(line, (size_t)n, 0, NULL);

        if (row)
            count(side, row);
        json_decref(row);
    }
    free(line);
}

/* Runs replay with its output in a file. */
static int run(struct side *side, int argc, char **argv)
{
    FILE *out = tmpfile();
    int kept, rc;

    fflush(stdout);
    kept = dup(STDOUT_FILENO);
    if (!out || kept < 0 || dup2(fileno(out), STDOUT_FILENO) < 0) {
        fprintf(stderr, "pg-limiter replay: no room for what the runs say\n");
        rc = CLI_FAILED;
    } else {
        rc = replay_main(argc, argv);
        fflush(stdout);
        dup2(kept, STDOUT_FILENO);
        read_run(side, out);
    }
    if (kept >= 0)
        close(kept);
    if (out)
        fclose(out);
    return rc;
}

static int play(struct side *side, int argc, char **argv)
{
    int max = argc + 2 * SET_COUNT + 4, n = 0, own, i, rc;
    char **args = calloc((size_t)max, sizeof(*args));
    struct err err = {0};

    side->users = json_object();
    if (!args || !side->users) {
        free(args);
        return CLI_FAILED;
    }
    args[n++] = strdup("--json");
    rc = add_settings(side->path, args, &n, max - argc, &err);
    own = n;
    for (i = 0; i < argc; i++)
        args[n++] = argv[i];
    if (rc)
        fprintf(stderr, "pg-limiter replay: %s\n", err.text);
    rc = rc ? CLI_USAGE : run(side, n, args);
    for (i = 0; i < own; i++)
        free(args[i]);
    free(args);
    return rc;
}

/* ---- the difference ---- */

/* Some seconds sooner or later is the same verdict. */
static bool same(json_t *a, json_t *b)
{
    return in_int(a, "punished") == in_int(b, "punished") &&
           (in_int(a, "warned") > 0) == (in_int(b, "warned") > 0);
}

static void words(json_t *user, char *out, size_t max)
{
    int64_t punished = in_int(user, "punished"), warned = in_int(user, "warned");
    char when[64];

    if (punished)
        snprintf(out, max, "punished %lld×, first %s", (long long)punished,
                 term_time(in_text(user, "first"), when, sizeof(when)));
    else if (warned)
        snprintf(out, max, "warned %lld×", (long long)warned);
    else
        snprintf(out, max, "left alone");
}

static json_t *row_of(json_t *a, json_t *b)
{
    json_t *known = a ? a : b, *row = json_object();
    json_t *none = json_pack("{s:i,s:i,s:n}", "punished", 0, "warned", 0, "first");
    json_t *sides[2] = {a ? a : none, b ? b : none};
    static const char *const names[] = {"a", "b"};
    int i;

    json_object_set(row, "id", json_object_get(known, "id"));
    json_object_set(row, "name", json_object_get(known, "name"));
    for (i = 0; i < 2; i++)
        json_object_set_new(row, names[i],
                            json_pack("{s:O,s:O,s:O}", "punished",
                                      json_object_get(sides[i], "punished"), "warned",
                                      json_object_get(sides[i], "warned"), "first",
                                      json_object_get(sides[i], "first")));
    json_decref(none);
    return row;
}

/* Who is judged differently, those of A first. */
static json_t *difference(const struct side *a, const struct side *b)
{
    json_t *rows = json_array(), *user, *other;
    const char *key;

    json_object_foreach(a->users, key, user)
    {
        other = json_object_get(b->users, key);
        if (!same(user, other))
            json_array_append_new(rows, row_of(user, other));
    }
    json_object_foreach(b->users, key, user)
    {
        if (!json_object_get(a->users, key))
            json_array_append_new(rows, row_of(NULL, user));
    }
    return rows;
}

static void print_table(json_t *rows, const struct side *a, const struct side *b)
{
    const char *const heads[] = {"User", a->path, b->path};
    struct term_table t;
    char text[160];
    json_t *row;
    size_t i;

    term_table_init(&t, heads, ARRAY_LEN(heads));
    json_array_foreach(rows, i, row)
    {
        if (in_text(row, "name"))
            term_cell(&t, TERM_PLAIN, in_text(row, "name"));
        else
            term_cellf(&t, TERM_PLAIN, "id:%lld", (long long)in_int(row, "id"));
        words(json_object_get(row, "a"), text, sizeof(text));
        term_cell(&t, TERM_PLAIN, text);
        words(json_object_get(row, "b"), text, sizeof(text));
        term_cell(&t, TERM_PLAIN, text);
    }
    if (t.n)
        term_table_print(&t);
    printf("%s%zu users are judged differently; verdicts: %lld by %s, %lld by %s\n",
           json_array_size(rows) ? "\n" : "", json_array_size(rows), (long long)a->punished,
           a->path, (long long)b->punished, b->path);
}

static void print_json(json_t *rows, const struct side *a, const struct side *b)
{
    json_t *row;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        json_dumpf(row, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
        putchar('\n');
    }
    printf("{\"summary\":{\"differ\":%zu,\"punished_a\":%lld,\"punished_b\":%lld}}\n",
           json_array_size(rows), (long long)a->punished, (long long)b->punished);
}

/* ---- arguments ---- */

bool replay_compares(int argc, char **argv)
{
    int i;

    for (i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--compare") == 0)
            return true;
    return false;
}

int replay_compare_main(int argc, char **argv)
{
    struct side a = {0}, b = {0};
    char **rest = calloc((size_t)argc + 1, sizeof(*rest));
    bool json = false;
    int i, n = 0, rc = rest ? CLI_OK : CLI_FAILED;
    json_t *rows;

    for (i = 0; !rc && i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            json = true;
        } else if (strcmp(argv[i], "--compare") != 0) {
            rest[n++] = argv[i];
        } else if (i + 2 >= argc || a.path) {
            fprintf(stderr, "pg-limiter replay: --compare takes two settings files, once\n");
            rc = CLI_USAGE;
        } else {
            a.path = argv[++i];
            b.path = argv[++i];
        }
    }
    for (i = 0; !rc && i < n; i++) {
        if (strcmp(rest[i], "-") == 0) {
            fprintf(stderr, "pg-limiter replay: standard input can be read once only: "
                            "--compare needs files\n");
            rc = CLI_USAGE;
        }
    }
    if (!rc)
        rc = play(&a, n, rest);
    if (!rc)
        rc = play(&b, n, rest);
    if (!rc) {
        rows = difference(&a, &b);
        if (json)
            print_json(rows, &a, &b);
        else
            print_table(rows, &a, &b);
        json_decref(rows);
    }
    json_decref(a.users);
    json_decref(b.users);
    free(rest);
    return rc;
}
