/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/stamp.h"
#include "service/jout.h"
#include "service/roster.h"
#include "store/db_admins.h"
#include "base/banned.h"

/*
 * Who is served by the bot. Owners of ADMIN_IDS stand in no table: they are shown, may choose a language,
 * and are changed where they stand. Somebody is an owner at any time, once there has been one.
 */

/* A copy of the settings is read on the store's thread, where the daemon's own must not be. */
static int begin(struct op *op)
{
    op->settings = calloc(1, sizeof(*op->settings));
    if (!op->settings || settings_copy(op->settings, op->port->settings(op->port->app)))
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    return ERR_OK;
}

static int id_args(struct op *op)
{
    int rc = begin(op);

    op->id = op_arg_int(op, "id", 0);
    return rc;
}

/* ---- shown ---- */

static void add_admin(struct buf *b, const struct roster_admin *a)
{
    jout_open(b, NULL, '{');
    jout_int(b, "id", a->id);
    jout_text(b, "name", a->name[0] ? a->name : NULL);
    jout_text(b, "role", op_role_word(a->role));
    if (a->panel_admin_id)
        jout_int(b, "panel_admin_id", a->panel_admin_id);
    else
        jout_text(b, "panel_admin_id", NULL);
    jout_text(b, "language", a->own_lang ? text_lang_word(a->lang) : NULL);
    jout_bool(b, "fixed", a->fixed);
    jout_time(b, "added_at", a->added_us);
    jout_text(b, "added_by", a->added_by);
    jout_close(b, '}');
}

static int list(struct db *db, struct op *op, struct err *err)
{
    struct roster r = {0};
    struct roster_admin a;
    size_t i;
    int rc = roster_load(db, &r, err);

    if (rc)
        return rc;
    jout_list(&op->out);
    for (i = 0; roster_at(&r, op->settings, i, &a); i++)
        add_admin(&op->out, &a);
    jout_list_end(&op->out, (int64_t)i);
    roster_release(&r);
    return ERR_OK;
}

/* ---- changed ---- */

static int wrong(struct err *err, const char *what)
{
    return err_set(err, ERR_INVALID, "%s", what);
}

static int check(const struct roster_admin *a, struct err *err)
{
    if (a->role == OP_ROLE_OWNER && a->panel_admin_id)
        return wrong(err, "an owner sees everyone: leave panel_admin_id out, or choose operator or "
                          "viewer");
    return ERR_OK;
}

/* What the request says, over what holds. */
static int take_args(const struct op *op, struct roster_admin *a, char *name, struct err *err)
{
    const char *role = op_arg_text(op, "role"), *given = op_arg_text(op, "name");

    if (role && op_role_parse(slice_of(role), &a->role))
        return wrong(err, "role is not known");
    if (op_arg(op, "panel_admin_id"))
        a->panel_admin_id = op_arg_int(op, "panel_admin_id", 0);
    /* Made an owner, he sees everyone, unless the request says otherwise, which is refused. */
    else if (a->role == OP_ROLE_OWNER)
        a->panel_admin_id = 0;
    snprintf(name, LIMIT_ADMIN_NAME + 1, "%s", given ? given : a->name);
    a->name = name;
    return check(a, err);
}

static void describe(const struct roster_admin *a, struct buf *b)
{
    buf_addf(b, "admin %lld", (long long)a->id);
    if (a->name[0])
        buf_addf(b, " (%s)", a->name);
}

static int tell(struct db *db, struct op *op, const struct roster_admin *a, const char *what,
                struct err *err)
{
    struct buf text;
    int rc;

    buf_init(&text, 1024);
    describe(a, &text);
    buf_addf(&text, " %s", what);
    if (a->panel_admin_id)
        buf_addf(&text, ", for the users of panel admin %lld", (long long)a->panel_admin_id);
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_key(&op->out, "admin");
    add_admin(&op->out, a);
    jout_text(&op->out, "detail", buf_str(&text));
    jout_close(&op->out, '}');
    rc = op_event(db, op, "admin", false, buf_str(&text), err);
    buf_release(&text);
    return rc;
}

static int put_language(struct db *db, const struct op *op, int64_t id, struct roster_admin *a,
                        struct err *err)
{
    const char *word = op_arg_text(op, "language");
    bool general = word && strcmp(word, "default") == 0;

    if (!word)
        return ERR_OK;
    a->own_lang = !general;
    a->lang = text_lang_of(general ? settings_text(op->settings, SET_BOT_LANGUAGE) : word);
    return db_language_put(db, id, slice_of(general ? "" : word), err);
}

static int fixed(const struct roster_admin *a, const char *what, struct err *err)
{
    return err_set(err, ERR_REFUSED,
                   "%lld stands in ADMIN_IDS and so is an owner: %s there (.env or environment), "
                   "then `pg-limiter restart`",
                   (long long)a->id, what);
}

static struct db_admin row_of(const struct op *op, const struct roster_admin *a)
{
    return (struct db_admin){.id = a->id,
                             .name = slice_of(a->name),
                             .role = slice_of(op_role_word(a->role)),
                             .panel_admin_id = a->panel_admin_id,
                             .added_us = op->now_us,
                             .added_by = slice_of(op->who)};
}

static int add(struct db *db, struct op *op, struct roster *r, struct err *err)
{
    struct roster_admin a = {.id = op->id,
                             .name = "",
                             .added_us = op->now_us,
                             .added_by = op->who,
                             .role = OP_ROLE_VIEWER};
    char name[LIMIT_ADMIN_NAME + 1], text[64];
    struct db_admin row;
    int rc;

    if (roster_find(r, op->settings, op->id, &a))
        return a.fixed ? err_set(err, ERR_EXISTS, "%lld is an owner already, by ADMIN_IDS",
                                 (long long)a.id)
                       : err_set(err, ERR_EXISTS, "%lld is an admin already (%s): change the role",
                                 (long long)a.id, op_role_word(a.role));
    if (r->n >= LIMIT_BOT_ADMINS)
        return err_set(err, ERR_REFUSED, "there are %d admins, which is as many as there may be",
                       LIMIT_BOT_ADMINS);
    rc = take_args(op, &a, name, err);
    row = row_of(op, &a);
    if (!rc)
        rc = db_admins_add(db, &row, err);
    if (!rc)
        rc = put_language(db, op, a.id, &a, err);
    snprintf(text, sizeof(text), "added as %s", op_role_word(a.role));
    return rc ? rc : tell(db, op, &a, text, err);
}

static int last_owner(const struct op *op, const struct roster *r, const struct roster_admin *a,
                      struct err *err)
{
    if (a->role != OP_ROLE_OWNER || roster_owners(r, op->settings) > 1)
        return ERR_OK;
    return err_set(err, ERR_REFUSED,
                   "%lld is the last owner, and ADMIN_IDS is empty: name another one first",
                   (long long)a->id);
}

static int find(const struct op *op, const struct roster *r, struct roster_admin *ret,
                struct err *err)
{
    if (roster_find(r, op->settings, op->id, ret))
        return ERR_OK;
    return err_set(err, ERR_NOT_FOUND, "%lld is no admin", (long long)op->id);
}

static int change(struct db *db, struct op *op, struct roster *r, struct err *err)
{
    struct roster_admin a, before;
    char name[LIMIT_ADMIN_NAME + 1], text[64];
    struct db_admin row;
    int rc = find(op, r, &a, err);

    if (rc)
        return rc;
    before = a;
    if (a.fixed && (op_arg(op, "role") || op_arg(op, "panel_admin_id") || op_arg(op, "name")))
        return fixed(&a, "change it", err);
    rc = take_args(op, &a, name, err);
    if (!rc && a.role != OP_ROLE_OWNER)
        rc = last_owner(op, r, &before, err);
    row = row_of(op, &a);
    if (!rc && !a.fixed)
        rc = db_admins_update(db, &row, err);
    if (!rc)
        rc = put_language(db, op, a.id, &a, err);
    snprintf(text, sizeof(text), "changed: %s", op_role_word(a.role));
    return rc ? rc : tell(db, op, &a, text, err);
}

static int delete (struct db *db, struct op *op, struct roster *r, struct err *err)
{
    struct roster_admin a;
    int rc = find(op, r, &a, err);

    if (!rc && a.fixed)
        rc = fixed(&a, "remove it", err);
    if (!rc)
        rc = last_owner(op, r, &a, err);
    if (!rc)
        rc = db_admins_delete(db, op->id, err);
    return rc ? rc : tell(db, op, &a, "removed", err);
}

/* His own language anybody chooses, another's only an owner. */
static int choose(struct db *db, struct op *op, struct roster *r, struct err *err)
{
    struct roster_admin a;
    char self[32];
    int rc = find(op, r, &a, err);

    snprintf(self, sizeof(self), "telegram:%lld", (long long)op->id);
    if (!rc && op->role != OP_ROLE_OWNER && strcmp(self, op->who) != 0)
        rc = err_set(err, ERR_FORBIDDEN, "another's language is for owners to choose");
    if (!rc)
        rc = put_language(db, op, a.id, &a, err);
    if (rc)
        return rc;
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_key(&op->out, "admin");
    add_admin(&op->out, &a);
    jout_close(&op->out, '}');
    return ERR_OK;
}

static int with_roster(struct db *db, struct op *op,
                       int (*fn)(struct db *, struct op *, struct roster *, struct err *),
                       struct err *err)
{
    struct roster r = {0};
    int rc = roster_load(db, &r, err);

    if (!rc)
        rc = fn(db, op, &r, err);
    roster_release(&r);
    return rc;
}

static int run_add(struct db *db, struct op *op, struct err *err)
{
    return with_roster(db, op, add, err);
}

static int run_change(struct db *db, struct op *op, struct err *err)
{
    return with_roster(db, op, change, err);
}

static int run_delete(struct db *db, struct op *op, struct err *err)
{
    return with_roster(db, op, delete, err);
}

static int run_choose(struct db *db, struct op *op, struct err *err)
{
    return with_roster(db, op, choose, err);
}

/* Refused while the panel answers and has no such admin; kept while it does not. */
static void told_admins(void *arg, int rc, const struct err *err, const struct op_name *names,
                        size_t n)
{
    struct op *op = arg;
    int64_t id = op_arg_int(op, "panel_admin_id", 0);
    size_t i;

    (void)err;
    for (i = 0; !rc && i < n && names[i].id != id; i++)
        ;
    if (!rc && i == n)
        op_reply(op, err_set(&op->err, ERR_INVALID, "panel_admin_id: the panel has no admin %lld",
                             (long long)id));
    else
        op_run_job(op);
}

static void ask_panel(struct op *op)
{
    if (op_arg_int(op, "panel_admin_id", 0) && op->port->names)
        op->port->names(op->port->app, true, told_admins, op);
    else
        op_run_job(op);
}

/* ---- the rows ---- */

#define ID \
    { \
        "id", OP_IN_PATH | OP_NEEDED, OP_INT, 1, INT64_C(1) << 53, .example = "123456789", \
                                                                   .help = "id in Telegram" \
    }
#define ROLE(needed) \
    { \
        "role", OP_IN_BODY | (needed), OP_TEXT, .choices = "owner|operator|viewer", \
                                                .example = "\"operator\"", \
                                                .help = "what he may do" \
    }
#define SCOPE \
    {"panel_admin_id", \
     OP_IN_BODY, \
     OP_INT, \
     0, \
     INT64_C(1) << 53, \
     .example = "0", \
     .help = "only the users of this admin of the panel; 0 = everyone's"}, \
    { \
        "name", OP_IN_BODY, OP_TEXT, 0, LIMIT_ADMIN_NAME, .example = "\"Reza\"", \
                                                          .help = "who that is, for people" \
    }
#define LANGUAGE(needed) \
    { \
        "language", OP_IN_BODY | (needed), OP_TEXT, .choices = "en|fa|ru|zh|default", \
                                                    .example = "\"fa\"", \
                                                    .help = "of the bot; default: bot_language" \
    }

static const struct op_param add_params[] = {{"id", OP_IN_BODY | OP_NEEDED, OP_INT, 1,
                                              INT64_C(1) << 53, .example = "123456789",
                                              .help = "id in Telegram"},
                                             ROLE(OP_NEEDED),
                                             SCOPE,
                                             LANGUAGE(0),
                                             {0}};
static const struct op_param change_params[] = {ID, ROLE(0), SCOPE, LANGUAGE(0), {0}};
static const struct op_param id_params[] = {ID, {0}};
static const struct op_param choose_params[] = {ID, LANGUAGE(OP_NEEDED), {0}};

#define CHANGED "{admin:#admin,detail:text}"

const struct op_row op_rows_admins[] = {
    {.def = {OP_GET, "/admins", "Who is served by the bot, and how.",
             .answer = "{data:[#admin],total:int}", .role = OP_ROLE_OWNER},
     .args = begin,
     .kind = OWNER_READ,
     .job = list},
    {.def = {OP_POST, "/admins", "Adds an admin of the bot.", add_params, CHANGED, OP_MAY_409},
     .args = id_args,
     .before = ask_panel,
     .kind = OWNER_WRITE,
     .job = run_add,
     .changes = OP_CHANGED_ADMINS},
    {.def = {OP_PATCH, "/admins/{id}",
             "Changes an admin of the bot; owners of ADMIN_IDS only in their language.",
             change_params, CHANGED, OP_MAY_409},
     .args = id_args,
     .before = ask_panel,
     .kind = OWNER_WRITE,
     .job = run_change,
     .changes = OP_CHANGED_ADMINS},
    {.def = {OP_DELETE, "/admins/{id}", "Removes an admin of the bot, never the last owner.",
             id_params, CHANGED, OP_MAY_409},
     .args = id_args,
     .kind = OWNER_WRITE,
     .job = run_delete,
     .changes = OP_CHANGED_ADMINS},
    {.def = {OP_PUT, "/admins/{id}/language", "Chooses an admin's language; everyone his own.",
             choose_params, "{admin:#admin}", .role = OP_ROLE_VIEWER, .scope = OP_SCOPE_FREE},
     .args = id_args,
     .kind = OWNER_WRITE,
     .job = run_choose,
     .changes = OP_CHANGED_ADMINS},
    {.def = {.pattern = NULL}},
};
