# SPDX-License-Identifier: AGPL-3.0-or-later
"""Runs `pg-limiter replay` and the study of traces; PG_LIMITER and PG_BUILD say which build."""

import datetime
import json
import os
import pathlib
import subprocess
import sys
from dataclasses import dataclass

import pytest

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

from traces import EPOCH, START_US, Log  # noqa: E402


def _built(name: str, variable: str) -> str:
    """The program to test: named by the environment, or found in the usual build folders."""
    named = os.environ.get(variable)
    if named:
        return named
    folders = [os.environ.get("PG_BUILD"), ROOT / "build" / "test", ROOT / "build"]
    for folder in filter(None, folders):
        if os.access(pathlib.Path(folder) / name, os.X_OK):
            return str(pathlib.Path(folder) / name)
    pytest.exit(f"{name} is not built: run scripts/test, or name it in {variable}", returncode=2)


@dataclass
class Run:
    """One run of replay. A decision is a dict; `t` is its time in seconds after START."""

    code: int
    out: bytes
    err: str
    decisions: list[dict]
    summary: dict

    def rows(self) -> list[tuple]:
        """Each decision as expect.py writes it."""
        keys = ("t", "id", "decision", "applied", "limit", "devices", "concurrent", "for_s")
        return [tuple(d[k] for k in keys) for d in self.decisions]

    def kinds(self, user: int | None = None) -> list[str]:
        return [d["decision"] for d in self.decisions if user in (None, d["id"])]

    def of(self, kind: str) -> list[dict]:
        return [d for d in self.decisions if d["decision"] == kind]

    def convicted(self) -> set[int]:
        return {d["id"] for d in self.of("punish")}


def _seconds(iso: str) -> float:
    when = datetime.datetime.fromisoformat(iso.replace("Z", "+00:00"))
    us = (when - EPOCH) // datetime.timedelta(microseconds=1)
    return round((us - START_US) / 1_000_000, 6)


@pytest.fixture(scope="session")
def program() -> str:
    return _built("pg-limiter", "PG_LIMITER")


@pytest.fixture
def replay(program, tmp_path):
    """replay(what, *options, recorded=False, code=0): runs it over a Log (one file a node), or over
    texts, and checks the exit code."""
    made = 0

    def files_of(what, recorded: bool) -> list[str]:
        nonlocal made
        if isinstance(what, Log):
            readings = [what.online()] if what.readings else []
            what = [*(what.recorded() if recorded else what.plain()).values(), *readings]
        names = []
        for text in what:
            if isinstance(text, pathlib.Path):
                names.append(str(text))
                continue
            made += 1
            path = tmp_path / f"{made}.log"
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
            names.append(str(path))
        return names

    def run(what, *options: str, recorded: bool = False, code: int = 0) -> Run:
        command = [program, "replay", "--json", *options, *files_of(what, recorded)]
        done = subprocess.run(command, capture_output=True, timeout=120, stdin=subprocess.DEVNULL)
        err = done.stderr.decode("utf-8", "replace")
        assert done.returncode == code, f"exit code {done.returncode}\n{err[-4000:]}"
        rows = [json.loads(one) for one in done.stdout.splitlines()] if code == 0 else []
        assert code or (rows and "summary" in rows[-1]), "replay printed no summary"
        decisions = [row for row in rows if "decision" in row]
        for d in decisions:
            d["t"] = _seconds(d["time"])
        summary = rows[-1]["summary"] if rows else {}
        return Run(done.returncode, done.stdout, err, decisions, summary)

    return run


@pytest.fixture(scope="session")
def study() -> str:
    return _built("tests/replay/study", "PG_STUDY")
