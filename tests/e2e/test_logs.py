"""The daemon's log files: what stands where, whatever others do to them, and what never stands there."""

import contextlib
import json
import os
import pathlib
import re
import secrets
import sqlite3
import subprocess
import time
import zipfile

from daemon import Daemon, Sharer, Traffic, program, settings_for, warm_up
from ports import free_port
from rest_client import Rest

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ")


def read(path):
    return path.read_text(errors="replace") if path.exists() else ""


def quiet(**more):
    """A daemon whose panel is away: it logs, and that is enough here."""
    return {"PANEL_DOMAIN": "http://127.0.0.1:1", "PANEL_PASSWORD": "secret-of-the-panel", **more}


def test_files_and_what_stands_in_them(daemon):
    port = free_port()
    d = daemon(**quiet(API_ENABLED="true", API_PORT=port, API_PASSWORD="the-api-password"))
    logs = d.data_dir / "logs"
    rest = Rest(port, password="the-api-password")
    assert rest.get("/status").status == 200
    assert rest.get("/status?token=query-secret").status == 422
    assert rest.get("/users/limits/no%0abody").status == 422
    assert Rest(port, password="wrong").get("/status").status == 401
    assert Rest(port, password=None).get("/healthz").status == 200
    d.wait(lambda: read(logs / "api.log").count("\n") == 5, 5, "five requests")
    lines = read(logs / "api.log").splitlines()
    assert re.search(r" INFO +api +127\.0\.0\.1 admin GET /status 200 \d+\.\d{3}ms [1-9]\d*$", lines[0])
    assert " WARNING api " in lines[1] and " GET /status 422 " in lines[1]
    assert " WARNING api " in lines[2] and "no%0abody" in lines[2]
    assert re.search(r"127\.0\.0\.1 - GET /status 401 ", lines[3])
    assert re.search(r"127\.0\.0\.1 - GET /healthz 200 ", lines[4])
    assert "query-secret" not in read(logs / "api.log")
    assert all(STAMP.match(line) for line in lines)
    d.wait(lambda: "the panel at http://127.0.0.1:1 does not answer" in read(logs / "limiter.log"))
    assert "api.log" not in d.tail() and " api  127" not in d.tail()
    assert {p.stat().st_mode & 0o777 for p in logs.iterdir()} == {0o640}
    d.stop()
    assert read(logs / "limiter.log").splitlines()[-1].endswith("stopped")


def test_json_and_level(daemon):
    port = free_port()
    d = daemon(**quiet(LOG_FORMAT="json", API_ENABLED="true", API_PORT=port, API_PASSWORD="pass-word-1",
                       LOG_DIR="", DATA_DIR=None), start=False)
    elsewhere = d.folder / "elsewhere" / "deep"
    d.write_env(DATA_DIR=d.data_dir, LOG_DIR=elsewhere)
    d.start()
    assert Rest(port, password="pass-word-1").get("/status").status == 200
    d.wait(lambda: read(elsewhere / "api.log"), 5, "a request")
    row = json.loads(read(elsewhere / "api.log").splitlines()[0])
    assert (row["who"], row["method"], row["path"], row["status"]) == ("admin", "GET", "/status", 200)

    def rows():
        return [json.loads(line) for line in read(elsewhere / "limiter.log").splitlines()]
    d.wait(lambda: {r["level"] for r in rows()} >= {"INFO", "WARNING"}, what="lines of both levels")
    assert not (d.data_dir / "logs").exists()
    assert d.call("PATCH", "/config", {"log_level": "error"})[0] == 200

    def errors():
        """Has it read its settings again, well and then badly, until the error stands in the file; how many do."""
        n = sum(r["level"] == "ERROR" for r in rows())
        d.write_env(GENERAL_LIMIT=None)
        d.reload()
        time.sleep(0.3)
        d.write_env(GENERAL_LIMIT="lots")
        d.wait(lambda: d.reload() or sum(r["level"] == "ERROR" for r in rows()) > n, step=0.5)
    errors()
    before = len(rows())
    errors()
    assert {r["level"] for r in rows()[before:]} == {"ERROR"}, "INFO lines under ERROR"


def test_what_others_do_to_them(daemon):
    d = daemon(**quiet())
    log = d.data_dir / "logs" / "limiter.log"

    def say():
        """Makes the daemon say something, and waits until it stands on the console."""
        n = len(d.log)
        d.reload()
        d.wait_log("read again from", 5, since=n)

    def says(path=log):
        say()
        d.wait(lambda: "read again from" in read(path), 3, f"a line in {path}")

    says()
    log.rename(log.with_suffix(".moved"))  # logrotate, create
    says()
    assert "read again" in read(log.with_suffix(".moved"))
    os.truncate(log, 0)  # logrotate, copytruncate
    says()
    assert "\0" not in read(log)
    log.unlink()
    says()
    # The whole folder, and something in its place.
    log.parent.rename(log.parent.with_name("gone"))
    log.parent.write_text("no folder\n")
    n = len(d.log)
    say()
    line = d.wait_log("limiter.log cannot be written", 5, since=n)
    assert line.level == "ERROR" and "Not a directory" in line.text
    for _ in range(3):
        say()
        time.sleep(0.4)
    assert len(d.logged("cannot be written", n)) == 1, "said once"
    log.parent.unlink()
    time.sleep(1.1)
    says()
    d.wait_log("is written again; [1-9]", 3, since=n)
    assert d.running()


def test_rotation_and_a_death_in_it(daemon):
    d = daemon(**quiet(), start=False)
    log = d.data_dir / "logs" / "limiter.log"
    d.start(environment={"PG_LOG_BYTES": "3000", "PG_FAULT": "log.rotate.moved:9"})
    with contextlib.suppress(OSError, ProcessLookupError):
        while d.running():
            d.reload()
            time.sleep(0.02)
    assert d.ended() == -9, "the fault point"
    console = [line.raw for line in d.log if STAMP.match(line.raw)]
    files = sorted(log.parent.glob("limiter.log*"))
    assert len(files) >= 3, files
    kept = {line for f in files for line in read(f).splitlines()}
    # Only what was said before the files were known, and what waited for the rotation, may be missing.
    missing = [i for i, line in enumerate(console) if line not in kept]
    first = next(i for i, line in enumerate(console) if line in kept)
    gone = [i for i in missing if i >= first]
    assert gone == list(range(len(console) - len(gone), len(console))), gone
    assert all(f.stat().st_size <= 3000 for f in files)
    d.start(environment={"PG_LOG_BYTES": "3000"})
    # Signals that come close together are one.
    d.wait(lambda: d.reload() or len(list(log.parent.glob("limiter.log.*"))) == 5, 60, "five old files", step=0.01)
    n = len(d.logged("read again"))
    d.wait(lambda: d.reload() or len(d.logged("read again")) > n + 40, 60, "another rotation", step=0.01)
    assert not (log.parent / "limiter.log.6").exists()


def test_a_slow_reader_of_the_console_keeps_nobody_waiting(daemon):
    d = daemon(**quiet(LOG_LEVEL="DEBUG"), start=False)
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PANEL_", "PG_"))}
    process = subprocess.Popen([program(), "run", "--env", str(d.env_file)], env=env,
                               stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    d.process = process  # nobody reads its standard error
    try:
        def answers():
            with contextlib.suppress(OSError):
                return d.get("/healthz")
        d.wait(answers, 15, "the control socket")
        log = d.data_dir / "logs" / "limiter.log"
        # Twice what the pipe holds.
        d.wait(lambda: process.send_signal(1) or log.stat().st_size > 130_000, 120, "the file goes on", step=0.005)
        took = []
        for _ in range(5):
            begun = time.monotonic()
            assert d.get("/healthz")
            took.append(time.monotonic() - begun)
        assert min(took) < 1, took
    finally:
        process.terminate()
        process.stderr.close()
        assert process.wait(60) == 0
        d.process = None


def test_journal(daemon):
    """Under systemd lines bear the journal's priorities, and no time of ours."""
    d = daemon(**quiet(), start=False)
    out = d.folder / "journal"
    with out.open("w") as file:
        st = os.fstat(file.fileno())
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PANEL_", "PG_"))}
        env["JOURNAL_STREAM"] = f"{st.st_dev}:{st.st_ino}"
        process = subprocess.Popen([program(), "run", "--env", str(d.env_file)], env=env,
                                   stdin=subprocess.DEVNULL, stderr=file)
    d.wait(lambda: "does not answer" in read(out), 10)
    process.terminate()
    assert process.wait(60) == 0
    lines = read(out).splitlines()
    assert all(re.match(r"<[3467]>[a-z]+: ", line) for line in lines), lines
    assert any(line.startswith("<4>panel: ") for line in lines)


# -- secrets ---------------------------------------------------------------------------------------

def everything_written(d, port, backup):
    """(name, bytes) of all that the daemon and the commands have written."""
    yield "console", "\n".join(line.raw for line in d.log).encode()
    for path in sorted(d.data_dir.rglob("*")):
        if path.is_file() and not path.name.endswith(("-wal", "-shm")):
            yield str(path), path.read_bytes()
    with contextlib.closing(sqlite3.connect(d.db_file)) as db:
        yield "dump", "\n".join(db.iterdump()).encode()
    with zipfile.ZipFile(backup) as z:
        for name in z.namelist():
            yield f"backup {name}", z.read(name)
    yield "metrics", str(Rest(port, password=d.settings["API_PASSWORD"]).get("/metrics")).encode()
    yield "cmdline", pathlib.Path(f"/proc/{d.process.pid}/cmdline").read_bytes()
    yield "config", json.dumps(d.get("/config")).encode()


def test_no_secret_anywhere(lab, daemon, telegram):
    sim = lab("--nodes", "1")
    sim.add_user("sharer")
    owner = telegram.user("Ali")
    port = free_port()
    mine = {"API_PASSWORD": secrets.token_hex(12), "WEBHOOK_SECRET": secrets.token_hex(12),
            "REDIS_PASSWORD": secrets.token_hex(12), "IPINFO_TOKEN": secrets.token_hex(12),
            "PANEL_API_KEY": None}
    base = settings_for(sim, LOG_LEVEL="DEBUG", API_ENABLED="true", API_PORT=port,
                        BOT_TOKEN=telegram.token, ADMIN_IDS=owner.id, TELEGRAM_API_URL=telegram.url,
                        REDIS_URL="redis://user:" + (redis := secrets.token_hex(12)) + "@127.0.0.1:1/0",
                        **mine)
    d = daemon(**base)
    wanted = {base["PANEL_PASSWORD"], telegram.token, telegram.token.partition(":")[2], redis,
              *(v for v in mine.values() if v)}
    d.wait_log("users known", 15)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        d.wait_state("sharer", "applied", 60)
    owner.chat.wait("sharer", 10)
    d.wait(lambda: read(d.data_dir / "logs" / "telegram.log"), 5, "a line of the bot")
    Rest(port, password=mine["API_PASSWORD"]).get("/status?password=" + mine["API_PASSWORD"])
    Rest(port, password="wrong").get("/" + mine["API_PASSWORD"])
    d.call("PATCH", "/config", {"ipinfo_token": "token-" + mine["IPINFO_TOKEN"]})
    d.cli("doctor", check=False)
    backup = d.folder / "backup.zip"
    d.cli("backup", backup)
    begun = len(d.log)
    d.cli("restore", backup, "--yes")
    d.wait_log("listening on", 15, since=begun)
    begun = len(d.log)
    d.reload()
    d.wait_log("read again", 10, since=begun)
    time.sleep(0.5)
    # The database (and its copy beside it) may hold what an operator set by command; nothing else may.
    for name, content in everything_written(d, port, backup):
        for secret in wanted:
            if secret == mine["IPINFO_TOKEN"] and (name == "dump" or ".db" in name):
                continue
            assert secret.encode() not in content, f"{name} holds {secret[:3]}…"
