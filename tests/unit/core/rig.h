/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_TEST_RIG_H
#define CORE_TEST_RIG_H

#include "core/engine.h"

/* An engine with its clock, two nodes whose clocks are known, and everything it ever decided. */

enum { RIG_NODES = 2 };

struct rig {
    struct engine *e;
    struct policy policy; /* change it, then rig_set() */
    int64_t now_us;
    uint16_t node[RIG_NODES];
    struct decision *log; /* every decision, in order, with its evidence */
    int n, cap;
    uint64_t seed;
};

/* The default policy with another limit; streams of both nodes open. */
void rig_init(struct rig *r, int general_limit);
/* The same with a policy. */
void rig_init_with(struct rig *r, const struct policy *policy);
void rig_release(struct rig *r);
/* Puts r->policy in force. */
void rig_set(struct rig *r);

/* A line of user id from ip on a node, now. ip with brackets for IPv6. */
enum scan_reason rig_line(struct rig *r, int node, int64_t id, const char *ip);
/* The same, that happened ago_us before now. */
enum scan_reason rig_late(struct rig *r, int node, int64_t id, const char *ip, int64_t ago_us);
/* A line from the user's nth address. */
void rig_from(struct rig *r, int64_t id, int nth);
/* The text of that address; 64 bytes. */
char *rig_ip(int64_t id, int nth, char *out);

/* A reading of the user's online list, in which all nodes answered. */
void rig_read(struct rig *r, int64_t id, const struct online_seen *seen, size_t n);

/* Lets seconds pass, the engine being called whenever it asks to be. */
void rig_wait(struct rig *r, double seconds);
/* For so long n devices of the user take turns, a line every 3 s. */
void rig_share(struct rig *r, int64_t id, int n, double seconds);
/* The same for users first … first + users - 1 side by side. */
void rig_share_many(struct rig *r, int64_t first, int users, int n, double seconds);

/* How many decisions of a kind there were about a user (0: any). */
int rig_count(const struct rig *r, enum decision_kind kind, int64_t id);
/* The first (nth from 0) of them, NULL when there is none. */
const struct decision *rig_find(const struct rig *r, enum decision_kind kind, int64_t id, int nth);
/* Fails the test when a rule that always holds was broken anywhere in the log. */
void rig_check(const struct rig *r);
/* Sources of the named lists, "" for none; to be released. */
struct sources rig_sources(const char *inbounds, const char *cdn_nodes, const char *disabled,
                           const char *countries, const char *content);
/* The user as he stands; fails when unknown. */
struct user_view rig_view(struct rig *r, int64_t id);

#endif
