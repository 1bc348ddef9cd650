/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot_bed.h"

#include <stdlib.h>
#include <string.h>

#include "bot/frame.h"
#include "bot/setting_text.h"

/* The tables of the bot's parts against each other, the operations, the settings. */

/* Of parts that are still to come. */
static const char coming[] = "slim susers smon srep sbak ires stop";

static const char *const some[BOT_ARGS] = {"1", "1", "1", "1", "1", "1"};

static bool is_missing(char kind, const char *id)
{
    switch (kind) {
    case 's':
    case 'n':
        return !screen_find(slice_of(id));
    case 'i':
        return !input_find(slice_of(id));
    default:
        return !action_find(slice_of(id));
    }
}

/* A template of a table leads somewhere. Whole ids may be arguments ("{1}|{2}"). */
static void check_target(const char *tmpl, const char *where)
{
    struct target t;
    struct buf store;

    if (!tmpl || tmpl[0] == '{' || strstr(coming, tmpl))
        return;
    buf_init(&store, 4096);
    if (target_fill(tmpl, some, &store, &t))
        fail_msg("%s: %s is no target", where, tmpl);
    if (t.kind != 'x' && is_missing(t.kind, t.id))
        fail_msg("%s: %s leads nowhere", where, tmpl);
    buf_release(&store);
}

static void check_op(enum op_method method, const char *path, const char *where)
{
    struct slice all = slice_of(path), bare = slice_cut(&all, '?');

    if (!op_def_find(method, bare))
        fail_msg("%s: there is no operation %s", where, path);
}

static void check_id(const char *id)
{
    size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyz0123456789");

    if (id[n] || n > BOT_ID || !n)
        fail_msg("%s: no id", id);
}

static void screens_lead_somewhere(void **state)
{
    const struct screen *s;
    const struct entry *e;
    size_t i;
    int k;

    (void)state;
    for (i = 0; (s = screen_at(i)); i++) {
        check_id(s->id);
        assert_ptr_equal(screen_find(slice_of(s->id)), s);
        check_target(s->parent, s->id);
        for (e = s->entries; e && e->kind != ENTRY_END; e++)
            check_target(e->target, s->id);
        for (k = 0; k < BOT_ASKS && s->ask[k]; k++)
            check_op(OP_GET, s->ask[k], s->id);
        assert_true(!s->list || s->ask[0]);
        assert_true(s->build || s->list || s->entries || s->intro);
    }
    assert_true(i > 10);
}

static void actions_do_something(void **state)
{
    const struct action *a;
    size_t i;

    (void)state;
    for (i = 0; (a = action_at(i)); i++) {
        check_id(a->id);
        assert_ptr_equal(action_find(slice_of(a->id)), a);
        check_target(a->then, a->id);
        if (!a->path == !a->run)
            fail_msg("%s: neither path nor run, or both", a->id);
        if (a->path)
            check_op(a->method, a->path, a->id);
        if (a->look)
            check_op(OP_GET, a->look, a->id);
        if (a->body) {
            json_t *body = body_fill(a->body, some);

            if (!body)
                fail_msg("%s: its body is no JSON", a->id);
            json_decref(body);
        }
    }
}

static void inputs_go_on(void **state)
{
    const struct input *in;
    size_t i;

    (void)state;
    for (i = 0; (in = input_at(i)); i++) {
        check_id(in->id);
        assert_ptr_equal(input_find(slice_of(in->id)), in);
        check_target(in->back, in->id);
        if (!in->action + !in->next + !in->got != 2)
            fail_msg("%s: one of action, next and got", in->id);
        if ((in->action && !action_find(slice_of(in->action))) ||
            (in->next && !input_find(slice_of(in->next))))
            fail_msg("%s: goes on nowhere", in->id);
        assert_true(in->prompt);
    }
}

static void commands_lead_somewhere(void **state)
{
    const struct slash *c;
    size_t i;

    (void)state;
    for (i = 0; (c = slash_at(i)); i++) {
        assert_ptr_equal(slash_find(slice_of(c->name)), c);
        check_target(c->target, c->name);
        check_target(c->bare, c->name);
        assert_true(strlen(c->name) <= 32);
    }
}

static void every_setting_has_a_name(void **state)
{
    int i;

    (void)state;
    for (i = 0; i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->flags & SETTING_STATIC)
            continue;
        if (!setting_title((enum setting)i) || !setting_help((enum setting)i))
            fail_msg("%s has no NAME_ or HELP_ in texts_settings.def, or no row in setting_text.c",
                     def->key);
        if (!section_title(def->section))
            fail_msg("the section of %s has no title", def->key);
    }
}

/* ---- templates, targets ---- */

static void bodies_are_filled(void **state)
{
    static const char *const args[BOT_ARGS] = {"a\"b", "5", "true", "", "x", "y"};
    json_t *body = body_fill("{\"{4}\":\"{0}\",\"n\":\"{#1}\",\"b\":\"{?2}\",\"t\":\"<{1}>\","
                             "\"l\":[\"{#0}\",null,3]}",
                             args);
    char *text = json_dumps(body, JSON_COMPACT | JSON_SORT_KEYS);
    struct buf path;

    (void)state;
    assert_string_equal(
        text, "{\"b\":true,\"l\":[\"a\\\"b\",null,3],\"n\":5,\"t\":\"<5>\",\"x\":\"a\\\"b\"}");
    free(text);
    json_decref(body);
    buf_init(&path, 256);
    path_fill(&path, "/users/{0}/x?y={2}", args, true);
    assert_string_equal(buf_str(&path), "/users/a%22b/x?y=true");
    buf_release(&path);
}

static void targets_are_read_as_written(void **state)
{
    struct memo memo = {.nonce = 7}, other = {.nonce = 8};
    const char *long_text = "0123456789012345678901234567890123456789012345678901234567890123456";
    struct target t = {.kind = 's', .id = "users", .page = 12, .n = 3}, r;
    char data[BOT_DATA + 1];

    (void)state;
    t.arg[0] = "id:12";
    t.arg[1] = "a|b";
    t.arg[2] = long_text;
    assert_int_equal(target_write(&memo, &t, data), ERR_OK);
    assert_true(strlen(data) <= BOT_DATA);
    assert_int_equal(target_read(&memo, data, &r), ERR_OK);
    assert_int_equal(r.kind, 's');
    assert_string_equal(r.id, "users");
    assert_int_equal(r.page, 12);
    assert_int_equal(r.n, 3);
    assert_string_equal(r.arg[0], "id:12");
    assert_string_equal(r.arg[1], "a|b");
    assert_string_equal(r.arg[2], long_text);
    /* The same texts take no second place; another process does not know them. */
    assert_int_equal(target_write(&memo, &t, data), ERR_OK);
    assert_int_equal(memo.next, 2);
    assert_int_equal(target_read(&other, data, &r), ERR_NOT_FOUND);
    assert_int_equal(target_read(&memo, "q", &r), ERR_INVALID);
    assert_int_equal(target_read(&memo, "s", &r), ERR_INVALID);
    assert_int_equal(target_read(&memo, "sTOO", &r), ERR_INVALID);
    assert_int_equal(target_read(&memo, "sa|1|2|3|4|5|6|7", &r), ERR_INVALID);
    assert_int_equal(target_read(&memo, "-", &r), ERR_OK);
    memo_release(&memo);
}

static void check_split(const char *html, size_t max, size_t want)
{
    json_t *parts = json_array(), *part;
    size_t i;

    assert_int_equal(split_html(slice_of(html), max, parts), ERR_OK);
    assert_int_equal(json_array_size(parts), want);
    json_array_foreach(parts, i, part)
    {
        struct slice s = {json_string_value(part), json_string_length(part)};

        assert_true(split_units(s) <= max);
    }
    json_decref(parts);
}

static void long_texts_are_cut_at_line_ends(void **state)
{
    json_t *parts = json_array();
    struct buf b;
    int i;

    (void)state;
    buf_init(&b, 1 << 16);
    for (i = 0; i < 40; i++)
        buf_addf(&b, "<b>line %02d</b> &amp; 😀\n", i);
    buf_add_str(&b, "<blockquote>");
    for (i = 0; i < 40; i++)
        buf_addf(&b, "quoted %02d\n", i);
    buf_add_str(&b, "</blockquote>");
    assert_int_equal(split_html(buf_slice(&b), 400, parts), ERR_OK);
    for (i = 0; i < (int)json_array_size(parts); i++) {
        const char *part = json_string_value(json_array_get(parts, (size_t)i));
        size_t open = 0, close = 0;
        const char *p;

        assert_true(split_units(slice_of(part)) <= 400);
        for (p = part; (p = strstr(p, "<blockquote>")); p++)
            open++;
        for (p = part; (p = strstr(p, "</blockquote>")); p++)
            close++;
        assert_int_equal(open, close);
        assert_true(part[0] == '<');
    }
    json_decref(parts);
    check_split(buf_str(&b), 4096, 1);
    buf_clear(&b);
    for (i = 0; i < 1000; i++) /* one line without an end */
        buf_add_str(&b, "😀&lt;");
    check_split(buf_str(&b), 400, 25);
    check_split("", 400, 0);
    check_split("x", 400, 1);
    buf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(screens_lead_somewhere),
        cmocka_unit_test(actions_do_something),
        cmocka_unit_test(inputs_go_on),
        cmocka_unit_test(commands_lead_somewhere),
        cmocka_unit_test(every_setting_has_a_name),
        cmocka_unit_test(bodies_are_filled),
        cmocka_unit_test(targets_are_read_as_written),
        cmocka_unit_test(long_texts_are_cut_at_line_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
