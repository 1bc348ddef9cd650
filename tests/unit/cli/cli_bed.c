/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attr.h"
#include "cli/frame/cli.h"

const char *bed_ran_env, *bed_ran_record;

static int fake_run(const char *env_path, const char *record_dir)
{
    bed_ran_env = env_path;
    bed_ran_record = record_dir;
    return BED_RAN;
}

static void read_back(int fd, char *text, size_t max)
{
    ssize_t n = pread(fd, text, max - 1, 0);

    assert_true(n >= 0);
    text[n] = '\0';
}

static int redirect(FILE *f, int to)
{
    int kept;

    fflush(f);
    kept = dup(fileno(f));
    assert_true(kept >= 0 && dup2(to, fileno(f)) >= 0);
    return kept;
}

static void restore(FILE *f, int kept)
{
    fflush(f);
    assert_true(dup2(kept, fileno(f)) >= 0);
    close(kept);
}

/* Runs a command of words split at blanks, '~' standing for a blank inside a word, '^' for an empty one. */
int bed_run_with(struct bed *bed, const char *line, const char *input)
{
    static const struct cli_hooks hooks = {.run = fake_run};
    char text[1024], *argv[64] = {"pg-limiter"}, *p = text;
    int argc = 1, out = memfd_create("out", 0), err = memfd_create("err", 0),
        in = memfd_create("in", 0);
    int kept_out, kept_err, kept_in, rc;

    snprintf(text, sizeof(text), "%s", line);
    while (*p) {
        argv[argc++] = p;
        for (; *p && *p != ' '; p++)
            *p = *p == '~' ? ' ' : *p;
        if (*p)
            *p++ = '\0';
        if (strcmp(argv[argc - 1], "^") == 0)
            argv[argc - 1] = p[0] ? argv[argc - 1] : p;
    }
    assert_true(write(in, input, strlen(input)) == (ssize_t)strlen(input) &&
                lseek(in, 0, SEEK_SET) == 0);
    kept_out = redirect(stdout, out);
    kept_err = redirect(stderr, err);
    kept_in = dup(STDIN_FILENO);
    assert_true(dup2(in, STDIN_FILENO) == 0);
    rc = cli_main(argc, argv, &hooks);
    restore(stdout, kept_out);
    restore(stderr, kept_err);
    assert_true(dup2(kept_in, STDIN_FILENO) == 0);
    close(kept_in);
    read_back(out, bed->out, sizeof(bed->out));
    read_back(err, bed->err, sizeof(bed->err));
    close(out);
    close(err);
    close(in);
    return rc;
}

int bed_run(struct bed *bed, const char *line)
{
    return bed_run_with(bed, line, "");
}

bool bed_begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

int bed_setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    char env[64];
    FILE *f;

    assert_non_null(bed);
    snprintf(bed->dir, sizeof(bed->dir), "/tmp/pg-cli-XXXXXX");
    assert_non_null(mkdtemp(bed->dir));
    snprintf(env, sizeof(env), "%s/.env", bed->dir);
    f = fopen(env, "w");
    assert_non_null(f);
    fprintf(f, "DATA_DIR=%s\nPANEL_PASSWORD=hunter2\nGENERAL_LIMIT=3\n", bed->dir);
    fclose(f);
    chmod(env, 0600);
    setenv("PG_LIMITER_ENV", env, 1);
    *state = bed;
    return 0;
}

int bed_teardown(void **state)
{
    static const char *const files[] = {"data/pg-limiter.db", "data/pg-limiter.db-wal",
                                        "data/pg-limiter.db-shm", ".env"};
    struct bed *bed = *state;
    char path[64];
    size_t i;

    for (i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", bed->dir, files[i]);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/data", bed->dir);
    rmdir(path);
    assert_int_equal(rmdir(bed->dir), 0);
    free(bed);
    return 0;
}
