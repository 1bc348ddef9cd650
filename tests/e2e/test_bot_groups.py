# SPDX-License-Identifier: AGPL-3.0-or-later
"""Groups: the bot is added, asked for, thrown out, upgraded; its topics; its backups there."""

from scenes import Scenes
from test_notices import about, begin, connected, disable, no_refusal

SCENES = Scenes(at_once=4)


def owner_and(s, *names, **more):
    tg, people, sim, d = begin(s, "Ali", users=[f"user{i}" for i in range(4)], **more)
    return tg, people[0], [tg.user(n) for n in names], sim, d


@SCENES.scene
def added_to_a_group(s):
    """An owner who adds the bot is asked; nobody else is. What is missing is said, until it works."""
    tg, ali, (zoe, bob), sim, d = owner_and(s, "Zoe", "Bob")
    d.cli("admin", "add", zoe.id, "operator")
    group = tg.group("Watch", ali, zoe, bob, plain=True, bot=None)
    for somebody in (zoe, bob):
        group.add_bot("member", by=somebody)
        tg.idle()
        assert not group.from_bot, group.text()
        group.kick_bot("left")
    group.add_bot("member", by=ali)
    asked = group.wait("come to this group?")
    # Others may look at it, no more.
    for somebody in (zoe, bob):
        somebody.press("Use this group", on=asked, room=group)
        assert "come to this group?" in asked.text
    ali.press("Use this group", on=asked, room=group)
    group.wait("has no topics")
    # Switching topics on makes another chat of it; the question comes there.
    new = group.upgrade()
    new.become_forum()
    asked = new.wait("come to this group?")
    ali.press("Use this group", on=asked, room=new)
    new.wait("no administrator of the group")
    new.bot_becomes("administrator", can_manage_topics=False)
    ali.press("Use this group", on=asked, room=new)
    new.wait("without the right to manage topics")
    new.bot_becomes("administrator")
    ali.press("Use this group", on=asked, room=new)
    new.wait("Group: Watch")
    assert d.get("/topics")["group"] == new.id
    # A topic that somebody made by hand is chosen in it.
    with tg.world.lock:
        tg.world.chats[new.id].topics[77] = {"name": "Mine", "icon_color": 7322096, "closed": False}
    sent = ali.say("/topics", room=new, thread=77)
    here = new.wait("Which notifications shall come to this topic?", after=sent.id)
    assert here.thread == 77
    ali.press("Disabled", on=here, room=new)
    tg.wait(lambda: any(x.startswith("✅") and "isabled" in x for x in here.labels), 5, lambda: here.labels)
    disable(d, "user0")
    found = new.wait(lambda m: "user0 — disabled" in m.text, 10)
    assert found.thread == 77
    no_refusal(tg)


@SCENES.scene
def a_message_of_the_group_sets_it(s):
    tg, ali, (bob,), sim, d = owner_and(s, "Bob")
    group = tg.group("Team <&>", ali, bob, forum=True)
    menu = ali.ask("/topics", "private chats", seconds=10)
    ali.press("Set group", on=menu)
    sent = ali.forward("what Bob wrote there", author=bob)
    ali.chat.wait("does not tell which group", after=sent.id)
    ali.forward("what its admin wrote", group=group)
    ali.chat.wait("Group: Team <&>")
    assert d.get("/topics")["group"] == group.id
    # Back to private chats: asked first.
    menu = ali.ask("/topics", "Group: Team")
    ali.press("Back to private chats", on=menu)
    ali.chat.wait("Shall notifications go to private chats again?")
    ali.press("Yes")
    tg.wait(lambda: d.get("/topics")["group"] is None, 5)
    no_refusal(tg)


@SCENES.scene
def a_group_gets_another_id(s):
    """Upgraded: the group, the topic of each kind and what waits follow, also over a restart."""
    tg, ali, _, sim, d = owner_and(s)
    group = tg.group("Old", ali, plain=True)
    with tg.away():
        # Nobody can be asked whether it has topics.
        status, told = d.call("PUT", "/topics", {"group": group.id, "kinds": {"node": "private"}})
        assert status == 200, told
    connected(d)
    disable(d, "user0")
    group.wait(lambda m: "user0 — disabled" in m.text, 20)
    d.wait(lambda: not d.sql("SELECT id FROM outbox"), 10)
    tg.flood(8, group)
    disable(d, "user1")
    d.wait(lambda: d.sql("SELECT id FROM outbox WHERE not_before IS NOT NULL"), 10)
    assert {r["chat_id"] for r in d.sql("SELECT chat_id FROM outbox")} == {group.id}
    new = group.upgrade()
    d.wait(lambda: {r["chat_id"] for r in d.sql("SELECT chat_id FROM chats")} == {new.id}, 10)
    new.wait(lambda m: "user1 — disabled" in m.text, 20)
    assert len(d.sql("SELECT topic FROM chats")) == 2
    # The message about user0 stands in the old group: its end is a new one.
    d.cli("disabled", "enable", "user0")
    new.wait(lambda m: "user0 — enabled again" in m.text, 10)
    d.wait(lambda: not d.sql("SELECT id FROM outbox"), 10)
    d.stop()
    d.start()
    connected(d)
    d.wait(lambda: d.get("/topics")["working"], 10)
    assert d.get("/topics")["group"] == new.id
    disable(d, "user2")
    new.wait(lambda m: "user2 — disabled" in m.text, 10)
    assert not about(ali.chat, "user")
    no_refusal(tg)


@SCENES.scene
def thrown_out_and_back(s):
    """Told once in private, why; added again by anybody: used again at once."""
    tg, ali, (bob,), sim, d = owner_and(s, "Bob")
    group = tg.group("Watch", ali, bob, forum=True)
    d.cli("topics", "set", group.id)
    d.wait(lambda: d.get("/topics")["working"], 10)
    with tg.expect_refusal("bot was kicked from the supergroup chat"):
        group.kick_bot()
        disable(d, "user0")
        told = ali.chat.wait("The group", 10)
        assert "bot was kicked" in told.text
        ali.chat.wait(lambda m: "user0 — disabled" in m.text, 10)
    menu = ali.ask("/topics", "It takes no messages", seconds=10)
    assert "bot was kicked" in menu.text
    group.add_bot(by=bob)
    ali.chat.wait("takes messages again", 10)
    disable(d, "user1")
    group.wait(lambda m: "user1 — disabled" in m.text, 10)
    assert not about(ali.chat, "user1")
    no_refusal(tg)


outcomes = SCENES.fixture()
test_scene = SCENES.test()
