/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/migrate.h"
#include "store/schema.h"
#include "store/sql.h"
#include "base/banned.h"

enum { PAGE = 4096, HEADER = 100, VERSION_WRITE = 18, VERSION_READ = 19 };
static const char magic[16] = "SQLite format 3";

/* A file in memory has no write-ahead log, and one that says otherwise cannot be opened. */
static void out_of_wal(unsigned char *bytes)
{
    bytes[VERSION_WRITE] = bytes[VERSION_READ] = 1;
}

static struct db *new_db(const char *name)
{
    struct db *db = calloc(1, sizeof(*db));

    if (!db)
        return NULL;
    db->path = strdup(name);
    if (!db->path ||
        sqlite3_open_v2(":memory:", &db->h,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL)) {
        db_close(db);
        return NULL;
    }
    sqlite3_extended_result_codes(db->h, 1);
    sqlite3_db_config(db->h, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    return db;
}

static int out_of_memory(struct err *err)
{
    return err_set(err, ERR_NOMEM, "out of memory");
}

/* ---- taking ---- */

static int copy_file(struct db *to, const char *path, struct err *err)
{
    struct db from = {.path = (char *)path};
    sqlite3_backup *backup = NULL;
    int64_t pages = 0;
    int rc = sqlite3_open_v2(path, &from.h, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL);

    if (!rc) {
        sqlite3_busy_timeout(from.h, DB_BUSY_MS);
        backup = sqlite3_backup_init(to->h, "main", from.h, "main");
        rc = backup ? sqlite3_backup_step(backup, 0) : sqlite3_errcode(to->h);
    }
    if (!rc) {
        pages = sqlite3_backup_pagecount(backup);
        if (pages <= LIMIT_IMAGE / PAGE)
            rc = sqlite3_backup_step(backup, -1);
        if (rc == SQLITE_DONE)
            rc = SQLITE_OK;
    }
    if (backup && sqlite3_backup_finish(backup) && !rc)
        rc = sqlite3_errcode(to->h);
    if (rc)
        rc = sql_error(&from, rc, err);
    else if (pages > LIMIT_IMAGE / PAGE)
        rc = err_set(err, ERR_TOO_BIG,
                     "%s has %lld MiB, a backup holds at most %d: shorten ip_history_hours or copy "
                     "the file with sqlite3's .backup",
                     path, (long long)(pages * PAGE >> 20), LIMIT_IMAGE >> 20);
    sqlite3_close_v2(from.h);
    return rc;
}

int db_image_take(const char *path, const char *const *strip, unsigned char **ret_bytes,
                  size_t *ret_n, struct err *err)
{
    struct db *db = new_db(path);
    unsigned char *bytes;
    sqlite3_int64 n = 0;
    size_t i;
    int rc;

    if (!db)
        return out_of_memory(err);
    rc = copy_file(db, path, err);
    if (!rc)
        rc = sql_exec(db, "PRAGMA secure_delete=ON", err);
    for (i = 0; !rc && strip[i]; i++)
        rc = sql_run(db, err, "DELETE FROM settings WHERE key=?1", "z", strip[i]);
    /* Messages and events that wait here are this instance's to send. */
    if (!rc)
        rc = sql_exec(db, "DELETE FROM outbox; DELETE FROM webhook", err);
    /* It opens what lies in Redis, the panel's token too; the next start makes another. */
    if (!rc)
        rc = sql_exec(db, "DELETE FROM meta WHERE key='cache_key'", err);
    if (!rc)
        rc = sql_exec(db, "VACUUM", err);
    if (!rc) {
        bytes = sqlite3_serialize(db->h, "main", &n, 0);
        if (!bytes || n < HEADER) {
            sqlite3_free(bytes);
            rc = out_of_memory(err);
        } else {
            out_of_wal(bytes);
            *ret_bytes = bytes;
            *ret_n = (size_t)n;
        }
    }
    db_close(db);
    return rc;
}

void db_image_free(unsigned char *bytes)
{
    sqlite3_free(bytes);
}

/* ---- opening ---- */

static int load(struct db *db, struct slice bytes, struct err *err)
{
    const unsigned char *b = (const unsigned char *)bytes.p;
    unsigned char *copy;

    if (bytes.n < PAGE || memcmp(bytes.p, magic, sizeof(magic)) != 0)
        return err_set(err, ERR_CORRUPT, "%s is no SQLite database", db->path);
    if ((b[16] << 8 | b[17]) != PAGE || bytes.n % PAGE)
        return err_set(err, ERR_CORRUPT, "%s is no database of ours (size of its pages)", db->path);
    copy = sqlite3_malloc64(bytes.n);
    if (!copy)
        return out_of_memory(err);
    memcpy(copy, bytes.p, bytes.n);
    out_of_wal(copy);
    /* Frees copy also when it fails. */
    if (sqlite3_deserialize(db->h, "main", copy, (sqlite3_int64)bytes.n, (sqlite3_int64)bytes.n,
                            SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE))
        return err_set(err, ERR_CORRUPT, "%s cannot be read", db->path);
    return sql_exec(db,
                    "PRAGMA trusted_schema=OFF; PRAGMA cell_size_check=ON;"
                    "PRAGMA temp_store=MEMORY",
                    err);
}

/* Steps through two lists of the schema's objects: both must say the same. */
static int compare_rows(struct db *db, struct sql *mine, struct sql *want, struct err *err)
{
    int a, b;

    for (;;) {
        a = sql_step(mine, err);
        b = a < 0 ? 0 : sql_step(want, err);
        if (a < 0 || b < 0)
            return a < 0 ? a : b;
        if (a == 0 && b == 0)
            return ERR_OK;
        if (a != b || !slice_eq(sql_text(mine, 0), sql_text(want, 0)) ||
            !slice_eq(sql_text(mine, 1), sql_text(want, 1)))
            return err_set(err, ERR_CORRUPT,
                           "%s has other tables than a database of pg-limiter of that version",
                           db->path);
    }
}

/* What ANALYZE and AUTOINCREMENT make by themselves is left out. */
static const char list_schema[] =
    "SELECT type || ' ' || name, coalesce(sql, '') FROM sqlite_master"
    " WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name";

static int compare_schema(struct db *db, int64_t version, struct err *err)
{
    struct db *fresh = new_db("an empty database");
    struct sql mine, want;
    int64_t v;
    int rc = fresh ? ERR_OK : out_of_memory(err);

    for (v = 0; !rc && v < version; v++)
        rc = sql_exec(fresh, schema_migration((int)v), err);
    if (!rc)
        rc = sql_open(&mine, db, err, list_schema, "");
    if (!rc) {
        rc = sql_open(&want, fresh, err, list_schema, "");
        if (!rc) {
            rc = compare_rows(db, &mine, &want, err);
            sql_close(&want);
        }
        sql_close(&mine);
    }
    db_close(fresh);
    return rc;
}

static int check_whole(struct db *db, struct err *err)
{
    struct sql q;
    int rc = sql_open(&q, db, err, "PRAGMA integrity_check(1)", "");

    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1 && slice_eq(sql_text(&q, 0), SLICE("ok")))
        rc = ERR_OK;
    else if (rc >= 0)
        rc = err_set(err, ERR_CORRUPT, "%s is damaged: %.*s", db->path,
                     (int)(rc == 1 && sql_text(&q, 0).n < 200 ? sql_text(&q, 0).n : 0),
                     rc == 1 ? sql_text(&q, 0).p : "");
    sql_close(&q);
    if (rc)
        return rc;
    rc = sql_open(&q, db, err, "PRAGMA foreign_key_check", "");
    if (rc)
        return rc;
    rc = sql_step(&q, err);
    if (rc == 1)
        rc = err_set(err, ERR_CORRUPT, "%s is damaged: a row of %.*s refers to none", db->path,
                     (int)(sql_text(&q, 0).n < 64 ? sql_text(&q, 0).n : 0), sql_text(&q, 0).p);
    sql_close(&q);
    return rc;
}

static int check(struct db *db, struct err *err)
{
    int64_t version = 0, app = 0;
    int rc = migrate_inspect(db, err);

    if (!rc)
        rc = sql_number(db, &version, err, "PRAGMA user_version", "");
    if (!rc)
        rc = sql_number(db, &app, err, "PRAGMA application_id", "");
    if (!rc && (app != SCHEMA_APPLICATION_ID || version < 1))
        rc = err_set(err, ERR_CORRUPT, "%s is no database of pg-limiter", db->path);
    if (!rc)
        rc = compare_schema(db, version, err);
    return rc ? rc : check_whole(db, err);
}

int db_image_open(struct slice bytes, struct db **ret_db, struct err *err)
{
    struct db *db = new_db("pg-limiter.db of the backup");
    int rc = db ? load(db, bytes, err) : out_of_memory(err);

    if (!rc)
        rc = check(db, err);
    if (!rc)
        rc = migrate_memory(db, err);
    if (!rc)
        rc = sql_exec(db, "PRAGMA foreign_keys=ON", err);
    if (rc) {
        db_close(db);
        return rc;
    }
    *ret_db = db;
    return ERR_OK;
}

int db_image_count(struct db *image, struct db_image_counts *ret, struct err *err)
{
    struct db_image_counts c = {0};
    int rc = sql_number(image, &c.users, err, "SELECT count(*) FROM users", "");

    if (!rc)
        rc = sql_number(image, &c.limits, err, "SELECT count(*) FROM special_limits", "");
    if (!rc)
        rc = sql_number(image, &c.exceptions, err, "SELECT count(*) FROM exceptions", "");
    if (!rc)
        rc = sql_number(image, &c.patterns, err,
                        "SELECT (SELECT count(*) FROM limit_patterns) +"
                        " (SELECT count(*) FROM admin_patterns)",
                        "");
    if (!rc)
        rc = sql_number(image, &c.settings, err, "SELECT count(*) FROM settings", "");
    if (!rc)
        rc = sql_number(image, &c.violations, err, "SELECT count(*) FROM violations", "");
    if (!rc)
        rc = sql_number(image, &c.open_rows, err,
                        "SELECT count(*) FROM enforcements"
                        " WHERE state IN ('intended', 'applied', 'restoring')",
                        "");
    if (!rc)
        rc = sql_number(image, &c.events, err, "SELECT count(*) FROM events", "");
    if (!rc)
        *ret = c;
    return rc;
}
