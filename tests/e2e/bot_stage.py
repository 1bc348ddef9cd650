"""A panel with people on it, a daemon, and a bot's owners: what the tests of the bot play on.

The panel holds names of every kind that a panel allows, lists of several pages (limits, exceptions,
patterns, disabled users), users online with one and with several devices, and one over his limit.
"""

import json
import re

import pytest
from daemon import Sharer, Traffic, warm_up

NAMES = ["x" * 128, "ali.reza@home", *(f"user_{i:02}" for i in range(40)), "VIP-1", "a_b_c", "12345"]
NODES = {1: "Frankfurt <1>", 2: "Tehran 😀 & co", 3: "نود سوم"}
REASON = "friend <of> the house"
PLAIN = ("Owner", "admin", "VLESS TCP", "http", "cli", "pg-limiter", "English", "telegram", "asked", "all",
         "zzzzzz")  # what is looked for in vain
ADMINS = ("reseller_one", "reseller_two")


def is_notice(message):
    """Whether a message came by itself: a notification, which may come at any time. No menu is one."""
    datas = [b.get("callback_data", "") for row in message.buttons for b in row]
    return (any(d.startswith(("anot|", "nnfl|")) for d in datas) or
            all(d.startswith(("ncard", "ncus")) for d in datas) and not message.history)


def start(user, room=None):
    """Writes /start; the main menu that comes, in whatever language."""
    return user.ask("/start", lambda m: m.buttons and not is_notice(m), room=room)


def menu_of(user):
    """The bot's newest message to a user that is no notification."""
    return next(m for m in reversed(user.chat.from_bot) if not is_notice(m))


def show(user, target):
    """Presses a button with a target, whatever the menu shows, and waits for what it leads to: the menu."""
    message = menu_of(user)
    before = len(message.history)
    user.press(data=target, on=message, force=True)
    user.telegram.wait(lambda: len(message.history) > before, 15,
                       lambda: f"{target} changed nothing:\n{user.chat.text(3)}")
    return message


class Stage:
    """`owners`: so many people who are ADMIN_IDS; `settings`: of the daemon, besides.

    Of the names the first quarter is to be disabled, the next to have limits, the next to be excepted,
    and the first of the last are online.
    """

    def __init__(self, lab, make_daemon, telegram, owners=1, language="en", names=NAMES, nodes=NODES,
                 **settings):
        self.telegram = telegram
        self.names, self.nodes = names, nodes
        quarter = len(names) // 4
        self.to_disable, self.to_limit, self.to_except, rest = (
            names[:quarter], names[quarter:2 * quarter], names[2 * quarter:3 * quarter],
            names[3 * quarter:])
        self.to_be_online = rest[:7]
        self.sim = lab("--http", "--nodes", len(nodes))
        for number, name in nodes.items():
            self.sim.call("PATCH", f"/node/{number}", {"name": name})
        for name in ADMINS:
            self.sim.post("/admins", {"username": name, "password": "secret-" + name,
                                      "role": "operator"})
        self.ids = dict(zip(names, self.sim.post("/users", {
            "users": [{"username": name} for name in names]})["ids"], strict=True))
        self.owners = [telegram.user(f"Owner {i}", id=5_000_000 + i, language=language)
                       for i in range(owners)]
        self.daemon = make_daemon(self.sim, **{
            "ADMIN_IDS": ",".join(str(o.id) for o in self.owners), "BOT_LANGUAGE": language,
            **telegram.settings, **settings})
        self.daemon.wait(lambda: self.daemon.status()["nodes"]["streams_open"] == len(nodes), 15)
        self.traffic = None

    @property
    def words(self):
        """Names of data, which stand in every language as they are."""
        people = [p.name for p in self.telegram.world.people.values()]
        return [*self.names, *self.nodes.values(), *ADMINS, *PLAIN, *people, REASON, *self.providers(),
                *(s["key"] for s in self.daemon.get("/config")["data"])]

    def live(self, name):
        """What is known of a user's devices now."""
        return self.daemon.get(f"/users/id:{self.ids[name]}")["live"] or {}

    def providers(self):
        """Providers of the addresses in use."""
        return set(re.findall(r'"(?:isp|provider|as_name|org)": "([^"]*)"', json.dumps(
            [self.live(name) for name in self.to_be_online])))

    def post(self, path, body, expected=(200, 201)):
        status, told = self.daemon.call("POST", path, body)
        assert status in expected, (path, body, status, told)
        return told

    def fill(self):
        """Lists of several pages."""
        for i, name in enumerate(self.to_limit):
            self.post("/users/limits", {"username": name, "limit": i % 5 + 1})
        for name in self.to_except:
            self.post("/users/except", {"username": name, "reason": REASON})
        for i in range(12):
            self.post("/patterns?confirm=true", {"kind": "prefix", "pattern": f"p{i}_", "limit": i + 1})
        for name in self.to_disable:
            self.post(f"/users/id:{self.ids[name]}/disable", {"hand": True, "reason": "asked"})
        return self

    def admin(self, role, language="en", panel_admin=None):
        """One more admin of the bot, who is no owner by ADMIN_IDS."""
        user = self.telegram.user(f"{role} of {language}", language=language)
        body = {"id": user.id, "role": role, "language": language}
        if panel_admin:
            body["panel_admin_id"] = panel_admin
        self.post("/admins", body)
        return user

    def online(self):
        """Users online with a device each, two with two; stays until `close`."""
        nodes = tuple(self.nodes)[:2]  # a third one may be down
        users = [Sharer(name, 1 if i else 2, nodes=nodes, block=i + 3)
                 for i, name in enumerate(self.to_be_online)]
        warm_up(self.daemon, self.sim, nodes)
        self.traffic = Traffic(self.sim, *users)
        self.traffic.__enter__()
        for u in users:
            self.daemon.wait(lambda: len(self.live(u.user).get("devices", ())) == len(u.ips),  # noqa: B023
                             30, f"{u.user} at every address")
        return self

    def close(self):
        if self.traffic is not None:
            self.traffic.__exit__(None, None, None)
            self.traffic = None


@pytest.fixture
def stage(lab, daemon, telegram):
    """A factory: stage(owners=2, …) → Stage, closed with the test."""
    made = []

    def make(**settings):
        made.append(Stage(lab, daemon, telegram, **settings))
        return made[-1]
    yield make
    for one in made:
        one.close()
