# SPDX-License-Identifier: AGPL-3.0-or-later
"""`replay --compare A B`: who would be judged differently under two settings files."""

import json
import subprocess

import pytest
from conftest import _built
from traces import Log


@pytest.fixture
def compare(tmp_path):
    log = Log()
    for user, ips in ((7, ("40.1.1.1", "41.2.2.2")), (8, ("42.1.1.1",)),
                      (9, ("43.1.1.1", "44.2.2.2", "45.3.3.3"))):
        for i, ip in enumerate(ips):
            log.every(10, user, ip, i * 3, 600)
    files = []
    for node, text in log.plain().items():
        files.append(tmp_path / f"{node}.log")
        files[-1].write_text(text)

    def run(a, b, *more, check=True):
        (tmp_path / "a.env").write_text(a)
        (tmp_path / "b.env").write_text(b)
        done = subprocess.run(
            [_built("pg-limiter", "PG_LIMITER"), "replay", "--compare", tmp_path / "a.env",
             tmp_path / "b.env", *more, *files], capture_output=True, text=True, timeout=180)
        assert not check or done.returncode == 0, done.stderr
        return done
    return run


def rows(done):
    found = [json.loads(line) for line in done.stdout.splitlines()]
    return {r["id"]: r for r in found[:-1]}, found[-1]["summary"]


def test_only_those_who_differ(compare):
    found, summary = rows(compare("GENERAL_LIMIT=1\n", "GENERAL_LIMIT=2\nPANEL_DOMAIN=x.y\n", "--json"))
    assert set(found) == {7}
    assert found[7]["a"]["punished"] == 1 and found[7]["a"]["first"]
    assert found[7]["b"] == {"punished": 0, "warned": 0, "first": None}
    assert summary == {"differ": 1, "punished_a": 2, "punished_b": 1}


def test_the_same_twice(compare):
    done = compare("GENERAL_LIMIT=1\n", "GENERAL_LIMIT=1\n")
    assert done.stdout.startswith("0 users are judged differently; verdicts: 2 by ")


def test_options_hold_for_both(compare):
    found, summary = rows(compare("GENERAL_LIMIT=1\n", "GENERAL_LIMIT=2\n", "--json", "--except",
                                  "id:7", "--set", "monitoring_period=60"))
    assert found == {} and summary["punished_a"] == 1


def test_as_a_table(compare):
    done = compare("GENERAL_LIMIT=2\n", "GENERAL_LIMIT=2\nMONITORING_PERIOD=3600\n")
    assert "id:9" in done.stdout and done.stdout.count("punished 1×, first 2026-") == 1
    assert "warned 1×" in done.stdout
    assert "1 users are judged differently" in done.stdout


@pytest.mark.parametrize("a, said", [("GENRAL_LIMIT=1\n", "GENERAL_LIMIT"),
                                     ("GENERAL_LIMIT=many\n", "0 to 10000"),
                                     ("\xff=1\n", ":1")])
def test_a_wrong_file_is_named(compare, a, said):
    done = compare(a, "", check=False)
    assert done.returncode == 2 and said in done.stderr and done.stdout == ""


def test_wrong_usage():
    program = _built("pg-limiter", "PG_LIMITER")
    for args in (["--compare", "a"], ["--compare"], ["--compare", "a", "b", "-"],
                 ["--compare", "a", "b", "--compare", "c", "d", "x"]):
        done = subprocess.run([program, "replay", *args], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, timeout=120)
        assert done.returncode == 2, (args, done.stderr)
