/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/num.h"
#include "cli/frame/cli_int.h"
#include "cli/terminal/json_in.h"
#include "cli/terminal/term.h"
#include "net/http.h"
#include "base/banned.h"

static int exit_code(int rc)
{
    return rc == ERR_UNREACHABLE || rc == ERR_TIMEOUT ? CLI_UNREACHABLE : CLI_FAILED;
}

static int open_link(struct cli *cli)
{
    struct err err;
    int rc;

    if (cli->link)
        return CLI_OK;
    rc = link_open(cli->opt[OPT_ENV], cli->sick, &cli->link, &err);
    if (rc)
        return cli_fail(exit_code(rc), "%s", err.text);
    return CLI_OK;
}

bool cli_has_daemon(struct cli *cli)
{
    return open_link(cli) == CLI_OK && link_has_daemon(cli->link);
}

int cli_lock(struct cli *cli, const char *what)
{
    struct err err;
    int rc = open_link(cli);

    int locked = rc ? ERR_OK : link_lock(cli->link, what, &err);

    if (locked == ERR_EXISTS)
        return cli_fail(CLI_FAILED,
                        "a daemon has been started here meanwhile: say it again, to the "
                        "daemon; nothing was changed");
    return locked ? cli_fail(CLI_FAILED, "%s; nothing was changed", err.text) : rc;
}

void cli_add_user(struct buf *path, const char *user)
{
    http_add_escaped(path, slice_of(user));
}

/* The words of an answer that is no success. */
static int refused(int status, json_t *json, struct err *ret_err)
{
    const char *detail = json_string_value(json_object_get(json, "detail"));
    const char *word = json_string_value(json_object_get(json, "code"));
    int rc = op_rc_of(status, slice_of(word));

    if (ret_err && rc == ERR_CONFIRM) {
        err_set(ret_err, rc, "%s", detail ? detail : "");
        return CLI_FAILED;
    }
    return cli_fail(exit_code(rc), "%s", detail ? detail : err_name(rc));
}

int cli_ask(struct cli *cli, enum op_method method, const char *path, json_t *body,
            json_t **ret_json, struct err *ret_err)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct buf answer;
    json_t *json;
    struct err err;
    int status, rc = open_link(cli);

    if (ret_err)
        ret_err->code = ERR_OK;
    buf_init(&answer, LIMIT_OP_ANSWER);
    if (!rc) {
        rc = link_call(cli->link, method, path, text ? text : "", &status, &answer, &err);
        rc = rc ? cli_fail(exit_code(rc), "%s", err.text) : CLI_OK;
    }
    free(text);
    json_decref(body);
    if (rc) {
        buf_release(&answer);
        return rc;
    }
    json = json_loadb(buf_str(&answer), answer.n, 0, NULL);
    buf_release(&answer);
    if (!json)
        return cli_fail(CLI_FAILED, "the daemon's answer is no JSON (status %d)", status);
    if (status >= 200 && status < 300) {
        if (!link_has_daemon(cli->link) && !cli->json && !cli->sick)
            fputs("(no daemon is running: this is what the database says)\n", stderr);
        *ret_json = json;
        return CLI_OK;
    }
    rc = refused(status, json, ret_err);
    json_decref(json);
    return rc;
}

int cli_send(struct cli *cli, enum op_method method, const char *path, struct slice body,
             struct buf *ret_bytes)
{
    struct err err = {0};
    json_t *json;
    int status = 0, rc = open_link(cli);

    if (rc)
        return rc;
    rc = link_send(cli->link, method, path, body, "application/zip", &status, ret_bytes, &err);
    if (rc)
        return cli_fail(exit_code(rc), "%s", err.text);
    if (status >= 200 && status < 300)
        return CLI_OK;
    json = json_loadb(buf_str(ret_bytes), ret_bytes->n, 0, NULL);
    rc = refused(status, json, NULL);
    json_decref(json);
    return rc;
}

bool cli_json(struct cli *cli, json_t *answer)
{
    if (!cli->json)
        return false;
    json_dumpf(answer, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    putchar('\n');
    json_decref(answer);
    return true;
}

int cli_read(struct cli *cli, const char *path, json_t **ret_json)
{
    json_t *json;
    int rc = cli_ask(cli, OP_GET, path, NULL, &json, NULL);

    if (rc)
        return rc;
    *ret_json = cli_json(cli, json) ? NULL : json;
    return CLI_OK;
}

int cli_number(struct cli *cli, enum cli_option o, int64_t min, int64_t max, int64_t fallback,
               int64_t *ret_n)
{
    *ret_n = fallback;
    if (!cli->opt[o] || num_int(slice_of(cli->opt[o]), min, max, ret_n) == ERR_OK)
        return CLI_OK;
    return cli_fail(CLI_USAGE, "%s %s: allowed are %lld to %lld", option_def(o)->name, cli->opt[o],
                    (long long)min, (long long)max);
}

bool cli_sure(struct cli *cli, int *ret_code, const char *fmt, ...)
{
    char text[1024];
    va_list ap;

    if (cli->opt[OPT_YES])
        return true;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!term_can_ask())
        *ret_code = cli_fail(CLI_USAGE, "%s Nothing was done: say --yes", text);
    else if (term_ask("%s", text))
        return true;
    else
        *ret_code = cli_fail(CLI_FAILED, "nothing was done");
    return false;
}

/* Whether the operation lets harm be confirmed. */
static bool may_confirm(enum op_method method, const char *path)
{
    struct slice rest = slice_of(path), head = slice_cut(&rest, '?');
    const struct op_def *def = op_def_find(method, head);
    const struct op_param *p;

    for (p = def ? def->params : NULL; p && p->name; p++)
        if (strcmp(p->name, "confirm") == 0)
            return true;
    return false;
}

static int ask_confirmed(struct cli *cli, enum op_method method, const char *path, json_t *body,
                         json_t **ret_json)
{
    struct buf sure;
    int rc;

    buf_init(&sure, 8192);
    buf_addf(&sure, "%s%cconfirm=true", path, strchr(path, '?') ? '&' : '?');
    rc = cli_ask(cli, method, buf_str(&sure), body, ret_json, NULL);
    buf_release(&sure);
    return rc;
}

int cli_ask_sure(struct cli *cli, enum op_method method, const char *path, json_t *body,
                 json_t **ret_json)
{
    struct err err = {0};
    int rc;

    if (cli->opt[OPT_YES] && may_confirm(method, path))
        return ask_confirmed(cli, method, path, body, ret_json);
    rc = cli_ask(cli, method, path, json_incref(body), ret_json, &err);
    if (!rc || err.code != ERR_CONFIRM) {
        json_decref(body);
        return rc;
    }
    if (term_ask("%s Go on?", err.text))
        return ask_confirmed(cli, method, path, body, ret_json);
    json_decref(body);
    return cli_fail(CLI_FAILED, "%s: nothing was changed; --yes does it", err.text);
}

void cli_user_path(struct buf *path, const char *base, const char *user, const char *rest)
{
    buf_init(path, 4096);
    buf_add_str(path, base);
    cli_add_user(path, user);
    buf_add_str(path, rest);
}

int cli_do(struct cli *cli, enum op_method method, const char *path, json_t *body)
{
    json_t *json;
    int rc = cli_ask(cli, method, path, body, &json, NULL);

    if (rc || cli_json(cli, json))
        return rc;
    term_put(in_text(json, "detail") ? in_text(json, "detail") : "Done.");
    putchar('\n');
    json_decref(json);
    return CLI_OK;
}
