/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_RECORDINGS_H
#define TESTS_RECORDINGS_H

#include "base/buf.h"
#include "panel/jval.h"

/* Answers recorded from real panels, tests/data/panel/v4.json and v5.json. */
struct recordings {
    struct jval *doc;
};

/* Loads a file; fails the test program when it cannot. */
struct recordings recordings_load(const char *file);
/* One recording by name: its status and its body as JSON text, to be freed. Fails when missing. */
char *recordings_body(const struct recordings *r, const char *name, int *ret_status);

#endif
