"""Traffic: turning "this user connects from there" into log lines and online lists."""

import asyncio
import itertools
import random
import re
import time

from . import lines

FIRST_OCTETS = (5, 31, 37, 46, 78, 80, 91, 93, 95, 151, 176, 178, 188, 212, 213, 217)
STAMPED = re.compile(rb"\A\d{4}/\d\d/\d\d \d\d:\d\d:\d\d(?:\.\d+)?")
HOLD = 8.0
JOB_LINES_MAX = 20_000_000
JOB_SECONDS_MAX = 3600.0


def device_ip(user_id, device=0):
    """A public IPv4 of a user's device; devices of one user never share a /16."""
    mixed = (user_id * 2654435761 + device * 40503 * 65537) & 0xFFFFFFFF
    first = FIRST_OCTETS[(user_id + device * 5) % len(FIRST_OCTETS)]
    return f"{first}.{mixed >> 24}.{mixed >> 16 & 0xFF}.{1 + (mixed >> 8 & 0xFF) % 254}"


class Feed:
    """Writes lines into the channels of the nodes of one panel."""

    def __init__(self, panel):
        self.panel = panel
        self.state = panel.state
        self.random = random.Random(7)
        self.jobs = {}
        self.next_job = 1

    def user(self, who):
        """A user by id (int) or name (str); None for one the panel does not own."""
        return self.state.users.get(who) if isinstance(who, int) else self.state.by_name.get(who)

    def email(self, user):
        return str(user.id) if self.state.version >= 5 else f"{user.id}.{user.username}"

    def inbound(self, node, user, wanted, now):
        """The tag a connection comes in through, or None when the node refuses it.

        A wanted tag no group has is taken as it is, as long as the user has any tag at all."""
        allowed = self.state.allowed_tags(user, now)
        if not allowed:
            return None
        if wanted is not None:
            if wanted in allowed:
                return wanted
            known = any(wanted in g.inbound_tags for g in self.state.groups.values())
            return None if known else wanted
        for tag in allowed:
            if node.inbounds is None or tag in node.inbounds:
                return tag
        return None

    def make(self, event, now, mono):
        """Lines of one event and whether the node let it in: (node, [lines], accepted)."""
        node = self.state.nodes[event["node"]]
        if not (node.reachable and node.enabled):
            return node, [], False
        ip = event["ip"]
        who = event.get("user")
        user = self.user(who)
        when = now + node.clock_offset - event.get("age", 0.0)
        shown = lines.masked(ip, node.mask) if node.mask else ip
        src = lines.source(shown, event.get("port") or self.random.randint(1024, 65535),
                           event.get("net", ""))
        if user is None:
            email = None if who is None else str(who)
            tag = event.get("inbound", "IN")
        else:
            email = self.email(user)
            tag = self.inbound(node, user, event.get("inbound"), mono)
            if tag is None and (event.get("open") or event.get("mux")):
                tag = event.get("inbound") or (node.inbounds or ["IN"])[0]
            if tag is None:
                node.refused += 1
                if not self.panel.log_rejected:
                    return node, [], False
                return node, [lines.rejected(when, src, user.uuid())], False
            # A connection of before was new then, and has ended since.
            age = event.get("age", 0.0)
            node.seen(user.id, ip, now - age, now + event.get("hold", HOLD) - max(age, 0))
            user.online_at = now - max(age, 0)
            user.used_traffic += 342
            user.lifetime_used_traffic += 342
            node.uplink += 114
            node.downlink += 228
        if node.wireguard:
            return node, [], True
        dest = event.get("dest", "tcp:www.example.com:443")
        out = event.get("outbound", "DIRECT")
        detour = f"{tag} {event.get('arrow', '->')} {out}" if tag else out
        line = lines.access(when, src, dest, detour, email)
        if node.loglevel == "info":
            return node, lines.around(when, self.random.randint(1, 1 << 32), dest, line), True
        return node, [] if node.loglevel == "none" else [line], True

    def events(self, events, each=None):
        """Carries out events: connections accepted and refused, lines dropped by full channels.

        `each`, a list, gets one truth value per connection."""
        now, mono = time.time(), time.monotonic()
        by_node, accepted, refused = {}, 0, 0
        for event in events:
            for _ in range(event.get("count", 1)):
                node, made, ok = self.make(event, now, mono)
                accepted += ok
                refused += not ok
                if each is not None:
                    each.append(ok)
                if made:
                    by_node.setdefault(node.id, (node, []))[1].extend(
                        line.encode("utf-8", "surrogateescape") for line in made)
        dropped = sum(node.channel.push(made) for node, made in by_node.values())
        return {"accepted": accepted, "refused": refused, "dropped": dropped}

    def raw(self, node_id, data):
        """Raw lines (bytes). A line break inside makes several lines, as on a node."""
        node = self.state.nodes[node_id]
        split = [part for line in data for part in line.replace(b"\r\n", b"\n").split(b"\n")]
        return {"pushed": len(split), "dropped": node.channel.push(split)}

    # -- jobs ----------------------------------------------------------------------------------

    def job(self, kind, coroutine, info):
        number = self.next_job
        self.next_job += 1
        task = asyncio.get_running_loop().create_task(coroutine)
        self.jobs[number] = (task, info)
        info.update({"id": number, "kind": kind})
        for old in [n for n in self.jobs if n <= number - 1000]:
            del self.jobs[old]
        return info

    def stop_jobs(self, number=None):
        for n, (task, _) in self.jobs.items():
            if number in (None, n):
                task.cancel()

    def view_jobs(self):
        return [{**info, "running": not task.done()} for task, info in self.jobs.values()]

    async def paced(self, rate, count, seconds, info, step):
        """Calls `step(n)` so that `rate` lines a second come out; bounded by count and time."""
        begun = time.monotonic()
        info.update({"lines": 0, "dropped": 0, "refused": 0, "seconds": 0.0})
        while info["lines"] < count:
            gone = time.monotonic() - begun
            info["seconds"] = round(gone, 3)
            if gone >= seconds:
                break
            due = min(int(gone * rate) + 1, count) - info["lines"]
            if due > 0:
                step(due)
                info["lines"] += due
            await asyncio.sleep(max(0.005, min(0.5, 1.0 / rate)))

    def generate(self, nodes="all", users="all", rate=100.0, count=None, seconds=60.0,
                 devices=1, info=None):
        """A job: lines of random users from random devices of theirs, spread over the nodes."""
        node_ids = list(self.state.nodes) if nodes == "all" else list(nodes)
        ids = list(self.state.users) if users == "all" else [self.user(u).id for u in users]
        count = min(count or JOB_LINES_MAX, JOB_LINES_MAX)
        info = {} if info is None else info
        turn = itertools.cycle(node_ids)

        def step(due):
            made = self.events({"node": next(turn), "user": user,
                                "ip": device_ip(user, self.random.randrange(devices))}
                               for user in self.random.choices(ids, k=due))
            info["dropped"] += made["dropped"]
            info["refused"] += made["refused"]

        return self.job("generate", self.paced(float(rate), count, min(seconds, JOB_SECONDS_MAX),
                                               info, step), info)

    def replay(self, node, data, rate=100.0, count=None, seconds=60.0, loop=False, restamp=True):
        """A job: recorded lines (bytes), stamped live unless `restamp` is false."""
        target = self.state.nodes[node]
        count = min(count or (JOB_LINES_MAX if loop else len(data)), JOB_LINES_MAX)
        info = {"node": node}
        source = itertools.cycle(data)

        def step(due):
            part = list(itertools.islice(source, due))
            if restamp:
                now = lines.stamp(time.time() + target.clock_offset).encode()
                part = [STAMPED.sub(now, line, count=1) for line in part]
            info["dropped"] += target.channel.push(part)

        return self.job("replay", self.paced(float(rate), count, min(seconds, JOB_SECONDS_MAX),
                                             info, step), info)
