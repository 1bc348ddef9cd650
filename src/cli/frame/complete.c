/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/complete.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "base/slice.h"
#include "cli/here/become.h"
#include "cli/frame/cli_int.h"
#include "service/settings/env.h"
#include "service/settings/settings.h"
#include "store/db.h"
#include "store/db_users.h"
#include "base/banned.h"

enum { USERS_MAX = 200, WORDS_MAX = 300 };

/* The line so far: the command's own words, its arguments, and the word to be completed. */
struct typed {
    const struct command *command;
    char *args[WORDS_MAX];
    int n_args;
    const char *last;
    const char *env_path;
    const struct option_def *option; /* whose value `last` is; NULL: none */
};

static bool fits(struct slice word, const char *last)
{
    return slice_starts(word, slice_of(last));
}

static void offer(struct slice word, const char *last, const char *what)
{
    if (!fits(word, last))
        return;
    printf("%.*s", (int)word.n, word.p);
    if (what)
        printf("\t%s", what);
    putchar('\n');
}

/* ---- users ---- */

struct offered {
    const char *last;
    int n;
};

static int offer_user(void *arg, const struct db_user *row)
{
    struct offered *o = arg;
    char id[32];

    if (fits(row->name, o->last)) {
        offer(row->name, o->last, NULL);
        o->n++;
    } else if (strncmp(o->last, "id:", 3) == 0) {
        snprintf(id, sizeof(id), "id:%lld", (long long)row->id);
        o->n += fits(slice_of(id), o->last);
        offer(slice_of(id), o->last, NULL);
    }
    return o->n < USERS_MAX ? 0 : ERR_CANCELLED;
}

/* From the database itself, whoever else has it open: it must be quick. */
static void offer_users(const char *env_path, const char *last)
{
    struct env_opts opts = {.path = env_path, .environ = environ};
    struct offered offered = {last, 0};
    struct settings settings;
    struct env_report report;
    struct db *db = NULL;
    struct err err;
    char path[4096];
    struct stat st;
    const char *dir;

    if (settings_init(&settings))
        return;
    env_report_init(&report);
    if (env_load(&settings, &opts, &report, &err) == ERR_OK) {
        dir = settings_text(&settings, SET_DATA_DIR);
        snprintf(path, sizeof(path), "%s/data/pg-limiter.db", dir);
        /* Never makes one. */
        if (stat(path, &st) == 0 && become_owner(dir, &err) == ERR_OK &&
            db_open(dir, &db, &err) == ERR_OK) {
            db_set_busy_ms(db, 200);
            if (db_users_each(db, offer_user, &offered, &err))
                offered.n = USERS_MAX;
        }
    }
    db_close(db);
    env_report_release(&report);
    settings_release(&settings);
}

/* ---- settings ---- */

static void offer_keys(const char *last, const char *after, bool lists)
{
    struct buf word;
    int i;

    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->flags & SETTING_STATIC || (lists && !setting_is_list((enum setting)i)))
            continue;
        buf_init(&word, 256);
        buf_addf(&word, "%s%s", def->key, after);
        offer(buf_slice(&word), last, def->help);
        buf_release(&word);
    }
}

/* Each of the words between '|'; one in capitals stands for something else. */
static void offer_choices(const char *choices, const char *last)
{
    struct slice rest = slice_of(choices), word;

    while (rest.p) {
        word = slice_cut(&rest, '|');
        if (word.n && !(word.p[0] >= 'A' && word.p[0] <= 'Z') && word.p[0] != '#')
            offer(word, last, NULL);
    }
}

static void offer_values(const char *key, const char *last)
{
    const struct setting_def *def;
    enum setting id;
    struct err err;

    if (setting_find(slice_of(key), &id, &err))
        return;
    def = setting_def(id);
    if (def->type == TYPE_ENUM)
        offer_choices(def->choices, last);
    else if (def->type == TYPE_BOOL)
        offer_choices("true|false", last);
    else if (def->type == TYPE_PATH || def->type == TYPE_DIR)
        puts(":files");
    else
        offer(slice_of(def->def), last, "the default");
}

/* ---- what a word stands for ---- */

/* kind: one word of a command's args, or an option's arg. */
static void offer_kind(const struct typed *t, struct slice kind)
{
    struct buf text;

    while (kind.n && (kind.p[0] == '[' || kind.p[0] == '<'))
        kind = slice_skip(kind, 1);
    while (kind.n && strchr("].>", kind.p[kind.n - 1]))
        kind.n--;
    if (slice_eq(kind, SLICE("USER")) || slice_starts(kind, SLICE("USER|"))) {
        offer_users(t->env_path, t->last);
    } else if (slice_eq(kind, SLICE("KEY"))) {
        offer_keys(t->last, "", false);
    } else if (slice_eq(kind, SLICE("LIST"))) {
        offer_keys(t->last, "", true);
    } else if (slice_eq(kind, SLICE("KEY=VALUE"))) {
        offer_keys(t->last, "=", false);
    } else if (slice_eq(kind, SLICE("VALUE")) && t->n_args > 0) {
        offer_values(t->args[t->n_args - 1], t->last);
    } else if (slice_eq(kind, SLICE("FILE")) || slice_eq(kind, SLICE("FILE|-")) ||
               slice_eq(kind, SLICE("DIR")) || slice_eq(kind, SLICE("A B"))) {
        puts(":files");
    } else if (memchr(kind.p ? kind.p : "", '|', kind.n)) {
        buf_init(&text, 256);
        buf_add_slice(&text, kind);
        offer_choices(buf_str(&text), t->last);
        buf_release(&text);
    }
}

static void offer_arguments(const struct typed *t)
{
    struct slice rest = slice_of(t->command->args), word = {NULL, 0};
    int i;

    for (i = 0; i <= t->n_args && rest.p; i++)
        word = slice_cut(&rest, ' ');
    if (i <= t->n_args && t->command->max != ARGS_ANY)
        return;
    offer_kind(t, word);
}

static void offer_options(const struct typed *t)
{
    int k;

    for (k = 0; k < OPT_COUNT; k++)
        if (t->command->options >> k & 1)
            offer(slice_of(option_def((enum cli_option)k)->name), t->last,
                  option_def((enum cli_option)k)->help);
    offer(SLICE("--help"), t->last, NULL);
}

/* The next word of the names that begin with the n words typed, each once. */
static void offer_commands(char **words, int n, const char *last)
{
    const struct command *c;
    struct slice before = {NULL, 0};
    size_t i;
    int k;

    for (i = 0; (c = command_at(i)); i++) {
        struct slice rest = slice_of(c->name), word;

        for (k = 0; k < n && rest.p; k++)
            if (!slice_eq(slice_cut(&rest, ' '), slice_of(words[k])))
                break;
        if (k < n || !rest.p)
            continue;
        word = slice_cut(&rest, ' ');
        if (!slice_eq(word, before))
            offer(word, last, rest.p ? NULL : c->help);
        before = word;
    }
}

/* ---- the line ---- */

static const struct option_def *find_option(struct slice name)
{
    int k;

    for (k = 0; k < OPT_COUNT; k++) {
        const struct option_def *o = option_def((enum cli_option)k);

        if (slice_eq(name, slice_of(o->name)) || (o->alias && slice_eq(name, slice_of(o->alias))))
            return o;
    }
    return NULL;
}

/* Takes the words before the last one apart. */
static void read_line(struct typed *t, int n, char **words, char **plain, int *ret_plain)
{
    int i, used = 0, np = 0;

    for (i = 0; i + 1 < n && np < WORDS_MAX; i++) {
        const struct option_def *o = words[i][0] == '-' ? find_option(slice_of(words[i])) : NULL;

        if (words[i][0] != '-') {
            plain[np++] = words[i];
        } else if (o && o->arg && i + 2 < n) {
            i++;
            if (strcmp(o->name, "--env") == 0)
                t->env_path = words[i];
        } else if (o && o->arg) {
            t->option = o;
        }
    }
    *ret_plain = np;
    t->command = command_find(plain, np, &used);
    if (t->command && used > 0)
        for (i = used; i < np; i++)
            t->args[t->n_args++] = plain[i];
}

int complete_main(int n, char **words)
{
    struct typed t = {.last = n > 0 ? words[n - 1] : ""};
    char *plain[WORDS_MAX];
    int np;

    if (n > WORDS_MAX)
        return CLI_OK;
    read_line(&t, n, words, plain, &np);
    if (np > 0 && strcmp(plain[0], "help") == 0)
        offer_commands(plain + 1, np - 1, t.last);
    else if (t.option)
        offer_kind(&t, slice_of(t.option->arg));
    else if (t.command && t.last[0] == '-')
        offer_options(&t);
    else if (t.command && !command_has_more(plain, np))
        offer_arguments(&t);
    else
        offer_commands(plain, np, t.last);
    return fflush(stdout) == 0 ? CLI_OK : CLI_FAILED;
}

int cmd_completion(struct cli *cli)
{
    const char *script = complete_script(cli->args[0]);

    if (!script)
        return cli_fail(CLI_USAGE, "no completion for \"%s\": allowed are bash, zsh and fish",
                        cli->args[0]);
    fputs(script, stdout);
    return CLI_OK;
}
