# SPDX-License-Identifier: AGPL-3.0-or-later
"""From addresses to devices: grouping, CDN, content networks, relays, nodes and countries that do not
count. User 7, limit 1, unless said otherwise; the exact decisions of one user come from the slow model."""

import random

import pytest
from expect import acquit, monitor, punish, restore, warn
from model import Model
from traces import HEAVY, START_US, Log, micro, phone

HOME, OTHER = "40.1.1.1", "41.2.2.2"
EDGES = [f"{70 + k}.1.1.1" for k in range(8)]
ONE = ("--set", "general_limit=1")
CALM = ("--set", "breaker=off", "--set", "punish_rate=1000")
USUAL = [monitor(5, 7, devices=2), warn(30, 7, devices=2), punish(185, 7, 2, 2), restore(1085, 7)]


def options(settings: dict) -> list[str]:
    return [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]


def check(replay, log: Log, content=(), more=(), **settings):
    """Replays the lines of user 7, and expects what the model says."""
    settings = {"general_limit": 1} | settings
    model = Model(content, **settings)
    for one in sorted(log.lines, key=lambda x: x.at):
        ip = one.text.split("tcp:")[1].rsplit(":", 1)[0].strip("[]")
        now = START_US + micro(one.at)
        model.line(now, now, ip, one.node + 1, one.text.split("[")[-1].split(" -> ")[0])
    run = replay(log, *options(settings), *more)
    said = [(d["decision"], START_US + micro(d["t"]), d["devices"], d["concurrent"]) for d in run.decisions]
    assert said == model.finish()
    return run


def edges(end: float = 300, inbound: str = "WS", node: int = 0) -> Log:
    """One phone behind a CDN: each connection comes from another of its edges."""
    log = Log()
    for k, edge in enumerate(EDGES):
        log.every(16, 7, edge, 2 * k, end, inbound=inbound, node=node)
    return log


# ---- CDN ----


@pytest.mark.parametrize("how", ["cdn_inbounds=WS", "cdn_inbounds=GRPC,WS", "cdn_nodes=1"])
def test_eight_edges_of_a_cdn_are_one_device(replay, how):
    key, value = how.split("=")
    assert check(replay, edges()).kinds()[:3] == ["monitor", "warn", "punish"], "eight devices otherwise"
    assert check(replay, edges(), **{key: value}).rows() == []


def test_a_cdn_adds_nothing_to_a_device(replay):
    """Home besides, on another inbound: one device. Home and another's home: those two, as without."""
    log = edges().every(10, 7, HOME, 0.5, 300)
    assert check(replay, log, cdn_inbounds="WS").rows() == []
    log = edges().every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300)
    assert replay(log, *ONE, "--set", "cdn_inbounds=WS").rows() == USUAL
    check(replay, log, cdn_inbounds="WS")
    assert replay(log, *ONE, "--set", "cdn_inbounds=WS2").rows() != USUAL


def test_a_cdn_node_does_not_speak_for_others(replay):
    """The same addresses on node 2, which is behind none, are devices."""
    log = Log().every(10, 7, HOME, 0, 300, node=0).every(10, 7, OTHER, 5, 300, node=1)
    assert replay(log, *ONE).rows() == USUAL
    assert replay(log, *ONE, "--set", "cdn_nodes=2").rows() == []
    assert replay(log, *ONE, "--set", "cdn_nodes=3").rows() == USUAL


# ---- content networks ----


def test_content_networks_built_in(replay):
    """WARP, the ends of Private Relay and Cloudflare's edges: another address for each connection."""
    log = Log().every(10, 7, HOME, 0, 300)
    for k, ip in enumerate(["104.28.1.1", "172.225.3.4", "2606:54c0::1", "2a02:26f7:1::1", "162.158.9.9"]):
        log.every(10, 7, ip, 1 + k, 300)
    assert replay(log, *ONE).rows() == []
    log.lines = [one for one in log.lines if HOME not in one.text]
    assert replay(log, *ONE).rows() == []
    assert replay(log.every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300), *ONE).rows() == USUAL


def test_content_networks_of_a_file(replay, tmp_path):
    """The file stands for the list built in; what is wrong in it is said with its line."""
    path = tmp_path / "content"
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, "104.28.1.1", 5, 300)
    file = ("--set", f"content_networks={path}")
    path.write_text("# own\n\n40.1.0.0/16  # a relay\n2a01::/32\n")
    assert check(replay, log, content=["40.1.0.0/16"], more=file).rows() == []
    path.write_text("9.9.9.9\n")
    assert replay(log, *ONE, *file).rows() == USUAL
    path.write_text("9.9.9.9\n\n9.9.9.9/40\n")
    assert "line 3" in replay(log, *ONE, *file, code=2).err
    path.unlink()
    assert "No such file" in replay(log, *ONE, *file, code=1).err
    path.write_bytes(b"\xff\x00" * 10)
    assert "line 1" in replay(log, *ONE, *file, code=2).err


# ---- grouping ----


def test_group_by_subnet(replay):
    """A /24, or a /48 of IPv6, is one device; two families stay two."""
    log = Log().every(10, 7, "40.1.1.1", 0, 300).every(10, 7, "40.1.1.250", 5, 300)
    assert check(replay, log).rows() == USUAL
    assert check(replay, log, group_by="subnet").rows() == []
    log = Log().every(10, 7, "40.1.1.1", 0, 300).every(10, 7, "40.1.2.1", 5, 300)
    assert check(replay, log, group_by="subnet").rows() == USUAL
    log = Log().every(10, 7, "2a01:4f8:1:1::1", 0, 300).every(10, 7, "2a01:4f8:1:2::1", 5, 300)
    assert check(replay, log).rows() == USUAL
    assert check(replay, log, group_by="subnet").rows() == []
    log = Log().every(10, 7, "2a01:4f8:1:1::1", 0, 300).every(10, 7, "2a01:4f8:2:1::1", 5, 300)
    assert check(replay, log, group_by="subnet").rows() == USUAL
    assert check(replay, log, group_by="subnet", ipv6_prefix=32).rows() == []


def test_group_by_isp_without_data_is_as_ip(replay):
    """Two families, which auto never takes for two devices where providers are not known."""
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, "2a01:4f8::1", 5, 300)
    assert replay(log, *ONE).rows() == [monitor(5, 7, devices=2), acquit(540, 7, devices=0)]
    assert replay(log, *ONE, "--set", "group_by=isp").rows() == USUAL


def test_country_code_without_data_hides_nobody(replay):
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300)
    assert replay(log, *ONE, "--set", "country_code=IR,TR").rows() == USUAL
    assert replay(log, *ONE, "--set", "country_code=none").rows() == USUAL


# ---- nodes ----


def test_disabled_nodes_are_not_counted(replay):
    log = Log().every(10, 7, HOME, 0, 300, node=0).every(10, 7, OTHER, 5, 300, node=1)
    assert check(replay, log).rows() == USUAL
    run = check(replay, log, disabled_nodes="2")
    assert run.rows() == [] and run.summary["ignored"] == {"disabled_node": 30}
    assert run.summary["counted"] == 30
    assert check(replay, log, disabled_nodes="3,4").rows() == USUAL


# ---- why ----


def test_evidence_says_of_each_address_why(replay, tmp_path):
    """With the verdict, what each address was, and the pair that convicted; --json and text."""
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300)
    log.every(10, 7, "70.1.1.1", 1, 300, inbound="WS").every(10, 7, "104.28.1.1", 2, 300)
    log.every(10, 7, "43.3.3.3", 3, 60).every(10, 7, "8.8.8.8", 4, 300)
    run = replay(log, *ONE, "--set", "cdn_inbounds=WS", "--evidence")
    punished = run.of("punish")[0]
    roles = {a["address"]: a["role"] for a in punished["evidence"]["addresses"]}
    assert roles == {
        HOME: "counted", OTHER: "counted", "70.1.1.1": "through a CDN", "104.28.1.1": "content network",
        "43.3.3.3": "idle",
    }  # fmt: skip
    names = [a["address"] for a in punished["evidence"]["addresses"]]
    best = max(punished["evidence"]["pairs"], key=lambda p: p["score"])
    assert {names[best["a"]], names[best["b"]]} == {HOME, OTHER} and not best["excused"]
    assert {names[p[side]] for p in punished["evidence"]["pairs"] for side in "ab"} == {HOME, OTHER, "43.3.3.3"}
    assert {d["evidence"] for d in run.of("monitor") + run.of("restore")} == {None}
    assert "evidence" not in replay(log, *ONE).of("punish")[0]


# ---- many addresses ----


def test_ten_thousand_addresses_of_one_user(replay):
    """Everybody in the world has his credentials: ten new addresses a second, each heard once. No pair
    proves anything, and no more than 64 devices are kept; but more than ten networks at every check of
    the period are a leaked account: half the period is over at the check of 120, all of it at 240. One
    who shares beside it is convicted as if nothing were there."""
    rng = random.Random("spray")
    log = Log().every(10, 8, HOME, 0, 300).every(10, 8, OTHER, 5, 300)
    for i in range(10000):
        ip = f"{rng.randint(60, 90)}.{rng.randint(1, 250)}.{i // 250 + 1}.{i % 250 + 1}"
        log.add(round(i * 0.1 + 0.01, 3), 7, ip)
    run = replay(log, *ONE)
    assert [row for row in run.rows() if row[1] == 8] == [(*row[:1], 8, *row[2:]) for row in USUAL]
    assert [row for row in run.rows() if row[1] == 7] == [
        monitor(0.11, 7, devices=2), warn(120, 7, devices=64), punish(240, 7, 64, 1), restore(1140, 7),
    ]  # fmt: skip
    why = {d["decision"]: d["why"] for d in run.decisions if d["id"] == 7}
    assert "leaked" in why["punish"] and "64 networks" in why["warn"]


def test_a_spray_does_not_hide_two_phones(replay):
    """Two phones among a hundred other addresses a minute are found all the same."""
    log = Log().every(3, 7, HOME, 0, 900).every(3, 7, OTHER, 1.5, 900)
    for i in range(1500):
        log.add(round(i * 0.6 + 0.05, 3), 7, f"60.{i // 250}.{i % 250}.1")
    run = replay(log, *ONE)
    assert run.kinds(7)[:3] == ["monitor", "warn", "punish"]
    assert run.of("punish")[0]["t"] < 200


# ---- relays and carriers ----


def test_relay_in_front_of_some_nodes(replay):
    """30 users; node 2 stands behind a relay that hides its clients. Each has one phone whose app
    balances over both nodes: relay and home at once. The relay is found at the first check."""
    log = Log()
    for user in range(1, 31):
        log.every(8, user, f"40.{user}.1.1", user * 0.1, 900, node=0)
        log.every(8, user, "99.9.9.9", 4 + user * 0.1, 900, node=1)
    run = replay(log, *ONE, *CALM)
    assert run.summary["shared"] == 1 and run.convicted() == set()
    assert {d["t"] for d in run.of("monitor")} <= {round(4 + u * 0.1, 6) for u in range(1, 31)}
    # Two phones behind the relay look like one; two at homes of their own do not.
    log.every(8, 5, "41.5.1.1", 2.5, 900, node=0)
    run = replay(log, *ONE, *CALM)
    assert run.convicted() == {5}


def test_shared_memory_days(replay):
    """Twelve users on one relay; 30 hours later one of them is there alone, beside his home."""
    log = Log()
    for user in range(1, 13):
        log.every(10, user, "99.9.9.9", user * 0.1, 130)
    late = 30 * 3600
    log.every(10, 7, HOME, late, late + 300).every(10, 7, "99.9.9.9", late + 5, late + 300)
    assert replay(log, *ONE).rows() == []
    again = [(row[0] + late, *row[1:]) for row in USUAL]
    assert replay(log, *ONE, "--set", "shared_memory_days=1").rows() == again
    assert replay(log, *ONE, "--set", "shared_memory_days=2").rows() == []


@pytest.mark.parametrize("seed", range(4))
def test_carrier_nat_with_two_exits(replay, seed):
    """A phone whose carrier gives each connection one of two exits inside a /16: not convicted; taken
    address by address it is. (More exits: the study.)"""
    rng = random.Random(f"nat/{seed}")
    pool = [f"5.101.{rng.randint(0, 255)}.{rng.randint(1, 254)}" for _ in range(2)]
    log = Log().bursts(phone(rng, lambda _: rng.choice(pool), HEAVY), 7)
    assert check(replay, log).convicted() == set()
    assert check(replay, log, group_by="ip").convicted() == {7}
