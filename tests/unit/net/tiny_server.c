/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "tiny_server.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct tiny_route *table;
static int listener;
static atomic_int accepted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char last[65536], shown[65536];

static int read_request(int fd, char *buf, size_t cap)
{
    size_t n = 0, need = 0;
    char *end, *length;
    ssize_t k;

    for (;;) {
        k = read(fd, buf + n, cap - 1 - n);
        if (k <= 0)
            return -1;
        n += (size_t)k;
        buf[n] = '\0';
        end = strstr(buf, "\r\n\r\n");
        if (!end)
            continue;
        length = strcasestr(buf, "content-length:");
        need = 0;
        for (length = length ? length + 16 : NULL; length && *length >= '0' && *length <= '9';
             length++)
            need = need * 10 + (size_t)(*length - '0');
        need += (size_t)(end + 4 - buf);
        if (n >= need)
            return 0;
    }
}

static const struct tiny_route *find(const char *request)
{
    const char *path = strchr(request, ' ');
    const struct tiny_route *r;
    size_t n;

    for (r = table; path && r->path; r++) {
        n = strlen(r->path);
        if (strncmp(path + 1, r->path, n) == 0 && path[1 + n] == ' ')
            return r;
    }
    return NULL;
}

static void *serve(void *arg)
{
    int fd = (int)(intptr_t)arg;
    struct linger hard = {1, 0};
    const struct tiny_route *r;
    const struct tiny_piece *p;
    char buf[65536];

    if (read_request(fd, buf, sizeof(buf)) == 0) {
        pthread_mutex_lock(&lock);
        memcpy(last, buf, sizeof(last));
        pthread_mutex_unlock(&lock);
        r = find(buf);
        for (p = r ? r->pieces : NULL; p && p->text; p++) {
            usleep((useconds_t)p->sleep_ms * 1000);
            if (write(fd, p->text, p->n ? p->n : strlen(p->text)) < 0)
                break;
        }
        if (r)
            usleep((useconds_t)r->hold_ms * 1000);
        if (r && r->abort)
            setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    }
    close(fd);
    return NULL;
}

static void *accept_all(void *arg)
{
    pthread_t thread;
    int fd;

    (void)arg;
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        accepted++;
        if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) == 0)
            pthread_detach(thread);
    }
    return NULL;
}

int tiny_server_start(const struct tiny_route *routes)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t n = sizeof(sa);
    pthread_t thread;

    signal(SIGPIPE, SIG_IGN);
    table = routes;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        listen(listener, 64) != 0 || getsockname(listener, (struct sockaddr *)&sa, &n) != 0 ||
        pthread_create(&thread, NULL, accept_all, NULL) != 0) {
        perror("tiny_server");
        exit(2);
    }
    pthread_detach(thread);
    return ntohs(sa.sin_port);
}

const char *tiny_server_last(void)
{
    pthread_mutex_lock(&lock);
    memcpy(shown, last, sizeof(shown));
    pthread_mutex_unlock(&lock);
    return shown;
}

int tiny_server_count(void)
{
    return accepted;
}
