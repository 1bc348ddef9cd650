/* SPDX-License-Identifier: AGPL-3.0-or-later */
/*
 * Raw bytes of a connection to the API that asks for a login. Whatever they are, the server ends the
 * connection, and shows the state of the daemon to nobody who does not bring the right password.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/server.h"
#include "fuzz_port.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SHOWN "{\"only\":\"for those with the password\"}"
/* admin:secret */
#define LOGIN "YWRtaW46c2VjcmV0"

static struct loop *loop;
static struct sockaddr_un addr;
static socklen_t addr_n = sizeof(addr);

static void state_json(void *app, struct buf *out)
{
    (void)app;
    buf_add_str(out, SHOWN);
}

static void start(void)
{
    static struct op_port port = {FUZZ_PORT, .status_json = state_json, .nodes_json = state_json};
    struct server_opts opts = {.need_host = true,
                               .who = "fuzz",
                               .connections = 8,
                               .deadline_us = 3000,
                               .stuck_us = STAMP_SECOND,
                               .auth = auth_new(),
                               .origins = "https://good.example"};
    struct server *server;
    struct err err;

    addr.sun_family = AF_UNIX;
    opts.listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* The kernel names it: nothing is left in the file system. */
    if (!opts.auth || auth_set(opts.auth, "admin", "secret", false, false) || opts.listen_fd < 0 ||
        bind(opts.listen_fd, (struct sockaddr *)&addr, sizeof(addr.sun_family)) ||
        listen(opts.listen_fd, 8) ||
        getsockname(opts.listen_fd, (struct sockaddr *)&addr, &addr_n) ||
        settings_init(&settings) || loop_new(&loop) ||
        server_new(loop, &opts, &port, &server, &err))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[1 << 16], answer[1 << 16];
    size_t have = 0;
    int fd, turns;

    if (!loop)
        start();
    if (size > 16384)
        return 0;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&addr, addr_n) ||
        send(fd, data, size, MSG_NOSIGNAL) != (ssize_t)size || shutdown(fd, SHUT_WR))
        abort();
    for (turns = 0; turns < 2000; turns++) {
        ssize_t n;

        loop_turn(loop, turns < 50 ? 0 : 1000);
        n = recv(fd, answer + have, sizeof(answer) - 1 - have, 0);
        if (n == 0)
            break;
        have += n > 0 ? (size_t)n : 0;
        /* A live stream is open until this side closes it. */
        if (memmem(answer, have, "text/event-stream", 17))
            break;
        if (have == sizeof(answer) - 1)
            have = 0;
    }
    if (turns == 2000)
        abort();
    close(fd);
    answer[have] = '\0';
    memcpy(text, data, size);
    text[size] = '\0';
    if (have && strncmp(answer, "HTTP/1.", 7) != 0)
        abort();
    if (memmem(answer, have, SHOWN, strlen(SHOWN)) && !memmem(text, size, LOGIN, strlen(LOGIN)))
        abort();
    return 0;
}
