"""Methods that send, change and delete messages, and answer presses. `METHODS`: name → handler.

A handler takes the world and the values of the call, under the world's lock, and returns the result
as JSON, or raises ApiError. `SENDS` and `EDITS` are the ones that Telegram counts.
"""

import time

from . import keyboards
from .errors import NOT_MODIFIED, OLD_QUERY, ApiError, bad
from .markup import CAPTION_MAX, TEXT_MAX, parse, units
from .world import GENERAL_TOPIC, PRIVATE

UPLOAD_MAX = 50 * 1024 * 1024
DOWNLOAD_MAX = 20 * 1024 * 1024
ANSWER_MAX = 200
METHODS = {}
SENDS = {"sendMessage", "sendDocument", "forwardMessage", "copyMessage"}
EDITS = {"editMessageText", "editMessageCaption", "editMessageReplyMarkup"}


def method(function):
    """Registers a handler under its name in the Bot API, `send_message` as sendMessage."""
    first, *rest = function.__name__.split("_")
    METHODS[first + "".join(w.capitalize() for w in rest)] = function
    return function


def read_text(values, world, field="text", most=TEXT_MAX):
    """The text of a call, parsed: (text, entities, as it was sent)."""
    source = values.get(field, "")
    if not isinstance(source, str):
        source = ""
    if any("\ud800" <= c <= "\udfff" for c in source):
        raise bad("strings must be encoded in UTF-8")
    text, entities = parse(source, values.get("parse_mode"))
    if units(text) > most:
        raise bad("message is too long" if most == TEXT_MAX else "message caption is too long")
    return text, world.mentions(entities), source


def thread_of(chat, values):
    """The topic a call sends to, or ApiError; None: the chat itself."""
    thread = values.get("message_thread_id")
    if not thread:
        return None
    if not chat.forum or thread == GENERAL_TOPIC or thread not in chat.topics:
        raise bad("message thread not found")
    if chat.topics[thread]["closed"] and chat.bot != "administrator":
        raise bad("TOPIC_CLOSED")
    return thread


def replied(chat, values):
    wanted = values.get("reply_parameters")
    if not isinstance(wanted, dict):
        return None
    found = chat.find(wanted.get("message_id"))
    if found is None and not wanted.get("allow_sending_without_reply"):
        raise bad("message to be replied not found")
    return found


def new_message(world, values):
    chat = world.chat_to_send(values.get("chat_id"))
    thread = thread_of(chat, values)
    reply = replied(chat, values)
    message = world.message(chat, world.bot, thread)
    message.reply_to = reply
    return message


@method
def send_message(world, values):
    chat = world.chat_for(values.get("chat_id"))
    text, entities, source = read_text(values, world)
    if not text:
        raise bad("message text is empty")
    markup = keyboards.check(values.get("reply_markup"))
    message = new_message(world, {**values, "chat_id": chat.id})
    message.text, message.entities, message.source = text, entities, source
    message.markup = markup
    return world.publish(message).json()


@method
def send_document(world, values):
    given = values.get("document")
    if given is None:
        raise bad("there is no document in the request")
    text, entities, source = read_text(values, world, "caption", CAPTION_MAX)
    markup = keyboards.check(values.get("reply_markup"))
    if isinstance(given, str):
        file = world.files.get(given)
        if file is None:
            raise bad("wrong remote file identifier specified: Wrong string length")
    else:
        name, data = given
        if not data:
            raise bad("file must be non-empty")
        if len(data) > UPLOAD_MAX:
            raise ApiError(413, "Request Entity Too Large")
        file = None
    message = new_message(world, values)
    message.document = file or world.file(name, data)
    message.text, message.entities, message.source = text, entities, source
    message.markup = markup
    return world.publish(message).json()


def again(world, values, what):
    """A message like one that is there; the other message as well."""
    source = world.chat_for(values.get("from_chat_id")).find(values.get("message_id"))
    if source is None:
        raise bad(f"message to {what} not found")
    message = new_message(world, values)
    message.text, message.entities, message.document = source.text, source.entities, source.document
    return message, source


@method
def forward_message(world, values):
    message, source = again(world, values, "forward")
    message.origin = source.origin or {"type": "user", "sender_user": source.sender.json(),
                                       "date": int(source.at)}
    return world.publish(message).json()


@method
def copy_message(world, values):
    message, _ = again(world, values, "copy")
    message.markup = keyboards.check(values.get("reply_markup"))
    return {"message_id": world.publish(message).id}


# -- changing ----------------------------------------------------------------------------------


def to_edit(world, values):
    chat = world.chat_to_send(values.get("chat_id"))
    if not values.get("message_id"):
        raise bad("message identifier is not specified")
    message = chat.find(values["message_id"])
    if message is None:
        raise bad("message to edit not found")
    if not message.from_bot:
        raise bad("message can't be edited")
    return message


def change(world, message, text, entities, source, markup):
    if (text, entities, markup) == (message.text, message.entities, message.markup):
        raise bad(NOT_MODIFIED)
    world.edit(message, text=text, entities=entities, source=source, markup=markup)
    return message.json()


@method
def edit_message_text(world, values):
    text, entities, source = read_text(values, world)
    if not text:
        raise bad("message text is empty")
    markup = keyboards.check(values.get("reply_markup"))
    message = to_edit(world, values)
    if message.document:
        raise bad("there is no text in the message to edit")
    return change(world, message, text, entities, source, markup)


@method
def edit_message_caption(world, values):
    text, entities, source = read_text(values, world, "caption", CAPTION_MAX)
    markup = keyboards.check(values.get("reply_markup"))
    message = to_edit(world, values)
    if not message.document:
        raise bad("there is no caption in the message to edit")
    return change(world, message, text, entities, source, markup)


@method
def edit_message_reply_markup(world, values):
    markup = keyboards.check(values.get("reply_markup"))
    message = to_edit(world, values)
    return change(world, message, message.text, message.entities, message.source, markup)


def may_delete(message):
    chat = message.chat
    return message.from_bot or chat.kind == PRIVATE or (
        chat.bot == "administrator" and chat.rights.get("can_delete_messages"))


@method
def delete_message(world, values):
    chat = world.chat_to_send(values.get("chat_id"))
    message = chat.find(values.get("message_id"))
    if message is None:
        raise bad("message to delete not found")
    if not may_delete(message):
        raise bad("message can't be deleted for everyone")
    message.deleted = True
    world.tell()
    return True


@method
def delete_messages(world, values):
    chat = world.chat_to_send(values.get("chat_id"))
    for id in values.get("message_ids", [])[:100]:
        message = chat.find(id)
        if message is not None and may_delete(message):
            message.deleted = True
    world.tell()
    return True


@method
def pin_chat_message(world, values):
    if world.chat_to_send(values.get("chat_id")).find(values.get("message_id")) is None:
        raise bad("message to pin not found")
    return True


@method
def unpin_chat_message(world, values):
    world.chat_to_send(values.get("chat_id"))
    return True


@method
def send_chat_action(world, values):
    thread_of(world.chat_to_send(values.get("chat_id")), values)
    return True


# -- presses and files -------------------------------------------------------------------------


@method
def answer_callback_query(world, values):
    press = world.presses.get(values.get("callback_query_id"))
    if (press is None or press.answered is not None or
            time.monotonic() - press.at > world.query_life):
        raise bad(OLD_QUERY)
    text = values.get("text") or ""
    if units(text) > ANSWER_MAX:
        raise bad("MESSAGE_TOO_LONG")
    press.text, press.alert = text, values.get("show_alert") is True
    press.answered = time.monotonic()
    world.tell()
    return True


@method
def get_file(world, values):
    file = world.files.get(values.get("file_id"))
    if file is None:
        raise bad("invalid file_id")
    if file.size > DOWNLOAD_MAX:
        raise bad("file is too big")
    return {k: v for k, v in {**file.json(), "file_path": file.path}.items() if k != "file_name"}
