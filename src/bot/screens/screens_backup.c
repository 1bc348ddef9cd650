/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "bot/frame.h"
#include "service/backup/sealed.h"
#include "base/banned.h"

/* Backup and restore: for owners, in the private chat (backup.c, restore.c). */

static void build_passphrase(struct view *v)
{
    view_say(v, TEXT_BACKUP_PASS_ASK, "min", view_int(v, SEALED_PASSPHRASE_MIN), NULL);
}

static void build_schedule(struct view *v)
{
    json_t *a = v->answer[0];

    view_say(v, TEXT_SCHEDULE_HELP, NULL);
    if (in_text(a, "next_at"))
        view_say(v, TEXT_SCHEDULE_NEXT, "time", view_time(v, in_text(a, "next_at")), NULL);
    else
        view_say(v, TEXT_SCHEDULE_OFF, NULL);
    if (in_text(a, "last_at"))
        view_say(v, TEXT_SCHEDULE_LAST, "time", view_time(v, in_text(a, "last_at")), NULL);
    if (in_text(a, "last_error"))
        view_say(v, TEXT_SCHEDULE_ERROR, "!why", view_said_value(v, in_text(a, "last_error")),
                 NULL);
}

static const struct screen screens[] = {
    {.id = "baksch",
     .title = TEXT_SCHEDULE,
     .parent = "sbak",
     .role = OP_ROLE_OWNER,
     .ask = {"/schedule"},
     .build = build_schedule,
     .entries = ENTRIES(SETTING(BACKUP_EVERY), GO("sbak"))},
    {.id = "bak",
     .title = TEXT_BACKUP,
     .intro = TEXT_BACKUP_HELP,
     .parent = "sadm",
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .entries = ENTRIES(GO("abak"), GO_BESIDE("ibaks"), GO("ires"), GO("sbaksch"))},
    {0},
};

static const struct action actions[] = {
    {.id = "bak",
     .label = TEXT_BACKUP_MAKE,
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .run = backup_run,
     .done = TEXT_BACKUP_DONE,
     .then = "sbak"},
    {.id = "baks",
     .label = TEXT_BACKUP_SECRETS,
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .run = backup_run_secrets,
     .done = TEXT_BACKUP_DONE,
     .then = "sbak"},
    {.id = "resgo",
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .run = restore_run,
     .then = "sadm"},
    {.id = "respw",
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .run = restore_open,
     .then = "sadm"},
    {.id = "resno",
     .flags = BOT_PRIVATE,
     .role = OP_ROLE_OWNER,
     .run = restore_cancel,
     .done = TEXT_RESTORE_CANCELLED,
     .then = "sadm"},
    {0},
};

static const struct input inputs[] = {
    {.id = "baks",
     .label = TEXT_BACKUP_SECRETS,
     .prompt = TEXT_BACKUP_SECRETS,
     .build = build_passphrase,
     .flags = BOT_PRIVATE | BOT_SECRET,
     .action = "baks",
     .back = "sbak",
     .role = OP_ROLE_OWNER},
    {.id = "respw",
     .label = TEXT_RESTORE_OPEN,
     .prompt = TEXT_RESTORE_PASS_ASK,
     .flags = BOT_PRIVATE | BOT_SECRET,
     .action = "respw",
     .back = "sadm",
     .role = OP_ROLE_OWNER},
    {.id = "res",
     .label = TEXT_RESTORE,
     .prompt = TEXT_RESTORE_ASK,
     .flags = BOT_PRIVATE,
     .got = restore_got,
     .back = "sadm",
     .role = OP_ROLE_OWNER},
    {0},
};

static const struct slash commands[] = {
    {"backup", TEXT_CMD_BACKUP, "abak", NULL, OP_ROLE_OWNER},
    {"restore", TEXT_CMD_RESTORE, "ires", NULL, OP_ROLE_OWNER},
    {"migrate_backup", TEXT_NONE, "ires", NULL, OP_ROLE_OWNER},
    {0},
};

const struct bot_part part_backup = {screens, actions, inputs, commands};
