"""What the daemon costs against a simulated panel: start to 50 TLS streams open, processor time and
memory at 10,000 lines a second, one event per TLS record. Reports, judges nothing.

    .venv/bin/python tests/bench/daemon.py [--binary build/pg-limiter] [--nodes 50] [--rate 10000] [--seconds 15]
"""

import argparse
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from simpanel import as_process  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")


class Control(http.client.HTTPConnection):
    """HTTP over the daemon's control socket."""

    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(str(self.path))


def status(path):
    conn = Control(path)
    conn.request("GET", "/status")
    answer = json.loads(conn.getresponse().read())
    conn.close()
    return answer


def cpu_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def rss_mb(pid):
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


def write_env(folder, sim):
    env = folder / ".env"
    env.write_text(
        f"PANEL_DOMAIN={sim.url}\nPANEL_USERNAME=admin\nPANEL_PASSWORD=admin-password\n"
        f"PANEL_TLS_PIN={sim.pin}\nDATA_DIR={folder}/data\nENFORCEMENT=shadow\nLOG_LEVEL=ERROR\n")
    env.chmod(0o600)
    return env


def wait_streams(path, nodes, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if status(path)["nodes"]["streams_open"] == nodes:
                return True
        except OSError:
            pass
        time.sleep(0.005)
    return False


def measure(args, sim, folder):
    env = write_env(folder, sim)
    control = folder / "data" / "run" / "control.sock"
    start = time.monotonic()
    daemon = subprocess.Popen([args.binary, "run", "--env", str(env)])
    try:
        opened = wait_streams(control, args.nodes, 60)
        open_s = time.monotonic() - start
        idle_mb = rss_mb(daemon.pid)
        sim.post("/generate", {"rate": args.rate, "seconds": args.seconds + 3})
        time.sleep(2)
        before, cpu, at = status(control)["lines"]["total"], cpu_s(daemon.pid), time.monotonic()
        time.sleep(args.seconds)
        took = time.monotonic() - at
        lines = status(control)["lines"]["total"] - before
        used = cpu_s(daemon.pid) - cpu
        return {"bench": args.name, "nodes": args.nodes, "all_open": opened, "start_to_open_s": round(open_s, 3),
                "rss_idle_mb": round(idle_mb, 1), "rss_busy_mb": round(rss_mb(daemon.pid), 1),
                "lines_per_s": round(lines / took), "cpu_percent_of_a_core": round(100 * used / took, 1)}
    finally:
        daemon.send_signal(signal.SIGTERM)
        daemon.wait(10)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(ROOT / "build" / "pg-limiter"))
    parser.add_argument("--name", default="daemon", help="how the line of JSON calls it")
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=10000)
    parser.add_argument("--seconds", type=int, default=15)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, as_process("--nodes", args.nodes, "--users", args.users) as sim:
        print(json.dumps(measure(args, sim, pathlib.Path(folder))))


if __name__ == "__main__":
    main()
