"""Scenes: what persons order, revoking, the note in the panel, and users who are stuck."""

import time

from daemon import Sharer, Traffic, warm_up
from scenes import SCENES
from scenes_punish import puts

MARK = "[pg-limiter until "


@SCENES.scene
def ordered_by_hand(s):
    """Disable, pardon and adopt by order; an excepted user asks; nobody else's disable is revived."""
    sim = s.lab("--nodes", 1)
    for name in ("one", "two", "vip", "other"):
        sim.add_user(name, note="paid")
    d = s.daemon(sim, PANEL_NOTE="true", TIME_TO_ACTIVE_USERS=600)
    sim.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)
    status, told = d.call("POST", "/users/one/disable", {"minutes": 5, "reason": "asked for it"})
    assert status == 200 and told["result"] == "disabled", told
    assert sim.user("one")["status"] == "disabled"
    assert sim.user("one")["note"].startswith("paid " + MARK)
    row = d.rows("one")[0]
    assert row["state"] == "applied" and 290_000 <= row["due_at"] - row["applied_at"] <= 310_000
    assert d.sql("SELECT ordered_by FROM violations")[0]["ordered_by"]
    assert d.call("POST", "/users/one/disable", {"hand": True})[0] == 409
    # In the note somebody writes meanwhile; only the mark goes.
    sim.call("PATCH", "/user/one", {"note": sim.user("one")["note"] + " called", "edit_at": time.time()})
    assert d.call("POST", "/users/disabled/one/enable", {})[1]["data"][0]["result"] == "enabled"
    assert sim.user("one")["status"] == "active" and sim.user("one")["note"] == "paid called"
    d.wait_state("one", "restored", 5)
    # Excepted: asked for.
    assert d.call("POST", "/users/except", {"username": "vip", "reason": "the owner"})[0] == 200
    status, told = d.call("POST", "/users/vip/disable", {})
    assert status == 409 and told["code"] == "confirm_needed" and "the owner" in told["detail"]
    assert d.call("POST", "/users/vip/disable?confirm=true", {})[0] == 200
    # Disabled by somebody else: neither disabled nor enabled by us, but stuck, and to be adopted.
    sim.call("PATCH", "/user/other", {"status": "disabled"})
    assert d.call("POST", "/users/other/disable", {})[0] == 409
    stuck = d.get("/users/disabled/stuck")
    assert [u["username"] for u in stuck["data"]] == ["other"] and stuck["total"] == 1
    assert d.call("POST", "/users/disabled/two/adopt", {"minutes": 1})[0] == 409
    status, told = d.call("POST", "/users/disabled/other/adopt", {"hand": True})
    assert status == 200 and told["result"] == "adopted", told
    assert d.get("/users/disabled/stuck")["total"] == 0
    d.kill()
    d.start()
    sim.wait(lambda: d.status()["journal_compared"], 10)
    assert d.call("POST", "/users/disabled/other/enable", {})[1]["data"][0]["result"] == "enabled"
    assert sim.user("other")["status"] == "active"
    # How many stay disabled is told when enforcement is switched off.
    assert d.call("PATCH", "/config", {"enforcement": "off"})[1]["stay_disabled"] == 1
    status, told = d.call("POST", "/users/two/pardon", {"minutes": 30})
    assert status == 200 and told["pardoned_until"]
    assert d.call("POST", "/users/vip/pardon", {})[0] == 409


@SCENES.scene
def pressed_at_a_busy_panel(s):
    """What the panel certainly did not do is tried three times before a person is told; the rest once."""
    sim = s.lab("--nodes", 1)
    groups = [sim.user(sim.add_user(n))["group_ids"] for n in ("one", "moved")]
    away = sim.post("/groups", {"name": "away", "inbound_tags": []})["id"]
    d = s.daemon(sim, DISABLED_GROUP_ID=away)
    sim.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)

    def busy(user, count, **fault):
        sim.clear_faults()
        sim.clear_journal()
        fault = fault or dict(kind="status", status=503, body={"detail": "later"})
        sim.fault(path=f"/api/user/by-id/{user}*", method="PUT", count=count, **fault)

    for method, name in (("status", "one"), ("group", "moved")):
        user = sim.user(name)["id"]
        d.call("PATCH", "/config", {"disable_method": method})
        busy(user, 2)
        status, told = d.call("POST", f"/users/{name}/disable", {"hand": True})
        assert (status, told["result"], len(puts(sim, user))) == (200, "disabled", 3), told
        busy(user, 2)
        told = d.call("POST", f"/users/disabled/{name}/enable", {})[1]["data"][0]
        assert (told["result"], len(puts(sim, user))) == ("enabled", 3), told
        # Three times in vain.
        assert d.call("POST", f"/users/{name}/disable", {"hand": True})[0] == 200
        busy(user, -1)
        told = d.call("POST", f"/users/disabled/{name}/enable", {})[1]["data"][0]
        assert told["result"] == "failed" and "503" in told["detail"], told
        # A fourth may have come by now.
        assert len(puts(sim, user)) >= 3
        assert len(sim.journal(method="GET", path=rf"by-id/{user}$")) >= 3
        sim.clear_faults()
        sim.wait(lambda u=user: sim.user(u)["status"] == "active" and
                 sim.user(u)["group_ids"] == groups[0], 15)
        d.wait_state(name, "restored", 5)
        # Nobody knows whether it was done: told at once.
        assert d.call("POST", f"/users/{name}/disable", {"hand": True})[0] == 200
        busy(user, -1, kind="lose_answer")
        told = d.call("POST", f"/users/disabled/{name}/enable", {})[1]["data"][0]
        s.say(f"{method}: {told['result']}: {told['detail']}")
        d.wait_state(name, "restored", 10)
        assert len(puts(sim, user)) == 1


@SCENES.scene
def revoked(s):
    """By order: asked, sent once, then disabled; a key without the permission falls back, and says so."""
    sim = s.lab("--nodes", 1)
    sim.add_user("one")
    sim.add_user("two")
    d = s.daemon(sim)
    sim.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)
    status, told = d.call("POST", "/users/one/revoke", {})
    assert status == 409 and told["code"] == "confirm_needed", told
    status, told = d.call("POST", "/users/one/revoke?confirm=true", {"reason": "leaked"})
    assert status == 200 and "was revoked" in told["detail"] and told["due_at"] is None, told
    row = d.rows("one")[0]
    assert row["revoke"] == "done" and row["duration"] is None
    calls = sim.journal(method="POST", path="/api/user/by-id/.*/revoke_sub")
    assert len(calls) == 1 and sim.user("one")["status"] == "disabled"
    # Refused in the panel's words.
    sim.fault("status", "/api/user/by-id/*/revoke_sub", method="POST", status=403,
              body={"detail": "Permission denied: users.revoke_sub"})
    status, told = d.call("POST", "/users/two/revoke?confirm=true", {})
    assert status == 200 and "not revoked" in told["detail"], told
    assert "Permission denied: users.revoke_sub" in told["detail"], told
    assert sim.user("two")["status"] == "disabled" and d.rows("two")[0]["revoke"] == "refused"
    s.say(told["detail"])


@SCENES.scene
def revoked_without_an_answer(s):
    """The answer is lost: the credentials tell; nothing is sent twice, also over a death."""
    sim = s.lab("--nodes", 1)
    sim.add_user("one")
    d = s.daemon(sim, PUNISHMENT_ENABLED="true", PUNISHMENT_STEPS="revoke", PANEL_NOTE="true")
    sim.wait(sim.streams, 10)
    sim.fault("lose_answer", "/api/user/by-id/*/revoke_sub", method="POST")
    warm_up(d, sim)
    with Traffic(sim, Sharer("one")):
        row = d.wait_state("one", "applied", 30)
    assert row["revoke"] == "done" and row["action"] == "revoke"
    sent = sim.journal(method="POST", path="/api/user/by-id/.*/revoke_sub")
    assert len(sent) == 1, sent
    assert "until enabled by hand]" in sim.user("one")["note"]
    assert len(puts(sim, sim.user("one")["id"], "true")) == 1
    s.say(d.wait_log("one: .*revoked").text)


@SCENES.scene
def stuck_over_several_pages(s):
    """Everyone stuck is found once, by status and by group, however many pages the panel needs."""
    sim = s.lab("--nodes", 1)
    away = sim.post("/groups", {"name": "away", "inbound_tags": []})["id"]
    sim.post("/users", {"generate": 700, "prefix": "off", "status": "disabled"})
    sim.post("/users", {"generate": 520, "prefix": "moved", "group_ids": [away]})
    sim.post("/users", {"generate": 5, "prefix": "both", "group_ids": [away, 1]})
    sim.add_user("ours")
    d = s.daemon(sim, DISABLED_GROUP_ID=away)
    sim.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 10)
    assert d.call("POST", "/users/ours/disable", {"hand": True})[0] == 200
    seen, offset = [], 0
    while True:
        page = d.get(f"/users/disabled/stuck?offset={offset}&limit=500")
        assert page["total"] == 1220
        seen += page["data"]
        offset += 500
        if offset >= page["total"]:
            break
    assert len(seen) == len({u["id"] for u in seen}) == 1220
    assert sum(u["how"] == "status" for u in seen) == 700
    assert sum(u["how"] == "group" for u in seen) == 520
    assert not any(u["username"] == "ours" or u["username"].startswith("both") for u in seen)
    # A list that breaks off is told, not shown as if it were whole.
    sim.fault("status", "/api/users", method="GET", status=500, body={"detail": "no"}, count=-1)
    status, told = d.call("GET", "/users/disabled/stuck")
    assert status >= 500 and "data" not in told, told
