/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_ONLINERS_H
#define PANEL_ONLINERS_H

#include "panel/panel.h"

/*
 * Whom the panel calls online: GET /api/users?online=true, page by page, a second apart. The list moves
 * while it is read: some may be missing or come twice, which the next reading sets right.
 */
struct onliners;

/* rc 0 and the ids in order, each once; or a code, and ids are a part only. */
typedef void (*onliners_fn)(void *arg, int rc, const struct err *err, const int64_t *ids, size_t n);
/*
 * Begins; fn is told once, later. Panels that know no such filter list everyone: who was last online more
 * than ten minutes ago is left out. ERR_NOMEM.
 */
int onliners_start(struct panel *p, struct loop *loop, onliners_fn fn, void *arg,
                   struct onliners **ret_o) MUST_CHECK;
/* Ends without telling anybody. NULL is allowed. */
void onliners_drop(struct onliners *o);

#endif
