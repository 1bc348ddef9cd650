# SPDX-License-Identifier: AGPL-3.0-or-later
"""Access logs by construction: who used which address when, written as the files `replay` reads.

Times are seconds after START, 2026-11-02 10:00:00 UTC. A check of the engine falls on every whole
minute of them. Every random choice comes from a seed.
"""

import datetime
import math
import random
from dataclasses import dataclass, field

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
START = datetime.datetime(2026, 11, 2, 10, 0, 0, tzinfo=datetime.timezone.utc)
START_US = (START - EPOCH) // datetime.timedelta(microseconds=1)


def micro(t: float) -> int:
    """Seconds as whole microseconds."""
    return round(t * 1_000_000)


def civil(us: int) -> str:
    """Microseconds since 1970 as Go's log package writes them."""
    when = EPOCH + datetime.timedelta(microseconds=us)
    return when.strftime("%Y/%m/%d %H:%M:%S.%f")


@dataclass
class Line:
    at: float  # when it reaches us
    stamp: float | None  # what the node's clock says, None: no stamp
    node: int
    text: str  # what follows the stamp


@dataclass
class Log:
    """Lines of one or several nodes, added in any order."""

    lines: list[Line] = field(default_factory=list)
    streams: list[tuple[float, int, str]] = field(default_factory=list)
    readings: list[tuple[float, str]] = field(default_factory=list)

    def add(
        self, t: float, user, ip: str, node: int = 0, inbound: str = "VLESS",
        outbound: str = "DIRECT", stamp: float | None | str = "same",
    ) -> None:  # fmt: skip
        host = f"[{ip}]" if ":" in ip else ip
        text = (
            f"from tcp:{host}:51234 accepted tcp:example.com:443 [{inbound} -> {outbound}] "
            f"email: {user}"
        )
        self.lines.append(Line(t, t if stamp == "same" else stamp, node, text))

    def every(self, period: float, user, ip: str, start: float, end: float, **more) -> "Log":
        """A device that is heard once in `period` seconds from start to before end."""
        for i in range(math.ceil((end - start) / period)):
            self.add(round(start + i * period, 6), user, ip, **more)
        return self

    def bursts(self, trace: list[tuple[float, str]], user, **more) -> "Log":
        for t, ip in trace:
            self.add(t, user, ip, **more)
        return self

    def stream(self, t: float, what: str, node: int = 0) -> "Log":
        """#open or #close of a node's log stream, for recordings."""
        self.streams.append((t, node, what))
        return self

    def reading(self, t: float, user: int, nodes: dict[int, dict[str, int]]) -> "Log":
        """What the panel answered: of each node (their numbers from 1) address → unix second."""
        parts = [
            f"{node}:" + ",".join(f"{ip}={value}" for ip, value in ips.items())
            for node, ips in nodes.items()
        ]
        self.readings.append((t, " ".join(["#online", str(user), *parts])))
        return self

    def thinned(self, share: float, seed: int) -> "Log":
        """What is left when another reader takes lines out of the same channel."""
        rng = random.Random(seed)
        kept = [one for one in self.lines if rng.random() < share]
        return Log(kept, list(self.streams))

    def nodes(self) -> list[int]:
        return sorted({one.node for one in self.lines} | {node for _, node, _ in self.streams})

    def plain(self) -> dict[int, str]:
        """One log a node, each line under its own stamp, in the order of arrival."""
        out: dict[int, list[str]] = {node: [] for node in self.nodes()}
        for one in sorted(self.lines, key=lambda x: x.at):
            out[one.node].append(_stamped(one))
        return {node: "".join(lines) for node, lines in out.items()}

    def online(self) -> str:
        """The readings as `run --record` keeps them."""
        rows = sorted(self.readings, key=lambda r: r[0])
        return "".join(f"@{START_US + micro(t)} {text}\n" for t, text in rows)

    def recorded(self) -> dict[int, str]:
        """The same as `run --record` keeps it: `@arrival line`, streams opening and closing."""
        out: dict[int, list[tuple[int, int, str]]] = {node: [] for node in self.nodes()}
        for t, node, what in self.streams:
            out[node].append((micro(t), 0 if what == "#open" else 2, what + "\n"))
        for one in self.lines:
            out[one.node].append((micro(one.at), 1, _stamped(one)))
        return {
            node: "".join(f"@{START_US + us} {text}" for us, _, text in sorted(rows, key=lambda r: r[:2]))
            for node, rows in out.items()
        }


def _stamped(one: Line) -> str:
    if one.stamp is None:
        return one.text + "\n"
    return f"{civil(START_US + micro(one.stamp))} {one.text}\n"


# ---- people ----


@dataclass(frozen=True)
class Habit:
    """Spells of use and of rest; within each, bursts of 1-12 lines within a second."""

    on_gap: float = 8
    off_gap: float = 35
    on: float = 120
    off: float = 90


ORDINARY = Habit()
HEAVY = Habit(3, 10)
TRACE = 1800.0


def phone(rng: random.Random, where, habit: Habit = ORDINARY, length: float = TRACE):
    """(time, address) of one device; where(t) is its address at a time."""
    out = []
    t = rng.random() * 10
    on = rng.random() < 0.5
    spell = t + rng.expovariate(1 / (habit.on if on else habit.off))
    while True:
        t += rng.expovariate(1 / (habit.on_gap if on else habit.off_gap))
        if t >= length:
            return out
        for _ in range(rng.randint(1, 12)):
            at = round(t + rng.random(), 6)
            if at < length:
                out.append((at, where(at)))
        while spell < t:
            on = not on
            spell += rng.expovariate(1 / (habit.on if on else habit.off))


def stays(rng: random.Random, addresses: list[str], low: float, high: float, mixed: float):
    """where() of a device that changes address after low…high seconds, cyclically; for up to
    `mixed` seconds after a change lines of both addresses come."""
    plan, t = [], 0.0
    while t < TRACE:
        plan.append((t, addresses[len(plan) % len(addresses)], rng.uniform(0, mixed)))
        t += rng.uniform(low, high)

    def where(at: float) -> str:
        i = max(k for k, stay in enumerate(plan) if stay[0] <= at)
        if i and at < plan[i][0] + plan[i][2] and rng.random() < 0.5:
            i -= 1
        return plan[i][1]

    return where


def at(address: str):
    """where() of a device that stays."""
    return lambda _: address


def people(kind, count: int, first_id: int = 1, seed: int = 0) -> Log:
    """`count` users of one kind in one log: kind(rng, i) gives the (time, address) of user i."""
    log = Log()
    for i in range(count):
        log.bursts(kind(random.Random(f"{seed}/{i}"), i), first_id + i)
    return log
