# SPDX-License-Identifier: AGPL-3.0-or-later
"""What protects the honest from faults of others: nodes that show users twice, wrong limits; and what an
account that is out in the open looks like. Limit 1 unless said otherwise."""

import random
from collections import Counter

from traces import Log, people, phone, stays

ONE = ("--set", "general_limit=1")


def ip(first: int, user: int) -> str:
    return f"{first}.{user // 250}.{user % 250}.1"


def fleet(log: Log, users: range, node: int, end: float = 900, twice: tuple | None = None) -> Log:
    """Phones that are heard every 10 s on a node; between twice[0] and twice[1] from a second address as
    well, twice[2] seconds later."""
    for user in users:
        begin = round(user * 0.013 % 10, 3)
        log.every(10, user, ip(40, user), begin, end, node=node)
        if twice:
            log.every(10, user, ip(41, user), round(twice[0] + begin + twice[2], 3), twice[1], node=node)
    return log


def test_a_faulty_node_among_others(replay):
    """300 users on three nodes; one node shows each of its hundred from two addresses, from the start, for
    a while, or till the end: nobody is cut, and what was told of it is told once."""
    for twice in ((0, 900, 5), (0, 900, 0.2), (300, 600, 4), (600, 2400, 5)):
        log = fleet(Log(), range(1, 101), 0, 2400, twice)
        fleet(log, range(101, 201), 1, 2400)
        fleet(log, range(201, 301), 2, 2400)
        run = replay(log, *ONE)
        assert run.of("punish") == [], twice
        assert run.summary["faulty_nodes"] == 1 and run.summary["breaker"] == 0
        assert {d["id"] for d in run.of("monitor")} == set(range(1, 101))


def test_a_node_where_most_really_share(replay):
    """The way out of a small installation: with node_guard off their verdicts wait for nothing."""
    log = fleet(Log(), range(1, 21), 0, 900, (0, 900, 5))
    fleet(log, range(21, 41), 1)
    run = replay(log, *ONE, "--set", "breaker=off")
    assert run.of("punish") == [] and run.summary["faulty_nodes"] == 1
    run = replay(log, *ONE, "--set", "breaker=off", "--set", "node_guard=off")
    assert run.convicted() == set(range(1, 21)) and run.summary["faulty_nodes"] == 0


def test_a_sharer_elsewhere_is_convicted_meanwhile(replay):
    """Verdicts that do not rest on the faulty node go on."""
    log = fleet(Log(), range(1, 101), 0, 900, (0, 900, 5))
    fleet(log, range(101, 201), 1)
    log.every(10, 150, "70.1.1.1", 3, 900, node=1)
    run = replay(log, *ONE)
    assert run.convicted() == {150}


def test_the_only_node_begins_to_show_everyone_twice(replay):
    """Fifteen minutes of nothing unusual, then all 100 users at once."""
    run = replay(fleet(Log(), range(1, 101), 0, 2400, (900, 2400, 5)), *ONE)
    assert run.of("punish") == [] and run.summary["faulty_nodes"] == 1


def test_the_only_node_shows_everyone_twice_from_the_start(replay):
    """Nothing to compare it with: as if the limit were wrong. The breaker lets five of 100 be cut."""
    run = replay(fleet(Log(), range(1, 101), 0, 900, (0, 900, 5)), *ONE)
    assert run.summary["faulty_nodes"] == 0 and run.summary["breaker"] == 1
    assert len([d for d in run.of("restore") if d["applied"] == "now"]) == 5


def test_400_of_3000_look_guilty_at_any_pace(replay):
    """A wrong limit: 400 of 3,000 users seem to share, beginning within 8 s, a minute, or five minutes. At
    most 20 are cut before the breaker acts, whatever the pace; those that waited are dropped."""
    for spread, most in ((8, 10), (60, 20), (300, 20)):
        log = Log()
        for user in range(1, 401):
            begin = round(user * spread / 400, 3)
            log.every(10, user, ip(40, user), begin, 600)
            log.every(10, user, ip(41, user), begin + 5, 600)
        for user in range(401, 3001):
            log.every(60, user, ip(50, user), user % 60, 600)
        run = replay(log, *ONE)
        fates = Counter(d["applied"] for d in run.of("punish"))
        served = [d for d in run.of("restore") if d["applied"] == "now"]
        assert len(served) <= most and run.summary["breaker"] == 1, (spread, fates, len(served))


# ---- leaked accounts ----


def sprayed(every: float, carriers: int, end: float = 400) -> Log:
    log = Log()
    for i in range(int(end / every)):
        k = i % carriers
        log.add(round(i * every, 3), 7, f"{20 + k % 90}.{k // 90}.{i // 200 % 250}.{i % 200 + 1}")
    return log


def test_spraying_two_or_more_addresses_a_second(replay):
    """Each of another network: convicted by their number at the first check after the period, whatever
    the limit up to there."""
    for every, limit in ((0.5, 2), (0.2, 2), (0.05, 5), (0.25, 12), (0.1, 15)):
        run = replay(sprayed(every, 20000), "--set", f"general_limit={limit}")
        assert [d["leaked"] for d in run.of("punish")] == [True], (every, limit)
        assert run.of("punish")[0]["t"] == 240
        assert run.of("punish")[0]["trust_parts"]["leaked"] == -40
        assert run.of("punish")[0]["why"].startswith("leaked account: ")


def test_the_number_of_networks_that_is_a_leak(replay):
    """More than ten for limits up to two, more than five times the limit above."""
    calm = ("--set", "evidence_threshold=50", "--set", "gain_cap=0.1")
    for limit, most in ((1, 10), (2, 10), (3, 15), (4, 20)):
        for networks, guilty in ((most, False), (most + 1, True)):
            run = replay(sprayed(0.5, networks), "--set", f"general_limit={limit}", *calm)
            assert bool(run.of("punish")) == guilty, (limit, networks)


def test_a_carrier_with_many_exits_is_no_leak(replay):
    """A phone behind a carrier NAT: another of its 16 to 256 exits in one /16 for each line."""
    for exits in (16, 64, 256):
        rng = random.Random(exits)
        log = Log()
        for i in range(1200):
            k = rng.randrange(exits)
            log.add(0.5 * i, 7, f"5.120.{k // 16}.{k % 16 + 1}")
        run = replay(log, "--set", "evidence_threshold=50")
        assert run.of("punish") == [], exits


def test_roaming_phones_are_no_leak(replay):
    """Sixty phones that change between six networks every 10-30 s."""

    def traveller(rng, i):
        return phone(rng, stays(rng, [f"4{k}.{i}.1.1" for k in range(6)], 10, 30, 2))

    run = replay(people(traveller, 60), "--set", "general_limit=2", "--set", "breaker=off")
    assert [d for d in run.of("punish") if d["leaked"]] == []
