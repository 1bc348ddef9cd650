"""What the bot tells by itself: cases in one message, folding, topics and their failing, the summary."""

import re

from daemon import HASTY, Sharer, Traffic, warm_up

QUICK = {**HASTY, "TIME_TO_ACTIVE_USERS": 20}


def notices(chat, pattern):
    return [m for m in chat.from_bot if re.search(pattern, m.text)]


def started(daemon, telegram, sim, admins, **more):
    d = daemon(sim, ADMIN_IDS=",".join(str(a.id) for a in admins), **telegram.settings, **more)
    d.wait(lambda: d.status()["journal_compared"] and d.status()["panel"]["up"], 15)
    d.wait(lambda: d.status()["telegram"]["state"] == "ok", 15)
    warm_up(sim)
    return d


def test_a_case_lives_in_one_message(daemon, lab, telegram):
    """Warned, disabled, enabled by its term: one message, whose buttons fit what holds."""
    ali = telegram.user("Ali")
    sim = lab("--nodes", 2)
    sim.add_user("alice_b")
    d = started(daemon, telegram, sim, [ali], **QUICK)
    with Traffic(sim, Sharer("alice_b", nodes=(1, 2))):
        disabled = ali.chat.wait(lambda m: "alice_b — disabled" in m.text, 40)
        assert "warned" in disabled.text and "disabled until" in disabled.text
        assert "1 allowed" in disabled.text
        assert any("Enable" in x for x in disabled.labels)
    ali.chat.wait(lambda m: "alice_b — enabled again" in m.text, 60)
    mine = notices(ali.chat, "alice_b")
    assert len(mine) == 1, ali.chat.text()
    text = mine[0].text
    assert "· warned" in text and "· disabled until" in text and "the time was over" in text
    assert not any("Enable" in x for x in mine[0].labels)
