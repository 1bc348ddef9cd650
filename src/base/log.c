/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <strings.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/limits.h"
#include "base/banned.h"

static struct {
    pthread_mutex_t lock;
    atomic_int level;
    bool json;
    bool colour;
    int sinks;
    struct {
        log_sink_fn fn;
        void *arg;
    } sink[4];
    log_sink_fn alarm;
    void *alarm_arg;
} state = {.lock = PTHREAD_MUTEX_INITIALIZER, .level = LOG_INFO};

static const struct {
    const char *name;
    const char *colour;
} levels[] = {
    [LOG_DEBUG] = {"DEBUG", "\033[2m"},
    [LOG_INFO] = {"INFO", "\033[32m"},
    [LOG_WARNING] = {"WARNING", "\033[33m"},
    [LOG_ERROR] = {"ERROR", "\033[31m"},
};

void log_setup(enum log_level level, bool json, bool colour)
{
    state.level = level;
    state.json = json;
    state.colour = colour;
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

static void format_line(struct buf *line, enum log_level level, const char *area, const char *text,
                        const char *when)
{
    if (state.json) {
        buf_addf(line, "{\"time\":\"%s\",\"level\":\"%s\",\"area\":\"%s\",\"text\":", when,
                 levels[level].name, area);
        buf_add_json(line, slice_of(text));
        buf_add_str(line, "}\n");
    } else if (state.colour) {
        buf_addf(line, "\033[2m%s\033[0m %s%-7s\033[0m %-8s %s\n", when, levels[level].colour,
                 levels[level].name, area, text);
    } else {
        buf_addf(line, "%s %-7s %-8s %s\n", when, levels[level].name, area, text);
    }
}

void log_write(enum log_level level, const char *area, const char *fmt, ...)
{
    char raw[LIMIT_LOG_TEXT], when[40], micros[16];
    struct buf text, line;
    struct timeval now;
    struct tm tm;
    bool told = level == LOG_ERROR_TOLD;
    va_list ap;
    int i;

    if (told)
        level = LOG_ERROR;
    if (!log_enabled(level))
        return;
    va_start(ap, fmt);
    vsnprintf(raw, sizeof(raw), fmt, ap);
    va_end(ap);
    buf_init(&text, 4 * LIMIT_LOG_TEXT);
    buf_init(&line, 32 * LIMIT_LOG_TEXT);
    buf_add_escaped(&text, slice_of(raw));
    gettimeofday(&now, NULL);
    localtime_r(&now.tv_sec, &tm);
    strftime(when, sizeof(when) - 8, "%Y-%m-%d %H:%M:%S", &tm);
    snprintf(micros, sizeof(micros), ".%03d", (int)(now.tv_usec / 1000));
    memcpy(when + strlen(when), micros, 5);
    pthread_mutex_lock(&state.lock);
    format_line(&line, level, area, buf_str(&text), when);
    /* A log that cannot be written must not stop the limiter. */
    if (write(STDERR_FILENO, line.p, line.n) < 0)
        line.n = 0;
    for (i = 0; i < state.sinks; i++)
        state.sink[i].fn(state.sink[i].arg, level, area, buf_str(&text));
    if (level == LOG_ERROR && !told && state.alarm)
        state.alarm(state.alarm_arg, level, area, buf_str(&text));
    pthread_mutex_unlock(&state.lock);
    buf_release(&text);
    buf_release(&line);
}
