"""The walk: every button of every menu, in every language, as owner, operator and viewer."""

import contextlib
import json
import os
import pathlib
import re
import sqlite3
import tempfile
import threading
import time

import bot_texts
import pytest
import walk_script
from bot_tables import ROOT, Tables, Trace, kind_of
from daemon import Daemon, settings_for
from simpanel import as_process
from simtelegram import in_thread
from walk_stage import NO_GROUP, WalkStage
from walker import Survey, Walker

HOME = "smain"
OWNERS, OTHERS = int(os.environ.get("PG_OWNERS", "18")), 10
# All of it takes some minutes a language: PG_LONG=1.
LONG = os.environ.get("PG_LONG") == "1"
EACH = int(os.environ.get("PG_EACH", "2" if LONG else "1"))
SECONDS = int(os.environ.get("PG_WALK_SECONDS", "1500" if LONG else "30"))
LEAST = 41, 101  # places and presses of an owner; a machine that is busy takes longer for them
ALL_ROLES = "owner,operator,viewer"
# Owners change what the others look at, and operators use up what owners look for: in a long walk each has a stage.
GROUPS = [os.environ["PG_ROLES"]] if "PG_ROLES" in os.environ else ["operator,viewer", "owner"] if LONG else [ALL_ROLES]
# The bot's pace is a message a second in each chat, and 25 a second: here it is so many times as fast.
PACE = os.environ.get("PG_PACE_SCALE", "20")
# What changes how the rest goes on is pressed later: settings, then what takes everything away, then a restore.
LATER = (
    r"[ayfi](put|empty|reset|ldel|metput|metgrp|mode|punon|stset|stup|stdel|stres|nottog|step|"
    r"[ga]f(set|mode|clr)|nodset|val|sec|ladd)\b|atop|itopg",
    r"y(enall|modena|vall|clundo|topclr)\b|aclrun",
    r"[ai]pan\w+",  # these start the daemon anew
    r"aresgo|irespw",  # one file waits at a time
)


# After these the daemon begins anew.
BEGINS_ANEW = re.compile(r"aresgo|[ayfi]pan")


class Walk:
    """One language: a panel, a daemon, a Telegram, and all roles. `bare`: nothing in any list, and nobody
    but owners, who change no setting."""

    def __init__(self, roles, language, bare=False):
        self.roles = roles.split(",")
        self.language = language
        self.bare = bare
        self.surveys = {}
        self.done = {}
        self.refused = []
        self.error = None
        self.reached = {}
        self.trace = None
        self.tables = Tables()
        self.scripted = {}
        self.said = []
        self.events = {}

    def avoid(self, protected):
        """No walker changes the language of the walk, or takes another walker's role away; of their pages only
        the first one's is looked at."""
        ids = "|".join(map(str, protected))
        not_to_press = re.compile(rf"^[ayf]adm.*\b({ids})\b|^sadm1\|({'|'.join(map(str, protected[1:]))})\b")

        settings = re.compile("|".join((LATER[0], *LATER[2:])))

        def check(data):
            if self.bare and (settings.match(data) and "top" not in data or
                              data.startswith(("sset", "ssec", "sstep"))):
                return True
            if re.match(r"[ayf](put|reset)\|log_level", data) and not data.endswith("|DEBUG"):
                return True  # the walk reads the log
            if data.startswith("alang"):
                return data.split("|")[-1] != self.language
            return bool(not_to_press.search(data))
        return check

    def run(self):
        with contextlib.ExitStack() as stack:
            sim = stack.enter_context(in_thread(limits=None))
            folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="pgw")))

            def make_daemon(panel, **settings):
                daemon = Daemon(settings_for(panel, **settings))
                stack.callback(daemon.close)
                stack.callback(lambda: daemon.stop(within=60))  # how fast is not the matter here
                return daemon.start(environment={"PG_PACE_SCALE": PACE})
            more = {"names": [], "nodes": {1: "Frankfurt <1>"}} if self.bare else {}
            stage = WalkStage(lambda *a: stack.enter_context(as_process(*a)), make_daemon, sim,
                              owners=8 if self.bare else OWNERS, language=self.language,
                              folder=folder, geo=self.language in ("en", "ru"), **more)
            stack.callback(stage.close)
            teams = {"owner": stage.owners}
            if self.bare:
                stage.say_all(*stage.owners, language=self.language)
                stage.group(*stage.owners, use=False)
                stage.keep_backup(folder)
                self.walk(sim, stage, teams)
                return
            for role in ("operator", "viewer"):
                teams[role] = [stage.admin(role, self.language) for _ in range(OTHERS)]
            stage.say_all(*(u for t in teams.values() for u in t), language=self.language)
            stage.fill()
            if LONG:
                stage.cases()
            stage.more()
            stage.group(*stage.owners)
            stage.online()
            stage.keep_backup(folder)
            self.walk(sim, stage, teams)

    def walk(self, sim, stage, teams):
        protected = [u.id for team in teams.values() for u in team]
        names = [*stage.words, *(u.person.name for t in teams.values() for u in t)]
        foreign = bot_texts.Foreign(self.language, names)
        self.trace = Trace(stage.daemon)
        threads, everybody = [], {}
        for role, users in ((r, u) for r, u in teams.items() if r in self.roles):
            survey = self.surveys[role] = Survey(
                HOME, foreign, self.avoid(protected), each=EACH, trace=self.trace,
                answers=stage.answers, later=() if self.bare else LATER if LONG else LATER[1:],
                errors=bot_texts.errors(self.language), alone=1, between=lambda: self.look_at(stage),
                refill=stage.refill if LONG and not self.bare else None,
                visits=stage.visits() if LONG and not self.bare else (),
                least=LEAST if role == "owner" else (0, 0),
                prepare=stage.prepare if LONG and not self.bare else lambda place, kinds: None,
                after=lambda data: stage.ready() if BEGINS_ANEW.match(data) else None)
            survey.tell = lambda text, role=role: print(f"{self.language} {role}: {text}", flush=True)
            walkers = everybody[role] = [Walker(sim, u, survey, answer_s=60) for u in users]
            threads.append(threading.Thread(target=self.of_role, args=(role, survey, walkers)))
        if not self.bare:
            self.scripted["notices"] = {r: walk_script.notices(w) for r, w in everybody.items()}
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.look_at(stage)
        if not self.bare:
            for role, walkers in everybody.items():  # all of them are the owners' in a short walk
                if LONG or role == "owner":
                    self.scripted[role] = walk_script.commands(walkers, self.tables)
                    if LONG:
                        stage.refill()
                        self.of_role(role, self.surveys[role], walkers)  # what the commands led to
            if "owner" in everybody:
                self.scripted["topics"] = walk_script.topics(everybody["owner"][0], stage)
            if LONG:
                for role, walkers in everybody.items():
                    self.once_more(role, walkers, stage)
        self.reached = {role: self.trace.reached([w.user.id for w in walkers])
                        for role, walkers in everybody.items()}
        sim.wait(lambda: not sim.unanswered(), 10, lambda: f"answers to {sim.unanswered()}")
        # Nobody can know whether a screen asked for anew will be the same, or a group is there, but by asking.
        self.refused = [c for c in sim.refused if c.complaints or
                        "message is not modified" not in (c.description or "") and
                        c.values.get("chat_id") != NO_GROUP]

    def look_at(self, stage):
        """What people are said to have done, while it is there: a restore replaces it."""
        with contextlib.suppress(sqlite3.Error):
            self.events.update({r["id"]: r for r in stage.daemon.sql(
                "SELECT id, at, kind, who, what, name FROM events WHERE who LIKE 'telegram:%'")})
            self.events.update({-r["id"]: r for r in stage.daemon.sql(
                "SELECT e.id, e.intended_at AS at, 'order' AS kind, v.ordered_by AS who, e.action AS what,"
                " e.name FROM enforcements e JOIN violations v ON v.id = e.verdict_id"
                " WHERE v.ordered_by LIKE 'telegram:%'")})

    def once_more(self, role, walkers, stage):
        """Another one's press may have come first (an admin is one no more): such an action has another try."""
        survey, late = self.surveys[role], self.unreached(role, walkers, "actions")
        if self.done.get(role) and late:
            survey.tell(f"once more: {late}")
            survey.again(late)
            stage.refill()
            self.of_role(role, survey, walkers)

    def unreached(self, role, walkers, table):
        """The ids of a table that the role may use, and these people did not come to."""
        reached = self.trace.reached([w.user.id for w in walkers])[table]
        return sorted(self.tables.for_role(table, role) - reached - set(ELSEWHERE[table]))

    def effects(self):
        """{what was pressed: {(kind of event, what it says)}}."""
        out = {}
        for event in self.events.values():
            person, at = int(event["who"].split(":")[1]), event["at"] / 1000
            # Its time is that of the loop's turn, which may have begun a little earlier.
            near = [data for survey in self.surveys.values()
                    for begun, ended, who, _, data, _ in survey.log
                    if who == person and ended >= at and begun <= at + 0.3]
            data = next((d for d in near if d[0] in "yfw" or YES.match(d)), None) \
                or self.slow_yes(person, at) or next(iter(near), "none")
            what = re.sub(r"\d+", "#", event["what"].replace(event["name"] or "\0", "NAME"))
            out.setdefault(kind_of(data), set()).add((event["kind"], what[:90]))
        return out

    def slow_yes(self, person, at):
        """A yes whose press was answered with "working on it" and which was carried out only then."""
        return next((data for survey in self.surveys.values()
                     for begun, ended, who, _, data, _ in survey.log
                     if who == person and at - 10 <= ended <= at and ended - begun > 0.45
                     and (data[0] in "yfw" or YES.match(data))), None)

    def of_role(self, role, survey, walkers):
        try:
            self.done[role] = survey.walk(walkers, SECONDS)
            self.said.append((role, round(survey.seconds)))
        except BaseException as error:
            self.error = error


# English and, another one every day, a second language; all of them and each with empty lists: PG_LONG=1.
LANGUAGES = os.environ.get("PG_LANGUAGES", "en,fa,ru,zh,en-bare,fa-bare,ru-bare,zh-bare" if LONG else
                           "en," + ("fa", "ru", "zh")[int(os.environ["PG_DAY"]) % 3]).split(",")
# Of the tables, what is reached by other tests, and why not here.
ELSEWHERE = {
    "screens": {},
    "actions": {},
    "inputs": {},
}
# What is taken away only once a question was answered with yes.
# These stand below a page that says what would be taken away, and are the yes to it; aadms sets whose users an
# admin sees, and its event names his role.
YES = re.compile(r"aresgo|aclrun|aadms")
HARM = re.compile(r"(limit|except|pattern|owner_pattern|forgiven|cleanup): .*(removed|forgiven)|"
                  r"order: (disable|revoke)|admin: .*(removed|owner)|topics: .*private chats|restore: ")


def missing(walk, role):
    """What the role may use of the tables and the walk did not reach: [(table, id)]."""
    reached = walk.reached.get(role, {})
    return [(t, i) for t in ("screens", "actions", "inputs")
            for i in sorted(walk.tables.for_role(t, role) - reached.get(t, set()) - set(ELSEWHERE[t]))]


def tell(walk, name):
    """What a run shows (pytest -s)."""
    print(f"\n{name}: {walk.scripted}")
    for role, survey in walk.surveys.items():
        print(f"  {role}: {survey.report()}")
        for what, where, detail in survey.findings:
            print(f"    found: {what} at {where}: {detail!r}")
        for place, kinds in survey.left_over().items():
            print(f"    left over: {place}: {kinds}")
        for place, kind, text in survey.told:
            if not kind.startswith("w:bad"):
                print(f"    failed: {place[:60]} {kind}: {text!r}")
        for text in sorted(survey.english):
            print(f"    in English: {text!r}")
        for slow in survey.slow[:10]:
            print(f"    slow: {slow}")
        print(f"    not reached: {missing(walk, role)}")
    for kind, what in sorted(walk.effects().items()):
        print("    effect:", kind, sorted(what)[:4])


def keep(walk, name):
    """The figures, for walk_report.py."""
    folder = ROOT / "build" / "walk"
    folder.mkdir(parents=True, exist_ok=True)
    for role, survey in walk.surveys.items():
        (folder / f"{name}.{role}.json").write_text(json.dumps(
            {**survey.figures(), "not reached": len(missing(walk, role)), "refused": len(walk.refused),
             "done": bool(walk.done.get(role)), "seconds": sum(s for r, s in walk.said if r == role)}))


@pytest.mark.parametrize("name", LANGUAGES)
@pytest.mark.parametrize("roles", GROUPS)
def test_every_button_of_every_menu(name, roles):
    if name.endswith("-bare") and "owner" not in roles:
        pytest.skip("nobody but owners walks through empty lists")
    walk = Walk(roles, *name.split("-"))
    try:
        walk.run()
    finally:
        tell(walk, name)
        if LONG:
            keep(walk, name)
    if walk.error is not None:
        raise walk.error
    found = [f"{role}: {what}\n    at {where}\n    {detail!r}" for role, s in walk.surveys.items()
             for what, where, detail in s.findings]
    assert not found, f"{len(found)} findings\n" + "\n".join(found)
    assert not walk.refused, "\n".join(map(repr, walk.refused))
    unasked = {k: v for k, v in walk.effects().items() if k[0] == "a" and not YES.match(k) and any(HARM.match(": ".join(w)) for w in v)}
    assert not unasked, f"done without a question: {unasked}"
    presses = sum(s.presses for s in walk.surveys.values())
    if "owner" in walk.surveys:
        assert len(walk.surveys["owner"].kinds) >= LEAST[0] and presses >= LEAST[1]
    if LONG:
        assert all(walk.done.values()), f"not everything was pressed in {SECONDS} s: {walk.done}"
    if LONG and not walk.bare:
        for role in walk.surveys:
            assert not missing(walk, role), role
        seen = walk.surveys["owner"].kinds if "owner" in walk.surveys else [f"sset|{k}" for k in walk.tables.settings]
        assert not [k for k in walk.tables.settings if f"sset|{k}" not in seen]
