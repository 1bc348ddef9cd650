/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_TERMINAL_EXPLAIN_H
#define CLI_TERMINAL_EXPLAIN_H

#include <jansson.h>

/* Parts of what is shown of a user; each prints nothing where there is nothing. */

/* His devices with address, provider, node, first and last seen, and why each counts or not. */
void explain_devices(json_t *devices, const char *title);
/* What speaks for two of them being in use at once. */
void explain_pairs(json_t *pairs, double threshold);
/* The trust score of the live part, and what it is made of. */
void explain_trust(json_t *live);
/* Past verdicts, the latest with its evidence. */
void explain_verdicts(json_t *violations);
/* Addresses of the last days. */
void explain_addresses(json_t *addresses);

#endif
