/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "service/enforce/enforce_int.h"

#include "base/banned.h"

/* What persons order: who waits for it, and taking over users whom somebody else has disabled. */

void order_tell(struct enforce *e, struct item *it, int rc, const char *text)
{
    enforce_order_fn told = it->told;
    struct enforce_view view;

    if (!told)
        return;
    it->told = NULL;
    item_view(it, &view);
    /* As with events: what is called from there must not free the item. */
    e->pumping++;
    told(it->told_arg, rc, text, rc ? NULL : &view);
    e->pumping--;
}

static void on_adopted(struct enforce *e, struct item *it, struct op *op, int rc,
                       const struct err *err)
{
    if (rc == ERR_EXISTS) {
        punish_refuse(e, it, ENFORCE_WHY_REPEATED, rc, err->text);
        return;
    }
    if (rc) {
        store_failed(e, rc, err);
        punish_wait(e, it, err->text);
        return;
    }
    store_worked(e);
    e->n_waiting--;
    it->row_id = op->row_id;
    it->applied_us = it->record->row.applied_us;
    it->due_us = it->record->row.due_us;
    item_free_slot(e, it);
    backoff_reset(&it->wait);
    record_free(it->record);
    it->record = NULL;
    it->phase = PHASE_HELD;
    it->next_us = enforce_now(e);
    e->pumping++;
    order_tell(e, it, ERR_OK, "stays disabled, and is ours to enable");
    enforce_emit(e, it, ENFORCE_APPLIED, ENFORCE_WHY_NONE, ERR_OK, "adopted");
    e->pumping--;
}

void adopt_read(struct enforce *e, struct item *it, const struct panel_user *user)
{
    const struct enforce_policy *p = &e->o.policy;
    struct db_row *row = &it->record->row;
    int64_t groups[LIMIT_GROUPS];
    size_t n = row->n_groups_before;
    struct op *op;
    bool in_group = p->disabled_group_id > 0 && rules_same_groups(user, &p->disabled_group_id, 1);

    memcpy(groups, row->groups_before, sizeof(groups));
    if (it->release || (user->status != PANEL_STATUS_DISABLED && !in_group)) {
        punish_refuse(e, it, it->release ? ENFORCE_WHY_RELEASED : ENFORCE_WHY_NOT_DISABLED, ERR_OK,
                      NULL);
        return;
    }
    /* Disabled and in the group: his status is what was meant. */
    in_group = in_group && user->status != PANEL_STATUS_DISABLED;
    if (in_group && n == 0 && p->fallback_group_id <= 0) {
        punish_refuse(e, it, ENFORCE_WHY_NOT_WANTED, ERR_OK,
                      "which groups he had is not known: name them, or set fallback_group_id");
        return;
    }
    punish_before(e, it, user);
    row->by_group = it->by_group = in_group;
    row->group_id = it->group_id = in_group ? p->disabled_group_id : 0;
    if (in_group) {
        memcpy(row->groups_before, groups, sizeof(groups));
        row->n_groups_before = n;
    }
    /* Later than intended: no call of ours is on its way (add_found). */
    row->applied_us = row->intended_us + 1000;
    row->status_before = in_group ? SLICE("active") : SLICE("disabled");
    op = punish_keep(it, user) ? op_new(e, it) : NULL;
    if (!op) {
        punish_wait(e, it, err_name(ERR_NOMEM));
        return;
    }
    it->phase = PHASE_INTEND;
    op_submit(op, OWNER_DURABLE, job_adopt, on_adopted);
}

int enforce_adopt(struct enforce *e, const struct enforce_case *c, const int64_t *groups, size_t n,
                  struct err *err)
{
    struct item *it;
    int rc;

    if (n > LIMIT_GROUPS)
        return err_set(err, ERR_INVALID, "at most %d groups", LIMIT_GROUPS);
    /* Nothing goes out before the next step: what follows is there in time. */
    e->pumping++;
    rc = enforce_punish(e, c, err);
    it = rc ? NULL : item_find(e, c->user_id);
    if (it) {
        it->adopts = true;
        if (n)
            memcpy(it->record->row.groups_before, groups, n * sizeof(*groups));
        it->record->row.n_groups_before = n;
    }
    e->pumping--;
    enforce_pump(e);
    return rc;
}
