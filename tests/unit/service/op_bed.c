/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "op_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "service/settings/settings_store.h"
#include "store/db_journal.h"
#include "store/db.h"
#include "store/db_users.h"

static const struct settings *get_settings(void *app)
{
    return &((struct bed *)app)->settings;
}

static int64_t get_now(void *app)
{
    (void)app;
    return BED_NOW;
}

static const char *get_env_file(void *app)
{
    (void)app;
    return "/etc/opt/pg-limiter/.env";
}

static void find_user(void *app, int64_t id, struct slice name, panel_user_fn fn, void *arg)
{
    struct bed *bed = app;
    struct panel_user user = {.id = id ? id : 77, .name = name.n ? name : SLICE("found")};
    struct err err = {0};

    bed->asked++;
    user.created_at_us = STAMP_NONE;
    if (bed->mood == PANEL_KNOWS)
        fn(arg, ERR_OK, NULL, &user);
    else if (bed->mood == PANEL_SAYS_NO)
        fn(arg, err_set(&err, ERR_NOT_FOUND, "no"), &err, NULL);
    else
        fn(arg, err_set(&err, ERR_UNREACHABLE, "down"), &err, NULL);
}

static void enable(void *app, const struct op_enable *what, op_enable_fn fn, void *arg)
{
    struct bed *bed = app;

    bed->enabled_id = what->n ? what->ids[0] : 0;
    bed->enabled_all = what->all;
    bed->enabled_since = what->since_us;
    bed->forgiven = what->forgive;
    fn(arg, ERR_OK, NULL, SLICE("[{\"id\":12,\"result\":\"enabled\"}]"));
}

static void state_json(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(out, "{\"live\":true}");
}

static void live_json(void *app, int64_t id, struct buf *out)
{
    (void)app;
    buf_addf(out, "{\"state\":\"clear\",\"of\":%lld}", (long long)id);
}

static const struct roster *get_roster(void *app)
{
    return &((struct bed *)app)->roster;
}

static int users_of(void *app, int64_t panel_admin_id, struct db_scope *ret)
{
    struct bed *bed = app;

    assert_int_equal(panel_admin_id, bed->panel_admin_id);
    ret->ids = malloc(sizeof(*ret->ids));
    assert_non_null(ret->ids);
    ret->ids[0] = bed->his;
    ret->n = bed->his != 0;
    return 0;
}

/* As the daemon: what changed in the database is read anew. */
static void changed(void *app, unsigned what)
{
    struct bed *bed = app;
    struct err err;

    bed->changed |= what;
    if (what & OP_CHANGED_ADMINS)
        assert_int_equal(roster_load(bed->db, &bed->roster, &err), ERR_OK);
    if (what & OP_CHANGED_SETTINGS)
        assert_int_equal(settings_load(&bed->settings, bed->db, NULL, &err), ERR_OK);
}

int bed_setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    int fd;
    struct db_user users[] = {{12, SLICE("alice"), STAMP_NONE}, {13, SLICE("12345"), STAMP_NONE}};
    struct err err;

    assert_non_null(bed);
    snprintf(bed->path, sizeof(bed->path), "%s/pg-op-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    fd = mkstemp(bed->path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(db_open_file(bed->path, &bed->db, &err), ERR_OK);
    assert_int_equal(db_users_put(bed->db, users, 2, BED_NOW, &err), ERR_OK);
    assert_int_equal(settings_init(&bed->settings), ERR_OK);
    bed->port = (struct op_port){
        .app = bed,
        .submit = owner_submit_here,
        .store = bed->db,
        .settings = get_settings,
        .now_us = get_now,
        .env_file = get_env_file,
        .find_user = find_user,
        .enable = enable,
        .users_of = users_of,
        .roster = get_roster,
        .changed = changed,
        .status_json = state_json,
        .nodes_json = state_json,
        .live_json = live_json,
    };
    bed->mood = PANEL_SAYS_NO;
    bed->who = "cli";
    *state = bed;
    return 0;
}

int bed_teardown(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    struct bed *bed = *state;
    char path[96];
    size_t i;

    db_close(bed->db);
    for (i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(path, sizeof(path), "%s%s", bed->path, tails[i]);
        unlink(path);
    }
    settings_release(&bed->settings);
    roster_release(&bed->roster);
    json_decref(bed->json);
    free(bed);
    return 0;
}

static void take_reply(void *arg, int status, struct slice json)
{
    struct bed *bed = arg;

    bed->replies++;
    bed->status = status;
    json_decref(bed->json);
    bed->json = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
    if (!bed->json)
        fail_msg("no JSON: %.*s", (int)json.n, json.p);
}

/* Makes a request ("PUT /path?query") and returns its status. */
int bed_ask(struct bed *bed, const char *what, const char *body)
{
    struct op_request req = {.who = slice_of(bed->who),
                             .body = slice_of(body),
                             .role = bed->role,
                             .panel_admin_id = bed->panel_admin_id};
    struct slice rest = slice_of(what), path;
    int before = bed->replies;

    assert_int_equal(op_method_parse(slice_cut(&rest, ' '), &req.method), ERR_OK);
    path = slice_cut(&rest, '?');
    req.path = path;
    req.query = rest;
    op_call(&bed->port, &req, take_reply, bed);
    assert_int_equal(bed->replies, before + 1);
    return bed->status;
}

const char *bed_text(struct bed *bed, const char *key)
{
    const char *s = json_string_value(json_object_get(bed->json, key));

    return s ? s : "";
}

int64_t bed_number(struct bed *bed, const char *key)
{
    return json_integer_value(json_object_get(bed->json, key));
}

bool bed_yes(struct bed *bed, const char *key)
{
    return json_is_true(json_object_get(bed->json, key));
}

json_t *bed_first(struct bed *bed)
{
    return json_array_get(json_object_get(bed->json, "data"), 0);
}

void bed_disable_alice(struct bed *bed)
{
    struct db_violation verdict = {.user_id = 12,
                                   .name = SLICE("alice"),
                                   .at_us = BED_NOW,
                                   .action = SLICE("disable 15m"),
                                   .max_devices = 2,
                                   .devices = 5,
                                   .evidence = SLICE("{}")};
    struct db_row row = {.user_id = 12,
                         .name = SLICE("alice"),
                         .verdict_us = BED_NOW,
                         .action = SLICE("disable 15m"),
                         .duration_us = 900 * STAMP_SECOND,
                         .status_before = SLICE("active"),
                         .edit_before_us = STAMP_NONE,
                         .user_created_us = STAMP_NONE,
                         .intended_us = BED_NOW,
                         .due_us = BED_NOW + 900 * STAMP_SECOND};
    int64_t id, verdict_id;
    struct err err;

    if (db_journal_intend(bed->db, &row, &verdict, &id, &verdict_id, &err))
        fail_msg("%s", err.text);
}

const char *bed_member(json_t *row, const char *key)
{
    const char *s = json_string_value(json_object_get(row, key));

    return s ? s : "";
}
