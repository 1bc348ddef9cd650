"""A small reader of log streams for the tests of the simulator: bytes in, events out."""

import http.client
import socket
import ssl
import time

from patience import bound, deadline


class Reader:
    """One open GET /api/node/{id}/logs. `raw` is every byte of the answer so far."""

    def __init__(self, sim, node, token, extra=()):
        self.raw = b""
        self.ended = False
        self.sock = socket.create_connection(("127.0.0.1", sim.port), timeout=40)
        if sim.cert:
            context = ssl.create_default_context(cafile=sim.cert)
            self.sock = context.wrap_socket(self.sock, server_hostname="127.0.0.1")
        lines = [f"GET /api/node/{node}/logs HTTP/1.1", f"Host: 127.0.0.1:{sim.port}",
                 f"Authorization: Bearer {token}", "Accept: text/event-stream", *extra]
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.until(lambda: b"\r\n\r\n" in self.raw)

    def pump(self, seconds=0.05):
        """Reads what comes within `seconds`; false when nothing came."""
        self.sock.settimeout(seconds)
        try:
            part = self.sock.recv(65536)
        except (TimeoutError, ssl.SSLWantReadError):
            return False
        except (ConnectionResetError, ssl.SSLEOFError):
            part = b""
        self.ended = self.ended or not part
        self.raw += part
        return bool(part)

    def until(self, check, seconds=5.0):
        end = deadline(seconds)
        while not check():
            assert not self.ended or check(), f"stream ended: {self.raw[-200:]!r}"
            assert time.monotonic() < end, f"not in {bound(seconds)} s: {self.raw[-200:]!r}"
            self.pump()

    def quiet(self, seconds=0.15):
        """Reads until nothing came for `seconds` or the stream ended."""
        while not self.ended and self.pump(seconds):
            pass
        return self

    @property
    def head(self):
        return self.raw.partition(b"\r\n\r\n")[0]

    @property
    def body(self):
        return self.raw.partition(b"\r\n\r\n")[2]

    def chunks(self):
        """The complete chunks so far."""
        out, rest = [], self.body
        while True:
            size, mark, rest = rest.partition(b"\r\n")
            if not mark or len(rest) < int(size, 16) + 2:
                return out
            out.append(rest[:int(size, 16)])
            rest = rest[int(size, 16) + 2:]

    def lines(self):
        return [c[6:-4] for c in self.chunks() if c.startswith(b"data: ")]

    def pings(self):
        return [c for c in self.chunks() if c.startswith(b": ping")]

    def close(self):
        self.sock.close()


def login(sim, username="admin", password="admin-password"):
    """A token, through the panel's own API."""
    if sim.cert:
        context = ssl.create_default_context(cafile=sim.cert)
        conn = http.client.HTTPSConnection("127.0.0.1", sim.port, context=context, timeout=40)
    else:
        conn = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=40)
    import json
    from urllib.parse import urlencode
    conn.request("POST", "/api/admin/token",
                 urlencode({"username": username, "password": password}),
                 {"Content-Type": "application/x-www-form-urlencoded"})
    answer = conn.getresponse()
    body = answer.read()
    conn.close()
    assert answer.status == 200, body
    return json.loads(body)["access_token"]


def request(sim, method, path, token=None, body=None, headers=(), timeout=40):
    """One call to the panel; returns (status, bytes)."""
    import json
    if sim.cert:
        context = ssl.create_default_context(cafile=sim.cert)
        conn = http.client.HTTPSConnection("127.0.0.1", sim.port, context=context, timeout=timeout)
    else:
        conn = http.client.HTTPConnection("127.0.0.1", sim.port, timeout=timeout)
    sent = dict(headers)
    if token:
        sent["Authorization"] = f"Bearer {token}"
    if body is not None:
        body = json.dumps(body)
        sent["Content-Type"] = "application/json"
    try:
        conn.request(method, path, body, sent)
        answer = conn.getresponse()
        return answer.status, answer.read()
    finally:
        conn.close()
