# SPDX-License-Identifier: AGPL-3.0-or-later
"""Which limit a user has and whether he is judged: patterns, the panel's hwid_limit, groups, the number
in a name, filters for groups and owners, modes of groups, and what is not known."""

import json

import pytest
from expect import monitor, punish, restore, warn
from traces import Log

ONE = ("--set", "general_limit=1")
ADMINS = ["root", "reza", "sara"]


def shared_by(devices: int, *emails, end: float = 300) -> Log:
    """Each of these emails over so many addresses, in turns; 0.1 s between the users."""
    log = Log()
    for n, email in enumerate(emails):
        for k in range(devices):
            log.every(10, email, f"4{k}.{n}.2.3", k * 10 / devices + n / 10, end)
    return log


@pytest.fixture
def people(tmp_path):
    """people(12, "ali", groups=[3], admin="root", hwid=2): a --people file of these users so far."""
    rows: dict[int, dict] = {}

    def add(id: int, name: str, **more) -> tuple[str, str]:
        rows[id] = {"id": id, "name": name}
        for key, value in more.items():
            if key == "admin":
                value = value and {"id": ADMINS.index(value) + 1, "username": value}
            rows[id][{"hwid": "hwid_limit"}.get(key, key)] = value
        path = tmp_path / "people.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows.values()) + "\n")
        return "--people", str(path)

    return add


def limits_of(run) -> dict[int, int]:
    """The limit each user was convicted under."""
    return {d["id"]: d["limit"] for d in run.of("punish")}


# ---- patterns ----


def test_a_pattern_gives_the_limit(replay):
    """Exactly the decisions of a general limit of 1, for those whom the pattern names, and none else."""
    log = shared_by(2, "12.vip_ali", "13.vi_reza")
    assert replay(log, "--pattern", "prefix:vip_=1").rows() == [
        monitor(5, 12, devices=2),
        warn(30, 12, devices=2),
        punish(185, 12, devices=2, concurrent=2),
        restore(1085, 12),
    ]


def test_the_longest_pattern_wins_and_a_tie_is_generous(replay):
    log = shared_by(3, "12.vip_ali", "13.vip_b", "14.other", "15.ab_xy")
    run = replay(
        log, "--pattern", "prefix:vip_=1", "--pattern", "prefix:vip_a=3", "--pattern", "suffix:i=2",
        "--pattern", "prefix:ab=1", "--pattern", "suffix:xy=3",
    )  # fmt: skip
    assert limits_of(run) == {13: 1, 14: 2}
    run = replay(log, "--pattern", "prefix:ab=2", "--pattern", "suffix:xy=0", "--set", "general_limit=0")
    assert run.rows() == []


def test_a_special_limit_and_an_exception_stand_before_a_pattern(replay):
    log = shared_by(2, "12.vip_ali", "13.vip_b")
    run = replay(log, "--pattern", "prefix:vip_=1", "--special", "vip_ali=2", "--except", "id:13")
    assert run.rows() == []


def test_a_pattern_that_matches_everyone(replay):
    log = shared_by(2, "12.ali", "13.eli")
    assert replay(log, "--pattern", "suffix:li=1").convicted() == {12, 13}


@pytest.mark.parametrize(
    "bad",
    ["vip=1", "prefix:vip", "prefix:=1", "middle:vip=1", "prefix:vip=-1", "prefix:vip=10001",
     "prefix:vip=admin:", "prefix:" + "a" * 129 + "=1"],
)  # fmt: skip
def test_bad_patterns(replay, bad):
    assert "--pattern" in replay(Log(), "--pattern", bad, code=2).err


# ---- the panel's own limit, groups, the number in a name ----


def test_limit_from_hwid(replay, people):
    """On: over 0 it holds, 0 and null are none; whom the panel tells nothing of is not judged."""
    log = shared_by(3, "12", "13", "14", "15", "16")
    people(12, "ali", hwid=1), people(13, "eli", hwid=0), people(14, "oli", hwid=None)
    told = people(15, "uli", hwid=4)
    assert limits_of(replay(log, *told)) == {12: 2, 13: 2, 14: 2, 15: 2, 16: 2}
    on = ("--set", "limit_from_hwid=true")
    assert limits_of(replay(log, *told, *on)) == {12: 1, 13: 2, 14: 2}
    assert limits_of(replay(log, *told, *on, "--pattern", "prefix:al=2")) == {12: 2, 13: 2, 14: 2}


def test_group_limits(replay, people):
    """The most generous of a user's groups; who is in none of them has the general limit."""
    log = shared_by(3, "12", "13", "14", "15")
    people(12, "ali", groups=[3]), people(13, "eli", groups=[3, 5]), people(14, "oli", groups=[9])
    told = people(15, "uli", groups=[])
    run = replay(log, *told, "--set", "group_limits=3=1,5=3")
    assert limits_of(run) == {12: 1, 14: 2, 15: 2}
    assert limits_of(replay(log, *told, "--set", "group_limits=3=0,5=1")) == {14: 2, 15: 2}


def test_name_suffix_limits(replay):
    log = shared_by(3, "12.ali.3.User", "13.eli.1.User", "14.oli.3.Users")
    assert limits_of(replay(log)) == {12: 2, 13: 2, 14: 2}
    assert limits_of(replay(log, "--set", "name_suffix_limits=on")) == {13: 1, 14: 2}


def test_the_order_of_the_rules(replay, people):
    """One user who has everything; each rule taken away shows the next."""
    log = shared_by(9, "12.ali.5.User")
    told = people(12, "ali.5.User", groups=[3], hwid=7, admin="root")
    rules = [
        (("--except", "id:12"), None), (("--special", "id:12=8"), 8), (("--pattern", "prefix:a=6"), 6),
        (("--set", "limit_from_hwid=on"), 7), (("--set", "group_limits=3=4"), 4),
        (("--set", "name_suffix_limits=on"), 5), ((), 2),
    ]  # fmt: skip
    for first, (_, limit) in enumerate(rules):
        options = [one for rule, _ in rules[first:] for one in rule]
        run = replay(log, *told, *options)
        assert {d["limit"] for d in run.decisions} == ({limit} if limit else set()), rules[first]


# ---- filters ----


def test_group_filter(replay, people):
    log = shared_by(2, "12", "13", "14", "15")
    people(12, "ali", groups=[3]), people(13, "eli", groups=[4, 5])
    told = people(14, "oli", groups=[])
    base = (*told, *ONE, "--set", "group_filter=3,4")
    assert replay(log, *base).convicted() == {12, 13}
    assert replay(log, *base, "--set", "group_filter_mode=exclude").convicted() == {14}
    assert replay(log, *told, *ONE).convicted() == {12, 13, 14, 15}
    assert replay(log, *base, "--special", "id:14=1").convicted() == {12, 13}, "a filter stands above"


def test_admin_filter(replay, people):
    log = shared_by(2, "12", "13", "14", "15")
    people(12, "x_ali", admin="reza"), people(13, "eli", admin="sara")
    told = people(14, "x_oli", admin=None)
    base = (*told, *ONE, "--set", "admin_filter=reza")
    exclude = ("--set", "admin_filter_mode=exclude")
    assert replay(log, *base).convicted() == {12}
    assert replay(log, *base, *exclude).convicted() == {13, 14}
    assert replay(log, *told, *ONE, "--set", "admin_filter=id:3").convicted() == {13}
    # An owner pattern speaks where the panel names nobody.
    pattern = ("--pattern", "prefix:x_=admin:reza")
    assert replay(log, *base, *pattern).convicted() == {12, 14}
    assert replay(log, *base, *exclude, *pattern).convicted() == {13}
    assert replay(log, *base, "--pattern", "suffix:eli=admin:reza").convicted() == {12}


def test_what_is_not_known_is_not_judged(replay, people):
    """No word from the panel: nobody is convicted on missing data, whichever way the filter goes."""
    log = shared_by(2, "12", "13.eli")
    for rule in (
        "group_filter=3", "admin_filter=root", "group_limits=3=1", "group_modes=3=off",
        "limit_from_hwid=on",
    ):  # fmt: skip
        assert replay(log, *ONE, "--set", rule).rows() == [], rule
    for mode, rule in (("group_filter_mode", "group_filter=3"), ("admin_filter_mode", "admin_filter=a")):
        assert replay(log, *ONE, "--set", rule, "--set", f"{mode}=exclude").rows() == []
    # What does not need the group is settled without it.
    assert replay(log, *ONE, "--set", "group_limits=3=5", "--special", "id:12=1").convicted() == {12}


def test_include_with_nothing_is_refused(replay):
    run = replay(Log(), "--set", "group_filter_mode=include", code=2)
    assert "group_filter" in run.err
    assert "admin_filter" in replay(Log(), "--set", "admin_filter_mode=include", code=2).err


# ---- modes of groups ----


def test_group_modes(replay, people):
    """The mildest of a user's groups holds; enforcement is the most there is; off is not even watched."""
    log = shared_by(2, "12", "13", "14", "15")
    people(12, "ali", groups=[3]), people(13, "eli", groups=[3, 4]), people(14, "oli", groups=[5, 4])
    told = people(15, "uli", groups=[6])
    modes = ("--set", "group_modes=3=on,4=shadow,5=off")
    run = replay(log, *told, *ONE, *modes)
    assert {d["id"]: d["applied"] for d in run.of("punish")} == {12: "now", 13: "shadow", 15: "now"}
    assert run.kinds(14) == []
    run = replay(log, *told, *ONE, *modes, "--set", "enforcement=shadow")
    assert {d["id"]: d["applied"] for d in run.of("punish")} == {12: "shadow", 13: "shadow", 15: "shadow"}
    assert replay(log, *told, *ONE, *modes, "--set", "enforcement=off").rows() == []


@pytest.mark.parametrize("bad", ["3", "3=", "x=1", "3=2,3=1", "3=-1", "3=10001", "0=1"])
def test_bad_group_limits(replay, bad):
    assert "group_limits" in replay(Log(), "--set", f"group_limits={bad}", code=2).err


@pytest.mark.parametrize("bad", ["3", "3=mild", "3=on,3=off", "=on"])
def test_bad_group_modes(replay, bad):
    assert "group_modes" in replay(Log(), "--set", f"group_modes={bad}", code=2).err


def test_bad_people(replay, tmp_path):
    for text in ("{", "[]", '{"id":0,"name":"a"}', '{"id":1}', '{"id":1,"name":"a","groups":3}',
                 '{"id":1,"name":"a","admin":{"username":3}}', '{"id":1,"name":"a","groups":["b"]}'):  # fmt: skip
        path = tmp_path / "bad.jsonl"
        path.write_text('{"id":7,"name":"ok"}\n' + text + "\n")
        assert "line 2" in replay(Log(), "--people", str(path), code=2).err, text
    assert "missing.jsonl" in replay(Log(), "--people", str(tmp_path / "missing.jsonl"), code=2).err
