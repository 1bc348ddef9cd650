"""The panel of a soak, its users' traffic, and what really happened to every account.

Everything here runs on the loop of the simulated panel; `on_loop` calls it from another thread.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter, deque

import simpanel
from simpanel import (  # noqa: F401: the clock rules them
    auth, control, feed, http, routes_nodes, routes_users, state, stream, views,
)
from simpanel.panel import Panel
from simpanel.thread import served

from .cast import LINES_A_TICK, Cast

TAGS = ["VLESS TCP", "TROJAN WS", "VMESS TCP"]
STEP_S = 0.02
NOISE = 0.01
STALL_S = 0.25  # a panel that stood still for longer was in trouble: this machine was busy
AT_RISK_S = 0.5  # lines written shorter than that before a cut may have been on their way
STRANGE = (
    b"2026/11/23 15:44:42.883276 from 203.0.113.9:1 rejected  proxy/vless/encoding: invalid request",
    b"2026/11/23 15:44:42.883276 from DNS accepted udp:1.1.1.1:53 [DNS]",
    b"2026/11/23 15:44:42 [Warning] core: something of no interest",
    b"\xff\xfe\x00 email: 12", b"", b"from 1.2.*.*:5 accepted tcp:x:443 [a -> b] email: 12",
)


class Change:
    """A change of an account's status or groups in the panel. `hand`: by an admin, not by the limiter."""

    __slots__ = ("at", "user", "before", "after", "hand")

    def __init__(self, at, user, before, after, hand):
        self.at, self.user, self.before, self.after, self.hand = at, user, before, after, hand


class World:
    def __init__(self, clock, seed, nodes, users, rate, sharers):
        self.clock = clock
        self.seed = seed
        self.sizes = nodes, users
        self.rate, self.sharers = rate, sharers
        self.changes = []
        self.known = {}  # id -> (status, groups) as last seen
        self.truth = {}  # id -> (status, groups) as people want it
        self.gone = set()
        self.hand = False
        self.panel = None
        self.cast = None
        self.halt = self.paused = False
        self.playing = None
        self.tally = Counter()
        self.closed_lines = 0
        self.at_risk = 0
        # (from, until, since) of our clock: streams ended then lost what was on its way, since then at the most.
        self.cuts = deque(maxlen=20)
        self.late_s = 0.0
        self.stalls = []  # (from, until), played

    # -- life ----------------------------------------------------------------------------------

    async def start(self):
        self.clock.rule(simpanel)
        nodes, users = self.sizes
        # Sockets listen before 20,000 users are made, or their clients would wait.
        self.panel = Panel(users=0, nodes=0, seed=self.seed, token_ttl=6 * 3600.0)
        s = self.panel.state
        s.disable_delay = (0.040 / self.clock.scale, 0.130 / self.clock.scale)
        s.groups[1].inbound_tags = list(TAGS)
        s.add_group("night shift", TAGS[:1])
        self.punished = s.add_group("punished", []).id
        for i in range(1, nodes + 1):
            s.add_node(f"node-{i}", inbounds=None)
        for i in range(users):
            s.add_user(f"user{i + 1:06d}", group_ids=[1, 2] if i % 3 == 0 else [1])
        self.cast = Cast(random.Random(self.seed), self.clock, s.nodes, users, self.rate,
                         self.sharers)
        for user in s.users.values():
            self.known[user.id] = self.truth[user.id] = self.look(user)
        self.watch_users(s)
        self.watch_streams()
        await self.panel.start()
        self.playing = asyncio.get_running_loop().create_task(self.play())

    async def stop(self):
        self.halt = True
        await self.playing
        await self.panel.stop()

    def on_loop(self, function, *arguments):
        """Calls a function on the panel's loop, from another thread; its value."""
        async def call():
            value = function(*arguments)
            return await value if asyncio.iscoroutine(value) else value
        return asyncio.run_coroutine_threadsafe(call(), self.loop).result(120)

    # -- watching ------------------------------------------------------------------------------

    @staticmethod
    def look(user):
        return user.status, tuple(sorted(user.group_ids))

    def watch_users(self, s):
        settle = s.settle

        def seen(user, at_once=False):
            settle(user, at_once)
            now = self.look(user)
            before = self.known.get(user.id)
            if before != now:
                self.known[user.id] = now
                self.changes.append(Change(self.clock.now(), user.id, before, now, self.hand))
        s.settle = seen

    def watch_streams(self):
        world = self
        run, write = stream.LogStream.run, stream.LogStream.write

        def counted_write(self, lines):
            if not hasattr(self, "lately"):
                self.lately = deque(maxlen=1000)
            self.lately.append((time.monotonic(), len(lines)))
            write(self, lines)

        async def counted_run(self, close):
            try:
                await run(self, close)
            finally:
                world.closed_lines += self.lines
                now = time.monotonic()
                since = min((s for begin, end, s in world.cuts if begin <= now <= end), default=None)
                if since is not None:
                    since = min(since, now - 2 * AT_RISK_S)
                    world.at_risk += sum(n for at, n in getattr(self, "lately", ()) if at >= since)
        stream.LogStream.write = counted_write
        stream.LogStream.run = counted_run

    def cutting(self, seconds=1.5, since=None):
        """Streams that end from now on, for a while, may lose what is on its way (`since`: and was before)."""
        now = time.monotonic()
        self.cuts.append((now, now + seconds, since or now))

    def sent(self):
        """Lines written into streams so far."""
        return self.closed_lines + sum(s.lines for s in self.panel.app.streams.values())

    def channels(self):
        """Lines that wait in nodes, and that were dropped by full ones."""
        found = self.panel.state.nodes.values()
        return (sum(len(n.channel.waiting) for n in found),
                sum(n.channel.dropped for n in found))

    @contextlib.contextmanager
    def by_hand(self):
        self.hand = True
        try:
            yield
        finally:
            self.hand = False

    def wanted(self, user, **fields):
        """An admin changes an account, as the truth has it from now on."""
        with self.by_hand():
            for name, value in fields.items():
                setattr(user, name, value)
            user.edit_at = self.clock.now()
            self.panel.state.touched(user)
            self.panel.state.settle(user)
        self.truth[user.id] = self.look(user)

    # -- traffic -------------------------------------------------------------------------------

    async def play(self):
        rng = random.Random(self.seed + 1)
        nodes = self.panel.state.nodes
        last = None
        while not self.halt:
            if self.paused:
                last = None
                await asyncio.sleep(0.01)
                continue
            begun = time.monotonic()
            if last and begun - last > STALL_S:
                self.stalls.append((self.clock.now() - (begun - last) * self.clock.scale,
                                    self.clock.now()))
                self.cuts.append((last, begun + 1.5, last))
            last = begun
            events = []
            for device, ip in self.cast.due(self.clock.now()):
                node = next((n for n in device.nodes if n in nodes and nodes[n].reachable
                             and nodes[n].enabled), None)
                if node is None:
                    self.tally["nowhere"] += 1
                    continue
                event = {"node": node, "user": device.user, "ip": ip}
                if device.user not in self.panel.state.users:
                    self.tally["of nobody"] += 1
                    continue
                if device.mux:
                    event["mux"] = True
                events.append(event)
                for _ in range(rng.choices((0, 1, 2), (0.55, 0.3, 0.15))[0]):
                    events.append(event)
            if events:
                made = self.panel.feed.events(events)
                self.tally.update(made)
            self.noise(rng, len(events))
            took = time.monotonic() - begun
            self.late_s = max(self.late_s, took)
            await asyncio.sleep(max(0.001, STEP_S - took))

    def noise(self, rng, about):
        """Lines that count for nobody, and connections of people of another panel."""
        n = sum(rng.random() < NOISE for _ in range(about))
        for _ in range(n):
            node = rng.choice(list(self.panel.state.nodes))
            self.panel.feed.raw(node, [rng.choice(STRANGE)])
            self.panel.feed.events([{"node": node, "user": "someone else", "ip": "5.6.7.8"}])
            self.tally["noise"] += 2


assert LINES_A_TICK == 1.6  # the mean of what play() makes of a tick


@contextlib.contextmanager
def running(*arguments, **options):
    """A world in a thread of its own."""
    world = World(*arguments, **options)

    class Server:
        async def start(self):
            world.loop = asyncio.get_running_loop()
            await world.start()

        async def stop(self):
            await world.stop()

    with served(Server, "soak"):
        yield world
