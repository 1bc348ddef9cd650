# SPDX-License-Identifier: AGPL-3.0-or-later
"""Presses at the wrong time: by two at once, twice, by others, after a restart, with a panel that hangs; and
texts that come too late."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import bot_texts
import pytest
from bot_stage import menu_of, show, start
from daemon import built_with

PERSIAN = re.compile("[\u0600-\u06ff]")
ANSWER_S, HELD_UP_S = 1.0, 6.0


def at_once(telegram, presses):
    """Each press is answered within a second: so is the half of them, and none that the machine held up waited
    for what takes longer, which is ten seconds or for ever."""
    for press in presses:
        telegram.wait_answer(press, 15)
    took = sorted((p.answered - p.at, p.data) for p in presses)
    assert took[len(took) // 2][0] < ANSWER_S and took[-1][0] < HELD_UP_S, took


def config(s):
    return {r["key"]: r["value"] for r in s.daemon.get("/config")["data"]}


def test_two_admins_in_two_languages_at_once(stage, telegram):
    """Each in his own language, whoever presses what; what both change is what was pressed last."""
    s = stage(owners=2).fill()
    english, persian = s.owners
    s.daemon.call("PUT", f"/admins/{english.id}/language", {"language": "en"})
    s.daemon.call("PUT", f"/admins/{persian.id}/language", {"language": "fa"})
    foreign = {"en": bot_texts.Foreign("en", s.words), "fa": bot_texts.Foreign("fa", s.words)}
    for one in s.owners:
        start(one)
    targets = ["sconf", "sset|general_limit|slim", "aput|general_limit|slim||3", "spat", "sexl", "sdis",
               f"scard|id:{s.ids['user_05']}", f"asetl|id:{s.ids['user_05']}|4", "snot", "spun", "sall",
               "aput|general_limit|slim||2", "smain"]

    def walk(user, language):
        shown = []
        for target in targets:
            message = show(user, target)
            shown.append((target, message.text, message.labels))
            words = foreign[language].words(message.text)
            assert not words, (target, message.text)
        return shown

    with ThreadPoolExecutor(2) as pool:
        left, right = (pool.submit(walk, u, lang) for u, lang in ((english, "en"), (persian, "fa")))
        left, right = left.result(), right.result()
    assert not any(PERSIAN.search(text) for _, text, _ in left)
    assert all(PERSIAN.search(text) for _, text, _ in right)
    # A press may be answered before what it asks for is done.
    s.daemon.wait(lambda: config(s)["general_limit"] == "2", 10, "the limit of the last press")
    s.daemon.wait(lambda: s.daemon.get(f"/users/id:{s.ids['user_05']}")["limit"] == 4, 10)


def test_buttons_after_a_restart(stage, telegram):
    """One that holds what the process remembered is refused kindly; all others go on working."""
    s = stage()
    owner = s.owners[0]
    s.sim.post("/groups", {"name": "g" * 80, "inbound_tags": ["VLESS TCP 1"]})
    start(owner)
    menu = show(owner, "sgf")
    button = next(b["callback_data"] for row in menu.buttons for b in row
                  if "~" in b.get("callback_data", ""))
    s.daemon.stop()
    s.daemon.start()
    s.daemon.wait(lambda: s.daemon.status()["telegram"]["state"] == "ok", 20)
    press = owner.press(data=button, on=menu)
    assert press.alert and press.text == bot_texts.table()["OLD_BUTTON"]["en"], press
    assert config(s)["group_filter"] == ""
    owner.press(data="smain", on=menu)
    telegram.wait(lambda: "Main menu" in menu.text, 10, owner.chat.text)


@pytest.mark.alone
def test_the_panel_hangs_and_the_bot_does_not(stage, telegram):
    """What needs the panel says so in the end; every press is answered at once, and all else works."""
    s = stage(owners=2)
    waiting, other = s.owners
    message, shown = (start(one) for one in s.owners)
    s.sim.fault("hang", "/api/*", count=-1)
    who = s.ids["user_05"]
    presses, took = [], []
    for target in ("sgf", f"adsd|id:{who}", "spick|disabled_group_id"):
        presses.append(waiting.press(data=target, on=message, force=True))
        for own in ("sconf", "slim", "sdis", "smain"):
            version = len(shown.history)
            presses.append(other.press(data=own, on=shown, force=True))
            telegram.wait(lambda v=version: len(shown.history) > v, 10, own)
            took.append(time.monotonic() - presses[-1].at)
    at_once(telegram, presses)
    assert sorted(took)[len(took) // 2] < 2 and max(took) < HELD_UP_S, took
    s.sim.clear_faults()
    s.sim.post("/drop", {"rst": True})  # what hangs hangs no more
    waiting.ask("/start", "Main menu")


def test_pressed_twice_it_is_done_once(stage, telegram):
    s = stage(owners=2, TIME_TO_ACTIVE_USERS=600)
    who = s.ids["user_05"]
    for one in s.owners:
        start(one)
        show(one, f"adsd|id:{who}")
    yes = f"ydsd|id:{who}"
    presses = [one.press(data=yes, on=menu_of(one), wait=0, force=True)
               for one in s.owners for _ in range(3)]
    for press in presses:
        telegram.wait_answer(press)
    s.daemon.wait_state("user_05", "applied", 15)
    for one in s.owners:
        telegram.wait(lambda m=menu_of(one): yes not in [b["callback_data"] for row in m.buttons for b in row],
                      15, one.chat.text)
    assert len(s.daemon.rows("user_05")) == 1
    assert len([e for e in s.sim.journal(method="PUT") if f"/by-id/{who}" in e["path"] and
                "true" in e["body"]]) <= 1
    owner = s.owners[0]
    show(owner, "iplimt|prefix")
    owner.ask("tw_", "How many devices")
    owner.say("3")
    owner.say("3")  # the second one is awaited by nobody any more
    s.daemon.wait(lambda: [p for p in s.daemon.get("/patterns")["data"] if p["pattern"] == "tw_"], 10)
    owner.ask("3", bot_texts.table()["NOT_AWAITED"]["en"].split("{")[0][:20])
    assert len([p for p in s.daemon.get("/patterns")["data"] if p["pattern"] == "tw_"]) == 1


def test_what_was_meant_for_another(stage, telegram):
    """Buttons and texts of one person do nothing in the hands of another."""
    s = stage(owners=2)
    owner, second = s.owners
    viewer, operator = s.admin("viewer"), s.admin("operator")
    menus = {one: one.ask("/start", "Main menu") for one in (owner, second, viewer, operator)}
    # The answer may come before the names that the bot learns from who writes.
    s.daemon.wait(lambda: all(a["name"] for a in s.daemon.get("/admins")["data"]), 10)
    before = s.daemon.get("/config"), s.daemon.get("/admins"), s.daemon.get("/patterns")
    for one, targets in ((viewer, ("aput|general_limit|slim||9", f"ydsd|id:{s.ids['user_05']}", "abak",
                                   f"asetl|id:{s.ids['user_05']}|9", f"yadmx|{operator.id}",
                                   "ival|general_limit", "aresgo|1", "yvall")),
                         (operator, ("aput|general_limit|slim||9", "yadmro|" + str(operator.id), "abak",
                                     "aladd|ip_allowlist|sall||0.0.0.0/0", "fput|enforcement|||on",
                                     "isec|ipinfo_token", "aclrun", "yvall"))):
        shown = menus[one]
        text = shown.text
        for target in targets:
            press = one.press(data=target, on=shown, force=True)
            assert press.alert and press.text, target
        assert shown.text == text and menu_of(one) is shown
    # An owner's prompt in a group: another one's text is not taken, nor his Cancel there.
    group = telegram.group("Ops", owner, second, viewer)
    prompt = start(owner, group)
    owner.press(data="ival|general_limit|slim|", on=prompt, force=True, wait=15)
    group.wait(lambda m: any("Cancel" in label for label in m.labels), 10)
    for one in (second, viewer):
        one.say("9", group)
    telegram.idle()
    # A restore that one has brought is not carried out by another.
    assert (s.daemon.get("/config"), s.daemon.get("/admins"), s.daemon.get("/patterns")) == before
    owner.ask("4", lambda m: m.buttons, 10, group)
    s.daemon.wait(lambda: config(s)["general_limit"] == "4", 10)
    s.daemon.cli("backup", s.daemon.folder / "b.zip")
    owner.ask("/restore", lambda m: any("Cancel" in label for label in m.labels))
    owner.send_file("b.zip", (s.daemon.folder / "b.zip").read_bytes())
    report = owner.chat.wait(lambda m: any(b["callback_data"].startswith("aresgo") for row in m.buttons
                                           for b in row if "callback_data" in b), 20)
    data = next(b["callback_data"] for row in report.buttons for b in row
                if b["callback_data"].startswith("aresgo"))
    second.press(data=data, on=menus[second], force=True)
    telegram.idle()
    second.ask("/start", "Main menu")
    assert not s.daemon.logged("starts anew")


def test_a_message_that_is_gone(stage, telegram):
    """A press on a message that Telegram says nothing of any more: the answer is a new one."""
    s = stage()
    owner = s.owners[0]
    old = start(owner)
    old.deleted = True
    owner.press(data="sconf", on=old, force=True)
    new = owner.chat.wait(lambda m: m.id > old.id and "Settings" in m.text, 10)
    assert new.buttons


@pytest.mark.skipif(not built_with("PG_TIME_SCALE"), reason="needs a build with a test clock")
def test_a_text_that_comes_too_late(lab, daemon, telegram):
    """Five minutes on a clock that runs 60 times as fast: the prompt says so, the text changes nothing."""
    ali = telegram.user("Ali")
    d = daemon(lab("--http"), start=False, ADMIN_IDS=ali.id, **telegram.settings)
    d.start(environment={"PG_TIME_SCALE": "60", "PG_TIME_ORIGIN": repr(time.time())})
    ali.ask("/start", "Main menu", 10)
    begun = time.monotonic()
    prompt = show(ali, "ival|check_interval|sconf|")
    telegram.wait(lambda: prompt.text == bot_texts.table()["INPUT_OVER"]["en"], 20, ali.chat.text)
    assert time.monotonic() - begun > 4.9  # a busy machine makes it later
    assert {b["callback_data"] for row in prompt.buttons for b in row} == {
        "sset|check_interval|sconf", "smain"}
    not_awaited = bot_texts.table()["NOT_AWAITED"]["en"].split("{")[0][:20]
    ali.ask("77", not_awaited)
    assert {r["key"]: r["value"] for r in d.get("/config")["data"]}["check_interval"] != "77"
    d.stop()
    d.start()  # on a clock of the usual pace, lest the time be over meanwhile
    # Cancel, a command or another button ends the wait.
    for way in ("cancel", "command", "button"):
        prompt = show(ali, "ival|check_interval|sconf|")
        if way == "cancel":
            ali.press("Cancel", on=prompt)
        elif way == "command":
            ali.ask("/status", lambda m: m.buttons)
        else:
            show(ali, "sconf")
        ali.ask("88", not_awaited)
    assert {r["key"]: r["value"] for r in d.get("/config")["data"]}["check_interval"] != "88"


@pytest.mark.alone
def test_a_crowd_of_strangers(stage, telegram):
    """One refusal a second to all of them together; whoever belongs here is answered at once meanwhile."""
    s = stage()
    owner = s.owners[0]
    menu = start(owner)
    strangers = [telegram.user(f"Stranger {i}") for i in range(60)]
    begun = time.monotonic()
    presses = []
    for i, one in enumerate(strangers):
        one.say("/start")
        presses.append(one.press(data="smain", on=menu, force=True, wait=0))
        if i % 12 == 0:
            presses.append(owner.press(data="sconf" if i % 24 else "smain", on=menu, force=True))
    at_once(telegram, presses)
    telegram.idle()
    told = (sum(len(one.chat.from_bot) for one in strangers) +
            sum(bool(p.text) for p in presses if p.person is not owner.person))
    assert 1 <= told <= 1 + int(time.monotonic() - begun) + 1, told
    assert not any(m.buttons for one in strangers for m in one.chat.from_bot)
