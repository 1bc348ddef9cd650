/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/backup/backup.h"

#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/stamp.h"
#include "service/backup/backup_int.h"
#include "service/jout.h"
#include "service/backup/sealed.h"
#include "store/db.h"
#include "base/banned.h"

struct backup {
    json_t *manifest;
    bool sealed;
    struct db *image;
    struct db_image_counts counts;
    struct settings settings; /* secrets of MEMBER_CLEAR, in the layer of the database */
    enum setting secret[SET_COUNT];
    int n_secrets;
};

/* ---- making ---- */

static void secret_keys(const char *keys[SET_COUNT + 1])
{
    int id, n = 0;

    for (id = 0; id < SET_COUNT; id++)
        if (setting_def((enum setting)id)->type == TYPE_SECRET)
            keys[n++] = setting_def((enum setting)id)->key;
    keys[n] = NULL;
}

static void add_settings(struct buf *b, const struct settings *s)
{
    struct buf shown;
    int id;

    buf_init(&shown, LIMIT_SETTING_VALUE + 64);
    jout_open(b, NULL, '{');
    for (id = 0; id < SET_COUNT; id++) {
        const struct setting_def *def = setting_def((enum setting)id);

        if (def->type == TYPE_SECRET)
            continue;
        buf_clear(&shown);
        setting_add_shown(&shown, (enum setting)id, settings_text(s, (enum setting)id));
        jout_open(b, def->key, '{');
        jout_text(b, "value", buf_str(&shown));
        jout_text(b, "origin", setting_origin_name(settings_origin(s, (enum setting)id)));
        jout_close(b, '}');
    }
    jout_close(b, '}');
    buf_release(&shown);
}

int backup_make(const char *db_path, const struct settings *s, int64_t now_us, struct buf *ret_zip,
                struct err *err)
{
    struct zipfile_member members[MEMBER_COUNT];
    const char *keys[SET_COUNT + 1];
    struct db_taken db;
    char created[STAMP_TEXT];
    struct buf json;
    int rc;

    secret_keys(keys);
    rc = db_image_take(db_path, keys, LIMIT_IMAGE_MEMORY, &db, err);
    if (rc)
        return rc;
    backup_members(members);
    buf_init(&json, LIMIT_BACKUP_TEXT);
    add_settings(&json, s);
    if (db.bytes) {
        members[MEMBER_DB].bytes = (struct slice){(char *)db.bytes, db.n};
    } else {
        members[MEMBER_DB].fd = db.fd;
        members[MEMBER_DB].file_n = db.n;
    }
    members[MEMBER_SETTINGS].bytes = buf_slice(&json);
    rc = json.failed
             ? err_set(err, ERR_NOMEM, "out of memory")
             : backup_write(members, stamp_iso(now_us, created), PG_VERSION, now_us, ret_zip, err);
    buf_release(&json);
    db_taken_release(&db);
    return rc;
}

/* ---- opening ---- */

/* {"settings":{key:value}}, into the layer of the database. */
static int take_secrets(json_t *json, struct backup *b, struct err *err)
{
    const char *key;
    json_t *value;
    enum setting id;
    int rc = ERR_OK;

    json_object_foreach(json_object_get(json, "settings"), key, value)
    {
        rc = json_is_string(value) ? setting_find(slice_of(key), &id, err)
                                   : err_set(err, ERR_CORRUPT, "a secret setting is no text");
        if (!rc && setting_def(id)->type != TYPE_SECRET)
            rc = err_set(err, ERR_CORRUPT, "%s is no secret setting", setting_def(id)->key);
        if (!rc)
            rc = settings_set(&b->settings, id, ORIGIN_DB, slice_of(json_string_value(value)), err);
        if (rc)
            return rc == ERR_NOT_FOUND ? ERR_CORRUPT : rc;
        if (b->n_secrets < SET_COUNT)
            b->secret[b->n_secrets++] = id;
    }
    return ERR_OK;
}

static int read_clear(struct slice text, struct backup *b, struct err *err)
{
    json_t *json;
    int rc = settings_init(&b->settings);

    if (rc)
        return err_set(err, rc, "out of memory");
    if (!text.p)
        return ERR_OK;
    json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    rc = json ? take_secrets(json, b, err)
              : err_set(err, ERR_CORRUPT, "secrets.json is no JSON object");
    json_decref(json);
    return rc;
}

static int check_settings(struct slice text, struct err *err)
{
    json_t *json = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
    bool good = json_is_object(json);

    json_decref(json);
    return good ? ERR_OK : err_set(err, ERR_CORRUPT, "settings.json is no JSON object");
}

int backup_open(struct slice zip, struct backup **ret_backup, struct err *err)
{
    struct zipfile_member members[MEMBER_COUNT];
    struct backup *b = calloc(1, sizeof(*b));
    int rc;

    if (!b)
        return err_set(err, ERR_NOMEM, "out of memory");
    backup_members(members);
    rc = backup_read(zip, members, &b->manifest, err);
    b->sealed = members[MEMBER_SEALED].bytes.p != NULL;
    if (!rc)
        rc = check_settings(members[MEMBER_SETTINGS].bytes, err);
    if (!rc)
        rc = read_clear(members[MEMBER_CLEAR].bytes, b, err);
    if (!rc)
        rc = db_image_open(members[MEMBER_DB].bytes, &b->image, err);
    if (!rc)
        rc = db_image_count(b->image, &b->counts, err);
    zipfile_release(members, MEMBER_COUNT);
    if (rc) {
        backup_free(b);
        return rc;
    }
    *ret_backup = b;
    return ERR_OK;
}

bool backup_is_old(struct slice zip)
{
    return zipfile_is_old(zip);
}

void backup_free(struct backup *b)
{
    if (!b)
        return;
    json_decref(b->manifest);
    settings_release(&b->settings);
    db_close(b->image);
    free(b);
}

static void add_counts(const struct db_image_counts *c, struct buf *out)
{
    jout_int(out, "users", c->users);
    jout_int(out, "special_limits", c->limits);
    jout_int(out, "exceptions", c->exceptions);
    jout_int(out, "patterns", c->patterns);
    jout_int(out, "settings", c->settings);
    jout_int(out, "violations", c->violations);
    jout_int(out, "disabled", c->open_rows);
    jout_int(out, "events", c->events);
}

void backup_json(const struct backup *b, struct buf *out)
{
    jout_text(out, "created_at", backup_text(b->manifest, "created_at"));
    jout_text(out, "version", backup_text(b->manifest, "version"));
    jout_bool(out, "encrypted_part", b->sealed);
    jout_int(out, "secret_settings", b->n_secrets);
    add_counts(&b->counts, out);
}

int backup_count_json(struct db *db, struct buf *out, struct err *err)
{
    struct db_image_counts counts;
    int rc = db_image_count(db, &counts, err);

    if (!rc)
        add_counts(&counts, out);
    return rc;
}

/* ---- restoring ---- */

static int find_mode(void *arg, const struct db_setting *row)
{
    bool *off = arg;

    if (slice_eq(row->key, SLICE("enforcement")))
        *off = slice_eq(row->value, SLICE("off"));
    return ERR_OK;
}

int backup_restore(struct backup *b, const char *db_path, struct db_image_put *put, struct err *err)
{
    struct db_setting rows[SET_COUNT + 1];
    bool off = false;
    int i, rc = db_settings_each(b->image, find_mode, &off, err);
    size_t n = 0;

    if (rc)
        return rc;
    for (i = 0; i < b->n_secrets; i++)
        rows[n++] =
            (struct db_setting){slice_of(setting_def(b->secret[i])->key),
                                slice_of(settings_layer(&b->settings, b->secret[i], ORIGIN_DB)),
                                put->now_us, put->who};
    /* The instance that the backup is of may still be running: two would both punish. */
    if (!off)
        rows[n++] =
            (struct db_setting){SLICE("enforcement"), SLICE("shadow"), put->now_us, put->who};
    put->settings = rows;
    put->n_settings = n;
    rc = db_image_put(b->image, db_path, put, err);
    put->settings = NULL;
    put->n_settings = 0;
    return rc;
}

/* ---- the encrypted part ---- */

static void add_secret_settings(struct buf *b, const struct settings *s)
{
    const char *text;
    int id;

    jout_open(b, "settings", '{');
    for (id = 0; id < SET_COUNT; id++) {
        text = settings_layer(s, (enum setting)id, ORIGIN_DB);
        if (text && setting_def((enum setting)id)->type == TYPE_SECRET)
            jout_text(b, setting_def((enum setting)id)->key, text);
    }
    jout_close(b, '}');
}

/* Overwritten before it goes back to the allocator. */
static void forget(struct buf *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->cap);
    buf_release(b);
}

int backup_seal(struct slice zip, struct slice passphrase, const struct backup_secrets *files,
                const struct settings *s, int64_t now_us, struct buf *ret_zip, struct err *err)
{
    struct zipfile_member members[MEMBER_COUNT];
    struct buf plain, sealed;
    int rc = ERR_OK;

    backup_members(members);
    buf_init(&plain, LIMIT_BACKUP_TEXT);
    buf_init(&sealed, LIMIT_BACKUP_TEXT);
    jout_open(&plain, NULL, '{');
    jout_str(&plain, "env", files->env);
    jout_str(&plain, "secrets_env", files->secrets_env);
    add_secret_settings(&plain, s);
    jout_close(&plain, '}');
    if (plain.failed)
        rc = err_set(err, ERR_NOMEM, "out of memory");
    if (!rc)
        rc = sealed_make(passphrase, buf_slice(&plain), &sealed, err);
    members[MEMBER_SEALED].bytes = buf_slice(&sealed);
    if (!rc)
        rc = backup_add(zip, &members[MEMBER_SEALED], now_us, ret_zip, err);
    forget(&plain);
    buf_release(&sealed);
    return rc;
}

static int copy_text(json_t *json, const char *name, struct slice *ret, struct err *err)
{
    json_t *v = json_object_get(json, name);
    size_t n = json_string_length(v);
    char *p;

    if (!json_is_string(v))
        return ERR_OK;
    p = malloc(n + 1);
    if (!p)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(p, json_string_value(v), n);
    p[n] = '\0';
    *ret = (struct slice){p, n};
    return ERR_OK;
}

/* The zip again, with the secret settings in clear in place of the encrypted part. */
static int write_clear(struct zipfile_member members[MEMBER_COUNT], json_t *manifest, json_t *plain,
                       int64_t now_us, struct buf *ret_zip, struct err *err)
{
    json_t *settings = json_pack("{s:O}", "settings", json_object_get(plain, "settings"));
    char *text = settings ? json_dumps(settings, JSON_COMPACT) : NULL;
    struct zipfile_member out[MEMBER_COUNT];
    int rc;

    json_decref(settings);
    if (!text)
        return err_set(err, ERR_CORRUPT, "the encrypted part holds no settings");
    memcpy(out, members, sizeof(out));
    out[MEMBER_SEALED].bytes = (struct slice){NULL, 0};
    out[MEMBER_CLEAR].bytes = slice_of(text);
    rc = backup_write(out, backup_text(manifest, "created_at"), backup_text(manifest, "version"),
                      now_us, ret_zip, err);
    OPENSSL_cleanse(text, strlen(text));
    free(text);
    return rc;
}

int backup_unseal(struct slice zip, struct slice passphrase, int64_t now_us,
                  struct backup_secrets *ret_files, struct buf *ret_zip, struct err *err)
{
    struct backup_secrets files = {{NULL, 0}, {NULL, 0}};
    struct zipfile_member members[MEMBER_COUNT];
    json_t *manifest = NULL, *json = NULL;
    struct buf plain;
    int rc = backup_read(zip, members, &manifest, err);

    buf_init(&plain, LIMIT_BACKUP_TEXT);
    if (!rc && !members[MEMBER_SEALED].bytes.p)
        rc = err_set(err, ERR_INVALID, "the backup has no encrypted part: it needs no passphrase");
    if (!rc)
        rc = sealed_open(passphrase, members[MEMBER_SEALED].bytes, &plain, err);
    if (!rc && !(json = json_loadb(buf_str(&plain), plain.n, JSON_REJECT_DUPLICATES, NULL)))
        rc = err_set(err, ERR_CORRUPT, "the encrypted part is no JSON object");
    if (!rc)
        rc = copy_text(json, "env", &files.env, err);
    if (!rc)
        rc = copy_text(json, "secrets_env", &files.secrets_env, err);
    if (!rc)
        rc = write_clear(members, manifest, json, now_us, ret_zip, err);
    forget(&plain);
    json_decref(json);
    json_decref(manifest);
    zipfile_release(members, MEMBER_COUNT);
    if (rc)
        backup_secrets_release(&files);
    else
        *ret_files = files;
    return rc;
}

void backup_secrets_release(struct backup_secrets *files)
{
    free((char *)files->env.p);
    free((char *)files->secrets_env.p);
    *files = (struct backup_secrets){{NULL, 0}, {NULL, 0}};
}
