/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

/* The running daemon: what its parts share. Only src/app includes this; everything on the loop thread. */

#include <limits.h>

#include "api/rest.h"
#include "api/server.h"
#include "app/caching.h"
#include "app/feed.h"
#include "app/run.h"
#include "base/map.h"
#include "core/engine.h"
#include "geo/atlas.h"
#include "net/http.h"
#include "net/loop.h"
#include "net/worker.h"
#include "panel/panel.h"
#include "service/enforce/enforce.h"
#include "service/settings/env.h"
#include "service/ops/op.h"
#include "service/roster.h"
#include "service/settings/settings.h"
#include "store/owner.h"

struct carry;    /* carry.c: decisions into deeds */
struct people;   /* people.c: who the panel's users are */
struct watch;    /* watch.c: how well the nodes are seen */
struct reader;   /* reader.c: whose online list is read */
struct janitor;  /* janitor.c: what has to be done now and then */
struct pulse;    /* pulse.c: what the service manager is told */
struct gone;     /* gone.c: which groups of the panel are no more */
struct notices;  /* bot/notice/notice.h: what the admins are told */
struct telegram; /* telegram/telegram.h */
struct outbox;   /* telegram/outbox.h */
struct bot;      /* bot/bot.h */
struct webhook;  /* webhook/webhook.h */

struct daemon {
    const struct run_opts *opts;
    struct settings settings;
    struct policy policy;
    char env_file[PATH_MAX];
    char data_dir[PATH_MAX]; /* as at the start, whatever a signal has brought since */

    struct loop *loop;
    struct worker *worker;
    struct caching *caching; /* caching.c */
    unsigned char cache_key[32];
    struct owner *owner;
    struct hash_key key;
    struct engine *engine;
    struct atlas *atlas; /* countries and providers of addresses */
    struct history *history;
    struct recorder *recorder;
    struct feed *feed;
    struct panel *panel;
    struct enforce *enforce;
    struct carry *carry;
    struct people *people;
    struct watch *watch;
    struct reader *reader;
    struct janitor *janitor;
    struct gone *gone;
    struct trial *trial;          /* NULL: none */
    struct loop_timer *again_due; /* restored.c */
    struct server *server;        /* the control socket */
    struct pulse *pulse;
    int lock_fd;       /* holds DATA_DIR (dirlock.h); -1: not yet */
    struct rest *rest; /* TCP */
    struct op_port port;
    struct notices *notices;   /* NULL: there is no bot */
    struct outbox *outbox;     /* what is to be told, also while there is no bot */
    struct telegram *telegram; /* NULL: no token, or it cannot be used */
    struct bot *bot;           /* as long as that */
    char telegram_error[512];  /* why not; "" = nothing is wrong */
    struct webhook *webhook;

    int64_t started_us;
    int64_t switched_us;     /* when `enforcement` was last set by an operator */
    char sources_error[256]; /* what is wrong with the file of content_networks; "" = nothing */
    char offer[512];         /* an old program's database waits to be imported; "" = none */
    uint32_t heirs;          /* users re-created under a name with a limit (heirs.c) */
    struct backups *backups; /* backups.c */
    int64_t backup_slot_us, backup_sent_us; /* as the database had them at the start */
    struct roster roster;                   /* who is served by the bot */
    bool recovered;                         /* the journal has been compared with the panel */
    bool hold;             /* the panel's ids mean other people: nobody is touched */
    bool again;            /* the database was replaced: everything is built anew */
    bool accessed;         /* … because of the access to the panel alone */
    char restored[32];     /* which restore the database is of, "" = none */
    int64_t panel_down_us; /* the admins were told that it is away since then; 0: it is not */
    bool newer_told;       /* and that it is newer than any tested */
    bool stopping;
};

/* Microseconds since 1970 as read in this turn of the loop. */
static inline int64_t daemon_now(const struct daemon *d)
{
    return loop_wall_us(d->loop);
}

/* ---- carry.c ---- */
/* ERR_NOMEM through NULL. */
struct carry *carry_new(struct daemon *d);
void carry_free(struct carry *c);
/* Takes every decision off the engine's queue and does what it asks for. After each feeding. */
void carry_decisions(struct carry *c);
/*
 * Enabled by hand: who is convicted but waits for his turn, or is punished in shadow only, has no row to
 * enable, and is pardoned. One who is not punished at all is not: a mistake must not excuse him.
 */
void carry_excuse(struct carry *c, int64_t id);
/*
 * The same for everyone (only: of these users, NULL = of all) who waits for his turn since a
 * verdict at or after since_us.
 */
void carry_excuse_all(struct carry *c, int64_t since_us, const struct db_scope *only);
/* Drops every punishment that has no row yet. */
void carry_drop_waiting(struct carry *c);
/* An operator has set `enforcement` anew: what was paused or held goes on. */
void carry_resume(struct carry *c);

/* A verdict of that time did not come about: CLEAR without evidence, and it does not count. */
void carry_not_punished(struct daemon *d, int64_t id, int64_t verdict_us);

/* Adds a row to the events: about a user, or about the system (user_id 0, name empty). */
void carry_event(struct daemon *d, const char *kind, int64_t user_id, struct slice name,
                 const char *what);

/* The same with data, JSON of less than 384 bytes; "" for none. */
void carry_event_data(struct daemon *d, const char *kind, int64_t user_id, struct slice name,
                      const char *what, const char *data);

/* ---- trip.c ---- */
/* The breaker has paused enforcement: alarms, remembers, drops what has not begun. */
void trip_tell(struct daemon *d, const struct decision *dec);
/* At the start: as it stood when the last run ended. */
void trip_load(struct daemon *d, struct db *db);
/* op_port's breaker functions; daemon is the struct daemon. */
void trip_json(void *daemon, struct buf *out);
bool trip_resume(void *daemon, struct slice who);
size_t trip_users(void *daemon, const int64_t **ret_ids, int64_t *ret_since_us);
void trip_undone(void *daemon);

/* ---- news.c ---- */
/* enforce_opts.event and .approve; daemon is the struct daemon. */
void news_event(void *daemon, const struct enforce_event *ev);
int news_approve(void *daemon, const struct enforce_case *c, const struct panel_user *user,
                 struct err *why);
/* The engine is told of a user of ours (a row of enforce_each, arg the struct daemon); always 0. */
int news_known(void *arg, const struct enforce_view *row);

/* ---- tell.c: what the admins are told (event: an enum notice_event) ---- */
/* A decision about a user, with the devices of its evidence. */
void tell_decision(struct daemon *d, const struct decision *dec, struct slice name, int event);
/* A disabled user is still seen, at the address, on the node of that name. */
void tell_seen(struct daemon *d, const struct decision *dec, struct slice name, const char *addr,
               const char *node);
/* What the enforcement has done, or could not. */
void tell_enforced(struct daemon *d, const struct enforce_event *ev);
/* A person has ordered something for a user called name. */
void tell_ordered(struct daemon *d, const struct op_order *what, const char *name);
/* Something of a node. */
void tell_node(struct daemon *d, int64_t id, const char *name, int event, int64_t since_us,
               const char *text);
/* The daemon has begun; anew: with the database of a backup. */
void tell_start(struct daemon *d, bool anew);
/* Something that needs a number and a detail only. */
void tell_count(struct daemon *d, int event, int count, const char *text);
/* The breaker has paused; names is whom it counted, in a few words. It goes on. */
void tell_paused(struct daemon *d, const struct decision *dec, struct slice names, size_t users);
void tell_resumed(struct daemon *d, struct slice who);
/* The answer of a cleanup that was not asked for. */
void tell_cleanup(struct daemon *d, int status, struct slice json);
/* Whether the panel is away, or another version than known. Every second. */
void tell_panel(struct daemon *d);

/* ---- messenger.c: Telegram ---- */
/* Makes the outbox and, when there is a token, the bot's transport. ERR_NOMEM. */
int messenger_new(struct daemon *d, struct err *err) MUST_CHECK;
/* Makes the transport anew from the settings; without a token there is none. */
void messenger_apply(struct daemon *d);
/* Whether the transport would be another one. */
bool messenger_differs(const struct settings *a, const struct settings *b);
/* Lets what is on its way come in (3.5 s at most), and ends the transport. The outbox stays. */
void messenger_stop(struct daemon *d);
/* Appends the member `telegram` of the status. */
void messenger_json(struct daemon *d, struct buf *out);
/* What the doctor is told of it. */
void messenger_facts(struct daemon *d, struct doctor_facts *facts);
/* What an operator should look at, in words; NULL: nothing. */
const char *messenger_problem(const struct daemon *d);

/* ---- hook.c: the webhook ---- */
/* Makes it and puts the settings in force. ERR_NOMEM. */
int hook_new(struct daemon *d, struct err *err) MUST_CHECK;
/* Puts webhook_url and webhook_secret in force. */
void hook_apply(struct daemon *d);
/* Begins nothing new; then lets what is on its way come in, until 2 s after since_us (loop_real_us). */
void hook_stop(struct daemon *d);
void hook_settle(struct daemon *d, int64_t since_us);
/* op_port's functions; app is the struct daemon. */
void hook_json(void *app, struct buf *out);
void hook_test(void *app, struct slice who, op_enable_fn fn, void *arg);
/* Append: the member `webhook` of the status; an element of its problems. What the doctor is told. */
void hook_status(struct daemon *d, struct buf *out);
void hook_problem(struct daemon *d, struct buf *out);
void hook_facts(struct daemon *d, struct doctor_facts *facts);

/* ---- notify.c: the notices, and op_port's functions about them ---- */
int notify_new(struct daemon *d) MUST_CHECK;
void notify_free(struct daemon *d);
void notify_topics_live(void *app, struct buf *out);
void notify_topics_check(void *app, int64_t group, op_topics_fn fn, void *arg);
void notify_topics_make(void *app, const int *kinds, size_t n, struct slice who, op_topics_fn fn,
                        void *arg);
void notify_backlog(void *app, int64_t *ret_lines, int64_t *ret_messages, int64_t *ret_stuck);

/* ---- rules.c ---- */
/* Reads settings, limits, exceptions from the database and puts them in force; done by a job. */
int rules_reload(struct daemon *d) MUST_CHECK;
/* At the start, before the loop runs: the same on an open database, and what the engine is to remember. */
int rules_load(struct daemon *d, struct db *db, struct err *err) MUST_CHECK;
/* Puts d->settings in force everywhere. */
void rules_apply(struct daemon *d);

/* ---- evidence.c ---- */
/*
 * Appends the evidence of a decision as a JSON object, with the settings in force and the nodes'
 * coverage.
 */
void evidence_json(struct daemon *d, const struct decision *dec, struct buf *out);
/* Appends the devices and pairs of an evidence as members of an open object. */
void evidence_members(struct daemon *d, const struct evidence *ev, struct buf *out);
/*
 * Appends country, asn and isp of a device as members of an open object, each if it is known: the
 * number as the engine judged by it, the others as the data says now, with enhanced_details only.
 */
void evidence_network(struct daemon *d, const struct device_view *v, struct buf *out);

/* ---- people.c ---- */
struct people *people_new(struct daemon *d);
void people_free(struct people *p);
/* Lists all users of the panel now, unless a listing runs. */
void people_sync(struct people *p);
/*
 * Lists them now (or goes along with the listing that runs) and calls fn when they stand in the database
 * and who is missing is marked; rc says why not.
 */
void people_list_now(struct people *p, op_check_fn fn, void *arg);
/*
 * The operator confirms the panel's users: enforcement goes on as soon as the database has forgotten who
 * they were before, or the next listing would hold it again.
 */
void people_confirm(struct people *p);
/* A line came for an id of whom something is not known (limits_lacks): asked at a bounded rate. */
void people_unknown(struct people *p, int64_t id);
/*
 * Takes what the panel has just said of a user into the engine's directory: name, groups, owner,
 * hwid_limit, as far as they were told.
 */
void people_learn(struct daemon *d, const struct panel_user *user);
/* The port that the enforcement is given: the panel's, whose answers the directory hears, too. */
struct panel_port people_port(struct people *p, const struct panel_port *panel);
/* When the last complete listing ended, 0 = never; how many users it had. */
int64_t people_synced(const struct people *p, uint32_t *ret_users);

/* ---- watch.c ---- */
struct watch *watch_new(struct daemon *d);
void watch_free(struct watch *w);
/* A node was listed, changed or went (changes: enum panel_node_change). */
void watch_node(struct watch *w, const struct panel_node *node, unsigned changes);
/* Puts the scanner's address rules in force: settings, the nodes' own. ERR as settings_scan_rules. */
int watch_scan_rules(struct watch *w, struct err *err) MUST_CHECK;
/* Looks for silent nodes; every 15 s. */
void watch_look(struct watch *w);
/* A reading of a user's online list: observations for the engine, signs of traffic for the watch. */
void watch_online(struct watch *w, int64_t user_id, const struct online_list *list);
/* The panel's name of a node, "node 3" when unknown; valid until the next call. */
const char *watch_name(struct watch *w, int64_t node_id);

/* ---- reader.c ---- */
struct reader *reader_new(struct daemon *d);
/* After the panel's client, whose last answers it awaits. NULL is allowed. */
void reader_free(struct reader *r);
/* The user is watched from now on: his online list is read closely. */
void reader_watch(struct reader *r, int64_t id);
/* Appends the member `online_list` of the status. */
void reader_json(const struct daemon *d, struct buf *out);

/* ---- janitor.c ---- */
struct janitor *janitor_new(struct daemon *d);
void janitor_free(struct janitor *j);
/* Sets the engine's timer anew after it was fed. */
void janitor_engine_due(struct janitor *j);
/*
 * Called every hour, first an hour after the start: removes what stands for users who are gone,
 * unless it was done less than a day ago. The operation itself does not where too many are gone.
 */
void janitor_clean_up(struct janitor *j);

/* ---- freed.c: op_port.freed; app is the struct daemon ---- */
int freed_users(void *app, const struct settings *next, const struct op_rule_change *change,
                int64_t **ret_ids, size_t *ret_n);

/* ---- heirs.c ---- */
/*
 * Looks for users who bear the name of one who is gone and had a limit or exception (db_heirs.h):
 * each new one is an event and a line of the log, and status tells how many there are.
 */
void heirs_look(struct daemon *d);

/* ---- orders.c: what persons order; op_port's functions, app the struct daemon ---- */
void orders_give(void *app, const struct op_order *what, op_enable_fn fn, void *arg);
int orders_pardon(void *app, int64_t id, int64_t until_us);

/* ---- stuck.c: op_port's listing of who is disabled without us ---- */
void stuck_list(void *app, int64_t offset, int64_t limit, const struct db_scope *only,
                op_enable_fn fn, void *arg);

/* Somebody was enabled or disabled: the list of a minute ago is forgotten. */
void stuck_changed(struct daemon *d);

/* ---- offer.c: at the start, on the open database: whether an old program's is to be imported ---- */
void offer_look(struct daemon *d, struct db *db);

/* ---- gone.c ---- */
struct gone *gone_new(struct daemon *d);
void gone_free(struct gone *g);
/* What is known of a group (enforce_opts.group). */
enum enforce_group gone_group(void *daemon, int64_t id);
/* Asks for the groups when some could not be given back; every second. */
void gone_look(struct gone *g);

/* ---- restored.c ---- */
/* At the start: which restore the database is of. */
void restored_load(struct daemon *d, struct db *db);
/* The same read by a job; text has room for sizeof(d->restored). */
void restored_read(struct db *db, char *text);
/* The database is another one: the daemon is taken apart and built anew, soon. */
void restored_begin(struct daemon *d);
/* The same since secrets.env is another one. */
void restored_access(struct daemon *d);
/* op_port.work. */
int restored_work(void *app, op_work_fn job, op_worked_fn done, void *arg);

/* ---- config.c ---- */
/*
 * Reads .env, secrets.env and the environment into s (initialised, otherwise fresh), telling
 * warnings and all mistakes. file: PATH_MAX bytes for the name of the .env read.
 */
int config_read(const struct run_opts *opts, struct settings *s, char *file,
                struct err *err) MUST_CHECK;
/* SIGHUP: reads them again; what is wrong keeps the old values. */
void config_reload(struct daemon *d);
/* Tells in a few lines the settings that matter. */
void config_tell(const struct daemon *d);

/* ---- logs.c ---- */
/* Level, form, files and secrets of the log by the settings; before any thread but the log's own. */
void logs_start(const struct settings *s);
/* Tells the log anew what must not stand in it. */
void logs_secrets(const struct settings *s);
/* Whether they differ in what must not stand in it. */
bool logs_differ(const struct settings *a, const struct settings *b);
/* The folder of the log files: into out. */
const char *logs_dir(const struct settings *s, char *out, size_t max);

/* ---- pulse.c: what the service manager is told ---- */
/* Ready as soon as the loop turns; then a word now and then. ERR_NOMEM through NULL. */
struct pulse *pulse_new(struct daemon *d);
/* NULL is allowed. */
void pulse_free(struct pulse *p);
/* Around the reading of the settings at SIGHUP. */
void pulse_reloading(void);
void pulse_reloaded(void);
/* SIGTERM has come. */
void pulse_stopping(void);

/* ---- views.c ---- */
/* The op_port's JSON builders; app is the struct daemon. */
void views_status(void *app, struct buf *out);
void views_nodes(void *app, struct buf *out);
/* Adds what comparing both sources tells of a node, and what its silence has cost. */
void views_coverage(struct daemon *d, const struct coverage *c, struct buf *out);
void views_user(void *app, int64_t id, struct buf *out);

/* ---- active.c, metrics.c ---- */
void active_json(void *app, const struct op_active *what, struct buf *out);
void metrics_text(void *app, struct buf *out);
/* op_port.brief and op_port.clear. */
void active_brief(void *app, int64_t id, struct op_brief *ret);
int active_clear(void *app, int64_t id, bool really);
/* op_port.setting_note: why a value has no effect at the moment, NULL when it has. */
const char *views_setting_note(void *app, const struct settings *s, enum setting id);

/* ---- reports.c: op_port.report_json ---- */
void reports_json(void *app, const struct op_report *what, struct buf *out);

/* ---- access.c: op_port.try_access; app is the struct daemon ---- */
void access_try(void *app, const struct settings *next, op_check_fn fn, void *arg);
/* At the end of the daemon, while the operations can still answer. */
void access_stop(struct daemon *d);

/* ---- groups.c ---- */
/*
 * The op_port's check of settings about to come into force: are groups and admins there, how many users
 * would be over their limit? app: the struct daemon. next must live until fn is called.
 */
void groups_check(void *app, const struct settings *next, bool confirmed, op_check_fn fn,
                  void *arg);
/* op_port.names; app is the struct daemon. */
void groups_names(void *app, bool admins, op_names_fn fn, void *arg);

/* ---- backups.c: the backup of every backup_every hours ---- */
/* At the start, on the open database: when the last one was due, and sent. */
void backups_load(struct daemon *d, struct db *db);
/* Looks every few seconds whether one is due. ERR_NOMEM through NULL. */
struct backups *backups_new(struct daemon *d);
/* After the ends of database, worker and transport, whose answers it awaits. NULL is allowed. */
void backups_free(struct backups *b);
/* Makes and sends the one that is due, if one is. */
void backups_look(struct backups *b);
/* op_port.schedule_json. */
void backups_json(void *app, struct buf *out);

/* ---- served.c: who is served by the bot ---- */
/* At the start, on the open database. */
int served_load(struct daemon *d, struct db *db, struct err *err) MUST_CHECK;
/* The tables have changed: they are read anew by a job. */
void served_reload(struct daemon *d);
/* op_port.roster. */
const struct roster *served_roster(void *app);

/* ---- mine.c: op_port.users_of; app is the struct daemon ---- */
int mine_users(void *app, int64_t panel_admin_id, struct db_scope *ret);

/* ---- ports.c ---- */
/* Fills d->port. */
void ports_init(struct daemon *d);

#endif
