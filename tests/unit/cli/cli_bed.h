/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_CLI_BED_H
#define TESTS_CLI_BED_H

/* The command line run inside this process, with its outputs in files. */

#include <stdarg.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct bed {
    char dir[32]; /* DATA_DIR, with a .env in it that the environment names */
    char out[65536], err[16384];
};

/* What `run` was called with; it returns BED_RAN. */
extern const char *bed_ran_env, *bed_ran_record;
enum { BED_RAN = 42 };

/* Runs a command of words split at blanks, '~' standing for a blank inside a word; input for stdin. */
int bed_run_with(struct bed *bed, const char *line, const char *input);
/* The same without input. */
int bed_run(struct bed *bed, const char *line);
/* Whether text begins with these bytes. */
bool bed_begins(const char *text, const char *with);
/* For cmocka. */
int bed_setup(void **state);
int bed_teardown(void **state);

#endif
