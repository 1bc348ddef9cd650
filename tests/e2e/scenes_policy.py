"""Scenes: enforcement on, shadow and off; punish_rate; the breaker; verify_online."""

import json
import time

from daemon import Sharer, Traffic, built_with, warm_up
from scenes import SCENES


def disables(sim):
    return [e for e in sim.journal(method="PUT", path="by-id/") if "true" in e["body"]]


def ready(s, nodes=1, **settings):
    sim = s.lab("--nodes", nodes)
    d = s.daemon(sim, start=False, **settings)
    return sim, d


def begin(sim, d, nodes=(1,), since=0):
    d.start()
    sim.wait(sim.streams, 10)
    d.wait_log("users known", since=since)
    warm_up(d, sim, nodes)


@SCENES.long_scene
def shadow_off_and_on(s):
    sim, d = ready(s, ENFORCEMENT="shadow")
    user = sim.add_user("sharer")
    begin(sim, d)
    d.wait_log("enforcement is shadow: nobody will be disabled")
    with Traffic(sim, Sharer("sharer")):
        line = d.wait_log("sharer: .*would disable", 25)
        kept = d.wait(lambda: d.sql("SELECT * FROM violations WHERE name = 'sharer'"))
        assert [(v["mode"], v["outcome"]) for v in kept] == [("shadow", "shadow")]
        assert not disables(sim) and not d.rows()
        d.cli("config", "set", "enforcement", "off")
        off = time.time()
        time.sleep(5)
        assert not [x for x in d.logged("verdict") if x.at > off]
        assert d.status()["enforcement"] == "off"
        d.cli("config", "set", "enforcement", "on")
        d.wait_state("sharer", "applied", 25)
    assert len(disables(sim)) == 1 and sim.user(user)["status"] == "disabled"
    s.say(line.text)


@SCENES.scene
def punishments_wait_for_their_turn(s):
    """Six at once under punish_rate=3: three at once, the others a minute later; one is let off."""
    if not built_with("PG_TIME_ORIGIN"):
        s.skip("needs a build with -Dtest_clock=true")
    sim, d = ready(s, PUNISH_RATE=3, TIME_TO_ACTIVE_USERS=600, ACTIVE_WINDOW=120, ONLINE_RATE=0,
                   NODES_POLL=60)
    names = [f"sharer{i}" for i in range(6)]
    ids = {sim.add_user(n): n for n in names}
    origin, scale = time.time(), 8
    d.start(environment={"PG_TIME_SCALE": str(scale), "PG_TIME_ORIGIN": repr(origin)})
    sim.wait(sim.streams, 10)
    d.wait_log("users known")

    def ahead():
        return (time.time() - origin) * (scale - 1)

    warm_up(d, sim, shift=ahead)
    with Traffic(sim, *[Sharer(n, every=0.2, block=i) for i, n in enumerate(names)], shift=ahead):
        d.wait_log("waits for its turn", 20, count=3)
        queued = [x.text.split(":")[0] for x in d.logged("waits for its turn")]
        # Whose limit is raised while he waits is not disabled.
        d.cli("user", "add", queued[-1], "5")
        d.wait(lambda: len(disables(sim)) >= 5, 20)
        time.sleep(2)
    calls = disables(sim)
    assert len(calls) == 5
    # By the daemon's own clock: whose verdict was carried out at once, and when the others were begun.
    said = sorted(v["at"] / 1000 for v in d.sql("SELECT at FROM violations WHERE outcome = 'applied'"))
    rows = sorted(d.rows(), key=lambda r: (r["intended_at"], r["id"]))
    begun = [r["intended_at"] / 1000 for r in rows]
    order = [ids[r["user_id"]] for r in rows]
    assert set(order[:3]).isdisjoint(queued) and order[3:] == queued[:-1], (order, queued)
    # Two that were begun within a moment may overtake each other on their connections.
    called = [ids[int(e["path"].split("/by-id/")[1].split("/")[0])] for e in calls]
    assert sorted(called[:3]) == sorted(order[:3]) and sorted(called[3:]) == sorted(order[3:]), (called, order)
    gaps = [begun[i + 3] - said[i] for i in range(2)]
    s.say(f"the fourth call {gaps[0]:.1f} s after the first, the fifth {gaps[1]:.1f} s after the "
          f"second (clock {scale} times as fast)")
    # A second of ours, if anything is held up, is many of the daemon's; one more minute would be 120.
    assert all(60 <= g <= 110 for g in gaps), (said, begun)


@SCENES.long_scene
def the_breaker(s):
    """A wrong limit makes forty families guilty at once."""
    sim, d = ready(s, BREAKER="on", PUNISH_RATE=10, TIME_TO_ACTIVE_USERS=600)
    names = [f"family{i}" for i in range(40)]
    for n in names:
        sim.add_user(n)
    begin(sim, d)
    with Traffic(sim, *[Sharer(n, every=0.5, block=i) for i, n in enumerate(names)]):
        alarm = d.wait_log("ERROR +breaker", 25)
        d.wait_log("paused by the breaker", 10, count=25)
        d.wait(lambda: {r["state"] for r in d.rows()} <= {"applied", "cancelled"}, what="no call on its way")
        cut = len(disables(sim))
        assert cut <= 6, "the breaker acted too late"
        assert d.status()["paused"]
    d.kill()
    since = len(d.log)
    begin(sim, d, since=since)
    d.wait_log("still paused from before", 5, since=since)
    d.wait(lambda: d.status()["users"]["disabled"] == cut)
    assert d.status()["paused"]
    with Traffic(sim, *[Sharer(n, every=0.5, block=i) for i, n in enumerate(names)]):
        d.wait_log("paused by the breaker", 25, since=since)
        assert len(disables(sim)) == cut
        # The operator puts the limit right, undoes what was done, and sets enforcement anew.
        d.cli("disabled", "enable-all", "--since", "5m", "--forgive", "--yes")
        assert not sim.get("/users", status="disabled")["users"]
        assert all(v["forgiven_at"] for v in d.sql("SELECT * FROM violations WHERE mode = 'on' "
                                                   "AND outcome = 'applied'"))
        d.cli("config", "set-limit", "2")
        d.cli("config", "set", "enforcement", "on")
        d.wait(lambda: not d.status()["paused"], 2)
        time.sleep(3)
        assert len(disables(sim)) == cut
    d.stop()
    since = len(d.log)
    d.start()
    d.wait_log("users known", since=since)
    assert not d.status()["paused"] and not d.logged("still paused", since)
    s.say(f"{cut} of 40 disabled before it acted; {alarm.text}")


@SCENES.scene
def verify_online_required(s):
    """No answer from the online list, no punishment; with one, punished."""
    sim, d = ready(s, VERIFY_ONLINE="require")
    user = sim.add_user("sharer")
    sim.fault("status", "/api/node/online_stats/*", status=500, count=-1)
    begin(sim, d)
    with Traffic(sim, Sharer("sharer")):
        d.wait_log("sharer: .*watched for", 10)
        time.sleep(20)
        asked = len(sim.journal(path="online_stats"))
        assert asked >= 1 and not d.rows() and not disables(sim)
        sim.clear_faults()
        d.wait_state("sharer", "applied", 25)
    assert sim.user(user)["status"] in ("disabled", "active")
    s.say(f"asked {asked} times in vain in 20 s; punished after the first answer")


@SCENES.scene
def an_online_list_that_hangs(s):
    """verify_online=auto waits a moment, then does without."""
    sim, d = ready(s)
    user = sim.add_user("sharer")
    sim.fault("hang", "/api/node/online_stats/*", count=-1)
    begin(sim, d)
    with Traffic(sim, Sharer("sharer")):
        d.wait_state("sharer", "applied", 25)
    asked = sim.journal(path=f"online_stats/{user}")
    last = [e for e in asked if e["wall"] <= disables(sim)[0]["wall"]][-1]
    took = disables(sim)[0]["wall"] - last["wall"]
    s.say(f"the online list asked in vain, disabled {took * 1000:.0f} ms after")
    assert took <= 8  # the call itself would go on for 10 s
    verdict = d.sql("SELECT evidence FROM violations")[0]
    assert json.loads(verdict["evidence"])["concurrent"] == 2
