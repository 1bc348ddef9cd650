"""Walks through all menus of the bot as a person does: presses what he has not pressed yet, looks at what
comes, and writes down what should not be.

Buttons of one kind in one kind of screen (the users of a list) are pressed `EACH` times at most. Screens
are told apart by what their buttons do, whatever numbers stand in them.
"""

import re
import time
from collections import deque

EACH = 2
_NUMBER = re.compile(r"-?\d+")
_MARK = re.compile(r"\b[0-9a-f]{8}\b")


def kind_of(data):
    """What a button does, without the numbers: `susr|id:12` and `susr|id:13` are the same."""
    return _NUMBER.sub("#", _MARK.sub("#", data))


class Step:
    """One press."""

    def __init__(self, screen, button, press):
        self.screen = screen
        self.button = button
        self.press = press


class Walker:
    """One person's walk. `findings` are (what, where, detail); `kinds` all the screens he saw."""

    def __init__(self, telegram, user, home, foreign=None, avoid=lambda data: False, answer_s=5.0):
        self.telegram = telegram
        self.user = user
        self.home = home  # data of the button that leads to Main
        self.foreign = foreign
        self.avoid = avoid
        self.answer_s = answer_s
        self.message = None
        self.pressed = {}  # (kind of screen, kind of button) → how often
        self.instances = {}  # the same → set of data pressed
        self.ways = {}  # kind of screen → {kind of button: kind of the screen that came}
        self.kinds = {}  # kind of screen → first text
        self.presses = 0
        self.went_home = False
        self.slowest = 0.0
        self.findings = []
        self.trail = deque(maxlen=12)

    # -- looking -------------------------------------------------------------------------------

    def buttons(self):
        return [b for row in self.message.buttons for b in row if "callback_data" in b]

    def kind(self):
        return " ".join(sorted({kind_of(b["callback_data"]) for b in self.buttons()}))

    def find(self, what, detail=""):
        where = " → ".join(self.trail)
        self.findings.append((what, where, detail or self.message.text[:300]))

    def look(self):
        """Notes what is wrong with the screen that is shown."""
        kind = self.kind()
        if kind not in self.kinds:
            self.kinds[kind] = self.message.text
        datas = [b["callback_data"] for b in self.buttons()]
        if not datas:
            self.find("dead end: no buttons")
        elif self.home not in datas and not self.is_main() and not self.is_question():
            self.find("no way home", f"{datas}")
        for text in (self.message.text, *self.message.labels):
            self.check_words(text)
        return kind

    def is_main(self):
        return self.kind() == self.main

    def is_question(self):
        """A question or a prompt: some button leads out of it, to the screen it came from."""
        return 0 < len(self.buttons()) <= 40 and any(
            b["text"].startswith(("❌", "✖", "⬅", "↩")) for b in self.buttons())

    def check_words(self, text):
        if self.foreign is not None:
            words = self.foreign.words(text)
            if words:
                self.find(f"not in {self.foreign.language}: {' '.join(words)}", text[:200])

    # -- moving --------------------------------------------------------------------------------

    def begin(self):
        """/start; the main menu."""
        sent = self.user.say("/start")
        self.message = self.user.chat.wait(lambda m: m.buttons, self.answer_s, after=sent.id)
        self.main = self.kind()
        self.trail.clear()
        self.look()

    def newest(self):
        return max((m for m in self.user.chat.from_bot), key=lambda m: m.id)

    def press(self, button):
        """Presses a button of the message; what came is the new `message`."""
        kind, data = self.kind(), button["callback_data"]
        key = (kind, kind_of(data))
        self.pressed[key] = self.pressed.get(key, 0) + 1
        self.instances.setdefault(key, set()).add(data)
        self.trail.append(button["text"])
        before, versions, newest = self.message, len(self.message.history), self.newest().id
        begun = time.monotonic()
        press = self.user.press(data=data, on=self.message, wait=0)
        self.presses += 1

        def changed():
            return (len(before.history) > versions or before.deleted or
                    self.newest().id > newest)
        try:
            self.telegram.wait(lambda: press.answered is not None, self.answer_s, "an answer")
        except AssertionError:
            self.find("press not answered", data)
        self.slowest = max(self.slowest, time.monotonic() - begun)
        if press.text:
            self.check_words(press.text)
        try:
            self.telegram.wait(changed, 0.3 if press.text else self.answer_s, "a change")
        except AssertionError:
            if not press.text:
                self.find("nothing happened", data)
        newer = self.newest()
        if newer.id > newest and newer.buttons:
            self.message = newer
        elif before.deleted:
            self.begin()
        now = self.look()
        if data == self.home:
            self.went_home = True
            if not self.is_main():
                self.find("home leads elsewhere")
        self.ways.setdefault(kind, {})[kind_of(data)] = now
        return press

    def wanted(self, kind=None):
        """A button of the shown screen that was not pressed often enough, or None."""
        kind = kind or self.kind()
        for button in self.buttons():
            data = button["callback_data"]
            key = (kind, kind_of(data))
            if (self.pressed.get(key, 0) < EACH and data not in self.instances.get(key, ()) and
                    not self.avoid(data) and data != self.home):
                return button
        return None

    def home_button(self):
        return next((b for b in self.buttons() if b["callback_data"] == self.home), None)

    def unfinished(self):
        """Kinds of screens on which something was left to press when they were last seen."""
        return {kind for kind, left in self.left.items() if left}

    def note_left(self):
        self.left[self.kind()] = self.wanted() is not None

    def way(self):
        """The kind of button that begins the shortest known way to an unfinished screen."""
        start, goals = self.kind(), self.unfinished()
        queue, seen = deque([(start, None)]), {start}
        while queue:
            kind, first = queue.popleft()
            if kind in goals and first is not None:
                return first
            for button, target in {**self.ways.get(kind, {}), self.home: self.main}.items():
                if target not in seen:
                    seen.add(target)
                    queue.append((target, first or button))
        return None

    def walk(self, seconds, most=100_000):
        """Until everything was pressed, or the time is up. Whether everything was."""
        self.left = {}
        end = time.monotonic() + seconds
        lost = 0
        if self.message is None:
            self.begin()
        while time.monotonic() < end and self.presses < most:
            button = self.wanted()
            self.note_left()
            if button is None and not self.went_home:
                button = self.home_button()
            if button is not None:
                lost = 0
                self.press(button)
                continue
            wanted = self.way()
            button = next((b for b in self.buttons() if kind_of(b["callback_data"]) == wanted), None)
            if button is None:
                goal = self.unfinished()
                if not goal:
                    return True
                lost += 1
                if lost > 2:  # what led there is gone: a list became shorter, a question was answered
                    for kind in goal:
                        self.left[kind] = False
                    lost = 0
                self.begin()
                continue
            self.press(button)
            self.note_left()
            lost += 1
            if lost > 40:
                self.left[max(self.unfinished(), default=self.kind())] = False
                lost = 0
        return False

    def report(self):
        return (f"{len(self.kinds)} screens, {self.presses} presses, "
                f"{len(self.findings)} findings, slowest answer {self.slowest * 1000:.0f} ms")
