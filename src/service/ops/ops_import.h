/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_OPS_IMPORT_H
#define SERVICE_OPS_IMPORT_H

#include "service/ops/op_int.h"

/* What the two files of POST /import share; nobody else includes this. */

/*
 * The job. Reads the checked body, op->settings with op->touched, and the members that ops_import.c has put
 * into the body: "people" (name: {"id","created","edit","status","groups","fields"}) and "told_settings".
 */
int import_write(struct db *db, struct op *op, struct err *err) MUST_CHECK;

#endif
