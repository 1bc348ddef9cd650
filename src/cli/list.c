/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/list.h"

#include <stdio.h>
#include <string.h>

#include "cli/json_in.h"
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

static bool fits(json_t *row, const char *text)
{
    const char *name = in_text(row, "username");

    return !text || (name && strcasestr(name, text));
}

json_t *list_choose(json_t *answer, const char *text, int64_t offset, int64_t limit,
                    int64_t *ret_left)
{
    json_t *chosen = json_array(), *row;
    int64_t seen = 0;
    size_t i;

    *ret_left = 0;
    json_array_foreach(json_object_get(answer, "data"), i, row)
    {
        if (!fits(row, text) || seen++ < offset)
            continue;
        if (limit && (int64_t)json_array_size(chosen) >= limit)
            ++*ret_left;
        else
            json_array_append(chosen, row);
    }
    return chosen;
}

int list_show(struct cli *cli, const char *path, const struct list *list)
{
    json_t *answer, *rows;
    int64_t limit, offset, left;
    int rc = cli_number(cli, OPT_LIMIT, 1, 1000000, 0, &limit);

    if (!rc)
        rc = cli_number(cli, OPT_OFFSET, 0, INT64_MAX, 0, &offset);
    if (!rc)
        rc = cli_ask(cli, OP_GET, path, NULL, &answer, NULL);
    if (rc)
        return rc;
    rows = list_choose(answer, cli->n_args ? cli->args[0] : NULL, offset, limit, &left);
    if (cli->json) {
        json_object_set(answer, "data", rows);
        cli_json(cli, answer);
        json_decref(rows);
        return CLI_OK;
    }
    list_print(rows, list);
    if (left)
        printf("%lld more: --offset %lld\n", (long long)left,
               (long long)(offset + (int64_t)json_array_size(rows)));
    json_decref(rows);
    json_decref(answer);
    return CLI_OK;
}
