# SPDX-License-Identifier: AGPL-3.0-or-later
"""What the checks in tools/ share: reading C files without a C compiler."""

import re
from pathlib import Path
from typing import Iterator, NamedTuple

ROOT = Path(__file__).resolve().parent.parent


class Finding(NamedTuple):
    """One broken rule at one place."""

    path: Path
    line: int
    rule: str
    text: str

    def show(self, root: Path) -> str:
        path = self.path.relative_to(root) if self.path.is_relative_to(root) else self.path
        return f"{path}:{self.line}: [{self.rule}] {self.text}"


class Function(NamedTuple):
    """A function definition: first line of its head, line of its closing brace, body's lines."""

    name: str
    head_line: int
    end_line: int
    body_lines: int


_TOKEN = re.compile(
    r"""/\*.*?(?:\*/|\Z) | //(?:\\\n|[^\n])*
      | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE,
)


def c_files(root: Path, *folders: str) -> Iterator[Path]:
    """Every .c and .h file under the given folders of root, sorted."""
    for folder in folders:
        yield from sorted(p for p in (root / folder).rglob("*.[ch]") if p.is_file())


def blank(text: str, keep_strings: bool = False) -> str:
    """The source with comments (and, unless kept, the inside of literals) turned into blanks.

    Line breaks stay, so that offsets and line numbers are those of the original.
    """

    def repl(match: re.Match) -> str:
        token = match.group(0)
        if token[0] in "\"'":
            if keep_strings:
                return token
            return token[0] + re.sub(r"[^\n]", " ", token[1:-1]) + token[-1]
        return re.sub(r"[^\n]", " ", token)

    return _TOKEN.sub(repl, text)


def blank_preprocessor(code: str) -> str:
    """Blanked source without its preprocessor lines (and their continuations)."""
    return re.sub(
        r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*",
        lambda m: re.sub(r"[^\n]", " ", m.group(0)),
        code,
        flags=re.MULTILINE,
    )


def line_of(text: str, offset: int) -> int:
    """The line number, from 1, of an offset."""
    return text.count("\n", 0, offset) + 1


def top_level(code: str) -> Iterator[tuple[int, int, bool]]:
    """The outermost pieces of blanked source as (start, end, is_function_body_follows).

    A piece is a declaration up to its `;`, or the head of a function up to its `{`. The braces of
    types and initializers belong to the declaration they stand in.
    """
    start, depth, i = 0, 0, 0
    while i < len(code):
        char = code[i]
        if depth == 0 and char == ";":
            yield start, i + 1, False
            start = i + 1
        elif char == "{":
            if depth == 0:
                head = code[start:i]
                if "(" in head and "=" not in head and head.rstrip().endswith(")"):
                    end = _matching_brace(code, i)
                    yield start, i, True
                    start = i = end
                    continue
            depth += 1
        elif char == "}":
            depth = max(0, depth - 1)
        i += 1


def _matching_brace(code: str, at: int) -> int:
    """The offset just after the brace that closes the one at `at`."""
    depth = 0
    for i in range(at, len(code)):
        if code[i] == "{":
            depth += 1
        elif code[i] == "}":
            depth -= 1
            if depth == 0:
                return i + 1
    return len(code)


def declared_name(head: str) -> str | None:
    """The name of the function that a declaration or head declares; None if it declares none."""
    if re.match(r"\s*typedef\b", head) or "(" not in head:
        return None
    match = re.match(r"[\w\s\*]*?\b(\w+)\s*\(", head)
    if not match or match.group(1) in ("__attribute__", "_Static_assert", "static_assert"):
        return None
    before = head[: match.start(1)].strip()
    return match.group(1) if before else None


def functions(text: str) -> list[Function]:
    """The function definitions of a C file."""
    code = blank_preprocessor(blank(text))
    found = []
    for start, end, is_body in top_level(code):
        if not is_body:
            continue
        name = declared_name(code[start:end])
        if name is None:
            continue
        head = start + len(code[start:end]) - len(code[start:end].lstrip())
        close = _matching_brace(code, end)
        first, last = line_of(code, end), line_of(code, close - 1)
        found.append(Function(name, line_of(code, head), last, last - first + 1))
    return found
