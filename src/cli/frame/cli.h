/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FRAME_CLI_H
#define CLI_FRAME_CLI_H

/*
 * `pg-limiter COMMAND …`: the table of commands (cli.c), help and dispatch. Exit codes: CLI_OK,
 * CLI_FAILED, CLI_USAGE, CLI_UNREACHABLE.
 */

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_UNREACHABLE = 3 };

/* What stands above the CLI and is given to it. */
struct cli_hooks {
    /* `run`: the daemon. NULLs where an option was not given. Returns the exit code. */
    int (*run)(const char *env_path, const char *record_dir);
};

/* Runs the command in argv (argv[0] is the program) and returns the exit code. */
int cli_main(int argc, char **argv, const struct cli_hooks *hooks);

#endif
