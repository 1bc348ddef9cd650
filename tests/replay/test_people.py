# SPDX-License-Identifier: AGPL-3.0-or-later
"""What becomes of labelled people. Unless said otherwise one user, 7, whose limit is one device.

Two phones that are heard every 10 s in turns change sides every 5 s. A phone that roams does so with
probability p0 = (1 - e^(-2*5/30))/2 = 0.142, two phones with 0.5: ln(0.5/0.142) = 1.26 nats a turn, of
which a block of 10 s lets 1.0 count. So the evidence grows by one a block, while a block costs it
1.15 % (half-life 600 s): 3.5 nats, half of the threshold, come with the 4th block; 7 with the 8th.
"""

import random

from expect import acquit, monitor, punish, restore, warn
from traces import HEAVY, ORDINARY, Log, at, people, phone, stays

WIFI, MOBILE, HOME, OTHER = "40.1.1.1", "5.120.9.8", "41.2.2.2", "42.3.3.3"
ONE = ("--set", "general_limit=1")
CALM = ("--set", "breaker=off", "--set", "punish_rate=1000")


def test_hand_over_from_wifi_to_mobile_with_mixed_lines(replay):
    """Wi-Fi is heard until 610, mobile from 600.5. Within the limit again at 610 + active_window 60;
    the first check a monitoring_period (180) later is that of 900."""
    log = Log().every(5, 7, WIFI, 0, 615).every(5, 7, MOBILE, 600.5, 1800)
    run = replay(log, *ONE)
    assert run.rows() == [monitor(600.5, 7, devices=2), acquit(900, 7)]


def test_hand_over_after_silence_is_nothing(replay):
    """Wi-Fi silent for 60 s and more when mobile begins: never two active devices."""
    log = Log().every(5, 7, WIFI, 0, 600).every(5, 7, MOBILE, 655, 1200)
    assert replay(log, *ONE).rows() == []
    # A second earlier it is still active: its last line came at 595.
    log = Log().every(5, 7, WIFI, 0, 600).every(5, 7, MOBILE, 654, 1200)
    assert replay(log, *ONE).rows() == [monitor(654, 7, devices=2), acquit(840, 7)]


def test_flapping_phone_is_watched_and_acquitted(replay):
    """Back and forth every 40 s for half an hour: over the limit all the time, no evidence. The last
    stay on Wi-Fi ends at 1795, that on mobile at 1755: within the limit from 1815, acquitted at 2040,
    the first check at 1995 or later."""
    log = Log()
    for i in range(45):
        log.every(5, 7, (WIFI, MOBILE)[i % 2], 40 * i, 40 * i + 40)
    assert replay(log, *ONE).rows() == [monitor(40, 7, devices=2), acquit(2040, 7, devices=0)]


def test_flapping_phones_of_many_users(replay):
    """Random phones that change address every 20-90 s, with up to 4 s of mixed lines: none convicted."""

    def flapping(rng, i):
        return phone(rng, stays(rng, [f"40.1.{i}.1", f"5.120.{i}.1"], 20, 90, 4))

    run = replay(people(flapping, 60), *ONE, *CALM)
    assert len(run.of("monitor")) >= 60
    assert run.convicted() == set()


def test_two_phones_on_one_account(replay):
    """Warned when the evidence is half the threshold, at the 4th block (30 s); convicted at the first
    line when the monitoring_period has passed, 5 + 180; enabled 900 s later, and as they still share,
    watched at once and convicted again."""
    log = Log().every(10, 7, HOME, 0, 1800).every(10, 7, OTHER, 5, 1800)
    assert replay(log, *ONE).rows() == [
        monitor(5, 7, devices=2),
        warn(30, 7, devices=2),
        punish(185, 7, devices=2, concurrent=2),
        restore(1085, 7),
        monitor(1085, 7, devices=2),
        warn(1110, 7, devices=2),
        punish(1265, 7, devices=2, concurrent=2),
        restore(2165, 7),
    ]
    assert replay(log).rows() == [], "two are the limit when nothing is set"


def test_two_phones_that_stop_before_the_period_is_over(replay):
    """Evidence enough at 70, but one phone is last heard at 110, so that at 185 one device is active:
    nobody is convicted who is within his limit. That he is from 170 on; acquitted at 360."""
    log = Log().every(10, 7, HOME, 0, 120).every(10, 7, OTHER, 5, 900)
    assert replay(log, *ONE).rows() == [
        monitor(5, 7, devices=2), warn(30, 7, devices=2), acquit(360, 7),
    ]  # fmt: skip


def family(n: int) -> Log:
    log = Log()
    for i in range(n):
        log.every(10, 7, f"4{i}.1.1.1", 3 * i, 600)
    return log


def test_family_at_its_limit(replay):
    assert replay(family(3), "--set", "general_limit=3").rows() == []


def test_family_over_its_limit(replay):
    """Three phones, limit 2. The third comes at 6; each pair needs its own evidence, so the warning
    comes with the 5th block of the youngest pair; convicted at 6 + 180."""
    assert replay(family(3)).rows() == [
        monitor(6, 7, devices=3, limit=2),
        warn(40, 7, devices=3, limit=2),
        punish(186, 7, devices=3, concurrent=3, limit=2),
        restore(1086, 7, limit=2),
    ]


def test_one_of_the_family_hands_over(replay):
    """Limit 3. One phone changes to mobile at 200.5 and its Wi-Fi address stays active until 195 + 60:
    four devices for a minute, which is no sharing. Acquitted at the first check after 255 + 180."""
    log = Log()
    for i in range(2):
        log.every(10, 7, f"4{i + 3}.1.1.1", 3 * i, 900)
    log.every(5, 7, WIFI, 0, 200).every(5, 7, MOBILE, 200.5, 900)
    assert replay(log, "--set", "general_limit=3").rows() == [
        monitor(200.5, 7, devices=4, limit=3), acquit(480, 7, devices=3, limit=3),
    ]  # fmt: skip


def test_ipv6_privacy_addresses_inside_one_64(replay):
    """A new address every 30 s, two overlapping: one /64 is one device."""
    log = Log()
    for i in range(60):
        log.every(3, 7, f"2a01:4f8:1:2:{i + 1:x}:1:2:3", i * 30, i * 30 + 60)
    assert replay(log, *ONE).rows() == []


def test_two_64_are_two_devices(replay):
    log = Log().every(10, 7, "2a01:4f8:1:2::1", 0, 600).every(10, 7, "2a02:908:1:3::1", 5, 600)
    assert replay(log, *ONE).rows() == [
        monitor(5, 7, devices=2), warn(30, 7, devices=2),
        punish(185, 7, devices=2, concurrent=2), restore(1085, 7),
    ]  # fmt: skip


def test_dual_stack_phone(replay):
    """IPv4 and IPv6 in turns for half an hour: two devices in number, never a concurrent pair."""
    log = Log().every(10, 7, WIFI, 0, 1800).every(10, 7, "2a01:4f8::1", 5, 1800)
    assert replay(log, *ONE).rows() == [monitor(5, 7, devices=2), acquit(2040, 7, devices=0)]


def test_dual_stack_phone_and_another(replay):
    """Within a limit of 2 although three addresses are seen; over a limit of 1 by the pair that is no
    dual stack, which begins with the other phone at 7.5."""
    log = Log().every(10, 7, WIFI, 0, 600).every(10, 7, "2a01:4f8::1", 5, 600)
    log.every(10, 7, OTHER, 7.5, 600)
    assert replay(log).rows() == [
        monitor(7.5, 7, devices=3, limit=2), acquit(840, 7, devices=0, limit=2),
    ]  # fmt: skip
    assert replay(log, *ONE).rows() == [
        monitor(5, 7, devices=2), warn(30, 7, devices=3),
        punish(185, 7, devices=3, concurrent=2), restore(1085, 7),
    ]  # fmt: skip


def nat(exits: int, end: float = 1800) -> Log:
    """Bursts every 12 s, each over all exits of the carrier."""
    log = Log()
    for i in range(exits):
        log.every(12, 7, f"5.120.{i}.9", i * 0.3, end)
    return log


def test_carrier_nat_of_several_exits_in_one_16(replay):
    """All exits inside each burst: exits of one carrier are never a concurrent pair then. After the
    last burst at 1788 nobody is heard: acquitted at the first check after 1788 + 60 + 180."""
    for exits in (2, 4):
        assert replay(nat(exits), *ONE).rows() == [
            monitor(0.3, 7, devices=2), acquit(2040, 7, devices=0),
        ]  # fmt: skip


def test_two_phones_behind_one_carrier_are_no_nat(replay):
    """The same /16, but in turns and not in bursts: two phones of one carrier."""
    log = Log().every(10, 7, "5.120.0.9", 0, 600).every(10, 7, "5.120.1.9", 5, 600)
    assert replay(log, *ONE).rows() == [
        monitor(5, 7, devices=2), warn(30, 7, devices=2),
        punish(185, 7, devices=2, concurrent=2), restore(1085, 7),
    ]  # fmt: skip


def test_carrier_nat_of_four_exits_and_another_phone(replay):
    log = nat(4, 600).every(10, 7, OTHER, 7.5, 600)
    run = replay(log, *ONE)
    assert run.kinds() == ["monitor", "warn", "punish", "restore"]
    assert run.rows()[2] == punish(180.3, 7, devices=5, concurrent=2)


def test_address_spray(replay):
    """A new address every 2 s for 15 minutes, each of another network: no pair of them has evidence, but
    29 are active at every check, and more than ten networks are a leaked account. Warned at the check
    after half the period, convicted at the first one after all of it (2 + 180)."""
    log = Log()
    for i in range(450):
        log.add(2 * i, 7, f"4{i % 7}.{i // 7}.1.{i % 250 + 1}")
    run = replay(log, *ONE)
    assert run.rows() == [
        monitor(2, 7, devices=2), warn(120, 7, devices=29),
        punish(240, 7, devices=29, concurrent=1), restore(1140, 7),
    ]  # fmt: skip
    assert run.of("punish")[0]["why"].startswith("leaked account: 29 networks")


def test_ten_thousand_addresses_then_sharing(replay):
    """20 new addresses a second, 10,000 in all; then two phones are judged as ever."""
    log = Log()
    for i in range(10000):
        log.add(round(i * 0.05, 2), 7, f"5{i % 10}.{i // 250 % 250}.{i // 1000}.{i % 250 + 1}")
    log.every(10, 7, HOME, 2000, 2300).every(10, 7, OTHER, 2005, 2300)
    run = replay(log, *ONE)
    assert run.convicted() == {7}
    assert run.rows()[-4:] == [
        monitor(2005, 7, devices=2), warn(2030, 7, devices=2),
        punish(2185, 7, devices=2, concurrent=2), restore(3085, 7),
    ]  # fmt: skip


def spray(every: float, end: float) -> Log:
    log = Log()
    for i in range(int(end / every)):
        log.add(round(i * every + 0.03, 3), 7, f"5{i % 10}.{i // 10 % 250}.{i // 2500}.1")
    return log


def test_two_phones_amid_a_spray(replay):
    """A new address every 5 s, or every second, never seen again: two phones in use do not hide in it.
    Two a second hide them, since of a user the pairs of his 16 latest addresses are weighed: but so many
    networks are a leaked account."""
    for every in (5, 1):
        log = spray(every, 300).every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300)
        run = replay(log, *ONE)
        assert run.kinds() == ["monitor", "warn", "punish", "restore"]
        assert run.of("warn")[0]["t"] == 30
        assert run.of("punish")[0]["t"] == 180.03 and run.of("punish")[0]["concurrent"] == 2
    log = spray(0.5, 300).every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300)
    run = replay(log, *ONE)
    assert run.kinds() == ["monitor", "warn", "punish", "restore"]
    assert run.of("punish")[0]["t"] == 240 and run.of("punish")[0]["concurrent"] == 1


def test_two_phones_behind_a_spray(replay):
    """1,000 addresses within 50 s, then two phones from 60 on. The 64 addresses that are remembered make
    room as they cease to be active, within seconds."""
    log = spray(0.05, 50).every(10, 7, HOME, 60, 300).every(10, 7, OTHER, 65, 300)
    run = replay(log, *ONE)
    assert run.kinds() == ["monitor", "warn", "punish", "restore"]
    assert (run.of("warn")[0]["t"], run.of("punish")[0]["t"]) == (100, 185)


# ---- two readers of one channel: each line reaches only one of them ----


def honest(rng: random.Random, i: int):
    """A third each: hand-over, flapping, home and office."""
    home, away = f"40.{i}.1.1", f"5.{i + 1}.1.1"
    if i % 3 == 0:
        return phone(rng, stays(rng, [home, away], 300, 1500, 15))
    if i % 3 == 1:
        return phone(rng, stays(rng, [home, away], 20, 90, 4))
    return phone(rng, stays(rng, [home, away, f"41.{i}.1.1"], 200, 700, 5))


def sharing(rng: random.Random, i: int):
    return phone(rng, at(f"42.{i}.1.1"), ORDINARY) + phone(rng, at(f"43.{i}.1.1"), ORDINARY)


def sharing_heavily(rng: random.Random, i: int):
    return phone(rng, at(f"44.{i}.1.1"), HEAVY) + phone(rng, at(f"45.{i}.1.1"), HEAVY)


def test_two_readers_half_of_the_lines_missing(replay):
    """Users 1-60 are honest, 101-140 share, 201-220 share heavily. With every second line gone the
    honest ones are still never convicted, and those who share still are."""
    log = people(honest, 60)
    for kind, count, first in ((sharing, 40, 101), (sharing_heavily, 20, 201)):
        log.lines += people(kind, count, first).lines
    whole = replay(log, *ONE, *CALM).convicted()
    half = replay(log.thinned(0.5, seed=1), *ONE, *CALM).convicted()
    for found in (whole, half):
        assert not [user for user in found if user <= 60]
        assert len([user for user in found if 101 <= user <= 140]) >= 32
        assert set(range(201, 221)) <= found
