"""HTTP/1.1 on asyncio, written by hand so that every byte on the wire is ours.

The head is the one uvicorn with h11 writes: lower-case names from the application, `date` and
`server` first, `Transfer-Encoding: chunked` and `Connection: close` appended with capitals. TLS
runs over memory BIOs, so one call of `send` is one TLS record (up to 16 KiB), and a fault can cut
a connection at any byte.
"""

import asyncio
import socket
import ssl
import time
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import parse_qs, unquote

HEAD_MAX = 64 * 1024
BODY_MAX = 32 * 1024 * 1024
READ_PAUSE = 1024 * 1024

REASONS = {s.value: s.phrase for s in HTTPStatus}
REASONS[422] = "Unprocessable Content"
REASONS[413] = "Content Too Large"


class Gone(Exception):
    """The peer closed the connection, or we did."""


class BadRequest(Exception):
    """The bytes are not HTTP/1.1."""


class Request:
    """One parsed request. `path` is percent-decoded, `raw_path` as received without the query."""

    __slots__ = ("method", "target", "raw_path", "path", "query_text", "query", "headers", "body",
                 "close", "http10", "received")

    def __init__(self, method, target, headers, http10):
        self.method = method
        self.target = target
        raw, _, self.query_text = target.partition("?")
        self.raw_path = raw
        self.path = unquote(raw)
        self.query = parse_qs(self.query_text, keep_blank_values=True)
        self.headers = headers
        self.body = b""
        self.http10 = http10
        connection = headers.get("connection", "").lower()
        self.close = "close" in connection or (http10 and "keep-alive" not in connection)
        self.received = time.monotonic()


class Response:
    """A complete answer. `headers` come between `server` and `content-length`."""

    __slots__ = ("status", "headers", "body", "content_type", "reason")

    def __init__(self, status=200, body=b"", headers=(), content_type="application/json",
                 reason=None):
        self.status = status
        self.body = body
        self.headers = list(headers)
        self.content_type = content_type
        self.reason = reason


_date = (0, "")


def http_date():
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, formatdate(now, usegmt=True))
    return _date[1]


def head_bytes(status, headers, reason=None):
    text = reason if reason is not None else REASONS.get(status, "")
    lines = [f"HTTP/1.1 {status} {text}"]
    lines += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def response_bytes(response, close):
    """The whole answer as bytes: head and body."""
    headers = [("date", http_date()), ("server", "uvicorn"), *response.headers]
    if response.status != 204 or response.content_type:
        if response.status != 204:
            headers.append(("content-length", str(len(response.body))))
        if response.content_type:
            headers.append(("content-type", response.content_type))
    if close:
        headers.append(("Connection", "close"))
    return head_bytes(response.status, headers, response.reason) + response.body


def chunk(data):
    return b"%x\r\n%b\r\n" % (len(data), data)


class Conn(asyncio.Protocol):
    """One connection of a client: TLS, buffering, and the loop that serves its requests."""

    def __init__(self, server):
        self.server = server
        self.transport = None
        self.buf = bytearray()
        self.eof = False
        self.waiter = None
        self.task = None
        self.paused = False
        self.on_resume = None
        self.can_write = asyncio.Event()
        self.can_write.set()
        self.muted = False
        self.tls = None
        self.handshaken = server.tls is None
        self.opened = time.monotonic()

    # -- transport events ----------------------------------------------------------------------

    def connection_made(self, transport):
        self.transport = transport
        self.server.conns.add(self)
        self.server.accepted += 1
        if self.server.half_open_until > time.monotonic():
            self.muted = True
            return
        if self.server.tls is not None:
            self.tls_in, self.tls_out = ssl.MemoryBIO(), ssl.MemoryBIO()
            self.tls = self.server.tls.wrap_bio(self.tls_in, self.tls_out, server_side=True)
        self.task = asyncio.get_running_loop().create_task(self.serve())

    def connection_lost(self, exc):
        self.eof = True
        self.server.conns.discard(self)
        self.wake()
        self.can_write.set()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self):
        self.paused = True
        self.can_write.clear()

    def resume_writing(self):
        self.paused = False
        self.can_write.set()
        if self.on_resume is not None:
            self.on_resume()

    def eof_received(self):
        self.eof = True
        self.wake()
        return False

    def data_received(self, data):
        if self.muted:
            return
        if self.tls is None:
            self.buf += data
        elif not self.decrypt(data):
            return
        if len(self.buf) > READ_PAUSE:
            self.transport.pause_reading()
        self.wake()

    def decrypt(self, data):
        self.tls_in.write(data)
        try:
            if not self.handshaken:
                self.tls.do_handshake()
                self.handshaken = True
            while True:
                plain = self.tls.read(65536)
                if not plain:
                    break
                self.buf += plain
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.eof = True
        except ssl.SSLError as error:
            self.server.tls_errors.append(str(error))
            del self.server.tls_errors[:-100]
            self.flush_tls()
            self.transport.abort()
            return False
        self.flush_tls()
        return True

    def flush_tls(self):
        out = self.tls_out.read()
        if out and not self.transport.is_closing():
            self.transport.write(out)

    def wake(self):
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_result(None)

    # -- writing -------------------------------------------------------------------------------

    def send(self, data):
        """Writes bytes at once; under TLS as one record (of at most 16 KiB each)."""
        self.send_records((data,))

    def send_records(self, parts):
        """Writes each part as a TLS record of its own, with one call to the socket."""
        if self.transport.is_closing():
            raise Gone()
        if self.tls is None:
            self.transport.write(b"".join(parts))
            return
        for part in parts:
            self.tls.write(part)
        self.transport.write(self.tls_out.read())

    def close(self, rst=False):
        """Ends the connection: FIN, or RST when `rst`. No close_notify, as a dying process."""
        if self.transport is None:
            return
        if rst:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                import struct
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    # -- reading -------------------------------------------------------------------------------

    async def more(self):
        if self.eof:
            raise Gone()
        self.waiter = asyncio.get_running_loop().create_future()
        if self.transport is not None:
            self.transport.resume_reading()
        try:
            await self.waiter
        finally:
            self.waiter = None

    async def read_until(self, mark, limit):
        start = 0
        while True:
            at = self.buf.find(mark, start)
            if at >= 0:
                out = bytes(self.buf[:at])
                del self.buf[:at + len(mark)]
                return out
            if len(self.buf) > limit:
                raise BadRequest("head too long")
            start = max(0, len(self.buf) - len(mark))
            await self.more()

    async def read_exactly(self, count):
        while len(self.buf) < count:
            await self.more()
        out = bytes(self.buf[:count])
        del self.buf[:count]
        return out

    async def read_request(self):
        while True:
            head = await self.read_until(b"\r\n\r\n", HEAD_MAX)
            if head.strip():
                break
        lines = head.decode("latin-1").lstrip("\r\n").split("\r\n")
        first = lines[0].split(" ")
        if len(first) != 3 or first[2] not in ("HTTP/1.1", "HTTP/1.0"):
            raise BadRequest("request line")
        headers = {}
        for line in lines[1:]:
            name, colon, value = line.partition(":")
            if not colon or name != name.strip() or not name:
                raise BadRequest("header line")
            name = name.lower()
            value = value.strip()
            headers[name] = headers[name] + ", " + value if name in headers else value
        request = Request(first[0], first[1], headers, first[2] == "HTTP/1.0")
        if headers.get("expect", "").lower() == "100-continue":
            self.send(b"HTTP/1.1 100 \r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", "").lower():
            request.body = await self.read_chunked()
        elif "content-length" in headers:
            if not headers["content-length"].isdigit():
                raise BadRequest("content-length")
            length = int(headers["content-length"])
            if length > self.server.body_max:
                raise BadRequest("body too long")
            request.body = await self.read_exactly(length)
        return request

    async def read_chunked(self):
        body = bytearray()
        while True:
            size = int((await self.read_until(b"\r\n", 1024)).split(b";")[0], 16)
            if size == 0:
                while await self.read_until(b"\r\n", HEAD_MAX):
                    pass
                return bytes(body)
            body += await self.read_exactly(size)
            await self.read_exactly(2)
            if len(body) > self.server.body_max:
                raise BadRequest("body too long")

    # -- serving -------------------------------------------------------------------------------

    async def serve(self):
        try:
            while True:
                try:
                    request = await self.read_request()
                except (BadRequest, ValueError):
                    body = b"Invalid HTTP request received."
                    self.send(response_bytes(
                        Response(400, body, content_type="text/plain; charset=utf-8"), True))
                    self.close()
                    return
                await self.server.app.handle(request, self)
                if request.close:
                    self.close()
                    return
        except (Gone, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            if self.eof and not self.transport.is_closing():
                self.transport.close()


class Server:
    """A listening socket, its connections, and its application (`handle(request, conn)`)."""

    def __init__(self, app, host, port, tls=None, body_max=BODY_MAX):
        self.app = app
        self.body_max = body_max
        self.host = host
        self.port = port
        self.tls = tls
        self.conns = set()
        self.accepted = 0
        self.tls_errors = []
        self.half_open_until = 0.0
        self.listener = None
        self.keeper = None

    async def listen(self):
        loop = asyncio.get_running_loop()
        if self.keeper is not None:
            self.keeper.close()
            self.keeper = None
        self.listener = await loop.create_server(
            lambda: Conn(self), self.host, self.port, backlog=512, reuse_address=True)
        self.port = self.listener.sockets[0].getsockname()[1]

    def stop_listening(self, keep_port=False):
        """New connections are refused by the kernel from now on; open ones stay. With `keep_port` nobody
        else gets the port until we listen again."""
        if self.listener is not None:
            self.listener.close()
            self.listener = None
        if keep_port and self.keeper is None:
            self.keeper = socket.socket()
            self.keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.keeper.bind((self.host, self.port))

    def drop_all(self, rst=False):
        for conn in list(self.conns):
            conn.close(rst)
