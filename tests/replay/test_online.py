# SPDX-License-Identifier: AGPL-3.0-or-later
"""Readings of the online list beside log lines: what is decided, to the microsecond, against the slow model
of the same rules; and that a list that tells nothing new changes nothing."""

import random

import pytest
from model import Model
from test_model import somebody
from traces import START_US, Log, at, micro, phone

UNIX = START_US // 1_000_000
ONE, OTHER = "5.120.1.9", "40.11.7.9"


class World:
    """Lines and readings of user 7 go to the model and into a log alike, in the order of time."""

    def __init__(self, **settings):
        self.settings = {"general_limit": 1} | settings
        self.model, self.log = Model(**self.settings), Log()

    def line(self, t, ip, node=1):
        now = START_US + micro(t)
        self.model.line(now, now, ip, node, "TCP")
        self.log.add(t, 7, ip, node=node - 1, inbound="TCP")

    def read(self, t, nodes):
        """nodes: node → {address: second after START}."""
        nodes = {node: {ip: UNIX + v for ip, v in ips.items()} for node, ips in nodes.items()}
        self.model.reading(START_US + micro(t), nodes)
        self.log.reading(t, 7, nodes)

    def check(self, replay):
        options = [x for k, v in self.settings.items() for x in ("--set", f"{k}={v}")]
        run = replay(self.log, *options)
        got = [
            (d["decision"], START_US + micro(d["t"]), d["devices"], d["concurrent"])
            for d in run.decisions
        ]
        assert got == self.model.finish(), self.settings
        return run


class Streams:
    """Streams that are opened and closed, and the list they make; asked in the order of time."""

    def __init__(self):
        self.open = []  # (to, node, ip)
        self.value = {}

    def add(self, t, lasts, ip, node=1):
        self.open.append((t + lasts, node, ip))
        self.value[node, ip] = int(t)

    def at(self, t, nodes=(1, 2)):
        out = {node: {} for node in nodes}
        self.open = [one for one in self.open if one[0] > t]
        for _, node, ip in self.open:
            if node in out:
                out[node][ip] = self.value[node, ip]
        return out


@pytest.mark.parametrize("seed", range(16))
def test_engine_says_what_the_model_says(replay, seed):
    rng = random.Random(f"online/{seed}")
    hold = rng.choice([60, 120, 300, 1800])
    w = World(
        general_limit=rng.choice([1, 1, 2]), online_hold=hold, monitoring_period=rng.choice([30, 180])
    )
    streams, todo = Streams(), []
    w.line(0.0, ONE)
    lost = rng.choice([0, 0, 0.5, 1])
    for t, ip in somebody(rng):
        if t > 0:
            node = rng.choice([1, 1, 1, 2])
            todo.append((t, "line", ip, node, rng.choice([1, 5, 60, 2 * hold])))
    every = rng.choice([5, 10, 45])
    todo += [(t + 0.25, "read") for t in range(every, 1800, every)]
    for what in sorted(todo, key=lambda one: one[0]):
        if what[1] == "line":
            t, _, ip, node, lasts = what
            streams.add(t, lasts, ip, node)
            if rng.random() >= lost:
                w.line(t, ip, node)
        else:
            nodes = (1, 2) if rng.random() < 0.9 else rng.choice([(1,), (2,), ()])
            w.read(what[0], streams.at(what[0], nodes))
    w.check(replay)


def test_a_list_that_tells_what_the_log_told_changes_nothing(replay):
    """All lines came: every time in the list is that of a line, or earlier within its second."""
    for seed in range(8):
        rng = random.Random(f"both/{seed}")
        plain, both, streams = Log(), Log(), Streams()
        todo = [(t, ip) for t, ip in somebody(rng)] + [(t + 0.6, "") for t in range(5, 1800, 5)]
        for t, ip in sorted(todo):
            if ip:
                streams.add(t, rng.choice([1, 10, 100, 500]), ip)
                plain.add(t, 7, ip)
                both.add(t, 7, ip)
            else:
                now = streams.at(t, (1,))
                both.reading(t, 7, {n: {ip: UNIX + v for ip, v in x.items()} for n, x in now.items()})
        options = ("--set", "general_limit=1")
        want, got = replay(plain, *options), replay(both, *options)
        assert [(d["t"], d["decision"], d["devices"]) for d in got.decisions] == [
            (d["t"], d["decision"], d["devices"]) for d in want.decisions
        ], seed


def long_streams(w, moves, until, closes=None, other=OTHER):
    """Two addresses, each listed from 10 s on; (t, which) opens a new stream. A reading every 5 s."""
    value = {ONE: 2, other: 4}
    w.line(2.0, ONE)
    w.line(4.0, other)
    for t in range(10, until, 5):
        for at_s, which in moves:
            if t - 5 < at_s <= t:
                value[ONE if which == ONE else other] = at_s
        gone = closes and closes[0] <= t < closes[1]
        w.read(t + 0.5, {1: {ip: v for ip, v in value.items() if ip == ONE or not gone}})


# Each opens a new stream, and is listed for more than 900 s after one of the other's without one of its own.
BOTH = [(1000, ONE), (1900, OTHER), (2900, ONE), (3900, OTHER)]


def test_two_with_long_streams_are_caught(replay):
    w = World()
    long_streams(w, BOTH, 4500)
    run = w.check(replay)
    # OTHER moves at 1900; that ONE outlives it is proved at 2800, that OTHER outlives ONE's of 2900 at 3800.
    punish = run.of("punish")[0]
    assert [d["t"] for d in run.of("monitor")][-1] == 3800.5 and punish["t"] == 3980.5
    assert punish["devices"] == punish["concurrent"] == 2


def test_online_hold(replay):
    """450 s are proof then: ONE outlived OTHER's first stream, OTHER ONE's of 1000. OTHER's own of 1900 is
    its first since ONE came, and from then on both are held."""
    w = World(online_hold=900)
    long_streams(w, BOTH, 4500)
    run = w.check(replay)
    assert [d["t"] for d in run.of("monitor")][-1] == 1900.5 and run.of("punish")[0]["t"] == 2080.5


@pytest.mark.parametrize(
    "moves, closes",
    [
        ([(1000, ONE), (2900, ONE)], None),  # one of them never had a new stream
        (BOTH, (3000, 3030)),  # it was gone for a while
        ([(t, (ONE, OTHER)[t // 300 % 2]) for t in range(100, 4500, 300)], None),  # taking turns
        ([(1000, ONE), (1900, OTHER), (2700, ONE), (3500, OTHER), (4300, ONE)], None),  # 800 s each
    ],
)
def test_what_a_phone_may_leave_behind_is_nothing(replay, moves, closes):
    w = World()
    long_streams(w, moves, 4500, closes)
    assert "punish" not in w.check(replay).kinds()


@pytest.mark.parametrize("other", ["5.120.200.9", "2a01:4f8::"])
def test_one_carrier_or_two_families_prove_nothing_by_long_streams(replay, other):
    w = World()
    long_streams(w, BOTH, 4500, other=other)
    assert "punish" not in w.check(replay).kinds()


def wireguard(w, trace, until, every=5):
    """Of each node the address that had the last packet; nothing is logged."""
    last: dict[int, tuple[str, int]] = {}
    trace = sorted(trace)
    i = 0
    w.log.stream(0.0, "#open")
    for t in range(every, until, every):
        while i < len(trace) and trace[i][0] <= t:
            last[trace[i][2]] = (trace[i][1], int(trace[i][0]))
            i += 1
        w.read(t + 0.3, {node: {ip: v} for node, (ip, v) in last.items()})


def on(node, trace):
    return [(t, ip, node) for t, ip in trace]


@pytest.mark.parametrize("nodes", [(1, 1), (1, 2)])
def test_wireguard_users_over_their_limit_are_caught(replay, nodes):
    for seed in range(3):
        rng = random.Random(f"wg/{seed}")
        w = World()
        trace = on(nodes[0], phone(rng, at(ONE))) + on(nodes[1], phone(rng, at(OTHER)))
        wireguard(w, trace, 1800)
        assert "punish" in w.check(replay).kinds(), seed


def test_a_wireguard_phone_that_moves_is_not(replay):
    for seed in range(10):
        rng = random.Random(f"wg-moves/{seed}")
        w = World()
        wireguard(w, on(1, phone(rng, lambda t: (ONE, OTHER)[int(t / 45) % 2])), 1800)
        assert "punish" not in w.check(replay).kinds(), seed


def test_an_idle_wireguard_entry_does_not_count(replay):
    """It stays listed for good, and its time does not move."""
    w = World()
    for t in range(5, 4000, 5):
        w.read(t + 0.5, {1: {ONE: 3}, 2: {OTHER: t}})
    assert "punish" not in w.check(replay).kinds()


def test_readings_count_for_nothing_by_sources_log(replay):
    rng = random.Random("wg/0")
    w = World()
    wireguard(w, on(1, phone(rng, at(ONE))) + on(2, phone(rng, at(OTHER))), 1800)
    options = ("--set", "general_limit=1", "--set")
    assert "punish" in replay(w.log, *options, "sources=both").kinds()
    assert replay(w.log, *options, "sources=log").decisions == []


@pytest.mark.parametrize(
    "bad",
    ["#online x 1:", "#online 7 1", "#online 7 x:", "#online 7 1:5.6.7.8", "#online 7 1:5.6.7=3",
     "#online 7 1:5.6.7.8=x", "#online 0 1:"],
)  # fmt: skip
def test_readings_of_no_known_form_are_refused(replay, bad):
    text = f"@{START_US} #online 7 1:\n@{START_US + 1} {bad}\n"
    assert "no form known" in replay([text], code=1).err


def test_readings_alone_can_be_replayed(replay):
    fine = f"@{START_US} #online 7 1:5.6.7.8={UNIX},2a01:4f8::1={UNIX} 2:\n"
    assert replay([fine]).summary["lines"] == 0
