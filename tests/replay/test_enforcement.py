# SPDX-License-Identifier: AGPL-3.0-or-later
"""What becomes of a verdict: modes, the queue, the breaker; and what holds for every one of them."""

import random
from collections import Counter

import pytest
from expect import monitor, punish, restore, warn
from traces import HEAVY, Habit, Log, at, people, phone, stays

ONE = ("--set", "general_limit=1")


def sharing(users: int, gap: float, end: float = 260, first: int = 1) -> Log:
    """Users who share, each begun `gap` seconds after the one before: two phones in turns."""
    log = Log()
    for i in range(users):
        user, begin = first + i, round(i * gap, 4)
        log.every(10, user, f"40.{user // 250}.{user % 250}.1", begin, end)
        log.every(10, user, f"41.{user // 250}.{user % 250}.1", 5 + begin, end)
    return log


def fates(run) -> Counter:
    return Counter(d["applied"] for d in run.of("punish"))


# ---- modes ----


def test_enforcement_on(replay):
    assert replay(sharing(1, 0), *ONE, "--set", "enforcement=on").rows() == [
        monitor(5, 1, devices=2), warn(30, 1, devices=2),
        punish(185, 1, devices=2, concurrent=2), restore(1085, 1),
    ]  # fmt: skip


def test_enforcement_shadow(replay):
    """The same decisions, none of which leaves the limiter."""
    assert replay(sharing(1, 0), *ONE, "--set", "enforcement=shadow").rows() == [
        monitor(5, 1, devices=2, applied="shadow"), warn(30, 1, devices=2, applied="shadow"),
        punish(185, 1, devices=2, concurrent=2, applied="shadow"), restore(1085, 1, applied="shadow"),
    ]  # fmt: skip


def test_enforcement_off(replay):
    """Nobody is judged; lines are counted all the same."""
    run = replay(sharing(1, 0), *ONE, "--set", "enforcement=off")
    assert run.rows() == []
    assert run.summary["counted"] == 52


def test_shadow_knows_no_queue_and_no_breaker(replay):
    run = replay(sharing(40, 0.01), *ONE, "--set", "enforcement=shadow", "--set", "punish_rate=1")
    assert fates(run) == {"shadow": 40}
    assert run.summary["breaker"] == 0


# ---- the queue ----


def test_punish_rate_makes_a_queue(replay):
    """Two a minute. Users 1 and 2 are disabled at their verdict, 3 and 4 when a minute has passed since
    1 and 2, 5 when one has since 3. The term runs from there: restored 900 s after their turn."""
    run = replay(sharing(5, 0.5), *ONE, "--set", "punish_rate=2")
    assert [row for row in run.rows() if row[2] in ("punish", "restore")] == [
        punish(185, 1, devices=2, concurrent=2),
        punish(185.5, 2, devices=2, concurrent=2),
        punish(186, 3, devices=2, concurrent=2, applied="queued"),
        punish(186.5, 4, devices=2, concurrent=2, applied="queued"),
        punish(187, 5, devices=2, concurrent=2, applied="queued"),
        restore(1085, 1),
        restore(1085.5, 2),
        restore(1145, 3),
        restore(1145.5, 4),
        restore(1205, 5),
    ]


def test_ten_a_minute_by_default(replay):
    """30 verdicts at once, the breaker off: 10 now, 20 wait, and the last turn is two minutes later."""
    run = replay(sharing(30, 0.01), *ONE, "--set", "breaker=off")
    assert fates(run) == {"now": 10, "queued": 20}
    assert [d["t"] for d in run.of("restore")] == pytest.approx(
        [185 + 900 + 60 * (i // 10) + 0.01 * (i % 10) for i in range(30)]
    )


# ---- the breaker ----


def phones_over_two_inbounds(users: int) -> Log:
    """Honest phones, each over two inbounds in turns."""
    log = Log()
    for user in range(1, users + 1):
        for k, tag in enumerate(("VLESS", "TROJAN")):
            begin = round(user * 0.01 + 5 * k, 2)
            log.every(10, user, f"40.{user // 250}.{user % 250}.1", begin, 400, inbound=tag)
    return log


def test_a_faulty_setting_that_shows_everyone_twice(replay):
    """group_by=ip_inbound counts each phone twice. 200 users: more than 5 verdicts within 5 minutes
    (2 % of 200 are fewer) are too many. Five were cut when the sixth made the breaker pause; nobody
    after. 500 users: 2 % are 10, which punish_rate allows in the first minute; the 11th verdict."""
    log = phones_over_two_inbounds(200)
    assert replay(log, *ONE).rows() == []
    wrong = (*ONE, "--set", "group_by=ip_inbound")
    run = replay(log, *wrong)
    assert fates(run) == {"now": 5, "paused": 195}
    assert [d["id"] for d in run.of("punish") if d["applied"] == "now"] == [1, 2, 3, 4, 5]
    assert run.summary["breaker"] == 1
    assert Counter(d["applied"] for d in run.of("restore")) == {"now": 5, "shadow": 195}
    assert fates(replay(phones_over_two_inbounds(500), *wrong)) == {"now": 10, "paused": 490}


def test_400_of_3000_look_guilty(replay):
    """2 % of 3,000 are 60. By punish_rate only ten have been cut when the 61st verdict comes, since all
    come within seconds; those that waited are dropped."""
    log = sharing(400, 0.02)
    for user in range(401, 3001):
        log.every(60, user, f"50.{user // 250}.{user % 250}.1", user % 60, 260)
    run = replay(log, *ONE)
    assert fates(run) == {"now": 10, "queued": 50, "paused": 340}
    assert run.convicted() == set(range(1, 401))
    assert len(run.of("restore")) == 10 + 340, "nobody who waited was ever disabled"


def test_a_node_that_shows_everyone_twice(replay):
    """A relay before some of a node's connections: each of 60 users is seen from home and from the
    relay's address. It is marked as shared at the first check and adds nothing from then on: those who
    were watched in the first minute are acquitted, nobody is warned later, nobody cut."""
    log = Log()
    for user in range(1, 61):
        log.every(10, user, f"40.0.{user}.1", user * 0.1, 900)
        log.every(10, user, "99.9.9.9", 5 + user * 0.1, 900)
    run = replay(log, *ONE)
    assert run.of("punish") == [] and run.summary["shared"] == 1
    assert {d["t"] for d in run.of("monitor")} == {round(5 + u * 0.1, 1) for u in range(1, 61)}
    assert [d["t"] for d in run.of("warn") if d["t"] > 60] == []
    assert {d["t"] for d in run.of("acquit")} == {240.0}
    without = replay(log, *ONE, "--set", "shared_source_users=0", "--set", "breaker=off")
    assert len(without.convicted()) == 60


@pytest.mark.parametrize(
    "settings, cut",
    [
        (["breaker_5m_min=3", "breaker_5m_percent=1"], 3),
        (["breaker_5m_min=3", "breaker_5m_percent=4"], 8),
        (["breaker_5m_percent=100"], 10),
        (["breaker_5m_percent=100", "breaker_1h_min=4", "breaker_1h_percent=1"], 4),
        (["breaker_5m_percent=100", "breaker_1h_min=4", "breaker_1h_percent=3.5"], 7),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else str(v),
)
def test_breaker_bounds(replay, settings, cut):
    """200 users, all guilty: the greater of the minimum and the share are cut, and no more than the 10
    that punish_rate lets go at once."""
    run = replay(sharing(200, 0.01), *ONE, *[x for s in settings for x in ("--set", s)])
    assert fates(run)["now"] == cut
    assert run.summary["breaker"] == 1


def test_a_convict_of_the_last_week_does_not_count_for_the_breaker(replay):
    """Six share, one after the other and again after their term: the sixth trips the breaker, so five
    are cut; with the bound at six, all are, and again in the second round, when they are not new."""
    log = sharing(6, 0.5, end=1500)
    assert fates(replay(log, *ONE)) == {"now": 5, "paused": 7}
    run = replay(log, *ONE, "--set", "breaker_5m_min=6")
    assert fates(run) == {"now": 12}
    assert run.summary["breaker"] == 0


# ---- what always holds ----


def crowd(seed: int) -> Log:
    """60 users of every kind: alone, roaming, flapping fast, families, sharers light and heavy."""

    def somebody(rng: random.Random, i: int):
        a = [f"4{k}.{i}.1.1" for k in range(5)]
        kind = i % 6
        if kind == 0:
            return phone(rng, at(a[0]))
        if kind == 1:
            return phone(rng, stays(rng, a[:2], 300, 900, 10))
        if kind == 2:
            return phone(rng, stays(rng, a[:2], 8, 20, 2))
        if kind == 3:
            return phone(rng, at(a[0])) + phone(rng, stays(rng, a[1:3], 20, 90, 4))
        if kind == 4:
            return phone(rng, at(a[0]), HEAVY) + phone(rng, at(a[1]), HEAVY)
        return [one for k in range(rng.randint(2, 5)) for one in phone(rng, at(a[k]), Habit(6, 20))]

    return people(somebody, 60, seed=seed)


@pytest.mark.parametrize(
    "settings",
    [
        ("breaker=off",), ("breaker=off", "verdict=persistent"), ("punish_rate=1", "breaker_5m_min=12"),
        ("enforcement=shadow", "monitoring_period=60"), ("monitoring_period=600", "breaker=off"),
        ("general_limit=16", "breaker=off"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_no_verdict_without_watch_warning_and_whole_period(replay, settings):
    """For each user, in every run: monitor before warn before punish, punish no sooner than
    monitoring_period after monitor and never within the limit; nothing while punished; whoever is
    punished is restored after his term, and every watch ends."""
    options = [x for s in ("general_limit=1", *settings) for x in ("--set", s)]
    given = dict(s.split("=") for s in settings)
    period = float(given.get("monitoring_period", 180))
    run = replay(crowd(5), *options)
    state, since, warned, waits = {}, {}, set(), set()
    for d in run.decisions:
        user, kind, now = d["id"], d["decision"], d["t"]
        if kind == "monitor":
            # Who waited for his turn when the breaker paused is clear again, untold.
            assert state.get(user, "clear") == "clear" or user in waits
            assert d["devices"] > d["limit"]
            waits.discard(user)
            state[user], since[user] = "watched", now
            warned.discard(user)
        elif kind == "warn":
            assert state[user] == "watched" and user not in warned
            warned.add(user)
        elif kind == "punish":
            assert state[user] == "watched" and user in warned
            assert now - since[user] >= period
            assert d["devices"] > d["limit"] and d["for_s"] == 900
            if "verdict" not in given:
                assert d["concurrent"] > d["limit"]
            state[user], since[user] = "punished", now
            if d["applied"] == "queued":
                waits.add(user)
        elif kind == "restore":
            assert state[user] == "punished"
            assert now > since[user] + 900 if user in waits else now == round(since[user] + 900, 6)
            state[user] = "clear"
            waits.discard(user)
        else:
            assert kind == "acquit" and state[user] == "watched", d
            assert now - since[user] >= period and now % 60 == 0
            state[user] = "clear"
    assert {user for user, now in state.items() if now != "clear"} <= waits
    if "general_limit=16" not in settings:
        assert len(run.convicted()) >= 20
    else:
        assert run.decisions == []
