"""What tests do with Telegram: people write and press, chats are read, things go wrong.

Every method may be called from any thread; `Telegram` is made by `in_thread()`.
"""

import contextlib
import re
import time

from patience import bound, deadline

from .app import Fault
from .errors import CONFLICT, ApiError
from .flood import Flood
from .methods import DOWNLOAD_MAX
from .proxy import proxy
from .render import chat_text
from .world import GROUP, PRIVATE, SUPERGROUP, Press, commands_in

RIGHTS = ("can_manage_chat", "can_delete_messages", "can_manage_topics", "can_pin_messages",
          "can_invite_users", "can_change_info")


class Room:
    """A chat as tests see it."""

    def __init__(self, telegram, chat):
        self.telegram = telegram
        self.chat = chat

    @property
    def id(self):
        return self.chat.id

    @property
    def messages(self):
        """What is there now, oldest first."""
        with self.telegram.world.lock:
            return list(self.chat.shown)

    @property
    def from_bot(self):
        return [m for m in self.messages if m.from_bot]

    @property
    def last(self):
        """The bot's newest message."""
        found = self.from_bot
        assert found, f"the bot wrote nothing to {self.chat.name}"
        return found[-1]

    def wait(self, wanted, seconds=5.0, after=0):
        """Waits for a message of the bot that holds a text, matches a pattern, or passes a function.

        `after`: only messages with a greater id, or (a Message) edited or sent since then too.
        """
        if isinstance(wanted, str):
            def check(m):
                return wanted in m.text
        elif isinstance(wanted, re.Pattern):
            def check(m):
                return wanted.search(m.text)
        else:
            check = wanted

        def find():
            return next((m for m in reversed(self.from_bot) if m.id > after and check(m)), None)
        return self.telegram.wait(find, seconds, lambda: f"{wanted!r} in\n{self.text()}")

    def text(self, last=None):
        """The chat as text, with buttons; the last so many messages."""
        with self.telegram.world.lock:
            return chat_text(self.chat, last)

    def picture(self, path, last=None):
        """The chat as a PNG; how many characters no font of this machine has."""
        from .picture import chat_picture
        with self.telegram.world.lock:
            return chat_picture(self.chat, path, last, self.telegram.world.bot)

    # -- groups --------------------------------------------------------------------------------

    def kick_bot(self, status="kicked"):
        """The bot is removed; it learns it by `my_chat_member`, if it asked for that."""
        self.bot_becomes(status)

    def add_bot(self, status="administrator", by=None, **rights):
        """Somebody (a User; else the first member) adds the bot; a message in the group says so, too."""
        self.bot_becomes(status, by, **rights)

    def bot_becomes(self, status, by=None, **rights):
        from .methods_chat import member_json
        world = self.telegram.world
        with world.lock:
            old = member_json(world, self.chat, world.bot)
            self.chat.bot = status
            self.chat.rights = {**dict.fromkeys(RIGHTS, True), **rights}
            who = by.person if by else world.people[next(iter(self.chat.members), world.bot.id)]
            if old["status"] in ("left", "kicked") and status in ("member", "administrator"):
                message = world.message(self.chat, who)
                message.service = {"new_chat_members": [world.bot.json()]}
                world.publish(message)
            world.update("my_chat_member", {
                "chat": self.chat.json(), "from": who.json(), "date": int(time.time()),
                "old_chat_member": old, "new_chat_member": member_json(world, self.chat, world.bot)})
            world.tell()

    def upgrade(self, told=True):
        """A group becomes a supergroup with another id; the Room of that. `told`: by messages in both."""
        world = self.telegram.world
        with world.lock:
            assert self.chat.kind == GROUP
            new = world.group(self.chat.title, SUPERGROUP)
            new.members, new.bot, new.rights = self.chat.members, self.chat.bot, self.chat.rights
            who = world.people[next(iter(self.chat.members))]
            for chat, service in ((self.chat, {"migrate_to_chat_id": new.id}),
                                  (new, {"migrate_from_chat_id": self.chat.id})):
                message = world.message(chat, who)
                message.service = service
                if told:
                    world.publish(message)
            self.chat.moved_to = new
        return Room(self.telegram, new)

    def become_forum(self, yes=True):
        with self.telegram.world.lock:
            self.chat.forum = yes

    def topics(self):
        """Thread id → name."""
        with self.telegram.world.lock:
            return {id: t["name"] for id, t in self.chat.topics.items()}

    def close_topic(self, thread, deleted=False):
        with self.telegram.world.lock:
            if deleted:
                del self.chat.topics[thread]
            else:
                self.chat.topics[thread]["closed"] = True


class User:
    """A person with an account. `chat` is the private chat with the bot."""

    def __init__(self, telegram, person):
        self.telegram = telegram
        self.person = person
        self.id = person.id

    @property
    def chat(self):
        world = self.telegram.world
        with world.lock:
            return Room(self.telegram, world.private(self.person))

    def _message(self, room, thread, reply_to=None):
        chat = (room or self.chat).chat
        if chat.kind == PRIVATE:
            chat.started = True
        message = self.telegram.world.message(chat, self.person, thread)
        message.reply_to = reply_to
        return message

    def say(self, text, room=None, thread=None, reply_to=None):
        """Writes a text (or a command) to the bot, or in a group. The message."""
        with self.telegram.world.lock:
            message = self._message(room, thread, reply_to)
            message.text = message.source = text
            message.entities = commands_in(text)
            return self.telegram.world.publish(message)

    def ask(self, text, wanted=lambda m: True, seconds=5.0, room=None):
        """Writes a text and waits for a message of the bot after it."""
        sent = self.say(text, room)
        return (room or self.chat).wait(wanted, seconds, after=sent.id)

    def send_file(self, name, data=b"", size=None, room=None, caption=""):
        """Sends a document. With `size` it counts as that big; over 20 MB the bot cannot fetch it."""
        world = self.telegram.world
        with world.lock:
            message = self._message(room, None)
            if size is not None and len(data) != size:
                data = data + b"\0" * (size - len(data)) if size <= DOWNLOAD_MAX else None
            message.document = world.file(name, data, size)
            message.text = message.source = caption
            return world.publish(message)

    def forward(self, text, author=None, hidden_name=None, room=None, group=None):
        """Forwards a message of somebody (a User), of one who hides himself, or of an administrator who
        writes in the name of his group (a Room): only that tells which group it is from."""
        with self.telegram.world.lock:
            message = self._message(room, None)
            message.text = message.source = text
            if group is not None:
                message.origin = {"type": "chat", "sender_chat": group.chat.json()}
            elif author is not None:
                message.origin = {"type": "user", "sender_user": author.person.json()}
            else:
                message.origin = {"type": "hidden_user", "sender_user_name": hidden_name or "Hidden"}
            message.origin["date"] = int(time.time()) - 60
            return self.telegram.world.publish(message)

    # -- buttons -------------------------------------------------------------------------------

    def look_for_button(self, label, data, at, on, room):
        """(message, button), or None: what `find_button` waits for."""
        with self.telegram.world.lock:
            messages = [on] if on is not None else reversed((room or self.chat).from_bot)
            for message in messages:
                if at is not None:
                    rows = message.buttons
                    there = at[0] < len(rows) and at[1] < len(rows[at[0]])
                    return (message, rows[at[0]][at[1]]) if there else None
                buttons = [b for row in message.buttons for b in row]
                for test in (lambda b: b["text"] == label,
                             lambda b: label is not None and label in b["text"],
                             lambda b: data is not None and b.get("callback_data") == data):
                    found = next((b for b in buttons if test(b)), None)
                    if found is not None:
                        return message, found
        return None

    def find_button(self, label=None, data=None, at=None, on=None, room=None, seconds=5.0):
        """(message, button) by label (whole, else a part), data, or place (row, column); waits for it, since
        the answer to a press may be there before what it leads to."""
        return self.telegram.wait(
            lambda: self.look_for_button(label, data, at, on, room), seconds,
            lambda: f"a button {label or data or at!r} in\n{(room or self.chat).text(4)}")

    def press(self, label=None, data=None, at=None, on=None, room=None, wait=5.0, force=False):
        """Presses a button of the newest message that has it, or of `on`; waits for the answer.

        `force`: sends `data` though the message `on` has no such button (any more). `wait=0`: does
        not wait. The Press, with the `text` of the answer and whether it was an `alert`.
        """
        if force:
            message = on or (room or self.chat).last
        else:
            message, button = self.find_button(label, data, at, on, room)
            data = button.get("callback_data")
            assert data is not None, f"this button opens something else: {button}"
        with self.telegram.world.lock:
            press = self.telegram.world.press(self.person, message, data)
        if wait:
            self.telegram.wait_answer(press, wait)
        return press

    def go(self, *labels, room=None):
        """Presses one button after another, each on the message of the one before; that message.

        Each must change it: what comes by itself is no answer.
        """
        message, _ = self.find_button(labels[0], room=room)
        for label in labels:
            version = len(message.history)
            self.press(label, on=message, room=room)
            self.telegram.wait(lambda: len(message.history) > version, 5,  # noqa: B023
                               lambda: f"{label!r} changed nothing:\n{(room or self.chat).text(3)}")
        return message

    def block(self, yes=True):
        """Blocks the bot, or lets it in again."""
        with self.telegram.world.lock:
            self.chat.chat.blocked = yes

    def deactivate(self):
        with self.telegram.world.lock:
            self.person.deactivated = True


class Telegram:
    """The whole of it: people, groups, faults, calls. `token` and `url` are for the bot's settings."""

    def __init__(self, server):
        self.server = server
        self.world = server.world
        self.app = server.app
        self.token = self.world.token
        self.url = server.url
        self.lenient = False  # True: the fixture does not look for refused calls

    @property
    def settings(self):
        """For a daemon's .env."""
        return {"BOT_TOKEN": self.token, "TELEGRAM_API_URL": self.url}

    def proxy(self, kind="socks5", **login):
        """A proxy in front of it (proxy.py), as a context: `.url`, and the hosts `asked` for."""
        return proxy(kind, self, **login)

    def picture(self, message, path):
        """One message as a PNG."""
        from .picture import chat_picture
        with self.world.lock:
            return chat_picture(message.chat, path, bot=self.world.bot, only=[message])

    # -- people and groups ---------------------------------------------------------------------

    def user(self, first_name="Ali", id=None, started=True, **more):
        """A person: last_name, username, language. `started`: has written to the bot before."""
        with self.world.lock:
            number = id if id is not None else 100_000_000 + self.world.number()
            made = User(self, self.world.person(number, first_name, **more))
            made.chat.chat.started = started
            return made

    def group(self, title, *members, forum=False, bot="administrator", plain=False, **rights):
        """A supergroup (`plain`: an old kind of group) with the bot in it, as what `bot` says (None: it
        was never there)."""
        with self.world.lock:
            chat = self.world.group(title, GROUP if plain else SUPERGROUP, forum)
            for i, one in enumerate(members):
                chat.members[one.id] = "creator" if i == 0 else "member"
            chat.bot = bot
            chat.rights = {**dict.fromkeys(RIGHTS, True), **rights}
            return Room(self, chat)

    def room(self, chat_id):
        with self.world.lock:
            return Room(self, self.world.chats[chat_id])

    # -- waiting -------------------------------------------------------------------------------

    def wait(self, check, seconds=5.0, what=None, exact=False):
        """Waits until `check()` is true, looked at whenever something happens; its value.

        `exact`: no longer than so many seconds.
        """
        end = deadline(seconds, exact)
        with self.world.changed:
            while True:
                value = check()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    break
                self.world.changed.wait(min(left, 0.25))
        told = what() if callable(what) else what or check
        raise AssertionError(f"not within {bound(seconds, exact)} s: {told}")

    def wait_answer(self, press, seconds=5.0):
        self.wait(lambda: press.answered is not None, seconds, lambda: f"the answer to {press}")
        return press

    def idle(self, seconds=5.0):
        """Waits until the bot has fetched all updates and no call is open but its poll."""
        def check():
            return not self.world.updates and not any(
                c.ended is None and c.method != "getUpdates" for c in self.world.calls[-50:])
        return self.wait(check, seconds, "the bot is idle")

    # -- calls ---------------------------------------------------------------------------------

    @property
    def calls(self):
        with self.world.lock:
            return list(self.world.calls)

    def calls_of(self, method, since=0):
        return [c for c in self.calls[since:] if c.method == method]

    @property
    def refused(self):
        """Calls that Telegram refused, or that break the description of the Bot API."""
        return [c for c in self.calls if c.refused]

    @contextlib.contextmanager
    def expect_refusal(self, pattern="", at_least=1):
        """Calls refused meanwhile with such an error are expected; that many of them at least."""
        since = len(self.calls)
        yield
        found = [c for c in self.calls[since:] if c.refused and
                 re.search(pattern, f"{c.code} {c.description} {c.complaints}")]
        for call in found:
            call.expected = True
        assert len(found) >= at_least, f"{len(found)} calls were refused with {pattern!r}"

    def unanswered(self):
        """Presses that got no answer so far."""
        with self.world.lock:
            return [p for p in self.world.presses.values()
                    if isinstance(p, Press) and p.answered is None]

    # -- what goes wrong -----------------------------------------------------------------------

    def outage(self, how="refuse"):
        """Telegram is away until `recover`: refuse (connections), hang, reset, 502."""
        self.server.outage(how)

    def recover(self):
        self.server.recover()

    @contextlib.contextmanager
    def away(self, how="refuse"):
        self.outage(how)
        try:
            yield
        finally:
            self.recover()

    def flood(self, seconds, room=None):
        """429 for all sends (or those to one chat) for a while."""
        with self.world.lock:
            self.app.flood.close(seconds, room.id if room else None)

    def limits(self, limits):
        """Other limits (flood.Limits), or None for none."""
        with self.world.lock:
            self.app.flood = Flood(limits)

    def fault(self, kind, method="*", count=1, room=None, **args):
        """The next `count` calls (-1: all) of a method (pattern) fail. Kinds: error (code, text,
        parameters), drop, lose_answer (done, but nobody hears of it), delay and hang (seconds),
        malformed."""
        with self.world.lock:
            self.app.faults.append(Fault(kind, method, count, room.id if room else None, **args))

    def clear_faults(self):
        with self.world.lock:
            self.app.faults.clear()
            self.app.flood.open()
            self.app.conflict_until = 0.0

    def revoke_token(self):
        """401 for everything, as after /revoke at BotFather, until `restore_token`."""
        self.app.revoked = True
        self.server.call_soon(self.app.end_poll, ApiError(401, "Unauthorized"))

    def restore_token(self):
        self.app.revoked = False

    def conflict(self, seconds):
        """Another program polls with the same token: getUpdates answers 409 for a while."""
        self.app.conflict_until = time.monotonic() + seconds
        self.server.call_soon(self.app.end_poll, ApiError(409, CONFLICT))
