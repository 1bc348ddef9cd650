# SPDX-License-Identifier: AGPL-3.0-or-later
"""Words: Persian from the right, nothing English where it has a translation, commands with arguments."""

import re

from scenes import Scenes
from test_notices import begin, disable, no_refusal

SCENES = Scenes(at_once=3)
PERSIAN = re.compile("[\u0600-\u06ff]")
RIGHT = "\u200f"


def persian_lines(tg):
    """Lines of everything sent in Persian, with whether each begins from the right."""
    for call in tg.calls:
        for name in ("text", "caption"):
            text = call.values.get(name)
            if isinstance(text, str) and PERSIAN.search(text):
                for line in text.split("\n"):
                    if line:
                        yield call.method, line


@SCENES.scene
def persian_from_the_right(s):
    """Every line of every call: menus, toasts, inputs, files, notifications, the group's troubles, strangers."""
    tg, (ali,), sim, d = begin(s, "علی", users=["alice", "bob_x", "carol"], BOT_LANGUAGE="fa")
    bob = tg.user("Bob", language="fa")
    bob.ask("/start")
    menu = ali.ask("/start", "منوی اصلی", seconds=10)
    for data in ("sconf", "slim", "susers", "smon", "srep", "sadm"):
        ali.press(data=data, on=menu, force=True)
        tg.idle()
    ali.say("/user alice")
    card = ali.chat.wait("id:", 10)
    ali.press(data="apardo|id:1|60", on=card, force=True)
    ali.say("/set_special_limit alice many")
    ali.say("/set_special_limit nobody_such 4")
    ali.say("/nonsense")
    ali.ask("/user", lambda m: m.labels)
    ali.ask("no such one at all")
    ali.say("/backup")
    tg.wait(lambda: any(m.document for m in ali.chat.from_bot), 20)
    ali.ask("/restore", lambda m: m.labels)
    sent = ali.send_file("x.zip", b"PK\x03\x04" + bytes(2000))
    ali.chat.wait("⚠️", 20, after=sent.id)
    newest = ali.chat.last.id
    disable(d, "alice")
    told = ali.chat.wait(lambda m: m.id > newest and "alice" in m.text and m.labels, 10)
    ali.press(at=(0, 0), on=told)
    group = tg.group("Watch it", ali, forum=True)
    d.cli("topics", "set", group.id)
    d.wait(lambda: d.get("/topics")["working"], 10)
    with tg.expect_refusal("kicked"):
        group.kick_bot()
        disable(d, "bob_x")
        ali.chat.wait("Watch it", 15)
    group.add_bot(by=bob)
    ali.chat.wait(lambda m: "Watch it" in m.text and "✅" in m.text, 15)
    zoe = tg.user("Zoe")
    d.cli("admin", "add", zoe.id, "viewer", "--language", "fa")
    zoe.chat.wait("ادمین", 10)
    tg.idle()
    seen = list(persian_lines(tg))
    wrong = [x for x in seen if not x[1].startswith(RIGHT)]
    assert not wrong, wrong[:10]
    methods = {method for method, _ in seen}
    assert methods == {"sendMessage", "editMessageText", "sendDocument", "answerCallbackQuery"}, methods
    s.say(f"{len(seen)} Persian lines, all from the right")
    no_refusal(tg)


@SCENES.scene
def nothing_english_below(s):
    """Confirmations, audit and history in Persian, Russian, Chinese."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["alice", "dave"])
    people = {}
    for language in ("fa", "ru", "zh"):
        people[language] = tg.user(language)
        d.cli("admin", "add", people[language].id, "owner", "--language", language)
    d.cli("except", "add", "dave")
    d.cli("user", "add", "alice", "3")
    d.cli("user", "add", "alice", "1")
    disable(d, "alice")
    d.cli("disabled", "enable", "alice")
    d.cli("user", "delete", "alice")
    words = {"fa": ("تا", "حد ویژه"), "ru": ("особый лимит", "исключён из всех лимитов"),
             "zh": ("专属限制", "不受任何限制")}
    latin = re.compile("[A-Za-z]{3,}")
    for language, user in people.items():
        user.say("/history alice")
        shown = user.chat.wait(lambda m: words[language][0] in m.text, 15)  # noqa: B023
        text = re.sub("alice|Ali|id:|API|CLI|pg-limiter", "", shown.text)
        found = [w for w in latin.findall(text) if w not in ("min",)]
        assert not found, (language, found, shown.text)
        assert not re.search("special limit|disabled|enabled", shown.text), shown.text
        # What the operation asks stands in his language, too.
        user.say("/user dave")
        card = user.chat.wait(lambda m: "dave" in m.text and "id:" in m.text, 15)
        dave = re.search(r"id:(\d+)", card.text).group(1)
        user.press(data=f"ydisf|id:{dave}|60", on=card, force=True)
        tg.idle()
        assert "is excepted" not in user.chat.text()
    no_refusal(tg)


@SCENES.scene
def old_commands_take_arguments(s):
    """As they did: each answers with what holds now, and refuses what is no value."""
    tg, (ali,), sim, d = begin(s, "Ali", users=["alice"])
    for name in ("gold", "silver"):
        sim.post("/groups", {"name": name, "inbound_tags": ["VLESS TCP 1"]})
    sim.post("/admins", {"username": "reza", "password": "secret-of-reza", "role": "operator"})
    groups = {g["name"]: g["id"] for g in d.get("/panel/groups")["data"]}

    def value(key):
        return {r["key"]: r["value"] for r in d.get("/config")["data"]}[key]

    def tell(text, wanted):
        return ali.ask(text, wanted, seconds=15)

    ids = f"{groups['gold']}, {groups['silver']}"
    tell(f"/group_filter_set {ids}", lambda m: "gold" in str(m.labels))
    assert value("group_filter") == f"{groups['gold']},{groups['silver']}"
    tell(f"/group_filter_remove {groups['gold']}", lambda m: "gold" in str(m.labels))
    assert value("group_filter") == str(groups["silver"])
    tell("/group_filter_remove 4711", "4711 is not in the filter")
    tell("/group_filter_mode exclude", lambda m: "gold" in str(m.labels))
    assert value("group_filter_mode") == "exclude"
    tell("/group_filter_mode sideways", "⚠️")
    assert value("group_filter_mode") == "exclude"
    off = tell("/group_filter_toggle", "puts it back")
    assert f"/group_filter_set {groups['silver']}" in off.text and not value("group_filter")
    tell("/group_filter_toggle", lambda m: "puts it back" not in m.text and "gold" in str(m.labels))
    tell("/admin_filter_set reza", lambda m: "reza" in str(m.labels))
    assert value("admin_filter") == "reza"
    tell("/admin_filter_remove nobody", "nobody is not in the filter")
    tell("/admin_filter_remove reza", lambda m: "reza" in str(m.labels))
    assert not value("admin_filter")
    d.call("POST", "/patterns?confirm=true", {"kind": "prefix", "pattern": "vip_", "limit": 3})
    [row] = d.get("/patterns")["data"]
    tell(f"/edit_limit_pattern {row['id']} 5", f"pattern #{row['id']} is 5 now")
    assert d.get("/patterns")["data"][0]["limit"] == 5
    tell("/edit_limit_pattern 99 5", "There is no pattern #99")
    tell(f"/edit_limit_pattern {row['id']} many", "⚠️")
    assert d.get("/patterns")["data"][0]["limit"] == 5
    before = value("punishment_enabled")
    tell("/punishment_toggle", "unishment")
    assert value("punishment_enabled") != before
    tell("/punishment_set_window 48", lambda m: "✅" in m.text)
    assert value("punishment_window_hours") == "48"
    tell("/punishment_set_window never", "⚠️")
    # Telegram knows the commands in each language; /help names them all.
    def general():
        return {key[1]: cmds for key, cmds in tg.world.commands.items() if "chat" not in key[0]}
    tg.wait(lambda: len(general()) == 5, 10, general)
    listed = general()
    assert set(listed) == {"", "en", "fa", "ru", "zh"}
    names = {c["command"] for c in listed["en"]}
    own = tg.wait(lambda: next((cmds for key, cmds in tg.world.commands.items() if str(ali.id) in key[0]), None))
    assert names < {c["command"] for c in own}, "an owner has more"
    scripts = {"fa": "[\u0600-\u06ff]", "ru": "[\u0400-\u04ff]", "zh": "[\u4e00-\u9fff]"}
    for language, script in scripts.items():
        assert {c["command"] for c in listed[language]} == names
        for c in listed[language]:
            assert re.search(script, c["description"]), (language, c)
    told = tell("/help", "/start")
    for c in own:
        assert f"/{c['command']}" in told.text, c
    no_refusal(tg)


outcomes = SCENES.fixture()
test_scene = SCENES.test()
