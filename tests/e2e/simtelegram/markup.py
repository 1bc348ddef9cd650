"""Texts as Telegram reads them: HTML to text and entities, lengths in UTF-16 units."""

import re

from .errors import bad

TEXT_MAX = 4096
CAPTION_MAX = 1024
ENTITIES_MAX = 100
KINDS = {"b": "bold", "strong": "bold", "i": "italic", "em": "italic", "u": "underline",
         "ins": "underline", "s": "strikethrough", "strike": "strikethrough",
         "del": "strikethrough", "tg-spoiler": "spoiler", "span": "spoiler", "a": "text_link",
         "code": "code", "pre": "pre", "blockquote": "blockquote", "tg-emoji": "custom_emoji",
         "tg-time": "date_time"}
NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_ENTITY = re.compile(r"&(?:#x([0-9a-fA-F]{1,8})|#([0-9]{1,8})|(lt|gt|amp|quot));?")
_SPACE = " \t\r\n\f\v"


def units(text):
    """Length in UTF-16 units, which is how Telegram counts."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def cant(text):
    return bad("can't parse entities: " + text)


def _decode(text):
    def one(match):
        hexa, decimal, name = match.groups()
        if name:
            return NAMED[name]
        code = int(hexa, 16) if hexa else int(decimal)
        if code == 0 or code > 0x10FFFF or 0xD800 <= code < 0xE000:
            return match.group(0)
        return chr(code)
    return _ENTITY.sub(one, text)


class _Reader:
    """One pass over an HTML text. Offsets in errors are bytes of UTF-8, as Telegram gives them."""

    def __init__(self, source):
        self.source = source
        self.at = 0
        self.out = []
        self.length = 0
        self.stack = []
        self.entities = []

    def byte(self, at):
        return len(self.source[:at].encode("utf-8", "surrogatepass"))

    def put(self, text):
        self.out.append(text)
        self.length += units(text)

    def read(self):
        while self.at < len(self.source):
            lt = self.source.find("<", self.at)
            end = len(self.source) if lt < 0 else lt
            self.put(_decode(self.source[self.at:end]))
            self.at = end
            if lt >= 0:
                if self.source.startswith("</", lt):
                    self.end_tag(lt)
                else:
                    self.start_tag(lt)
        if self.stack:
            raise cant(f'Can\'t find end tag corresponding to start tag "{self.stack[-1][0]}"')
        return "".join(self.out), self.entities

    def start_tag(self, begin):
        found = re.compile(r"<([^\s>]*)").match(self.source, begin)
        name = found.group(1).lower()
        at = found.end()
        if at >= len(self.source):
            raise cant(f"Unclosed start tag at byte offset {self.byte(begin)}")
        if name not in KINDS:
            raise cant(f'Unsupported start tag "{name}" at byte offset {self.byte(begin)}')
        attributes, self.at = self.attributes(name, begin, at)
        if name == "span" and attributes.get("class") != "tg-spoiler":
            raise cant(f'Tag "span" must have class "tg-spoiler" at byte offset {self.byte(begin)}')
        self.stack.append((name, attributes, self.length, len(self.out)))

    def attributes(self, name, begin, at):
        source, found = self.source, {}
        while True:
            while at < len(source) and source[at] in _SPACE:
                at += 1
            if at >= len(source):
                raise cant(f"Unclosed start tag at byte offset {self.byte(begin)}")
            if source[at] == ">":
                return found, at + 1
            word = re.compile(r"[^\s=>]*").match(source, at)
            key, at = word.group(0).lower(), word.end()
            if not key:
                raise cant(f'Empty attribute name in the tag "{name}" at byte offset '
                           f"{self.byte(begin)}")
            while at < len(source) and source[at] in _SPACE:
                at += 1
            if at >= len(source) or source[at] != "=":
                if name == "blockquote" and key == "expandable":
                    found[key] = ""
                    continue
                raise cant("Expected equal sign in declaration of an attribute of the tag "
                           f'"{name}" at byte offset {self.byte(begin)}')
            at += 1
            while at < len(source) and source[at] in _SPACE:
                at += 1
            value, at = self.value(name, begin, at)
            found[key] = _decode(value)

    def value(self, name, begin, at):
        source = self.source
        if at < len(source) and source[at] in "\"'":
            end = source.find(source[at], at + 1)
            if end < 0:
                raise cant(f"Unclosed start tag at byte offset {self.byte(begin)}")
            return source[at + 1:end], end + 1
        word = re.compile(r"[A-Za-z0-9.\-]*").match(source, at)
        if word.end() >= len(source):
            raise cant(f'Unclosed start tag "{name}" at byte offset {self.byte(begin)}')
        return word.group(0), word.end()

    def end_tag(self, begin):
        close = self.source.find(">", begin)
        where = self.byte(begin)
        if close < 0:
            raise cant(f"Unclosed end tag at byte offset {where}")
        name = self.source[begin + 2:close].rstrip(_SPACE).lower()
        if not self.stack:
            raise cant(f"Unexpected end tag at byte offset {where}")
        wanted, attributes, start, _ = self.stack.pop()
        if name and name != wanted:
            raise cant(f'Unmatched end tag at byte offset {where}, expected "</{wanted}>", '
                       f'found "</{name}>"')
        self.at = close + 1
        self.entity(wanted, attributes, start)

    def entity(self, name, attributes, start):
        length = self.length - start
        if length == 0:
            return
        one = {"offset": start, "length": length, "type": KINDS[name]}
        if name == "a":
            href = attributes.get("href")
            if href is None:
                href = "".join(self.out)[-length:]
            if href.startswith("tg://user?id="):
                one = {**one, "type": "text_mention", "user_id": href.partition("id=")[2]}
            elif re.match(r"(https?|tg|ton|mailto|tel):", href) or "." in href:
                one["url"] = href
            else:
                return
        elif name == "blockquote" and "expandable" in attributes:
            one["type"] = "expandable_blockquote"
        elif name == "code" and self.stack and self.stack[-1][0] == "pre":
            return
        elif name == "tg-emoji":
            one["custom_emoji_id"] = attributes.get("emoji-id", "")
        elif name == "tg-time":
            one["unix_time"] = int(attributes.get("unix", "0") or 0)
        self.entities.append(one)


def parse(text, mode):
    """A text as sent → (text, entities), without white space at its ends; or ApiError."""
    if mode is None or mode == "":
        body, entities = text, []
    elif mode.lower() == "html":
        body, entities = _Reader(text).read()
    elif mode.lower() in ("markdown", "markdownv2"):
        raise bad(f"simtelegram does not read {mode}")
    else:
        raise bad("unsupported parse_mode")
    return trim(body, entities)


def trim(text, entities):
    left = len(text) - len(text.lstrip(_SPACE))
    body = text.strip(_SPACE)
    shift, length = units(text[:left]), units(body)
    kept = []
    for one in sorted(entities, key=lambda e: (e["offset"], -e["length"], e["type"])):
        begin = max(0, one["offset"] - shift)
        end = min(length, one["offset"] + one["length"] - shift)
        if end > begin:
            kept.append({**one, "offset": begin, "length": end - begin})
    return body, kept[:ENTITIES_MAX]
