/* SPDX-License-Identifier: AGPL-3.0-or-later */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/* Every bound on what outsiders can grow, in one place. Bytes unless said otherwise. */

enum {
    LIMIT_LINE = 65536 * 2,       /* longest access-log line looked at; a longer one is too_long */
    LIMIT_EMAIL = 256,            /* longest email text kept */
    LIMIT_TAG = 128,              /* longest inbound tag kept; a longer one is cut */
    LIMIT_TAGS = 4096,            /* different inbound tags in one process */
    LIMIT_NODES = 4096,           /* nodes followed */
    LIMIT_USER_NAME = 128,        /* longest panel user name (panel 5: 3-128) */
    LIMIT_DEVICES_MIN = 64,       /* devices kept of any user */
    LIMIT_DEVICES_MAX = 1024,     /* devices kept of one user whatever his limit */
    LIMIT_LANES = 16,             /* most recent devices whose pairs are weighed */
    LIMIT_CIDRS = 65536,          /* entries of an address list */
    LIMIT_SHARED = 65536,         /* addresses marked as shared sources */
    LIMIT_STEPS = 10,             /* punishment steps, and violations remembered of one user */
    LIMIT_BREAKER_TEXT = 1 << 20, /* the breaker's state in the database, with whom it counted */
    LIMIT_QUEUE = 10000,          /* punishments waiting for their turn */
    LIMIT_JSON_DEPTH = 64,        /* nesting of a JSON document from outside */
    LIMIT_HTTP_BODY = 64 << 20,   /* largest answer read from the panel */
    LIMIT_HTTP_HEAD = 64 << 10,   /* all header lines of one answer */
    LIMIT_HTTP_HOSTS = 64,        /* different servers one HTTP client talks to */
    LIMIT_HTTP_ERROR = 16 << 10,  /* body kept of a stream that did not open */
    LIMIT_ONLINE = 65536,         /* addresses of one online list */
    LIMIT_USERS = 4000000,        /* users of one list */
    LIMIT_PANEL_QUEUE = 4096,     /* look-ups, or online readings, waiting for their turn */
    LIMIT_SETTING_VALUE = 8192,   /* longest text of one setting */
    LIMIT_ENV_FILE = 1 << 20,     /* largest .env file */
    LIMIT_STORE_QUEUE = 16384,    /* jobs waiting for the thread that owns the database */
    LIMIT_STORE_BATCH = 256,      /* jobs committed in one transaction */
    LIMIT_HISTORY_DAY = 256,      /* address history rows of one user and day */
    LIMIT_GROUPS = 64,            /* groups of one user kept */
    LIMIT_ADMINS = 65536,         /* owners of users known at once */
    LIMIT_PATTERNS = 10000,       /* limit patterns, and owner patterns */
    LIMIT_EVIDENCE = 1 << 18,     /* evidence of one verdict (JSON) */
    LIMIT_ANSWER = 1 << 16,       /* the panel's answer to a disable, kept in the journal */
    LIMIT_EVENT_TEXT = 4096,      /* text of one event; a longer one is cut */
    LIMIT_EXPLAIN = 16 << 10,     /* text that explains a user */
    LIMIT_PAGE = 1000,            /* rows of one page of a list */
    LIMIT_PANEL_CALLS = 4,        /* calls of the enforcement to the panel at the same time */
    LIMIT_OP_ANSWER = 64 << 20,   /* JSON answer of one operation */
    LIMIT_OP_BODY = 1 << 20,      /* JSON body of one request to us */
    LIMIT_IMPORT =
        16 << 20, /* body of POST /import, and what the old program's files come to as such */
    LIMIT_OLD_DB = 512 << 20,     /* database of the old program */
    LIMIT_OLD_JSON = 32 << 20,    /* any other file of his, also inside a zip */
    LIMIT_OLD_ROWS = 2000000,     /* rows of that database */
    LIMIT_OLD_FILES = 1000,       /* files looked at in a folder or zip */
    LIMIT_IMPORT_ROWS = 100000,   /* entries of one kind taken over at once */
    LIMIT_LOG_TEXT = 4096,        /* longest line our own log writes */
    LIMIT_LOG_QUEUE = 4 << 20,    /* lines of our own log waiting to be written */
    LIMIT_LOG_SECRETS = 32,       /* secrets kept out of it */
    LIMIT_LOG_FILE = 10 << 20,    /* one of its files before it is rotated */
    LIMIT_GEO_CACHE = 32768,      /* address blocks kept of what providers answered */
    LIMIT_GEO_QUEUE = 4096,       /* address blocks waiting to be asked about */
    LIMIT_GEO_ANSWER = 256 << 10, /* largest answer of a provider */
    LIMIT_GEO_FILE = 256 << 20,   /* largest country or AS database */
    LIMIT_IMAGE = 512 << 20,      /* database of a backup; a restore holds it in memory */
    LIMIT_IMAGE_MEMORY =
        16 << 20,            /* one that is copied in memory for a backup; larger ones in files */
    LIMIT_BACKUP = 64 << 20, /* zip of a backup */
    LIMIT_BACKUP_TEXT = 8 << 20,    /* any other member of it, uncompressed */
    LIMIT_BACKUP_MEMBERS = 16,      /* members of a zip that is looked at */
    LIMIT_HISTORY_PENDING = 200000, /* sightings gathered between two writes of ip_history */
};

/* Users without an account in the panel that one cleanup removes. */
enum { LIMIT_CLEANUP = 10000 };

/* The cache. */
enum {
    LIMIT_CACHE_VALUE = 1 << 20,          /* one value */
    LIMIT_CACHE_REPLY = (1 << 20) + 4096, /* one reply of Redis */
    LIMIT_CACHE_NAME = 256,               /* name of a value within its kind */
    LIMIT_CACHE_ENTRIES = 1024,           /* values kept in memory */
    LIMIT_CACHE_MEMORY = 8 << 20,         /* … and their bytes */
    LIMIT_CACHE_GETS = 8192,              /* questions under way */
    LIMIT_CACHE_QUEUE = 8192,             /* commands that Redis has not answered */
    LIMIT_CACHE_OUT = 4 << 20,            /* bytes of them that it has not taken */
};

/* Updating this program. */
enum { LIMIT_UPDATE = 64 << 20, LIMIT_UPDATE_MANIFEST = 64 << 10 };

/* Telegram. */
enum {
    LIMIT_TELEGRAM_ANSWER = 4 << 20,    /* answer of the Bot API, 100 updates at most */
    LIMIT_TELEGRAM_UPLOAD = 50 << 20,   /* file sent: the Bot API's own bound */
    LIMIT_TELEGRAM_DOWNLOAD = 20 << 20, /* file fetched: the Bot API's own bound */
    LIMIT_TELEGRAM_CALLS = 1024,        /* calls waiting for their turn, per lane */
    LIMIT_TELEGRAM_PROXIES = 4,         /* ways to Telegram that are tried in turn */
    LIMIT_TELEGRAM_CHATS = 4096,        /* chats whose pace is remembered */
    LIMIT_TELEGRAM_SHOWN = 1024,        /* messages whose content is remembered */
    LIMIT_OUTBOX_PARAMS = 64 << 10,     /* parameters of one message waiting to be sent */
    LIMIT_BOT_ADMINS = 200,             /* rows of the table admins */
    LIMIT_ADMIN_NAME = 128,             /* name kept of one: 64 letters of Telegram */
    LIMIT_OUTBOX_SLOT = 128,            /* name of a message */
};

/* The webhook. */
enum {
    LIMIT_WEBHOOK_WAITING = 100000,  /* events not delivered; beyond, the oldest are given up */
    LIMIT_WEBHOOK_BODY = 64 << 10,   /* one event as it is sent */
    LIMIT_WEBHOOK_ANSWER = 16 << 10, /* of an answer's body, which nobody looks at */
};

/* The bot. */
enum {
    LIMIT_BOT_TEXT = 4096,     /* UTF-16 units of one message: the Bot API's own bound */
    LIMIT_BOT_VIEW = 64 << 10, /* text of one answer, sent as several messages */
    LIMIT_BOT_PARTS = 16,      /* messages of one answer */
    LIMIT_BOT_BUTTONS = 100,   /* buttons of one message: the Bot API's own bound */
    LIMIT_BOT_LABEL = 48,      /* characters of a button */
    LIMIT_BOT_ARG = 4096,      /* argument of a button that is remembered in the process */
    LIMIT_BOT_MEMO = 2048,     /* such arguments */
    LIMIT_BOT_INPUT = 4096,    /* text that somebody writes */
    LIMIT_BOT_PENDING = 128,   /* admins and chats whose text is awaited */
    LIMIT_BOT_STRANGERS = 256, /* strangers remembered, each answered once */
    LIMIT_BOT_TURNS = 256,     /* presses and texts being answered at once */
};

/* The REST API. */
enum {
    LIMIT_LOGIN_ADDRESSES = 1024, /* addresses whose wrong logins are remembered */
    LIMIT_API_DROP = 4 << 20,     /* body of a refused request that is read and dropped */
    LIMIT_API_CLIENTS = 256,      /* connections */
    LIMIT_API_ADDRESS = 100,      /* … of one address */
    LIMIT_EVENT_STREAMS = 16,     /* live streams of events of one server */
    LIMIT_EVENT_QUEUE = 1 << 18,  /* events gathered for one stream that reads slowly */
};

#endif
