"""`pg-limiter` as the manager of its service, against stand-ins of systemctl, docker, dpkg and the editor."""

import contextlib
import functools
import hashlib
import http.server
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from daemon import ROOT, TROUBLE, Daemon, built_with, program
from terminal import talk

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, as the commands do")

# A systemd that knows one unit: state in a file, and the daemon really started where the test wants it.
SYSTEMCTL = r"""#!/bin/bash
echo "systemctl $*" >> "$FAKE/calls"
case "$1" in
cat) cat "$FAKE/unit" ;;
is-active) cat "$FAKE/state"; [ "$(cat "$FAKE/state")" = active ] ;;
show) echo "$FAKE/pg-limiter.service" ;;
start|restart)
    if [ -e "$FAKE/refuse" ]; then echo "Job for pg-limiter.service failed." >&2; exit 1; fi
    if [ -e "$FAKE/check" ] && ! "$(cat "$FAKE/check")" version >/dev/null; then
        echo failed > "$FAKE/state"; exit 1; fi
    echo active > "$FAKE/state" ;;
stop) echo inactive > "$FAKE/state" ;;
reload) [ ! -e "$FAKE/pid" ] || kill -HUP "$(cat "$FAKE/pid")" ;;
esac
"""
DOCKER = r"""#!/bin/bash
echo "docker $*" >> "$FAKE/calls"
[ "$COMPOSE_DISABLE_ENV_FILE" = 1 ] || { echo "compose would read our .env" >&2; exit 1; }
[ "$*" = "compose version" ] && { [ ! -e "$FAKE/no-plugin" ]; exit; }
case "$4" in
ps) [ ! -e "$FAKE/up" ] || echo limiter ;;
up) [ ! -e "$FAKE/refuse" ] && touch "$FAKE/up" ;;
stop|down) rm -f "$FAKE/up" ;;
pull) [ ! -e "$FAKE/no-image" ] ;;
esac
"""


class Machine:
    """A machine with stand-ins in PATH and a .env; `run` is a person at its shell."""

    def __init__(self, folder, d):
        self.fake = folder / "fake"
        self.bin = folder / "fakebin"
        self.d = d
        self.env_file = d.env_file
        for place in (self.fake, self.bin):
            place.mkdir()
        self.tool("systemctl", SYSTEMCTL)
        self.tool("docker", DOCKER)
        self.tool("dpkg", "#!/bin/bash\n[ -e \"$FAKE/packaged\" ]\n")
        self.tool("apt-get", "#!/bin/bash\necho \"apt-get $*\" >> \"$FAKE/calls\"\n")
        self.tool("journalctl", "#!/bin/bash\necho \"journalctl $*\" >> \"$FAKE/calls\"; echo from the journal\n")
        self.state("inactive")
        self.unit()

    def tool(self, name, text):
        path = self.bin / name
        path.write_text(text)
        path.chmod(0o755)

    def unit(self, there=True, runs="/usr/bin/pg-limiter run"):
        (self.fake / "unit").write_text(f"[Service]\nExecStart={runs}\n") if there else (self.fake / "unit").unlink()

    def compose(self, ours=True):
        text = (ROOT / "docker-compose.yml").read_text()
        (self.env_file.parent / "docker-compose.yml").write_text(
            text if ours else text.replace("\nx-pg-limiter: 1\n", "\n"))

    def state(self, word=None):
        if word:
            (self.fake / "state").write_text(word + "\n")
        return (self.fake / "state").read_text().strip()

    def calls(self):
        path = self.fake / "calls"
        text = path.read_text() if path.exists() else ""
        path.write_text("")
        return [c for c in text.splitlines() if not re.search(r" (cat|is-active) |compose .* ps |compose version", c)]

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("PANEL_", "PG_")) and k not in ("EDITOR", "VISUAL")}
        return env | {"PATH": f"{self.bin}:{env['PATH']}", "FAKE": str(self.fake),
                      "ASAN_OPTIONS": "detect_leaks=1"} | more

    def run(self, *words, code=0, exe=None, **more):
        done = subprocess.run([str(exe or program()), *map(str, words), "--env", str(self.env_file)],
                              env=self.environment(**more), stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=180)
        assert not TROUBLE.search(done.stderr), done.stderr
        assert done.returncode == code, (words, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def ask(self, *words, answers, exe=None, code=0, **more):
        """The same on a terminal, with answers to its questions: (pattern, what is typed)."""
        exe = str(exe or program())
        status, said = talk([exe, *map(str, words), "--env", str(self.env_file)], answers,
                            self.environment(**more))
        assert status == code, (status, said)
        assert not TROUBLE.search(said), said
        return said


@pytest.fixture
def machine(daemon, tmp_path):
    return Machine(tmp_path, daemon(PANEL_DOMAIN="http://127.0.0.1:1", PANEL_PASSWORD="secret-of-the-panel",
                                    start=False))


@pytest.fixture
def busy(lab, daemon, tmp_path):
    """A machine whose daemon runs and has two users disabled: (machine, simulated panel)."""
    sim = lab("--nodes", "1")
    for name in ("alice", "bob", "carol"):
        sim.add_user(name)
    d = daemon(sim)
    d.wait_log("users known", 15)
    for name in ("alice", "bob"):
        assert d.call("POST", f"/users/{name}/disable", {"minutes": 600})[0] in (200, 202)
    for name in ("alice", "bob"):
        d.wait_state(name, "applied", 10)
    machine = Machine(tmp_path, d)
    machine.state("active")
    return machine, sim


@NEEDS_ROOT
def test_start_stop_restart(machine):
    assert "Started: systemd unit" in machine.run("start")
    assert machine.calls() == ["systemctl start pg-limiter.service"]
    assert "runs already" in machine.run("start") and machine.calls() == []
    assert "Restarted" in machine.run("restart")
    assert machine.calls() == ["systemctl restart pg-limiter.service"]
    assert "Service: systemd unit pg-limiter.service, active" in machine.run("status", code=1)
    assert "Stopped" in machine.run("stop") and machine.state() == "inactive"
    assert "not running" in machine.run("stop")
    machine.calls()
    (machine.fake / "refuse").touch()
    said = machine.run("start", code=1)
    assert "systemctl ended with 1" in said and "journalctl -u pg-limiter" in said
    # A wrong .env is named before anything is done; stop goes all the same.
    machine.calls()
    machine.d.write_env(GENERAL_LIMIT="lots")
    for word in ("start", "restart"):
        said = machine.run(word, code=2)
        assert "general_limit" in said and "nothing was done" in said
    assert machine.calls() == []
    machine.state("active")
    machine.run("stop")
    assert machine.state() == "inactive"


@NEEDS_ROOT
def test_docker_and_what_is_not_ours(machine):
    machine.unit(runs="/usr/bin/python3 limiter.py")  # the Python program's, by the name that its README gives it
    machine.state("active")
    machine.calls()
    for verb in ("start", "stop", "restart"):
        assert "pg-limiter.service is another program's" in machine.run(verb, code=1)
    assert machine.calls() == [] and machine.state() == "active"
    machine.state("inactive")
    machine.unit(False)
    assert "no service is installed here" in machine.run("start", code=1)
    machine.compose(ours=False)
    assert "of another program" in machine.run("start", code=1)
    machine.compose()
    machine.calls()
    assert "Started: docker compose (" in machine.run("start")
    file = machine.env_file.parent / "docker-compose.yml"
    assert machine.calls() == [f"docker compose -f {file} up -d"]
    assert "runs already" in machine.run("start")
    machine.run("restart")
    machine.run("update")
    machine.run("stop")
    assert machine.calls() == [f"docker compose -f {file} {words}" for words in
                               ("up -d --force-recreate limiter", "pull limiter", "up -d", "stop")]
    # Debian 12 has the older command only.
    machine.tool("docker-compose", '#!/bin/bash\nexec docker compose "$@"\n')
    (machine.fake / "no-plugin").touch()
    machine.run("start")
    assert machine.calls() == [f"docker compose -f {file} up -d"]
    assert "runs already" in machine.run("start")
    machine.run("stop")
    machine.calls()
    (machine.fake / "no-image").touch()
    assert "nothing was changed" in machine.run("update", code=1)


@NEEDS_ROOT
def test_stop_says_who_stays_disabled(busy):
    machine, sim = busy
    said = machine.run("stop")
    assert "2 users are disabled by us" in said and "--enable-all" in said and "Stopped" in said
    machine.state("active")
    said = machine.ask("stop", answers=[("Enable them first", "n")])
    assert "Stopped" in said and sim.user("alice")["status"] == "disabled"
    machine.state("active")
    said = machine.run("stop", "--enable-all")
    assert "Stopped" in said
    assert {sim.user(name)["status"] for name in ("alice", "bob")} == {"active"}
    machine.state("active")
    said = machine.run("stop")
    assert "disabled" not in said


@NEEDS_ROOT
def test_nobody_pretends_that_they_are_enabled(busy):
    """The panel is away: --enable-all stops and removes nothing; without it the truth is said."""
    machine, sim = busy
    sim.fault("status", "/api/*", status=503, count=-1)
    for words in (("stop", "--enable-all"), ("uninstall", "--yes", "--enable-all")):
        machine.calls()
        said = machine.run(*words, code=1)
        assert "they were not all enabled" in said and "Stopped" not in said and "removed" not in said, said
        assert machine.state() == "active" and machine.calls() == []
    assert sim.user("alice")["status"] == "disabled"
    assert "2 users are disabled by us" in machine.run("stop")
    machine.state("active")
    # The daemon dead and its database not to be read: how many is not known, and not "nobody".
    machine.d.kill()
    for path in machine.d.db_file.parent.glob("pg-limiter.db-*"):
        path.unlink()
    machine.d.db_file.write_bytes(b"no database" * 1000)
    said = machine.run("stop", "--enable-all", code=1)
    assert "not all enabled" in said and machine.state() == "active"
    said = machine.run("stop")
    assert "cannot be known" in said and "Stopped" in said
    said = machine.run("uninstall", "--yes", "--enable-all", code=1)
    assert "not all enabled" in said and machine.d.env_file.exists()


@NEEDS_ROOT
def test_the_managers_look_keeps_no_daemon_from_starting(machine):
    """A hundred looks a second at who runs here, and a daemon that starts and ends meanwhile."""
    machine.unit(False)
    machine.d.data_dir.mkdir(exist_ok=True)
    halt = threading.Event()

    def look():
        while not halt.is_set():
            subprocess.run([program(), "restart", "--env", str(machine.env_file)], env=machine.environment(),
                           capture_output=True, timeout=90)

    lookers = [threading.Thread(target=look) for _ in range(3)]
    for thread in lookers:
        thread.start()
    try:
        for _ in range(5):
            machine.d.start()
            machine.d.stop()
    finally:
        halt.set()
        for thread in lookers:
            thread.join()


def test_root_is_asked_for(machine):
    if os.geteuid() == 0:
        # What others may run and read, wherever this test's own folders are.
        import tempfile
        with tempfile.TemporaryDirectory(prefix="pgr") as place:
            os.chmod(place, 0o755)
            exe, env = pathlib.Path(place) / "exe", pathlib.Path(place) / "env"
            shutil.copy(program(), exe)
            shutil.copytree(machine.bin, pathlib.Path(place) / "bin")
            shutil.copytree(machine.fake, pathlib.Path(place) / "fake")
            shutil.copy(machine.env_file, env)
            os.chmod(env, 0o644)
            os.chmod(pathlib.Path(place) / "fake", 0o777)
            done = subprocess.run([str(exe), "stop", "--env", str(env)], capture_output=True, text=True,
                                  env=machine.environment(PATH=f"{place}/bin:{os.environ['PATH']}",
                                                          FAKE=f"{place}/fake"),
                                  user=65534, group=65534, timeout=90)
    else:
        done = subprocess.run([program(), "stop", "--env", str(machine.env_file)], capture_output=True,
                              text=True, env=machine.environment(), timeout=90)
    assert done.returncode == 1 and "`stop` needs root: sudo pg-limiter stop" in done.stderr, done


# -- logs ------------------------------------------------------------------------------------------

def test_logs(machine):
    logs = machine.d.data_dir / "logs"
    assert "from the journal" in machine.run("logs", "--no-follow", "-n", "7")
    if os.geteuid() == 0:
        assert machine.calls()[-1] == "journalctl -u pg-limiter.service -n 7 --no-pager"
    assert "nothing was written there" in machine.run("logs", "--no-follow", "--api", code=1)
    logs.mkdir(parents=True)
    (logs / "limiter.log").write_text("".join(f"line {i}\n" for i in range(100000)))
    (logs / "api.log").write_text("a request\x1b[31m\nhalf")
    (logs / "telegram.log").write_text("")
    assert machine.run("logs", "-n", "3", "--no-follow") == "line 99997\nline 99998\nline 99999\n"
    assert machine.run("logs", "--no-follow").splitlines() == [f"line {i}" for i in range(99950, 100000)]
    assert machine.run("logs", "-n", "0", "--no-follow") == ""
    assert len(machine.run("logs", "-n", "100000", "--no-follow").splitlines()) == 100000
    assert machine.run("logs", "--api", "--no-follow") == "a request\\x1b[31m\n"
    assert machine.run("logs", "--telegram", "--no-follow") == ""
    assert "one at a time" in machine.run("logs", "--telegram", "--api", code=2)
    assert "--lines x" in machine.run("logs", "-n", "x", code=2)
    follower = subprocess.Popen([program(), "logs", "-n", "1", "--env", str(machine.env_file)],
                                env=machine.environment(), stdout=subprocess.PIPE, text=True)
    try:
        log = logs / "limiter.log"
        assert follower.stdout.readline() == "line 99999\n"
        with log.open("a") as f:
            f.write("appended\n")
        assert follower.stdout.readline() == "appended\n"
        with log.open("a") as f:
            f.write("before the rotation\n")
            f.flush()
            log.rename(logs / "limiter.log.1")
            log.write_text("after it\n")
        assert follower.stdout.readline() == "before the rotation\n"
        assert follower.stdout.readline() == "after it\n"
        os.truncate(log, 0)
        time.sleep(0.6)
        with log.open("a") as f:
            f.write("x\n")
        assert follower.stdout.readline() == "x\n"
    finally:
        follower.stdout.close()  # as `logs | head` does
        assert follower.wait(60) in (0, -signal.SIGPIPE)


# -- config ----------------------------------------------------------------------------------------

def editor(machine, *scripts):
    """An editor that does each of the scripts (sed expressions, or `true`) in turn."""
    folder = machine.fake / "edits"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for i, script in enumerate(scripts):
        (folder / str(i)).write_text(script)
    machine.tool("an-editor", textwrap.dedent(f"""\
        #!/bin/bash
        [ "$1" = -w ] || exit 9
        stat -c %a "$2" > "$FAKE/mode"
        script=$(ls {folder} | sort -n | head -1)
        [ "$(cat {folder}/$script)" = true ] || sed -i "$(cat {folder}/$script)" "$2"
        rm {folder}/$script
        """))
    return {"EDITOR": "an-editor -w"}


def test_config_is_checked_before_it_is_kept(machine):
    before = machine.env_file.read_text()
    assert "Nothing was changed" in machine.run("config", **editor(machine, "true"))
    said = machine.run("config", code=1, **editor(machine, "$ a GENERAL_LIMIT=lots\\nNONSENSE=1"))
    assert "line 4: " in said and "general_limit" in said and "NONSENSE" in said and "is as it was" in said
    assert machine.env_file.read_text() == before
    assert not list(machine.env_file.parent.glob("env.edit*"))
    said = machine.run("config", **editor(machine, "$ a GENERAL_LIMIT=5"))
    assert "is kept" in said and "No daemon is running" in said
    assert machine.env_file.read_text().endswith("GENERAL_LIMIT=5\n")
    assert machine.env_file.stat().st_mode & 0o777 == 0o600
    assert (machine.fake / "mode").read_text() == "600\n", "private while it is edited"
    # A second look at a mistake.
    said = machine.ask("config", answers=[("Edit it again", "y")],
                       **editor(machine, "s/LIMIT=5/LIMIT=x/", "s/LIMIT=x/LIMIT=6/"))
    assert "is kept" in said and machine.env_file.read_text().endswith("GENERAL_LIMIT=6\n")
    said = machine.ask("config", answers=[("Edit it again", "n")], code=1,
                       **editor(machine, "s/LIMIT=6/LIMIT=y/"))
    assert machine.env_file.read_text().endswith("GENERAL_LIMIT=6\n")
    machine.tool("bad-editor", "#!/bin/bash\nexit 3\n")
    assert "ended with 3" in machine.run("config", code=1, EDITOR="bad-editor")
    assert "Did you mean" in machine.run("config", "shwo", code=2)


def test_config_is_put_in_force(machine):
    d = machine.d
    d.start()
    machine.unit(False)
    said = machine.run("config", **editor(machine, "$ a GENERAL_LIMIT=7"))
    assert "The daemon has read it again" in said
    d.wait(lambda: next(r for r in d.get("/config")["data"] if r["key"] == "general_limit")["value"] == "7", 5)
    said = machine.run("config", **editor(machine, "$ a TZ=Asia/Tehran"))
    assert "TZ: in force after a restart" in said and "`pg-limiter restart` does it all" in said
    machine.unit()
    machine.state("active")
    (machine.fake / "pid").write_text(str(d.process.pid))
    if os.geteuid() == 0:
        machine.calls()
        machine.run("config", **editor(machine, "$ a GENERAL_LIMIT=8"))
        assert machine.calls() == ["systemctl reload pg-limiter.service"]
        said = machine.ask("config", answers=[("Restart it now", "y")],
                           **editor(machine, "s/TZ=.*/TZ=UTC/"))
        assert "Restarted." in said and machine.calls() == ["systemctl restart pg-limiter.service"]


# -- update ----------------------------------------------------------------------------------------

@pytest.fixture
def place():
    """A web server for UPDATE_URL: (folder, URL)."""
    import tempfile
    folder = tempfile.mkdtemp(prefix="pgu")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield pathlib.Path(folder), f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    shutil.rmtree(folder)


def sign(*words):
    done = subprocess.run([sys.executable, str(ROOT / "tools" / "sign_update"), *map(str, words)],
                          capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stderr
    return done.stdout


NEW = "#!/bin/bash\n[ -e \"$FAKE/broken\" ] && exit 1\necho pg-limiter {}\n"
ARCH = {"x86_64": "amd64", "aarch64": "arm64"}[os.uname().machine]


@NEEDS_ROOT
@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to sign with")
def test_update(machine, place, tmp_path):
    if not built_with("PG_UPDATE_KEY"):
        pytest.skip("this build takes the key in its source only")
    folder, url = place
    exe = tmp_path / "prefix" / "bin" / "pg-limiter"
    exe.parent.mkdir(parents=True)
    shutil.copy(program(), exe)
    original = hashlib.sha256(exe.read_bytes()).hexdigest()
    key, other = tmp_path / "key.pem", tmp_path / "other.pem"
    sign("key", key)
    sign("key", other)
    assert key.stat().st_mode & 0o777 == 0o600
    public = sign("public", key).replace("0x", "").replace(", ", "").strip()
    new = tmp_path / "new"

    def offer(version, signed_by=key, text=None):
        new.write_text(text or NEW.format(version))
        sign("sign", signed_by, folder, version, f"{ARCH}={new}")

    def update(*words, code=0):
        return machine.run("update", *words, code=code, exe=exe, PG_UPDATE_KEY=public)

    def same():
        assert hashlib.sha256(exe.read_bytes()).hexdigest() == original
        assert not list(exe.parent.glob("*.new"))

    assert "UPDATE_URL is not set" in update()
    machine.d.write_env(UPDATE_URL=url)
    assert "the server answers 404" in update("--yes", code=3)
    offer("9.0.0", signed_by=other)
    assert "not signed by the key" in update("--yes", code=1)
    offer("9.0.0")
    manifest = folder / "manifest.json"
    good = manifest.read_bytes()
    manifest.write_bytes(good.replace(b"9.0.0", b"9.9.9"))
    assert "not signed by the key" in update("--yes", code=1)
    manifest.write_bytes(good)
    (folder / f"pg-limiter-9.0.0-{ARCH}").write_text(NEW.format("9.0.0").replace("echo", "rm -rf x; echo"))
    assert "is not what the manifest says" in update("--yes", code=1)
    offer("0.0.1")
    assert "is the newest there is (what is offered is older)" in update("--yes")
    offer("9.0.0", text="#!/bin/bash\nexit 1\n")
    assert "does not run here" in update("--yes", code=1)
    offer("9.0.0", text=NEW.format("8.0.0"))
    assert "or is another version" in update("--yes", code=1)
    offer("9.0.0")
    assert "Nothing was done: say --yes" in update(code=2)
    same()
    # It is taken, and one that does not come up is taken back.
    machine.state("active")
    (machine.fake / "check").write_text(str(exe))
    (exe.parent / "pg-limiter.new").write_text("half an update")
    machine.calls()
    offer("9.0.0", text="#!/bin/bash\n[ \"$0\" = \"${0%.new}\" ] && exit 1\necho pg-limiter 9.0.0\n")
    said = update("--yes", code=1)
    assert "going back" in said and "the old program runs again" in said
    same()
    assert machine.state() == "active"
    offer("9.0.0")
    said = update("--yes")
    assert "Version 9.0.0 is in place and runs" in said
    assert exe.read_text() == NEW.format("9.0.0") and exe.stat().st_mode & 0o777 == 0o755
    assert hashlib.sha256((exe.parent / "pg-limiter.old").read_bytes()).hexdigest() == original
    old = exe.parent / "pg-limiter.old"
    shutil.copy(old, tmp_path / "keeper")
    said = machine.run("update", "--rollback", exe=exe.parent / "pg-limiter.old", code=1)
    assert "no program from before" in said
    # Packages are the package manager's.
    shutil.copy(tmp_path / "keeper", exe)
    (machine.fake / "packaged").touch()
    assert "--only-upgrade" in update()


@NEEDS_ROOT
def test_rollback(machine, tmp_path):
    exe = tmp_path / "bin" / "pg-limiter"
    exe.parent.mkdir()
    shutil.copy(program(), exe)
    assert "no program from before" in machine.run("update", "--rollback", exe=exe, code=1)
    (exe.parent / "pg-limiter.old").write_text(NEW.format("0.0.9"))
    (exe.parent / "pg-limiter.old").chmod(0o755)
    machine.state("active")
    assert "from before is in place" in machine.run("update", "--rollback", exe=exe)
    assert exe.read_text() == NEW.format("0.0.9")
    assert (exe.parent / "pg-limiter.old").stat().st_size == pathlib.Path(program()).stat().st_size


# -- uninstall -------------------------------------------------------------------------------------

@NEEDS_ROOT
def test_uninstall(busy, tmp_path):
    machine, sim = busy
    d = machine.d
    exe = tmp_path / "prefix" / "bin" / "pg-limiter"
    exe.parent.mkdir(parents=True)
    (tmp_path / "prefix" / "share" / "pg-limiter").mkdir(parents=True)
    (machine.fake / "pg-limiter.service").write_text("[Unit]\n")
    shutil.copy(program(), exe)
    machine.calls()
    assert "Nothing was done: say --yes" in machine.run("uninstall", exe=exe, code=2)
    assert machine.calls() == []
    said = machine.ask("uninstall", exe=exe, answers=[("Remove PG-Limiter", "y"), ("Enable them first", "n")])
    assert "2 users are disabled" in said and "Kept: " in said
    assert machine.calls() == ["systemctl stop pg-limiter.service",
                               "systemctl show -p FragmentPath --value pg-limiter.service",
                               "systemctl disable pg-limiter.service", "systemctl daemon-reload"]
    assert not exe.exists() and not (machine.fake / "pg-limiter.service").exists()
    assert not (tmp_path / "prefix" / "share" / "pg-limiter").exists()
    assert d.db_file.exists() and machine.env_file.exists()
    # With everything, but for what somebody else keeps there.
    d.stop()
    shutil.copy(program(), exe)
    (d.data_dir / "data" / "mine.txt").write_text("mine")
    machine.run("uninstall", "--yes", "--purge", exe=exe)
    assert [p.name for p in d.data_dir.rglob("*")] in (["data", "mine.txt"],)
    assert not machine.env_file.exists()
    # A package is removed by the package manager.
    machine.d.write_env()
    (machine.fake / "packaged").touch()
    shutil.copy(program(), exe)
    machine.calls()
    machine.run("uninstall", "--yes", exe=exe)
    assert machine.calls()[-1] == "apt-get remove -y pg-limiter" and exe.exists()
