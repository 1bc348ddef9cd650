/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_ENV_FILE_H
#define SERVICE_ENV_FILE_H

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/*
 * The grammar of .env (spec/surfaces.md, Configuration), pure text to pairs:
 *   - a line is KEY=VALUE; `export ` before the key and blanks around key and value are fine, CRLF too;
 *   - '#' begins a comment at the start of a line, or after white space outside quotes;
 *   - '…' is literal, "…" knows \\ \" \n; a value ends on its line; nothing is expanded.
 */

/*
 * One pair. value is decoded and valid during the call only. Whatever it answers other than ERR_OK
 * becomes a complaint about this line, with the text in err.
 */
typedef int (*env_pair_fn)(void *arg, struct slice key, struct slice value, int line,
                           struct err *err);
/* One complaint about a line: syntax, or what the pair function answered. */
typedef void (*env_fault_fn)(void *arg, int line, const char *text);

/*
 * Reads a whole text, calling pair for each pair and fault for each faulty line; goes on after faults so
 * that all are told at once. Returns ERR_OK, ERR_INVALID when there was any fault, ERR_NOMEM.
 */
int env_file_parse(struct slice text, env_pair_fn pair, env_fault_fn fault, void *arg) MUST_CHECK;

#endif
