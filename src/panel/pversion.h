/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PVERSION_H
#define PANEL_PVERSION_H

#include <stdbool.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"

/* The panel's version, and what follows from it. */
struct pversion {
    bool known;
    bool guessed; /* told from what answers, since /api/system may not be read */
    int major, minor;
    char text[32]; /* as the panel writes it, or e.g. "5 or later" */
};

/* Reads "5.2.1", "v4.0.2", "5.0.0-beta.1". ERR_INVALID. */
int pversion_parse(struct slice text, struct pversion *ret_v) MUST_CHECK;
/* Reads the answer of GET /api/system. ERR_PROTOCOL. */
int pversion_parse_system(struct slice body, struct pversion *ret_v, struct err *err) MUST_CHECK;
/*
 * Tells the version from two probes: the status of GET /api/user/by-id/0/disabled (405 from 5 on, where
 * only PUT is known) and of GET /api/user/by-id/0, with `route` false when the answer was the
 * framework's own "Not Found" (the call exists from 3.1 on). key: the panel took an API key (5.1).
 */
void pversion_guess(int disabled_status, bool by_id_route, bool key, struct pversion *ret_v);
/* Whether the version is at least major.minor; an unknown one is taken for the newest. */
bool pversion_from(const struct pversion *v, int major, int minor);

#endif
