/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef NET_LOOP_INT_H
#define NET_LOOP_INT_H

/* What the loop gives to those of src/net that use libevent themselves; nobody else includes this. */

#include <event2/event.h>

#include "net/loop.h"

/* The base that everything on the loop is made on. */
struct event_base *loop_base(struct loop *loop);
/* To be called first in every callback that libevent makes: the first one of a turn reads the clocks. */
void loop_called(struct loop *loop);

#endif
