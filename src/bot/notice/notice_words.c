/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "base/stamp.h"
#include "bot/notice/notice_int.h"
#include "base/banned.h"

/* Small words that all messages are made of. */

enum { PAIRS = 10 };

void notice_say(struct buf *out, enum text_lang lang, enum text_id id, ...)
{
    struct text_arg args[PAIRS + 1] = {{NULL, NULL, false}};
    const char *name;
    va_list ap;
    int n = 0;

    va_start(ap, id);
    while (n < PAIRS && (name = va_arg(ap, const char *)) != NULL) {
        args[n].html = name[0] == '!';
        args[n].name = name + args[n].html;
        args[n++].value = va_arg(ap, const char *);
    }
    va_end(ap);
    args[n].name = NULL;
    text_add_html(out, lang, id, args);
}

void notice_who(struct notices *n, enum text_lang lang, const char *who, struct buf *out)
{
    static const char telegram[] = "telegram:";
    struct buf name;
    int64_t id;

    if (!who[0]) {
        notice_say(out, lang, TEXT_N_WHO_PANEL, NULL);
        return;
    }
    if (strcmp(who, "cli") == 0) {
        notice_say(out, lang, TEXT_N_WHO_CLI, NULL);
        return;
    }
    if (strncmp(who, "api", 3) == 0 && (who[3] == ':' || !who[3])) {
        notice_say(out, lang, TEXT_N_WHO_API, NULL);
        return;
    }
    buf_init(&name, 1024);
    if (strncmp(who, telegram, sizeof(telegram) - 1) == 0) {
        who += sizeof(telegram) - 1;
        if (n->o.admin_name && !num_int(slice_of(who), 1, INT64_MAX, &id) &&
            n->o.admin_name(n->o.arg, id, &name) && name.n)
            who = buf_str(&name);
    }
    text_escape(out, slice_of(who));
    buf_release(&name);
}

void notice_time(struct buf *out, int64_t us, int64_t from_us)
{
    time_t t = (time_t)(us / STAMP_SECOND), from = (time_t)(from_us / STAMP_SECOND);
    struct tm a, b;

    if (from_us && us != STAMP_NONE && localtime_r(&t, &a) && localtime_r(&from, &b) &&
        a.tm_year == b.tm_year && a.tm_yday == b.tm_yday)
        buf_addf(out, "%02d:%02d", a.tm_hour, a.tm_min);
    else
        text_add_time(out, us);
}

enum text_id notice_kind_text(enum notice_kind kind)
{
    static const enum text_id texts[NOTICE_KINDS] = {
        [NOTICE_WARNING] = TEXT_N_KIND_WARNING, [NOTICE_DISABLED] = TEXT_N_KIND_DISABLED,
        [NOTICE_ENABLED] = TEXT_N_KIND_ENABLED, [NOTICE_SHADOW] = TEXT_N_KIND_SHADOW,
        [NOTICE_BREAKER] = TEXT_N_KIND_BREAKER, [NOTICE_NODE] = TEXT_N_KIND_NODE,
        [NOTICE_USERS] = TEXT_N_KIND_USERS,     [NOTICE_ADMIN] = TEXT_N_KIND_ADMIN,
        [NOTICE_BACKUP] = TEXT_N_KIND_BACKUP,   [NOTICE_ERROR] = TEXT_N_KIND_ERROR,
        [NOTICE_SUMMARY] = TEXT_N_KIND_SUMMARY, [NOTICE_RUN] = TEXT_N_KIND_RUN,
    };

    return texts[kind];
}
