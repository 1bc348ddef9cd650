# SPDX-License-Identifier: AGPL-3.0-or-later
"""The rules of the engine once more, slow and obvious, for one user: what `replay` must say.

Written from the headers in src/core (policy.h, pair.h, crowd.h, verdict.h, clock.h, decision.h). Knows no
lanes, tables or queues, so it is right for up to 16 addresses and as long as nobody waits in a queue.
Sums are rounded to single precision, as the engine keeps them, so that both agree to the microsecond.
"""

import ipaddress
import itertools
import math
import struct
from dataclasses import dataclass, field

SECOND = 1_000_000

DEFAULTS = {
    "general_limit": 2, "check_interval": 60, "monitoring_period": 180, "active_window": 60,
    "time_to_active_users": 900, "verdict": "concurrent", "warn_at": "evidence",
    "evidence_threshold": 7.0, "roam_time": 30, "tick": 2, "switch_p": 0.3, "gain_cap": 1.0,
    "gain_block": 10, "evidence_floor": -4.0, "evidence_half_life": 600, "pair_idle": 600,
    "rate_half_life": 300, "persistent_window": 120, "persistent_span": 120,
    "persistent_checks": 2, "group_by": "auto", "ipv6_prefix": 64, "cdn_inbounds": "",
    "cdn_nodes": "", "disabled_nodes": "", "online_hold": 1800,
}  # fmt: skip


def single(x: float) -> float:
    return struct.unpack("f", struct.pack("f", x))[0]


def clamp(x: float, low: float, high: float) -> float:
    return max(low, min(high, x))


@dataclass
class Device:
    first: int  # whole seconds
    last: int
    tick: int
    address: str = ""  # the last one
    plain: bool = True  # counts for itself; else: adds nothing to one that does
    rate: float = 0.0
    checks: int = 0
    run: int = 0
    weighed: bool = False
    near: float = 0.0  # ticks since it is weighed, forgotten eight times as fast

    def near_at(self, at: int, half_life: float) -> float:
        return self.near * math.exp2(-max((at - self.tick) / SECOND, 0) * 8 / half_life)

    def rate_at(self, at: int, half_life: float) -> float:
        s = (at - self.tick) / SECOND
        return self.rate * math.exp2(-s / half_life) if s > 0 else self.rate


@dataclass
class Pair:
    last: int
    previous: str
    block: int
    sums: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])  # fixed, adaptive, near
    gains: list[float] = field(default_factory=lambda: [0.0, 0.0, 0.0])

    def score(self) -> float:
        return max(self.sums)


@dataclass
class Listed:
    """An address that the online list shows, and what its streams say beside those of others."""

    since: int  # listed without a break
    seen: int
    value: int  # its last new stream
    node: int
    after: set = field(default_factory=set)  # others after whose appearance it had a new one
    first: dict = field(default_factory=dict)  # of others: their first new one after value, seconds
    proved: dict = field(default_factory=dict)  # of others: when last listed too long after that


@dataclass
class Crowd:
    """All addresses of one carrier together."""

    burst: int
    run: str
    run_since: int
    run_ticks: int = 1
    mixed: int = 0
    is_mixed: bool = False
    alone: bool = False
    extra: float = 0.0
    chance: float = 0.0

    def is_nat(self) -> bool:
        return self.mixed >= 3 and (not self.alone or self.extra >= 1.4 * self.chance + 2)


def carrier(a: str) -> tuple:
    ip = ipaddress.ip_address(a)
    return (ip.version, ip.packed[: 2 if ip.version == 4 else 4])


class Model:
    """Feed line()s in the order of arrival, then finish(); `said` holds the decisions as
    (kind, µs, devices, concurrent)."""

    def __init__(self, content: tuple[str, ...] = (), **settings):
        """content: the networks in the file of content_networks."""
        assert settings.keys() <= DEFAULTS.keys()
        self.content = [ipaddress.ip_network(net) for net in content]
        self.p = DEFAULTS | settings
        self.us = {k: int(v * SECOND) for k, v in self.p.items() if isinstance(v, (int, float))}
        self.limit = self.p["general_limit"]
        self.devices: dict[str, Device] = {}
        self.pairs: dict[frozenset, Pair] = {}
        self.crowds: dict[tuple, Crowd] = {}
        self.weighing = False
        self.state, self.since, self.until, self.warned, self.verdict_at = "clear", 0, 0, False, 0
        self.last = 0
        self.listed: dict[str, Listed] = {}
        self.many: set[int] = set()  # nodes that may hold an address
        self.next_check = 0
        self.said: list[tuple[str, int, int, int]] = []

    # ---- time ----

    def advance(self, now: int) -> None:
        every = self.us["check_interval"]
        if not self.next_check:
            self.next_check = now - now % every + every
        while True:
            due = self.until if self.state == "punished" else math.inf
            if min(due, self.next_check) > now:
                return
            restored = due <= self.next_check
            if restored:
                self.say("restore", due, 0, 0)
            # The panel answers after the check of the same instant: that one still finds him disabled.
            if self.next_check <= due:
                self.check(self.next_check)
                self.next_check += every
            if restored:
                self.clear()

    def finish(self) -> list[tuple[str, int, int, int]]:
        while self.state != "clear":
            due = self.until if self.state == "punished" else math.inf
            self.advance(min(due, self.next_check))
        return self.said

    def check(self, now: int) -> None:
        idle = now - self.us["pair_idle"]
        for a, d in self.devices.items():
            if self.active(d, now):
                d.checks = min(d.checks + 1, 255)
                d.run = min(d.run + 1, 255)
            else:
                d.run = 0
        if self.state != "monitoring":
            for a in [a for a, d in self.devices.items() if d.last < idle and not self.shown(a, idle)]:
                self.drop(a)
        if self.last <= now - 3600 * SECOND and self.state == "clear" and not self.verdict_at:
            self.devices.clear()
            self.forget_pairs()
        self.judge(now, at_check=True)

    # ---- lines ----

    def key(self, address: str, node: int, inbound: str) -> tuple[str, bool]:
        """What the device is known by, and whether it counts for itself."""

        def listed(name: str) -> list[str]:
            return [one for one in self.p[name].split(",") if one]

        cdn = inbound in listed("cdn_inbounds") or str(node) in listed("cdn_nodes")
        ip = ipaddress.ip_address(address)
        content = any(ip in net for net in self.content if net.version == ip.version)
        known = address
        if self.p["group_by"] == "subnet":
            bits = 24 if ip.version == 4 else min(48, self.p["ipv6_prefix"])
            known = str(ipaddress.ip_network((address, bits), strict=False))
        elif self.p["group_by"] == "ip_inbound":
            known = f"{address} {inbound}"
        return f"{known} {cdn} {content}", not (cdn or content)

    def line(self, now: int, at: int, address: str, node: int = 1, inbound: str = "") -> None:
        self.advance(now)
        if str(node) in self.p["disabled_nodes"].split(","):
            return
        self.many.add(node)
        self.observe(now, min(at, now), address, node, inbound)

    def observe(self, now: int, at: int, address: str, node: int, inbound: str, old: bool = False) -> None:
        ip = ipaddress.ip_address(address)
        if ip.version == 6:
            net = ipaddress.ip_network((address, self.p["ipv6_prefix"]), strict=False)
            address = str(net.network_address)
        ticked = False
        key, plain = self.key(address, node, inbound)
        d = self.devices.get(key)
        if not d:
            d = self.devices[key] = Device(at // SECOND, at, at, address, plain)
            if not old:
                self.tick(key, at)
                ticked = True
        if at >= d.last:
            d.address = address
        if at > d.last:
            if at - d.tick >= self.us["tick"]:
                self.tick(key, at)
                ticked = True
            d.last = at
        d.first = min(d.first, at // SECOND)
        self.last = max(self.last, at)
        if ticked:
            self.judge(now, at_check=False)

    # ---- the online list ----

    def reading(self, now: int, nodes: dict[int, dict[str, int]]) -> None:
        """Of each node that answered, the addresses and the second of their last new stream."""
        self.advance(now)
        idle = now - self.us["pair_idle"]
        for node, ips in nodes.items():
            if len(ips) > 1:
                self.many.add(node)
        entries = sorted(
            (min(value * SECOND, now), node, ip)
            for node, ips in nodes.items() for ip, value in ips.items()
            if value * SECOND <= now + 5 * SECOND
        )  # fmt: skip
        for at, node, ip in entries:
            self.observe(now, at, ip, node, "", old=at <= idle)
        if self.state == "punished" or not self.limit:
            return
        # Of an address on several nodes the latest stream counts.
        latest = {ip: (at, node) for at, node, ip in entries if node in self.many}
        if not self.listed and len(latest) <= self.limit:
            return
        gap = self.us["online_hold"] // 6
        for ip, x in list(self.listed.items()):
            if ip not in latest and (x.node in nodes or now - x.seen > gap):
                self.unlist(ip)
        for ip, (at, node) in sorted(latest.items(), key=lambda one: one[1]):
            self.enlist(now, ip, at, node, gap)
        for a, x in self.listed.items():
            for b, y in self.listed.items():
                if a == b:
                    continue
                if b not in x.first and y.value > x.value:
                    x.first[b] = y.value // SECOND
                if b in x.first and x.seen == now:
                    if now - x.first[b] * SECOND >= self.us["online_hold"] // 2:
                        x.proved[b] = now // SECOND
        if len(self.listed) <= self.limit:
            self.listed.clear()
        if any(self.held(a, b, now) for a in self.devices for b in self.devices):
            self.judge(now, at_check=False)

    def enlist(self, now: int, ip: str, at: int, node: int, gap: int) -> None:
        x = self.listed.get(ip)
        if x and at > x.value and now - x.seen > gap:
            self.unlist(ip)
            x = None
        if not x:
            self.listed[ip] = Listed(now, now, at, node)
            return
        if at > x.value:
            x.value, x.first = at, {}
            x.after |= {b for b, y in self.listed.items() if b != ip and at > y.since}
        x.seen, x.node = now, node

    def unlist(self, ip: str) -> None:
        del self.listed[ip]
        for x in self.listed.values():
            x.after.discard(ip)
            x.first.pop(ip, None)
            x.proved.pop(ip, None)

    def shown(self, key: str, now: int) -> bool:
        x = self.listed.get(self.devices[key].address)
        return bool(x) and now - x.seen <= 120 * SECOND

    def held(self, a: str, b: str, now: int) -> bool:
        hold = self.us["online_hold"]
        mine, other = self.devices[a], self.devices[b]
        x, y = self.listed.get(mine.address), self.listed.get(other.address)
        if not (x and y and mine.plain and other.plain) or a == b:
            return False
        if (":" in mine.address) != (":" in other.address) or carrier(mine.address) == carrier(other.address):
            return False
        if not (self.shown(a, now) and self.shown(b, now)):
            return False
        if min(x.seen - x.since, y.seen - y.since) < hold:
            return False
        if other.address not in x.after or mine.address not in y.after:
            return False
        oldest = min(x.proved.get(other.address, 0), y.proved.get(mine.address, 0))
        return oldest * SECOND >= now - 2 * hold

    def present(self, a: str, now: int) -> bool:
        if self.active(self.devices[a], now):
            return True
        return any(self.held(a, b, now) for b in self.devices if b != a)

    def tick(self, address: str, at: int) -> None:
        d = self.devices[address]
        recent = [
            a for a, x in self.devices.items() if x.plain and x.last > at - self.us["pair_idle"]
        ]
        if self.state != "punished" and d.plain and self.limit and len(recent) > self.limit:
            if not self.weighing:
                self.weighing = True
                for a in recent:
                    self.devices[a].weighed, self.devices[a].near = True, 0.0
            if not d.weighed:
                d.weighed, d.near = True, 0.0
            self.crowd_tick(address, at)
            for a in recent:
                if a != address and self.devices[a].weighed:
                    self.weigh(address, a, at)
        d.rate = single(d.rate_at(at, self.p["rate_half_life"]) + 1)
        d.near = single(d.near_at(at, self.p["rate_half_life"]) + 1)
        d.last = d.tick = at

    def weigh(self, mine: str, other: str, at: int) -> None:
        p, x, d = self.p, self.devices[other], self.devices[mine]
        key = frozenset((mine, other))
        block = at // self.us["gain_block"]
        pair = self.pairs.setdefault(key, Pair(x.last, other, block))
        if at < pair.last:
            return
        changed = pair.previous != mine
        gap = max((at - pair.last) / SECOND, 0.2)
        p0 = clamp(0.5 * (1 - math.exp(-2 * gap / p["roam_time"])), 0.01, 0.49)
        forget = single(math.exp2(-(at - pair.last) / SECOND / p["evidence_half_life"]))
        pair.sums = [single(x * forget) for x in pair.sums]
        if pair.block != block:
            pair.block, pair.gains = block, [0.0, 0.0, 0.0]
        half = p["rate_half_life"]
        rates = [
            (d.rate_at(at, half) + 1, x.rate_at(at, half)),
            (d.near_at(at, half) + 1, x.near_at(at, half)),
        ]
        turns = [(theirs if not changed else own) / (own + theirs) for own, theirs in rates]
        for i, p1 in enumerate([p["switch_p"], *[clamp(turn, 0.02, 0.5) for turn in turns]]):
            self.gain(pair, i, p0, p1, changed)
        pair.previous, pair.last = mine, at

    def gain(self, pair: Pair, i: int, p0: float, p1: float, changed: bool) -> None:
        if p0 >= p1:
            return
        before = pair.sums[i]
        d = math.log(p1 / p0) if changed else math.log((1 - p1) / (1 - p0))
        d = min(d, self.p["gain_cap"] * (0.8 if i == 2 else 1) - pair.gains[i])
        pair.sums[i] = single(max(before + d, self.p["evidence_floor"]))
        # What the floor took back is no loss.
        pair.gains[i] = single(pair.gains[i] + single(pair.sums[i] - before))

    def crowd_tick(self, mine: str, at: int) -> None:
        d, half = self.devices[mine], self.p["rate_half_life"]
        place = carrier(d.address)
        fellows = [
            x for x in self.devices.values()
            if x is not d and x.weighed and carrier(x.address) == place
        ]  # fmt: skip
        if not fellows:
            return
        latest = max(fellows, key=lambda x: x.tick)
        c = self.crowds.setdefault(place, Crowd(latest.tick, latest.address, latest.tick))
        if at < c.burst:
            return
        if at - c.burst >= 2 * SECOND:
            forget = single(math.exp2(-(at - c.burst) / SECOND / self.p["evidence_half_life"]))
            pace = 0.0
            for x in fellows:
                grown = 1 - math.exp2(-max(at // SECOND - x.first, 30) / half)
                pace += x.rate_at(at, half) * math.log(2) / half / grown
            c.extra = single(c.extra * forget)
            c.chance = single(single(c.chance * forget) + single(pace * 2))
            c.burst, c.is_mixed = at, False
        else:
            c.extra += 1
            c.mixed += not c.is_mixed
            c.is_mixed = True
        if c.run != d.address:
            c.run, c.run_since, c.run_ticks = d.address, at, 1
        else:
            c.run_ticks += 1
            c.alone |= c.run_ticks >= 10 or (c.run_ticks >= 6 and at - c.run_since > 60 * SECOND)

    def drop(self, address: str) -> None:
        del self.devices[address]
        for key in [k for k in self.pairs if address in k]:
            del self.pairs[key]
        if not any(d.weighed for d in self.devices.values()):
            self.forget_pairs()

    def forget_pairs(self) -> None:
        self.pairs.clear()
        self.crowds.clear()
        self.weighing = False
        for d in self.devices.values():
            d.weighed = False

    # ---- judgement ----

    def active(self, d: Device, now: int) -> bool:
        return d.last > now - self.us["active_window"]

    def excused(self, a: str, b: str) -> bool:
        if self.p["group_by"] != "auto":
            return False
        mine, other = self.devices[a].address, self.devices[b].address
        if (":" in mine) != (":" in other):
            return True
        crowd = self.crowds.get(carrier(mine))
        return crowd is not None and carrier(mine) == carrier(other) and crowd.is_nat()

    def largest(self, addresses: list[str], joined) -> int:
        for n in range(len(addresses), 0, -1):
            for some in itertools.combinations(addresses, n):
                if all(joined(a, b) for a, b in itertools.combinations(some, 2)):
                    return n
        return 0

    def concurrent(self, now: int, threshold: float) -> int:
        def joined(a: str, b: str) -> bool:
            if self.held(a, b, now):
                return True
            pair = self.pairs.get(frozenset((a, b)))
            return bool(pair) and pair.score() >= threshold and not self.excused(a, b)

        here = [
            a for a, d in self.devices.items()
            if d.plain and (
                d.weighed and self.present(a, now)
                or self.listed and any(self.held(a, b, now) for b in self.devices)
            )
        ]  # fmt: skip
        return max(self.largest(here, joined), 1 if self.devices else 0)

    def persistent(self, now: int, share: float) -> int:
        span = int(self.us["persistent_span"] * share)
        checks = max(1, int(self.p["persistent_checks"] * share + 0.5))
        some = [
            a
            for a, d in self.devices.items()
            if d.plain and d.last > now - self.us["persistent_window"]
            and (d.last - d.first * SECOND >= span or d.checks >= checks)
        ]
        return self.largest(some, lambda a, b: not self.excused(a, b))

    def judge(self, now: int, at_check: bool) -> None:
        if self.state == "punished" or self.limit == 0:
            return
        active = [d for a, d in self.devices.items() if self.present(a, now)]
        devices = sum(d.plain for d in active) or min(1, len(active))
        over = devices > self.limit
        together = self.concurrent(now, self.p["evidence_threshold"]) if over else 0
        if self.state == "clear":
            if not over:
                return
            self.state, self.since, self.warned = "monitoring", now, False
            self.say("monitor", now, devices, together)
        if not over:
            if at_check and now - self.within(now) >= self.us["monitoring_period"]:
                self.say("acquit", now, devices, 0)
                self.clear()
            return
        if self.p["verdict"] == "persistent":
            warns = self.persistent(now, 0.5) > self.limit
            convicts = self.persistent(now, 1) > self.limit
        else:
            warns = self.concurrent(now, self.p["evidence_threshold"] / 2) > self.limit
            convicts = together > self.limit
        if (warns or self.p["warn_at"] == "excess") and not self.warned:
            self.warned = True
            self.say("warn", now, devices, together)
        if convicts and now - self.since >= self.us["monitoring_period"]:
            self.say("punish", now, devices, together)
            self.state, self.since, self.verdict_at = "punished", now, now
            self.until = now + self.us["time_to_active_users"]
            self.forget_pairs()
            self.listed.clear()

    def within(self, now: int) -> int:
        """Since when the user is within his limit."""
        last = sorted((d.last for d in self.devices.values() if d.plain), reverse=True)
        if len(last) <= self.limit:
            return self.since
        return max(self.since, last[self.limit] + self.us["active_window"])

    def clear(self) -> None:
        self.state, self.since, self.until, self.warned = "clear", 0, 0, False
        self.forget_pairs()

    def say(self, kind: str, now: int, devices: int, together: int) -> None:
        self.said.append((kind, now, devices, together))
