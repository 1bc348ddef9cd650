/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/op_int.h"

#include "base/banned.h"

/*
 * Every operation, once. Paths without {user} stand before those with one: `/users/limits` is never a
 * user called "limits" (he is id:…).
 */
static const struct op_row rows[] = {
    {{OP_GET, "/healthz", "Whether the daemon lives."}, ROW_LIVE, .finish = op_health},
    {{OP_GET, "/status", "Everything at a glance: panel, nodes, users, enforcement, memory."},
     ROW_LIVE,
     .finish = op_status},
    {{OP_GET, "/nodes", "Every node: streams, lines, what was ignored and why, clock."},
     ROW_LIVE,
     .finish = op_nodes},

    {{OP_GET, "/users/limits", "Special limits of single users."},
     0,
     .kind = OWNER_READ,
     .job = op_limit_list},
    {{OP_POST, "/users/limits", "Sets a user's special limit: {username, limit}; ?enable=true."},
     ROW_USER | ROW_ASK,
     .args = op_limit_args,
     .kind = OWNER_WRITE,
     .job = op_limit_put,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {{OP_GET, "/users/except", "Users who are never limited."},
     0,
     .kind = OWNER_READ,
     .job = op_except_list},
    {{OP_POST, "/users/except", "Excepts a user: {username, reason?}; ?enable=true."},
     ROW_USER | ROW_ASK,
     .args = op_except_args,
     .kind = OWNER_WRITE,
     .job = op_except_put,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {{OP_GET, "/users/disabled", "Users disabled by us at the moment."},
     0,
     .kind = OWNER_READ,
     .job = op_disabled_list},
    {{OP_POST, "/users/disabled/enable-all", "Enables them all: {since?, forgive?}."},
     ROW_LIVE,
     .args = op_enable_args,
     .finish = op_enable_all},
    {{OP_GET, "/config", "Every setting, its value, and where that comes from."},
     0,
     .finish = op_config_show},
    {{OP_PATCH, "/config", "Sets settings: {key: value}; null resets; ?confirm=true."},
     0,
     .args = op_patch_args,
     .before = op_config_check,
     .kind = OWNER_WRITE,
     .job = op_config_write,
     .changes = OP_CHANGED_SETTINGS},
    {{OP_PUT, "/config/limit", "Sets general_limit: {limit}."},
     0,
     .args = op_put_limit_args,
     .before = op_config_check,
     .kind = OWNER_WRITE,
     .job = op_config_write,
     .changes = OP_CHANGED_SETTINGS},
    {{OP_PUT, "/config/interval", "Sets check_interval: {interval}."},
     0,
     .args = op_put_interval_args,
     .before = op_config_check,
     .kind = OWNER_WRITE,
     .job = op_config_write,
     .changes = OP_CHANGED_SETTINGS},
    {{OP_PUT, "/config/reenable-time", "Sets time_to_active_users: {seconds}."},
     0,
     .args = op_put_reenable_args,
     .before = op_config_check,
     .kind = OWNER_WRITE,
     .job = op_config_write,
     .changes = OP_CHANGED_SETTINGS},
    {{OP_PUT, "/config/country", "Sets country_code: {country}."},
     0,
     .args = op_put_country_args,
     .before = op_config_check,
     .kind = OWNER_WRITE,
     .job = op_config_write,
     .changes = OP_CHANGED_SETTINGS},

    {{OP_GET, "/users/limits/{user}", "A user's limit and where it comes from."},
     ROW_USER,
     .args = op_user_args,
     .kind = OWNER_READ,
     .job = op_limit_show},
    {{OP_PUT, "/users/limits/{user}",
      "Changes a special limit that exists: {limit}; ?enable=true."},
     ROW_USER | ROW_ASK,
     .args = op_limit_args,
     .kind = OWNER_WRITE,
     .job = op_limit_update,
     .finish = op_enable_after,
     .changes = OP_CHANGED_LIMITS},
    {{OP_DELETE, "/users/limits/{user}", "Removes a special limit."},
     ROW_USER,
     .kind = OWNER_WRITE,
     .job = op_limit_delete,
     .changes = OP_CHANGED_LIMITS},
    {{OP_GET, "/users/except/{user}", "Whether a user is excepted."},
     ROW_USER,
     .kind = OWNER_READ,
     .job = op_except_show},
    {{OP_DELETE, "/users/except/{user}", "Ends an exception."},
     ROW_USER,
     .kind = OWNER_WRITE,
     .job = op_except_delete,
     .changes = OP_CHANGED_LIMITS},
    {{OP_POST, "/users/disabled/{user}/enable", "Enables a user whom we disabled: {forgive?}."},
     ROW_USER | ROW_LIVE,
     .args = op_enable_args,
     .before = op_enable_one},
    {{OP_GET, "/users/{user}", "A user: limit, state, devices, evidence, what happened to him."},
     ROW_USER | ROW_ASK,
     .args = op_user_args,
     .kind = OWNER_READ,
     .job = op_user_show,
     .finish = op_user_live},
};

const struct op_row *op_row_at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

const struct op_def *op_def_at(size_t i)
{
    return i < ARRAY_LEN(rows) ? &rows[i].def : NULL;
}

static const char *const methods[] = {
    [OP_GET] = "GET",     [OP_POST] = "POST",     [OP_PUT] = "PUT",
    [OP_PATCH] = "PATCH", [OP_DELETE] = "DELETE",
};

int op_method_parse(struct slice s, enum op_method *ret)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(methods); i++) {
        if (slice_eq(s, slice_of(methods[i]))) {
            *ret = (enum op_method)i;
            return ERR_OK;
        }
    }
    return ERR_INVALID;
}

const char *op_method_name(enum op_method m)
{
    return methods[m];
}

static const struct {
    int rc;
    int status;
    const char *word;
} codes[] = {
    {ERR_PROTOCOL, 400, "bad_request"},
    {ERR_AUTH, 401, "login_needed"},
    {ERR_FORBIDDEN, 403, "forbidden"},
    {ERR_NOT_FOUND, 404, "not_found"},
    {ERR_TIMEOUT, 408, "timeout"},
    {ERR_CONFIRM, 409, "confirm_needed"},
    {ERR_EXISTS, 409, "exists"},
    {ERR_REFUSED, 409, "refused"},
    {ERR_TOO_BIG, 413, "too_big"},
    {ERR_INVALID, 422, "invalid"},
    {ERR_UNREACHABLE, 503, "unreachable"},
    {ERR_BUSY, 503, "busy"},
    {ERR_CANCELLED, 503, "stopping"},
    {ERR_NOMEM, 503, "no_memory"},
    {ERR_FULL, 503, "disk_full"},
    {ERR_READONLY, 503, "read_only"},
    {ERR_IO, 503, "io_error"},
    {ERR_CORRUPT, 503, "corrupt"},
    {ERR_TLS, 503, "tls_error"},
};

int op_status_of(int rc)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].status;
    return 503;
}

const char *op_code_word(int rc)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codes); i++)
        if (codes[i].rc == rc)
            return codes[i].word;
    return "error";
}

int op_rc_of(int status, struct slice word)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(codes); i++)
        if (slice_eq(word, slice_of(codes[i].word)))
            return codes[i].rc;
    return status >= 200 && status < 300 ? ERR_OK : ERR_PROTOCOL;
}
