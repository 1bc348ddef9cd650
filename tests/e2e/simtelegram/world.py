"""What there is: people, chats, messages, files, presses, and the updates waiting for the bot."""

import copy
import threading
import time

from .errors import ApiError, bad, forbidden
from .markup import units

PRIVATE, GROUP, SUPERGROUP = "private", "group", "supergroup"
GENERAL_TOPIC = 1


class Person:
    """A Telegram account. `started`: has written to the bot; `blocked`: has blocked it."""

    def __init__(self, id, first_name, last_name=None, username=None, language=None):
        self.id = id
        self.first_name = first_name
        self.last_name = last_name
        self.username = username
        self.language = language
        self.is_bot = False
        self.deactivated = False

    @property
    def name(self):
        return " ".join(n for n in (self.first_name, self.last_name) if n)

    def json(self):
        out = {"id": self.id, "is_bot": self.is_bot, "first_name": self.first_name}
        for key, value in (("last_name", self.last_name), ("username", self.username),
                           ("language_code", self.language)):
            if value:
                out[key] = value
        return out


class Chat:
    """A chat of the bot: private, group or supergroup (with topics when `forum`)."""

    def __init__(self, id, kind, person=None, title=None, forum=False):
        self.id = id
        self.kind = kind
        self.person = person
        self.title = title
        self.forum = forum
        self.members = {}  # id of a person → status
        self.rights = {}  # of the bot as administrator
        self.bot = None  # its status in a group, None: was never in it
        self.started = kind != PRIVATE
        self.blocked = False
        self.moved_to = None
        self.topics = {}  # thread id → {"name", "icon_color", "closed"}
        self.messages = []
        self.next_id = GENERAL_TOPIC + 1

    @property
    def name(self):
        return self.title or self.person.name

    def json(self):
        out = {"id": self.id, "type": self.kind}
        if self.kind == PRIVATE:
            out.update({k: v for k, v in self.person.json().items()
                        if k in ("first_name", "last_name", "username")})
        else:
            out["title"] = self.title
            if self.forum:
                out["is_forum"] = True
        return out

    def find(self, message_id):
        for message in reversed(self.messages):
            if message.id == message_id:
                return None if message.deleted else message
        return None

    @property
    def shown(self):
        """Messages that are there, oldest first."""
        return [m for m in self.messages if not m.deleted]


class Version:
    """What a message was at a time."""

    def __init__(self, message, at):
        self.at = at
        self.text = message.text
        self.entities = message.entities
        self.markup = message.markup


class Message:
    """A message. `history` holds what it was before each edit; `source` the text as it was sent."""

    def __init__(self, id, chat, sender, at, thread=None):
        self.id = id
        self.chat = chat
        self.sender = sender
        self.at = at
        self.thread = thread
        self.text = ""
        self.source = ""
        self.entities = []
        self.markup = None
        self.document = None
        self.reply_to = None
        self.origin = None
        self.service = {}
        self.edited_at = None
        self.history = []
        self.deleted = False

    @property
    def from_bot(self):
        return self.sender.is_bot

    @property
    def buttons(self):
        """Rows of buttons, each as it was sent."""
        return self.markup["inline_keyboard"] if self.markup else []

    @property
    def labels(self):
        """Texts of all its buttons, row by row."""
        return [b["text"] for row in self.buttons for b in row]

    def json(self):
        out = {"message_id": self.id, "from": self.sender.json(), "chat": self.chat.json(),
               "date": int(self.at)}
        if self.thread:
            out["message_thread_id"] = self.thread
            out["is_topic_message"] = True
        if self.origin:
            out["forward_origin"] = self.origin
        if self.edited_at:
            out["edit_date"] = int(self.edited_at)
        if self.reply_to:
            out["reply_to_message"] = {k: v for k, v in self.reply_to.json().items()
                                       if k != "reply_to_message"}
        prefix = ""
        if self.document:
            out["document"] = {k: v for k, v in self.document.json().items() if k != "file_path"}
            prefix = "caption_" if self.text else ""
        if self.text:
            out["caption" if self.document else "text"] = self.text
            if self.entities:
                out[prefix + "entities"] = self.entities
        if self.markup:
            out["reply_markup"] = self.markup
        return {**out, **self.service}

    def __repr__(self):
        return f"<{self.id} in {self.chat.name}: {self.text[:60]!r} {self.labels}>"


class File:
    """A file that somebody sent. Of one that is too big to be fetched, only the size is kept."""

    def __init__(self, number, name, data, size):
        self.id = f"BQACAgQAAx{number:08d}"
        self.unique_id = f"AgAD{number:08d}"
        self.name = name
        self.data = data
        self.size = size
        self.path = f"documents/file_{number}" + ("." + name.rpartition(".")[2] if "." in name else "")

    def json(self):
        return {"file_id": self.id, "file_unique_id": self.unique_id, "file_name": self.name,
                "file_size": self.size}


class Press:
    """A button pressed: what the bot answered it with."""

    def __init__(self, id, person, message, data, at):
        self.id = id
        self.person = person
        self.message = message
        self.data = data
        self.at = at
        self.answered = None  # when
        self.text = ""
        self.alert = False

    def __repr__(self):
        return f"<press {self.data!r} {'answered' if self.answered else 'open'} {self.text!r}>"


class World:
    """All of it, behind one lock. `changed` is notified of everything that happens."""

    def __init__(self, token):
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.on_update = lambda: None
        self.token = token
        self.bot = Person(int(token.partition(":")[0]), "PG-Limiter", username="pg_limiter_bot")
        self.bot.is_bot = True
        self.people = {self.bot.id: self.bot}
        self.chats = {}
        self.files = {}
        self.presses = {}
        self.updates = []
        self.next_update = 700_000_001
        self.next_message = 1
        self.next_number = 1
        self.allowed = None
        self.commands = {}  # (scope as text, language) → commands
        self.webhook = ""
        self.query_life = 15.0
        self.calls = []

    def number(self):
        self.next_number += 1
        return self.next_number - 1

    def tell(self):
        self.changed.notify_all()

    # -- updates -------------------------------------------------------------------------------

    def update(self, kind, value):
        """Keeps an update for the bot, unless it does not want its kind."""
        if self.allowed and kind not in self.allowed:
            return
        if not self.allowed and kind in ("chat_member", "message_reaction"):
            return
        self.updates.append({"update_id": self.next_update, kind: value})
        self.next_update += 1
        self.on_update()

    def take(self, offset, limit):
        """What getUpdates gives: `offset` confirms what is before it, negative counts from the end."""
        if offset < 0:
            del self.updates[:max(0, len(self.updates) + offset)]
        elif offset > 0:
            while self.updates and self.updates[0]["update_id"] < offset:
                self.updates.pop(0)
        return copy.deepcopy(self.updates[:limit])

    # -- chats ---------------------------------------------------------------------------------

    def person(self, id, first_name, **more):
        if id in self.people:
            raise ValueError(f"there is a person {id} already")
        self.people[id] = Person(id, first_name, **more)
        return self.people[id]

    def private(self, person):
        if person.id not in self.chats:
            self.chats[person.id] = Chat(person.id, PRIVATE, person=person)
        return self.chats[person.id]

    def group(self, title, kind=SUPERGROUP, forum=False):
        number = self.number()
        id = -1_001_000_000_000 - number if kind == SUPERGROUP else -4_000_000 - number
        self.chats[id] = Chat(id, kind, title=title, forum=forum)
        return self.chats[id]

    def chat_for(self, chat_id):
        """The chat that a call names, or ApiError."""
        if chat_id is None or chat_id == "":
            raise bad("chat_id is empty")
        chat = self.chats.get(chat_id) if isinstance(chat_id, int) else None
        if chat is None and isinstance(chat_id, int) and chat_id in self.people:
            chat = self.private(self.people[chat_id])
        if chat is None or (chat.kind != PRIVATE and chat.bot is None):
            raise bad("chat not found")
        if chat.moved_to is not None:
            raise ApiError(400, "Bad Request: group chat was upgraded to a supergroup chat",
                           migrate_to_chat_id=chat.moved_to.id)
        return chat

    def chat_to_send(self, chat_id):
        """The chat that a call sends to; ApiError when the bot may not."""
        chat = self.chat_for(chat_id)
        if chat.kind == PRIVATE:
            if chat.person.is_bot:
                raise forbidden("bots can't send messages to bots")
            if chat.person.deactivated:
                raise forbidden("user is deactivated")
            if chat.blocked:
                raise forbidden("bot was blocked by the user")
            if not chat.started:
                raise forbidden("bot can't initiate conversation with a user")
        elif chat.bot not in ("member", "administrator"):
            word = "supergroup" if chat.kind == SUPERGROUP else "group"
            raise forbidden(f"bot was kicked from the {word} chat" if chat.bot == "kicked" else
                            f"bot is not a member of the {word} chat")
        return chat

    # -- messages ------------------------------------------------------------------------------

    def message(self, chat, sender, thread=None):
        """A new message in a chat, still empty; `publish` it when it is whole."""
        if chat.kind == SUPERGROUP:
            id, chat.next_id = chat.next_id, chat.next_id + 1
        else:
            id, self.next_message = self.next_message, self.next_message + 1
        return Message(id, chat, sender, time.time(), thread)

    def publish(self, message):
        message.chat.messages.append(message)
        if not message.from_bot and self.bot_sees(message):
            self.update("message", message.json())
        self.tell()
        return message

    def bot_sees(self, message):
        """Bots that are no administrators of a group get only what is meant for them."""
        chat = message.chat
        if chat.kind == PRIVATE:
            return True
        if chat.bot == "administrator":
            return True
        if chat.bot != "member":
            return False
        return (message.text.startswith("/") or bool(message.service) or
                f"@{self.bot.username}" in message.text or
                (message.reply_to is not None and message.reply_to.from_bot))

    def edit(self, message, **changes):
        message.history.append(Version(message, message.edited_at or message.at))
        for name, value in changes.items():
            setattr(message, name, value)
        message.edited_at = time.time()
        self.tell()

    def file(self, name, data, size=None):
        made = File(self.number(), name, data, len(data) if size is None else size)
        self.files[made.id] = made
        return made

    def press(self, person, message, data):
        press = Press(str(4_000_000_000_000_000_000 + self.number()), person, message, data,
                      time.monotonic())
        self.presses[press.id] = press
        gone = message.deleted
        shown = ({"chat": message.chat.json(), "message_id": message.id, "date": 0} if gone
                 else message.json())
        self.update("callback_query", {
            "id": press.id, "from": person.json(), "message": shown,
            "chat_instance": str(message.chat.id * 7919), "data": data})
        self.tell()
        return press

    def mentions(self, entities):
        """Entities of a text as Telegram keeps them: links to people whom the bot knows."""
        kept = []
        for one in entities:
            if one["type"] == "text_mention" and "user_id" in one:
                person = self.people.get(int(one["user_id"])) if one["user_id"].isdigit() else None
                if person is None:
                    continue
                one = {k: v for k, v in one.items() if k != "user_id"}
                one["user"] = person.json()
            kept.append(one)
        return kept


def commands_in(text):
    """Entities of a text that a person wrote: its commands."""
    found, at = [], 0
    for word in text.split(" "):
        if word.startswith("/") and len(word) > 1:
            found.append({"offset": at, "length": units(word.split("\n")[0]), "type": "bot_command"})
        at += units(word) + 1
    return found
