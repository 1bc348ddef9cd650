/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/user_ref.h"

#include "base/limits.h"
#include "base/num.h"
#include "base/banned.h"

int user_ref_parse(struct slice text, struct user_ref *ret, struct err *err)
{
    struct user_ref ref = {0, text};
    size_t i;

    if (slice_starts(text, SLICE("id:"))) {
        struct slice digits = slice_skip(text, 3);

        if (digits.n < 1 || digits.n > 18 || digits.p[0] == '0' ||
            num_int(digits, 1, INT64_MAX, &ref.id))
            return err_set(err, ERR_INVALID, "after id: stands a user's number, as in id:12");
        ref.name = (struct slice){NULL, 0};
        *ret = ref;
        return ERR_OK;
    }
    if (text.n == 0)
        return err_set(err, ERR_INVALID, "the user's name is empty");
    if (text.n > LIMIT_USER_NAME)
        return err_set(err, ERR_INVALID, "a user's name has at most %d characters",
                       LIMIT_USER_NAME);
    for (i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7f)
            return err_set(err, ERR_INVALID, "a user's name has no control characters");
    if (slice_trim(text).n != text.n)
        return err_set(err, ERR_INVALID, "a user's name has no blanks at its ends");
    *ret = ref;
    return ERR_OK;
}
