"""A receiver of the webhook that behaves as badly as it is told, and checks by the example of docs/webhooks.md."""

import collections
import http.server
import json
import pathlib
import re
import socket
import socketserver
import struct
import threading
import time

from patience import bound, deadline
from ports import free_port

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "webhooks.md"


def example(language):
    """The example of docs/webhooks.md in that language, as it stands there."""
    return re.search(rf"```{language}\n(.*?)```", DOCS.read_text(), re.S).group(1)


def checker(secret):
    """The function `check` of the Python example, with a secret of ours."""
    names = {"__name__": "example", "os": None}
    import os
    before = os.environ.get("WEBHOOK_SECRET")
    os.environ["WEBHOOK_SECRET"] = secret
    try:
        exec(compile(example("python"), str(DOCS), "exec"), names)
    finally:
        if before is None:
            del os.environ["WEBHOOK_SECRET"]
        else:
            os.environ["WEBHOOK_SECRET"] = before
    return names["check"]


Try = collections.namedtuple("Try", "at mode path id event genuine headers body")


class Receiver:
    """`mode` is how it behaves: a status, "close", "reset", "hang", "garbage", "endless", "trickle", "cut"."""

    def __init__(self, secret, clock=None):
        self.secret = secret
        self.check = checker(secret)
        self.clock = clock or time.time  # the daemon's
        self.mode = 200
        self.headers = {}  # of answers
        self.tries = []
        self.taken = []  # events answered 2xx, in their order
        self.changed = threading.Condition()
        self.server = None
        self.port = free_port()  # which it leaves and takes again
        self.hang = threading.Event()
        self.listen()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook/a-path-of-ours?key=a-query-of-ours"

    def listen(self):
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                outer.serve(self)

            def log_message(self, *_):
                pass

        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def handle_error(self, *_):
                pass

        self.hang.clear()
        self.server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def refuse(self):
        """Connections are refused from now on, until `listen`."""
        if self.server:
            self.hang.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    close = refuse

    def serve(self, request):
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        mode = self.mode
        event = json.loads(body)
        genuine = self.check(request.headers, body, now=self.clock()) == event
        one = Try(time.monotonic(), mode, request.path, event["id"], event, genuine,
                  dict(request.headers.items()), body)
        good = isinstance(mode, int) and 200 <= mode < 300 or mode in ("endless", "trickle", "cut")
        headers = dict(self.headers)  # as they are now: whoever waits for this try changes them next
        with self.changed:
            self.tries.append(one)
            if good:
                self.taken.append(event)
            self.changed.notify_all()
        self.answer(request, mode, headers)

    def answer(self, request, mode, headers):
        sock, write = request.connection, request.wfile.write
        request.close_connection = True
        if isinstance(mode, int):
            request.send_response(mode)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", "3")
            request.end_headers()
            write(b"ok\n")
        elif mode == "hang":
            self.hang.wait(30)
        elif mode == "reset":
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif mode == "garbage":
            write(b"\x00\xff\x80 this is no HTTP\r\n\r\n" * 20)
        elif mode == "endless":
            write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
            for _ in range(4096):
                write(b"x" * 65536)
        elif mode == "heads":
            write(b"HTTP/1.1 200 OK\r\n")
            for _ in range(100000):
                write(b"X-More: " + b"y" * 200 + b"\r\n")
        elif mode == "trickle":
            write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        elif mode == "cut":
            write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this")
        else:
            assert mode == "close", mode

    def wait(self, check, seconds=10.0, what=None):
        """Until `check()` is true; its value."""
        end = deadline(seconds)
        with self.changed:
            while True:
                value = check()
                if value:
                    return value
                left = end - time.monotonic()
                assert left > 0, f"not within {bound(seconds)} s: {what or check}; {len(self.tries)} tries, " \
                                 f"{len(self.taken)} taken, mode {self.mode}"
                self.changed.wait(min(left, 0.1))

    def wait_taken(self, n, seconds=10.0):
        return self.wait(lambda: len(self.taken) >= n and self.taken, seconds, f"{n} events")
