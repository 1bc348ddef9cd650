"""A command on a real terminal, and what it shows there as a picture (PNG)."""

import contextlib
import fcntl
import html
import os
import pty
import select
import signal
import struct
import termios
import time

import pyte
from simtelegram.pango import Canvas

FONT, SIZE, LEADING, PAD, BAR = "DejaVu Sans Mono", 13.5, 1.22, 14, 26
BACK, INK, PROMPT = "#16191d", "#d7dae0", "#8fce7a"
COLORS = {"black": "#5c6370", "red": "#e8696f", "green": "#8fce7a", "brown": "#e0b35c",
          "blue": "#6fa8e8", "magenta": "#c98be0", "cyan": "#62c5cf", "white": "#d7dae0"}


def run(argv, environment, columns, rows, keys=(), seconds=20):
    """The screen that argv leaves on a terminal of that size.

    keys: (seconds of quiet before it, what is pressed) in order. The screen is taken before the last key, if
    there is one (a program that redraws takes its screen away with it), else when the program has ended.
    """
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    pid, fd = pty.fork()
    if pid == 0:
        os.execvpe(argv[0], argv, {**environment, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"})
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    os.kill(pid, signal.SIGWINCH)
    keys, taken, end, quiet = list(keys), None, time.monotonic() + seconds, time.monotonic()
    with contextlib.suppress(OSError), os.fdopen(fd, "r+b", buffering=0) as terminal:
        while time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                got = terminal.read(65536)
                if not got:
                    break
                stream.feed(got)
                quiet = time.monotonic()
            elif keys and time.monotonic() - quiet > keys[0][0]:
                key = keys.pop(0)[1]
                taken = taken or (None if keys else cells(screen))
                terminal.write(key.encode())
        else:
            os.kill(pid, signal.SIGKILL)
            raise TimeoutError(f"{argv} had not ended after {seconds} s:\n" + "\n".join(screen.display))
    os.waitpid(pid, 0)
    return taken or cells(screen)


def cells(screen):
    """Its lines as lists of (character, colour, bold, reversed), without the empty ones at the end."""
    lines = [[(c.data or " ", COLORS.get(c.fg, INK), c.bold, c.reverse)
              for c in (screen.buffer[y][x] for x in range(screen.columns))] for y in range(screen.lines)]
    while lines and not "".join(c[0] for c in lines[-1]).strip():
        lines.pop()
    return lines


def markup(line):
    out = []
    for text, color, bold, reverse in line:
        style = f"color='{BACK if reverse else color}'" + (" weight='bold'" if bold else "")
        if reverse:
            style += f" background='{color}'"
        out.append(f"<span {style}>{html.escape(text, quote=False)}</span>")
    return "".join(out)


def draw(command, lines, path, scale=1.25):
    """Draws a window in which `command` was typed and `lines` came; how many characters no font had."""
    prompt = [(c, PROMPT, True, False) for c in "$ "] + [(c, INK, True, False) for c in command]
    shown = [prompt, *lines]
    with contextlib.closing(Canvas(1, 1)) as ruler:
        one = ruler.layout("x" * 100, FONT, SIZE, one_line=True)
        width, height = ruler.size(one)
    step = height * LEADING
    wide = width / 100 * max(
        len("".join(c[0] for c in line).rstrip()) for line in shown) + 2 * PAD
    with contextlib.closing(Canvas(wide, BAR + PAD + step * len(shown) + PAD, scale)) as canvas:
        canvas.box(0, 0, wide, BAR + 2 * PAD + step * len(shown), BACK)
        canvas.box(0, 0, wide, BAR, "#2b3036")
        for i, color in enumerate(("#e8696f", "#e0b35c", "#8fce7a")):
            canvas.box(14 + 18 * i, BAR / 2 - 5, 10, 10, color, 5)
        for i, line in enumerate(shown):
            canvas.show(canvas.layout(markup(line), FONT, SIZE, one_line=True), PAD, BAR + PAD / 2 + i * step, INK)
        canvas.save(path)
        return canvas.unknown
