/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_MACHINE_SERVICE_H
#define CLI_MACHINE_SERVICE_H

#include <limits.h>
#include <stdbool.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "service/settings/settings.h"

/*
 * The daemon as a service of this machine: a unit of systemd, or a container of Docker Compose.
 * What of the two there is, is found out each time; nothing is remembered.
 */
#define SERVICE_UNIT "pg-limiter.service"
/*
 * The line in our docker-compose.yml that tells it from the Python program's of the same name and
 * place.
 */
#define SERVICE_MARK "x-pg-limiter: 1"
/* What the daemon is called in that file. */
#define SERVICE_COMPOSE "limiter"

enum service_kind {
    SERVICE_NONE,
    SERVICE_SYSTEMD,
    SERVICE_DOCKER,
    SERVICE_INSIDE, /* this is the container: whoever made it starts and stops it */
};

struct service {
    enum service_kind kind;
    char env_file[PATH_MAX]; /* the .env read; "" = none */
    char compose[PATH_MAX];  /* docker-compose.yml beside it */
    bool foreign;            /* one stands there that is not ours */
    bool foreign_unit;       /* a unit bears our name and runs something else */
    char data_dir[PATH_MAX], log_dir[PATH_MAX];
    char update_url[2048];
    struct err wrong; /* what is wrong with the settings; text "" = nothing */
};

enum service_verb { SERVICE_START, SERVICE_STOP, SERVICE_RESTART, SERVICE_RELOAD };

/* Looks. env_path as --env, may be NULL. A wrong .env is no failure but stands in `wrong`. ERR_NOMEM. */
int service_find(const char *env_path, struct service *ret, struct err *err) MUST_CHECK;
/* Whether it runs; by the lock of the data directory where there is no service. */
bool service_runs(const struct service *s);
/* The process that holds the data directory; 0: none, or not known. */
int64_t service_pid(const struct service *s);
/*
 * Does it, showing what the manager says. Returns 0, or ERR_REFUSED with the reason; ERR_NOT_FOUND:
 * no service.
 */
int service_do(const struct service *s, enum service_verb verb, struct err *err) MUST_CHECK;
/*
 * Runs `docker compose -f FILE` with up to 6 more words, shown. Returns its exit code or a negative
 * error.
 */
int service_compose(const struct service *s, const char *const *words, struct err *err);
/* "systemd unit pg-limiter.service", "docker compose (FILE)" … */
const char *service_name(const struct service *s, char *out, size_t max);
/* "active", "inactive", "failed", "running" … as its manager says; "" = unknown. */
void service_state(const struct service *s, char *out, size_t max);

#endif
