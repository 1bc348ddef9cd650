# SPDX-License-Identifier: AGPL-3.0-or-later
"""Backup and restore in the bot, and the backup of every few hours."""

import base64
import contextlib
import io
import json
import os
import sqlite3
import stat
import time
import zipfile

import pytest
from old_program import backup_zip, database


@pytest.fixture
def start(daemon, lab, telegram):
    def make(owner, sim=None, environment=None, **settings):
        d = daemon(sim or lab("--http"), start=False, ADMIN_IDS=owner.id, **telegram.settings,
                   **settings)
        d.start(environment=environment)
        return d
    return make


SLOT = "SELECT value FROM meta WHERE key='backup_slot'"
META = "SELECT * FROM meta WHERE key NOT LIKE 'telegram%'"


def documents(room):
    return [m for m in room.from_bot if m.document]


def backup_of(owner, telegram):
    owner.say("/backup")
    telegram.wait(lambda: documents(owner.chat), 15, owner.chat.text)
    owner.chat.wait("The backup is above", 10)
    return documents(owner.chat)[-1]


def test_backup_and_restore(start, lab, telegram):
    ali = telegram.user("Ali")
    sim = lab("--http")
    sim.add_user("alice")
    d = start(ali, sim)
    d.wait_log("users known", 15)
    d.cli("user", "add", "alice", "5")
    d.cli("config", "set", "ipinfo_token", "token-that-is-secret")
    ali.ask("/start", "Main menu")
    sent = backup_of(ali, telegram)
    assert "No password, no token" in sent.text and sent.document.name.endswith(".zip")
    data = sent.document.data
    with zipfile.ZipFile(io.BytesIO(data)) as z:
        assert sorted(z.namelist()) == ["manifest.json", "pg-limiter.db", "settings.json"]
        whole = b"".join(z.read(n) for n in z.namelist())
    for secret in (b"token-that-is-secret", b"admin-password", telegram.token.encode()):
        assert secret not in whole
    d.cli("user", "add", "alice", "9")
    d.cli("except", "add", "alice")
    ali.ask("/restore", "at most 20 MB")
    too_big = ali.send_file("huge.zip", size=50 << 20)
    ali.chat.wait("has 50.0 MB", after=too_big.id)
    ali.send_file("b.zip", data)
    ready = ali.chat.wait("A whole backup of", 15)
    assert "Exceptions: 1 → 0" in ready.text and "shadow" in ready.text
    ali.press("Put it in place", on=ready)
    ali.chat.wait("Restored", 20)
    d.wait_log("everything starts anew", 10)
    d.wait_log("settings from", 20, count=2)  # the life before answers for a moment more
    d.wait(lambda: d.answers() and not d.sql("SELECT * FROM exceptions"), 20, "the new life")
    assert d.sql("SELECT max_devices FROM special_limits") == [{"max_devices": 5}]
    assert d.status()["enforcement"] == "shadow"
    ali.ask("/start", "Main menu", seconds=20)
    assert d.sql("SELECT who FROM events WHERE kind='restore'") == [{"who": f"telegram:{ali.id}"}]


def test_with_secrets_the_passphrase_leaves_no_trace(start, telegram):
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe")
    d = start(ali)
    d.cli("admin", "add", zoe.id, "operator")
    group = telegram.group("Team", ali, zoe)
    ali.say("/backup", room=group)
    group.wait("private chat")
    zoe.ask("/backup", "your role")
    ali.ask("/start", "Main menu")
    ali.go("Admin", "Backup", "With secrets")
    said = ali.say("correct horse battery")
    telegram.wait(lambda: documents(ali.chat), 20, ali.chat.text)
    telegram.wait(lambda: said.deleted, 5, "the passphrase is deleted")
    sent = documents(ali.chat)[-1]
    assert "encrypted" in sent.text
    with zipfile.ZipFile(io.BytesIO(sent.document.data)) as z:
        assert "secrets.enc" in z.namelist()
    assert telegram.token.encode() not in sent.document.data
    assert not any("correct horse" in m.text for m in ali.chat.from_bot)
    assert "correct horse" not in d.tail(100000)
    assert not documents(group) and not documents(zoe.chat)


def test_restored_with_the_encrypted_part(start, telegram):
    """Asked for the passphrase, whose message goes; a wrong one changes nothing; then secrets are back."""
    ali = telegram.user("Ali")
    d = start(ali)
    d.cli("config", "set", "ipinfo_token", "token-that-is-secret")
    ali.ask("/start", "Main menu")
    ali.go("Admin", "Backup", "With secrets")
    ali.say("correct horse battery")
    telegram.wait(lambda: documents(ali.chat), 30, ali.chat.text)
    data = documents(ali.chat)[-1].document.data
    d.cli("config", "reset", "ipinfo_token")
    ali.ask("/restore", "at most 20 MB", seconds=10)
    ali.send_file("b.zip", data)
    asked = ali.chat.wait("It has an encrypted part", 20)
    ali.press("With the passphrase", on=asked)
    telegram.wait(lambda: "Send the passphrase" in asked.text, 5, lambda: asked.text)
    wrong = ali.say("wrong horse battery")
    ali.chat.wait("does not open", 20)
    telegram.wait(lambda: wrong.deleted, 5, "the wrong passphrase is deleted")
    right = ali.say("correct horse battery")
    ready = ali.chat.wait("A whole backup of", 20, after=right.id)
    telegram.wait(lambda: right.deleted, 5, "the passphrase is deleted")
    assert "With the passphrase" not in ready.labels
    ali.press("Put it in place", on=ready)
    done = ali.chat.wait("Restored", 20)
    files = [d.data_dir / name for name in ("restored.env", "restored-secrets.env")]
    assert str(files[0]) in done.text
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600 and telegram.token in files[0].read_text()
    d.wait_log("everything starts anew", 10)
    d.wait(lambda: d.sql("SELECT value FROM settings WHERE key='ipinfo_token'"), 20)
    assert d.sql("SELECT value FROM settings WHERE key='ipinfo_token'")[0]["value"] == "token-that-is-secret"
    assert "correct horse" not in d.tail(100000) and telegram.token not in ali.chat.text()


def test_too_large_for_telegram_stays_on_the_server(start, telegram):
    ali = telegram.user("Ali")
    d = start(ali)
    d.stop()
    fill(d)
    d.start()
    ali.ask("/start", "Main menu")
    ali.say("/backup")
    helped = ali.ask("/help", "/cancel")  # nobody waits for it
    message = ali.chat.wait("It lies on the server", 180)
    assert helped.at < message.edited_at
    told = message.text
    [kept] = (d.data_dir / "backups").glob("*.zip")
    assert str(kept) in told and kept.stat().st_size > 50 << 20
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not documents(ali.chat)


@pytest.mark.parametrize("what", ["text", "junk", "cut"])
def test_what_is_no_backup_changes_nothing(start, telegram, what):
    ali = telegram.user("Ali")
    d = start(ali)
    data = b"PK\x03\x04" + bytes(5000)
    if what == "cut":
        ali.ask("/start", "Main menu")
        data = backup_of(ali, telegram).document.data[:-200]
    before = d.sql(META)
    ali.ask("/restore", "at most 20 MB")
    if what == "text":
        sent = ali.say("here you are")
        ali.chat.wait("as a file", after=sent.id)
        ali.go("Cancel")
    else:
        sent = ali.send_file("x.zip", data)
        ali.chat.wait("⚠️", 15, after=sent.id)
    assert d.sql(META) == before
    ali.ask("/start", "Main menu")


def test_the_old_programs_backup_is_imported(start, lab, telegram, tmp_path):
    ali = telegram.user("Ali")
    sim = lab("--http")
    sim.add_user("vip_user")
    d = start(ali, sim)
    d.wait_log("users known", 15)
    database(tmp_path / "pg_limiter.db", limits=[("vip_user", 7)])
    path = backup_zip(tmp_path / "old.zip", tmp_path)
    ali.ask("/start", "Main menu")
    ali.ask("/restore", "at most 20 MB")
    ali.send_file("pg-limiter-backup.zip", path.read_bytes())
    ali.chat.wait("backup of the Python PG-Limiter", 20)
    assert not d.sql("SELECT * FROM special_limits")
    ali.press("Import")
    ali.chat.wait("Imported", 20)
    assert d.sql("SELECT name FROM special_limits")
    d.wait(lambda: not list((d.data_dir / "run").glob("import-*")), 10, "nothing is left of the file")


def test_every_few_hours_over_restarts(start, telegram):
    """A clock 1440 times as fast: an hour is 2.5 seconds."""
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe", started=False)
    telegram.lenient = True  # Zoe has never opened the bot: her backup is refused
    origin = time.time()
    clock = {"PG_TIME_SCALE": "1440", "PG_TIME_ORIGIN": repr(origin)}
    d = start(ali, environment=clock, BACKUP_EVERY=1)
    d.cli("admin", "add", zoe.id, "owner")
    telegram.wait(lambda: len(documents(ali.chat)) >= 1, 15, d.tail)
    slots = [int(d.wait(lambda: d.sql(SLOT), 10, "it is noted")[0]["value"])]
    telegram.wait(lambda: len(documents(ali.chat)) >= 2, 20, d.tail)
    d.stop()
    # Due while nobody runs: sent once when somebody does, and the hours stay as they were.
    time.sleep(4)
    n = len(documents(ali.chat))
    d.start(environment=clock)
    telegram.wait(lambda: len(documents(ali.chat)) > n, 15, d.tail)
    telegram.wait(lambda: len(documents(ali.chat)) > n + 1, 20, d.tail)
    slots.append(int(d.sql(SLOT)[0]["value"]))
    assert (slots[1] - slots[0]) % (3600 * 10**6) == 0
    shown = json.loads(d.cli("schedule", "--json"))
    assert shown["every_h"] == 1 and shown["next_at"] and not shown["last_error"]
    for message in documents(ali.chat):
        assert "No password" in message.text
        assert telegram.token.encode() not in message.document.data
    d.cli("config", "set", "backup_every", "0")
    assert json.loads(d.cli("schedule", "--json"))["next_at"] is None


def test_a_failing_schedule_is_told(start, telegram):
    ali = telegram.user("Ali")
    origin = time.time()
    telegram.fault("error", "sendDocument", 3, code=500, text="Internal Server Error")
    d = start(ali, environment={"PG_TIME_SCALE": "720", "PG_TIME_ORIGIN": repr(origin)},
              BACKUP_EVERY=24)
    d.wait_log("was not sent", 20)
    telegram.wait(lambda: documents(ali.chat), 30, d.tail)
    # Telegram has it a little before the daemon knows.
    d.wait(lambda: json.loads(d.cli("schedule", "--json"))["failed_attempts"] == 0, 20)


def test_every_few_hours_into_a_topic(start, telegram):
    """Into the topic of backups; while that takes none, to the owners, and to nobody else."""
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe")
    group = telegram.group("Watch", ali, forum=True)
    clock = {"PG_TIME_SCALE": "1440", "PG_TIME_ORIGIN": repr(time.time())}
    d = start(ali, environment=clock)
    d.wait(lambda: d.status()["telegram"]["state"] == "ok", 20)
    d.cli("admin", "add", zoe.id, "viewer")
    d.cli("topics", "set", group.id)
    d.cli("topics", "create")
    topic = next(t for t, name in group.topics().items() if name == "Backups")
    d.cli("config", "set", "backup_every", "1")
    telegram.wait(lambda: documents(group), 20, d.tail)
    assert documents(group)[0].thread == topic and "No password" in documents(group)[0].text
    assert not documents(ali.chat)
    with telegram.expect_refusal("message thread not found"):
        group.close_topic(topic, deleted=True)
        telegram.wait(lambda: documents(ali.chat), 20, d.tail)
        d.wait_log("not sent to the group, so to the owners: .*thread not found", 5)
        d.stop()  # an hour is short: the next one would be refused as well
    assert not documents(zoe.chat), "a viewer gets no backup"


def fill(d):
    """So much into the events that a backup has over 50 MB."""
    with contextlib.closing(sqlite3.connect(d.db_file)) as db:
        now = int(time.time() * 1000)
        db.executemany("INSERT INTO events(at, kind, who, what, data) VALUES(?, 'x', 'y', 'z', ?)",
                       ((now, base64.b64encode(os.urandom(750_000)).decode()) for _ in range(70)))
        db.commit()


def test_one_by_itself_that_is_too_large_lies_on_the_server(start, telegram):
    ali = telegram.user("Ali")
    d = start(ali)
    d.stop()
    fill(d)
    d.write_env(BACKUP_EVERY=24)
    d.start()
    told = ali.chat.wait("lies on the server", 180).text
    [kept] = (d.data_dir / "backups").glob("*.zip")
    assert kept.name in told and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert not documents(ali.chat)
    d.wait(lambda: json.loads(d.cli("schedule", "--json"))["failed_attempts"] == 0, 20)
