"""A client of the control API, and two ways to run a panel: in a thread, or as a process."""

import contextlib
import http.client
import json
import pathlib
import subprocess
import sys
import time
from urllib.parse import urlencode, urlsplit

from patience import bound, deadline

from .panel import Panel
from .thread import served


class Sim:
    """Talks to one running panel's control API. `url` is the panel itself."""

    def __init__(self, info):
        self.info = info
        self.url = info["url"]
        self.port = info["port"]
        self.cert = info["cert"]
        self.pin = info["pin"]
        self.control_url = info["control_url"]

    def call(self, method, path, body=None, /, **query):
        """One control call; raises RuntimeError with the text of an error."""
        where = urlsplit(self.control_url)
        conn = http.client.HTTPConnection(where.hostname, where.port, timeout=30)
        try:
            target = "/_sim" + path + ("?" + urlencode(query) if query else "")
            data = None if body is None else json.dumps(body)
            conn.request(method, target, data, {"Content-Type": "application/json"})
            answer = conn.getresponse()
            result = json.loads(answer.read())
        finally:
            conn.close()
        if answer.status != 200:
            raise RuntimeError(f"{method} {path}: {result}")
        return result

    def get(self, path, /, **query):
        return self.call("GET", path, **query)

    def post(self, path, body=None):
        return self.call("POST", path, body or {})

    # -- shortcuts -----------------------------------------------------------------------------

    def add_user(self, username, **fields):
        return self.post("/users", {"users": [{"username": username, **fields}]})["ids"][0]

    def user(self, who):
        return self.get(f"/user/{who}")

    def traffic(self, *events):
        return self.post("/traffic", {"events": list(events)})

    def connect(self, node, user, ip, **more):
        """One line of a user (id or name) from `ip` on a node, now."""
        return self.traffic({"node": node, "user": user, "ip": ip, **more})

    def lines(self, node, *texts):
        return self.post(f"/node/{node}/lines", {"lines": list(texts)})

    def node(self, node, action, **body):
        return self.post(f"/node/{node}/{action}", body)

    def nodes(self):
        return {n["id"]: n for n in self.get("/nodes")["nodes"]}

    def streams(self):
        return self.get("/streams")["streams"]

    def fault(self, kind, path="*", **more):
        return self.post("/faults", {"kind": kind, "path": path, **more})

    def clear_faults(self):
        return self.call("DELETE", "/faults")

    def config(self, **fields):
        return self.call("PATCH", "/config", fields)

    def online(self, node, user, ips, **more):
        return self.call("PUT", "/online", {"node": node, "user": user, "ips": ips, **more})

    def journal(self, **query):
        return self.get("/journal", **query)["entries"]

    def clear_journal(self):
        return self.call("DELETE", "/journal")

    def wait(self, check, seconds=5.0, step=0.02):
        """Calls `check()` until it is true; its value, or AssertionError."""
        end = deadline(seconds)
        while True:
            value = check()
            if value:
                return value
            if time.monotonic() > end:
                raise AssertionError(f"not within {bound(seconds)} s: {check}")
            time.sleep(step)

    def wait_call(self, method, path, seconds=5.0, since=0):
        """Waits for an answered request by method and path (regex); its journal entry."""
        def check():
            found = self.journal(method=method, path=path, since=since)
            return next((e for e in found if e["status"] is not None), None)
        return self.wait(check, seconds)


@contextlib.contextmanager
def in_thread(**options):
    """A panel in a thread of this process; yields its `Sim` (with `.panel`)."""
    with served(lambda: Panel(**options), "simpanel") as panel:
        sim = Sim(panel.info())
        sim.panel = panel
        yield sim


@contextlib.contextmanager
def as_process(*arguments):
    """A panel as a process of its own; arguments as on the command line."""
    here = pathlib.Path(__file__).resolve().parent.parent
    process = subprocess.Popen(
        [sys.executable, "-m", "simpanel", "--print-port", "--exit-with-parent",
         *map(str, arguments)],
        cwd=here, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the simulated panel did not start")
        sim = Sim(json.loads(line))
        sim.process = process
        yield sim
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
