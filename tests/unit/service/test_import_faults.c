/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include "../faulty_memory.h"
#include "../store/dump.h"
#include "../store/faulty_disk.h"
#include "../store/scratch.h"
#include "base/num.h"
#include "store/db.h"

/*
 * An import on a disk whose nth write fails, and with the nth allocation failing (linked with --wrap of
 * malloc, calloc and realloc): it is refused and has changed nothing, or is complete; and the second try
 * is complete.
 */

static long memory_armed = -1; /* allocations until the failing one; below 0: none */

/* ---- what is imported ---- */

static const char body[] =
    "{\"limits\":{\"alice\":5,\"nobody\":4},\"exceptions\":{\"bob\":\"office\"},"
    "\"disabled\":{\"off\":{\"disabled_at\":1795448000,\"due_at\":1795449000},"
    "\"moved\":{\"disabled_at\":1795448000,\"groups\":[1,2]},\"ever\":{\"due_at\":-1}},"
    "\"violations\":{\"alice\":[{\"at\":1795440000,\"step\":0,\"minutes\":0},"
    "{\"at\":1795444000,\"step\":1,\"minutes\":15}]},"
    "\"patterns\":[{\"kind\":\"prefix\",\"text\":\"vip_\",\"limit\":4}],"
    "\"owners\":[{\"kind\":\"prefix\",\"text\":\"r_\",\"admin\":\"reseller\"}],\"admins\":[77],"
    "\"settings\":{\"general_limit\":{\"value\":\"3\",\"where\":\"db\"},"
    "\"punishment_window_hours\":{\"value\":\"72\",\"where\":\"db\"}}}";

static void everyone(void *app, void (*page)(void *arg, const struct panel_user *users, size_t n),
                     op_check_fn fn, void *arg)
{
    static const struct {
        int64_t id;
        const char *name;
        enum panel_status status;
        int64_t group;
    } all[] = {{12, "alice", PANEL_STATUS_ACTIVE, 1},
               {14, "bob", PANEL_STATUS_ACTIVE, 1},
               {21, "off", PANEL_STATUS_DISABLED, 1},
               {22, "moved", PANEL_STATUS_DISABLED, 9},
               {23, "ever", PANEL_STATUS_DISABLED, 2}};
    struct panel_user users[ARRAY_LEN(all)] = {0};
    size_t i;

    (void)app;
    for (i = 0; i < ARRAY_LEN(all); i++) {
        users[i] = (struct panel_user){.id = all[i].id,
                                       .name = slice_of(all[i].name),
                                       .status = all[i].status,
                                       .status_text = SLICE("word"),
                                       .n_groups = 1,
                                       .groups_told = true,
                                       .expire_us = STAMP_NONE,
                                       .created_at_us = BED_NOW - all[i].id * STAMP_SECOND,
                                       .edit_at_us = STAMP_NONE};
        users[i].groups[0] = all[i].group;
    }
    page(arg, users, ARRAY_LEN(all));
    fn(arg, ERR_OK, NULL);
}

static struct bed *bed;

static void begin(void)
{
    void *state = NULL;

    assert_int_equal(bed_setup(&state), 0);
    bed = state;
    bed->port.everyone = everyone;
}

static void end(void)
{
    void *state = bed;

    assert_int_equal(bed_teardown(&state), 0);
}

static char *dump(void)
{
    char *text = dump_file(bed->path);

    assert_non_null(text);
    return text;
}

/* Where a state begins to differ from what it should be. */
static void fail_at(long n, const char *is, const char *should)
{
    size_t i;

    for (i = 0; is[i] && is[i] == should[i]; i++)
        ;
    while (i > 0 && is[i - 1] != '\n')
        i--;
    fail_msg("case %ld: answered %d and left\n%.300s\nnot\n%.300s", n, bed->status, is + i,
             should + i);
}

static char *whole; /* the state after an import that nothing disturbed */

static int set_up(void **state)
{
    if (set_up_disk(state))
        return -1;
    begin();
    assert_int_equal(bed_ask(bed, "POST /import", body), 200);
    assert_int_equal(bed_number(bed, "taken") + bed_number(bed, "changed"), 10);
    whole = dump();
    assert_int_equal(bed_ask(bed, "POST /import", body), 200);
    assert_int_equal(bed_number(bed, "taken") + bed_number(bed, "changed"), 0);
    end();
    return 0;
}

static int tear_down(void **state)
{
    free(whole);
    return tear_down_disk(state);
}

/* Nothing, or all of it; the second import makes it all. True when the first was refused. */
static bool is_nothing_or_all(const char *before)
{
    char *after = dump();
    bool refused = bed->status != 200;

    if (refused && strcmp(after, before) != 0 && strcmp(after, whole) != 0)
        fail_at(disk.calls, after, whole);
    if (!refused)
        assert_string_equal(after, whole);
    free(after);
    assert_int_equal(bed_ask(bed, "POST /import", body), 200);
    after = dump();
    assert_string_equal(after, whole);
    free(after);
    return refused;
}

static void a_disk_that_fails(void **state)
{
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR};
    int code, good, refused = 0, all = 0;
    bool happened = true;
    char *before;
    long n;

    (void)state;
    for (code = 0; code < 2; code++) {
        for (good = 0; good < 2; good++) {
            for (n = 0, happened = true; happened; n++) {
                begin();
                before = dump();
                disk.code = codes[code];
                disk.for_good = good;
                disk.countdown = n;
                bed_ask(bed, "POST /import", body);
                happened = good ? disk.countdown == 0 : disk.countdown < 0;
                disk.countdown = -1;
                refused += is_nothing_or_all(before);
                all++;
                free(before);
                end();
            }
        }
    }
    print_message("%d imports on a failing disk, %d refused\n", all, refused);
    assert_true(refused > 8);
}

static void take_status(void *arg, int status, struct slice json)
{
    (void)json;
    *(int *)arg = status;
}

/*
 * Counted from the first look at the settings: jansson's own parser drops a byte of a text without a word
 * when there is no memory for it, which nobody behind it can know.
 */
static const struct settings *get_settings(void *app)
{
    if (memory_armed >= 0) {
        memory_fails((unsigned long)memory_armed + 1, 1);
        memory_armed = -1;
    }
    return &((struct bed *)app)->settings;
}

static void changed(void *app, unsigned what)
{
    (void)app;
    (void)what;
}

/* Without the nth allocation; false: there was none. */
static bool import_short(long n)
{
    struct op_request req = {.method = OP_POST,
                             .path = SLICE("/import"),
                             .body = slice_of(body),
                             .who = SLICE("cli")};
    bool happened;

    bed->status = 0;
    memory_armed = n;
    bed->port.settings = get_settings;
    bed->port.changed = changed;
    op_call(&bed->port, &req, take_status, &bed->status);
    happened = memory_heals() > (unsigned long)n;
    assert_int_not_equal(bed->status, 0);
    return happened;
}

static void memory_that_is_short(void **state)
{
    int refused = 0, all = 0;
    char *before, *after;
    bool happened = true;
    long n;

    (void)state;
    json_set_alloc_funcs(__wrap_malloc, free);
    begin();
    before = dump();
    for (n = 0; happened; n++) {
        all++;
        happened = import_short(n);
        after = dump();
        if (bed->status != 200) {
            refused++;
            if (strcmp(after, before) != 0)
                fail_at(n, after, before);
        } else {
            if (strcmp(after, whole) != 0)
                fail_at(n, after, whole);
            end();
            begin();
        }
        free(after);
    }
    assert_int_equal(bed_ask(bed, "POST /import", body), 200);
    free(before);
    end();
    json_set_alloc_funcs(malloc, free);
    print_message("%d imports short of memory, %d refused\n", all, refused);
    assert_true(refused > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_disk_that_fails),
        cmocka_unit_test(memory_that_is_short),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
