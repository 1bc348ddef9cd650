"""A chat as a picture (PNG) that looks like a phone's: bubbles, right-to-left text, emoji, buttons."""

import contextlib
import html

from .pango import Canvas
from .render import clock

FONT = "Noto Sans, Noto Sans Arabic, WenQuanYi Micro Hei"
CODE = "DejaVu Sans Mono, Noto Sans Arabic"
SIZE, SMALL = 15, 11.5
WIDTH, HEAD = 390, 54
MARGIN, PAD, GAP = 8, 11, 6
BUBBLE = WIDTH - 2 * MARGIN - 18
ROW, ROW_GAP = 36, 4
BACK, BAR, MINE, THEIRS = "#c9dbe6", "#527da3", "#effdde", "#ffffff"
INK, GREY, GREEN, LINK, KEY = "#000000", "#93a0aa", "#5fa84c", "#2678b6", "#5b7f99d0"
STYLES = {"bold": "weight='600'", "italic": "style='italic'", "underline": "underline='single'",
          "strikethrough": "strikethrough='true'", "code": f"face='{CODE}' size='93%' color='#3c6e8f'",
          "pre": f"face='{CODE}' size='90%' color='#3c6e8f'", "text_link": f"color='{LINK}'",
          "text_mention": f"color='{LINK}'", "spoiler": "background='#b8c0c6' color='#b8c0c6'",
          "blockquote": "color='#4f6f87' background='#eef4f8'", "bot_command": f"color='{LINK}'",
          "expandable_blockquote": "color='#4f6f87' background='#eef4f8'"}


def markup(text, entities):
    """A text and its entities (offsets in UTF-16 units) in Pango's markup."""
    at, starts = 0, []
    for character in text:
        starts.append(at)
        at += 2 if ord(character) > 0xFFFF else 1
    styles = [[] for _ in text]
    for one in entities:
        style = STYLES.get(one["type"])
        for i, place in enumerate(starts):
            if style and one["offset"] <= place < one["offset"] + one["length"]:
                styles[i].append(style)
    out, i = [], 0
    while i < len(text):
        end = i + 1
        while end < len(text) and styles[end] == styles[i]:
            end += 1
        part = html.escape(text[i:end], quote=False)
        for style in styles[i]:
            part = f"<span {style}>{part}</span>"
        out.append(part)
        i = end
    return "".join(out)


class Bubble:
    """One message, measured."""

    def __init__(self, canvas, message):
        self.message = message
        self.mine = not message.from_bot
        when = ("edited " if message.edited_at else "") + clock(message.at)
        self.time = canvas.layout(when, FONT, SMALL, one_line=True)
        self.time_width, self.time_height = canvas.size(self.time)
        self.text, width, height = None, 0, 0
        if message.text:
            body = markup(message.text, message.entities)
            self.text = canvas.layout(body, FONT, SIZE)
            width, height = canvas.size(self.text)
            if width > BUBBLE - 2 * PAD or message.buttons:
                canvas.free(self.text)
                self.text = canvas.layout(body, FONT, SIZE, BUBBLE - 2 * PAD)
                width, height = canvas.size(self.text)
        self.document = None
        if message.document:
            name = html.escape(message.document.name)
            told = f"<b>{name}</b>\n<span size='85%' color='{GREY}'>{size_text(message.document.size)}</span>"
            self.document = canvas.layout(told, FONT, SIZE, BUBBLE - 2 * PAD - 50)
            width = max(width, BUBBLE - 2 * PAD)
            height += 50
        self.width = BUBBLE if message.buttons else max(width, self.time_width) + 2 * PAD
        self.body = height + self.time_height + 2 + 2 * PAD - 5
        self.keys = [[canvas.layout(html.escape(b["text"], quote=False), FONT, SIZE - 1,
                                    (BUBBLE - ROW_GAP * (len(row) - 1)) / len(row) - 10, center=True,
                                    one_line=True) for b in row] for row in message.buttons]
        self.height = self.body + len(self.keys) * (ROW + ROW_GAP) + GAP

    def draw(self, canvas, y):
        x = WIDTH - MARGIN - self.width if self.mine else MARGIN
        canvas.box(x, y + 1, self.width, self.body, "#9fb6c4", 14)
        canvas.box(x, y, self.width, self.body, MINE if self.mine else THEIRS, 14)
        top = y + PAD - 3
        if self.document:
            canvas.box(x + PAD, top + 2, 40, 40, "#4fa3d8", 20)
            canvas.box(x + PAD + 13, top + 12, 14, 20, "#ffffff", 2)
            canvas.show(self.document, x + PAD + 50, top + 2, INK)
            top += 50
        if self.text:
            canvas.show(self.text, x + PAD, top, INK)
        canvas.show(self.time, x + self.width - PAD - self.time_width,
                    y + self.body - self.time_height - 5, GREEN if self.mine else GREY)
        y += self.body + ROW_GAP
        for row in self.keys:
            wide = (self.width - ROW_GAP * (len(row) - 1)) / len(row)
            for i, key in enumerate(row):
                left = x + i * (wide + ROW_GAP)
                canvas.box(left, y, wide, ROW, KEY, 9)
                _, high = canvas.size(key)
                canvas.show(key, left + 5, y + (ROW - high) / 2, "#ffffff")
            y += ROW + ROW_GAP


def size_text(size):
    for unit in ("B", "KB", "MB"):
        if size < 1024 or unit == "MB":
            return f"{size:.1f} {unit}" if unit != "B" else f"{size} B"
        size /= 1024
    return ""


def head(canvas, chat, bot):
    canvas.box(0, 0, WIDTH, HEAD, BAR)
    canvas.box(14, 8, 38, 38, "#79b2de", 19)
    name = bot.name if chat.person else chat.name
    initial = canvas.layout(html.escape(name[:1]), FONT, 18, one_line=True)
    wide, high = canvas.size(initial)
    canvas.show(initial, 33 - wide / 2, 27 - high / 2, "#ffffff")
    under = "bot" if chat.person else f"{len(chat.members) + 1} members"
    title = canvas.layout(f"<b>{html.escape(name)}</b>\n<span size='78%' color='#d5e4f1'>{under}</span>",
                          FONT, SIZE, WIDTH - 80)
    canvas.show(title, 64, 5, "#ffffff")


def chat_picture(chat, path, last=None, bot=None, scale=1.5, only=None):
    """Draws the chat (its `last` so many messages, or the ones in `only`) into a PNG; how many
    characters no font had."""
    shown = only or [m for m in (chat.shown[-last:] if last else chat.shown) if not m.service]
    bot = bot or next((m.sender for m in chat.messages if m.from_bot), None)
    with contextlib.closing(Canvas(1, 1)) as ruler:
        height = sum(Bubble(ruler, m).height for m in shown)
    with contextlib.closing(Canvas(WIDTH, HEAD + 10 + height + 6, scale)) as canvas:
        canvas.box(0, 0, WIDTH, HEAD + 16 + height, BACK)
        head(canvas, chat, bot)
        y = HEAD + 10
        for bubble in [Bubble(canvas, m) for m in shown]:
            bubble.draw(canvas, y)
            y += bubble.height
        canvas.save(path)
        return canvas.unknown
