/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../store/dump.h"
#include "base/limits.h"
#include "service/backup/backup.h"
#include "service/backup/sealed.h"
#include "service/backup/zipfile.h"
#include "store/db.h"
#include "store/db_settings.h"

static struct err err;

/* ---- bytes in and out: bed_ask speaks JSON ---- */

struct answer {
    int status;
    struct buf bytes;
};

static void take(void *arg, int status, struct slice bytes)
{
    struct answer *a = arg;

    a->status = status;
    buf_clear(&a->bytes);
    assert_int_equal(buf_add_slice(&a->bytes, bytes), 0);
}

static int ask(struct bed *bed, enum op_method method, const char *path, struct slice body,
               struct answer *a)
{
    struct slice rest = slice_of(path), head = slice_cut(&rest, '?');
    struct op_request req = {method, head, rest, body, SLICE("cli")};

    if (!a->bytes.max)
        buf_init(&a->bytes, LIMIT_BACKUP);
    op_call(&bed->port, &req, take, a);
    return a->status;
}

static void set(struct bed *bed, const char *key, const char *value)
{
    struct db_setting s = {slice_of(key), slice_of(value), BED_NOW, SLICE("test")};
    enum setting id;

    assert_int_equal(db_settings_put(bed->db, &s, &err), 0);
    assert_int_equal(setting_find(s.key, &id, &err), 0);
    assert_int_equal(settings_set(&bed->settings, id, ORIGIN_DB, s.value, &err), 0);
}

static void get_backup(struct bed *bed, struct answer *a)
{
    assert_int_equal(ask(bed, OP_GET, "/backup", (struct slice){NULL, 0}, a), 200);
}

static bool holds(struct slice s, const char *text)
{
    return memmem(s.p, s.n, text, strlen(text)) != NULL;
}

static char *setting_of(struct bed *bed, const char *key, char *out, size_t max)
{
    char text[256];
    char *dump = dump_file(bed->path), *at;

    snprintf(text, sizeof(text), "\n%s|", key);
    at = dump ? strstr(dump, text) : NULL;
    snprintf(out, max, "%.*s", at ? (int)strcspn(at + strlen(text), "|") : 0,
             at ? at + strlen(text) : "");
    free(dump);
    return out;
}

static void remove_kept(struct bed *bed)
{
    char text[256];

    snprintf(text, sizeof(text), "%s.before-20261123T154136Z", bed->path);
    assert_int_equal(unlink(text), 0);
}

static void there_and_back(void **state)
{
    struct answer a = {0}, b = {0};
    struct bed *bed = *state;
    char text[64];
    json_t *json;

    set(bed, "general_limit", "3");
    set(bed, "enforcement", "on");
    get_backup(bed, &a);
    assert_memory_equal(a.bytes.p, "PK", 2);
    set(bed, "general_limit", "9");

    assert_int_equal(ask(bed, OP_POST, "/restore", buf_slice(&a.bytes), &b), 409);
    assert_true(holds(buf_slice(&b.bytes), "confirm_needed"));
    assert_int_equal(ask(bed, OP_POST, "/restore?dry_run=true", buf_slice(&a.bytes), &b), 200);
    assert_true(holds(buf_slice(&b.bytes), "\"restored\":false"));
    assert_string_equal(setting_of(bed, "general_limit", text, sizeof(text)), "9");
    assert_false(bed->changed & OP_CHANGED_ALL);

    assert_int_equal(ask(bed, OP_POST, "/restore?confirm=true", buf_slice(&a.bytes), &b), 200);
    assert_true(bed->changed & OP_CHANGED_ALL);
    assert_string_equal(setting_of(bed, "general_limit", text, sizeof(text)), "3");
    assert_string_equal(setting_of(bed, "enforcement", text, sizeof(text)), "shadow");
    json = json_loadb(buf_str(&b.bytes), b.bytes.n, 0, NULL);
    assert_int_equal(json_integer_value(json_object_get(json, "users")), 2);
    assert_int_equal(unlink(json_string_value(json_object_get(json, "kept"))), 0);
    json_decref(json);
    buf_release(&a.bytes);
    buf_release(&b.bytes);
}

/* Off stays off: it must not begin to judge by being restored. */
static void off_stays_off(void **state)
{
    struct answer a = {0}, b = {0};
    struct bed *bed = *state;
    char text[64];

    set(bed, "enforcement", "off");
    get_backup(bed, &a);
    assert_int_equal(ask(bed, OP_POST, "/restore?confirm=true", buf_slice(&a.bytes), &b), 200);
    assert_string_equal(setting_of(bed, "enforcement", text, sizeof(text)), "off");
    remove_kept(bed);
    buf_release(&a.bytes);
    buf_release(&b.bytes);
}

static void secrets_only_with_a_passphrase(void **state)
{
    const struct backup_secrets files = {SLICE("PANEL_PASSWORD=of-the-env\n"), {NULL, 0}};
    struct backup_secrets got;
    struct answer a = {0}, b = {0};
    struct bed *bed = *state;
    struct buf sealed, clear;
    char text[64];

    set(bed, "ipinfo_token", "token-of-ipinfo");
    get_backup(bed, &a);
    buf_init(&sealed, LIMIT_BACKUP);
    buf_init(&clear, LIMIT_BACKUP);
    assert_int_equal(backup_seal(buf_slice(&a.bytes), SLICE("short"), &files, &bed->settings,
                                 BED_NOW, &sealed, &err),
                     ERR_INVALID);
    assert_int_equal(backup_seal(buf_slice(&a.bytes), SLICE("correct horse"), &files,
                                 &bed->settings, BED_NOW, &sealed, &err),
                     0);
    assert_false(holds(buf_slice(&sealed), "of-the-env") ||
                 holds(buf_slice(&sealed), "token-of-ipinfo"));
    assert_int_equal(backup_unseal(buf_slice(&sealed), SLICE("correct house"), BED_NOW, &got,
                                   &clear, &err),
                     ERR_AUTH);
    assert_int_equal(backup_unseal(buf_slice(&a.bytes), SLICE("correct horse"), BED_NOW, &got,
                                   &clear, &err),
                     ERR_INVALID);
    assert_int_equal(backup_unseal(buf_slice(&sealed), SLICE("correct horse"), BED_NOW, &got,
                                   &clear, &err),
                     0);
    assert_true(slice_eq(got.env, files.env) && !got.secrets_env.p);
    backup_secrets_release(&got);

    /* Without the passphrase the token is gone, with it it is there again. */
    assert_int_equal(ask(bed, OP_POST, "/restore?confirm=true", buf_slice(&sealed), &b), 200);
    assert_string_equal(setting_of(bed, "ipinfo_token", text, sizeof(text)), "");
    remove_kept(bed);
    assert_int_equal(ask(bed, OP_POST, "/restore?confirm=true", buf_slice(&clear), &b), 200);
    assert_string_equal(setting_of(bed, "ipinfo_token", text, sizeof(text)), "token-of-ipinfo");
    remove_kept(bed);
    buf_release(&a.bytes);
    buf_release(&b.bytes);
    buf_release(&sealed);
    buf_release(&clear);
}

/* ---- what is refused ---- */

struct refusals {
    struct bed *bed;
    char *before; /* the dump: what must not change */
    int n;
};

static int try_one(struct refusals *r, struct slice zip)
{
    struct answer b = {0};
    int status = ask(r->bed, OP_POST, "/restore?dry_run=true", zip, &b);

    /* Refused with a reason, and by what came, not by our own trouble. */
    if (status != 200) {
        assert_true(status == 422 || status == 413 || status == 409);
        assert_true(holds(buf_slice(&b.bytes), "\"detail\":\"") &&
                    !holds(buf_slice(&b.bytes), "\"detail\":\"\""));
        r->n++;
    }
    buf_release(&b.bytes);
    return status;
}

static void must_refuse(struct refusals *r, struct slice zip, const char *reason)
{
    struct answer b = {0};

    if (ask(r->bed, OP_POST, "/restore?confirm=true", zip, &b) < 400 ||
        !holds(buf_slice(&b.bytes), reason))
        fail_msg("%d, not \"%s\": %s", b.status, reason, buf_str(&b.bytes));
    r->n++;
    buf_release(&b.bytes);
}

/* Writes zips that no honest program makes. */
static void write_zip(struct buf *out, const struct zipfile_member *m, size_t n)
{
    buf_clear(out);
    assert_int_equal(zipfile_write(m, n, BED_NOW, out, &err), 0);
}

/* Replaces every from by to, of the same length; how many. */
static int patch(struct buf *b, const char *from, const char *to)
{
    size_t n = strlen(from);
    char *at = b->p;
    int found = 0;

    assert_int_equal(n, strlen(to));
    while ((at = memmem(at, b->n - (size_t)(at - b->p), from, n))) {
        memcpy(at, to, n);
        found++;
    }
    return found;
}

static void renamed(struct refusals *r, struct slice good, const char *from, const char *to,
                    const char *reason)
{
    struct buf b;

    buf_init(&b, LIMIT_BACKUP);
    assert_int_equal(buf_add_slice(&b, good), 0);
    assert_int_equal(patch(&b, from, to), 2); /* before the bytes, and in the directory */
    must_refuse(r, buf_slice(&b), reason);
    buf_release(&b);
}

static void tricks_with_names(struct refusals *r, struct slice good)
{
    static const char zeros[LIMIT_BACKUP_TEXT + 2];
    static char names[3000][24];
    static struct zipfile_member many[3000];
    struct zipfile_member odd[] = {{.name = "manifest.json", .bytes = SLICE("{}")},
                                   {.name = "settings.json", .bytes = SLICE("{}")}};
    struct buf b;
    size_t i;

    renamed(r, good, "settings.json", "../../etc.jsn", "which no backup has");
    renamed(r, good, "settings.json", "/etc/settings", "which no backup has");
    renamed(r, good, "settings.json", "SETTINGS.JSON", "which no backup has");
    renamed(r, good, "settings.json", "manifest.json", "");
    renamed(r, good, "manifest.json", "manifest.JSON", "no manifest.json");
    buf_init(&b, LIMIT_BACKUP);
    for (i = 0; i < ARRAY_LEN(many); i++) {
        snprintf(names[i], sizeof(names[i]), "m%zu", i);
        many[i] = (struct zipfile_member){.name = names[i], .bytes = SLICE("x")};
    }
    write_zip(&b, many, ARRAY_LEN(many));
    must_refuse(r, buf_slice(&b), "no manifest.json");
    many[0].name = "manifest.json";
    write_zip(&b, many, ARRAY_LEN(many));
    must_refuse(r, buf_slice(&b), "3000 members");
    many[0].name = "config/.env";
    write_zip(&b, many, 1);
    must_refuse(r, buf_slice(&b), "pg-limiter import");
    write_zip(&b, odd, 2);
    must_refuse(r, buf_slice(&b), "not one of pg-limiter");
    /* A bomb: 8 MiB of nothing in some kilobytes. */
    odd[1].bytes = (struct slice){zeros, sizeof(zeros)};
    write_zip(&b, odd, 2);
    assert_true(b.n < 20000);
    must_refuse(r, buf_slice(&b), "KiB, allowed are 8192");
    buf_release(&b);
}

/* Members as they are, but for one: the manifest is then not theirs any more, or of another kind. */
static void other_members(struct refusals *r, struct slice good)
{
    struct zipfile_member m[] = {{.name = "manifest.json", .max = 1 << 20},
                                 {.name = "pg-limiter.db", .max = LIMIT_IMAGE},
                                 {.name = "settings.json", .max = 1 << 20}};
    struct slice was;
    struct buf b, text;
    size_t i;

    buf_init(&b, LIMIT_BACKUP);
    buf_init(&text, 1 << 20);
    assert_int_equal(zipfile_read(good, m, 3, &err), 0);
    for (i = 0; i < 3; i++) {
        was = m[i].bytes;
        m[i].bytes = (struct slice){NULL, 0};
        write_zip(&b, m, 3);
        must_refuse(r, buf_slice(&b), m[i].name);
        m[i].bytes = SLICE("[1,2]");
        write_zip(&b, m, 3);
        must_refuse(r, buf_slice(&b), m[i].name);
        m[i].bytes = was;
    }
    was = m[0].bytes;
    buf_add_slice(&text, was);
    patch(&text, "\"format\":1", "\"format\":2");
    m[0].bytes = buf_slice(&text);
    write_zip(&b, m, 3);
    must_refuse(r, buf_slice(&b), "newer pg-limiter");
    buf_clear(&text);
    buf_add_slice(&text, was);
    patch(&text, "\"sha256\":\"", "\"sha265\":\"");
    m[0].bytes = buf_slice(&text);
    write_zip(&b, m, 3);
    must_refuse(r, buf_slice(&b), "manifest");
    m[0].bytes = was;
    zipfile_release(m, 3);
    buf_release(&text);
    buf_release(&b);
}

/* The mode of a member in the directory, made a symbolic link's. */
static void a_link(struct refusals *r, struct slice good)
{
    struct buf b;
    char *at;

    buf_init(&b, LIMIT_BACKUP);
    assert_int_equal(buf_add_slice(&b, good), 0);
    at = memmem(b.p, b.n, "PK\x01\x02", 4);
    assert_non_null(at);
    at[38 + 3] = (char)0xa1; /* S_IFLNK | 0600 above 16 bits */
    must_refuse(r, buf_slice(&b), "symbolic link");
    at[38 + 3] = (char)0x81;
    at[8] |= 1; /* encrypted */
    must_refuse(r, buf_slice(&b), "");
    buf_release(&b);
}

static void damaged_zips(void **state)
{
    struct refusals r = {.bed = *state};
    struct answer a = {0};
    struct buf b;
    size_t i;
    int taken = 0, flips;
    char *after;

    set(r.bed, "general_limit", "3");
    get_backup(r.bed, &a);
    set(r.bed, "general_limit", "9");
    r.before = dump_file(r.bed->path);
    must_refuse(&r, (struct slice){NULL, 0}, "no backup");
    must_refuse(&r, SLICE("{\"json\":true}"), "no zip");
    tricks_with_names(&r, buf_slice(&a.bytes));
    other_members(&r, buf_slice(&a.bytes));
    a_link(&r, buf_slice(&a.bytes));
    for (i = 0; i < 150; i++)
        assert_int_not_equal(try_one(&r,
                                     (struct slice){a.bytes.p, i < 50 ? i : a.bytes.n * i / 150}),
                             200);
    buf_init(&b, LIMIT_BACKUP);
    assert_int_equal(buf_add_slice(&b, buf_slice(&a.bytes)), 0);
    /* A bit that nobody looks at (a date, a permission) may be taken: the members are as they were. */
    for (flips = 0; r.n < 500; flips++) {
        i = ((size_t)flips * 7919 + 13) % b.n;
        b.p[i] ^= (char)(1 << flips % 8);
        taken += try_one(&r, buf_slice(&b)) == 200;
        b.p[i] ^= (char)(1 << flips % 8);
        assert_true(flips < 1000);
    }
    after = dump_file(r.bed->path);
    assert_string_equal(r.before, after);
    assert_false(r.bed->changed & OP_CHANGED_ALL);
    print_message("%d zips refused; %d of %d flipped bits stood where nothing depends on them\n",
                  r.n, taken, flips);
    assert_true(taken * 5 < flips);
    free(r.before);
    free(after);
    buf_release(&b);
    buf_release(&a.bytes);
}

/* Every byte of the sealed part matters. */
static void sealed_bounds(void **state)
{
    struct buf json, plain;
    size_t i;

    (void)state;
    buf_init(&json, 1 << 16);
    buf_init(&plain, 1 << 16);
    assert_int_equal(sealed_make(SLICE("correct horse"), SLICE("text"), &json, &err), 0);
    assert_int_equal(sealed_open(SLICE("correct horse"), buf_slice(&json), &plain, &err), 0);
    assert_true(slice_eq(buf_slice(&plain), SLICE("text")));
    for (i = 0; i < json.n; i += 7) {
        int rc;

        json.p[i] ^= 1;
        buf_clear(&plain);
        rc = sealed_open(SLICE("correct horse"), buf_slice(&json), &plain, &err);
        assert_true(rc == ERR_AUTH || rc == ERR_CORRUPT || rc == ERR_NOMEM);
        json.p[i] ^= 1;
    }
    assert_int_equal(patch(&json, "\"n\":32768", "\"n\":16384"), 1);
    assert_int_equal(sealed_open(SLICE("correct horse"), buf_slice(&json), &plain, &err), ERR_AUTH);
    assert_int_equal(patch(&json, "\"n\":16384", "\"n\":16385"), 1);
    assert_int_equal(sealed_open(SLICE("correct horse"), buf_slice(&json), &plain, &err),
                     ERR_CORRUPT);
    buf_release(&json);
    buf_release(&plain);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(there_and_back, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(off_stays_off, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(secrets_only_with_a_passphrase, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(damaged_zips, bed_setup, bed_teardown),
        cmocka_unit_test(sealed_bounds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
