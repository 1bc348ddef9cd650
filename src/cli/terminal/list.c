/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/terminal/list.h"

#include <stdio.h>
#include <string.h>

#include "base/limits.h"
#include "cli/terminal/json_in.h"
#include "base/banned.h"

const char *list_user(json_t *row, char *out, size_t max)
{
    const char *name = in_text(row, "username");

    if (name)
        snprintf(out, max, "%s", name);
    else if (in_int(row, "id"))
        snprintf(out, max, "id:%lld", (long long)in_int(row, "id"));
    else
        snprintf(out, max, "-");
    return out;
}

static void add_value(struct buf *b, json_t *v)
{
    if (json_is_string(v))
        buf_add_str(b, json_string_value(v));
    else if (json_is_integer(v))
        buf_addf(b, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        buf_addf(b, "%.2f", json_real_value(v));
    else if (json_is_boolean(v))
        buf_add_str(b, json_is_true(v) ? "yes" : "no");
}

static void add_values(struct buf *b, json_t *list)
{
    json_t *v;
    size_t i;

    json_array_foreach(list, i, v)
    {
        if (i)
            buf_add_str(b, ", ");
        add_value(b, v);
    }
}

void list_cell(struct term_table *t, json_t *row, const struct list_column *c)
{
    json_t *v = c->member ? json_object_get(row, c->member) : NULL;
    char text[192];
    struct buf b;

    buf_init(&b, 4096);
    switch (c->kind) {
    case LIST_USER:
        buf_add_str(&b, list_user(row, text, sizeof(text)));
        break;
    case LIST_LIMIT:
        if (json_is_integer(v) && json_integer_value(v) == 0)
            buf_add_str(&b, "unlimited");
        else
            add_value(&b, v);
        break;
    case LIST_TIME:
    case LIST_UNTIL:
        if (json_is_string(v))
            buf_add_str(&b, term_time(json_string_value(v), text, sizeof(text)));
        else if (c->kind == LIST_UNTIL)
            buf_add_str(&b, "by hand");
        break;
    case LIST_SPAN:
        buf_add_str(&b, term_span(json_string_value(v), text, sizeof(text)));
        break;
    case LIST_VALUES:
        add_values(&b, v);
        break;
    case LIST_FLAG:
        buf_add_str(&b, json_is_true(v) ? c->word : " ");
        break;
    case LIST_NONE:
        buf_add_str(&b, !v || json_is_null(v) ? c->word : " ");
        break;
    case LIST_TEXT:
    case LIST_NOTE:
        add_value(&b, v);
        break;
    }
    if (b.n == 0 && (c->kind == LIST_NOTE || c->kind == LIST_SPAN))
        buf_add_str(&b, " ");
    term_cell(t, c->colour, b.n ? buf_str(&b) : NULL);
    buf_release(&b);
}

void list_print(json_t *rows, const struct list *list)
{
    const char *heads[TERM_COLUMNS];
    struct term_table t;
    json_t *row;
    size_t i, k;

    for (k = 0; k < list->n; k++)
        heads[k] = list->columns[k].head;
    term_table_init(&t, heads, list->n);
    json_array_foreach(rows, i, row) for (k = 0; k < list->n; k++)
        list_cell(&t, row, &list->columns[k]);
    if (t.n)
        term_table_print(&t);
    else
        puts(list->none);
}

/* ---- pages ---- */

/* Whether the operation behind path knows offset and limit. */
static bool has_pages(const char *path)
{
    struct slice rest = slice_of(path), head = slice_cut(&rest, '?');
    const struct op_def *def = op_def_find(OP_GET, head);
    const struct op_param *p;

    for (p = def ? def->params : NULL; p && p->name; p++)
        if (strcmp(p->name, "offset") == 0)
            return true;
    return false;
}

/* Takes rows of a page into all: those from *skip on, until it has limit. */
static void take(json_t *all, json_t *page, int64_t *skip, int64_t limit)
{
    json_t *row;
    size_t i;

    json_array_foreach(json_object_get(page, "data"), i, row)
    {
        if (*skip > 0)
            --*skip;
        else if (!limit || (int64_t)json_array_size(all) < limit)
            json_array_append(all, row);
    }
}

json_t *list_fetch(const char *path, int64_t offset, int64_t limit, list_fetch_fn fetch, void *arg,
                   int64_t *ret_left)
{
    int64_t at = offset, total = 0, skip = 0, n;
    json_t *answer = NULL, *page, *all = json_array();
    bool pages = has_pages(path);
    struct buf where;

    if (!pages)
        skip = offset;
    do {
        int64_t want =
            limit && limit - (at - offset) < LIMIT_PAGE ? limit - (at - offset) : LIMIT_PAGE;

        buf_init(&where, 8192);
        buf_add_str(&where, path);
        if (pages)
            buf_addf(&where, "%coffset=%lld&limit=%lld", strchr(path, '?') ? '&' : '?',
                     (long long)at, (long long)want);
        page = fetch(arg, buf_str(&where));
        buf_release(&where);
        if (!page) {
            json_decref(answer);
            json_decref(all);
            return NULL;
        }
        n = (int64_t)json_array_size(json_object_get(page, "data"));
        total = in_int(page, "total");
        take(all, page, &skip, limit);
        json_decref(answer);
        answer = page;
        at += n;
    } while (pages && n > 0 && at < total && (!limit || at - offset < limit));
    if (ret_left)
        *ret_left = total - offset - (int64_t)json_array_size(all);
    json_object_set_new(answer, "data", all);
    return answer;
}

struct asking {
    struct cli *cli;
    int rc;
};

static json_t *ask(void *arg, const char *path)
{
    struct asking *a = arg;
    json_t *json;

    a->rc = cli_ask(a->cli, OP_GET, path, NULL, &json, NULL);
    return a->rc ? NULL : json;
}

/* Keeps a page (limit 0: all) of the rows whose user's name holds text; how many come after it. */
static int64_t keep(json_t *answer, const char *text, int64_t offset, int64_t limit)
{
    json_t *rows = json_array(), *row;
    int64_t n = 0;
    size_t i;

    json_array_foreach(json_object_get(answer, "data"), i, row)
    {
        const char *name = in_text(row, "username");

        if (!name || !strcasestr(name, text))
            continue;
        if (n >= offset && (!limit || n < offset + limit))
            json_array_append(rows, row);
        n++;
    }
    offset += (int64_t)json_array_size(rows);
    json_object_set_new(answer, "data", rows);
    json_object_set_new(answer, "total", json_integer(n));
    return n > offset ? n - offset : 0;
}

int list_show(struct cli *cli, const char *path, const struct list *list)
{
    struct asking asking = {cli, CLI_OK};
    const char *text = list->by_name && cli->n_args ? cli->args[0] : NULL;
    int64_t limit, offset, left = 0;
    json_t *answer;
    int rc = cli_number(cli, OPT_LIMIT, 1, 1000000, 0, &limit);

    if (!rc)
        rc = cli_number(cli, OPT_OFFSET, 0, 1000000000, 0, &offset);
    if (rc)
        return rc;
    answer = list_fetch(path, text ? 0 : offset, text ? 0 : limit, ask, &asking, &left);
    if (!answer)
        return asking.rc;
    if (text)
        left = keep(answer, text, offset, limit);
    if (cli_json(cli, answer))
        return CLI_OK;
    list_print(json_object_get(answer, "data"), list);
    if (limit && left > 0)
        printf("%lld more: --offset %lld\n", (long long)left, (long long)(offset + limit));
    json_decref(answer);
    return CLI_OK;
}
