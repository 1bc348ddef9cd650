"""The bot's Limits, Users, Monitoring and Reports, and the card of a user: every button does what it says,
in the simulated panel and in the database."""

import itertools
import re
import sqlite3
import threading
import time

import pytest
from daemon import Daemon, Sharer, Traffic, settings_for, warm_up
from simpanel import as_process
from simtelegram import in_thread

OWNERS = range(5_000_001, 5_000_009)
LONG = "x" * 128
ODD = ["<b>&\"'</b>", "علی رضا", "smile_😀", LONG, "{user}|~%_"]
NAMES = ["alice", "alina", "bob", "carol", "dave", "12345", "gone_one", *(f"crowd_{i:02}" for i in range(12)),
         *ODD]


# What the chats hold are answers only.
QUIET = {f"NOTIFY_{kind}": "off" for kind in (
    "WARNING", "DISABLED", "ENABLED", "SHADOW", "BREAKER", "NODE", "USERS", "ADMIN", "BACKUP", "ERROR", "SUMMARY",
    "RUN")}


class Bot:
    """Owners who take turns: a chat takes one new message a second."""

    def __init__(self, sim, daemon, telegram, ids):
        self.sim, self.d, self.telegram, self.ids = sim, daemon, telegram, ids
        self.owners = {id: telegram.user(f"Owner {id % 100}", id=id) for id in OWNERS}
        self.viewers = {}
        self.turn = itertools.cycle(self.owners.values())
        self.who = None

    def ref(self, name):
        return f"id:{self.ids[name]}"

    def ask(self, text, wanted=lambda m: True):
        """The next owner writes something; the answer."""
        self.who = next(self.turn)
        return self.who.ask(text, wanted, 10)

    def reply(self, message, text, wanted=lambda m: True):
        """The owner who has this message writes what it asks for."""
        return self.owners[message.chat.id].ask(text, wanted, 10)

    def press(self, message, label=None, data=None, wanted=None):
        """Presses a button and waits until its message says something else, or a new one came: that."""
        who = self.who = self.owners[message.chat.id]
        version, newest = len(message.history), who.chat.last.id

        def came():
            found = [message] if len(message.history) > version else []
            found += [m for m in who.chat.from_bot if m.id > newest]
            return next((m for m in found if (wanted or "") in m.text), None)
        who.press(label, data=data, on=message)
        return self.telegram.wait(came, 10, lambda: f"{label or data} led to no {wanted!r}:\n{who.chat.text(3)}")

    def card(self, name):
        return self.ask(f"/user {self.ref(name)}", lambda m: self.ref(name) in m.text)

    def limit_of(self, name):
        rows = {r["username"]: r["limit"] for r in self.d.get("/users/limits")["data"]}
        return rows.get(name)

    def status(self, name):
        return self.sim.user(self.ids[name])["status"]


@pytest.fixture(scope="module")
def bot():
    with as_process("--http", "--nodes", "2") as sim, in_thread(limits=None) as telegram:
        sim.call("PATCH", "/node/1", {"name": "Frankfurt <1> & co"})
        ids = dict(zip(NAMES, sim.post("/users", {"users": [{"username": n} for n in NAMES]})["ids"],
                       strict=True))
        d = Daemon(settings_for(sim, ADMIN_IDS=",".join(map(str, OWNERS)), TIME_TO_ACTIVE_USERS=600,
                                MONITORING_PERIOD=600, TZ="Asia/Tehran", **QUIET, **telegram.settings))
        d.start()
        try:
            d.wait(lambda: d.status()["nodes"]["streams_open"] == 2, 15)
            d.wait(lambda: d.status()["users"]["listed"] == len(NAMES), 15)
            b = Bot(sim, d, telegram, ids)
            for i, language in enumerate(("ru", "zh", "fa")):
                b.viewers[language] = user = telegram.user(language, id=6_000_000 + i)
                status, _ = d.call("POST", "/admins", {"id": user.id, "role": "viewer", "language": language})
                assert status == 200
            yield b
            assert not telegram.refused, telegram.refused
            telegram.wait(lambda: not telegram.unanswered(), 10, lambda: telegram.unanswered())
        finally:
            d.close()


def test_monitoring_and_reports(bot):
    """One with two devices is watched and cleared; every report counts him."""
    assert bot.d.call("PUT", "/config/limit?confirm=true", {"limit": 1})[0] == 200
    name = ODD[4]
    warm_up(bot.d, bot.sim, (1, 2))
    with Traffic(bot.sim, Sharer(name, 2, nodes=(1, 2), block=7), Sharer("crowd_05", 1, nodes=(1,), block=9)):
        bot.d.wait(lambda: bot.d.get("/users/active?state=monitoring")["total"] == 1, 20)
        for who, n in ((name, 2), ("crowd_05", 1)):
            bot.d.wait(lambda: len((bot.d.get(f"/users/{bot.ref(who)}")["live"] or {})  # noqa: B023
                                   .get("devices", ())) == n, 20, f"{who} at each address")  # noqa: B023
        watched = bot.ask("/monitoring_details")
        assert name in watched.text and "2 of 1" in watched.text
        evidence = bot.press(watched, "🔎 Evidence", wanted="Monitored since")
        assert "Trust:" in evidence.text and "A  " in evidence.text
        watched = bot.ask("/monitoring_details")
        question = bot.press(watched, "Clear monitoring", wanted=f"End the monitoring of {name}")
        bot.press(question, "Yes", wanted="is not monitored any more")
        events = bot.d.sql("SELECT name, who FROM events WHERE kind='cleared'")
        assert [(e["name"], e["who"]) for e in events] == [(name, f"telegram:{bot.who.id}")]
        status = bot.ask("/status")
        assert "Nodes: 2, connected 2" in status.text and "Panel http" in status.text
        card = bot.card(name)
        ips = Sharer(name, 2, block=7).ips
        assert all(ip in card.text for ip in ips) and "Frankfurt <1> & co" in card.text
        report = bot.ask("/connection_report")
        assert "2 users" in report.text and "3 devices, 3 addresses" in report.text
        nodes = bot.ask("/node_usage")
        assert "Frankfurt <1> & co: 2 users, 2 addresses" in nodes.text
        by_node = bot.ask("/users_by_node")
        page = bot.press(by_node, "Frankfurt", wanted="crowd_05")
        assert name in page.text and "In all: 2" in page.text
        assert "In all: 1" in bot.ask("/users_by_node 2").text
        inbounds = bot.ask("/users_by_protocol")
        tag = re.search(r"• (.+?): 2 users", inbounds.text).group(1)
        assert "In all: 2" in bot.press(inbounds, tag).text
        assert "In all: 2" in bot.ask(f"/users_by_protocol {tag}").text
        assert name in bot.ask("/multi_device_users").text


def test_finding(bot):
    """By a part, by the whole name, by id; nobody: the nearest; an input that goes on until it fits."""
    found = bot.ask("/user ali")
    assert "2 users with “ali”" in found.text
    card = bot.press(found, "alina", wanted="User card")
    assert bot.ref("alina") in card.text
    assert "<code>" not in card.text
    assert bot.ref("bob") in bot.ask("/user BOB").text
    near = bot.ask("/user alicf")
    assert "Near to it" in near.text and bot.who.find_button("alice", on=near)
    many = bot.ask("/find crowd_")
    assert "12 users" in many.text
    assert bot.press(many, "➡️", wanted="crowd_11")
    prompt = bot.ask("/user")
    assert "Send a name" in prompt.text
    assert "No user's name holds" in bot.reply(prompt, "qqqqqq").text
    assert bot.ref("12345") in bot.reply(prompt, "12345").text
    # A person whom the panel got only now.
    late = bot.sim.add_user("late_one")
    assert f"id:{late}" in bot.ask("/user late_one").text
    for name in ODD:
        card = bot.card(name)
        assert name in card.text, (name, card.text)
        longest = max(len(b.get("callback_data", "").encode()) for row in card.buttons for b in row)
        assert longest <= 64


def test_limits(bot):
    menu = bot.ask("/limits")
    prompt = bot.press(menu, "Set special limit")
    page = bot.reply(prompt, "bob")
    assert "User: bob" in page.text
    page = bot.press(page, "3", wanted="Special limit of bob: 3 devices")
    assert bot.limit_of("bob") == 3
    bot.press(page, "Other number")
    assert "10000" in bot.reply(page, "70000").text and bot.limit_of("bob") == 3
    assert "Special limit of bob: 0 devices" in bot.reply(page, "0").text and bot.limit_of("bob") == 0
    bot.ask("/set_special_limit bob 2", lambda m: "Special limit of bob: 2 devices" in m.text)
    assert bot.limit_of("bob") == 2
    near = bot.ask("/set_special_limit bobb 5")
    assert bot.who.find_button("bob", on=near)
    for name in ODD[:4]:
        bot.ask(f"/set_special_limit {bot.ref(name)} 4", lambda m: "4 devices" in m.text)
        assert bot.limit_of(name) == 4
    shown = bot.ask("/show_special_limit")
    assert "bob: 2" in shown.text and all(n in shown.text for n in ODD[:4])
    question = bot.press(shown, "🗑 bob", wanted="Remove this special limit?")
    assert bot.limit_of("bob") == 2
    bot.press(question, "No")
    assert bot.limit_of("bob") == 2
    question = bot.press(bot.ask("/show_special_limit"), "🗑 bob")
    bot.press(question, "Yes", wanted="is removed")
    assert bot.limit_of("bob") is None
    # The general limit, which asks nothing when it rises.
    bot.ask("/set_general_limit_number 5")
    values = {r["key"]: r["value"] for r in bot.d.get("/config")["data"]}
    assert values["general_limit"] == "5"
    bot.ask("/set_general_limit_number many", lambda m: "⚠️" in m.text)


def test_exceptions(bot):
    menu = bot.ask("/start")
    users = bot.press(menu, "Users")
    prompt = bot.press(users, "Add exception")
    why = bot.reply(prompt, "carol")
    assert "carol will never be limited. Why?" in why.text
    bot.press(why, "Write the reason")
    card = bot.reply(why, "friend <of> the house")
    owner = f"telegram:{bot.who.id}"
    assert "carol is excepted" in card.text and "friend <of> the house" in card.text
    rows = bot.d.get("/users/except")["data"]
    assert [(r["username"], r["reason"], r["updated_by"]) for r in rows] == [
        ("carol", "friend <of> the house", owner)]
    # An excepted user is disabled only after a second yes.
    term = bot.press(bot.card("carol"), "Disable now")
    question = bot.press(term, "1 h", wanted="Disable carol in the panel for 60 minutes?")
    again = bot.press(question, "Yes", wanted="excepted")
    assert bot.status("carol") == "active"
    bot.press(again, "No")
    assert bot.status("carol") == "active"
    question = bot.press(bot.ask("/show_except_users"), "🗑 carol")
    bot.press(question, "Yes", wanted="has ended")
    assert bot.d.get("/users/except")["total"] == 0


def test_disabling_and_back(bot):
    """Disabled with a term, enabled from the card, along with an exception, from the list, all of them."""
    term = bot.press(bot.card("alice"), "Disable now")
    question = bot.press(term, "15 min", wanted="for 15 minutes?")
    card = bot.press(question, "Yes", wanted="alice: disabled")
    assert bot.status("alice") == "disabled"
    row = bot.d.rows("alice")[0]
    assert row["state"] == "applied" and 890_000 <= row["due_at"] - row["applied_at"] <= 910_000
    assert f"Ordered by {bot.who.person.name}." in card.text
    history = bot.press(card, "History", wanted="disabled")
    card = bot.press(history, "User card")
    bot.press(card, "Enable", wanted="alice: enabled")
    assert bot.status("alice") == "active"
    # A free number of minutes; then an exception asks whether to enable.
    term = bot.press(bot.card("bob"), "Disable now")
    bot.press(term, "Other time")
    assert "⚠️" in bot.reply(term, "0").text
    question = bot.reply(term, "45", lambda m: "for 45 minutes?" in m.text)
    bot.press(question, "Yes", wanted="bob: disabled")
    why = bot.press(bot.card("bob"), "Add exception")
    asked = bot.press(why, "Except without a reason", wanted="Enable the user now?")
    assert bot.status("bob") == "disabled"
    bot.press(asked, "Yes", wanted="bob: enabled")
    assert bot.status("bob") == "active"
    # From the list, page by page; with a limit he stays so.
    for name in NAMES[7:15]:
        assert bot.d.call("POST", f"/users/{bot.ref(name)}/disable", {"hand": True})[0] == 200
    listed = bot.ask("/disabled")
    assert "In all: 8" in listed.text and "until enabled by hand" in listed.text
    limit = bot.press(bot.card("crowd_01"), "Set limit")
    asked = bot.press(limit, "5", wanted="Enable the user now?")
    bot.press(asked, "No, leave it", wanted="crowd_01")
    assert bot.status("crowd_01") == "disabled" and bot.limit_of("crowd_01") == 5
    card = bot.press(bot.press(listed, "➡️", wanted="crowd_00"), "👤 crowd_00", wanted=bot.ref("crowd_00"))
    second = bot.press(card, "Disabled users", wanted="crowd_00")  # back to the page he came from
    bot.press(second, data=f"aenal|{bot.ref('crowd_00')}", wanted="crowd_00: enabled")
    assert bot.status("crowd_00") == "active"
    every = bot.press(bot.ask("/disabled"), "Enable all", wanted="In all: 7")
    question = bot.press(every, "All: 7", wanted="Enable 7 users")
    assert bot.status("crowd_02") == "disabled"
    bot.press(question, "Yes", wanted="Enabled: 7 users")
    assert {bot.status(n) for n in NAMES[7:15]} == {"active"}
    assert bot.d.get("/users/disabled")["total"] == 0


def test_revoke_pardon_stuck(bot):
    question = bot.press(bot.card("dave"), "Revoke", wanted="This cannot be undone")
    bot.press(question, "No")
    revoked = "/api/user/by-id/.*/revoke_sub"
    assert not bot.sim.journal(method="POST", path=revoked)
    question = bot.press(bot.card("dave"), "Revoke")
    bot.press(question, "Yes", wanted="dave: disabled")
    assert len(bot.sim.journal(method="POST", path=revoked)) == 1 and bot.status("dave") == "disabled"
    bot.press(bot.card("dave"), "Enable", wanted="dave: enabled")
    question = bot.press(bot.card("crowd_02"), "Pardon", wanted="Not judge crowd_02")
    bot.press(question, "Yes", wanted="is not judged until")
    assert bot.d.get(f"/users/{bot.ref('crowd_02')}")["live"]["pardoned_until"]
    bot.sim.call("PATCH", f"/user/{bot.ids['crowd_03']}", {"status": "disabled"})
    users = bot.press(bot.ask("/start"), "Users")
    stuck = bot.press(users, "Stuck users", wanted="crowd_03")
    term = bot.press(stuck, "Take over", wanted="After how long?")
    bot.press(term, "15 min", wanted="taken over")
    assert bot.d.rows("crowd_03")[-1]["state"] == "applied"
    bot.press(bot.card("crowd_03"), "Enable", wanted="crowd_03: enabled")
    assert bot.status("crowd_03") == "active"


def test_cleanup(bot):
    bot.ask(f"/set_special_limit {bot.ref('gone_one')} 3", lambda m: "3 devices" in m.text)
    bot.sim.call("DELETE", f"/user/{bot.ids['gone_one']}")
    path = sqlite3.connect(bot.d.db_file)
    users = bot.press(bot.ask("/start"), "Users")
    page = bot.press(users, "Cleanup deleted", wanted="30 days")
    page = bot.press(page, "Look who is gone", wanted="No user")  # missing, but not for long enough
    with path:
        path.execute("UPDATE users SET gone_at=gone_at-864000000 WHERE gone_at IS NOT NULL")
    page = bot.press(page, "Look who is gone", wanted="gone_one")
    assert bot.limit_of("gone_one") == 3
    page = bot.press(page, "Remove 1", wanted="Entries of 1 user removed")
    assert bot.limit_of("gone_one") is None
    question = bot.press(page, "Undo the last cleanup")
    bot.press(question, "Yes", wanted="given back")
    assert bot.limit_of("gone_one") == 3


def test_violations(bot):
    """Forgiven one by one, of one user, of everyone."""
    now = int(time.time() * 1000)
    for i, name in enumerate(["alice", "alice", "bob", "carol"]):
        bot.d.sql("INSERT INTO violations(user_id, name, at, mode, outcome, step, action, max_devices, devices,"
                  " evidence) VALUES(?, ?, ?, 'on', 'applied', 0, 'disable 15m', 1, 3, '{}')",
                  bot.ids[name], name, now - 1000 * i)
    def counting():
        return bot.d.get("/violations?counting=true")["total"]
    assert counting() == 4
    page = bot.ask("/violations")
    assert "alice: 3 of 1; disabled for 15 min; carried out" in page.text
    question = bot.press(page, "🕊 Forgive #", wanted="Forgive this violation?")
    bot.press(question, "Yes", wanted="Forgiven: 1 violation.")
    assert counting() == 3
    his = bot.ask("/user_violations alice")
    question = bot.press(his, "Forgive all of the user", wanted="Forgive all violations of alice?")
    bot.press(question, "Yes", wanted="Forgiven")
    assert bot.d.get("/violations?counting=true&username=alice")["total"] == 0
    page = bot.ask("/clear_user_violations")
    question = bot.press(page, "Forgive everyone", wanted="Forgive all violations of everyone?")
    left = counting()
    assert left > 0 and f"{left} count" in question.text
    bot.press(question, "Yes", wanted="Forgiven")
    assert counting() == 0


def test_two_admins_press_the_same(bot):
    """Both have the same card and press Enable at once: enabled once, and both are told how it is."""
    for _ in range(3):
        assert bot.d.call("POST", f"/users/{bot.ref('crowd_09')}/disable", {"hand": True})[0] == 200
        cards = [bot.card("crowd_09"), bot.card("crowd_09")]
        before = len(bot.d.get(f"/users/{bot.ref('crowd_09')}/history")["data"])
        threads = [threading.Thread(target=bot.press, args=(card, "Enable")) for card in cards]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert bot.status("crowd_09") == "active"
        bot.d.wait(lambda: len(bot.d.get(f"/users/{bot.ref('crowd_09')}/history")["data"]) == before + 1, 5,
                   "one event of enabling")
        for card in cards:
            assert "crowd_09: " in card.text, card.text


def test_languages(bot):
    """The customer's text in any language; the card in Persian isolates what is Latin."""
    text = bot.press(bot.card("alice"), "Text for the customer", wanted="Account: alice")
    for label, words in (("فارسی", "حساب"), ("Русский", "Аккаунт"), ("中文", "账号")):
        text = bot.press(text, label, wanted=words)
    for lang, words in (("ru", "Пользователь alice"), ("zh", "用户 alice"), ("fa", "کاربر")):
        card = bot.viewers[lang].ask("/user alice", lambda m: "id:" in m.text, 10)
        assert words in card.text, card.text
        # A viewer sees no button that changes anything.
        assert not [b for row in card.buttons for b in row if b["callback_data"][0] in "ai"], card.buttons
    assert "\u2068alice\u2069" in card.text


def test_addresses_of_the_last_hours(bot):
    """The last test: what the one before it brought has been written meanwhile."""
    bot.d.wait(lambda: bot.d.get("/reports/addresses?least=2")["total"], 150, "the history of addresses")
    for hours in (12, 48):
        assert f"{ODD[4]}: 2 addresses" in bot.ask(f"/ip_history_{hours}h").text
