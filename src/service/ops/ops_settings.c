/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <stdlib.h>

#include "service/jout.h"
#include "service/settings/settings_store.h"
#include "store/db_settings.h"
#include "base/banned.h"

/* ---- show ---- */

static void add_shown(struct buf *b, const char *key, enum setting id, const char *text)
{
    struct buf shown;

    buf_init(&shown, LIMIT_SETTING_VALUE + 64);
    setting_add_shown(&shown, id, text);
    jout_text(b, key, text ? buf_str(&shown) : NULL);
    buf_release(&shown);
}

/* What an operator should know of a value beside itself; "" when nothing. */
static void add_note(struct buf *b, const struct op_port *port, const struct settings *s,
                     enum setting id)
{
    const char *now = port->setting_note ? port->setting_note(port->app, s, id) : NULL;
    const char *file = settings_layer(s, id, ORIGIN_FILE), *env = settings_layer(s, id, ORIGIN_ENV);
    const char *outside = env ? env : file, *db = settings_layer(s, id, ORIGIN_DB);

    if (setting_is_later(id, settings_text(s, id)))
        buf_add_str(b, "kept, but without effect in this version");
    else if (now)
        buf_add_str(b, now);
    if (!db || !outside || strcmp(db, outside) == 0)
        return;
    if (b->n)
        buf_add_str(b, "; ");
    buf_addf(b, "the database is in force, %s says ", env ? "the environment" : ".env");
    setting_add_shown(b, id, outside);
    buf_addf(b, " (`config reset %s` goes back)", setting_def(id)->key);
}

static void add_setting(struct buf *b, const struct op_port *port, const struct settings *s,
                        enum setting id)
{
    const struct setting_def *def = setting_def(id);
    struct buf text;

    buf_init(&text, LIMIT_SETTING_VALUE + 512);
    jout_open(b, NULL, '{');
    jout_text(b, "key", def->key);
    add_shown(b, "value", id, settings_text(s, id));
    jout_text(b, "origin", setting_origin_name(settings_origin(s, id)));
    jout_text(b, "unit", def->unit[0] ? def->unit : NULL);
    setting_add_range(&text, id);
    jout_text(b, "allowed", buf_str(&text));
    jout_text(b, "kind", def->flags & SETTING_STATIC ? "static" : "dynamic");
    jout_bool(b, "secret", def->type == TYPE_SECRET);
    add_shown(b, "default", id, settings_layer(s, id, ORIGIN_DEFAULT));
    add_shown(b, "file", id, settings_layer(s, id, ORIGIN_FILE));
    add_shown(b, "secrets_file", id, settings_layer(s, id, ORIGIN_SECRETS));
    add_shown(b, "environment", id, settings_layer(s, id, ORIGIN_ENV));
    add_shown(b, "database", id, settings_layer(s, id, ORIGIN_DB));
    jout_text(b, "section", setting_section_name(def->section));
    jout_text(b, "help", def->help);
    buf_clear(&text);
    add_note(&text, port, s, id);
    jout_text(b, "note", text.n ? buf_str(&text) : NULL);
    jout_close(b, '}');
    buf_release(&text);
}

static void config_show(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);
    int i;

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    for (i = 0; i < SET_COUNT; i++)
        add_setting(&op->out, op->port, s, (enum setting)i);
    jout_close(&op->out, ']');
    jout_int(&op->out, "total", SET_COUNT);
    jout_text(&op->out, "env_file", op->port->env_file(op->port->app));
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

/* ---- change ---- */

int op_settings_begin(struct op *op)
{
    op->confirm = op_arg_bool(op, "confirm");
    op->enable = op_arg_bool(op, "enable");
    op->settings = calloc(1, sizeof(*op->settings));
    if (!op->settings || settings_copy(op->settings, op->port->settings(op->port->app)))
        return err_set(&op->err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    return ERR_OK;
}

/* Sets (or with a JSON null resets) one setting in the copy. */
static int change(struct op *op, enum setting id, json_t *value)
{
    int rc;

    op->touched[id] = true;
    if (setting_def(id)->flags & SETTING_STATIC) {
        rc = settings_set(op->settings, id, ORIGIN_DB, SLICE(""), &op->err);
        return rc ? rc : ERR_INVALID;
    }
    return op_setting_put(op->settings, id, value, &op->err);
}

static void add_absent(struct op *op, enum setting id)
{
    json_t *item;
    size_t i;

    if (json_array_size(op_edit_absent(op, id)) == 0)
        return;
    jout_open(&op->out, "absent", '[');
    json_array_foreach(op_edit_absent(op, id), i, item)
        jout_text(&op->out, NULL, json_string_value(item));
    jout_close(&op->out, ']');
}

/* The answer: each setting named, before and now. */
static void build_answer(struct op *op)
{
    const struct settings *old = op->port->settings(op->port->app), *new = op->settings;
    struct buf note;
    int i;

    buf_init(&note, LIMIT_SETTING_VALUE + 512);
    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_open(&op->out, "data", '[');
    for (i = 0; i < SET_COUNT; i++) {
        enum setting id = (enum setting)i;
        const char *before = op_edit_before(op, id);

        if (!op->touched[id])
            continue;
        jout_open(&op->out, NULL, '{');
        jout_text(&op->out, "key", setting_def(id)->key);
        add_shown(&op->out, "value", id, settings_text(new, id));
        add_shown(&op->out, "before", id, before ? before : settings_text(old, id));
        jout_text(&op->out, "origin", setting_origin_name(settings_origin(new, id)));
        jout_text(&op->out, "unit", setting_def(id)->unit[0] ? setting_def(id)->unit : NULL);
        buf_clear(&note);
        add_note(&note, op->port, new, id);
        jout_text(&op->out, "note", note.n ? buf_str(&note) : NULL);
        add_absent(op, id);
        jout_close(&op->out, '}');
    }
    jout_close(&op->out, ']');
    jout_close(&op->out, '}');
    buf_release(&note);
}

static int patch_args(struct op *op)
{
    const char *key;
    json_t *value;
    enum setting id;
    int rc = op_settings_begin(op);

    if (!rc && json_object_size(op->body) == 0)
        rc = err_set(&op->err, ERR_INVALID, "no setting is named");
    if (rc)
        return rc;
    json_object_foreach(op->body, key, value)
    {
        rc = setting_find(slice_of(key), &id, &op->err) ? ERR_INVALID : ERR_OK;
        if (!rc && json_is_object(value) && !(setting_def(id)->flags & SETTING_STATIC))
            rc = op_edit(op, id, value);
        else if (!rc)
            rc = change(op, id, value);
        if (rc)
            return rc;
    }
    rc = settings_cross_check(op->settings, &op->err);
    if (!rc)
        build_answer(op);
    return rc;
}

int op_setting_change(struct op *op, enum setting id, const char *text)
{
    int rc;

    op->touched[id] = true;
    rc = settings_set(op->settings, id, ORIGIN_DB, slice_of(text), &op->err);
    return rc == ERR_TOO_BIG ? ERR_INVALID : rc;
}

/* Paths whose parameters besides `confirm` are settings. */
static int put_args(struct op *op)
{
    const struct op_param *p;
    int rc = op_settings_begin(op);
    bool any = false;

    for (p = op->row->def.params; !rc && p->name; p++) {
        if (p->type != OP_SETTING || !op_arg(op, p->name))
            continue;
        any = true;
        rc = change(op, p->setting, op_arg(op, p->name));
    }
    if (!rc && !any)
        rc = err_set(&op->err, ERR_INVALID, "no setting is named");
    if (!rc)
        rc = settings_cross_check(op->settings, &op->err);
    if (!rc)
        build_answer(op);
    return rc;
}

/* The settings by which somebody may no longer be over his limit, or no longer be judged. */
static bool may_free(const struct op *op)
{
    static const enum setting ids[] = {SET_GENERAL_LIMIT,     SET_GROUP_LIMITS,
                                       SET_GROUP_MODES,       SET_GROUP_FILTER,
                                       SET_GROUP_FILTER_MODE, SET_ADMIN_FILTER,
                                       SET_ADMIN_FILTER_MODE, SET_LIMIT_FROM_HWID,
                                       SET_NAME_SUFFIX_LIMITS};
    size_t i;

    for (i = 0; i < ARRAY_LEN(ids) && !op->touched[ids[i]]; i++)
        ;
    return i < ARRAY_LEN(ids);
}

static void write_settings(struct op *op)
{
    int rc = may_free(op) ? op_freed_find(op, op->settings, NULL) : ERR_OK;

    if (rc)
        op_reply(op, rc);
    else
        op_run_job(op);
}

static void checked(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (rc) {
        op->err = *err;
        op_reply(op, rc);
        return;
    }
    if (err && err->text[0]) {
        op->out.n--; /* the closing brace */
        jout_text(&op->out, "note", err->text);
        jout_close(&op->out, '}');
    }
    write_settings(op);
}

static void check_against_panel(struct op *op)
{
    if (op->port->check_settings)
        op->port->check_settings(op->port->app, op->settings, op->confirm, checked, op);
    else
        write_settings(op);
}

/*
 * A restored database may have a twin that still runs: both would punish. Asked once, when enforcement is to
 * be on.
 */
static void config_check(struct op *op)
{
    if (op->touched[SET_ENFORCEMENT] && !op->confirm &&
        strcmp(settings_text(op->settings, SET_ENFORCEMENT), "on") == 0)
        op_restored_ask(op, check_against_panel);
    else
        check_against_panel(op);
}

void op_settings_go(struct op *op)
{
    int rc = settings_cross_check(op->settings, &op->err);

    if (rc) {
        op_reply(op, rc);
        return;
    }
    build_answer(op);
    config_check(op);
}

static int write_one(struct db *db, struct op *op, enum setting id, struct err *err)
{
    const char *text = settings_layer(op->settings, id, ORIGIN_DB), *key = setting_def(id)->key;
    struct db_setting row = {slice_of(key), slice_of(text), op->now_us, slice_of(op->who)};
    struct buf what;
    int rc = text ? db_settings_put(db, &row, err) : db_settings_delete(db, slice_of(key), err);

    if (!text && rc == ERR_NOT_FOUND)
        return ERR_OK;
    if (rc)
        return rc;
    buf_init(&what, LIMIT_SETTING_VALUE + 128);
    buf_addf(&what, "%s %s", key, text ? "set to " : "reset");
    if (text)
        setting_add_shown(&what, id, text[0] ? text : "\"\"");
    rc = op_event(db, op, "setting", false, buf_str(&what), err);
    buf_release(&what);
    return rc;
}

static int count_row(void *arg, const struct db_row *row)
{
    (void)row;
    ++*(int64_t *)arg;
    return ERR_OK;
}

/*
 * Whether the settings go together as they are now. They were checked as they were when the call began, and
 * another call may have changed one of them since; the job's transaction undoes what was written.
 */
static int still_fit(struct db *db, struct op *op, struct err *err)
{
    int rc = settings_load(op->settings, db, NULL, err);

    return rc ? rc : settings_cross_check(op->settings, err);
}

int op_settings_write(struct db *db, struct op *op, struct err *err)
{
    int i, rc = op_edits_again(db, op, err);

    if (rc || op->stale)
        return rc;
    for (i = 0; i < SET_COUNT; i++) {
        if (!op->touched[i])
            continue;
        rc = write_one(db, op, (enum setting)i, err);
        if (rc)
            return rc;
    }
    rc = still_fit(db, op, err);
    if (rc)
        return rc;
    op->count = 0;
    if (!op->touched[SET_ENFORCEMENT])
        return ERR_OK;
    rc = op_restored_settled(db, op, err);
    if (rc)
        return rc;
    return db_journal_each(db, &(struct db_row_filter){.open_only = true}, count_row, &op->count,
                           err);
}

/* Whoever switches enforcement is told how many stay disabled whatever it says now. */
void op_settings_told(struct op *op)
{
    if (op->stale) {
        op_settings_go(op);
        return;
    }
    if (op->touched[SET_ENFORCEMENT] && op->out.n) {
        op->out.n--; /* the closing brace */
        jout_int(&op->out, "stay_disabled", op->count);
        jout_close(&op->out, '}');
    }
    op_freed_after(op);
}

static void show_steps(struct op *op)
{
    const struct settings *s = op->port->settings(op->port->app);
    struct slice rest = slice_of(settings_text(s, SET_PUNISHMENT_STEPS));

    buf_clear(&op->out);
    jout_open(&op->out, NULL, '{');
    jout_bool(&op->out, "enabled", settings_bool(s, SET_PUNISHMENT_ENABLED));
    jout_text(&op->out, "steps", settings_text(s, SET_PUNISHMENT_STEPS));
    jout_int(&op->out, "window_hours", settings_int(s, SET_PUNISHMENT_WINDOW_HOURS));
    jout_open(&op->out, "data", '[');
    while (rest.p && rest.n)
        jout_str(&op->out, NULL, slice_trim(slice_cut(&rest, ',')));
    jout_close(&op->out, ']');
    jout_close(&op->out, '}');
    op_reply(op, ERR_OK);
}

/* ---- the rows ---- */

#define CONFIRM \
    { \
        "confirm", OP_IN_QUERY, OP_BOOL, .example = "false", \
                                         .help = "yes to what answered 409 confirm_needed" \
    }

static const struct op_param patch_params[] = {CONFIRM, OP_ENABLE_FREED, {0}};
static const struct op_param limit_params[] = {{"limit", OP_IN_BODY | OP_NEEDED, OP_SETTING,
                                                .setting = SET_GENERAL_LIMIT, .example = "3",
                                                .help = "devices at once; 0 = unlimited"},
                                               CONFIRM,
                                               OP_ENABLE_FREED,
                                               {0}};
static const struct op_param interval_params[] = {{"interval", OP_IN_BODY | OP_NEEDED, OP_SETTING,
                                                   .setting = SET_CHECK_INTERVAL, .example = "120",
                                                   .help = "seconds between two checks"},
                                                  CONFIRM,
                                                  {0}};
static const struct op_param reenable_params[] = {{"seconds", OP_IN_BODY | OP_NEEDED, OP_SETTING,
                                                   .setting = SET_TIME_TO_ACTIVE_USERS,
                                                   .example = "1800",
                                                   .help = "seconds that a user stays disabled"},
                                                  CONFIRM,
                                                  {0}};
static const struct op_param country_params[] = {{"country", OP_IN_BODY | OP_NEEDED, OP_SETTING,
                                                  .setting = SET_COUNTRY_CODE, .example = "\"IR\"",
                                                  .help = "two-letter codes; none ends the filter"},
                                                 CONFIRM,
                                                 {0}};

static const struct op_param steps_params[] = {
    {"steps", OP_IN_BODY, OP_SETTING, .setting = SET_PUNISHMENT_STEPS,
     .example = "\"warn,10m,30m,hand\"",
     .help = "warn, a time, hand (until enabled by hand), revoke; the last one repeats"},
    {"enabled", OP_IN_BODY, OP_SETTING, .setting = SET_PUNISHMENT_ENABLED, .example = "true",
     .help = "punish by these steps"},
    {"window_hours", OP_IN_BODY, OP_SETTING, .setting = SET_PUNISHMENT_WINDOW_HOURS,
     .example = "168", .help = "violations of this time decide the step"},
    CONFIRM,
    {0}};

/* A change of settings: checked on the loop's thread, written by the store's. */
#define CHANGE(method, path, help, params, args_fn, more) \
    { \
        .def = {method, path, help, params, "#config_change", OP_MAY_409 | (more)}, \
        .args = args_fn, .before = config_check, .kind = OWNER_WRITE, .job = op_settings_write, \
        .finish = op_settings_told, .changes = OP_CHANGED_SETTINGS \
    }

const struct op_row op_rows_settings[] = {
    {.def = {OP_GET, "/config", "Every setting, its value, and where that comes from.",
             .answer = "{data:[#setting],total:int,env_file:text}"},
     .finish = config_show},
    CHANGE(OP_PATCH, "/config", "Sets settings by their keys; null goes back to .env or default.",
           patch_params, patch_args, OP_FREE_BODY),
    CHANGE(OP_PUT, "/config/limit", "Sets general_limit.", limit_params, put_args, 0),
    CHANGE(OP_PUT, "/config/interval", "Sets check_interval.", interval_params, put_args, 0),
    CHANGE(OP_PUT, "/config/reenable-time", "Sets time_to_active_users.", reenable_params, put_args,
           0),
    CHANGE(OP_PUT, "/config/country", "Sets country_code.", country_params, put_args, 0),
    {.def = {OP_GET, "/steps", "The punishment steps, whether they are on, and their window.",
             .answer = "{enabled:bool,steps:text,window_hours:int,data:[text]}"},
     .finish = show_steps},
    CHANGE(OP_PUT, "/steps", "Sets the punishment steps, whether they are on, and their window.",
           steps_params, put_args, 0),
    {.def = {.pattern = NULL}},
};
