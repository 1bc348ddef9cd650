"""Restores that meet each other, a daemon that starts, a terminal, the bounds, and a disk that is full."""

import contextlib
import fcntl
import http.client
import json
import os
import random
import resource
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from daemon import program
from daemon_fixtures import daemon, lab  # noqa: F811, F401
from old_program import backup_zip, database, state_files
from ports import free_port
from rest_client import Rest
from scenes_store import fill, small_disk
from test_backup import dump, zip_post
from test_import_torture import on_terminal

PHRASE = "correct horse battery"


@pytest.fixture
def place(lab, daemon, tmp_path):  # noqa: F811
    """A daemon that does not run, and a backup in which carol may use 7 devices and the database says 3."""
    sim = lab("--nodes", 1)
    for name in ("alice", "carol"):
        sim.add_user(name)
    port = free_port()
    d = daemon(sim, start=False, ENFORCEMENT="on", API_ENABLED="true", API_PORT=port,
               API_PASSWORD="secret-of-the-api")
    d.data_dir.mkdir(parents=True, exist_ok=True)
    d.cli("user", "add", "carol", "7")
    d.cli("config", "set", "ipinfo_token", "token-that-is-secret")
    d.cli("backup", tmp_path / "b.zip")
    d.cli("user", "add", "carol", "3")
    return sim, d, tmp_path / "b.zip", Rest(port)


def limit(d):
    return d.sql("SELECT max_devices FROM special_limits WHERE name='carol'")[0]["max_devices"]


def known(d):
    """Carol's limit as the daemon has it; None while it begins anew."""
    try:
        return d.call("GET", "/users/limits/carol")[1].get("limit")
    except (OSError, http.client.HTTPException):
        return None


def run(d, *arguments):
    return subprocess.Popen([program(), *map(str, arguments), "--env", str(d.env_file)], text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def ready(d):
    """Runs, and speaks with the panel; it may be just beginning anew."""
    def up():
        try:
            return d.status()["panel"]["up"]
        except (OSError, http.client.HTTPException, AssertionError):
            assert d.running(), d.tail()
            return False
    d.wait(up)


def test_a_passphrase_on_a_terminal(place):
    _, d, _, _ = place
    target = d.folder / "s.zip"
    said, code = on_terminal(d, [("Passphrase:", PHRASE), ("The same again:", "something else")],
                             "backup", "--secrets", target)
    assert code == 1 and "not the same" in said and not target.exists(), said
    said, code = on_terminal(d, [("Passphrase:", "short"), ("The same again:", "short")], "backup", "--secrets", target)
    assert code == 2 and "8 to" in said, said
    said, code = on_terminal(d, [("Passphrase:", PHRASE), ("The same again:", PHRASE)],
                             "backup", "--secrets", target)
    assert code == 0 and target.exists() and PHRASE not in said, said
    d.cli("config", "reset", "ipinfo_token")
    said, code = on_terminal(d, [("Passphrase:", "another passphrase")], "restore", "--secrets", target)
    assert code == 1 and "passphrase" in said and limit(d) == 3, said
    said, code = on_terminal(d, [("Passphrase:", PHRASE), ("database of now?", "n")], "restore", "--secrets",
                             target)
    assert code == 1 and limit(d) == 3, said
    said, code = on_terminal(d, [("Passphrase:", PHRASE), ("database of now?", "y")], "restore", "--secrets",
                             target)
    assert code == 0 and PHRASE not in said, said
    assert d.sql("SELECT value FROM settings WHERE key='ipinfo_token'")[0]["value"] == "token-that-is-secret"
    # Ctrl-C ends it, and the terminal shows again what is typed.
    said, code = on_terminal(d, [("Passphrase:", chr(3))], "restore", "--secrets", target)
    assert code == -signal.SIGINT, (said, code)
    # Where there is no terminal, it says how else.
    no = subprocess.run([program(), "restore", "--secrets", target, "--env", d.env_file], text=True,
                        stdin=subprocess.DEVNULL, capture_output=True, start_new_session=True, timeout=30)
    assert no.returncode == 2 and "--passphrase-file" in no.stderr, no


def test_a_backup_of_the_old_program_is_offered_to_import(place):
    """On a terminal; what it would take is shown first, and a no leaves everything as it is."""
    sim, d, _, _ = place
    sim.call("PATCH", "/user/alice", {"status": "disabled"})
    old = d.folder / "old"
    database(old / "pg_limiter.db", limits=[("carol", 9), ("alice", 4)])
    state_files(old, disabled={"alice": (time.time() - 60, time.time() + 900)})
    zipped = backup_zip(d.folder / "old.zip", old)
    for arguments in ((), ("--yes",), ("--json",)):
        no = d.cli("restore", zipped, *arguments, check=False)
        assert no.returncode == 1 and "`pg-limiter import FILE`" in no.stderr, no
    said, code = on_terminal(d, [("Import this?", "n")], "restore", zipped)
    assert code == 1 and "backup of the Python PG-Limiter" in said and "alice" in said, said
    assert not d.rows() and not d.sql("SELECT * FROM special_limits WHERE name='alice'")
    said, code = on_terminal(d, [("Import this?", "y")], "restore", zipped)
    assert code == 0, said
    assert d.state("alice") == "applied" and limit(d) == 3, "what is set here stays"
    assert d.sql("SELECT max_devices n FROM special_limits WHERE name='alice'")[0]["n"] == 4


def test_sizes_at_the_bounds(place):
    """Of 64 MiB it is read and found to be no zip; of one byte more it is refused for its size."""
    _, d, _, rest = place
    d.start()
    ready(d)
    most = 64 << 20
    (d.folder / "most").write_bytes(b"PK" + bytes(most - 2))
    (d.folder / "more").write_bytes(b"PK" + bytes(most - 1))
    for name, word in (("most", "zip"), ("more", "64 MiB")):
        no = d.cli("restore", d.folder / name, "--yes", check=False)
        assert no.returncode == 1 and word in no.stderr, no
        assert (name == "more") == ("64 MiB" in no.stderr)
    assert zip_post(rest, "/restore?confirm=true", (d.folder / "most").read_bytes())[0] == 422
    with contextlib.closing(rest.connect()) as conn:
        with contextlib.suppress(ConnectionError):
            conn.request("POST", "/restore", (d.folder / "more").read_bytes(),
                         {**rest.headers(), "Content-Type": "application/zip"})
        assert conn.getresponse().status == 413
    assert limit(d) == 3


def test_a_daemon_and_a_restore_never_at_once(place):
    """Whoever begins first has the folder; the daemon waits for the restore, the restore gives way."""
    _, d, backup, _ = place
    lock = d.data_dir / "run" / "lock"
    lock.parent.mkdir(exist_ok=True)
    with lock.open("w") as f:
        fcntl.lockf(f, fcntl.LOCK_EX)
        f.write("4242 restore\n")
        f.flush()
        d.start(wait=False)
        d.wait_log(r"waiting: a restore is at work in .*process 4242", 10)
        for command in ("restore", "import"):
            path = backup
            if command == "import":
                path = d.folder / "old.json"
                path.write_text(json.dumps({"disable_user": ["nobody"]}))
            no = d.cli(command, path, "--yes", check=False)
            assert no.returncode == 1 and "is at work" in no.stderr and "nothing was changed" in no.stderr, no
        time.sleep(0.5)
        assert d.running() and not d.answers()
    ready(d)
    # A daemon that runs, and whose socket is not found: nothing is restored behind its back.
    socket = d.data_dir / "run" / "control.sock"
    socket.rename(d.folder / "sock")
    no = d.cli("restore", backup, "--yes", check=False)
    assert no.returncode == 1 and "a daemon has been started" in no.stderr and limit(d) == 3, no
    # By force, as by a program that knows no lock: noticed, and everything begins anew.
    lock.unlink()
    at = len(d.log)
    d.cli("restore", backup, "--yes")
    took = d.within(lambda: (known(d), d.logged("everything starts anew", at))[1], 4, "it is noticed")
    print(f"noticed {took:.2f} s after the restore")
    d.wait(lambda: known(d) == 7, 20)


def test_starting_in_the_middle_of_a_restore(place):
    """At whatever moment the daemon starts, what it knows is what the database holds, and it restarts never."""
    _, d, backup, _ = place
    dice, restored, refused, waited = random.Random(5), 0, 0, 0
    for _ in range(12):
        at = len(d.log)
        restore = run(d, "restore", backup, "--yes")
        time.sleep(dice.uniform(0, 0.35))
        d.start(wait=False)
        out, err = restore.communicate(timeout=60)
        ready(d)
        d.wait_log("users known", 20, since=at)
        if restore.returncode == 0:
            restored += 1
            assert limit(d) == 7
        else:
            refused += 1
            assert "a daemon has been started" in err, (out, err)
            assert limit(d) == 3
        d.wait(lambda: known(d) == limit(d), 5)
        waited += bool([line for line in d.log[at:] if "waiting: a restore" in line.text])
        d.stop()
        d.cli("user", "add", "carol", "3")
    print(f"{restored} restored (of them by the daemon or before it), {refused} gave way, the daemon waited {waited} times")
    assert restored + refused == 12


def test_two_restores_at_once(place):
    """Over REST and by the command line: the state is that of the backup, and whoever was refused is told so."""
    _, d, backup, rest = place
    zipped = backup.read_bytes()
    many = [run(d, "restore", backup, "--yes") for _ in range(4)]
    codes = []
    for one in many:
        _, err = one.communicate(timeout=60)
        codes.append(one.returncode)
        assert one.returncode == 0 or "a restore is at work" in err, err
    assert 0 in codes and limit(d) == 7
    d.cli("user", "add", "carol", "3")
    d.start()
    ready(d)
    at = len(d.log)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: zip_post(rest, "/restore?confirm=true", zipped), range(4)))
    good = [a for a in answers if a[0] == 200]
    print(codes, [a[0] for a in answers])
    assert len(good) >= 1 and {a[0] for a in answers} <= {200, 503}, answers
    d.wait_log("everything starts anew", 10, since=at)
    d.wait(lambda: known(d) == 7, 20)
    assert limit(d) == 7 and d.get("/healthz")


def test_stopped_while_restores_are_looked_at(place):
    """What the worker has just read wants the database, which has been closed: refused, and nothing is touched."""
    _, d, backup, rest = place
    zipped = backup.read_bytes()

    def one(_):
        with contextlib.suppress(OSError, http.client.HTTPException, ValueError):  # it ends in the midst of it
            zip_post(rest, "/restore?confirm=true", zipped)

    for wait in (0.01, 0.05, 0.1, 0.2):
        d.start()
        with ThreadPoolExecutor(4) as pool:
            asked = [pool.submit(one, i) for i in range(4)]
            time.sleep(wait)
            d.stop()
            for a in asked:
                a.result()
        d.check_log()
        assert limit(d) in (3, 7)


def test_a_full_disk_at_each_step(place):
    """With so and so much room left: restored, or refused and everything as before; never in between."""
    _, d, backup, _ = place
    with small_disk("12m") as disk:
        if disk is None:
            pytest.skip("no file system may be mounted here")
        d.write_env(DATA_DIR=disk)
        d.data_dir = disk
        d.cli("user", "add", "carol", "3")
        before, outcome = dump(d.db_file), []
        for left in (0, 4, 16, 64, 128, 192, 256, 320, 384, 448, 512, 640, 768, 1024, 2048):
            fill(disk / "ballast")
            size = max(0, (disk / "ballast").stat().st_size - left * 1024)
            os.truncate(disk / "ballast", size)
            done = d.cli("restore", backup, "--yes", check=False)
            (disk / "ballast").unlink()
            outcome.append((left, done.returncode))
            if done.returncode:
                assert "full" in done.stderr or "space" in done.stderr or "disk" in done.stderr, done
                assert dump(d.db_file) == before, left
                assert not list((disk / "data").glob("*.before-*")), "no half copy is left"
                assert limit(d) == 3
            else:
                assert limit(d) == 7
                for kept in (disk / "data").glob("*.before-*"):
                    kept.unlink()
                d.cli("user", "add", "carol", "3")
                before = dump(d.db_file)
        print(outcome)
        assert {code for _, code in outcome} == {0, 1}


@pytest.mark.parametrize("most", [4096, 65536, 200_000])
def test_files_that_may_not_grow(place, most):
    """Under `ulimit -f` a command says what could not be written, and leaves everything as it was."""
    _, d, backup, _ = place
    before = dump(d.db_file)
    (d.folder / "old.json").write_text(json.dumps({"limits": {"special": {f"user{i}": 3 for i in range(3000)}}}))

    def bound():
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))

    for arguments in (("backup", d.folder / "new.zip"), ("restore", backup, "--yes"),
                      ("import", d.folder / "old.json", "--yes")):
        done = subprocess.run([program(), *map(str, arguments), "--env", d.env_file], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, capture_output=True, preexec_fn=bound)
        assert done.returncode in (0, 1), (arguments, done)
        if done.returncode == 0:
            assert most > 4096, (arguments, done)
            assert arguments[0] == "backup"
            (d.folder / "new.zip").unlink()
        else:
            assert done.stderr.strip() and not (d.folder / "new.zip").exists(), (arguments, done)
        assert dump(d.db_file) == before, arguments
