/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/time.h>

#include "base/buf.h"
#include "base/limits.h"
#include "base/logform.h"
#include "base/logqueue.h"
#include "base/banned.h"

enum { SECRET_MIN = 6, SHOWN_PATH = 512 };

static struct {
    pthread_mutex_t lock;
    atomic_int level;
    bool json;
    enum logform form;
    char *secret[LIMIT_LOG_SECRETS];
    int secrets;
    int sinks;
    struct {
        log_sink_fn fn;
        void *arg;
    } sink[4];
    log_sink_fn alarm;
    void *alarm_arg;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO};

/* Whose lines stand in telegram.log too. */
static const char *const bot_areas[] = {"telegram", "bot", "outbox", "notice", "topics"};

void log_setup(enum log_level level, bool json, bool colour)
{
    state.level = level;
    state.json = json;
    state.form = logform_is_journal() ? LOGFORM_JOURNAL : colour ? LOGFORM_COLOUR : LOGFORM_TEXT;
}

/* ---- files ---- */

static void say(bool bad, const char *text)
{
    if (bad)
        log_error("log", "%s", text);
    else
        log_warning("log", "%s", text);
}

int log_files(const char *dir, long long max_bytes, struct err *err)
{
    return logqueue_start(dir, (off_t)max_bytes, say, err);
}

void log_reopen(void)
{
    logqueue_reopen();
}

void log_stop(void)
{
    logqueue_stop();
}

unsigned long long log_lost(void)
{
    return logqueue_lost();
}

/* ---- secrets ---- */

void log_secret(const char *text)
{
    pthread_mutex_lock(&state.lock);
    if (state.secrets < LIMIT_LOG_SECRETS && strlen(text) >= SECRET_MIN) {
        state.secret[state.secrets] = strdup(text);
        state.secrets += state.secret[state.secrets] != NULL;
    }
    pthread_mutex_unlock(&state.lock);
}

void log_forget_secrets(void)
{
    pthread_mutex_lock(&state.lock);
    while (state.secrets)
        free(state.secret[--state.secrets]);
    pthread_mutex_unlock(&state.lock);
}

/* Called with the lock held. */
static void hide_secrets(char *text)
{
    int i;

    for (i = 0; i < state.secrets; i++) {
        size_t n = strlen(state.secret[i]);
        char *at = text;

        while ((at = strstr(at, state.secret[i])) != NULL) {
            memset(at, '*', SECRET_MIN);
            memmove(at + SECRET_MIN, at + n, strlen(at + n) + 1);
            at += SECRET_MIN;
        }
    }
}

void log_set_level(enum log_level level)
{
    state.level = level;
}

bool log_enabled(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&state.level, memory_order_relaxed);
}

void log_add_sink(log_sink_fn fn, void *arg)
{
    pthread_mutex_lock(&state.lock);
    if (state.sinks < (int)ARRAY_LEN(state.sink)) {
        state.sink[state.sinks].fn = fn;
        state.sink[state.sinks].arg = arg;
        state.sinks++;
    }
    pthread_mutex_unlock(&state.lock);
}

void log_set_alarm(log_sink_fn fn, void *arg)
{
    pthread_mutex_lock(&state.lock);
    state.alarm = fn;
    state.alarm_arg = arg;
    pthread_mutex_unlock(&state.lock);
}

int log_parse_level(struct slice s, enum log_level *ret_level)
{
    static const struct {
        const char *name;
        enum log_level level;
    } words[] = {{"DEBUG", LOG_DEBUG},  {"INFO", LOG_INFO},   {"WARNING", LOG_WARNING},
                 {"WARN", LOG_WARNING}, {"ERROR", LOG_ERROR}, {"CRITICAL", LOG_ERROR}};
    size_t i;

    for (i = 0; i < ARRAY_LEN(words); i++) {
        if (s.n == strlen(words[i].name) && strncasecmp(s.p, words[i].name, s.n) == 0) {
            *ret_level = words[i].level;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

/* ---- writing ---- */

static int64_t now_us(void)
{
    struct timeval now;

    gettimeofday(&now, NULL);
    return (int64_t)now.tv_sec * 1000000 + now.tv_usec;
}

static void put(const struct logform_line *line, unsigned where)
{
    struct buf console, file;

    buf_init(&console, 32 * LIMIT_LOG_TEXT);
    buf_init(&file, 32 * LIMIT_LOG_TEXT);
    if (where & LOGQUEUE_CONSOLE)
        logform_add(&console, line, state.form, state.json);
    logform_add(&file, line, LOGFORM_TEXT, state.json);
    logqueue_put(where, buf_slice(&console), buf_slice(&file));
    buf_release(&console);
    buf_release(&file);
}

static unsigned where_of(const char *area)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(bot_areas); i++)
        if (strcmp(area, bot_areas[i]) == 0)
            return LOGQUEUE_CONSOLE | LOGQUEUE_MAIN | LOGQUEUE_TELEGRAM;
    return LOGQUEUE_CONSOLE | LOGQUEUE_MAIN;
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
    struct logform_line line = {.area = area};
    char raw[LIMIT_LOG_TEXT];
    struct buf text;
    bool told = level == LOG_ERROR_TOLD;
    va_list ap;
    int i;

    line.level = told ? LOG_ERROR : level;
    if (!log_enabled(line.level))
        return;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    buf_init(&text, 4 * LIMIT_LOG_TEXT);
    pthread_mutex_lock(&state.lock);
    hide_secrets(raw);
    buf_add_escaped(&text, slice_of(raw));
    line.text = buf_slice(&text);
    line.at_us = now_us();
    put(&line, where_of(area));
    for (i = 0; i < state.sinks; i++)
        state.sink[i].fn(state.sink[i].arg, line.level, area, buf_str(&text));
    if (line.level == LOG_ERROR && !told && state.alarm)
        state.alarm(state.alarm_arg, line.level, area, buf_str(&text));
    pthread_mutex_unlock(&state.lock);
    buf_release(&text);
}

void log_request(const struct log_request *r)
{
    struct log_request shown = *r;
    struct logform_line line = {.level = r->status >= 400 ? LOG_WARNING : LOG_INFO,
                                .area = "api",
                                .request = &shown};
    char path[SHOWN_PATH];

    if (!log_enabled(line.level))
        return;
    snprintf(path, sizeof(path), "%s", r->path);
    shown.path = path;
    pthread_mutex_lock(&state.lock);
    hide_secrets(path);
    line.at_us = now_us();
    put(&line, LOGQUEUE_API);
    pthread_mutex_unlock(&state.lock);
}
