"""After the play: what happened and why, in the daemon's own figures."""

from . import cast
from .facts import at_once, calls, wall
from .screen import clock, count, span, wrapped

LETTERS = "ABCDEFGHIJKLMNOP"


def pair_matrix(evidence):
    """Lines that show the score of every pair of devices; '*' where the two are used at once."""
    need = evidence["settings"]["evidence_threshold"]
    number = len(evidence["devices"])
    scores = {(min(p["a"], p["b"]), max(p["a"], p["b"])): p for p in evidence["pairs"]}
    lines = ["     " + " ".join(f"{LETTERS[b]:>7}" for b in range(1, number))]
    for a in range(number - 1):
        cells = []
        for b in range(1, number):
            pair = scores.get((a, b))
            if b <= a or pair is None:
                cells.append(" " * 8)
                continue
            mark = "*" if pair["score"] >= need and not pair["excused"] else " "
            cells.append(f"{pair['score']:7.1f}{mark}")
        lines.append((f"  {LETTERS[a]}  " + "".join(cells)).rstrip())
    return lines


def and_list(words):
    return words[0] if len(words) == 1 else ", ".join(words[:-1]) + " and " + words[-1]


class Summary:
    def __init__(self, screen, facts):
        self.screen, self.f = screen, facts

    def at(self, seconds):
        return clock(seconds - self.f.began) if seconds else "--:--"

    def line(self, text, first="  "):
        for part in wrapped(text, first, " " * max(len(first), 4)):
            self.screen.write(part)

    def step(self, seconds, what, text):
        self.line(text, f"  {self.at(seconds)}  {what:<9}  ")

    def heading(self, text):
        self.screen.write()
        self.screen.write(self.screen.paint(text, "bold"))

    def show(self, checks):
        self.screen.title("What happened, and why")
        self.reza()
        self.honest()
        self.node()
        self.work()
        self.heading("Was it right?")
        self.screen.last = "verdict"
        for good, text in checks:
            self.screen.verdict(good, text)

    # -- the shared account ------------------------------------------------------------------------

    def reza(self):
        f = self.f
        case, violations = f.cases[cast.REZA], f.reza.get("violations") or []
        self.heading("reza: one account, used by five people")
        for seconds in case.watched[:1]:
            self.step(seconds, "watched", "more devices than his limit were active")
        for event in f.events:
            if event["kind"] == "warning" and event["user_id"] == f.ids[cast.REZA]:
                self.step(event["at"] / 1000, "warned", event["what"])
                break
        if not violations:
            self.line("no verdict")
            return
        first = violations[-1]
        evidence = first["evidence"]
        self.step(wall(first["at"]), "convicted", evidence["why"]
                  + f" ({evidence['limit_from']}): {first['action']}")
        self.evidence(evidence)
        self.term()

    def evidence(self, evidence):
        devices = evidence["devices"]
        need = evidence["settings"]["evidence_threshold"]
        rows = [[LETTERS[i], d["address"], d["node_name"], d["inbound"] or "",
                 self.at(wall(d["first_seen"])) + "-" + self.at(wall(d["last_seen"])), d["lines"],
                 d["role"] + (", in the online list" if d["online_list"] else "")]
                for i, d in enumerate(devices)]
        heads = ["", "Device", "Node", "Inbound", "Seen", ">Lines", "In the verdict"]
        self.screen.table(heads, rows, "the evidence kept with the verdict, addresses and all:")
        self.screen.write()
        for line in pair_matrix(evidence):
            self.screen.write("  " + line)
        group = [LETTERS[i] for i in at_once(evidence)]
        self.screen.write()
        text = ("Each number weighs whether two addresses are two devices in use at once, or one "
                f"that moves; from {need:g} on (*) they are two. {and_list(group)} are proven, "
                f"each against each: {len(group)} at once, {evidence['limit']} allowed.")
        score = self.f.cases[cast.ALI].score
        if score is not None:
            text += (f" For comparison: the two addresses of ali's one phone came to {score:.1f} "
                     "at most.")
        self.line(text)
        self.screen.write()

    def term(self):
        f = self.f
        off, on = f.change(True), f.change(False)
        if off:
            self.step(off.at, "disabled", f"PUT /api/user/by-id/{off.user}/disabled, "
                      f"{span(f.disable_delay())} after the verdict")
        refused = f.stage.refusals.get(cast.REZA)
        if refused:
            self.line(f"the panel refused {count(f.stage.refused[cast.REZA], 'new connection')}",
                      f"  {self.at(refused[0])}-{self.at(refused[1])}  ".ljust(20))
        if on:
            self.step(on.at, "enabled", f"{span(f.enable_delay())} after his time was up"
                      if f.enable_delay() is not None else "")
        live = f.cases[cast.REZA].last.get("live") or {}
        self.line(f"{live.get('active_devices', 0)} active devices, state {live.get('state', '?')}",
                  "  in the end".ljust(20))

    # -- the honest --------------------------------------------------------------------------------

    def person(self, name, who):
        case, f = self.f.cases[name], self.f
        live = case.last.get("live") or {}
        limit = live.get("limit", 0)
        text = f"limit {limit}" if limit else "no limit"
        text += f" ({live.get('limit_from', '?')}); at most {count(case.most, 'device')} active; "
        if case.watched:
            text += f"watched from {self.at(case.watched[0])}"
            text += f", acquitted by {self.at(case.acquitted[0])}" if case.acquitted else ""
        else:
            text += "never watched"
        text += "; warned" if case.warned else "; not warned"
        text += f"; {count(f.stage.accepted[name], 'connection')}, {f.stage.refused[name]} refused"
        self.line(f"{name} ({who}): {text}")

    def honest(self):
        f = self.f
        self.heading("The honest")
        self.person(cast.ALI, "one phone, Wi-Fi to mobile")
        self.person(cast.FAMILY, "four phones")
        self.person(cast.TESTER, f"{len(f.stage.addresses.get(cast.TESTER, ()))} addresses")
        watched = [n for n in cast.OTHERS if f.cases[n].watched]
        acquitted = [n for n in watched if f.cases[n].acquitted]
        warned = [n for n in cast.OTHERS if f.cases[n].warned]
        made = sum(f.stage.accepted[n] for n in cast.OTHERS)
        text = (f"{len(watched)} watched, {len(acquitted)} acquitted, {len(warned)} warned, "
                f"{sum(bool(f.cases[n].disabled) for n in cast.OTHERS)} disabled; "
                f"{count(made, 'connection')}, {sum(f.stage.refused[n] for n in cast.OTHERS)} "
                f"refused by the panel, {sum(f.stage.away[n] for n in cast.OTHERS)} failed while "
                "the node was away")
        self.line(f"{len(cast.OTHERS)} others: {text}")

    # -- nodes and work ----------------------------------------------------------------------------

    def node(self):
        f = self.f
        self.heading("The nodes")
        steps = ", ".join(f"{status} at {self.at(when)}" for when, status in f.node_states[1:])
        if steps:
            self.line(f"{cast.NODES[cast.DROPPED - 1]} as the daemon saw it: {steps}")
        rows = [[n["name"], n.get("lines", 0), n.get("counted", 0),
                 ", ".join(f"{k} {v}" for k, v in n.get("ignored", {}).items()) or "none",
                 n.get("reconnects", 0)] for n in f.nodes]
        self.screen.last = "table"
        self.screen.table(["Node", ">Lines", ">Counted", "Not counted", ">Reopened"], rows)

    def work(self):
        f = self.f
        self.heading("What the panel was asked")
        rows = [[number, call] for call, number in sorted(calls(f.journal).items(),
                                                          key=lambda item: (-item[1], item[0]))]
        self.screen.last = "table"
        self.screen.table([">Times", "Call"], rows)
        seen = f.status.get("users", {}).get("tracked", 0)
        self.line(f"{count(len(f.journal), 'call')} for {seen} users: the nodes' logs tell who is "
                  "there; a user is asked after only before his verdict and its end.")


def where_next(screen):
    screen.title("Where to go next")
    for text in (
            "README.md: a first configuration for your own panel.",
            "ENFORCEMENT=shadow: judges everyone, touches nobody. Use it for the first day, then "
            "look with `pg-limiter status` and `pg-limiter explain USER`.",
            "`pg-limiter run --record DIR` keeps the lines it reads; `pg-limiter replay FILE` "
            "tells what would have been decided on them, under any settings (--set KEY=VALUE)."):
        for line in wrapped(text, "  - ", "    "):
            screen.write(line)
