/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store_bed.h"

#include "base/limits.h"
#include "store/db_events.h"
#include "store/db_history.h"
#include "store/db_journal.h"
#include "store/db_limits.h"
#include "store/db_nodes.h"
#include "store/db_patterns.h"
#include "store/db_settings.h"
#include "store/db_users.h"
#include "store/retention.h"

/* Rows as one line of text, so that a whole listing is compared at once. */
static char listing[8192];

static void list(const char *fmt, ...)
{
    size_t n = strlen(listing);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(listing + n, sizeof(listing) - n, fmt, ap);
    va_end(ap);
}

#define S(s) (int)(s).n, (s).p

static int list_setting(void *arg, const struct db_setting *r)
{
    list("%.*s=%.*s@%lld/%.*s ", S(r->key), S(r->value), (long long)(r->updated_us / MS),
         S(r->updated_by));
    return arg ? *(int *)arg : 0;
}

static void settings_and_meta(void **state)
{
    struct db_setting a = {SLICE("b"), SLICE("1"), 5 * MS, SLICE("cli")};
    struct db_setting b = {SLICE("a"), SLICE(""), 6 * MS + 7, SLICE("api")};
    char value[8];
    int stop = 42;

    (void)state;
    assert_int_equal(db_settings_put(db, &a, &err), 0);
    assert_int_equal(db_settings_put(db, &b, &err), 0);
    a.value = SLICE("2");
    assert_int_equal(db_settings_put(db, &a, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_settings_each(db, list_setting, NULL, &err), 0);
    assert_string_equal(listing, "a=@6/api b=2@5/cli ");
    listing[0] = '\0';
    assert_int_equal(db_settings_each(db, list_setting, &stop, &err), 42);
    assert_string_equal(listing, "a=@6/api ");
    assert_int_equal(db_settings_delete(db, SLICE("a"), &err), 0);
    assert_int_equal(db_settings_delete(db, SLICE("a"), &err), ERR_NOT_FOUND);
    assert_int_equal(db_meta_get(db, "x", value, sizeof(value), &err), ERR_NOT_FOUND);
    assert_int_equal(db_meta_put(db, "x", SLICE("1234567"), &err), 0);
    assert_int_equal(db_meta_get(db, "x", value, sizeof(value), &err), 0);
    assert_string_equal(value, "1234567");
    assert_int_equal(db_meta_put(db, "x", SLICE("12345678"), &err), 0);
    assert_int_equal(db_meta_get(db, "x", value, sizeof(value), &err), ERR_TOO_BIG);
    assert_int_equal(db_meta_delete(db, "x", &err), 0);
    assert_int_equal(db_meta_delete(db, "x", &err), 0);
}

static void users_by_id_and_name(void **state)
{
    struct db_user first[] = {{1, SLICE("bob"), T0},
                              {2, SLICE("Bob"), T0},
                              {3, SLICE("12345"), T0},
                              {4, SLICE("eve"), T0},
                              {5, SLICE("sue"), STAMP_NONE}};
    struct db_user later[] = {{1, SLICE("robert"), STAMP_NONE}, {9, SLICE("bob"), T0 + DAY}};
    struct db_user rebuilt[] = {{1, SLICE("x"), T0 + 1},
                                {2, SLICE("Bob"), T0 + DAY},
                                {3, SLICE("12345"), T0 + DAY},
                                {5, SLICE("sue"), T0 + DAY}};
    struct db_user bad = {7, {NULL, 0}, T0};
    struct db_user_found u;
    size_t n = 99;

    (void)state;
    assert_int_equal(db_users_put(db, first, 5, T0 + DAY, &err), 0);
    assert_int_equal(db_users_put(db, later, 2, T0 + 2 * DAY, &err), 0);
    assert_int_equal(db_users_by_id(db, 1, &u, &err), 0);
    assert_string_equal(u.name, "robert");
    assert_true(u.created_us == T0 && u.seen_us == T0 + 2 * DAY);
    assert_int_equal(db_users_by_name(db, SLICE("bob"), &u, &err), 0);
    assert_int_equal(u.id, 9);
    assert_int_equal(db_users_by_name(db, SLICE("Bob"), &u, &err), 0);
    assert_int_equal(u.id, 2);
    assert_int_equal(db_users_by_name(db, SLICE("12345"), &u, &err), 0);
    assert_int_equal(u.id, 3);
    assert_int_equal(db_users_by_name(db, SLICE("BOB"), &u, &err), ERR_NOT_FOUND);
    assert_int_equal(db_users_by_id(db, 77, &u, &err), ERR_NOT_FOUND);
    assert_int_equal(db_users_strangers(db, rebuilt, 4, &n, &err), 0);
    assert_int_equal(n, 2); /* the first differs by less than a millisecond, the last was unknown */
    assert_int_equal(db_users_confirm(db, &err), 0);
    assert_int_equal(db_users_strangers(db, rebuilt, 4, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(db_users_put(db, &bad, 1, T0, &err), ERR_INVALID);
    assert_int_equal(db_users_delete(db, 9, &err), 0);
    assert_int_equal(db_users_by_id(db, 9, &u, &err), ERR_NOT_FOUND);
}

static int list_limit(void *arg, const struct db_limit *r)
{
    (void)arg;
    list("%lld:%.*s=%d%.*s/%.*s ", (long long)r->user_id, S(r->name), r->max_devices, S(r->reason),
         S(r->updated_by));
    return 0;
}

static void limits_by_id_and_by_name(void **state)
{
    struct db_limit ann = {1, SLICE("ann"), 3, {NULL, 0}, T0, SLICE("cli")};
    struct db_limit bob = {0, SLICE("bob"), 4, {NULL, 0}, T0, SLICE("cli")};
    struct db_limit bad = {5, SLICE("x"), 10001, {NULL, 0}, T0, SLICE("cli")};
    struct db_user users[] = {{1, SLICE("ann"), T0}, {2, SLICE("bob"), T0}};
    struct db_limit zoe = {0, SLICE("zoe"), 0, SLICE("family"), T0, SLICE("bot")};
    bool new;
    size_t n;

    (void)state;
    assert_int_equal(db_limits_put(db, &ann, &new, &err), 0);
    assert_true(new);
    assert_int_equal(db_limits_put(db, &bob, &new, &err), 0);
    assert_true(new);
    bob.max_devices = 5;
    assert_int_equal(db_limits_put(db, &bob, &new, &err), 0);
    assert_false(new);
    assert_int_equal(db_limits_put(db, &bad, NULL, &err), ERR_INVALID);
    bob.name = SLICE("ann"); /* entered while the panel was away, though ann has a row */
    assert_int_equal(db_limits_put(db, &bob, NULL, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_limits_each(db, list_limit, NULL, &err), 0);
    assert_string_equal(listing, "0:ann=5/cli 1:ann=3/cli 0:bob=5/cli ");
    assert_int_equal(db_exceptions_put(db, &zoe, &new, &err), 0);
    assert_true(new);
    assert_int_equal(db_users_put(db, users, 2, T0, &err), 0);
    assert_int_equal(db_limits_resolve(db, &n, &err), 0);
    assert_int_equal(n, 1);
    listing[0] = '\0';
    assert_int_equal(db_limits_each(db, list_limit, NULL, &err), 0);
    assert_string_equal(listing, "1:ann=3/cli 2:bob=5/cli ");
    zoe.user_id = 6;
    assert_int_equal(db_exceptions_put(db, &zoe, &new, &err), 0);
    assert_false(new); /* takes the place of the row by name */
    listing[0] = '\0';
    assert_int_equal(db_exceptions_each(db, list_limit, NULL, &err), 0);
    assert_string_equal(listing, "6:zoe=0family/bot ");
    assert_int_equal(db_exceptions_delete(db, 0, SLICE("zoe"), &err), ERR_NOT_FOUND);
    assert_int_equal(db_exceptions_delete(db, 6, SLICE("zoe"), &err), 0);
    assert_int_equal(db_limits_delete(db, 2, SLICE("bob"), &err), 0);
    assert_int_equal(db_limits_delete(db, 2, SLICE("bob"), &err), ERR_NOT_FOUND);
}

static int list_pattern(void *arg, const struct db_pattern *r)
{
    (void)arg;
    list("%lld:%d%.*s=%d%.*s ", (long long)r->id, r->suffix, S(r->text), r->max_devices,
         S(r->admin));
    return 0;
}

static int list_cidr(void *arg, const struct db_cidr *r)
{
    (void)arg;
    list("%.*s(%.*s) ", S(r->cidr), S(r->note));
    return 0;
}

static void patterns_and_allowlist(void **state)
{
    struct db_pattern p = {0, false, SLICE("vip_"), 5, SLICE("sam"), T0, SLICE("cli")};
    struct db_cidr c = {SLICE("10.0.0.0/8"), {NULL, 0}, T0, SLICE("cli")};
    int64_t id1, id2, id3;

    (void)state;
    assert_int_equal(db_limit_patterns_put(db, &p, &id1, &err), 0);
    p.suffix = true;
    assert_int_equal(db_limit_patterns_put(db, &p, &id2, &err), 0);
    p.max_devices = 6;
    assert_int_equal(db_limit_patterns_put(db, &p, &id3, &err), 0);
    assert_true(id2 == id3 && id1 != id2);
    listing[0] = '\0';
    assert_int_equal(db_limit_patterns_each(db, list_pattern, NULL, &err), 0);
    assert_string_equal(listing, "1:0vip_=5 2:1vip_=6 ");
    assert_int_equal(db_limit_patterns_delete(db, id1, &err), 0);
    assert_int_equal(db_limit_patterns_delete(db, id1, &err), ERR_NOT_FOUND);
    assert_int_equal(db_admin_patterns_put(db, &p, &id1, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_admin_patterns_each(db, list_pattern, NULL, &err), 0);
    assert_string_equal(listing, "1:1vip_=0sam ");
    assert_int_equal(db_admin_patterns_delete(db, id1, &err), 0);
    p.text = SLICE("");
    assert_int_equal(db_limit_patterns_put(db, &p, &id1, &err), ERR_INVALID);
    assert_int_equal(db_allowlist_put(db, &c, &err), 0);
    c.note = SLICE("office");
    assert_int_equal(db_allowlist_put(db, &c, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_allowlist_each(db, list_cidr, NULL, &err), 0);
    assert_string_equal(listing, "10.0.0.0/8(office) ");
    assert_int_equal(db_allowlist_delete(db, SLICE("10.0.0.0/8"), &err), 0);
    assert_int_equal(db_allowlist_delete(db, SLICE("10.0.0.0/8"), &err), ERR_NOT_FOUND);
}

static int list_event(void *arg, const struct db_event *r)
{
    (void)arg;
    list("%lld:%.*s/%lld ", (long long)r->id, S(r->kind), (long long)r->user_id);
    return 0;
}

static void events_page_backwards(void **state)
{
    static char big[2 * LIMIT_EVENT_TEXT];
    struct db_event e = {.at_us = T0, .who = SLICE("test"), .what = SLICE("x")};
    struct db_event_filter f = {.limit = 2};
    int64_t id = 0;
    int i;

    (void)state;
    for (i = 1; i <= 6; i++) {
        e.kind = i % 2 ? SLICE("odd") : SLICE("even");
        e.user_id = i % 3;
        assert_int_equal(db_events_add(db, &e, &id, &err), 0);
        assert_int_equal(id, i);
    }
    listing[0] = '\0';
    assert_int_equal(db_events_each(db, &f, list_event, NULL, &err), 0);
    f.before_id = 5;
    assert_int_equal(db_events_each(db, &f, list_event, NULL, &err), 0);
    assert_string_equal(listing, "6:even/0 5:odd/2 4:even/1 3:odd/0 ");
    f = (struct db_event_filter){.user_id = 2};
    listing[0] = '\0';
    assert_int_equal(db_events_each(db, &f, list_event, NULL, &err), 0);
    f = (struct db_event_filter){.kind = SLICE("even"), .after_id = 2};
    assert_int_equal(db_events_each(db, &f, list_event, NULL, &err), 0);
    assert_string_equal(listing, "5:odd/2 2:even/2 6:even/0 4:even/1 ");
    memset(big, 0xc3, sizeof(big)); /* cut without splitting a character */
    for (i = 1; i < (int)sizeof(big); i += 2)
        big[i] = (char)0xa9;
    e.what = (struct slice){big + 1, sizeof(big) - 2};
    assert_int_equal(db_events_add(db, &e, NULL, &err), 0);
}

static int list_seen(void *arg, const struct db_seen *r)
{
    ++*(int *)arg;
    list("%.*s@%lld.%.*s(%.*s)x%lld ", S(r->address), (long long)r->node_id, S(r->inbound),
         S(r->isp), (long long)r->count);
    return 0;
}

static void history_adds_up_and_is_bounded_a_day(void **state)
{
    struct db_seen s = {7, SLICE("203.0.113.7"), 1, SLICE("VLESS"), {NULL, 0}, T0, T0 + MS, 2};
    struct db_seen many[300];
    char addr[300][16];
    size_t left = 0;
    int i, n = 0;

    (void)state;
    assert_int_equal(db_history_add(db, &s, 1, &left, &err), 0);
    s.isp = SLICE("Net");
    s.last_us = T0 + 5 * MS;
    assert_int_equal(db_history_add(db, &s, 1, &left, &err), 0);
    s.node_id = 2;
    s.inbound = (struct slice){NULL, 0};
    assert_int_equal(db_history_add(db, &s, 1, &left, &err), 0);
    assert_int_equal(left, 0);
    listing[0] = '\0';
    assert_int_equal(db_history_each(db, 7, T0, 0, list_seen, &n, &err), 0);
    assert_string_equal(listing, "203.0.113.7@1.VLESS(Net)x4 203.0.113.7@2.(Net)x2 ");
    for (i = 0; i < 300; i++) {
        snprintf(addr[i], sizeof(addr[i]), "198.51.%d.%d", i / 256, i % 256);
        many[i] = s;
        many[i].address = slice_of(addr[i]);
    }
    assert_int_equal(db_history_add(db, many, 300, &left, &err), 0);
    assert_int_equal(left, 300 - (LIMIT_HISTORY_DAY - 2));
    assert_int_equal(db_history_add(db, many, 1, &left, &err), 0); /* an old one still counts */
    assert_int_equal(left, 0);
    n = 0;
    assert_int_equal(db_history_each(db, 7, T0 - DAY, 0, list_seen, &n, &err), 0);
    assert_int_equal(n, LIMIT_HISTORY_DAY);
    many[0].last_us += DAY; /* a new day has new room */
    assert_int_equal(db_history_add(db, many, 1, &left, &err), 0);
    assert_int_equal(left, 0);
    n = 0;
    assert_int_equal(db_history_each(db, 7, T0 + DAY, 0, list_seen, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(db_history_each(db, 8, 0, 0, list_seen, &n, &err), 0);
    assert_int_equal(n, 1);
}

static int list_clock(void *arg, const struct db_clock *r)
{
    (void)arg;
    list("%lld:%lld ", (long long)r->node_id, (long long)r->offset_us);
    return 0;
}

static int list_shared(void *arg, const struct db_shared *r)
{
    (void)arg;
    list("%.*s%c%lld ", S(r->address), r->barred ? '!' : '<', (long long)((r->until_us - T0) / MS));
    return 0;
}

static int list_node(void *arg, const struct db_node *r)
{
    (void)arg;
    list("%lld:%.*s ", (long long)r->id, S(r->name));
    return 0;
}

static void nodes_clocks_and_shared_sources(void **state)
{
    struct db_clock c = {3, -3600123456, T0};
    struct db_shared s = {SLICE("192.0.2.1"), T0, T0 + 10 * MS, false};

    (void)state;
    assert_int_equal(db_nodes_put(db, 3, SLICE("de-1"), T0, &err), 0);
    assert_int_equal(db_nodes_put(db, 3, SLICE("de-one"), T0, &err), 0);
    assert_int_equal(db_clock_put(db, &c, &err), 0);
    c.offset_us = 250001;
    assert_int_equal(db_clock_put(db, &c, &err), 0);
    assert_int_equal(db_shared_put(db, &s, &err), 0);
    s.until_us = T0 + 5 * MS;
    assert_int_equal(db_shared_put(db, &s, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_nodes_each(db, list_node, NULL, &err), 0);
    assert_int_equal(db_clock_each(db, list_clock, NULL, &err), 0);
    assert_int_equal(db_shared_each(db, T0, list_shared, NULL, &err), 0);
    assert_int_equal(db_shared_each(db, T0 + 11 * MS, list_shared, NULL, &err), 0);
    assert_string_equal(listing, "3:de-one 3:250001 192.0.2.1<10 ");
}

static const struct db_row row0 = {
    .user_id = 12,
    .name = SLICE("bob"),
    .action = SLICE("disable 15m"),
    .group_id = 0,
    .duration_us = 900 * STAMP_SECOND,
    .status_before = SLICE("active"),
    .groups_before = {3, 1, 2},
    .n_groups_before = 3,
    .edit_before_us = STAMP_NONE,
    .user_created_us = T0 - 5 * DAY,
    .intended_us = T0,
    .due_us = T0 + 900 * STAMP_SECOND,
};

static const struct db_violation verdict0 = {
    .user_id = 12,
    .name = SLICE("bob"),
    .at_us = T0,
    .action = SLICE("disable 15m"),
    .max_devices = 2,
    .devices = 5,
    .evidence = SLICE("{\"devices\":[\"203.0.113.77\"]}"),
};

static int one_row(void *arg, const struct db_row *r)
{
    ++*(int *)arg;
    list("%lld:%s ", (long long)r->id, db_state_name(r->state));
    return 0;
}

static int open_rows(void)
{
    struct db_row_filter f = {.open_only = true};
    int n = 0;

    assert_int_equal(db_journal_each(db, &f, one_row, &n, &err), 0);
    return n;
}

static void a_journal_row_goes_its_way(void **state)
{
    struct db_row row = row0, got = {0};
    struct db_violation verdict = verdict0;
    int64_t id, vid, n;

    (void)state;
    assert_int_equal(db_journal_intend(db, &row, &verdict, &id, &vid, &err), 0);
    assert_int_equal(db_journal_intend(db, &row, &verdict, &n, &n, &err), ERR_EXISTS);
    verdict.at_us += MS; /* another verdict, but his row is still open */
    assert_int_equal(db_journal_intend(db, &row, &verdict, &n, &n, &err), ERR_EXISTS);
    assert_int_equal(db_violations_count(db, 12, 0, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(db_journal_restoring(db, id, &err), ERR_INVALID);
    row.id = id;
    row.applied_us = T0 + 2 * MS;
    row.due_us = STAMP_NONE;
    row.answer = SLICE("{\"id\":12}");
    row.answer_edit_us = T0 + MS;
    row.answer_fields = SLICE("note \"\"\n");
    assert_int_equal(db_journal_applied(db, &row, &err), 0);
    assert_int_equal(db_journal_applied(db, &row, &err), 0);
    assert_int_equal(db_journal_failed(db, id, 4, SLICE("timed out"), &err), 0);
    assert_int_equal(db_journal_load(db, id, &got, &err), 0);
    assert_int_equal(got.state, DB_STATE_APPLIED);
    assert_true(slice_eq(got.answer, row.answer) && slice_eq(got.answer_fields, row.answer_fields));
    assert_true(slice_eq(got.name, row.name) && got.user_created_us == row.user_created_us);
    assert_true(got.edit_before_us == STAMP_NONE && got.due_us == STAMP_NONE);
    assert_true(got.answer_edit_us == T0 + MS && got.verdict_us == T0 && got.verdict_id == vid);
    assert_true(got.duration_us == row.duration_us && !got.by_group && got.attempts == 4);
    assert_int_equal(got.n_groups_before, 3);
    assert_true(got.groups_before[0] == 3 && got.groups_before[2] == 2);
    db_row_release(&got);
    assert_int_equal(open_rows(), 1);
    assert_int_equal(db_journal_restoring(db, id, &err), 0);
    assert_int_equal(db_journal_restoring(db, id, &err), 0);
    assert_int_equal(db_journal_close(db, id, DB_STATE_APPLIED, T0, SLICE(""), SLICE(""), &err),
                     ERR_INVALID);
    assert_int_equal(db_journal_close(db, id, DB_STATE_RESTORED, T0, SLICE("due"), SLICE("x"),
                                      &err),
                     0);
    assert_int_equal(db_journal_close(db, id, DB_STATE_RESTORED, T0, SLICE("due"), SLICE("x"),
                                      &err),
                     0);
    assert_int_equal(db_journal_close(db, id, DB_STATE_SUPERSEDED, T0, SLICE("due"), SLICE("x"),
                                      &err),
                     ERR_INVALID);
    assert_int_equal(db_journal_load(db, id, &got, &err), 0);
    assert_null(got.answer.p); /* it holds credentials */
    db_row_release(&got);
    assert_int_equal(open_rows(), 0);
    assert_int_equal(db_journal_load(db, 99, &got, &err), ERR_NOT_FOUND);
    /* The same verdict is never carried out again, a later one is. */
    assert_int_equal(db_journal_intend(db, &row, &verdict0, &n, &n, &err), ERR_EXISTS);
    assert_int_equal(db_journal_intend(db, &row, &verdict, &id, &vid, &err), 0);
    assert_int_equal(db_journal_close(db, id, DB_STATE_CANCELLED, T0, SLICE("never"), SLICE("x"),
                                      &err),
                     0);
    assert_int_equal(db_violations_count(db, 12, 0, &n, &err), 0);
    assert_int_equal(n, 1); /* the cancelled one does not count */
    assert_int_equal(db_violations_forgive(db, 12, 0, T0, SLICE("cli"), &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(db_violations_count(db, 12, 0, &n, &err), 0);
    assert_int_equal(n, 0);
}

static int list_violation(void *arg, const struct db_violation *r)
{
    (void)arg;
    list("%lld:%s:%d %.*s ", (long long)r->id, db_outcome_name(r->outcome), r->shortened,
         S(r->evidence));
    return 0;
}

static void retention_forgets_in_slices(void **state)
{
    struct retention keep = {14 * DAY, 180 * DAY, 7 * DAY};
    struct db_violation_filter all = {0};
    struct db_violation v = verdict0;
    struct db_event e = {.at_us = T0, .kind = SLICE("k"), .who = SLICE("w"), .what = SLICE("x")};
    struct db_seen s = {7, SLICE("203.0.113.7"), 1, SLICE("in"), {NULL, 0}, T0, T0, 1};
    struct db_row row = row0;
    int64_t id, vid, n;
    bool more = true;
    int i, slices;

    (void)state;
    assert_int_equal(db_journal_intend(db, &row, &v, &id, &vid, &err), 0);
    v.at_us += MS;
    v.outcome = DB_OUTCOME_WARNED;
    v.user_id = 13;
    for (i = 0; i < 120; i++, v.at_us += MS)
        assert_int_equal(db_violations_add(db, &v, &n, &err), 0);
    for (i = 0; i < 1200; i++)
        assert_int_equal(db_events_add(db, &e, NULL, &err), 0);
    assert_int_equal(db_history_add(db, &s, 1, NULL, &err), 0);
    assert_int_equal(retention_slice(db, &keep, T0 + 14 * DAY, &more, &err), 0);
    assert_false(more);
    all.user_id = 12;
    listing[0] = '\0';
    assert_int_equal(db_violations_each(db, &all, list_violation, NULL, &err), 0);
    assert_string_equal(listing, "1:pending:0 {\"devices\":[\"203.0.113.77\"]} ");
    i = 0;
    assert_int_equal(db_history_each(db, 7, 0, 0, list_seen, &i, &err), 0);
    assert_int_equal(i, 0);
    for (slices = 0, more = true; more; slices++)
        assert_int_equal(retention_slice(db, &keep, T0 + 15 * DAY, &more, &err), 0);
    assert_int_equal(slices, 3); /* 121 rows by 50 */
    listing[0] = '\0';
    assert_int_equal(db_violations_each(db, &all, list_violation, NULL, &err), 0);
    assert_string_equal(listing, "1:pending:1 {\"devices\":[\"203.0.113.0/24\"]} ");
    for (slices = 0, more = true; more; slices++)
        assert_int_equal(retention_slice(db, &keep, T0 + 181 * DAY, &more, &err), 0);
    assert_int_equal(slices, 3); /* 1200 events by 500 */
    all.user_id = 0;
    listing[0] = '\0';
    assert_int_equal(db_violations_each(db, &all, list_violation, NULL, &err), 0);
    assert_string_equal(listing, "1:pending:1 {\"devices\":[\"203.0.113.0/24\"]} ");
    assert_int_equal(open_rows(), 1); /* an open row stays however old */
    assert_int_equal(db_journal_close(db, id, DB_STATE_RESTORED, T0, SLICE(""), SLICE(""), &err),
                     0);
    assert_int_equal(retention_slice(db, &keep, T0 + 181 * DAY, &more, &err), 0);
    listing[0] = '\0';
    assert_int_equal(db_violations_each(db, &all, list_violation, NULL, &err), 0);
    assert_string_equal(listing, "");
}

static void evidence_keeps_no_whole_address(void **state)
{
    static const char *const pairs[][2] = {
        {"\"203.0.113.77\"", "\"203.0.113.0/24\""},
        {"2001:db8:1:2:3::9,", "2001:db8:1::/48,"},
        {"203.0.113.77:443 x", "203.0.113.0:443 x"},
        {"[2001:db8::77]:5", "[2001:db8::]:5"},
        {"203.0.113.77/32", "203.0.113.0/32"},
        {"from:198.51.100.1.", "from:198.51.100.0/24."},
        {"::ffff:192.0.2.9", "::ffff:192.0.2.0/120"},
        {"at 10:00:00.123456 1.5 x 3", "at 10:00:00.123456 1.5 x 3"},
        {"cafe:192.0.2.1", "cafe:192.0.2.0/24"},
        {"node-192.0.2.1", "node-192.0.2.0/24"},
        {"", ""},
        {":", ":"},
        {"...", "..."},
        {"::", "::/48"},
    };
    struct buf b;
    size_t i;

    (void)state;
    buf_init(&b, 1024);
    for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        buf_clear(&b);
        assert_int_equal(retention_shorten(slice_of(pairs[i][0]), &b), 0);
        assert_string_equal(buf_str(&b), pairs[i][1]);
    }
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(settings_and_meta, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(users_by_id_and_name, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(limits_by_id_and_by_name, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(patterns_and_allowlist, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(events_page_backwards, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(history_adds_up_and_is_bounded_a_day, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(nodes_clocks_and_shared_sources, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(a_journal_row_goes_its_way, bed_open, bed_close),
        cmocka_unit_test_setup_teardown(retention_forgets_in_slices, bed_open, bed_close),
        cmocka_unit_test(evidence_keeps_no_whole_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
