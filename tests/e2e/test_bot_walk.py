"""The walk: every button of every menu, in every language, as owner, operator and viewer."""

import contextlib
import os
import re
import threading

import bot_texts
import pytest
from bot_stage import Stage
from daemon import Daemon, settings_for
from simpanel import as_process
from simtelegram import in_thread
from walker import Survey, Walker

HOME = "smain"
OWNERS, OTHERS = 8, 3
# All of it takes some minutes for the pace of a message a second in each chat: PG_LONG=1.
LONG = os.environ.get("PG_LONG") == "1"
SECONDS = 600 if LONG else 60


class Walk:
    """One language: a panel, a daemon, a Telegram, and all roles."""

    def __init__(self, language):
        self.language = language
        self.surveys = {}
        self.done = {}
        self.refused = []
        self.unanswered = []
        self.error = None

    def avoid(self, protected):
        """No walker changes the language of the walk, or takes another walker's role away."""
        ids = "|".join(map(str, protected))
        not_to_press = re.compile(rf"^a.*\b({ids})\b")
        language = re.compile(r"lang")

        def check(data):
            if language.search(data) and data.split("|")[-1] in bot_texts.LANGUAGES:
                return data.split("|")[-1] != self.language
            return bool(not_to_press.search(data))
        return check

    def run(self):
        with contextlib.ExitStack() as stack:
            sim = stack.enter_context(in_thread(limits=None))

            def make_daemon(panel, **settings):
                daemon = Daemon(settings_for(panel, **settings))
                stack.callback(daemon.close)
                stack.callback(lambda: daemon.stop(within=60))  # how fast is not the matter here
                return daemon.start()
            stage = Stage(lambda *a: stack.enter_context(as_process(*a)), make_daemon, sim,
                          owners=OWNERS, language=self.language)
            stack.callback(stage.close)
            teams = {"owner": stage.owners}
            for role in ("operator", "viewer"):
                teams[role] = [stage.admin(role, self.language) for _ in range(OTHERS)]
            stage.fill()
            for _ in range(3):  # to be removed
                stage.admin("viewer", self.language)
            stage.online()
            protected = [u.id for team in teams.values() for u in team]
            names = [*stage.words, *(u.person.name for t in teams.values() for u in t)]
            foreign = bot_texts.Foreign(self.language, names)
            threads = []
            for role, users in teams.items():
                survey = self.surveys[role] = Survey(HOME, foreign, self.avoid(protected),
                                                      each=2 if LONG else 1)
                walkers = [Walker(sim, user, survey, answer_s=20) for user in users]
                threads.append(threading.Thread(target=self.walk, args=(role, survey, walkers)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            sim.wait(lambda: not sim.unanswered(), 10, lambda: f"answers to {sim.unanswered()}")
            # Nobody can know whether a screen asked for anew will be the same, but by asking.
            self.refused = [c for c in sim.refused if "message is not modified" not in
                            (c.description or "") or c.complaints]

    def walk(self, role, survey, walkers):
        try:
            self.done[role] = survey.walk(walkers, SECONDS)
        except BaseException as error:
            self.error = error


@pytest.fixture(scope="module")
def walks():
    made = {language: Walk(language) for language in bot_texts.LANGUAGES}

    def run(walk):
        try:
            walk.run()
        except BaseException as error:
            walk.error = error

    threads = [threading.Thread(target=run, args=(w,)) for w in made.values()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return made


@pytest.mark.parametrize("language", bot_texts.LANGUAGES)
def test_every_button_of_every_menu(walks, language):
    walk = walks[language]
    if walk.error is not None:
        raise walk.error
    for role, survey in walk.surveys.items():
        print(f"{language} {role}: {survey.report()}")
    found = [f"{role}: {what}\n    at {where}\n    {detail!r}" for role, s in walk.surveys.items()
             for what, where, detail in s.findings]
    assert not found, f"{len(found)} findings\n" + "\n".join(found)
    assert not walk.refused, "\n".join(map(repr, walk.refused))
    if LONG:
        assert all(walk.done.values()), f"not everything was pressed in {SECONDS} s: {walk.done}"


def test_the_walk_is_long_enough(walks):
    for language, walk in walks.items():
        kinds = {role: len(s.kinds) for role, s in walk.surveys.items()}
        presses = sum(s.presses for s in walk.surveys.values())
        print(language, kinds, presses)
        assert kinds["owner"] > 40 and presses > 100, language
