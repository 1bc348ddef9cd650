/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "panel/panel_opts.h"
#include "base/banned.h"

struct panel_opts panel_opts_of(const struct settings *s)
{
    return (struct panel_opts){
        .domain = settings_text(s, SET_PANEL_DOMAIN),
        .username = settings_text(s, SET_PANEL_USERNAME),
        .password = settings_text(s, SET_PANEL_PASSWORD),
        .api_key = settings_text(s, SET_PANEL_API_KEY),
        .ca_file = settings_has(s, SET_PANEL_CA_FILE) ? settings_text(s, SET_PANEL_CA_FILE) : NULL,
        .tls_pins = settings_has(s, SET_PANEL_TLS_PIN) ? settings_text(s, SET_PANEL_TLS_PIN) : NULL,
        .tls_verify = settings_bool(s, SET_PANEL_TLS_VERIFY),
        .nodes_poll_s = (unsigned)settings_int(s, SET_NODES_POLL),
        .stream_refresh_s = (unsigned)settings_int(s, SET_STREAM_REFRESH)};
}
