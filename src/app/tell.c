/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include <stdio.h>

#include <jansson.h>

#include "app/daemon.h"
#include "base/stamp.h"
#include "bot/notice/notice.h"
#include "service/doctor/doctor.h"
#include "base/banned.h"

/* What the parts of the daemon know, in the form in which the admins are told of it. */

static const int64_t patience_us =
    120 * STAMP_SECOND; /* a panel down for less is not worth a message */

/* The devices that counted, one a line: address, then provider, country and node where they are known. */
static void add_places(struct daemon *d, const struct evidence *ev, struct buf *out)
{
    bool details = settings_bool(&d->settings, SET_ENHANCED_DETAILS);
    char text[ADDR_TEXT];
    int i;

    for (i = 0; ev && i < ev->n_devices; i++) {
        const struct device_view *v = &ev->devices[i];
        struct slice isp = {"", 0};
        struct geo geo = {0};

        if (v->role != DEVICE_COUNTED)
            continue;
        buf_addf(out, "%s", addr_text(v->addr, text));
        if (d->atlas && details)
            atlas_look(d->atlas, v->addr, &geo, &isp);
        if (isp.n)
            buf_addf(out, " · %.*s", (int)isp.n, isp.p);
        if (geo.country[0])
            buf_addf(out, "%s%s", isp.n ? ", " : " · ", geo.country);
        if (v->node_id && details)
            buf_addf(out, " · %s", watch_name(d->watch, v->node_id));
        buf_add_char(out, '\n');
    }
}

void tell_decision(struct daemon *d, const struct decision *dec, struct slice name, int event)
{
    struct notice n = {.event = (enum notice_event)event,
                       .at_us = dec->at_us,
                       .user_id = dec->id,
                       .name = name,
                       .limit = dec->limit,
                       .devices = dec->concurrent > dec->limit ? dec->concurrent : dec->devices,
                       .leaked = dec->leaked,
                       .paused = dec->applied == APPLIED_PAUSED,
                       .text = slice_of(dec->why)};
    struct buf places;

    if (!d->notices)
        return;
    buf_init(&places, 8192);
    add_places(d, dec->evidence, &places);
    if (dec->evidence)
        n.since_us = dec->evidence->monitored_since_us;
    n.places = buf_slice(&places);
    notice_put(d->notices, &n);
    buf_release(&places);
}

void tell_seen(struct daemon *d, const struct decision *dec, struct slice name, const char *addr,
               const char *node)
{
    struct notice n = {.event = NOTICE_SEEN,
                       .at_us = dec->at_us,
                       .user_id = dec->id,
                       .name = name,
                       .limit = dec->limit};
    char where[192];

    snprintf(where, sizeof(where), "%s · %.100s", addr, node);
    n.places = slice_of(where);
    if (d->notices)
        notice_put(d->notices, &n);
}

void tell_enforced(struct daemon *d, const struct enforce_event *ev)
{
    struct notice n = {.user_id = ev->user_id,
                       .name = ev->name,
                       .until_us = ev->due_us,
                       .count = ev->attempts,
                       .text = slice_of(ev->text)};

    switch (ev->kind) {
    case ENFORCE_APPLIED:
        n.event = NOTICE_PUNISHED;
        n.at_us = ev->applied_us;
        break;
    case ENFORCE_REFUSED:
        n.event = NOTICE_SPARED;
        n.failed = ev->rc != 0 || ev->ordered;
        break;
    case ENFORCE_RESTORED:
        n.event = NOTICE_RELEASED;
        n.who = ev->why == ENFORCE_WHY_BY_HAND ? ev->who : (struct slice){"", 0};
        n.hand = ev->why == ENFORCE_WHY_BY_HAND;
        break;
    case ENFORCE_SUPERSEDED:
        n.event = NOTICE_SUPERSEDED;
        n.hand = ev->why == ENFORCE_WHY_DISABLED_AGAIN;
        break;
    case ENFORCE_RESTORE_FAILING:
        n.event = NOTICE_STUCK;
        break;
    case ENFORCE_STORE_FAILING:
        n.event = NOTICE_STORE_DOWN;
        break;
    case ENFORCE_STORE_BACK:
        n.event = NOTICE_STORE_UP;
        break;
    case ENFORCE_RECOVERED:
        return;
    }
    notice_put(d->notices, &n);
}

void tell_ordered(struct daemon *d, const struct op_order *what, const char *name)
{
    struct notice n = {.event = NOTICE_ORDERED,
                       .user_id = what->id,
                       .name = slice_of(name),
                       .who = what->who,
                       .text = what->reason};

    notice_put(d->notices, &n);
}

void tell_node(struct daemon *d, int64_t id, const char *name, int event, int64_t since_us,
               const char *text)
{
    struct notice n = {.event = (enum notice_event)event,
                       .user_id = id,
                       .name = slice_of(name),
                       .since_us = since_us,
                       .text = slice_of(text)};

    notice_put(d->notices, &n);
}

void tell_paused(struct daemon *d, const struct decision *dec, struct slice names, size_t users)
{
    struct notice n = {.event = NOTICE_PAUSED,
                       .at_us = dec->at_us,
                       .count = (int)users,
                       .bound = dec->breaker_bound,
                       .since_us = dec->at_us - dec->breaker_window_us,
                       .dropped = dec->dropped,
                       .text = names};

    notice_put(d->notices, &n);
}

void tell_resumed(struct daemon *d, struct slice who)
{
    struct notice n = {.event = NOTICE_RESUMED, .who = who};

    notice_put(d->notices, &n);
}

void tell_start(struct daemon *d, bool anew)
{
    struct notice n = {.event = anew ? NOTICE_RESTORED : NOTICE_STARTED,
                       .name = slice_of(anew ? "" : op_version())};

    notice_put(d->notices, &n);
}

void tell_count(struct daemon *d, int event, int count, const char *text)
{
    struct notice n = {.event = (enum notice_event)event, .count = count, .text = slice_of(text)};

    notice_put(d->notices, &n);
}

void tell_cleanup(struct daemon *d, int status, struct slice json)
{
    json_t *answer = json_loadb(json.p, json.n, 0, NULL);
    const char *detail = json_string_value(json_object_get(answer, "detail"));
    json_int_t removed = json_integer_value(json_object_get(answer, "total_removed"));

    if (status == 409)
        tell_count(d, NOTICE_GONE_MANY, 0, detail ? detail : "");
    else if (status == 200 && removed > 0)
        tell_count(d, NOTICE_GONE, (int)removed, detail ? detail : "");
    json_decref(answer);
}

/* Said when it has lasted; called every second or so. */
void tell_panel(struct daemon *d)
{
    struct panel_state s = panel_state(d->panel);
    int64_t now_us = daemon_now(d);
    struct notice n = {.event = NOTICE_PANEL_NEWER};

    if (s.up && s.version.known && !s.version.guessed && doctor_panel_is_new(s.version.major) &&
        !d->newer_told) {
        d->newer_told = true;
        n.name = slice_of(s.version.text);
        notice_put(d->notices, &n);
    }
    if (s.since_us == STAMP_NONE || s.up == !d->panel_down_us)
        return;
    if (!s.up && now_us - s.since_us < patience_us)
        return;
    n.event = s.up ? NOTICE_PANEL_UP : NOTICE_PANEL_DOWN;
    n.since_us = s.up ? d->panel_down_us : s.since_us;
    n.text = slice_of(s.error);
    d->panel_down_us = s.up ? 0 : s.since_us;
    carry_event(d, s.up ? "panel_up" : "panel_down", 0, (struct slice){NULL, 0},
                s.up ? "the panel answers again" : s.error);
    notice_put(d->notices, &n);
}
