/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/num.h"
#include "base/stamp.h"
#include "bot/frame.h"
#include "service/backup/backup.h"
#include "service/backup/backup_here.h"
#include "service/import/import_read.h"
#include "base/banned.h"

/*
 * /restore: a file is fetched, looked at, and put in place (or imported, when it is of the old program) once
 * somebody who has seen what is in it says yes. One file at a time waits for its yes, in memory only.
 */

static const int64_t waits_us = 600 * STAMP_SECOND;
enum { SHOWN_ROWS = 15 };

struct brought {
    int64_t admin_id, no; /* no stands in the buttons: another file's are refused */
    int64_t until_us;     /* monotonic */
    struct buf zip;
    json_t *doc; /* of the old program instead: the body of POST /import */
    bool opened; /* zip holds secrets in clear, and these are the files that were sealed in it */
    struct backup_secrets files;
};

void brought_free(struct brought *b)
{
    if (!b)
        return;
    backup_forget(&b->zip);
    backup_secrets_release(&b->files);
    json_decref(b->doc);
    free(b);
}

void brought_expire(struct bot *bot)
{
    if (!bot->brought || bot->brought->until_us > loop_mono_us(bot->opts.loop))
        return;
    brought_free(bot->brought);
    bot->brought = NULL;
}

/* Keeps it for a yes: what waited before is gone. */
static int64_t wait_for_yes(struct turn *t, struct brought *b)
{
    brought_free(t->bot->brought);
    t->bot->brought = b;
    b->admin_id = t->admin.id;
    b->no = (int64_t)(loop_random(t->bot->opts.loop) >> 12);
    b->until_us = loop_mono_us(t->bot->opts.loop) + waits_us;
    return b->no;
}

/* ---- looking at it ---- */

/* While it is looked at, it is the turn's: what it holds is let go by whoever takes it. */
struct looking {
    struct brought *b;
    char *file_id;
    char folder[4200], path[4300];
    struct err err;
    int rc;
    int status;     /* of the restore's dry run */
    json_t *answer; /* … and what it said */
};

static void looking_free(void *extra)
{
    struct looking *l = extra;

    if (!l)
        return;
    brought_free(l->b);
    json_decref(l->answer);
    free(l->file_id);
    free(l);
}

static void add_change(struct view *v, enum text_id id, json_t *answer, const char *key)
{
    view_say(v, id, "now", view_int(v, in_int(json_object_get(answer, "now"), key)), "then",
             view_int(v, in_int(answer, key)), NULL);
}

static void yes_and_no(struct view *v, enum text_id yes, int64_t no)
{
    view_row(v);
    view_button(v, view_word(v, yes, NULL), "aresgo", view_int(v, no), NULL);
    view_button(v, view_word(v, TEXT_CANCEL, NULL), "aresno", view_int(v, no), NULL);
}

static void show_backup(struct turn *t, json_t *answer, int64_t no, bool opened)
{
    const char *version = in_text(answer, "version");
    struct view v;

    turn_view(t, &v);
    view_say(&v, TEXT_RESTORE_REPORT, "time", view_time(&v, in_text(answer, "created_at")),
             "version", version ? version : "?", NULL);
    view_gap(&v);
    add_change(&v, TEXT_RESTORE_LIMITS, answer, "special_limits");
    add_change(&v, TEXT_RESTORE_EXCEPT, answer, "exceptions");
    add_change(&v, TEXT_RESTORE_PATTERNS, answer, "patterns");
    add_change(&v, TEXT_RESTORE_SETTINGS, answer, "settings");
    add_change(&v, TEXT_RESTORE_VERDICTS, answer, "violations");
    add_change(&v, TEXT_RESTORE_DISABLED, answer, "disabled");
    if (in_bool(answer, "encrypted_part") && !opened) {
        view_say(&v, TEXT_RESTORE_SEALED, NULL);
        view_row(&v);
        view_button(&v, NULL, "irespw", view_int(&v, no), NULL);
    }
    view_gap(&v);
    view_say(&v, TEXT_RESTORE_WHAT, NULL);
    yes_and_no(&v, TEXT_RESTORE_GO, no);
    show_send(t, &v);
    view_release(&v);
}

/* ---- the old program's ---- */

static void import_row(struct view *v, json_t *row)
{
    const char *name = in_text(row, "name"), *now = in_text(row, "new"),
               *why = in_text(row, "detail");

    view_html(v, "• <code>");
    view_plain(v, name ? name : "?");
    view_html(v, "</code> ");
    view_plain(v, now ? now : "–");
    if (why) {
        view_html(v, " <i>");
        view_said(v, why);
        view_html(v, "</i>");
    }
    view_html(v, "\n");
}

static void show_import(struct turn *t, int status, json_t *answer)
{
    struct looking *l = t->extra;
    json_t *row;
    size_t i, shown = 0, more = 0;
    struct view v;
    int64_t no;

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    no = wait_for_yes(t, l->b);
    l->b = NULL;
    turn_view(t, &v);
    view_say(&v, TEXT_IMPORT_REPORT, NULL);
    view_gap(&v);
    view_say(&v, TEXT_IMPORT_COUNTS, "taken", view_int(&v, in_int(answer, "taken")), "changed",
             view_int(&v, in_int(answer, "changed")), "same", view_int(&v, in_int(answer, "same")),
             "left", view_int(&v, in_int(answer, "left_count")), NULL);
    json_array_foreach(in_data(answer), i, row)
    {
        if (in_text(row, "result") && strcmp(in_text(row, "result"), "same") == 0)
            continue;
        if (shown++ < SHOWN_ROWS)
            import_row(&v, row);
        else
            more++;
    }
    if (more)
        view_say(&v, TEXT_IMPORT_MORE, "n", view_int(&v, (int64_t)more), NULL);
    yes_and_no(&v, TEXT_IMPORT_GO, no);
    show_send(t, &v);
    view_release(&v);
}

/* On the worker: the file as one of the old program's. */
static void read_old(void *arg)
{
    struct looking *l = arg;
    struct old_doc d = {0};
    FILE *f = NULL;

    l->rc = ERR_IO;
    if (mkdtemp(l->folder)) {
        snprintf(l->path, sizeof(l->path), "%s/upload", l->folder);
        f = fopen(l->path, "wxe");
    }
    if (f && fchmod(fileno(f), 0600) == 0 &&
        fwrite(l->b->zip.p, 1, l->b->zip.n, f) == l->b->zip.n && fflush(f) == 0)
        l->rc = old_doc_init(&d);
    if (f)
        fclose(f);
    if (!l->rc)
        l->rc = import_read(l->path, &d, &l->err);
    if (!l->rc)
        l->rc = old_doc_finish(&d, &l->b->doc, &l->err);
    old_doc_release(&d);
    if (l->path[0])
        unlink(l->path);
    rmdir(l->folder);
}

static void old_was_read(struct turn *t, void *arg, int rc)
{
    struct looking *l = arg;

    if (!t->bot)
        return;
    if (rc || l->rc) {
        /* Neither: what is wrong with it as a backup of ours is said. */
        turn_refused(t, l->status, l->answer);
        return;
    }
    buf_release(&l->b->zip);
    turn_op(t, OP_POST, "/import?dry_run=true", json_deep_copy(l->b->doc), show_import);
}

static void looked(struct turn *t, int status, struct slice bytes)
{
    struct looking *l = t->extra;
    bool opened;
    int64_t no;

    l->status = status;
    l->answer = json_loadb(bytes.p ? bytes.p : "", bytes.n, 0, NULL);
    if (status == 409 || status == 422) {
        snprintf(l->folder, sizeof(l->folder), "%s/run/import-XXXXXX",
                 settings_text(bot_settings(t->bot), SET_DATA_DIR));
        turn_work(t, read_old, old_was_read, l);
    } else if (status >= 400) {
        turn_refused(t, status, l->answer);
    } else {
        opened = l->b->opened;
        no = wait_for_yes(t, l->b);
        l->b = NULL;
        show_backup(t, l->answer, no, opened);
    }
}

static void check(struct turn *t)
{
    struct looking *l = t->extra;

    turn_raw(t, OP_POST, "/restore?dry_run=true", buf_slice(&l->b->zip), looked);
}

static void fetched(void *arg, int rc, const char *text, struct buf *content)
{
    struct turn *t = arg;
    struct looking *l = t->extra;

    if (t->bot && rc) {
        turn_fail(t, TEXT_RESTORE_NOT_FETCHED, "!why", view_said_value(turn_note(t), text), NULL);
    } else if (t->bot) {
        buf_release(&l->b->zip);
        l->b->zip = *content;
        *content = (struct buf){0};
        turn_working(t, check, TEXT_RESTORE_CHECKING, NULL);
    }
    turn_unref(t);
}

static void fetch(struct turn *t)
{
    struct looking *l = t->extra;
    struct bot *bot = t->bot;

    t->refs++;
    (bot->opts.download ? bot->opts.download : telegram_download)(bot->opts.tg, l->file_id,
                                                                  LIMIT_TELEGRAM_DOWNLOAD, fetched,
                                                                  t);
}

void restore_got(struct turn *t, json_t *message)
{
    json_t *file = json_object_get(message, "document");
    const char *id = in_text(file, "file_id"), *name = in_text(file, "file_name");
    struct view *note = turn_note(t);
    struct looking *l;

    if (!id) {
        turn_fail(t, TEXT_RESTORE_NO_FILE, NULL);
        return;
    }
    if (in_int(file, "file_size") > LIMIT_TELEGRAM_DOWNLOAD) {
        turn_fail(t, TEXT_RESTORE_TOO_BIG, "name", name ? name : "?", "size",
                  view_size(note, (size_t)in_int(file, "file_size")), NULL);
        return;
    }
    l = calloc(1, sizeof(*l));
    if (l)
        l->b = calloc(1, sizeof(*l->b));
    if (l && l->b)
        l->file_id = strdup(id);
    if (!l || !l->b || !l->file_id) {
        looking_free(l);
        turn_tell(t, TEXT_NO_MEMORY);
        return;
    }
    buf_init(&l->b->zip, LIMIT_TELEGRAM_DOWNLOAD);
    t->extra = l;
    t->drop = looking_free;
    turn_input_over(t);
    t->message_id = 0;
    /* What goes wrong from here on is told where a failed restore would be. */
    t->action = action_find(SLICE("resgo"));
    turn_working(t, fetch, TEXT_RESTORE_FETCHING, NULL);
}

/* ---- the yes ---- */

static struct brought *mine(struct turn *t)
{
    struct brought *b = t->bot->brought;
    int64_t no;

    brought_expire(t->bot);
    b = t->bot->brought;
    if (!b || num_int(slice_of(turn_arg(t, 0)), 0, INT64_MAX, &no) || b->no != no ||
        b->admin_id != t->admin.id)
        return NULL;
    return b;
}

static void imported(struct turn *t, int status, json_t *answer)
{
    struct view *note;

    if (status >= 400) {
        turn_refused(t, status, answer);
        return;
    }
    note = turn_note(t);
    view_say(note, TEXT_IMPORT_DONE, "taken", view_int(note, in_int(answer, "taken")), "changed",
             view_int(note, in_int(answer, "changed")), "left",
             view_int(note, in_int(answer, "left_count")), NULL);
    turn_done(t, answer);
}

/* A file as it stood on that machine, for a person to put in its place. */
static void write_file(const char *dir, const char *name, struct slice bytes, struct buf *out)
{
    char path[4200];
    int fd;

    if (!bytes.p)
        return;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || fchmod(fd, 0600) || write(fd, bytes.p, bytes.n) != (ssize_t)bytes.n)
        buf_addf(out, "%s: %s\n", path, strerror(errno));
    else
        buf_addf(out, "%s\n", path);
    if (fd >= 0)
        close(fd);
}

static void tell_files(struct turn *t, struct view *v, const struct brought *b)
{
    const char *dir = settings_text(bot_settings(t->bot), SET_DATA_DIR);
    struct buf names;

    buf_init(&names, 16384);
    write_file(dir, "restored.env", b->files.env, &names);
    write_file(dir, "restored-secrets.env", b->files.secrets_env, &names);
    view_say(v, TEXT_RESTORE_FILES, "files", buf_str(&names), NULL);
    buf_release(&names);
}

static void drop_brought(void *extra)
{
    brought_free(extra);
}

static void restored(struct turn *t, int status, struct slice bytes)
{
    json_t *answer = json_loadb(bytes.p ? bytes.p : "", bytes.n, 0, NULL);
    const char *kept = in_text(answer, "kept");
    struct brought *b = t->extra;
    struct view v;

    if (status >= 400) {
        turn_refused(t, status, answer);
    } else {
        turn_view(t, &v);
        view_say(&v, TEXT_RESTORE_DONE, "path", kept ? kept : "?", NULL);
        if (b->opened)
            tell_files(t, &v, b);
        show_ways(&v, "sadm");
        show_send(t, &v);
        view_release(&v);
    }
    json_decref(answer);
}

static void go(struct turn *t)
{
    struct brought *b = mine(t);
    json_t *doc;

    if (!b) {
        turn_fail(t, TEXT_RESTORE_OVER, NULL);
        return;
    }
    t->bot->brought = NULL;
    t->extra = b;
    t->drop = drop_brought;
    if (b->doc) {
        doc = b->doc;
        b->doc = NULL;
        turn_op(t, OP_POST, "/import?confirm=true", doc, imported);
    } else {
        turn_raw(t, OP_POST, "/restore?confirm=true", buf_slice(&b->zip), restored);
    }
}

void restore_run(struct turn *t)
{
    if (mine(t))
        turn_working(t, go, TEXT_RESTORE_WORKING, NULL);
    else
        turn_fail(t, TEXT_RESTORE_OVER, NULL);
}

/* ---- its encrypted part ---- */

struct opening {
    struct brought *b;
    struct buf passphrase, clear;
    struct backup_secrets files;
    int64_t now_us;
    int rc;
    struct err err;
};

static void opening_free(struct opening *o)
{
    brought_free(o->b);
    backup_forget(&o->passphrase);
    backup_forget(&o->clear);
    backup_secrets_release(&o->files);
    free(o);
}

static void unseal(void *arg)
{
    struct opening *o = arg;

    o->rc = backup_unseal(buf_slice(&o->b->zip), buf_slice(&o->passphrase), o->now_us, &o->files,
                          &o->clear, &o->err);
}

static void unsealed(struct turn *t, void *arg, int rc)
{
    struct opening *o = arg;
    struct looking *l = t->bot ? calloc(1, sizeof(*l)) : NULL;

    if (!l) {
        if (t->bot)
            turn_tell(t, TEXT_NO_MEMORY);
        opening_free(o);
        return;
    }
    if (rc || o->rc) {
        /* It goes on waiting, for its yes and for another passphrase. */
        brought_free(t->bot->brought);
        t->bot->brought = o->b;
        o->b = NULL;
        opening_free(o);
        free(l);
        turn_fail(t, TEXT_RESTORE_PASS_WRONG, NULL);
        return;
    }
    backup_forget(&o->b->zip);
    o->b->zip = o->clear;
    o->clear = (struct buf){0};
    o->b->files = o->files;
    o->files = (struct backup_secrets){0};
    o->b->opened = true;
    l->b = o->b;
    o->b = NULL;
    opening_free(o);
    t->extra = l;
    t->drop = looking_free;
    turn_input_over(t);
    t->message_id = 0;
    t->action = action_find(SLICE("resgo"));
    check(t);
}

void restore_open(struct turn *t)
{
    struct brought *b = mine(t);
    struct opening *o = b && !b->doc && !b->opened ? calloc(1, sizeof(*o)) : NULL;

    if (!o) {
        turn_input_over(t);
        turn_fail(t, TEXT_RESTORE_OVER, NULL);
        return;
    }
    t->bot->brought = NULL;
    o->b = b;
    o->now_us = loop_wall_us(t->bot->opts.loop);
    buf_init(&o->passphrase, LIMIT_BOT_INPUT);
    buf_init(&o->clear, LIMIT_BACKUP);
    buf_add_str(&o->passphrase, turn_arg(t, 1));
    turn_work(t, unseal, unsealed, o);
}

void restore_cancel(struct turn *t)
{
    struct brought *b = mine(t);

    if (b) {
        t->bot->brought = NULL;
        brought_free(b);
    }
    turn_done(t, NULL);
}
