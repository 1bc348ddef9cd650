"""Walks through all menus of the bot as people do: presses what nobody pressed yet, looks at what comes, and
writes down what should not be.

A `Survey` is what several walkers (people with the same role and language, each in a chat of his own) know
together. Buttons of one kind on one kind of screen (the users of a list) are pressed `EACH` times at most.
Screens are told apart by what their buttons do, whatever numbers stand in them.
"""

import re
import threading
import time
from collections import deque

EACH = 2
QUIET_S = 1.4  # a change comes this late where the bot keeps its pace of a message a second
_NUMBER = re.compile(r"-?\d+")
_MARK = re.compile(r"\b[0-9a-f]{8}\b")


def kind_of(data):
    """What a button does, without the numbers: `susr|id:12` and `susr|id:13` are the same."""
    return _NUMBER.sub("#", _MARK.sub("#", data))


def without_italics(message):
    """The text but for what stands in italics: there an operation speaks, in English."""
    data = message.text.encode("utf-16-le", "surrogatepass")
    for one in message.entities:
        if one["type"] == "italic":
            begin, end = 2 * one["offset"], 2 * (one["offset"] + one["length"])
            data = data[:begin] + " ".encode("utf-16-le") * one["length"] + data[end:]
    return data.decode("utf-16-le", "surrogatepass")


class Survey:
    """`findings` are (what, where, detail); `kinds`: the first text of each kind of screen.

    `home`: data of the button that leads to Main. `foreign`: bot_texts.Foreign, or None. `avoid(data)`:
    buttons that nobody presses.
    """

    def __init__(self, home, foreign=None, avoid=lambda data: False, each=EACH):
        self.home = home
        self.foreign = foreign
        self.avoid = avoid
        self.each = each
        self.lock = threading.RLock()
        self.pressed = {}  # (kind of screen, kind of button) → set of data pressed
        self.ways = {}  # kind of screen → {kind of button: kind of the screen that came}
        self.left = {}  # kind of screen → whether something was left to press when it was last seen
        self.kinds = {}
        self.main = None
        self.presses = 0
        self.slowest = 0.0
        self.findings = []
        self.went_home = False
        self.moving = 0

    def find(self, what, where, detail):
        with self.lock:
            if not any(f[0] == what and f[2] == detail for f in self.findings):
                self.findings.append((what, where, detail))

    def wanted(self, kind, buttons, claim=False):
        """A button that was not pressed often enough, or None; `claim`: it counts as pressed now."""
        with self.lock:
            for button in buttons:
                data = button["callback_data"]
                done = self.pressed.setdefault((kind, kind_of(data)), set())
                if (len(done) < self.each and data not in done and data != self.home and
                        not self.avoid(data)):
                    if claim:
                        done.add(data)
                    return button
            home = next((b for b in buttons if b["callback_data"] == self.home), None)
            if claim and home is not None and not self.went_home:
                self.went_home = True
                return home
        return None

    def unfinished(self):
        return {kind for kind, left in self.left.items() if left}

    def way(self, start):
        """The kind of button that begins the shortest known way to an unfinished screen."""
        with self.lock:
            goals = self.unfinished()
            queue, seen = deque([(start, None)]), {start}
            while queue:
                kind, first = queue.popleft()
                if kind in goals and first is not None:
                    return first
                known = {**self.ways.get(kind, {}), self.home: self.main}
                for button, target in known.items():
                    if target not in seen:
                        seen.add(target)
                        queue.append((target, first or button))
        return None

    def walk(self, walkers, seconds):
        """All of them, each in a thread of his own, until everything was pressed or the time is up.
        Whether everything was."""
        end = time.monotonic() + seconds
        errors = []

        def one(walker):
            try:
                walker.walk(end)
            except Exception as error:
                errors.append(error)
                raise

        threads = [threading.Thread(target=one, args=(w,), daemon=True) for w in walkers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()) + 20)
        if errors:
            raise errors[0]
        return not self.unfinished() and not any(t.is_alive() for t in threads)

    def report(self):
        return (f"{len(self.kinds)} screens, {self.presses} presses, "
                f"{len(self.findings)} findings, slowest answer {self.slowest * 1000:.0f} ms")


class Walker:
    """One person's walk."""

    def __init__(self, telegram, user, survey, answer_s=5.0):
        self.telegram = telegram
        self.user = user
        self.survey = survey
        self.answer_s = answer_s
        self.message = None
        self.showing = None  # data of the button that brought this screen
        self.trail = deque(maxlen=10)

    # -- looking -------------------------------------------------------------------------------

    def buttons(self):
        return [b for row in self.message.buttons for b in row if "callback_data" in b]

    def kind(self):
        return " ".join(sorted({kind_of(b["callback_data"]) for b in self.buttons()}))

    def find(self, what, detail=""):
        self.survey.find(what, " → ".join(self.trail), detail or self.message.text[:300])

    def look(self):
        """Notes the screen that is shown, and what is wrong with it; its kind."""
        kind, survey = self.kind(), self.survey
        with survey.lock:
            survey.kinds.setdefault(kind, self.message.text)
            survey.left[kind] = survey.wanted(kind, self.buttons()) is not None
        datas = [b["callback_data"] for b in self.buttons()]
        if not datas:
            self.find("dead end: no buttons")
        elif survey.home not in datas and kind != survey.main and not self.is_question():
            self.find("no way home", f"{datas}")
        for text in (without_italics(self.message), *self.message.labels):
            self.check_words(text)
        return kind

    def is_question(self):
        """A question or a prompt: some button leads out of it."""
        return any(b["text"].startswith(("❌", "✖")) for b in self.buttons())

    def check_words(self, text):
        if self.survey.foreign is not None:
            words = self.survey.foreign.words(text)
            if words:
                self.find(f"not in {self.survey.foreign.language}: {' '.join(words)}", text[:200])

    # -- moving --------------------------------------------------------------------------------

    def begin(self):
        """/start; the main menu."""
        sent = self.user.say("/start")
        self.message = self.user.chat.wait(
            lambda m: m.buttons and not self.is_notice(m), 2 * self.answer_s, after=sent.id)
        self.showing = None
        with self.survey.lock:
            self.survey.main = self.survey.main or self.kind()
        self.trail.clear()
        self.look()

    def newest(self):
        """The newest message that is no notification: those come by themselves, and are no menus."""
        return max((m for m in self.user.chat.from_bot if not self.is_notice(m)),
                   key=lambda m: m.id, default=self.message)

    @staticmethod
    def is_notice(message):
        datas = [b.get("callback_data", "") for row in message.buttons for b in row]
        return (any(d.startswith(("anot", "nnfl")) for d in datas) or
                all(d.startswith("ncard") for d in datas) and not message.history)

    def press(self, button):
        """Presses a button of the message; what came is the new `message`. The Press."""
        kind, data, survey = self.kind(), button["callback_data"], self.survey
        self.trail.append(button["text"])
        before, versions, newest = self.message, len(self.message.history), self.newest().id
        begun = time.monotonic()
        press = self.user.press(data=data, on=self.message, wait=0)

        def changed():
            return (len(before.history) > versions or before.deleted or
                    self.newest().id > newest)
        try:
            self.telegram.wait(lambda: press.answered is not None, self.answer_s, "an answer")
        except AssertionError:
            self.find("press not answered", data)
        with survey.lock:
            survey.presses += 1
            survey.slowest = max(survey.slowest, time.monotonic() - begun)
        if press.text:  # below its first line an operation speaks
            self.check_words(press.text.split("\n")[0])
        # A toast is enough, and so is a screen that is shown already.
        enough = (bool(press.text) or data.startswith("-") or data == self.showing or
                  "🔄" in button["text"])
        try:
            self.telegram.wait(changed, QUIET_S if enough else self.answer_s, "a change")
        except AssertionError:
            if not enough:
                self.find("nothing happened", data)
        self.showing = data if data.startswith("s") else None
        try:  # "⏳ Still working on it…", without a button
            self.telegram.wait(lambda: self.message.buttons or
                               not self.message.text.startswith(("⏳", "📤")), 20)
        except AssertionError:
            self.find("never done")
        if before.deleted:
            self.begin()
        elif len(before.history) == versions and self.newest().buttons:
            self.message = self.newest()
        if data == survey.home:  # what a press before it began may show itself in between
            try:
                self.telegram.wait(lambda: self.kind() == survey.main, self.answer_s, "Main")
            except AssertionError:
                self.find("home leads elsewhere")
        now = self.look()
        with survey.lock:
            survey.ways.setdefault(kind, {})[kind_of(data)] = now
        return press

    def walk(self, end):
        if self.message is None:
            self.begin()
        lost = 0
        while time.monotonic() < end:
            kind = self.kind()
            button = self.survey.wanted(kind, self.buttons(), claim=True)
            with self.survey.lock:
                self.survey.left[kind] = self.survey.wanted(kind, self.buttons()) is not None
                goals = self.survey.unfinished()
            if button is not None:
                lost = 0
                self.press(button)
                continue
            if not goals:
                return
            first = self.survey.way(kind)
            button = next((b for b in self.buttons() if kind_of(b["callback_data"]) == first), None)
            lost += 1
            if button is not None and lost < 30:
                self.press(button)
            elif lost > 33:  # what led there is gone: a list became shorter, a question was answered
                with self.survey.lock:
                    for goal in self.survey.unfinished():
                        self.survey.left[goal] = False
            else:
                self.begin()
