/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "net/http_int.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

enum { RETRY_AFTER_US = 5000000 }; /* least time between two look-ups of one name */

/* A look-up on its way through the worker; touches nothing else there. */
struct lookup {
    struct http_host *host; /* NULL when the client went away meanwhile */
    struct http *http;
    char *name;
    int rc;
    struct buf addresses; /* comma-separated, IPv6 in brackets */
    struct lookup *next;
};

static int split_url(const char *url, char **ret_host, long *ret_port)
{
    CURLU *u = curl_url();
    char *host = NULL, *port = NULL;
    int64_t number = 0;
    int rc = ERR_INVALID;
    size_t n;

    if (!u)
        return ERR_NOMEM;
    if (curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
        curl_url_get(u, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
        n = strlen(host);
        if (n > 2 && host[0] == '[') {
            memmove(host, host + 1, n - 2);
            host[n - 2] = '\0';
        }
        *ret_host = strdup(host);
        rc = !*ret_host ? ERR_NOMEM : num_int(slice_of(port), 1, 65535, &number);
        *ret_port = (long)number;
        if (rc)
            free(*ret_host);
    }
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(u);
    return rc;
}

int http_host_find(struct http *http, const char *url, struct http_host **ret_host)
{
    unsigned char raw[16];
    struct http_host *h;
    unsigned n = 0;
    char *name;
    long port;
    int rc;

    rc = split_url(http->proxy ? http->proxy : url, &name, &port);
    if (rc)
        return rc;
    for (h = http->hosts; h; h = h->next, n++) {
        if (h->port == port && strcasecmp(h->host, name) == 0) {
            free(name);
            *ret_host = h;
            return ERR_OK;
        }
    }
    h = n < LIMIT_HTTP_HOSTS ? calloc(1, sizeof(*h)) : NULL;
    if (!h) {
        free(name);
        return ERR_NOMEM;
    }
    *h = (struct http_host){.http = http, .host = name, .port = port, .next = http->hosts};
    h->literal = inet_pton(AF_INET, name, raw) == 1 || inet_pton(AF_INET6, name, raw) == 1;
    http->hosts = h;
    *ret_host = h;
    return ERR_OK;
}

static void lookup_job(void *arg)
{
    struct lookup *l = arg;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL, *a;
    char text[NI_MAXHOST];
    unsigned n = 0;

    l->rc = getaddrinfo(l->name, NULL, &hints, &list);
    for (a = l->rc == 0 ? list : NULL; a && n < 8; a = a->ai_next) {
        if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) !=
            0)
            continue;
        buf_addf(&l->addresses, a->ai_family == AF_INET6 ? "%s[%s]" : "%s%s", n ? "," : "", text);
        n++;
    }
    if (list)
        freeaddrinfo(list);
}

static void keep_addresses(struct http_host *h, const struct lookup *l)
{
    struct curl_slist *entry;
    struct buf line;

    buf_init(&line, 4096);
    buf_addf(&line, strchr(h->host, ':') ? "[%s]:%ld:%s" : "%s:%ld:%s", h->host, h->port,
             buf_str(&l->addresses));
    entry = line.failed ? NULL : curl_slist_append(NULL, buf_str(&line));
    buf_release(&line);
    if (!entry)
        return;
    curl_slist_free_all(h->entry);
    h->entry = entry;
}

static void lookup_done(void *arg, int rc)
{
    struct lookup *l = arg, **at;
    struct http_host *h = l->host;
    struct http_call *c;

    if (h) {
        for (at = &l->http->lookups; *at != l; at = &(*at)->next)
            ;
        *at = l->next;
        h->resolving = false;
        h->resolved_us = loop_real_us(h->http->loop);
        h->stale = false;
        free(h->error);
        h->error = NULL;
        if (rc == ERR_OK && l->rc == 0 && l->addresses.n) {
            keep_addresses(h, l);
        } else {
            h->stale = true;
            h->error = strdup(rc ? err_name(rc) : l->rc ? gai_strerror(l->rc) : "no address");
        }
        for (c = h->http->calls; c; c = c->next)
            if (c->host == h && c->stage == CALL_RESOLVING)
                http_mark(c);
    }
    free(l->name);
    buf_release(&l->addresses);
    free(l);
}

static bool lookup_start(struct http_host *h)
{
    struct lookup *l = calloc(1, sizeof(*l));

    if (!l)
        return false;
    l->host = h;
    l->http = h->http;
    l->name = strdup(h->host);
    buf_init(&l->addresses, 2048);
    if (!l->name || worker_submit(h->http->worker, lookup_job, lookup_done, l) != ERR_OK) {
        free(l->name);
        free(l);
        return false;
    }
    l->next = h->http->lookups;
    h->http->lookups = l;
    h->resolving = true;
    return true;
}

bool http_host_ready(struct http_host *h)
{
    int64_t age = loop_real_us(h->http->loop) - h->resolved_us;

    if (h->literal)
        return true;
    if (h->resolving)
        return h->entry != NULL;
    if ((!h->entry || h->stale) && (h->resolved_us == 0 || age >= RETRY_AFTER_US)) {
        if (!lookup_start(h)) {
            free(h->error);
            h->error = strdup("the worker has too much to do");
            return true;
        }
        return h->entry != NULL;
    }
    return true;
}

void http_host_failed(struct http_host *h)
{
    h->stale = true;
}

void http_host_free_all(struct http *http)
{
    struct http_host *h, *next;
    struct lookup *l;

    for (l = http->lookups; l; l = l->next)
        l->host = NULL;
    for (h = http->hosts; h; h = next) {
        next = h->next;
        curl_slist_free_all(h->entry);
        free(h->host);
        free(h->error);
        free(h);
    }
    http->hosts = NULL;
}
