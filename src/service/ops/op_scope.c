/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include "base/banned.h"

/* Who may do what: the role of who asks, and whose users he sees. */

enum op_role op_role_needed(const struct op_def *def)
{
    if (def->role != OP_ROLE_UNSAID)
        return def->role;
    return def->method == OP_GET ? OP_ROLE_VIEWER : OP_ROLE_OWNER;
}

static const char *const words[] = {
    [OP_ROLE_UNSAID] = "owner",
    [OP_ROLE_VIEWER] = "viewer",
    [OP_ROLE_OPERATOR] = "operator",
    [OP_ROLE_OWNER] = "owner",
};

const char *op_role_word(enum op_role role)
{
    return words[role];
}

int op_role_parse(struct slice s, enum op_role *ret)
{
    size_t i;

    for (i = OP_ROLE_VIEWER; i < ARRAY_LEN(words); i++) {
        if (slice_eq(s, slice_of(words[i]))) {
            *ret = (enum op_role)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* A row that only asks for one user is narrow by itself: he is looked at before anything else. */
static bool may_be_scoped(const struct op_row *row)
{
    return row->def.scope != OP_SCOPE_REFUSED || (row->flags & ROW_USER);
}

int op_scope_begin(struct op *op, const struct op_request *req)
{
    enum op_role needed = op_role_needed(&op->row->def);

    op->role = req->role == OP_ROLE_UNSAID ? OP_ROLE_OWNER : req->role;
    op->panel_admin_id = req->panel_admin_id;
    if (op->role < needed)
        return err_set(&op->err, ERR_FORBIDDEN, "this needs the role %s; yours is %s",
                       op_role_word(needed), op_role_word(op->role));
    if (!op->panel_admin_id)
        return ERR_OK;
    if (!may_be_scoped(op->row))
        return err_set(&op->err, ERR_FORBIDDEN,
                       "this concerns everyone, and you see the users of one panel admin only");
    if (op->row->def.scope == OP_SCOPE_FREE)
        return ERR_OK;
    if (!op->port->users_of)
        return err_set(&op->err, ERR_UNREACHABLE,
                       "only the daemon knows whose a user is, and it is not running");
    if (op->port->users_of(op->port->app, op->panel_admin_id, &op->scope))
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    return ERR_OK;
}

const struct db_scope *op_sees_only(const struct op *op)
{
    return op->panel_admin_id ? &op->scope : NULL;
}

bool op_sees(const struct op *op, int64_t id)
{
    return db_scope_has(op_sees_only(op), id);
}

int op_must_see(struct op *op)
{
    if (op->his || op_sees(op, op->id))
        return ERR_OK;
    return err_set(&op->err, ERR_NOT_FOUND, "no user %s is known", op->ref_text);
}
