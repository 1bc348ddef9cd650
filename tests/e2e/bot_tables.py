# SPDX-License-Identifier: AGPL-3.0-or-later
"""The bot's tables (build/test/tests/unit/bot/bot_tables prints them), and what its log says it shows.

A *target* is what a button holds (src/bot/bot_int.h): `susr|id:12`. Its *kind* is the same with its
arguments by their type: `susr|id:#`. A *place* is what is shown: a screen, a prompt or a question.
"""

import functools
import json
import os
import pathlib
import re
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROLES = ("viewer", "operator", "owner")
# Of these the first argument says what they are about: each setting is a kind of its own.
KEYED = {"set", "val", "sec", "ladd", "put", "empty", "reset", "ldel"}
# Screens and inputs of which some arguments make another place.
TOLD_APART = {"sec": 1, "fnd": 1, "find": 1, "pick": 2, "rip": 1, "plimt": 1, "pownt": 1, "pliml": 1,
              "pownl": 1, "excr": 0}
WORDS_WITH_S = {"shadow", "status", "suffix", "subnet", "summary"}  # and no screens
_LINE = re.compile(r"telegram:(\d+): (shows|is refused|is asked before|is asked again|runs|is done)(?: (\S.*))?$")
_TYPES = ((re.compile(r"-?\d+\Z"), "#"), (re.compile(r"id:\d+\Z"), "id:#"),
          (re.compile(r"#?[0-9a-f]{8}\Z"), "mark"), (re.compile(r"~"), "~"),
          (re.compile(r"\d+[smhd]\Z"), "#m"), (re.compile(r"L\d+\Z"), "L#"),
          (re.compile(r"(case|fold|node):.*"), "note"))
_WORD = re.compile(r"[a-z][a-z_0-9]{0,30}\Z")


class Tables:
    """`screens`, `actions`, `inputs`, `commands`: rows by id; `settings`: keys of the dynamic ones."""

    def __init__(self):
        build = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build" / "test"))
        told = json.loads(subprocess.run([build / "tests" / "unit" / "bot" / "bot_tables"], check=True,
                                         capture_output=True, timeout=30).stdout)
        for name in ("screens", "actions", "inputs", "commands"):
            setattr(self, name, {row["id"]: row for row in told[name]})
        self.settings = told["settings"]

    def for_role(self, table, role):
        """The ids of a table that a role may use."""
        return {k for k, row in getattr(self, table).items()
                if row["role"] in ROLES[:ROLES.index(role) + 1]}


def split(target):
    """(kind letter, id, arguments); the page is dropped."""
    head, *args = target.split("|")
    return head[:1], head[1:].split("/")[0], args


def by_type(arg):
    if re.match(r"s[a-z0-9]{2,8}(/\d+)?\Z", arg) and arg not in WORDS_WITH_S:
        return "@"  # where it was come from
    for pattern, word in _TYPES:
        if pattern.match(arg):
            return word
    return arg if _WORD.match(arg) else "…"


@functools.lru_cache(100_000)
def kind_of(target):
    """What a button does, its arguments by their type."""
    letter, name, args = split(target)
    page = "/#" if "/" in target.split("|")[0] else ""
    if letter == "s" and name == "sec" and args:
        return f"ssec|{args[0]}"
    if letter != "-" and name in KEYED and args :
        value = f"|{args[3]}" if name == "put" and len(args) > 3 else ""
        return f"{letter}{name}|{args[0]}{value}"
    return "|".join([f"{letter}{name}{page}", *map(by_type, args)])


def place_of(target):
    """What a screen or a prompt is, as the log names it."""
    letter, name, args = split(target)
    letter = "s" if letter == "n" else letter
    if name in KEYED and not (letter == "s" and name == "sec"):
        return f"{letter}{name}|{args[0] if args else ''}"
    if name == "step" and letter == "s":
        return "sstep|0" if args[:1] == ["0"] else "sstep"
    return "|".join([f"{letter}{name}", *args[:TOLD_APART.get(name, 0)]])


class Trace:
    """What the daemon's log (at DEBUG) says of each person: `of(id)` are (what, target), oldest first. What
    ends each press, text or command is ("is done", "")."""

    def __init__(self, daemon):
        self.daemon = daemon
        self.lock = threading.Lock()
        self.read = 0
        self.people = {}

    def of(self, person, since=0):
        with self.lock:
            while self.read < len(self.daemon.log):
                found = _LINE.search(self.daemon.log[self.read].raw)
                self.read += 1
                if found:
                    self.people.setdefault(int(found[1]), []).append((found[2], found[3] or ""))
            return self.people.get(person, [])[since:]

    def reached(self, people):
        """What these people saw and did: {"screens", "actions", "inputs"}: ids."""
        out = {"screens": set(), "actions": set(), "inputs": set()}
        for person in people:
            for what, target in list(self.of(person)):
                letter, name, _ = split(target)
                if what == "runs":
                    out["actions"].add(name)
                elif what == "shows":
                    out["inputs" if letter == "i" else "screens"].add(name)
        return out
