/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_API_BED_H
#define TESTS_API_BED_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api/server.h"
#include "store/db.h"

/* How long is waited for what must come: only what never comes takes so long. */
enum { BED_PATIENCE_MS = 60000 };

/* A server on a control socket in a directory of its own, and operations that answer by rote. */
struct bed {
    char dir[32];
    struct db *db;
    struct loop *loop;
    struct server *server;
    struct op_port port;
    struct settings settings;
    op_enable_fn waiting; /* of an enable that has not been answered yet */
    void *waiting_arg;
    char answer[4096];
};

/* cmocka's setup and teardown; *state is the bed. */
int bed_setup(void **state);
int bed_teardown(void **state);
/* Serves on the control socket; as rest.c does when need_host. */
void bed_start(struct bed *bed, bool need_host, int64_t deadline_us);
/* A connection that does not block. */
int bed_dial(struct bed *bed);
/* Milliseconds of the monotonic clock. */
int64_t bed_ms(void);
/* Reads into bed->answer until the other side ends or ms have passed; true when it ended. */
bool bed_read(struct bed *bed, int fd, int64_t ms);
/* Turns until bed->waiting is there. */
void bed_until_asked(struct bed *bed);
/* Sends text whole, reads the answer until it is whole or the connection ends, and returns its status. */
int bed_talk(struct bed *bed, const char *text);

#define GET(path) "GET " path " HTTP/1.1\r\nConnection: close\r\n\r\n"

#endif
