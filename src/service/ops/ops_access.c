/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "base/banned.h"

/*
 * Other access to the panel: tried first, then written to DATA_DIR/secrets.env. .env stays as it is; what the
 * environment sets is changed there only, or the change would be without effect.
 */

static const struct {
    const char *name;
    enum setting id;
} members[] = {{"domain", SET_PANEL_DOMAIN},
               {"username", SET_PANEL_USERNAME},
               {"password", SET_PANEL_PASSWORD},
               {"api_key", SET_PANEL_API_KEY}};

static int take_args(struct op *op)
{
    int rc = op_settings_begin(op);
    bool any = false;
    size_t i;

    for (i = 0; !rc && i < ARRAY_LEN(members); i++) {
        const char *text = op_arg_text(op, members[i].name);

        if (!text)
            continue;
        any = true;
        op->touched[members[i].id] = true;
        if (settings_layer(op->settings, members[i].id, ORIGIN_ENV))
            return err_set(&op->err, ERR_REFUSED,
                           "the environment sets %s: it is to be changed there",
                           setting_def(members[i].id)->env);
        rc = settings_set(op->settings, members[i].id, ORIGIN_SECRETS, slice_of(text), &op->err);
        if (rc)
            return rc == ERR_NOMEM ? rc : ERR_INVALID;
    }
    if (!rc && !any)
        rc = err_set(&op->err, ERR_INVALID, "none of domain, username, password, api_key is given");
    return rc ? rc : settings_check_panel(op->settings, &op->err);
}

static void tried(void *arg, int rc, const struct err *err)
{
    struct op *op = arg;

    if (!rc) {
        op_run_job(op);
        return;
    }
    /* Not our own login was refused, but what the caller has written. */
    if (rc == ERR_AUTH || rc == ERR_FORBIDDEN)
        rc = ERR_REFUSED;
    op_reply(op, err_set(&op->err, rc, "nothing was changed: %s", err ? err->text : err_name(rc)));
}

static void try_first(struct op *op)
{
    if (op->port->try_access)
        op->port->try_access(op->port->app, op->settings, tried, op);
    else
        op_reply(op, err_set(&op->err, ERR_UNREACHABLE, "only the daemon can try it"));
}

/* A value as secrets.env holds it: "…" knows \\ \" \n. */
static void add_line(struct buf *b, const char *name, const char *text)
{
    buf_addf(b, "%s=\"", name);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_add_char(b, '\\');
        buf_add_char(b, *text);
    }
    buf_add_str(b, "\"\n");
}

static int write_all(int fd, struct slice s)
{
    while (s.n) {
        ssize_t n = write(fd, s.p, s.n);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return ERR_IO;
        s = slice_skip(s, (size_t)n);
    }
    return fsync(fd) ? ERR_IO : ERR_OK;
}

/* The old file or the new one, whatever happens; never readable by others. */
static int replace(const char *dir, struct slice text, struct err *err)
{
    char path[PATH_MAX], fresh[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s/secrets.env", dir), fd, rc;

    if (n < 0 || (size_t)n + 4 >= sizeof(path))
        return err_set(err, ERR_TOO_BIG, "the path of secrets.env is too long");
    snprintf(fresh, sizeof(fresh), "%.*s.new", n, path);
    unlink(fresh);
    fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "secrets.env: %s",
                       strerror(errno));
    rc = write_all(fd, text);
    if (rc)
        err_set(err, errno == ENOSPC ? ERR_FULL : ERR_IO, "secrets.env: %s", strerror(errno));
    close(fd);
    if (!rc && rename(fresh, path))
        rc = err_set(err, ERR_IO, "secrets.env: %s", strerror(errno));
    if (rc) {
        unlink(fresh);
        return err ? err->code : rc;
    }
    fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    return ERR_OK;
}

static int keep(struct db *db, struct op *op, struct err *err)
{
    struct buf text, what;
    int rc, id;
    size_t i;

    buf_init(&text, LIMIT_ENV_FILE);
    buf_init(&what, 256);
    buf_add_str(&text, "# Access to the panel as it was changed while the program ran.\n");
    for (id = 0; id < SET_COUNT; id++)
        if (settings_layer(op->settings, (enum setting)id, ORIGIN_SECRETS))
            add_line(&text, setting_def((enum setting)id)->env,
                     settings_layer(op->settings, (enum setting)id, ORIGIN_SECRETS));
    for (i = 0; i < ARRAY_LEN(members); i++)
        if (op->touched[members[i].id])
            buf_addf(&what, "%s%s", what.n ? ", " : "", setting_def(members[i].id)->env);
    buf_add_str(&what, " changed in secrets.env");
    rc = text.failed ? err_set(err, ERR_NOMEM, "out of memory")
                     : replace(settings_text(op->settings, SET_DATA_DIR), buf_slice(&text), err);
    if (!rc)
        rc = op_event(db, op, "access", false, buf_str(&what), err);
    if (text.p)
        explicit_bzero(text.p, text.cap);
    buf_release(&text);
    buf_release(&what);
    return rc;
}

static void kept(struct op *op)
{
    buf_clear(&op->out);
    buf_add_str(&op->out, "{\"detail\":\"the panel accepts it; it is kept in secrets.env, and the "
                          "program goes on with it\"}");
    op_reply(op, ERR_OK);
}

static const struct op_param params[] = {
    {"domain", OP_IN_BODY, OP_TEXT, 1, 512, .example = "\"panel.example.com:8000\"",
     .help = "host[:port], or a URL"},
    {"username", OP_IN_BODY, OP_TEXT, 1, 256, .example = "\"admin\"", .help = "login name"},
    {"password", OP_IN_BODY, OP_TEXT, 0, 1024, .example = "\"…\"",
     .help = "its password; empty: none"},
    {"api_key", OP_IN_BODY, OP_TEXT, 0, 1024, .example = "\"pg_key_…\"",
     .help = "instead of both; empty: none"},
    {0}};

const struct op_row op_rows_access[] = {
    {.def = {OP_PUT, "/config/panel",
             "Tries other access to the panel, keeps it in secrets.env and goes on with it.",
             params, "{detail:text}", OP_MAY_409},
     .flags = ROW_LIVE,
     .args = take_args,
     .before = try_first,
     .kind = OWNER_WRITE,
     .job = keep,
     .finish = kept,
     .changes = OP_CHANGED_ACCESS},
    {.def = {.pattern = NULL}},
};
