# SPDX-License-Identifier: AGPL-3.0-or-later
"""When things happened: backlogs, clocks that are wrong or jump, logs without stamps, nodes that fall
silent, several nodes together. A recording carries the arrival of each line and the streams' ends."""

import random

import pytest
from expect import acquit, monitor, punish, restore, unknown, warn
from traces import ORDINARY, START_US, Log, at, people, phone

OLD, MOBILE, HOME, OTHER = "40.1.1.1", "5.120.9.8", "41.2.2.2", "42.3.3.3"
ONE = ("--set", "general_limit=1")
SHARED = [
    monitor(13, 7, devices=2), warn(43, 7, devices=2),
    punish(193, 7, devices=2, concurrent=2), restore(1093, 7),
]  # fmt: skip


def two_phones(stamp=lambda t: t, end: float = 600, node: int = 0) -> Log:
    """HOME at 3, 13, 23 …, OTHER at 8, 18, …; stamp(t) is what the node's clock says at t."""
    log = Log().stream(0, "#open", node)
    for first, ip in ((3, HOME), (8, OTHER)):
        t = first
        while t < end:
            log.add(t, 7, ip, node=node, stamp=stamp(t))
            t += 10
    return log


# ---- backlogs ----


def backlog(opened: float, old: list[str], stalls: dict[int, float] | None = None) -> Log:
    """240 lines of the 20 minutes before the stream was opened, handed out within half a second but
    for the stalls (line -> seconds); then MOBILE every 5 s."""
    log = Log().stream(opened, "#open")
    arrival = opened + 0.05
    for k in range(240):
        arrival += (stalls or {}).get(k, 0) + 0.002
        log.add(round(arrival, 6), 7, old[k % len(old)], stamp=opened - 1200 + 5 * k)
    return log.every(5, 7, MOBILE, round(arrival + 2.5, 6), opened + 600)


@pytest.mark.parametrize(
    "stalls",
    [None, {0: 3}, {0: 25}, {120: 3}, {60: 2.5, 120: 4, 180: 7}],
    ids=["at once", "3 s late", "25 s late", "stalls once", "stalls thrice"],
)
def test_backlog_of_20_minutes_is_the_past(replay, stalls):
    """The newest line of the backlog is 5 s older than the stream, or more. Nobody is watched for it,
    and the phone that is there now is counted as one."""
    run = replay(backlog(1200, [OLD], stalls), *ONE, recorded=True)
    assert run.rows() == []
    assert run.summary["counted"] == run.summary["lines"]


def test_backlog_of_sharing_is_the_past(replay):
    """They shared until the stream was opened; now one is there."""
    for stalls in (None, {120: 3}):
        run = replay(backlog(1200, [HOME, OTHER], stalls), *ONE, recorded=True)
        assert run.rows() == []


def test_backlog_after_a_reconnect_is_the_past(replay):
    """A stream breaks at 305; the next one, 700 s later, brings what was missed: OTHER was there
    meanwhile, in turns with HOME. His lines are older than active_window: no watch. The clock is known
    by then, so old lines are placed exactly, stall or not."""
    log = Log().stream(0, "#open").every(10, 7, HOME, 3, 303).stream(305, "#close")
    log.stream(1005, "#open")
    for k in range(60):
        log.add(1005.1 + 0.01 * k + (3 if k > 30 else 0), 7, (HOME, OTHER)[k % 2], stamp=310 + 10 * k)
    log.every(10, 7, HOME, 1013, 1500)
    assert replay(log, *ONE, recorded=True).rows() == []


def test_a_late_backlog_is_no_evidence(replay):
    """HOME all the time on one node; another was away from 101 to 400 and then tells that OTHER was
    there meanwhile, in turns with HOME. The pair has long gone on: what comes late weighs nothing.
    Watched as soon as a line tells of OTHER within the last 60 s (stamp 345); last heard at 395, so
    acquitted at the first check after 395 + 60 + 180."""
    log = Log().stream(0, "#open").stream(0, "#open", 1).stream(101, "#close", 1)
    log.stream(400, "#open", 1).every(10, 7, HOME, 3, 900)
    log.every(5, 9, "51.1.1.1", 0.5, 100, node=1).every(5, 9, "51.1.1.1", 402, 900, node=1)
    for k in range(30):
        log.add(round(400.05 + 0.01 * k, 2), 7, OTHER, node=1, stamp=105 + 10 * k)
    run = replay(log, *ONE, recorded=True)
    assert run.rows() == [monitor(400.29, 7, devices=2), acquit(660, 7)]


def test_a_node_that_lags_is_weighed_when_its_lag_is_known(replay):
    """From 100 on the lines of OTHER's node come 25 s late: too little for another clock. Ten minutes
    long they are placed where they happened, before lines of HOME that are weighed already, and weigh
    nothing. Then the smallest difference of the last ten minutes is 25 s, and they are in turns."""
    log = Log().stream(0, "#open").stream(0, "#open", 1).every(10, 7, HOME, 3, 1200)
    log.every(5, 9, "51.1.1.1", 0.5, 100, node=1)
    for k in range(107):
        log.add(128 + 10 * k, 7, OTHER, node=1, stamp=103 + 10 * k)
    run = replay(log, *ONE, recorded=True)
    assert run.kinds(7)[:2] == ["monitor", "warn"]
    assert run.of("monitor")[0]["t"] == 128
    assert 640 <= run.of("warn")[0]["t"] <= 760 and run.of("punish")[0]["t"] <= 800


def test_backlog_within_the_active_window_counts_at_its_own_time(replay):
    """The stream breaks for 30 s only, and the backlog shows that OTHER was there 20 s ago: that is
    two active devices, and evidence of one change."""
    log = Log().stream(0, "#open").every(10, 7, HOME, 3, 300).stream(300, "#close").stream(330, "#open")
    log.add(330.1, 7, OTHER, stamp=310)
    log.every(10, 7, HOME, 333, 900)
    assert replay(log, *ONE, recorded=True).rows() == [monitor(330.1, 7, devices=2), acquit(600, 7)]


def test_backlogs_of_many_honest_users_and_of_those_who_share_later(replay):
    """500 users with a backlog of old addresses each; 20 of them share from then on. Only those."""
    log = Log().stream(1200, "#open")
    rows = []
    for user in range(1, 501):
        for k in range(8):
            rows.append((150 * k + user / 10, user, f"5{k % 4}.{user // 250}.{user % 250}.1"))
    for n, (stamp, user, ip) in enumerate(sorted(rows)):
        log.add(1200.1 + n * 0.0003, user, ip, stamp=stamp)
    for user in range(1, 501):
        log.every(20, user, f"60.{user // 250}.{user % 250}.1", 1203 + user / 50, 1600)
    for user in range(1, 21):
        log.every(10, user, f"61.{user}.1.1", 1240 + user / 50, 1600)
        log.every(10, user, f"62.{user}.1.1", 1245 + user / 50, 1600)
    run = replay(log, *ONE, "--set", "breaker=off", "--set", "punish_rate=100", recorded=True)
    assert {d["id"] for d in run.of("monitor")} == set(range(1, 21))
    assert run.convicted() == set(range(1, 21))


# ---- clocks ----


@pytest.mark.parametrize(
    "offset", [0, -3600, 3600, 12600, -5 * 86400], ids=["right", "-1 h", "+1 h", "+3:30", "-5 days"]
)
def test_a_wrong_clock_or_zone_changes_nothing(replay, offset):
    """The same decisions at the same instants, whatever the node's clock says. The line at 3 may be
    backlog; that at 8 is stamped as much later as it comes, so it is live: OTHER, and at 13 HOME."""
    run = replay(two_phones(lambda t: t + offset), *ONE, recorded=True)
    assert run.rows() == SHARED


def test_a_wrong_clock_beside_a_right_one(replay):
    """HOME on a node an hour behind, OTHER on one in Tehran's time: found as if both were right."""
    log = Log().stream(0, "#open", 0).stream(0, "#open", 1)
    log.every(10, 7, HOME, 3, 600, node=0).every(10, 7, OTHER, 8, 600, node=1)
    right = replay(log, *ONE, recorded=True).rows()
    for one in log.lines:
        one.stamp += (-3600, 12600)[one.node]
    assert replay(log, *ONE, recorded=True).rows() == right
    assert [row[2] for row in right] == ["monitor", "warn", "punish", "restore"]


@pytest.mark.parametrize("jump", [3600, -3600, 20, -20], ids=["+1 h", "-1 h", "+20 s", "-20 s"])
def test_a_clock_that_jumps_mid_run(replay, jump):
    """At 100 the node's clock is set. Forward, or by little: the offset follows at once. An hour back:
    lines count as late for 60 s, then the clock is believed. No more is lost than that minute, so they
    are found as before."""
    run = replay(two_phones(lambda t: t + (jump if t >= 100 else 0)), *ONE, recorded=True)
    assert run.kinds() == ["monitor", "warn", "punish", "restore"]
    assert run.rows()[:2] == SHARED[:2]
    assert 193 <= run.of("punish")[0]["t"] <= 193 + 60


@pytest.mark.parametrize("jump", [3600, -3600, 20, -20], ids=["+1 h", "-1 h", "+20 s", "-20 s"])
def test_a_clock_that_jumps_convicts_no_honest_user(replay, jump):
    """Hand-overs before, at and after the jump."""
    log = Log().stream(0, "#open")
    for user in range(1, 21):
        change = 60 + 10 * user
        log.every(5, user, f"40.{user}.1.1", 3 + user / 50, change)
        log.every(5, user, f"5.{user}.1.1", change + user / 50, 900)
    for one in log.lines:
        one.stamp = one.at + (jump if one.at >= 150 else 0)
    run = replay(log, *ONE, recorded=True)
    assert run.of("warn") == [] and run.of("punish") == []
    assert replay(log, *ONE).of("punish") == [], "the same as a plain log"


def test_plain_log_whose_clock_goes_back(replay):
    """A plain log has no arrivals: its time stands still until its stamps pass it again. HOME and OTHER
    share all the time; at 100 the clock goes back by 1,000 s. Watched at 8; what is seen again counts
    for nothing; from stamp 98 on, real time 1,098, it goes on: convicted at stamp 188."""
    run = replay(two_phones(lambda t: t - (1000 if t >= 100 else 0), end=1500), *ONE)
    assert run.rows() == [
        monitor(8, 7, devices=2), warn(33, 7, devices=2),
        punish(188, 7, devices=2, concurrent=2), restore(1088, 7),
    ]  # fmt: skip


def test_recording_without_stamps(replay):
    """A line without stamp happened when it came, once 30 s have passed since the stream was opened:
    until then it may be backlog. Watched from 38 instead of 13."""
    run = replay(two_phones(lambda t: None), *ONE, recorded=True)
    assert run.rows() == [
        monitor(38, 7, devices=2), warn(63, 7, devices=2),
        punish(218, 7, devices=2, concurrent=2), restore(1118, 7),
    ]  # fmt: skip


def test_plain_log_without_stamps_proves_nothing(replay):
    """All its lines are of one instant, the beginning of 1970: two devices, no time, no evidence."""
    run = replay(two_phones(lambda t: None), *ONE)
    zero = -START_US / 1_000_000
    assert run.rows() == [monitor(zero, 7, devices=2), acquit(zero + 240, 7, devices=0)]


def test_a_mad_stamp_in_a_plain_log(replay):
    """One line of the year 9999: what follows is long past and counts for nothing; nobody is convicted
    and the replay ends."""
    log = two_phones()
    texts = list(log.plain().values())
    lines = texts[0].splitlines(keepends=True)
    lines.insert(20, "9999/12/31 23:59:59 from tcp:9.9.9.9:1 accepted tcp:x.y:1 [A -> B] email: 7\n")
    run = replay(["".join(lines)], *ONE)
    assert run.of("punish") == []
    assert run.kinds() == ["monitor", "warn", "acquit"]


# ---- nodes ----


def test_two_nodes_merged(replay):
    """HOME on one node, OTHER on the other: one user all the same."""
    log = Log().every(10, 7, HOME, 0, 600, node=0).every(10, 7, OTHER, 5, 600, node=1)
    run = replay(log, *ONE)
    assert run.rows() == [
        monitor(5, 7, devices=2), warn(30, 7, devices=2),
        punish(185, 7, devices=2, concurrent=2), restore(1085, 7),
    ]  # fmt: skip


def test_one_device_on_two_nodes_is_one(replay):
    log = Log().every(10, 7, HOME, 0, 600, node=0).every(10, 7, HOME, 5, 600, node=1)
    assert replay(log, *ONE).rows() == []


def test_the_order_of_files_does_not_matter(replay):
    """60 users over three nodes, half of them sharing; the nodes named in another order."""

    def somebody(rng, i):
        return phone(rng, at(f"40.{i}.1.1")) + (phone(rng, at(f"41.{i}.1.1")) if i % 2 else [])

    log = people(somebody, 60)
    rng = random.Random("nodes")
    for one in log.lines:
        one.node = rng.randrange(3)
    files = list(log.plain().values())
    first = replay(files, *ONE)
    assert len(first.convicted()) >= 20
    for order in ([2, 1, 0], [1, 2, 0]):
        again = replay([files[i] for i in order], *ONE)
        assert sorted(again.rows()) == sorted(first.rows())


def test_the_same_input_gives_the_same_bytes(replay):
    def somebody(rng, i):
        return phone(rng, at(f"40.{i}.1.1"), ORDINARY) + phone(rng, at(f"41.{i % 30}.1.1"), ORDINARY)

    log = people(somebody, 50, seed=3)
    files = list(log.plain().values())
    first = replay(files, *ONE)
    assert first.of("punish")
    assert replay(files, *ONE).out == first.out


def test_a_user_of_a_blind_node_is_not_acquitted(replay):
    """Watched from 200 on; his node's only stream ends at 303 and stays away. Another node goes on, so
    time passes, but his silence says nothing: after 15 minutes (1203) unknown, at the next check."""
    log = Log().stream(0, "#open").stream(303, "#close").stream(0, "#open", 1)
    log.every(10, 7, HOME, 3, 300).every(10, 7, OTHER, 200, 300)
    log.every(5, 9, "51.1.1.1", 0, 1800, node=1)
    run = replay(log, *ONE, recorded=True)
    assert run.rows() == [monitor(200, 7, devices=2), warn(233, 7, devices=2), unknown(1260, 7)]
    sooner = replay(log, *ONE, "--set", "unknown_after=300", recorded=True)
    assert sooner.rows()[-1] == unknown(660, 7)


def test_a_node_that_sees_again_judges_by_what_it_missed(replay):
    """As above, but at 900 the stream is there again, and with it what the panel has kept: OTHER was
    last heard at 775, or at 295. Within the limit 60 s later, acquitted at the first check 180 s after
    that: 1020, or at once, at 960."""
    for last, end in ((775, 1020), (295, 960)):
        log = Log().stream(0, "#open").stream(303, "#close").stream(900, "#open").stream(0, "#open", 1)
        log.every(10, 7, HOME, 3, 300).every(10, 7, OTHER, 200, 300)
        for k in range(int((last - 295) / 40) + 1):
            log.add(900.1 + 0.01 * k, 7, OTHER, stamp=295 + 40 * k)
        log.every(10, 7, HOME, 903, 1500).every(5, 9, "51.1.1.1", 0, 1800, node=1)
        run = replay(log, *ONE, recorded=True)
        assert run.rows() == [monitor(200, 7, devices=2), warn(233, 7, devices=2), acquit(end, 7)]


def test_a_stream_that_is_refreshed_leaves_nobody_blind(replay):
    """The new stream is opened before the old one is closed, every 100 s."""
    log = Log().stream(0, "#open")
    for i in range(1, 9):
        log.stream(100 * i, "#open").stream(100 * i + 1, "#close")
    log.every(10, 7, HOME, 3, 300).every(10, 7, OTHER, 200, 900)
    run = replay(log, *ONE, recorded=True)
    assert run.rows() == [monitor(200, 7, devices=2), warn(233, 7, devices=2), acquit(540, 7)]


def test_the_end_of_a_recording_is_no_outage(replay):
    """The stream is still open at the end: silence is silence."""
    log = Log().stream(0, "#open").every(10, 7, HOME, 3, 300).every(10, 7, OTHER, 200, 300)
    run = replay(log, *ONE, recorded=True)
    assert run.rows() == [
        monitor(200, 7, devices=2), warn(233, 7, devices=2), acquit(540, 7, devices=0),
    ]  # fmt: skip
