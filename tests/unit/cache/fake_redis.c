/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "fake_redis.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/num.h"

enum { VALUES = 64, WORDS = 6, WORD = 4096, CLIENTS = 64 };

static struct {
    char key[200], value[WORD];
    size_t n;
} kept[VALUES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile enum fake_mode mode;
static int listener, clients[CLIENTS], n_clients;

struct command {
    char word[WORDS][WORD];
    size_t n[WORDS];
    int words;
};

/* The number after the first letter of a line; -1: none. */
static int64_t number(const char *line)
{
    int64_t n;

    return num_int(slice_trim(slice_of(line + 1)), 0, WORD, &n) ? -1 : n;
}

static int read_command(FILE *f, struct command *c)
{
    char line[64];
    int i;

    if (!fgets(line, sizeof(line), f) || line[0] != '*')
        return 0;
    c->words = (int)number(line);
    if (c->words < 1 || c->words > WORDS)
        return 0;
    for (i = 0; i < c->words; i++) {
        if (!fgets(line, sizeof(line), f) || line[0] != '$')
            return 0;
        c->n[i] = (size_t)number(line);
        if (c->n[i] >= WORD || fread(c->word[i], 1, c->n[i], f) != c->n[i])
            return 0;
        c->word[i][c->n[i]] = '\0';
        if (!fgets(line, sizeof(line), f))
            return 0;
    }
    return 1;
}

static int find(const char *key)
{
    int i;

    for (i = 0; i < VALUES; i++)
        if (strcmp(kept[i].key, key) == 0)
            return i;
    return -1;
}

static void say(FILE *f, const char *text)
{
    fputs(text, f);
}

static void obey(FILE *f, const struct command *c)
{
    const char *word = c->word[0], *info = "redis_version:9.8.7\r\nmaxmemory:0\r\n";
    int i = c->words > 1 ? find(c->word[1]) : -1;

    if (mode == FAKE_LOCKED) {
        say(f, "-NOAUTH Authentication required.\r\n");
    } else if (!strcmp(word, "SET") && mode == FAKE_FULL) {
        say(f, "-OOM command not allowed when used memory > 'maxmemory'.\r\n");
    } else if (!strcmp(word, "SET")) {
        if (i < 0)
            i = find("");
        if (i >= 0) {
            snprintf(kept[i].key, sizeof(kept[i].key), "%.199s", c->word[1]);
            memcpy(kept[i].value, c->word[2], c->n[2]);
            kept[i].n = c->n[2];
        }
        say(f, "+OK\r\n");
    } else if (!strcmp(word, "GET") && i >= 0) {
        fprintf(f, "$%zu\r\n", kept[i].n);
        fwrite(kept[i].value, 1, kept[i].n, f);
        say(f, "\r\n");
    } else if (!strcmp(word, "GET")) {
        say(f, "$-1\r\n");
    } else if (!strcmp(word, "DEL")) {
        if (i >= 0)
            kept[i].key[0] = '\0';
        fprintf(f, ":%d\r\n", i >= 0);
    } else if (!strcmp(word, "INFO")) {
        fprintf(f, "$%zu\r\n%s\r\n", strlen(info), info);
    } else {
        say(f, !strcmp(word, "PING") ? "+PONG\r\n" : "+OK\r\n");
    }
}

static void *serve(void *arg)
{
    int fd = *(int *)arg;
    FILE *in = fdopen(fd, "r"), *out = fdopen(dup(fd), "w");
    struct command *c = malloc(sizeof(*c));

    free(arg);
    while (in && out && c && read_command(in, c)) {
        while (mode == FAKE_HANG)
            usleep(5000);
        pthread_mutex_lock(&lock);
        if (mode == FAKE_GARBAGE)
            say(out, "HTTP/1.1 400 Bad Request\r\n");
        else
            obey(out, c);
        if (mode == FAKE_UNASKED)
            say(out, "+OK\r\n+OK\r\n+OK\r\n+OK\r\n");
        pthread_mutex_unlock(&lock);
        if (fflush(out))
            break;
    }
    shutdown(fd, SHUT_RDWR);
    free(c);
    if (out)
        fclose(out);
    if (in)
        fclose(in);
    return NULL;
}

static void *accept_all(void *arg)
{
    (void)arg;
    for (;;) {
        int *fd = malloc(sizeof(*fd));
        pthread_t thread;

        if (!fd)
            exit(99);
        *fd = accept(listener, NULL, NULL);
        if (*fd < 0)
            exit(99);
        pthread_mutex_lock(&lock);
        clients[n_clients++ % CLIENTS] = *fd;
        pthread_mutex_unlock(&lock);
        if (pthread_create(&thread, NULL, serve, fd))
            exit(99);
        pthread_detach(thread);
    }
    return NULL;
}

int fake_redis_start(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    pthread_t thread;

    listener = socket(AF_INET, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof(at)) ||
        listen(listener, 16) || getsockname(listener, (struct sockaddr *)&at, &n) ||
        pthread_create(&thread, NULL, accept_all, NULL))
        exit(99);
    pthread_detach(thread);
    return ntohs(at.sin_port);
}

void fake_redis_mode(enum fake_mode m)
{
    mode = m;
}

void fake_redis_cut(void)
{
    int i;

    pthread_mutex_lock(&lock);
    for (i = 0; i < n_clients && i < CLIENTS; i++)
        shutdown(clients[i], SHUT_RDWR);
    pthread_mutex_unlock(&lock);
}

void fake_redis_empty(void)
{
    pthread_mutex_lock(&lock);
    memset(kept, 0, sizeof(kept));
    pthread_mutex_unlock(&lock);
}

int fake_redis_values(void)
{
    int i, n = 0;

    pthread_mutex_lock(&lock);
    for (i = 0; i < VALUES; i++)
        n += kept[i].key[0] != '\0';
    pthread_mutex_unlock(&lock);
    return n;
}

int fake_redis_connections(void)
{
    return n_clients;
}
