/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/settings/env.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "service/settings/env_file.h"
#include "service/suggest.h"
#include "base/banned.h"

/* Keys of the Python program, its forks and its compose file that mean nothing here. */
static const struct {
    const char *key;
    const char *instead;
} foreign[] = {
    {"USER_SYNC_INTERVAL", "USER_SYNC_HOURS"},
    {"CLI_PROG_NAME", NULL},
    {"PANEL_SCHEME", "a scheme in PANEL_DOMAIN"},
    {"PANEL_INSECURE", "PANEL_CA_FILE, PANEL_TLS_PIN or PANEL_TLS_VERIFY"},
    {"PANEL_REQUEST_TIMEOUT", NULL},
    {"PYTHONUNBUFFERED", NULL},
    {"PYTHONDONTWRITEBYTECODE", NULL},
    {"COMPOSE_PROJECT_NAME", NULL},
    {"IP_WHITELIST", "IP_ALLOWLIST"},
    {"TOLERANCE", NULL},
    {"VIOLATION_THRESHOLD", NULL},
    {"SUBNET_GROUPING", "GROUP_BY"},
    {"ASN_GROUPING", "GROUP_BY"},
    {"IGNORED_NODE_UUIDS", "DISABLED_NODES"},
    {"LANGUAGE", "BOT_LANGUAGE"},
    {"TIMEZONE", "TZ"},
    {"HEALTH_ADDR", NULL},
};

/* One source while it is read. */
struct source {
    struct settings *settings;
    struct env_report *rep;
    const char *name; /* file name, or "environment" */
    enum setting_origin origin;
    int seen[SET_COUNT];       /* line of the key, 0 = not there */
    bool from_file[SET_COUNT]; /* it came as NAME_FILE */
    bool secrets;              /* a secret stands in it in clear */
    struct buf foreign;        /* foreign keys met */
};

void env_report_init(struct env_report *r)
{
    memset(r, 0, sizeof(*r));
    buf_init(&r->warnings, LIMIT_ENV_FILE);
    buf_init(&r->errors, LIMIT_ENV_FILE);
}

void env_report_release(struct env_report *r)
{
    buf_release(&r->warnings);
    buf_release(&r->errors);
}

static void complain(struct env_report *rep, const char *name, int line, const char *text)
{
    rep->n_errors++;
    if (line > 0)
        buf_addf(&rep->errors, "%s:%d: ", name, line);
    else
        buf_addf(&rep->errors, "%s: ", name);
    buf_add_escaped(&rep->errors, slice_of(text));
    buf_add_char(&rep->errors, '\n');
}

static void warn_line(struct env_report *rep, const char *name, int line, const char *text)
{
    rep->n_warnings++;
    if (line > 0)
        buf_addf(&rep->warnings, "%s:%d: %s\n", name, line, text);
    else
        buf_addf(&rep->warnings, "%s: %s\n", name, text);
}

/* Reads at most max bytes of a file. ERR_NOT_FOUND when it does not exist. */
static int read_file(const char *path, size_t max, struct buf *out, struct stat *ret_st,
                     struct err *err)
{
    char chunk[8192];
    ssize_t n;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), rc = ERR_OK;

    if (fd < 0)
        return err_set(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot read %s: %s%s", path,
                       strerror(errno), errno == EACCES ? " (use sudo)" : "");
    if (fstat(fd, ret_st) || S_ISDIR(ret_st->st_mode))
        rc = err_set(err, ERR_IO, "cannot read %s: not a file", path);
    while (!rc && (n = read(fd, chunk, sizeof(chunk))) != 0) {
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            rc = err_set(err, ERR_IO, "cannot read %s: %s", path, strerror(errno));
        else if (out->n + (size_t)n > max || buf_add(out, chunk, (size_t)n))
            rc = err_set(err, ERR_TOO_BIG, "%s is larger than %zu bytes", path, max);
    }
    close(fd);
    return rc;
}

/* The setting whose .env name is exactly key. */
static bool find_env(struct slice key, enum setting *ret_id)
{
    int i;

    for (i = 0; i < SET_COUNT; i++) {
        if (slice_eq(key, slice_of(setting_def((enum setting)i)->env))) {
            *ret_id = (enum setting)i;
            return true;
        }
    }
    return false;
}

/* NAME_FILE of a secret. */
static bool find_env_file(struct slice key, enum setting *ret_id)
{
    if (!slice_ends(key, SLICE("_FILE")))
        return false;
    key.n -= 5;
    return find_env(key, ret_id) && setting_def(*ret_id)->type == TYPE_SECRET;
}

static int unknown_key(struct slice key, struct err *err)
{
    const char *names[SET_COUNT], *near;
    int i, shown = (int)(key.n > 80 ? 80 : key.n);

    for (i = 0; i < SET_COUNT; i++)
        names[i] = setting_def((enum setting)i)->env;
    near = suggest_of(key, names, SET_COUNT);
    if (near)
        return err_set(err, ERR_INVALID, "unknown key %.*s; did you mean %s?", shown, key.p, near);
    return err_set(err, ERR_INVALID, "unknown key %.*s; `pg-limiter config example` lists all",
                   shown, key.p);
}

static bool note_foreign(struct source *src, struct slice key)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(foreign); i++) {
        if (!slice_eq(key, slice_of(foreign[i].key)))
            continue;
        if (src->foreign.n)
            buf_add_str(&src->foreign, ", ");
        buf_add_str(&src->foreign, foreign[i].key);
        if (foreign[i].instead)
            buf_addf(&src->foreign, " (here: %s)", foreign[i].instead);
        return true;
    }
    return false;
}

/* The value of NAME_FILE: the content of the file without line ends at its end. */
static int set_from_file(struct settings *s, enum setting id, enum setting_origin origin,
                         const char *path, struct err *err)
{
    struct slice text;
    struct stat st;
    struct buf b;
    int rc;

    buf_init(&b, LIMIT_SETTING_VALUE + 2);
    rc = read_file(path, LIMIT_SETTING_VALUE + 2, &b, &st, err);
    if (!rc) {
        text = buf_slice(&b);
        while (text.n && (text.p[text.n - 1] == '\n' || text.p[text.n - 1] == '\r'))
            text.n--;
        rc = settings_set(s, id, origin, text, err);
    }
    buf_release(&b);
    return rc;
}

/* Whether an empty text says something (an empty list) rather than "not set". */
static bool empty_counts(enum setting id)
{
    return setting_may_be_empty(id) && setting_def(id)->def[0] != '\0';
}

static int take_pair(void *arg, struct slice key, struct slice value, int line, struct err *err)
{
    struct source *src = arg;
    bool by_file = false;
    enum setting id;
    char path[PATH_MAX];

    if (!find_env(key, &id)) {
        by_file = find_env_file(key, &id);
        if (!by_file)
            return note_foreign(src, key) ? ERR_OK : unknown_key(key, err);
    }
    if (value.n == 0 && (by_file || !empty_counts(id)))
        return ERR_OK;
    if (src->seen[id] && src->from_file[id] != by_file)
        return err_set(err, ERR_INVALID, "%s and %s_FILE are both set: keep one of them",
                       setting_def(id)->env, setting_def(id)->env);
    if (src->seen[id]) {
        snprintf(path, sizeof(path), "%s stood in line %d already; the last one holds",
                 setting_def(id)->env, src->seen[id]);
        warn_line(src->rep, src->name, line, path);
    }
    src->seen[id] = line;
    src->from_file[id] = by_file;
    if (!by_file) {
        src->secrets = src->secrets || setting_def(id)->type == TYPE_SECRET;
        if (id == SET_TZ && value.p[0] == ':')
            value = slice_skip(value, 1);
        return settings_set(src->settings, id, src->origin, value, err);
    }
    if (value.n >= sizeof(path))
        return err_set(err, ERR_TOO_BIG, "%s_FILE: the path is too long", setting_def(id)->env);
    memcpy(path, value.p, value.n);
    path[value.n] = '\0';
    return set_from_file(src->settings, id, src->origin, path, err);
}

static void take_fault(void *arg, int line, const char *text)
{
    struct source *src = arg;

    complain(src->rep, src->name, line, text);
}

static void source_init(struct source *src, struct settings *s, struct env_report *rep,
                        const char *name, enum setting_origin origin)
{
    memset(src, 0, sizeof(*src));
    src->settings = s;
    src->rep = rep;
    src->name = name;
    src->origin = origin;
    buf_init(&src->foreign, 8192);
}

static void source_end(struct source *src)
{
    char text[1024];

    if (src->foreign.n) {
        snprintf(text, sizeof(text), "keys without meaning here: %s", buf_str(&src->foreign));
        warn_line(src->rep, src->name, 0, text);
    }
    buf_release(&src->foreign);
}

/* Reads one file of pairs into an origin. ERR_NOT_FOUND when it does not exist. */
static int load_file(struct settings *s, const char *path, enum setting_origin origin,
                     struct env_report *rep, struct err *err)
{
    struct source src;
    struct stat st;
    struct buf text;
    int rc;

    buf_init(&text, LIMIT_ENV_FILE);
    rc = read_file(path, LIMIT_ENV_FILE, &text, &st, err);
    if (rc) {
        buf_release(&text);
        return rc;
    }
    source_init(&src, s, rep, path, origin);
    rc = env_file_parse(buf_slice(&text), take_pair, take_fault, &src);
    if (src.secrets && (st.st_mode & (S_IROTH | S_IWOTH)))
        warn_line(rep, path, 0,
                  "holds secrets and is open to every user of this machine: chmod 600 it");
    source_end(&src);
    buf_release(&text);
    return rc == ERR_NOMEM ? err_set(err, rc, "%s: %s", path, err_name(rc)) : ERR_OK;
}

static const char *env_value(char *const *environ, const char *name)
{
    size_t n = strlen(name);

    for (; environ && *environ; environ++)
        if (strncmp(*environ, name, n) == 0 && (*environ)[n] == '=' && (*environ)[n + 1])
            return *environ + n + 1;
    return NULL;
}

static void load_environment(struct settings *s, char *const *environ, struct env_report *rep)
{
    struct source src;
    struct slice name, value;
    enum setting id;
    struct err err;

    source_init(&src, s, rep, "environment", ORIGIN_ENV);
    for (; environ && *environ; environ++) {
        value = slice_of(*environ);
        name = slice_cut(&value, '=');
        if (!value.p || (!find_env(name, &id) && !find_env_file(name, &id)))
            continue;
        err.text[0] = '\0';
        if (take_pair(&src, name, value, 1, &err))
            complain(rep, src.name, 0, err.text);
    }
    source_end(&src);
}

/* systemd's LoadCredential=panel_password:…: files named as the settings, for secrets only. */
static void load_credentials(struct settings *s, const char *dir, struct env_report *rep)
{
    char path[PATH_MAX];
    struct err err;
    int i, form;

    for (i = 0; dir && i < SET_COUNT; i++) {
        const struct setting_def *def = setting_def((enum setting)i);

        if (def->type != TYPE_SECRET || settings_layer(s, (enum setting)i, ORIGIN_ENV))
            continue;
        for (form = 0; form < 2; form++) {
            int n = snprintf(path, sizeof(path), "%s/%s", dir, form ? def->env : def->key);

            if (n < 0 || (size_t)n >= sizeof(path) || access(path, F_OK) != 0)
                continue;
            if (set_from_file(s, (enum setting)i, ORIGIN_ENV, path, &err))
                complain(rep, "credentials", 0, err.text);
            break;
        }
    }
}

/* Which .env to read: its path in rep->file, "" for none. */
static int find_file(const struct env_opts *opts, struct env_report *rep, struct err *err)
{
    static const char *const usual[] = {"/etc/opt/pg-limiter/.env", "./.env", NULL};
    const char *const *fallback = opts->fallbacks ? opts->fallbacks : usual;
    const char *path = opts->path, *said = "--env";

    if (!path) {
        path = env_value(opts->environ, "PG_LIMITER_ENV");
        said = "PG_LIMITER_ENV";
    }
    if (path && access(path, F_OK) != 0)
        return err_set(err, ERR_NOT_FOUND, "%s names %s: %s", said, path, strerror(errno));
    for (; !path && *fallback; fallback++)
        if (access(*fallback, F_OK) == 0)
            path = *fallback;
    if (path && strlen(path) >= sizeof(rep->file))
        return err_set(err, ERR_TOO_BIG, "the path of .env is too long");
    snprintf(rep->file, sizeof(rep->file), "%s", path ? path : "");
    return ERR_OK;
}

int env_load(struct settings *s, const struct env_opts *opts, struct env_report *rep,
             struct err *err)
{
    char path[PATH_MAX];
    struct slice first;
    int rc, n;

    settings_unset_all(s, ORIGIN_FILE);
    settings_unset_all(s, ORIGIN_SECRETS);
    settings_unset_all(s, ORIGIN_ENV);
    rc = find_file(opts, rep, err);
    if (!rc && rep->file[0])
        rc = load_file(s, rep->file, ORIGIN_FILE, rep, err);
    if (rc)
        return rc;
    load_environment(s, opts->environ, rep);
    load_credentials(s, env_value(opts->environ, "CREDENTIALS_DIRECTORY"), rep);
    n = snprintf(path, sizeof(path), "%s/secrets.env", settings_text(s, SET_DATA_DIR));
    if (n > 0 && (size_t)n < sizeof(path)) {
        rc = load_file(s, path, ORIGIN_SECRETS, rep, err);
        if (rc && rc != ERR_NOT_FOUND)
            return rc;
    }
    if (rep->n_errors == 0)
        return ERR_OK;
    first = buf_slice(&rep->errors);
    first = slice_cut(&first, '\n');
    if (rep->n_errors > 1)
        return err_set(err, ERR_INVALID, "%.*s (and %d more)", (int)first.n, first.p,
                       rep->n_errors - 1);
    return err_set(err, ERR_INVALID, "%.*s", (int)first.n, first.p);
}
