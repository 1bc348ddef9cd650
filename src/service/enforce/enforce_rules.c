/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_rules.h"

#include <jansson.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/num.h"
#include "base/stamp.h"
#include "service/enforce/enforce_note.h"
#include "base/banned.h"

static bool has_group(const int64_t *groups, size_t n, int64_t id)
{
    size_t i;

    for (i = 0; i < n; i++)
        if (groups[i] == id)
            return true;
    return false;
}

static bool is_gone(struct rules_groups groups, int64_t id)
{
    return groups.look && groups.look(groups.ctx, id) == ENFORCE_GROUP_GONE;
}

bool rules_same_groups(const struct panel_user *user, const int64_t *groups, size_t n)
{
    size_t i;

    if (user->groups_cut)
        return false;
    for (i = 0; i < user->n_groups; i++)
        if (!has_group(groups, n, user->groups[i]))
            return false;
    for (i = 0; i < n; i++)
        if (!has_group(user->groups, user->n_groups, groups[i]))
            return false;
    return true;
}

bool rules_is_punished(const struct db_row *row, const struct panel_user *user,
                       struct rules_groups groups)
{
    if (!row->by_group)
        return user->status == PANEL_STATUS_DISABLED;
    if (rules_same_groups(user, &row->group_id, 1))
        return true;
    /* The panel takes a deleted group from its users: without us he would stay without any. */
    return user->n_groups == 0 && !user->groups_cut && is_gone(groups, row->group_id);
}

bool rules_is_unsure(const struct db_row *row, const struct panel_user *user,
                     struct rules_groups groups)
{
    return row->by_group && user->n_groups == 0 && !user->groups_cut && groups.look &&
           groups.look(groups.ctx, row->group_id) == ENFORCE_GROUP_UNSURE;
}

bool rules_is_stranger(const struct db_row *row, const struct panel_user *user)
{
    return row->user_created_us != STAMP_NONE && user->created_at_us != STAMP_NONE &&
           row->user_created_us / 1000 != user->created_at_us / 1000;
}

/*
 * Long or secret values are compared by their hash. The key is fixed: the text outlives the process, and
 * nobody gains by a collision but a second look at his own account.
 */
static void add_hash(struct buf *out, const json_t *value)
{
    static const struct hash_key key = {UINT64_C(0x70672d6c696d6974), UINT64_C(0x6a6f75726e616c31)};
    char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

    if (!text) {
        out->failed = true;
        return;
    }
    buf_addf(out, "%016llx", (unsigned long long)hash_bytes(&key, text, strlen(text)));
    free(text);
}

void rules_add_credentials(const struct panel_user *user, struct buf *out)
{
    json_t *root = user->raw.n ? json_loadb(user->raw.p, user->raw.n, 0, NULL) : NULL;
    const json_t *value = json_object_get(root, "proxy_settings");

    if (json_is_object(value))
        add_hash(out, value);
    json_decref(root);
}

/* What panel_user does not carry, from the panel's own JSON. */
static void add_raw(const struct panel_user *user, struct buf *out)
{
    static const char *const names[] = {
        "proxy_settings",  "data_limit_reset_strategy", "on_hold_expire_duration",
        "on_hold_timeout", "auto_delete_in_days",       "next_plan",
    };
    json_t *root = user->raw.n ? json_loadb(user->raw.p, user->raw.n, 0, NULL) : NULL;
    const json_t *value;
    size_t i;

    for (i = 0; i < ARRAY_LEN(names); i++) {
        value = json_object_get(root, names[i]);
        if (!value)
            continue;
        buf_addf(out, "%s ", names[i]);
        add_hash(out, value);
        buf_add_char(out, '\n');
    }
    json_decref(root);
}

static void add_number(struct buf *out, const char *name, int64_t v)
{
    if (v == STAMP_NONE)
        buf_addf(out, "%s -\n", name);
    else
        buf_addf(out, "%s %lld\n", name, (long long)v);
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return x < y ? -1 : x > y;
}

int rules_add_fields(const struct panel_user *user, struct slice mark, struct buf *out)
{
    int64_t groups[PANEL_GROUPS_MAX];
    struct buf note;
    size_t i;

    buf_init(&note, user->note.n + 1);
    note_without(user->note, mark, &note);
    buf_add_str(out, "name ");
    buf_add_json(out, user->name);
    buf_add_str(out, "\nstatus ");
    buf_add_json(out, user->status_text);
    buf_add_str(out, "\nnote ");
    buf_add_json(out, buf_slice(&note));
    if (note.failed)
        out->failed = true;
    buf_release(&note);
    if (mark.n)
        buf_addf(out, "\nmark %s", note_has(user->note, mark) ? "there" : "none");
    buf_add_str(out, "\nowner ");
    /* Some panels tell the name only: a rename of an admin is rarer than a null id. */
    if (user->admin_id)
        buf_addf(out, "%lld", (long long)user->admin_id);
    else
        buf_add_json(out, user->admin_name);
    buf_add_char(out, '\n');
    add_number(out, "expire", user->expire_us == STAMP_NONE ? STAMP_NONE : user->expire_us / 1000);
    add_number(out, "data_limit", user->data_limit);
    add_number(out, "hwid_limit", user->hwid_limit);
    memcpy(groups, user->groups, sizeof(groups));
    qsort(groups, user->n_groups, sizeof(groups[0]), by_value);
    buf_add_str(out, "groups");
    for (i = 0; i < user->n_groups; i++)
        buf_addf(out, " %lld", (long long)groups[i]);
    buf_add_char(out, '\n');
    add_raw(user, out);
    return out->failed ? ERR_NOMEM : ERR_OK;
}

/* The value of a named line, p NULL when there is none. */
static struct slice field_of(struct slice text, struct slice name)
{
    struct slice line, word;

    while (text.p && text.n) {
        line = slice_cut(&text, '\n');
        word = line;
        word = slice_cut(&word, ' ');
        if (slice_eq(word, name))
            return slice_skip(line, word.n);
    }
    return (struct slice){NULL, 0};
}

static void add_name(struct buf *out, struct slice name)
{
    if (out->n)
        buf_add_str(out, ", ");
    buf_add_slice(out, name);
}

/* Guesses that whatever is not known to be there is gone; ctx: the struct rules_groups that knows. */
static enum enforce_group not_known_there(void *ctx, int64_t id)
{
    const struct rules_groups *g = ctx;

    return g->look(g->ctx, id) == ENFORCE_GROUP_THERE ? ENFORCE_GROUP_THERE : ENFORCE_GROUP_GONE;
}

/* Whether the ids before (sorted) are those now but for groups the panel has deleted since. */
static bool same_but_deleted(struct slice before, struct slice now, struct rules_groups groups)
{
    struct slice id;
    int64_t v;

    before = slice_trim(before);
    now = slice_trim(now);
    while (before.p && before.n) {
        id = slice_cut(&before, ' ');
        if (now.n >= id.n && slice_starts(now, id) && (now.n == id.n || now.p[id.n] == ' '))
            now = slice_trim(slice_skip(now, id.n));
        else if (num_int(id, 0, INT64_MAX, &v) || !is_gone(groups, v))
            return false;
    }
    return now.n == 0;
}

void rules_add_changed(struct slice before, struct slice now, struct rules_groups groups,
                       struct buf *out)
{
    struct slice text = before, line, name, value, other;

    /* A line only one of them has tells of another version of panel or program, not of an edit. */
    while (text.p && text.n) {
        line = slice_cut(&text, '\n');
        name = line;
        name = slice_cut(&name, ' ');
        value = slice_skip(line, name.n);
        other = field_of(now, name);
        if (!other.p || slice_eq(other, value) || slice_eq(name, SLICE("mark")))
            continue;
        if (!slice_eq(name, SLICE("groups")) || !same_but_deleted(value, other, groups))
            add_name(out, name);
    }
}

bool rules_edit_moved(int64_t before_us, int64_t now_us)
{
    if (before_us == STAMP_NONE || now_us == STAMP_NONE)
        return before_us != now_us;
    /* The journal keeps milliseconds. */
    return before_us / 1000 != now_us / 1000;
}

static enum enforce_group gone_for_sure(void *ctx, int64_t id)
{
    const struct db_row *row = ctx;

    return id == row->group_id ? ENFORCE_GROUP_GONE : ENFORCE_GROUP_UNSURE;
}

bool rules_guess(struct db_row *row, const struct panel_user *user, struct rules_groups *groups)
{
    bool unsure = rules_is_unsure(row, user, *groups);

    if (unsure && !rules_edit_moved(row->answer_edit_us, user->edit_at_us)) {
        *groups = (struct rules_groups){gone_for_sure, row};
        return true;
    }
    if (unsure || !row->by_group)
        groups->look = NULL;
    return false;
}

/*
 * Our mark in the note: taken out by somebody is an edit of the note, unless a restore of ours may have
 * got through, which takes it out as well; come since the answer is a call of ours whose answer got
 * lost. True for the latter.
 */
static bool mark_came(const struct db_row *row, const struct panel_user *user, bool sent,
                      struct buf *changed)
{
    bool is = note_has(user->note, row->note);
    bool was = slice_eq(field_of(row->answer_fields, SLICE("mark")), SLICE(" there"));

    if (was && !is && !sent && !strstr(buf_str(changed), "note"))
        add_name(changed, SLICE("note"));
    return is && !was;
}

/*
 * Whether he stands as a restore of ours leaves him: in the groups given, but for some that the panel has
 * deleted since. UNSURE: if only it were known whether it has.
 */
static enum enforce_group is_given_back(const struct db_row *row, const struct panel_user *user,
                                        struct rules_groups groups)
{
    const int64_t *given = row->n_given ? row->given : row->groups_before;
    size_t n = row->n_given ? row->n_given : row->n_groups_before, i;
    enum enforce_group all = ENFORCE_GROUP_THERE;

    if (!row->by_group)
        return all;
    if (user->groups_cut || user->n_groups == 0)
        return ENFORCE_GROUP_GONE;
    for (i = 0; i < user->n_groups; i++)
        if (!has_group(given, n, user->groups[i]))
            return ENFORCE_GROUP_GONE;
    for (i = 0; i < n; i++) {
        enum enforce_group g =
            groups.look ? groups.look(groups.ctx, given[i]) : ENFORCE_GROUP_THERE;

        if (has_group(user->groups, user->n_groups, given[i]) || g == ENFORCE_GROUP_GONE)
            continue;
        if (g == ENFORCE_GROUP_THERE)
            return ENFORCE_GROUP_GONE;
        all = ENFORCE_GROUP_UNSURE;
    }
    return all;
}

/*
 * Whether he was given groups that the panel has deleted since, every one of them, so that he stands
 * without any. UNSURE: if only it were known.
 */
static enum enforce_group is_lost_again(const struct db_row *row, const struct panel_user *user,
                                        struct rules_groups groups)
{
    const int64_t *given = row->n_given ? row->given : row->groups_before;
    size_t n = row->n_given ? row->n_given : row->n_groups_before, i;
    enum enforce_group all = ENFORCE_GROUP_GONE;

    if (!row->by_group || user->n_groups > 0 || user->groups_cut || !groups.look)
        return ENFORCE_GROUP_THERE;
    for (i = 0; i < n && all != ENFORCE_GROUP_THERE; i++) {
        enum enforce_group g = groups.look(groups.ctx, given[i]);

        if (g != ENFORCE_GROUP_GONE)
            all = g;
    }
    return all;
}

static bool only_groups(const struct buf *changed)
{
    return slice_eq(buf_slice(changed), SLICE("groups"));
}

/* Whether the groups may differ only by some that were deleted, were it known which are. */
static bool may_be_deleted(struct slice before, struct slice now, struct rules_groups groups)
{
    struct rules_groups guess = {not_known_there, &groups};

    return groups.look && same_but_deleted(field_of(before, SLICE("groups")),
                                           field_of(now, SLICE("groups")), guess);
}

enum rules_verdict rules_decide(const struct db_row *row, const struct panel_user *user,
                                bool by_hand, bool sent, struct rules_groups groups,
                                struct buf *changed, enum enforce_why *ret_why)
{
    struct buf fields;
    bool own = false, ask;

    if (rules_is_stranger(row, user)) {
        *ret_why = ENFORCE_WHY_STRANGER;
        return RULES_SUPERSEDE;
    }
    if (!rules_is_punished(row, user, groups)) {
        enum enforce_group back = sent ? is_given_back(row, user, groups) : ENFORCE_GROUP_GONE;
        enum enforce_group lost = sent ? is_lost_again(row, user, groups) : ENFORCE_GROUP_THERE;

        if (lost == ENFORCE_GROUP_GONE)
            return RULES_RESTORE; /* the fallback group */
        if (lost == ENFORCE_GROUP_UNSURE)
            return RULES_ASK;
        if (back == ENFORCE_GROUP_THERE)
            return RULES_DONE;
        if (back == ENFORCE_GROUP_UNSURE || rules_is_unsure(row, user, groups))
            return RULES_ASK;
        *ret_why = row->by_group ? ENFORCE_WHY_GROUPS_CHANGED : ENFORCE_WHY_ENABLED;
        return RULES_SUPERSEDE;
    }
    if (!row->answer_fields.p || !rules_edit_moved(row->answer_edit_us, user->edit_at_us))
        return RULES_RESTORE;
    buf_init(&fields, 8 * LIMIT_ANSWER);
    /* Without memory to compare, the way that leaves nobody disabled for ever. */
    if (rules_add_fields(user, row->note, &fields)) {
        buf_add_str(changed, "unknown");
    } else {
        rules_add_changed(row->answer_fields, buf_slice(&fields), groups, changed);
        if (row->note.n)
            own = mark_came(row, user, sent, changed);
    }
    ask = only_groups(changed) && !by_hand && !own &&
          may_be_deleted(row->answer_fields, buf_slice(&fields), groups);
    buf_release(&fields);
    if (ask)
        return RULES_ASK;
    if (changed->n || by_hand || own)
        return RULES_RESTORE;
    *ret_why = ENFORCE_WHY_DISABLED_AGAIN;
    return RULES_SUPERSEDE;
}

size_t rules_target(const struct db_row *row, int64_t fallback, struct rules_groups groups,
                    int64_t *ret_groups)
{
    size_t i, n = 0;

    for (i = 0; i < row->n_groups_before; i++)
        if (!is_gone(groups, row->groups_before[i]))
            ret_groups[n++] = row->groups_before[i];
    if (n == 0 && fallback > 0)
        ret_groups[n++] = fallback;
    return n;
}
