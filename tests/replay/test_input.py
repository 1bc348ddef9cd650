# SPDX-License-Identifier: AGPL-3.0-or-later
"""What replay does with words and files that are wrong: 2 and the reason for bad usage, 1 for what
cannot be read, and no crash whatever stands in a file."""

import os
import random
import subprocess

import pytest
from expect import monitor, punish, restore, warn
from traces import START_US, Log

ONE = ("--set", "general_limit=1")
LOG = Log().every(10, 7, "40.1.1.1", 0, 300).every(10, 7, "41.1.1.1", 5, 300)
SHARED = [
    monitor(5, 7, devices=2), warn(30, 7, devices=2),
    punish(185, 7, devices=2, concurrent=2), restore(1085, 7),
]  # fmt: skip


@pytest.mark.parametrize(
    "options, reason",
    [
        (["--set", "general_limit=x"], "general_limit"),
        (["--set", "general_limit=10001"], "out of range"),
        (["--set", "general_limit=-1"], "general_limit"),
        (["--set", "general_limit"], "KEY=VALUE"),
        (["--set", "general_limitt=2"], "did you mean general_limit?"),
        (["--set", "verdict=always"], "concurrent or persistent"),
        (["--set", "switch_p=0.9"], "0.05 to 0.5"),
        (["--set", "evidence_threshold=nan"], "evidence_threshold"),
        (["--set", "tick=30", "--set", "active_window=10"], "tick must not be longer"),
        (["--special", "ali"], "USER=N"),
        (["--special", "ali=10001"], "0-10000"),
        (["--special", "=3"], "a user is a name, or id:12"),
        (["--special", "id:0=3"], "write id:12"),
        (["--except", ""], "a user is a name, or id:12"),
        (["--except", "id:twelve"], "write id:12"),
        (["--sett", "x=y"], "unknown option --sett"),
        (["-x"], "unknown option -x"),
    ],
    ids=lambda v: " ".join(v) if isinstance(v, list) else None,
)
def test_bad_usage(replay, options, reason):
    run = replay(LOG, *options, code=2)
    first = run.err.splitlines()[0]
    assert first.startswith("pg-limiter replay: ") and reason in first
    assert run.out == b""
    assert "usage: pg-limiter replay" in run.err


@pytest.mark.parametrize("option", ["--set", "--except", "--special"])
def test_an_option_without_its_value(replay, option):
    assert option in replay([], option, code=2).err.splitlines()[0]


def test_no_file(replay):
    assert "no file given" in replay([], *ONE, code=2).err.splitlines()[0]


def test_the_last_setting_of_two_holds(replay):
    assert replay(LOG, "--set", "general_limit=9", *ONE).rows() == SHARED


def test_settings_may_stand_behind_the_files(replay, tmp_path):
    path = tmp_path / "node.log"
    path.write_text(LOG.plain()[0])
    assert replay([], str(path), *ONE).rows() == SHARED


def test_two_dashes_end_the_options(replay, tmp_path):
    path = tmp_path / "--json"
    path.write_text(LOG.plain()[0])
    cwd = os.getcwd()
    try:
        os.chdir(tmp_path)
        assert replay([], *ONE, "--", "--json").rows() == SHARED
    finally:
        os.chdir(cwd)


@pytest.mark.parametrize("what", ["missing", "directory", "forbidden"])
def test_unreadable_file(replay, tmp_path, what):
    path = tmp_path / "node.log"
    if what == "directory":
        path.mkdir()
    elif what == "forbidden":
        path.symlink_to("node.log")  # a loop: nobody can open it, not even root
    run = replay([path], *ONE, code=1)
    assert str(path) in run.err and run.out == b""


def test_one_unreadable_file_among_others(replay, tmp_path):
    """No half result: decisions from a part of the nodes would look like all there is."""
    run = replay([LOG.plain()[0], tmp_path / "missing"], *ONE, code=1)
    assert run.out == b""


def test_empty_file(replay):
    run = replay([b""], *ONE)
    assert run.rows() == [] and run.summary["lines"] == 0
    assert replay([b"", LOG.plain()[0], b""], *ONE).rows() == SHARED


def test_file_without_a_last_line_end(replay):
    assert replay([LOG.plain()[0].rstrip("\n")], *ONE).rows() == SHARED


def test_dos_line_ends(replay):
    assert replay([LOG.plain()[0].replace("\n", "\r\n")], *ONE).rows() == SHARED


def test_binary_garbage(replay):
    """A megabyte of it, then amid good lines: nothing is taken from it, nothing good is lost."""
    rng = random.Random("garbage")
    noise = rng.randbytes(1 << 20)
    run = replay([noise], *ONE)
    assert run.rows() == [] and run.summary["counted"] == 0
    assert sum(run.summary["ignored"].values()) == run.summary["lines"] > 1000
    mixed = b""
    for line in LOG.plain()[0].encode().splitlines(keepends=True):
        mixed += line + rng.randbytes(5000) + b"\0\n"
    run = replay([mixed], *ONE)
    assert run.rows() == SHARED and run.summary["counted"] == 60


def test_nul_bytes_inside_a_line(replay):
    text = LOG.plain()[0].replace("example.com", "exa\0mple.com")
    run = replay([text], *ONE)
    assert run.rows() in (SHARED, []) and run.summary["lines"] == 60


def test_lines_of_a_megabyte(replay):
    """Named too_long and dropped; the lines around them count."""
    mixed = ""
    for line in LOG.plain()[0].splitlines(keepends=True):
        mixed += line + line[:40] + "x" * (1 << 20) + line[40:] if "10:01:00" in line else line
    run = replay([mixed], *ONE)
    assert run.rows() == SHARED
    assert run.summary["ignored"] == {"too_long": 1}
    run = replay(["y" * (3 << 20)], *ONE)
    assert run.summary["lines"] == 1 and run.summary["ignored"] == {"too_long": 1}


def test_a_line_cut_short(replay):
    """As after a crash of the node: any part of a line, at the end of the file."""
    text = LOG.plain()[0]
    last = text.rstrip("\n").rsplit("\n", 1)[1]
    for cut in range(0, len(last), 7):
        run = replay([text + last[:cut]], *ONE)
        assert run.rows() == SHARED


@pytest.mark.parametrize(
    "broken",
    ["@", "@ ", "@x 2026", "@-5 x", "@99999999999999999999999 x", "#open", "@ #open", "@1 #open"],
)
def test_broken_lines_in_a_recording(replay, broken):
    """A line without a good time comes with the one before; it never stops the replay."""
    log = Log(list(LOG.lines)).stream(-60, "#open")
    rows = log.recorded()[0].splitlines(keepends=True)
    rows.insert(20, broken + "\n")
    run = replay(["".join(rows)], *ONE)
    assert run.kinds() == ["monitor", "warn", "punish", "restore"]
    assert run.summary["counted"] == 60


def test_a_recording_that_ends_what_never_began(replay):
    """#close without #open, #open twice: streams are counted, and never fewer than none."""
    log = Log(list(LOG.lines)).stream(-90, "#close").stream(-80, "#open").stream(-70, "#open")
    log.stream(-60, "#close").stream(400, "#close").stream(401, "#close")
    assert replay(log, *ONE, recorded=True).kinds() == ["monitor", "warn", "punish", "restore"]


def test_257_files(replay):
    run = replay(["x\n"] * 257, *ONE, code=2)
    assert "more than 256 files" in run.err
    run = replay(["x\n"] * 256, *ONE)
    assert run.summary["lines"] == 256


def test_text_output_names_each_decision(program, tmp_path):
    """Without --json: one line a decision, and the sums at the end."""
    path = tmp_path / "node.log"
    path.write_text(LOG.plain()[0])
    done = subprocess.run([program, "replay", *ONE, path], capture_output=True, timeout=180)
    lines = done.stdout.decode().splitlines()
    assert done.returncode == 0
    assert [line.split()[:4] for line in lines[:4]] == [
        ["2026-11-02", "10:00:05", "id:7", "monitor"],
        ["2026-11-02", "10:00:30", "id:7", "warn"],
        ["2026-11-02", "10:03:05", "id:7", "punish"],
        ["2026-11-02", "10:18:05", "id:7", "restore"],
    ]
    assert "watched 1, warned 1, punished 1, acquitted 0, unknown 0, restored 1" in lines


def test_hostile_text_is_escaped(replay):
    """A name from the log stands in the output: as JSON, whatever it holds."""
    text = LOG.plain()[0].replace("email: 7", 'email: 7.a"\\\x1b[31m\x01\u202eb')
    run = replay([text], *ONE)
    assert {d["name"] for d in run.decisions} == {'a"\\\x1b[31m\x01\u202eb'}
    assert b"\x1b" not in run.out and b"\x01" not in run.out


def test_the_summary_counts_every_line(replay):
    text = LOG.plain()[0]
    stamp = "2026/11/02 10:04:59.000000"
    text += "\n".join(
        [
            "", f"{stamp} [Warning] core: Xray started", f"{stamp} from 9.9.9.9:1 rejected  no user",
            f"{stamp} from tcp:9.9.9.9:1 accepted tcp:x.y:1 [A -> B]",
            f"{stamp} from tcp:9.9.9.9:1 accepted tcp:x.y:1 [A -> B] email: love",
        ]
    )  # fmt: skip
    run = replay([text], *ONE)
    s = run.summary
    assert (s["lines"], s["counted"], s["foreign"]) == (65, 61, 1)
    assert sum(s["ignored"].values()) == 4
    assert (s["monitor"], s["warn"], s["punish"], s["restore"], s["acquit"]) == (1, 1, 1, 1, 0)
    assert s["from"] == "2026-11-02T10:00:00.000000Z" and s["to"] == "2026-11-02T10:04:59.000000Z"
    assert START_US == 1793613600_000000
