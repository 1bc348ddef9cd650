/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef SERVICE_DOCTOR_H
#define SERVICE_DOCTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/err.h"
#include "core/line/scan.h"
#include "service/settings/settings.h"

/*
 * The doctor: what is wrong, and the cure. Facts are gathered elsewhere (panel/checkup.h for the
 * panel and its nodes, ops_doctor.c for database and disk); here they are judged. Pure: facts in,
 * findings out.
 */

/* What the panel is asked, each standing for a permission. */
enum doctor_ask {
    ASK_USERS,  /* users read */
    ASK_SIMPLE, /* users read_simple: cheaper listing */
    ASK_UPDATE, /* users update: asked for a user that cannot exist, so that nothing changes */
    ASK_STATS,  /* nodes stats: the online list */
    ASK_GROUPS, /* groups read */
    ASK_ADMINS, /* admins read */
    ASK_COUNT
};

/* Whether a panel of this major version is newer than any that this program was tested with. */
bool doctor_panel_is_new(int major);

enum { DOCTOR_NOT_ASKED = 1 }; /* rc of an answer that there was no need or chance for */

struct doctor_answer {
    int rc; /* ERR_OK, DOCTOR_NOT_ASKED, ERR_FORBIDDEN, … */
    char text[200];
};

/* One node as it is seen. Times 0 or STAMP_NONE: never. */
struct doctor_node {
    int64_t id;
    char name[128], status[24], message[256], stream_error[160];
    bool enabled, connected, open, quiet;
    bool faulty; /* shows half of its users over their limit: verdicts wait */
    uint64_t lines;
    int64_t last_us[SCAN_REASONS]; /* of each reason; SCAN_COUNTED: a counted line */
    int64_t header_us, direct_us;  /* lines whose address a proxy's header told, and others */
    int64_t clock_us;              /* arrival − stamp; STAMP_NONE: not known */
    int64_t ahead_us;              /* online list: so far in our future; 0: not */
    unsigned listed, unlisted;     /* users seen here by their lines: in the online list, or not */
    unsigned entries, missed; /* of their addresses there: looked at, and those no line told of */
};

/* Of a node's users of the last hours, most come from one address. */
struct doctor_crowd {
    int64_t node_id;
    char address[64];
    int64_t users, all;
};

enum { DOCTOR_CROWDS = 64 };

enum { DOCTOR_FILES = 4 };

/* A file or folder that strangers must not get at, as it is. */
struct doctor_file {
    char path[256];
    unsigned mode, want; /* permissions as they are; the most they may be */
    unsigned uid;        /* its owner */
    unsigned owner_uid;  /* who it must belong to: the owner of DATA_DIR, as whom the daemon runs */
    char owner[64];      /* his name, or number */
};

enum doctor_data { DATA_COUNTRY, DATA_ASN, DATA_COUNT };

/* Country or network data. */
struct doctor_geo {
    bool known; /* something was told of it */
    bool in_effect;
    int64_t age_days;
    char problem[ERR_TEXT_MAX]; /* "" = none */
};

/* Redis, where REDIS_URL names one. */
struct doctor_cache {
    bool asked; /* it is known whether it answers */
    bool configured, in_redis;
    bool open_network; /* not over TLS, to a public address or a name of the internet */
    char url[400], server[48], policy[32];
    int64_t maxmemory; /* bytes; 0: no bound, -1: not told */
    int64_t answer_us;
    char why[ERR_TEXT_MAX];
    const char *cure; /* lives for ever; NULL: nothing known */
};

/* The webhook, where WEBHOOK_URL names one. */
struct doctor_webhook {
    bool asked;          /* a daemon tells of it */
    bool tried, failing; /* something was sent since its start; the last attempt failed */
    bool open_network;   /* without TLS to a public address or a name of the internet */
    char url[300];       /* scheme, host and port */
    int64_t waiting, lost;
    int64_t oldest_us, delivered_us; /* STAMP_NONE: none waits, never */
    char why[ERR_TEXT_MAX];
    const char *cure; /* lives for ever; NULL: nothing known */
};

struct doctor_facts {
    int64_t now_us;
    bool access; /* only the way to panel and Telegram is looked at, and nothing else judged */
    bool daemon; /* a daemon runs: what is seen is what it sees */
    int64_t watched_us; /* for so long the nodes have been listened to */

    bool up, has_key, nodes_known;
    char url[256], error[ERR_TEXT_MAX], version[32];
    bool refused; /* the login or key was refused */
    bool version_guessed;
    int version_major;
    int64_t cert_ends_us, key_ends_us; /* STAMP_NONE: unknown or never */
    struct doctor_answer asks[ASK_COUNT];
    struct doctor_node *nodes;
    size_t n_nodes;

    int db_rc; /* of the database; db_text says what */
    char db_text[ERR_TEXT_MAX];
    int64_t db_bytes;
    int64_t disk_free; /* bytes, -1 = unknown */
    struct doctor_crowd crowds[DOCTOR_CROWDS];
    size_t n_crowds;
    struct doctor_geo geo[DATA_COUNT];
    bool telegram_asked, telegram_up; /* of a bot with a token */
    char telegram[ERR_TEXT_MAX];      /* the bot's name when it is up, else what is wrong */
    struct doctor_cache cache;
    struct doctor_webhook webhook;
    int64_t outbox; /* messages that wait; -1: unknown */
    /* Why a setting's value has no effect now, or NULL; may be NULL itself. */
    const char *(*note)(void *arg, const struct settings *s, enum setting id);
    void *note_arg;
    struct doctor_file files[DOCTOR_FILES]; /* with secrets, and the folders around them */
    size_t n_files;
};

/* Empty facts: nothing asked, nothing known. */
void doctor_facts_init(struct doctor_facts *f, int64_t now_us);
/* Frees the nodes. */
void doctor_facts_release(struct doctor_facts *f);

/*
 * Judges f under the settings s and appends {"checks":[{"check","subject","level","text","cure"}],
 * "failed":n,"warnings":n}; level is ok, warning, failed or skipped. subject names a node, permission or
 * setting, or is null.
 */
void doctor_judge(const struct doctor_facts *f, const struct settings *s, struct buf *out);

#endif
