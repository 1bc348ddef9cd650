/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef CLI_FRAME_CLI_INT_H
#define CLI_FRAME_CLI_INT_H

/* What the commands share; only src/cli includes this. */

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "cli/frame/cli.h"
#include "cli/frame/command.h"
#include "cli/frame/link.h"

/* One call of the program. */
struct cli {
    const struct cli_hooks *hooks;
    const char *opt[OPT_COUNT]; /* what stands behind an option, "" for a switch; NULL: not given */
    bool json;                  /* --json was given */
    bool sick;                  /* the doctor: goes on without a database */
    char **args;                /* what stands after the command's words */
    int n_args;
    struct link *link; /* opened by cli_ask at the first request */
};

/*
 * Makes a request of the daemon, or without one on the database. Returns CLI_OK and the answer (to be
 * freed with json_decref), or prints the error and returns the exit code. With *ret_code given
 * (may be NULL), an answer whose code is that error (ERR_CONFIRM …) is not printed but stored there.
 */
int cli_ask(struct cli *cli, enum op_method method, const char *path, json_t *body,
            json_t **ret_json, struct err *ret_err);
/*
 * As cli_ask with bytes for a body (a zip; n 0: none) and for an answer, which is appended to ret_bytes.
 */
int cli_send(struct cli *cli, enum op_method method, const char *path, struct slice body,
             struct buf *ret_bytes);
/* As cli_ask for GET, printing the answer as it is when --json was given; then *ret_json is NULL. */
int cli_read(struct cli *cli, const char *path, json_t **ret_json);
/* Prints answer (taken over) as JSON when --json was given and returns true. */
bool cli_json(struct cli *cli, json_t *answer);
/* Prints "pg-limiter: …" on standard error and returns code. */
int cli_fail(int code, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Appends user (a USER argument) to path, percent-encoded. */
void cli_add_user(struct buf *path, const char *user);
/* Whether the request goes to a daemon; opens the link. False also when that fails. */
bool cli_has_daemon(struct cli *cli);
/* link_lock; prints the error. */
int cli_lock(struct cli *cli, const char *what);

/*
 * The value of an option that is a number in min…max; fallback when it was not given. Prints the
 * error and returns CLI_USAGE when it is none.
 */
int cli_number(struct cli *cli, enum cli_option o, int64_t min, int64_t max, int64_t fallback,
               int64_t *ret_n);
/*
 * Whether harm may be done: --yes, or the question is answered so. Otherwise prints what to do and
 * stores the exit code.
 */
bool cli_sure(struct cli *cli, int *ret_code, const char *fmt, ...) PRINTF_LIKE(3, 4);
/*
 * As cli_ask for what may do harm: where the operation asks for a yes, so is the person, unless
 * --yes was given; without a terminal it is refused with what would happen. body may be NULL.
 */
int cli_ask_sure(struct cli *cli, enum op_method method, const char *path, json_t *body,
                 json_t **ret_json);
/* After a change of limits or filters: tells whom it would not have disabled, and offers to enable them. */
int cli_offer_freed(struct cli *cli, json_t *answer);
/*
 * Asks the terminal for a line without showing it. Without a terminal no_terminal is printed and CLI_USAGE
 * returned. The caller wipes out.
 */
int cli_ask_secret(const char *question, const char *no_terminal, struct buf *out);
/* Prints what a change of settings has changed; CLI_FAILED: only entries that are not there were to go. */
int cli_print_changes(struct cli *cli, json_t *answer);
/* The arguments from the first one on as a list, also with commas between them; NULL: no UTF-8. */
json_t *cli_entries(struct cli *cli, int first);
/* The path /base/USER/rest of a USER argument, to be released by the caller. */
void cli_user_path(struct buf *path, const char *base, const char *user, const char *rest);
/* Sends what operates on one user or row and prints its "detail". */
int cli_do(struct cli *cli, enum op_method method, const char *path, json_t *body);

/* The commands: each returns an exit code. */
int cmd_run(struct cli *cli);
int cmd_scan(struct cli *cli);
int cmd_replay(struct cli *cli);
int cmd_status(struct cli *cli);
int cmd_health(struct cli *cli);
int cmd_nodes(struct cli *cli);
int cmd_explain(struct cli *cli);
int cmd_user_list(struct cli *cli);
int cmd_user_show(struct cli *cli);
int cmd_user_add(struct cli *cli);
int cmd_user_update(struct cli *cli);
int cmd_user_delete(struct cli *cli);
int cmd_user_recreated(struct cli *cli);
int cmd_user_take(struct cli *cli);
int cmd_user_drop(struct cli *cli);
int cmd_except_list(struct cli *cli);
int cmd_except_add(struct cli *cli);
int cmd_except_delete(struct cli *cli);
int cmd_except_check(struct cli *cli);
int cmd_disabled_list(struct cli *cli);
int cmd_disabled_info(struct cli *cli);
int cmd_disabled_enable(struct cli *cli);
int cmd_disabled_enable_all(struct cli *cli);
int cmd_disabled_enable_freed(struct cli *cli);
int cmd_shared_list(struct cli *cli);
int cmd_shared_remove(struct cli *cli);
int cmd_config_show(struct cli *cli);
int cmd_config_panel(struct cli *cli);
int cmd_config_set(struct cli *cli);
int cmd_config_reset(struct cli *cli);
int cmd_config_add(struct cli *cli);
int cmd_config_remove(struct cli *cli);
int cmd_config_limit(struct cli *cli);
int cmd_config_interval(struct cli *cli);
int cmd_config_reenable(struct cli *cli);
int cmd_config_country(struct cli *cli);
int cmd_config_example(struct cli *cli);
int cmd_config_reference(struct cli *cli);
int cmd_user_disable(struct cli *cli);
int cmd_user_revoke(struct cli *cli);
int cmd_user_pardon(struct cli *cli);
int cmd_disabled_stuck(struct cli *cli);
int cmd_disabled_adopt(struct cli *cli);
int cmd_steps_show(struct cli *cli);
int cmd_steps_set(struct cli *cli);
int cmd_events(struct cli *cli);
int cmd_history(struct cli *cli);
int cmd_pattern_list(struct cli *cli);
int cmd_pattern_add(struct cli *cli);
int cmd_pattern_delete(struct cli *cli);
int cmd_owner_list(struct cli *cli);
int cmd_owner_add(struct cli *cli);
int cmd_owner_delete(struct cli *cli);
int cmd_filter_group(struct cli *cli);
int cmd_filter_admin(struct cli *cli);
int cmd_admin_list(struct cli *cli);
int cmd_admin_add(struct cli *cli);
int cmd_admin_set(struct cli *cli);
int cmd_admin_remove(struct cli *cli);
int cmd_panel_groups(struct cli *cli);
int cmd_panel_admins(struct cli *cli);
int cmd_violations_list(struct cli *cli);
int cmd_violations_clear(struct cli *cli);
int cmd_breaker_status(struct cli *cli);
int cmd_breaker_resume(struct cli *cli);
int cmd_breaker_undo(struct cli *cli);
int cmd_config_cleanup(struct cli *cli);
int cmd_top(struct cli *cli);
int cmd_doctor(struct cli *cli);
int cmd_mode(struct cli *cli);
int cmd_completion(struct cli *cli);
int cmd_backup(struct cli *cli);
int cmd_restore(struct cli *cli);
int cmd_schedule(struct cli *cli);
int cmd_webhook_show(struct cli *cli);
int cmd_webhook_test(struct cli *cli);
int cmd_geo_status(struct cli *cli);
int cmd_geo_update(struct cli *cli);
int cmd_geo_lookup(struct cli *cli);
int cmd_geo_build(struct cli *cli);
int cmd_import(struct cli *cli);
int cmd_user_find(struct cli *cli);
int cmd_user_clear(struct cli *cli);
int cmd_violations_clear_all(struct cli *cli);
int cmd_report_connections(struct cli *cli);
int cmd_report_nodes(struct cli *cli);
int cmd_report_inbounds(struct cli *cli);
int cmd_report_users(struct cli *cli);
int cmd_report_addresses(struct cli *cli);
int cmd_topics_show(struct cli *cli);
int cmd_topics_set(struct cli *cli);
int cmd_topics_route(struct cli *cli);
int cmd_topics_clear(struct cli *cli);
int cmd_topics_check(struct cli *cli);
int cmd_topics_create(struct cli *cli);
int cmd_summary(struct cli *cli);
int cmd_start(struct cli *cli);
int cmd_stop(struct cli *cli);
int cmd_restart(struct cli *cli);
int cmd_logs(struct cli *cli);
int cmd_config(struct cli *cli);
int cmd_update(struct cli *cli);
int cmd_uninstall(struct cli *cli);
int cmd_version(struct cli *cli);
int cmd_help(struct cli *cli);

#endif
