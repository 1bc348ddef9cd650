"""The simulated Telegram as a whole: its world, its port, its life in a thread."""

import asyncio
import contextlib
import ipaddress

from simpanel.http import Server
from simpanel.thread import served

from .app import TelegramApp
from .flood import Limits
from .world import World

TOKEN = "7000000001:SIMULATED-token-of-nobody-00000000"
BODY_MAX = 64 * 1024 * 1024


class TelegramServer:
    """`await start()`, then `url` answers until `await stop()`. `limits` None: no flood limits."""

    def __init__(self, host="127.0.0.1", port=0, token=TOKEN, limits="real"):
        if not ipaddress.ip_address(host).is_loopback:
            raise ValueError("the simulated Telegram listens on loopback addresses only")
        self.host = host
        self.world = World(token)
        self.app = TelegramApp(self.world, Limits() if limits == "real" else limits)
        self.http = Server(self.app, host, port, body_max=BODY_MAX)
        self.loop = None

    async def start(self):
        self.loop = self.app.loop = asyncio.get_running_loop()
        await self.http.listen()

    async def stop(self):
        self.http.stop_listening()
        self.http.drop_all()
        await asyncio.sleep(0)

    @property
    def url(self):
        return f"http://{self.host}:{self.http.port}"

    def call_soon(self, function, *arguments):
        self.loop.call_soon_threadsafe(function, *arguments)

    def _wait(self, coroutine):
        asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(60)

    def outage(self, how):
        """From another thread."""
        async def begin():
            if how == "refuse":
                self.http.stop_listening(keep_port=True)
            elif how in ("hang", "reset", "502"):
                self.app.mode = how
            else:
                raise ValueError(f"unknown outage {how}")
            self.http.drop_all(rst=how == "reset")
        self._wait(begin())

    def recover(self):
        async def end():
            self.app.mode = None
            self.http.drop_all()
            if self.http.listener is None:
                await self.http.listen()
        self._wait(end())


@contextlib.contextmanager
def in_thread(**options):
    """A Telegram in a thread of this process; yields its driver (driver.Telegram)."""
    from .driver import Telegram
    with served(lambda: TelegramServer(**options), "simtelegram") as server:
        yield Telegram(server)
