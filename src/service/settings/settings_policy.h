/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_SETTINGS_POLICY_H
#define SERVICE_SETTINGS_POLICY_H

#include "core/limit/limit.h"
#include "core/policy.h"
#include "core/line/scan.h"
#include "core/address/sources.h"
#include "service/settings/settings.h"

/*
 * Fills the numbers the engine judges by from the values in force. A choice that this version does not
 * do yet (setting_is_later) counts as the default.
 */
void settings_policy(const struct settings *s, struct policy *ret_policy);

/*
 * Puts group_limits, group_modes, group_filter, admin_filter and their modes, limit_from_hwid and
 * name_suffix_limits in force in place of what was. ERR_NOMEM: some of them are not.
 */
int settings_limits(const struct settings *s, struct limits *l) MUST_CHECK;

/*
 * Puts count_private_ips, block_outbounds, ignored_ips and ip_allowlist in force. nodes (may be empty)
 * are the nodes' own addresses, separated by commas. On failure (ERR_NOMEM, or an entry of nodes that
 * is no address) the rules stay as they were.
 */
int settings_scan_rules(const struct settings *s, struct slice nodes, struct scan_rules *rules,
                        struct err *err) MUST_CHECK;

/*
 * Fills ret_sources (released by the caller) with cdn_inbounds, cdn_nodes, disabled_nodes, country_code and
 * content_networks. Reads the file of the last at once. ERR_NOMEM, or a code of content_networks_file():
 * then everything is filled but the list built in stands for the file.
 */
int settings_sources(const struct settings *s, struct sources *ret_sources,
                     struct err *err) MUST_CHECK;

#endif
