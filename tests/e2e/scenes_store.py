"""Scenes: the database is full, locked, not ours to write, or in use. No punishment without its row."""

import contextlib
import os
import pathlib
import sqlite3
import subprocess
import tempfile
import time

from daemon import Daemon, Sharer, Traffic, settings_for, warm_up
from scenes import SCENES
from simtelegram.server import in_thread


def puts(sim, user, text="true"):
    return [e for e in sim.journal(method="PUT", path=rf"by-id/{user}(/|$)") if text in e["body"]]


@contextlib.contextmanager
def small_disk(size):
    """A folder with a file system of its own; None where that is not permitted."""
    folder = tempfile.mkdtemp(prefix="pgdisk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "pg-limiter-test",
                           folder], capture_output=True)
    try:
        yield pathlib.Path(folder) if done.returncode == 0 else None
    finally:
        if done.returncode == 0:
            subprocess.run(["umount", "-l", folder], check=True)
        os.rmdir(folder)


def fill(path):
    """Takes all the space that is left."""
    with open(path, "wb", buffering=0) as f:
        with contextlib.suppress(OSError):
            while True:
                f.write(b"\0" * 65536)
        with contextlib.suppress(OSError):
            while True:
                f.write(b"\0" * 512)


@SCENES.long_scene
def a_full_disk(s):
    """Nobody is disabled while the journal cannot be written; who was disabled before is let back in."""
    disk = s.enter(small_disk("6m"))
    if disk is None:
        s.skip("no file system may be mounted here")
    sim = s.lab("--nodes", 1)
    early, later = sim.add_user("early"), sim.add_user("later")
    d = s.daemon(sim, DATA_DIR=disk, TIME_TO_ACTIVE_USERS=15, start=False)
    d.data_dir = disk
    d.start()
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("early")):
        d.wait_state("early", "applied", 25)
    fill(disk / "ballast")
    with Traffic(sim, Sharer("later")):
        line = d.wait_log("journal cannot be written", 30)
        assert "nobody is disabled" in line.text and ("full" in line.text or "disk" in line.text)
        # Due while the disk is full: enabled all the same.
        sim.wait(lambda: sim.user(early)["status"] == "active", 25)
        late = puts(sim, early, "false")[0]["wall"] - d.rows("early")[0]["due_at"] / 1000
        time.sleep(2)
        assert not puts(sim, later) and sim.user(later)["status"] == "active"
        assert len(d.logged("journal cannot be written")) == 1
        (disk / "ballast").unlink()
        d.wait_log("journal can be written again", 40)
        d.wait_state("later", "applied", 15)
    assert len(puts(sim, later)) == 1
    d.wait_state("early", "restored", 20)
    s.say(f"{line.text!r}; one was due meanwhile, enabled {late:.2f} s late")
    assert late <= 10
    d.stop()


@SCENES.scene
def a_locked_database(s):
    """Another process holds the write lock for a while."""
    sim = s.lab("--nodes", 1)
    user = sim.add_user("sharer")
    d = s.daemon(sim)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        d.wait_log("sharer: .*watched for", 10)
        with contextlib.closing(sqlite3.connect(d.db_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            line = d.wait_log("journal cannot be written", 30)
            assert "lock" in line.text or "busy" in line.text
            took = []
            for _ in range(5):
                began = time.monotonic()
                assert d.status()["running"]
                took.append(time.monotonic() - began)
            assert min(took) < 1, "the loop waits for the lock"
            assert not puts(sim, user)
            other.execute("ROLLBACK")
        d.wait_state("sharer", "applied", 20)
        d.wait_log("journal can be written again", 5)
    assert len(puts(sim, user)) == 1
    s.say(line.text)


@SCENES.scene
def two_on_one_directory(s):
    sim = s.lab("--nodes", 1)
    d = s.daemon(sim)
    d.wait_log("users known")
    second = Daemon(settings_for(sim, DATA_DIR=d.data_dir))
    s.stack.callback(second.close)
    second.data_dir = d.data_dir
    second.start(wait=False)
    assert second.ended(10) == 1
    assert "stop it first" in second.tail()
    assert d.status()["running"]
    assert len(sim.journal(path="/api/admin/token$")) == 1
    s.say(second.log[-1].text)
    # A socket left by one that was killed stands in nobody's way.
    d.kill()
    assert (d.data_dir / "run" / "control.sock").exists()
    d.start()
    assert d.status()["running"]


@SCENES.scene
def a_file_that_may_not_be_written(s):
    """As another user, on a directory of root: refused at the start, by name."""
    if os.geteuid() != 0:
        s.skip("needs root to become somebody else")
    d = s.daemon(PANEL_DOMAIN="http://127.0.0.1:9", PANEL_PASSWORD="hunter2-secret", start=False)
    d.start()
    d.stop()
    # Somebody else may read the folder and its files, but write none.
    for path in [d.folder, *d.folder.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)
    d.env_file.chmod(0o600)
    os.chown(d.env_file, 65534, 65534)

    def become_nobody():
        os.setgid(65534)
        os.setuid(65534)

    d.start(wait=False, preexec_fn=become_nobody)
    assert d.ended(10) == 1, d.tail()
    assert "pg-limiter.db" in d.log[-1].raw or "data" in d.log[-1].raw
    s.say(d.log[-1].text)


@SCENES.scene
def a_file_that_is_no_database(s):
    d = s.daemon(PANEL_DOMAIN="http://127.0.0.1:9", PANEL_PASSWORD="hunter2-secret", start=False)
    d.db_file.parent.mkdir(parents=True)
    d.db_file.write_bytes(b"this is no database " * 500)
    d.start(wait=False)
    assert d.ended(10) == 1
    assert "pg-limiter.db" in d.log[-1].raw
    assert d.db_file.read_bytes() == b"this is no database " * 500
    s.say(d.log[-1].text)


@SCENES.long_scene
def stopped_while_the_database_is_locked(s):
    """SIGTERM does not wait for a lock that nobody lets go: nothing is lost that matters."""
    sim = s.lab("--nodes", 1)
    sim.add_user("sharer")
    d = s.daemon(sim)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        d.wait_state("sharer", "applied", 25)
        with contextlib.closing(sqlite3.connect(d.db_file, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            sim.post("/nodes", {"name": "two"})
            # A dozen jobs wait behind the lock; they wait no second more together.
            d.wait(lambda: d.status()["store_waiting"] > 0, 20)
            for i in range(12):
                sim.call("PATCH", "/node/1", {"name": f"node one {i}"})
                time.sleep(0.5)
            took = d.stop(within=4)
            other.execute("ROLLBACK")
    s.say(f"stopped in {took:.1f} s")
    d.start()
    d.wait_state("sharer", "restored", 20)


@SCENES.long_scene
def another_panel_in_its_place(s):
    """The same ids, other people: nobody is touched until an operator says that it is right."""
    sim = s.lab("--nodes", 1, "--users", 20)
    sim.add_user("sharer")
    d = s.daemon(sim, TIME_TO_ACTIVE_USERS=12)
    sim.wait(sim.streams, 10)
    d.wait_log("users known")
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        d.wait_state("sharer", "applied", 25)
    d.stop()
    other = s.lab("--nodes", 1, "--users", 20)
    other.add_user("somebody", status="disabled")
    d.write_env(PANEL_DOMAIN=other.url, PANEL_TLS_PIN=other.pin)
    d.start()
    line = d.wait_log("ERROR +enforce .*rebuilt", 10)
    assert "config set enforcement" in line.text
    time.sleep(14)  # over the time at which the row is due
    assert not other.journal(method="PUT") and other.user("somebody")["status"] == "disabled"
    assert d.status()["paused"]
    d.kill()
    d.start()
    time.sleep(3)
    assert d.status()["paused"], "forgotten over a restart"
    assert not other.journal(method="PUT")
    d.cli("config", "set", "enforcement", "on")
    d.wait_state("sharer", "superseded", 10)
    assert d.rows("sharer")[0]["why"] == "the id belongs to another user now"
    assert other.user("somebody")["status"] == "disabled" and not other.journal(method="PUT")
    d.kill()
    since = len(d.log)
    d.start()
    d.wait_log("users known", since=since)
    time.sleep(2)
    assert not d.status()["paused"], "asked again what was confirmed"
    s.say(line.text)


@SCENES.scene
def stopped_while_everything_hangs(s):
    """A message to Telegram, a change in the panel, and a lock on the database: 5 s are enough."""
    sim = s.lab("--nodes", 1)
    tg = s.enter(in_thread())
    ali = tg.user("Ali")
    sim.add_user("one")
    d = s.daemon(sim, ADMIN_IDS=ali.id, **tg.settings)
    d.wait(lambda: d.status()["telegram"]["state"] == "ok" and d.status()["journal_compared"], 20)
    tg.fault("hang", "sendMessage", count=-1)
    sim.fault("hang", "/api/user*", method="PUT", count=-1)
    ali.say("/start")
    d.cli("admin", "add", 77, "viewer")
    d.wait(lambda: [c for c in tg.calls_of("sendMessage") if not c.ended], 5)
    with contextlib.closing(sqlite3.connect(d.db_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sim.post("/nodes", {"name": "two"})
        d.wait(lambda: d.status()["store_waiting"] > 0, 20)
        took = d.stop()
        other.execute("ROLLBACK")
    s.say(f"stopped in {took:.1f} s")
    tg.clear_faults()
    sim.clear_faults()
    d.start()
    d.wait(lambda: d.status()["telegram"]["state"] == "ok", 20)


