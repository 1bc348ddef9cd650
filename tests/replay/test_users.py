# SPDX-License-Identifier: AGPL-3.0-or-later
"""Who a line belongs to, and how many devices he may have: ids of panel 5, id and name of panel 4,
foreign users, exceptions, special limits, limits beyond fifteen."""

import pytest
from expect import acquit, monitor, punish, restore, warn
from traces import Log

HOME, OTHER, THIRD = "40.1.1.1", "41.2.2.2", "42.3.3.3"
ONE = ("--set", "general_limit=1")


def shared_by(devices: int, *emails, end: float = 300) -> Log:
    """Each of these emails over so many addresses, in turns; 0.1 s between the users."""
    log = Log()
    for n, email in enumerate(emails):
        for k in range(devices):
            log.every(10, email, f"4{k}.{n}.2.3", k * 10 / devices + n / 10, end)
    return log


def convicted(user, at=0.0, limit=1):
    return [
        monitor(round(5 + at, 1), user, devices=2, limit=limit),
        warn(round(30 + at, 1), user, devices=2, limit=limit),
        punish(round(185 + at, 1), user, devices=2, concurrent=2, limit=limit),
        restore(round(1085 + at, 1), user, limit=limit),
    ]


def test_panel_5_writes_the_id(replay):
    run = replay(shared_by(2, "12"), *ONE)
    assert run.rows() == convicted(12)
    assert {d["name"] for d in run.decisions} == {None}


def test_panel_4_writes_id_and_name(replay):
    run = replay(shared_by(2, "12.ali"), *ONE)
    assert run.rows() == convicted(12)
    assert {d["name"] for d in run.decisions} == {"ali"}


def test_a_name_may_hold_dots_and_digits(replay):
    run = replay(shared_by(2, "12.3.4.ali_99"), *ONE)
    assert run.rows() == convicted(12)
    assert {d["name"] for d in run.decisions} == {"3.4.ali_99"}


def test_the_name_is_not_who_he_is(replay):
    """The id alone counts: two names with one id are one user, two ids with one name are two."""
    log = Log().every(10, "12.ali", HOME, 0, 300).every(10, "12.renamed", OTHER, 5, 300)
    assert replay(log, *ONE).rows() == convicted(12)
    log = Log().every(10, "12.ali", HOME, 0, 300).every(10, "13.ali", OTHER, 5, 300)
    assert replay(log, *ONE).rows() == []


@pytest.mark.parametrize(
    "email", ["love", "user@example.com", "012", "0", "-12", "12x", "12 ", "1234567890123456789", "12/3"]
)
def test_foreign_users_never(replay, email):
    """What is no id of the panel is a user somebody else made: counted, never judged. White space
    around an id is none of it."""
    run = replay(shared_by(4, email), *ONE)
    if email.strip() == "12":
        assert run.kinds(12) == ["monitor", "warn", "punish", "restore"]
    else:
        assert run.rows() == []
        assert run.summary["foreign"] == run.summary["counted"] == 120


def test_foreign_users_beside_ours(replay):
    log = shared_by(2, "12", "love")
    run = replay(log, *ONE)
    assert run.rows() == convicted(12)
    assert run.summary["foreign"] == 60


def test_lines_without_email_are_nobodys(replay):
    run = replay(shared_by(2, "", "12."), *ONE)
    assert run.rows() == [] and run.summary["counted"] == 0


def test_a_destination_cannot_speak_for_another(replay):
    """The destination is the attacker's text: an email written into it is not believed."""
    lines = []
    for t in range(0, 300, 5):
        lines.append(
            f"2026/11/02 10:{t // 60:02}:{t % 60:02}.000000 from tcp:4{t // 5 % 2}.1.1.1:9 accepted "
            f"tcp:a.b email: 12 [X -> Y] email: 13:443 [VLESS -> DIRECT] email: 14\n"
        )
    run = replay(["".join(lines)], *ONE)
    assert {d["id"] for d in run.decisions} <= {14}


# ---- exceptions and special limits ----


def test_except_by_name_and_by_id(replay):
    log = shared_by(2, "12.ali", "13.reza", "14", "15")
    options = ("--except", "ali", "--except", "id:14")
    run = replay(log, *ONE, *options)
    assert run.convicted() == {13, 15}
    assert run.kinds(12) == run.kinds(14) == []
    assert replay(log, *ONE, "--except", "nobody").convicted() == {12, 13, 14, 15}
    assert replay(log, *ONE, "--except", "Ali").convicted() == {12, 13, 14, 15}, "names are exact"


def test_special_by_name_and_by_id(replay):
    """Three addresses each. ali may have three, 13 one, 14 any number, the rest two."""
    log = shared_by(3, "12.ali", "13.reza", "14", "15")
    run = replay(log, "--special", "ali=3", "--special", "id:13=1", "--special", "id:14=0")
    assert run.convicted() == {13, 15}
    assert run.kinds(12) == run.kinds(14) == []
    assert {d["limit"] for d in run.decisions if d["id"] == 13} == {1}
    assert {d["limit"] for d in run.decisions if d["id"] == 15} == {2}
    assert [d["concurrent"] for d in run.of("punish")] == [3, 3]


def test_an_exception_is_above_a_special_limit(replay):
    log = shared_by(2, "12.ali")
    for options in (
        ("--except", "ali", "--special", "ali=1"), ("--special", "id:12=1", "--except", "id:12"),
        ("--special", "id:12=1", "--except", "ali"),
    ):  # fmt: skip
        assert replay(log, *ONE, *options).rows() == []


def test_a_special_limit_is_above_the_general_one(replay):
    log = shared_by(2, "12")
    assert replay(log, "--set", "general_limit=0", "--special", "id:12=1").rows() == convicted(12)
    assert replay(log, *ONE, "--special", "id:12=2").rows() == []


def test_a_special_limit_for_a_panel_5_user_by_name_does_nothing(replay):
    """His log holds no name, and replay has no directory to ask."""
    assert replay(shared_by(2, "12"), *ONE, "--special", "ali=5").rows() == convicted(12)


# ---- limits beyond fifteen: judged by number, at every check ----


def many(devices: int, end: float = 600) -> Log:
    log = Log()
    for k in range(devices):
        log.every(20, 7, f"4{k % 10}.{k}.1.1", k, end)
    return log


def test_limit_of_16(replay):
    """17 addresses, all of them active at every check: warned after half of the monitoring_period and
    convicted after all of it, counted from the 17th at 16."""
    assert replay(many(17), "--set", "general_limit=16").rows() == [
        monitor(16, 7, devices=17, limit=16, concurrent=0),
        warn(106, 7, devices=17, limit=16, concurrent=17),
        punish(196, 7, devices=17, concurrent=17, limit=16),
        restore(1096, 7, limit=16),
    ]
    assert replay(many(16), "--set", "general_limit=16").rows() == []


def test_limit_of_16_and_one_that_leaves(replay):
    """The 17th is not active at the check of 180 any more, nor is the one that takes its place at 185
    known from the checks before: 16 devices were there all the time. Within the limit when the first of
    the 17 has been silent for 60 s, at 640; acquitted at 840."""
    log = many(16).every(20, 7, "60.1.1.1", 16, 110).every(20, 7, "61.1.1.1", 185, 600)
    run = replay(log, "--set", "general_limit=16")
    assert run.rows()[:2] == [
        monitor(16, 7, devices=17, limit=16, concurrent=0),
        warn(106, 7, devices=17, limit=16, concurrent=17),
    ]
    assert run.of("punish") == []
    assert run.rows()[2:] == [acquit(840, 7, devices=0, limit=16)]


def test_limit_of_15_is_judged_by_pairs(replay):
    """16 phones, each heard every 20 s in their order: every pair has to show that it is two."""
    run = replay(many(16), "--set", "general_limit=15")
    assert run.kinds() == ["monitor", "warn", "punish", "restore"]
    assert run.of("punish")[0]["concurrent"] == 16
    assert run.of("punish")[0]["t"] >= 15 + 180


def test_limit_of_10000(replay):
    assert replay(many(40), "--set", "general_limit=10000").rows() == []
    assert replay(many(40), "--special", "id:7=10000").rows() == []
