#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fails on what STYLE.md forbids and neither compiler nor clang-format sees.

    tools/check_style.py [--root DIR]

Each finding is `file:line: [rule] text`. The rules: spdx, file-length, function-length, line-length,
docstring, banned, typedef, type-name, marker.
"""

import argparse
import re
import sys
from pathlib import Path

from csource import (
    ROOT,
    Finding,
    blank,
    blank_preprocessor,
    c_files,
    declared_name,
    functions,
    line_of,
    top_level,
)

SPDX = "/* SPDX-License-Identifier: AGPL-3.0-or-later */"
MAX_FILE_LINES = 600
MAX_FUNCTION_LINES = 80
MAX_COLUMNS = 110  # comments; clang-format keeps code at 100

# name -> (what to use instead, files where it is at home)
NUMBERS = ("num.h", {"src/base/num.c"})
BANNED = {
    **dict.fromkeys(["strcpy", "strcat", "strncpy", "strncat", "stpcpy"], ("buf.h or memcpy", set())),
    **dict.fromkeys(["sprintf", "vsprintf"], ("snprintf or buf_addf", set())),
    **dict.fromkeys(["gets"], ("a bounded read", set())),
    **dict.fromkeys(["strtok", "strtok_r", "strsep"], ("slice_cut", set())),
    **dict.fromkeys(["atoi", "atol", "atoll", "atof", "sscanf", "fscanf", "scanf"], NUMBERS),
    **dict.fromkeys(
        ["strtol", "strtoul", "strtoll", "strtoull", "strtod", "strtof", "strtoimax", "strtoumax"],
        NUMBERS,
    ),
    **dict.fromkeys(["gmtime", "localtime", "asctime", "ctime"], ("the _r form or stamp.h", set())),
    **dict.fromkeys(["alloca"], ("a bounded array or malloc", set())),
    **dict.fromkeys(["system", "popen"], ("no shell: posix_spawn", set())),
    **dict.fromkeys(["tmpnam", "tempnam", "mktemp"], ("mkstemp", set())),
}
_BANNED = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
_MARKER = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")
_TYPE_T = re.compile(r"\b(?:struct|enum|union)\s+(\w+_t)\s*\{")


def check_file(root: Path, path: Path) -> list[Finding]:
    """Everything that is wrong with one C file."""
    text = path.read_text(encoding="utf-8", errors="replace")
    code = blank(text)
    findings = _check_lines(path, text)
    for fn in functions(text):
        if fn.body_lines > MAX_FUNCTION_LINES:
            findings.append(
                Finding(
                    path,
                    fn.head_line,
                    "function-length",
                    f"{fn.name} has {fn.body_lines} lines, at most {MAX_FUNCTION_LINES}",
                )
            )
    # Preprocessor lines are left out: banned.h names what it poisons, macros are checked where used.
    findings += _check_calls(root, path, blank_preprocessor(code))
    findings += _check_types(path, blank_preprocessor(code))
    if path.suffix == ".h" and path.is_relative_to(root / "src"):
        findings += _check_docstrings(path, text, blank_preprocessor(code))
    return findings


def _check_lines(path: Path, text: str) -> list[Finding]:
    findings = []
    lines = text.split("\n")
    count = text.count("\n")
    if lines[0] != SPDX:
        findings.append(Finding(path, 1, "spdx", f"the first line must be {SPDX}"))
    if count > MAX_FILE_LINES:
        findings.append(
            Finding(path, count, "file-length", f"{count} lines, at most {MAX_FILE_LINES}")
        )
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS and '"' not in line:
            findings.append(Finding(path, number, "line-length", f"{len(line)} columns"))
    no_strings = re.sub(r'"(?:\\.|[^"\\\n])*"', '""', text)
    for match in _MARKER.finditer(no_strings):
        findings.append(
            Finding(path, line_of(no_strings, match.start()), "marker", f"{match.group(1)} left over")
        )
    return findings


def _check_calls(root: Path, path: Path, code: str) -> list[Finding]:
    findings = []
    here = path.relative_to(root).as_posix()
    for match in _BANNED.finditer(code):
        instead, homes = BANNED[match.group(1)]
        if here not in homes:
            findings.append(
                Finding(
                    path,
                    line_of(code, match.start(1)),
                    "banned",
                    f"{match.group(1)}() is banned; use {instead}",
                )
            )
    return findings


def _check_types(path: Path, code: str) -> list[Finding]:
    findings = []
    for match in _TYPE_T.finditer(code):
        findings.append(
            Finding(path, line_of(code, match.start(1)), "type-name", f"{match.group(1)} ends in _t")
        )
    for start, end, _ in top_level(code):
        piece = code[start:end]
        if re.match(r"\s*typedef\b", piece) and not re.search(r"\(\s*\*|\w\s*\(", piece):
            at = start + len(piece) - len(piece.lstrip())
            findings.append(
                Finding(path, line_of(code, at), "typedef", "only function pointers get a typedef")
            )
    return findings


def _check_docstrings(path: Path, text: str, code: str) -> list[Finding]:
    """A declaration is documented by a comment right above it, behind it, or above its group.

    A group is a run of declarations without a blank line between them.
    """
    findings = []
    lines = text.split("\n")
    previous_end, previous_documented = -1, False
    for start, end, is_body in top_level(code):
        piece = code[start:end]
        name = declared_name(piece)
        first = line_of(code, start + len(piece) - len(piece.lstrip()))
        last = line_of(code, end - 1)
        if is_body:
            last = next(f.end_line for f in functions(text) if f.head_line == first)
        documented = (
            (first >= 3 and lines[first - 2].rstrip().endswith("*/"))
            or ("/*" in lines[last - 1] and "*/" in lines[last - 1])
            or (previous_documented and previous_end == first - 1)
        )
        if name and not documented:
            findings.append(
                Finding(path, first, "docstring", f"{name}() has no contract above it")
            )
        previous_end, previous_documented = last, documented and name is not None
    return findings


def check(root: Path) -> tuple[int, list[Finding]]:
    """Checks all C files of root; the number of files seen, and what is wrong."""
    findings: list[Finding] = []
    files = list(c_files(root, "src", "tests"))
    for path in files:
        findings += check_file(root, path)
    return len(files), findings


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="style check")
    parser.add_argument("--root", type=Path, default=ROOT)
    args = parser.parse_args(argv)
    root = args.root.resolve()
    seen, findings = check(root)
    if seen == 0:
        print(f"check_style: no C file under {root}", file=sys.stderr)
        return 1
    for finding in findings:
        print(finding.show(root))
    print(f"check_style: {seen} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
