# SPDX-License-Identifier: AGPL-3.0-or-later
"""The engine against the slow model of the same rules: random people, random settings, every
decision equal to the microsecond."""

import random

import pytest
from model import DEFAULTS, Model
from traces import HEAVY, ORDINARY, START_US, Habit, Log, at, micro, phone, stays

SETTINGS = {
    "general_limit": [1, 1, 2, 3], "check_interval": [10, 60, 70], "monitoring_period": [10, 180, 400],
    "active_window": [20, 60, 100], "time_to_active_users": [60, 300, 900],
    "verdict": ["concurrent", "concurrent", "persistent"], "warn_at": ["evidence", "excess"],
    "evidence_threshold": [2.5, 7.0, 12.0], "roam_time": [5, 30, 120], "tick": [1, 2, 5],
    "switch_p": [0.1, 0.3, 0.5], "gain_cap": [0.5, 1.0, 3.0], "gain_block": [3, 10, 60],
    "evidence_floor": [-10.0, -4.0, 0.0], "evidence_half_life": [60, 600, 3000],
    "pair_idle": [100, 600], "rate_half_life": [30, 300], "persistent_window": [120, 400],
    "persistent_span": [60, 120], "persistent_checks": [1, 2, 5],
    "group_by": ["auto", "ip", "subnet", "ip_inbound"], "ipv6_prefix": [40, 56, 64, 128],
    "cdn_inbounds": ["", "WS", "WS,GRPC"], "cdn_nodes": ["", "2"], "disabled_nodes": ["", "1", "2"],
}  # fmt: skip
ADDRESSES = [
    "5.120.1.9", "5.120.2.9", "5.120.7.7", "40.11.7.9", "41.12.7.9", "42.13.7.9", "2a01:4f8:0:1::1",
    "2a01:4f8:0:1::2", "2a01:4f8:0:2::1", "2a02:908::1", "5.120.1.200", "8.9.9.1", "8.9.9.2",
]  # fmt: skip
CONTENT = ("8.9.0.0/16", "2a02:908::/32")


def somebody(rng: random.Random) -> list[tuple[float, str]]:
    """One to four devices, each at home or roaming, in the order of time."""
    trace = []
    for _ in range(rng.randint(1, 4)):
        some = rng.sample(ADDRESSES, rng.randint(1, 3))
        low = rng.choice([5, 20, 200])
        where = at(some[0]) if rng.random() < 0.5 else stays(rng, some, low, 4 * low, 4)
        trace += phone(rng, where, rng.choice([ORDINARY, HEAVY, Habit(2, 2)]))
    return sorted(trace)


@pytest.mark.parametrize("seed", range(60))
def test_engine_says_what_the_model_says(replay, tmp_path, seed):
    rng = random.Random(f"model/{seed}")
    changed = rng.sample(sorted(SETTINGS), rng.choice([0, 2, 5, 10]))
    settings = {"general_limit": rng.choice([1, 2])} | {k: rng.choice(SETTINGS[k]) for k in changed}
    content = CONTENT if seed % 3 == 0 else ()
    (tmp_path / "content").write_text("# none\n" + "".join(f"{net}  # a relay\n" for net in content))
    model = Model(content, **settings)
    log = Log()
    for t, ip in somebody(rng):
        now = START_US + micro(t)
        # The node of the first file is 1: the log's first line must be there.
        node, inbound = rng.choice([0, 0, 1]) if log.lines else 0, rng.choice(["TCP", "TCP", "WS", "GRPC"])
        model.line(now, now, ip, node + 1, inbound)
        log.add(t, 7, ip, node=node, inbound=inbound)
    want = model.finish()
    options = [x for k, v in settings.items() for x in ("--set", f"{k}={v}")]
    run = replay(log, *options, "--set", f"content_networks={tmp_path}/content")
    got = [
        (d["decision"], START_US + micro(d["t"]), d["devices"], d["concurrent"]) for d in run.decisions
    ]
    assert got == want, settings


def test_the_model_knows_the_defaults(replay):
    """Saying a default aloud changes nothing; if a default moves, the model must follow."""
    rng = random.Random("defaults")
    log = Log().bursts(somebody(rng), 7).bursts(somebody(rng), 8)
    aloud = [x for k, v in DEFAULTS.items() for x in ("--set", f"{k}={v}")]
    assert replay(log).out == replay(log, *aloud).out
