"""Inline keyboards: what Telegram refuses of them."""

import re

from . import schema
from .errors import bad
from .markup import units

BUTTONS_MAX = 100
DATA_MAX = 64
COPY_MAX = 256
KINDS = ("url", "callback_data", "web_app", "login_url", "switch_inline_query",
         "switch_inline_query_current_chat", "switch_inline_query_chosen_chat", "copy_text",
         "callback_game", "pay")
FIELDS = schema.TYPES["InlineKeyboardButton"]["fields"]
REPLY = ("keyboard", "remove_keyboard", "force_reply")


def check(markup):
    """A `reply_markup` → the inline keyboard to keep (None: none), or ApiError."""
    if markup is None:
        return None
    if not isinstance(markup, dict):
        raise bad("object expected as reply markup")
    if "inline_keyboard" not in markup:
        if not markup or any(name in markup for name in REPLY):
            return None
        raise bad("object expected as reply markup")
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list):
        raise bad('field "inline_keyboard" must be of type Array')
    kept = []
    for row in rows:
        if not isinstance(row, list):
            raise bad("can't parse inline keyboard button: KeyboardButton row must be an Array")
        if row:
            kept.append([button(one) for one in row])
    if sum(map(len, kept)) > BUTTONS_MAX:
        raise bad("reply markup is too long")
    return {"inline_keyboard": kept} if kept else None


def button(one):
    cant = "can't parse inline keyboard button: "
    if not isinstance(one, dict):
        raise bad(cant + "InlineKeyboardButton must be an Object")
    if "text" not in one:
        raise bad(cant + 'Can\'t find field "text"')
    if not isinstance(one["text"], str):
        raise bad(cant + 'Field "text" must be of type String')
    if not one["text"].strip():
        raise bad("BUTTON_TEXT_INVALID")
    used = [k for k in KINDS if k in one]
    if not used or one.get("callback_data") == "" and used == ["callback_data"]:
        raise bad(cant + "Text buttons are unallowed in the inline keyboard")
    if len(used) > 1:
        raise bad(cant + "exactly one of the optional fields must be used")
    if "callback_data" in one:
        if not isinstance(one["callback_data"], str):
            raise bad(cant + 'Field "callback_data" must be of type String')
        if len(one["callback_data"].encode()) > DATA_MAX:
            raise bad("BUTTON_DATA_INVALID")
    elif "url" in one and not re.match(r"(https?|tg)://[^/\s]|[\w-]+\.\w", one["url"]):
        raise bad(f"inline keyboard button URL '{one['url']}' is invalid: Wrong HTTP URL")
    elif "copy_text" in one and not 1 <= units(one["copy_text"].get("text", "")) <= COPY_MAX:
        raise bad("BUTTON_COPY_TEXT_INVALID")
    if one.get("style") not in (None, "danger", "success", "primary"):
        raise bad("BUTTON_STYLE_INVALID")
    return {k: v for k, v in one.items() if k in FIELDS}
