/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/ops/op_int.h"

#include "base/banned.h"

/*
 * Every operation, once: the rows stand at the end of the file that carries them out. Their order is that
 * of the documents only (op_path.c finds the row).
 */
/* One a line, since everyone adds to it. */
/* clang-format off */
static const struct op_row *const groups[] = {
    op_rows_state,
    op_rows_limits,
    op_rows_recreated,
    op_rows_disabled,
    op_rows_freed,
    op_rows_breaker,
    op_rows_punish,
    op_rows_settings,
    op_rows_shared,
    op_rows_user,
    op_rows_events,
    op_rows_webhook,
    op_rows_doctor,
    op_rows_geo,
    op_rows_violations,
    op_rows_cleanup,
    op_rows_access, op_rows_panel,
    op_rows_patterns,
    op_rows_filters,
    op_rows_admins,
    op_rows_backup,
    op_rows_import,
    op_rows_find,
    op_rows_reports,
    op_rows_topics,
    op_rows_summary,
};
/* clang-format on */

const char *op_version(void)
{
    return PG_VERSION;
}

const struct op_row *op_row_at(size_t i)
{
    const struct op_row *row;
    size_t g;

    for (g = 0; g < ARRAY_LEN(groups); g++)
        for (row = groups[g]; row->def.pattern; row++, i--)
            if (i == 0)
                return row;
    return NULL;
}

const struct op_def *op_def_at(size_t i)
{
    const struct op_row *row = op_row_at(i);

    return row ? &row->def : NULL;
}

/* ---- shapes that answers share ---- */

#define USER "id:int~,username:text~"

static const struct {
    const char *name, *shape;
} shapes[] = {
    {"error", "{detail:text,code:text}"},
    {"limit_row", "{" USER ",limit:int,pending:bool,updated_at:time,updated_by:text}"},
    {"except_row", "{" USER ",reason:text~,pending:bool,updated_at:time,updated_by:text}"},
    {"order", "{id:int,username:text~,result:text,detail:text,due_at:time~}"},
    {"enabled", "{id:int,username:text~,result:text,detail:text}"},
    {"disabled_row",
     "{id:int,username:text,state:text,action:text,method:text,verdict_at:time,disabled_at:time~,"
     "due_at:time~,closed_at:time~,failed_attempts:int,last_error:text~,why:text~,closed_by:text~,"
     "ordered_by:text~,revoke:text~,note:text~}"},
    {"setting",
     "{key:text,value:text~,origin:text,unit:text~,allowed:text,kind:text,secret:bool,default:text~,"
     "file:text~,secrets_file:text~,environment:text~,database:text~,section:text,help:text,"
     "note:text~}"},
    {"changed_setting",
     "{key:text,value:text~,before:text~,origin:text,unit:text~,note:text~,absent?:[text]}"},
    {"config_change", "{data:[#changed_setting],stay_disabled?:int,note?:text," OP_FREED "}"},
    {"violation",
     "{violation:int,id:int,username:text,at:time,step:int,action:text,outcome:text,shadow:bool,"
     "limit:int,devices:int,forgiven_at:time~,forgiven_by:text~,evidence:any}"},
    {"active_user",
     "{id:int,username:text~,state:text,limit:int,limit_from:text,devices:int,concurrent:int,"
     "since:time~,last_seen:time~,trust:int,nodes:[text],addresses?:[{address:text,node:text,"
     "inbound:text~,first_seen:time,last_seen:time,role:text}]}"},
    {"found_user",
     "{id:int,username:text~,gone_since:time~,state:text~,limit:int~,limit_from:text~,devices:int~,"
     "disabled:bool~}"},
    {"many_addresses",
     "{id:int,username:text~,addresses:int,nodes:int,inbounds:int,first_seen:time,last_seen:time,"
     "excepted:bool,limit:int~}"},
    {"import_row", "{kind:text,name:text,old:text~,new:text~,result:text,detail:text~}"},
    {"import_setting", "{key:text,old:text~,in_effect:text,new:text~,result:text,detail:text~}"},
    {"gone_user",
     "{id:int,username:text,gone_since:time,limit:int~,excepted:bool,reason:text~,result?:text}"},
    {"admin",
     "{id:int,name:text~,role:text,panel_admin_id:int~,language:text~,fixed:bool,added_at:time~,"
     "added_by:text}"},
    {"event", "{id:int,at:time,kind:text,user_id:int~,username:text~,who:text,what:text,data:any}"},
    {"seen",
     "{address:text,node_id:int,inbound:text~,isp:text~,first_seen:time,last_seen:time,lines:int}"},
};

const char *op_shape_at(size_t i, const char **ret_name)
{
    if (i >= ARRAY_LEN(shapes))
        return NULL;
    *ret_name = shapes[i].name;
    return shapes[i].shape;
}

const char *op_shape_of(struct slice name)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(shapes); i++)
        if (slice_eq(name, slice_of(shapes[i].name)))
            return shapes[i].shape;
    return NULL;
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
