"""The program under test as an operator runs it: an .env, a process, a log, a control socket."""

import http.client
import json
import os
import pathlib
import queue
import shutil
import socket
import subprocess
import threading
import time
from urllib.parse import quote

ROOT = pathlib.Path(__file__).resolve().parents[3]

# The only things in which the demonstration differs from an installation left as it is.
SHORTENED = {
    "MONITORING_PERIOD": 10,
    "ACTIVE_WINDOW": 10,
    "TIME_TO_ACTIVE_USERS": 12,
    "CHECK_INTERVAL": 10,
    "NODES_POLL": 5,
}
# What stands in the environment wins over the file, so nothing of the operator's may come through.
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS",
             "LSAN_OPTIONS")


def binary():
    return pathlib.Path(os.environ.get("PG_LIMITER") or ROOT / "build" / "pg-limiter").resolve()


def env_text(sim, folder, more=()):
    lines = [f"PANEL_DOMAIN={sim.url}", "PANEL_USERNAME=admin", "PANEL_PASSWORD=admin-password",
             f"PANEL_CA_FILE={folder}/panel.pem", f"DATA_DIR={folder}/data"]
    lines += [f"{key}={value}" for key, value in {**SHORTENED, **dict(more)}.items()]
    return "\n".join(lines) + "\n"


class Socket(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=20)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One `pg-limiter run` in `folder`, against `sim`."""

    def __init__(self, program, sim, folder, more=()):
        self.program = program
        self.folder = pathlib.Path(folder)
        self.env = self.folder / ".env"
        self.control = self.folder / "data" / "run" / "control.sock"
        self.lines = queue.Queue()
        self.process = None
        self.environment = {k: os.environ[k] for k in PASSED_ON if k in os.environ}
        shutil.copyfile(sim.cert, self.folder / "panel.pem")
        self.env.touch(0o600)
        self.env.write_text(env_text(sim, self.folder, more))

    def start(self):
        command = [str(self.program), "run", "--env", str(self.env)]
        if shutil.which("setpriv"):
            # Should this process be killed, the daemon is not to stay behind.
            command = ["setpriv", "--pdeathsig", "TERM", *command]
        self.process = subprocess.Popen(command, env=self.environment, cwd=self.folder,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE, text=True, errors="replace")
        threading.Thread(target=self.read, name="log", daemon=True).start()

    def read(self):
        with open(self.folder / "daemon.log", "w") as copy:
            for line in self.process.stderr:
                copy.write(line)
                self.lines.put(line.rstrip("\n"))

    def alive(self):
        return self.process.poll() is None

    def get(self, path):
        """The answer of the control socket; None when it gives none (not up yet, or gone)."""
        conn = Socket(self.control)
        try:
            conn.request("GET", path)
            answer = conn.getresponse()
            body = json.loads(answer.read())
            return body if answer.status == 200 else None
        except (OSError, http.client.HTTPException, ValueError):
            return None
        finally:
            conn.close()

    def user(self, name):
        return self.get("/users/" + quote(name, safe=""))

    def cli(self, *words):
        """Runs another pg-limiter as the operator would: (output, exit code)."""
        done = subprocess.run([str(self.program), *words, "--env", str(self.env)], timeout=90,
                              env=self.environment, cwd=self.folder, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              errors="replace")
        return done.stdout, done.returncode

    def stop(self, seconds=60.0):
        """Asks it to end, by its id; its exit code, negative when it had to be killed."""
        if self.process is None:
            return None
        if self.alive():
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def ready(self, nodes, seconds=60.0):
        """Waits until the streams of all nodes are open."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.alive():
            status = self.get("/status")
            if status and status["nodes"]["streams_open"] == nodes and status["users"]["listed"]:
                return True
            time.sleep(0.05)
        return False
