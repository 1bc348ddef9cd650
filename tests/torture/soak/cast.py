"""Who uses the accounts of a soak, and when: seeded people with devices, addresses and sessions.

What each account is, is the ground truth of the soak: only `sharer`, `mux` and `leaked` may ever be
disabled by the limiter. Everyone else is honest, or allowed to do what he does.

    one      a phone; now and then it goes from Wi-Fi to mobile in a session
    two      two phones of a family, each as above; the limit is 2
    dual     a phone that uses IPv4 and IPv6 at once
    road     a phone with a fresh address every minute or three
    carrier  a phone behind one of a few addresses that hundreds share
    sharer   3 to 6 people at once; mux: their open connections live on when the account is disabled
    leaked   given to dozens
    excepted, special    share as well, with an exception or a limit of 8
"""

import heapq
import itertools
import math

from simpanel.traffic import address, address6

GUILTY = ("sharer", "mux", "leaked")
HONEST = (("one", 0.58), ("two", 0.24), ("dual", 0.08), ("road", 0.04), ("carrier", 0.06))
GAP_S = 9.0  # between the ticks of a device in use, mean
LINES_A_TICK = 1.6
SESSION_S = 660.0
SHARED_S = (900.0, 2700.0)
SHARES_A_DAY = 3.0  # sessions of a shared account
GONE = 12 * 3600.0  # how long the next session is put off when its user is gone


class Device:
    """A device in one session: where it is at a time, and until when it is used."""

    __slots__ = ("user", "nodes", "places", "end", "mux", "both")

    def __init__(self, user, nodes, places, end, mux=False, both=False):
        self.user = user
        self.nodes = nodes
        self.places = places  # [(from, address)], newest last
        self.end = end
        self.mux = mux
        self.both = both  # all places at once

    def where(self, rng, now):
        if self.both:
            return rng.choice(self.places)[1]
        for since, ip in reversed(self.places):
            # For a few seconds after a move bursts still come from the old place, too.
            if now >= since + (4.0 if rng.random() < 0.5 else 0.0):
                return ip
        return self.places[0][1]


class User:
    __slots__ = ("id", "kind", "homes", "nodes")

    def __init__(self, id, kind, homes, nodes):
        self.id = id
        self.kind = kind
        self.homes = homes
        self.nodes = nodes


class Cast:
    """All users and the calendar of what they do. `rate`: lines a second of our time, on average."""

    def __init__(self, rng, clock, nodes, users, rate, sharers):
        self.rng = rng
        self.clock = clock
        self.nodes = list(nodes)
        self.users = {}
        self.number = itertools.count()
        self.calendar = []  # (when, tie, User or Device)
        self.carriers = [address(rng) for _ in range(12)]
        self.quiet = False  # nobody shares any more
        lines = rate * 86400 / clock.scale
        guilty = max(1, round(users * sharers))
        device_lines = SESSION_S / GAP_S * LINES_A_TICK
        shared = guilty * SHARES_A_DAY * 4.5 * sum(SHARED_S) / 2 / GAP_S * LINES_A_TICK / 2
        honest = max(lines * 0.2, lines - shared)
        self.sessions_a_day = honest / device_lines / max(1, users - guilty) / 1.24
        kinds = (["leaked"] * max(1, guilty // 40) + ["mux"] * max(1, guilty // 6)
                 + ["excepted"] * max(1, guilty // 20) + ["special"] * max(1, guilty // 20))
        kinds += ["sharer"] * max(1, guilty - len(kinds))
        chosen = dict(zip(rng.sample(range(1, users + 1), min(users, len(kinds))), kinds))
        for id in range(1, users + 1):
            self.add(id, chosen.get(id))

    def add(self, id, kind=None):
        """A user begins his life; honest unless told what he is."""
        rng = self.rng
        if kind is None:
            kind = rng.choices([k for k, _ in HONEST], [w for _, w in HONEST])[0]
        homes = [address(rng) for _ in range(4)]
        if kind == "carrier":
            homes = [rng.choice(self.carriers)]
        if kind == "dual":
            homes = [homes[0], address6(rng)]
        user = User(id, kind, homes, rng.sample(self.nodes, min(3, len(self.nodes))))
        self.users[id] = user
        self.book(user, self.clock.now(), first=True)
        return user

    def of(self, *kinds):
        return [u.id for u in self.users.values() if u.kind in kinds]

    def guilty(self, id):
        return id in self.users and self.users[id].kind in GUILTY

    # -- the calendar --------------------------------------------------------------------------

    def put(self, when, what):
        heapq.heappush(self.calendar, (when, next(self.number), what))

    def book(self, user, now, first=False):
        """The next session of a user. More in the evening than at night."""
        shares = user.kind in GUILTY or user.kind in ("excepted", "special")
        a_day = SHARES_A_DAY if shares else self.sessions_a_day
        gap = self.rng.expovariate(a_day / 86400)
        if first:
            gap *= self.rng.random()
        evening = 1 + 0.6 * math.sin(2 * math.pi * ((now + gap) % 86400 / 86400 - 0.4))
        self.put(now + gap / max(0.4, evening), user)

    def due(self, now):
        """Takes out all that is due: [(device, place)], one for each tick."""
        found = []
        calendar, rng = self.calendar, self.rng
        while calendar and calendar[0][0] <= now:
            when, _, what = heapq.heappop(calendar)
            if isinstance(what, Device):
                if self.quiet and self.guilty(what.user):
                    continue
                if when < what.end:
                    found.append((what, what.where(rng, when)))
                    # Skipped rather than made up for when the player itself was late.
                    self.put(max(when + 0.5 + rng.expovariate(1 / (GAP_S - 0.5)), now - 5), what)
            else:
                # The next one begins after it: two at once would be more devices than he has.
                self.book(what, self.begin(what, when))
        return found

    def begin(self, user, now):
        """A session: one device or several come to life. When it ends."""
        rng = self.rng
        kind = user.kind
        if kind in ("sharer", "mux", "leaked", "excepted", "special"):
            if self.quiet:
                return now
            end = now + rng.uniform(*SHARED_S)
            people = rng.randint(25, 40) if kind == "leaked" else rng.randint(3, 6)
            for _ in range(people):
                self.device(user, now + rng.uniform(0, 60), end, [(0.0, address(rng))],
                            mux=kind == "mux")
            return end
        end = now + rng.expovariate(1 / SESSION_S)
        if kind == "dual":
            self.device(user, now, end, [(0.0, ip) for ip in user.homes], both=True)
            return end
        if kind == "road":
            places, at = [(0.0, address(rng))], now
            while (at := at + rng.uniform(60, 200)) < end:
                places.append((at, address(rng)))
            self.device(user, now, end, places)
            return end
        for number in range(2 if kind == "two" else 1):
            places = [(0.0, user.homes[number % len(user.homes)])]
            if kind != "carrier" and rng.random() < 0.25:
                places.append((rng.uniform(now, end), user.homes[2 + number]))
            self.device(user, now + rng.uniform(0, 20), end, places)
        return end

    def device(self, user, start, end, places, mux=False, both=False):
        self.put(start, Device(user.id, user.nodes, places, end, mux, both))
