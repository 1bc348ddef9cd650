/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/db_scope.h"

#include <stdlib.h>

#include "base/banned.h"

bool db_scope_has(const struct db_scope *scope, int64_t user_id)
{
    size_t low = 0, high;

    if (!scope)
        return true;
    high = scope->n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;

        if (scope->ids[mid] == user_id)
            return true;
        if (scope->ids[mid] < user_id)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

void db_scope_release(struct db_scope *scope)
{
    free(scope->ids);
    *scope = (struct db_scope){NULL, 0};
}
