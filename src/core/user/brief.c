/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "core/user/brief.h"

#include <stdlib.h>

#include "base/banned.h"

/* Ranges below this are sorted; splits that halve nothing come to an end. */
enum { SMALL = 32, SPLITS_MAX = 64, UNLIMITED = 10001 };

static int over(const struct user_brief *b)
{
    return b->devices - (b->limit ? b->limit : UNLIMITED);
}

static int compare(const void *a, const void *b)
{
    const struct user_brief *x = a, *y = b;

    if (over(x) != over(y))
        return over(x) > over(y) ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void swap(struct user_brief *a, struct user_brief *b)
{
    struct user_brief t = *a;

    *a = *b;
    *b = t;
}

/* Moves the median of three to the front and splits around it; returns where it stands then. */
static size_t split(struct user_brief *u, size_t n)
{
    size_t last = n - 1, at = 0, i;

    if (compare(&u[n / 2], &u[0]) < 0)
        swap(&u[n / 2], &u[0]);
    if (compare(&u[last], &u[0]) < 0)
        swap(&u[last], &u[0]);
    if (compare(&u[last], &u[n / 2]) < 0)
        swap(&u[last], &u[n / 2]);
    swap(&u[0], &u[n / 2]);
    for (i = 1; i < n; i++)
        if (compare(&u[i], &u[0]) < 0)
            swap(&u[++at], &u[i]);
    swap(&u[0], &u[at]);
    return at;
}

/* Brings the k first of n to the front, in any order. */
static void select_first(struct user_brief *u, size_t n, size_t k)
{
    int splits = 0;

    while (k && k < n) {
        size_t at;

        if (n <= SMALL || ++splits > SPLITS_MAX) {
            qsort(u, n, sizeof(*u), compare);
            return;
        }
        at = split(u, n);
        if (k <= at) {
            n = at;
        } else {
            u += at + 1;
            n -= at + 1;
            k -= at + 1;
        }
    }
}

void brief_page(struct user_brief *users, size_t n, size_t first, size_t limit)
{
    if (first >= n)
        return;
    select_first(users, n, first);
    users += first;
    n -= first;
    if (limit > n)
        limit = n;
    select_first(users, n, limit);
    qsort(users, limit, sizeof(*users), compare);
}
