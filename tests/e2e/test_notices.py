"""What the bot tells by itself: cases in one message, folding, topics and their failing, the summary."""

import calendar
import re
import time
from concurrent.futures import ThreadPoolExecutor

from daemon import Sharer, Traffic, built_with, warm_up
from scenes import Scenes
from simtelegram.server import in_thread

SCENES = Scenes(at_once=4)
WHEN = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d)")


def begin(s, *admins, users=(), crowd=0, environment=None, nodes=1, **more):
    """A Telegram with admins, a panel with users, and a daemon that is connected to both."""
    tg = s.enter(in_thread())
    people = [tg.user(name) for name in admins]
    sim = s.lab("--nodes", nodes)
    for name in users:
        sim.add_user(name)
    if crowd:
        first = sim.post("/users", {"generate": crowd, "prefix": "crowd"})["first"]
        s.crowd = [f"crowd{first + i:06d}" for i in range(crowd)]
    more = {"ADMIN_IDS": ",".join(str(p.id) for p in people), **tg.settings, **more}
    d = s.daemon(sim, start=False, **more)
    d.environment["PG_TOAST_SCALE"] = "16"  # what a press leads to is looked at, however busy the machine is
    d.start(environment=environment)
    connected(d)
    return tg, people, sim, d


def connected(d):
    d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 60)
    d.wait(lambda: d.status()["telegram"]["state"] == "ok", 60)
    d.wait(lambda: d.status()["nodes"]["streams_open"] and d.status()["users"]["listed_at"], 60)


def disable(d, name, **more):
    status, told = d.call("POST", f"/users/{name}/disable", {"minutes": 30, **more})
    assert status == 200, (status, told)


def about(chat, pattern):
    return [m for m in chat.from_bot if re.search(pattern, m.text)]


def no_refusal(tg):
    assert not tg.refused, "refused calls:\n" + "\n".join(map(repr, tg.refused))


@SCENES.long_scene
def a_case_lives_in_one_message(s):
    """Warned, disabled, enabled by its term: one message, whose buttons fit what holds."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["alice_b"], nodes=2, TIME_TO_ACTIVE_USERS=15)
    warm_up(d, sim, (1, 2))
    with Traffic(sim, Sharer("alice_b", nodes=(1, 2))):
        ali.chat.wait(lambda m: "alice_b — disabled" in m.text, 60)
    enabled = ali.chat.wait(lambda m: "alice_b — enabled again" in m.text, 60)
    assert len(about(ali.chat, "alice_b")) == 1, ali.chat.text()
    assert "the time was over" in enabled.text and "· warned" in enabled.text
    assert not any("Enable" in x for x in enabled.labels)
    # What it was before: it went on changing while it was looked at.
    disabled = next(v for v in enabled.history if "alice_b — disabled" in v.text)
    assert "· warned" in disabled.text and "· disabled until" in disabled.text
    assert "2 devices at the same time, 1 allowed" in disabled.text
    assert "node-1" in disabled.text
    assert disabled.markup["inline_keyboard"][0][0]["text"] == "✅ Enable"
    no_refusal(tg)


@SCENES.scene
def buttons_act_once(s):
    """Pressed twice, by two admins, after a restart: done once, and the message says by whom."""
    tg, (ali, zoe), sim, d = begin(s, "Ali", "Zoe", users=["one", "two", "three"])
    for name in ("one", "two", "three"):
        disable(d, name)
    mine = ali.chat.wait(lambda m: "one — disabled" in m.text)
    hers = zoe.chat.wait(lambda m: "one — disabled" in m.text)
    data = next(b["callback_data"] for b in mine.buttons[0] if "Enable" in b["text"])
    with ThreadPoolExecutor(3) as pool:
        presses = list(pool.map(lambda x: x[0].press(data=data, on=x[1], force=True),
                                [(ali, mine), (ali, mine), (zoe, hers)]))
    told = [p.text for p in presses if p.text]
    assert "Done." in told, told
    assert all(t == "Done." or "lready done" in t or "just doing" in t for t in told), told
    assert sim.user("one")["status"] == "active"
    for chat in (ali.chat, zoe.chat):
        found = chat.wait(lambda m: "one — enabled again" in m.text)
        assert "enabled by Ali" in found.text or "enabled by Zoe" in found.text
        assert len(about(chat, "one —")) == 1
    assert len([r for r in d.rows("one") if r["state"] == "restored"]) == 1
    # A later press of what is done: who did it.
    late = zoe.press(data=data, on=hers, force=True)
    assert "Already done by" in late.text, late.text
    # Over a restart, too; and what was done by the command line.
    ali.chat.wait(lambda m: "two — disabled" in m.text)
    d.stop()
    d.start()
    connected(d)
    d.cli("disabled", "enable", "two")
    ali.chat.wait(lambda m: "two — enabled again" in m.text and "the command line" in m.text)
    # A limit by a menu of buttons, and an exception.
    three = ali.chat.wait(lambda m: "three — disabled" in m.text)
    ali.press("Never limit", on=three)
    shown = ali.chat.wait(lambda m: "three —" in m.text and "never limited, by" in m.text)
    assert shown is three or shown.text
    assert d.get("/users/except")["total"] == 1
    d.wait_state("three", "restored", 30)
    no_refusal(tg)


@SCENES.long_scene
def a_limit_from_a_notification(s):
    """For one who had no limit of his own; whom that allows is enabled."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["alice_b"], nodes=2, TIME_TO_ACTIVE_USERS=600)
    warm_up(d, sim, (1, 2))
    with Traffic(sim, Sharer("alice_b", nodes=(1, 2))):
        case = ali.chat.wait(lambda m: "alice_b — disabled" in m.text, 60)
    ali.press("Set limit", on=case)
    tg.wait(lambda: "🎯 3" in case.labels, 30, ali.chat.text)
    assert ali.press("🎯 3", on=case).text == "Done."
    assert d.get("/users/alice_b")["limit"] == 3
    d.wait_state("alice_b", "restored", 30)
    no_refusal(tg)


@SCENES.scene
def many_at_once_become_one(s):
    """300 users over the limit in a moment: all told, in a few messages, and pressing is answered."""
    tg, (ali, zoe), sim, d = begin(s, "Ali", "Zoe", crowd=300, WARN_AT="excess", MONITORING_PERIOD=600)
    names = s.crowd
    zoe.ask("/start", "Main menu", seconds=30)
    warm_up(d, sim)
    events = [{"node": 1, "user": n, "ip": f"{5 + 26 * k}.{10 + i // 250}.{i % 250}.{7 + k}"}
              for i, n in enumerate(names) for k in range(2)]
    menu = next(m for m in zoe.chat.from_bot if "Main menu" in m.text)

    def press(took):
        began = time.monotonic()
        zoe.press(data="shelp" if len(took) % 2 == 0 else "smain", on=menu, force=True)
        took.append(time.monotonic() - began)

    def fold_with(words):
        return next((m for m in ali.chat.from_bot if words in m.text), None)
    quiet, took = [], []
    for _ in range(15):
        press(quiet)
        time.sleep(0.1)
    for at in range(0, len(events), 100):
        sim.traffic(*events[at:at + 100])
        press(took)
    end = time.monotonic() + 120
    while not fold_with("294 users warned"):
        assert time.monotonic() < end, ali.chat.text()
        press(took)
        time.sleep(0.1)
    fold = fold_with("294 users warned")
    single = about(ali.chat, r"crowd\d+ — warned")
    assert len(single) == 6 and len(about(ali.chat, "users warned")) == 1
    # The list: every one of them, and his card.
    ali.press("List", on=fold)
    page = ali.chat.wait(lambda m: "294 in all, page 1 of 30" in m.text, 30)
    seen = [b["text"] for row in page.buttons for b in row if b["text"].startswith("crowd")]
    assert page.buttons[0][0]["callback_data"].startswith("scard|id:")
    for number in range(2, 31):
        ali.press("➡️", on=page)
        tg.wait(lambda: f"page {number} of 30" in page.text, 30)  # noqa: B023
        seen += [b["text"] for row in page.buttons for b in row if b["text"].startswith("crowd")]
    told = [re.search(r"crowd\d+", m.text).group() for m in single]
    assert sorted(told + seen) == sorted(names) and len(seen) == 294
    took.sort()
    usual = sorted(quiet)[len(quiet) // 2]
    s.say(f"{len(took)} presses meanwhile were answered after {took[len(took) // 2] * 1000:.0f} ms (median; "
          f"{usual * 1000:.0f} ms before), {took[len(took) * 95 // 100] * 1000:.0f} ms (95 %), "
          f"{took[-1] * 1000:.0f} ms at most; {sum(t > 0.3 for t in took)} over 300 ms; "
          f"{len(ali.chat.from_bot)} messages in all")
    # The machine may be busy, before as well: the slow ones are told.
    assert took[len(took) // 2] < max(0.3, 3 * usual)
    no_refusal(tg)


@SCENES.scene
def topics_and_their_failing(s):
    """A group with topics made once; gone: private chats, told once; back: the group again."""
    if not built_with("PG_TIME_SCALE"):
        s.skip("needs a build with -Dtest_clock=true")
    tg, (ali, zoe), sim, d = begin(s, "Ali", "Zoe", users=[f"user{i}" for i in range(8)],
                                   environment={"PG_TIME_SCALE": "20"})
    group = tg.group("Watch", ali, zoe, forum=True, bot="administrator", can_manage_topics=False)
    ali.ask("/topics", "private chats", seconds=30)
    ali.press("Set group")
    ali.chat.wait(lambda m: "✖️ Cancel" in m.labels, 30)  # a press may be answered before what it is about
    with tg.expect_refusal("chat not found"):
        ali.say("-1005")
        ali.chat.wait(lambda m: "chat not found" in m.text, 30)
    ali.say(str(group.id))
    ali.chat.wait(lambda m: "without the right to manage topics" in m.text, 30)
    group.bot_becomes("administrator")
    ali.say(str(group.id))
    menu = ali.chat.wait(lambda m: "Group: Watch" in m.text, 30)
    ali.press("Check rights", on=menu)
    ali.press("Create missing topics", on=menu)
    tg.wait(lambda: len(group.topics()) == 4, 30)
    ali.chat.wait(lambda m: "4 topics created" in m.text, 30)
    ali.press("Create missing topics", on=menu)
    ali.chat.wait(lambda m: "0 topics created" in m.text, 30)
    assert len(group.topics()) == 4, group.topics()
    users = next(t for t, n in group.topics().items() if n == "Users")
    disable(d, "user0")
    found = group.wait(lambda m: "user0 — disabled" in m.text, 30)
    assert found.thread == users and not about(ali.chat, "user0")
    # A member who is no admin changes nothing.
    bob = tg.user("Bob", started=False)
    group.chat.members[bob.id] = "member"
    bob.press("Enable", on=found, room=group)
    assert sim.user("user0")["status"] == "disabled"
    ali.press("Enable", on=found, room=group)
    group.wait(lambda m: "user0 — enabled again" in m.text, 30)
    # The topic goes: private chats, told once.
    with tg.expect_refusal("thread not found"):
        group.close_topic(users, deleted=True)
        disable(d, "user1")
        ali.chat.wait(lambda m: "user1 — disabled" in m.text, 30)
        zoe.chat.wait(lambda m: "A topic takes no messages" in m.text, 30)
        disable(d, "user2")
        ali.chat.wait(lambda m: "user2 — disabled" in m.text, 30)
        assert len(about(ali.chat, "A topic takes no messages")) == 1
        # Made anew, and only that one.
        d.cli("topics", "create")
        assert len(group.topics()) == 4
        disable(d, "user3")
        group.wait(lambda m: "user3 — disabled" in m.text, 30)
    # The bot is removed from the group, and comes back.
    with tg.expect_refusal("."):
        group.kick_bot()
        disable(d, "user4")
        ali.chat.wait(lambda m: "user4 — disabled" in m.text, 30)
        assert len(about(ali.chat, "The group Watch takes no messages")) == 1
        disable(d, "user5")
        zoe.chat.wait(lambda m: "user5 — disabled" in m.text, 30)
        assert len(about(zoe.chat, "The group Watch takes no messages")) == 1
        group.add_bot()
        ali.chat.wait(lambda m: "takes messages again" in m.text, 60)
    disable(d, "user6")
    group.wait(lambda m: "user6 — disabled" in m.text, 30)
    assert not about(ali.chat, "user6")
    assert '"working": true' in d.cli("topics", "show", "--json").replace(":true", ": true")


@SCENES.scene
def late_and_killed(s):
    """Written while Telegram was away, over two deaths: once, in order, with the time of the event."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["first", "second", "third"])
    tg.outage("refuse")
    wrote = []
    for name in ("first", "second", "third"):
        began = time.time()
        disable(d, name)
        wrote.append((began, time.time()))
        d.wait(lambda: d.sql("SELECT count(*) AS n FROM outbox WHERE params LIKE ?",
                             f"%{name}%")[0]["n"] == 1, 30)  # noqa: B023
        d.kill()
        d.start()
        d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 60)
    tg.recover()
    ali.chat.wait(lambda m: "third — disabled" in m.text, 60)
    found = [re.match(r".*?(\w+) — disabled", m.text).group(1) for m in about(ali.chat, "— disabled")]
    assert found == ["first", "second", "third"], ali.chat.text()
    for m, (began, ended) in zip(about(ali.chat, "— disabled"), wrote):
        told = calendar.timegm(time.strptime(WHEN.search(m.text).group(1), "%Y-%m-%d %H:%M"))
        assert began - began % 60 <= told <= ended, (m.text, began, ended)


@SCENES.scene
def a_summary_every_day(s):
    """At its hour in TZ, for the day before, once: over restarts, and for nobody's eyes but theirs."""
    if not built_with("PG_TIME_ORIGIN"):
        s.skip("needs a build with -Dtest_clock=true")
    # 2027-03-27 9:30 in Berlin, the day before the clocks go forward; a second is half an hour, and all that
    # is counted must have happened in the first 29 of them.
    scale, at = 1800, calendar.timegm((2027, 3, 27, 8, 30, 0))
    origin = (time.time() * scale - at) / (scale - 1)
    clock = {"PG_TIME_SCALE": str(scale), "PG_TIME_ORIGIN": repr(origin)}
    tg, (ali,), sim, d = begin(s, "Ali", users=["one", "two"], environment=clock,
                               TZ="Europe/Berlin", DAILY_SUMMARY_HOUR=9, TIME_TO_ACTIVE_USERS=600)
    disable(d, "one", minutes=100_000)
    disable(d, "two", minutes=100_000)
    status, told = d.call("POST", "/users/disabled/one/enable", {})
    assert status == 200, told

    def summaries():
        return [m for m in ali.chat.from_bot if "2027-03-27" in m.text and "📊" in m.text]
    found = tg.wait(summaries, 120, ali.chat.text)[0]
    assert "disabled: 2, by hand: 2" in found.text, found.text
    assert "by hand: 1" in found.text.split("enabled:")[1], found.text
    # Telegram's answer is known: killed before, it would come again with a sign.
    d.wait(lambda: not d.sql("SELECT id FROM outbox"), 30)
    d.kill()
    d.start(environment=clock)
    connected(d)
    time.sleep(2)
    assert len(summaries()) == 1, ali.chat.text()
    # The next is of a day of 23 hours.
    told = d.get("/summary?day=2027-03-28")
    assert told["from"].startswith("2027-03-27T23:00") and told["to"].startswith("2027-03-28T22:00")
    assert "2027-03-27" in d.cli("summary", "2027-03-27")
    no_refusal(tg)


@SCENES.scene
def a_node_and_its_switch(s):
    """Down and back in one message; switched off by a button, nothing more."""
    if not built_with("PG_TIME_SCALE"):
        s.skip("needs a build with -Dtest_clock=true")
    tg, (ali,), sim, d = begin(s, "Ali", users=["one"], nodes=2, environment={"PG_TIME_SCALE": "6"})
    sim.post("/node/2/down", {})
    down = ali.chat.wait(lambda m: "node-2: nothing is heard" in m.text, 60)
    sim.post("/node/2/up", {})
    tg.wait(lambda: "node-2 is back" in down.text, 60, lambda: ali.chat.text())
    assert len(about(ali.chat, "node-2")) == 1
    assert d.sql("SELECT data FROM events WHERE kind = 'node_up'")[0]["data"]
    # Switched off by a button: nothing more of it.
    menu = ali.ask("/start", "Main menu", 30)
    ali.press(data="snot", on=menu, force=True)
    ali.chat.wait(lambda m: m is menu and "goes on in place" in m.text, 30)
    ali.press("Nodes and panel", on=menu)
    d.wait(lambda: "false" in d.cli("config", "show", "notify_node"), 30)
    sim.post("/node/2/down", {})
    d.wait(lambda: len(d.sql("SELECT id FROM events WHERE kind = 'node_down'")) == 2, 60)
    disable(d, "one")
    ali.chat.wait("one — disabled", 30)
    assert len(about(ali.chat, "node-2")) == 1
    no_refusal(tg)


outcomes = SCENES.fixture()
test_scene = SCENES.test()
