/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FRAME_COMPLETE_H
#define CLI_FRAME_COMPLETE_H

/*
 * Completion for bash, zsh and fish. The scripts (complete_scripts.c) know nothing of the commands: they
 * call this program with the words so far, and it answers from the table of commands, the table of settings
 * and, for users, from the database.
 */

/* The hidden command that the scripts call. */
#define COMPLETE_WORD "__complete"

/*
 * Answers what may stand in the place of the last of the words (after the program's name; it may be empty)
 * as lines `word` or `word<TAB>what it is`. A line ":files" means file names. Never says anything else, and
 * never waits: a database that cannot be read gives no users. Returns 0.
 */
int complete_main(int n, char **words);
/* The script of a shell; NULL for an unknown one. */
const char *complete_script(const char *shell);

#endif
