"""What a restart, and what a death at any step of the journal changes: nothing.

The deaths need a build with -Dfault_points=true (PG_FAULT names the step) and -Dtest_clock=true: the
daemon's clock runs SCALE times as fast as ours, from one origin over all its runs, so that a user
is watched, disabled and enabled again within a few seconds. PG_LONG=1 kills 200 times instead of 30.
"""

import json
import os
import random
import re
import sqlite3
import time

import pytest
from daemon import Sharer, Traffic, built_with, side_by_side, warm_up

LONG = os.environ.get("PG_LONG") == "1"
KILLS = 210 if LONG else 30
SCALE = 30


# -- a restart -------------------------------------------------------------------------------------


def puts(sim, user):
    return [e for e in sim.journal(method="PUT", path=rf"by-id/{user}(/|$)")]


def restart_four_times(sim, daemon, method):
    """Ended and started by turns while users are disabled."""
    names = [f"sharer{i}" for i in range(4)]
    ids = [sim.add_user(n) for n in names]
    more = {}
    if method == "group":
        group = sim.post("/groups", {"name": "disabled", "inbound_tags": []})["id"]
        more = {"DISABLE_METHOD": "group", "DISABLED_GROUP_ID": group}
    d = daemon(sim, TIME_TO_ACTIVE_USERS=40, **more)  # four restarts take less
    before = {i: sim.user(i)["group_ids"] for i in ids}
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, *[Sharer(n) for n in names]):
        for n in names:
            d.wait_state(n, "applied", 25)
    first = {r["name"]: r for r in d.rows()}
    for how in ("term", "kill", "kill", "term"):
        time.sleep(0.5)
        d.stop() if how == "term" else d.kill()
        since = len(d.log)
        d.start()
        d.wait_log("4 punishments from before compared with the panel", 10, since=since)
        now = {r["name"]: r for r in d.rows()}
        assert {n: r["due_at"] for n, r in now.items()} == {n: r["due_at"] for n, r in first.items()}
        assert all(r["state"] == "applied" for r in now.values())
    late = []
    for n, i in zip(names, ids):
        d.wait_state(n, "restored", 60)
        calls = puts(sim, i)
        assert len(calls) == 2, calls  # one to disable, one to enable
        late.append(calls[1]["wall"] - first[n]["due_at"] / 1000)
        assert sim.user(i)["status"] == "active" and sim.user(i)["group_ids"] == before[i]
    print(f"\n{method}: enabled {max(late) * 1000:.0f} ms after due at most, 4 restarts before")
    # Two seconds are promised (test_daemon_story.py); here a busy machine makes all of them late at once.
    assert all(-0.005 <= x <= 10 for x in late)


def due_while_nobody_was_there(sim, daemon):
    user = sim.add_user("sharer")
    d = daemon(sim)
    sim.wait(sim.streams, 10)
    warm_up(d, sim)
    with Traffic(sim, Sharer("sharer")):
        due = d.wait_state("sharer", "applied", 25)["due_at"] / 1000
    d.kill()
    time.sleep(max(0, due - time.time()) + 0.5)
    assert sim.user(user)["status"] == "disabled"
    since = len(d.log)
    d.start()
    sim.wait(lambda: sim.user(user)["status"] == "active")
    took = puts(sim, user)[-1]["wall"] - d.logged("log files in", since)[0].at
    print(f"\nenabled {took * 1000:.0f} ms after the start")
    assert took <= 10
    d.wait_state("sharer", "restored")


def test_restarts_in_between_change_nothing(lab, daemon):
    side_by_side(lambda: restart_four_times(lab(), daemon, "status"),
                 lambda: restart_four_times(lab(), daemon, "group"),
                 lambda: due_while_nobody_was_there(lab(), daemon))


# -- death -----------------------------------------------------------------------------------------

POINTS = ("journal.intend.committed", "journal.disable.sent", "journal.disable.answered",
          "journal.applied.committed", "journal.restoring.committed", "journal.restore.read",
          "journal.enable.before_call", "journal.enable.sent", "journal.enable.answered",
          "journal.close.committed", "owner.durable.before_commit", "owner.durable.after_commit",
          "db.before_commit", "db.after_commit", "owner.before_done")
HASTE = dict(MONITORING_PERIOD=10, CHECK_INTERVAL=10, TIME_TO_ACTIVE_USERS=45, ACTIVE_WINDOW=120,
             TICK=1, GAIN_BLOCK=1, GAIN_CAP=10, EVIDENCE_THRESHOLD=2, PUNISH_RATE=1000,
             BREAKER="off", ONLINE_RATE=0, STREAM_REFRESH=3600, NODES_POLL=120)


class Deaths:
    """Kills the daemon again and again, and looks after each death that nothing was lost."""

    def __init__(self, sim, d, seed, group=None):
        self.sim, self.d, self.group = sim, d, group
        self.random = random.Random(seed)
        self.origin = time.time()
        self.sharers = {}  # id -> name
        self.by_hand = set()  # ids an admin has disabled
        self.unclear = set()  # ids an admin has disabled so late that we may have enabled them in that moment
        self.kills = dict.fromkeys((*POINTS, "at any point", "from outside"), 0)
        self.seen_puts = 0
        self.disables, self.enables = {}, {}
        self.most_rows = 0

    def ahead(self):
        """Seconds the daemon's clock is ahead of ours."""
        return (time.time() - self.origin) * (SCALE - 1)

    def scaled(self, wall):
        return self.origin + (wall - self.origin) * SCALE

    def environment(self, **more):
        return {"PG_TIME_SCALE": str(SCALE), "PG_TIME_ORIGIN": repr(self.origin), **more}

    def note_puts(self):
        for e in self.sim.journal(method="PUT", since=self.seen_puts):
            self.seen_puts = max(self.seen_puts, e["n"])
            user = int(re.search(r"by-id/(\d+)", e["path"])[1])
            body = json.loads(e["body"])
            disables = body.get("disabled") or body.get("group_ids") == [self.group]
            kind = self.disables if disables else self.enables
            kind.setdefault(user, []).append(e["wall"])

    def one_life(self, number):
        """Starts the daemon and sees it die."""
        turn = number % (len(POINTS) + 2)
        if turn < len(POINTS):
            name = POINTS[turn]
            env = {"PG_FAULT": f"{name}:{self.random.randint(1, 6)}"}
        elif turn == len(POINTS):
            name = "at any point"
            env = {"PG_FAULT": f"random:{self.random.randrange(1, 10**6)}:8"}
        else:
            name, env = "from outside", {}
        self.d.start(wait=False, environment=self.environment(**env))
        patience = self.random.uniform(0.4, 2.0) if name == "from outside" else 8.0
        end = time.monotonic() + patience
        while self.d.running() and time.monotonic() < end:
            time.sleep(0.02)
            if number % 3 == 0:
                self.an_admin_disables()
        if self.d.running():
            self.d.kill()
            name = "from outside"
        assert self.d.ended() == -9, self.d.tail()
        self.kills[name] += 1
        self.look()

    def an_admin_disables(self):
        """Now and then an admin disables somebody whom we hold disabled, or who is active."""
        if len(self.by_hand) >= 20 or self.random.random() > 0.2 or not self.d.db_file.exists():
            return
        now_ms = self.scaled(time.time()) * 1000
        try:
            # Far from due: whoever changes a user in the same moment as we do cannot be told from us.
            rows = self.d.sql("SELECT user_id, due_at FROM enforcements WHERE state = 'applied' "
                              "AND due_at > ? AND user_id NOT IN "
                              f"({','.join(map(str, self.by_hand)) or 0})", now_ms + 15_000)
        except sqlite3.OperationalError:  # so young that it has no tables
            return
        if rows:
            user, due_ms = self.random.choice(rows).values()
            change = {"status": "disabled"} if not self.group else {"group_ids": [self.other]}
            self.sim.call("PATCH", f"/user/{user}", {**change, "edit_at": time.time()})
            self.by_hand.add(user)
            if self.scaled(time.time()) * 1000 > due_ms - 3000:
                self.unclear.add(user)

    def held(self):
        """Users as our method leaves one."""
        return [u for u in self.sim.get("/users")["users"] if u["status"] == "disabled"
                or u["group_ids"] == [self.group]]

    def look(self):
        """Between two lives: whoever is disabled by us has a row that will enable him."""
        time.sleep(0.05)  # what was on its way to the panel arrives
        self.note_puts()
        if not self.d.db_file.exists():
            return
        try:
            rows = self.d.sql("SELECT user_id, state FROM enforcements")
        except sqlite3.OperationalError:
            rows = []
        self.most_rows = max(self.most_rows, len(rows))
        open_rows = [r["user_id"] for r in rows
                     if r["state"] in ("intended", "applied", "restoring")]
        assert len(open_rows) == len(set(open_rows))
        for user in self.held():
            assert user["id"] in self.by_hand or user["id"] in open_rows, (user, rows)
        per_user = {}
        for r in rows:
            per_user[r["user_id"]] = per_user.get(r["user_id"], 0) + 1
        for user, calls in self.disables.items():
            assert len(calls) <= per_user.get(user, 0), f"{user} disabled twice for one row"


@pytest.mark.skipif(not (built_with("random:SEED:PERMILLE") and built_with("PG_TIME_ORIGIN")),
                    reason="needs a build with -Dfault_points=true -Dtest_clock=true")
@pytest.mark.parametrize("method", ["status", "group"] if LONG else ["status"])
def test_killed_at_every_step(lab, daemon, method):
    sim = lab("--nodes", 2)
    group, more = None, {}
    if method == "group":
        group = sim.post("/groups", {"name": "disabled", "inbound_tags": []})["id"]
        more = {"DISABLE_METHOD": "group", "DISABLED_GROUP_ID": group}
    d = daemon(sim, start=False, **HASTE, **more)
    deaths = Deaths(sim, d, int(os.environ.get("PG_SEED", "1")), group)
    deaths.other = sim.post("/groups", {"name": "by hand", "inbound_tags": ["VLESS TCP 1"]})["id"]
    names = [f"sharer{i}" for i in range(50)]
    deaths.sharers = {sim.add_user(n): n for n in names}
    groups = sim.user("sharer0")["group_ids"]
    never = [sim.add_user(f"off{i}") for i in range(5)]
    for user in never:
        sim.call("PATCH", f"/user/{user}", {"status": "disabled"})
    deaths.by_hand |= set(never)
    watched = [Sharer(n, nodes=(1, 2), every=0.15, block=i) for i, n in enumerate(names)]
    began = time.monotonic()
    with Traffic(sim, *watched, shift=deaths.ahead):
        for number in range(KILLS):
            deaths.one_life(number)
        lasted = time.monotonic() - began
        # One more life, undisturbed: everybody comes back in time.
        d.start(environment=deaths.environment())
        started = time.time()
        d.wait(lambda: d.sql("SELECT 1 FROM enforcements WHERE state = 'restored' AND "
                             "intended_at > ?", deaths.scaled(started) * 1000), 30, "one more")
    d.wait(lambda: not d.sql("SELECT 1 FROM enforcements WHERE state NOT IN "
                             "('restored', 'superseded', 'cancelled')"), 30, "every row is closed")
    deaths.note_puts()
    d.stop()
    deaths.look()
    for user in deaths.sharers:
        now = sim.user(user)
        if user in deaths.unclear:
            continue
        if user not in deaths.by_hand:
            assert now["status"] == "active" and now["group_ids"] == groups, now
        elif group is None:
            assert now["status"] == "disabled", now
        else:
            assert now["group_ids"] == [deaths.other], now
    for user in never:
        assert sim.user(user)["status"] == "disabled"
        assert user not in deaths.enables and user not in deaths.disables
    rows = d.rows()
    assert len({r["verdict_id"] for r in rows}) == len(rows)
    late = []
    for r in (r for r in rows if r["state"] == "restored" and r["due_at"]):
        due = deaths.origin + (r["due_at"] / 1000 - deaths.origin) / SCALE
        if due > started:
            calls = [w for w in deaths.enables.get(r["user_id"], []) if w >= due - 0.01]
            late.append(min(calls) - due)
    states = {s: sum(r["state"] == s for r in rows) for s in {r["state"] for r in rows}}
    print(f"\n{method}: {sum(deaths.kills.values())} kills in {lasted:.0f} s: "
          f"{', '.join(f'{k} {v}' for k, v in deaths.kills.items() if v)}"
          f"\n{len(rows)} rows {states}; {sum(map(len, deaths.disables.values()))} calls to disable, "
          f"{sum(map(len, deaths.enables.values()))} to enable; "
          f"{len(deaths.by_hand) - len(never)} disabled by an admin meanwhile; in the last life "
          f"{len(late)} were due, enabled {max(late, default=0) * 1000:.0f} ms late at most")
    assert sum(deaths.kills.values()) >= KILLS
    assert all(deaths.kills[p] for p in POINTS) or not LONG
    assert late and min(late) <= 2 and max(late) <= 15, late  # two seconds, but for a busy machine
    assert len(rows) > KILLS / 2
