"""What goes wrong in a soak: tables of seeded troubles, each kind with a pace of its own.

A trouble is `f(soak, rng) -> (text, seconds)`: it begins; `seconds` of our clock later the function it
left in `soak.ends` undoes it. Times in the tables are minutes of the played day.
"""

import random
import threading
import time

from simpanel.routes_nodes import restart_core, set_enabled

from . import hands


def minutes(soak, rng, low, high):
    """Seconds of our clock for so many played minutes."""
    return soak.clock.real(60 * rng.uniform(low, high))


# -- the panel ---------------------------------------------------------------------------------


def away(soak, rng):
    s = minutes(soak, rng, 1, 10)
    soak.world.cutting()
    soak.world.on_loop(lambda: soak.world.panel.server.stop_listening(keep_port=True))
    soak.world.on_loop(lambda: soak.world.panel.server.drop_all(rng.random() < 0.5))
    soak.ends["panel"] = lambda: soak.world.on_loop(soak.world.panel.server.listen)
    return "refuses connections, open ones died", s


def restarted(soak, rng):
    s = minutes(soak, rng, 0.3, 2)
    keep = rng.random() < 0.5
    soak.world.cutting()

    def begin():
        panel = soak.world.panel
        if not keep:
            panel.app.auth.forget()
        panel.server.stop_listening(keep_port=True)
        panel.server.drop_all()
    soak.world.on_loop(begin)
    soak.ends["panel"] = lambda: soak.world.on_loop(soak.world.panel.server.listen)
    return "restarted" + ("" if keep else ", tokens forgotten"), s


def fault(kind, path, text, low=0.5, high=5, **more):
    """A trouble made of one rule of the simulated panel, for as long as it lasts."""
    def begin(soak, rng):
        made = soak.sim.fault(kind, path, **{"count": -1, **more})

        def end():
            soak.sim.call("DELETE", "/faults", {"id": made.get("id")})
        soak.ends["panel"] = end
        return text, minutes(soak, rng, low, high)
    begin.__name__ = text
    return begin


def tokens_end(soak, rng):
    soak.world.on_loop(lambda: soak.world.panel.app.auth.expire(0))
    return "all tokens expired", 0


def half_open(soak, rng):
    s = minutes(soak, rng, 0.5, 3)
    soak.sim.post("/half_open", {"seconds": s})
    return "accepts and never answers", s


def all_cut(soak, rng):
    soak.world.cutting()
    soak.sim.post("/drop", {"rst": rng.random() < 0.5})
    return "all connections died", 0


PANEL = (
    away, restarted, tokens_end, half_open, all_cut,
    fault("status", "/api/*", "answers 500", status=500, body="Internal Server Error"),
    fault("status", "/api/user*", "answers 502 for users", status=502, body="<html>bad gateway"),
    fault("status", "/api/user*", "answers 429 for users", status=429, headers={"retry-after": "3"}),
    fault("delay", "/api/*", "is slow (1.5 s)", seconds=1.5),
    fault("delay", "/api/user/*", "is slow for changes (0.4 s)", seconds=0.4, method="PUT", high=20),
    fault("hang", "/api/user/*", "hangs 20 s on changes", method="PUT", high=3, seconds=20),
    fault("lose_answer", "/api/user/*", "does and does not answer", method="PUT", high=8),
    fault("drop", "/api/user/*", "drops changes", method="PUT"),
    fault("cut_body", "/api/user*", "cuts answers", method="GET"),
    fault("malformed", "/api/*", "answers what is no JSON", method="GET"),
    fault("status", "/api/node/online_stats/*", "refuses the online list", status=500, high=15),
    fault("status", "/api/nodes", "refuses the list of nodes", status=503),
)


# -- nodes -------------------------------------------------------------------------------------


def some_node(soak, rng):
    return rng.choice(list(soak.world.panel.state.nodes.values()))


def node_trouble(text, low, high):
    """A trouble of one node: begin(soak, rng, node) on the panel's loop gives what ends it, or None."""
    def decorate(begin):
        def trouble(soak, rng):
            node = some_node(soak, rng)
            end = soak.world.on_loop(begin, soak, rng, node)
            if end is not None:
                key = f"node {node.id} {rng.random()}"
                soak.ends[key] = lambda: soak.world.on_loop(end)
                soak.key = key
            return text, minutes(soak, rng, low, high) if end is not None else 0
        trouble.__name__ = text
        return trouble
    return decorate


@node_trouble("down", 1, 30)
def node_down(soak, rng, node):
    if not node.reachable:
        return None
    node.reachable = False
    node.new_log()

    def up():
        node.reachable = True
        restart_core(node)
    return up


@node_trouble("reconnected (its streams are dead)", 0, 0)
def node_reconnect(soak, rng, node):
    if node.reachable and node.enabled:
        restart_core(node)


@node_trouble("disabled", 2, 30)
def node_disabled(soak, rng, node):
    if not node.enabled:
        return None
    set_enabled(node, False)
    return lambda: set_enabled(node, True)


@node_trouble("its streams were cut", 0, 0)
def node_cut(soak, rng, node):
    soak.world.cutting()
    for s in list(node.streams):
        s.finish(rng.choice(("end", "close", "mid_frame", "rst")))


@node_trouble("its streams freeze", 0, 0)
def node_frozen(soak, rng, node):
    for s in list(node.streams):
        s.finish("dead")


@node_trouble("its clock was set", 20, 200)
def node_clock(soak, rng, node):
    before = node.clock_offset
    node.clock_offset = rng.choice((-3600.0, -40.0, -5.0, 7.0, 90.0, 3600.0))

    def back():
        node.clock_offset = before
    return back


def node_added(soak, rng):
    def begin():
        s = soak.world.panel.state
        node = s.add_node(f"node-new-{len(s.nodes)}-{rng.randrange(10**6)}", inbounds=None,
                          id=max(max(s.nodes), soak.most_nodes) + 1)
        soak.most_nodes = node.id
        cast = soak.world.cast
        cast.nodes.append(node.id)
        for user in rng.sample(list(cast.users.values()), max(1, len(cast.users) // 50)):
            user.nodes[0] = node.id
    soak.world.on_loop(begin)
    return "added", 0


def node_removed(soak, rng):
    node = some_node(soak, rng)

    def begin():
        s = soak.world.panel.state
        if len(s.nodes) < 3:
            return
        soak.world.cutting()
        for stream in list(node.streams):
            stream.finish("close")
        s.nodes.pop(node.id, None)
        if node.id in soak.world.cast.nodes:
            soak.world.cast.nodes.remove(node.id)
        for user in soak.world.cast.users.values():
            user.nodes[:] = [rng.choice(soak.world.cast.nodes) if n == node.id else n
                             for n in user.nodes]
    soak.world.on_loop(begin)
    return "removed", 0


NODES = (node_down, node_down, node_reconnect, node_disabled, node_cut, node_frozen, node_clock,
         node_added, node_removed)


# -- Telegram ----------------------------------------------------------------------------------


def outage(how):
    def begin(soak, rng):
        soak.telegram.outage(how)
        soak.ends["telegram"] = soak.telegram.recover
        return f"away ({how})", rng.uniform(2, 25) * soak.stretch
    begin.__name__ = f"away ({how})"
    return begin


def flood(soak, rng):
    s = max(1, round(rng.randint(2, 12) * soak.stretch))
    soak.telegram.flood(s)
    return "429 for everything", s


def telegram_fault(kind, text, **more):
    def begin(soak, rng):
        soak.telegram.fault(kind, **more)
        if kind == "lose_answer":
            soak.doubts += more["count"]
        return text, 1
    begin.__name__ = text
    return begin


TELEGRAM = (
    outage("refuse"), outage("hang"), outage("reset"), outage("502"), flood, flood,
    telegram_fault("lose_answer", "takes a message and does not answer", method="send*", count=1),
    telegram_fault("drop", "drops three calls", count=3),
    telegram_fault("delay", "is slow for five calls", count=5, seconds=1.0),
    telegram_fault("malformed", "answers what is no JSON, twice", method="send*", count=2),
)


# -- the cache ---------------------------------------------------------------------------------


def redis_stopped(soak, rng):
    soak.redis.kill()
    soak.ends["redis"] = soak.redis.start
    return "killed", minutes(soak, rng, 0.5, 15)


def redis_paused(soak, rng):
    soak.redis.pause()
    soak.ends["redis"] = soak.redis.resume
    return "hangs", minutes(soak, rng, 0.5, 10)


def redis_flushed(soak, rng):
    soak.redis.say("FLUSHALL")
    return "emptied", 0


REDIS = (redis_stopped, redis_paused, redis_flushed)


# -- the daemon --------------------------------------------------------------------------------


def hung_up(soak, rng):
    soak.daemon.reload()
    return "SIGHUP", 0


def asked(soak, rng):
    """People look at things: every answer is one, whatever the state of the panel."""
    users = list(soak.world.cast.users)
    for path in rng.sample(("/users/active?limit=50", "/users/disabled", "/violations?limit=50",
                            "/nodes", "/config", "/users/limits", f"/users/id:{rng.choice(users)}",
                            f"/users/id:{rng.choice(users)}/history", "/metrics"), 4):
        begun = time.monotonic()
        soak.ask(path)
        soak.answers.append(time.monotonic() - begun)
    return "asked", 0


SETTINGS = (
    ("check_interval", ("30", "60", "120")), ("active_window", ("45", "60", "90")),
    ("time_to_active_users", ("600", "900", "1200")), ("disable_method", ("status", "group")),
    ("disable_method", ("status", "group")), ("punishment_enabled", ("true", "false")),
    ("stream_refresh", ("200", "300", "600")), ("warn_at", ("evidence", "excess")),
    ("panel_note", ("true", "false")), ("online_rate", ("1", "3", "6")),
    ("verify_online", ("auto", "off")), ("nodes_poll", ("15", "30")),
)


def setting(soak, rng):
    key, values = rng.choice(SETTINGS)
    value = rng.choice(values)
    soak.set(**{key: value})
    return f"{key}={value}", 0


def shadow(soak, rng):
    soak.set(enforcement="shadow")
    soak.ends["settings"] = lambda: soak.set(enforcement="on")
    return "enforcement=shadow", minutes(soak, rng, 10, 25)


CHANGES = (setting,) * 9 + (shadow,)
DAEMON = (asked,) * 9 + (hung_up,)


class Trouble(threading.Thread):
    """Troubles of one kind, one after another, at random times; `every` played minutes on average."""

    def __init__(self, soak, kind, table, every, together=1):
        super().__init__(daemon=True, name=f"troubles of {kind}")
        self.soak, self.kind, self.table, self.every = soak, kind, table, every
        self.together = together
        self.rng = random.Random(f"{soak.seed}-{kind}")
        self.going = []  # (when it ends, what ends it)
        self.error = None

    def run(self):
        try:
            while not self.pause(self.rng.expovariate(1 / (60 * self.every))):
                while len(self.going) >= self.together:
                    if self.pause(5):
                        break
                if self.soak.calm.is_set():
                    break
                self.one()
        except BaseException as error:  # the soak fails of it
            self.error = error
            self.soak.broken(self.kind, error)
        finally:
            for _, end in self.going:
                end()

    def one(self):
        trouble = self.rng.choice(self.table)
        with self.soak.lock:
            self.soak.key = self.kind
            text, seconds = trouble(self.soak, self.rng)
            end = self.soak.ends.pop(self.soak.key, None)
        if text:
            self.soak.note(self.kind, text, seconds)
        if end is not None:
            self.going.append((time.monotonic() + seconds, end))
        elif seconds:
            self.going.append((time.monotonic() + seconds, lambda: None))

    def pause(self, played):
        """Waits, and ends what is over meanwhile; true when the soak wants calm."""
        until = time.monotonic() + self.soak.clock.real(played)
        while (now := time.monotonic()) < until:
            for item in [i for i in self.going if i[0] <= now]:
                self.going.remove(item)
                item[1]()
            nearest = min([until, *(i[0] for i in self.going)])
            if self.soak.calm.wait(max(0.005, nearest - now)):
                return True
        return self.soak.calm.is_set()


def all_kinds(soak):
    return [Trouble(soak, "panel", PANEL, 25), Trouble(soak, "node", NODES, 6, together=30),
             Trouble(soak, "telegram", TELEGRAM, 45), Trouble(soak, "daemon", DAEMON, 8),
             Trouble(soak, "settings", CHANGES, 40),
             Trouble(soak, "users", hands.TABLE, 4), Trouble(soak, "redis", REDIS, 20)]
