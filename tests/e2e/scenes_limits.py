"""Scenes: filters, group limits, patterns, what the panel does not tell, the question before a change."""

import time

from daemon import Sharer, Traffic, warm_up
from scenes import SCENES
from scenes_policy import begin, disables, ready


@SCENES.long_scene
def filters_and_patterns(s):
    """Only the group that the filter names is judged; hwid_limit and patterns give limits; a filter is
    checked against the panel, and in force at once."""
    sim, d = ready(s, LIMIT_FROM_HWID="true", TIME_TO_ACTIVE_USERS=600)
    vip = sim.post("/groups", {"name": "vip", "inbound_tags": ["VLESS TCP 1"]})["id"]
    for name, groups, hwid in (("inside", [vip, 1], None), ("outside", [1], None), ("own_limit", [vip], 3),
                               ("p_ali", [vip], None)):
        sim.add_user(name, group_ids=groups, hwid_limit=hwid)
    begin(sim, d)
    d.cli("config", "set", "group_filter", str(vip))
    refused = d.cli("config", "set", "group_filter", "99", check=False)
    assert refused.returncode and "no group 99" in refused.stderr, refused.stderr
    refused = d.cli("config", "set", "admin_filter", "nobody", check=False)
    assert refused.returncode and "no admin nobody" in refused.stderr, refused.stderr
    status, said = d.call("POST", "/patterns", {"kind": "prefix", "pattern": "p_", "limit": 2})
    assert status == 200 and "matches 1 of 4 users" in said["detail"], said
    names = ("inside", "outside", "own_limit", "p_ali")
    with Traffic(sim, *[Sharer(n, block=i) for i, n in enumerate(names)]):
        d.wait_state("inside", "applied", 30)
        time.sleep(3)
        assert {r["name"] for r in d.rows()} == {"inside"}
        assert d.get("/users/outside")["live"]["limit_from"] == "filter"
        assert d.get("/users/own_limit")["live"]["limit_from"] == "hwid"
        assert d.get("/users/p_ali")["live"]["limit_from"] == "pattern"
        # The panel moves one out of the filter's groups: his pattern is gone, but he is left alone.
        sim.call("PATCH", "/user/p_ali", {"group_ids": [1]})
        d.call("DELETE", "/patterns/1?confirm=true")
        time.sleep(12)
        assert {r["name"] for r in d.rows()} == {"inside"}
    assert len(disables(sim)) == 1
    s.say("one of four disabled; the rest by filter, hwid_limit, pattern, and the word at the verdict")


@SCENES.scene
def groups_that_the_panel_does_not_tell(s):
    """The list of users is refused: with a filter nobody is judged, and the status says why."""
    sim, d = ready(s, GROUP_FILTER="1", ENFORCEMENT="on")
    sim.add_user("sharer", group_ids=[1])
    sim.fault("status", "/api/user*", status=403, count=-1)
    d.start()
    sim.wait(sim.streams)
    warm_up(d, sim)
    before = d.node(1)["counted"]
    with Traffic(sim, Sharer("sharer")):
        time.sleep(20)
        d.wait(lambda: d.node(1)["counted"] >= before + 30, what="lines of 15 s")
        assert not d.rows() and not disables(sim) and not d.logged("active devices")
    s.say("nobody judged for 20 s")


@SCENES.scene
def a_change_that_would_cut_many_asks(s):
    sim, d = ready(s, GENERAL_LIMIT=3)
    names = [f"family{i}" for i in range(4)]
    for n in names:
        sim.add_user(n)
    begin(sim, d)
    with Traffic(sim, *[Sharer(n, block=i) for i, n in enumerate(names)]):
        d.wait(lambda: sum(u["devices"] > 1 for u in d.get("/users/active?limit=50")["data"]) >= 4, 30)
        refused = d.cli("config", "set", "general_limit", "1", check=False)
        assert refused.returncode == 1, refused.stderr
        assert "4 of the last day's 4 users" in refused.stderr, refused.stderr
        assert not d.logged("active devices")
        unknown = d.cli("config", "set", "group_by", "ip_inbound", check=False)
        assert unknown.returncode == 1 and "cannot be told beforehand" in unknown.stderr, unknown.stderr
        d.cli("config", "set", "cdn_nodes", ",".join(str(n["id"]) for n in d.get("/nodes")["data"]))
        d.cli("config", "set", "general_limit", "1", "--yes")
        time.sleep(12)  # all behind one CDN: one device each
        assert not d.logged("active devices")
        refused = d.cli("config", "set", "cdn_nodes", "", check=False)
        assert refused.returncode == 1, refused.stderr
        assert "4 of the 4 users active now" in refused.stderr, refused.stderr
        assert d.call("PATCH", "/config", {"cdn_nodes": ""})[1]["code"] == "confirm_needed"
        d.cli("config", "set", "cdn_nodes", "", "--yes")
        d.wait_log("active devices", 15)
    s.say(refused.stderr.strip())
