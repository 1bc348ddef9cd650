# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the admins are told of how well nodes are seen, and of who is seen though disabled."""

import json
import re
import time

from bot_stage import is_notice
from daemon import Sharer, Traffic, warm_up
from scenes import Scenes
from test_notices import about, begin, no_refusal

SCENES = Scenes(at_once=3)


@SCENES.long_scene
def a_node_without_an_online_list_is_told_of_once(s):
    """statsUserOnline is false on one of two nodes: said in the status, to the admins, as an event; and
    when it is set."""
    users = [f"user{i}" for i in range(6)]
    tg, (ali,), sim, d = begin(s, "Ali", users=users, nodes=2, ONLINE_RATE=10, NOTIFY_NODE="true")
    sim.call("PATCH", "/node/2", {"stats_online": False})
    warm_up(d, sim, (1, 2))
    with Traffic(sim, *[Sharer(u, n=1, nodes=(1 + i % 2,), block=i) for i, u in enumerate(users)]):
        began = time.monotonic()
        d.wait_log("node-2: its online list shows nobody", 120)
        s.say(f"told after {time.monotonic() - began:.0f} s")
        told = ali.chat.wait("its online list shows nobody", 10)
        assert "statsUserOnline" in told.text and "node-2" in told.text
        assert d.node(2)["online_list_off"] and not d.node(1)["online_list_off"]
        assert d.status()["nodes"]["online_list_off"] == 1
        assert any("statsUserOnline" in x for x in d.status()["problems"])
        assert "no online list on 1" in d.cli("status") and "statsUserOnline" in d.cli("nodes")
        page = ali.ask("/node_usage", lambda m: not is_notice(m) and "node-2" in m.text)
        assert page.text.count("statsUserOnline") == 1, page.text
        ali.ask("/status", "no online list: 1")
        sim.call("PATCH", "/node/2", {"stats_online": True})
        d.wait_log("node-2: its online list works", 30)
        ali.chat.wait("its online list works", 10)
        assert not d.node(2)["online_list_off"]
    kinds = [e["kind"] for e in d.sql("SELECT kind FROM events")]
    assert kinds.count("online_list_off") == kinds.count("online_list_on") == 1
    assert not d.logged("node-1: its online list")
    no_refusal(tg)


@SCENES.long_scene
def who_stays_connected_is_told_of_once_with_where(s):
    """Disabled, but a stream of his lives on, which only the online list shows."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["sharer"], nodes=2, TIME_TO_ACTIVE_USERS=600)
    warm_up(d, sim, (1, 2))
    sharer = Sharer("sharer", nodes=(1, 2))
    with Traffic(sim, sharer):
        d.wait_state("sharer", "applied", 60)
    sim.call("DELETE", "/online", {"user": "sharer"})
    sim.online(2, "sharer", {sharer.ips[1]: int(time.time()) - 300}, replace=True)
    began = time.monotonic()
    case = ali.chat.wait(lambda m: "still seen at" in m.text, 60)
    s.say(f"told {time.monotonic() - began:.0f} s after he was disabled")
    assert f"still seen at {sharer.ips[1]} · node-2: open connections go on" in case.text, case.text
    assert len(about(ali.chat, "sharer")) == 1
    rows = d.wait(lambda: d.sql("SELECT what, data FROM events WHERE kind = 'still_seen'"), 10)
    assert [json.loads(e["data"]) for e in rows] == [
        {"address": sharer.ips[1], "node": 2, "name": "node-2"}]
    assert f"at {sharer.ips[1]} on node-2" in rows[0]["what"]
    assert f"still seen after being disabled, at {sharer.ips[1]} on node-2" in d.cli("explain", "sharer")
    explained = d.get("/users/sharer/explain")["text"]
    assert f"Still seen after being disabled: {sharer.ips[1]} on node-2" in explained, explained
    # Read for a quarter of an hour more, if need be; but now it has been told.
    time.sleep(25)
    assert len(d.logged("still seen after being disabled")) == 1
    assert len(re.findall("still seen", ali.chat.text())) == 1
    no_refusal(tg)


outcomes = SCENES.fixture()
test_scene = SCENES.test()
