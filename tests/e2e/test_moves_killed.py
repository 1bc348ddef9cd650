"""Imports and restores killed with SIGKILL at any moment, the whole program, with a daemon and without one.

PG_LONG=1 is the acceptance run: 100 kills of each kind.
"""

import contextlib
import http.client
import os
import random
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from daemon_fixtures import daemon, lab  # noqa: F811, F401
from old_program import database, state_files
from ports import free_port
from rest_client import Rest
from test_backup import dump, zip_post
from test_import import imported
from test_restore_torture import limit, run

LONG = os.environ.get("PG_LONG") == "1"
KILLS = 100 if LONG else 6
MANY = 200


def dice():
    return random.Random(int(os.environ.get("PG_SEED", "1")))


def whole(path):
    with contextlib.closing(sqlite3.connect(path)) as db:
        return db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


def death(d, act, seconds):
    """Has `act` done beside the daemon, which dies after so many seconds; what act returned, None if it fell with it."""
    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(act)
        time.sleep(seconds)
        d.kill()
        try:
            return done.result(60)
        except (OSError, http.client.HTTPException):
            return None


def test_an_import_through_the_daemon(daemon, lab, tmp_path):  # noqa: F811
    """Whenever the daemon dies, all is taken or nothing; the next import makes it whole, and all are enabled."""
    sim = lab("--nodes", 1)
    names = [f"user{i:03}" for i in range(MANY)]
    sim.post("/users", {"users": [{"username": name} for name in names]})
    for name in names:
        sim.call("PATCH", f"/user/{name}", {"status": "disabled"})
    now = time.time()
    state_files(tmp_path, disabled={n: (now - 60, now + 36000) for n in names},
                violations={n: [(now - 3600, 1, 15)] for n in names})
    database(tmp_path / "pg_limiter.db", config={"general_limit": 4}, limits=[(n, 3) for n in names])
    d = daemon(sim)
    d.wait_log("users known", 20)
    began = time.monotonic()
    assert imported(d, tmp_path)["taken"] == 3 * MANY
    took = time.monotonic() - began
    rolls, before, after, answered = dice(), 0, 0, 0
    for _ in range(KILLS):
        d.stop() if d.running() else None
        with contextlib.closing(sqlite3.connect(d.db_file)) as db, db:
            for table in ("enforcements", "violations", "events", "settings", "special_limits"):
                db.execute(f"DELETE FROM {table}")
        d.start()
        d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 20)
        call = run(d, "import", tmp_path, "--yes")
        time.sleep(rolls.uniform(0.3 * took, 1.4 * took))
        d.kill()
        out, err = call.communicate(timeout=60)
        there = {t: d.sql(f"SELECT count(*) n FROM {t}")[0]["n"] for t in ("enforcements", "violations", "special_limits")}
        # A disabled user has a violation of his own beside that of the file.
        assert there in ({"enforcements": 0, "violations": 0, "special_limits": 0},
                         {"enforcements": MANY, "violations": 2 * MANY, "special_limits": MANY}), there
        assert whole(d.db_file)
        if there["enforcements"]:
            after += 1
        else:
            before += 1
        if call.returncode == 0 and not there["enforcements"]:
            # The daemon was dead before the command asked for it: it did it by itself, or not at all.
            raise AssertionError(("said to be done, and is not", out, err))
        answered += call.returncode == 0
        d.start()
        d.wait(d.answers, 20)
        d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 20)
        report = imported(d, tmp_path)
        assert report["taken"] == (0 if there["enforcements"] else 3 * MANY), report["detail"]
        assert len(d.rows()) == MANY and {r["state"] for r in d.rows()} == {"applied"}
    print(f"{KILLS} kills within {1.4 * took:.2f} s: {before} nothing taken, {after} all, {answered} answered")
    d.sql("UPDATE enforcements SET due_at = ? WHERE state = 'applied'", int(time.time() * 1000))
    d.stop()
    d.start()
    d.wait(lambda: {r["state"] for r in d.rows()} == {"restored"}, 60)
    assert {sim.user(n)["status"] for n in names} == {"active"}


@pytest.fixture
def two(lab, daemon, tmp_path, request):  # noqa: F811
    """A stopped daemon whose users may all use 3 devices, and a backup in which they may use 7."""
    sim = lab("--nodes", 1)
    sim.add_user("carol")
    port = free_port()
    d = daemon(sim, start=False, ENFORCEMENT="on", API_ENABLED="true", API_PORT=port,
               API_PASSWORD="secret-of-the-api")
    d.data_dir.mkdir(parents=True, exist_ok=True)
    d.cli("config", "show")
    many = getattr(request, "param", 5000)
    set_all(d, 7, many)
    d.cli("backup", tmp_path / "b.zip")
    set_all(d, 3, many)
    return sim, d, tmp_path / "b.zip", Rest(port)


def set_all(d, n, many=5000):
    with contextlib.closing(sqlite3.connect(d.db_file)) as db, db:
        db.execute("DELETE FROM special_limits")
        db.executemany("INSERT INTO special_limits(name, max_devices, updated_at, updated_by)"
                       " VALUES(?, ?, 0, 'test')", [(f"user{i:04}", n) for i in range(many)])
        db.execute("INSERT INTO special_limits(name, max_devices, updated_at, updated_by)"
                   " VALUES('carol', ?, 0, 'test')", (n,))


def state(d):
    """3 or 7; every row says the same, and the file is whole."""
    rows = d.sql("SELECT max_devices n, count(*) c FROM special_limits GROUP BY 1")
    assert len(rows) == 1 and rows[0]["c"] == 5001 and whole(d.db_file), rows
    assert limit(d) == rows[0]["n"]
    return rows[0]["n"]


def test_a_restore_without_a_daemon(two):
    """The dump is that of before, or that of a restore nobody killed."""
    _, d, backup, _ = two
    old = dump(d.db_file)
    began = time.monotonic()
    d.cli("restore", backup, "--yes")
    took = time.monotonic() - began
    new = dump(d.db_file)
    assert old != new
    rolls, counts = dice(), {"old": 0, "new": 0}
    for _ in range(KILLS):
        d.cli("config", "show")
        set_all(d, 3)
        call = run(d, "restore", backup, "--yes")
        time.sleep(rolls.uniform(0, 1.05 * took))
        call.kill()
        call.communicate()
        now = dump(d.db_file)
        counts["new" if state(d) == 7 else "old"] += 1
        assert now in (old, new), "neither of them"
        for kept in d.db_file.parent.glob("*.before-*"):
            kept.unlink()
    print(f"{KILLS} kills within {1.05 * took:.2f} s: {counts}")


def test_a_restore_through_the_daemon(two):
    """The daemon dies at any moment of a restore it was told over REST; it starts with one of the two states."""
    _, d, backup, rest = two
    zipped = backup.read_bytes()
    d.start()
    began = time.monotonic()
    assert zip_post(rest, "/restore?confirm=true", zipped)[0] == 200
    took = time.monotonic() - began
    d.wait(lambda: state(d) == 7, 5)
    d.wait(d.answers, 20)
    d.stop()
    rolls, counts = dice(), {"old": 0, "new": 0, "answered": 0}
    for _ in range(KILLS):
        set_all(d, 3)
        d.start()
        answer = death(d, lambda: zip_post(rest, "/restore?confirm=true", zipped), rolls.uniform(0, 1.2 * took))
        now = state(d)
        counts["new" if now == 7 else "old"] += 1
        if answer and answer[0] == 200:
            counts["answered"] += 1
            assert now == 7, "said to be restored, and is not"
        d.start()
        d.wait(lambda: d.get("/users/limits/carol")["limit"] == now, 20)
        d.stop()
        for kept in d.db_file.parent.glob("*.before-*"):
            kept.unlink()
    print(f"{KILLS} kills within {1.2 * took:.2f} s: {counts}")
