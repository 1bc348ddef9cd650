"""schemathesis against /openapi.json of a running daemon: every answer as described, no 5xx.

CASES=1000 runs as many a route by hand. /events is a stream, and /restore builds the daemon anew: they have
tests of their own. /config/panel would call whatever panel it is given; here the environment sets its address
and login name, so that only passwords and keys are tried, at the simulated one.
"""

import os
import pathlib
import subprocess
import sys

from rest_client import served

HERE = pathlib.Path(__file__).resolve().parent
CASES = int(os.environ.get("CASES", "50"))


def test_answers_are_as_described(tmp_path):
    with served("alice", "bob", "vip_user", password="fuzz-secret", API_LOGIN_SLOWDOWN="false",
                USER_SYNC_HOURS=24, environment=lambda sim: {
                    "PANEL_DOMAIN": sim.url, "PANEL_USERNAME": "admin"}) as (_, d, rest):
        assert rest("POST", "/users/limits", {"username": "vip_user", "limit": 3}).status == 200
        done = subprocess.run(
            [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file",
             HERE / "schemathesis.toml", "run", f"http://127.0.0.1:{rest.port}/openapi.json",
             "--auth", "admin:fuzz-secret", "--max-examples", str(CASES), "--phases",
             "examples,coverage,fuzzing,stateful", "--exclude-path", "/events", "--exclude-path", "/restore",
             "--request-timeout", "60",
             "--seed", "1", "--generation-database", "none", "--no-color"],
            cwd=tmp_path, env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks",
                               "PYTHONPATH": str(HERE)}, capture_output=True, text=True, timeout=300 + CASES * 10)
        print(done.stdout[-8000:], done.stderr[-2000:])
        assert done.returncode == 0, done.stdout[-12000:] + done.stderr[-2000:]
        assert rest.get("/healthz").status == 200
        assert not d.logged(r" ERROR +(api|store) ")
