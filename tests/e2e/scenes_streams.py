"""Scenes: log streams and nodes in trouble, and lines that are not what they should be."""

import base64
import time

from daemon import Sharer, Traffic, warm_up
from scenes import SCENES


def counted(d, node):
    return d.node(node)["counted"]


def heard(sim, d, node, seconds=15.0):
    """Whether a line of now on this node is counted; how long that took."""
    before, began = counted(d, node), time.monotonic()
    sent = []

    def is_counted():
        # Once in a while again: a line may go to a stream whose end the panel has not dealt with yet.
        if len(sent) <= (time.monotonic() - began) / 2:
            sent.append(sim.connect(node, "someone", "5.6.7.8"))
        return counted(d, node) > before

    d.wait(is_counted, seconds, f"a line of node {node}", step=0.02)
    return time.monotonic() - began


def settled(value):
    """What `value()` is when it has not changed for a while."""
    last, since = value(), time.monotonic()
    while time.monotonic() - since < 1.5:
        time.sleep(0.1)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last


def started(s, nodes, **settings):
    sim = s.lab("--nodes", nodes)
    sim.add_user("someone")
    d = s.daemon(sim, **settings)
    sim.wait(lambda: len(sim.streams()) == nodes, 15)
    d.wait_log("users known")
    return sim, d


@SCENES.scene
def streams_are_cut(s):
    """Cut in every way: lines are heard again soon, none is lost, none is counted twice."""
    sim, d = started(s, 2)
    for how in ("end", "close", "mid_frame", "rst"):
        sim.node(1, "stream", how=how)
        sim.wait(lambda: any(x["node"] == 1 and not x["dead"] for x in sim.streams()), 10)
        s.say(f"{how}: a line is heard {heard(sim, d, 1) * 1000:.0f} ms after it was written")
    before = counted(d, 2)
    sim.node(2, "stream", how="rst")
    sim.traffic({"node": 2, "user": "someone", "ip": "5.6.7.8", "count": 500})
    d.wait(lambda: counted(d, 2) == before + 500, 10, "500 lines written while the stream was away")
    time.sleep(0.5)
    assert counted(d, 2) == before + 500


@SCENES.scene
def the_panel_restarts(s):
    sim, d = started(s, 6)
    heard(sim, d, 1)
    sim.post("/restart", {"seconds": 5, "keep_tokens": True})
    d.wait_log("does not answer", 15)
    d.wait_log("answers again", 20)
    sim.wait(lambda: len(sim.streams()) == 6, 10)
    away = d.logged("answers again")[0].at - d.logged("does not answer")[0].at
    heard(sim, d, 1)
    assert len(d.logged("does not answer")) == 1
    assert len(sim.journal(path="/api/admin/token$")) == 1
    s.say(f"panel away for 5 s: noticed as away for {away:.1f} s, 6 streams open again, no new login")


@SCENES.long_scene
def nodes_come_and_go(s):
    """Added, removed, disabled, enabled, down and back: followed within the poll of 5 s."""
    sim, d = started(s, 2)
    began = first = time.monotonic()
    new = sim.post("/nodes", {"name": "third"})["id"]
    sim.wait(lambda: any(x["node"] == new for x in sim.streams()), 15)
    s.say(f"a new node followed after {time.monotonic() - began:.1f} s")
    heard(sim, d, new)
    sim.node(2, "disable")
    began = time.monotonic()
    d.wait(lambda: d.node(2)["status"] == "disabled" and not d.node(2)["stream_open"], 15)
    s.say(f"a disabled one let go after {time.monotonic() - began:.1f} s")
    sim.node(2, "enable")
    d.wait(lambda: d.node(2)["stream_open"], 15)
    heard(sim, d, 2)
    sim.node(1, "down")
    d.wait(lambda: d.node(1)["status"] != "connected", 15)
    d.wait(lambda: any("Node 1" in p or "node" in p for p in d.status()["problems"]), what="a problem")
    sim.node(1, "up")
    d.wait(lambda: d.node(1)["status"] == "connected" and d.node(1)["stream_open"], 15)
    sim.wait(lambda: any(x["node"] == 1 and not x["dead"] for x in sim.streams()), 15)
    heard(sim, d, 1)
    lines = settled(lambda: d.status()["lines"]["total"])
    sim.node(new, "remove")
    d.wait(lambda: all(n["id"] != new for n in d.get("/nodes")["data"]), 15)
    assert d.status()["nodes"]["total"] == 2
    assert d.status()["lines"]["total"] == lines > 0, "lines of a node that is gone were lines"
    polls, lasted = len(sim.journal(path="/api/nodes$")), time.monotonic() - first
    assert polls < 15 + lasted / 5, (polls, lasted)


@SCENES.scene
def a_stream_that_is_dead_but_pings(s):
    """A node reconnects between two polls: its old stream lives on, silent. Opened anew."""
    sim, d = started(s, 2, STREAM_SILENCE=10)
    sim.config(ping_interval=1)
    heard(sim, d, 1)
    sim.node(1, "reconnect")
    assert any(x["dead"] for x in sim.streams())
    sim.connect(1, "someone", "5.6.7.8")
    began, before = time.monotonic(), counted(d, 1)
    sim.wait(lambda: all(not x["dead"] for x in sim.streams()), 30)
    s.say(f"opened anew after {time.monotonic() - began:.1f} s of silence (stream_silence 10 s)")
    d.wait(lambda: counted(d, 1) > before, 3, "the line that waited meanwhile")
    d.wait(lambda: d.node(1)["dead_streams"] == 1, 15, "counted as dead")
    assert d.status()["nodes"]["dead_streams"] == 1 and "dead streams 1" in d.cli("status")
    d.wait_log("node-1: its silent stream was opened anew, and lines came at once")
    assert len(d.logged("node-1: its silent stream was opened anew")) == 1
    assert not d.node(2)["dead_streams"]


@SCENES.long_scene
def a_stream_that_does_not_hold(s):
    """Broken off again and again for ten minutes: told once, and when it holds. With a clock 20 times as fast."""
    from daemon import built_with
    if not built_with("PG_TIME_SCALE"):
        s.skip("the program has no test clock")
    sim = s.lab("--nodes", 2)
    d = s.daemon(sim, start=False)
    d.start(environment={"PG_TIME_SCALE": "20", "PG_TIME_ORIGIN": repr(time.time())})
    sim.wait(lambda: len(sim.streams()) == 2, 15)
    began, cuts = time.monotonic(), 0
    while not d.logged("node-1: its log stream does not hold") and time.monotonic() - began < 180:
        if any(x["node"] == 1 for x in sim.streams()):
            sim.node(1, "stream", how="rst")
            cuts += 1
        time.sleep(2)
    took = (time.monotonic() - began) * 20 / 60
    assert d.logged("node-1: its log stream does not hold") and took > 10, took
    d.wait_log("node-1: its log stream holds again", 90)
    s.say(f"told after {cuts} cuts in {took:.0f} min")
    assert len(d.logged("its log stream")) == 2


@SCENES.scene
def a_backlog_on_connecting(s):
    """Twenty minutes of an account's old lines, addresses by turns: nobody is watched for that."""
    sim = s.lab("--nodes", 1)
    old = sim.add_user("old")
    sim.traffic(*[{"node": 1, "user": old, "ip": f"{31 if i % 2 else 93}.1.1.1", "age": 1200 - i}
                  for i in range(1190)])
    d = s.daemon(sim)
    d.wait(lambda: d.status()["lines"]["total"] >= 1190, 10)
    # Live lines of somebody else prove the backlog to be one.
    sim.add_user("live")
    warm_up(d, sim)
    sharer = Sharer("live")
    with Traffic(sim, sharer):
        d.wait_log("live: .*watched for", 10)
    assert not d.logged("old: .*watched for")
    node = d.node(1)
    s.say(f"{node['lines']} lines, {node['counted']} counted, {node['warming']} while warming up, "
          f"{node['stale']} stale")
    assert node["warming"] + node["stale"] >= 1190
    # The same again behind an outage of the stream: old by the clock now known.
    sim.node(1, "stream", how="rst")
    sim.traffic(*[{"node": 1, "user": old, "ip": f"{31 if i % 2 else 93}.1.1.1", "age": 600 - i}
                  for i in range(500)])
    d.wait(lambda: d.node(1)["lines"] >= node["lines"] + 500, 15)
    time.sleep(1)
    assert not d.logged("old: .*watched for")


@SCENES.scene
def two_nodes_are_merged(s):
    """One address on either node, each heard on another stream: one user, two devices."""
    sim, d = started(s, 2)
    sim.add_user("both")
    warm_up(d, sim, (1, 2))
    with Traffic(sim, Sharer("both", n=2, nodes=(1, 2))):
        d.wait_state("both", "applied", 25)
    evidence = d.sql("SELECT evidence FROM violations WHERE name = 'both'")[0]["evidence"]
    import json
    assert {x["node"] for x in json.loads(evidence)["devices"]} == {1, 2}


# Lines an attacker or a broken node could write; the reason under which each must be counted.
STAMP = "2026/11/23 15:44:42.883276 "
HOSTILE = [
    (STAMP + "from tcp:5.6.7.8:1 accepted tcp:evil.com email: 99 [a -> b] from tcp:9.9.9.9:1:443 "
     "[VLESS TCP 1 -> DIRECT] email: {id}", "counted"),
    (STAMP + "from tcp:5.6.7.8:1 accepted tcp:x%s%n%p\x1b[31m:443 [VLESS TCP 1 -> DIRECT] email: {id}",
     "counted"),
    (STAMP + "from tcp:5.6.7.8:1 accepted tcp:x:443 [VLESS TCP 1 -> BLOCK] email: {id}", "blocked"),
    (STAMP + "from tcp:5.6.7.8:1 accepted tcp:x:443 [VLESS TCP 1 -> DIRECT]", "no_email"),
    (STAMP + "from tcp:10.0.0.1:1 accepted tcp:x:443 [VLESS TCP 1 -> DIRECT] email: {id}",
     "not_public"),
    (STAMP + "from tcp:5.6.*.*:1 accepted tcp:x:443 [VLESS TCP 1 -> DIRECT] email: {id}", "masked"),
    (STAMP + "from tcp:some.where:1 accepted tcp:x:443 [VLESS TCP 1 -> DIRECT] email: {id}",
     "domain"),
    (STAMP + "from 999.1.1.1:1 rejected  proxy/vless/encoding: invalid request", "rejected"),
    (STAMP + "[Warning] core: Xray 26.6.27 started", "not_access"),
    ("", "empty"),
    ("no stamp at all \udcff\udcfe", "not_access"),
]


@SCENES.scene
def hostile_lines(s):
    """Counted by reason in /nodes and /status; the daemon and its log survive them."""
    sim, d = started(s, 1)
    user = sim.user("someone")["id"]
    heard(sim, d, 1)
    before = d.node(1)
    lines = [text.format(id=user) if "{id}" in text else text for text, _ in HOSTILE]
    sim.lines(1, *lines)
    nul = (STAMP + "from tcp:5.6.7.8:1 accepted tcp:a\0b:443 [VLESS TCP 1 -> DIRECT] email: 1\0002")
    sim.post("/node/1/lines", {"b64": [base64.b64encode(x).decode() for x in
                                       (nul.encode("latin-1"), b"\0" * 1000, b"\xff" * 70000,
                                        b"a" * 700_000)]})
    heard(sim, d, 1, 10)
    d.wait(lambda: d.node(1)["lines"] >= before["lines"] + len(HOSTILE) + 4 + 1, 10,
           "all lines are counted")
    node = d.node(1)
    found = {k: v - before["ignored"].get(k, 0) for k, v in node["ignored"].items()}
    expected = {}
    for _, reason in HOSTILE:
        expected[reason] = expected.get(reason, 0) + 1
    for reason, n in expected.items():
        if reason != "counted":
            assert found.get(reason, 0) >= n, (reason, found)
    assert found.get("too_long", 0) == 1, found
    total = d.status()["lines"]["ignored"]
    assert all(total[k] >= v for k, v in found.items())
    assert all("\x1b" not in line.raw and "\0" not in line.raw for line in d.log)
    s.say(f"counted by reason: {found}")


@SCENES.long_scene
def bodies_that_are_none(s):
    """Broken answers to the polls change nothing and pass by; said once each."""
    sim, d = started(s, 2)
    for fault in ({"kind": "malformed"}, {"kind": "malformed", "body": '{"nodes": [], "total": 3}'},
                  {"kind": "oversize", "bytes": 3_000_000}, {"kind": "cut_body", "bytes": 30},
                  {"kind": "endless_head", "bytes": 500_000},
                  {"kind": "status", "status": 502, "body": "<html>bad gateway</html>"}):
        hits = len(sim.journal(path="/api/nodes$"))
        sim.fault(path="/api/nodes", **fault)
        sim.wait(lambda: len(sim.journal(path="/api/nodes$")) >= hits + 2, 20)
        assert d.status()["nodes"]["streams_open"] == 2, fault
        heard(sim, d, 1)
    assert len(d.logged("ERROR|WARNING")) <= 14, d.logged("ERROR|WARNING")
    s.say(f"{len(d.logged('ERROR|WARNING'))} warnings for 6 kinds of broken answers")


@SCENES.long_scene
def a_panel_that_hangs(s):
    """Half-open, hanging, slow: the daemon itself answers at once, lines go on, and it recovers."""
    sim, d = started(s, 2)
    sim.fault("hang", "/api/nodes", count=2)
    sim.fault("slow", "/api/nodes", bytes_per_s=300, skip=2)
    sim.post("/half_open", {"seconds": 8})
    took = []
    end = time.monotonic() + 12
    while time.monotonic() < end:
        began = time.monotonic()
        d.status()
        took.append(time.monotonic() - began)
        time.sleep(0.2)
        sim.connect(1, "someone", "5.6.7.8")
    heard(sim, d, 1)
    polls = len(sim.journal(path="/api/nodes$"))
    sim.wait(lambda: len(sim.journal(path="/api/nodes$")) > polls + 2, 45)
    d.wait(lambda: d.status()["panel"]["up"], 20)
    s.say(f"/status answered within {max(took) * 1000:.0f} ms all the while")
    # A loop that waited for the panel would answer once in these 12 s.
    assert sorted(took)[len(took) // 2] < 1 and max(took) < 7, took


@SCENES.scene
def stopped_while_the_panel_hangs(s):
    """SIGTERM in the middle of a login that is never answered, and of streams that are."""
    sim = s.lab("--nodes", 3)
    sim.fault("hang", "/api/admin/token", count=-1)
    d = s.daemon(sim)
    sim.wait(lambda: sim.journal(path="/api/admin/token"), 10)
    took = [d.stop(within=5)]
    sim.clear_faults()
    d.start()
    sim.wait(lambda: len(sim.streams()) == 3, 10)
    for node in (1, 2, 3):
        sim.node(node, "stream", how="freeze")
    sim.fault("hang", "/api/*", count=-1)
    time.sleep(1)
    took.append(d.stop(within=5))
    sim.post("/half_open", {"seconds": 30})
    d.start()
    time.sleep(1)
    took.append(d.stop(within=5))
    s.say(f"stopped in {', '.join(f'{t * 1000:.0f} ms' for t in took)}")
