/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdlib.h>
#include <string.h>

#include "app/daemon.h"
#include "base/log.h"
#include "base/stamp.h"
#include "base/banned.h"

/* The configuration outside the database: read at the start, and again at SIGHUP. */

extern char **environ;

static void tell_lines(enum log_level level, struct slice text)
{
    while (text.n) {
        struct slice line = slice_cut(&text, '\n');

        if (line.n)
            log_write(level, "config", "%.*s", LOG_SLICE(line));
    }
}

int config_read(const struct run_opts *opts, struct settings *s, char *file, struct err *err)
{
    struct env_opts eo = {.path = opts->env_path, .environ = environ};
    struct env_report rep;
    int rc;

    env_report_init(&rep);
    rc = env_load(s, &eo, &rep, err);
    tell_lines(LOG_WARNING, buf_slice(&rep.warnings));
    tell_lines(LOG_ERROR, buf_slice(&rep.errors));
    if (!rc) {
        memcpy(file, rep.file, PATH_MAX);
        rc = settings_check_panel(s, err);
        if (rc)
            log_error("config", "%s", err->text);
    } else if (!rep.n_errors) {
        log_error("config", "%s", err->text);
    }
    env_report_release(&rep);
    return rc;
}

/* Static settings that differ are not in force before a restart: said, one line each. */
static void tell_static(const struct settings *was, const struct settings *is)
{
    int id;

    for (id = 0; id < SET_COUNT; id++)
        if (setting_needs_restart((enum setting)id) &&
            strcmp(settings_text(was, id), settings_text(is, id)) != 0)
            log_warning("config", "%s has changed: it needs `pg-limiter restart`",
                        setting_def(id)->env);
}

void config_reload(struct daemon *d)
{
    struct settings next;
    struct err err = {0};
    char file[PATH_MAX];
    bool other_bot;
    int rc;

    if (settings_copy(&next, &d->settings)) {
        log_error("config", "out of memory");
        return;
    }
    settings_unset_all(&next, ORIGIN_FILE);
    settings_unset_all(&next, ORIGIN_SECRETS);
    settings_unset_all(&next, ORIGIN_ENV);
    log_reopen();
    if (config_read(d->opts, &next, file, &err)) {
        log_error("config", "not read again: the old values stay in force");
        settings_release(&next);
        return;
    }
    tell_static(&d->settings, &next);
    other_bot = messenger_differs(&d->settings, &next);
    settings_release(&d->settings);
    d->settings = next;
    memcpy(d->env_file, file, sizeof(d->env_file));
    logs_secrets(&d->settings);
    rules_apply(d);
    rest_apply(d->rest, &d->settings);
    if (other_bot)
        messenger_apply(d);
    atlas_check(d->atlas, true);
    /* A reading of the database that is under way began with the old ones, and would bring them back. */
    rc = rules_reload(d);
    if (rc == ERR_CANCELLED)
        log_info("config", "the database is being replaced: its rules are read with the new one");
    else if (rc)
        log_error("config", "the rules were not read again: %s", err_name(rc));
    log_info("config", "read again from %s", d->env_file[0] ? d->env_file : "the environment");
}

void config_tell(const struct daemon *d)
{
    const struct settings *s = &d->settings;
    const struct policy *p = &d->policy;
    int64_t period_s = p->monitoring_period_us / STAMP_SECOND;
    char logs[PATH_MAX];

    log_info("config", "settings from %s, the environment and %s/data/pg-limiter.db",
             d->env_file[0] ? d->env_file : "no .env", settings_text(s, SET_DATA_DIR));
    log_info("config", "log files in %s", logs_dir(s, logs, sizeof(logs)));
    log_info("config",
             "limit %d%s, watched for %lld s, disabled for %lld s by %s, checks every %lld s",
             p->general_limit, p->general_limit ? "" : " (unlimited)", (long long)period_s,
             (long long)(p->punish_us / STAMP_SECOND), settings_text(s, SET_DISABLE_METHOD),
             (long long)(p->check_interval_us / STAMP_SECOND));
    if (p->mode == MODE_ON)
        log_info("config", "enforcement is on, verdict %s", settings_text(s, SET_VERDICT));
    else
        log_warning("config", "enforcement is %s: nobody will be disabled",
                    settings_text(s, SET_ENFORCEMENT));
    if (!settings_bool(s, SET_PANEL_TLS_VERIFY))
        log_warning("config",
                    "PANEL_TLS_VERIFY=false: whoever stands between here and the panel can read "
                    "and change everything");
}
