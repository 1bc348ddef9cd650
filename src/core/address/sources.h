/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CORE_ADDRESS_SOURCES_H
#define CORE_ADDRESS_SOURCES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/slice.h"
#include "core/address/addrset.h"
#include "core/address/tags.h"

/*
 * What operators say of the places lines come from (engine.md 2): networks, inbounds and nodes behind
 * which many devices hide, nodes that are not counted, countries that are. Filled from the settings, then
 * given to the engine (engine_set_sources) and only read.
 */
struct sources {
    struct addrset content; /* content_networks; sealed */
    int64_t *cdn_nodes, *disabled_nodes;
    size_t n_cdn_nodes, n_disabled_nodes;
    struct tags cdn_inbounds;
    uint64_t countries[11]; /* bit 26·first + second letter; none set: no filter */
};

/* Nothing is special; allocates nothing. */
void sources_init(struct sources *s);
/* Frees what s owns; it is empty again. */
void sources_release(struct sources *s);

/* cdn_inbounds: tags separated by commas, as they stand in the log. ERR_NOMEM. */
int sources_cdn_inbounds(struct sources *s, struct slice list) MUST_CHECK;
/* cdn_nodes, disabled_nodes: panel ids separated by commas. ERR_INVALID, ERR_NOMEM: the old ones stay. */
int sources_cdn_nodes(struct sources *s, struct slice list) MUST_CHECK;
int sources_disabled_nodes(struct sources *s, struct slice list) MUST_CHECK;
/* country_code: ISO 3166-1 alpha-2 codes separated by commas, any case; empty: no filter. ERR_INVALID. */
int sources_countries(struct sources *s, struct slice list) MUST_CHECK;

/* Whether both say the same, in the same order. */
bool sources_equal(const struct sources *a, const struct sources *b);
/* Whether the node is one of cdn_nodes, of disabled_nodes. O(entries). */
bool sources_is_cdn_node(const struct sources *s, int64_t node_id);
bool sources_is_disabled_node(const struct sources *s, int64_t node_id);
/* Whether the inbound is one of cdn_inbounds. O(entries). */
bool sources_is_cdn_inbound(const struct sources *s, struct slice tag);
/* Whether country_code asks for some countries only. */
bool sources_filters_countries(const struct sources *s);
/* Whether lines from this country ("" = unknown) count. O(1). */
bool sources_counts_country(const struct sources *s, const char *country);

#endif
