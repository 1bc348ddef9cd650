"""Walks through all menus of the bot as people do: presses what nobody pressed yet, writes what is asked for,
looks at what comes, and writes down what should not be.

A `Survey` is what several walkers (people with the same role and language, each in a chat of his own) know
together. What is shown is a *place*, what a button does is a *kind* (bot_tables.py): every kind on every
place is pressed, `EACH` times with other arguments where there are any. There are finitely many of both, so
a walk ends; what could not be reached again is in `given_up`.
"""

import random
import re
import sys
import threading
import time
import traceback
from collections import deque

import bot_texts
from bot_stage import is_notice
from bot_tables import KEYED, kind_of, place_of, split

EACH = 2
QUIET_S = 1.4  # a change comes this late where the bot keeps its pace of a message a second
SLOW_S = 0.3  # an answer that comes later is told
LOST = 4  # so often a place is looked for in vain
MORE = {"sadm1|#": 8, "sadml/#": 9, "scard|id:#|@": 4}  # rows that are not alike
LOOKS = ("afrlook", "acllook")  # what is done is that something is shown
ENDS = ("senpr",)  # what shows how far something is
ENABLING_S = 30  # how long after "enable all" its end may be told between other presses, in a message of its own
PASSING = ("irespw",)  # what another's doing ends
_ONCE = re.compile(r"[ayf](put|empty|reset)\|")


def without(message, *kinds):
    """The text but for what stands in entities of these types: italics, where an operation speaks, in English."""
    data = message.text.encode("utf-16-le", "surrogatepass")
    for one in message.entities:
        if one["type"] in kinds:
            begin, end = 2 * one["offset"], 2 * (one["offset"] + one["length"])
            data = data[:begin] + " ".encode("utf-16-le") * one["length"] + data[end:]
    return data.decode("utf-16-le", "surrogatepass")


def pieces(message, kind):
    """What stands in entities of this type."""
    data = message.text.encode("utf-16-le", "surrogatepass")
    return [data[2 * e["offset"]:2 * (e["offset"] + e["length"])].decode("utf-16-le", "surrogatepass")
            for e in message.entities if e["type"] == kind]
MEANWHILE = tuple(bot_texts.table()["CHANGED_MEANWHILE"].values())
# The name of a network stands behind address and country, and is written as it came with the country data.
PROVIDER = re.compile(r"(\d+\.\d+\.\d+\.\d+ · (?:[A-Z]{2} · )?)[^·\n]*")


class Survey:
    """`findings` are (what, where, detail); `kinds`: the first text of each place.

    `home`: data of the button that leads to Main. `foreign`: bot_texts.Foreign, or None. `avoid(data)`:
    buttons that nobody presses. `later`: patterns of data pressed only once all else is done, one after
    another. `answers(place)`: what is written there, {name: text or function of the user}. `errors`: a
    pattern of what says that something failed. From phase `alone` on one walker goes on by himself; `between()`
    is called before each phase. `refill()`: makes anew what was used up, when places were given up; so often.
    `after(data)`: after a press. `prepare(place, kinds)`: makes so that these buttons are there, where they
    were looked for in vain. `visits`: buttons of people in a state of their own, pressed as soon as there is time.
    `least`: so many places and presses there are to be, however long a busy machine takes for them.
    """

    def __init__(self, home, foreign=None, avoid=lambda data: False, each=EACH, trace=None,
                 answers=lambda place: {}, later=(), errors=None, alone=99, between=lambda: None,
                 refill=None, refills=2, after=lambda data: None, prepare=lambda place, kinds: None,
                 visits=(), least=(0, 0)):
        self.home = home
        self.foreign = foreign
        self.avoid = avoid
        self.each = each
        self.trace = trace
        self.answers = answers
        self.later = [re.compile(p) for p in later]
        self.errors = errors
        self.alone = alone
        self.between = between
        self.refill = refill
        self.after = after
        self.prepare = prepare
        self.visits = list(visits)
        self.least = least
        self.refills = self.tries = refills
        self.phase = 0
        self.jumps = 0
        self.lock = threading.RLock()
        self.pressed = {}  # (place, kind) → set of data pressed
        self.ways = {}  # node → {kind: {nodes that came}}
        self.last = {}  # node → the buttons it had when it was last seen
        self.left = {}  # node → whether something was left to press
        self.lost = {}  # node → how often it was not found again
        self.given_up = {}  # node → kinds that were left
        self.doors = {}  # node → the last data whose press showed it, newest last
        self.kinds = {}
        self.told = []  # (place, kind, text) of what failed
        self.log = []  # (begun, ended, person, place, data, place that came)
        self.touched = {}  # setting → [(when, who)]
        self.busy = {}  # node → who is on his way there
        self.main = None
        self.presses = self.written = 0
        self.took = []  # seconds until each press was answered
        self.slow = []
        self.findings = []
        self.english = set()
        self.seconds = 0.0
        self.spoken = 0.0
        self.halt = False
        self.tell = lambda text: None  # told every half a minute how far it is

    def find(self, what, where, detail):
        with self.lock:
            if not any(f[0] == what and f[2] == detail for f in self.findings):
                self.findings.append((what, where, detail))

    # -- what is left --------------------------------------------------------------------------

    def pair(self, place, data):
        kind = kind_of(data)
        if data.startswith("-"):
            return "*", "-"
        if place.startswith("sset|") and kind[0] == "s":
            return "sset", kind
        return place, kind

    def times(self, pair):
        if pair[1] == self.home or _ONCE.match(pair[1]) or pair[1][0] == "w":
            return 1
        return MORE.get(pair[1], self.each)

    def is_held(self, data):
        return any(p.match(data) for p in self.later)

    def wanted(self, place, buttons, claim=False):
        """A button that was not pressed often enough, or None; `claim`: it counts as pressed now."""
        with self.lock:
            datas = [b["callback_data"] for b in buttons]
            if place.startswith("ask:"):  # No first: it can be asked again
                datas.sort(key=lambda d: d[0] in "yf")
            for i, data in enumerate(datas):
                if self.avoid(data) or self.is_held(data):
                    continue
                pair = self.pair(place, data)
                done = self.pressed.setdefault(pair, set())
                if len(done) >= self.times(pair):
                    continue
                same = [d for d in datas[i:] if self.pair(place, d) == pair and d not in done and
                        not self.avoid(d)]
                if not same:
                    continue
                data = same[-1] if len(done) == 1 else random.choice(same) if done else same[0]
                if claim:
                    done.add(data)
                return next(b for b in buttons if b["callback_data"] == data)
        return None

    def see(self, node, buttons):
        with self.lock:
            self.last[node] = buttons
            self.left[node] = self.wanted(node[0], buttons) is not None
            if self.left[node] and node not in self.given_up:
                self.lost.pop(node, None)

    def unfinished(self):
        for node, left in self.left.items():  # it may have been pressed elsewhere meanwhile
            if left and node not in self.given_up:
                self.left[node] = self.wanted(node[0], self.last[node]) is not None
        return {n for n, left in self.left.items() if left and n not in self.given_up}

    def again(self, actions):
        """What leads to these actions counts as never pressed: whoever pressed it was too late for it."""
        with self.lock:
            for (_, kind), done in self.pressed.items():
                letter, name, _ = split(kind)
                if letter in "ayf" and name in actions:
                    done.clear()
            for node, buttons in self.last.items():
                self.left[node] = self.wanted(node[0], buttons) is not None
                if self.left[node]:
                    self.given_up.pop(node, None)
                    self.lost.pop(node, None)

    def next_phase(self):
        """Lets what was held back be pressed, by one pattern. False: there was none."""
        with self.lock:
            while self.later:
                self.between()
                self.later.pop(0)
                self.phase += 1
                self.tries = 1
                for node, buttons in self.last.items():
                    self.left[node] = self.wanted(node[0], buttons) is not None
                if self.unfinished():
                    return True
        return False

    # -- ways ----------------------------------------------------------------------------------

    def way(self, start, who, goal=None):
        """(the kind of button that begins a shortest known way to an unfinished node, that node); to `goal`,
        if it is one still."""
        with self.lock:
            goals = self.unfinished()
            now = time.monotonic()
            free = {g for g in goals if self.busy.get(g, (who, 0))[0] == who or
                    self.busy[g][1] < now - 30}
            for wanted in ({goal} & goals, free):
                queue, seen = deque([(start, None)]), {start}
                while queue:
                    node, first = queue.popleft()
                    if node in wanted and first is not None:
                        self.busy[node] = who, now
                        return first, node
                    known = [(k, t) for k, ts in self.ways.get(node, {}).items() for t in ts]
                    random.shuffle(known)
                    if node != self.main:
                        known.append((self.home, self.main))
                    for button, target in known:
                        if target not in seen:
                            seen.add(target)
                            queue.append((target, first or button))
        return None, None

    def next_goal(self, who):
        """An unfinished node with a door, that nobody else is about to go to; it is taken."""
        with self.lock:
            now = time.monotonic()
            for goal in sorted(self.unfinished(), key=lambda g: self.lost.get(g, 0)):
                if self.doors.get(goal) and (goal not in self.busy or self.busy[goal][0] == who or
                                             self.busy[goal][1] < now - 30):
                    self.busy[goal] = who, now
                    return goal
        return None

    def missed(self, goal):
        """It was looked for, and what led there led elsewhere."""
        with self.lock:
            self.busy.pop(goal, None)
            self.lost[goal] = self.lost.get(goal, 0) + 1
            if self.lost[goal] >= LOST:
                self.give_up(goal)

    def made_anew(self):
        """What was given up is looked for once more, after what was used up is there again. False: nothing is
        left, or it was tried often enough."""
        with self.lock:
            lost = [n for n in self.given_up if self.wanted(n[0], self.last[n])]
            if not lost or self.refill is None or not self.tries:
                return False
            self.tries -= 1
            self.refill()
            for node in lost:
                del self.given_up[node]
                self.lost.pop(node, None)
                self.left[node] = True
            return True

    def left_over(self):
        """{place: kinds} that were never pressed."""
        out = {}
        for (place, _), buttons in self.last.items():
            for button in buttons:
                if self.wanted(place, [button]):
                    out.setdefault(place, set()).add(self.pair(place, button["callback_data"])[1])
        return {p: sorted(k) for p, k in out.items()}

    def wants(self, node):
        """The kinds of buttons that are left there."""
        with self.lock:
            return sorted({self.pair(node[0], b["callback_data"])[1] for b in self.last[node]
                           if self.wanted(node[0], [b])})

    def opened(self, node, data):
        """Pressing this showed that. What bears a mark is refused once the marked changed: there is a way."""
        if isinstance(data, str) and data[0] in "si" and ("|mark" in kind_of(data) or data.startswith(PASSING)):
            return
        if (isinstance(data, tuple) or data[0] in "sni/" or data in LOOKS or
                data[0] in "ay" and node[0].startswith("ask:")):
            with self.lock:
                doors = self.doors.setdefault(node, deque(maxlen=LOST))
                if data in doors:
                    doors.remove(data)
                doors.append(data)

    def door(self, node):
        """What to press for a place, old buttons as well; the next time another one."""
        with self.lock:
            doors = self.doors.get(node)
            if not doors:
                return None
            doors.rotate(1)
            return doors[0]

    def give_up(self, *goals):
        """These places, or all that are unfinished, are looked for no more."""
        with self.lock:
            for goal in goals or self.unfinished():
                self.given_up.setdefault(goal, self.wants(goal))

    def walk(self, walkers, seconds):
        """All of them, each in a thread of his own, until everything was pressed or the time is up.
        Whether everything was."""
        begun = time.monotonic()
        end, errors, idle = begun + seconds, [], set()

        def one(walker):
            try:
                walker.walk(end, idle)
            except Exception as error:
                errors.append(error)
                self.halt = True
                raise

        threads = [threading.Thread(target=one, args=(w,), daemon=True) for w in walkers]
        self.walkers = walkers
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive() and time.monotonic() < end + 400:  # a step takes long on a busy machine
                thread.join(5)
                self.tell_way(begun, idle)
        self.seconds = time.monotonic() - begun
        if errors:
            raise errors[0]
        return not self.unfinished() and not self.later and not any(t.is_alive() for t in threads)

    def goes_on(self, end):
        """Whether the walkers walk on: there is time, or it was far too short for so little."""
        now = time.monotonic()
        return now < end or (now < end + 300 and (len(self.kinds) < self.least[0] or self.presses < self.least[1]))

    def tell_way(self, begun, idle):
        now = time.monotonic() - begun
        if now < self.spoken:
            return
        self.spoken = now + 30
        with self.lock:
            left = self.unfinished()
            kinds = {self.pair(n[0], b["callback_data"]) for n in left for b in self.last[n]
                     if self.wanted(n[0], [b])}
        self.tell(f"{now:4.0f} s: phase {self.phase}, {len(self.kinds)} places, {len(self.pressed)} kinds, "
                  f"{self.presses} presses, {self.written} texts, {len(self.findings)} findings, "
                  f"{len(self.given_up)} given up, left {len(left)} nodes with {len(kinds)} kinds "
                  f"{sorted(kinds)[:6]}, {len(idle)} idle")
        if len(idle) > len(self.walkers) / 2:
            frames = sys._current_frames()
            for w in [w for w in self.walkers if w.user.id not in idle]:
                stack = [f"{f.name}:{f.lineno}" for f in traceback.extract_stack(frames[w.thread])] \
                    if w.thread in frames else ["has ended"]
                self.tell(f"  at work: {w.place} {list(w.trail)[-3:]} {' '.join(stack[3:])}")

    def report(self):
        return (f"{len(self.kinds)} places, {len(self.pressed)} kinds of buttons on them, "
                f"{self.presses} presses ({self.jumps} of them to go somewhere), {self.written} texts, "
                f"{self.seconds:.0f} s, "
                f"{len(self.findings)} findings, {len(self.left_over())} left over, "
                f"slowest answer {max(self.took, default=0) * 1000:.0f} ms, {len(self.slow)} over {SLOW_S * 1000:.0f} ms")

    def figures(self):
        """What walk_report.py makes a row of."""
        took = sorted(self.took) or [0.0]
        return {"places": len(self.kinds), "kinds": len(self.pressed), "presses": self.presses, "texts": self.written,
                "findings": len(self.findings), "left over": sum(map(len, self.left_over().values())),
                "slow": len(self.slow), "median": took[len(took) // 2], "p99": took[len(took) * 99 // 100],
                "slowest": took[-1]}


class Walker:
    """One person's walk."""

    def __init__(self, telegram, user, survey, answer_s=5.0):
        self.telegram = telegram
        self.user = user
        self.survey = survey
        self.answer_s = answer_s
        self.thread = None  # that walks
        self.message = None
        self.showing = None  # data of the button that brought this screen
        self.last_press = None
        self.enabled_all = 0.0  # when "enable all" was last said yes to
        self.place = ""
        self.prompt = ""
        self.read = 0  # of the trace
        self.new = []
        self.trail = deque(maxlen=10)

    # -- looking -------------------------------------------------------------------------------

    def buttons(self):
        """Of the message; where a text is awaited, what may be written as well."""
        found = [b for row in self.message.buttons for b in row if "callback_data" in b]
        if self.place.startswith("i") and found:
            found += [{"callback_data": "w:" + name, "text": name}
                      for name in self.survey.answers(self.place)]
        return found

    def node(self):
        return self.place, " ".join(sorted({self.survey.pair(self.place, b["callback_data"])[1]
                                            for b in self.buttons()}))

    def find(self, what, detail=""):
        self.survey.find(what, " → ".join(self.trail), detail or self.message.text[:300])

    def drain(self):
        """What comes by itself, as the end of a long enabling does, is nobody's answer."""
        if self.survey.trace:
            self.traced()

    def traced(self):
        """What the log says since it was last looked at."""
        new = self.survey.trace.of(self.user.id, self.read)
        self.read += len(new)
        return new

    def settle(self):
        """Says where we are now."""
        datas = [b["callback_data"] for row in self.message.buttons for b in row
                 if "callback_data" in b]
        yes = next((d for d in datas if d[0] in "yf"), None)
        if yes:
            self.place = "ask:" + kind_of(yes)
        elif self.survey.trace is None:
            self.place = " ".join(sorted(map(kind_of, datas)))
        else:
            self.place = self.by_trace() or "told:" + " ".join(sorted(map(kind_of, datas)))

    def until_done(self, seconds=120):
        """Waits until the log says that what was pressed or written is dealt with. Whether it does."""
        if self.survey.trace is None:
            return False
        end = time.monotonic() + seconds
        self.new = []
        while True:
            self.new += self.traced()
            if any(what == "is done" for what, _ in self.new):
                return True
            if time.monotonic() > end:
                self.find("never done", str(self.new))
                return False
            time.sleep(0.02)

    def by_trace(self):
        new, self.new = self.new, []
        for what, target in reversed(new):
            if what == "shows":
                if target[0] == "i":
                    self.prompt = place_of(target)
                return place_of(target)
            if what == "is asked again":
                return self.prompt
            if what == "is refused":
                self.find("cannot be shown", f"{target}: {self.message.text[:200]}")
                return "refused:" + place_of(target)
        return None

    def look(self, press=None):
        """Notes what is shown, and what is wrong with it; the node."""
        survey = self.survey
        if not self.still():
            self.settle()
        node = self.node()
        with survey.lock:
            survey.kinds.setdefault(node[0], self.message.text)
            survey.see(node, self.buttons())
        datas = [b["callback_data"] for b in self.buttons()]
        if not datas:
            self.find("dead end: no buttons")
        elif survey.home not in datas and node != survey.main and not self.is_question():
            self.find("no way home", f"{datas}")
        elif survey.home in datas and len([d for d in datas if d[0] == "s"]) < 2:
            self.find("no way back", f"{datas}")
        self.note_english(self.message.text, *pieces(self.message, "italic"))
        # A text for a customer is in his language.
        foreign = "pre" if node[0] == "scuslang" else "italic"
        for text in (without(self.message, "italic", foreign), *self.message.labels):
            self.check_words(text)
        return node

    def still(self):
        return False

    def is_question(self):
        """A question or a prompt: some button leads out of it."""
        return any(b["text"].startswith(("❌", "✖")) for b in self.buttons())

    def check_words(self, text):
        if self.survey.foreign is not None:
            words = self.survey.foreign.words(PROVIDER.sub(r"\1", text))
            if words:
                self.find(f"not in {self.survey.foreign.language}: {' '.join(words)}", text[:200])

    def note_english(self, text, *italics):
        """Sentences of operations that have no translation: they are told at the end, and no finding."""
        foreign = self.survey.foreign
        if foreign is None or foreign.language == "en":
            return
        for one in (*foreign.details(text), *italics):
            if len(foreign.words(one)) > 1:
                with self.survey.lock:
                    self.survey.english.add(re.sub(r"\d+", "#", one.strip())[:300])

    def check_failed(self, place, data, *texts):
        for text in texts:
            if text and self.survey.errors and (found := self.survey.errors.search(text)):
                with self.survey.lock:
                    self.survey.told.append((place, kind_of(data), text[found.start():][:200]))
                return

    # -- moving --------------------------------------------------------------------------------

    def begin(self):
        """/start; the main menu."""
        if self.survey.trace:
            self.new, _ = [], self.traced()
        sent = self.user.say("/start")
        self.until_done()
        self.message = self.user.chat.wait(
            lambda m: m.buttons and not self.is_notice(m), 4 * self.answer_s, after=sent.id)
        self.showing = None
        self.trail.clear()
        self.settle()
        with self.survey.lock:
            self.survey.main = self.survey.main or self.node()
        self.look_again()

    def look_again(self):
        self.still = lambda: True
        try:
            return self.look()
        finally:
            del self.still

    def newest(self):
        """The newest message that is no notification: those come by themselves, and are no menus."""
        return next((m for m in reversed(self.user.chat.from_bot) if not self.is_notice(m)), self.message)

    is_notice = staticmethod(is_notice)

    def wait(self, check, seconds, what, detail=""):
        try:
            self.telegram.wait(check, seconds, what, exact=True)
            return True
        except AssertionError:
            if what:
                self.find(what, detail)
            return False

    def done(self, data, before, came, begun, jump=False):
        with self.survey.lock:
            if not jump:
                self.survey.ways.setdefault(before, {}).setdefault(kind_of(data), set()).add(came)
            self.survey.log.append((begun, time.time(), self.user.id, before[0], data, came[0]))
        return came

    def write(self, name):
        """Writes an answer to what is asked."""
        survey, before, data, begun = self.survey, self.node(), "w:" + name, time.time()
        self.touch(before[0])
        self.drain()
        answer = survey.answers(self.place)[name]
        self.trail.append(f"✎{name}")
        said = answer(self.user) if callable(answer) else self.user.say(answer)
        with survey.lock:
            survey.written += 1
        self.until_done()
        self.wait(lambda: self.newest().id > said.id, 2 * self.answer_s, "no answer to a text",
                  f"{before[0]} {name}")
        self.message = self.newest()
        self.until_whole()
        self.message = self.newest()
        self.showing = None
        self.check_failed(before[0], data, self.message.text)
        now = self.look()
        survey.after(before[0])
        if (door := survey.door(before)) and str(door).count("w:") < 2:
            survey.opened(now, (door, data))
        if name.startswith("bad") and now[0] != before[0]:
            self.find("a bad answer was taken", f"{before[0]} {name}: {self.message.text[:200]}")
        # Somebody else, at it as well, has changed it just now, or the group that may not be the same one.
        taken = self.message.text.startswith(MEANWHILE) or "fallback_group_id" in self.message.text
        if name.startswith("good") and now[0] == before[0] and "⚠" in self.message.text and not taken:
            self.find("a good answer was refused", f"{before[0]} {name}: {self.message.text[:300]}")
        return self.done(data, before, now, begun)

    def command(self, text):
        """Writes something that nobody asked for; the node."""
        self.trail.append(text)
        self.drain()
        said = self.user.say(text)
        with self.survey.lock:
            self.survey.written += 1
        self.until_done()
        self.wait(lambda: self.newest().id > said.id, 2 * self.answer_s, "no answer to a text", text)
        self.message = self.newest()
        self.until_whole()
        self.message = self.newest()
        self.check_failed("command", text, self.message.text)
        now = self.look()
        if text.startswith("/"):
            self.survey.opened(now, text)
        return now

    def press_notice(self, message, button):
        """Presses a button of a notification."""
        data, version, newest = button["callback_data"], len(message.history), self.newest().id
        self.trail.append(button["text"])
        press = self.user.press(data=data, on=message, wait=0, force=True)
        with self.survey.lock:
            self.survey.presses += 1
        self.wait(lambda: press.answered is not None, self.answer_s, "press not answered", data)
        self.check_words(press.text)
        self.until_done()
        self.check_failed("notice", data, press.text)
        if data.startswith("n"):
            self.wait(lambda: self.newest().id > newest, self.answer_s, "nothing happened", data)
            self.message = self.newest()
            self.survey.opened(self.look(), data)
        elif not press.text or data.split("|")[1] in ("l", "v", "c"):
            self.wait(lambda: len(message.history) > version, self.answer_s, "nothing happened", data)
        for text in (without(message, "italic"), *message.labels):
            self.check_words(text)

    def until_whole(self):
        """"⏳ Still working on it…", without a button; in Persian a mark of direction comes first."""
        at_work = ("⏳", "📤", "🔎", "⬇")
        self.wait(lambda: self.message.buttons or self.newest().id > self.message.id or
                  not self.message.text.lstrip("\u200f").startswith(at_work), 90, "never done")

    def press(self, button, jump=False):
        """Presses a button of the message; what came is the new `message`. The node. `jump`: one that an
        earlier message had."""
        data, survey = button["callback_data"], self.survey
        if data.startswith("w:"):
            return self.write(data[2:])
        node, start = self.node(), time.time()
        self.touch(data)
        self.drain()
        self.trail.append(button["text"])
        if data.startswith("yenall"):
            self.enabled_all = time.monotonic()
        before, versions, newest = self.message, len(self.message.history), self.newest().id
        begun = time.monotonic()
        press = self.user.press(data=data, on=self.message, wait=0, force=jump)
        self.wait(lambda: press.answered is not None, self.answer_s, "press not answered", data)
        took = time.monotonic() - begun
        with survey.lock:
            survey.presses += 1
            survey.jumps += jump
            survey.took.append(took)
            if took > SLOW_S:
                survey.slow.append((round(took, 2), node[0], data))
        if press.text:  # below its first line an operation speaks
            self.check_words(press.text.split("\n")[0])
            self.note_english(press.text)

        def changed():
            return (len(before.history) > versions or before.deleted or self.newest().id > newest)
        # A toast is enough, and so is a screen that is shown already.
        known = self.until_done()
        enough = (bool(press.text) or data.startswith("-") or data in (self.showing, self.last_press) or
                  "🔄" in button["text"])
        self.wait(changed, 0.1 if known or data.startswith("-") else
                  QUIET_S if enough else self.answer_s,
                  "" if enough else "nothing happened", data)
        same = not changed()
        self.until_whole()
        if before.deleted:
            self.begin()
        elif len(before.history) == versions and self.newest().buttons:
            if (self.newest().id > newest and data[0] not in "nxi" and not self.is_question() and
                    time.monotonic() - self.enabled_all > ENABLING_S):
                self.find("a new message instead of an edit", f"{data}: {self.newest().text[:160]!r}")
            self.message = self.newest()
        self.showing, self.last_press = data if data.startswith("s") else None, data
        self.check_failed(node[0], data, press.text, "" if same else self.message.text)
        now = self.look_again() if same else self.look()
        if data == survey.home and now[0] != survey.main[0]:
            self.find("home leads elsewhere", now[0])
        self.check_chosen(data, now)
        survey.after(data)
        survey.opened(now, data)
        for again in (b["callback_data"] for b in self.buttons() if "🔄" in b["text"]):
            survey.opened(now, again)
        self.done(data, node, now, start, jump)
        return self.at_its_end() if now[0] in ENDS and data[0] in "ayf" else now

    def at_its_end(self):
        """What goes on by itself says so in a message of its own when it has ended."""
        newest = self.message.id
        if self.wait(lambda: self.newest().id > newest, 60, "never ended"):
            self.until_done()
            self.message = self.newest()
            self.showing = None
        return self.look()

    def touch(self, target):
        """Somebody may change a setting now."""
        _, name, args = split(target)
        if name in KEYED and args:
            with self.survey.lock:
                self.survey.touched.setdefault(args[0], []).append((time.monotonic(), self.user.id))

    def check_chosen(self, data, now):
        """What was pressed is what is shown as chosen."""
        letter, name, args = split(data)
        if letter + name not in ("aput", "fput", "yput") or now[0] != f"sset|{args[0]}":
            return
        button = next((b for b in self.buttons() if b["callback_data"] == "a" + data[1:]), None)
        failed = "⚠" in self.message.text or "❗" in self.message.text
        if any(who != self.user.id and when > time.monotonic() - 10
               for when, who in self.survey.touched.get(args[0], [])):
            return  # by another one, after him
        if button and not button["text"].startswith("✅") and not failed:
            self.find("chosen, and not shown as chosen", f"{data}: {self.message.text[:200]}")

    def walk(self, end, idle):
        survey, who, goal = self.survey, self.user.id, None
        self.thread = threading.get_ident()
        if self.message is None:
            self.begin()
        steps = 0
        while survey.goes_on(end) and not survey.halt:
            node = self.node()
            if node == goal:
                goal = None
            only = survey.phase >= survey.alone and self is not survey.walkers[0]
            button = None if only else survey.wanted(node[0], self.buttons(), claim=True)
            survey.see(node, self.buttons())
            if button is not None:
                idle.discard(who)
                goal = None
                self.press(button)
                continue
            if goal is not None and (steps := steps + 1) > 12:
                survey.missed(goal)
                goal = None
            if survey.visits and not only:
                idle.discard(who)
                goal = None
                with survey.lock:
                    visit = survey.visits.pop(0) if survey.visits else survey.home
                self.open(visit)
                continue
            aim = None if only or goal else survey.next_goal(who)
            # Another row of the list may be the one: where a door leads elsewhere twice, the way is gone.
            if aim and survey.lost.get(aim, 0) < 2 and (door := survey.door(aim)):
                idle.discard(who)
                if survey.lost.get(aim):
                    survey.prepare(aim[0], survey.wants(aim))
                self.open(door)
                if self.node() != aim:
                    survey.missed(aim)
                continue
            wished = aim
            first, aim = (None, None) if only else survey.way(node, who, goal)
            if first is None and wished:
                survey.missed(wished)
                continue
            if first is None:
                if self.rest(end, idle):
                    return
                continue
            idle.discard(who)
            if aim != goal:
                goal, steps = aim, 0
                if survey.lost.get(aim):
                    survey.prepare(aim[0], survey.wants(aim))
            same = [b for b in self.buttons() if kind_of(b["callback_data"]) == first]
            if same:
                self.press(random.choice(same))
            else:  # what led there is gone: a list became shorter, a question was answered
                survey.missed(goal)
                goal = None
                self.begin()

    def open(self, door):
        """Goes where an earlier button or command led, or what was written after it."""
        if isinstance(door, tuple):
            self.open(door[0])
            if door[1] in [b["callback_data"] for b in self.buttons()]:
                self.write(door[1][2:])
        elif door.startswith("/"):
            self.command(door)
        else:
            self.press({"callback_data": door, "text": "↷ " + door}, jump=True)

    def rest(self, end, idle):
        """Nothing is left for this one. True: nor for anybody, now and later."""
        survey, who = self.survey, self.user.id
        with survey.lock:
            idle.add(who)
            if len(idle) == len(survey.walkers):
                if not survey.unfinished():
                    # A phase may have passed in which nothing was to press: what was given up has another try.
                    if not (survey.made_anew() or survey.next_phase() or survey.made_anew()):
                        return True
                elif not survey.busy:
                    survey.give_up()  # nobody knows a way: it was seen where a message or a command led
                survey.busy.clear()
                idle.clear()
        time.sleep(0.2)
        return False
