"""A day of a large installation in an hour of our time: the soak.

    make soak                                     # builds with a test clock; 24 h in one, docs/soak.md
    make soak SOAK="--hours 2 --scale 60 --nodes 20 --users 1000 --rate 600 --sharers 0.1"

200 nodes, 20,000 users of whom some hundreds share; panel, nodes, Telegram, Redis and the daemon itself
fail at random, seeded; people change accounts meanwhile. At the end everything must have come right:
see check.py. With --report FILE the figures are written there. Exit code 1 when something is wrong.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "torture")]

from daemon import Daemon  # noqa: E402
from redis_server import Redis  # noqa: E402
from simpanel.client import Sim  # noqa: E402
from simtelegram.server import in_thread  # noqa: E402

from soak import check, faults, report, world  # noqa: E402
from soak.clock import Clock  # noqa: E402
from soak.sample import Sample, turns  # noqa: E402

SAMPLE_S = 15.0


def parse(argv):
    p = argparse.ArgumentParser(prog="soak", description=__doc__.splitlines()[0])
    p.add_argument("--hours", type=float, default=24.0, help="played hours (24)")
    p.add_argument("--scale", type=float, default=24.0, help="how many times as fast as ours (24)")
    p.add_argument("--nodes", type=int, default=200)
    p.add_argument("--users", type=int, default=20000)
    p.add_argument("--rate", type=float, default=1800.0, help="lines a second of our time, on average")
    p.add_argument("--sharers", type=float, default=0.012, help="share of the users (0.012)")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--every", type=float, default=1.0, help="stretches the time between troubles")
    p.add_argument("--report", help="writes the figures as Markdown")
    p.add_argument("--keep", help="a folder for the daemon's data, which stays")
    return p.parse_args(argv)


class Soak:
    """One soak: who takes part, what has happened, what was measured."""

    def __init__(self, args):
        self.args = args
        self.seed = args.seed
        self.clock = Clock(args.scale)
        self.stretch = min(1.0, args.hours / args.scale)
        self.day_h = args.hours - min(1.5, 0.4 * args.hours)  # then no more troubles
        self.calm = threading.Event()
        self.lock = threading.RLock()
        self.ends, self.key = {}, None
        self.later, self.answers = [], []
        self.doubts = 0  # messages whose answer was lost, so that they may come twice
        self.most_nodes = args.nodes
        self.notes = []  # (played time, kind, text, our seconds)
        self.samples, self.errors = [], []
        self.counted, self.stops = 0, []
        self.lags = []
        self.away = []  # [from, until] of the daemon, played
        self.redis = self.daemon = None

    # -- called by the troubles ------------------------------------------------------------------

    def note(self, kind, text, seconds=0.0):
        self.notes.append((self.clock.now(), kind, text, seconds))

    def broken(self, kind, error):
        self.errors.append(f"{kind}: {type(error).__name__}: {error}")
        import traceback
        traceback.print_exception(error)

    def ask(self, path, body=None, method=None):
        """(status, JSON) of the daemon, or None while it is not there."""
        try:
            return self.daemon.call(method or ("POST" if body is not None else "GET"), path, body)
        except (OSError, ValueError, http.client.HTTPException):
            return None

    def set(self, **values):
        """Settings, for as long as it takes until the daemon is there to take them."""
        for _ in range(300):
            answer = self.ask("/config?confirm=true", values, "PATCH")
            if answer is not None and answer[0] == 200:
                return
            if answer is not None and 400 <= answer[0] < 500:
                raise RuntimeError(f"{values}: {answer}")
            time.sleep(0.1)
        raise RuntimeError(f"{values} could not be set")

    # -- the daemon's lives ------------------------------------------------------------------------

    def begin(self):
        self.daemon.start(wait=False, environment=self.clock.environment())
        end = time.monotonic() + 60
        while not self.ask("/healthz"):
            if time.monotonic() > end or not self.daemon.running():
                raise RuntimeError(f"the daemon did not start: {self.daemon.tail()}")
            time.sleep(0.02)
        if self.away and self.away[-1][1] is None:
            self.away[-1][1] = self.clock.now()

    def look(self):
        """Samples; the figures of the present life of the daemon."""
        answer = self.ask("/status")
        if answer is None or answer[0] != 200:
            return None
        sample = Sample(self, answer[1])
        self.samples.append(sample)
        return sample

    def lag(self):
        """Adds the loop's turns of this life, which end with it."""
        from daemon import UnixHTTP
        try:
            conn = UnixHTTP(str(self.daemon.data_dir / "run" / "control.sock"), 10)
            conn.request("GET", "/metrics")
            self.lags.append(turns(conn.getresponse().read().decode()))
            conn.close()
        except OSError:
            pass

    def end_life(self, how):
        self.lag()
        self.away.append([self.clock.now(), None])
        self.ask("/healthz")  # whatever held it up is over
        since = time.monotonic() - world.AT_RISK_S
        if how == "SIGTERM":
            # What it reads until it has stopped would be in no figure of its.
            self.world.paused = True
            time.sleep(0.3)
            self.ask("/healthz")
        last = self.look()
        self.world.cutting(6.0, since)
        if how == "SIGKILL":
            self.daemon.process.kill()
            self.daemon.ended()
        else:
            self.stops.append(self.daemon.stop())
        self.world.cutting(3.0, since)
        self.world.paused = False
        self.counted += last.lines if last else 0

    def again(self, how, pause):
        with self.lock:
            self.end_life(how)
            time.sleep(pause)
            self.begin()
        self.note("daemon", f"{how} and started again", pause)

    # -- the day -------------------------------------------------------------------------------------

    def deaths(self):
        """When the daemon dies: not in the middle of the day, over which its memory is measured."""
        rng = random.Random(f"{self.seed}-deaths")
        hours, whole = self.day_h, self.args.hours >= 12
        early = [rng.uniform(0.05, 0.35) * hours for _ in range(8 if whole else 2)]
        late = [rng.uniform(0.93, 0.99) * hours for _ in range(2 if whole else 1)]
        return sorted((self.clock.origin + 3600 * h,
                       "SIGKILL" if rng.random() < 0.7 else "SIGTERM", rng.uniform(0, 2.5))
                      for h in early + late)

    def day(self):
        deaths = self.deaths()
        end = self.clock.origin + 3600 * self.day_h
        begun = time.monotonic()
        due = begun
        while (now := self.clock.now()) < end and not self.errors:
            if not self.daemon.running():
                self.errors.append(f"the daemon ended by itself: {self.daemon.tail()}")
                return
            if deaths and now >= deaths[0][0]:
                _, how, pause = deaths.pop(0)
                self.again(how, pause)
            if time.monotonic() >= due:
                due += SAMPLE_S
                self.tell(self.look())
            time.sleep(0.05)

    def tell(self, s):
        if s is None:
            print(f"{self.clock.hours():5.2f} h  the daemon does not answer", flush=True)
            return
        w = self.world
        print(f"{self.clock.hours(s.at):5.2f} h  run {s.run}  {s.rss:.1f} MB ({s.anon:.1f} anon)  {s.fds} fds  "
              f"{s.threads} threads  db {s.db:.1f}+{s.wal:.1f} MB  lines {self.counted + s.lines}/{w.sent()}  "
              f"streams {s.streams}/{s.nodes}  active {s.active}/{s.tracked}  watched {s.monitoring}  "
              f"disabled {s.disabled}  outbox {s.outbox}  late {w.late_s * 1000:.0f} ms  "
              f"troubles {len(self.notes)}", flush=True)
        w.late_s = 0.0

    def settle(self):
        """No more troubles, nobody shares; until every account is what people want it to be."""
        self.calm.set()
        for t in self.troubles:
            t.join(60)
        self.sim.clear_faults()
        self.telegram.clear_faults()
        self.world.cast.quiet = True
        self.set(enforcement="on")
        end = time.monotonic() + max(60, self.clock.real(3 * 3600))
        while time.monotonic() < end:
            s = self.look()
            self.tell(s)
            if s and s.disabled == 0 and s.outbox == 0:
                break
            time.sleep(2)
        self.settled = self.clock.now()
        self.world.halt = True
        time.sleep(2)
        while time.monotonic() < end:  # nodes are told of that have become silent
            self.ask("/healthz")  # whatever held it up is over
            self.final, self.metrics = self.look(), self.ask("/status")
            if self.final and self.metrics and self.metrics[1]["telegram"]["waiting"] == 0:
                break
            time.sleep(0.1)
        self.lag()
        self.sent = self.world.on_loop(self.world.sent)
        self.counted += self.final.lines if self.final else 0
        self.stop_s = self.daemon.stop()

    def run(self, folder):
        a = self.args
        with in_thread() as self.telegram, \
                world.running(self.clock, a.seed, a.nodes, a.users, a.rate, a.sharers) as self.world:
            self.sim = Sim(self.world.panel.info())
            owner = self.telegram.user("Ali")
            settings = {
                "PANEL_DOMAIN": self.sim.url, "PANEL_USERNAME": "admin",
                "PANEL_PASSWORD": "admin-password", "PANEL_TLS_PIN": self.sim.pin,
                "ADMIN_IDS": owner.id, "GENERAL_LIMIT": 2,
                "DISABLED_GROUP_ID": self.world.punished, "PUNISHMENT_STEPS": "10m,15m,20m",
                # A few hundred users are too few for a breaker that goes by percent.
                "BREAKER": "on" if a.users >= 5000 else "off", **self.telegram.settings}
            self.redis = Redis("--maxmemory", "128mb", "--maxmemory-policy", "allkeys-lru").start()
            settings["REDIS_URL"] = f"redis://127.0.0.1:{self.redis.port}/0"
            (folder / "daemon").mkdir(exist_ok=True)
            self.daemon = Daemon(settings, folder / "daemon")
            try:
                self.play(owner)
                return check.everything(self, owner)
            finally:
                self.calm.set()
                if self.daemon.running():
                    self.daemon.kill()
                self.redis.end()

    def play(self, owner):
        self.begin()
        cast = self.world.cast
        for id in cast.of("excepted"):
            self.must("/users/except", {"username": f"id:{id}", "reason": "may share"})
        for id in cast.of("special"):
            self.must("/users/limits", {"username": f"id:{id}", "limit": 8})
        owner.say("/start")
        self.troubles = faults.all_kinds(self)
        for t in self.troubles:
            t.every *= self.args.every
            t.start()
        self.day()
        self.settle()
        if not self.errors:
            self.daemon.check_log()

    def must(self, path, body):
        answer = self.ask(path, body)
        assert answer and answer[0] in (200, 201), (path, body, answer)


def main(argv=None):
    args = parse(sys.argv[1:] if argv is None else argv)
    os.environ.setdefault("PG_LIMITER", str(ROOT / "build" / "soak" / "pg-limiter"))
    folder = pathlib.Path(args.keep or tempfile.mkdtemp(prefix="pgs"))
    folder.mkdir(parents=True, exist_ok=True)
    soak = Soak(args)
    begun = time.monotonic()
    found = soak.run(folder)
    soak.took = time.monotonic() - begun
    text = report.text(soak, found)
    print(text)
    if args.report:
        pathlib.Path(args.report).write_text(text)
    wrong = [f for f in found if not f.ok]
    print(json.dumps({"passed": len(found) - len(wrong), "failed": len(wrong)}))
    if not args.keep and not wrong:
        shutil.rmtree(folder, ignore_errors=True)
    else:
        print(f"the daemon's data: {folder}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
