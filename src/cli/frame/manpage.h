/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FRAME_MANPAGE_H
#define CLI_FRAME_MANPAGE_H

/* The hidden command with which the package makes its manual page. */
#define MANPAGE_WORD "__man"

/* Prints pg-limiter(1), made from the tables of commands and options, as roff. Returns an exit code. */
int manpage_main(void);

#endif
