/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_DOCTOR_INT_H
#define SERVICE_DOCTOR_INT_H

/* What the files of the doctor share; nobody else includes this. */

#include "base/attr.h"
#include "service/doctor/doctor.h"

enum level { LEVEL_OK, LEVEL_WARNING, LEVEL_FAILED, LEVEL_SKIPPED };

/* The findings being written. */
struct doctor {
    const struct doctor_facts *f;
    const struct settings *s;
    struct buf *out;
    int failed, warnings;
};

/* Adds one finding; subject and cure may be NULL. */
void doctor_say(struct doctor *d, const char *check, const char *subject, enum level level,
                const char *cure, const char *fmt, ...) PRINTF_LIKE(6, 7);
/* Whether a daemon has run for so short a time that what it has not heard of may just be on its way. */
bool doctor_just_started(const struct doctor *d);
/* doctor_nodes.c: what is seen of every node. */
void doctor_judge_nodes(struct doctor *d);

#endif
