/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "app/daemon.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/num.h"
#include "base/banned.h"

/* The log as the settings want it. */

static long long file_max(void)
{
#ifdef PG_TEST_CLOCK
    const char *text = getenv("PG_LOG_BYTES");
    int64_t n;

    if (text && !num_int(slice_of(text), 1, LIMIT_LOG_FILE, &n))
        return n;
#endif
    return LIMIT_LOG_FILE;
}

/* The password inside a URL, user:password@host. */
static void hide_url(struct slice url)
{
    const char *begin = memmem(url.p, url.n, "://", 3);
    const char *at = begin ? memrchr(begin, '@', url.n - (size_t)(begin - url.p)) : NULL;
    struct slice rest, user;
    char password[1024];

    if (!at)
        return;
    rest = (struct slice){begin + 3, (size_t)(at - begin - 3)};
    user = slice_cut(&rest, ':');
    (void)user;
    if (!rest.p || rest.n >= sizeof(password))
        return;
    memcpy(password, rest.p, rest.n);
    password[rest.n] = '\0';
    log_secret(password);
}

static void hide_urls(enum setting id, const char *text)
{
    struct slice rest = slice_of(text);

    if (setting_def(id)->max <= 1) {
        hide_url(rest);
        return;
    }
    while (rest.p)
        hide_url(slice_cut(&rest, ','));
}

void logs_secrets(const struct settings *s)
{
    int i, o;

    log_forget_secrets();
    for (i = 0; i < SET_COUNT; i++) {
        enum setting_type type = setting_def((enum setting)i)->type;

        for (o = ORIGIN_FILE; o < ORIGIN_COUNT; o++) {
            const char *text = settings_layer(s, (enum setting)i, (enum setting_origin)o);

            if (text && type == TYPE_SECRET)
                log_secret(text);
            else if (text && type == TYPE_URL)
                hide_urls((enum setting)i, text);
        }
    }
}

bool logs_differ(const struct settings *a, const struct settings *b)
{
    int i, o;

    for (i = 0; i < SET_COUNT; i++) {
        enum setting_type type = setting_def((enum setting)i)->type;

        if (type != TYPE_SECRET && type != TYPE_URL)
            continue;
        for (o = ORIGIN_FILE; o < ORIGIN_COUNT; o++) {
            const char *x = settings_layer(a, (enum setting)i, (enum setting_origin)o);
            const char *y = settings_layer(b, (enum setting)i, (enum setting_origin)o);

            if (strcmp(x ? x : "", y ? y : "") != 0)
                return true;
        }
    }
    return false;
}

const char *logs_dir(const struct settings *s, char *out, size_t max)
{
    if (settings_has(s, SET_LOG_DIR))
        snprintf(out, max, "%s", settings_text(s, SET_LOG_DIR));
    else
        snprintf(out, max, "%s/logs", settings_text(s, SET_DATA_DIR));
    return out;
}

void logs_start(const struct settings *s)
{
    enum log_level level = LOG_INFO;
    char dir[PATH_MAX];
    struct err err;

    if (log_parse_level(slice_of(settings_text(s, SET_LOG_LEVEL)), &level))
        level = LOG_INFO;
    logs_secrets(s);
    log_setup(level, strcmp(settings_text(s, SET_LOG_FORMAT), "json") == 0, isatty(STDERR_FILENO));
    if (log_files(logs_dir(s, dir, sizeof(dir)), file_max(), &err))
        log_error("log", "no log files: %s", err.text);
}
