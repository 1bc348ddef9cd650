"""Actors that behave as people do, and a player that makes them connect live.

An actor is a seeded, reproducible stream of connections: `actor.events(seconds)` yields
`(second, event)` in order, an event being what the control API takes (`node user ip dest …`).
`Player` carries them out against a running panel in real time; `offline` writes the log lines they
would make, for replays. The numbers are those of the project's study of verdicts: a burst of 1–12
lines within a second, every 8 s on average while the device is in use and every 35 s while it lies
about, in spells of 120 s and 90 s on average, all exponential.

    actors = [phone("ali", node=1, handover_at=40, seed=1),
              *family("home", members=3, node=2, seed=2), *shared("leaked", people=5, seed=3)]
    Player(sim, actors).run(90)
"""

import heapq
import itertools
import random
import threading
import time

from . import lines
from .feed import FIRST_OCTETS

DESTINATIONS = (
    "tcp:www.instagram.com:443", "tcp:i.instagram.com:443", "tcp:www.youtube.com:443",
    "tcp:rr4---sn-5hne6nsr.googlevideo.com:443", "udp:142.250.185.206:443", "udp:1.1.1.1:53",
    "tcp:web.telegram.org:443", "tcp:149.154.167.50:443", "tcp:www.google.com:443",
    "tcp:api.twitter.com:443", "tcp:[2a00:1450:4001:82f::200e]:443", "tcp:g.whatsapp.net:5222",
)
ORDINARY, LIGHT, HEAVY = (8.0, 35.0), (15.0, 60.0), (3.0, 10.0)


def address(rng, first=None):
    """A public IPv4; `first` fixes the first octet."""
    first = rng.choice(FIRST_OCTETS) if first is None else first
    return f"{first}.{rng.randrange(1, 255)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def address6(rng, prefix=None):
    """A public IPv6: a fresh interface id, in `prefix` (four groups) when given."""
    prefix = prefix or f"2a02:{rng.randrange(1, 65536):x}:{rng.randrange(65536):x}:1"
    return prefix + "".join(f":{rng.randrange(1, 65536):x}" for _ in range(4))


class Actor:
    """A device of `user` on `node`.

    `gaps` are mean seconds between bursts in use and not in use; `spells` the mean lengths of the
    two. `places` is a list of (from second, address, mix seconds): for `mix` seconds after a move
    each burst comes from the old or the new address by chance. `start`/`stop` bound its life in
    seconds. `extra` goes into every event (`inbound`, `mux`, `hold`, `net` …).
    """

    def __init__(self, user, node, places, seed, gaps=ORDINARY, spells=(120.0, 90.0), start=0.0,
                 stop=None, burst=(1, 12), name=None, extra=None):
        self.user = user
        self.node = node
        self.places = places
        self.seed = seed
        self.gaps = gaps
        self.spells = spells
        self.start = start
        self.stop = stop
        self.burst = burst
        self.name = name or str(user)
        self.extra = extra or {}

    def where(self, rng, when):
        now, before, mixed = self.places[0][1], None, False
        for since, place, mix in self.places:
            if when >= since:
                before, now, mixed = now, place, when < since + mix
        return before if mixed and rng.random() < 0.5 else now

    def events(self, seconds):
        rng = random.Random(self.seed)
        end = seconds if self.stop is None else min(self.stop, seconds)
        when = self.start + rng.uniform(0, min(self.gaps[0], 3.0))
        busy, spell_end = True, self.start + rng.expovariate(1 / self.spells[0])
        waiting = []
        while when < end:
            while when > spell_end:
                busy = not busy
                spell_end += rng.expovariate(1 / self.spells[0 if busy else 1])
            place = self.where(rng, when)
            for _ in range(rng.randint(*self.burst)):
                event = {"node": self.node, "user": self.user, "ip": place,
                         "dest": rng.choice(DESTINATIONS), **self.extra}
                heapq.heappush(waiting, (when + rng.random(), rng.random(), event))
            when += max(0.2, rng.expovariate(1 / self.gaps[0 if busy else 1]))
            while waiting and waiting[0][0] < when:
                at, _, event = heapq.heappop(waiting)
                if at < end:
                    yield at, event
        while waiting:
            at, _, event = heapq.heappop(waiting)
            if at < end:
                yield at, event


def phone(user, node=1, seed=1, handover_at=None, mix=6.0, ip=None, ip2=None, **more):
    """One phone; at `handover_at` it goes from Wi-Fi to mobile, mixed for `mix` seconds."""
    rng = random.Random(f"{seed}-places")
    places = [(0.0, ip or address(rng), 0.0)]
    if handover_at is not None:
        places.append((handover_at, ip2 or address(rng), mix))
    return Actor(user, node, places, seed, **more)


def flapping(user, node=1, seed=1, every=(30.0, 120.0), mix=4.0, seconds=3600.0, **more):
    """One phone that changes between the same two addresses all the time."""
    rng = random.Random(f"{seed}-places")
    pair = itertools.cycle([address(rng), address(rng)])
    places, when = [(0.0, next(pair), 0.0)], 0.0
    while (when := when + rng.uniform(*every)) < seconds:
        places.append((when, next(pair), mix))
    return Actor(user, node, places, seed, **more)


def moving(user, node=1, seed=1, every=(60.0, 200.0), mix=4.0, seconds=3600.0, **more):
    """One phone on the road: a fresh address every so often."""
    rng = random.Random(f"{seed}-places")
    places, when = [(0.0, address(rng), 0.0)], 0.0
    while (when := when + rng.uniform(*every)) < seconds:
        places.append((when, address(rng), mix))
    return Actor(user, node, places, seed, **more)


def dual_stack(user, node=1, seed=1, share=0.5, **more):
    """One phone that uses IPv4 and IPv6 at once: `share` of its bursts come over IPv6."""
    rng = random.Random(f"{seed}-places")
    prefix = f"2a02:{rng.randrange(1, 65536):x}:{rng.randrange(65536):x}:1"
    actor = phone(user, node, seed, **more)
    four = actor.places[0][1]
    six = address6(rng, prefix)
    actor.where = lambda r, when: six if r.random() < share else four
    return actor


def family(user, members=3, node=1, seed=1, nodes=None, **more):
    """`members` phones of one account, each at an address of its own, on one node or several."""
    nodes = nodes or [node]
    return [phone(user, nodes[i % len(nodes)], f"{seed}-{i}", name=f"{user} #{i + 1}", **more)
            for i in range(members)]


def shared(user, people=5, seed=1, nodes=(1,), **more):
    """An account given away: `people` phones that know nothing of each other, over all nodes."""
    return family(user, people, seed=f"shared-{seed}", nodes=list(nodes), **more)


class LongStream(Actor):
    """One connection that stays open: a line at the start, then only the online list shows it."""

    def events(self, seconds):
        rng = random.Random(self.seed)
        end = seconds if self.stop is None else min(self.stop, seconds)
        yield self.start, {"node": self.node, "user": self.user, "ip": self.places[0][1],
                           "dest": rng.choice(DESTINATIONS), "hold": end - self.start,
                           **self.extra}


def long_stream(user, node=1, seed=1, ip=None, start=0.0, stop=None, **more):
    """A download or a call: see LongStream."""
    rng = random.Random(f"{seed}-places")
    return LongStream(user, node, [(0.0, ip or address(rng), 0.0)], seed, start=start, stop=stop,
                      **more)


class Spray(Actor):
    """An account used from a fresh address with every connection, `rate` a second."""

    rate = 5.0

    def events(self, seconds):
        rng = random.Random(self.seed)
        end = seconds if self.stop is None else min(self.stop, seconds)
        when = self.start
        while (when := when + rng.expovariate(self.rate)) < end:
            yield when, {"node": self.node, "user": self.user, "ip": address(rng),
                         "dest": rng.choice(DESTINATIONS), **self.extra}


def spray(user, node=1, seed=1, rate=5.0, start=0.0, stop=None, **more):
    actor = Spray(user, node, [], seed, start=start, stop=stop, **more)
    actor.rate = rate
    return actor


def merged(actors, seconds):
    """The events of all actors in order of time: (second, number of actor, event)."""
    streams = [_numbered(actor, i, seconds) for i, actor in enumerate(actors)]
    return heapq.merge(*streams, key=lambda item: item[0])


def _numbered(actor, number, seconds):
    for when, event in actor.events(seconds):
        yield when, number, event


def offline(actors, seconds, start, version=5, ids=None, clock_offset=0.0):
    """The log lines the actors would make: (node, line) in order, stamped from unix `start` on.

    `ids` maps user names to ids; a user given as a number is its own id.
    """
    rng = random.Random(11)
    for when, _, event in merged(actors, seconds):
        user = event["user"]
        number = user if isinstance(user, int) else (ids or {}).get(user, 0)
        email = str(number) if version >= 5 else f"{number}.{user}"
        src = lines.source(event["ip"], rng.randint(1024, 65535), event.get("net", ""))
        detour = f"{event.get('inbound', 'VLESS TCP 1')} -> {event.get('outbound', 'DIRECT')}"
        yield event["node"], lines.access(start + when + clock_offset, src, event["dest"], detour,
                                          email)


class Player:
    """Carries out the events of actors against a panel, in real time.

    `tally` counts per actor name: offered, accepted, refused connections.
    """

    STEP = 0.05

    def __init__(self, sim, actors):
        self.sim = sim
        self.actors = actors
        self.tally = {a.name: {"offered": 0, "accepted": 0, "refused": 0} for a in actors}
        self.began = None
        self.thread = None
        self.error = None
        self.halt = threading.Event()

    def run(self, seconds, at=0.0):
        """Plays until `seconds` of the play, `at` of which are over, then returns; or until `stop` is called
        from another thread."""
        self.began = time.monotonic() - at
        due = merged(self.actors, seconds)
        held = next(due, None)
        while held is not None and not self.halt.is_set():
            now = time.monotonic() - self.began
            batch = []
            while held is not None and held[0] <= now:
                batch.append(held)
                held = next(due, None)
            if batch:
                self.post(batch)
            if held is not None:
                self.halt.wait(max(self.STEP, held[0] - now if held[0] - now < 1 else self.STEP))
        self.halt.wait(max(0.0, seconds - (time.monotonic() - self.began)))

    def post(self, batch):
        answer = self.sim.post("/traffic", {"events": [e for _, _, e in batch], "each": True})
        for (_, number, _), accepted in zip(batch, answer["each"]):
            tally = self.tally[self.actors[number].name]
            tally["offered"] += 1
            tally["accepted" if accepted else "refused"] += 1

    def start(self, seconds, at=0.0):
        """Plays in a thread of its own."""
        def body():
            try:
                self.run(seconds, at)
            except Exception as error:
                self.error = error
        self.thread = threading.Thread(target=body, name="traffic", daemon=True)
        self.thread.start()
        return self

    def stop(self):
        """Ends the play; raises what went wrong in its thread."""
        self.halt.set()
        self.join()

    def join(self):
        if self.thread is not None:
            self.thread.join()
        if self.error is not None:
            raise self.error
