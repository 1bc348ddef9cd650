"""What the terminal shows: captions, the daemon's own lines, tables; plain when nobody looks."""

import os
import re
import sys
import textwrap
from dataclasses import dataclass

WIDTH = 100
LOG_LINE = re.compile(r"\A\d{4}-\d\d-\d\d (\d\d:\d\d:\d\d\.\d{3}) ([A-Z]+) +(\S+) +(.*)\Z")
ESCAPES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
LEVELS = {"DEBUG": "dim", "INFO": "green", "WARNING": "yellow", "ERROR": "red"}


def wants_colour(stream, environ):
    """Colour only on a terminal that can show it, unless the operator said no (no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def clock(seconds):
    """Seconds of play as mm:ss, cut, never rounded up."""
    whole = max(0, int(seconds))
    return f"{whole // 60:02}:{whole % 60:02}"


def span(seconds):
    """A length of time for people: 4 ms, 1.2 s, 180 s."""
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if abs(seconds) < 10 else f"{seconds:.0f} s"


def count(number, word, words=None):
    """'1 line', '2 lines', '12,345 lines'."""
    return f"{number:,} {word if number == 1 else words or word + 's'}"


@dataclass
class LogLine:
    """One line of the daemon's log; level None: a line in no known form, as it came."""

    time: str
    level: str | None
    area: str
    text: str


def parse_log(line):
    found = LOG_LINE.match(line)
    return LogLine(*found.groups()) if found else LogLine("", None, "", line)


def wrapped(text, first, rest=None, width=WIDTH):
    """Lines of `text` of at most `width` columns, after `first`, then `rest` (default: blanks)."""
    rest = " " * len(first) if rest is None else rest
    return textwrap.wrap(text, width, initial_indent=first, subsequent_indent=rest,
                         break_on_hyphens=False) or [first.rstrip()]


def table(heads, rows, indent=2):
    """Lines of a table, cut at the edge; a head that begins with '>' is a column of numbers."""
    names = [h.lstrip(">") for h in heads]
    right = [h.startswith(">") for h in heads]
    cells = [names] + [["" if c is None else str(c) for c in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = []
    for row in cells:
        padded = [c.rjust(w) if r else c.ljust(w) for c, w, r in zip(row, widths, right)]
        line = " " * indent + "  ".join(padded).rstrip()
        lines.append(line if len(line) <= WIDTH else line[:WIDTH - 3] + "...")
    return lines


class Screen:
    """Writes to one stream, each line at once."""

    def __init__(self, stream=None, colour=None):
        self.stream = stream or sys.stdout
        self.colour = wants_colour(self.stream, os.environ) if colour is None else colour
        self.last = None

    def paint(self, text, style):
        return f"\033[{ESCAPES[style]}m{text}\033[0m" if self.colour and style and text else text

    def write(self, text=""):
        self.stream.write(text + "\n")
        self.stream.flush()

    def block(self, kind):
        """An empty line between blocks of different kinds."""
        if self.last not in (None, kind):
            self.write()
        self.last = kind

    def title(self, text):
        self.block("title")
        self.write(self.paint(text, "bold"))
        self.write(self.paint("-" * len(text), "dim"))
        self.last = None

    def text(self, text, indent=0, style=None):
        self.block("text")
        for line in wrapped(text, " " * indent):
            self.write(self.paint(line, style))

    def caption(self, seconds, text):
        """What the players do, at a second of the play."""
        self.block("caption")
        for i, line in enumerate(wrapped(text, clock(seconds) + "  ")):
            head, tail = (line[:5], line[5:]) if i == 0 else ("", line)
            self.write(self.paint(head, "cyan") + self.paint(tail, "bold"))

    def log(self, line):
        """A line of the daemon's log: without its date, folded at the edge, else as it came."""
        self.block("log")
        entry = parse_log(line)
        if entry.level is None:
            self.write(entry.text)
            return
        head = f"{entry.time} {entry.level:<7} {entry.area:<8} "
        for i, part in enumerate(wrapped(entry.text, head)):
            if i == 0:
                part = (self.paint(entry.time, "dim") + " "
                        + self.paint(f"{entry.level:<7}", LEVELS.get(entry.level))
                        + part[len(entry.time) + 8:])
            self.write(part)

    def phone(self, lines):
        """A message on the operator's phone."""
        self.block("phone")
        for line in lines:
            self.write(self.paint("  │ ", "cyan") + line)

    def command(self, words, output):
        """A command and what it printed."""
        self.block("command")
        self.write(self.paint("$ " + words, "bold"))
        for line in output.splitlines():
            self.write("  " + line)

    def table(self, heads, rows, note=None):
        self.block("table")
        if note:
            self.write("  " + self.paint(note, "dim"))
        for i, line in enumerate(table(heads, rows)):
            self.write(self.paint(line, "dim") if i == 0 else line)
        self.last = "table"

    def verdict(self, good, text):
        """One thing that was to happen, and whether it did."""
        self.block("verdict")
        mark = self.paint("ok     ", "green") if good else self.paint("MISSING", "red")
        for i, line in enumerate(wrapped(text, " " * 11)):
            self.write(f"  {mark}  {line[11:]}" if i == 0 else line)
