/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/texts/words.h"

#include <string.h>

#include "base/num.h"
#include "base/banned.h"

static const struct {
    enum word_kind kind;
    const char *word;
    enum text_id text;
} words[] = {
    {WORD_FROM, "except", TEXT_FROM_EXCEPT},
    {WORD_FROM, "special", TEXT_FROM_SPECIAL},
    {WORD_FROM, "pattern", TEXT_FROM_PATTERN},
    {WORD_FROM, "hwid", TEXT_FROM_HWID},
    {WORD_FROM, "group", TEXT_FROM_GROUP},
    {WORD_FROM, "name", TEXT_FROM_NAME},
    {WORD_FROM, "general", TEXT_FROM_GENERAL},
    {WORD_FROM, "filter", TEXT_FROM_FILTER},
    {WORD_FROM, "unknown", TEXT_FROM_UNKNOWN},
    {WORD_STATE, "clear", TEXT_STATE_CLEAR},
    {WORD_STATE, "monitoring", TEXT_STATE_MONITORING},
    {WORD_STATE, "punished", TEXT_STATE_PUNISHED},
    {WORD_STATE, "not seen", TEXT_STATE_NOT_SEEN},
    {WORD_ROLE, "counted", TEXT_ROLE_COUNTED},
    {WORD_ROLE, "idle", TEXT_ROLE_IDLE},
    {WORD_ROLE, "shared source", TEXT_ROLE_SHARED},
    {WORD_ROLE, "through a CDN", TEXT_ROLE_CDN},
    {WORD_ROLE, "content network", TEXT_ROLE_CONTENT},
    {WORD_ROLE, "country not counted", TEXT_ROLE_COUNTRY},
    {WORD_ROLE, "long stream", TEXT_ROLE_HELD},
    {WORD_OUTCOME, "pending", TEXT_OUTCOME_PENDING},
    {WORD_OUTCOME, "applied", TEXT_OUTCOME_APPLIED},
    {WORD_OUTCOME, "cancelled", TEXT_OUTCOME_CANCELLED},
    {WORD_OUTCOME, "warned", TEXT_OUTCOME_WARNED},
    {WORD_OUTCOME, "shadow", TEXT_OUTCOME_SHADOW},
    {WORD_RESULT, "enabled", TEXT_RESULT_ENABLED},
    {WORD_RESULT, "not_disabled", TEXT_RESULT_NOT_DISABLED},
    {WORD_RESULT, "superseded", TEXT_RESULT_SUPERSEDED},
    {WORD_RESULT, "failed", TEXT_RESULT_FAILED},
    {WORD_RESULT, "disabled", TEXT_RESULT_DISABLED},
    {WORD_RESULT, "adopted", TEXT_RESULT_ADOPTED},
    {WORD_RESULT, "waiting", TEXT_RESULT_WAITING},
    {WORD_TRUST, "evidence", TEXT_TRUST_EVIDENCE},
    {WORD_TRUST, "excess", TEXT_TRUST_EXCESS},
    {WORD_TRUST, "time", TEXT_TRUST_TIME},
    {WORD_TRUST, "networks", TEXT_TRUST_NETWORKS},
    {WORD_TRUST, "past", TEXT_TRUST_PAST},
    {WORD_TRUST, "leaked", TEXT_TRUST_LEAKED},
    {WORD_TRUST, "excused", TEXT_TRUST_EXCUSED},
    {WORD_TRUST, "common", TEXT_TRUST_COMMON},
    {WORD_EVENT, "disabled", TEXT_EVENT_DISABLED},
    {WORD_EVENT, "enabled", TEXT_EVENT_ENABLED},
    {WORD_EVENT, "superseded", TEXT_EVENT_SUPERSEDED},
    {WORD_EVENT, "not_disabled", TEXT_EVENT_CANCELLED},
    {WORD_EVENT, "adopted", TEXT_EVENT_ADOPTED},
    {WORD_EVENT, "revoked", TEXT_EVENT_REVOKED},
    {WORD_EVENT, "forgiven", TEXT_EVENT_FORGIVEN},
    {WORD_EVENT, "warning", TEXT_EVENT_WARNING},
    {WORD_EVENT, "shadow_verdict", TEXT_EVENT_SHADOW},
    {WORD_EVENT, "still_seen", TEXT_EVENT_SEEN},
    {WORD_EVENT, "limit", TEXT_EVENT_LIMIT},
    {WORD_EVENT, "except", TEXT_EVENT_EXCEPT},
    {WORD_EVENT, "pardoned", TEXT_EVENT_PARDONED},
    {WORD_EVENT, "cleared", TEXT_EVENT_CLEARED},
    {WORD_EVENT, "recreated", TEXT_EVENT_RECREATED},
    {WORD_EVENT, "import", TEXT_EVENT_IMPORT},
};

enum text_id word_text(enum word_kind kind, const char *word)
{
    size_t i;

    for (i = 0; word && i < ARRAY_LEN(words); i++)
        if (words[i].kind == kind && strcmp(words[i].word, word) == 0)
            return words[i].text;
    return TEXT_NONE;
}

void word_add(struct buf *out, enum text_lang lang, enum word_kind kind, const char *word)
{
    enum text_id id = word_text(kind, word);

    if (id)
        text_add(out, lang, id, NULL);
    else
        buf_add_str(out, word ? word : "-");
}

static void add_term(struct buf *out, enum text_lang lang, enum text_id id, int64_t seconds)
{
    struct buf span;

    buf_init(&span, 256);
    text_add_span(&span, lang, seconds);
    text_add(out, lang, id, (const struct text_arg[]){{"span", buf_str(&span), false}, {0}});
    buf_release(&span);
}

/* "15m" in seconds; 0 when it is none. */
static int64_t read_term(struct slice s)
{
    char unit = s.n ? s.p[s.n - 1] : '\0';
    int64_t n;

    if (s.n < 2 || num_int((struct slice){s.p, s.n - 1}, 1, INT32_MAX, &n))
        return 0;
    return unit == 's' ? n : unit == 'm' ? n * 60 : unit == 'h' ? n * 3600 : 0;
}

void word_add_action(struct buf *out, enum text_lang lang, const char *action, int64_t for_s)
{
    struct slice rest = slice_of(action ? action : ""), verb = slice_cut(&rest, ' ');
    bool adopt = slice_eq(verb, SLICE("adopt"));
    int64_t term = rest.n ? read_term(rest) : for_s;

    if (slice_eq(verb, SLICE("warn")))
        text_add(out, lang, TEXT_ACTION_WARN, NULL);
    else if (slice_eq(verb, SLICE("revoke")))
        text_add(out, lang, TEXT_ACTION_REVOKE, NULL);
    else if (slice_eq(verb, SLICE("hand")))
        text_add(out, lang, TEXT_ACTION_HAND, NULL);
    else if (!adopt && !slice_eq(verb, SLICE("disable")))
        buf_add_str(out, action ? action : "-");
    else if (term)
        add_term(out, lang, adopt ? TEXT_ACTION_ADOPT : TEXT_ACTION_DISABLE, term);
    else
        text_add(out, lang, adopt ? TEXT_ACTION_ADOPT_HAND : TEXT_ACTION_HAND, NULL);
}

void word_add_who(struct buf *out, enum text_lang lang, const char *who)
{
    static const char telegram[] = "telegram:";

    if (!who || !who[0])
        buf_add_char(out, '-');
    else if (strcmp(who, "cli") == 0)
        text_add(out, lang, TEXT_WHO_CLI, NULL);
    else if (strncmp(who, "api", 3) == 0 && (who[3] == ':' || !who[3]))
        text_add(out, lang, TEXT_WHO_API, NULL);
    else if (strncmp(who, telegram, sizeof(telegram) - 1) == 0)
        buf_addf(out, "Telegram %s", who + sizeof(telegram) - 1);
    else
        buf_add_str(out, who);
}
