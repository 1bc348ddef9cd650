# SPDX-License-Identifier: AGPL-3.0-or-later
"""Presses at the wrong time: by two at once, twice, by others, after a restart, with a panel that hangs; and
texts that come too late."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import bot_texts
import pytest
from daemon import built_with

PERSIAN = re.compile("[\u0600-\u06ff]")
ANSWER_S = 1.0


def quick(telegram, press, within=ANSWER_S):
    """Waits for the answer to a press, which must come within a second."""
    telegram.wait_answer(press, 15)
    assert press.answered - press.at < within, f"{press.answered - press.at:.1f} s for {press.data}"
    return press


def show(user, target):
    """Presses a button with a target, whatever is shown, and waits for what it leads to."""
    message = user.chat.last
    before = len(message.history)
    user.press(data=target, on=message, force=True, wait=15)
    user.chat.wait(lambda m: m.id > message.id or m is message and len(m.history) > before, 15)
    return user.chat.last


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
        one.ask("/start", lambda m: m.buttons)
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
    assert config(s)["general_limit"] == "2"
    assert s.daemon.get(f"/users/id:{s.ids['user_05']}")["limit"] == 4


def test_buttons_after_a_restart(stage, telegram):
    """One that holds what the process remembered is refused kindly; all others go on working."""
    s = stage()
    owner = s.owners[0]
    s.sim.post("/groups", {"name": "g" * 80, "inbound_tags": ["VLESS TCP 1"]})
    owner.ask("/start", lambda m: m.buttons)
    menu = show(owner, "sgf")
    button = next(b["callback_data"] for row in menu.buttons for b in row
                  if "~" in b.get("callback_data", ""))
    s.daemon.stop()
    s.daemon.start()
    s.daemon.wait(lambda: s.daemon.status()["telegram"]["state"] == "ok", 20)
    press = owner.press(data=button, on=menu, wait=15)
    assert press.alert and press.text == bot_texts.table()["OLD_BUTTON"]["en"], press
    assert config(s)["group_filter"] == ""
    owner.press(data="smain", on=menu, wait=15)
    telegram.wait(lambda: "Main menu" in menu.text, 10, owner.chat.text)


@pytest.mark.alone
def test_the_panel_hangs_and_the_bot_does_not(stage, telegram):
    """What needs the panel says so in the end; every press is answered at once, and all else works."""
    s = stage(owners=2)
    waiting, other = s.owners
    for one in s.owners:
        one.ask("/start", lambda m: m.buttons)
    s.sim.fault("hang", "/api/*", count=-1)
    who = s.ids["user_05"]
    message = waiting.chat.last
    for target in ("sgf", f"adsd|id:{who}", "spick|disabled_group_id"):
        quick(telegram, waiting.press(data=target, on=message, force=True, wait=0))
        for own in ("sconf", "slim", "sdis", "smain"):
            shown = other.chat.last
            version = len(shown.history)
            begun = time.monotonic()
            quick(telegram, other.press(data=own, on=shown, force=True, wait=0))
            telegram.wait(lambda m=shown, v=version: len(m.history) > v, 10, own)
            assert time.monotonic() - begun < 3
    s.sim.clear_faults()
    s.sim.post("/drop", {"rst": True})  # what hangs hangs no more
    waiting.chat.wait(lambda m: m.buttons, 60)
    waiting.ask("/start", "Main menu", 15)


def test_pressed_twice_it_is_done_once(stage, telegram):
    s = stage(owners=2)
    who = s.ids["user_05"]
    for one in s.owners:
        one.ask("/start", lambda m: m.buttons)
        show(one, f"adsd|id:{who}")
    yes = f"ydsd|id:{who}"
    presses = [one.press(data=yes, on=one.chat.last, wait=0, force=True)
               for one in s.owners for _ in range(3)]
    for press in presses:
        telegram.wait_answer(press, 15)
    s.daemon.wait_state("user_05", "applied", 15)
    telegram.idle()
    assert len(s.daemon.rows("user_05")) == 1
    assert len([e for e in s.sim.journal(method="PUT") if f"/by-id/{who}" in e["path"] and
                "true" in e["body"]]) <= 1
    owner = s.owners[0]
    show(owner, "iplimt|prefix")
    owner.ask("tw_", lambda m: m.buttons)
    owner.say("3")
    owner.say("3")  # the second one is awaited by nobody any more
    s.daemon.wait(lambda: [p for p in s.daemon.get("/patterns")["data"] if p["pattern"] == "tw_"], 10)
    telegram.idle()
    assert len([p for p in s.daemon.get("/patterns")["data"] if p["pattern"] == "tw_"]) == 1


def test_what_was_meant_for_another(stage, telegram):
    """Buttons and texts of one person do nothing in the hands of another."""
    s = stage(owners=2)
    owner, second = s.owners
    viewer, operator = s.admin("viewer"), s.admin("operator")
    for one in (owner, second, viewer, operator):
        one.ask("/start", lambda m: m.buttons)
    # The answer may come before the names that the bot learns from who writes.
    s.daemon.wait(lambda: all(a["name"] for a in s.daemon.get("/admins")["data"]), 10)
    before = s.daemon.get("/config"), s.daemon.get("/admins"), s.daemon.get("/patterns")
    for one, targets in ((viewer, ("aput|general_limit|slim||9", f"ydsd|id:{s.ids['user_05']}", "abak",
                                   f"asetl|id:{s.ids['user_05']}|9", f"yadmx|{operator.id}",
                                   "ival|general_limit", "aresgo|1", "yvall")),
                         (operator, ("aput|general_limit|slim||9", "yadmro|" + str(operator.id), "abak",
                                     "aladd|ip_allowlist|sall||0.0.0.0/0", "fput|enforcement|||on",
                                     "isec|ipinfo_token", "aclrun", "yvall"))):
        shown = one.chat.last
        text = shown.text
        for target in targets:
            press = quick(telegram, one.press(data=target, on=shown, force=True, wait=0), 3)
            assert press.alert and press.text, target
        assert shown.text == text and one.chat.last is shown
    # An owner's prompt in a group: another one's text is not taken, nor his Cancel there.
    group = telegram.group("Ops", owner, second, viewer)
    prompt = owner.ask("/start", lambda m: m.buttons, room=group)
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
    press = quick(telegram, second.press(data=data, on=second.chat.last, force=True, wait=0), 3)
    telegram.idle()
    assert press.answered and not s.daemon.logged("starts anew")


def test_a_message_that_is_gone(stage, telegram):
    """A press on a message that Telegram says nothing of any more: the answer is a new one."""
    s = stage()
    owner = s.owners[0]
    old = owner.ask("/start", lambda m: m.buttons)
    old.deleted = True
    press = quick(telegram, owner.press(data="sconf", on=old, force=True, wait=0))
    assert press.answered
    new = owner.chat.wait(lambda m: m.id > old.id and "Settings" in m.text, 10)
    assert new.buttons


@pytest.mark.skipif(not built_with("PG_TIME_SCALE"), reason="needs a build with a test clock")
def test_a_text_that_comes_too_late(lab, daemon, telegram):
    """Five minutes on a clock that runs 60 times as fast: the prompt says so, the text changes nothing."""
    ali = telegram.user("Ali")
    d = daemon(lab("--http"), start=False, ADMIN_IDS=ali.id, **telegram.settings)
    d.start(environment={"PG_TIME_SCALE": "60", "PG_TIME_ORIGIN": repr(time.time())})
    ali.ask("/start", "Main menu", 10)
    prompt = show(ali, "ival|check_interval|sconf|")
    begun = time.monotonic()
    telegram.wait(lambda: prompt.text == bot_texts.table()["INPUT_OVER"]["en"], 20, ali.chat.text)
    assert 4.5 < time.monotonic() - begun < 12
    assert {b["callback_data"] for row in prompt.buttons for b in row} == {
        "sset|check_interval|sconf", "smain"}
    late = ali.ask("77", lambda m: True)
    assert bot_texts.table()["NOT_AWAITED"]["en"].split("{")[0][:20] in late.text
    assert {r["key"]: r["value"] for r in d.get("/config")["data"]}["check_interval"] != "77"
    # A wrong text begins the five minutes anew, and Cancel, a command or another button ends them.
    for way in ("cancel", "command", "button"):
        prompt = show(ali, "ival|check_interval|sconf|")
        if way == "cancel":
            ali.press("Cancel", on=prompt)
        elif way == "command":
            ali.ask("/status", lambda m: m.buttons)
        else:
            show(ali, "sconf")
        telegram.idle()
        ali.ask("88", lambda m: bot_texts.table()["NOT_AWAITED"]["en"].split("{")[0][:20] in m.text)
    assert {r["key"]: r["value"] for r in d.get("/config")["data"]}["check_interval"] != "88"


@pytest.mark.alone
def test_a_crowd_of_strangers(stage, telegram):
    """One refusal a second to all of them together; whoever belongs here is answered at once meanwhile."""
    s = stage()
    owner = s.owners[0]
    owner.ask("/start", lambda m: m.buttons)
    strangers = [telegram.user(f"Stranger {i}") for i in range(60)]
    begun = time.monotonic()
    presses = []
    for i, one in enumerate(strangers):
        one.say("/start")
        presses.append(one.press(data="smain", on=owner.chat.last, force=True, wait=0))
        if i % 12 == 0:
            quick(telegram, owner.press(data="sconf" if i % 24 else "smain", on=owner.chat.last,
                                        force=True, wait=0))
    for press in presses:
        quick(telegram, press)
    telegram.idle()
    told = sum(len(one.chat.from_bot) for one in strangers) + sum(bool(p.text) for p in presses)
    assert 1 <= told <= 1 + int(time.monotonic() - begun) + 1, told
    assert not any(m.buttons for one in strangers for m in one.chat.from_bot)
