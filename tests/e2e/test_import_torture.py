"""An import that is killed, kept waiting, or asked about: the next one completes it, and nobody is forgotten."""

import contextlib
import json
import os
import pty
import select
import signal
import sqlite3
import stat
import subprocess
import time

import pytest
from daemon import Sharer, Traffic, built_with, program, warm_up
from daemon_fixtures import daemon, lab  # noqa: F811, F401
from old_program import database, state_files
from scenes_store import fill, small_disk
from test_import import dump, imported, rows, settings

OFF = ("off", "moved", "late")


def old_folder(folder, now, home=(1,)):
    database(folder / "pg_limiter.db", config={"general_limit": 3, "disable_method": '"group"'},
             users=[{"username": "alice", "special_limit": 5}, {"username": "bob", "is_excepted": 1}],
             patterns=[("prefix", "vip_", 4)])
    state_files(folder, disabled={"off": (now - 60, now + 900), "moved": (now - 60, now - 5),
                                  "late": (now - 900, now - 300)}, groups={"moved": list(home)},
                violations={"alice": [(now - 3600, 1, 15)]})


@pytest.fixture
def place(lab, daemon, tmp_path, request):  # noqa: F811
    sim = lab("--nodes", 1, *getattr(request, "param", ()))
    for name in ("alice", "bob", *OFF):
        sim.add_user(name)
    home = sim.user("moved")["group_ids"]
    pen = sim.post("/groups", {"name": "pen", "inbound_tags": []})["id"]
    for name in OFF:
        sim.call("PATCH", f"/user/{name}", {"status": "disabled"})
    sim.call("PATCH", "/user/moved", {"group_ids": [pen]})
    d = daemon(sim, start=False)
    d.data_dir.mkdir(parents=True, exist_ok=True)
    old_folder(tmp_path, time.time(), home)
    return sim, d, tmp_path, home


def by_name(d):
    return {r["name"]: r["state"] for r in d.rows()}


def plain(state):
    """Without the times of writing."""
    drop = ("updated_at", "added_at", "intended_at")
    return {t: [{k: v for k, v in r.items() if k not in drop} for r in state[t]]
            for t in state if t != "events"}


def run_import(d, folder, fault):
    return subprocess.run([program(), "import", folder, "--yes", "--env", d.env_file], timeout=180,
                          capture_output=True, text=True, env={**os.environ, "PG_FAULT": fault})


def test_killed_at_every_step(place):
    sim, d, folder, home = place
    if not built_with("PG_FAULT"):
        pytest.skip("a build without fault points")
    d.cli("config", "show")
    empty = plain(dump(d))
    died = 0
    for point in ("db.before_commit", "db.after_commit", "owner.durable.before_commit",
                  "owner.durable.after_commit"):
        for count in (1, 2, 3):
            done = run_import(d, folder, f"{point}:{count}")
            if done.returncode == 0:
                break  # so often it is not passed
            died += 1
            assert done.returncode == -9, done
            state = plain(dump(d))
            assert state == empty or by_name(d) == {n: "applied" for n in OFF}, "nothing, or all"
            again = imported(d, folder)
            assert {r["result"] for r in rows(again, "disabled").values()} <= {"taken", "changed", "same"}
            whole = plain(dump(d))
            assert by_name(d) == {n: "applied" for n in OFF} and len(d.rows()) == 3
            assert d.sql("SELECT count(*) n FROM special_limits")[0]["n"] == 1
            state = dump(d)
            imported(d, folder)
            assert dump(d) == state and plain(state) == whole, "the third changes nothing"
            with contextlib.closing(sqlite3.connect(d.db_file)) as db, db:
                for table in ("enforcements", "violations", "events", "settings", "special_limits",
                              "exceptions", "limit_patterns", "admins"):
                    db.execute(f"DELETE FROM {table}")
    assert died >= 2
    print(f"{died} imports killed")
    # Between the groups that are given back and the enabling of one who was moved and disabled.
    imported(d, folder)
    for fault in ("journal.regroup.answered", "journal.enable.answered", "journal.restoring.committed"):
        d.start(wait=False, environment={"PG_FAULT": fault})
        assert d.ended(20) == -9, d.tail()
        if fault == "journal.regroup.answered":
            assert sim.user("moved")["group_ids"] == home and sim.user("moved")["status"] == "disabled"
            # Before that it has to be ours still: the import in between neither doubles nor ends the row.
            again = imported(d, folder)
            assert {n: r["result"] for n, r in rows(again, "disabled").items()}["moved"] in ("same", "left")
            assert len(d.rows("moved")) == 1
    d.start()
    for name in ("moved", "late"):
        d.wait_state(name, "restored", 20)
        assert sim.user(name)["status"] == "active" and len(d.rows(name)) == 1
    assert sim.user("moved")["group_ids"] == home
    assert d.state("off") == "applied" and sim.user("off")["status"] == "disabled"
    state = dump(d)
    assert imported(d, folder)["taken"] == 0
    assert [r for r in dump(d)["enforcements"]] == state["enforcements"]


def test_our_database_is_locked(place):
    sim, d, folder, _ = place
    d.cli("config", "show")
    with contextlib.closing(sqlite3.connect(d.db_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        no = d.cli("import", folder, "--yes", check=False)
        took = time.monotonic() - began
        other.execute("ROLLBACK")
    assert no.returncode == 1 and ("lock" in no.stderr or "busy" in no.stderr), no
    assert took > 4, took  # it waits, and gives up
    assert not any(dump(d).values())
    assert imported(d, folder)["taken"] >= 5


@pytest.mark.parametrize("place", [("--version", "4")], indirect=True)
def test_a_panel_of_version_4(place):
    sim, d, folder, home = place
    report = imported(d, folder)
    assert {n: r["result"] for n, r in rows(report, "disabled").items()} == {n: "taken" for n in OFF}
    d.start()
    for name in ("moved", "late"):
        d.wait_state(name, "restored", 20)
        assert sim.user(name)["status"] == "active"
    assert sim.user("moved")["group_ids"] == home and sim.user("off")["status"] == "disabled"


def on_terminal(d, answers, *arguments):
    """Runs a command on a terminal, answering each question in turn; returns all it said and its code."""
    pid, fd = pty.fork()
    if pid == 0:
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # a job in the background ignores it
        os.execv(program(), [str(program()), *map(str, arguments), "--env", str(d.env_file)])
    said, left, end = b"", list(answers), time.monotonic() + 120
    while time.monotonic() < end:
        if not select.select([fd], [], [], 0.5)[0]:
            continue
        try:
            part = os.read(fd, 65536)
        except OSError:
            break
        if not part:
            break
        said += part
        if left and left[0][0].encode() in said:
            question, reply = left.pop(0)
            said = said.replace(question.encode(), b"(asked)", 1)
            os.write(fd, reply.encode() + b"\n")
    os.close(fd)
    return said.decode(errors="replace"), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_limit_that_would_cut_many_is_asked_about(place):
    """Through REST it is 409 confirm_needed, on a terminal a question; in either case nothing is imported."""
    sim, d, folder, _ = place
    names = [f"many{i}" for i in range(12)]
    for name in names:
        sim.add_user(name)
    d.start()
    d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)
    d.cli("config", "set", "general_limit", "2")
    warm_up(d, sim)
    with Traffic(sim, *(Sharer(name, n=2, every=0.5) for name in names)):
        d.wait(lambda: sum(u["devices"] >= 2 for u in d.get("/users/active?limit=50")["data"]) >= 12, 60)
    # What a user had at once is remembered for a day: the question needs no more traffic.
    new = folder / "one"
    database(new / "pg_limiter.db", config={"general_limit": 1}, users=[{"username": "alice", "special_limit": 7}])
    body = {"settings": {"general_limit": {"value": "1", "where": "db"}}, "limits": {"alice": 7}}
    status, told = d.call("POST", "/import?overwrite=true", body)
    assert status == 409 and told["code"] == "confirm_needed" and "over their limit" in told["detail"], told
    assert not d.sql("SELECT * FROM special_limits"), "all of it waits for the answer"
    said, code = on_terminal(d, [("Import this?", "y"), ("all the same", "n")], "import", new, "--overwrite")
    assert code == 1 and "over their limit" in said, (code, said)
    assert not d.sql("SELECT * FROM special_limits")
    no = d.cli("import", new, "--overwrite", check=False)
    assert no.returncode != 0 and "--yes" in no.stderr, no
    said, code = on_terminal(d, [("Import this?", "y"), ("all the same", "y")], "import", new, "--overwrite")
    assert code == 0, (code, said)
    assert d.sql("SELECT max_devices FROM special_limits")[0]["max_devices"] == 7
    d.cli("config", "set", "general_limit", "2")
    assert d.call("POST", "/import?overwrite=true&confirm=true", body)[0] == 200
    d.cli("config", "set", "general_limit", "2")
    assert settings(imported(d, new, "--overwrite"))["general_limit"]["result"] == "taken", "--yes says yes to all"


DOCKER = r"""#!/bin/sh
# What docker 24 says and does, for `docker cp NAME:PATH TO` only.
echo "$@" >> "{log}"
[ "$1" = cp ] || {{ echo "docker: '$1' is not a docker command." >&2; exit 1; }}
name=${{2%%:*}} path=${{2#*:}}
case $name in
old|stopped) ;;
gone) echo "Error response from daemon: No such container: $name" >&2; exit 1;;
deaf) echo "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?" >&2
      exit 1;;
torn) case $path in *.disable_users.json) echo "Error response from daemon: unexpected EOF" >&2; exit 1;; esac;;
mute) case $path in *.disable_users.json) kill -9 $$;; esac;;
empty) path=/none$path;;
esac
[ -e "{folder}$path" ] || {{
  echo "Error response from daemon: Could not find the file $path in container $name" >&2; exit 1; }}
cp -r "{folder}$path" "$3"
"""


def test_every_state_of_a_container(place):
    sim, d, folder, _ = place
    now = time.time()
    d.cli("config", "show")
    image = folder / "container"
    state_files(image / "app", disabled={"off": (now - 60, now + 900)})
    database(image / "var/lib/pg-limiter/data/pg_limiter.db", config={"general_limit": 6})
    fake = folder / "bin" / "docker"
    fake.parent.mkdir()
    fake.write_text(DOCKER.format(folder=image, log=folder / "calls"))
    fake.chmod(fake.stat().st_mode | stat.S_IXUSR)
    environment = {**os.environ, "PATH": f"{fake.parent}:{os.environ['PATH']}", "TMPDIR": str(folder / "tmp")}
    (folder / "tmp").mkdir()

    def call(name, *more):
        return subprocess.run([program(), "import", "--docker", name, *more, "--env", d.env_file], timeout=60,
                              capture_output=True, text=True, env=environment)

    for name, words in (("gone", "No such container: gone"), ("deaf", "Cannot connect to the Docker daemon"),
                        ("torn", "unexpected EOF"), ("mute", "no reason"),
                        ("empty", "none of the old program's files")):
        no = call(name, "--yes")
        assert no.returncode == 1 and words in no.stderr, no
        assert not any(dump(d).values()), name
        assert not list((folder / "tmp").iterdir()), "no copies are left"
    # One that was stopped is read as one that runs; nothing but copying is asked for.
    dry = call("stopped", "--dry-run", "--json")
    assert rows(json.loads(dry.stdout), "disabled")["off"]["result"] == "taken", dry
    done = call("stopped", "--yes", "--json")
    assert settings(json.loads(done.stdout))["general_limit"]["new"] == "6", done
    assert {line.split()[0] for line in (folder / "calls").read_text().splitlines()} == {"cp"}
    assert by_name(d) == {"off": "applied"}
    # The way out where only the container is left: from a folder.
    assert rows(imported(d, image), "disabled")["off"]["result"] == "same"


def begun(d, seconds=60):
    """Whether the daemon lives and has compared its journal; it may die of its fault point before."""
    end = time.monotonic() + seconds
    while d.running() and time.monotonic() < end:
        with contextlib.suppress(OSError, AssertionError):
            if d.status()["journal_compared"]:
                return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize("fault", ["db.after_commit:6", "db.before_commit:8", "owner.durable.before_commit:1",
                                   "owner.durable.after_commit:1", "owner.durable.after_commit:2"])
def test_the_daemon_dies_while_it_imports(place, fault):
    """By the control socket all is taken or nothing, and the next import makes it whole."""
    sim, d, folder, home = place
    if not built_with("PG_FAULT"):
        pytest.skip("a build without fault points")
    d.start()
    d.stop()  # whatever is written once only was written
    d.start(wait=False, environment={"PG_FAULT": fault})
    if begun(d):
        run_import(d, folder, "")
        d.wait(lambda: not d.running(), 10, "its death")
    assert d.ended() == -9
    assert set(by_name(d)) in (set(), set(OFF)), "nothing, or all"
    d.start()
    assert begun(d)
    for _ in range(2):
        done = run_import(d, folder, "")
        assert done.returncode == 0, done
    for name in ("moved", "late"):
        d.wait_state(name, "restored", 20)
        assert sim.user(name)["status"] == "active"
    assert sim.user("moved")["group_ids"] == home
    assert d.state("off") == "applied" and len(d.rows()) == 3


@pytest.mark.parametrize("runs", [False, True], ids=["without a daemon", "through the daemon"])
def test_the_disk_is_full(place, runs):
    sim, d, folder, _ = place
    with small_disk("3m") as disk, contextlib.ExitStack() as stack:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        d.data_dir = disk
        d.write_env(DATA_DIR=disk)
        d.start()
        stack.callback(d.kill)  # before the disk goes
        assert begun(d)
        if not runs:
            d.stop()
        fill(disk / "ballast")
        no = run_import(d, folder, "")
        assert no.returncode == 1 and "free some space" in no.stderr, no
        os.unlink(disk / "ballast")
        assert by_name(d) == {}
        if not runs:
            d.start()
            assert begun(d)
        d.wait(lambda: run_import(d, folder, "").returncode == 0, 30, "an import once there is room", step=1)
        for name in ("moved", "late"):
            d.wait_state(name, "restored", 20)
        assert len(d.rows()) == 3
