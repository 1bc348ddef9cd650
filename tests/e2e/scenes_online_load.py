# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scenes: the online list with thousands online, and of a panel that is slow with it or never answers."""

import os
import pathlib
import threading
import time

from daemon import Sharer, Traffic
from scenes import SCENES
from scenes_policy import begin, disables, ready

LONG = os.environ.get("PG_LONG") == "1"
MOST = 10  # calls a second, where online_rate is less and the panel answers at once
FLIGHT = 2  # on their way at once: so many may come later than they were sent


def readings(sim):
    return sim.journal(path="online_stats/")


def most_within(times, seconds):
    """The greatest number of times within any so many seconds."""
    most = first = 0
    for i, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, i + 1 - first)
    return most


def memory(d):
    """Resident now and at most, MiB."""
    text = pathlib.Path(f"/proc/{d.process.pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in text.splitlines())
    return [int(fields[k].split()[0]) / 1024 for k in ("VmRSS", "VmHWM")]


def thousands(s, n, seconds):
    """n users of a WireGuard node, all online: read in turn, never faster than may be; who shares by the log
    of another node is disabled as ever."""
    sim, d = ready(s, 2)
    sim.call("PATCH", "/node/1", {"wireguard": True})
    first = sim.post("/users", {"generate": n, "prefix": "user"})["first"]
    sim.add_user("sharer")

    def connect():
        for at in range(0, n, 1000):
            sim.traffic(*[{"node": 1, "user": f"user{first + i:06d}", "hold": 3600,
                           "ip": f"5.{i // 62500}.{i // 250 % 250}.{i % 250}"}
                          for i in range(at, min(at + 1000, n))])

    connect()
    begin(sim, d, (2,))
    # Asked for page by page, 500 users a second.
    asked = time.monotonic()
    while d.status()["online_list"]["online_users"] < n:
        assert time.monotonic() < asked + 60 + n / 400, "the panel's list of online users"
        time.sleep(1)
        if int(time.monotonic() - asked) % 50 == 49:
            connect()
    at_first = memory(d)
    with Traffic(sim, Sharer("sharer", nodes=(2,))):
        began = time.monotonic()
        d.wait_state("sharer", "applied", 40)
        took = time.monotonic() - began
    while time.monotonic() < began + seconds:
        time.sleep(min(50.0, max(0.0, began + seconds - time.monotonic())))
        if seconds > 60:
            connect()  # the panel lists whom it saw within two minutes
    # Fewer a second where answers take long: the pace follows them.
    d.wait(lambda: len(readings(sim)) >= 60, 120, "readings")
    rows = readings(sim)
    at = [e["wall"] for e in rows]
    # In every second that began anywhere, and in the longer run; one more for the ends of a window.
    most = {k: most_within(at, k) for k in (1, 10, 60)}
    s.say(f"{n} online: {len(at)} readings in {at[-1] - at[0]:.1f} s, at most "
          + ", ".join(f"{most[k]} in {k} s" for k in most)
          + f"; sharer disabled after {took:.1f} s; memory {at_first[0]:.1f} MiB at first, "
          + "{:.1f} now, {:.1f} at most".format(*memory(d)))
    for k, found in most.items():
        assert found <= MOST * k + 1 + FLIGHT, (k, found)
    assert len({e["path"] for e in rows}) >= 0.5 * len(at)
    assert d.status()["online_list"]["failed"] == 0 and len(disables(sim)) == 1


@SCENES.scene
def five_thousand_online_are_read_at_the_rate_only(s):
    thousands(s, 5000, 20)


class Lines:
    """What the log of a node tells of users who do not share, a line each after the other."""

    def __init__(self, sim, names, rate=40):
        self.sim, self.names, self.rate = sim, names, rate
        self.sent = 0
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self):
        while not self.halt.wait(0.5):
            part = int(self.rate / 2)
            self.sim.traffic(*[{"node": 1, "user": self.names[i % len(self.names)],
                                "ip": f"31.{i % len(self.names)}.7.9"}
                               for i in range(self.sent, self.sent + part)])
            self.sent += part

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.halt.set()
        self.thread.join(10)


def log_side(s, kind=None, **more):
    """Every line counted, whoever shares disabled as soon as ever, whatever becomes of the online list."""
    sim, d = ready(s)
    names = [f"user{i}" for i in range(40)]
    for name in [*names, "sharer", "again"]:
        sim.add_user(name)
    if kind:
        sim.fault(kind, "/api/node/online_stats/*", count=-1, **more)
    begin(sim, d)
    sharers = [Sharer("sharer", block=1), Sharer("again", block=2)]
    took = []
    with Lines(sim, names) as lines:
        for sharer in sharers:
            began = time.monotonic()
            with Traffic(sim, sharer):
                d.wait_state(sharer.user, "applied", 25)
            took.append(time.monotonic() - began)
        if kind == "hang":
            # The first readings have timed out by then.
            d.wait(lambda: d.status()["online_list"]["failed"] >= 2, 30)
    sent = sum(stream["lines"] for stream in sim.streams())
    d.wait(lambda: d.node(1)["lines"] >= sent, 10, "every line")
    node, found = d.node(1), d.status()["online_list"]
    s.say(f"online list {kind or 'as usual'}: {sent} lines sent, {node['lines']} came; disabled after "
          + " and ".join(f"{t:.1f} s" for t in took)
          + f"; {found['readings']} readings, {found['failed']} failed, pace {found['most_per_s']} a second")
    assert node["lines"] == sent >= lines.sent >= 100 and len(disables(sim)) == 2
    assert not d.logged("the panel does not answer|the panel is away")


@SCENES.scene
def an_online_list_that_answers_at_once(s):
    log_side(s)


@SCENES.scene
def an_online_list_of_one_second_harms_nothing(s):
    """Slow answers: asked less often."""
    log_side(s, "delay", seconds=1.0)


@SCENES.scene
def an_online_list_that_never_answers_takes_nothing_down(s):
    """Its time-outs say nothing of the panel: it is up, and asked ever less."""
    log_side(s, "hang")


if LONG:

    @SCENES.long_scene
    def five_thousand_online_for_minutes(s):
        thousands(s, 5000, 180)

    @SCENES.long_scene
    def fifty_thousand_online(s):
        thousands(s, 50000, 180)
