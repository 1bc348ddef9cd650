"""Bad input to the bot: strangers, old buttons, words for numbers, odd names, files, lost groups and tokens."""

import time

from bot_stage import is_notice, start
from daemon import Sharer, Traffic, warm_up


def test_a_stranger_gets_one_plain_refusal(stage, telegram):
    s = stage()
    stranger = telegram.user("<b>Mallory</b>")
    for _ in range(5):
        stranger.say("/start")
    stranger.send_file("backup.zip", b"PK")
    stranger.say("hello")
    stranger.chat.wait("operators")
    telegram.idle()
    assert len(stranger.chat.from_bot) == 1
    menu = start(s.owners[0])
    other = telegram.user("Another")
    group = telegram.group("Ops", s.owners[0], stranger, other)
    shown = start(s.owners[0], group)
    before = shown.text, shown.labels, len(group.from_bot)
    time.sleep(1.1)  # all strangers together are told once a second
    told = other.press(at=(0, 0), on=shown)
    assert "operators" in told.text and told.alert
    assert stranger.press(at=(0, 0), on=shown).text == "", "he was told before"
    stranger.say("7", group, reply_to=shown)
    other.say("hello all", group)
    telegram.idle()
    assert (shown.text, shown.labels, len(group.from_bot)) == before
    assert menu.labels


def test_an_empty_list_of_admins_serves_nobody(lab, daemon, telegram):
    user = telegram.user("Ali")
    daemon(lab("--http"), ADMIN_IDS="", **telegram.settings)
    user.say("/start")
    user.chat.wait("operators")
    assert not user.chat.last.buttons


def test_old_buttons_are_refused_kindly(stage, telegram):
    s = stage()
    owner = s.owners[0]
    menu = start(owner)
    for data in ("", "x", "szzzz", "smain|" + "9" * 50, "susr|id:99999999", "azzzz|1", "i", "s/9/9",
                 "slim/999999", "susers/-1", "susr|id:x", "aset|general_limit|-5",
                 "aset|no_such_thing|1", "|||||||", "😀😀", "susr|id:1|a|b|c|d|e|f|g"):
        press = owner.press(data=data or "-", on=menu, force=True)
        assert press.answered
    menu = start(owner)
    assert len(menu.labels) >= 6


def test_names_of_every_kind(stage, telegram):
    s = stage()
    owner = s.owners[0]
    for name in ("<b>x", "a&b", "😀" * 30, "سلام", "x" * 128, "x" * 4096, "'; --", "{user}", "%s%n",
                 "12345", "id:1", "id:", "\u202egnp", "a\nb"):
        owner.say(f"/user {name}")
    telegram.wait(lambda: len([m for m in owner.chat.from_bot if not is_notice(m)]) == 14, 90, owner.chat.text)
    owner.chat.wait(lambda m: "x" * 128 in m.text)
    assert s.daemon.running()


def test_the_token_is_revoked_in_mid_run(stage, telegram):
    """The limiter goes on limiting; nothing is lost, and the bot is back when the token is."""
    s = stage(TIME_TO_ACTIVE_USERS=600)
    owner = s.owners[0]
    start(owner)
    telegram.revoke_token()
    s.daemon.wait_log("(?i)token", 10)
    warm_up(s.daemon, s.sim)
    with Traffic(s.sim, Sharer("user_01", 3)):
        s.daemon.wait_state("user_01", "applied", 40)
    assert "user_01" not in owner.chat.text()
    telegram.restore_token()
    owner.chat.wait("user_01", 60)


def test_words_where_a_number_is_due_and_numbers_out_of_range(stage, telegram):
    s = stage()
    owner = s.owners[0]
    who = s.ids["user_05"]
    owner.ask("/user user_05", "user_05")
    owner.press("Set limit")
    owner.chat.wait(lambda m: "Other" in " ".join(m.labels))
    owner.press("Other")
    owner.chat.wait(lambda m: any("Cancel" in label for label in m.labels))
    for text in ("abc", "-1", "10001", "9" * 400, "1.5", "", "\u200f", "<b>3</b>"):
        owner.ask(text or " ", lambda m: "⚠" in m.text, 15)
        assert s.daemon.get(f"/users/id:{who}")["limit_from"] == "general"
    owner.ask("7", lambda m: "7" in m.text, 15)
    s.daemon.wait(lambda: s.daemon.get(f"/users/id:{who}")["limit"] == 7, 10)


def test_a_file_of_50_mb_is_refused_before_it_is_fetched(stage, telegram):
    s = stage()
    owner = s.owners[0]
    owner.ask("/restore", lambda m: any("Cancel" in label for label in m.labels))
    sent = owner.send_file("backup.zip", size=50_000_000)
    told = owner.chat.wait(lambda m: "20" in m.text, 15, after=sent.id)
    assert told.text and not telegram.calls_of("getFile")
    sent = owner.send_file("backup.zip", b"no zip at all" * 1000)
    owner.chat.wait(lambda m: "⚠" in m.text, 15, after=sent.id)
    assert s.daemon.running()


def test_two_admins_change_one_thing(stage, telegram):
    s = stage(owners=2)
    who = s.ids["user_05"]
    shown = []
    for owner in s.owners:
        owner.ask("/user user_05", "user_05")
        owner.press("Set limit")
        shown.append(owner.chat.wait(lambda m: "Other" in " ".join(m.labels)))
    presses = [owner.press(label, on=message, wait=0)
               for owner, message, label in zip(s.owners, shown, ("3", "4"), strict=True)]
    for press in presses:
        telegram.wait_answer(press, 15)
    s.daemon.wait(lambda: s.daemon.get(f"/users/id:{who}")["limit"] in (3, 4), 10)
    for owner, message in zip(s.owners, shown, strict=True):
        telegram.wait(lambda m=message: "3" in m.text or "4" in m.text, 10, owner.chat.text)


def test_the_limiter_goes_on_without_telegram(stage, telegram):
    """Hanging, refusing, 502: the user is disabled all the same, and it is told afterwards, once."""
    s = stage(TIME_TO_ACTIVE_USERS=600)
    owner = s.owners[0]
    start(owner)
    with telegram.away("hang"):
        warm_up(s.daemon, s.sim)
        with Traffic(s.sim, Sharer("user_01", 3)):
            s.daemon.wait_state("user_01", "applied", 60)
    owner.chat.wait("user_01", 60)
    about = [m for m in owner.chat.from_bot if "user_01" in m.text]
    assert len(about) == 1, owner.chat.text()
