# SPDX-License-Identifier: AGPL-3.0-or-later
"""Scenes: the online list as a source of its own."""

import json
import re
import ssl
import threading
import time
import urllib.parse
import urllib.request

from daemon import Sharer, Traffic
from scenes import SCENES
from scenes_policy import begin, disables, ready
from sse_reader import Reader


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
        d.wait_state("sharer", "applied", 60)
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
        d.wait_state("sharer", "applied", 60)
    assert sim.user(user)["status"] == "disabled"
    d.cli("doctor", check=False)
    assert not sim.journal(path="/logs") and not sim.streams()
    assert d.status()["online_list"]["sources"] == "online"
    # Back to both: the streams are opened at once, and closed again.
    d.cli("config", "set", "sources", "both")
    sim.wait(sim.streams, 10)
    d.cli("config", "set", "sources", "online")
    d.wait(lambda: all(x.get("closed") for x in sim.streams()) or not sim.streams(), 10)


@SCENES.scene
def many_online_are_read_at_the_rate_only(s):
    """Hundreds of users of WireGuard nodes: never more calls a second than the rate may rise to."""
    sim, d = ready(s)
    sim.call("PATCH", "/node/1", {"wireguard": True})
    for i in range(400):
        sim.add_user(f"user{i}")
    sim.traffic(*[{"node": 1, "user": f"user{i}", "ip": f"5.{i // 250}.{i % 250}.9"} for i in range(400)])
    d.start()
    d.wait_log("users known")
    d.wait(lambda: len(readings(sim)) >= 60, 40)
    time.sleep(2)
    at = [e["wall"] for e in readings(sim)]
    most = max(sum(t <= x < t + 1 for x in at) for t in at)
    s.say(f"{len(at)} readings in {at[-1] - at[0]:.1f} s, at most {most} in a second")
    assert most <= 11


@SCENES.scene
def an_online_list_of_one_second_harms_nothing(s):
    """Slow answers: the log goes on, who shares is disabled as soon as ever."""
    sim, d = ready(s)
    sim.add_user("sharer")
    sim.fault("delay", "/api/node/online_stats/*", seconds=1.0, count=-1)
    begin(sim, d)
    began = time.monotonic()
    with Traffic(sim, Sharer("sharer")):
        d.wait_state("sharer", "applied", 25)
    s.say(f"disabled {time.monotonic() - began:.1f} s after he began, {len(readings(sim))} readings")
    assert len(disables(sim)) == 1 and not d.logged("the panel does not answer")


@SCENES.scene
def an_online_list_that_never_answers_takes_nothing_down(s):
    """Its time-outs say nothing of the panel: it is up, asked ever less, and punishing goes on."""
    sim, d = ready(s)
    sim.call("PATCH", "/node/1", {"wireguard": False})
    users = [sim.add_user(f"sharer{i}") for i in range(3)]
    sim.fault("hang", "/api/node/online_stats/*", count=-1)
    begin(sim, d)
    with Traffic(sim, *[Sharer(f"sharer{i}", block=i) for i in range(3)]):
        for i in range(3):
            d.wait_state(f"sharer{i}", "applied", 40)
        time.sleep(22)  # some readings have timed out
        assert not d.logged("the panel does not answer|the panel is away")
    assert {sim.user(u)["status"] for u in users} <= {"disabled", "active"}


@SCENES.scene
def a_second_reader_is_noticed(s):
    """Another program takes half of a node's lines: told once, with how many, and nobody is cut off for it."""
    sim, d = ready(s, ONLINE_RATE=10)
    names = [f"user{i}" for i in range(40)]
    for name in names:
        sim.add_user(name)
    begin(sim, d)
    form = urllib.parse.urlencode({"username": "admin", "password": "admin-password"}).encode()
    context = ssl.create_default_context(cafile=sim.cert) if sim.cert else None
    url = f"{'https' if sim.cert else 'http'}://127.0.0.1:{sim.port}/api/admin/token"
    with urllib.request.urlopen(url, form, context=context) as answer:
        thief = Reader(sim, 1, json.load(answer)["access_token"])
    halt = threading.Event()

    def steal():
        while not halt.is_set():
            thief.pump(0.2)

    thread = threading.Thread(target=steal, daemon=True)
    thread.start()
    began = time.monotonic()
    try:
        # At paces of their own: in step, each one's lines would all go to the same reader.
        paces = [1.1 + 0.07 * (i % 17) for i in range(len(names))]
        with Traffic(sim, *[Sharer(n, n=1, every=paces[i], block=i) for i, n in enumerate(names)]):
            line = d.wait_log("of its lines never come", 100)
    finally:
        halt.set()
        thread.join(5)
    percent = int(re.search(r"about (\d+) %", line.text)[1])
    s.say(f"noticed after {time.monotonic() - began:.0f} s: {percent} %")
    assert 36 <= percent <= 64  # two standard deviations
    assert any("another program reads its log" in x for x in d.status()["problems"])
    assert d.node(1)["another_reader"] and not d.rows()
