/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Any bytes as a backup, as its encrypted part, and (behind a first byte that says so) as the members of a
 * sound zip: refused with a reason, or whole. Mutated zips rarely get past their checksums otherwise.
 */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "service/backup/backup.h"
#include "service/backup/sealed.h"
#include "service/backup/zipfile.h"
#include "store/db.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_zip(struct slice zip)
{
    struct backup *b;
    struct err err = {0};

    if (backup_open(zip, &b, &err) == 0)
        backup_free(b);
    else if (!err.text[0])
        abort();
}

/* The manifest is the input; the other members are empty objects. */
static void as_manifest(struct slice text)
{
    struct zipfile_member m[] = {{.name = "manifest.json", .bytes = text},
                                 {.name = "pg-limiter.db", .bytes = SLICE("x")},
                                 {.name = "settings.json", .bytes = SLICE("{}")}};
    struct buf zip;
    struct err err;

    buf_init(&zip, LIMIT_BACKUP);
    if (zipfile_write(m, 3, 0, &zip, &err) == 0)
        open_zip(buf_slice(&zip));
    buf_release(&zip);
}

static void as_database(struct slice bytes)
{
    struct err err = {0};
    struct db *db;

    if (db_image_open(bytes, &db, &err) == 0)
        db_close(db);
    else if (!err.text[0])
        abort();
}

static void as_sealed(struct slice text)
{
    struct err err = {0};
    struct buf plain;

    buf_init(&plain, 1 << 16);
    if (sealed_open(SLICE("passphrase"), text, &plain, &err) && !err.text[0])
        abort();
    buf_release(&plain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice rest;

    if (size < 1)
        return 0;
    rest = (struct slice){(const char *)data + 1, size - 1};
    switch (data[0] & 3) {
    case 0:
        open_zip(rest);
        break;
    case 1:
        as_manifest(rest.n ? rest : SLICE("{}"));
        break;
    case 2:
        as_database(rest);
        break;
    default:
        as_sealed(rest);
    }
    return 0;
}
