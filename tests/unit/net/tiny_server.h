/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_TINY_SERVER_H
#define TESTS_TINY_SERVER_H

/*
 * A server of canned answers on a loopback port, one thread a connection. Each connection reads one
 * request head (and its Content-Length of body), then writes the pieces given by the test's script
 * for the path, sleeping between them, then closes.
 */
struct tiny_piece {
    const char *text; /* NULL ends the list */
    unsigned n;       /* 0: strlen(text) */
    int sleep_ms;     /* before writing it */
};

struct tiny_route {
    const char *path; /* NULL ends the table */
    const struct tiny_piece *pieces;
    int hold_ms; /* after the last piece, before closing */
    int abort;   /* close with a reset */
};

/* Starts it; routes must stay. Returns the port, or exits the test program. */
int tiny_server_start(const struct tiny_route *routes);
/* The last request received whole, head and body; valid until the next one. */
const char *tiny_server_last(void);
/* Connections accepted so far. */
int tiny_server_count(void);

#endif
