#!/usr/bin/env python3
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Fails on a dependency that points upward, and on an impure core.

  - a file of src/<layer> may include its own layer and lower ones only (peers of one rank not);
  - src/core may use a few harmless system headers and nothing else from outside;
  - the archive of the core may need a few harmless functions of libc and libm, and of base only
    what reads no clock and writes no log.

    tools/check_layers.py [--root DIR] [--core FILE.a --base FILE.a]
"""

import argparse
import re
import subprocess
import sys
from pathlib import Path

from csource import ROOT, Finding, blank, c_files, line_of

RANKS = [
    ["base"],
    ["core"],
    ["store"],
    ["service"],
    ["net"],
    ["panel", "telegram", "cache", "geo", "webhook"],
    ["api", "bot", "cli"],
    ["app"],
]
RANK = {layer: rank for rank, layers in enumerate(RANKS) for layer in layers}

# Headers without I/O, clock, threads or a library behind them.
CORE_HEADERS = {
    "assert.h", "errno.h", "float.h", "inttypes.h", "limits.h", "math.h", "stdarg.h", "stdbool.h",
    "stddef.h", "stdint.h", "stdlib.h", "string.h", "strings.h",
}  # fmt: skip

# Headers of base that would bring a clock or the log into the core.
CORE_NO_BASE = {"base/log.h"}

# A library is spoken to in the layers that wrap it, nowhere else.
LIBRARY_HOMES = {
    "sqlite3.h": {"store"},
    "microhttpd.h": {"net", "api"},
    "hiredis": {"cache"},
    "maxminddb.h": {"geo"},
    "zip.h": {"service"},
}

CORE_SYMBOLS = set(
    """
    memchr memcmp memcpy memmem memmove memrchr memset strchr strcmp strcspn strlen strncmp strnlen
    strrchr strspn strstr strcasecmp strncasecmp
    malloc calloc realloc reallocarray free qsort bsearch abort
    exp exp2 expm1 log log2 log10 log1p pow sqrt floor ceil fmin fmax fabs round lround llround
    lgamma lgamma_r erf erfc isnan isinf
    """.split()
)
# What the compiler itself calls: stack protector, fortify, sanitizers, coverage, position-independent code.
COMPILER_SYMBOLS = re.compile(
    r"^(_GLOBAL_OFFSET_TABLE_|__stack_chk_(fail|guard)|__(asan|ubsan|lsan|tsan|msan|sanitizer|sancov)_\w+"
    r"|__assert_fail|__gcov_\w+|__(mem|str)\w+_chk|__\w+(di|si|ti|tf|df)[0-9])$"
)
# Functions of base that the core must not use, although base has them.
CORE_NO_BASE_SYMBOLS = re.compile(r"^log_(?!\d)")

_INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]', re.MULTILINE)


def check_includes(root: Path) -> tuple[int, list[Finding]]:
    """Checks every file of root/src; the number of files seen, and what is wrong."""
    findings: list[Finding] = []
    seen = 0
    for path in c_files(root, "src"):
        seen += 1
        layer = path.relative_to(root / "src").parts[0]
        if layer not in RANK:
            findings.append(Finding(path, 1, "layer", f"src/{layer} is no known layer"))
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        for match in _INCLUDE.finditer(blank(text, keep_strings=True)):
            line, name = line_of(text, match.start()), match.group(2)
            if match.group(1) == "<":
                problem = _system_include(layer, name)
            else:
                problem = _own_include(root, layer, name)
            if problem:
                findings.append(Finding(path, line, "layer", problem))
    return seen, findings


def _own_include(root: Path, layer: str, name: str) -> str | None:
    target = name.split("/")[0]
    if target not in RANK or "/" not in name or ".." in name:
        return f'"{name}": write "layer/file.h"'
    if not (root / "src" / name).is_file():
        return f'"{name}" is not there'
    if layer == "core" and name in CORE_NO_BASE:
        return f'"{name}" in the pure core'
    if target != layer and RANK[target] == RANK[layer]:
        return f'"{name}": {layer} and {target} are peers and must not know each other'
    if RANK[target] > RANK[layer]:
        return f'"{name}": upward, {layer} stands below {target}'
    return None


def _system_include(layer: str, name: str) -> str | None:
    if layer == "core" and name not in CORE_HEADERS:
        return f"<{name}> in the pure core"
    home = LIBRARY_HOMES.get(name) or LIBRARY_HOMES.get(name.split("/")[0])
    if home and layer not in home:
        return f"<{name}> belongs to {', '.join(sorted(home))} only"
    return None


def symbols(archive: Path, kind: str) -> set[tuple[str, str]]:
    """(member, symbol) of an archive: kind "undefined" or "defined"."""
    flag = "-u" if kind == "undefined" else "--defined-only"
    out = subprocess.run(
        ["nm", "-A", "-P", flag, str(archive)], check=True, capture_output=True, text=True
    ).stdout
    found = set()
    for line in out.splitlines():
        where, _, rest = line.rpartition("]: ")
        fields = rest.split()
        if fields:
            found.add((where.rpartition("[")[2], fields[0]))
    return found


def check_symbols(core: Path, base: Path) -> tuple[int, list[Finding]]:
    """Checks what the archive of the core needs; the number of members seen, and what is wrong."""
    own = {name for _, name in symbols(core, "defined")}
    lower = {name for _, name in symbols(base, "defined")}
    findings = []
    members = {member for member, _ in symbols(core, "defined")}
    for member, name in sorted(symbols(core, "undefined")):
        if name in own or name in CORE_SYMBOLS or COMPILER_SYMBOLS.match(name):
            continue
        if name in lower and not CORE_NO_BASE_SYMBOLS.match(name):
            continue
        findings.append(
            Finding(core, 0, "purity", f"{member} needs {name}, which is not on the core's list")
        )
    return len(members), findings


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(description="layer and purity check")
    parser.add_argument("--root", type=Path, default=ROOT)
    parser.add_argument("--core", type=Path, help="archive of src/core")
    parser.add_argument("--base", type=Path, help="archive of src/base")
    args = parser.parse_args(argv)
    root = args.root.resolve()
    seen, findings = check_includes(root)
    if seen == 0:
        print(f"check_layers: no C file under {root}/src", file=sys.stderr)
        return 1
    what = f"{seen} files"
    if args.core and args.base:
        members, more = check_symbols(args.core, args.base)
        findings += more
        what += f", {members} objects of the core"
        if members == 0:
            print(f"check_layers: {args.core} holds no object", file=sys.stderr)
            return 1
    for finding in findings:
        print(finding.show(root))
    print(f"check_layers: {what}, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
