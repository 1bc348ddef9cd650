"""Speaks to the REST API of a daemon as a stranger would: over TCP, byte by byte where it matters."""

import base64
import contextlib
import http.client
import json
import socket
import ssl

from daemon import Daemon, settings_for
from ports import free_port
from simpanel import as_process


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        return self.json["code"]

    def __repr__(self):
        return f"{self.status} {self.body[:300]!r}"


class Rest:
    """The API at one port; user and password None: no login is sent."""

    def __init__(self, port, user="admin", password="secret-of-the-api", tls=None, host="127.0.0.1"):
        self.port, self.user, self.password, self.tls, self.host = port, user, password, tls, host

    def headers(self):
        if self.user is None:
            return {}
        pair = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        return {"Authorization": "Basic " + pair}

    def connect(self, timeout=90):
        if self.tls:
            return http.client.HTTPSConnection(self.host, self.port, timeout=timeout,
                                               context=self.tls)
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def __call__(self, method, path, body=None, **headers):
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        every = {**self.headers(), **({"Content-Type": "application/json"} if data else {}),
                 **{k.replace("_", "-"): v for k, v in headers.items()}}
        with contextlib.closing(self.connect()) as conn:
            conn.request(method, path, data, every)
            answer = conn.getresponse()
            return Answer(answer.status, answer.headers, answer.read())

    def get(self, path, **headers):
        return self("GET", path, **headers)

    def raw(self, data, wait=30.0):
        """Sends bytes as they are, and returns all that comes back until the end, or a pause as long as that."""
        with socket.create_connection((self.host, self.port), timeout=wait) as s:
            s.sendall(data)
            got = b""
            with contextlib.suppress(OSError):
                while part := s.recv(65536):
                    got += part
            return got


def tls_trusting(cert):
    context = ssl.create_default_context(cafile=str(cert))
    context.check_hostname = False
    return context


@contextlib.contextmanager
def served(*names, nodes=1, password="secret-of-the-api", environment=None, **settings):
    """A panel with these users, and a daemon that knows them and serves the API: (sim, daemon, rest).

    environment(sim) gives variables for it.
    """
    with as_process("--nodes", nodes) as sim, contextlib.ExitStack() as stack:
        for name in names:
            sim.add_user(name)
        port = free_port()
        d = Daemon(settings_for(sim, API_ENABLED="true", API_PORT=port, API_PASSWORD=password, **settings))
        d.secrets |= {password} - {None}
        stack.callback(d.close)
        d.start(environment=environment(sim) if environment else None)
        d.wait_log("users known")
        d.wait(lambda: d.status()["nodes"]["streams_open"] == nodes, what="the nodes' streams")
        yield sim, d, Rest(port, password=password)
