"""A proxy (SOCKS5 or HTTP) in front of the simulated Telegram, which resolves names itself.

Whatever host a client asks for, it gets the simulated Telegram; `asked` remembers the hosts. So a name
that exists nowhere proves that the client left resolving to the proxy.
"""

import asyncio
import base64
import contextlib
import threading
from urllib.parse import urlsplit


class Proxy:
    """`kind`: socks5 or http; `user` and `password`: what it demands, if anything."""

    def __init__(self, kind, target_port, user=None, password=None):
        self.kind = kind
        self.target_port = target_port
        self.user = user
        self.password = password
        self.asked = []
        self.refused = 0
        self.port = None

    @property
    def url(self):
        login = f"{self.user}:{self.password}@" if self.user else ""
        scheme = "socks5h" if self.kind == "socks5" else "http"
        return f"{scheme}://{login}127.0.0.1:{self.port}"

    async def serve(self, reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            begin = await (self.socks(reader, writer) if self.kind == "socks5" else
                           self.http(reader, writer))
            if begin is not None:
                there, away = await asyncio.open_connection("127.0.0.1", self.target_port)
                away.write(begin)
                await asyncio.wait([asyncio.create_task(self.pump(reader, away)),
                                    asyncio.create_task(self.pump(there, writer))],
                                   return_when=asyncio.FIRST_COMPLETED)
                away.close()
        writer.close()

    @staticmethod
    async def pump(reader, writer):
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()

    async def socks(self, reader, writer):
        _, count = await reader.readexactly(2)
        offered = await reader.readexactly(count)
        wanted = 2 if self.user else 0
        if wanted not in offered:
            self.refused += 1
            writer.write(b"\5\xff")
            return None
        writer.write(bytes([5, wanted]))
        if self.user:
            await reader.readexactly(1)
            user = await reader.readexactly((await reader.readexactly(1))[0])
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (user.decode(), password.decode()) == (self.user, self.password)
            writer.write(b"\1" + (b"\0" if good else b"\1"))
            if not good:
                self.refused += 1
                return None
        _, command, _, kind = await reader.readexactly(4)
        if kind == 3:
            host = (await reader.readexactly((await reader.readexactly(1))[0])).decode()
        else:
            host = ".".join(map(str, await reader.readexactly(4 if kind == 1 else 16)))
        await reader.readexactly(2)
        self.asked.append(("name" if kind == 3 else "address", host))
        writer.write(b"\5\0\0\1\0\0\0\0\0\0" if command == 1 else b"\5\7\0\1\0\0\0\0\0\0")
        return b""

    async def http(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        method, target, _ = head.split("\r\n")[0].split(" ")
        if self.user:
            login = base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
            if f"proxy-authorization: basic {login.lower()}" not in head.lower():
                self.refused += 1
                writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n"
                             b'Proxy-Authenticate: Basic realm="p"\r\n\r\n')
                return None
        if method == "CONNECT":
            self.asked.append(("name", target.rpartition(":")[0]))
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            return b""
        where = urlsplit(target)
        self.asked.append(("name", where.hostname))
        path = where.path + ("?" + where.query if where.query else "")
        # One request a connection: the next one would have to be looked into as well.
        lines = [x for x in head.split("\r\n")[1:]
                 if not x.lower().startswith(("proxy-", "connection:"))]
        return "\r\n".join([f"{method} {path} HTTP/1.1", "Connection: close", *lines]).encode("latin-1")


@contextlib.contextmanager
def proxy(kind, telegram, **login):
    """A proxy in a thread; `.url` is for TELEGRAM_PROXY."""
    made = Proxy(kind, telegram.server.http.port, **login)
    ready, box = threading.Event(), {}

    async def body():
        server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
        made.port = server.sockets[0].getsockname()[1]
        box.update(stop=asyncio.Event(), loop=asyncio.get_running_loop())
        ready.set()
        await box["stop"].wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()

    thread = threading.Thread(target=lambda: asyncio.run(body()), name="proxy", daemon=True)
    thread.start()
    ready.wait(60)
    try:
        yield made
    finally:
        box["loop"].call_soon_threadsafe(box["stop"].set)
        thread.join(30)
