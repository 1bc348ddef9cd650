/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdint.h>
#include <stdlib.h>

#include "base/limits.h"
#include "service/settings/env_file.h"
#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"

/* A .env as hostile as it may be: every pair goes into the settings as the daemon's reader would put it. */

static int take(void *arg, struct slice key, struct slice value, int line, struct err *err)
{
    struct settings *s = arg;
    struct setting_value v;
    struct buf once, twice;
    enum setting id;

    (void)line;
    if (setting_find(key, &id, err))
        return ERR_OK;
    buf_init(&once, LIMIT_SETTING_VALUE + 64);
    buf_init(&twice, LIMIT_SETTING_VALUE + 64);
    if (setting_check(id, value, &once, &v, err) == ERR_OK) {
        /* What was accepted is accepted again in its canonical form, and does not change any more. */
        if (setting_check(id, buf_slice(&once), &twice, &v, err) ||
            !slice_eq(buf_slice(&once), buf_slice(&twice)))
            abort();
    } else if (!err->text[0]) {
        abort();
    }
    buf_release(&once);
    buf_release(&twice);
    return settings_set(s, id, ORIGIN_FILE, value, err);
}

static void fault(void *arg, int line, const char *text)
{
    (void)arg;
    if (line < 1 || !text[0])
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct settings s;
    struct limits *l;

    if (settings_init(&s))
        return 0;
    if (env_file_parse((struct slice){(const char *)data, size}, take, fault, &s) == ERR_OK)
        (void)!settings_cross_check(&s, NULL);
    l = limits_new((struct hash_key){1, 2});
    /* What the check lets through is never refused afterwards. */
    if (l && settings_limits(&s, l) == ERR_INVALID)
        abort();
    limits_free(l);
    settings_release(&s);
    return 0;
}
