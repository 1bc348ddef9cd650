"""What was seen in a play, from the panel's journal, the daemon's control socket and its database,
and whether it is what should have happened. Nothing here looks at what was meant to be played."""

import itertools
import json
import re
import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from . import cast
from .screen import count, span

WITHIN = 5.0    # milliseconds, but for a machine that is busy with something else
USER_CALL = re.compile(r"\A/api/user/by-id/(\d+)/disabled\Z")


def wall(text):
    """Unix seconds of a time as the control socket writes it; None stays None."""
    return datetime.fromisoformat(text).timestamp() if text else None


@dataclass
class Case:
    """One user as the control socket showed him, from reading to reading."""

    name: str
    state: str = "not seen"
    watched: list = field(default_factory=list)     # unix seconds at which a watch began
    acquitted: list = field(default_factory=list)   # … at which he was seen clear again
    disabled: list = field(default_factory=list)    # … since when he was seen disabled
    warned: bool = False
    due: float | None = None                        # end of the latest punishment
    most: int = 0                                   # devices active at once
    score: float | None = None                      # highest score of a pair of his devices
    last: dict = field(default_factory=dict)        # the latest answer

    def update(self, answer, now):
        """Takes in an answer of GET /users/{name}, read at `now` (unix seconds)."""
        live = answer.get("live") or {}
        state, before = live.get("state", "not seen"), self.state
        self.last, self.state = answer, state
        self.most = max(self.most, live.get("active_devices", 0))
        self.warned |= bool(live.get("warned"))
        if state == "monitoring":
            since = wall(live.get("since")) or now
            if before != state or self.watched[-1] != since:
                self.watched.append(since)
        elif state == "punished" and before != state:
            self.disabled.append(wall(live.get("since")) or now)
        elif state == "clear" and before == "monitoring":
            self.acquitted.append(now)
        for pair in live.get("pairs", ()):
            self.score = max(pair["score"], self.score if self.score is not None else -99.0)
        if live.get("disabled") and live["disabled"].get("until"):
            self.due = wall(live["disabled"]["until"])


@dataclass
class Change:
    """The daemon asked the panel to disable or to enable a user, at `at` unix seconds."""

    user: int
    disabled: bool
    good: bool
    at: float


def changes(journal):
    """Every call of a panel's journal that changes a user: [Change], and [other paths]."""
    found, other = [], []
    for entry in journal:
        if entry["method"] == "GET" or not entry["path"].startswith("/api/user"):
            continue
        path = USER_CALL.match(entry["path"])
        if entry["method"] != "PUT" or not path:
            other.append(f"{entry['method']} {entry['path']}")
            continue
        found.append(Change(int(path[1]), bool(json.loads(entry["body"])["disabled"]),
                            entry["status"] == 200, entry["wall"]))
    return found, other


def calls(journal):
    """How often each call was made: Counter of 'GET /api/user/by-id/{id}'."""
    return Counter(e["method"] + " " + re.sub(r"/\d+(?=/|\Z)", "/{id}", e["path"])
                   for e in journal)


def database(path):
    """Verdicts and events of a daemon that has ended: two lists of dicts."""
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
        db.row_factory = sqlite3.Row
        verdicts = [dict(r) for r in db.execute("SELECT * FROM violations ORDER BY id")]
        events = [dict(r) for r in db.execute("SELECT * FROM events ORDER BY id")]
    db.close()
    return verdicts, events


def at_once(evidence):
    """The largest set of devices (indices) of which every pair is proven to be used at once."""
    need = evidence["settings"]["evidence_threshold"]
    linked = {frozenset((p["a"], p["b"])) for p in evidence["pairs"]
              if p["score"] >= need and not p["excused"]}
    number = range(len(evidence["devices"]))
    for size in range(len(evidence["devices"]), 1, -1):
        for group in itertools.combinations(number, size):
            if all(frozenset(pair) in linked for pair in itertools.combinations(group, 2)):
                return list(group)
    return [0] if evidence["devices"] else []


@dataclass
class Facts:
    """All that is known after a play. Times are unix seconds."""

    began: float
    ids: dict
    cases: dict
    journal: list
    verdicts: list
    events: list
    reza: dict                       # the last answer of GET /users/reza
    reza_on_panel: str | None        # his status there, at the end
    node_states: list                # (time, status) of the dropped node, as GET /nodes showed it
    node_lines: tuple                # its lines when it was back, and at the end
    nodes: list
    status: dict
    stage: object                    # cast.Stage, or anything with its counters
    errors: list                     # lines of the daemon's log of level ERROR or in no known form
    exit_code: int | None
    told: list                       # what the bot's messages about reza have said: [[text, …], …]
    refused_calls: list              # of the bot, by Telegram
    changes: list = field(init=False)
    other_changes: list = field(init=False)

    def __post_init__(self):
        self.changes, self.other_changes = changes(self.journal)

    def verdict(self):
        """The first verdict on reza, a row of the database; None."""
        return next((v for v in self.verdicts if v["user_id"] == self.ids[cast.REZA]), None)

    def change(self, disabled):
        """The first successful call that disabled (or enabled) reza; None."""
        return next((c for c in self.changes if c.user == self.ids[cast.REZA] and c.good
                     and c.disabled is disabled), None)

    def warning(self):
        """When reza was warned first; None."""
        return next((e["at"] / 1000 for e in self.events if e["kind"] == "warning"
                     and e["user_id"] == self.ids[cast.REZA]), None)

    def disable_delay(self):
        verdict, call = self.verdict(), self.change(True)
        return call.at - verdict["at"] / 1000 if verdict and call else None

    def enable_delay(self):
        due, call = self.cases[cast.REZA].due, self.change(False)
        return call.at - due if due and call else None


def delay(seconds, what):
    return f"{span(seconds)} {what}" if seconds is not None else "not seen"


def about_reza(f):
    case, verdict, stage = f.cases[cast.REZA], f.verdict(), f.stage
    warned, off, on = f.warning(), f.disable_delay(), f.enable_delay()
    mine = [v for v in f.verdicts if v["user_id"] == f.ids[cast.REZA]]
    refused = stage.refused[cast.REZA]
    yield bool(case.watched), "reza, shared by five, was watched"
    yield bool(warned and verdict and warned <= verdict["at"] / 1000), \
        "he was warned before he was convicted"
    yield len(mine) == 1 and mine[0]["outcome"] == "applied", \
        f"he was convicted once, and it was carried out ({count(len(mine), 'verdict')})"
    yield off is not None and 0 <= off <= WITHIN, \
        "the panel was told at once: " + delay(off, "after the verdict")
    yield refused > 0, f"meanwhile it refused his new connections: {refused}"
    yield on is not None and 0 <= on <= WITHIN, \
        "he was enabled when his time was up, not before it: " + delay(on, "after it")
    yield f.reza_on_panel == "active" and case.state == "clear", \
        f"in the end he is active on the panel and clear in the daemon " \
        f"({f.reza_on_panel}, {case.state})"


def about_the_honest(f):
    ali, family, tester = (f.cases[n] for n in (cast.ALI, cast.FAMILY, cast.TESTER))
    others = [f.cases[n] for n in cast.OTHERS]
    reza = f.ids[cast.REZA]
    hit = sorted({v["name"] for v in f.verdicts if v["user_id"] != reza}
                 | {n for n, i in f.ids.items() if i != reza
                    and any(c.user == i for c in f.changes)})
    refused = sorted(n for n in f.stage.refused if n != cast.REZA)
    warned = sorted({n for n, c in f.cases.items() if c.warned and n != cast.REZA}
                    | {e["name"] for e in f.events if e["kind"] == "warning"
                       and e["user_id"] != reza})
    yield bool(ali.watched) and len(ali.acquitted) == len(ali.watched), \
        "ali's phone at two addresses was watched and acquitted"
    yield family.most == cast.LIMITS[cast.FAMILY] and not family.watched, \
        f"the family was inside its limit of {cast.LIMITS[cast.FAMILY]} and never watched " \
        f"({family.most} devices)"
    seen = len(f.stage.addresses.get(cast.TESTER, ()))
    yield seen > 20 and tester.most > 2 and not tester.watched, \
        f"the excepted user was left alone ({seen} addresses)"
    yield all(f.stage.accepted[n] for n in cast.OTHERS) and not any(c.disabled for c in others), \
        f"each of {len(others)} others connected, and none was seen disabled"
    yield not warned, "nobody but reza was warned" + told(warned)
    yield not hit and not f.other_changes, \
        "nobody but reza was convicted, disabled or changed in the panel" \
        + told(hit + f.other_changes)
    yield not refused, "no connection of an honest user was refused by the panel" + told(refused)


LIFE = ("warned", "disabled", "enabled again")


def lived(texts):
    """Whether a message went through all of a case's life, in its order."""
    heads = iter(text.split("\n")[0] for text in texts)
    return all(any(word in head for head in heads) for word in LIFE)


def about_the_phone(f):
    yield any(lived(texts) for texts in f.told), \
        f"the bot told the operator, in one message: {', '.join(LIFE)} " \
        f"({count(len(f.told), 'message')} about reza)"
    yield not f.refused_calls, "Telegram refused nothing of the bot" + told(f.refused_calls[:3])


def about_the_rest(f):
    states = [status for _, status in f.node_states]
    away = [i for i, s in enumerate(states) if s != "connected"]
    name = cast.NODES[cast.DROPPED - 1]
    yield bool(away) and states[0] == states[-1] == "connected", \
        f"{name} went away and came back ({', '.join(states) or 'not seen'})"
    yield f.node_lines[1] > f.node_lines[0], \
        f"its log is read again: {count(f.node_lines[1] - f.node_lines[0], 'line')} since then"
    # What a node's log still held when the node went away is lost with it.
    read = sum(n.get("counted", 0) for n in f.nodes if n["id"] != cast.DROPPED)
    made = sum(number for node, number in f.stage.on_node.items() if node != cast.DROPPED)
    yield made > 0 and read == made, \
        f"every connection on the other nodes was counted: {made:,} made, {read:,} counted"
    yield not f.errors, "the daemon's log shows no error" + told(f.errors[:3])
    yield f.exit_code == 0, f"the daemon ended when it was told to, with code {f.exit_code}"


def told(names):
    return ": " + ", ".join(names) if names else ""


def checks(f):
    """What should have happened, each with whether it did: [(bool, sentence)]."""
    return [(bool(good), text) for part in (about_reza, about_the_phone, about_the_honest, about_the_rest)
            for good, text in part(f)]
