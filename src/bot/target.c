/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "bot/frame.h"
#include "base/banned.h"

static const char kinds[] = "snayfix-";

void memo_release(struct memo *m)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(m->texts); i++)
        free(m->texts[i]);
}

/* "~nonce.number" → the text. */
static const char *recall(const struct memo *m, struct slice token)
{
    struct slice nonce;
    uint64_t n, of;

    token = slice_skip(token, 1);
    nonce = slice_cut(&token, '.');
    if (num_uint(nonce, UINT32_MAX, &of) || of != m->nonce || num_uint(token, UINT32_MAX, &n) ||
        n >= m->next || m->next - n > LIMIT_BOT_MEMO)
        return NULL;
    return m->texts[n % LIMIT_BOT_MEMO];
}

static int remember(struct memo *m, const char *text, char *out, size_t max)
{
    uint32_t n, oldest = m->next > LIMIT_BOT_MEMO ? m->next - LIMIT_BOT_MEMO : 0;
    char *copy;

    for (n = m->next; n-- > oldest;)
        if (strcmp(m->texts[n % LIMIT_BOT_MEMO], text) == 0)
            break;
    if (n + 1 == oldest) {
        if (strlen(text) > LIMIT_BOT_ARG)
            return ERR_TOO_BIG;
        copy = strdup(text);
        if (!copy)
            return ERR_NOMEM;
        n = m->next++;
        free(m->texts[n % LIMIT_BOT_MEMO]);
        m->texts[n % LIMIT_BOT_MEMO] = copy;
    }
    snprintf(out, max, "~%u.%u", (unsigned)m->nonce, (unsigned)n);
    return ERR_OK;
}

/* kind, id, page: what stands before the first '|'. */
static int read_head(struct slice head, struct target *t)
{
    struct slice id;
    uint64_t page;
    size_t i;

    if (!head.n || !memchr(kinds, head.p[0], sizeof(kinds) - 1))
        return ERR_INVALID;
    t->kind = head.p[0];
    head = slice_skip(head, 1);
    id = slice_cut(&head, '/');
    if (id.n > BOT_ID)
        return ERR_INVALID;
    for (i = 0; i < id.n; i++)
        if (!((id.p[i] >= 'a' && id.p[i] <= 'z') || (id.p[i] >= '0' && id.p[i] <= '9')))
            return ERR_INVALID;
    memcpy(t->id, id.n ? id.p : "", id.n);
    t->id[id.n] = '\0';
    if (head.p) {
        if (num_uint(head, 1000000000, &page))
            return ERR_INVALID;
        t->page = (int64_t)page;
    }
    return (t->kind == 'x' || t->kind == '-') || id.n ? ERR_OK : ERR_INVALID;
}

int target_read(const struct memo *m, const char *data, struct target *ret)
{
    size_t n = strlen(data);
    struct slice rest;
    int rc;

    *ret = (struct target){0};
    if (n > BOT_DATA)
        return ERR_INVALID;
    memcpy(ret->text, data, n + 1);
    rest = (struct slice){ret->text, n};
    rc = read_head(slice_cut(&rest, '|'), ret);
    while (!rc && rest.p) {
        struct slice arg = slice_cut(&rest, '|');

        if (ret->n == BOT_ARGS)
            return ERR_INVALID;
        ret->text[arg.p - ret->text + (ptrdiff_t)arg.n] = '\0';
        ret->arg[ret->n] = arg.n && arg.p[0] == '~' ? recall(m, arg) : arg.p;
        if (!ret->arg[ret->n++])
            rc = ERR_NOT_FOUND;
    }
    return rc;
}

/* Texts that the form of a target has no room for. */
static bool is_odd(const char *arg)
{
    return arg[0] == '~' || strchr(arg, '|');
}

int target_write(struct memo *m, const struct target *t, char *out)
{
    char tokens[BOT_ARGS][32];
    const char *args[BOT_ARGS];
    char head[32];
    size_t i, n, at, longest;
    int rc;

    if (t->page)
        snprintf(head, sizeof(head), "%c%s/%lld", t->kind, t->id, (long long)t->page);
    else
        snprintf(head, sizeof(head), "%c%s", t->kind, t->id);
    for (i = 0; i < t->n; i++) {
        args[i] = t->arg[i];
        if (!is_odd(args[i]))
            continue;
        rc = remember(m, args[i], tokens[i], sizeof(tokens[i]));
        if (rc)
            return rc;
        args[i] = tokens[i];
    }
    for (;;) {
        n = strlen(head);
        longest = 0;
        for (i = 0; i < t->n; i++) {
            n += 1 + strlen(args[i]);
            if (strlen(args[i]) > strlen(args[longest]))
                longest = i;
        }
        if (n <= BOT_DATA)
            break;
        if (!t->n || args[longest] == tokens[longest])
            return ERR_TOO_BIG;
        rc = remember(m, args[longest], tokens[longest], sizeof(tokens[longest]));
        if (rc)
            return rc;
        args[longest] = tokens[longest];
    }
    at = (size_t)snprintf(out, BOT_DATA + 1, "%s", head);
    for (i = 0; i < t->n; i++)
        at += (size_t)snprintf(out + at, BOT_DATA + 1 - at, "|%s", args[i]);
    return ERR_OK;
}

int target_fill(const char *tmpl, const char *const *args, struct buf *store, struct target *ret)
{
    struct slice rest = slice_of(tmpl), arg;
    size_t at[BOT_ARGS], i;
    int rc;

    *ret = (struct target){0};
    buf_clear(store);
    /* The page may be an argument, too: "slim/{1}|{0}". */
    arg = slice_cut(&rest, '|');
    {
        char head[64];
        struct buf b;

        buf_init(&b, sizeof(head));
        snprintf(head, sizeof(head), "%.*s", (int)arg.n, arg.p ? arg.p : "");
        path_fill(&b, head, args, false);
        if (b.n && b.p[b.n - 1] == '/')
            b.p[--b.n] = '\0';
        rc = read_head(buf_slice(&b), ret);
        buf_release(&b);
    }
    for (; !rc && rest.p && ret->n < BOT_ARGS; ret->n++) {
        char one[BOT_DATA + 1];

        arg = slice_cut(&rest, '|');
        snprintf(one, sizeof(one), "%.*s", (int)arg.n, arg.p);
        at[ret->n] = store->n;
        path_fill(store, one, args, false);
        buf_add_char(store, '\0');
    }
    if (store->failed)
        return ERR_NOMEM;
    for (i = 0; i < ret->n; i++)
        ret->arg[i] = store->p + at[i];
    while (ret->n && !ret->arg[ret->n - 1][0])
        ret->n--;
    return rc;
}
