# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scenes: the online list as a source of its own."""

import contextlib
import json
import os
import re
import threading
import time

from daemon import Sharer, Traffic
from scenes import SCENES
from scenes_policy import begin, disables, ready
from simpanel.traffic import Player, phone
from simtelegram.server import in_thread
from sse_reader import Reader, login

LONG = os.environ.get("PG_LONG") == "1"


def readings(sim, user=""):
    return sim.journal(path=f"online_stats/{user}")


@SCENES.scene
def a_wireguard_user_over_his_limit(s):
    """Two devices on two nodes that log nobody: disabled by the online list alone, and restored."""
    sim, d = ready(s, 2, EVIDENCE_THRESHOLD=3)
    for node in (1, 2):
        sim.call("PATCH", f"/node/{node}", {"wireguard": True})
    sharer, single = sim.add_user("sharer"), sim.add_user("single")
    d.start()
    sim.wait(sim.streams, 10)
    d.wait_log("users known")
    began = time.monotonic()
    with Traffic(sim, Sharer("sharer", nodes=(1, 2)), Sharer("single", n=1)):
        d.wait_state("sharer", "applied", 150)  # the panel is asked once a minute who is online
        s.say(f"disabled {time.monotonic() - began:.0f} s after he began")
        verdict = json.loads(d.sql("SELECT evidence FROM violations WHERE name = 'sharer'")[0]["evidence"])
        assert verdict["concurrent"] == 2 and all(v["lines"] == 0 for v in verdict["devices"])
    d.wait(lambda: sim.user(sharer)["status"] == "active", 40, "not restored")
    assert sim.user(single)["status"] == "active" and not d.logged("single: .*watched")
    assert d.status()["online_list"]["readings"] > 0


@SCENES.scene
def a_second_installation_steals_no_lines(s):
    """sources=online: no log stream is opened, by the doctor neither, and who shares is caught all the same."""
    sim, d = ready(s, SOURCES="online", EVIDENCE_THRESHOLD=3)
    user = sim.add_user("sharer")
    d.start()
    d.wait_log("users known")
    with Traffic(sim, Sharer("sharer")):
        d.wait_state("sharer", "applied", 150)  # the panel is asked once a minute who is online
    assert sim.user(user)["status"] == "disabled"
    d.cli("doctor", check=False)
    assert not sim.journal(path="/logs") and not sim.streams()
    assert d.status()["online_list"]["sources"] == "online"
    # Back to both: the streams are opened at once, and closed again.
    d.cli("config", "set", "sources", "both")
    sim.wait(sim.streams, 10)
    d.cli("config", "set", "sources", "online")
    d.wait(lambda: all(x.get("closed") for x in sim.streams()) or not sim.streams(), 10)


class Thief:
    """Another program that reads a node's log: what it gets, nobody else does."""

    def __init__(self, sim, node=1):
        self.sim, self.node = sim, node
        self.reader = Reader(sim, node, login(sim))
        self.halt = threading.Event()
        self.thread = threading.Thread(target=self.steal, daemon=True)

    def steal(self):
        while not self.halt.is_set():
            self.reader.pump(0.2)

    def __enter__(self):
        self.began, self.before = time.monotonic(), self.pushed()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.halt.set()
        self.thread.join(5)
        self.reader.close()

    def pushed(self):
        return self.sim.nodes()[self.node]["pushed"]

    def percent(self):
        """What it took: more than its half where the other reader was held up."""
        return 100 * len(self.reader.lines()) / (self.pushed() - self.before)


def told_share(s, d, thief, seconds):
    """Waits until the daemon tells of another reader: percent."""
    line = d.wait_log("of its lines never come", seconds)
    percent = int(re.search(r"about (\d+) %", line.text)[1])
    s.say(f"noticed after {time.monotonic() - thief.began:.0f} s: {percent} %")
    return percent


@SCENES.long_scene
def a_second_reader_is_noticed(s):
    """Another program begins to take half of a node's lines: told once, with how many, and nobody is cut off
    for it."""
    tg = s.enter(in_thread())
    owner = tg.user("Ali")
    sim, d = ready(s, ONLINE_RATE=10, ADMIN_IDS=str(owner.id), **tg.settings)
    names = [f"user{i}" for i in range(40)]
    for name in names:
        sim.add_user(name)
    begin(sim, d)
    # At paces of their own: in step, each one's lines would all go to the same reader.
    paces = [1.1 + 0.07 * (i % 17) for i in range(len(names))]
    with Traffic(sim, *[Sharer(n, n=1, every=paces[i], block=i) for i, n in enumerate(names)]):
        d.wait(lambda: d.node(1).get("lines_lost") is not None, 60, "never compared")
        assert d.node(1)["lines_lost"] < 0.1 and not d.node(1)["another_reader"]
        with Thief(sim) as thief:
            percent = told_share(s, d, thief, 300)
            taken = thief.percent()
        s.say(f"it took {taken:.0f} %")
        assert abs(percent - taken) <= 12 and 35 <= percent <= 75
        assert any("another program reads its log" in x for x in d.status()["problems"])
        message = owner.chat.wait("of its log lines never reach us", 20)
        assert f"node-1: about {percent} %" in message.text, message.text
        assert "lines_lost" in [e["kind"] for e in d.sql("SELECT kind FROM events")]
        assert d.node(1)["another_reader"] and not d.rows()
        if LONG:
            d.wait_log("its lines come again", 120)
            assert not d.node(1)["another_reader"]
    assert not d.rows()
    assert sum("of its lines never come" in x.text for x in d.log) == 1
    assert len([m for m in owner.chat.from_bot if "never reach us" in m.text]) == 1


if LONG:

    def phones(s, thieves, percent_least, percent_most):
        """Bursts of one to twelve lines, in spells of use and rest, as the study of verdicts has them."""
        sim, d = ready(s, GENERAL_LIMIT=1, MONITORING_PERIOD=180, ACTIVE_WINDOW=60, CHECK_INTERVAL=60,
                       TICK=2, GAIN_BLOCK=10, GAIN_CAP=1, EVIDENCE_THRESHOLD=7)
        names = [f"user{i}" for i in range(200)]
        for name in names:
            sim.add_user(name)
        begin(sim, d)
        player = Player(sim, [phone(n, seed=i, handover_at=200 if i % 4 == 0 else None)
                              for i, n in enumerate(names)]).start(500)
        time.sleep(60)
        with contextlib.ExitStack() as stack:
            for _ in range(thieves):
                thief = stack.enter_context(Thief(sim))
            percent = told_share(s, d, thief, 300)
            assert percent_least <= percent <= percent_most
            time.sleep(60)
            s.say(f"a minute later {100 * d.node(1)['lines_lost']:.0f} %")
        player.stop()
        assert not d.rows()

    @SCENES.long_scene
    def a_second_reader_of_phones(s):
        phones(s, 1, 40, 60)

    @SCENES.long_scene
    def a_third_reader_of_phones(s):
        # Handed out in strict turn, the lines of a burst are less often lost together than by chance.
        phones(s, 2, 54, 77)
