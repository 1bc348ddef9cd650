"""The time line: cues for the players, the daemon's lines as they come, readings of its socket."""

import queue
import time

from . import cast
from .facts import Case, Facts, database
from .screen import clock, parse_log

TOO_LATE = 97.0         # without a verdict on reza by then there is no time left for his return
AFTER = 7.0             # seconds of play after he is back
LAST = 113.0
WARM_GAP, WARM_TRIES = 2.2, 6
CAST_EVERY, OTHERS_EVERY, PANEL_EVERY = 1.0, 3.0, 0.2

HEADS = ["User", ">Limit", "", ">Devices", ">Strongest pair", "State"]
STATES = {"monitoring": "watched", "punished": "disabled"}


class Broken(Exception):
    """The play cannot go on; the text says why."""


class Play:
    def __init__(self, sim, daemon, screen, ids, phone):
        self.phone = phone
        self.sim, self.daemon, self.screen, self.ids = sim, daemon, screen, ids
        self.stage = cast.Stage(sim, cast.actors())
        self.cases = {name: Case(name) for name in (*cast.CAST, *cast.OTHERS)}
        self.next_look = dict.fromkeys(self.cases, 0.0)
        self.next_panel = 0.0
        self.status_on_panel = "active"
        self.ends = LAST
        self.node_states, self.node_lines = [], 0
        self.errors = []
        self.t0 = self.began = 0.0
        self.cues = [(cast.QUIET, self.enter), (10.0, self.look_round),
                     (cast.HANDOVER, self.hand_over), (24.0, self.look_round),
                     (cast.NODE_DOWN, self.node_down), (43.0, self.look_at_nodes),
                     (cast.NODE_UP, self.node_up), (62.0, self.look_round)]

    def now(self):
        return time.monotonic() - self.t0

    def say(self, text):
        self.screen.caption(self.now(), text)

    # -- the daemon's log --------------------------------------------------------------------------

    def pump_until(self, end):
        while (left := end - time.monotonic()) > 0:
            self.pump(left)

    def pump(self, seconds=0.0):
        """Shows what the daemon writes, for so long."""
        end = time.monotonic() + seconds
        while True:
            try:
                line = self.daemon.lines.get(timeout=max(0.0, end - time.monotonic()) or 0.001)
            except queue.Empty:
                return
            if line.strip():
                if parse_log(line).level in (None, "ERROR"):
                    self.errors.append(line)
                self.screen.log(line)

    # -- the beginning -----------------------------------------------------------------------------

    def warm_up(self):
        """A first connection on each node, silence, another one: so the daemon sees that the lines come live.

        Again where the machine held one of them up on its way, until all nodes are known to be live; else
        nothing of what follows would be evidence. The play's clock begins anew then.
        """
        self.stage.opening(cast.hello())
        sent = time.monotonic()
        self.rules()
        for _ in range(WARM_TRIES):
            self.pump_until(sent + WARM_GAP)
            self.stage.opening(cast.hello())
            sent = time.monotonic()
            while time.monotonic() < sent + 1.0:
                self.pump(0.05)
                nodes = (self.daemon.get("/nodes") or {"data": []})["data"]
                if nodes and not any(n.get("warming_up", True) for n in nodes):
                    late = self.now() - cast.QUIET
                    self.t0, self.began = self.t0 + max(0.0, late), self.began + max(0.0, late)
                    return
        raise Broken("the daemon goes on taking the nodes' lines for a backlog")

    # -- cues --------------------------------------------------------------------------------------

    def rules(self):
        """The operator's rules, given to the running daemon by its own command line."""
        self.say("The operator gives ali one device, the family four, and excepts the tester.")
        for words in (("user", "add", cast.ALI, str(cast.LIMITS[cast.ALI])),
                      ("user", "add", cast.FAMILY, str(cast.LIMITS[cast.FAMILY])),
                      ("except", "add", cast.TESTER, "--reason", "tests our nodes")):
            output, code = self.daemon.cli(*words)
            shown = " ".join(f"'{w}'" if " " in w else w for w in words)
            self.screen.command("pg-limiter " + shown, output)
            if code:
                raise Broken(f"`pg-limiter {shown}` gave exit code {code}")

    def enter(self):
        self.say(f"{len(cast.OTHERS)} ordinary users go online on four nodes; the family with four "
                 "phones; ali with one, at home; the tester tries address after address. And "
                 f"reza's account: {cast.PEOPLE} people use it, on three nodes.")

    def hand_over(self):
        self.say("ali's phone leaves the Wi-Fi: same person, new address, and for some seconds "
                 "both. His limit is 1.")

    def node_down(self):
        name = cast.NODES[cast.DROPPED - 1]
        self.stage.down.add(cast.DROPPED)
        self.sim.node(cast.DROPPED, "down")
        self.say(f"{name} drops out of the network. Its users cannot connect.")

    def node_up(self):
        self.sim.node(cast.DROPPED, "up")
        self.sim.wait(lambda: self.sim.nodes()[cast.DROPPED]["status"] == "connected", 10)
        self.stage.down.discard(cast.DROPPED)
        self.say(f"{cast.NODES[cast.DROPPED - 1]} is back; its users connect again.")

    def on_disabled(self):
        self.say(f"The panel has disabled reza. All {cast.PEOPLE} keep trying.")
        self.cues += [(self.now() + 5.0, self.refused), (self.now() + 5.1, self.look_round),
                      (self.now() + 8.0, self.give_up)]

    def refused(self):
        self.say(f"So far the panel has refused {self.stage.refused[cast.REZA]} of their new "
                 "connections.")

    def give_up(self):
        leave = [f"{cast.REZA} #{i}" for i in range(cast.STAY + 1, cast.PEOPLE + 1)]
        self.stage.gone.update(leave)
        self.say(f"{len(leave)} of the {cast.PEOPLE} give up and take accounts of their own. "
                 f"{cast.STAY} go on trying.")

    def look_up(self):
        self.say("The operator writes /user reza to the bot.")
        self.phone.look_up(cast.REZA)

    def show_phone(self):
        for lines in self.phone.news():
            self.screen.phone(lines)

    def on_enabled(self):
        self.ends = min(LAST, self.now() + AFTER)
        self.cues += [(self.ends - 2.0, self.look_up), (self.ends - 1.0, self.look_round)]
        self.say(f"reza is active again: his time was up. The {cast.STAY} who kept it connect.")

    # -- tables, asked of the control socket -------------------------------------------------------

    def row(self, name):
        answer = self.cases[name].last
        live = answer.get("live") or {}
        state = STATES.get(live.get("state"), live.get("state", "?"))
        due = self.cases[name].due
        if live.get("state") == "punished" and due:
            state += f" until {clock(due - self.began)}"
        if live.get("warned"):
            state += ", warned"
        pairs = [p["score"] for p in live.get("pairs", ())]
        pair = f"{max(pairs):.1f} of {live['evidence_threshold']:g}" if pairs else ""
        limit = live.get("limit", answer.get("limit"))
        return [name, limit or "none", f"({live.get('limit_from', answer.get('limit_from'))})",
                live.get("active_devices", 0), pair, state]

    def look_round(self):
        for name in cast.CAST:
            self.look(name)
        s = self.daemon.get("/status")
        if s is None:
            raise Broken("the control socket does not answer")
        others = [self.cases[n].last.get("live") or {} for n in cast.OTHERS]
        devices = [o.get("active_devices", 0) for o in others]
        states = sorted({STATES.get(o.get("state"), o.get("state", "?")) for o in others})
        rows = [self.row(name) for name in cast.CAST]
        rows.append([f"{len(others)} others", *self.row(cast.OTHERS[0])[1:3],
                     f"{min(devices)}-{max(devices)}", "", " or ".join(states)])
        self.screen.table(HEADS, rows,
                          f"{clock(self.now())}  asked of the control socket: "
                          f"{s['lines']['total']:,} lines read, {s['lines']['per_s']:.0f} a "
                          f"second; nodes {s['nodes']['connected']} of {s['nodes']['total']} "
                          "connected")

    def look_at_nodes(self):
        nodes = self.daemon.get("/nodes")
        if nodes is None:
            raise Broken("the control socket does not answer")
        rows = [[n["name"], n["status"], "open" if n["stream_open"] else "closed",
                 f"{n.get('lines_per_s', 0):.1f}", n.get("lines", 0), n.get("reconnects", 0)]
                for n in nodes["data"]]
        self.screen.table(["Node", "Status", "Log stream", ">Lines/s", ">Lines", ">Reopened"], rows,
                          f"{clock(self.now())}  asked of the control socket")

    # -- readings ----------------------------------------------------------------------------------

    def look(self, name):
        answer = self.daemon.user(name)
        if answer is not None:
            self.cases[name].update(answer, time.time())

    def look_at_dropped(self):
        found = (self.daemon.get("/nodes") or {"data": []})["data"]
        for node in found:
            if node["id"] != cast.DROPPED:
                continue
            states = self.node_states
            if not states or states[-1][1] != node["status"]:
                states.append((time.time(), node["status"]))
                self.node_lines = node.get("lines", 0)

    def look_at_panel(self):
        status = self.sim.user(cast.REZA)["status"]
        if status != self.status_on_panel:
            self.status_on_panel = status
            self.pump(0.15)     # what the daemon says of it comes first
            (self.on_disabled if status == "disabled" else self.on_enabled)()

    def read(self):
        """A few readings, each when it is due, so that the log is shown without delay."""
        now = self.now()
        self.show_phone()
        if now >= self.next_panel:
            self.next_panel = now + PANEL_EVERY
            self.look_at_panel()
        for name in sorted(self.cases, key=self.next_look.get)[:2]:
            if now < self.next_look[name]:
                break
            self.look(name)
            if name == cast.REZA:
                self.look_at_dropped()
            self.next_look[name] = now + (CAST_EVERY if name in cast.CAST else OTHERS_EVERY)

    # -- the play ----------------------------------------------------------------------------------

    def run(self):
        self.t0, self.began = time.monotonic(), time.time()
        self.say("One first connection on each node; then a moment of silence. It tells the daemon "
                 "that what comes next is live, not a node's backlog.")
        self.warm_up()
        self.stage.start(cast.CURTAIN, self.now())
        while self.now() < self.ends:
            self.pump(0.1)
            for cue in [c for c in self.cues if c[0] <= self.now()]:
                self.cues.remove(cue)
                cue[1]()
            if not self.daemon.alive():
                self.pump(0.5)
                raise Broken(f"the daemon ended by itself (code {self.daemon.process.returncode})")
            if self.stage.error is not None:
                raise Broken(f"the players stopped: {self.stage.error!r}")
            self.read()
            if self.now() > TOO_LATE and not self.cases[cast.REZA].disabled:
                self.say("reza has not been disabled by now: no time is left to see him back.")
                break
        self.stage.stop()
        made, end = sum(self.stage.on_node.values()), time.monotonic() + 20.0
        self.pump(0.5)
        while time.monotonic() < end and self.counted() < made:
            self.pump(0.1)

    def counted(self):
        nodes = (self.daemon.get("/nodes") or {"data": []})["data"]
        return sum(n.get("counted", 0) for n in nodes)

    def end(self):
        """The last readings, the end of the daemon; returns the Facts."""
        for name in self.cases:
            self.look(name)
        self.look_at_dropped()
        self.show_phone()
        nodes = (self.daemon.get("/nodes") or {"data": []})["data"]
        status = self.daemon.get("/status") or {}
        last = next((n.get("lines", 0) for n in nodes if n["id"] == cast.DROPPED), 0)
        self.say("The play is over; the daemon is told to end (SIGTERM).")
        code = self.daemon.stop()
        self.pump(0.3)
        verdicts, events = database(self.daemon.folder / "data" / "data" / "pg-limiter.db")
        return Facts(began=self.began, ids=self.ids, cases=self.cases, journal=self.sim.journal(),
                     verdicts=verdicts, events=events, reza=self.cases[cast.REZA].last,
                     reza_on_panel=self.sim.user(cast.REZA)["status"],
                     node_states=self.node_states, node_lines=(self.node_lines, last), nodes=nodes,
                     status=status, stage=self.stage, errors=self.errors, exit_code=code,
                     told=self.phone.told(cast.REZA), refused_calls=self.phone.refused())
