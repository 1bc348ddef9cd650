/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "notice_bed.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store/db.h"
#include "telegram/outbox.h"

static struct bed *here; /* the outbox's functions know of one bed */

/* ---- an outbox and a transport that only write down ---- */

int outbox_put(struct outbox *ob, const struct outbox_item *item, enum text_lang lang)
{
    struct bed *bed = here;
    struct shown *s = NULL;
    size_t i;

    (void)ob;
    (void)lang;
    bed->n_put++;
    for (i = 0; item->edit && item->slot.n && i < bed->n_shown; i++)
        if (bed->shown[i].chat == item->chat_id &&
            slice_eq(slice_of(bed->shown[i].slot), item->slot))
            s = &bed->shown[i];
    if (!s) {
        assert_true(bed->n_shown < ARRAY_LEN(bed->shown));
        s = &bed->shown[bed->n_shown++];
        s->chat = item->chat_id;
        s->thread = item->thread_id;
        snprintf(s->slot, sizeof(s->slot), "%.*s", (int)item->slot.n, item->slot.p);
    }
    json_decref(s->params);
    s->params = json_deep_copy(item->params);
    s->puts++;
    return ERR_OK;
}

int outbox_find(struct outbox *ob, int64_t chat_id, struct slice slot, outbox_find_fn fn, void *arg)
{
    (void)ob;
    (void)chat_id;
    (void)slot;
    fn(arg, 0);
    return ERR_OK;
}

void telegram_call(struct telegram *tg, const char *method, json_t *params, enum telegram_lane lane,
                   telegram_done_fn fn, void *arg)
{
    (void)tg;
    (void)method;
    (void)lane;
    (void)fn;
    (void)arg;
    json_decref(params);
}

int64_t telegram_bot_id(const struct telegram *tg)
{
    (void)tg;
    return 1;
}

/* ---- the rest of the world ---- */

static const struct settings *settings(void *app)
{
    return &((struct bed *)app)->settings;
}

static int64_t now_us(void *app)
{
    return loop_wall_us(((struct bed *)app)->loop);
}

static bool admin_at(void *arg, size_t i, struct bot_admin *ret)
{
    static const struct bot_admin admins[] = {
        {BED_OWNER, OP_ROLE_OWNER, 0, TEXT_EN},
        {BED_NARROW, OP_ROLE_OPERATOR, 3, TEXT_FA},
        {BED_VIEWER, OP_ROLE_VIEWER, 0, TEXT_RU},
    };

    (void)arg;
    if (i >= ARRAY_LEN(admins))
        return false;
    *ret = admins[i];
    return true;
}

static bool admin_name(void *arg, int64_t id, struct buf *out)
{
    (void)arg;
    return id == BED_OWNER && buf_add_str(out, "Ali <b>") == 0;
}

static int64_t owner_of(void *arg, int64_t user_id)
{
    (void)arg;
    return user_id % 10;
}

static void begin(struct bed *bed)
{
    struct notices_opts o = {.loop = bed->loop,
                             .port = &bed->port,
                             .admin_at = admin_at,
                             .admin_name = admin_name,
                             .owner_of = owner_of,
                             .arg = bed};

    assert_int_equal(notices_new(&o, &bed->n), ERR_OK);
    bed_wait(bed, 1000);
}

void bed_again(struct bed *bed)
{
    notices_free(bed->n);
    begin(bed);
}

void bed_set(struct bed *bed, enum setting id, const char *value)
{
    struct err err = {0};

    assert_int_equal(settings_set(&bed->settings, id, ORIGIN_ENV, slice_of(value), &err), ERR_OK);
}

void bed_wait(struct bed *bed, int64_t us)
{
    int64_t until = loop_clock_us() + us;

    do
        loop_turn(bed->loop, us < 10000 ? us : 10000);
    while (loop_clock_us() < until);
}

void bed_put(struct bed *bed, enum notice_event event, int64_t id, const char *name, int64_t in_s)
{
    struct notice n = {.event = event,
                       .at_us = loop_wall_us(bed->loop) + in_s * STAMP_SECOND,
                       .user_id = id,
                       .name = slice_of(name),
                       .limit = 2,
                       .devices = 3,
                       .until_us = loop_wall_us(bed->loop) + (in_s + 900) * STAMP_SECOND,
                       .places = SLICE("5.6.7.8 · MCI, IR · node-1\n9.8.7.6 · <i>x</i>\n")};

    notice_put(bed->n, &n);
}

static const struct shown *of_chat(const struct bed *bed, int64_t chat, int at)
{
    const struct shown *last = NULL;
    size_t i;

    for (i = 0; i < bed->n_shown; i++) {
        if (bed->shown[i].chat != chat)
            continue;
        last = &bed->shown[i];
        if (at-- == 0)
            break;
    }
    assert_non_null(last);
    return last;
}

size_t bed_count(const struct bed *bed, int64_t chat)
{
    size_t i, n = 0;

    for (i = 0; i < bed->n_shown; i++)
        n += bed->shown[i].chat == chat;
    return n;
}

const char *bed_text(const struct bed *bed, int64_t chat, int at)
{
    return json_string_value(json_object_get(of_chat(bed, chat, at)->params, "text"));
}

const char *bed_keys(const struct bed *bed, int64_t chat, int at)
{
    static char text[4096];
    json_t *markup = json_object_get(of_chat(bed, chat, at)->params, "reply_markup");
    char *dump = markup ? json_dumps(markup, 0) : NULL;

    snprintf(text, sizeof(text), "%s", dump ? dump : "");
    free(dump);
    return text;
}

int bed_setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    struct err err = {0};
    int fd;

    assert_non_null(bed);
    here = bed;
    snprintf(bed->path, sizeof(bed->path), "/tmp/pg-notice-XXXXXX");
    fd = mkstemp(bed->path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(db_open_file(bed->path, &bed->db, &err), ERR_OK);
    assert_int_equal(settings_init(&bed->settings), ERR_OK);
    bed_set(bed, SET_BOT_TOKEN, "1:x");
    assert_int_equal(loop_new(&bed->loop), ERR_OK);
    bed->port = (struct op_port){.app = bed,
                                 .submit = owner_submit_here,
                                 .store = bed->db,
                                 .settings = settings,
                                 .now_us = now_us};
    begin(bed);
    *state = bed;
    return 0;
}

int bed_teardown(void **state)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    struct bed *bed = *state;
    char path[96];
    size_t i;

    notices_free(bed->n);
    for (i = 0; i < bed->n_shown; i++)
        json_decref(bed->shown[i].params);
    loop_free(bed->loop);
    db_close(bed->db);
    settings_release(&bed->settings);
    for (i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(path, sizeof(path), "%s%s", bed->path, tails[i]);
        unlink(path);
    }
    free(bed);
    return 0;
}
