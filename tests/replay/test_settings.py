# SPDX-License-Identifier: AGPL-3.0-or-later
"""Each number of the engine is a setting, and changing it changes a replay as told. The scenarios are
user 7, limit 1; the arithmetic beside each is that of test_people.py, the exact instants are those of
the model (test_model.py)."""

import os
import pathlib
import re
import subprocess

import pytest
from expect import acquit, monitor, punish, restore, warn
from model import DEFAULTS, Model
from traces import START_US, Log, micro

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
HOME, OTHER, THIRD = "40.1.1.1", "41.2.2.2", "42.3.3.3"


def two(period: float = 10, end: float = 600) -> Log:
    """HOME and OTHER in turns."""
    return Log().every(period, 7, HOME, 0, end).every(period, 7, OTHER, period / 2, end)


def verdict(at, warned, monitored=5, for_s=900, concurrent=2):
    """The four decisions of a user who is convicted once."""
    return [
        monitor(monitored, 7, devices=2), warn(warned, 7, devices=2),
        punish(at, 7, devices=2, concurrent=concurrent, for_s=for_s), restore(at + for_s, 7),
    ]  # fmt: skip


USUAL = verdict(185, warned=30)
HAND_OVER = Log().every(5, 7, HOME, 0, 300).every(5, 7, OTHER, 330, 1800)
HANDED_OVER = [monitor(330, 7, devices=2), acquit(540, 7)]  # 295 + 60 + 180 = 535
BUSY = Log().every(2, 7, HOME, 0, 600).every(20, 7, OTHER, 1, 600)
AGAIN = Log().every(10, 7, HOME, 0, 600).every(10, 7, OTHER, 5, 20).every(10, 7, OTHER, 405, 600)
PAUSED = Log().every(10, 7, HOME, 0, 400).every(10, 7, OTHER, 5, 40).every(10, 7, OTHER, 245, 400)
QUICK = Log().every(5, 7, HOME, 0, 300).every(5, 7, OTHER, 2.5, 300)
TWICE = two(end=200).every(10, 7, HOME, 7200, 7400).every(10, 7, OTHER, 7205, 7400)
GONE = Log().every(10, 7, HOME, 0, 400).every(10, 7, OTHER, 5, 100).every(10, 7, THIRD, 203, 400)

# What stays the same, the change, the scenario, what is said without the change and what with it.
CASES = {
    # Still restored after the term, and convicted anew the sooner.
    "time_to_active_users=120": ([], two(end=300), USUAL, verdict(185, 30, for_s=120)),
    "monitoring_period=60": ([], two(end=300), USUAL, verdict(70, 30)),
    "monitoring_period=400": ([], two(), USUAL, verdict(405, 30)),
    # Silence for longer than active_window ends a device's activity; acquitted that much later.
    "active_window=20": ([], HAND_OVER, HANDED_OVER, []),
    "active_window=200": (
        [], HAND_OVER, HANDED_OVER, [monitor(330, 7, devices=2), acquit(720, 7)],  # 295 + 200 + 180
    ),
    # The first check at 535 or later.
    "check_interval=11": ([], HAND_OVER, HANDED_OVER, None),
    "check_interval=600": ([], HAND_OVER, HANDED_OVER, [monitor(330, 7, devices=2), acquit(600, 7)]),
    # 1.5 nats come with the 2nd block, 7 with the 8th, 25 in 290 s; 50 not at all.
    "evidence_threshold=3": ([], two(end=300), USUAL, verdict(185, 10)),
    "evidence_threshold=14": ([], two(end=300), USUAL, verdict(185, 70)),
    "evidence_threshold=50": (
        [], two(end=300), USUAL,
        [monitor(5, 7, devices=2), warn(290, 7, devices=2), acquit(540, 7, devices=0)],
    ),
    # One who roams every 5 s changes address as often as two phones would.
    "roam_time=5": ([], two(), USUAL, verdict(285, 130)),
    # Of lines 2.5 s apart each is a tick, or the first of 10 s only; without a cap it shows.
    "tick=10": (
        ["gain_cap=10"], QUICK, verdict(182.5, 5, monitored=2.5), verdict(182.5, 12.5, monitored=2.5),
    ),
    # A busy phone is seldom followed by the other: a smaller chance of changes fits that better.
    "switch_p=0.1": (
        [], BUSY, verdict(221, 101, monitored=1), verdict(221, 81, monitored=1),
    ),
    "gain_cap=0.3": ([], two(), USUAL, verdict(260, 120)),
    "gain_cap=5": ([], two(end=300), USUAL, verdict(185, 15)),
    "gain_block=60": ([], two(), USUAL, verdict(540, 180)),
    "gain_block=1": ([], two(end=300), USUAL, verdict(185, 20)),
    # HOME alone for six minutes took the evidence far down; with the floor at 0 nowhere.
    "evidence_floor=0": (
        ["monitoring_period=10"], AGAIN,
        [monitor(5, 7, devices=2), acquit(120, 7), *verdict(480, 440, monitored=405)],
        [monitor(5, 7, devices=2), acquit(120, 7), *verdict(470, 435, monitored=405)],
    ),
    # A block is worth 11 % less ten seconds later: 3.5 nats take the 5th.
    "evidence_half_life=60": ([], two(end=300), USUAL, verdict(185, 40)),
    # Evidence of before the pause counts on, or the silent phone is in no pair meanwhile.
    "pair_idle=100": ([], PAUSED, verdict(280, 30), verdict(290, 30)),
    # By the rates of the last seconds the busy phone alone is expected between two lines of the other,
    # so that its own lines take nothing from the near sum.
    "rate_half_life=30": (
        [], BUSY, verdict(221, 101, monitored=1), verdict(201, 101, monitored=1),
    ),
    "warn_at=excess": ([], two(end=300), USUAL, verdict(185, 5)),
    # Half of the rule (one check) at 60, all of it (two) at 120: both before the period is over.
    "verdict=persistent": ([], two(end=300), USUAL, verdict(185, 60)),
    "persistent_checks=1": (
        ["verdict=persistent", "monitoring_period=30"], two(end=300),
        verdict(120, 60), verdict(60, 60, concurrent=1),
    ),
    "persistent_checks=5": (  # by their span of 60 and of 120
        ["verdict=persistent", "monitoring_period=30"], two(end=300),
        verdict(120, 60), verdict(125, 65),
    ),
    "persistent_span=30": (
        ["verdict=persistent", "monitoring_period=30"], two(end=300),
        verdict(120, 60), verdict(35, 25, concurrent=1),
    ),
    # OTHER, silent since 95, counts at 210 or not; if not, THIRD must span 60 first.
    "persistent_window=60": (
        ["verdict=persistent", "monitoring_period=200", "persistent_span=60", "persistent_checks=9"],
        GONE, verdict(210, 35, concurrent=1), verdict(263, 35, concurrent=None),
    ),
    "general_limit=2": ([], two(end=300), USUAL, []),
    "general_limit=0": ([], two(end=300), USUAL, []),
    # The online list cannot be read in a replay: no answer, no punishment.
    "verify_online=require": (
        [], two(end=300), USUAL,
        [monitor(5, 7, devices=2), warn(30, 7, devices=2), acquit(540, 7, devices=0)],
    ),
    "verify_online=off": ([], two(end=300), USUAL, USUAL),
    # The first step is a warning, which leaves him CLEAR without evidence: watched again at the next
    # line, and warned at the 4th block after that.
    "punishment_enabled=true": (
        [], two(end=300), USUAL,
        [monitor(5, 7, devices=2), warn(30, 7, devices=2),
         punish(185, 7, devices=2, concurrent=2, for_s=0),
         monitor(190, 7, devices=2), warn(220, 7, devices=2), acquit(540, 7, devices=0)],
    ),
    "punishment_steps=20m": (
        ["punishment_enabled=true", "punishment_steps=900s"], two(end=300), USUAL,
        verdict(185, 30, for_s=1200),
    ),
    # A second offence two hours later is a second step, or a first one again.
    "punishment_window_hours=1": (
        ["punishment_enabled=true", "punishment_steps=10m,30m"], TWICE,
        verdict(185, 30, for_s=600) + verdict(7385, 7230, monitored=7205, for_s=1800),
        verdict(185, 30, for_s=600) + verdict(7385, 7230, monitored=7205, for_s=600),
    ),
    # 7 nats come with the 8th block (70 s), and with them a score of 100 - 41 - 20 - 1 - 5 = 33.
    "instant_disable=true": (["instant_trust=33"], two(end=300), USUAL, verdict(70, 30)),
    "instant_trust=32": (
        ["instant_disable=true", "instant_trust=33"], two(end=300), verdict(70, 30), verdict(80, 30),
    ),
}  # fmt: skip


def same(got: list[tuple], want: list[tuple]) -> bool:
    """Equal, but for a `concurrent` that is left open."""
    blank = [row[:6] + (None if w[6] is None else row[6],) + row[7:] for row, w in zip(got, want)]
    return len(got) == len(want) and blank == want


@pytest.mark.parametrize("change", CASES)
def test_a_setting_changes_a_replay_as_told(replay, change):
    fixed, log, before, after = CASES[change]
    options = [x for s in ("general_limit=1", *fixed) for x in ("--set", s)]
    assert replay(log, *options).rows() == before
    got = replay(log, *options, "--set", change).rows()
    if after is None:
        first = 535 + -(START_US // 1_000_000 + 535) % 11  # multiples of 11 s of unix time
        after = [monitor(330, 7, devices=2), acquit(first, 7)]
    assert same(got, after)


def test_every_number_of_the_model_has_its_case():
    """A setting that the engine judges by and that no case here changes would be one that may be dead."""
    tested = {change.split("=")[0] for change in CASES}
    elsewhere = {"group_by", "ipv6_prefix"}  # below
    elsewhere |= {"cdn_inbounds", "cdn_nodes", "disabled_nodes"}  # test_addresses.py
    elsewhere |= {"online_hold"}  # test_online.py
    assert set(DEFAULTS) <= tested | elsewhere


# Settings of the engine whose tests stand elsewhere, since one user's decisions do not show them.
ELSEWHERE = {
    "enforcement": "replay/test_enforcement.py", "punish_rate": "replay/test_enforcement.py",
    "breaker": "replay/test_enforcement.py", "breaker_5m_min": "replay/test_enforcement.py",
    "breaker_5m_percent": "replay/test_enforcement.py",
    "breaker_1h_min": "replay/test_enforcement.py",
    "breaker_1h_percent": "replay/test_enforcement.py",
    "node_guard": "replay/test_faults.py",
    "unknown_after": "replay/test_time.py",
    "online_hold": "replay/test_online.py", "sources": "replay/test_online.py",
    "group_by": "replay/test_settings.py", "ipv6_prefix": "replay/test_settings.py",
    "shared_source_users": "replay/test_settings.py", "ignored_ips": "replay/test_settings.py",
    "ip_allowlist": "replay/test_settings.py", "block_outbounds": "replay/test_settings.py",
    "count_private_ips": "replay/test_settings.py",
    "cdn_inbounds": "replay/test_addresses.py", "cdn_nodes": "replay/test_addresses.py",
    "disabled_nodes": "replay/test_addresses.py", "content_networks": "replay/test_addresses.py",
    "shared_memory_days": "replay/test_addresses.py",
    "country_code": "replay/test_networks.py",
    "group_filter": "replay/test_limits.py", "group_filter_mode": "replay/test_limits.py",
    "admin_filter": "replay/test_limits.py", "admin_filter_mode": "replay/test_limits.py",
    "group_limits": "replay/test_limits.py", "group_modes": "replay/test_limits.py",
    "limit_from_hwid": "replay/test_limits.py", "name_suffix_limits": "replay/test_limits.py",
    "max_tracked_users": "replay/test_settings.py",
    "pardon_minutes": "unit/app/test_orders.c",  # not in a replay: nobody enables by hand there
}  # fmt: skip
SPELT = {"pardon_minutes": 'SET_PARDON_MINUTES, "1"'}

# Every default that engine.md names, as `config show` is to tell it.
SPEC = {
    "block_outbounds": "BLOCK,block,blackhole", "count_private_ips": "false",
    "ignored_ips": "1.1.1.1,8.8.8.8", "ip_allowlist": "", "group_by": "auto", "ipv6_prefix": "64 bits",
    "content_networks": "", "shared_source_users": "10 users", "shared_memory_days": "7 days",
    "cdn_inbounds": "", "cdn_nodes": "", "disabled_nodes": "", "country_code": "",
    "general_limit": "2 devices", "limit_from_hwid": "false", "name_suffix_limits": "false",
    "group_filter": "", "group_filter_mode": "include", "admin_filter": "",
    "admin_filter_mode": "include", "monitoring_period": "180 s", "active_window": "60 s",
    "check_interval": "60 s", "warn_at": "evidence", "verdict": "concurrent",
    "evidence_threshold": "7 nats", "roam_time": "30 s", "tick": "2 s", "switch_p": "0.3 probability",
    "gain_cap": "1 nat", "gain_block": "10 s", "evidence_floor": "-4 nats",
    "evidence_half_life": "600 s", "pair_idle": "600 s", "rate_half_life": "300 s",
    "online_hold": "1800 s", "persistent_window": "120 s", "persistent_span": "120 s",
    "persistent_checks": "2 checks", "verify_online": "auto", "instant_disable": "false",
    "instant_trust": "5 score", "time_to_active_users": "900 s", "punishment_enabled": "false",
    "punishment_steps": "warn,10m,30m,60m,24h", "punishment_window_hours": "168 h",
    "disable_method": "status", "disabled_group_id": "0 group id", "enforcement": "on",
    "pardon_minutes": "60 min", "punish_rate": "10 per minute", "breaker": "on",
    "breaker_5m_min": "5 users", "breaker_5m_percent": "2 %", "breaker_1h_min": "15 users",
    "breaker_1h_percent": "6 %", "unknown_after": "900 s", "max_tracked_users": "1000000 users",
}  # fmt: skip
# How a user is disabled, not whether: a replay has no panel.
OF_THE_PANEL = {"disable_method", "disabled_group_id"}


def test_no_setting_of_the_engine_is_without_a_test():
    """Everything that settings_policy.c makes a policy, filter or address rule of."""
    source = (ROOT / "src" / "service" / "settings" / "settings_policy.c").read_text()
    used = {name.lower() for name in re.findall(r"\bSET_([A-Z0-9_]+)", source)}
    here = {change.split("=")[0] for change in CASES}
    assert len(used) > 40 and used - here - set(ELSEWHERE) == set()
    for name in used & set(ELSEWHERE):
        text = (ROOT / "tests" / ELSEWHERE[name]).read_text()
        set_there = SPELT.get(name, rf"\b{name}=|\[.*\"{name}\".*\]\)\n")
        assert re.search(set_there, text), f"{name}: not set in {ELSEWHERE[name]}"


def test_each_default_is_shown_with_its_unit_and_changes_a_replay(program, tmp_path):
    """What engine.md names stands in `config show` as it stands there, and has its case above."""
    command = [program, "config", "show"]
    env = {**os.environ, "DATA_DIR": str(tmp_path), "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=120, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    cells = (re.split(r" {2,}", line.strip()) for line in done.stdout.splitlines())
    shown = {row[0]: row[1] for row in cells if len(row) == 3 and row[2] == "default"}
    assert {name: shown.get(name, "").replace("(empty)", "") for name in SPEC} == SPEC
    tested = {change.split("=")[0] for change in CASES} | set(ELSEWHERE)
    assert set(SPEC) - tested == OF_THE_PANEL


def test_the_model_agrees_with_each_case():
    """The expectations above, recomputed from the rules without the engine."""
    for change, (fixed, log, _, after) in CASES.items():
        settings = dict(s.split("=") for s in ("general_limit=1", *fixed, change))
        if after is None or not settings.keys() <= DEFAULTS.keys():
            continue
        typed = {k: type(DEFAULTS[k])(v) for k, v in settings.items()}
        model = Model(**typed)
        for one in sorted(log.lines, key=lambda x: x.at):
            now = START_US + micro(one.at)
            model.line(now, now, one.text.split(":")[1])
        said = [(round((us - START_US) / 1e6, 6), kind) for kind, us, _, _ in model.finish()]
        assert said == [(row[0], row[2]) for row in after], change


# ---- what counts as a device ----

ONE = ("--set", "general_limit=1")


def test_ipv6_prefix(replay):
    """Two /64 of one /56: two devices, or one."""
    log = Log().every(10, 7, "2a01:4f8:1:1::1", 0, 300).every(10, 7, "2a01:4f8:1:2::1", 5, 300)
    assert replay(log, *ONE).rows() == USUAL
    assert replay(log, *ONE, "--set", "ipv6_prefix=56").rows() == []
    one = Log().every(10, 7, "2a01:4f8:1:1::1", 0, 300).every(10, 7, "2a01:4f8:1:1::2", 5, 300)
    assert replay(one, *ONE).rows() == []
    assert replay(one, *ONE, "--set", "ipv6_prefix=128").rows() == USUAL


def test_group_by_ip(replay):
    """auto: IPv4 and IPv6 of one user are never a pair, nor are exits of one carrier in each burst. ip:
    each address is a device like any other."""
    dual = Log().every(10, 7, HOME, 0, 300).every(10, 7, "2a01:4f8::1", 5, 300)
    watched = [monitor(5, 7, devices=2), acquit(540, 7, devices=0)]
    assert replay(dual, *ONE).rows() == watched
    assert replay(dual, *ONE, "--set", "group_by=ip").rows() == USUAL
    nat = Log().every(10, 7, "5.120.1.9", 0, 300).every(10, 7, "5.120.2.9", 0.5, 300)
    assert replay(nat, *ONE).kinds() == ["monitor", "acquit"]
    assert replay(nat, *ONE, "--set", "group_by=ip").kinds() == ["monitor", "warn", "punish", "restore"]


def test_group_by_ip_inbound(replay):
    """One address over two inbounds: one device, or two."""
    log = Log().every(10, 7, HOME, 0, 300, inbound="VLESS")
    log.every(10, 7, HOME, 5, 300, inbound="TROJAN")
    assert replay(log, *ONE).rows() == []
    assert replay(log, *ONE, "--set", "group_by=ip").rows() == []
    assert replay(log, *ONE, "--set", "group_by=ip_inbound").rows() == USUAL


def test_shared_source_users(replay):
    """One address used by 12 of 100 users beside their own. Ten make it a shared source at the first
    check (60), which adds nothing from then on; not so when it takes 13, or is off."""
    log = Log()
    for user in range(1, 101):
        log.every(10, user, f"40.0.{user}.1", round(user * 0.05, 2), 300)
        if user <= 12:
            log.every(10, user, "99.9.9.9", round(5 + user * 0.05, 2), 300)
    calm = (*ONE, "--set", "breaker=off", "--set", "punish_rate=100")
    run = replay(log, *calm)
    assert run.summary["shared"] == 1 and run.of("punish") == []
    for users in (0, 13):
        run = replay(log, *calm, "--set", f"shared_source_users={users}")
        assert run.summary["shared"] == 0 and run.convicted() == set(range(1, 13))


def test_shared_source_on_a_small_node(replay):
    """20 % of the node's users are enough, but never fewer than four: among 12 users four share an
    address, or three."""
    for sharing, found in ((4, set()), (3, {1, 2, 3})):
        log = Log()
        for user in range(1, 13):
            log.every(10, user, f"40.0.{user}.1", user * 0.1, 300)
            if user <= sharing:
                log.every(10, user, "99.9.9.9", 5 + user * 0.1, 300)
        run = replay(log, *ONE)
        assert run.summary["shared"] == (not found) and run.convicted() == found


def test_users_one_after_another_are_no_shared_source(replay):
    """Of 60 users 40 are on one address for 20 s each, begun every 12 s, on their way from one of their
    own and back: seven of them are active there at a check, never ten."""
    log = Log()
    for user in range(1, 61):
        begin = 12 * user + user * 0.01 if user <= 40 else 900
        log.every(5, user, f"40.0.{user}.1", 0, begin)
        if user <= 40:
            log.every(5, user, "99.9.9.9", begin, begin + 20)
            log.every(5, user, f"40.0.{user}.1", begin + 20, 900)
    run = replay(log, *ONE)
    assert run.summary["shared"] == 0
    assert {d["id"] for d in run.of("monitor")} == set(range(1, 41)) and run.of("warn") == []


def test_a_shared_source_alone_is_one_device(replay):
    """All that is seen of 20 users is two shared addresses: one device each."""
    log = Log()
    for user in range(1, 21):
        log.every(10, user, "99.9.9.8", user * 0.1, 300)
        log.every(10, user, "99.9.9.9", 5 + user * 0.1, 300)
    run = replay(log, *ONE)
    assert run.summary["shared"] == 2
    assert run.of("punish") == [] and [d for d in run.of("monitor") if d["t"] > 60] == []


def test_count_private_ips(replay):
    log = Log().every(10, 7, "192.168.1.2", 0, 300).every(10, 7, "10.0.0.3", 5, 300)
    run = replay(log, *ONE)
    assert run.rows() == [] and run.summary["ignored"] == {"not_public": 60}
    assert replay(log, *ONE, "--set", "count_private_ips=true").rows() == USUAL
    nobody = Log().every(10, 7, "0.0.0.0", 0, 300).every(10, 7, "224.0.0.1", 5, 300)
    run = replay(nobody, *ONE, "--set", "count_private_ips=true")
    assert run.rows() == [] and run.summary["counted"] == 0


@pytest.mark.parametrize("setting", ["ignored_ips", "ip_allowlist"])
def test_addresses_that_do_not_count(replay, setting):
    log = two(end=300)
    if setting == "ip_allowlist":
        assert replay(log, *ONE, "--set", "ip_allowlist=9.9.9.9,41.2.0.0/16").rows() == []
    run = replay(log, *ONE, "--set", f"{setting}=9.9.9.9,{OTHER}")
    assert run.rows() == [] and run.summary["ignored"] == {"ignored_ip": 30}
    assert replay(log, *ONE, "--set", f"{setting}=9.9.9.9").rows() == USUAL


def test_resolvers_are_ignored_by_default(replay):
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, "1.1.1.1", 5, 300)
    assert replay(log, *ONE).rows() == []
    assert replay(log, *ONE, "--set", "ignored_ips=").rows() == USUAL


def test_block_outbounds(replay):
    """What is routed into a black hole is no use of the account."""
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300, outbound="BLOCK")
    run = replay(log, *ONE)
    assert run.rows() == [] and run.summary["ignored"] == {"blocked": 30}
    assert replay(log, *ONE, "--set", "block_outbounds=hole").rows() == USUAL
    log = Log().every(10, 7, HOME, 0, 300).every(10, 7, OTHER, 5, 300, outbound="hole")
    assert replay(log, *ONE).rows() == USUAL
    assert replay(log, *ONE, "--set", "block_outbounds=BLOCK,hole").rows() == []


def test_max_tracked_users(replay):
    """He is heard from one address, then 1,100 others once each, then he from another: with room for
    1,000 he has been forgotten in between."""
    log = Log()
    log.add(0, 7, HOME)
    for user in range(100, 1200):
        log.add(round(1 + user * 0.01, 2), user, f"50.{user // 250}.{user % 250}.1")
    log.add(30, 7, OTHER)
    assert [d["t"] for d in replay(log, *ONE).of("monitor")] == [30]
    assert replay(log, *ONE, "--set", "max_tracked_users=1000").of("monitor") == []
