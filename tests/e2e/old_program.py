"""Makes what the Python PG-Limiter and V2IpLimit leave behind, by their documented formats.

Names are the only keys there; times are unix seconds; the columns of type JSON hold numbers, texts with
JSON quotes, and JSON inside JSON strings.
"""

import json
import pathlib
import sqlite3
import subprocess
import sys
import zipfile

CONFIG = "CREATE TABLE config(id INTEGER PRIMARY KEY, key VARCHAR(255) UNIQUE, value JSON, updated_at DATETIME)"
USERS = """CREATE TABLE users(id INTEGER PRIMARY KEY, username VARCHAR(255) UNIQUE NOT NULL, status VARCHAR(50),
 owner_id INTEGER, owner_username VARCHAR(255), group_ids JSON, data_limit FLOAT, used_traffic FLOAT,
 created_at DATETIME, expire_at DATETIME, last_synced_at DATETIME, note TEXT, is_excepted BOOLEAN,
 exception_reason TEXT, excepted_by VARCHAR(255), excepted_at DATETIME, special_limit INTEGER,
 special_limit_updated_at DATETIME, is_disabled_by_limiter BOOLEAN, disabled_at FLOAT, enable_at FLOAT,
 original_groups JSON, disable_reason TEXT, punishment_step INTEGER)"""
EARLY_USERS = "CREATE TABLE users(id INTEGER PRIMARY KEY, username VARCHAR(255), status VARCHAR(50))"
LEGACY = (
    'CREATE TABLE user_limits(id INTEGER PRIMARY KEY, username VARCHAR(255), "limit" INTEGER, created_at DATETIME)',
    "CREATE TABLE except_users(id INTEGER PRIMARY KEY, username VARCHAR(255), reason TEXT, created_by VARCHAR(255))",
    """CREATE TABLE disabled_users(id INTEGER PRIMARY KEY, username VARCHAR(255), disabled_at FLOAT NOT NULL,
 enable_at FLOAT, original_groups JSON, reason TEXT, punishment_step INTEGER)""",
)
OTHERS = (
    """CREATE TABLE admin_patterns(id INTEGER PRIMARY KEY, admin_username VARCHAR(255), pattern_type VARCHAR(50),
 pattern VARCHAR(255), description TEXT, created_at DATETIME)""",
    """CREATE TABLE limit_patterns(id INTEGER PRIMARY KEY, pattern_type VARCHAR(50), pattern VARCHAR(255),
 ip_limit INTEGER, description TEXT, created_at DATETIME)""",
    """CREATE TABLE violation_history(id INTEGER PRIMARY KEY, username VARCHAR(255), timestamp FLOAT,
 step_applied INTEGER, disable_duration INTEGER, enabled_at FLOAT, ip_count INTEGER, ips JSON)""",
    "CREATE TABLE subnet_isp(id INTEGER PRIMARY KEY, subnet VARCHAR(50), isp VARCHAR(255))",
    "CREATE TABLE ip_history(id INTEGER PRIMARY KEY, username VARCHAR(255), ip VARCHAR(45))",
)


def database(path, variant="now", config=None, users=(), limits=(), excepted=(), disabled=(),
             patterns=(), owners=(), violations=(), wal=False):
    """Writes a database. variant: "now" (create_all), "early" (users without our columns, legacy tables).

    users: dicts by column; limits: (name, n); excepted: (name, reason); disabled: (name, at, due, groups);
    patterns: (kind, text, n); owners: (admin, kind, text); violations: (name, at, step, minutes).
    With wal=True the connection stays open and everything stands in the -wal; it is returned.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    db = sqlite3.connect(path)
    if wal:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA wal_autocheckpoint=0")
    for sql in (CONFIG, USERS if variant == "now" else EARLY_USERS, *LEGACY, *OTHERS):
        db.execute(sql)
    db.executemany("INSERT INTO config(key, value) VALUES(?, ?)", (config or {}).items())
    for user in users:
        names = ", ".join(user)
        db.execute(f"INSERT INTO users({names}) VALUES({', '.join('?' * len(user))})",
                   [json.dumps(v) if isinstance(v, list) else v for v in user.values()])
    db.executemany('INSERT INTO user_limits(username, "limit") VALUES(?, ?)', limits)
    db.executemany("INSERT INTO except_users(username, reason) VALUES(?, ?)", excepted)
    db.executemany("INSERT INTO disabled_users(username, disabled_at, enable_at, original_groups)"
                   " VALUES(?, ?, ?, ?)",
                   [(n, at, due, json.dumps(json.dumps(g)) if g else None)
                    for n, at, due, g in disabled])
    db.executemany("INSERT INTO limit_patterns(pattern_type, pattern, ip_limit) VALUES(?, ?, ?)", patterns)
    db.executemany("INSERT INTO admin_patterns(admin_username, pattern_type, pattern) VALUES(?, ?, ?)", owners)
    db.executemany("INSERT INTO violation_history(username, timestamp, step_applied, disable_duration)"
                   " VALUES(?, ?, ?, ?)", violations)
    db.commit()
    if wal:
        return db
    db.close()
    return None


def died_writing(path, *statements):
    """Has a process die in the middle of a transaction, whose pages stand in the file already; its journal stays."""
    code = ("import os, sqlite3, sys; db = sqlite3.connect(sys.argv[1], isolation_level=None);"
            "db.execute('PRAGMA cache_size=5'); db.execute('BEGIN');"
            "[db.execute(s) for s in sys.argv[2:]]; os.kill(os.getpid(), 9)")
    subprocess.run([sys.executable, "-c", code, str(path), *statements])
    assert pathlib.Path(f"{path}-journal").stat().st_size > 0


def state_files(folder, disabled=None, groups=None, violations=None):
    """.disable_users.json {name: (at, due or None)}, .user_groups_backup.json, .violation_history.json."""
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if disabled is not None:
        (folder / ".disable_users.json").write_text(json.dumps({
            "disabled_users": {n: at for n, (at, _) in disabled.items()},
            "enable_at": {n: due for n, (_, due) in disabled.items() if due is not None}}))
    if groups is not None:
        (folder / ".user_groups_backup.json").write_text(json.dumps(
            {"user_groups": {n: {"groups": g, "saved_at": 1.0} for n, g in groups.items()}}))
    if violations is not None:
        (folder / ".violation_history.json").write_text(json.dumps({"violations": {
            n: [{"username": n, "timestamp": at, "step_applied": step, "disable_duration": minutes,
                 "enabled_at": None} for at, step, minutes in rows]
            for n, rows in violations.items()}}))
    return folder


def backup_zip(path, folder, env=""):
    """The old program's backup of what database() and state_files() have put into folder."""
    folder = pathlib.Path(folder)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr("config/.env", env)
        z.writestr("config/docker-compose.yml", "services: {}\n")
        for name in ("pg_limiter.db", "pg_limiter.db-wal", "pg_limiter.db-journal"):
            if (folder / name).exists():
                z.write(folder / name, f"data/{name}")
        z.writestr("data/topics.json", "{}")
        z.writestr("data/auto_backup_config.json", json.dumps({"enabled": True, "interval_hours": 6}))
        for name in (".disable_users.json", ".violation_history.json", ".user_groups_backup.json"):
            if (folder / name).exists():
                z.write(folder / name, f"legacy/{name}")
        z.writestr("backup_info.txt", "PG-Limiter Backup\n")
    return path
