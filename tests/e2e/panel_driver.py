"""Runs the panel client of the C build (tests/unit/panel/panel_client.c) and reads what it tells."""

import contextlib
import json
import os
import pathlib
import queue
import subprocess
import threading
import time

from patience import bound, deadline

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def program():
    build = pathlib.Path(os.environ.get("BUILD_DIR", ROOT / "build" / "test"))
    return build / "tests" / "unit" / "panel" / "panel_client"


class Client:
    """One running client. `events` is all it told, `log` its standard error."""

    def __init__(self, process):
        self.process = process
        self.events = []
        self.log = []
        self.queue = queue.Queue()
        self.readers = [threading.Thread(target=self.read_events, daemon=True),
                        threading.Thread(target=self.read_log, daemon=True)]
        for reader in self.readers:
            reader.start()

    def read_events(self):
        for line in self.process.stdout:
            self.queue.put(json.loads(line))
        self.queue.put(None)

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line.rstrip("\n"))

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def take(self, seconds=0.0):
        """Moves what came to `events`; waits up to `seconds` for one."""
        try:
            event = self.queue.get(timeout=seconds) if seconds else self.queue.get_nowait()
        except queue.Empty:
            return None
        if event is not None:
            self.events.append(event)
        return event

    def found(self, kind, **fields):
        while self.take():
            pass
        return [e for e in self.events if e["event"] == kind
                and all(e.get(k) == v for k, v in fields.items())]

    def wait(self, kind, count=1, seconds=10.0, **fields):
        """The events of a kind with these fields, when there are `count`; else AssertionError."""
        end = deadline(seconds)
        while True:
            found = self.found(kind, **fields)
            if len(found) >= count:
                return found
            left = end - time.monotonic()
            if left <= 0 or (self.take(min(left, 0.2)) is None and self.process.poll() is not None
                             and self.queue.empty()):
                raise AssertionError(f"no {count} × {kind} {fields} but {len(found)}; told: "
                                     f"{self.events[-15:]}; log: {self.log[-15:]}")

    def ask(self, command, kind, seconds=10.0):
        """Sends a command and returns the next event of a kind."""
        before = len(self.found(kind))
        self.tell(command)
        return self.wait(kind, before + 1, seconds)[before]

    def forget(self):
        while self.take():
            pass
        self.events.clear()

    def logged(self, text, seconds=3.0):
        """The log lines with text; the log comes by a pipe of its own, so the first is waited for."""
        end = time.monotonic() + seconds
        while True:
            found = [line for line in self.log if text in line]
            if found or time.monotonic() >= end:
                return found
            time.sleep(0.02)


@contextlib.contextmanager
def client(sim=None, **settings):
    """A client of a simulated panel, trusting its certificate by pin; ends cleanly or fails."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("PANEL_")}
    defaults = {"PANEL_PASSWORD": "admin-password", "NODES_POLL": 1}
    if sim is not None:
        defaults["PANEL_DOMAIN"] = sim.url
        defaults["PANEL_TLS_PIN"] = sim.pin or ""
    env.update({k: str(v) for k, v in {**defaults, **settings}.items()})
    process = subprocess.Popen([program()], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env=env)
    c = Client(process)
    try:
        yield c
        c.tell("quit")
        c.wait("end")
        assert process.wait(bound(10)) == 0, c.log[-30:]
    finally:
        process.kill()
        process.wait()
        for reader in c.readers:
            reader.join(5)
        for pipe in (process.stdin, process.stdout, process.stderr):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()
    trouble = [line for line in c.log if "ERROR: " in line or "runtime error" in line]
    assert not trouble, c.log[-60:]
