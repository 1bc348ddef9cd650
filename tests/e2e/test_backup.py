"""Backup and restore by the command line and over REST, with a daemon and without one."""

import contextlib
import http.client
import json
import sqlite3
import stat
import zipfile

import pytest
from daemon import Sharer, Traffic, warm_up
from daemon_fixtures import daemon, lab  # noqa: F811, F401
from rest_client import served

PASSPHRASE = "correct horse battery"


def dump(path):
    """Every row of every table, but for what a backup or a restore itself writes."""
    with contextlib.closing(sqlite3.connect(path)) as db:
        tables = [r[0] for r in db.execute("SELECT name FROM sqlite_master WHERE type='table' AND "
                                           "name NOT LIKE 'sqlite%' ORDER BY name")]
        rows = {t: sorted(map(repr, db.execute(f'SELECT * FROM "{t}"'))) for t in tables}
    rows["events"] = [r for r in rows["events"] if "'restore'" not in r and "'backup'" not in r]
    # The key of what this installation keeps in Redis is never in a backup.
    rows["meta"] = [r for r in rows["meta"] if "'restored" not in r and "'cache_key'" not in r]
    rows["settings"] = [r for r in rows["settings"] if "'enforcement'" not in r]
    # A secret comes back out of the encrypted part, with the time of the restore.
    rows["settings"] = [r.split(",")[:2] if "'ipinfo_token'" in r else r for r in rows["settings"]]
    return rows


def zip_post(rest, path, data):
    with contextlib.closing(rest.connect()) as conn:
        conn.request("POST", path, data, {**rest.headers(), "Content-Type": "application/zip"})
        answer = conn.getresponse()
        return answer.status, json.loads(answer.read())


def test_without_a_daemon_into_a_new_directory(daemon, lab):  # noqa: F811
    sim = lab("--nodes", 1)
    for name in ("alice", "bob"):
        sim.add_user(name)
    d = daemon(sim, ENFORCEMENT="on")
    d.wait_log("users known", 15)
    d.cli("user", "add", "alice", "5")
    d.cli("except", "add", "bob", "--reason", "office")
    d.cli("config", "set", "general_limit", "3")
    d.cli("config", "set", "ipinfo_token", "token-that-is-secret")
    d.stop()
    phrase = d.folder / "phrase"
    phrase.write_text(PASSPHRASE + "\n")
    target = d.folder / "b.zip"
    said = json.loads(d.cli("backup", target, "--passphrase-file", phrase, "--json"))
    assert said["encrypted_part"] and said["size"] == target.stat().st_size
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    again = d.cli("backup", target, check=False)
    assert again.returncode == 2 and "exists" in again.stderr
    d.cli("backup", d.folder / "plain.zip")
    with zipfile.ZipFile(target) as z:
        assert sorted(z.namelist()) == ["manifest.json", "pg-limiter.db", "secrets.enc",
                                        "settings.json"]
        everything = b"".join(z.read(n) for n in z.namelist())
        assert json.loads(z.read("settings.json"))["general_limit"]["value"] == "3"
    for secret in (b"token-that-is-secret", b"admin-password"):
        assert secret not in everything and secret not in target.read_bytes()
    before = dump(d.db_file)

    other = daemon(sim, start=False, ENFORCEMENT="on")
    other.data_dir.mkdir()
    (d.folder / "wrong").write_text("another passphrase")
    refused = other.cli("restore", target, "--yes", "--passphrase-file", d.folder / "wrong",
                        check=False)
    assert refused.returncode == 1 and "passphrase" in refused.stderr
    unsure = other.cli("restore", target, check=False)
    assert unsure.returncode == 2 and "--yes" in unsure.stderr
    assert not other.sql("SELECT * FROM special_limits")
    done = json.loads(other.cli("restore", target, "--yes", "--passphrase-file", phrase, "--json"))
    assert done["restored"] and done["secret_settings"] == 1 and done["special_limits"] == 1
    assert dump(other.db_file) == before
    assert "PANEL_DOMAIN" in (other.data_dir / "restored.env").read_text()
    assert stat.S_IMODE((other.data_dir / "restored.env").stat().st_mode) == 0o600

    # .env says `on`: it starts in shadow all the same, until someone says that the old one is off.
    other.start()
    assert other.status()["enforcement"] == "shadow"
    other.wait(lambda: other.status()["panel"]["up"] and other.status()["journal_compared"])
    assert other.get("/users/limits/alice")["limit"] == 5
    # Carol was disabled by somebody since; nobody here knows of her.
    sim.add_user("carol")
    sim.call("PATCH", "/user/carol", {"status": "disabled"})
    asked = other.cli("mode", "on", check=False)
    assert asked.returncode == 1 and "Is the instance it is of off?" in asked.stderr, asked
    assert "1 user is disabled in the panel without a row here" in asked.stderr
    assert "disabled adopt USER" in asked.stderr and "--yes" in asked.stderr
    status, told = other.call("PATCH", "/config", {"enforcement": "on"})
    assert status == 409 and told["code"] == "confirm_needed"
    assert other.call("PATCH", "/config", {"enforcement": None})[0] == 409, ".env says on"
    assert other.call("PATCH", "/config", {"enforcement": "off"})[0] == 200, "that asks nothing"
    other.cli("mode", "on", "--yes")
    assert not other.sql("SELECT * FROM meta WHERE key = 'restored_unsure'")
    assert other.sql("SELECT * FROM events WHERE kind = 'restore' AND what LIKE '%is off%'")
    other.cli("mode", "shadow")
    other.cli("mode", "on")

    # Without the passphrase the token stays away.
    other.cli("restore", d.folder / "plain.zip", "--yes")
    assert not other.sql("SELECT * FROM settings WHERE key = 'ipinfo_token'")
    other.stop()
    asked = other.cli("mode", "on", check=False)
    assert asked.returncode == 1 and "`disabled stuck` tells while the panel answers" in asked.stderr


@pytest.fixture(scope="module")
def place():
    with served("alice", "bob", "carol", nodes=2, ENFORCEMENT="on", TIME_TO_ACTIVE_USERS=600) as made:
        warm_up(made[1], made[0])
        yield made


def test_a_running_daemon_restores_itself(place):
    """A user disabled after the backup is not forgotten by the restore, and is enabled."""
    sim, d, rest = place
    d.cli("user", "add", "carol", "7")
    # More than other bodies may have.
    d.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000) "
          "INSERT INTO events(at, kind, who, what) SELECT 0, 'test', 'test', hex(randomblob(500)) FROM n")
    got = rest.get("/backup")
    assert len(got.body) > 1 << 20
    assert got.status == 200 and got.headers["Content-Type"] == "application/zip"
    d.cli("user", "delete", "carol")
    with Traffic(sim, Sharer("alice", every=0.3)):
        d.wait_state("alice", "applied", 60)
    assert sim.user("alice")["status"] == "disabled"

    assert zip_post(rest, "/restore", got.body)[0] == 409
    for bad, status in ((b"PK", 422), (got.body[:-30], 422), (got.body[:200] + got.body, 422)):
        assert zip_post(rest, "/restore?confirm=true", bad)[0] == status
    assert rest("POST", "/restore", b"{}").status == 415
    at = len(d.log)
    status, said = zip_post(rest, "/restore?confirm=true", got.body)
    assert status == 200 and said["carried_over"] == 1, said
    d.wait_log("everything starts anew", 10, since=at)
    anew = next(i for i in range(at, len(d.log)) if "everything starts anew" in d.log[i].text)
    d.wait_log("users known", since=anew)
    assert d.get("/users/limits/carol")["limit"] == 7
    assert d.state("alice") == "applied"
    d.cli("disabled", "enable", "alice")
    assert sim.user("alice")["status"] == "active"
    # In shadow mode nobody is disabled.
    assert next(s for s in d.get("/config")["data"] if s["key"] == "enforcement")["value"] == "shadow"

    # And once more by the command line.
    target = d.folder / "cli.zip"
    d.cli("backup", target)
    at = len(d.log)
    assert "restored" in d.cli("restore", target, "--yes")
    d.wait_log("users known", 20, since=at)


def test_an_old_zip_is_sent_to_import(place):
    sim, d, rest = place
    old = d.folder / "old.zip"
    with zipfile.ZipFile(old, "w") as z:
        z.writestr("config/.env", "X=1")
        z.writestr("backup_info.txt", "old")
    refused = d.cli("restore", old, "--yes", check=False)
    assert refused.returncode == 1 and "pg-limiter import" in refused.stderr


def test_too_large(place):
    sim, d, rest = place
    with contextlib.closing(rest.connect()) as conn:
        with contextlib.suppress(ConnectionError):
            conn.request("POST", "/restore", b"x" * (65 << 20),
                         {**rest.headers(), "Content-Type": "application/zip"})
        assert conn.getresponse().status == 413
    assert d.get("/healthz")
    big = d.folder / "big.zip"
    with big.open("wb") as f:
        f.truncate(65 << 20)
    refused = d.cli("restore", big, "--yes", check=False)
    assert refused.returncode == 1 and "64 MiB" in refused.stderr
