/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_LINE_COVERAGE_H
#define CORE_LINE_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/line/scan.h"

/* What is seen of one node, and how well (engine.md 7). */
struct coverage {
    int64_t node_id;
    uint32_t open_streams;
    bool quiet;                     /* no lines though users are online there: told by the caller */
    uint64_t lines;                 /* all that came */
    uint64_t ignored[SCAN_REASONS]; /* by reason; [SCAN_COUNTED] are the counted ones */
    int64_t last_us[SCAN_REASONS];  /* arrival of the last line of each reason; 0 = none */
    uint64_t from_header;           /* counted lines whose address a proxy's header told */
    int64_t header_us, direct_us; /* the last such line, and the last counted one of another kind */
    uint64_t stale;               /* counted lines older than active_window when they came */
    uint64_t warming;             /* lines before the clock was known: seen, not evidence */
    uint64_t reconnects;          /* streams opened after the first */
    int64_t first_open_us, last_open_us;
    int64_t down_since_us; /* no open stream since; 0 = open, or never opened */
    int64_t quiet_since_us;
    int64_t
        faulty_since_us; /* shows nearly everyone over his limit (faulty.c); verdicts that rest on */
    int64_t faulty_until_us; /* it wait until then; not over now: no fault */
    int64_t last_line_us;    /* arrival of the last access line counted; 0 = none */
    uint32_t breaks;         /* times when its last open stream ended */
    uint32_t dead_streams;   /* that had looked alive: lines came at once when opened anew */
    uint32_t unknown_cases;  /* closed because it had been silent too long */
    uint8_t unlisted;        /* readings in a row that left it out, of users whose lines it gave */
    int64_t unlisted_since_us;
    bool listless;   /* so many that its online list must be switched off */
    bool lost_known; /* by comparing both sources (loss.h): */
    bool stolen;     /* so much is lost that another reader must be taking lines */
    double lost,
        lost_error; /* the part of the lines that never came, 0…1; one standard deviation */
    double rate;    /* lines a second, decaying average over about 60 s */
    int64_t rate_at_us;
};

/* Adds a line that came at now_us. O(1). */
void coverage_line(struct coverage *c, enum scan_reason reason, int64_t now_us);
/* Adds where the address of a counted line came from. O(1). */
void coverage_source(struct coverage *c, bool from_header, int64_t now_us);
/* Lines a second at now_us. */
double coverage_rate(const struct coverage *c, int64_t now_us);
/* Whether the node's silence says nothing: no open stream, or quiet; since when, if ret is not NULL. */
bool coverage_blind(const struct coverage *c, int64_t *ret_since_us);

#endif
