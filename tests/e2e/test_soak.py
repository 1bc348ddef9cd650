"""The soak (tests/torture/soak) in small, on the build with sanitizers; `make soak` is the long one.

PG_LONG=1 plays a whole day of it, in five minutes; PG_SEED another one.
"""

import os
import subprocess
import sys

import pytest
from daemon import ROOT, built_with, program

LONG = os.environ.get("PG_LONG") == "1"
SIZE = {"hours": 24, "scale": 288, "nodes": 40, "users": 2000, "rate": 900, "sharers": 0.05} if LONG \
    else {"hours": 1.3, "scale": 120, "nodes": 12, "users": 400, "rate": 400, "sharers": 0.25, "every": 0.3}


def test_a_day_in_small(tmp_path):
    if not built_with("PG_TIME_SCALE"):
        pytest.skip("needs a build with -Dtest_clock=true")
    options = [x for k, v in SIZE.items() for x in (f"--{k}", str(v))]
    done = subprocess.run(
        [sys.executable, "-m", "soak", *options, "--seed", os.environ.get("PG_SEED", "1"),
         "--keep", str(tmp_path / "soak"), "--report", str(tmp_path / "report")],
        cwd=ROOT / "tests" / "torture", env={**os.environ, "PG_LIMITER": program()},
        capture_output=True, text=True, timeout=900)
    print(done.stdout[-4000:])
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-4000:]
