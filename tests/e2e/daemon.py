"""Runs the real daemon, `pg-limiter run`, for the tests: its files, its log, its control socket.

The program is $PG_LIMITER, else build/test/pg-limiter, else build/pg-limiter. A daemon that leaves a
report of a sanitizer, or a secret in its log, fails the test that started it.
"""

import contextlib
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time

from patience import bound, deadline

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TROUBLE = re.compile(r"AddressSanitizer|LeakSanitizer|runtime error:|Sanitizer:DEADLYSIGNAL|"
                     r"detected memory leaks|malloc\(\)|double free|stack smashing")
# Everything a test may be in a hurry for. Evidence comes in seconds, and a verdict needs no more
# than the 10 s that MONITORING_PERIOD must have.
HASTY = {
    "MONITORING_PERIOD": 10, "CHECK_INTERVAL": 10, "TIME_TO_ACTIVE_USERS": 10, "ACTIVE_WINDOW": 20,
    "GENERAL_LIMIT": 1, "TICK": 1, "GAIN_BLOCK": 1, "GAIN_CAP": 3, "EVIDENCE_THRESHOLD": 4,
    "PUNISH_RATE": 1000, "BREAKER": "off", "NODES_POLL": 5,
}


def program():
    wanted = os.environ.get("PG_LIMITER")
    places = [wanted] if wanted else [ROOT / "build/test/pg-limiter", ROOT / "build/pg-limiter"]
    found = next((p for p in places if p and os.access(p, os.X_OK)), None)
    assert found, f"no program at {places}: build it, or set PG_LIMITER"
    return str(found)


_built_with = {}


def built_with(text):
    """Whether the program contains a text: a build with fault points or a test clock reads theirs."""
    path = program()
    if path not in _built_with:
        _built_with[path] = pathlib.Path(path).read_bytes()
    return text.encode() in _built_with[path]


class UnixHTTP(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Line:
    """One line of the log. `at` is unix seconds as the daemon wrote it, `level` and `area` words."""

    PATTERN = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}) (\w+) +(\w+) +(.*)\Z")

    def __init__(self, raw):
        self.raw = raw
        found = self.PATTERN.match(raw)
        self.at = self.level = self.area = None
        self.text = raw
        if found:
            when, self.level, self.area, self.text = found.groups()
            seconds, milli = when.split(".")
            parsed = time.strptime(seconds + " UTC", "%Y-%m-%d %H:%M:%S %Z")
            import calendar
            self.at = calendar.timegm(parsed) + int(milli) / 1000

    def __repr__(self):
        return self.raw


class Daemon:
    """One data directory with its .env; started and ended as often as the test likes."""

    def __init__(self, settings, folder=None):
        # Short, because the path of a Unix socket is.
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="pgd"))
        self.data_dir = self.folder / "data"
        self.env_file = self.folder / "env"
        self.settings = {"DATA_DIR": self.data_dir, **settings}
        self.secrets = {str(self.settings[k]) for k in ("PANEL_PASSWORD", "PANEL_API_KEY", "BOT_TOKEN")
                        if self.settings.get(k)}
        self.environment = {}  # of each run
        self.process = None
        self.log = []  # of all runs
        self.runs = 0
        self.changed = threading.Condition()
        self.reader = None
        self.write_env()

    def write_env(self, **changes):
        """Writes .env; a setting that is None is left out."""
        self.settings.update(changes)
        text = "".join(f"{k}={v}\n" for k, v in self.settings.items() if v is not None)
        self.env_file.write_text(text)
        self.env_file.chmod(0o600)

    # -- life ----------------------------------------------------------------------------------

    def start(self, *more, wait=True, environment=None, preexec_fn=None):
        """Starts the daemon; `wait` until its control socket answers."""
        env = {k: v for k, v in os.environ.items()
               if not k.startswith(("PANEL_", "PG_LIMITER", "PG_FAULT", "PG_TIME"))}
        env.setdefault("ASAN_OPTIONS", "detect_leaks=1:abort_on_error=0")
        env.setdefault("UBSAN_OPTIONS", "halt_on_error=1:print_stacktrace=1")
        env.update({**self.environment, **(environment or {})})
        assert self.process is None or self.process.poll() is not None
        self.runs += 1
        self.started = time.time()
        self.process = subprocess.Popen(
            [program(), "run", "--env", str(self.env_file), *map(str, more)], env=env,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            preexec_fn=preexec_fn)
        self.reader = threading.Thread(target=self.read, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        if wait:
            self.wait(self.answers, 60, "the control socket")
        return self

    def read(self, pipe):
        for raw in pipe:
            line = Line(raw.decode("utf-8", "replace").rstrip("\n"))
            with self.changed:
                self.log.append(line)
                self.changed.notify_all()
        pipe.close()

    def answers(self):
        assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.tail()}"
        try:
            return self.get("/healthz")
        except OSError:
            return None

    def running(self):
        return self.process is not None and self.process.poll() is None

    def ended(self, seconds=10):
        """Waits for the end; the exit code. All of the log is there then."""
        code = self.process.wait(bound(seconds))
        self.reader.join(bound(5))
        return code

    def stop(self, within=20.0):
        """SIGTERM; it must end well and in time. Returns the seconds it took by its log.

        Tests of how long it takes say what they allow; the others may run on a busy machine. What a
        sanitizer does after the last line is not counted.
        """
        begun, wall = time.monotonic(), time.time()
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.ended(within + 30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"SIGTERM did not end it: {self.tail()}") from None
        took = time.monotonic() - begun
        assert code == 0, f"ended with {code}: {self.tail()}"
        said = self.logged(r" run +stopped\Z")
        if said and said[-1].at >= wall - 0.002:  # by the same clock as ours
            took = min(took, said[-1].at - wall)
        assert took <= within, f"took {took:.1f} s to stop"
        return took

    def kill(self):
        """SIGKILL."""
        if self.running():
            self.process.kill()
        self.ended()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def close(self):
        """The end of the test: nothing runs any more, and the log is clean."""
        try:
            if self.running():
                self.stop()
        finally:
            if self.process is not None:
                self.kill()
            self.check_log()
            shutil.rmtree(self.folder, ignore_errors=True)

    def check_log(self):
        text = "\n".join(line.raw for line in self.log)
        found = TROUBLE.search(text)
        assert not found, text[max(0, found.start() - 500):found.start() + 6000]
        for secret in self.secrets | {"Bearer ", "eyJ"}:
            assert secret not in text, f"a secret stands in the log: {secret[:4]}…"

    # -- log -----------------------------------------------------------------------------------

    def tail(self, n=25):
        return "\n" + "\n".join(line.raw for line in self.log[-n:])

    def logged(self, pattern, since=0):
        """Lines of the log that match (regular expression), from index `since` on."""
        wanted = re.compile(pattern)
        return [line for line in self.log[since:] if wanted.search(line.raw)]

    def wait_log(self, pattern, seconds=10.0, count=1, since=0):
        """Waits for `count` lines that match; the last of them."""
        end = deadline(seconds)
        while True:
            found = self.logged(pattern, since)
            if len(found) >= count:
                return found[count - 1]
            left = end - time.monotonic()
            assert left > 0, f"no {count} × {pattern!r} within {bound(seconds)} s: {self.tail(60)}"
            with self.changed:
                self.changed.wait(min(left, 0.2))

    def wait(self, check, seconds=10.0, what=None, step=0.05):
        """Calls `check()` until it is true; its value."""
        end = deadline(seconds)
        while True:
            value = check()
            if value:
                return value
            assert time.monotonic() < end, f"not within {bound(seconds)} s: {what or check} {self.tail()}"
            time.sleep(step)

    def within(self, check, seconds, what=None, step=0.05):
        """Like wait(), for a time that is promised: `check()` asks the daemon. The seconds it took.

        A look that takes long was held up by the machine, with the daemon or this test: it counts as a short one.
        """
        took = 0.0
        while True:
            begun = time.monotonic()
            value = check()
            if value:
                return took
            time.sleep(step)
            took += min(time.monotonic() - begun, step + 0.2)
            assert took < seconds, f"promised within {seconds} s: {what or check} {self.tail()}"

    # -- control socket ------------------------------------------------------------------------

    def call(self, method, path, body=None, timeout=60):
        """(status, JSON) of a request to the control socket."""
        conn = UnixHTTP(str(self.data_dir / "run" / "control.sock"), timeout)
        try:
            data = None if body is None else json.dumps(body)
            conn.request(method, path, data, {"Content-Type": "application/json"})
            answer = conn.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            conn.close()

    def get(self, path):
        status, value = self.call("GET", path)
        assert status == 200, (path, status, value)
        return value

    def status(self):
        return self.get("/status")

    def node(self, number):
        return next(n for n in self.get("/nodes")["data"] if n["id"] == number)

    def cli(self, *arguments, check=True):
        """Runs a command of the program on the same .env; its standard output."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("PANEL_", "PG_"))}
        env["ASAN_OPTIONS"] = "detect_leaks=1"
        done = subprocess.run([program(), *map(str, arguments), "--env", str(self.env_file)],
                              env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=180)
        assert not TROUBLE.search(done.stderr), done.stderr
        if check:
            assert done.returncode == 0, (arguments, done.returncode, done.stderr)
            return done.stdout
        return done

    # -- database ------------------------------------------------------------------------------

    @property
    def db_file(self):
        return self.data_dir / "data" / "pg-limiter.db"

    def sql(self, text, *values):
        """Rows (as dicts) of a statement on the daemon's database, from another process's view."""
        with contextlib.closing(sqlite3.connect(self.db_file, timeout=60)) as db:
            db.row_factory = sqlite3.Row
            with db:
                return [dict(row) for row in db.execute(text, values)]

    def rows(self, name=None):
        """The journal, oldest first."""
        if name is None:
            return self.sql("SELECT * FROM enforcements ORDER BY id")
        return self.sql("SELECT * FROM enforcements WHERE name = ? ORDER BY id", name)

    def state(self, name):
        """The state of the user's last row, or None."""
        rows = self.rows(name)
        return rows[-1]["state"] if rows else None

    def wait_state(self, name, state, seconds=10.0):
        """Waits until the user's last row is in a state; that row."""
        def row():
            rows = self.rows(name)
            return rows[-1] if rows and rows[-1]["state"] == state else None
        return self.wait(row, seconds, f"{name} is {state}")


def settings_for(sim, **more):
    """A .env for a simulated panel, in haste."""
    base = {"PANEL_DOMAIN": sim.url, "PANEL_USERNAME": "admin",
            "PANEL_PASSWORD": "admin-password"}
    if sim.pin:
        base["PANEL_TLS_PIN"] = sim.pin
    return {**base, **HASTY, **more}


class Sharer:
    """An account in use at `n` addresses at once: a line from each in turn, all the time."""

    def __init__(self, user, n=2, nodes=(1,), every=0.5, block=None, **extra):
        self.user = user
        self.extra = extra  # of each event, e.g. mux=True: connections live on when he is disabled
        # In networks far apart, so that none of them is taken for one carrier's.
        self.ips = [f"{5 + 26 * (i % 8)}.{10 + i}.{(block or sum(map(ord, str(user)))) % 250}.{7 + i}"
                    for i in range(n)]
        self.nodes = nodes
        self.every = every
        self.at = 0

    def events(self):
        self.at += 1
        i = self.at % len(self.ips)
        return [{"node": self.nodes[i % len(self.nodes)], "user": self.user, "ip": self.ips[i],
                 **self.extra}]


class Traffic:
    """Makes many simple users connect in a thread of its own, until it is stopped."""

    def __init__(self, sim, *users, shift=None):
        self.sim = sim
        self.users = list(users)
        self.new = []
        self.shift = shift  # seconds the daemon's clock is ahead of ours; called for each round
        self.halt = threading.Event()
        self.error = None
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.halt.set()
        self.thread.join(bound(15))
        if self.error and exc[0] is None:
            raise self.error

    def add(self, user):
        """One more, from now on."""
        self.new.append(user)

    def run(self):
        due = [(time.monotonic() + 0.01 * i, u) for i, u in enumerate(self.users)]
        try:
            while not self.halt.is_set():
                now = time.monotonic()
                while self.new:
                    due.append((now, self.new.pop(0)))
                events = []
                for i, (at, user) in enumerate(due):
                    if at <= now:
                        events += user.events()
                        due[i] = (max(at + user.every, now - user.every), user)
                if events:
                    if self.shift:
                        ahead = self.shift()
                        for event in events:
                            event["age"] = -ahead
                    self.sim.post("/traffic", {"events": events})
                self.halt.wait(0.02)
        except Exception as error:  # told by __exit__
            self.error = error


def warm_up(d, sim, nodes=(1,), shift=None):
    """Lines in step with the clock, until the daemon no longer takes those of the nodes for a backlog.

    Two are enough, unless one of them was held up on its way.
    """
    cold, end = list(nodes), time.monotonic() + 60
    while cold:
        age = -shift() if shift else 0
        sim.traffic(*[{"node": n, "user": "nobody", "ip": "1.2.3.4", "age": age} for n in cold])
        settled = time.monotonic() + 2.3
        while cold and time.monotonic() < settled:
            time.sleep(0.05)
            warming = {n["id"]: n.get("warming_up", True) for n in d.get("/nodes")["data"]}
            cold = [n for n in cold if warming.get(n, True)]
        assert not cold or time.monotonic() < end, f"nodes {cold} stay cold: {d.tail()}"


def side_by_side(*scenarios):
    """Runs scenarios, most of which is waiting, in a thread each; raises what the first one raised."""
    errors = []

    def run(scenario):
        try:
            scenario()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(s,), daemon=True) for s in scenarios]
    for t in threads:
        t.start()
    for t in threads:
        t.join(300)
    if errors:
        raise errors[0]
    assert not any(t.is_alive() for t in threads), "a scenario hangs"
