/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_FAKE_REDIS_H
#define TESTS_FAKE_REDIS_H

/*
 * A server that keeps up to 64 values and knows SET, GET, DEL, PING, INFO and AUTH, on a loopback port and
 * in a thread of its own. It can be told to misbehave, from then on and in every connection.
 */
enum fake_mode { FAKE_GOOD, FAKE_HANG, FAKE_GARBAGE, FAKE_FULL, FAKE_LOCKED, FAKE_UNASKED };

/* Starts it, or exits the test program; the port. */
int fake_redis_start(void);
/* How it behaves from now on. */
void fake_redis_mode(enum fake_mode mode);
/* Ends all connections. */
void fake_redis_cut(void);
/* Forgets all values. */
void fake_redis_empty(void);
/* Values kept now; connections so far. */
int fake_redis_values(void);
int fake_redis_connections(void);

#endif
