/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "cli/frame/command.h"

#include <string.h>

#include "base/attr.h"
#include "base/buf.h"
#include "cli/frame/cli_int.h"
#include "service/suggest.h"
#include "base/banned.h"

#define BIT(o) (UINT64_C(1) << (o))
#define READ (BIT(OPT_ENV) | BIT(OPT_JSON))
#define LIST (READ | BIT(OPT_LIMIT) | BIT(OPT_OFFSET))
#define WRITE READ
#define ASKS (WRITE | BIT(OPT_YES))
#define REPLAY \
    (BIT(OPT_JSON) | BIT(OPT_SET) | BIT(OPT_EXCEPT) | BIT(OPT_SPECIAL) | BIT(OPT_COMPARE) | \
     BIT(OPT_EVIDENCE))

static const struct option_def options[OPT_COUNT] = {
    [OPT_ENV] = {"--env", NULL, "FILE", "read this .env"},
    [OPT_JSON] = {"--json", NULL, NULL, "print JSON"},
    [OPT_YES] = {"--yes", NULL, NULL, "do it without asking"},
    [OPT_RECORD] = {"--record", NULL, "DIR", "keep every line received, to be replayed"},
    [OPT_SINCE] = {"--since", NULL, "TIME", "only of the last 30m, 2h, 1d"},
    [OPT_FORGIVE] = {"--forgive", NULL, NULL, "their violations of that time no longer count"},
    [OPT_REASON] = {"--reason", NULL, "TEXT", "why, for the list"},
    [OPT_ENABLE] = {"--enable", NULL, NULL, "enable him at once when we have disabled him"},
    [OPT_LIMIT] = {"--limit", NULL, "N", "show at most so many rows"},
    [OPT_OFFSET] = {"--offset", NULL, "N", "leave out the first so many rows"},
    [OPT_CUSTOMER] = {"--customer", NULL, NULL, "a text to forward to the customer"},
    [OPT_FOLLOW] = {"--follow", "-f", NULL, "go on with what comes"},
    [OPT_ONCE] = {"--once", NULL, NULL, "print once and end"},
    [OPT_SORT] = {"--sort", NULL, "devices|name|state|trust|seen", "order of the rows"},
    [OPT_FILTER] = {"--filter", NULL, "TEXT", "only users whose name holds this"},
    [OPT_ACCESS] = {"--access", NULL, NULL, "only try the access to the panel and to Telegram"},
    [OPT_BUNDLE] = {"--bundle", NULL, "FILE", "write a report fit to send to a stranger"},
    [OPT_FOR] = {"--for", NULL, "MINUTES|hand", "how long; hand: until enabled by hand"},
    [OPT_GROUPS] = {"--groups", NULL, "IDS", "groups to give back, e.g. 1,2"},
    [OPT_DRY_RUN] = {"--dry-run", NULL, NULL, "only show what would be done"},
    [OPT_OVERWRITE] = {"--overwrite", NULL, NULL, "replace what is set here already, too"},
    [OPT_DOCKER] = {"--docker", NULL, "NAME",
                    "copy the old program's files out of its container first"},
    [OPT_UNDO] = {"--undo", NULL, NULL, "take the last one back"},
    [OPT_USER] = {"--user", NULL, "USER", "only of this user"},
    [OPT_KIND] = {"--kind", NULL, "KIND", "only of this kind"},
    [OPT_SET] = {"--set", NULL, "KEY=VALUE", "a setting of this run"},
    [OPT_EXCEPT] = {"--except", NULL, "USER", "never limited in this run"},
    [OPT_SPECIAL] = {"--special", NULL, "USER=N", "a special limit of this run"},
    [OPT_COMPARE] = {"--compare", NULL, "A B",
                     "two settings files: who would be judged differently"},
    [OPT_PEOPLE] = {"--people", NULL, "FILE", "groups and owners of users, JSON lines"},
    [OPT_EVIDENCE] = {"--evidence", NULL, NULL, "why each address counted, with every verdict"},
    [OPT_SECRETS] = {"--secrets", NULL, NULL,
                     "with .env and secrets, by a passphrase that is asked"},
    [OPT_PASSPHRASE_FILE] = {"--passphrase-file", NULL, "FILE",
                             "the same with the passphrase that stands in a file"},
    [OPT_NODE] = {"--node", NULL, "ID", "only users on this node"},
    [OPT_INBOUND] = {"--inbound", NULL, "TAG", "only users through this inbound"},
    [OPT_DEVICES] = {"--devices", NULL, "N", "only users with so many devices at least"},
    [OPT_NAME] = {"--name", NULL, "TEXT", "who that is, for the list"},
    [OPT_PANEL_ADMIN] = {"--panel-admin", NULL, "ID",
                         "only the users of this admin of the panel; 0: everyone's"},
    [OPT_LANGUAGE] = {"--language", NULL, "en|fa|ru|zh|default",
                      "of the text, or of the bot for an admin"},
    [OPT_LINES] = {"--lines", "-n", "N", "so many lines of the past"},
    [OPT_NO_FOLLOW] = {"--no-follow", NULL, NULL, "end with what is there"},
    [OPT_API] = {"--api", NULL, NULL, "requests to the REST API"},
    [OPT_TELEGRAM] = {"--telegram", NULL, NULL, "what concerns the bot"},
    [OPT_ENABLE_ALL] = {"--enable-all", NULL, NULL, "first enable whom we have disabled"},
    [OPT_ROLLBACK] = {"--rollback", NULL, NULL, "back to the program from before"},
    [OPT_PURGE] = {"--purge", NULL, NULL, "settings, database and logs as well"},
    [OPT_PATTERN] = {"--pattern", NULL, "prefix:TEXT=N", "a limit pattern of this run"},
};

static const struct command commands[] = {
    {"run", "", 0, 0, BIT(OPT_ENV) | BIT(OPT_RECORD), cmd_run, "the daemon", NULL, NULL},
    {"start", "", 0, 0, BIT(OPT_ENV), cmd_start,
     "start the service (systemd unit or docker compose)", NULL, NULL},
    {"stop", "", 0, 0, BIT(OPT_ENV) | BIT(OPT_YES) | BIT(OPT_ENABLE_ALL), cmd_stop,
     "stop it; says how many users stay disabled, and offers to enable them first", NULL,
     "GET /users/disabled, POST /users/disabled/enable-all"},
    {"restart", "", 0, 0, BIT(OPT_ENV), cmd_restart, "start it anew", NULL, NULL},
    {"logs", "", 0, 0,
     BIT(OPT_ENV) | BIT(OPT_LINES) | BIT(OPT_FOLLOW) | BIT(OPT_NO_FOLLOW) | BIT(OPT_API) |
         BIT(OPT_TELEGRAM),
     cmd_logs, "the end of the log, and what comes",
     "  pg-limiter logs -n 200 --no-follow\n  pg-limiter logs --api  # requests to the REST API\n",
     NULL},
    {"status", "", 0, 0, READ, cmd_status, "everything at a glance", NULL, "GET /status"},
    {"health", "", 0, 0, READ, cmd_health,
     "whether the daemon lives; for health checks of containers and monitors", NULL,
     "GET /healthz"},
    {"nodes", "", 0, 0, READ, cmd_nodes, "what is seen of every node", NULL, "GET /nodes"},
    {"top", "", 0, 0, READ | BIT(OPT_ONCE) | BIT(OPT_SORT) | BIT(OPT_FILTER), cmd_top,
     "the users now, live: devices and limit, state, trust, nodes",
     "Keys: q quit, s sort, r reverse, / filter, arrows and PgUp, PgDn. Where there is no terminal, "
     "it prints once.\n",
     "GET /users/active, GET /status"},
    {"explain", "USER", 1, 1, READ | BIT(OPT_CUSTOMER) | BIT(OPT_LANGUAGE), cmd_explain,
     "how a user stands, and why",
     "  pg-limiter explain alice\n"
     "  pg-limiter explain alice --customer  # a text to forward, in bot_language, without addresses\n",
     "GET /users/{user}, GET /users/{user}/explain"},

    {"history", "USER", 1, 1, LIST, cmd_history, "what happened to a user, and who did it", NULL,
     "GET /users/{user}/history"},
    {"events", "", 0, 0, LIST | BIT(OPT_FOLLOW) | BIT(OPT_KIND), cmd_events,
     "what happened, and who did it", "  pg-limiter events --limit 20\n  pg-limiter events -f\n",
     "GET /events"},

    {"user find", "TEXT", 1, 1, LIST, cmd_user_find, "users by a part of their name", NULL,
     "GET /users"},
    {"user list", "[TEXT]", 0, 1, LIST, cmd_user_list, "special limits of single users", NULL,
     "GET /users/limits"},
    {"user show", "USER", 1, 1, READ, cmd_user_show, "a user's limit and where it comes from", NULL,
     "GET /users/limits/{user}"},
    {"user add", "USER LIMIT", 2, 2, WRITE | BIT(OPT_ENABLE), cmd_user_add,
     "set a special limit (0 = unlimited); one that exists is updated",
     "  pg-limiter user add alice 5\n  pg-limiter user add id:12 0\n", "POST /users/limits"},
    {"user update", "USER LIMIT", 2, 2, WRITE | BIT(OPT_ENABLE), cmd_user_update,
     "change a special limit that exists", NULL, "PUT /users/limits/{user}"},
    {"user delete", "USER", 1, 1, WRITE, cmd_user_delete, "remove a special limit", NULL,
     "DELETE /users/limits/{user}"},

    {"user recreated", "", 0, 0, LIST, cmd_user_recreated,
     "users under the name of one who is gone and had a limit or an exception", NULL,
     "GET /users/recreated"},
    {"user take", "USER", 1, 1, WRITE | BIT(OPT_ENABLE), cmd_user_take,
     "give such a user what the one of before had", NULL, "POST /users/recreated/{user}/take"},
    {"user drop", "USER", 1, 1, WRITE, cmd_user_drop,
     "forget what the one of before had: it is another customer", NULL,
     "DELETE /users/recreated/{user}"},

    {"user disable", "USER", 1, 1, ASKS | BIT(OPT_FOR) | BIT(OPT_REASON), cmd_user_disable,
     "disable a user in the panel, and enable him when the time is over",
     "  pg-limiter user disable alice --for 60 --reason \"asked for it\"\n"
     "  pg-limiter user disable alice --for hand\n",
     "POST /users/{user}/disable"},
    {"user revoke", "USER", 1, 1, ASKS | BIT(OPT_REASON), cmd_user_revoke,
     "new subscription and credentials; disabled until enabled by hand", NULL,
     "POST /users/{user}/revoke"},
    {"user pardon", "USER", 1, 1, WRITE | BIT(OPT_FOR), cmd_user_pardon,
     "do not judge a user for some time", "  pg-limiter user pardon alice --for 120\n",
     "POST /users/{user}/pardon"},

    {"user clear", "USER", 1, 1, WRITE, cmd_user_clear,
     "end a user's monitoring and forget its evidence; it begins anew", NULL,
     "POST /users/{user}/clear"},

    {"except list", "[TEXT]", 0, 1, LIST, cmd_except_list, "users who are never limited", NULL,
     "GET /users/except"},
    {"except add", "USER", 1, 1, WRITE | BIT(OPT_REASON) | BIT(OPT_ENABLE), cmd_except_add,
     "never limit a user", "  pg-limiter except add alice --reason \"office account\"\n",
     "POST /users/except"},
    {"except delete", "USER", 1, 1, WRITE, cmd_except_delete, "limit him again", NULL,
     "DELETE /users/except/{user}"},
    {"except check", "USER", 1, 1, READ, cmd_except_check, "whether a user is excepted", NULL,
     "GET /users/except/{user}"},

    {"disabled list", "[TEXT]", 0, 1, LIST, cmd_disabled_list, "users disabled by us at the moment",
     NULL, "GET /users/disabled"},
    {"disabled info", "USER", 1, 1, READ, cmd_disabled_info,
     "whether and why a user is disabled, and until when", NULL, "GET /users/{user}"},
    {"disabled enable", "USER", 1, 1, WRITE | BIT(OPT_FORGIVE), cmd_disabled_enable,
     "enable one of them", NULL, "POST /users/disabled/{user}/enable"},
    {"disabled enable-all", "", 0, 0, ASKS | BIT(OPT_SINCE) | BIT(OPT_FORGIVE),
     cmd_disabled_enable_all, "enable all of them, or those of the last while",
     "  pg-limiter disabled enable-all --since 30m --forgive\n", "POST /users/disabled/enable-all"},
    {"disabled enable-freed", "", 0, 0, WRITE | BIT(OPT_DRY_RUN), cmd_disabled_enable_freed,
     "enable those whom the limits and filters of now would not have disabled",
     "  pg-limiter config set general_limit 3\n  pg-limiter disabled enable-freed\n",
     "POST /users/disabled/enable-freed"},
    {"disabled stuck", "", 0, 0, LIST, cmd_disabled_stuck,
     "users disabled in the panel whom nobody of us will enable", NULL,
     "GET /users/disabled/stuck"},
    {"disabled adopt", "USER", 1, 1, ASKS | BIT(OPT_FOR) | BIT(OPT_REASON) | BIT(OPT_GROUPS),
     cmd_disabled_adopt, "take such a user over: he is enabled when the time is over", NULL,
     "POST /users/disabled/{user}/adopt"},

    {"breaker status", "", 0, 0, READ, cmd_breaker_status,
     "whether too many new verdicts have paused enforcement", NULL, "GET /breaker"},
    {"breaker resume", "", 0, 0, WRITE, cmd_breaker_resume,
     "go on: counters cleared, bounds at twice the number shown for a day", NULL,
     "POST /breaker/resume"},
    {"breaker undo", "", 0, 0, ASKS, cmd_breaker_undo,
     "enable those whom it counted, and forget their violations", NULL, "POST /breaker/undo"},

    {"steps show", "", 0, 0, READ, cmd_steps_show, "the steps of punishment", NULL, "GET /steps"},
    {"steps set", "on|off|STEPS", 1, 1, ASKS, cmd_steps_set,
     "switch steps on or off, or set them: warn, a time, hand, revoke",
     "  pg-limiter steps set warn,10m,1h,24h,hand\n  pg-limiter steps set on\n", "PUT /steps"},

    {"pattern list", "", 0, 0, LIST, cmd_pattern_list,
     "limits by the beginning or end of a user's name", NULL, "GET /patterns"},
    {"pattern add", "prefix|suffix TEXT LIMIT", 3, 3, ASKS, cmd_pattern_add,
     "give such names a limit; the longest that fits holds",
     "  pg-limiter pattern add prefix vip_ 5\n", "POST /patterns"},
    {"pattern delete", "ID", 1, 1, ASKS, cmd_pattern_delete, "remove a pattern", NULL,
     "DELETE /patterns/{id}"},

    {"filter group", "[include|exclude|add|remove|off] [GROUP...]", 0, ARGS_ANY, ASKS,
     cmd_filter_group, "judge users of these groups only, or leave them alone",
     "  pg-limiter filter group include 3,trial\n  pg-limiter filter group add 5\n"
     "  pg-limiter filter group off\n",
     "GET /filters/groups, PUT /filters/groups"},
    {"filter admin", "[include|exclude|add|remove|off] [ADMIN...]", 0, ARGS_ANY, ASKS,
     cmd_filter_admin, "judge users of these admins only, or leave them alone",
     "  pg-limiter filter admin exclude reza id:3\n  pg-limiter filter admin remove reza\n",
     "GET /filters/admins, PUT /filters/admins"},
    {"filter owner list", "", 0, 0, LIST, cmd_owner_list,
     "owners by the beginning or end of a user's name", NULL, "GET /filters/admins/patterns"},
    {"filter owner add", "prefix|suffix TEXT ADMIN", 3, 3, ASKS, cmd_owner_add,
     "give such names an owner, where the panel names none", NULL, "POST /filters/admins/patterns"},
    {"filter owner delete", "ID", 1, 1, ASKS, cmd_owner_delete, "remove an owner pattern", NULL,
     "DELETE /filters/admins/patterns/{id}"},

    {"shared list", "", 0, 0, LIST, cmd_shared_list,
     "addresses many users come from: they add no device", NULL, "GET /shared"},
    {"shared remove", "ADDRESS", 1, 1, WRITE, cmd_shared_remove,
     "count such an address as a device again, for a day at least", NULL,
     "DELETE /shared/{address}"},

    {"admin list", "", 0, 0, LIST, cmd_admin_list, "who is served by the Telegram bot, and how",
     NULL, "GET /admins"},
    {"admin add", "ID owner|operator|viewer", 2, 2,
     WRITE | BIT(OPT_NAME) | BIT(OPT_PANEL_ADMIN) | BIT(OPT_LANGUAGE), cmd_admin_add,
     "add an admin of the bot by the id of the Telegram account",
     "  pg-limiter admin add 123456789 operator --name Reza --panel-admin 3\n", "POST /admins"},
    {"admin set", "ID [owner|operator|viewer]", 1, 2,
     WRITE | BIT(OPT_NAME) | BIT(OPT_PANEL_ADMIN) | BIT(OPT_LANGUAGE), cmd_admin_set,
     "change one; owners of ADMIN_IDS only in their language",
     "  pg-limiter admin set 123456789 viewer\n  pg-limiter admin set 123456789 --language fa\n",
     "PATCH /admins/{id}, PUT /admins/{id}/language"},
    {"admin remove", "ID", 1, 1, ASKS, cmd_admin_remove, "remove one, never the last owner", NULL,
     "DELETE /admins/{id}"},
    {"panel groups", "", 0, 0, LIST, cmd_panel_groups, "the groups of the panel", NULL,
     "GET /panel/groups"},
    {"panel admins", "", 0, 0, LIST, cmd_panel_admins, "the admins of the panel", NULL,
     "GET /panel/admins"},

    {"violations list", "[USER]", 0, 1, LIST | BIT(OPT_SINCE), cmd_violations_list,
     "verdicts, the latest first", "  pg-limiter violations list --since 1d\n", "GET /violations"},
    {"violations clear", "USER|#NUMBER", 1, 1, WRITE | BIT(OPT_SINCE), cmd_violations_clear,
     "forgive: they no longer count for the next step",
     "  pg-limiter violations clear alice\n  pg-limiter violations clear \"#17\"  # that one only\n",
     "DELETE /violations, DELETE /violations/{violation}"},
    {"violations clear-all", "", 0, 0, ASKS, cmd_violations_clear_all, "forgive everyone's", NULL,
     "DELETE /violations"},

    {"summary", "[DAY]", 0, 1, READ, cmd_summary, "what a day brought, as 2026-11-25; yesterday",
     NULL, "GET /summary"},
    {"topics show", "", 0, 0, READ, cmd_topics_show,
     "the group notifications go to, and the topic of each kind", NULL, "GET /topics"},
    {"topics set", "ID", 1, 1, WRITE, cmd_topics_set,
     "send notifications to a group with topics, after asking Telegram",
     "  pg-limiter topics set -1001234567890\n", "PUT /topics"},
    {"topics route", "KIND TOPIC|general|private", 2, 2, WRITE, cmd_topics_route,
     "send a kind of notifications to a topic, to the group's general one, or to private chats",
     "  pg-limiter topics route node 12\n  pg-limiter topics route error private\n", "PUT /topics"},
    {"topics create", "[KIND ...]", 0, ARGS_ANY, WRITE, cmd_topics_create,
     "make the topics that are missing, or one for each kind named", NULL, "POST /topics/create"},
    {"topics check", "[ID]", 0, 1, READ, cmd_topics_check,
     "whether the bot may make topics in the group", NULL, "POST /topics/check"},
    {"topics clear", "", 0, 0, WRITE, cmd_topics_clear,
     "send notifications to private chats again; the topics stay", NULL, "DELETE /topics"},

    {"report connections", "", 0, 0, READ, cmd_report_connections, "what is connected now, in sums",
     NULL, "GET /reports/connections"},
    {"report nodes", "", 0, 0, LIST, cmd_report_nodes, "what every node carries now", NULL,
     "GET /reports/nodes"},
    {"report inbounds", "", 0, 0, LIST, cmd_report_inbounds, "what every inbound carries now", NULL,
     "GET /reports/inbounds"},
    {"report users", "", 0, 0, LIST | BIT(OPT_NODE) | BIT(OPT_INBOUND) | BIT(OPT_DEVICES),
     cmd_report_users, "users with several devices now, or of a node or an inbound",
     "  pg-limiter report users --node 3\n  pg-limiter report users --inbound \"VLESS TCP\"\n",
     "GET /users/active"},
    {"report addresses", "[HOURS]", 0, 1, LIST, cmd_report_addresses,
     "who came from how many addresses in the last 12 hours, or as many as you say", NULL,
     "GET /reports/addresses"},

    {"config show", "[KEY]", 0, 1, READ, cmd_config_show,
     "every setting, and where its value comes from", NULL, "GET /config"},
    {"config set", "KEY VALUE", 2, 2, ASKS, cmd_config_set, "change a setting",
     "  pg-limiter config set monitoring_period 300\n", "PATCH /config"},
    {"config reset", "KEY", 1, 1, ASKS, cmd_config_reset, "go back to .env or the default", NULL,
     "PATCH /config"},
    {"config add", "LIST ENTRY...", 2, ARGS_ANY, ASKS, cmd_config_add,
     "add entries to a setting that is a list; the others stay",
     "  pg-limiter config add ip_allowlist 203.0.113.0/24\n"
     "  pg-limiter config add group_modes 3=shadow  # in the place of what group 3 had\n",
     "PATCH /config"},
    {"config remove", "LIST ENTRY...", 2, ARGS_ANY, ASKS, cmd_config_remove,
     "take entries out of such a list", "  pg-limiter config remove ip_allowlist 203.0.113.0/24\n",
     "PATCH /config"},
    {"config set-limit", "N", 1, 1, ASKS, cmd_config_limit, "general_limit: devices of every user",
     NULL, "PATCH /config, PUT /config/limit"},
    {"config set-interval", "SECONDS", 1, 1, ASKS, cmd_config_interval, "check_interval", NULL,
     "PATCH /config, PUT /config/interval"},
    {"config set-reenable-time", "SECONDS", 1, 1, ASKS, cmd_config_reenable, "time_to_active_users",
     NULL, "PATCH /config, PUT /config/reenable-time"},
    {"config set-country", "CODE", 1, 1, ASKS, cmd_config_country, "country_code, or none", NULL,
     "PATCH /config, PUT /config/country"},
    {"config panel", "domain|login|key [VALUE]", 1, 2, ASKS, cmd_config_panel,
     "other access to the panel, tried before it is kept",
     "  pg-limiter config panel domain panel.example.com:8000\n"
     "  pg-limiter config panel login admin  # asks for the password\n"
     "  pg-limiter config panel key          # asks for the key\n",
     "PUT /config/panel"},
    {"config cleanup", "", 0, 0, ASKS | BIT(OPT_DRY_RUN) | BIT(OPT_UNDO), cmd_config_cleanup,
     "remove limits and exceptions of users whom the panel no longer has",
     "Users the panel has not had for cleanup_days; never when it did not answer in full.\n"
     "  pg-limiter config cleanup --dry-run\n  pg-limiter config cleanup --undo\n",
     "POST /cleanup, POST /cleanup/undo"},
    {"config example", "", 0, 0, 0, cmd_config_example, "print a .env with every setting", NULL,
     NULL},
    {"config reference", "", 0, 0, 0, cmd_config_reference,
     "print a page about every setting, in Markdown", NULL, NULL},
    {"config", "", 0, 0, BIT(OPT_ENV), cmd_config,
     "edit .env; it is checked before it is kept, and put in force",
     "The editor is $VISUAL, $EDITOR, or the one that is installed.\n", NULL},
    {"update", "", 0, 0, (ASKS & ~BIT(OPT_JSON)) | BIT(OPT_ROLLBACK), cmd_update,
     "a newer program from UPDATE_URL in place of this one, or how to get one",
     "It must be signed by the key in this program. One that does not come up is taken back.\n"
     "  pg-limiter update --rollback\n",
     NULL},
    {"uninstall", "", 0, 0, (ASKS & ~BIT(OPT_JSON)) | BIT(OPT_ENABLE_ALL) | BIT(OPT_PURGE),
     cmd_uninstall, "remove service and program; settings and data stay unless --purge is said",
     NULL, "GET /users/disabled, POST /users/disabled/enable-all"},
    {"mode", "[on|shadow|off]", 0, 1, ASKS, cmd_mode, "judge and punish, judge only, or neither",
     "  pg-limiter mode shadow  # decides, records and reports, does not touch the panel\n",
     "GET /config, PATCH /config"},

    {"backup", "[FILE]", 0, 1, ASKS | BIT(OPT_SECRETS) | BIT(OPT_PASSPHRASE_FILE), cmd_backup,
     "write everything into one zip",
     "Without --secrets it holds no password and no token. It holds customers' names and addresses all "
     "the same: keep it private.\n"
     "  pg-limiter backup\n  pg-limiter backup --secrets /root/pg-limiter.zip\n",
     "GET /backup"},
    {"restore", "FILE", 1, 1, ASKS | BIT(OPT_SECRETS) | BIT(OPT_PASSPHRASE_FILE), cmd_restore,
     "put a backup in place of the database, which is kept beside it",
     "Everything is checked before anything is changed. It starts in shadow mode: say `mode on` once "
     "the instance the backup is of no longer runs.\n"
     "  pg-limiter restore pg-limiter-backup-20261125-120000.zip\n",
     "POST /restore"},

    {"schedule", "", 0, 0, READ, cmd_schedule, "when the next backup goes to Telegram by itself",
     "  pg-limiter config set backup_every 24  # one a day; 0: none\n", "GET /schedule"},

    {"webhook show", "", 0, 0, READ, cmd_webhook_show,
     "where events go, how many wait, and what the receiver answers", NULL, "GET /webhook"},
    {"webhook test", "", 0, 0, WRITE, cmd_webhook_test,
     "send an event of type test at once, and tell what came back",
     "  pg-limiter config set webhook_url https://shop.example.com/limiter\n"
     "  pg-limiter config set webhook_secret \"$(openssl rand -hex 32)\"\n"
     "  pg-limiter webhook test\n",
     "POST /webhook/test"},

    {"geo status", "", 0, 0, READ, cmd_geo_status,
     "the country and AS data: age, licence, whether it is in effect", NULL, "GET /geo"},
    {"geo update", "", 0, 0, WRITE, cmd_geo_update,
     "fetch newer data from geoip_country_url and geoip_asn_url", NULL,
     "POST /geo/update, GET /geo"},
    {"geo lookup", "ADDRESS", 1, 1, READ, cmd_geo_lookup, "country and provider of an address",
     "  pg-limiter geo lookup 8.8.8.8\n", "GET /geo/addresses/{address}"},
    {"geo build", "OUT CSV...", 2, ARGS_ANY, 0, cmd_geo_build,
     "make an AS database of lists `first,last,number,name`",
     "  pg-limiter geo build asn.mmdb asn-ipv4.csv asn-ipv6.csv\n", NULL},

    {"scan", "[FILE|-]", 0, 1, 0, cmd_scan, "say of every log line why it counts or not", NULL,
     NULL},
    {"replay", "FILE...", 0, ARGS_ANY, REPLAY, cmd_replay, "run recorded logs through the engine",
     "  pg-limiter replay --set general_limit=1 node-1.log node-2.log\n"
     "  pg-limiter replay --compare now.env next.env node-1.log  # who would be judged differently\n",
     NULL},
    {"doctor", "", 0, 0, READ | BIT(OPT_BUNDLE) | BIT(OPT_ACCESS), cmd_doctor,
     "what is wrong, and the cure: panel, permissions, nodes, database",
     "Works without a daemon, too: it then asks the panel by itself, for some seconds.\n"
     "  pg-limiter doctor --access --env FILE    # whether the access in FILE works, before it is used\n"
     "  pg-limiter doctor --bundle report.json  # a report without secrets, names and addresses\n",
     "GET /doctor"},
    {"import", "[FILE]", 0, 1, ASKS | BIT(OPT_DRY_RUN) | BIT(OPT_OVERWRITE) | BIT(OPT_DOCKER),
     cmd_import,
     "take over what PG-Limiter (Python) or V2IpLimit left: limits, settings, disabled users",
     "FILE is its database, a JSON file, a backup zip, or the folder with them; none: DATABASE_URL in "
     "its old form. Nothing of it is written to, and a second time changes nothing.\n"
     "  pg-limiter import /var/lib/pg-limiter/data --dry-run\n"
     "  pg-limiter import --docker pg-limiter  # before the old container is removed\n"
     "  pg-limiter import pg-limiter-backup-20260101_000000.zip --yes\n",
     "POST /import"},
    {"completion", "bash|zsh|fish", 1, 1, 0, cmd_completion,
     "print the completion script of a shell",
     "  pg-limiter completion bash > /etc/bash_completion.d/pg-limiter\n"
     "  pg-limiter completion zsh > \"${fpath[1]}/_pg-limiter\"\n"
     "  pg-limiter completion fish > ~/.config/fish/completions/pg-limiter.fish\n",
     NULL},
    {"version", "", 0, 0, BIT(OPT_JSON), cmd_version, "the version", NULL, NULL},
    {"help", "[COMMAND]", 0, 3, 0, cmd_help, "this text, or about a command", NULL, NULL},
};

const struct option_def *option_def(enum cli_option o)
{
    return &options[o];
}

const struct command *command_at(size_t i)
{
    return i < ARRAY_LEN(commands) ? &commands[i] : NULL;
}

/* How many of the words agree with the beginning of the name; *ret_all: they are the whole of it. */
static int agree(const struct command *c, char **words, int n, bool *ret_all)
{
    struct slice rest = slice_of(c->name);
    int i;

    for (i = 0; i < n && rest.p; i++)
        if (!slice_eq(slice_cut(&rest, ' '), slice_of(words[i])))
            break;
    *ret_all = !rest.p && i > 0;
    return i;
}

const struct command *command_find(char **words, int n, int *ret_used)
{
    size_t i;

    for (i = 0; i < ARRAY_LEN(commands); i++) {
        struct slice name = slice_of(commands[i].name);
        int all = 0, used;
        bool whole;

        while (name.p) {
            slice_cut(&name, ' ');
            all++;
        }
        used = agree(&commands[i], words, n, &whole);
        if (used == all) {
            *ret_used = used;
            return &commands[i];
        }
    }
    return NULL;
}

bool command_is_group(char **words, int n)
{
    bool whole;
    size_t i;

    for (i = 0; i < ARRAY_LEN(commands); i++)
        if (agree(&commands[i], words, n, &whole) == n &&
            strlen(commands[i].name) > strlen(words[0]))
            return true;
    return false;
}

bool command_has_more(char **words, int n)
{
    bool whole;
    size_t i;

    for (i = 0; i < ARRAY_LEN(commands); i++)
        if (agree(&commands[i], words, n, &whole) == n && !whole)
            return true;
    return false;
}

const char *command_nearest(char **words, int n)
{
    const char *names[ARRAY_LEN(commands)], *near = NULL;
    struct buf said;
    size_t i;
    int k;

    for (i = 0; i < ARRAY_LEN(commands); i++)
        names[i] = commands[i].name;
    buf_init(&said, 512);
    for (k = 0; k < n && k < 3 && !near; k++) {
        buf_addf(&said, "%s%.120s", k ? " " : "", words[k]);
        near = suggest_of(buf_slice(&said), names, ARRAY_LEN(names));
    }
    buf_release(&said);
    return near;
}
