"""A chat as text: who wrote what when, edits marked, buttons in their rows."""

import time

WIDTH = 62


def clock(at):
    return time.strftime("%H:%M", time.localtime(at))


def message_text(message):
    """One message, as lines."""
    who = "bot" if message.from_bot else message.sender.name
    edited = " (edited)" if message.edited_at else ""
    thread = ""
    if message.thread and message.thread in message.chat.topics:
        thread = f" # {message.chat.topics[message.thread]['name']}"
    lines = [f"── {who} {clock(message.at)}{edited}{thread} ".ljust(WIDTH, "─")]
    if message.origin:
        origin = message.origin
        name = origin.get("sender_user", {}).get("first_name") or origin.get("sender_user_name")
        lines.append(f"   (forwarded from {name})")
    if message.document:
        lines.append(f"   📎 {message.document.name} ({message.document.size} bytes)")
    for kind in message.service:
        lines.append(f"   ({kind.replace('_', ' ')})")
    lines += ["   " + line for line in message.text.split("\n")] if message.text else []
    for row in message.buttons:
        lines.append("   " + " ".join(f"[ {b['text']} ]" for b in row))
    return lines


def chat_text(chat, last=None):
    """The chat, oldest message first; only the `last` so many."""
    shown = chat.shown[-last:] if last else chat.shown
    return "\n".join([f"═══ {chat.name} ".ljust(WIDTH, "═"),
                      *(line for m in shown for line in message_text(m))])
