"""The actors: reproducible, of the rates they claim, and carried out live."""

import time

import pytest

from simpanel import traffic
from simpanel.feed import device_ip


def lines_of(actors, seconds=600.0):
    return list(traffic.merged(actors, seconds))


@pytest.mark.parametrize("make", [
    lambda: [traffic.phone("u", seed=5, handover_at=100)],
    lambda: traffic.family("u", 3, seed=5),
    lambda: traffic.shared("u", 5, seed=5, nodes=(1, 2)),
    lambda: [traffic.flapping("u", seed=5)], lambda: [traffic.moving("u", seed=5)],
    lambda: [traffic.dual_stack("u", seed=5)], lambda: [traffic.spray("u", seed=5)],
    lambda: [traffic.long_stream("u", seed=5)],
])
def test_same_seed_same_traffic(make):
    first = lines_of(make())
    assert first and first == lines_of(make())
    assert [when for when, _, _ in first] == sorted(when for when, _, _ in first)
    assert all(0 <= when < 600 for when, _, _ in first)


def test_a_phone_in_use_makes_bursts_of_one_second():
    events = lines_of([traffic.phone("u", seed=1, spells=(1e9, 1.0))], 3600)
    starts, last = [], -10.0
    for when, _, _ in events:
        if when - last > 1.0:
            starts.append(when)
        last = when
    # every 8 s on average; bursts that fall into one another count as one
    assert 3600 / 13 < len(starts) < 3600 / 7
    assert 3.0 < len(events) / (3600 / 8.0) < 10.0


def test_a_phone_that_lies_about_is_quieter():
    busy = len(lines_of([traffic.phone("u", seed=1, gaps=(8, 8))], 3600))
    lazy = len(lines_of([traffic.phone("u", seed=1, gaps=(35, 35))], 3600))
    assert 2 < busy / lazy < 8


def test_hand_over_mixes_and_then_stays():
    actor = traffic.phone("u", seed=3, handover_at=100, mix=10, gaps=(1, 1))
    before = {e["ip"] for when, _, e in lines_of([actor]) if when < 100}
    after = {e["ip"] for when, _, e in lines_of([actor]) if when > 112}
    mixed = {e["ip"] for when, _, e in lines_of([actor]) if 100 <= when <= 110}
    assert len(before) == len(after) == 1 and before != after and mixed == before | after


def test_family_and_sharers_have_an_address_each():
    for actors, count in ((traffic.family("u", 3), 3), (traffic.shared("u", 5), 5)):
        assert len({e["ip"] for _, _, e in lines_of(actors)}) == count
    assert len({e["ip"] for _, _, e in lines_of([traffic.spray("u")], 60)}) > 200


def test_offline_lines_have_the_form_of_each_panel():
    one = list(traffic.offline([traffic.phone("ali.x")], 60, 1.8e9, 5, {"ali.x": 7}))
    two = list(traffic.offline([traffic.phone("ali.x")], 60, 1.8e9, 4, {"ali.x": 7}))
    assert one[0][1].startswith("2027/01/15 08:0") and one[0][1].endswith(" email: 7")
    assert two[0][1].endswith(" email: 7.ali.x") and len(one) == len(two)


def test_device_ips_of_a_user_never_share_a_16():
    for user in range(1, 3000):
        nets = {device_ip(user, d).rsplit(".", 2)[0] for d in range(4)}
        assert len(nets) == 4


def test_player_tells_who_was_refused(panel):
    sim = panel(tls=False, nodes=2)
    good, bad = sim.add_user("good"), sim.add_user("bad", status="disabled")
    player = traffic.Player(sim, [traffic.phone(good, gaps=(0.2, 0.2), name="good"),
                                  traffic.phone(bad, node=2, gaps=(0.2, 0.2), name="bad")])
    begun = time.monotonic()
    player.start(1.5).join()
    assert 1.4 < time.monotonic() - begun < 30
    tally = player.tally
    assert tally["good"]["accepted"] == tally["good"]["offered"] > 5
    assert tally["bad"]["refused"] == tally["bad"]["offered"] > 5
    assert sim.nodes()[1]["pushed"] == tally["good"]["accepted"]
    assert sim.nodes()[2]["pushed"] == 0
