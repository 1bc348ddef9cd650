"""Scenes: tests that mostly wait, played side by side, each with daemons and panels of its own.

    scenes = Scenes(at_once=5)

    @scenes.scene
    def wrong_password(s):
        sim = s.lab("--nodes", 2)
        d = s.daemon(sim, PANEL_PASSWORD="wrong")
        …

    outcomes = scenes.fixture()
    test_scene = scenes.test()

Every scene is one test, `test_scene[wrong_password]`; what it told with `s.say` is printed there.
"""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from daemon import Daemon, settings_for
from simpanel import as_process


class Scene:
    def __init__(self, name):
        self.name = name
        self.stack = contextlib.ExitStack()
        self.said = []
        self.error = None
        self.skipped = None

    def lab(self, *arguments):
        """A simulated panel in a process of its own."""
        return self.stack.enter_context(as_process(*arguments))

    def daemon(self, sim=None, /, start=True, **settings):
        """A daemon on a fresh data directory; checked and stopped when the scene is over."""
        d = Daemon(settings_for(sim, **settings) if sim else settings)
        self.stack.callback(d.close)
        return d.start() if start else d

    def enter(self, context):
        return self.stack.enter_context(context)

    def say(self, text):
        self.said.append(text)

    def skip(self, why):
        self.skipped = why
        raise Skipped(why)


class Skipped(Exception):
    pass


class Scenes:
    def __init__(self, at_once):
        self.at_once = at_once
        self.all = {}
        self.long = set()

    def scene(self, function):
        self.all[function.__name__] = function
        return function

    def long_scene(self, function):
        """One that takes longest, and so begins first."""
        self.long.add(function.__name__)
        return self.scene(function)

    def play(self, name):
        scene = Scene(name)
        began = time.monotonic()
        try:
            try:
                self.all[name](scene)
            finally:
                scene.stack.close()
        except Skipped:
            pass
        except BaseException as error:  # raised by the test of this scene
            scene.error = error
        scene.took = time.monotonic() - began
        return scene

    def fixture(self):
        """Plays every scene that pytest has chosen, when the first one's test runs."""
        @pytest.fixture(scope="module")
        def outcomes(request):
            here = request.node.nodeid
            chosen = [i.callspec.params["name"] for i in request.session.items
                      if i.nodeid.startswith(here) and "name" in i.callspec.params]
            chosen.sort(key=lambda name: name not in self.long)
            with ThreadPoolExecutor(self.at_once) as pool:
                return {s.name: s for s in pool.map(self.play, chosen)}
        return outcomes

    def test(self):
        @pytest.mark.parametrize("name", list(self.all))
        def test_scene(name, outcomes):
            scene = outcomes[name]
            print("\n" + "\n".join(f"{name}: {text}" for text in scene.said)
                  + f"\n{name}: {scene.took:.1f} s")
            if scene.skipped:
                pytest.skip(scene.skipped)
            if scene.error:
                raise scene.error
        return test_scene


SCENES = Scenes(at_once=14)
