/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_APP_BED_H
#define TESTS_APP_BED_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../service/fakeadmin.h"
#include "app/daemon.h"

/*
 * A daemon of its real parts, but for the panel: the enforcement talks to a fake one, and the client that
 * asks for lists and streams is never started, so that no packet leaves. Settings are the defaults but
 * for verify_online=off. The wall clock is the bed's (linked with --wrap=loop_wall_us) and moves only
 * when told to; timers are real.
 */
struct app_bed {
    struct daemon d;
    struct run_opts opts;
    struct fp panel;
    struct fp_line line;
    uint16_t node; /* the engine's, id 1, its clock known and its stream open */
};

/* The wall clock; begins 2 s after a check was due. */
extern int64_t bed_clock_us;

/* cmocka's setup and teardown; *state is the bed. */
int bed_setup(void **state);
int bed_teardown(void **state);

/* Puts a setting in force. */
void bed_set(struct app_bed *b, enum setting id, const char *value);
/* Lets time go by in steps of a second. */
void bed_wait(struct app_bed *b, int seconds);
/* Lets the fake panel, the database and the loop do what they can do now. */
void bed_settle(struct app_bed *b);
/* For so long, the clock moving on, users first … first + users - 1 use n addresses in turn. */
void bed_share(struct app_bed *b, int64_t first, int users, int n, int seconds);
/* Ends the daemon's panel and enforcement as at the end of the program; the rest still stands. */
void bed_stop(struct app_bed *b);
/* The path of a file in the bed's directory; the last eight are kept. */
const char *bed_path(const char *name);
/* Calls an operation and lets the bed settle. Returns its status, 0 while it is not answered. */
int bed_op(struct app_bed *b, const struct op_request *req);
/* The status of the last bed_op, and what it answered. */
extern int bed_status;
extern char bed_said[1 << 20];
/* Reads the database as a start does. */
void bed_load_again(struct app_bed *b);
/* One number of the database; -1 when the statement yields none. */
int64_t bed_number(struct app_bed *b, const char *sql);

#endif
