/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/machine/service.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "cli/machine/child.h"
#include "service/settings/env.h"
#include "store/dirlock.h"
#include "base/banned.h"

enum { COMPOSE_MAX = 1 << 20, UNIT_MAX = 1 << 20, STATE_MAX = 4096, WORDS_MOST = 6 };

/* ---- finding ---- */

static void read_text(const char *path, size_t max, struct buf *out)
{
    char chunk[8192];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n;

    buf_init(out, max);
    while (fd >= 0 && (n = read(fd, chunk, sizeof(chunk))) > 0)
        if (buf_add(out, chunk, (size_t)n))
            break;
    if (fd >= 0)
        close(fd);
}

/* Whether the process of that number, as it is counted here, is one of ours. */
static bool is_ours(int64_t pid)
{
    char path[64];
    struct buf b;
    bool yes;

    snprintf(path, sizeof(path), "/proc/%lld/comm", (long long)pid);
    read_text(path, 64, &b);
    yes = slice_eq(slice_trim(buf_slice(&b)), SLICE("pg-limiter"));
    buf_release(&b);
    return yes;
}

/* The Python program's README calls its unit by the same name; it hides the one of our package. */
static bool has_unit(bool *ret_foreign)
{
    static char tool[] = "systemctl", cat[] = "cat", unit[] = SERVICE_UNIT;
    char *argv[] = {tool, cat, unit, NULL};
    struct err err;
    struct buf b;
    bool there, ours;

    buf_init(&b, UNIT_MAX);
    there = child_run(argv, CHILD_HIDE, &b, &err) == 0;
    ours = there && strstr(buf_str(&b), "/pg-limiter run");
    *ret_foreign = there && !ours;
    buf_release(&b);
    return ours;
}

static void find_compose(struct service *s)
{
    const char *env = s->env_file[0] ? s->env_file : "/etc/opt/pg-limiter/.env";
    const char *slash = strrchr(env, '/');
    struct buf b;

    if (snprintf(s->compose, sizeof(s->compose), "%.*s/docker-compose.yml",
                 slash ? (int)(slash - env) : 1, slash ? env : ".") >= (int)sizeof(s->compose))
        s->compose[0] = '\0';
    read_text(s->compose, COMPOSE_MAX, &b);
    s->foreign = b.n > 0 && !strstr(buf_str(&b), SERVICE_MARK);
    if (b.n == 0 || s->foreign)
        s->compose[0] = '\0';
    buf_release(&b);
}

/* As much of the settings as can be had, however wrong the rest. */
static int read_settings(const char *env_path, struct service *s, struct err *err)
{
    struct env_opts opts = {.path = env_path, .environ = environ};
    struct env_report report;
    struct settings settings;

    if (settings_init(&settings))
        return err_set(err, ERR_NOMEM, "%s", err_name(ERR_NOMEM));
    env_report_init(&report);
    s->wrong.text[0] = '\0';
    if (env_load(&settings, &opts, &report, &s->wrong) == ERR_OK &&
        settings_cross_check(&settings, &s->wrong) == ERR_OK &&
        settings_check_panel(&settings, &s->wrong) == ERR_OK)
        s->wrong.text[0] = '\0';
    snprintf(s->env_file, sizeof(s->env_file), "%s", report.file);
    snprintf(s->data_dir, sizeof(s->data_dir), "%s", settings_text(&settings, SET_DATA_DIR));
    if (settings_has(&settings, SET_LOG_DIR))
        snprintf(s->log_dir, sizeof(s->log_dir), "%s", settings_text(&settings, SET_LOG_DIR));
    else
        snprintf(s->log_dir, sizeof(s->log_dir), "%.4000s/logs", s->data_dir);
    snprintf(s->update_url, sizeof(s->update_url), "%s", settings_text(&settings, SET_UPDATE_URL));
    env_report_release(&report);
    settings_release(&settings);
    return ERR_OK;
}

int service_find(const char *env_path, struct service *ret, struct err *err)
{
    int rc;

    memset(ret, 0, sizeof(*ret));
    rc = read_settings(env_path, ret, err);
    if (rc)
        return rc;
    find_compose(ret);
    /* Compose would take our .env for its own and refuse it for a password with ${ in it. */
    setenv("COMPOSE_DISABLE_ENV_FILE", "1", 1);
    if (is_ours(1))
        ret->kind = SERVICE_INSIDE;
    else if (has_unit(&ret->foreign_unit))
        ret->kind = SERVICE_SYSTEMD;
    else if (ret->compose[0])
        ret->kind = SERVICE_DOCKER;
    return ERR_OK;
}

const char *service_name(const struct service *s, char *out, size_t max)
{
    switch (s->kind) {
    case SERVICE_SYSTEMD:
        snprintf(out, max, "systemd unit %s", SERVICE_UNIT);
        break;
    case SERVICE_DOCKER:
        snprintf(out, max, "docker compose (%s)", s->compose);
        break;
    case SERVICE_INSIDE:
        snprintf(out, max, "this container");
        break;
    case SERVICE_NONE:
        snprintf(out, max, "none");
        break;
    }
    return out;
}

/* ---- asking ---- */

int64_t service_pid(const struct service *s)
{
    return dirlock_daemon(s->data_dir);
}

/* The plugin of Docker, or the older command that Debian 12 has. */
static bool has_plugin(void)
{
    static char docker[] = "docker", compose[] = "compose", version[] = "version";
    char *argv[] = {docker, compose, version, NULL};
    struct err err;

    return child_run(argv, CHILD_HIDE, NULL, &err) == 0 || !child_has("docker-compose");
}

static int run_compose(const struct service *s, const char *const *words, enum child_output output,
                       struct buf *ret_out, struct err *err)
{
    static char docker[] = "docker", compose[] = "compose", old[] = "docker-compose", f[] = "-f";
    char file[PATH_MAX];
    char *argv[WORDS_MOST + 5] = {docker, compose, f, file};
    bool plugin = has_plugin();
    int i;

    snprintf(file, sizeof(file), "%s", s->compose);
    for (i = 0; i < WORDS_MOST && words[i]; i++)
        argv[4 + i] = (char *)(uintptr_t)words[i];
    if (!plugin)
        argv[1] = old;
    return child_run(argv + !plugin, output, ret_out, err);
}

void service_state(const struct service *s, char *out, size_t max)
{
    static const char *const running[] = {"ps", "--services", "--filter", "status=running", NULL};
    static char systemctl[] = "systemctl", is_active[] = "is-active", unit[] = SERVICE_UNIT;
    char *ask_systemd[] = {systemctl, is_active, unit, NULL};
    struct slice word;
    struct buf b;
    struct err err;

    out[0] = '\0';
    if (s->kind != SERVICE_SYSTEMD && s->kind != SERVICE_DOCKER)
        return;
    buf_init(&b, STATE_MAX);
    if ((s->kind == SERVICE_SYSTEMD ? child_run(ask_systemd, CHILD_HIDE, &b, &err)
                                    : run_compose(s, running, CHILD_HIDE, &b, &err)) >= 0) {
        word = slice_trim(buf_slice(&b));
        if (s->kind == SERVICE_DOCKER)
            word = strstr(buf_str(&b), SERVICE_COMPOSE) ? SLICE("running") : SLICE("stopped");
        snprintf(out, max, "%.*s", (int)word.n, word.n ? word.p : "");
    }
    buf_release(&b);
}

bool service_runs(const struct service *s)
{
    char state[64];

    if (s->kind == SERVICE_SYSTEMD || s->kind == SERVICE_DOCKER) {
        service_state(s, state, sizeof(state));
        return strcmp(state, "active") == 0 || strcmp(state, "activating") == 0 ||
               strcmp(state, "reloading") == 0 || strcmp(state, "running") == 0;
    }
    return service_pid(s) > 0;
}

/* ---- doing ---- */

int service_compose(const struct service *s, const char *const *words, struct err *err)
{
    return run_compose(s, words, CHILD_SHOW, NULL, err);
}

static int do_systemd(enum service_verb verb, struct err *err)
{
    static char systemctl[] = "systemctl", unit[] = SERVICE_UNIT;
    static char words[][8] = {"start", "stop", "restart", "reload"};
    char *argv[] = {systemctl, words[verb], unit, NULL};

    return child_run(argv, CHILD_SHOW, NULL, err);
}

static int do_docker(const struct service *s, enum service_verb verb, struct err *err)
{
    static const char *const words[][6] = {
        [SERVICE_START] = {"up", "-d", NULL},
        [SERVICE_STOP] = {"stop", NULL},
        [SERVICE_RESTART] = {"up", "-d", "--force-recreate", SERVICE_COMPOSE, NULL},
        [SERVICE_RELOAD] = {"kill", "-s", "HUP", SERVICE_COMPOSE, NULL},
    };

    return service_compose(s, words[verb], err);
}

int service_do(const struct service *s, enum service_verb verb, struct err *err)
{
    int64_t pid;
    int rc;

    switch (s->kind) {
    case SERVICE_SYSTEMD:
        rc = do_systemd(verb, err);
        break;
    case SERVICE_DOCKER:
        rc = do_docker(s, verb, err);
        break;
    default:
        pid = service_pid(s);
        if (verb == SERVICE_RELOAD && pid && !is_ours(pid))
            return err_set(
                err, ERR_REFUSED,
                "the daemon runs in a container: send it SIGHUP from where that was started");
        if (verb == SERVICE_RELOAD && pid)
            return kill((pid_t)pid, SIGHUP) ? err_set(err, ERR_REFUSED, "process %lld: %s",
                                                      (long long)pid, strerror(errno))
                                            : ERR_OK;
        return err_set(err, ERR_NOT_FOUND, "there is no service");
    }
    if (rc < 0)
        return rc;
    return rc ? err_set(err, ERR_REFUSED, "%s ended with %d",
                        s->kind == SERVICE_SYSTEMD ? "systemctl" : "docker compose", rc)
              : ERR_OK;
}
