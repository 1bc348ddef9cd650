/* SPDX-License-Identifier: AGPL-3.0-or-later */

/*
 * The panel client alone, driven by lines on standard input, telling what happens as JSON lines on
 * standard output. Read from the environment: PANEL_DOMAIN, PANEL_USERNAME, PANEL_PASSWORD,
 * PANEL_API_KEY, PANEL_CA_FILE, PANEL_TLS_PIN, PANEL_TLS_VERIFY, NODES_POLL, STREAM_REFRESH,
 * ONLINE_RATE, STREAM_IDLE, READ_GAP_US. Commands: state, read ID, disable ID, enable ID,
 * groups ID A,B, list names|full, lookup ID, online ID, reopen NODE, poll, usage, quiet, quit.
 */

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/stamp.h"
#include "core/line/sse.h"
#include "panel/panel.h"

enum { STREAMS = 8192 };

struct seen {
    struct sse sse;
    int64_t node;
    uint64_t lines, bytes;
};

static struct loop *loop;
static struct worker *worker;
static struct panel *panel;
static struct seen streams[STREAMS];
static struct buf input;
static uint64_t total_lines, total_bytes, reads;
static bool quiet;
static char names[64][LIMIT_USER_NAME + 1];
static int64_t name_ids[64];

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void say(const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

static const char *quoted(const char *text)
{
    static struct buf b;

    if (!b.max)
        buf_init(&b, 65536);
    buf_clear(&b);
    buf_add_json(&b, slice_of(text));
    return buf_str(&b);
}

static void on_state(void *arg)
{
    struct panel_state s = panel_state(panel);

    (void)arg;
    say("{\"event\":\"state\",\"up\":%s,\"session\":%d,\"version\":\"%s\",\"guessed\":%s,\"logins\":%u,"
        "\"error\":%s}",
        s.up ? "true" : "false", s.session, s.version.text, s.version.guessed ? "true" : "false",
        s.logins, quoted(s.error));
}

static void on_node(void *arg, const struct panel_node *node, unsigned changes)
{
    (void)arg;
    say("{\"event\":\"node\",\"node\":%lld,\"status\":\"%s\",\"changes\":%u}", (long long)node->id,
        node->status, changes);
}

static void on_nodes(void *arg, const struct panel_node *nodes, size_t n)
{
    (void)arg;
    (void)nodes;
    say("{\"event\":\"nodes\",\"n\":%zu}", n);
}

static void on_open(void *arg, int64_t node, uint32_t no, int64_t now_us)
{
    (void)arg;
    streams[no % STREAMS].node = node;
    sse_init(&streams[no % STREAMS].sse);
    say("{\"event\":\"open\",\"node\":%lld,\"stream\":%u,\"us\":%lld}", (long long)node, no,
        (long long)now_us);
}

static int64_t line_node;

static void on_line(void *arg, struct slice line)
{
    struct seen *s = arg;
    char text[512];

    s->lines++;
    total_lines++;
    if (quiet)
        return;
    snprintf(text, sizeof(text), "%.*s", (int)(line.n > 500 ? 500 : line.n), line.p);
    say("{\"event\":\"line\",\"node\":%lld,\"text\":%s}", (long long)line_node, quoted(text));
}

static void on_bytes(void *arg, int64_t node, uint32_t no, int64_t now_us, struct slice bytes)
{
    struct seen *s = &streams[no % STREAMS];

    (void)arg;
    (void)now_us;
    line_node = node;
    s->bytes += bytes.n;
    total_bytes += bytes.n;
    reads++;
    if (sse_feed(&s->sse, bytes, on_line, s) != ERR_OK)
        say("{\"event\":\"nomem\"}");
}

static void on_close(void *arg, int64_t node, uint32_t no, int64_t now_us, int rc, const char *why)
{
    (void)arg;
    (void)now_us;
    sse_release(&streams[no % STREAMS].sse);
    say("{\"event\":\"close\",\"node\":%lld,\"stream\":%u,\"rc\":%d,\"why\":%s}", (long long)node,
        no, rc, quoted(why));
}

static void on_user(void *arg, int rc, const struct err *err, const struct panel_user *u)
{
    if (u)
        say("{\"event\":\"user\",\"for\":\"%s\",\"rc\":%d,\"id\":%lld,\"status\":\"%.*s\",\"groups\":%zu}",
            (const char *)arg, rc, (long long)u->id, (int)u->status_text.n, u->status_text.p,
            u->n_groups);
    else
        say("{\"event\":\"user\",\"for\":\"%s\",\"rc\":%d,\"name\":\"%s\",\"error\":%s}",
            (const char *)arg, rc, err_name(rc), quoted(err->text));
}

static void on_online(void *arg, int rc, const struct err *err, struct online_list *list)
{
    size_t i;

    (void)arg;
    if (!list) {
        say("{\"event\":\"online\",\"rc\":%d,\"error\":%s}", rc, quoted(err->text));
        return;
    }
    printf("{\"event\":\"online\",\"rc\":0,\"nodes\":%zu,\"list\":[", list->n_nodes);
    for (i = 0; i < list->n; i++)
        printf("%s[%lld,\"%s\",%lld]", i ? "," : "", (long long)list->at[i].node_id,
               list->at[i].address, (long long)list->at[i].last_s);
    say("]}");
}

static int64_t first_id, last_id;

static void on_page(void *arg, const struct panel_user *users, size_t n, bool full)
{
    (void)arg;
    if (!first_id)
        first_id = users[0].id;
    for (size_t i = 0; i < n; i++) {
        if (users[i].id <= last_id)
            say("{\"event\":\"disorder\"}");
        last_id = users[i].id;
        if (i < 64 && users[i].id < 64 && users[i].name.n < sizeof(names[0])) {
            name_ids[users[i].id] = users[i].id;
            snprintf(names[users[i].id], sizeof(names[0]), "%.*s", (int)users[i].name.n,
                     users[i].name.p);
        }
    }
    say("{\"event\":\"page\",\"n\":%zu,\"full\":%s,\"groups\":%zu}", n, full ? "true" : "false",
        users[0].n_groups);
}

static void on_listed(void *arg, int rc, const struct err *err, size_t n)
{
    (void)arg;
    say("{\"event\":\"listed\",\"rc\":%d,\"n\":%zu,\"first\":%lld,\"last\":%lld,\"error\":%s}", rc,
        n, (long long)first_id, (long long)last_id, quoted(err->text));
    first_id = last_id = 0;
}

static bool name_of(void *arg, int64_t id, struct slice *ret_name)
{
    (void)arg;
    if (id < 1 || id >= 64 || !name_ids[id])
        return false;
    *ret_name = slice_of(names[id]);
    return true;
}

static void usage(void)
{
    struct rusage ru;
    char text[128];
    int64_t rss = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f && fgets(text, sizeof(text), f)) {
        struct slice rest = slice_of(text);

        slice_cut(&rest, ' ');
        if (num_int(slice_cut(&rest, ' '), 0, INT64_MAX, &rss) != ERR_OK)
            rss = 0;
    }
    if (f)
        fclose(f);
    getrusage(RUSAGE_SELF, &ru);
    say("{\"event\":\"usage\",\"rss_kb\":%lld,\"cpu_us\":%lld,\"lines\":%llu,\"bytes\":%llu,\"reads\":%llu,"
        "\"open\":%u,\"us\":%lld}",
        (long long)rss * (sysconf(_SC_PAGESIZE) / 1024),
        (long long)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 + ru.ru_utime.tv_usec +
            ru.ru_stime.tv_usec,
        (unsigned long long)total_lines, (unsigned long long)total_bytes, (unsigned long long)reads,
        panel_state(panel).streams_open, (long long)loop_wall_us(loop));
}

static void set_groups(int64_t id, struct slice list)
{
    int64_t groups[8];
    size_t n = 0;

    while (list.p && n < 8) {
        struct slice one = slice_cut(&list, ',');

        if (one.n && num_int(one, 1, INT64_MAX, &groups[n]) == ERR_OK)
            n++;
    }
    panel_port(panel)->set_groups(panel_port(panel)->ctx, id, groups, n, NULL, on_user, "groups");
}

static void command(struct slice line)
{
    struct slice rest = line, word = slice_cut(&rest, ' '), arg = slice_cut(&rest, ' ');
    const struct panel_port *port = panel_port(panel);
    int64_t id = 0;
    int rc = ERR_OK;

    if (arg.n && num_int(arg, 0, INT64_MAX, &id) != ERR_OK)
        id = 0;
    if (slice_eq(word, SLICE("state")))
        on_state(NULL);
    else if (slice_eq(word, SLICE("read")))
        port->read_user(port->ctx, id, on_user, "read");
    else if (slice_eq(word, SLICE("disable")))
        port->set_disabled(port->ctx, id, true, rest.n ? &rest : NULL, on_user, "disable");
    else if (slice_eq(word, SLICE("enable")))
        port->set_disabled(port->ctx, id, false, rest.n ? &rest : NULL, on_user, "enable");
    else if (slice_eq(word, SLICE("note")))
        port->set_note(port->ctx, id, rest, on_user, "note");
    else if (slice_eq(word, SLICE("revoke")))
        port->revoke(port->ctx, id, on_user, "revoke");
    else if (slice_eq(word, SLICE("groups")))
        set_groups(id, rest);
    else if (slice_eq(word, SLICE("list")))
        rc = panel_list_users(panel, slice_eq(arg, SLICE("full")), on_page, on_listed, NULL);
    else if (slice_eq(word, SLICE("lookup")))
        rc = panel_lookup(panel, id, on_user, "lookup");
    else if (slice_eq(word, SLICE("online")))
        rc = panel_online(panel, id, false, on_online, NULL);
    else if (slice_eq(word, SLICE("reopen")))
        rc = panel_streams_reopen(panel, id);
    else if (slice_eq(word, SLICE("poll")))
        panel_nodes_now(panel);
    else if (slice_eq(word, SLICE("usage")))
        usage();
    else if (slice_eq(word, SLICE("quiet")))
        quiet = true;
    else
        loop_stop(loop);
    if (rc)
        say("{\"event\":\"failed\",\"rc\":%d}", rc);
}

static void on_input(void *arg, int fd, int what)
{
    char chunk[4096];
    ssize_t n = read(fd, chunk, sizeof(chunk));
    char *end;

    (void)arg;
    (void)what;
    if (n <= 0 || buf_add(&input, chunk, (size_t)n) != ERR_OK) {
        loop_stop(loop);
        return;
    }
    while (input.n && (end = memchr(input.p, '\n', input.n))) {
        command((struct slice){input.p, (size_t)(end - input.p)});
        buf_consume(&input, (size_t)(end + 1 - input.p));
    }
}

static int64_t number(const char *name, int64_t fallback)
{
    int64_t v;

    return num_int(slice_of(getenv(name)), INT64_MIN, INT64_MAX, &v) == ERR_OK ? v : fallback;
}

int main(void)
{
    static const struct panel_events events = {.on_state = on_state,
                                               .on_node = on_node,
                                               .on_nodes = on_nodes,
                                               .on_open = on_open,
                                               .on_bytes = on_bytes,
                                               .on_close = on_close};
    struct panel_opts opts = {.domain = getenv("PANEL_DOMAIN"),
                              .username = getenv("PANEL_USERNAME"),
                              .password = getenv("PANEL_PASSWORD"),
                              .api_key = getenv("PANEL_API_KEY"),
                              .ca_file = getenv("PANEL_CA_FILE"),
                              .tls_pins = getenv("PANEL_TLS_PIN"),
                              .tls_verify = number("PANEL_TLS_VERIFY", 1) != 0,
                              .nodes_poll_s = (unsigned)number("NODES_POLL", 15),
                              .stream_refresh_s = (unsigned)number("STREAM_REFRESH", 300),
                              .online_rate = (double)number("ONLINE_RATE", 3),
                              .stream_idle_s = (unsigned)number("STREAM_IDLE", 0),
                              .read_gap_us = number("READ_GAP_US", 0)};
    struct loop_fd *in;
    struct err err = {0};

    log_setup(LOG_DEBUG, false, false);
    buf_init(&input, 1 << 20);
    if (loop_new(&loop) || worker_new(loop, 64, &worker) ||
        loop_fd_new(loop, 0, on_input, NULL, &in))
        return 2;
    if (panel_new(loop, worker, &opts, &events, NULL, &panel, &err) != ERR_OK) {
        say("{\"event\":\"invalid\",\"error\":%s}", quoted(err.text));
        return 1;
    }
    panel_set_names(panel, name_of, NULL);
    loop_fd_want(in, LOOP_READ);
    panel_start(panel);
    loop_run(loop);
    panel_free(panel);
    say("{\"event\":\"end\",\"lines\":%llu}", (unsigned long long)total_lines);
    loop_fd_free(in);
    worker_free(worker);
    loop_free(loop);
    buf_release(&input);
    return 0;
}
