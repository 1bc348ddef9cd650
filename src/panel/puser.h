/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef PANEL_PUSER_H
#define PANEL_PUSER_H

#include "base/attr.h"
#include "base/err.h"
#include "panel/jval.h"
#include "service/panel_port.h"

/* Users as the panel's JSON tells them, into struct panel_user. Pure; fit for the worker. */

/*
 * Reads a user object; texts point into the document. The short form of /api/users/simple has only id
 * and username: status is then PANEL_STATUS_UNKNOWN, status_text empty. raw is left empty.
 * ERR_PROTOCOL, naming what is wrong.
 */
int puser_read(const struct jval *v, struct panel_user *ret_user, struct err *err) MUST_CHECK;

/* One user of his own: the answer of a read or a change. */
struct puser_doc {
    struct jval *doc;
    struct panel_user user; /* raw is the body, which must outlive this */
};
/* Reads one; ERR_PROTOCOL also without a status. body must outlive the result. */
int puser_parse(struct slice body, struct puser_doc *ret_doc, struct err *err) MUST_CHECK;
/* Frees the document. */
void puser_release(struct puser_doc *doc);

/* A page of users: {"users": […], "total": n}, or a bare list. */
struct puser_page {
    struct jval *doc;
    struct panel_user *users;
    size_t n;
    int64_t total; /* -1: not told */
};
/* All of the page or an error: never a part. ERR_PROTOCOL, ERR_TOO_BIG, ERR_NOMEM. */
int puser_page_parse(struct slice body, struct puser_page *ret_page, struct err *err) MUST_CHECK;
/* Frees all; empty afterwards. */
void puser_page_release(struct puser_page *page);

#endif
