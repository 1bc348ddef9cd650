/* SPDX-License-Identifier: AGPL-3.0-or-later */
/* What leaves the daemon besides: recordings, address history, the evidence of a verdict. */
#include "app_bed.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/recorder.h"
#include "base/stamp.h"
#include "panel/jval.h"

static int64_t size_of(const char *path)
{
    struct stat st;

    return stat(path, &st) ? -1 : st.st_size;
}

static int mode_of(const char *path)
{
    struct stat st;

    assert_int_equal(stat(path, &st), 0);
    return st.st_mode & 0777;
}

static void remove_all(const char *dir, const char *const *names)
{
    char path[512];

    for (; *names; names++) {
        snprintf(path, sizeof(path), "%s/%s", dir, *names);
        unlink(path);
    }
    assert_int_equal(rmdir(dir), 0);
}

/* ---- recorder ---- */

static const char *const tapes[] = {
    "node-1.log", "node-1.log.1", "node-1.log.2", "node-1.log.3", "node-1.log.4", "node-7.log",
    NULL};

static void a_recording(void **state)
{
    const char *dir = bed_path("tapes");
    struct recorder *r = NULL;
    char path[512], text[256];
    struct err err = {0};
    FILE *f;

    (void)state;
    umask(0);
    assert_int_equal(recorder_new(dir, &r, &err), ERR_OK);
    assert_int_equal(mode_of(dir), 0700);
    recorder_mark(r, 7, 1000, true);
    recorder_write(r, 7, 2000, (struct slice){"a\0b", 3});
    recorder_mark(r, 7, 3000, false);
    snprintf(path, sizeof(path), "%s/node-7.log", dir);
    recorder_flush(r);
    assert_int_equal(mode_of(path), 0600);
    f = fopen(path, "re");
    assert_non_null(f);
    assert_int_equal(fread(text, 1, sizeof(text), f), 35);
    fclose(f);
    assert_memory_equal(text, "@1000 #open\n@2000 a\0b\n@3000 #close\n", 35);
    /* Taken up again, not overwritten. */
    recorder_free(r);
    assert_int_equal(recorder_new(dir, &r, &err), ERR_OK);
    recorder_write(r, 7, 4000, SLICE("c"));
    recorder_free(r);
    assert_int_equal(size_of(path), 35 + 8);
    remove_all(dir, tapes);
}

static void assert_recorded(const char *dir, const char *name, const char *wanted)
{
    char path[512], text[256];
    size_t n;
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    f = fopen(path, "re");
    assert_non_null(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    assert_string_equal(text, wanted);
}

/* Lines of several nodes that come in one turn keep their order, which replay takes from their times. */
static void a_recording_keeps_the_order(void **state)
{
    const char *dir = bed_path("tapes");
    struct recorder *r = NULL;
    struct err err = {0};

    (void)state;
    assert_int_equal(recorder_new(dir, &r, &err), ERR_OK);
    recorder_write(r, 1, 1000, SLICE("a"));
    recorder_write(r, 1, 1000, SLICE("b"));
    recorder_write(r, 7, 1000, SLICE("c"));
    recorder_write(r, 1, 1000, SLICE("d"));
    recorder_write(r, 1, 2000, SLICE("e"));
    /* A clock set back is no lack of order. */
    recorder_write(r, 7, -5000000, SLICE("f"));
    recorder_free(r);
    assert_recorded(dir, "node-1.log", "@1000 a\n@1000 b\n@1002 d\n@2000 e\n");
    assert_recorded(dir, "node-7.log", "@1001 c\n@-5000000 f\n");
    remove_all(dir, tapes);
}

/* 7 files' worth of lines: five are kept, each of 64 MiB and a buffer at the most. */
static void a_recording_is_bounded(void **state)
{
    const char *dir = bed_path("tapes");
    const int64_t file_max = INT64_C(64) << 20;
    struct recorder *r = NULL;
    struct err err = {0};
    char path[512], *big = malloc(LIMIT_LINE);
    int64_t all = 0;
    int i;

    (void)state;
    assert_non_null(big);
    memset(big, 'x', LIMIT_LINE);
    assert_int_equal(recorder_new(dir, &r, &err), ERR_OK);
    for (i = 0; i < 7 * 512; i++)
        recorder_write(r, 1, 1000, (struct slice){big, LIMIT_LINE});
    recorder_free(r);
    for (i = 0; tapes[i]; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, tapes[i]);
        if (size_of(path) < 0)
            continue;
        assert_in_range(size_of(path), 0, file_max + (1 << 20));
        all += size_of(path);
    }
    assert_in_range(all, 4 * file_max, 5 * (file_max + (1 << 20)));
    snprintf(path, sizeof(path), "%s/node-1.log.5", dir);
    assert_int_equal(size_of(path), -1);
    remove_all(dir, tapes);
    free(big);
}

/* A file that cannot be written is given up; a link that somebody laid there is not followed. */
static void a_recording_that_fails(void **state)
{
    const char *dir = bed_path("tapes"), *victim = bed_path("victim");
    struct recorder *r = NULL;
    struct err err = {0};
    char path[512];

    (void)state;
    assert_int_equal(recorder_new(bed_path("missing/deep"), &r, &err), ERR_IO);
    assert_non_null(strstr(err.text, "--record"));
    assert_int_equal(recorder_new(dir, &r, &err), ERR_OK);
    close(open(victim, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    snprintf(path, sizeof(path), "%s/node-1.log", dir);
    assert_int_equal(symlink(victim, path), 0);
    snprintf(path, sizeof(path), "%s/node-7.log", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    recorder_write(r, 1, 1000, SLICE("one"));
    recorder_write(r, 7, 1000, SLICE("seven"));
    recorder_write(r, 7, 1000, SLICE("seven"));
    recorder_free(r);
    assert_int_equal(size_of(victim), 0);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(unlink(victim), 0);
    remove_all(dir, tapes);
}

/* ---- address history ---- */

static struct record seen(int64_t id, uint32_t ip, struct slice tag)
{
    struct record rec = {.id = id, .inbound = tag};
    char text[32];

    snprintf(text, sizeof(text), "%u.%u.%u.%u", 60 + (ip >> 24), ip >> 16 & 255, ip >> 8 & 255,
             ip & 255);
    assert_int_equal(addr_parse(slice_of(text), &rec.ip), ERR_OK);
    return rec;
}

static void history_counts(void **state)
{
    struct app_bed *b = *state;
    struct history *h = b->d.history;
    char tag[100];
    struct record rec;
    int i;

    memset(tag, 't', sizeof(tag));
    for (i = 0; i < 10; i++) {
        rec = seen(1, 5, SLICE("IN"));
        history_add(h, 1, &rec, bed_clock_us + i * STAMP_SECOND);
    }
    history_add(h, 2, &rec, bed_clock_us);
    rec = seen(1, 5, SLICE("OTHER"));
    history_add(h, 1, &rec, bed_clock_us);
    rec = seen(2, 5, (struct slice){tag, sizeof(tag)});
    history_add(h, 1, &rec, bed_clock_us);
    history_flush(h);
    history_flush(h);
    rec = seen(1, 5, SLICE("IN"));
    history_add(h, 1, &rec, bed_clock_us + 60 * STAMP_SECOND);
    history_flush(h);
    bed_settle(b);
    assert_int_equal(bed_number(b, "SELECT count(*) FROM ip_history"), 4);
    assert_int_equal(bed_number(b, "SELECT count FROM ip_history WHERE user_id=1 AND node_id=1"
                                   " AND inbound='IN' AND address='60.0.0.5'"),
                     11);
    assert_int_equal(bed_number(b, "SELECT last_seen-first_seen FROM ip_history WHERE user_id=1"
                                   " AND node_id=1 AND inbound='IN'"),
                     60000);
    assert_int_equal(bed_number(b, "SELECT length(inbound) FROM ip_history WHERE user_id=2"), 64);
    assert_int_equal(history_left_out(h), 0);
}

/* A spray between two writes fills no memory; what found no room is counted. */
static void history_is_bounded(void **state)
{
    struct app_bed *b = *state;
    struct history *h = history_new(b->d.owner, b->d.key);
    struct record rec;
    uint32_t i;

    assert_non_null(h);
    for (i = 0; i < LIMIT_HISTORY_PENDING + 1000; i++) {
        rec = seen(1, i, SLICE("IN"));
        history_add(h, 1, &rec, bed_clock_us);
    }
    assert_int_equal(history_left_out(h), 1000);
    rec = seen(1, 7, SLICE("IN"));
    history_add(h, 1, &rec, bed_clock_us);
    assert_int_equal(history_left_out(h), 1000);
    history_free(h);
}

/* ---- evidence ---- */

/* The JSON kept with a verdict is whole, and says what convicted. */
static void evidence_of_a_verdict(void **state)
{
    struct app_bed *b = *state;
    struct user_view *v = calloc(1, sizeof(*v));
    struct decision dec = {.kind = DECISION_PUNISH, .id = 1, .limit = 2, .concurrent = 3};
    const struct jval *devices, *pairs;
    struct jval *doc = NULL;
    struct err err = {0};
    struct buf out;
    int64_t n;

    assert_non_null(v);
    bed_share(b, 1, 1, 3, 100);
    assert_int_equal(engine_view(b->d.engine, 1, bed_clock_us, v), ERR_OK);
    dec.evidence = &v->evidence;
    dec.devices = v->devices;
    snprintf(dec.why, sizeof(dec.why), "\"quoted\" \\ and \n");
    buf_init(&out, LIMIT_EVIDENCE);
    evidence_json(&b->d, &dec, &out);
    assert_false(out.failed);
    if (jval_parse(buf_slice(&out), &doc, &err))
        fail_msg("%s: %s", err.text, buf_str(&out));
    assert_int_equal(jval_need_int(doc, "limit", &n, &err), ERR_OK);
    assert_int_equal(n, 2);
    assert_int_equal(jval_need_int(doc, "active", &n, &err), ERR_OK);
    assert_int_equal(n, 3);
    devices = jval_get(doc, "devices");
    pairs = jval_get(doc, "pairs");
    assert_int_equal(jval_len(devices), 3);
    assert_int_equal(jval_len(pairs), 3);
    assert_true(slice_eq(jval_opt_text(jval_at(devices, 0), "role"), SLICE("counted")));
    assert_true(slice_eq(jval_opt_text(jval_at(devices, 0), "inbound"), SLICE("IN")));
    assert_int_equal(jval_opt_int(jval_at(devices, 0), "node", 0), 1);
    assert_non_null(jval_get(jval_at(pairs, 0), "score"));
    assert_int_equal(jval_len(jval_get(doc, "coverage")), 1);
    assert_true(jval_opt_bool(jval_at(jval_get(doc, "coverage"), 0), "stream_open", false));
    assert_true(slice_eq(jval_opt_text(jval_get(doc, "settings"), "verdict"), SLICE("concurrent")));
    assert_true(slice_eq(jval_opt_text(doc, "limit_from"), SLICE("general")));
    jval_free(doc);
    /* Without evidence, and as full as it can be, it is whole, too. */
    dec.evidence = NULL;
    buf_clear(&out);
    evidence_json(&b->d, &dec, &out);
    assert_int_equal(jval_parse(buf_slice(&out), &doc, &err), ERR_OK);
    jval_free(doc);
    buf_release(&out);
    free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_recording, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_recording_keeps_the_order, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_recording_is_bounded, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(a_recording_that_fails, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(history_counts, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(history_is_bounded, bed_setup, bed_teardown),
        cmocka_unit_test_setup_teardown(evidence_of_a_verdict, bed_setup, bed_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
