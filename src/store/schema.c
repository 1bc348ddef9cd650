/* SPDX-License-Identifier: AGPL-3.0-or-later */
#include "store/schema.h"

#include "base/attr.h"
#include "base/banned.h"

/* A migration that has once been released is never changed: append a new one. */
static const char *const migrations[] = {
    /* 0 -> 1: everything. Times are unix milliseconds UTC; users are keyed by panel id. */
    "CREATE TABLE meta(key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE settings("
    "  key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL,"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE TABLE users("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    "  created_at INTEGER, seen_at INTEGER NOT NULL) STRICT;"
    "CREATE INDEX users_name ON users(name, seen_at);"
    /* user_id NULL: entered by a name that no user of the panel has had so far. */
    "CREATE TABLE special_limits("
    "  id INTEGER PRIMARY KEY, user_id INTEGER UNIQUE, name TEXT NOT NULL,"
    "  max_devices INTEGER NOT NULL CHECK(max_devices BETWEEN 0 AND 10000),"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX special_limits_unresolved ON special_limits(name) WHERE user_id IS NULL;"
    "CREATE TABLE exceptions("
    "  id INTEGER PRIMARY KEY, user_id INTEGER UNIQUE, name TEXT NOT NULL, reason TEXT NOT NULL,"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL) STRICT;"
    "CREATE UNIQUE INDEX exceptions_unresolved ON exceptions(name) WHERE user_id IS NULL;"
    "CREATE TABLE limit_patterns("
    "  id INTEGER PRIMARY KEY, kind TEXT NOT NULL CHECK(kind IN ('prefix', 'suffix')),"
    "  pattern TEXT NOT NULL CHECK(pattern <> ''),"
    "  max_devices INTEGER NOT NULL CHECK(max_devices BETWEEN 0 AND 10000),"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL, UNIQUE(kind, pattern)) STRICT;"
    "CREATE TABLE admin_patterns("
    "  id INTEGER PRIMARY KEY, admin TEXT NOT NULL,"
    "  kind TEXT NOT NULL CHECK(kind IN ('prefix', 'suffix')),"
    "  pattern TEXT NOT NULL CHECK(pattern <> ''),"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL, UNIQUE(kind, pattern)) STRICT;"
    "CREATE TABLE ip_allowlist("
    "  cidr TEXT PRIMARY KEY NOT NULL, note TEXT NOT NULL,"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL) STRICT, WITHOUT ROWID;",
    /* 1 -> 2: verdicts and the journal. */
    "CREATE TABLE violations("
    "  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, name TEXT NOT NULL, at INTEGER NOT NULL,"
    "  mode TEXT NOT NULL CHECK(mode IN ('on', 'shadow')),"
    "  outcome TEXT NOT NULL"
    "    CHECK(outcome IN ('pending', 'applied', 'cancelled', 'warned', 'shadow')),"
    "  step INTEGER NOT NULL, action TEXT NOT NULL,"
    "  max_devices INTEGER NOT NULL, devices INTEGER NOT NULL,"
    "  evidence TEXT NOT NULL, shortened INTEGER NOT NULL DEFAULT 0,"
    "  forgiven_at INTEGER, forgiven_by TEXT,"
    "  UNIQUE(user_id, at)) STRICT;"
    "CREATE INDEX violations_at ON violations(at);"
    "CREATE INDEX violations_unshortened ON violations(at) WHERE shortened = 0;"
    "CREATE TABLE enforcements("
    "  id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, name TEXT NOT NULL,"
    "  verdict_id INTEGER NOT NULL UNIQUE REFERENCES violations(id),"
    "  action TEXT NOT NULL, method TEXT NOT NULL CHECK(method IN ('status', 'group')),"
    "  state TEXT NOT NULL CHECK(state IN"
    "    ('intended', 'applied', 'restoring', 'restored', 'superseded', 'cancelled')),"
    "  group_id INTEGER, duration INTEGER,"
    "  status_before TEXT NOT NULL, groups_before TEXT NOT NULL,"
    "  edit_at_before INTEGER, user_created_at INTEGER,"
    "  intended_at INTEGER NOT NULL, applied_at INTEGER, due_at INTEGER, closed_at INTEGER,"
    "  answer TEXT, answer_edit_at INTEGER, answer_fields TEXT,"
    "  attempts INTEGER NOT NULL DEFAULT 0, last_error TEXT, why TEXT, closed_by TEXT) STRICT;"
    "CREATE UNIQUE INDEX enforcements_open ON enforcements(user_id)"
    "  WHERE state IN ('intended', 'applied', 'restoring');"
    "CREATE INDEX enforcements_user ON enforcements(user_id, id);"
    "CREATE INDEX enforcements_closed ON enforcements(closed_at) WHERE closed_at IS NOT NULL;"
    "CREATE TABLE events("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL,"
    "  user_id INTEGER, name TEXT, who TEXT NOT NULL, what TEXT NOT NULL, data TEXT) STRICT;"
    "CREATE INDEX events_user ON events(user_id, id) WHERE user_id IS NOT NULL;"
    "CREATE INDEX events_at ON events(at);",
    /* 2 -> 3: what was seen. */
    "CREATE TABLE ip_history("
    "  user_id INTEGER NOT NULL, day INTEGER NOT NULL, address TEXT NOT NULL,"
    "  node_id INTEGER NOT NULL, inbound TEXT NOT NULL, isp TEXT,"
    "  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, count INTEGER NOT NULL,"
    "  PRIMARY KEY(user_id, day, address, node_id, inbound)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX ip_history_last ON ip_history(last_seen);"
    "CREATE TABLE nodes("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    "  first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL) STRICT;"
    /* offset is in microseconds: a length, not a time. */
    "CREATE TABLE node_clock("
    "  node_id INTEGER PRIMARY KEY, offset_us INTEGER NOT NULL, saved_at INTEGER NOT NULL) STRICT;"
    "CREATE TABLE shared_sources("
    "  address TEXT PRIMARY KEY NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL)"
    "  STRICT, WITHOUT ROWID;"
    "CREATE TABLE geo_cache("
    "  block TEXT PRIMARY KEY NOT NULL, country TEXT, asn INTEGER, isp TEXT,"
    "  expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX geo_cache_expires ON geo_cache(expires_at);",
    /* 3 -> 4: Telegram. */
    "CREATE TABLE admins("
    "  id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
    "  role TEXT NOT NULL CHECK(role IN ('owner', 'operator', 'viewer')),"
    "  panel_admin_id INTEGER, language TEXT,"
    "  added_at INTEGER NOT NULL, added_by TEXT NOT NULL) STRICT;"
    "CREATE TABLE chats("
    "  chat_id INTEGER NOT NULL, topic TEXT NOT NULL, thread_id INTEGER,"
    "  updated_at INTEGER NOT NULL, updated_by TEXT NOT NULL,"
    "  PRIMARY KEY(chat_id, topic)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE outbox("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL, chat_id INTEGER NOT NULL,"
    "  thread_id INTEGER, fold_key TEXT, body TEXT NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    "  next_at INTEGER NOT NULL, last_error TEXT) STRICT;"
    "CREATE INDEX outbox_next ON outbox(next_at);",
    /* 4 -> 5: an operator took the mark of a shared source away: not to be marked again until `until`. */
    "ALTER TABLE shared_sources ADD COLUMN barred INTEGER NOT NULL DEFAULT 0;",
    /* 5 -> 6: users missing in the panel's list, and what a cleanup took away of theirs. */
    "ALTER TABLE users ADD COLUMN gone_at INTEGER;"
    "CREATE INDEX users_gone ON users(gone_at) WHERE gone_at IS NOT NULL;"
    "CREATE TABLE cleanups("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, who TEXT NOT NULL,"
    "  undone_at INTEGER) STRICT;"
    "CREATE TABLE cleaned("
    "  cleanup_id INTEGER NOT NULL REFERENCES cleanups(id) ON DELETE CASCADE,"
    "  user_id INTEGER NOT NULL, name TEXT NOT NULL, gone_at INTEGER NOT NULL,"
    "  max_devices INTEGER NOT NULL, excepted INTEGER NOT NULL, reason TEXT, created_at INTEGER,"
    "  PRIMARY KEY(cleanup_id, user_id)) STRICT, WITHOUT ROWID;",
    /*
     * 6 -> 7: what a person ordered (ordered_by NULL: the engine's own verdict); revoking, the note we
     * leave in the panel, and the groups given back when not all of before are left.
     */
    "ALTER TABLE violations ADD COLUMN ordered_by TEXT;"
    "ALTER TABLE enforcements ADD COLUMN note TEXT;"
    "ALTER TABLE enforcements ADD COLUMN revoke TEXT"
    "  CHECK(revoke IN ('sent', 'done', 'refused', 'unknown'));"
    "ALTER TABLE enforcements ADD COLUMN credentials TEXT;"
    "ALTER TABLE enforcements ADD COLUMN given TEXT;"
    "CREATE TABLE pardons(user_id INTEGER PRIMARY KEY, until INTEGER NOT NULL) STRICT;",
    /*
     * 7 -> 8: the outbox as it became (nothing has written the one of 4), and which message stands where.
     * not_before is real time, of a 429.
     */
    "DROP TABLE outbox;"
    "CREATE TABLE outbox("
    "  id INTEGER PRIMARY KEY AUTOINCREMENT, created_at INTEGER NOT NULL, chat_id INTEGER NOT NULL,"
    "  thread_id INTEGER, method TEXT NOT NULL, params TEXT NOT NULL, slot TEXT,"
    "  edit INTEGER NOT NULL, state TEXT NOT NULL CHECK(state IN ('waiting', 'sending')),"
    "  doubt INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0, not_before INTEGER,"
    "  last_error TEXT, file_field TEXT, file_name TEXT, file BLOB) STRICT;"
    "CREATE INDEX outbox_chat ON outbox(chat_id, id);"
    "CREATE INDEX outbox_slot ON outbox(chat_id, slot, id) WHERE slot IS NOT NULL;"
    "CREATE TABLE messages("
    "  chat_id INTEGER NOT NULL, slot TEXT NOT NULL, message_id INTEGER NOT NULL,"
    "  sent_at INTEGER NOT NULL, PRIMARY KEY(chat_id, slot)) STRICT, WITHOUT ROWID;"
    "CREATE INDEX messages_sent ON messages(sent_at);",
    /* 8 -> 9: the language also of those who stand in ADMIN_IDS, and so not in the table admins. */
    "CREATE TABLE admin_languages("
    "  admin_id INTEGER PRIMARY KEY, language TEXT NOT NULL) STRICT;"
    "INSERT INTO admin_languages SELECT id, language FROM admins WHERE language IS NOT NULL;"
    "ALTER TABLE admins DROP COLUMN language;",
    /* 9 -> 10: what messages of the bot stand for, by the name of the message. */
    "CREATE TABLE notices("
    "  key TEXT PRIMARY KEY NOT NULL, at INTEGER NOT NULL, body TEXT NOT NULL) STRICT, WITHOUT ROWID;"
    "CREATE INDEX notices_at ON notices(at);",
    /* 10 -> 11: how far the table events, which is its queue, has been delivered to the webhook. */
    "CREATE TABLE webhook("
    "  one INTEGER PRIMARY KEY CHECK(one = 1), done_id INTEGER NOT NULL, delivered_at INTEGER,"
    "  lost INTEGER NOT NULL DEFAULT 0) STRICT;",
};

int schema_version(void)
{
    return (int)ARRAY_LEN(migrations);
}

const char *schema_migration(int v)
{
    return migrations[v];
}
