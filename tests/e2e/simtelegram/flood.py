"""How fast a bot may send. The figures are those Telegram publishes; what happens past them is ours."""

import math
import time
from collections import deque


class Limits:
    """`private`: messages a second into one private chat (`burst` at once, an edit counts a third);
    `group`: messages and edits a minute into one group; `overall`: a second into all chats."""

    def __init__(self, private=1.0, burst=5, group=20, overall=30):
        self.private = private
        self.burst = burst
        self.group = group
        self.overall = overall


EDIT_COST = 1 / 3


class Flood:
    """Counts sends and edits; `wait(chat, is_group, is_edit)` is 0, or for how long it refuses.

    A chat that refused stays closed until then, whatever is sent meanwhile, so that a bot which does
    not wait gets nowhere.
    """

    def __init__(self, limits, now=time.monotonic):
        self.limits = limits
        self.now = now
        self.level = {}  # private chat → (tokens, when)
        self.minute = {}  # group → times
        self.second = deque()
        self.closed = {}  # chat, or None for all → until
        self.forced = False  # closed by a test, not by the bot's doing

    def close(self, seconds, chat=None):
        """A test wants all sends (or those to one chat) refused for a while."""
        self.forced = True
        self.closed[chat] = self.now() + seconds

    def open(self):
        self.forced = False
        self.closed.clear()

    def still_closed(self, chat):
        now = self.now()
        left = max(self.closed.get(chat, 0), self.closed.get(None, 0)) - now
        return math.ceil(left) if left > 0 else 0

    def wait(self, chat, is_group, is_edit):
        left = self.still_closed(chat)
        if left or self.limits is None:
            return left
        now, limits = self.now(), self.limits
        while self.second and self.second[0] <= now - 1:
            self.second.popleft()
        if len(self.second) >= limits.overall:
            return self.refuse(None, 1)
        if is_group:
            times = self.minute.setdefault(chat, deque())
            while times and times[0] <= now - 60:
                times.popleft()
            if len(times) >= limits.group:
                return self.refuse(chat, times[0] + 60 - now)
            times.append(now)
        else:
            cost = EDIT_COST if is_edit else 1.0
            tokens, since = self.level.get(chat, (float(limits.burst), now))
            tokens = min(float(limits.burst), tokens + (now - since) * limits.private)
            if tokens < cost:
                self.level[chat] = (tokens, now)
                return self.refuse(chat, max(1.0, (cost - tokens) / limits.private))
            self.level[chat] = (tokens - cost, now)
        self.second.append(now)
        return 0

    def refuse(self, chat, seconds):
        self.closed[chat] = self.now() + seconds
        return max(1, math.ceil(seconds))
