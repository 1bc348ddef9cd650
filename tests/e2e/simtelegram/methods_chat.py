"""Methods about the bot, its commands, chats and topics. They register themselves in METHODS."""

import json

from .errors import bad
from .methods import METHODS, method
from .world import PRIVATE, SUPERGROUP

COLORS = (7322096, 16766590, 13338331, 9367192, 16749490, 16478047)
TOPIC_MAX = 128
COMMANDS_MAX = 100


@method
def get_me(world, values):
    return {**world.bot.json(), "can_join_groups": True, "can_read_all_group_messages": False,
            "supports_inline_queries": False, "can_connect_to_business": False,
            "has_main_web_app": False, "has_topics_enabled": False,
            "allows_users_to_create_topics": False, "can_manage_bots": False,
            "supports_guest_queries": False, "supports_join_request_queries": False}


def accept(world, values):
    """What nothing here depends on."""
    return True


METHODS.update(dict.fromkeys(("logOut", "close", "setChatMenuButton", "setMyName", "setMyDescription",
                              "setMyShortDescription"), accept))


@method
def set_webhook(world, values):
    world.webhook = values.get("url", "")
    return True


@method
def delete_webhook(world, values):
    world.webhook = ""
    if values.get("drop_pending_updates"):
        world.updates.clear()
    return True


@method
def get_webhook_info(world, values):
    return {"url": world.webhook, "has_custom_certificate": False,
            "pending_update_count": len(world.updates)}


# -- commands ----------------------------------------------------------------------------------


def commands_key(values):
    scope = values.get("scope") or {"type": "default"}
    language = values.get("language_code") or ""
    if language and not (len(language) == 2 and language.isascii() and language.islower()):
        raise bad("LANG_CODE_INVALID")
    return json.dumps(scope, sort_keys=True), language


@method
def set_my_commands(world, values):
    commands = values.get("commands") or []
    if len(commands) > COMMANDS_MAX:
        raise bad("BOT_COMMANDS_TOO_MUCH")
    for one in commands:
        name = one.get("command", "").removeprefix("/")
        if not (1 <= len(name) <= 32 and name.isascii() and name == name.lower() and
                name.replace("_", "a").isalnum()):
            raise bad("BOT_COMMAND_INVALID")
        if not 1 <= len(one.get("description", "")) <= 256:
            raise bad("BOT_COMMAND_DESCRIPTION_INVALID")
    world.commands[commands_key(values)] = commands
    world.tell()
    return True


@method
def get_my_commands(world, values):
    return world.commands.get(commands_key(values), [])


@method
def delete_my_commands(world, values):
    world.commands.pop(commands_key(values), None)
    return True


# -- chats -------------------------------------------------------------------------------------


def chat_seen(world, values):
    """A chat that the bot may look at."""
    chat = world.chat_for(values.get("chat_id"))
    if chat.kind != PRIVATE and chat.bot not in ("member", "administrator"):
        chat = world.chat_to_send(chat.id)
    return chat


@method
def get_chat(world, values):
    chat = chat_seen(world, values)
    return {**chat.json(), "accent_color_id": 0, "max_reaction_count": 11,
            "accepted_gift_types": {"unlimited_gifts": True, "limited_gifts": True,
                                    "unique_gifts": True, "premium_subscription": True,
                                    "gifts_from_channels": True}}


RIGHTS = ("can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages",
          "can_manage_video_chats", "can_restrict_members", "can_promote_members",
          "can_change_info", "can_invite_users", "can_post_stories", "can_edit_stories",
          "can_delete_stories")


def member_json(world, chat, person):
    if person is world.bot:
        status = chat.bot or "left"
    else:
        status = chat.members.get(person.id, "left")
    out = {"status": status, "user": person.json()}
    if status == "administrator":
        given = chat.rights if person is world.bot else dict.fromkeys(RIGHTS, True)
        out.update({name: bool(given.get(name)) for name in RIGHTS})
        if chat.kind == SUPERGROUP:
            out.update({name: bool(given.get(name))
                        for name in ("can_pin_messages", "can_manage_topics")})
    elif status == "creator":
        out["is_anonymous"] = False
    elif status == "kicked":
        out["until_date"] = 0
    return out


@method
def get_chat_member(world, values):
    chat = chat_seen(world, values)
    person = world.people.get(values.get("user_id"))
    if person is None:
        raise bad("invalid user_id specified")
    return member_json(world, chat, person)


@method
def get_chat_administrators(world, values):
    chat = chat_seen(world, values)
    if chat.kind == PRIVATE:
        raise bad("there are no administrators in the private chat")
    people = [world.people[id] for id, status in chat.members.items()
              if status in ("administrator", "creator")]
    if chat.bot == "administrator":
        people.append(world.bot)
    return [member_json(world, chat, p) for p in people]


@method
def get_chat_member_count(world, values):
    chat = chat_seen(world, values)
    return 2 if chat.kind == PRIVATE else len(chat.members) + 1


@method
def leave_chat(world, values):
    chat = world.chat_to_send(values.get("chat_id"))
    if chat.kind == PRIVATE:
        raise bad("chat member status can't be changed in private chats")
    chat.bot = "left"
    world.tell()
    return True


# -- topics ------------------------------------------------------------------------------------


def forum(world, values):
    chat = world.chat_to_send(values.get("chat_id"))
    if not chat.forum:
        raise bad("the chat is not a forum")
    if chat.bot != "administrator" or not chat.rights.get("can_manage_topics"):
        raise bad("not enough rights to create a topic")
    return chat


def topic(world, values):
    chat = forum(world, values)
    found = chat.topics.get(values.get("message_thread_id"))
    if found is None:
        raise bad("message thread not found")
    return chat, found


@method
def create_forum_topic(world, values):
    chat = forum(world, values)
    name, color = values.get("name", "").strip(), values.get("icon_color", COLORS[0])
    if not 1 <= len(name) <= TOPIC_MAX:
        raise bad("TOPIC_TITLE_INVALID" if name else "TOPIC_TITLE_EMPTY")
    if color not in COLORS:
        raise bad("TOPIC_ICON_COLOR_INVALID")
    made = world.message(chat, world.bot)
    made.thread = made.id
    chat.topics[made.id] = {"name": name, "icon_color": color, "closed": False}
    made.service = {"forum_topic_created": {"name": name, "icon_color": color}}
    world.publish(made)
    return {"message_thread_id": made.id, "name": name, "icon_color": color}


@method
def edit_forum_topic(world, values):
    _, found = topic(world, values)
    name = values.get("name", found["name"])
    if name == found["name"] and "icon_custom_emoji_id" not in values:
        raise bad("TOPIC_NOT_MODIFIED")
    found["name"] = name
    world.tell()
    return True


def set_closed(world, values, closed):
    _, found = topic(world, values)
    if found["closed"] == closed:
        raise bad("TOPIC_NOT_MODIFIED")
    found["closed"] = closed
    return True


@method
def close_forum_topic(world, values):
    return set_closed(world, values, True)


@method
def reopen_forum_topic(world, values):
    return set_closed(world, values, False)


@method
def delete_forum_topic(world, values):
    chat, _ = topic(world, values)
    thread = values["message_thread_id"]
    del chat.topics[thread]
    for message in chat.messages:
        if message.thread == thread:
            message.deleted = True
    world.tell()
    return True
