/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "app/recorder.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/stamp.h"
#include "core/address/addr.h"
#include "base/banned.h"

enum { ONLINE = 0 }; /* no node has this id */
enum { FILE_MAX = 64 << 20, KEPT = 4, BUFFER_MAX = 1 << 20, FLUSH_AT = 64 << 10 };

struct tape {
    int64_t node_id;
    int fd; /* -1: given up */
    int64_t size;
    struct buf buf;
};

struct recorder {
    char dir[PATH_MAX - 64];
    struct tape tapes[LIMIT_NODES + 1];
    size_t n;
    int64_t last_us, last_node; /* of the line written last */
};

static void tape_path(const struct recorder *r, const struct tape *t, int set_aside, char *out)
{
    if (t->node_id == ONLINE)
        snprintf(out, PATH_MAX, set_aside ? "%s/online.log.%d" : "%s/online.log", r->dir,
                 set_aside);
    else if (set_aside)
        snprintf(out, PATH_MAX, "%s/node-%lld.log.%d", r->dir, (long long)t->node_id, set_aside);
    else
        snprintf(out, PATH_MAX, "%s/node-%lld.log", r->dir, (long long)t->node_id);
}

static void give_up(struct tape *t, const char *path)
{
    log_error("record", "%s: %s; this node is not recorded any more", path, strerror(errno));
    if (t->fd >= 0)
        close(t->fd);
    t->fd = -1;
    buf_release(&t->buf);
}

static void tape_open(const struct recorder *r, struct tape *t)
{
    char path[PATH_MAX];
    struct stat st;

    tape_path(r, t, 0, path);
    t->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (t->fd < 0 || fstat(t->fd, &st)) {
        give_up(t, path);
        return;
    }
    t->size = st.st_size;
}

/* Sets the full file aside: .3 becomes .4, … and the file itself .1; the oldest is overwritten. */
static void rotate(const struct recorder *r, struct tape *t)
{
    char from[PATH_MAX], to[PATH_MAX];
    int i;

    close(t->fd);
    for (i = KEPT; i > 0; i--) {
        tape_path(r, t, i - 1, from);
        tape_path(r, t, i, to);
        if (rename(from, to) && errno != ENOENT) {
            t->fd = -1;
            give_up(t, from);
            return;
        }
    }
    tape_open(r, t);
}

static void tape_flush(const struct recorder *r, struct tape *t)
{
    size_t done = 0;

    while (t->fd >= 0 && done < t->buf.n) {
        ssize_t n = write(t->fd, t->buf.p + done, t->buf.n - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            char path[PATH_MAX];

            tape_path(r, t, 0, path);
            give_up(t, path);
            return;
        }
        done += (size_t)n;
    }
    t->size += (int64_t)done;
    buf_clear(&t->buf);
    if (t->fd >= 0 && t->size >= FILE_MAX)
        rotate(r, t);
}

static struct tape *tape_of(struct recorder *r, int64_t node_id)
{
    struct tape *t;
    size_t i;

    for (i = 0; i < r->n; i++)
        if (r->tapes[i].node_id == node_id)
            return &r->tapes[i];
    if (r->n == LIMIT_NODES + 1)
        return NULL;
    t = &r->tapes[r->n++];
    t->node_id = node_id;
    buf_init(&t->buf, BUFFER_MAX);
    tape_open(r, t);
    return t;
}

int recorder_new(const char *dir, struct recorder **ret_recorder, struct err *err)
{
    struct recorder *r;

    if (strlen(dir) >= sizeof(r->dir))
        return err_set(err, ERR_INVALID, "--record: the path is too long");
    if (mkdir(dir, 0700) && errno != EEXIST)
        return err_set(err, ERR_IO, "--record %s: %s", dir, strerror(errno));
    if (access(dir, W_OK | X_OK))
        return err_set(err, ERR_IO, "--record %s: %s", dir, strerror(errno));
    r = calloc(1, sizeof(*r));
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory");
    memcpy(r->dir, dir, strlen(dir) + 1);
    *ret_recorder = r;
    return ERR_OK;
}

void recorder_free(struct recorder *r)
{
    size_t i;

    if (!r)
        return;
    recorder_flush(r);
    for (i = 0; i < r->n; i++) {
        if (r->tapes[i].fd >= 0)
            close(r->tapes[i].fd);
        buf_release(&r->tapes[i].buf);
    }
    free(r);
}

/*
 * The loop reads the clock once a turn, and a turn may bring lines of several nodes. A microsecond where
 * the node changes keeps their order, on which the evidence depends, for the replay.
 */
static int64_t in_order(struct recorder *r, int64_t node_id, int64_t now_us)
{
    /* Further back than that a clock was set. */
    if (now_us < r->last_us && now_us > r->last_us - STAMP_SECOND)
        now_us = r->last_us;
    if (now_us == r->last_us && node_id != r->last_node)
        now_us++;
    r->last_us = now_us;
    r->last_node = node_id;
    return now_us;
}

static void put(struct recorder *r, int64_t node_id, int64_t now_us, struct slice text)
{
    struct tape *t = tape_of(r, node_id);

    if (!t || t->fd < 0)
        return;
    buf_addf(&t->buf, "@%lld ", (long long)in_order(r, node_id, now_us));
    buf_add_slice(&t->buf, text);
    buf_add_char(&t->buf, '\n');
    if (t->buf.n >= FLUSH_AT || t->buf.failed)
        tape_flush(r, t);
}

void recorder_write(struct recorder *r, int64_t node_id, int64_t now_us, struct slice line)
{
    put(r, node_id, now_us, line);
}

static void add_entries(const struct online_list *list, int64_t node_id, struct buf *out)
{
    const char *comma = "";
    struct addr a;
    size_t i;

    for (i = 0; i < list->n; i++) {
        if (list->at[i].node_id != node_id || addr_parse(slice_of(list->at[i].address), &a))
            continue;
        buf_addf(out, "%s%s=%lld", comma, list->at[i].address, (long long)list->at[i].last_s);
        comma = ",";
    }
}

void recorder_reading(struct recorder *r, int64_t user_id, const struct online_list *list,
                      int64_t now_us)
{
    struct buf text;
    size_t i;

    buf_init(&text, BUFFER_MAX / 2);
    buf_addf(&text, "#online %lld", (long long)user_id);
    for (i = 0; i < list->n_nodes; i++) {
        buf_addf(&text, " %lld:", (long long)list->nodes[i]);
        add_entries(list, list->nodes[i], &text);
    }
    if (!text.failed)
        put(r, ONLINE, now_us, buf_slice(&text));
    buf_release(&text);
}

void recorder_mark(struct recorder *r, int64_t node_id, int64_t now_us, bool open)
{
    put(r, node_id, now_us, open ? SLICE("#open") : SLICE("#close"));
}

void recorder_flush(struct recorder *r)
{
    size_t i;

    for (i = 0; i < r->n; i++)
        if (r->tapes[i].buf.n)
            tape_flush(r, &r->tapes[i]);
}
