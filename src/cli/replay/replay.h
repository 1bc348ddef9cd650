/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_REPLAY_REPLAY_H
#define CLI_REPLAY_REPLAY_H

/*
 * `pg-limiter replay [--json] [--set KEY=VALUE]… [--except USER]… [--special USER=N]… FILE…`: runs
 * recorded logs through the engine with a virtual clock and prints every decision. One file is one
 * node; files are merged by time. A plain log's stamps are read as UTC and stand for the arrival; a
 * recording (`run --record`) has lines `@<arrival, unix µs> <line>` and `@<µs> #open|#close`.
 *
 * argv holds the arguments after "replay". Returns the exit code: 0, 1 (a file cannot be read), 2 (usage).
 */
int replay_main(int argc, char **argv);

#endif
