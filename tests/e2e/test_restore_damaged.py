"""Damaged, foreign, newer and hostile backups, by the command line and over REST: refused with the reason.

PG_LONG=1 tries all of damaged_zips.py by both ways; else each way takes its part of them.
"""

import os
import warnings
from collections import Counter

import pytest
from daemon_fixtures import daemon, lab  # noqa: F811, F401
from damaged_zips import every
from test_backup import dump, zip_post
from test_moves_killed import set_all, two  # noqa: F401

LONG = os.environ.get("PG_LONG") == "1"
FEW = 300
pytestmark = pytest.mark.parametrize("two", [FEW], indirect=True)


def chosen(good, part):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that stand twice
        found = list(every(good))
    return found if LONG else found[part::16]


def check(d, cases, ask):
    """ask(bytes) says (refused, reason); the database is as before, unless a turned bit was without meaning."""
    before, counts, reasons = dump(d.db_file), Counter(), set()
    for what, content, word in cases:
        refused, reason = ask(content)
        counts["refused" if refused else "whole all the same"] += 1
        if not refused:
            assert word is None, f"{what} was taken"
            set_all(d, 3, FEW)
            before = dump(d.db_file)
            continue
        reasons.add(reason)
        assert reason and (word or "") in reason, (what, word, reason)
        assert dump(d.db_file) == before, what
        assert not list(d.db_file.parent.glob("*.before-*")), what
    print(dict(counts), f"for {len(reasons)} reasons")


def test_by_the_command_line(two):  # noqa: F811
    _, d, backup, _ = two
    bad = d.folder / "bad.zip"

    def ask(content):
        bad.write_bytes(content)
        done = d.cli("restore", bad, "--yes", check=False)
        for kept in d.db_file.parent.glob("*.before-*") if done.returncode == 0 else ():
            kept.unlink()
        assert done.returncode in (0, 1), done
        return done.returncode == 1, done.stderr.strip()

    check(d, chosen(backup.read_bytes(), 3), ask)


def test_over_rest(two):  # noqa: F811
    """Looked at only: one that is whole all the same would make the daemon begin anew."""
    _, d, backup, rest = two
    d.start()
    cases = [c for c in chosen(backup.read_bytes(), 11) if len(c[1]) <= 64 << 20 and c[1]]

    def ask(content):
        status, said = zip_post(rest, "/restore?dry_run=true", content)
        assert status in (200, 413, 422), (status, said)
        if status == 200:
            return False, ""
        again = zip_post(rest, "/restore?confirm=true", content)
        assert again == (status, said), again
        return True, said["detail"]

    check(d, cases, ask)
    assert d.get("/healthz")
