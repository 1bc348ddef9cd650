/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef TESTS_OP_BED_H
#define TESTS_OP_BED_H

/* A bed for tests of operations: a database with two users, settings, and a panel that does as told. */

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/stamp.h"
#include "service/ops/op.h"
#include "service/roster.h"

/* The clock of the tests. */
#define BED_NOW (INT64_C(1795448496) * STAMP_SECOND)

/* What the panel of a test answers to find_user. */
enum panel_mood { PANEL_SILENT, PANEL_SAYS_NO, PANEL_KNOWS };

struct bed {
    char path[64];
    struct db *db;
    struct settings settings;
    struct op_port port;
    enum panel_mood mood;
    int asked;
    unsigned changed;
    const char *who; /* asks */
    enum op_role role;
    int64_t panel_admin_id;
    struct roster roster; /* read anew when admins change */
    int64_t his;          /* the user of that admin, 0 = he has none */
    int64_t enabled_id;
    bool enabled_all, forgiven;
    int64_t enabled_since;
    int replies;
    int status;
    json_t *json;
};

/* Users 12 alice and 13 12345; the panel says no. For cmocka's setup and teardown. */
int bed_setup(void **state);
int bed_teardown(void **state);
/* Makes a request ("PUT /path?query") and returns its status; the answer is then in bed->json. */
int bed_ask(struct bed *bed, const char *what, const char *body);
/* Members of the answer: "", 0, false when missing. */
const char *bed_text(struct bed *bed, const char *key);
int64_t bed_number(struct bed *bed, const char *key);
bool bed_yes(struct bed *bed, const char *key);
/* The first element of "data". */
json_t *bed_first(struct bed *bed);
/* Puts alice into the journal as disabled by us. */
void bed_disable_alice(struct bed *bed);
/* A text member of an object, "" when missing. */
const char *bed_member(json_t *row, const char *key);

#endif
