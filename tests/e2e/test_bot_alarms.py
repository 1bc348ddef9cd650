# SPDX-License-Identifier: AGPL-3.0-or-later
"""Alarms with buttons: the breaker, ids that changed hands, the panel away; and enabling many at once."""

import re
import time

from daemon import Sharer, Traffic, built_with, warm_up
from scenes import Scenes
from test_notices import about, begin, disable, no_refusal

SCENES = Scenes(at_once=5)


def labels(message):
    return list(message.labels)


@SCENES.long_scene
def the_breaker_by_its_buttons(s):
    """Undone by one of two admins: asked first, done once; and gone on with."""
    names = [f"family{i}" for i in range(16)]
    tg, (ali, zoe), sim, d = begin(s, "Ali", "Zoe", users=names, BREAKER="on", PUNISH_RATE=10,
                                   TIME_TO_ACTIVE_USERS=600, BREAKER_5M_MIN=3)
    warm_up(d, sim)
    with Traffic(sim, *[Sharer(n, every=0.5, block=i) for i, n in enumerate(names)]):
        mine = ali.chat.wait("The breaker has paused", 40)
        hers = zoe.chat.wait("The breaker has paused", 10)
        # What was ordered before the pause is carried out; an undo in between would call it off.
        counted = int(re.search(r"(\d+) users since", mine.text)[1])
        d.wait(lambda: len(d.sql("SELECT id FROM violations")) >= counted and
               all(r["state"] == "applied" for r in d.rows()), 20, d.rows)
    assert d.status()["paused"] and "Counted:" in mine.text
    held = {u["username"] for u in sim.get("/users", status="disabled")["users"]}
    assert held and all(n in mine.text for n in held), mine.text
    undo = next(x for x in labels(mine) if x.startswith("↩️ Enable these"))
    ali.press(undo, on=mine)
    tg.wait(lambda: any("Yes, enable" in x for x in labels(mine)), 5)
    assert {u["username"] for u in sim.get("/users", status="disabled")["users"]} == held
    ali.press("Cancel", on=mine)
    tg.wait(lambda: undo in labels(mine), 5)
    for who, message in ((ali, mine), (zoe, hers)):
        who.press(undo, on=message)
        tg.wait(lambda: any("Yes, enable" in x for x in labels(message)), 5)  # noqa: B023
    yes = next(b["callback_data"] for b in hers.buttons[0])  # its message says "undone" in a moment
    first = ali.press("Yes, enable", on=mine)
    second = zoe.press(data=yes, on=hers, force=True)
    assert f"Enabled: {len(held)} user" in first.text and ("lready done by Ali" in second.text or "just doing" in second.text)
    assert not sim.get("/users", status="disabled")["users"]
    assert all(v["forgiven_at"] for v in d.sql("SELECT forgiven_at FROM violations WHERE outcome='applied'"))
    tg.wait(lambda: "undone by Ali" in mine.text and "undone by Ali" in hers.text, 20,
            lambda: (mine.text, hers.text))
    if d.status()["paused"]:
        ali.press("Go on", on=mine)
    d.wait(lambda: not d.status()["paused"], 5)
    tg.wait(lambda: "Enforcement goes on" in mine.text and not mine.buttons, 20, lambda: mine.text)
    assert len(about(ali.chat, "The breaker|Enforcement goes on")) == 1, ali.chat.text()
    late = zoe.press(data="anot|r|breaker|" + undo_number(hers, tg), on=hers, force=True)
    assert "lready done by Ali" in late.text, late.text
    no_refusal(tg)


def undo_number(message, tg):
    """The number in the buttons that a message had before it ended."""
    for version in reversed(message.history):
        for row in (version.markup or {}).get("inline_keyboard", []):
            for button in row:
                if "|breaker|" in button["callback_data"]:
                    return button["callback_data"].rsplit("|", 1)[1]
    raise AssertionError(message.history)


@SCENES.long_scene
def a_rebuilt_panel_is_confirmed(s):
    """The ids belong to others: nothing is done until an owner says that these are the users."""
    people = [f"person{i}" for i in range(20)]
    tg, (ali,), sim, d = begin(s, "Ali", users=[*people, "sharer"])
    zoe = tg.user("Zoe")
    d.cli("admin", "add", zoe.id, "operator")
    disable(d, "sharer")
    d.stop()
    other = s.lab("--nodes", 1)
    for i in range(20):
        other.add_user(f"another{i}")
    other.add_user("somebody", status="disabled")
    d.write_env(PANEL_DOMAIN=other.url, PANEL_TLS_PIN=other.pin)
    d.start()
    mine = ali.chat.wait("now belong to other users", 30)
    hers = zoe.chat.wait("now belong to other users", 10)
    zoe.press("These are the users", on=hers)
    tg.wait(lambda: any("Yes, go on" in x for x in labels(hers)), 5)
    refused = zoe.press("Yes, go on", on=hers)
    assert refused.text and refused.text != "Done." and d.status()["paused"], refused.text
    ali.press("These are the users", on=mine)
    tg.wait(lambda: any("Yes, go on" in x for x in labels(mine)), 5)
    ali.press("Cancel", on=mine)
    tg.wait(lambda: any("These are the users" in x for x in labels(mine)), 5)
    ali.press("These are the users", on=mine)
    tg.wait(lambda: any("Yes, go on" in x for x in labels(mine)), 5)
    assert d.status()["paused"]
    assert ali.press("Yes, go on", on=mine).text == "Done."
    d.wait_state("sharer", "superseded", 10)
    d.wait(lambda: not d.status()["paused"], 10, "the end of the pause")
    assert other.user("somebody")["status"] == "disabled"
    tg.wait(lambda: "are confirmed" in mine.text and "are confirmed" in hers.text and not hers.buttons, 5)
    assert len(about(ali.chat, "belong to other users|are confirmed")) == 1
    no_refusal(tg)


@SCENES.scene
def the_panel_is_away_and_back(s):
    if not built_with("PG_TIME_SCALE"):
        s.skip("needs a build with -Dtest_clock=true")
    tg, (ali,), sim, d = begin(s, "Ali", environment={"PG_TIME_SCALE": "20"})
    sim.fault("drop", "/*", count=-1)  # until the alarm has come, however long that takes
    sim.post("/drop", {"rst": True})
    down = ali.chat.wait("The panel does not answer", 60)
    sim.clear_faults()
    tg.wait(lambda: "The panel answers again, it was away for" in down.text, 60, lambda: down.text)
    assert len(about(ali.chat, "The panel ")) == 1, ali.chat.text()
    no_refusal(tg)


@SCENES.scene
def many_are_enabled_with_progress(s):
    """More than ten: how many are left is shown meanwhile, and the outcome told at the end."""
    names = [f"user{i:02}" for i in range(14)]
    tg, (ali,), sim, d = begin(s, "Ali", users=names)
    for name in names:
        status, told = d.call("POST", f"/users/{name}/disable", {"hand": True})
        assert status == 200, told
    sim.fault("delay", "/api/user*", method="PUT", count=-1, seconds=1)
    menu = ali.ask("/enable_all", "In all: 14", seconds=10)
    ali.press("All: 14", on=menu)
    tg.wait(lambda: "Enable 14 users" in menu.text, 5)
    end = time.monotonic() + 120
    ali.press("Yes", on=menu)
    tg.wait(lambda: "of 14 still disabled" in menu.text, 5, lambda: menu.text)
    assert not about(ali.chat, "Enabled: 14 users"), "it is shown while it goes on"
    seen = set()
    while "of 14 still disabled" in menu.text and not about(ali.chat, "Enabled: 14 users"):
        seen.add(menu.text)
        ali.press("Refresh", on=menu)
        time.sleep(0.3)
        assert time.monotonic() < end
    told = ali.chat.wait("Enabled: 14 users", 20)
    assert "Disabled users" in told.text and told.id > menu.id
    assert len(seen) > 1, seen
    assert not sim.get("/users", status="disabled")["users"]
    no_refusal(tg)


@SCENES.scene
def made_anew_under_a_name(s):
    """What the one of before had is offered in the bot: given, or forgotten, when asked and confirmed."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["ann", "bob"])
    d.cli("user", "add", "ann", "5")
    d.cli("except", "add", "bob", "--reason", "boss <&>")
    ids = {}
    for name in ("ann", "bob"):
        sim.call("DELETE", f"/user/{name}")
        ids[name] = sim.add_user(name)
    with Traffic(sim, Sharer("ann", n=1, every=0.3)):
        d.wait(lambda: d.status()["users"].get("recreated") == 2, 20)
    ali.ask("/start", "Main menu", seconds=10)
    menu = ali.go("Users", "Made anew under a name")
    tg.wait(lambda: "ann" in menu.text and "Special limit: 5" in menu.text, 5, lambda: menu.text)
    assert "Excepted from all limits" in menu.text and "boss <&>" in menu.text
    ali.press("Give to ann", on=menu)
    tg.wait(lambda: "Shall ann have what" in menu.text, 5)
    ali.press("No", on=menu)
    tg.wait(lambda: "Made anew" in menu.text and "Special limit: 5" in menu.text, 5)
    assert not [r for r in d.get("/users/limits")["data"] if r["id"] == ids["ann"]]
    ali.press("Give to ann", on=menu)
    tg.wait(lambda: "Shall ann have what" in menu.text, 5)
    ali.press("Yes", on=menu)
    tg.wait(lambda: "ann has it" in menu.text, 5, lambda: menu.text)
    assert [r["limit"] for r in d.get("/users/limits")["data"] if r["id"] == ids["ann"]] == [5]
    ali.press("Forget: bob", on=menu)
    tg.wait(lambda: "cannot be undone" in menu.text, 5)
    ali.press("Yes", on=menu)
    tg.wait(lambda: "Forgotten" in menu.text and "There is nobody" in menu.text, 5, lambda: menu.text)
    assert not [r for r in d.get("/users/except")["data"] if r["id"] == ids["bob"]]
    no_refusal(tg)


@SCENES.long_scene
def a_change_that_frees_asks(s):
    """Who would not be disabled by the new rules: asked after the change, and by a button at any time."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["vip_a", "vip_b"], TIME_TO_ACTIVE_USERS=3600)
    warm_up(d, sim)
    with Traffic(sim, Sharer("vip_a"), Sharer("vip_b")):
        for name in ("vip_a", "vip_b"):
            d.wait_state(name, "applied", 40)
    listed = ali.ask("/disabled", "In all: 2", seconds=10)
    ali.press("Disabled by rules of before", on=listed)
    tg.wait(lambda: "nobody is disabled who would not be" in listed.text, 5, lambda: listed.text)
    asked = ali.ask("/set_general_limit_number 3", "who would not be", seconds=10)
    assert "2 users are disabled" in asked.text
    ali.press("Leave them", on=asked)
    tg.wait(lambda: "who would not be" not in asked.text, 5)
    assert sim.user("vip_a")["status"] == "disabled"
    listed = ali.ask("/disabled", "In all: 2", seconds=10)
    ali.press("Disabled by rules of before", on=listed)
    tg.wait(lambda: "2 users are disabled" in listed.text, 5, lambda: listed.text)
    ali.press("Enable 2", on=listed)
    tg.wait(lambda: "vip_a: enabled" in listed.text and "vip_b: enabled" in listed.text, 10,
            lambda: listed.text)
    assert {sim.user(n)["status"] for n in ("vip_a", "vip_b")} == {"active"}
    no_refusal(tg)


outcomes = SCENES.fixture()
test_scene = SCENES.test()
