"""The commands that README.md and docs/quickstart.md show: in code blocks, in text, in the table of commands."""

import itertools
import pathlib
import re
import shlex

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Transcripts of bare systems in which commands were run: `    # COMMAND`, `    $ COMMAND`, as they are made by tools/*_story.
TRANSCRIPTS = ("readme-debian12.md", "installer-debian12.md", "debian12.md", "debian13.md")
ABBREVIATIONS = {"doctor --bundle FILE": "pg-limiter doctor --bundle FILE"}


def text_of(name):
    return (ROOT / name).read_text()


def blocks(text):
    """Lines of the code blocks, without comments; a block of a .env or of curl is not of the shell's commands here."""
    found = []
    parts = re.split(r"^```(\w*)\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)
    plain = "\n".join(parts[0::3])
    for language, body in zip(parts[1::3], parts[2::3], strict=True):
        if language in ("", "sh", "bash") and not re.search(r"^[A-Z_]+=", body, re.MULTILINE):
            found += [line for line in body.replace("\\\n", " ").splitlines() if not line.startswith("curl ")]
    inside = False
    last = ""
    for line in plain.splitlines():
        deep = re.match(r"(?: {4}| {7})(?=\S)", line)
        inside = bool(deep) and (inside or not last.strip())
        if inside:
            found.append(line.strip())
        last = line
    return [line for line in (re.sub(r"(^|\s+)# .*", "", line).rstrip() for line in found) if line]


def spans(text):
    """Commands in the midst of text."""
    text = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    text = "\n".join(line for line in text.splitlines() if not line.startswith("|"))
    said = [" ".join(s.split()) for s in re.findall(r"`([^`]+)`", text)]
    said = [ABBREVIATIONS.get(s, s) for s in said]
    return [s for s in said if re.match(r"(pg-limiter|make|sudo|scripts/\w+|tools/\w+|pg-limiter\.sh|build/pg-limiter)( |$)", s)]


def forms(cell):
    """What one cell of the table shows: [(words, [options])], each alternative by itself."""
    found = []
    for span in re.findall(r"`([^`]+)`", cell):
        span = span.replace("\\|", "|")
        options = [o.strip(" …") for part in re.findall(r"\[([^\]]+)\]", span) for o in part.split("|")]
        words = re.sub(r"\[[^\]]*\]", "", span).replace("…", "").split()
        found += [(list(one), options) for one in itertools.product(*(w.split("|") for w in words))]
    return found


def table(text):
    """The rows of the table of commands."""
    part = text.split("\n## Commands\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[1] for line in part.splitlines() if line.startswith("|")]
    return [form for cell in rows[2:] for form in forms(cell)]


def described(text):
    """Options that the table's second column tells of."""
    part = text.split("\n## Commands\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\)\|", line)[2] for line in part.splitlines() if line.startswith("|")]
    return sorted({s.split()[0] for cell in rows for s in re.findall(r"`(--[^`]+)`", cell)})


def alike(shown, run):
    """Whether the words `run` are `shown` with its placeholders filled in, and perhaps with more options."""
    if len(run) < len(shown):
        return False
    for a, b in zip(shown, run, strict=False):
        if a != b and not (re.fullmatch(r"[A-Z]+…?", a) and a not in ("SUITE", "ARCH")):
            return False
    return True


def transcribed():
    """Commands in the transcripts."""
    found = []
    for name in TRANSCRIPTS:
        path = ROOT / "docs" / name
        if path.exists():
            found += re.findall(r"^    [#$] (.*)$", path.read_text(), re.MULTILINE)
    return found


def words_of(line):
    """The words of each pg-limiter of a line."""
    found = []
    for part in re.split(r"[;|&]+", line):
        try:
            words = shlex.split(part)
        except ValueError:
            continue
        if "pg-limiter" in words:
            found.append(words[words.index("pg-limiter") + 1:])
    return found
