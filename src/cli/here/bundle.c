/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/here/bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "cli/terminal/json_in.h"
#include "service/doctor/redact.h"
#include "store/db.h"
#include "store/db_limits.h"
#include "store/db_users.h"
#include "base/banned.h"

/* ---- what is known to be a name ---- */

static int know_user(void *arg, const struct db_user *row)
{
    return redact_word(arg, "user", row->name);
}

static int know_limit(void *arg, const struct db_limit *row)
{
    int rc = redact_word(arg, "user", row->name);

    return rc ? rc : redact_word(arg, "admin", row->updated_by);
}

/* A second reader of the daemon's database. One that cannot be read has no names to betray. */
static int know_people(struct redact *r, const char *data_dir)
{
    struct db *db = NULL;
    struct err err;
    int rc = db_open(data_dir, &db, &err);

    if (rc)
        return ERR_OK;
    rc = db_users_each(db, know_user, r, &err);
    if (!rc)
        rc = db_limits_each(db, know_limit, r, &err);
    if (!rc)
        rc = db_exceptions_each(db, know_limit, r, &err);
    db_close(db);
    return rc == ERR_NOMEM ? rc : ERR_OK;
}

/* Whether a setting's value says nothing about whose it is. */
static bool is_plain(const struct setting_def *def)
{
    return def->type == TYPE_INT || def->type == TYPE_REAL || def->type == TYPE_BOOL ||
           def->type == TYPE_ENUM || def->type == TYPE_HOUR || def->type == TYPE_STEPS ||
           def->type == TYPE_COUNTRIES;
}

static bool is_whole(const struct setting_def *def)
{
    return def->type == TYPE_PATH || def->type == TYPE_DIR || def->type == TYPE_URL ||
           def->type == TYPE_PANEL || def->type == TYPE_PINS || def->type == TYPE_HOST;
}

static int know_value(struct redact *r, const struct setting_def *def, const char *value)
{
    struct slice rest = slice_of(value), part;
    int rc = ERR_OK;

    if (def->type == TYPE_SECRET)
        return redact_anywhere(r, "secret", rest);
    if (is_whole(def) && !(def->type == TYPE_URL && def->max > 1))
        return redact_anywhere(r, def->key, rest);
    while (!rc && rest.p) {
        part = slice_trim(slice_cut(&rest, ','));
        rc = part.n > 2 ? redact_anywhere(r, def->key, part) : ERR_OK;
    }
    return rc;
}

static int know_settings(struct redact *r, const struct settings *s)
{
    int i, origin, rc = ERR_OK;

    for (i = 0; !rc && i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (is_plain(def) || def->type == TYPE_ZONE)
            continue;
        for (origin = ORIGIN_FILE; !rc && origin < ORIGIN_COUNT; origin++) {
            const char *value = settings_layer(s, (enum setting)i, (enum setting_origin)origin);

            /* A default is the same for everyone. */
            if (value && strcmp(value, settings_layer(s, (enum setting)i, ORIGIN_DEFAULT)) != 0)
                rc = know_value(r, def, value);
        }
    }
    return rc;
}

static int know_nodes(struct redact *r, json_t *nodes)
{
    json_t *row;
    size_t i;
    int rc = ERR_OK;

    json_array_foreach(json_object_get(nodes, "data"), i, row)
    {
        rc = redact_anywhere(r, "node", slice_of(in_text(row, "name")));
        if (!rc)
            rc = redact_anywhere(r, "host", slice_of(in_text(row, "address")));
        if (rc)
            return rc;
    }
    return rc;
}

static int know_subjects(struct redact *r, json_t *findings)
{
    static const char *const ours[] = {"permission", "setting", "telegram", "cache", "webhook"};
    json_t *row;
    size_t i, k;
    int rc = ERR_OK;

    json_array_foreach(json_object_get(findings, "checks"), i, row)
    {
        const char *check = in_text(row, "check"), *subject = in_text(row, "subject");

        for (k = 0; check && k < ARRAY_LEN(ours) && strcmp(check, ours[k]) != 0; k++)
            ;
        if (!subject || !check || k < ARRAY_LEN(ours))
            continue;
        rc = redact_anywhere(r, strcmp(check, "file") == 0 ? "path" : "node", slice_of(subject));
        if (rc)
            return rc;
    }
    return rc;
}

/* The host of a URL. */
static int know_host(struct redact *r, const char *url)
{
    const char *host = url ? strstr(url, "://") : NULL;

    return host ? redact_anywhere(r, "host", (struct slice){host + 3, strcspn(host + 3, ":/")})
                : ERR_OK;
}

/* The bot's name, as the status or the doctor tells it, the proxy in use, and who gets the webhook. */
static int know_bot(struct redact *r, json_t *status, json_t *findings)
{
    json_t *telegram = json_object_get(status, "telegram"), *row;
    const char *bot = in_text(telegram, "bot");
    int rc = bot ? redact_anywhere(r, "bot", slice_of(bot)) : ERR_OK;
    size_t i;

    if (!rc)
        rc = know_host(r, in_text(telegram, "proxy"));
    if (!rc)
        rc = know_host(r, in_text(json_object_get(status, "webhook"), "url"));
    json_array_foreach(json_object_get(findings, "checks"), i, row)
    {
        const char *check = in_text(row, "check"), *level = in_text(row, "level");
        const char *at = in_text(row, "text") ? strchr(in_text(row, "text"), '@') : NULL;

        if (!rc && at && check && level && strcmp(check, "telegram") == 0 &&
            strcmp(level, "ok") == 0)
            rc = redact_anywhere(r, "bot", slice_of(at + 1));
    }
    return rc;
}

/* ---- the copy ---- */

static json_t *copy(struct redact *r, json_t *v)
{
    json_t *out, *member;
    const char *key;
    struct buf text;
    size_t i;

    if (json_is_object(v)) {
        out = json_object();
        json_object_foreach(v, key, member)
        {
            json_object_set_new(out, key, copy(r, member));
        }
        return out;
    }
    if (json_is_array(v)) {
        out = json_array();
        json_array_foreach(v, i, member)
        {
            json_array_append_new(out, copy(r, member));
        }
        return out;
    }
    if (!json_is_string(v))
        return json_deep_copy(v);
    buf_init(&text, LIMIT_OP_ANSWER);
    redact_add(r, (struct slice){json_string_value(v), json_string_length(v)}, &text);
    out = json_string(buf_str(&text));
    buf_release(&text);
    return out ? out : json_null();
}

/* Times and words of our own stay as they are: only what may come from outside is copied so. */
static json_t *copy_settings(json_t *config)
{
    json_t *out = json_array(), *row;
    enum setting id;
    size_t i;

    json_array_foreach(json_object_get(config, "data"), i, row)
    {
        const char *value = in_text(row, "value");

        if (!in_text(row, "key") || setting_find(slice_of(in_text(row, "key")), &id, NULL))
            continue;
        if (!is_plain(setting_def(id)) && value && value[0])
            value = "(set)";
        json_array_append_new(out, json_pack("{s:s,s:s?,s:s?}", "key", setting_def(id)->key,
                                             "value", value, "origin", in_text(row, "origin")));
    }
    return out;
}

static json_t *machine(void)
{
    struct utsname u;

    if (uname(&u) != 0)
        return json_null();
    return json_pack("{s:s,s:s,s:i,s:s}", "kernel", u.release, "machine", u.machine, "processors",
                     (int)sysconf(_SC_NPROCESSORS_ONLN), "version", PG_VERSION);
}

static json_t *ask(struct cli *cli, const char *path)
{
    json_t *json;

    if (cli_ask(cli, OP_GET, path, NULL, &json, NULL))
        return json_null();
    return json;
}

static json_t *build(struct cli *cli, json_t *findings)
{
    const struct settings *s = link_settings(cli->link);
    bool daemon = cli_has_daemon(cli);
    json_t *status = daemon ? ask(cli, "/status") : json_null();
    json_t *nodes = daemon ? ask(cli, "/nodes") : json_null(), *config = ask(cli, "/config");
    struct redact *r = redact_new();
    json_t *out = NULL;

    if (r && !know_settings(r, s) && !know_nodes(r, nodes) && !know_subjects(r, findings) &&
        !know_bot(r, status, findings) && !know_people(r, settings_text(s, SET_DATA_DIR)))
        out = json_pack("{s:i,s:o,s:o,s:o,s:o,s:o}", "pg_limiter_bundle", 1, "machine", machine(),
                        "doctor", copy(r, findings), "status", copy(r, status), "nodes",
                        copy(r, nodes), "settings", copy_settings(config));
    redact_free(r);
    json_decref(status);
    json_decref(nodes);
    json_decref(config);
    return out;
}

int bundle_write(struct cli *cli, json_t *findings, const char *path)
{
    json_t *out = build(cli, findings);
    int fd, rc;

    if (!out)
        return cli_fail(CLI_FAILED, "%s: out of memory", path);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        json_decref(out);
        return cli_fail(CLI_FAILED, "%s: %s", path, strerror(errno));
    }
    rc = json_dumpfd(out, fd, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
    if (close(fd) != 0)
        rc = -1;
    json_decref(out);
    return rc ? cli_fail(CLI_FAILED, "%s: cannot be written", path) : CLI_OK;
}
