/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_image.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/migrate.h"
#include "store/schema.h"
#include "store/sql.h"
#include "base/banned.h"

enum { PAGE = 4096, VERSION_WRITE = 18, VERSION_READ = 19 };
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

/* What integrity_check says of the first fault, in a line. */
static int damaged(const struct db *db, struct slice told, struct err *err)
{
    static const char head[] = "*** in database main ***\n";

    if (slice_starts(told, slice_of(head)))
        told = slice_skip(told, sizeof(head) - 1);
    told = slice_cut(&told, '\n');
    return err_set(err, ERR_CORRUPT, "%s is damaged: %.*s", db->path,
                   (int)(told.n < 200 ? told.n : 200), told.p ? told.p : "");
}

/* SQLite's own word for a damaged file comes with advice for the database in use. */
static int plain(const struct db *db, int rc, struct err *err)
{
    return rc == ERR_CORRUPT ? damaged(db, slice_of(sqlite3_errmsg(db->h)), err) : rc;
}

/* Steps through two lists of the schema's objects: both must say the same. */
static int compare_rows(struct db *db, struct sql *mine, struct sql *want, struct err *err)
{
    int a, b;

    for (;;) {
        a = sql_step(mine, err);
        b = a < 0 ? 0 : sql_step(want, err);
        if (a < 0 || b < 0)
            return a < 0 ? plain(db, a, err) : b;
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
        rc = plain(db, sql_open(&mine, db, err, list_schema, ""), err);
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
        return plain(db, rc, err);
    rc = sql_step(&q, err);
    if (rc == 1 && slice_eq(sql_text(&q, 0), SLICE("ok")))
        rc = ERR_OK;
    else if (rc >= 0)
        rc = damaged(db, rc == 1 ? sql_text(&q, 0) : SLICE("it cannot be checked"), err);
    else
        rc = plain(db, rc, err);
    sql_close(&q);
    if (rc)
        return rc;
    rc = sql_open(&q, db, err, "PRAGMA foreign_key_check", "");
    if (rc)
        return plain(db, rc, err);
    rc = sql_step(&q, err);
    if (rc == 1)
        rc = err_set(err, ERR_CORRUPT, "%s is damaged: a row of %.*s refers to none", db->path,
                     (int)(sql_text(&q, 0).n < 64 ? sql_text(&q, 0).n : 0), sql_text(&q, 0).p);
    else if (rc < 0)
        rc = plain(db, rc, err);
    sql_close(&q);
    return rc;
}

static int check(struct db *db, struct err *err)
{
    int64_t version = 0, app = 0;
    int rc = sql_number(db, &version, err, "PRAGMA user_version", "");

    if (!rc)
        rc = sql_number(db, &app, err, "PRAGMA application_id", "");
    if (rc)
        return plain(db, rc, err);
    if (app != SCHEMA_APPLICATION_ID || version < 1)
        return err_set(err, ERR_CORRUPT, "%s is no database of pg-limiter", db->path);
    if (version > schema_version())
        return err_set(
            err, ERR_INVALID,
            "the backup was made by a newer pg-limiter (tables of version %lld, this one "
            "knows %d): update this one first",
            (long long)version, schema_version());
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
