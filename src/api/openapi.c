/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "api/openapi.h"

#include <stdio.h>

#include "api/openapi_int.h"
#include "base/limits.h"
#include "service/jout.h"
#include "service/ops/op.h"
#include "base/banned.h"

/* ---- shapes (see struct op_def) into JSON Schema ---- */

static void type_schema(struct buf *b, struct slice type, bool nullable)
{
    static const struct {
        const char *name, *json, *format;
    } types[] = {{"int", "integer", NULL},
                 {"num", "number", NULL},
                 {"text", "string", NULL},
                 {"bool", "boolean", NULL},
                 {"time", "string", "date-time"}};
    size_t i;

    for (i = 0; i < ARRAY_LEN(types) && !slice_eq(type, slice_of(types[i].name)); i++)
        ;
    if (i == ARRAY_LEN(types)) /* any */
        return;
    if (nullable) {
        jout_open(b, "type", '[');
        jout_text(b, NULL, types[i].json);
        jout_text(b, NULL, "null");
        jout_close(b, ']');
    } else {
        jout_text(b, "type", types[i].json);
    }
    if (types[i].format)
        jout_text(b, "format", types[i].format);
}

static const char *add_shape(struct buf *b, const char *s);

/* The members of an object, up to its brace; those that must be there are listed a second time. */
static const char *add_members(struct buf *b, const char *s)
{
    struct buf needed;
    struct slice name;

    buf_init(&needed, 4096);
    jout_open(b, "properties", '{');
    while (*s && *s != '}') {
        name = (struct slice){s, strcspn(s, ":")};
        s += name.n + (s[name.n] == ':');
        if (name.n && name.p[name.n - 1] == '?') {
            name.n--;
        } else {
            buf_add_str(&needed, needed.n ? "," : "");
            buf_add_json(&needed, name);
        }
        jout_key(b, NULL);
        buf_add_json(b, name);
        buf_add_str(b, ":{");
        s = add_shape(b, s);
        jout_close(b, '}');
        s += *s == ',';
    }
    jout_close(b, '}');
    if (needed.n) {
        jout_open(b, "required", '[');
        buf_add_slice(b, buf_slice(&needed));
        jout_close(b, ']');
    }
    buf_release(&needed);
    return *s ? s + 1 : s;
}

/* Appends the members of the schema of a shape; returns what follows it. */
static const char *add_shape(struct buf *b, const char *s)
{
    struct slice type;

    if (*s == '{') {
        jout_text(b, "type", "object");
        return add_members(b, s + 1);
    }
    if (*s == '[') {
        jout_text(b, "type", "array");
        jout_open(b, "items", '{');
        s = add_shape(b, s + 1);
        jout_close(b, '}');
        return *s ? s + 1 : s;
    }
    type = (struct slice){s, strcspn(s, ",}]~")};
    s += type.n;
    if (type.n && type.p[0] == '#') {
        jout_key(b, "$ref");
        buf_addf(b, "\"#/components/schemas/%.*s\"", (int)type.n - 1, type.p + 1);
    } else {
        type_schema(b, type, *s == '~');
    }
    return *s == '~' ? s + 1 : s;
}

/* ---- parameters ---- */

static void span_schema(struct buf *b, const struct op_param *p)
{
    jout_open(b, "anyOf", '[');
    jout_open(b, NULL, '{');
    jout_text(b, "type", "integer");
    jout_int(b, "minimum", p->min);
    jout_int(b, "maximum", p->max);
    jout_close(b, '}');
    jout_open(b, NULL, '{');
    jout_text(b, "type", "string");
    jout_text(b, "pattern", "^[1-9][0-9]{0,1}[smhd]$");
    jout_close(b, '}');
    jout_close(b, ']');
}

static void list_schema(struct buf *b, const struct op_param *p)
{
    jout_text(b, "type", "array");
    jout_int(b, "minItems", p->min);
    jout_int(b, "maxItems", p->max);
    jout_open(b, "items", '{');
    jout_text(b, "type", p->type == OP_INTS ? "integer" : "string");
    jout_int(b, p->type == OP_INTS ? "minimum" : "minLength", 1);
    if (p->type == OP_INTS)
        jout_int(b, "maximum", INT32_MAX);
    else
        jout_text(b, "pattern", "^[!-~]{1,100}$");
    jout_close(b, '}');
}

static void param_schema(struct buf *b, const struct op_param *p)
{
    switch (p->type) {
    case OP_INT:
        jout_text(b, "type", "integer");
        jout_int(b, "minimum", p->min);
        jout_int(b, "maximum", p->max);
        break;
    case OP_BOOL:
        jout_text(b, "type", "boolean");
        break;
    case OP_TEXT:
        jout_text(b, "type", "string");
        if (p->choices) {
            openapi_choices(b, p->choices);
            break;
        }
        /* Bounds are in bytes, JSON Schema counts characters. */
        jout_int(b, "minLength", p->min);
        jout_int(b, "maxLength", p->max ? p->max : 1000);
        jout_text(b, "pattern", "^[^\\u0000]*$");
        break;
    case OP_USER:
        jout_text(b, "type", "string");
        jout_int(b, "minLength", 1);
        jout_int(b, "maxLength", LIMIT_USER_NAME);
        jout_text(b, "pattern", "^[^\\u0000]*$");
        break;
    case OP_SPAN:
        span_schema(b, p);
        break;
    case OP_INTS:
    case OP_TEXTS:
        list_schema(b, p);
        break;
    case OP_SETTING:
        openapi_setting(b, p->setting);
        break;
    case OP_JSON:
        break;
    }
}

static void param_text(struct buf *b, const struct op_param *p)
{
    struct buf text;

    buf_init(&text, 1024);
    buf_addf(&text, "%s; ", p->help);
    op_param_add_allowed(&text, p);
    jout_text(b, "description", buf_str(&text));
    buf_release(&text);
}

static void add_parameter(struct buf *b, const struct op_param *p, const char *place)
{
    jout_open(b, NULL, '{');
    jout_text(b, "name", p->name);
    jout_text(b, "in", place);
    jout_bool(b, "required", (p->in & (OP_NEEDED | OP_IN_PATH)) != 0);
    param_text(b, p);
    jout_open(b, "schema", '{');
    if (p->type == OP_BOOL)
        jout_raw(b, "anyOf",
                 SLICE("[{\"type\":\"boolean\"},"
                       "{\"enum\":[\"yes\",\"no\",\"on\",\"off\",\"1\",\"0\",1,0]}]"));
    else
        param_schema(b, p);
    jout_close(b, '}');
    if (p->example && p->type != OP_INTS && p->type != OP_TEXTS)
        jout_raw(b, "example", slice_of(p->example));
    /* Lists in a query are one text with commas. */
    if (p->type == OP_INTS || p->type == OP_TEXTS)
        jout_bool(b, "explode", false);
    jout_close(b, '}');
}

static void add_parameters(struct buf *b, const struct op_def *d)
{
    static const struct op_param user = {.name = "user",
                                         .in = OP_IN_PATH,
                                         .type = OP_USER,
                                         .example = "\"vip_user\"",
                                         .help = "the user"};
    const struct op_param *p;

    jout_open(b, "parameters", '[');
    if (strstr(d->pattern, "{user}"))
        add_parameter(b, &user, "path");
    for (p = d->params; p && p->name; p++)
        if (p->in & (OP_IN_PATH | OP_IN_QUERY))
            add_parameter(b, p, p->in & OP_IN_PATH ? "path" : "query");
    jout_close(b, ']');
}

static void body_members(struct buf *b, const struct op_def *d, bool *ret_needed)
{
    const struct op_param *p;

    *ret_needed = false;
    jout_text(b, "type", "object");
    jout_bool(b, "additionalProperties", false);
    jout_open(b, "properties", '{');
    for (p = d->params; p && p->name; p++) {
        if (!(p->in & OP_IN_BODY))
            continue;
        *ret_needed = *ret_needed || p->in & OP_NEEDED;
        jout_open(b, p->name, '{');
        param_text(b, p);
        openapi_begin_null(b, !(p->in & OP_NEEDED) || p->type == OP_SETTING);
        param_schema(b, p);
        openapi_end_null(b, !(p->in & OP_NEEDED) || p->type == OP_SETTING);
        jout_open(b, "examples", '[');
        jout_raw(b, NULL, slice_of(p->example));
        jout_close(b, ']');
        jout_close(b, '}');
    }
    jout_close(b, '}');
    if (!*ret_needed)
        return;
    jout_open(b, "required", '[');
    for (p = d->params; p && p->name; p++)
        if ((p->in & OP_IN_BODY) && (p->in & OP_NEEDED))
            jout_text(b, NULL, p->name);
    jout_close(b, ']');
}

static void add_body(struct buf *b, const struct op_def *d)
{
    const struct op_param *p;
    bool any = (d->may & OP_FREE_BODY) != 0, needed = any;

    if (d->may & OP_RAW_BODY) {
        jout_raw(b, "requestBody",
                 SLICE("{\"content\":{\"application/zip\":{}},\"required\":true}"));
        return;
    }

    for (p = d->params; p && p->name; p++)
        any = any || p->in & OP_IN_BODY;
    if (!any)
        return;
    jout_open(b, "requestBody", '{');
    jout_open(b, "content", '{');
    jout_open(b, "application/json", '{');
    jout_open(b, "schema", '{');
    if (d->may & OP_FREE_BODY)
        jout_text(b, "$ref", "#/components/schemas/settings");
    else
        body_members(b, d, &needed);
    jout_close(b, '}');
    jout_close(b, '}');
    jout_close(b, '}');
    jout_bool(b, "required", needed);
    jout_close(b, '}');
}

/* ---- answers ---- */

static void add_success(struct buf *b, const struct op_def *d)
{
    jout_open(b, "200", '{');
    jout_text(b, "description", "done");
    jout_open(b, "content", '{');
    if (d->media) {
        jout_open(b, d->media, '{');
        if (strcmp(d->media, "application/zip") != 0) {
            jout_open(b, "schema", '{');
            jout_text(b, "type", "string");
            jout_close(b, '}');
        }
        jout_close(b, '}');
    }
    if (d->answer) {
        jout_open(b, "application/json", '{');
        jout_open(b, "schema", '{');
        add_shape(b, d->answer);
        jout_close(b, '}');
        jout_close(b, '}');
    }
    jout_close(b, '}');
    jout_close(b, '}');
}

static void add_answers(struct buf *b, const struct op_def *d, bool login)
{
    bool path = strchr(d->pattern, '{') != NULL, is_public = (d->may & OP_PUBLIC) != 0;
    const struct {
        int status;
        bool may;
        const char *why;
    } errors[] = {
        {400, true, "the request cannot be read"},
        {401, login && !is_public, "no login, or a wrong one"},
        {403, true, "not allowed from there"},
        {404, path || d->may & OP_MAY_404, "there is no such thing"},
        {405, true, "this path does not know the method; Allow tells which it knows"},
        {408, true, "the request was not complete in time, or the panel was too slow"},
        {409, d->may & OP_MAY_409 || d->method != OP_GET, "it cannot be done now, or asks first"},
        {413, true, "too large"},
        {415, true, "the body is of another type than it must be"},
        {422, true, "a value is wrong or missing: the text names it and what is allowed"},
        {429, login && !is_public, "too many wrong logins: Retry-After tells how long to wait"},
        {503, true, "the panel or the database is not at hand, or the daemon stops"},
    };
    char status[8];
    size_t i;

    jout_open(b, "responses", '{');
    add_success(b, d);
    for (i = 0; i < ARRAY_LEN(errors); i++) {
        if (!errors[i].may)
            continue;
        snprintf(status, sizeof(status), "%d", errors[i].status);
        jout_open(b, status, '{');
        jout_text(b, "description", errors[i].why);
        jout_raw(b, "content",
                 SLICE("{\"application/json\":{\"schema\":{\"$ref\":"
                       "\"#/components/schemas/error\"}}}"));
        jout_close(b, '}');
    }
    jout_close(b, '}');
}

/* ---- the whole ---- */

static void lower(char *to, size_t max, const char *from)
{
    size_t i;

    for (i = 0; from[i] && i + 1 < max; i++)
        to[i] = (char)(from[i] | 0x20);
    to[i] = '\0';
}

static void add_operation(struct buf *b, const struct op_path *path, bool login)
{
    const struct op_def *d = path->def;
    struct slice rest = slice_skip(slice_of(d->pattern), 1), tag = slice_cut(&rest, '/');
    char method[8];
    struct buf id;
    const char *c;

    lower(method, sizeof(method), op_method_name(path->method));
    buf_init(&id, 256);
    buf_add_str(&id, method);
    for (c = path->pattern; *c; c++)
        if (*c != '{' && *c != '}')
            buf_add_char(&id, *c == '/' || *c == '-' ? '_' : *c);
    jout_open(b, method, '{');
    jout_text(b, "operationId", buf_str(&id));
    jout_open(b, "tags", '[');
    jout_str(b, NULL, tag.n ? tag : SLICE("status"));
    jout_close(b, ']');
    jout_text(b, "summary", d->help);
    if (path->pattern != d->pattern)
        jout_bool(b, "deprecated", true);
    if (!login || d->may & OP_PUBLIC)
        jout_raw(b, "security", SLICE("[]"));
    add_parameters(b, d);
    add_body(b, d);
    add_answers(b, d, login);
    jout_close(b, '}');
    buf_release(&id);
}

/* Rows of one path may stand apart in the table, but form one object here. */
static bool is_first_of_path(size_t row, const char *pattern)
{
    struct op_path other;
    size_t k;

    for (k = 0; k < row && op_path_at(k, &other); k++)
        if (strcmp(other.pattern, pattern) == 0)
            return false;
    return true;
}

static void add_paths(struct buf *b, bool login)
{
    struct op_path path, other;
    size_t i, k;

    jout_open(b, "paths", '{');
    for (i = 0; op_path_at(i, &path); i++) {
        if (!is_first_of_path(i, path.pattern))
            continue;
        jout_open(b, path.pattern, '{');
        for (k = i; op_path_at(k, &other); k++)
            if (strcmp(other.pattern, path.pattern) == 0)
                add_operation(b, &other, login);
        jout_close(b, '}');
    }
    jout_close(b, '}');
}

void openapi_write(struct buf *b, bool login)
{
    const char *name, *shape;
    size_t i;

    jout_open(b, NULL, '{');
    jout_text(b, "openapi", "3.1.0");
    jout_open(b, "info", '{');
    jout_text(b, "title", "PG-Limiter");
    jout_text(b, "version", PG_VERSION);
    jout_text(b, "description",
              "Limits how many addresses use one account of a PasarGuard panel at once. A user is "
              "given by name, or as id:12.");
    jout_close(b, '}');
    jout_raw(b, "servers", SLICE("[{\"url\":\"/\"}]"));
    if (login)
        jout_raw(b, "security", SLICE("[{\"basic\":[]}]"));
    add_paths(b, login);
    jout_open(b, "components", '{');
    if (login)
        jout_raw(b, "securitySchemes",
                 SLICE("{\"basic\":{\"type\":\"http\",\"scheme\":\"basic\"}}"));
    jout_open(b, "schemas", '{');
    for (i = 0; (shape = op_shape_at(i, &name)); i++) {
        jout_open(b, name, '{');
        add_shape(b, shape);
        jout_close(b, '}');
    }
    openapi_settings(b);
    jout_close(b, '}');
    jout_close(b, '}');
    jout_close(b, '}');
}
