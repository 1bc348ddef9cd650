/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_TEST_DEFAULT_POLICY_H
#define CORE_TEST_DEFAULT_POLICY_H

#include <stdlib.h>

#include "service/settings/settings.h"
#include "service/settings/settings_policy.h"

/* The policy of an installation that has set nothing. */
static inline struct policy default_policy(void)
{
    struct settings s;
    struct policy p;

    if (settings_init(&s))
        abort();
    settings_policy(&s, &p);
    settings_release(&s);
    return p;
}

#endif
