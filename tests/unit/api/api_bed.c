/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api_bed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "api/control.h"
#include "base/attr.h"
#include "base/num.h"

static const struct settings *get_settings(void *app)
{
    return &((struct bed *)app)->settings;
}

static int64_t get_now(void *app)
{
    (void)app;
    return 1;
}

static const char *get_env_file(void *app)
{
    (void)app;
    return "";
}

static void state_json(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(out, "{\"up\":true}");
}

static void enable(void *app, const struct op_enable *what, op_enable_fn fn, void *arg)
{
    struct bed *bed = app;

    (void)what;
    bed->waiting = fn;
    bed->waiting_arg = arg;
}

void bed_start(struct bed *bed, bool need_host, int64_t deadline_us)
{
    struct server_opts opts = {.need_host = need_host,
                               .who = "cli",
                               .connections = 32,
                               .deadline_us = deadline_us,
                               .stuck_us = deadline_us};
    struct err err;

    if (control_listen(bed->dir, &opts.listen_fd, &err))
        fail_msg("%s", err.text);
    assert_int_equal(server_new(bed->loop, &opts, &bed->port, &bed->server, &err), ERR_OK);
}

int bed_setup(void **state)
{
    struct bed *bed = calloc(1, sizeof(*bed));
    struct err err;
    char path[64];

    assert_non_null(bed);
    snprintf(bed->dir, sizeof(bed->dir), "/tmp/pg-api-XXXXXX");
    assert_non_null(mkdtemp(bed->dir));
    assert_int_equal(settings_init(&bed->settings), ERR_OK);
    assert_int_equal(loop_new(&bed->loop), ERR_OK);
    snprintf(path, sizeof(path), "%s/db", bed->dir);
    assert_int_equal(db_open_file(path, &bed->db, &err), ERR_OK);
    bed->port = (struct op_port){
        .app = bed,
        .submit = owner_submit_here,
        .store = bed->db,
        .settings = get_settings,
        .now_us = get_now,
        .env_file = get_env_file,
        .enable = enable,
        .status_json = state_json,
        .nodes_json = state_json,
    };
    *state = bed;
    return 0;
}

int bed_teardown(void **state)
{
    static const char *const files[] = {"db", "db-wal", "db-shm"};
    size_t i;
    struct bed *bed = *state;
    char path[64];

    server_free(bed->server);
    loop_free(bed->loop);
    db_close(bed->db);
    for (i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", bed->dir, files[i]);
        unlink(path);
    }
    control_remove(bed->dir);
    snprintf(path, sizeof(path), "%s/run", bed->dir);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rmdir(bed->dir), 0);
    settings_release(&bed->settings);
    free(bed);
    return 0;
}

int bed_dial(struct bed *bed)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/run/control.sock", bed->dir);
    assert_int_equal(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    return fd;
}

int64_t bed_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Whether the answer has as many bytes as its head announces. */
static bool is_whole(const char *answer)
{
    const char *body = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");

    struct slice text = slice_of(length ? length + 16 : "");
    int64_t n;

    return body && length && length < body &&
           num_int(slice_cut(&text, '\r'), 0, INT32_MAX, &n) == 0 && (int64_t)strlen(body + 4) >= n;
}

/* Reads until the other side ends, or perhaps until the answer is whole, or ms have passed: false. */
static bool read_answer(struct bed *bed, int fd, int64_t ms, bool whole)
{
    int64_t end = bed_ms() + ms;
    size_t have = 0;
    ssize_t n;

    bed->answer[0] = '\0';
    while (bed_ms() < end) {
        if (whole && is_whole(bed->answer))
            return true;
        loop_turn(bed->loop, 2000);
        n = recv(fd, bed->answer + have, sizeof(bed->answer) - 1 - have, 0);
        if (n == 0)
            return true;
        if (n < 0 && errno != EAGAIN)
            return true;
        if (n > 0)
            have += (size_t)n;
        bed->answer[have] = '\0';
    }
    return false;
}

bool bed_read(struct bed *bed, int fd, int64_t ms)
{
    return read_answer(bed, fd, ms, false);
}

void bed_until_asked(struct bed *bed)
{
    int64_t end = bed_ms() + BED_PATIENCE_MS;

    while (!bed->waiting) {
        assert_true(bed_ms() < end);
        loop_turn(bed->loop, 2000);
    }
}

int bed_talk(struct bed *bed, const char *text)
{
    int fd = bed_dial(bed), status = 0;

    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
    assert_true(read_answer(bed, fd, BED_PATIENCE_MS, true));
    close(fd);
    if (strncmp(bed->answer, "HTTP/1.1 ", 9) == 0)
        status =
            (bed->answer[9] - '0') * 100 + (bed->answer[10] - '0') * 10 + bed->answer[11] - '0';
    return status;
}
