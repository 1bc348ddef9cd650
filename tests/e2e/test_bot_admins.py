# SPDX-License-Identifier: AGPL-3.0-or-later
"""Admins of the bot in the whole daemon: who comes in, what he sees, how he goes."""

import json

from bot_stage import is_notice
from daemon import Sharer, Traffic, warm_up


def start(daemon, lab, telegram, owner, *more, **settings):
    sim = lab("--http", *more)
    return sim, daemon(sim, ADMIN_IDS=owner.id, **telegram.settings, **settings)


def add(owner, new, *labels):
    """Owner adds a person by a forwarded message; the labels pressed after it."""
    owner.ask("/start", "Main menu")
    owner.go("Admin", "Add an admin")
    sent = owner.forward("hello there", author=new)
    owner.chat.wait("becomes", after=sent.id)
    owner.go(*labels)


def test_an_admin_comes_in_and_goes_at_once(daemon, lab, telegram):
    ali, zoe = telegram.user("Ali"), telegram.user("Zoë <b>")
    mina = telegram.user("Mina")
    _, d = start(daemon, lab, telegram, ali)
    zoe.ask("/start", "not one of them")
    ali.ask("/start", "Main menu")
    ali.go("Admin", "Add an admin")
    hidden = ali.forward("who am I", hidden_name="Zoë")
    ali.chat.wait("hides the account", after=hidden.id)
    wrong = ali.say("@zoe")
    ali.chat.wait("a number such as", after=wrong.id)
    sent = ali.forward("hello", author=zoe)
    ali.chat.wait("Zoë <b>", after=sent.id)
    ali.go("operator", "everyone's users")
    ali.chat.wait("is operator from now on")
    # A welcome, and a menu of his own.
    zoe.chat.wait("You are now an admin")
    zoe.ask("/start", "Main menu")
    shown = zoe.go("Admin")  # a notification may come after it
    assert shown.text.count("operator") == 1
    assert not any("Add" in label for label in shown.labels)
    [row] = d.sql("SELECT who, what FROM events WHERE kind='admin'")
    assert row["who"] == f"telegram:{ali.id}" and str(zoe.id) in row["what"]
    # By the command line as well, in force at once.
    d.cli("admin", "add", mina.id, "viewer", "--language", "fa")
    mina.ask("/start", "منوی اصلی")
    listed = json.loads(d.cli("admin", "list", "--json"))["data"]
    assert {(a["id"], a["role"]) for a in listed} == {
        (ali.id, "owner"), (zoe.id, "operator"), (mina.id, "viewer")}
    # Removed: what is open on his screen is refused.
    d.cli("admin", "remove", zoe.id, "--yes")
    before = shown.text
    press = zoe.press("Language", on=shown)
    assert press.answered is not None and shown.text == before
    telegram.wait(lambda: any(str(zoe.id) in str(c.values)
                              for c in telegram.calls_of("deleteMyCommands")), 5, "his commands go")
    # Never the last owner; he who stands in ADMIN_IDS is removed where he stands.
    refused = d.cli("admin", "remove", ali.id, "--yes", check=False)
    assert refused.returncode == 1 and "ADMIN_IDS" in refused.stderr
    ali.ask("/admins", "Admins of the bot")
    ali.go(str(ali.id))
    ali.chat.wait("Stands in ADMIN_IDS")


def test_language_is_ones_own(daemon, lab, telegram):
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe")
    _, d = start(daemon, lab, telegram, ali, BOT_LANGUAGE="ru")
    d.cli("admin", "add", zoe.id, "viewer")
    zoe.ask("/start", "Главное меню")
    zoe.ask("/language", "Язык")
    zoe.go("فارسی")
    zoe.chat.wait("از این پس زبان شما همین است")
    ali.ask("/start", "Главное меню")
    zoe.ask("/start", "منوی اصلی")
    d.stop()
    d.start()
    zoe.ask("/start", "منوی اصلی")


def test_one_panel_admins_users_only(daemon, lab, telegram):
    ali, zoe = telegram.user("Ali"), telegram.user("Zoe")
    sim, d = start(daemon, lab, telegram, ali, "--nodes", 1, MONITORING_PERIOD=10,
                   CHECK_INTERVAL=10, ENFORCEMENT="on", TIME_TO_ACTIVE_USERS=600)
    reza = sim.post("/admins", {"username": "reza", "password": "secret-of-reza",
                                "role": "operator"})["id"]
    his = sim.add_user("his_user", admin_id=reza)
    sim.add_user("foreign_user")
    d.wait_log("users known", 15)
    d.call("POST", "/cleanup?dry_run=true", {})  # lists the panel's users anew
    add(ali, zoe, "operator", "reza")
    ali.chat.wait("is operator from now on")
    for name in ("his_user", "foreign_user"):
        d.cli("user", "add", name, "1")
    warm_up(d, sim)
    with Traffic(sim, Sharer("his_user", block=77), Sharer("foreign_user", block=78)):
        d.wait_state("foreign_user", "applied", 60)
        d.wait_state("his_user", "applied", 60)
    zoe.ask("/start", "Main menu")
    for command in ("/show_special_limit", "/violations his_user", "/user his_user",
                    "/user foreign_user", "/status", "/disabled"):
        menu = zoe.ask(command, lambda m: not is_notice(m))
    everything = "\n".join(text for m in zoe.chat.from_bot
                           for text in [m.text, *[label for row in m.labels for label in row]])
    assert "his_user" in everything
    # What he has asked for himself is all there may be of the other.
    assert "foreign_user" not in everything.replace("“foreign_user”", "")
    assert ".78." not in everything
    version = len(menu.history)
    zoe.press(data=f"scard|id:{his + 1}", on=menu, force=True)
    telegram.wait(lambda: len(menu.history) > version, 10, zoe.chat.text)
    assert "foreign_user" not in menu.text
